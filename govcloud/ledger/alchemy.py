"""Making the ledger's tables, by way of SQLAlchemy and Alembic; everything else goes without them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError

from . import schema


def migrate(url: str, head: str) -> None:
    """Bring a database's tables to the shape that ``head`` names; one process at a time.

    A new database is made in the newest shape at once; Alembic is for one that has an older.
    Raises ``GovcloudError``.
    """
    with _begin(url) as connection:
        # With the lock in hand: another first command may have come before.
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
        command.upgrade(config, head)


@contextmanager
def _begin(url: str) -> Iterator[sqlalchemy.Connection]:
    """A transaction that has the write lock of the ledger."""
    engine = _sqlite(url) if url.startswith("sqlite:") else _postgres(url)
    try:
        with engine.begin() as connection:
            yield connection
    except DatabaseError as error:
        import sqlite3

        if isinstance(error.orig, sqlite3.Error):
            from .sqlite import told

            raise told(error.orig) from error
        import psycopg

        from . import postgres

        assert isinstance(error.orig, psycopg.Error)
        raise postgres.told(error.orig) from error
    finally:
        engine.dispose()


def _sqlite(url: str) -> sqlalchemy.Engine:
    from . import connection as shared

    engine = create_engine(url, connect_args={"timeout": shared.PATIENCE})

    # Left to itself the driver begins a transaction only at the first row that is written.
    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgres(url: str) -> sqlalchemy.Engine:
    from . import postgres

    def connect() -> Any:
        made = postgres.connect(postgres.parameters(url))
        made.autocommit = False
        return made

    # The URL stays outside of SQLAlchemy: nothing of it can show in an error of the engine.
    engine = create_engine("postgresql+psycopg://", creator=connect)

    @event.listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql(postgres.LOCK)

    return engine
