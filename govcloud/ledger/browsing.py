"""What the browsing commands ask of the ledger: each question costs what it finds, not what exists.

No question loads the ledger: rows are found by index, or by one pass over their JSON text inside the
database. Every answer comes through a ``View``, which leaves out what its reader may not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from .among import rows_among
from .connection import Connection, Row, matching
from .entries import Key

# Of the accepted rows of now. The sign keeps databases from walking all of those where another
# condition finds a few rows at once; both SQLite and PostgreSQL take it.
_NOW = "+a.until IS NULL"
# Of those valid at the revision :at.
_THEN = "+a.since <= :at AND coalesce(a.until, CAST(:at AS INTEGER) + 1) > :at"
_COLUMNS = "a.uid, a.kind, a.name, a.fields, a.since"
_JOINED = f"SELECT {_COLUMNS} FROM reference r JOIN accepted a ON a.uid = r.uid"
# Entries a page, where many are gone through.
PAGE = 5000

_TITLE = re.compile(r'"title":"((?:[^"\\]|\\.)*)"')
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Seen:
    """An accepted entry, its fields decoded when they are first asked for. ``text``: they as JSON."""

    __slots__ = ("_fields", "kind", "name", "since", "text", "uid")

    def __init__(self, uid: str, kind: str, name: str, text: str, since: int) -> None:
        self.uid, self.kind, self.name, self.text, self.since = uid, kind, name, text, since
        self._fields: dict[str, Any] | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """What it says, by field; what is not said is missing."""
        if self._fields is None:
            self._fields = _decode(self.text)
        return self._fields

    @property
    def key(self) -> Key:
        """(kind, name)."""
        return self.kind, self.name

    @property
    def subject(self) -> str:
        """``kind/name``."""
        return f"{self.kind}/{self.name}"

    @property
    def title(self) -> str:
        """Its name in Chinese; empty where it says none."""
        return str(self.fields.get("title", ""))

    def get(self, field: str) -> Any:
        """A field's value, or the default of its kind where it is not said."""
        if field in self.fields:
            return self.fields[field]
        from ..model import fields

        info = fields(self.kind).get(field)
        return info.default if info is not None else None


