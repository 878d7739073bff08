"""Claims and accepted entries: identities, revisions, history."""

from __future__ import annotations

from typing import Any

import pytest

from govcloud.ledger import Ledger, entries
from govcloud.plan.stages import EntryChange


def revise(
    ledger: Ledger,
    *uids: str,
    name: str = "",
    withdraw: bool = False,
    incarnation: int = 1,
    commit: str | None = None,
    **fields: Any,
) -> int:
    """One revision that accepts (or ends) these entries with these fields."""
    with ledger.write() as connection:
        number = entries.open_revision(connection, actor="me", run=None, commit=commit, message="")
        for uid in uids:
            if withdraw:
                entries.withdraw(connection, number, [uid])
            else:
                change = EntryChange("create", uid, "node", name or uid, incarnation, "network-1", fields)
                entries.accept(connection, number, [change])
    return number


def history(ledger: Ledger, uid: str) -> list[tuple[int, int | None, str]]:
    """(since, until, name) of every accepted row of an entry."""
    query = "SELECT since, until, name FROM accepted WHERE uid = :uid ORDER BY since"
    with ledger.read() as connection:
        return connection.rows(query, uid=uid)


def test_rows_are_valid_from_a_revision_to_before_a_revision(ledger: Ledger) -> None:
    revise(ledger, "a", "b", role="core")
    revise(ledger, "a", role="border")
    revise(ledger, "a", name="z", role="border")
    revise(ledger, "a", withdraw=True)
    assert history(ledger, "a") == [(1, 2, "a"), (2, 3, "a"), (3, 4, "z")]
    assert history(ledger, "b") == [(1, None, "b")]
    with ledger.read() as connection:
        assert list(entries.current(connection)) == [("node", "b")]
        assert connection.scalar("SELECT until FROM entry WHERE uid = 'a'") == 4


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_names_are_passed_on_and_exchanged_in_one_revision(ledger: Ledger, order: tuple[int, ...]) -> None:
    """A name has one living bearer, whatever the order in which entries get theirs; again is no change."""
    revise(ledger, "a", "b", "c")
    news = [("a", "b"), ("b", "a"), ("c", "d")]
    changes = [EntryChange("update", *_as(*news[i])) for i in order]
    for _ in range(2):
        with ledger.write() as connection:
            number = entries.open_revision(connection, actor="me", run=None, commit=None, message="")
            entries.accept(connection, number, changes)
    with ledger.read() as connection:
        rows = connection.rows("SELECT uid, name FROM entry WHERE until IS NULL ORDER BY uid")
        assert [tuple(row) for row in rows] == news
        assert {e.uid: e.name for e in entries.current(connection).values()} == dict(news)
    assert history(ledger, "a") == [(1, 2, "a"), (2, None, "b")]
    with ledger.write() as connection:
        entries.accept(
            connection, 6, [EntryChange("update", *_as("c", "e")), EntryChange("update", *_as("a", "d"))]
        )
    with ledger.read() as connection:
        assert {e.uid: e.name for e in entries.current(connection).values()} == {"a": "d", "b": "a", "c": "e"}


def _as(uid: str, name: str) -> tuple[str, str, str, int, str, dict[str, Any]]:
    return uid, "node", name, 1, "network-1", {}


def test_accepting_and_withdrawing_again_changes_nothing(ledger: Ledger) -> None:
    revise(ledger, "a", role="core")
    revise(ledger, "a", role="core")
    assert history(ledger, "a") == [(1, None, "a")]
    revise(ledger, "a", withdraw=True)
    revise(ledger, "a", withdraw=True)
    assert history(ledger, "a") == [(1, 3, "a")]


def test_another_incarnation_is_no_other_revision_of_the_fields(ledger: Ledger) -> None:
    revise(ledger, "a", role="core")
    revise(ledger, "a", incarnation=2, role="core")
    with ledger.read() as connection:
        known = entries.current(connection)["node", "a"]
    assert (known.incarnation, known.since, known.fields) == (2, 1, {"role": "core"})


def test_a_revision_that_fails_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.write() as connection:
        number = entries.open_revision(connection, actor="me", run=None, commit=None, message="")
        entries.accept(connection, number, [EntryChange("create", "a", "node", "a")])
        raise RuntimeError("the process has second thoughts")
    with ledger.read() as connection:
        assert entries.current(connection) == {}
        assert entries.last_revision(connection) == 0


def test_a_name_counts_everybody_who_ever_bore_it(ledger: Ledger) -> None:
    revise(ledger, "first", name="r1")
    revise(ledger, "first", name="gate")  # renamed: r1 is free, but it was somebody's
    revise(ledger, "second", name="r1")
    revise(ledger, "second", withdraw=True)
    revise(ledger, "third", name="r1", role="core")
    revise(ledger, "third", name="r1", role="border")
    with ledger.read() as connection:
        names = [("node", "r1"), ("node", "gate"), ("node", "none")]
        assert entries.former_names(connection, names) == {("node", "r1"): 3, ("node", "gate"): 1}
    uids = {entries.uid_for("tiny", "node", "r1", n) for n in range(4)}
    assert len(uids) == 4
    assert entries.uid_for("other", "node", "r1", 0) not in uids


def test_what_was_renamed_is_found_by_its_former_names_too(ledger: Ledger) -> None:
    revise(ledger, "u1", name="shelf", path="1")
    revise(ledger, "u1", name="rack", path="2")
    revise(ledger, "u2", name="attic", path="3")
    revise(ledger, "u2", name="loft", path="3")
    revise(ledger, "u3", name="attic", path="4")  # a former name that is somebody else's now
    revise(ledger, "gone", name="cellar", path="5")
    revise(ledger, "gone", withdraw=True)
    with ledger.read() as connection:
        found = {name: fields["path"] for name, fields in entries.by_any_name(connection, "node").items()}
        assert entries.by_any_name(connection, "link") == {}
    assert found == {"shelf": "2", "rack": "2", "attic": "4", "loft": "3"}


def test_the_last_commit_is_the_newest_that_is_known(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert entries.last_commit(connection) is None
    revise(ledger, "a", commit="c1")
    revise(ledger, "a", commit="c2")
    revise(ledger, "a", commit=None)
    with ledger.read() as connection:
        assert entries.last_commit(connection) == "c2"
