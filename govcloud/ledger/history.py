"""The ledger's past: what was accepted at a revision, what changed between two, the life of an entry.

An accepted row is valid from its revision ``since`` to before its revision ``until``. So the state at
a revision, the difference of two and the life of an entry are each a question or two to one table. A
row that begins and ends in one revision was never valid. Fields are decoded only where they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from . import marks, revisions
from .among import rows_among
from .browsing import Seen
from .connection import Connection, Row
from .entries import Key
from .revisions import Revision, resolve

__all__ = [
    "Change",
    "FieldChange",
    "Version",
    "decoded",
    "differences",
    "entry_at",
    "names",
    "referring_at",
    "resolve",
    "rows_of",
    "state",
    "touched",
    "versions",
]

Verb = Literal["created", "changed", "renamed", "withdrawn"]
State = dict[str, tuple[str, str, dict[str, Any]]]

# Rows that were valid at some time, and those valid at :number. A NULL is compared as "later": so no
# database walks all living rows by the index of ``until`` where a better condition stands beside it.
_EVER = "coalesce(until, since + 1) > since"
_VALID = "since <= :number AND coalesce(until, CAST(:number AS INTEGER) + 1) > :number"


class FieldChange(msgspec.Struct, frozen=True):
    """One field of an entry before and after (None: not said)."""

    field: str
    before: Any
    after: Any


class Change(msgspec.Struct, frozen=True):
    """What happened to one entry. ``before`` and ``after``: its fields as JSON text, None where it was not.

    ``was``: its former name where it was renamed; a renamed entry's fields may have changed as well.
    """

    verb: Verb
    uid: str
    kind: str
    name: str
    was: str
    before: str | None
    after: str | None

    @property
    def subject(self) -> str:
        """``kind/name``."""
        return f"{self.kind}/{self.name}"

    @property
    def fields(self) -> dict[str, Any]:
        """All its fields afterwards; of a withdrawn entry, before."""
        return decoded(self.after if self.after is not None else self.before)

    @property
    def changes(self) -> list[FieldChange]:
        """Which fields differ, where there was an entry before and after."""
        if self.before is None or self.after is None:
            return []
        before, after = decoded(self.before), decoded(self.after)
        return [
            FieldChange(f, before.get(f), after.get(f))
            for f in sorted(before.keys() | after.keys())
            if before.get(f) != after.get(f)
        ]


class Version(msgspec.Struct, frozen=True):
    """What a revision did to an entry."""

    revision: Revision
    change: Change


def decoded(text: str | None) -> dict[str, Any]:
    """Fields from their JSON text; none where there is none."""
    return msgspec.json.decode(text, type=dict[str, Any]) if text is not None else {}


# -- a state ----------------------------------------------------------------------------------------


def state(
    connection: Connection,
    revision: int,
    uids: Iterable[str] | None = None,
    kinds: Iterable[str] | None = None,
) -> State:
    """All that was accepted at a revision, or of it these uids and kinds: {uid: (kind, name, fields)}."""
    only = None if kinds is None else set(kinds)
    if uids is not None:
        rows = rows_among(
            connection,
            f"SELECT uid, kind, name, fields FROM accepted WHERE uid IN :among AND {_VALID}",
            uids,
            number=revision,
        )
        found = [row for row in rows if only is None or row[1] in only]
    elif only is None:
        found = _valid(connection, "uid, kind, name, fields", revision)
    else:
        found = [
            row
            for kind in sorted(only)
            for row in _valid(connection, "uid, kind, name, fields", revision, kind=kind)
        ]
    return {uid: (kind, name, decoded(text)) for uid, kind, name, text in found}


def _valid(
    connection: Connection,
    columns: str,
    revision: int,
    *,
    kind: str | None = None,
    also: str = "",
    **values: Any,
) -> list[Row]:
    """Rows valid at a revision: those that still are, and those that have ended since."""
    if kind is not None:
        also += " AND kind = :kind"
        values["kind"] = kind
    return connection.rows(
        f"SELECT {columns} FROM accepted WHERE until IS NULL AND +since <= :number{also} "
        f"UNION ALL SELECT {columns} FROM accepted WHERE until > :number AND +since <= :number{also}",
        number=revision,
        **values,
    )


def entry_at(connection: Connection, revision: int, kind: str, name: str) -> Seen | None:
    """The entry that bore a name at a revision."""
    columns = "uid, kind, name, fields, since"
    rows = _valid(connection, columns, revision, kind=kind, also=" AND name = :name", name=name)
    return Seen(*rows[0]) if rows else None


def names(connection: Connection, kind: str, revision: int | None = None) -> list[tuple[str, str]]:
    """(uid, name) of a kind's entries at a revision, by name; None: of all that were at any time."""
    if revision is None:
        rows = connection.rows(
            f"SELECT DISTINCT uid, name FROM accepted WHERE kind = :kind AND {_EVER}", kind=kind
        )
    else:
        rows = _valid(connection, "uid, name", revision, kind=kind)
    return sorted(((uid, name) for uid, name in rows), key=lambda row: (row[1], row[0]))


