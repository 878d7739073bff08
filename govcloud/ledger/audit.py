"""The audit trail: a chain in which each row's hash covers the row before it.

What keeps the chain honest stands outside the database: signed heads (``heads``), which every
transaction that added rows leaves behind (``Ledger.write`` sees to it), and ``verifying`` holds the
two against each other.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from .. import canonical
from .connection import Connection, matching

GENESIS = "0" * 64
# Settings of the ledger: which one it is, for life; and the newest head that was seen of each heads file.
LEDGER_ID = "ledger_id"
# Rows that are read at once: some megabytes.
PIECE = 5000
# What a row's data says of its writer (see ``writers``), the first row's of who began, and how others come.
WRITER = "writer"
BEGAN = "began_by"
JOINED = "writer joined"
HANDED = "key handed over"
COLUMNS = "seq, epoch, at, actor, action, data, previous, hash"


class Row(NamedTuple):
    """A row of the trail. ``at``: seconds since 1970, UTC; ``data``: canonical JSON."""

    seq: int
    epoch: int
    at: float
    actor: str
    action: str
    data: str
    previous: str
    hash: str

    def true_hash(self) -> str:
        """What its hash has to be."""
        return _hash(self.seq, self.epoch, self.at, self.actor, self.action, self.data, self.previous)


class Event(msgspec.Struct, frozen=True):
    """A row as people read it."""

    seq: int
    epoch: int
    at: float
    actor: str
    action: str
    data: dict[str, Any]


class Fork(msgspec.Struct, frozen=True):
    """Where an epoch began: after which row of the former one, and why."""

    epoch: int
    after: int
    hash: str
    reason: str


class Appended(msgspec.Struct):
    """The rows that one transaction added: the first and the last, and the hash of the last."""

    first: int
    seq: int
    epoch: int
    hash: str
    began: Fork | None = None


def _hash(seq: int, epoch: int, at: float, actor: str, action: str, data: str, previous: str) -> str:
    return hashlib.sha256(canonical.encode([seq, epoch, at, actor, action, data, previous])).hexdigest()


def append(connection: Connection, actor: str, action: str, data: dict[str, Any]) -> None:
    """Add one row, in the caller's transaction: what is done and its trace stand or fall together.

    The head is signed and written after the commit, by ``Ledger.write``.
    """
    _append(connection, actor, action, data, None)


def begin_epoch(connection: Connection, actor: str, reason: str) -> Fork:
    """Begin a new epoch with this row: after a failover, on the copy that goes on."""
    last = connection.row("SELECT seq, epoch, hash FROM audit ORDER BY seq DESC LIMIT 1")
    seq, epoch, value = last or (0, 0, GENESIS)
    fork = Fork(epoch + 1, seq, value, reason)
    data = {"epoch": fork.epoch, "after": seq, "head": value, "reason": reason}
    _append(connection, actor, "epoch", data, fork)
    return fork


def _append(
    connection: Connection, actor: str, action: str, data: dict[str, Any], began: Fork | None
) -> None:
    ledger_id(connection, make=True)
    first: dict[str, Any] = {}
    if connection.introduces is not None:
        # Taken away before it is asked: to join is to append a row.
        introduces, connection.introduces = connection.introduces, None
        first, connection.mark = introduces(connection, actor)
    data = {**data, **first, **connection.mark}
    last = connection.row("SELECT seq, epoch, hash FROM audit ORDER BY seq DESC LIMIT 1")
    seq, epoch, previous = (last[0] + 1, last[1], last[2]) if last else (1, 1, GENESIS)
    epoch = began.epoch if began else epoch
    at = time.time()
    body = canonical.encode(data).decode()
    value = _hash(seq, epoch, at, actor, action, body, previous)
    connection.insert("audit", [Row(seq, epoch, at, actor, action, body, previous, value)._asdict()])
    earlier = connection.audited
    connection.audited = Appended(
        earlier.first if earlier else seq, seq, epoch, value, began or (earlier.began if earlier else None)
    )


def ledger_id(connection: Connection, *, make: bool = False) -> str:
    """Which ledger this is, the same in every copy of it; empty before its first row."""
    known = connection.scalar("SELECT value FROM setting WHERE key = :key", key=LEDGER_ID)
    if known is None and make:
        known = secrets.token_hex(16)
        connection.insert("setting", [{"key": LEDGER_ID, "value": known}])
    return known or ""


def head(connection: Connection) -> tuple[int, str]:
    """(sequence number, hash) of the last row; (0, zeros) for an empty trail."""
    last = connection.row("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    return (last[0], last[1]) if last else (0, GENESIS)


def rows(connection: Connection, after: int = 0) -> Iterator[Row]:
    """Every row after a number, in order, a few thousand in memory at a time."""
    while True:
        piece = connection.rows(
            f"SELECT {COLUMNS} FROM audit WHERE seq > :after ORDER BY seq LIMIT :piece",
            after=after,
            piece=PIECE,
        )
        yield from map(Row._make, piece)
        if len(piece) < PIECE:
            return
        after = piece[-1][0]


def log(
    connection: Connection,
    *,
    since: float | None = None,
    actor: str | None = None,
    action: str | None = None,
    limit: int,
) -> list[Event]:
    """The newest ``limit`` rows, oldest first. ``since``: seconds since 1970; ``actor``, ``action``: a part
    of theirs."""
    conditions, values = [], dict[str, Any]()
    if since is not None:
        conditions.append("at >= :since")
        values["since"] = since
    for column, part in (("actor", actor), ("action", action)):
        if part:
            # Not LIKE: what people type may hold its signs, and its case differs between databases.
            conditions.append(f"replace({column}, :{column}, '') <> {column}")
            values[column] = part
    where, _ = matching(*conditions)
    found = connection.rows(
        f"SELECT seq, epoch, at, actor, action, data FROM audit{where} ORDER BY seq DESC LIMIT :limit",
        limit=limit,
        **values,
    )
    return [
        Event(seq, epoch, at, who, what, msgspec.json.decode(data))
        for seq, epoch, at, who, what, data in reversed(found)
    ]
