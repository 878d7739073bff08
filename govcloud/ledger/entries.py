"""Claims and what was accepted of them, with identities and revisions."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import msgspec

from .. import canonical
from . import marks
from .among import rows_among
from .connection import Connection, Row, matching

Key = tuple[str, str]  # (kind, name)
_IDENTITY = ("uid", "kind", "name", "incarnation", "stack")


class Accepted(msgspec.Struct, frozen=True):
    """An entry as accepted: identity, fields, and the digest of the fields."""

    uid: str
    kind: str
    name: str
    incarnation: int
    stack: str | None
    fields: dict[str, Any]
    digest: str
    since: int

    @property
    def key(self) -> Key:
        """(kind, name)."""
        return self.kind, self.name


def current(connection: Connection, *, kind: str | None = None) -> dict[Key, Accepted]:
    """Every accepted entry of now, or those of one kind."""
    where, values = matching("until IS NULL", kind=kind)
    return _accepted(connection.rows(f"{_SELECT}{where}", **values))


_SELECT = (
    "SELECT uid, kind, name, incarnation, stack, fields, digest, since FROM accepted "
    "JOIN (SELECT uid, incarnation, stack FROM entry) AS identity USING (uid)"
)


def _accepted(rows: Iterable[Row]) -> dict[Key, Accepted]:
    decode = msgspec.json.decode
    return {
        (kind, name): Accepted(uid, kind, name, incarnation, stack, decode(fields), digest, since)
        for uid, kind, name, incarnation, stack, fields, digest, since in rows
    }


def key_of(subject: str) -> Key:
    """(kind, name) of ``kind/name``."""
    kind, _, name = subject.partition("/")
    return kind, name


def names_by_kind(keys: Iterable[Key]) -> dict[str, list[str]]:
    """Keys in groups, for questions that are put a kind at a time."""
    out: dict[str, list[str]] = {}
    for kind, name in keys:
        out.setdefault(kind, []).append(name)
    return out


def among(connection: Connection, keys: Iterable[Key]) -> dict[Key, Accepted]:
    """The accepted entries of now that have these keys."""
    by_kind = names_by_kind(keys)
    out: dict[Key, Accepted] = {}
    for kind, names in by_kind.items():
        statement = f"{_SELECT} WHERE until IS NULL AND kind = :kind AND name IN :among"
        out |= _accepted(rows_among(connection, statement, names, kind=kind))
    return out


def texts(connection: Connection, kind: str, names: Iterable[str] | None = None) -> Iterator[tuple[str, str]]:
    """(name, fields as JSON text) of a kind's accepted entries of now; ``names``: of these alone."""
    statement = "SELECT name, fields FROM accepted WHERE until IS NULL AND kind = :kind"
    if names is None:
        yield from connection.rows(f"{statement} ORDER BY name", kind=kind)
    else:
        yield from rows_among(connection, f"{statement} AND name IN :among", names, kind=kind)


def digests(connection: Connection, keys: Iterable[Key]) -> dict[Key, str]:
    """Digest of what is accepted of each of these; what is not accepted is left out."""
    by_kind = names_by_kind(keys)
    statement = "SELECT name, digest FROM accepted WHERE until IS NULL AND kind = :kind AND name IN :among"
    return {
        (kind, name): digest
        for kind, names in by_kind.items()
        for name, digest in rows_among(connection, statement, names, kind=kind)
    }


def stack_members(connection: Connection) -> dict[str, str]:
    """The stack of every entry of now that has one, by uid."""
    rows = connection.rows("SELECT uid, stack FROM entry WHERE stack IS NOT NULL AND until IS NULL")
    return dict(rows)


def by_any_name(connection: Connection, kind: str) -> dict[str, dict[str, Any]]:
    """Fields of a kind's entries of now, by name and by every former name that is nobody's now.

    What was built keeps the name of its target; it is found by that after a rename too.
    """
    fields = {e.uid: e.fields for e in current(connection, kind=kind).values()}
    return {name: fields[uid] for name, uid in bearers(connection, kind).items()}


def bearers(connection: Connection, kind: str) -> dict[str, str]:
    """Uids of a kind's entries of now, by name and by every former name that is nobody's now."""
    now: dict[str, str] = dict(
        connection.rows("SELECT name, uid FROM accepted WHERE until IS NULL AND kind = :kind", kind=kind)
    )
    living = set(now.values())
    rows = connection.rows("SELECT name, uid FROM accepted WHERE kind = :kind ORDER BY since", kind=kind)
    return {name: uid for name, uid in rows if uid in living} | now


def last_revision(connection: Connection) -> int:
    """Number of the newest revision; 0 before the first."""
    return connection.scalar("SELECT max(number) FROM revision") or 0


def uid_for(environment: str, kind: str, name: str, former: int) -> str:
    """16 hexadecimal characters (64 bits: one clash expected at four thousand million entries)."""
    return hashlib.blake2b(f"{environment}/{kind}/{name}/{former}".encode(), digest_size=8).hexdigest()


