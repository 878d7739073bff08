"""The driver of a store: objects are rows of one SQLite file.

For benchmarks and tests of everything above the drivers: the rules are those of a real target
(identity, adoption, clashes, fences, references that must exist), the objects cost nothing, and
``delay_ms`` makes each call take as long as a real one.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...files import make_private
from ...model.resources import TYPES, Identity, RealObject, ResourceType, foreign, object_uid
from . import DriverError, ForeignObject, IdentityClash, StaleFence
from .storelogin import log_in

_SCHEMA = """
create table if not exists object (
  environment text not null,
  uid text not null,
  incarnation integer not null,
  type text not null,
  properties text not null,
  birth text not null,
  primary key (environment, uid, incarnation)
) without rowid;
create table if not exists fence (environment text primary key, token integer not null) without rowid;
"""
# The properties that refer to objects, each with an index: who stands on what is asked at every deletion.
_USED = {
    p.name: f"json_extract(properties, '$.{p.name}')"
    for kind in TYPES.values()
    for p in kind.properties
    if p.reference
}
_SCHEMA += "".join(
    f"create index if not exists used_as_{name} on object ({used}) where {used} is not null;\n"
    for name, used in _USED.items()
)


# The file of a target that names none, relative to the workspace.
DEFAULT_PATH = ".govcloud/store.db"
# The environment of objects that carry no identity; no environment is called so.
NOBODY = ""


class StoreDriver:
    """The verbs over rows. Safe between threads and between processes.

    A row of the environment '' carries nobody's identity: its uid and incarnation are the store's own id.

    ``target``: ``path`` of the file, relative to the workspace (``.govcloud/store.db``), and
    ``delay_ms``, how long each call takes at least, and ``quota``, the most objects that it holds.
    """

    def __init__(
        self, environment: str, workspace: str, target: dict[str, Any], credential: bytes | None = None
    ) -> None:
        self.environment = environment
        self.path = Path(workspace) / (target.get("path") or DEFAULT_PATH)
        self.delay = float(target.get("delay_ms") or 0) / 1000
        self.quota = int(target.get("quota") or 0)
        self._local = threading.local()
        self._writing = threading.Lock()
        self._prepare()
        if refused := log_in(self._connection(), credential):
            raise DriverError(f"the store {self.path} does not let us in: {refused}")

    def list(self, type: str | None = None) -> Iterable[RealObject]:
        """Every object of the environment and every one of nobody's, of one type if named.

        Raises ``DriverError``.
        """
        time.sleep(self.delay)
        where, values = "where environment in (?, ?)", [self.environment, NOBODY]
        if type is not None:
            where, values = f"{where} and type = ?", [*values, type]
        rows = self._connection().execute(
            "select type, uid, incarnation, properties, birth, environment from object "
            f"{where} order by environment, uid, incarnation",
            values,
        )
        return [self._object(*row) for row in rows]

    def read(self, type: str, identity: Identity) -> RealObject | None:
        """The object, or None. Raises ``DriverError``."""
        time.sleep(self.delay)
        found = self._find(self._connection(), identity)
        return found if found is not None and found.type == type else None

    def create(self, type: str, identity: Identity, properties: dict[str, Any], fence: int) -> RealObject:
        """Make or adopt. Raises ``IdentityClash``, ``StaleFence``, ``DriverError``."""
        time.sleep(self.delay)
        kind = _kind(type)
        wanted = _checked(kind, properties)
        with self._change(fence) as connection:
            found = self._find(connection, identity)
            if found is not None:
                self._refuse_clash(kind, identity, found, wanted)
            else:
                self._refuse_foreign(connection, kind, identity, wanted)
                self._check_references(connection, kind, identity, wanted)
                self._check_quota(connection)
                birth = os.urandom(8).hex()
                connection.execute(
                    "insert into object values (?, ?, ?, ?, ?, ?)",
                    (*_key(identity), type, json.dumps(wanted), birth),
                )
                return RealObject(type=type, identity=identity, properties=wanted, birth=birth)
            return self._write(connection, identity, found, wanted)

    def update(self, type: str, identity: Identity, properties: dict[str, Any], fence: int) -> RealObject:
        """Change in place. Raises ``DriverError`` when it is gone, ``StaleFence``, ``IdentityClash``."""
        time.sleep(self.delay)
        kind = _kind(type)
        wanted = _checked(kind, properties)
        with self._change(fence) as connection:
            found = self._find(connection, identity)
            if found is None or found.type != type:
                raise DriverError(f"{type.lower()} {identity.object_id} is not there")
            self._refuse_clash(kind, identity, found, wanted)
            return self._write(connection, identity, found, wanted)

    def delete(self, type: str, identity: Identity, fence: int) -> None:
        """Remove; nothing there is success. Raises ``StaleFence``, ``DriverError`` where it is in use."""
        time.sleep(self.delay)
        with self._change(fence) as connection:
            self._refuse_used(connection, type, identity)
            connection.execute(
                "delete from object where environment = ? and uid = ? and incarnation = ? and type = ?",
                (*_key(identity), type),
            )

    def adopt(
        self, type: str, handle: str, identity: Identity, properties: dict[str, Any], fence: int
    ) -> RealObject:
        """Write the identity on an object of nobody's. Raises as ``Driver.adopt`` does."""
        time.sleep(self.delay)
        kind = _kind(type)
        wanted = _checked(kind, properties)
        with self._change(fence) as connection:
            found = self._find(connection, identity)
            if found is not None:
                self._refuse_clash(kind, identity, found, wanted)
                return found
            loose = next((o for o in self._loose(connection, type) if o.handle == handle), None)
            if loose is None:
                raise DriverError(f"no {type.lower()} that is not managed is called {handle} in {self.path}")
            self._refuse_clash(kind, identity, loose, wanted)
            connection.execute(
                "update object set environment = ?, uid = ?, incarnation = ? "
                "where environment = ? and uid = ? and incarnation = ?",
                (*_key(identity), NOBODY, *object_uid(handle)),
            )
            self._refer(connection, handle, identity.object_id)
            loose.identity, loose.handle = identity, ""
            return loose

    def release(self, type: str, identity: Identity, fence: int) -> None:
        """Take the identity off; nothing there is success. Raises ``StaleFence``, ``DriverError``."""
        time.sleep(self.delay)
        with self._change(fence) as connection:
            found = self._find(connection, identity)
            if found is None or found.type != type:
                return
            # Its own id stays what it was, so whatever refers to it goes on doing so.
            connection.execute(
                "update object set environment = ? where environment = ? and uid = ? and incarnation = ?",
                (NOBODY, *_key(identity)),
            )

    def fence(self) -> int:
        """The newest token that was seen of the environment."""
        row = (
            self._connection()
            .execute("select token from fence where environment = ?", (self.environment,))
            .fetchone()
        )
        return int(row[0]) if row else 0

    # -- under them -------------------------------------------------------------------------------

    def _prepare(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made with its mode, so that it is never open to others, not even for a moment.
            make_private(self.path)
        except OSError as error:
            raise DriverError(f"the store {self.path} cannot be opened: {error.strerror}") from error
        self._connection().executescript(_SCHEMA)

    def _connection(self) -> sqlite3.Connection:
        """One connection for each thread, and a new one after a fork."""
        known: tuple[int, sqlite3.Connection] | None = getattr(self._local, "connection", None)
        if known is not None and known[0] == os.getpid():
            return known[1]
        try:
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
        except sqlite3.Error as error:
            raise DriverError(f"{self.path}: {error}") from error
        self._local.connection = (os.getpid(), connection)
        return connection

    @contextmanager
    def _change(self, fence: int) -> Iterator[sqlite3.Connection]:
        """One transaction that begins with the fence."""
        connection = self._connection()
        # Threads queue here; in SQLite they would try again every so often, and mostly sleep.
        with self._writing:
            yield from self._transaction(connection, fence)

    def _transaction(self, connection: sqlite3.Connection, fence: int) -> Iterator[sqlite3.Connection]:
        try:
            connection.execute("begin immediate")
        except sqlite3.Error as error:
            raise DriverError(f"{self.path}: {error}") from error
        try:
            row = connection.execute(
                "select token from fence where environment = ?", (self.environment,)
            ).fetchone()
            if row is not None and fence < row[0]:
                raise StaleFence(
                    f"the fencing token {fence} is older than {row[0]}: another run has taken over "
                    "(or this ledger is an older copy: `govcloud state check`)"
                )
            if row is None or fence > row[0]:
                connection.execute("insert or replace into fence values (?, ?)", (self.environment, fence))
            yield connection
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")

    def _object(
        self, type: str, uid: str, incarnation: int, properties: str, birth: str, environment: str
    ) -> RealObject:
        identity = Identity(environment, uid, incarnation)
        known = {"type": type, "properties": json.loads(properties), "birth": birth}
        if environment == NOBODY:
            return RealObject(identity=None, handle=identity.object_id, **known)
        return RealObject(identity=identity, **known)

    def _loose(self, connection: sqlite3.Connection, type: str) -> Sequence[RealObject]:
        """The objects of a type that carry nobody's identity."""
        rows = connection.execute(
            "select type, uid, incarnation, properties, birth, environment from object "
            "where environment = ? and type = ?",
            (NOBODY, type),
        )
        return [self._object(*row) for row in rows]

    def _refer(self, connection: sqlite3.Connection, former: str, now: str) -> None:
        """Let nobody's objects that refer to one by its former id do so by its new one."""
        for type, kind in TYPES.items():
            names = [p.name for p in kind.properties if p.reference]
            for one in self._loose(connection, type) if names else []:
                moved = {n: now for n in names if one.properties.get(n) == former}
                if moved:
                    connection.execute(
                        "update object set properties = ? "
                        "where environment = ? and uid = ? and incarnation = ?",
                        (json.dumps(one.properties | moved), NOBODY, *object_uid(one.handle)),
                    )

    def _find(self, connection: sqlite3.Connection, identity: Identity) -> RealObject | None:
        if identity.environment != self.environment:
            raise DriverError(
                f"{identity.object_id} belongs to environment {identity.environment!r}; "
                f"this store is of {self.environment!r}"
            )
        row = connection.execute(
            "select type, uid, incarnation, properties, birth, environment from object "
            "where environment = ? and uid = ? and incarnation = ?",
            _key(identity),
        ).fetchone()
        return self._object(*row) if row else None

    def _refuse_clash(
        self, kind: ResourceType, identity: Identity, found: RealObject, wanted: dict[str, Any]
    ) -> None:
        if found.type != kind.name:
            raise IdentityClash(
                f"{identity.object_id} is a {found.type} already: {found.properties}; "
                f"asked for a {kind.name}: {wanted}"
            )
        names = sorted(n for n in kind.immutable if found.properties.get(n) != wanted.get(n))
        if names:
            there = ", ".join(f"{n}={found.properties.get(n)!r}" for n in names)
            asked = ", ".join(f"{n}={wanted.get(n)!r}" for n in names)
            raise IdentityClash(
                f"{kind.name.lower()} {identity.object_id} is there already and differs where it "
                f"cannot change: there {there}; asked for {asked}"
            )

    def _refuse_foreign(
        self, connection: sqlite3.Connection, kind: ResourceType, identity: Identity, wanted: dict[str, Any]
    ) -> None:
        for one in self._loose(connection, kind.name):
            if one.properties.get("name") == wanted["name"]:
                raise ForeignObject(foreign(kind.name, identity.object_id, wanted, one))

    def _check_references(
        self, connection: sqlite3.Connection, kind: ResourceType, identity: Identity, wanted: dict[str, Any]
    ) -> None:
        for p in kind.properties:
            if not p.reference:
                continue
            row = connection.execute(
                "select type from object where environment = ? and uid = ? and incarnation = ?",
                (self.environment, *object_uid(wanted[p.name])),
            ).fetchone()
            if row is None or row[0] not in p.reference.split(","):
                raise DriverError(
                    f"{kind.name.lower()} {identity.object_id}: its {p.name}, "
                    f"{p.reference.lower()} {wanted[p.name]}, is not there"
                )

    def _refuse_used(self, connection: sqlite3.Connection, type: str, identity: Identity) -> None:
        """As a cloud does: what others stand on is not taken away."""
        for name, used in _USED.items():
            row = connection.execute(
                "select type, uid, incarnation, properties from object "
                f"where {used} = ? and environment in (?, ?)",
                (identity.object_id, self.environment, NOBODY),
            ).fetchone()
            if row is not None:
                raise DriverError(
                    f"{type.lower()} {identity.object_id} is in use: {row[0].lower()} {row[1]}.{row[2]} "
                    f"({json.loads(row[3]).get('name', '')}) has it as its {name}"
                )

    def _check_quota(self, connection: sqlite3.Connection) -> None:
        query = "select count(*) from object where environment = ?"
        held = connection.execute(query, (self.environment,)).fetchone()[0] if self.quota else 0
        if self.quota and held >= self.quota:
            raise DriverError(f"the quota of {self.quota} objects is used up: {held} are there")

    def _write(
        self,
        connection: sqlite3.Connection,
        identity: Identity,
        found: RealObject,
        wanted: dict[str, Any],
    ) -> RealObject:
        connection.execute(
            "update object set properties = ? where environment = ? and uid = ? and incarnation = ?",
            (json.dumps(wanted), *_key(identity)),
        )
        return RealObject(type=found.type, identity=identity, properties=wanted, birth=found.birth)


def _key(identity: Identity) -> tuple[str, str, int]:
    return identity.environment, identity.uid, identity.incarnation


def _kind(type: str) -> ResourceType:
    if type not in TYPES:
        raise DriverError(f"the store makes no {type!r}, only {', '.join(TYPES)}")
    return TYPES[type]


def _checked(kind: ResourceType, properties: dict[str, Any]) -> dict[str, Any]:
    """The properties with their defaults. Raises ``DriverError``."""
    known = {p.name: p for p in kind.properties}
    faults = [f"{name!r} is not a property of {kind.name}" for name in properties if name not in known]
    out = {}
    for name, p in known.items():
        value = properties.get(name)
        out[name] = p.default if value is None else value
        if out[name] is None:
            faults.append(f"{name!r} is missing")
    if faults:
        raise DriverError(f"{kind.name}: {'; '.join(faults)}")
    return out
