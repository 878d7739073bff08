"""Claims: who says what of an entry, since when."""

from __future__ import annotations

from typing import Any

from govcloud.ledger import Ledger
from govcloud.ledger.claims import (
    ClaimChanges,
    ClaimRow,
    change_claims,
    claims,
    claims_by,
    claims_on,
    sources,
)


def said(ledger: Ledger) -> dict[tuple[str, str], tuple[int, dict[str, Any] | None]]:
    """Every claim of now: (claimant, name) to (line, fields)."""
    with ledger.read() as connection:
        return {(c.claimant, c.name): (c.line, c.fields) for c in claims(connection)}


def change(ledger: Ledger, number: int, changes: ClaimChanges, **accepted: Any) -> None:
    with ledger.write() as connection:
        change_claims(connection, number, changes, {("node", n): f for n, f in accepted.items()})


MINE = ClaimRow("node", "a", "file:x.yaml", 3, {"role": "core"})
OTHER = ClaimRow("node", "b", "file:y.yaml", 4, {"role": "core"})
ASKED = ClaimRow("node", "a", "request:7", 0, {"title": "A"})


def test_only_what_changes_is_touched_and_the_past_stays(ledger: Ledger) -> None:
    change(ledger, 1, ClaimChanges((MINE, OTHER, ASKED)))
    changed = ClaimRow("node", "a", "file:x.yaml", 9, {"role": "border"})
    for _ in range(2):  # a step may run twice
        change(ledger, 2, ClaimChanges((changed,), ended=(OTHER.claim_key,)))
    assert said(ledger) == {
        ("file:x.yaml", "a"): (9, {"role": "border"}),
        ("request:7", "a"): (0, {"title": "A"}),
    }
    with ledger.read() as connection:
        rows = connection.rows(
            "SELECT claimant, since, until FROM claim WHERE since <> until OR until IS NULL"
        )
        assert sorted(rows, key=str) == [
            ("file:x.yaml", 1, 2),
            ("file:x.yaml", 2, None),
            ("file:y.yaml", 1, 2),
            ("request:7", 1, None),
        ]
        assert claims(connection, apart_from="file:") == [ASKED]
        assert claims_on(connection, [("node", "a"), ("link", "a")]) == [changed, ASKED] or claims_on(
            connection, [("node", "a")]
        ) == [ASKED, changed]
        assert [key for key, _, _ in claims_by(connection, ["request:7", "nobody"])] == [ASKED.claim_key]


def test_the_same_words_on_another_line_are_the_same_claim(ledger: Ledger) -> None:
    change(ledger, 1, ClaimChanges((MINE,)))
    change(ledger, 2, ClaimChanges(moved=((*MINE.claim_key, 40),)))
    assert said(ledger) == {("file:x.yaml", "a"): (40, {"role": "core"})}
    with ledger.read() as connection:
        assert connection.rows("SELECT since FROM claim") == [(1,)]


def test_a_claim_that_says_the_whole_entry_takes_its_fields_from_there(ledger: Ledger) -> None:
    change(ledger, 1, ClaimChanges(whole=(("node", "a", "file:x.yaml", 3),)), a={"role": "core"})
    assert said(ledger) == {("file:x.yaml", "a"): (3, {"role": "core"})}


def test_a_pin_may_say_that_there_is_no_such_entry(ledger: Ledger) -> None:
    change(ledger, 1, ClaimChanges((ClaimRow("node", "a", "pin:4", 0, None),)))
    assert said(ledger) == {("pin:4", "a"): (0, None)}


def test_what_files_held_is_kept_by_claimant_until_they_are_gone(ledger: Ledger) -> None:
    change(ledger, 1, ClaimChanges(sources={"file:a": "1", "file:b": "2", "file_c": "3"}))
    change(ledger, 2, ClaimChanges(sources={"file:a": "4", "file:b": ""}))
    with ledger.read() as connection:
        assert sources(connection, "file:") == {"file:a": "4"}
