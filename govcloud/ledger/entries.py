"""Claims and what was accepted of them, with identities and revisions."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from .. import canonical
from .schema import accepted, claim, entry, revision

Key = tuple[str, str]  # (kind, name)


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


def current(connection: Connection) -> dict[Key, Accepted]:
    """Every accepted entry of now."""
    rows = connection.execute(
        select(
            accepted.c.uid,
            accepted.c.kind,
            accepted.c.name,
            entry.c.incarnation,
            entry.c.stack,
            accepted.c.fields,
            accepted.c.digest,
            accepted.c.since,
        )
        .join(entry, entry.c.uid == accepted.c.uid)
        .where(accepted.c.until.is_(None))
    )
    decode = msgspec.json.decode
    return {
        (r.kind, r.name): Accepted(
            r.uid, r.kind, r.name, r.incarnation, r.stack, decode(r.fields), r.digest, r.since
        )
        for r in rows
    }


def last_revision(connection: Connection) -> int:
    """Number of the newest revision; 0 before the first."""
    return connection.execute(select(func.max(revision.c.number))).scalar() or 0


def uid_for(environment: str, kind: str, name: str, former: int) -> str:
    """16 hexadecimal characters (64 bits: one clash expected at four thousand million entries)."""
    return hashlib.blake2b(f"{environment}/{kind}/{name}/{former}".encode(), digest_size=8).hexdigest()


def former_names(connection: Connection) -> dict[Key, int]:
    """How many entries have borne each name, now or ever: a later namesake is somebody else.

    Counted over the history, for an entry that was renamed keeps the uid that its first name gave.
    """
    rows = connection.execute(
        select(accepted.c.kind, accepted.c.name, func.count(accepted.c.uid.distinct())).group_by(
            accepted.c.kind, accepted.c.name
        )
    )
    return {(kind, name): count for kind, name, count in rows}


def open_revision(
    connection: Connection, *, actor: str, run: str | None, commit: str | None, message: str
) -> int:
    """Begin a revision in the caller's transaction and return its number."""
    number = last_revision(connection) + 1
    connection.execute(
        insert(revision).values(
            number=number, at=time.time(), actor=actor, run=run, git_commit=commit, message=message
        )
    )
    return number


def accept(
    connection: Connection,
    number: int,
    *,
    uid: str,
    kind: str,
    name: str,
    incarnation: int,
    stack: str | None,
    fields: Mapping[str, Any],
) -> None:
    """Make this the entry's accepted state from revision ``number`` on. Safe to repeat."""
    digest = canonical.digest([kind, name, fields])
    known = connection.execute(select(entry).where(entry.c.uid == uid)).first()
    if known is None:
        connection.execute(
            insert(entry).values(
                uid=uid, kind=kind, name=name, incarnation=incarnation, stack=stack, since=number
            )
        )
    elif (known.name, known.incarnation, known.stack) != (name, incarnation, stack):
        connection.execute(
            update(entry)
            .where(entry.c.uid == uid)
            .values(name=name, incarnation=incarnation, stack=stack, until=None)
        )
    row = connection.execute(
        select(accepted.c.digest).where(accepted.c.uid == uid, accepted.c.until.is_(None))
    ).first()
    if row is not None and row.digest == digest:
        return
    _close(connection, uid, number)
    connection.execute(
        insert(accepted).values(
            uid=uid,
            kind=kind,
            name=name,
            fields=canonical.encode(fields).decode(),
            digest=digest,
            since=number,
        )
    )


def withdraw(connection: Connection, number: int, uid: str) -> None:
    """End the entry at revision ``number``; its history stays. Safe to repeat."""
    _close(connection, uid, number)
    connection.execute(update(entry).where(entry.c.uid == uid, entry.c.until.is_(None)).values(until=number))


def _close(connection: Connection, uid: str, number: int) -> None:
    connection.execute(
        update(accepted).where(accepted.c.uid == uid, accepted.c.until.is_(None)).values(until=number)
    )


class ClaimRow(msgspec.Struct, frozen=True):
    """What one claimant says of one entry."""

    kind: str
    name: str
    claimant: str
    line: int
    fields: dict[str, Any]


def claims(connection: Connection) -> list[ClaimRow]:
    """Every claim of now, of every claimant."""
    rows = connection.execute(
        select(claim.c.kind, claim.c.name, claim.c.claimant, claim.c.line, claim.c.fields).where(
            claim.c.until.is_(None)
        )
    )
    return [ClaimRow(r.kind, r.name, r.claimant, r.line, msgspec.json.decode(r.fields)) for r in rows]


def replace_claims(connection: Connection, number: int, prefix: str, rows: Iterable[ClaimRow]) -> None:
    """Make ``rows`` all that claimants beginning with ``prefix`` say from now on.

    A claimant's absence withdraws only its own claims: others' rows are never touched.
    """
    wanted = {(r.kind, r.name, r.claimant): r for r in rows}
    ended: list[int] = []
    moved: list[tuple[int, int]] = []
    for row in connection.execute(
        select(claim).where(claim.c.until.is_(None), claim.c.claimant.startswith(prefix, autoescape=True))
    ):
        key = (row.kind, row.name, row.claimant)
        new = wanted.get(key)
        if new is not None and canonical.encode(new.fields).decode() == row.fields:
            del wanted[key]
            if new.line != row.line:
                moved.append((row.id, new.line))
        else:
            ended.append(row.id)
    # The same words on another line are the same claim; whoever asks is shown where it stands now.
    for id, line in moved:
        connection.execute(update(claim).where(claim.c.id == id).values(line=line))
    for start in range(0, len(ended), 500):
        connection.execute(
            update(claim).where(claim.c.id.in_(ended[start : start + 500])).values(until=number)
        )
    if wanted:
        connection.execute(
            insert(claim),
            [
                {
                    "kind": r.kind,
                    "name": r.name,
                    "claimant": r.claimant,
                    "line": r.line,
                    "fields": canonical.encode(r.fields).decode(),
                    "since": number,
                }
                for r in wanted.values()
            ],
        )


def last_commit(connection: Connection) -> str | None:
    """The git commit of the newest revision that has one."""
    return connection.execute(
        select(revision.c.git_commit)
        .where(revision.c.git_commit.is_not(None))
        .order_by(revision.c.number.desc())
        .limit(1)
    ).scalar()
