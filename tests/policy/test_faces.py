"""What ``check`` shows beside a list of findings: SARIF, Markdown, the rules, their examples; exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from markdown_it import MarkdownIt
from rich.cells import cell_len

from govcloud.model.rules import rules as rows
from govcloud.policy import decided
from govcloud.policy.standing import lacking
from govcloud.report.markup import code, inline
from tests.policy.sarif import SCHEMA
from tests.policy.test_check import BASE, NETWORK, line_of, workspace

Cli = Callable[..., Any]
OWN = {"mobile": {"type": "mobile", "acquisition": "own"}}
# N-05 is said in principle: a private network that could be spared, and leave to keep it.
HEALTH = {"health": {"type": "business", "extranet_suffices": "denied", "status": "running"}}
WAIVER = {
    "rule": "N-05",
    "subjects": ["private_network/health", "application/records"],
    "reason": "remote imaging | <b>until</b> the line is there",
    "granted_by": "wu",
    "document": "No. 7",
    "starts_on": "2026-01-01",
    "ends_on": "2026-12-31",
}
PEOPLE = {
    "units": {"office": {"region": "hainan"}},
    "persons": {"wu": {"unit": "office", "duty": "principal"}},
}
DAY = ("--as-of", "2026-11-01")


def sarif(cli: Cli, root: Path, *more: str) -> dict[str, Any]:
    done = cli("check", "--sarif", *more, *DAY, cwd=root)
    document = json.loads(done.out)
    jsonschema.validate(document, SCHEMA, format_checker=jsonschema.FormatChecker())
    (run,) = document["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(ids[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    run["code"] = done.code
    return dict(run)


def test_sarif_has_place_level_and_a_print_that_outlives_lines(cli: Cli, tmp_path: Path) -> None:
    root = workspace(tmp_path / "w", private_networks=OWN)
    run = sarif(cli, root, "--rule", "N-18", "--rule", "N-17")
    (result,) = run["results"]
    assert (run["code"], result["ruleId"], result["level"]) == (4, "N-18", "error")
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["N-17", "N-18"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "net.yaml"
    assert place["region"]["startLine"] == line_of(root, "acquisition: own")
    assert "Cure: lease it centrally" in result["message"]["text"]
    # Lines above it, a figure in its words: it is the same finding. Another entry is another.
    text = (root / "net.yaml").read_text(encoding="utf-8")
    (root / "net.yaml").write_text("# moved\n\n" + text, encoding="utf-8")
    (moved,) = sarif(cli, root, "--rule", "N-18")["results"]
    assert moved["locations"] != result["locations"]
    assert moved["partialFingerprints"] == result["partialFingerprints"]
    (root / "net.yaml").write_text(text.replace("  mobile:", "  mobile-2:"), encoding="utf-8")
    (other,) = sarif(cli, root, "--rule", "N-18")["results"]
    assert other["partialFingerprints"] != result["partialFingerprints"]


def test_all_findings_of_a_net_are_sarif_with_prints_of_their_own(cli: Cli, tmp_path: Path) -> None:
    thin = {k: {**BASE["links"][k], "bandwidth_mbps": 30} for k in ("data", "video")}
    root = workspace(tmp_path / "w", links=thin, private_networks=OWN)
    (root / "net.yaml").rename(root / "网 & 线.yaml")
    run = sarif(cli, root)
    prints = [json.dumps(one["partialFingerprints"]) for one in run["results"]]
    assert len(prints) > 3 and len(set(prints)) == len(prints)
    uris = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in run["results"]}
    assert uris == {"%E7%BD%91%20%26%20%E7%BA%BF.yaml"}


def test_a_waiver_shows_wherever_the_rule_would_have(cli: Cli, tmp_path: Path) -> None:
    records = {"records": {"unit": "office"}}
    waivers = {"health": WAIVER}
    root = workspace(tmp_path / "w", private_networks=HEALTH, waivers=waivers, applications=records, **PEOPLE)
    words = f"waiver/health: {WAIVER['reason']}; granted by wu until 2026-12-31, No. 7"
    text = cli("check", "--rule", "N-05", *DAY, cwd=root)
    assert text.code == 0 and f"      {words}\n" in text.out and "1 finding: 1 waived" in text.out
    (finding,) = cli("check", "--json", "--rule", "N-05", *DAY, cwd=root).json["findings"]
    assert finding["waiver"] == "waiver/health"
    assert finding["waived"] == {
        "reason": WAIVER["reason"],
        "granted_by": "wu",
        "document": "No. 7",
        "ends_on": "2026-12-31",
    }
    (result,) = sarif(cli, root, "--rule", "N-05")["results"]
    suppression = {"kind": "external", "status": "accepted", "justification": words}
    assert result["suppressions"] == [suppression]
    markdown = cli("check", "--markdown", "--rule", "N-05", *DAY, cwd=root)
    assert markdown.code == 0 and "| waived | `N-05` |" in markdown.out
    assert "<b>until" not in markdown.out and "waived: waiver/health: remote imaging" in markdown.out
    # The entry itself shows it, once it is accepted.
    assert cli("apply", "--yes", cwd=root).code == 0
    shown = cli("show", "private_network/health", cwd=root)
    by = "N-05 by waiver/health until 2026-12-31, granted by wu"
    assert (
        f"  waived  {by}: {WAIVER['reason']}\n" in shown.out or f"{by} (lets nothing pass now)" in shown.out
    )
    (waiver,) = cli("show", "private_network/health", "--json", cwd=root).json["waivers"]
    assert (waiver["name"], waiver["rule"], waiver["ends_on"]) == ("health", "N-05", "2026-12-31")
    portrait = cli("portrait", "records", "--json", cwd=root).json
    assert ("waiver/health", "waived") in [(f["subject"], f["what"]) for f in portrait["findings"]]
    # When it is over, the rule counts again, and the waiver is told too.
    late = cli("check", "--json", "--rule", "N-05", "--rule", "waiver", "--as-of", "2027-01-01", cwd=root)
    told = {f["rule"]: (f["entry"], f["waiver"], f["waived"]) for f in late.json["findings"]}
    assert told == {"N-05": ("private_network/health", "", None), "waiver": ("waiver/health", "", None)}


def test_exit_codes_go_by_the_worst_that_nobody_waived(cli: Cli, tmp_path: Path) -> None:
    root = workspace(tmp_path / "w", private_networks={**OWN, **HEALTH}, **PEOPLE)
    codes = {
        ("N-18",): 4,
        ("N-05",): 0,
        ("N-17",): 0,
        ("N-21",): 0,
        ("N-18", "N-17"): 4,
    }
    for ids, code_ in codes.items():
        asked = [word for id in ids for word in ("--rule", id)]
        assert cli("check", *asked, *DAY, cwd=root).code == code_, ids
    bare = {k: v for k, v in BASE["nodes"]["boao"].items() if k != "loopback6"}
    root = workspace(tmp_path / "flag", nodes={"boao": bare}, exits={"exit-north": {"role": "province"}})
    assert cli("check", "--rule", "N-17", *DAY, cwd=root).code == 0
    assert cli("check", "--rule", "N-21", *DAY, cwd=root).code == 3


FORGED = "x</details> **bold** | [a](http://evil.example) `b` <img src=x onerror=y> @everybody #1 &lt;"
TEXTS = [FORGED, "**b**", "<b>", "a | b", "`", "``` x", "` `", "1. a", "12) a", "# a", "- a", "+ a", "> a"]
TEXTS += [
    "_a_",
    "a_b_c",
    "~~a~~",
    "\\",
    "a\\|b",
    "&amp;",
    "<!-- x",
    "[x]: http://y",
    "two\nlines",
    "=",
    "---",
    "x\\",
]


def read(markdown: str) -> list[tuple[str, str]]:
    """What a reader of CommonMark with tables makes of a text: its tokens, those of a line one by one."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    return [
        (child.type, child.content)
        for token in tokens
        for child in (token.children if token.type == "inline" else [token]) or []
    ]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_in_markdown_is_read_as_it_is_written(text: str) -> None:
    shown = text.replace("\n", "\\n")
    for write in (inline, code):
        found = read(f"- {write(text)}")
        assert [kind for kind, _ in found][:3] == ["bullet_list_open", "list_item_open", "paragraph_open"]
        line = [(kind, said) for kind, said in found if not kind.endswith(("_open", "_close"))]
        assert {kind for kind, _ in line} <= {"text", "code_inline"}, found
        assert "".join(said for _, said in line) == shown
        table = read(f"| a | b |\n|---|---|\n| {write(text, cell=True)} | end |")
        cells = [said for kind, said in table if kind in ("text", "code_inline")]
        assert {kind for kind, _ in table if "html" in kind or "link" in kind} == set()
        assert "".join(cells) == f"ab{shown}end"