class Says(msgspec.Struct, frozen=True):
    """JSON text in lower case that has one of these parts, or has not ``lacks`` (LIKE, ``ESCAPE '!'``)."""

    parts: tuple[str, ...]
    lacks: str = ""


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of a kind that a database can find; what it finds too much is for the asker to leave out.

    ``names``: LIKE patterns, any of which the name fits. ``refers``: (field, kinds, name) that it refers
    to, each of them. ``says``: what its JSON text is like, each of them.
    """

    kind: str
    names: tuple[str, ...] = ()
    refers: tuple[tuple[str, tuple[str, ...], str], ...] = ()
    says: tuple[Says, ...] = ()


def like(text: str) -> str:
    """A text as a part of a LIKE pattern (``ESCAPE '!'``) on what ``lower`` gives.

    SQLite's ``lower`` knows ASCII alone, so any other letter that has a case may be any character.
    """
    return "".join(
        f"!{c}" if c in "!%_" else c.lower() if c.isascii() else c if c.lower() == c.upper() else "_"
        for c in text
    )


def json_like(text: str) -> str:
    """A part of a text as a part of a LIKE pattern on the JSON text that holds it."""
    return like(msgspec.json.encode(text).decode()[1:-1])


class Referrer(msgspec.Struct, frozen=True):
    """Somebody (``uid``, ``kind/name``) whose ``field`` refers to the entry called ``to``."""

    uid: str
    kind: str
    name: str
    field: str
    to: str


class View:
    """The accepted entries of now as one reader may see them; ``hidden``: uids of the others."""

    def __init__(self, connection: Connection, hidden: frozenset[str] = frozenset()) -> None:
        self.connection = connection
        self.hidden = hidden

    def seen(self, rows: Iterable[Row]) -> Iterable[Row]:
        """Of rows that begin with a uid, those that the reader may see. Every answer passes here."""
        return (row for row in rows if row[0] not in self.hidden) if self.hidden else rows

    def _rows(self, statement: str, /, **values: Any) -> Iterable[Row]:
        return self.seen(self.connection.rows(statement, **values))

    def _among(self, statement: str, among: Iterable[Any], **values: Any) -> Iterable[Row]:
        return self.seen(rows_among(self.connection, statement, among, **values))

    # -- entries ------------------------------------------------------------------------------------

    def counts(self, *, at: int | None = None) -> dict[str, int]:
        """Entries by kind, none decoded; ``at``: of that revision instead of now."""
        then = {} if at is None else {"at": at}
        valid = "a.until IS NULL" if at is None else _THEN
        rows = self.connection.rows(
            f"SELECT a.kind, count(*) FROM accepted a WHERE {valid} GROUP BY a.kind", **then
        )
        counts: dict[str, int] = dict(rows)
        unseen = f"SELECT a.kind FROM accepted a WHERE a.uid IN :among AND {_NOW if at is None else _THEN}"
        for (kind,) in rows_among(self.connection, unseen, set(self.hidden), **then):
            counts[kind] -= 1
        return {kind: count for kind, count in sorted(counts.items()) if count}

    def find(self, kind: str, name: str) -> Seen | None:
        """The entry of that name, or None."""
        return next(iter(self.named(kind, [name]).values()), None)

    def named(self, kind: str, names: Iterable[str]) -> dict[str, Seen]:
        """Entries of a kind by these names, as far as there are any."""
        rows = self._among(
            f"SELECT {_COLUMNS} FROM accepted a WHERE a.kind = :kind AND a.name IN :among "
            "AND a.until IS NULL",
            dict.fromkeys(names),
            kind=kind,
        )
        return {row[2]: Seen(*row) for row in rows}

    def by_uid(self, uids: Iterable[str]) -> dict[str, Seen]:
        """Entries by these uids, as far as they are accepted now."""
        statement = f"SELECT {_COLUMNS} FROM accepted a WHERE a.uid IN :among AND {_NOW}"
        return {row[0]: Seen(*row) for row in self._among(statement, dict.fromkeys(uids))}

    def called(self, name: str, kinds: Iterable[str]) -> list[Key]:
        """Who bears a name, of whatever of these kinds."""
        rows = self._among(
            "SELECT a.uid, a.kind, a.name FROM accepted a WHERE a.kind IN :among AND a.name = :name "
            "AND a.until IS NULL",
            kinds,
            name=name,
        )
        return sorted((kind, name) for _, kind, name in rows)

    def names(self, kind: str, begin: str = "", most: int = 200) -> list[str]:
        """Names of a kind that begin so, in their order."""
        rows = self._rows(
            "SELECT uid, name FROM accepted WHERE until IS NULL AND kind = :kind "
            "AND substr(name, 1, :length) = :begin ORDER BY name LIMIT :most",
            kind=kind,
            begin=begin,
            length=len(begin),
            most=most,
        )
        return [name for _, name in rows]

    def listing(self, where: Where, *, most: int | None = None, at: int | None = None) -> Iterator[Seen]:
        """Entries in the order of their names; ``most``: how many of them at the most.

        ``at``: of that revision instead of now; what refers to a name is then found by its text alone.
        """
        statement, values = _select(where, at, from_kind=self._from_kind(where))
        limit = " LIMIT :most" if most is not None else ""
        if most is not None:
            # Those that are left out below must not use it up.
            values["most"] = most + len(self.hidden)
        for number, row in enumerate(self._rows(f"{statement} ORDER BY a.name{limit}", **values)):
            if number == most:
                return
            yield Seen(*row)

    def pages(self, where: Where) -> Iterator[Seen]:
        """As ``listing``, a page at a time: for going through more than memory should hold."""
        statement, values = _select(where, from_kind=self._from_kind(where))
        last = ""
        while rows := self.connection.rows(
            f"{statement} AND a.name > :last ORDER BY a.name LIMIT {PAGE}", last=last, **values
        ):
            last = rows[-1][2]
            for row in self.seen(rows):
                yield Seen(*row)

    def _from_kind(self, where: Where) -> bool:
        """Whether there are fewer entries of the kind than references to what they should refer to."""
        if not where.refers:
            return True
        entries = "SELECT count(*) FROM accepted WHERE until IS NULL AND kind = :kind"
        number = self.connection.scalar(entries, kind=where.kind) or 0
        _, kinds, name = where.refers[0]
        several = {f"kind{n}": kind for n, kind in enumerate(kinds)}
        among = ", ".join(f":{key}" for key in several)
        references = (
            "SELECT count(*) FROM (SELECT 1 FROM reference "
            f"WHERE kind IN ({among}) AND name = :name LIMIT :number) AS few"
        )
        found = self.connection.scalar(references, name=name, number=number, **several) or 0
        return bool(found >= number)

    def texts(self, parts: Sequence[str]) -> Iterator[tuple[str, str]]:
        """(kind, JSON text) of every entry whose text in lower case has these parts, each of them."""
        values = {f"part{n}": f"%{part}%" for n, part in enumerate(parts)}
        likes = "".join(f" AND lower(fields) LIKE :{key} ESCAPE '!'" for key in values)
        statement = f"SELECT uid, kind, fields FROM accepted WHERE until IS NULL{likes}"
        for _, kind, text in self._rows(statement, **values):
            yield kind, text

    def entries(self, rest: str, **values: Any) -> list[Seen]:
        """Entries by what follows WHERE, of the accepted rows ``a``; ``rest`` is ours, never a user's."""
        statement = f"SELECT {_COLUMNS} FROM accepted a WHERE {rest}"
        return [Seen(*row) for row in self._rows(statement, **values)]

    def count(self, where: str, **values: Any) -> int:
        """How many of the accepted rows ``a`` there are; ``where`` is ours, never a user's."""
        statement = f"SELECT count(*) FROM accepted a WHERE {where}"
        unseen = f"SELECT count(*) FROM accepted a WHERE a.uid IN :among AND {where}"
        hidden: int = sum(n for (n,) in rows_among(self.connection, unseen, self.hidden, **values))
        found: int = self.connection.scalar(statement, **values) or 0
        return found - hidden

    def words(self, titles: bool, kind: str | None, most: int) -> Iterator[tuple[str, str]]:
        """(uid, name) of entries of now, or (uid, title) with none decoded."""
        statement = "SELECT uid, name, fields" if titles else "SELECT uid, name"
        where, values = matching("until IS NULL", kind=kind)
        for row in self._rows(f"{statement} FROM accepted{where} LIMIT :most", **values, most=most):
            if not titles:
                yield row[0], row[1]
            elif (found := _TITLE.search(row[2])) is not None:
                yield row[0], found[1]

    def fields_used(self, kind: str, names: Sequence[str]) -> list[str]:
        """Those of a kind's fields that some entry says, or at least contains as a mapping's key."""
        values = {f"key{n}": f'%"{like(name)}":%' for n, name in enumerate(names)}
        used = ", ".join(f"max(CASE WHEN fields LIKE :{key} ESCAPE '!' THEN 1 ELSE 0 END)" for key in values)
        statement = f"SELECT {used} FROM accepted WHERE until IS NULL AND kind = :kind"
        row = self.connection.row(statement, kind=kind, **values) or ()
        return [name for name, flag in zip(names, row, strict=False) if flag]

    def identities(self, uids: Iterable[str]) -> dict[str, tuple[int, str | None]]:
        """(incarnation, stack) by uid."""
        rows = self._among("SELECT uid, incarnation, stack FROM entry WHERE uid IN :among", uids)
        return {uid: (incarnation, stack) for uid, incarnation, stack in rows}

    # -- who refers to whom -------------------------------------------------------------------------

    def referrers(self, kind: str, names: Iterable[str]) -> list[Referrer]:
        """Everybody who refers to one of these entries of a kind."""
        rows = self._among(
            "SELECT r.uid, a.kind, a.name, r.field, r.name FROM reference r JOIN accepted a ON a.uid = r.uid "
            f"WHERE r.kind = :kind AND r.name IN :among AND {_NOW}",
            dict.fromkeys(names),
            kind=kind,
        )
        return [Referrer(*row) for row in rows]

    def referred(self, uids: Iterable[str]) -> list[tuple[str, str, str, str]]:
        """(uid, field, kind, name) of every entry that these refer to."""
        statement = "SELECT uid, field, kind, name FROM reference WHERE uid IN :among"
        return [(uid, field, kind, name) for uid, field, kind, name in self._among(statement, uids)]

    # -- addresses ----------------------------------------------------------------------------------

    def addresses(self, uids: Iterable[str]) -> list[tuple[str, str, str]]:
        """(uid, field, address) of every address that these hold."""
        # What begins with the sign is a whole prefix (``marks``).
        statement = (
            "SELECT uid, field, address FROM address WHERE uid IN :among AND substr(field, 1, 1) <> '~'"
        )
        return [(uid, field, address) for uid, field, address in self._among(statement, uids)]

    def holders(self, addresses: Iterable[str]) -> list[tuple[str, str, str]]:
        """(uid, field, address) of everybody who holds one of these addresses (as inet_ntop writes)."""
        statement = "SELECT uid, field, address FROM address WHERE address IN :among"
        return [(uid, field, address) for uid, field, address in self._among(statement, addresses)]


