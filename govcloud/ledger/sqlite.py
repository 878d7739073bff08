"""SQLite, by Python's own module."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import GovcloudError
from . import connection as shared
from .connection import Connection, NoTables, Row, Values

PRAGMAS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL")
# SQLite's own codes for what goes wrong outside of it: a sentence, and what to do about it.
DAMAGED = (
    "put a copy of the ledger in its place; `govcloud audit verify` then tells what the copy lacks, and "
    "`govcloud drift` what was built since"
)
SENTENCES = {
    sqlite3.SQLITE_FULL: (
        "the disk is full; nothing of this was written to the ledger",
        "make room, then try again; a run that was stopped by it goes on with `govcloud runs resume`",
    ),
    sqlite3.SQLITE_READONLY: (
        "the ledger may only be read here; nothing of this was written",
        "see who owns the file and its folder, and whether the file system is mounted read-only",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the ledger's file cannot be opened",
        "see that its folder is there, and that you may write to it: SQLite keeps two files beside it",
    ),
    sqlite3.SQLITE_IOERR: (
        "the disk failed; nothing of this was written to the ledger",
        "see that the disk has room and is sound, then try again",
    ),
}


class _Connection(Connection):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, /, **values: Any) -> list[Row]:
        return self._connection.execute(statement, values).fetchall()

    def run(self, statement: str, /, **values: Any) -> None:
        self._connection.execute(statement, values)

    def run_many(self, statement: str, values: Sequence[Values]) -> None:
        self._connection.executemany(statement, values)


class SQLite:
    """A database file; connections are kept, and lent to one transaction at a time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []

    @contextmanager
    def begin(self, *, writing: bool) -> Iterator[Connection]:
        """A transaction. A reader needs no write lock; a writer takes it before it reads anything."""
        try:
            connection = self._lent()
            try:
                connection.execute("BEGIN IMMEDIATE" if writing else "BEGIN DEFERRED")
                yield _Connection(connection)
                connection.execute("COMMIT")
            except BaseException:
                # Closing takes back what was begun, whatever state a failure has left it in.
                connection.close()
                raise
        except sqlite3.DatabaseError as error:
            raise told(error) from error
        self._idle.append(connection)

    def _lent(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=shared.PATIENCE, isolation_level=None, check_same_thread=False
        )
        for pragma in PRAGMAS:
            connection.execute(pragma)
        return connection

    def close(self) -> None:
        """Close what is not lent."""
        while self._idle:
            self._idle.pop().close()


def told(error: sqlite3.Error) -> GovcloudError:
    """What SQLite says, as a sentence and what to do about it."""
    exact = getattr(error, "sqlite_errorcode", 0)
    # The lower byte is the kind of trouble; no room for the file that readers share is one of its own.
    code = sqlite3.SQLITE_FULL if exact == sqlite3.SQLITE_IOERR_SHMSIZE else exact & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return shared.busy()
    if code in SENTENCES:
        sentence, hint = SENTENCES[code]
        return GovcloudError(f"{sentence} ({error})", hint=hint)
    kind = NoTables if "no such table" in str(error) else GovcloudError
    hint = DAMAGED if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) else ""
    return kind(f"the ledger cannot be used: {error}", hint=hint)
