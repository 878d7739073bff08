"""The outbox: what people are to be told, written with what it tells, and where it has got to.

A notice is there once, by its id; for each channel that wants it there is a delivery. Who delivers claims
one for a while first, so that two processes do not send the same; one whose claimer died is due again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from .. import canonical
from .among import rows_among
from .connection import Connection

WAITING, SENT, REFUSED, GIVEN_UP = "waiting", "sent", "refused", "given up"


class Notice(msgspec.Struct, frozen=True):
    """Something that people are told. ``body``: plain data (``notify.messages``); ``at``: s since 1970."""

    id: str
    event: str
    run: str | None
    body: dict[str, Any]
    at: float


class Delivery(msgspec.Struct, frozen=True):
    """A notice on its way to a channel. ``due``: when it is tried next; ``words``: how the last try went."""

    notice: str
    channel: str
    status: str
    attempts: int
    due: float
    words: str
    sent: float | None


def id_of(event: str, *key: object) -> str:
    """The id of a notice: the same for what is the same, whoever tells it."""
    return f"{event}-{canonical.digest([event, *key])[:20]}"


def post(connection: Connection, notice: Notice, channels: Iterable[str]) -> bool:
    """Put a notice into the outbox, in the caller's transaction. False where it is there already."""
    if connection.row("SELECT id FROM notice WHERE id = :id", id=notice.id) is not None:
        return False
    row = msgspec.structs.asdict(notice) | {"body": canonical.encode(notice.body).decode()}
    connection.insert("notice", [row])
    connection.insert(
        "delivery",
        [{"notice": notice.id, "channel": c, "status": WAITING, "due": notice.at} for c in channels],
    )
    return True


def due(
    connection: Connection, channel: str, *, now: float, everything: bool = False
) -> list[tuple[Notice, Delivery]]:
    """What a channel is to be sent, oldest first; ``everything``: also what is due later, or was given up."""
    condition = "d.status <> :sent" if everything else "d.status = :waiting AND d.due <= :now"
    values: dict[str, Any] = {"sent": SENT} if everything else {"waiting": WAITING, "now": now}
    rows = connection.rows(
        "SELECT n.id, n.event, n.run, n.body, n.at, d.notice, d.channel, d.status, d.attempts, d.due, "
        "d.words, d.sent FROM delivery d JOIN notice n ON n.id = d.notice "
        f"WHERE d.channel = :channel AND {condition} ORDER BY n.at, n.id",
        channel=channel,
        **values,
    )
    return [(_notice(row[:5]), Delivery(*row[5:])) for row in rows]


def claim(connection: Connection, delivery: Delivery, *, until: float) -> bool:
    """Take a delivery in hand until then; False where somebody else did meanwhile."""
    row = connection.row(
        "SELECT status, attempts FROM delivery WHERE notice = :notice AND channel = :channel",
        notice=delivery.notice,
        channel=delivery.channel,
    )
    if row != (delivery.status, delivery.attempts):
        return False
    connection.run(
        "UPDATE delivery SET status = :waiting, attempts = attempts + 1, due = :until "
        "WHERE notice = :notice AND channel = :channel",
        waiting=WAITING,
        until=until,
        notice=delivery.notice,
        channel=delivery.channel,
    )
    return True


def settle(connection: Connection, delivery: Delivery, status: str, words: str, due: float) -> None:
    """How a try went. ``due``: when the next one is."""
    connection.run(
        "UPDATE delivery SET status = :status, words = :words, due = :due, sent = :at "
        "WHERE notice = :notice AND channel = :channel",
        status=status,
        words=words,
        due=due,
        at=time.time() if status == SENT else None,
        notice=delivery.notice,
        channel=delivery.channel,
    )


def recent(connection: Connection, limit: int) -> list[tuple[Notice, list[Delivery]]]:
    """The newest notices, newest first, each with its deliveries by channel."""
    rows = connection.rows(
        "SELECT id, event, run, body, at FROM notice ORDER BY at DESC, id LIMIT :limit", limit=limit
    )
    notices = [_notice(row) for row in rows]
    found: dict[str, list[Delivery]] = {}
    for row in rows_among(
        connection,
        "SELECT notice, channel, status, attempts, due, words, sent FROM delivery "
        "WHERE notice IN :among ORDER BY channel",
        [n.id for n in notices],
    ):
        found.setdefault(row[0], []).append(Delivery(*row))
    return [(notice, sorted(found.get(notice.id, []), key=lambda d: d.channel)) for notice in notices]


def left(connection: Connection) -> dict[str, int]:
    """How many deliveries have not got there, by their status."""
    return dict(
        connection.rows(
            "SELECT status, count(*) FROM delivery WHERE status <> :sent GROUP BY status", sent=SENT
        )
    )


def _notice(row: Sequence[Any]) -> Notice:
    id, event, run, body, at = row
    return Notice(id, event, run, msgspec.json.decode(body), at)
