"""PostgreSQL, by psycopg: a database, or a schema of one, for each environment.

Many machines may share it. A writer queues for one advisory lock before it reads anything, so that
two never interleave; a reader sees one state of the whole from its first question on.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import conninfo, errors
from psycopg.types.string import StrDumper

from ..errors import ConflictError, GovcloudError, InputError, Problem
from ..workspace import SETTINGS
from . import connection as shared
from .connection import Connection, NoTables, Row, Values
from .patience import Unreachable
from .pgstatements import at_once, translated

FORM = "postgresql://USER@HOST:PORT/DATABASE?OPTIONS"
ESCAPED = "signs such as / @ : ? % are written %2F %40 %3A %3F %25 in its parts; docs/ledger.md has examples"
# From so many rows on, COPY and arrays are quicker than a statement for each.
BULK = 20
# A server that does not answer is noticed in half a minute, by us and by the lock that it holds for us.
# A URL may say otherwise (libpq's own names).
DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "govcloud",
}
SESSION = (
    "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; "
    "SET lock_timeout = {patience}"
)
READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED"
# Advisory locks are a database's own; the schema tells ledgers in one database from each other.
LOCK = "SELECT pg_advisory_xact_lock(1735355235, hashtext(coalesce(current_schema(), '')))"
GONE = "the ledger's server went away"
LOOK = "try again; `govcloud runs list` shows what the ledger has"
DOCS = "docs/ledger.md shows how to make the database and its role"
UNREACHED = "see that it runs and that `ledger:` in govcloud.yaml says where; then try again"

# Seconds that a server gets to come up, as after the crash of one of its processes.
STARTING = 10
AWAKENING = re.compile(
    "the database system is (starting up|in recovery|not yet accepting)|数据库系统(正在)?启动|恢复模式"
    # The backend that took us in was ended with the crash of another one.
    "|server closed the connection unexpectedly"
)
# What a server says when it refuses a connection, in English or Chinese.
REFUSALS = (
    (
        r'database ".*" does not exist|数据库 .* 不存在',
        "the ledger's database is not there",
        f"an administrator of the server makes it with createdb; {DOCS}",
    ),
    (
        r"password|authentication|pg_hba|role .* (does not exist|is not permitted)|认证|口令|角色 .* 不存在",
        "the ledger's server did not let us in",
        "the password comes from $NAME in the URL, PGPASSWORD or ~/.pgpass; the role is the URL's user",
    ),
    (
        r"too many (clients|connections)|remaining connection slots|连接(太多|过多)",
        "the ledger's server has no connection left",
        "try again; `max_connections` of the server says how many it takes",
    ),
)
SENTENCES: tuple[tuple[type[psycopg.Error] | tuple[type[psycopg.Error], ...], str, str], ...] = (
    (
        (errors.DiskFull, errors.OutOfMemory, errors.ConfigurationLimitExceeded),
        "the ledger's server has no room left; nothing of this was written",
        "make room on the server, then try again",
    ),
    (
        errors.ReadOnlySqlTransaction,
        "the ledger's server takes no writes: it is a standby, or set to read only",
        "name the primary in `ledger:`; several hosts with target_session_attrs=read-write find it",
    ),
    (errors.InsufficientPrivilege, "the role may not do this in the ledger's database", DOCS),
    (
        errors.InvalidSchemaName,
        "the schema that the URL's search_path names is not there",
        f"make it with CREATE SCHEMA; {DOCS}",
    ),
)


def parameters(url: str) -> dict[str, str]:
    """libpq's parameters of a URL, its password (``$NAME``) taken from the environment.

    Raises ``InputError`` for a URL that libpq cannot read, for a password in plain words, and for a
    variable that is not set. None of them shows a password.
    """
    unreadable = _wrong(f"this is no PostgreSQL URL; it looks like {FORM}", hint=ESCAPED)
    try:
        found = conninfo.conninfo_to_dict(re.sub(r"^postgresql\+psycopg:", "postgresql:", url))
    except psycopg.Error:
        # libpq's words quote pieces of the URL, and a password may be among them.
        raise unreadable from None
    named = {key: str(value) for key, value in found.items() if value is not None}
    # A password with a slash in it is taken for a port, and what follows for a database.
    if "@" in named.get("dbname", "") or not re.fullmatch(r"[\d,]*", named.get("port", "")):
        raise unreadable
    for key in ("password", "sslpassword"):
        if key in named:
            named[key] = _secret(named[key])
    return DEFAULTS | named


def _secret(text: str) -> str:
    name = re.fullmatch(r"\$\{?([A-Za-z_]\w*)\}?", text)
    if name is None:
        raise _wrong(
            "a password stands in the URL in plain words, and this file is read by many",
            hint="put $NAME in its place and the password into that environment variable, "
            "or leave it out: ~/.pgpass, PGPASSWORD and a service file work as with psql",
        )
    try:
        return os.environ[name[1]]
    except KeyError:
        raise _wrong(
            f"the password is to come from ${name[1]}, which is not set",
            hint="set it, or leave the password out of the URL and use ~/.pgpass",
        ) from None


def _wrong(what: str, *, hint: str) -> InputError:
    return InputError([Problem(f"ledger: {what}", SETTINGS)], hint=hint)


class _Connection(Connection):
    arrays = True

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def clock(self) -> float:
        # The server's: machines that share it need not agree on the time of day.
        return float(self.scalar("SELECT extract(epoch FROM clock_timestamp())"))

    def rows(self, statement: str, /, **values: Any) -> list[Row]:
        return self._connection.execute(translated(statement), values).fetchall()

    def run(self, statement: str, /, **values: Any) -> None:
        self._connection.execute(translated(statement), values)

    def run_many(self, statement: str, values: Sequence[Values]) -> None:
        whole = at_once(statement, values) if len(values) >= BULK else None
        if whole:
            self._connection.execute(*whole)
        elif values:
            with self._connection.cursor() as cursor:
                cursor.executemany(translated(statement), values)

    def insert(self, table: str, rows: Iterable[Values]) -> None:
        found = list(rows)
        if len(found) < BULK:
            super().insert(table, found)
            return
        columns = list(found[0])
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
        ):
            for row in found:
                copy.write_row([row[column] for column in columns])


class Postgres:
    """A ledger on a PostgreSQL server; connections are kept, and lent to one transaction at a time.

    Raises ``InputError`` where the URL cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._parameters = parameters(url)
        self._idle: list[psycopg.Connection[Row]] = []

    @contextmanager
    def begin(self, *, writing: bool) -> Iterator[Connection]:
        """A transaction. A reader waits for nobody; a writer has the lock before it reads anything."""
        try:
            connection = self._begun(writing)
            try:
                yield _Connection(connection)
                self._commit(connection)
            except BaseException:
                # Closing takes back what was begun, whatever state a failure has left it in.
                connection.close()
                raise
        except psycopg.Error as error:
            raise told(error) from error
        self._idle.append(connection)

    def _begun(self, writing: bool) -> psycopg.Connection[Row]:
        """A connection with a transaction begun. One that died while nobody used it is replaced."""
        end = time.monotonic() + STARTING
        while True:
            connection = self._idle.pop() if self._idle else self.connect()
            try:
                return _start(connection, writing)
            except psycopg.Error as error:
                # Nothing has begun, so nothing is lost with it.
                if not gone(error) or time.monotonic() > end:
                    raise

    def _commit(self, connection: psycopg.Connection[Row]) -> None:
        try:
            answer = connection.execute("COMMIT", prepare=False).statusmessage
        except psycopg.Error as error:
            if not gone(error):
                raise
            # It may have got there, and only the answer was lost.
            raise GovcloudError(
                f"{GONE} at the end of writing; whether this step was written is not known",
                hint="`govcloud runs list` shows what the ledger has; every step may be repeated",
            ) from error
        if answer != "COMMIT":
            raise GovcloudError("the ledger took nothing: a statement before had failed")

    def connect(self) -> psycopg.Connection[Row]:
        """A new connection, each statement its own transaction. Raises ``GovcloudError``."""
        return connect(self._parameters)

    def close(self) -> None:
        """Close what is not lent."""
        while self._idle:
            self._idle.pop().close()