def former_names(connection: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """How many entries have borne each of these names, now or ever: a later namesake is somebody else.

    Counted over the history, for an entry that was renamed keeps the uid that its first name gave.
    """
    by_kind = names_by_kind(keys)
    statement = (
        "SELECT name, count(DISTINCT uid) FROM accepted WHERE kind = :kind AND name IN :among GROUP BY name"
    )
    return {
        (kind, name): count
        for kind, names in by_kind.items()
        for name, count in rows_among(connection, statement, names, kind=kind)
    }


def open_revision(
    connection: Connection,
    *,
    actor: str,
    run: str | None,
    commit: str | None,
    message: str,
    workspace: str = "",
) -> int:
    """Begin a revision in the caller's transaction and return its number."""
    number = last_revision(connection) + 1
    connection.insert(
        "revision",
        [
            {
                "number": number,
                "at": time.time(),
                "actor": actor,
                "run": run,
                "git_commit": commit,
                "message": message,
                "workspace": workspace,
            }
        ],
    )
    return number


class Acceptable(Protocol):
    """What an entry will be: its identity and all of its fields."""

    @property
    def uid(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def incarnation(self) -> int: ...
    @property
    def stack(self) -> str | None: ...
    @property
    def fields(self) -> dict[str, Any]: ...


def accept(connection: Connection, number: int, changes: Iterable[Acceptable]) -> None:
    """Make each the accepted state of its entry from revision ``number`` on. Safe to repeat."""
    changes = list(changes)
    rows: list[dict[str, Any]] = [
        {
            "uid": one.uid,
            "kind": one.kind,
            "name": one.name,
            "incarnation": one.incarnation,
            "stack": one.stack,
            "fields": canonical.encode(one.fields).decode(),
            "digest": canonical.digest([one.kind, one.name, one.fields]),
        }
        for one in changes
    ]
    known = {
        uid: (name, digest)
        for uid, name, digest in rows_among(
            connection,
            # The sign keeps SQLite from walking all living rows by the index of ``until``.
            "SELECT uid, name, digest FROM accepted WHERE +until IS NULL AND uid IN :among",
            (row["uid"] for row in rows),
        )
    }
    stands = {uid: digest for uid, (_, digest) in known.items()}
    # A name has one living bearer at a time. Those that get another name lay theirs down first, so that
    # names can be passed on and exchanged in any order; below they live again.
    renamed = [row["uid"] for row in rows if row["uid"] in known and known[row["uid"]][0] != row["name"]]
    connection.run_many(
        "UPDATE entry SET until = :number WHERE uid = :uid AND until IS NULL",
        [{"uid": uid, "number": number} for uid in renamed],
    )
    entries = [{c: row[c] for c in _IDENTITY} | {"since": number} for row in rows]
    connection.run_many(
        "INSERT INTO entry (uid, kind, name, incarnation, stack, since) "
        "VALUES (:uid, :kind, :name, :incarnation, :stack, :since) ON CONFLICT (uid) DO UPDATE SET "
        "name = excluded.name, incarnation = excluded.incarnation, stack = excluded.stack, until = NULL",
        entries,
    )
    news: list[dict[str, Any]] = [row for row in rows if stands.get(row["uid"]) != row["digest"]]
    ended = [row for row in news if row["uid"] in stands]
    connection.run_many(
        "UPDATE accepted SET until = :number WHERE uid = :uid AND +until IS NULL",
        [{"uid": row["uid"], "number": number} for row in ended],
    )
    marks.remove(connection, (row["uid"] for row in ended))
    columns = ("uid", "kind", "name", "fields", "digest")
    connection.insert("accepted", ({c: row[c] for c in columns} | {"since": number} for row in news))
    said = {one.uid: one.fields for one in changes}
    marks.add(connection, ((row["uid"], row["kind"], said[row["uid"]]) for row in news))


def withdraw(connection: Connection, number: int, uids: Iterable[str]) -> None:
    """End the entries at revision ``number``; their history stays. Safe to repeat."""
    uids = list(uids)
    marks.remove(connection, uids)
    rows = [{"uid": uid, "number": number} for uid in uids]
    connection.run_many("UPDATE accepted SET until = :number WHERE uid = :uid AND +until IS NULL", rows)
    connection.run_many("UPDATE entry SET until = :number WHERE uid = :uid AND until IS NULL", rows)


def last_commit(connection: Connection, workspace: str = "") -> str | None:
    """The git commit of the newest revision of a workspace that has one."""
    commit: str | None = connection.scalar(
        "SELECT git_commit FROM revision WHERE git_commit IS NOT NULL AND workspace = :workspace "
        "ORDER BY number DESC LIMIT 1",
        workspace=workspace,
    )
    return commit
