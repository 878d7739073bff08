"""Databases by way of SQLAlchemy: PostgreSQL at work, and any of them when tables are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError

from ..errors import GovcloudError
from . import schema
from .connection import Connection, Row, Values


class _Connection(Connection):
    def __init__(self, connection: sqlalchemy.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, /, **values: Any) -> list[Row]:
        return [tuple(row) for row in self._connection.execute(text(statement), values)]

    def run(self, statement: str, /, **values: Any) -> None:
        self._connection.execute(text(statement), values)

    def run_many(self, statement: str, values: Sequence[Values]) -> None:
        if values:
            self._connection.execute(text(statement), values)


class Alchemy:
    """A database that SQLAlchemy has a dialect for."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, pool_pre_ping=True)
        if self._engine.dialect.name == "sqlite":
            _take_the_lock_first(self._engine)

    @contextmanager
    def begin(self, *, writing: bool) -> Iterator[Connection]:
        """A transaction."""
        with self._begin() as connection:
            yield _Connection(connection)

    @contextmanager
    def _begin(self) -> Iterator[sqlalchemy.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DatabaseError as error:
            raise GovcloudError(f"the ledger cannot be used: {error.orig}") from error

    def migrate(self, head: str) -> None:
        """Bring the tables to the shape that ``head`` names.

        A new database is made in the newest shape at once; Alembic is for one that has an older.
        """
        with self._begin() as connection:
            if not inspect(connection).has_table("alembic_version"):
                schema.metadata.create_all(connection)
                connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
                connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
                return
            from alembic import command
            from alembic.config import Config

            config = Config()
            config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def _take_the_lock_first(engine: sqlalchemy.Engine) -> None:
    """Without this the driver begins a transaction only at the first row that is written."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
