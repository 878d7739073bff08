"""Opening the ledger, its transactions, and what it is bound to.

SQLite (WAL) or PostgreSQL by URL. Every write is one transaction that takes the write lock at
its start, so two writers never interleave: the second waits, and a kill leaves nothing half done.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.exc import DatabaseError, OperationalError

from ..errors import ConflictError, GovcloudError, InputError, Problem
from . import schema

if TYPE_CHECKING:
    from ..workspace import Workspace

SCHEMA_HEAD = "0001"
# What an environment is bound to at init; another value is refused.
BOUND = ("environment", "layers", "state")


class Ledger:
    """One environment's ledger. Use ``read`` and ``write`` for connections."""

    def __init__(self, engine: Engine, anchor: Path) -> None:
        self.engine = engine
        # The file outside the database that holds the head of the audit chain.
        self.anchor = anchor

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state."""
        with self._told(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, fence: tuple[str, int] | None = None) -> Iterator[Connection]:
        """A transaction, committed at the end. ``fence`` = (lease, token) is checked first.

        Raises ``ConflictError`` when the token is no longer the lease's.
        """
        with (
            self._told(),
            self.engine.execution_options(begin="IMMEDIATE").begin() as connection,
        ):
            if fence is not None:
                from . import leases

                leases.check(connection, *fence)
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the database's errors into sentences."""
        try:
            yield
        except OperationalError as error:
            words = str(error.orig)
            if "locked" in words:
                raise ConflictError(
                    "somebody else is writing to the ledger and did not finish in time",
                    hint="try again; `govcloud runs list` shows who is at work",
                ) from error
            raise GovcloudError(f"the ledger cannot be used: {words}") from error
        except DatabaseError as error:
            raise GovcloudError(f"the ledger cannot be used: {error.orig}") from error

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        # The driver must not open transactions on its own: "begin" below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA busy_timeout=15000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A reader needs no write lock; a writer takes it at once rather than half-way through.
        mode = connection.get_execution_options().get("begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        engine = create_engine(url)
        _prepare_sqlite(engine)
        return engine
    return create_engine(url, pool_pre_ping=True)


def open_ledger(workspace: Workspace, *, create: bool = False) -> Ledger:
    """Open the workspace's ledger.

    ``create`` makes it where it is missing and binds it to the environment, the layers and the
    state URL. Without it a missing ledger is empty: reading commands work before the first apply.
    Raises ``InputError`` where the workspace says another environment or other layers than the
    ledger is bound to.
    """
    url = workspace.ledger_url
    anchor = workspace.private / "audit-head.json"
    missing = url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists()
    if missing and not create:
        ledger = Ledger(_engine("sqlite://"), anchor)
        schema.metadata.create_all(ledger.engine)
        return ledger
    if missing:
        workspace.prepare()
        os.close(os.open(url.removeprefix("sqlite:///"), os.O_CREAT | os.O_WRONLY, 0o600))
    ledger = Ledger(_engine(url), anchor)
    _migrate(ledger)
    _bind(ledger, workspace)
    return ledger


def _migrate(ledger: Ledger) -> None:
    """Bring the schema to its head. Alembic is loaded only when there is something to do."""
    with ledger.read() as connection:
        version = None
        if inspect(connection).has_table("alembic_version"):
            version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version == SCHEMA_HEAD:
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with ledger.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _bind(ledger: Ledger, workspace: Workspace) -> None:
    wanted = {
        "environment": workspace.environment,
        "layers": ",".join(workspace.settings.layers),
        "state": workspace.settings.state,
    }
    with ledger.read() as connection:
        bound = settings(connection)
    if not bound:
        with ledger.write() as connection:
            # Read again with the lock in hand: another first command may have come before.
            bound = settings(connection)
            if not bound:
                rows = [{"key": k, "value": v} for k, v in wanted.items()]
                connection.execute(insert(schema.setting), rows)
                return
    problems = [
        Problem(f"the ledger is bound to {key} {bound[key]!r}, this workspace says {wanted[key]!r}")
        for key in BOUND
        if bound.get(key) != wanted[key]
    ]
    if problems:
        raise InputError(problems, hint="another environment needs a ledger of its own: `govcloud init`")


def settings(connection: Connection) -> dict[str, str]:
    """What the ledger is bound to, by key."""
    rows = connection.execute(select(schema.setting.c.key, schema.setting.c.value))
    return {row.key: row.value for row in rows}