def test_markdown_takes_no_markup_from_entries(cli: Cli, tmp_path: Path) -> None:
    odd = {**BASE["nodes"]["boao"], "vendor": FORGED}
    root = workspace(tmp_path / "w", nodes={"boao": odd})
    found = read(cli("check", "--markdown", *NETWORK, *DAY, cwd=root).out)
    assert {kind for kind, _ in found if "link" in kind or "image" in kind or kind == "s_open"} == set()
    html = [said.strip() for kind, said in found if "html" in kind]
    assert all(re.fullmatch(r"</?details>|<details><summary>[\w-]+: \d+</summary>", one) for one in html), (
        html
    )
    assert html.count("</details>") == sum(one.startswith("<details>") for one in html) > 0
    assert sum(FORGED in said for kind, said in found if kind == "code_inline") == 2


def test_the_table_of_rules_is_complete_and_fits(cli: Cli, tmp_path: Path) -> None:
    root = workspace(tmp_path / "w")
    done = cli("check", "--coverage", "--json", cwd=root)
    assert done.code == 0
    assert done.json["total"] == 119 == len(done.json["rules"])
    assert [rule["id"] for rule in done.json["rules"]] == list(rows())
    open_ = {rule["id"]: rule["lacks"] for rule in done.json["rules"] if not rule["decided"]}
    assert open_.items() >= lacking().items()
    assert done.json["decided"] == 119 - len(open_)
    assert sum(group["total"] for group in done.json["groups"].values()) == 119
    assert {one["id"] for one in done.json["own"]} == set(decided()) - set(rows())
    text = cli("check", "--coverage", cwd=root)
    assert text.code == 0 and f"{done.json['decided']} of 119 rules are decided" in text.out
    assert max(cell_len(line) for line in text.out.splitlines()) <= 100
    for id, lacks in lacking().items():
        assert id in text.out and " ".join(lacks.split()[:4]) in text.out
    markdown = cli("check", "--coverage", "--markdown", cwd=root)
    assert all(f"| `{id}` |" in markdown.out for id in rows())


