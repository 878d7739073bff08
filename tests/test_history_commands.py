"""`history`, `diff`, `blame`, `ls --as-of` and `show --as-of` as users type them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from govcloud.ledger import entries, open_ledger
from govcloud.ledger.claims import ClaimChanges, ClaimRow, change_claims
from govcloud.plan.stages import EntryChange
from govcloud.workspace import open_workspace
from tests.conftest import Result

Cli = Callable[..., Result]


@pytest.fixture
def past(tmp_path: Path, cli: Cli) -> Path:
    """A workspace that was applied three times, its files changed in between."""
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    node = {"region": "here", "zone": "extranet", "role": "core"}
    tables: dict[str, Any] = {
        "regions": {"here": {"level": "city"}},
        "zones": {"extranet": {"role": "extranet"}},
        "nodes": {"a": dict(node), "b": dict(node)},
    }

    def apply() -> None:
        (tmp_path / "base.yaml").write_text(yaml.safe_dump(tables, sort_keys=False))
        done = cli("apply", "--yes")
        assert done.code == 0, done

    apply()
    tables["nodes"]["a"]["role"] = "border"
    tables["nodes"]["c"] = dict(node)
    apply()
    tables["nodes"]["z"] = tables["nodes"].pop("a") | {"was": "a"}
    apply()
    return tmp_path


def test_revisions_are_listed(past: Path, cli: Cli) -> None:
    listed = cli("history", "--json").json
    assert [(r["number"], r["created"], r["changed"], r["withdrawn"]) for r in listed] == [
        (3, 0, 1, 0),
        (2, 1, 1, 0),
        (1, 4, 0, 0),
    ]
    assert {*listed[0]} == {
        *("number", "at", "actor", "run", "git_commit", "message", "workspace"),
        *("created", "changed", "withdrawn"),
    }
    text = cli("history", "--limit", "2").out.splitlines()
    assert [line.split()[0] for line in text] == ["revision", "3", "2", "and"]
    assert cli("history", "--limit", "3").out.splitlines()[-1].split()[0] == "1"
    assert [r["number"] for r in cli("history", "--since", "1", "--json").json] == [3, 2]
    assert [r["number"] for r in cli("history", "--since", listed[1]["run"], "--json").json] == [3]
    assert len(cli("history", "--actor", listed[0]["actor"], "--json").json) == 3
    assert cli("history", "--since", "HEAD").out == "No revision.\n"


def test_an_entry_is_followed_through_its_names(past: Path, cli: Cli) -> None:
    life = cli("history", "node/a", "--json").json
    assert [(v["revision"]["number"], v["verb"], v["name"], v["was"]) for v in life] == [
        (3, "renamed", "z", "a"),
        (2, "changed", "a", ""),
        (1, "created", "a", ""),
    ]
    assert life[1]["changes"] == [{"field": "role", "before": "core", "after": "border"}]
    assert life == cli("history", "nodes/z", "--json").json
    assert [v["revision"]["number"] for v in cli("history", "node/a", "--since", "2", "--json").json] == [3]
    text = cli("history", "node/a").out
    assert "  ~ node/z (was a)\n" in text and "      role: core → border\n" in text
    assert "      role: core\n" in text.partition("revision 1,")[2]
    short = cli("history", "node/a", "--limit", "1").out
    assert "revision 3" in short and "revision 2" not in short and "and older ones" in short


def test_two_revisions_are_compared(past: Path, cli: Cli) -> None:
    found = cli("diff", "1", "--json").json
    assert (found["old"]["number"], found["new"]["number"]) == (1, 3)
    assert found["summary"] == {"created": 1, "changed": 0, "renamed": 1, "withdrawn": 0}
    assert [(c["verb"], c["name"], c["was"]) for c in found["changes"]] == [
        ("created", "c", ""),
        ("renamed", "z", "a"),
    ]
    text = cli("diff", "HEAD~2", "HEAD").out
    assert "  + node/c\n  ~ node/z (was a)\n      role: core → border\n" in text
    assert text.endswith("1 created, 1 renamed.\n")
    back = cli("diff", "3", "1").out
    assert "  ~ node/a (was z)\n      role: border → core\n" in back and "  - node/c\n" in back
    assert cli("diff", "1", "--kind", "zone").out.endswith("Nothing differs.\n")
    assert [c["name"] for c in cli("diff", "1", "--only", "node/a", "--json").json["changes"]] == ["z"]
    summary = cli("diff", "0", "1", "--summary", "--json").json
    assert summary["kinds"]["node"]["created"] == 2 and "changes" not in summary


def test_the_exit_code_tells_only_where_it_is_asked(past: Path, cli: Cli) -> None:
    assert cli("diff", "1").code == 0
    assert cli("diff", "1", "--exit-code").code == 3
    assert cli("diff", "1", "1", "--exit-code").code == 0
    assert cli("diff", "1", "--kind", "zone", "--exit-code").code == 0


def test_a_long_difference_is_cut_unless_asked_for(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    regions = {f"r{n:03}": {"level": "city"} for n in range(60)}
    (tmp_path / "base.yaml").write_text(yaml.safe_dump({"regions": regions}))
    assert cli("apply", "--yes").code == 0
    text = cli("diff", "0").out
    assert text.count("  + region/") == 50 and "  and 10 more; --full shows them\n" in text
    assert cli("diff", "0", "--full").out.count("  + region/") == 60
    assert len(cli("diff", "0", "--json").json["changes"]) == 60


def test_entries_are_shown_as_they_were(past: Path, cli: Cli) -> None:
    def names(*arguments: str) -> list[str]:
        return [e["name"] for e in cli("ls", "node", *arguments, "--json").json]

    assert names() == ["b", "c", "z"]
    assert names("--as-of", "1") == ["a", "b"]
    assert names("--as-of", "2", "role=border") == ["a"]
    assert names("--as-of", "HEAD~1", "region=here", "--limit", "2") == ["a", "b"]
    assert names("--as-of", "2", "region=elsewhere") == []
    assert names("--as-of", "0") == names("--as-of", "@2001-01-01") == []
    assert cli("ls", "--as-of", "1", "--json").json == {"node": 2, "region": 1, "zone": 1}
    document = cli("show", "node/a", "--as-of", "2", "--json").json
    assert document["fields"]["role"] == "border"
    assert (document["as_of"], document["since"]) == (2, 2)
    (claim,) = document["claims"]
    assert claim["claimant"] == "file:base.yaml" and "role" in claim["fields"]
    assert cli("show", "zone/extranet", "--as-of", "1", "--json").json["referred_by"] == ["node/a", "node/b"]
    assert "as of revision 2, 20" in cli("show", "node/a", "--as-of", "2").out


def test_blame_names_who_said_each_field(past: Path, cli: Cli) -> None:
    found = cli("blame", "node/z", "--json").json
    by_field = {f["field"]: f for f in found["fields"]}
    assert {name: f["since"]["number"] for name, f in by_field.items()} == {
        "region": 1,
        "role": 2,
        "was": 3,
        "zone": 1,
    }
    line = next(
        n for n, text in enumerate((past / "base.yaml").read_text().splitlines(), 1) if "  z:" in text
    )
    assert by_field["role"]["owner"] == {"claimant": "file:base.yaml", "line": line}
    assert by_field["role"]["pinned"] is False
    runs = [r["run"] for r in cli("history", "--json").json]
    assert by_field["role"]["since"]["run"] == runs[1]
    (role,) = [row for row in cli("blame", "node/z").out.splitlines() if row.startswith("role")]
    assert re.search(rf"^role +border +base\.yaml:{line} +2 +20\S+ \S+ +\S+ +{runs[1]}$", role)
    before = cli("blame", "node/a", "--as-of", "1", "--json").json
    assert before["as_of"] == 1 and {f["since"]["number"] for f in before["fields"]} == {1}


def test_blame_says_what_a_pin_outranks(past: Path, cli: Cli) -> None:
    with open_ledger(open_workspace(str(past))).write() as connection:
        known = entries.current(connection)["node", "b"]
        fields = known.fields | {"role": "access"}
        number = entries.open_revision(connection, actor="wang", run=None, commit="feed" * 10, message="")
        change = EntryChange("update", known.uid, "node", "b", 1, known.stack, fields)
        entries.accept(connection, number, [change])
        pin = ClaimRow("node", "b", "pin:1", 0, fields)
        change_claims(connection, number, ClaimChanges(said=(pin,)))
    text = cli("blame", "node/b").out
    assert re.search(r"^role +access +pin:1 over base\.yaml:\d+ +4 .* wang +feedfeedfe$", text, re.MULTILINE)
    assert "Pinned: the pin outranks the files until they say the same." in text
    (role,) = [f for f in cli("blame", "node/b", "--json").json["fields"] if f["field"] == "role"]
    assert role["pinned"] and role["owner"]["claimant"] == "pin:1"
    assert [u["claimant"] for u in role["under"]] == ["file:base.yaml"]
    assert "Pinned" not in cli("blame", "node/b", "--as-of", "3").out
    assert cli("history", "--since", "feedfeed", "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "words", "hint"),
    [
        (["diff", "9"], "there is no revision '9'; the newest is 3", "HEAD~2"),
        (["ls", "node", "--as-of", "@tomorrow"], "'@tomorrow' is no time", "HEAD~2"),
        (["ls", "node", "--as-of", ""], "there is no revision ''", "HEAD~2"),
        (
            ["show", "node/z", "--as-of", "1"],
            "no node is called 'z' at revision 1",
            "govcloud history node/z",
        ),
        (["show", "node/a", "--as-of", ""], "there is no revision ''", "HEAD~2"),
        (["blame", "node/a"], "no node is called 'a' at revision 3", "govcloud history node/a"),
        (["blame", "node/bb"], "no node is called 'bb' at revision 3", "did you mean node/b?"),
        (["blame", "node"], "'node' should be KIND/NAME", "govcloud ls"),
        (["history", "nod/b"], "there is no kind 'nod'", "did you mean node?"),
        (["history", "zone/extrane"], "no zone was ever called 'extrane'", "did you mean zone/extranet?"),
        (["history", "--actor", "nobody-at-all"], "'nobody-at-all' made no revision", "actors: "),
    ],
)
def test_what_is_not_there_gets_a_sentence(
    past: Path, cli: Cli, arguments: list[str], words: str, hint: str
) -> None:
    done = cli(*arguments)
    assert done.code == 2
    error, _, advice = done.err.partition("\nhint: ")
    assert words in error and hint in advice


def test_before_the_first_apply_there_is_no_past(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    assert cli("history").out == "No revision.\n"
    assert cli("history", "--json").json == []
    assert cli("diff", "0").out.endswith("Nothing differs.\n")
    assert cli("ls", "node", "--as-of", "HEAD", "--json").json == []
    assert "the ledger has none yet" in cli("diff", "1").err
    assert cli("blame", "node/a").code == 2
