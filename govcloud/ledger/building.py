"""What was built (applied), what was seen (observed), and what an engine was sent to make (intents)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select

from .. import canonical
from .schema import applied, intent, observed


class Applied(msgspec.Struct, frozen=True):
    """What was last built of one entry in one scope (``stack:NAME`` or ``host:NAME``)."""

    scope: str
    uid: str
    incarnation: int
    digest: str
    inputs: dict[str, Any]


class Observed(msgspec.Struct, frozen=True):
    """What was last seen of one object. ``at``: seconds since the epoch."""

    object: str
    uid: str | None
    target: str
    status: str
    detail: dict[str, Any]
    at: float = 0.0


class Intent(msgspec.Struct, frozen=True):
    """An object that an engine was sent to make, by id, with where it would be."""

    object: str
    stack: str
    type: str
    target: str
    inputs: dict[str, Any]
    run: str


def all_applied(connection: Connection) -> dict[tuple[str, str], Applied]:
    """Everything built, by (scope, uid)."""
    rows = connection.execute(
        select(applied.c.scope, applied.c.uid, applied.c.incarnation, applied.c.digest, applied.c.inputs)
    )
    return {
        (r.scope, r.uid): Applied(r.scope, r.uid, r.incarnation, r.digest, msgspec.json.decode(r.inputs))
        for r in rows
    }


def set_applied(connection: Connection, run: str, rows: Iterable[Applied]) -> None:
    """Record what was built, replacing what stood there."""
    now = time.time()
    for row in rows:
        connection.execute(delete(applied).where(applied.c.scope == row.scope, applied.c.uid == row.uid))
        connection.execute(
            insert(applied).values(
                scope=row.scope,
                uid=row.uid,
                incarnation=row.incarnation,
                digest=row.digest,
                inputs=canonical.encode(row.inputs).decode(),
                run=run,
                at=now,
            )
        )


def forget_applied(connection: Connection, scope: str, uids: Iterable[str] | None = None) -> None:
    """Nothing is built there any more: of these uids, or (None) of the whole scope."""
    if uids is None:
        connection.execute(delete(applied).where(applied.c.scope == scope))
        return
    for uid in uids:
        connection.execute(delete(applied).where(applied.c.scope == scope, applied.c.uid == uid))


def all_observed(
    connection: Connection, *, uid: str | None = None, deviating: bool = False
) -> list[Observed]:
    """What was last seen: of one entry, or (``deviating``) only what is not as it should be."""
    query = select(observed).order_by(observed.c.object)
    if uid is not None:
        query = query.where(observed.c.uid == uid)
    if deviating:
        query = query.where(observed.c.status != "present")
    rows = connection.execute(query)
    return [Observed(r.object, r.uid, r.target, r.status, msgspec.json.decode(r.detail), r.at) for r in rows]


def replace_observed(connection: Connection, targets: Iterable[str], rows: Iterable[Observed]) -> None:
    """Make ``rows`` all that was seen at these targets (one sight of the whole, not of a part)."""
    for target in targets:
        connection.execute(delete(observed).where(observed.c.target == target))
    now = time.time()
    values = [
        {
            "object": r.object,
            "uid": r.uid,
            "target": r.target,
            "status": r.status,
            "detail": canonical.encode(r.detail).decode(),
            "at": now,
        }
        for r in rows
    ]
    if values:
        connection.execute(insert(observed), values)


def forget_observed(connection: Connection, uids: Iterable[str]) -> None:
    """What was seen of these entries is out of date: an engine has just changed them."""
    for uid in uids:
        connection.execute(delete(observed).where(observed.c.uid == uid))


def intents(connection: Connection, stack: str | None = None) -> list[Intent]:
    """What engines were sent to make (in one stack) and nobody has confirmed yet."""
    query = select(intent).order_by(intent.c.object)
    if stack is not None:
        query = query.where(intent.c.stack == stack)
    return [
        Intent(r.object, r.stack, r.type, r.target, msgspec.json.decode(r.inputs), r.run)
        for r in connection.execute(query)
    ]


def add_intents(connection: Connection, rows: Iterable[Intent]) -> None:
    """Write down what an engine will make, before it starts. Safe to repeat."""
    now = time.time()
    for row in rows:
        connection.execute(delete(intent).where(intent.c.object == row.object))
        values = msgspec.structs.asdict(row) | {"inputs": canonical.encode(row.inputs).decode()}
        connection.execute(insert(intent).values(**values, at=now))


def settle_intents(connection: Connection, stack: str) -> None:
    """The engine has finished: its stack's state now knows every object."""
    connection.execute(delete(intent).where(intent.c.stack == stack))
