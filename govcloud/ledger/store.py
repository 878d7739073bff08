"""Opening the ledger, its transactions, and what it is bound to.

SQLite (WAL) or PostgreSQL, by URL. Every write is one transaction that takes the write lock at its
start, so two writers never interleave: the second waits, and a kill leaves nothing half done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import GovcloudError, InputError, Problem
from ..files import make_private
from ..workspace import SETTINGS
from .connection import Connection, Database, NoDatabase, NoTables

if TYPE_CHECKING:
    from ..workspace import Workspace
    from .heads import Outside
    from .patience import Patience

SCHEMA_HEAD = "0004"
SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://", "postgresql+psycopg://")
# What an environment is bound to at init; another value is refused.
BOUND = ("environment", "layers", "state")
# Where it is "yes" every plan needs signatures, for good: a workspace says it, and none unsays it.
PRODUCTION = "production"


class Ledger:
    """One environment's ledger. Use ``read`` and ``write`` for connections."""

    def __init__(
        self, database: Database, anchor: Path, anchors: Sequence[Path] = (), audit_key: str = ""
    ) -> None:
        self._database = database
        # The file outside the database that holds the signed heads of the audit chain; folders that hold
        # copies of it; the key that signs, where the workspace names one.
        self.anchor, self.anchors, self.audit_key = anchor, tuple(anchors), audit_key
        self._outside: Outside | None = None
        # Set while a run goes on: it waits for a server that is away.
        self.patience: Patience | None = None

    @property
    def is_there(self) -> bool:
        """Whether anything was kept yet; what is not there answers as if empty, and is not written."""
        return not isinstance(self._database, NoDatabase)

    @property
    def outside(self) -> Outside:
        """What of the audit chain is outside of the database."""
        if self._outside is None:
            from .heads import Outside

            self._outside = Outside(self.anchor, self.anchors, self.audit_key)
        return self._outside

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state."""
        with self._begun(writing=False) as connection:
            yield connection

    @contextmanager
    def write(self, fence: tuple[str, int] | None = None) -> Iterator[Connection]:
        """A transaction, committed at the end. ``fence`` = (lease, token) is checked first.

        Where it added to the audit chain, the new head is signed and written outside the database.
        Raises ``ConflictError`` when the token is no longer the lease's.
        """
        with self._begun(writing=True) as connection:
            if fence is not None:
                from . import leases

                leases.check(connection, *fence)
            connection.introduces = self._introduce
            yield connection
            if connection.audited is not None:
                from . import heads

                heads.remember(connection, self.outside)
                earlier = heads.announce(self.outside, connection.audited)
        if connection.audited is not None:
            heads.keep(self.outside, self.read, connection.audited, self.write, earlier)

    @contextmanager
    def _begun(self, *, writing: bool) -> Iterator[Connection]:
        patience = self.patience
        if patience is None:
            with self._database.begin(writing=writing) as connection:
                yield connection
            return
        from .patience import Unreachable

        since = time.monotonic()
        with ExitStack() as stack:
            while True:
                try:
                    connection = stack.enter_context(self._database.begin(writing=writing))
                    break
                except Unreachable as error:
                    if not patience.again(since, error):
                        raise
            patience.well()
            yield connection

    def _introduce(self, connection: Connection, actor: str) -> tuple[dict[str, Any], dict[str, Any]]:
        from . import writers

        return writers.introduce(connection, self.outside, actor)

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()


def open_ledger(workspace: Workspace, *, create: bool = False) -> Ledger:
    """Open the workspace's ledger.

    ``create`` makes it where it is missing and binds it to the environment, the layers and the
    state URL. Without it a missing ledger is empty: reading commands work before the first apply.
    Raises ``InputError`` where the workspace says another environment or other layers than the
    ledger is bound to.
    """
    anchor = workspace.private / "audit-heads.jsonl"
    outside = [workspace.root / Path(a).expanduser() for a in workspace.settings.anchors]
    database = _database(workspace, create)
    ledger = Ledger(database, anchor, outside, workspace.settings.audit_key)
    version = _version(ledger)
    if version is None and not create:
        database.close()
        return Ledger(NoDatabase(), anchor, outside, workspace.settings.audit_key)
    if version is not None and version > SCHEMA_HEAD:
        raise GovcloudError(
            f"the ledger was written by a newer release: its tables are of version {version}, "
            f"this one knows {SCHEMA_HEAD}",
            hint="use that release, or the newest",
        )
    if version != SCHEMA_HEAD:
        from .alchemy import migrate

        migrate(workspace.ledger_url, SCHEMA_HEAD)
    _bind(ledger, workspace)
    _derive(ledger)
    return ledger


def _database(workspace: Workspace, create: bool) -> Database:
    """What the workspace's URL names; nothing, where it is a file that is not to be made."""
    url = workspace.ledger_url
    if url.startswith(SQLITE):
        path = Path(url.removeprefix(SQLITE))
        if not path.exists():
            if not create:
                return NoDatabase()
            workspace.prepare()
            make_private(path)
        from .sqlite import SQLite

        return SQLite(str(path))
    if url.startswith(POSTGRES):
        if create:
            workspace.prepare()
        from .postgres import Postgres

        return Postgres(url)
    # Up to the first colon there is no password.
    raise InputError(
        [Problem(f"ledger: {url.partition(':')[0]!r} is no database that we know", SETTINGS)],
        hint=f"{SQLITE}PATH or {POSTGRES[0]}USER@HOST:PORT/DATABASE; docs/ledger.md tells how to choose",
    )


def _version(ledger: Ledger) -> str | None:
    """Which shape the tables have; None where there are none yet."""
    try:
        with ledger.read() as connection:
            version: str | None = connection.scalar("SELECT version_num FROM alembic_version")
            return version
    except NoTables:
        return None


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
                connection.insert("setting", [{"key": k, "value": v} for k, v in wanted.items()])
                bound = wanted
    problems = [
        Problem(f"the ledger is bound to {key} {bound[key]!r}, this workspace says {wanted[key]!r}")
        for key in BOUND
        if bound.get(key) != wanted[key]
    ]
    if problems:
        raise InputError(problems, hint="another environment needs a ledger of its own: `govcloud init`")
    _bind_production(ledger, workspace.settings.production, bound)


def _bind_production(ledger: Ledger, production: bool, bound: dict[str, str]) -> None:
    """Raises ``InputError`` where a workspace would take back that the environment is in production."""
    known = bound.get(PRODUCTION) == "yes"
    if known and not production:
        raise InputError(
            [Problem("the ledger is one of production, and this workspace does not say so", SETTINGS)],
            hint="write `production: true`: every plan needs signatures here, whoever feeds the ledger",
        )
    if production and not known:
        from . import audit

        with ledger.write() as connection:
            keep_setting(connection, PRODUCTION, "yes")
            audit.append(connection, SETTINGS, "production", {PRODUCTION: "yes"})


def _derive(ledger: Ledger) -> None:
    """Make the derived tables anew where another release of the program made them."""
    from . import marks

    with ledger.read() as connection:
        fresh = marks.up_to_date(settings(connection))
    if not fresh:
        with ledger.write() as connection:
            marks.rebuild(connection)


def settings(connection: Connection) -> dict[str, str]:
    """What the ledger is bound to, by key."""
    return dict(connection.rows("SELECT key, value FROM setting"))


def keep_setting(connection: Connection, key: str, value: str) -> None:
    """Write down one setting, in the caller's transaction."""
    connection.replace("setting", ["key"], [{"key": key, "value": value}])
