"""Typed entries of the ledger, fetched when somebody asks for them; and the same with a change laid over.

What a rule of one entry reads is a few entries; what a rule over everything reads is a few kinds. Neither
needs the whole ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

import msgspec

from ..ledger import entries
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..ledger.graph import references_to
from ..ledger.marks import references_of
from ..model.base import KINDS, Entry
from ..model.catalogue import Catalogue

E = TypeVar("E", bound=Entry)
Fields = Mapping[str, Any]


class _Lazy(Mapping[str, Entry]):
    """Entries of a kind by name: one by one by ``get``, or the ``whole`` of them."""

    def whole(self) -> dict[str, Entry]:
        """All of them."""
        raise NotImplementedError

    def __getitem__(self, name: str) -> Entry:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        return self.get(cast(str, name)) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole())

    def __len__(self) -> int:
        return len(self.whole())

    # These are asked for whole tables, thousands of times.
    def items(self) -> Any:
        """(name, entry) of all."""
        return self.whole().items()

    def values(self) -> Any:
        """All entries."""
        return self.whole().values()

    def keys(self) -> Any:
        """All names."""
        return self.whole().keys()


class _Table(_Lazy):
    """Entries of a kind by name: some of them as they change, the others from below when asked for."""

    def __init__(self, below: Mapping[str, Entry], over: Mapping[str, Entry | None]) -> None:
        self._below, self._over = below, over
        self._all: dict[str, Entry] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """The entry, or what is given in its place."""
        if name in self._over:
            found = self._over[name]
            return default if found is None else found
        return self._below.get(name, default)

    def whole(self) -> dict[str, Entry]:
        """All of them."""
        if self._all is None:
            merged = {**self._below, **self._over}
            self._all = {name: entry for name, entry in merged.items() if entry is not None}
        return self._all


class _Accepted(_Lazy):
    """Accepted entries of a kind by name, fetched one by one until all are asked for."""

    def __init__(self, connection: Connection, kind: str) -> None:
        self._connection, self._kind = connection, kind
        self._decode = msgspec.json.Decoder(KINDS[kind]).decode
        self._some: dict[str, Entry | None] = {}
        self._all: dict[str, Entry] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """The entry, or what is given in its place."""
        if self._all is not None:
            return self._all.get(name, default)
        if name not in self._some:
            self.fetch((name,))
        found = self._some[name]
        return default if found is None else found

    def fetch(self, names: Iterable[str]) -> None:
        """Have these at hand, in one question."""
        if self._all is None:
            fresh = [name for name in names if name not in self._some]
            self._some |= dict.fromkeys(fresh)
            found = entries.texts(self._connection, self._kind, fresh)
            self._some |= {name: self._decode(text) for name, text in found}

    def whole(self) -> dict[str, Entry]:
        """All of them."""
        if self._all is None:
            decode = self._decode
            found = entries.texts(self._connection, self._kind)
            self._all = {name: decode(text) for name, text in found}
        return self._all


class LedgerCatalogue(Catalogue):
    """What is accepted."""

    def __init__(self, connection: Connection) -> None:
        super().__init__({})
        self._connection = connection
        self._tables: dict[str, _Accepted] = {}
        self._naming: dict[Key, list[tuple[Key, str]]] = {}

    def of_kind(self, kind: str) -> _Accepted:
        """The table of a kind."""
        found = self._tables.get(kind)
        if found is None:
            found = self._tables[kind] = _Accepted(self._connection, kind)
        return found

    def all(self, cls: type[E]) -> Mapping[str, E]:
        """Every entry of a kind by name."""
        return cast(Mapping[str, E], self.of_kind(cls.KIND))

    def table(self, kind: str) -> Mapping[str, Entry]:
        """Every entry of a kind, by its kind's name."""
        return self.of_kind(kind)

    def get(self, cls: type[E], name: str) -> E:
        """Raises ``KeyError`` where there is no such entry."""
        return cast(E, self.of_kind(cls.KIND)[name])

    def find(self, kind: str, name: str) -> Entry | None:
        """The entry, or None."""
        return cast(Entry | None, self.of_kind(kind).get(name)) if kind in KINDS else None

    def referring(self, keys: Collection[Key]) -> Iterator[tuple[Key, str, Key]]:
        """Who refers, by which field, to which of these."""
        fresh = [key for key in keys if key not in self._naming]
        self._naming |= {key: [] for key in fresh}
        for who, field, key in references_to_each(self._connection, fresh):
            self._naming[key].append((who, field))
        for key in keys:
            for who, field in self._naming[key]:
                yield who, field, key

    def naming(self, kind: type[Entry], field: str, subject: str) -> list[tuple[str, Entry]]:
        """Entries of a kind, by name, whose field names ``kind/name``."""
        key = entries.key_of(subject)
        found = self.referring((key,))
        names = sorted({who[1] for who, by, _ in found if who[0] == kind.KIND and by == field})
        table = self.of_kind(kind.KIND)
        table.fetch(names)
        return [(name, table[name]) for name in names]

    def __iter__(self) -> Iterator[tuple[str, str, Entry]]:
        for kind in KINDS:
            for name, entry in self.of_kind(kind).items():
                yield kind, name, entry

    def __len__(self) -> int:
        return sum(len(self.of_kind(kind)) for kind in KINDS)


