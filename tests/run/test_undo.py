"""`runs undo`: the entries that a run touched go back to before it, by a plan with pins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_province import Province, province, records

Cli = Callable[..., Any]


@pytest.fixture
def place(cli: Cli, tmp_path: Path) -> Province:
    """Two runs: the second changes a region, makes one and takes one out."""
    made = records(tmp_path / "w")
    regions = made.tables["regions"]
    regions["old"] = {"level": "city"}
    assert cli("apply", "--yes", cwd=made.write().root).code == 0
    regions["here"]["title"] = "新名"
    regions["new"] = {"level": "city"}
    del regions["old"]
    assert cli("apply", "--yes", cwd=made.write().root).code == 0
    return made


def runs(cli: Cli, place: Province) -> list[str]:
    """Ids, the newest first."""
    return [run["id"] for run in cli("runs", "list", "--json", cwd=place.root).json]


def regions(cli: Cli, place: Province) -> dict[str, str]:
    listed = {e["name"] for e in cli("ls", "region", "--json", cwd=place.root).json}
    shown = (cli("show", f"region/{name}", "--json", cwd=place.root).json for name in sorted(listed))
    return {one["name"]: one["fields"].get("title", "") for one in shown}


def test_a_run_is_undone_and_stays_so_until_the_files_agree(cli: Cli, place: Province) -> None:
    assert set(regions(cli, place)) == {"here", "there", "new"}
    done = cli("runs", "undo", runs(cli, place)[0], "--yes", cwd=place.root)
    assert done.code == 0, done
    assert regions(cli, place) == {"here": "", "there": "", "old": ""}
    plan = cli("plan", cwd=place.root).out
    assert "3 entries are pinned" in plan and "pin:1" in plan
    newest = runs(cli, place)[0]
    again = cli("runs", "undo", runs(cli, place)[1], "--yes", cwd=place.root)
    assert again.code == 0 and "othing to" in again.out, again
    assert runs(cli, place)[0] == newest


def test_one_entry_of_a_run_and_a_plan_file(cli: Cli, place: Province, tmp_path: Path) -> None:
    run, out = runs(cli, place)[0], tmp_path / "undo.plan"
    written = cli("runs", "undo", run, "--only", "region/new", "--out", out, cwd=place.root)
    assert written.code == 0 and "- region/new" in written.out, written
    assert set(regions(cli, place)) == {"here", "there", "new"}
    assert cli("apply", out, "--yes", cwd=place.root).code == 0
    assert set(regions(cli, place)) == {"here", "there"}
    refused = cli("runs", "undo", run, "--only", "region/there", "--yes", cwd=place.root)
    assert refused.code == 2 and "did not touch region/there" in refused.err, refused


def test_what_later_runs_changed_is_told_and_taken_back_only_by_force(cli: Cli, place: Province) -> None:
    run = runs(cli, place)[0]
    place.tables["regions"]["here"]["title"] = "又一名"
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    refused = cli("runs", "undo", run, "--yes", cwd=place.root)
    assert refused.code == 2, refused
    assert f"region/here was changed again since, by revision 4 (run {runs(cli, place)[0]})" in refused.err
    assert "--force" in refused.err
    assert cli("runs", "undo", run, "--only", "region/new", "--yes", cwd=place.root).code == 0
    assert regions(cli, place)["here"] == "又一名"
    assert cli("runs", "undo", run, "--force", "--yes", cwd=place.root).code == 0
    assert regions(cli, place) == {"here": "", "there": "", "old": ""}


def test_what_others_stand_on_has_no_way_back(cli: Cli, place: Province) -> None:
    run = runs(cli, place)[0]
    place.tables["regions"]["below"] = {"level": "county", "parent": "new"}
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    refused = cli("runs", "undo", run, "--yes", cwd=place.root)
    assert refused.code == 2, refused
    assert "'new'" in refused.err and "parent" in refused.err
    assert set(regions(cli, place)) == {"here", "there", "new", "below"}


def test_a_run_that_touched_no_entry_says_so(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path / "w", nodes=2).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert cli("destroy", "--confirm", "destroy everything in tiny", cwd=place.root).code == 0
    told = cli("runs", "undo", runs(cli, place)[0], "--yes", cwd=place.root)
    assert told.code == 0 and "it touched no entry of the ledger" in told.out, told
