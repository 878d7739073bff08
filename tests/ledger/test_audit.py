"""The audit trail: what was changed, cut off or swapped is found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govcloud.ledger import Ledger, audit, open_ledger
from govcloud.workspace import Workspace
from tests.stores import only_sqlite

Cli = Callable[..., Any]


@pytest.fixture
def trail(ledger: Ledger) -> Ledger:
    """A ledger with a trail of five rows, anchored."""
    grow(ledger, 5)
    return ledger


def grow(ledger: Ledger, rows: int) -> None:
    with ledger.write() as connection:
        for number in range(rows):
            audit.append(connection, "me", "record", {"number": number, "what": "记录"})
        audit.write_anchor(connection, ledger.anchor)


def wrong(ledger: Ledger) -> list[str]:
    with ledger.read() as connection:
        return audit.verify(connection, ledger.anchor)[1]


def test_an_untouched_trail_holds(trail: Ledger) -> None:
    with trail.read() as connection:
        assert audit.verify(connection, trail.anchor) == (5, [])
    with trail.write() as connection:
        audit.append(connection, "me", "since the anchor", {})
    assert wrong(trail) == []
    assert trail.anchor.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("column", ["data", "actor", "action", "at", "epoch"])
def test_a_changed_row_is_found(trail: Ledger, column: str) -> None:
    value: Any = 7 if column in ("at", "epoch") else "other"
    with trail.write() as connection:
        connection.run(f"UPDATE audit SET {column} = :value WHERE seq = 3", value=value)
    assert any("row 3" in sentence and "changed" in sentence for sentence in wrong(trail))


def test_a_row_taken_out_of_the_middle_is_found(trail: Ledger) -> None:
    with trail.write() as connection:
        connection.run("DELETE FROM audit WHERE seq = 3")
    assert "row 3 is missing: the next one found is 4" in wrong(trail)


def test_a_cut_tail_is_found_by_the_anchor(trail: Ledger) -> None:
    with trail.write() as connection:
        connection.run("DELETE FROM audit WHERE seq > 3")
    assert wrong(trail) == ["the trail ends at row 3, the anchor has seen row 5: rows were cut off"]


def test_a_trail_written_anew_is_found_by_the_anchor(trail: Ledger) -> None:
    """Each hash fits the one before, yet it is not the trail that the anchor has seen."""
    with trail.write() as connection:
        connection.run("DELETE FROM audit")
        for number in range(6):
            audit.append(connection, "somebody", "record", {"number": number})
    assert wrong(trail) == ["row 5 is not the one that the anchor has seen"]


def test_a_missing_or_unreadable_anchor_is_told(trail: Ledger) -> None:
    trail.anchor.write_text("{")
    assert wrong(trail) == ["the anchor audit-head.json cannot be read"]
    trail.anchor.unlink()
    assert wrong(trail)[0].startswith("the anchor audit-head.json is missing")


@only_sqlite
def test_a_swapped_file_is_found_on_the_command_line(
    cli: Cli, workspace: Workspace, trail: Ledger, tmp_path: Path
) -> None:
    """Yesterday's ledger put in place of today's; then a ledger of somebody else; then none."""
    (tmp_path / "govcloud.yaml").write_text("environment: tiny\n")
    assert cli("audit", "verify", "--json").json == {"rows": 5, "ok": True, "wrong": []}
    trail.close()
    file = workspace.private / "ledger.db"
    shutil.copy(file, tmp_path / "yesterday.db")
    again = open_ledger(workspace)
    grow(again, 2)
    again.close()
    for leftover in workspace.private.glob("ledger.db*"):
        leftover.unlink()
    shutil.copy(tmp_path / "yesterday.db", file)
    found = cli("audit", "verify")
    assert found.code == 1, found
    assert "the anchor has seen row 7" in found.out
    file.unlink()
    none = cli("audit", "verify", "--json")
    assert none.code == 1, none
    assert none.json["ok"] is False
    other = open_ledger(workspace, create=True)
    with other.write() as connection:
        for _ in range(8):
            audit.append(connection, "somebody", "record", {})
    other.close()
    assert "row 7 is not the one" in cli("audit", "verify").out
