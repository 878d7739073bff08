"""Somebody else writes between a plan and its run: nothing goes on that would not be planned now."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_province import Province, records

from govcloud.errors import ConflictError
from govcloud.ledger import open_ledger
from govcloud.plan.gather import propose
from govcloud.run.runner import keep, start
from govcloud.workspace import open_workspace

Cli = Callable[..., Any]


def team(tmp_path: Path) -> tuple[Province, Province]:
    """Two workspaces with one ledger: one says regions, the other a unit in one of them."""
    shared = f"sqlite:///{tmp_path}/ledger.db"
    regions = records(tmp_path / "regions", workspace="regions", ledger=shared).write()
    units = Province(
        tmp_path / "units",
        tables={"units": {"office": {"region": "here"}}},
        settings={"workspace": "units", "ledger": shared},
    ).write()
    return regions, units


def test_what_a_plan_stood_on_is_gone(cli: Cli, tmp_path: Path) -> None:
    regions, units = team(tmp_path)
    assert cli("apply", "--yes", cwd=regions.root).code == 0
    units.tables["units"]["office"]["region"] = "there"
    workspace = open_workspace(str(units.write().root))
    ledger = open_ledger(workspace)
    proposal = propose(workspace, ledger)
    # While the plan waits for an answer the other workspace takes the region away.
    del regions.tables["regions"]["there"]
    assert cli("apply", "--yes", cwd=regions.write().root).code == 0
    with pytest.raises(ConflictError, match="no region is called 'there'"):
        start(workspace, ledger, proposal.plan, proposal.blobs, [])
    assert cli("ls", "unit", "--json", cwd=units.root).json == []
    ledger.close()


def test_a_neighbours_change_is_no_matter(cli: Cli, tmp_path: Path) -> None:
    regions, units = team(tmp_path)
    assert cli("apply", "--yes", cwd=regions.root).code == 0
    workspace = open_workspace(str(units.root))
    ledger = open_ledger(workspace)
    proposal = propose(workspace, ledger)
    regions.tables["regions"]["there"]["title"] = "彼处"
    assert cli("apply", "--yes", cwd=regions.write().root).code == 0
    assert start(workspace, ledger, proposal.plan, proposal.blobs, []).exit_code == 0
    ledger.close()


def test_claims_are_kept_only_of_what_is_so_now(cli: Cli, tmp_path: Path) -> None:
    place = records(tmp_path / "w").write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    (place.root / "base.yaml").rename(place.root / "moved.yaml")
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace)
    moved = propose(workspace, ledger).plan
    assert moved.empty
    # A colleague's copy of the files, as they were, says another level meanwhile.
    copy = records(tmp_path / "copy", ledger=f"sqlite:///{place.root}/.govcloud/ledger.db")
    copy.tables["regions"]["there"]["level"] = "county"
    assert cli("apply", "--yes", cwd=copy.write().root).code == 0
    with pytest.raises(ConflictError, match="somebody else's run changed the ledger"):
        keep(workspace, ledger, moved)
    ledger.close()
    assert cli("plan", "--json", cwd=place.root).json["summary"] == {"entries": 1}


def test_a_run_left_undone_is_over_when_nothing_is_to_do(cli: Cli, tmp_path: Path) -> None:
    place = records(tmp_path / "w").write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    region = place.tables["regions"].pop("there")
    workspace = open_workspace(str(place.write().root))
    ledger = open_ledger(workspace)
    proposal = propose(workspace, ledger)
    blocked = "CREATE TRIGGER no BEFORE UPDATE OF until ON accepted BEGIN SELECT raise(abort, 'no'); END"
    with ledger.write() as connection:
        connection.run(blocked)
    outcome = start(workspace, ledger, proposal.plan, proposal.blobs, [])
    assert outcome.exit_code == 1
    with ledger.write() as connection:
        connection.run("DROP TRIGGER no")
    ledger.close()
    # It is put back, in another file: the run must not withdraw it any more.
    (place.root / "more.yaml").write_text(json.dumps({"regions": {"there": region}}))
    assert cli("apply", "--yes", cwd=place.root).out == "Nothing to do.\n"
    refused = cli("runs", "resume", outcome.run, cwd=place.root)
    assert refused.code == 2, refused
    assert cli("show", "region/there", cwd=place.root).code == 0


THERE = {"kind": "region", "name": "there", "line": 0}


@pytest.mark.parametrize(
    "pins",
    [
        {"ended": [["region", "there", "request:7"]]},
        {
            "said": [
                {
                    "kind": "region",
                    "name": "there",
                    "claimant": "pin:1",
                    "line": 0,
                    "fields": {"level": "town"},
                }
            ]
        },
        {"said": [THERE | {"claimant": "file:x", "fields": None}]},
    ],
)
def test_pins_of_a_plan_file_are_held_against_the_past(cli: Cli, tmp_path: Path, pins: Any) -> None:
    place = records(tmp_path / "w").write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    file = tmp_path / "forged.plan"
    assert cli("plan", "--out", file, cwd=place.root).code == 0
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pins": pins}))
    refused = cli("apply", file, "--yes", cwd=place.root)
    assert refused.code == 2, refused
    assert "region/there: its pin is not what the ledger was at that revision" in refused.err


def test_pins_and_renames(cli: Cli, tmp_path: Path) -> None:
    place = records(tmp_path / "w").write()
    regions = place.tables["regions"]
    assert cli("apply", "--yes", cwd=place.root).code == 0
    regions["there"]["title"] = "彼处"
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    assert cli("revert", "1", "--yes", cwd=place.root).code == 0
    # The files go on with what is pinned under another name.
    regions["beyond"] = regions.pop("there") | {"was": "there"}
    refused = cli("plan", cwd=place.write().root)
    assert refused.code == 2, refused
    assert "region/beyond says `was: there`, and region/there is held by pin:1" in refused.err
    assert cli("revert", "--release", "--yes", cwd=place.root).code == 0
    # And its former name becomes somebody else's: there is no way back to it by that name.
    regions["there"] = {"level": "town", "parent": "here"}
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    refused = cli("revert", "1", "--yes", cwd=place.root)
    assert refused.code == 2, refused
    assert "region/there of then is region/beyond now, and region/there is another entry" in refused.err


def test_a_release_is_judged_without_the_pins_that_end(cli: Cli, tmp_path: Path) -> None:
    place = records(tmp_path / "w").write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    place.tables["regions"]["new"] = {"level": "city"}
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    assert cli("revert", "1", "--yes", cwd=place.root).code == 0
    place.tables["regions"]["below"] = {"level": "county", "parent": "new"}
    assert cli("plan", cwd=place.write().root).code == 2
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace)
    with ledger.write() as connection:  # as after an upgrade: everything is looked at
        connection.run("DELETE FROM setting WHERE key = 'checked'")
    ledger.close()
    done = cli("revert", "--release", "--yes", cwd=place.root)
    assert done.code == 0, done
    assert cli("show", "region/below", cwd=place.root).code == 0