def connect(known: Mapping[str, str]) -> psycopg.Connection[Row]:
    """A new connection by libpq's parameters, each statement its own transaction.

    A server that is just starting is waited for. Raises ``GovcloudError``.
    """
    text = conninfo.make_conninfo(**known, client_encoding="UTF8")
    session = SESSION.format(patience=int(shared.PATIENCE * 1000))
    end = time.monotonic() + STARTING
    made = None
    while made is None:
        try:
            made = psycopg.connect(text, autocommit=True)
            made.execute(session, prepare=False)
        except psycopg.Error as error:
            # One that let us in and then went away is about to start over.
            passing = AWAKENING.search(str(error)) or (made is not None and gone(error))
            if not passing or time.monotonic() > end:
                raise _refused(error) from error
            made = None
            time.sleep(0.2)
    encoding = made.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        made.close()
        raise GovcloudError(f"the ledger's database keeps its texts as {encoding}, not as UTF8", hint=DOCS)
    # Without a type the server would guess one, and guess two for a value that is used twice.
    made.adapters.register_dumper(str, StrDumper)
    return made


def _start(connection: psycopg.Connection[Row], writing: bool) -> psycopg.Connection[Row]:
    try:
        if writing:
            connection.execute(f"{WRITE}; {LOCK}", prepare=False)
        else:
            connection.execute(READ, prepare=False)
    except BaseException:
        connection.close()
        raise
    return connection


def gone(error: psycopg.Error) -> bool:
    """Whether the server or the way to it was lost: no answer, or its farewell (class 57P)."""
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        return True
    return (error.sqlstate or "").startswith("57P")


def told(error: psycopg.Error) -> GovcloudError:
    """What PostgreSQL says inside a transaction, as a sentence and what to do about it."""
    words = error.diag.message_primary or str(error).strip().partition("\n")[0]
    if gone(error):
        return Unreachable(f"{GONE}; nothing of this was written ({words})", hint=LOOK)
    for kind, sentence, hint in SENTENCES:
        if isinstance(error, kind):
            return GovcloudError(f"{sentence}: {words}", hint=hint)
    if isinstance(error, errors.LockNotAvailable):
        return shared.busy()
    if isinstance(error, (errors.SerializationFailure, errors.DeadlockDetected)):
        return ConflictError(
            f"somebody else wrote to the ledger at the same time; nothing of this was written ({words})",
            hint=shared.WHO,
        )
    if isinstance(error, errors.UndefinedTable):
        return NoTables(f"the ledger cannot be used: {words}")
    return GovcloudError(f"the ledger cannot be used: {words}")


def _refused(error: psycopg.Error) -> GovcloudError:
    """Why there is no connection. libpq tells it in words alone; the server may say them in Chinese."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and line[0] != "\t"]
    words = "; ".join(lines).removeprefix("connection failed: ").removeprefix("connection is bad: ")
    for pattern, sentence, hint in REFUSALS:
        if re.search(pattern, words):
            return GovcloudError(f"{sentence}: {words}", hint=hint)
    return Unreachable(f"the ledger's server cannot be reached: {words}", hint=UNREACHED)