class ChangedCatalogue(Catalogue):
    """Entries with changes laid over them; ``changed``: fields by key, None for what goes."""

    def __init__(self, below: LedgerCatalogue, changed: Mapping[Key, Fields | None]) -> None:
        super().__init__({})
        self._below = below
        over: dict[str, dict[str, Entry | None]] = {}
        self._said: dict[Key, list[tuple[Key, str]]] = {}
        for key, fields in changed.items():
            kind, name = key
            over.setdefault(kind, {})[name] = None if fields is None else msgspec.convert(fields, KINDS[kind])
            for field, to_kind, to_name in references_of(kind, fields) if fields is not None else ():
                self._said.setdefault((to_kind, to_name), []).append((key, field))
        self._changed = changed
        self._tables = {kind: _Table(below.of_kind(kind), those) for kind, those in over.items()}

    def _of(self, kind: str) -> Mapping[str, Entry]:
        found = self._tables.get(kind)
        return found if found is not None else self._below.of_kind(kind)

    def all(self, cls: type[E]) -> Mapping[str, E]:
        """Every entry of a kind by name."""
        return cast(Mapping[str, E], self._of(cls.KIND))

    def table(self, kind: str) -> Mapping[str, Entry]:
        """Every entry of a kind, by its kind's name."""
        return self._of(kind)

    def get(self, cls: type[E], name: str) -> E:
        """Raises ``KeyError`` where there is no such entry."""
        return cast(E, self._of(cls.KIND)[name])

    def find(self, kind: str, name: str) -> Entry | None:
        """The entry, or None."""
        return self._of(kind).get(name) if kind in KINDS else None

    def referring(self, keys: Collection[Key]) -> Iterator[tuple[Key, str, Key]]:
        """Who refers, by which field, to which of these."""
        for who, field, key in self._below.referring(keys):
            if who not in self._changed:
                yield who, field, key
        for key in keys:
            for who, field in self._said.get(key, ()):
                yield who, field, key

    def naming(self, kind: type[Entry], field: str, subject: str) -> list[tuple[str, Entry]]:
        """Entries of a kind, by name, whose field names ``kind/name``."""
        key = entries.key_of(subject)
        names = {who[1] for who, by, _ in self.referring((key,)) if who[0] == kind.KIND and by == field}
        table = self._of(kind.KIND)
        self._below.of_kind(kind.KIND).fetch(names)
        return [(name, table[name]) for name in sorted(names)]

    def __iter__(self) -> Iterator[tuple[str, str, Entry]]:
        for kind in KINDS:
            for name, entry in self._of(kind).items():
                yield kind, name, entry

    def __len__(self) -> int:
        return sum(len(self._of(kind)) for kind in KINDS)


def references_to_each(connection: Connection, keys: Collection[Key]) -> Iterator[tuple[Key, str, Key]]:
    """(who, field, to whom) of the accepted references to these."""
    for key in keys:
        for _uid, who, field, _kind in references_to(connection, (key,)):
            yield who, field, key