def _select(where: Where, at: int | None = None, *, from_kind: bool) -> tuple[str, dict[str, Any]]:
    """The statement that finds these rows, without an order; and its values.

    ``from_kind``: by way of all entries of the kind, rather than of all references.
    """
    values: dict[str, Any] = {"kind": where.kind}
    conditions = ["a.kind = :kind", "a.until IS NULL"]
    if at is not None:
        values["at"] = at
        conditions[1] = _THEN
        # Who refers to whom is a table only of now.
        texts = tuple(
            Says(tuple(f'"{json_like(text)}"' for text in (name, *(f"{kind}/{name}" for kind in kinds))))
            for _, kinds, name in where.refers
        )
        where = msgspec.structs.replace(where, refers=(), says=where.says + texts)
    start = f"SELECT {_COLUMNS} FROM accepted a"
    for number, (field, kinds, name) in enumerate(where.refers):
        values |= {f"field{number}": field, f"to{number}": name}
        values |= {f"kind{number}_{n}": kind for n, kind in enumerate(kinds)}
        several = ", ".join(f":kind{number}_{n}" for n in range(len(kinds)))
        refers = f"r.kind IN ({several}) AND r.name = :to{number} AND r.field = :field{number}"
        if number == 0 and not from_kind:
            start = _JOINED
            conditions = [refers, "a.kind || '' = :kind", _NOW]
        else:
            conditions.append(f"EXISTS (SELECT 1 FROM reference r WHERE r.uid = a.uid AND {refers})")
    if where.names:
        values |= {f"name{n}": pattern for n, pattern in enumerate(where.names)}
        several = " OR ".join(f"a.name LIKE :name{n} ESCAPE '!'" for n in range(len(where.names)))
        conditions.append(f"({several})")
    for number, says in enumerate(where.says):
        parts = [f"%{part}%" for part in says.parts]
        values |= {f"says{number}_{n}": part for n, part in enumerate(parts)}
        either = [f"lower(a.fields) LIKE :says{number}_{n} ESCAPE '!'" for n in range(len(parts))]
        if says.lacks:
            values[f"lacks{number}"] = f"%{says.lacks}%"
            either.append(f"lower(a.fields) NOT LIKE :lacks{number} ESCAPE '!'")
        conditions.append(f"({' OR '.join(either)})")
    return f"{start} WHERE {' AND '.join(conditions)}", values
