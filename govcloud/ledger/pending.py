"""Rows of the audit trail that are written and not signed yet: kept beside the heads file until they are.

A head is signed after the commit of its rows, and a process may be killed in between. So each transaction
says before its commit which rows it adds; whoever signs next signs what was left so, too. What the ledger
does not have after all, with that hash, was rolled back and is forgotten. Somebody who can write to the
database alone cannot add to this file, so rows of his stay without a head.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from ..files import write_atomically
from .audit import Appended
from .connection import Connection

FILE = "audit-pending.jsonl"


def announce(main: Path, mine: Appended) -> list[Appended]:
    """Say which rows are about to be committed, in the transaction that has added them.

    Returns what others said before and did not sign. Their transactions are over, for this one holds the
    ledger's write lock. What begins an epoch is not said: it has a heads file of its own.
    """
    with locked(main.with_name(FILE)) as file:
        file.seek(0)
        data = file.read()
        if mine.began is None:
            # Behind a line that a killed process left torn, ours is a line of its own.
            torn = b"\n" if data and not data.endswith(b"\n") else b""
            file.write(torn + msgspec.json.encode(mine) + b"\n")
        return _rows(data)


def committed(connection: Connection, rows: Sequence[Appended]) -> list[Appended]:
    """Those that the ledger has, in its order."""
    return [
        one
        for one in sorted(rows, key=lambda one: one.seq)
        if connection.scalar("SELECT hash FROM audit WHERE seq = :seq", seq=one.seq) == one.hash
    ]


@contextmanager
def signing(main: Path, rows: Sequence[Appended]) -> Iterator[Callable[[Appended], bool]]:
    """While heads are signed: whether a row still waits for one. ``rows`` wait no more afterwards."""
    path = main.with_name(FILE)
    with locked(path) as file:
        file.seek(0)
        left = _rows(file.read())
        yield lambda one: one in left
        over = [one for one in left if one not in rows]
        if over:
            # Others' rows are never, not even for a moment, in no file: we may be killed at any.
            write_atomically(path, b"".join(msgspec.json.encode(one) + b"\n" for one in over))
        else:
            file.truncate(0)


@contextmanager
def locked(path: Path) -> Iterator[IO[bytes]]:
    """A file, made where it is missing, while nobody else writes to it; for its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            # While we waited, another file may have taken the name.
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield file
                return


def _rows(data: bytes) -> list[Appended]:
    """What a file says; a line that a killed process left torn is none."""
    found = []
    for line in data.split(b"\n"):
        try:
            found.append(msgspec.json.decode(line, type=Appended))
        except msgspec.MsgspecError:
            continue
    return found
