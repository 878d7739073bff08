"""State that was lost, and a ledger restored from an older copy: nothing is made twice, nothing is lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_province import Province, province

from govcloud.errors import ConflictError
from govcloud.ledger import building, open_ledger
from govcloud.run import rebuilding
from govcloud.workspace import open_workspace

Cli = Callable[..., Any]


def engine_files(place: Province) -> list[Path]:
    """The engine's own state of each stack."""
    return sorted((place.private / "state" / ".pulumi" / "stacks").rglob("*.json"))


def stacks(cli: Cli, place: Province) -> dict[str, Any]:
    return {s["stack"]: s for s in cli("state", "check", "--json", cwd=place.root).json["stacks"]}


def copy_ledger(place: Province) -> Path:
    """A copy of the ledger as a backup makes it."""
    copy = place.root.with_name("backup.db")
    with sqlite3.connect(place.private / "ledger.db") as source, sqlite3.connect(copy) as target:
        source.backup(target)
    return copy


def restore_ledger(place: Province, copy: Path) -> None:
    for end in ("", "-wal", "-shm"):
        (place.private / f"ledger.db{end}").unlink(missing_ok=True)
    shutil.copy(copy, place.private / "ledger.db")


def test_a_lost_state_is_told_and_rebuilt_without_touching_anything(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path / "w", nodes=3).edge().write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    before = place.objects()
    agreed = cli("state", "check", cwd=place.root)
    assert agreed.code == 0 and "agree" in agreed.out, agreed
    one = next(f for f in engine_files(place) if "network-1" in f.name)
    one.unlink()
    told = cli("state", "check", "--json", cwd=place.root)
    assert told.code == 3, told
    wrong = {s["stack"]: s for s in told.json["stacks"] if s["unknown"] or s["surplus"]}
    assert list(wrong) == ["network-1"] and wrong["network-1"]["lost"]
    assert len(wrong["network-1"]["unknown"]) == 5
    # What drifted stays as it is: rebuilding is no healing.
    with sqlite3.connect(place.store) as connection:
        connection.execute(
            "update object set properties = replace(properties, '100', '7') where type = 'Link'"
        )
    drifted = place.objects()
    assert cli("state", "rebuild", "--yes", cwd=place.root).code == 0
    assert place.objects() == drifted
    assert cli("state", "check", cwd=place.root).code == 0
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
    assert cli("drift", cwd=place.root).code == 3
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert place.objects() == before
    assert cli("state", "check", "--stack", "nothing-1", cwd=place.root).code == 2


def test_a_rebuilt_state_settles_nothing_that_was_seen_or_is_in_doubt(cli: Cli, tmp_path: Path) -> None:
    """Taking an object into the engine's state is no look at it, and brings nothing in line."""
    place = province(tmp_path / "w", nodes=2).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    before = place.objects()
    # Of the line a look tells that it drifted; of a router the engine's change was never recorded.
    with sqlite3.connect(place.store) as connection:
        connection.execute(
            "update object set properties = replace(properties, '100', '7') where type = 'Link'"
        )
    assert cli("drift", cwd=place.root).code == 3
    with sqlite3.connect(place.private / "ledger.db") as ledger:
        row = before["Node/r1"]
        ledger.execute(
            "insert into intent (object, stack, type, target, inputs, run, at) "
            "select :object, 'network-1', 'Node', 'shelf', inputs, run, at from applied "
            "where uid = :uid and scope = 'stack:network-1'",
            {"object": row.object_id, "uid": row.uid},
        )
    next(f for f in engine_files(place) if "network-1" in f.name).unlink()
    assert cli("state", "rebuild", "--yes", cwd=place.root).code == 0
    plan = cli("plan", "--json", cwd=place.root).json
    changes = [
        (c["verb"], c["subject"]) for s in plan["stages"] if s["kind"] == "stack" for c in s["changes"]
    ]
    assert sorted(changes) == [("heal", "link/r1-r2"), ("heal", "node/r1")]
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert place.objects() == before
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0


