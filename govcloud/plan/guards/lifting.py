"""Lifting a freeze before its time: one's own as one likes, somebody else's only with `emergency`."""

from __future__ import annotations

from collections.abc import Iterable

from ...access import Identity, require
from ...ledger import Ledger
from ...ledger.clearances import now
from ...ledger.connection import Connection
from ..stages import EntryChange
from .freezes import FREEZE, Freeze, freeze_of, freezes


def check_lifting(ledger: Ledger, identity: Identity, changes: Iterable[EntryChange]) -> None:
    """Refuse what would end, narrow or take away a freeze that somebody else declared and that is not over.

    Where no role is accepted everybody may. Raises ``DeniedError``.
    """
    listed = [change for change in changes if change.kind == FREEZE]
    if not listed:
        return
    with ledger.read() as connection:
        time_now = now(connection)
        standing = {one.name: one for one in freezes(connection) if one.state(time_now) != "over"}
        others = []
        for change in listed:
            was = standing.get(change.was or change.name)
            if was is None or not _lifts(was, change, time_now):
                continue
            by = _declared_by(connection, change.uid)
            if by and by != _name(str(identity)):
                others.append(f"freeze/{was.name}, which {by} declared")
    if others:
        require(ledger, identity, "emergency", f"this lifts {', '.join(others)}, before its time")


def _lifts(was: Freeze, change: EntryChange, time_now: float) -> bool:
    if change.verb == "delete":
        return True
    becomes = freeze_of(change.name, change.fields)
    later = becomes.starts > max(was.starts, time_now)
    narrower = bool(becomes.subjects) and not (was.subjects and set(was.subjects) <= set(becomes.subjects))
    return becomes.ends < was.ends or later or narrower


def _declared_by(connection: Connection, uid: str) -> str:
    actor = connection.scalar(
        "SELECT r.actor FROM accepted a JOIN revision r ON r.number = a.since WHERE a.uid = :uid "
        "ORDER BY a.since LIMIT 1",
        uid=uid,
    )
    return _name(actor or "")


def _name(actor: str) -> str:
    # The account in brackets is where they worked, not who they are.
    return actor.partition(" (")[0]
