"""SQLite, by Python's own module."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import ConflictError, GovcloudError
from .connection import Connection, Row, Values

# Seconds that a writer waits for another to finish.
PATIENCE = 15
PRAGMAS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL")


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
            self._idle.append(connection)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise ConflictError(
                    "somebody else is writing to the ledger and did not finish in time",
                    hint="try again; `govcloud runs list` shows who is at work",
                ) from error
            raise GovcloudError(f"the ledger cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise GovcloudError(f"the ledger cannot be used: {error}") from error

    def _lent(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        for pragma in PRAGMAS:
            connection.execute(pragma)
        return connection

    def close(self) -> None:
        """Close what is not lent."""
        while self._idle:
            self._idle.pop().close()
