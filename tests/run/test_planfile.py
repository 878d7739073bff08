"""Plan files, and workspaces of several people on one ledger."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_province import Province, province, records

Cli = Callable[..., Any]


def accepted(cli: Cli, place: Province, kind: str = "region") -> set[str]:
    return {e["name"] for e in cli("ls", kind, "--json", cwd=place.root).json}


def test_a_neighbours_apply_does_not_void_a_plan_file(cli: Cli, tmp_path: Path) -> None:
    """Planned, then somebody else builds in the same stack: the file still says what would happen."""
    place = province(tmp_path / "w", nodes=1).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    file = tmp_path / "mine.plan"
    place.node("mine").write()
    out = cli("plan", "--out", file, cwd=place.root)
    assert out.code == 0, out
    assert str(file) in out.out
    assert file.stat().st_mode & 0o777 == 0o600

    mine = place.tables["nodes"].pop("mine")
    place.node("theirs").write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    place.tables["nodes"]["mine"] = mine
    place.write()
    result = cli("apply", file, "--yes", cwd=place.root)
    assert result.code == 0, result
    assert set(place.objects()) == place.wanted()
    # Carried out, it would do nothing any more: that is another effect.
    again = cli("apply", file, "--yes", cwd=place.root)
    assert again.code == 5, again


def test_a_plan_file_of_other_files_is_refused(cli: Cli, tmp_path: Path) -> None:
    place = records(tmp_path / "w").write()
    file = tmp_path / "a.plan"
    assert cli("plan", "--out", file, cwd=place.root).code == 0
    place.tables["regions"]["more"] = {"level": "city", "parent": "here"}
    place.write()
    refused = cli("apply", file, "--yes", cwd=place.root)
    assert refused.code == 5, refused
    assert "the files have changed since" in refused.err
    assert "hint: `govcloud plan --out FILE`" in refused.err
    assert not (place.private / "ledger.db").exists()

    # The same where the ledger has moved under it.
    assert cli("plan", "--out", file, cwd=place.root).code == 0
    place.tables["regions"]["more"]["title"] = "别处"
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    place.tables["regions"]["more"].pop("title")
    moved = cli("apply", file, "--yes", cwd=place.write().root)
    assert moved.code == 5, moved
    assert "the ledger has moved since" in moved.err


def test_a_plan_file_of_another_environment_is_refused(cli: Cli, tmp_path: Path) -> None:
    one, two = records(tmp_path / "one").write(), records(tmp_path / "two", environment="other").write()
    file = tmp_path / "a.plan"
    assert cli("plan", "--out", file, cwd=one.root).code == 0
    refused = cli("apply", file, "--yes", cwd=two.root)
    assert refused.code == 2, refused
    assert "the plan is for tiny, this is other" in refused.err
    assert not (two.private / "ledger.db").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\xff", b"{}", b'{"version": 2}', b"[1]"],
    ids=["empty", "bytes", "{}", "v2", "list"],
)
def test_what_is_no_plan_file_is_told(cli: Cli, tmp_path: Path, content: bytes) -> None:
    place = records(tmp_path / "w").write()
    (place.root / "x.plan").write_bytes(content)
    result = cli("apply", "x.plan", "--yes", cwd=place.root)
    assert result.code == 2, result
    assert "x.plan: not a plan file of this version" in result.err
    assert "`govcloud plan --out FILE` writes one" in result.err


def test_files_that_cannot_be_read_or_written_are_told(cli: Cli, tmp_path: Path) -> None:
    place = records(tmp_path / "w").write()
    for arguments in (("apply", "none.plan", "--yes"), ("plan", "--out", "no/such/folder/x.plan")):
        result = cli(*arguments, cwd=place.root)
        assert result.code == 2, result
        assert "No such file or directory" in result.err
        assert arguments[1] in result.err or arguments[2] in result.err


def test_a_plan_as_json_and_as_markdown(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=2).write()
    document = cli("plan", "--json", cwd=place.root).json
    assert {"environment", "changes", "sentence", "summary", "effect", "base", "stages"} <= set(document)
    assert document["summary"] == {"entries": 6, "create": 3}
    assert document["changes"] == 9
    assert [s["kind"] for s in document["stages"]] == ["record", "stack"]
    text = cli("plan", "--markdown", cwd=place.root).out
    assert text.startswith("### Plan for `tiny`")
    assert "| `stack:network-1` |" in text
    assert "+ link/r1-r2" in text
    assert document["effect"] in text


# -- several checkouts -----------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    identity = {
        f"GIT_{who}_{what}": "x@example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=os.environ | identity | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def commit(place: Province, message: str) -> str:
    place.write()
    (place.root / ".gitignore").write_text(".govcloud/\n")
    git(place.root, "add", "-A")
    git(place.root, "commit", "-q", "-m", message)
    return git(place.root, "rev-parse", "HEAD")


def test_a_stale_checkout_must_not_undo_a_colleagues_work(cli: Cli, tmp_path: Path) -> None:
    """Two clones, one ledger: who does not have the last accepted commit pulls first."""
    shared = {"ledger": f"sqlite:///{tmp_path}/ledger.db", "state": f"file://{tmp_path}/state"}
    mine = records(tmp_path / "mine", **shared).write()
    git(mine.root, "init", "-q", "-b", "main")
    commit(mine, "first")
    git(tmp_path, "clone", "-q", str(mine.root), "theirs")
    theirs = records(tmp_path / "theirs", **shared)

    assert cli("apply", "--yes", cwd=mine.root).code == 0
    assert (tmp_path / "ledger.db").stat().st_mode & 0o777 == 0o600
    theirs.tables["regions"]["added"] = {"level": "city", "parent": "here"}
    newest = commit(theirs, "add a region")
    result = cli("apply", "--yes", cwd=theirs.root)
    assert result.code == 0, result
    assert theirs.private.stat().st_mode & 0o777 == 0o700

    mine.tables["zones"]["extranet"]["title"] = "外网"
    old = commit(mine, "a title")
    for command in (["plan"], ["apply", "--yes"]):
        refused = cli(*command, cwd=mine.root)
        assert refused.code == 5, refused
        assert (
            f"this checkout ({old[:10]}) does not hold the last accepted commit ({newest[:10]})"
            in refused.err
        )
        assert "git pull" in refused.err
    assert "added" in accepted(cli, mine)

    git(mine.root, "fetch", "-q", str(theirs.root), "main")
    git(mine.root, "rebase", "-q", "FETCH_HEAD")
    result = cli("apply", "--yes", cwd=mine.root)
    assert result.code == 0, result
    assert accepted(cli, mine) == {"here", "there", "added"}
    # An older commit checked out is stale too; and outside git nobody asks.
    git(mine.root, "checkout", "-q", "HEAD~1")
    assert cli("plan", cwd=mine.root).code == 5


def test_another_environment_on_the_same_ledger_is_refused(cli: Cli, tmp_path: Path) -> None:
    shared = {"ledger": f"sqlite:///{tmp_path}/ledger.db"}
    one = records(tmp_path / "one", **shared).write()
    assert cli("apply", "--yes", cwd=one.root).code == 0
    for settings in ({"environment": "other"}, {"layers": ["base"]}):
        other = records(tmp_path / "other", **shared, **settings).write()
        for command in (["apply", "--yes"], ["ls"], ["plan", "--json"]):
            refused = cli(*command, cwd=other.root)
            assert refused.code == 2, refused
            assert "the ledger is bound to" in refused.err
    document = cli("plan", "--json", cwd=other.root)
    assert json.loads(document.out)["exit_code"] == 2