def referring_at(connection: Connection, revision: int, kind: str, name: str) -> list[tuple[str, str]]:
    """(uid, ``kind/name``) of every entry that referred to this one at a revision, sorted."""
    # The quoted name stands in the text of whoever refers to it; what else it stands in is left out below.
    also = " AND (fields LIKE :bare OR fields LIKE :full)"
    values = {"bare": f'%"{name}"%', "full": f'%"{kind}/{name}"%'}
    out = []
    for uid, of_kind, of_name, text in _valid(
        connection, "uid, kind, name, fields", revision, also=also, **values
    ):
        if (kind, name) in _references(of_kind, decoded(text)):
            out.append((uid, f"{of_kind}/{of_name}"))
    return sorted(out, key=lambda row: row[1])


def _references(kind: str, fields: dict[str, Any]) -> set[Key]:
    from ..model import KINDS

    # A kind that this release does not know has no fields that it could read.
    if kind not in KINDS:
        return set()
    return {(to_kind, to_name) for _, to_kind, to_name in marks.references_of(kind, fields)}


# -- differences ------------------------------------------------------------------------------------


def touched(connection: Connection, since: int, until: int) -> set[str]:
    """Uids whose accepted row changed after revision ``since``, up to and with revision ``until``."""
    rows = connection.rows(
        f"SELECT uid FROM accepted WHERE since > :low AND since <= :high AND {_EVER} "
        "UNION SELECT uid FROM accepted WHERE until > :low AND until <= :high AND until > since",
        low=min(since, until),
        high=max(since, until),
    )
    return {uid for (uid,) in rows}


def differences(
    connection: Connection, old: int, new: int, *, kinds: Sequence[str] = (), only: Key | None = None
) -> list[Change]:
    """What leads from revision ``old`` to ``new`` (which may be the earlier one), sorted by kind and name.

    ``kinds``: of these only; ``only``: of the entries that bear this (kind, name) at one of the two.
    """
    columns = "uid, kind, name, fields, digest"
    values: dict[str, Any] = {"low": min(old, new), "high": max(old, new)}
    also = ""
    if kinds:
        wanted = {f"kind{n}": kind for n, kind in enumerate(kinds)}
        # Not by an index: few entries change between two revisions, and many are of a kind.
        also = f" AND coalesce(kind, '') IN ({', '.join(':' + key for key in wanted)})"
        values |= wanted
    # A row that is valid at both is no difference; so only those are read that are valid at one.
    earlier = connection.rows(
        f"SELECT {columns} FROM accepted WHERE until > :low AND until <= :high AND since <= :low{also}",
        **values,
    )
    later = connection.rows(
        f"SELECT {columns} FROM accepted WHERE since > :low AND since <= :high "
        f"AND coalesce(until, CAST(:high AS INTEGER) + 1) > :high{also}",
        **values,
    )
    before, after = (earlier, later) if old <= new else (later, earlier)
    starts = {row[0]: row for row in before}
    found = [_change(starts.pop(row[0], None), row) for row in after]
    changes = [change for change in found if change is not None]
    changes += [_ended(row) for row in starts.values()]
    if only is not None:
        changes = [c for c in changes if c.kind == only[0] and only[1] in (c.name, c.was)]
    return sorted(changes, key=lambda c: (c.kind, c.name, c.uid))


def _change(before: Row | None, after: Row) -> Change | None:
    """What leads to a row (uid, kind, name, fields, digest) from another; None where they are equal."""
    uid, kind, name, text, digest = after[:5]
    if before is None:
        return Change("created", uid, kind, name, "", None, text)
    if before[4] == digest:
        return None
    was = before[2] if before[2] != name else ""
    return Change("renamed" if was else "changed", uid, kind, name, was, before[3], text)


def _ended(row: Row) -> Change:
    return Change("withdrawn", row[0], row[1], row[2], "", row[3], None)


# -- the life of an entry -----------------------------------------------------------------------------


def versions(connection: Connection, kind: str, name: str) -> list[Version]:
    """All that happened to the entries that ever bore this name, under whatever name, newest first."""
    uids = connection.rows(
        f"SELECT DISTINCT uid FROM accepted WHERE kind = :kind AND name = :name AND {_EVER}",
        kind=kind,
        name=name,
    )
    found: list[tuple[int, Change]] = []
    for (uid,) in uids:
        found += _life(connection, uid)
    # What one revision ended comes before what it began: newest first, the other way round.
    found.sort(key=lambda pair: (-pair[0], pair[1].verb == "withdrawn", pair[1].uid))
    known = revisions.of(connection, {number for number, _ in found})
    return [Version(known[number], change) for number, change in found]


def rows_of(connection: Connection, uid: str, revision: int | None = None) -> list[Row]:
    """(uid, kind, name, fields, digest, since, until) of an entry, oldest first, up to a revision."""
    upto, values = ("", {}) if revision is None else (" AND since <= :number", {"number": revision})
    return connection.rows(
        "SELECT uid, kind, name, fields, digest, since, until FROM accepted "
        f"WHERE uid = :uid AND {_EVER}{upto} ORDER BY since",
        uid=uid,
        **values,
    )


def _life(connection: Connection, uid: str) -> Iterator[tuple[int, Change]]:
    """(revision, what it did) for each step in the life of one entry, oldest first."""
    before: Row | None = None
    for after in rows_of(connection, uid):
        if before is not None and before[6] != after[5]:
            yield before[6], _ended(before)
            before = None
        change = _change(before, after)
        if change is not None:
            yield after[5], change
        before = after
    if before is not None and before[6] is not None:
        yield before[6], _ended(before)
