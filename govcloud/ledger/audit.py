"""The audit trail: a chain in which each row's hash covers the row before it."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from .. import canonical
from ..files import write_atomically
from .connection import Connection

GENESIS = "0" * 64


def _hash(seq: int, epoch: int, at: float, actor: str, action: str, data: str, previous: str) -> str:
    return hashlib.sha256(canonical.encode([seq, epoch, at, actor, action, data, previous])).hexdigest()


def append(connection: Connection, actor: str, action: str, data: dict[str, Any]) -> None:
    """Add one row, in the caller's transaction: what is done and its trace stand or fall together."""
    last = connection.row("SELECT seq, epoch, hash FROM audit ORDER BY seq DESC LIMIT 1")
    seq, epoch, previous = (last[0] + 1, last[1], last[2]) if last else (1, 1, GENESIS)
    at = time.time()
    body = canonical.encode(data).decode()
    row = {
        "seq": seq,
        "epoch": epoch,
        "at": at,
        "actor": actor,
        "action": action,
        "data": body,
        "previous": previous,
        "hash": _hash(seq, epoch, at, actor, action, body, previous),
    }
    connection.insert("audit", [row])


def head(connection: Connection) -> tuple[int, str]:
    """(sequence number, hash) of the last row; (0, zeros) for an empty trail."""
    last = connection.row("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    return (last[0], last[1]) if last else (0, GENESIS)


def write_anchor(connection: Connection, path: Path) -> None:
    """Write the head to a file outside the database, so that a cut tail is found."""
    seq, value = head(connection)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, canonical.encode({"seq": seq, "hash": value}))


def verify(connection: Connection, anchor: Path) -> tuple[int, list[str]]:
    """(rows read, what is wrong in sentences). An empty list: the chain holds up to its anchor."""
    wrong: list[str] = []
    previous, count, by_seq = GENESIS, 0, {0: GENESIS}
    rows = connection.rows(
        "SELECT seq, epoch, at, actor, action, data, previous, hash FROM audit ORDER BY seq"
    )
    for seq, epoch, at, actor, action, data, before, value in rows:
        count += 1
        if seq != count:
            wrong.append(f"row {count} is missing: the next one found is {seq}")
            break
        if before != previous:
            wrong.append(f"row {seq} does not follow the row before it")
        if value != _hash(seq, epoch, at, actor, action, data, before):
            wrong.append(f"row {seq} ({action}) was changed after it was written")
        previous = value
        by_seq[seq] = value
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
