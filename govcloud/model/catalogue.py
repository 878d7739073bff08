"""Typed entries by kind and name, with references followed: what planner, rules and plays read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar, cast

import msgspec

from .base import KINDS, Entry, FieldInfo, Ref, fields

E = TypeVar("E", bound=Entry)


class Catalogue:
    """An immutable view of entries: ``{kind: {name: struct}}``."""

    def __init__(self, entries: Mapping[str, Mapping[str, Entry]]) -> None:
        self._entries = entries

    @classmethod
    def of(
        cls, known: Mapping[tuple[str, str], Mapping[str, Any]], kinds: Collection[str] | None = None
    ) -> Catalogue:
        """Typed from fields by (kind, name), which were checked before; of these kinds, or of all."""
        tables: dict[str, dict[str, Mapping[str, Any]]] = {}
        for (kind, name), said in known.items():
            if kinds is None or kind in kinds:
                tables.setdefault(kind, {})[name] = said
        typed: dict[str, dict[str, Entry]] = {}
        for kind, table in tables.items():
            entry = KINDS[kind]
            # A table at a time: one by one takes longer.
            typed[kind] = msgspec.convert(table, dict[str, entry])  # type: ignore[valid-type]
        return cls(typed)

    def all(self, cls: type[E]) -> Mapping[str, E]:
        """Every entry of a kind by name; empty when there is none."""
        return cast(Mapping[str, E], self._entries.get(cls.KIND, {}))

    def table(self, kind: str) -> Mapping[str, Entry]:
        """Every entry of a kind, by its kind's name."""
        return self._entries.get(kind, {})

    def get(self, cls: type[E], name: str) -> E:
        """Raises ``KeyError`` where there is no such entry (references were checked before)."""
        return cast(E, self._entries[cls.KIND][name])

    def find(self, kind: str, name: str) -> Entry | None:
        """The entry, or None."""
        return self._entries.get(kind, {}).get(name)

    def __iter__(self) -> Iterator[tuple[str, str, Entry]]:
        for kind, table in self._entries.items():
            for name, entry in table.items():
                yield kind, name, entry

    def __len__(self) -> int:
        return sum(len(t) for t in self._entries.values())


def split_ref(ref: Ref, value: str) -> tuple[str, str]:
    """(kind, name) that a reference's value points to.

    A field with one kind holds a bare name, a field with several ``kind/name``; raises
    ``ValueError`` where the form or the kind does not fit.
    """
    if len(ref.kinds) == 1:
        return ref.kinds[0], value
    kind, slash, name = value.partition("/")
    if not slash or kind not in ref.kinds:
        wanted = " or ".join(f"{k}/NAME" for k in ref.kinds)
        raise ValueError(f"{value!r} should be {wanted}")
    return kind, name


def references(kind: str, values: Mapping[str, Any]) -> Iterator[tuple[FieldInfo, str]]:
    """(field, value) for each single reference in an entry's fields, lists taken apart."""
    for info in fields(kind).values():
        if info.ref is None:
            continue
        value = values.get(info.name)
        if not value:
            continue
        for one in value if info.many else [value]:
            if isinstance(one, str):
                yield info, one
