"""What let a run go on past what stood against it, and emergencies that are to be approved afterwards."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec

from .. import canonical
from . import approvals
from .connection import Connection, matching

How = Literal["confirmed", "signed", "emergency"]
State = Literal["open", "overdue", "approved"]


class Clearance(msgspec.Struct, frozen=True):
    """Why a run was let go on. ``detail``: what stood against it, and what was typed, signed or said."""

    run: str
    number: int
    how: How
    actor: str
    detail: dict[str, Any]
    at: float


class Emergency(msgspec.Struct, frozen=True):
    """A run that went at once. ``due``: until when somebody else has to approve it, seconds since 1970.

    ``state``: open, overdue, or approved, by the person in ``approved_by``.
    """

    run: str
    effect: str
    person: str
    account: str
    reason: str
    at: float
    due: float
    state: State = "open"
    approved_by: str = ""


def now(connection: Connection) -> float:
    """The time that deadlines and freezes go by, seconds since 1970: the clock's or the newest that the
    audit trail has, whichever is later. A clock that is set back brings nobody back in time."""
    newest: float = connection.scalar("SELECT max(at) FROM audit") or 0.0
    return max(time.time(), newest)


def keep(connection: Connection, run: str, how: How, actor: str, detail: dict[str, Any]) -> None:
    """Write down what let a run go on, in the caller's transaction."""
    number = (connection.scalar("SELECT max(number) FROM clearance WHERE run = :run", run=run) or 0) + 1
    row = {
        "run": run,
        "number": number,
        "how": how,
        "actor": actor,
        "detail": canonical.encode(detail).decode(),
        "at": time.time(),
    }
    connection.insert("clearance", [row])


def of(connection: Connection, run: str) -> list[Clearance]:
    """What let a run go on, each time; oldest first."""
    rows = connection.rows(
        "SELECT run, number, how, actor, detail, at FROM clearance WHERE run = :run ORDER BY number", run=run
    )
    return [Clearance(r, n, how, actor, msgspec.json.decode(d), at) for r, n, how, actor, d, at in rows]


def declare(
    connection: Connection, *, run: str, effect: str, person: str, account: str, reason: str, hours: float
) -> Emergency:
    """A run is an emergency, to be approved within so many hours."""
    at = now(connection)
    made = Emergency(run, effect, person, account, reason, at, at + hours * 3600)
    row = msgspec.structs.asdict(made)
    del row["state"], row["approved_by"]
    connection.insert("emergency", [row])
    return made


def emergencies(connection: Connection, *, run: str | None = None, waiting: bool = False) -> list[Emergency]:
    """Emergencies, the oldest first; of one run, or (``waiting``) only those that nobody has approved."""
    where, values = matching(run=run)
    rows = connection.rows(
        f"SELECT run, effect, person, account, reason, at, due FROM emergency{where} ORDER BY at, run",
        **values,
    )
    if not rows:
        return []
    signed = {
        one.subject: one.person
        for one in approvals.of(connection, purpose=approvals.EMERGENCY)
        if one.revoked is None
    }
    time_now = now(connection)
    found = []
    for id, effect, person, account, reason, at, due in rows:
        by = signed.get(id, "")
        state: State = "approved" if by else "overdue" if time_now > due else "open"
        if not (waiting and by):
            found.append(Emergency(id, effect, person, account, reason, at, due, state, by))
    return found
