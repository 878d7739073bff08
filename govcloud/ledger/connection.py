"""What the ledger's functions need of a database: statements as text, answers as plain tuples.

SQLAlchemy is not among it: importing it takes longer than any reading command may (design.md), so
SQLite is spoken to by Python's own module (``sqlite``), PostgreSQL by psycopg (``postgres``), and only
the tables are made by way of SQLAlchemy (``alchemy``). Statements say ``:name`` for each value and only
what SQLite and PostgreSQL both know.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import ConflictError, GovcloudError

if TYPE_CHECKING:
    from .audit import Appended

# Seconds that a writer waits for another to finish.
PATIENCE: float = 15
WHO = "try again; `govcloud runs list` shows who is at work"

# Linux has one that goes on while the machine sleeps.
CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Row = tuple[Any, ...]
Values = Mapping[str, Any]


class NoTables(GovcloudError):
    """The database is there, and the ledger's tables are not."""


def busy() -> ConflictError:
    """Another writer holds the ledger for longer than anybody waits."""
    return ConflictError("somebody else is writing to the ledger and did not finish in time", hint=WHO)


class Connection(ABC):
    """One transaction."""

    # Whether a value may be a list, for ``= ANY(:name)``.
    arrays = False
    # The rows that it has added to the audit trail.
    audited: Appended | None = None
    # Asked once, before the first of them: what the trail's first row and what all rows say of their writer.
    introduces: Callable[[Connection, str], tuple[dict[str, Any], dict[str, Any]]] | None = None
    mark: Mapping[str, Any] = {}

    def clock(self) -> float:
        """Seconds on the one clock that all who use this database share; only differences mean anything.

        For a file this machine's: locks on files need that all be on it. The time of day is set by people
        and by servers; this clock runs on by itself, while the machine sleeps, too.
        """
        return time.clock_gettime(CLOCK)

    @abstractmethod
    def rows(self, statement: str, /, **values: Any) -> list[Row]:
        """Every row of the answer."""

    @abstractmethod
    def run(self, statement: str, /, **values: Any) -> None:
        """Carry out a statement that has no answer."""

    @abstractmethod
    def run_many(self, statement: str, values: Sequence[Values]) -> None:
        """Carry out a statement once for each of ``values``: a few µs each."""

    def row(self, statement: str, /, **values: Any) -> Row | None:
        """The first row, or None."""
        found = self.rows(statement, **values)
        return found[0] if found else None

    def scalar(self, statement: str, /, **values: Any) -> Any:
        """The first value of the first row, or None."""
        found = self.row(statement, **values)
        return found[0] if found else None

    def insert(self, table: str, rows: Iterable[Values]) -> None:
        """Add rows, given by column."""
        found = list(rows)
        if found:
            self.run_many(_insert(table, found[0]), found)

    def replace(self, table: str, key: Sequence[str], rows: Iterable[Values]) -> None:
        """Add rows; one that has the same key is overwritten."""
        found = list(rows)
        if found:
            news = ", ".join(f"{c} = excluded.{c}" for c in found[0] if c not in key)
            clause = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {news}"
            self.run_many(f"{_insert(table, found[0])} {clause}", found)


def _insert(table: str, row: Values) -> str:
    names = ", ".join(f":{column}" for column in row)
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({names})"


def matching(*conditions: str, **values: Any) -> tuple[str, dict[str, Any]]:
    """A ``WHERE`` clause (or none) for the conditions and the columns whose value is given; the values."""
    given = {column: value for column, value in values.items() if value is not None}
    found = [*conditions, *(f"{column} = :{column}" for column in given)]
    return (f" WHERE {' AND '.join(found)}" if found else ""), given


class Database(Protocol):
    """Where transactions come from. Safe between threads."""

    def begin(self, *, writing: bool) -> AbstractContextManager[Connection]:
        """A transaction; one that writes takes the write lock at once and commits at the end.

        Raises ``GovcloudError`` where the database cannot be used, ``ConflictError`` where somebody
        else holds it for too long.
        """
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


class _Nothing(Connection):
    def rows(self, statement: str, /, **values: Any) -> list[Row]:
        return []

    def run(self, statement: str, /, **values: Any) -> None:
        raise AssertionError("a ledger that is not there cannot be written")

    def run_many(self, statement: str, values: Sequence[Values]) -> None:
        raise AssertionError("a ledger that is not there cannot be written")


class NoDatabase:
    """A ledger that is not there yet: every question has the answer that empty tables give."""

    def begin(self, *, writing: bool) -> AbstractContextManager[Connection]:
        """Nothing to begin."""
        from contextlib import nullcontext

        return nullcontext(_Nothing())

    def close(self) -> None:
        """Nothing is held."""