def test_with_all_state_lost_a_removal_still_removes(cli: Cli, tmp_path: Path) -> None:
    """The engine knows of nothing; after a rebuild it deletes what the files no longer say."""
    place = province(tmp_path / "w", nodes=3).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    before = place.objects()
    shutil.rmtree(place.private / "state")
    assert cli("state", "rebuild", "--yes", cwd=place.root).code == 0
    assert place.objects() == before
    del place.tables["links"]["r2-r3"], place.tables["nodes"]["r3"]
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    assert place.objects() == {k: r for k, r in before.items() if k in place.wanted()}


def test_a_ledger_restored_from_an_older_copy_takes_back_what_stands(cli: Cli, tmp_path: Path) -> None:
    """Made since: a router and its line, another incarnation of an instance, and one of another workspace."""
    place = province(tmp_path / "w", nodes=2).edge().write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    copy = copy_ledger(place)
    place.node("r3").link("r2", "r3")
    place.tables["images"]["other"] = {"os": "Other"}
    place.tables["instances"]["vm"]["image"] = "other"
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    place.node("r4")
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    before = place.objects()
    assert before["Instance/vm"].incarnation == 2
    del place.tables["nodes"]["r4"]  # whoever declared it is not here
    restore_ledger(place.write(), copy)

    told = cli("state", "check", "--json", cwd=place.root)
    assert told.code == 3 and told.json["older"], told
    taken = [(t["subject"], t["object"]) for t in told.json["taken"]]
    assert taken == [("instance/vm", before["Instance/vm"].object_id)]
    assert {n["name"] for n in told.json["newer"]} == {"r3", "r2-r3", "r4"}
    refused = cli("apply", "--yes", cwd=place.root)
    assert refused.code == 1 and "govcloud state check" in refused.out, refused
    assert place.objects() == before
    assert cli("state", "rebuild", "--yes", cwd=place.root).code == 0
    assert place.objects() == before
    drift = cli("drift", "--json", cwd=place.root)
    assert ("newer", "r4") in {(f["status"], f["subject"]) for f in drift.json["findings"]}
    done = cli("apply", "--yes", cwd=place.root)
    assert done.code == 0, done
    assert place.objects() == before  # nothing made twice, nothing swept
    place.node("r4")
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    assert place.objects() == before
    assert cli("drift", cwd=place.root).code == 0
    assert cli("state", "check", cwd=place.root).code == 0


def test_a_rebuild_acts_on_what_stands_when_it_is_answered_and_not_under_a_freeze(
    cli: Cli, tmp_path: Path
) -> None:
    place = province(tmp_path / "w", nodes=2).edge().write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    ends = ("--to", "2999-01-01T00:00", "--reason", "exams")
    assert cli("freeze", "add", "exams", "--everything", *ends, cwd=place.root).code == 0
    copy = copy_ledger(place)
    assert cli("freeze", "end", "exams", cwd=place.root).code == 0
    place.tables["images"]["other"] = {"os": "Other"}
    place.tables["instances"]["vm"]["image"] = "other"
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    restore_ledger(place, copy)
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace)

    def incarnations() -> set[int]:
        with ledger.read() as connection:
            return {row.incarnation for row in building.all_applied(connection).values()}

    refused = cli("state", "rebuild", "--yes", cwd=place.root)
    assert refused.code == 4 and "frozen by freeze/exams" in refused.err, refused
    assert incarnations() == {1}

    found = rebuilding.look(workspace, ledger)
    assert [row.incarnation for row in found.rows] == [2]
    plan = rebuilding.planned(workspace, ledger, found, every=True).plan
    place.remove("Instance/vm")
    with pytest.raises(ConflictError, match="not as it was found any more"):
        rebuilding.bring_together(workspace, ledger, found, plan)
    assert incarnations() == {1}
