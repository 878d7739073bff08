"""The audit trail: a chain in which each row's hash covers the row before it."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from .. import canonical
from ..files import write_atomically
from .schema import audit

GENESIS = "0" * 64


def _hash(seq: int, epoch: int, at: float, actor: str, action: str, data: str, previous: str) -> str:
    return hashlib.sha256(canonical.encode([seq, epoch, at, actor, action, data, previous])).hexdigest()


def append(connection: Connection, actor: str, action: str, data: dict[str, Any]) -> None:
    """Add one row, in the caller's transaction: what is done and its trace stand or fall together."""
    last = connection.execute(
        select(audit.c.seq, audit.c.epoch, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
    ).first()
    seq, epoch, previous = (last.seq + 1, last.epoch, last.hash) if last else (1, 1, GENESIS)
    at = time.time()
    body = canonical.encode(data).decode()
    connection.execute(
        insert(audit).values(
            seq=seq,
            epoch=epoch,
            at=at,
            actor=actor,
            action=action,
            data=body,
            previous=previous,
            hash=_hash(seq, epoch, at, actor, action, body, previous),
        )
    )


def head(connection: Connection) -> tuple[int, str]:
    """(sequence number, hash) of the last row; (0, zeros) for an empty trail."""
    last = connection.execute(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    return (last.seq, last.hash) if last else (0, GENESIS)


def write_anchor(connection: Connection, path: Path) -> None:
    """Write the head to a file outside the database, so that a cut tail is found."""
    seq, value = head(connection)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, canonical.encode({"seq": seq, "hash": value}))


def verify(connection: Connection, anchor: Path) -> tuple[int, list[str]]:
    """(rows read, what is wrong in sentences). An empty list: the chain holds up to its anchor."""
    wrong: list[str] = []
    previous, count, by_seq = GENESIS, 0, {0: GENESIS}
    for row in connection.execute(select(audit).order_by(audit.c.seq)):
        count += 1
        if row.seq != count:
            wrong.append(f"row {count} is missing: the next one found is {row.seq}")
            break
        if row.previous != previous:
            wrong.append(f"row {row.seq} does not follow the row before it")
        if row.hash != _hash(row.seq, row.epoch, row.at, row.actor, row.action, row.data, row.previous):
            wrong.append(f"row {row.seq} ({row.action}) was changed after it was written")
        previous = row.hash
        by_seq[row.seq] = row.hash
    if not anchor.exists():
        if count:
            wrong.append(f"the anchor {anchor.name} is missing: nobody can tell whether rows were cut off")
        return count, wrong
    try:
        anchored = json.loads(anchor.read_text())
        seq, value = int(anchored["seq"]), str(anchored["hash"])
    except (ValueError, KeyError, TypeError):
        return count, [*wrong, f"the anchor {anchor.name} cannot be read"]
    if seq > count:
        wrong.append(f"the trail ends at row {count}, the anchor has seen row {seq}: rows were cut off")
    elif by_seq.get(seq) != value:
        wrong.append(f"row {seq} is not the one that the anchor has seen")
    return count, wrong