def test_a_report_goes_into_a_file_and_a_line_to_the_terminal(cli: Cli, tmp_path: Path) -> None:
    root = workspace(tmp_path / "w", private_networks=OWN)
    done = cli("check", "--sarif", "--out", "found.sarif", "--rule", "N-18", *DAY, cwd=root)
    assert (done.code, done.out) == (4, "as of 2026-11-01: 1 finding: 1 denied\n")
    assert json.loads((root / "found.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
    nowhere = cli("check", "--sarif", "--out", "no/where", "--rule", "N-18", cwd=root)
    assert nowhere.code == 1 and "no/where cannot be written" in nowhere.err


def test_only_what_is_new_since_a_revision(cli: Cli, tmp_path: Path) -> None:
    root = workspace(tmp_path / "w", private_networks={**OWN, **HEALTH})
    (root / "policy.yaml").write_text("profiles: {rules: {values: {gate: none}}}\n", encoding="utf-8")
    assert cli("apply", "--yes", cwd=root).code == 0
    asked = ("--rule", "N-18", "--rule", "N-05", *DAY)
    assert cli("check", *asked, cwd=root).code == 4
    nothing = cli("check", "--since", "HEAD", *asked, cwd=root)
    assert nothing.code == 0
    assert nothing.out == "as of 2026-11-01, new since revision 1: no findings; 0 cured\n"
    # One comes, one goes, one only has another name.
    second = {"mobile-2": {**OWN["mobile"], "was": "mobile"}, "third": OWN["mobile"]}
    workspace(root, private_networks=second)
    done = cli("check", "--since", "HEAD", "--json", *asked, cwd=root)
    assert (done.code, done.json["since"]) == (4, 1)
    assert [(f["rule"], f["entry"]) for f in done.json["findings"]] == [("N-18", "private_network/third")]
    assert [(f["rule"], f["entry"]) for f in done.json["cured"]] == [("N-05", "private_network/health")]
    results = sarif(cli, root, "--since", "1", "--rule", "N-18")["results"]
    assert [one["properties"]["entry"] for one in results] == ["private_network/third"]
    empty = cli("check", "--since", "0", "--json", *asked, cwd=root).json
    assert len(empty["findings"]) == 2 and empty["cured"] == []
    wrong = cli("check", "--since", "yesteryear", cwd=root)
    assert wrong.code == 2 and "there is no revision 'yesteryear'" in wrong.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--coverage", "--since", "HEAD"), "--coverage and --since do not go together"),
        (("--json", "--sarif"), "expected one of --json, --markdown and --sarif"),
        (("--coverage", "--self-test"), "expected --coverage or --self-test"),
        (("--coverage", "--rule", "N-18"), "--coverage and --rule do not go together"),
        (("--self-test", "--markdown"), "--self-test and --markdown do not go together"),
        (("--out", "x"), "--out needs --json, --markdown or --sarif"),
    ],
)
def test_options_that_do_not_go_together(cli: Cli, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = cli("check", *words, cwd=workspace(tmp_path / "w"))
    assert done.code == 2 and told in done.err


def test_the_self_test_runs_what_ships(cli: Cli, tmp_path: Path) -> None:
    done = cli(
        "check", "--self-test", "--json", "--rule", "N-15", "--rule", "X-04", cwd=workspace(tmp_path / "w")
    )
    assert done.code == 0, done
    assert (done.json["rules"], done.json["failed"], done.json["without"]) == (2, [], [])
    assert done.json["examples"] > 8
