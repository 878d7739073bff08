"""Entries and who refers to whom: as the ledger has them with a change laid over, or all in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Protocol

from ..addressing.blocks import Block
from ..ledger import entries
from ..ledger.connection import Connection
from ..ledger.entries import Accepted, Key
from ..ledger.graph import holders, kind_names, overlapping, referrers
from ..ledger.marks import addresses_of, references_of, spans_of

Fields = Mapping[str, Any]


class Graph(Protocol):
    """Entries as they are proposed, found by key, by reference, or by address."""

    def entries(self, keys: Iterable[Key]) -> dict[Key, Fields]:
        """Fields of those that there are."""
        ...

    def of_kinds(self, kinds: Iterable[str]) -> dict[Key, Fields]:
        """Every entry of these kinds."""
        ...

    def referrers(self, keys: Iterable[Key], kinds: Iterable[str] = ()) -> set[Key]:
        """Who refers to one of these; ``kinds``: only entries of these."""
        ...

    def holders(self, addresses: Iterable[str]) -> set[Key]:
        """Who has one of these addresses."""
        ...

    def overlapping(self, blocks: Iterable[Block]) -> set[Key]:
        """Whose prefixes lie in one of these, or hold one of them."""
        ...


class _Index:
    """Entries in memory by what they refer to and by the addresses they hold, each worked out once."""

    def __init__(self, known: Mapping[Key, Fields | None]) -> None:
        self._known = known

    @cached_property
    def referrers(self) -> dict[Key, set[Key]]:
        """Who refers to what."""
        out: dict[Key, set[Key]] = {}
        for key, fields in self._known.items():
            for _, kind, name in references_of(key[0], fields) if fields else ():
                out.setdefault((kind, name), set()).add(key)
        return out

    @cached_property
    def holders(self) -> dict[str, set[Key]]:
        """Who holds what."""
        out: dict[str, set[Key]] = {}
        for key, fields in self._known.items():
            for _, address in addresses_of(key[0], fields) if fields else ():
                out.setdefault(address, set()).add(key)
        return out

    @cached_property
    def spans(self) -> list[tuple[Block, Key]]:
        """Who has which prefix."""
        known = ((key, fields) for key, fields in self._known.items() if fields)
        return [(block, key) for key, fields in known for _, block in spans_of(key[0], fields)]

    def overlapping(self, blocks: Iterable[Block]) -> set[Key]:
        """Whose prefixes lie in one of these, or hold one of them."""
        wanted = list(blocks)
        return {key for span, key in self.spans if any(b.holds(span) or span.holds(b) for b in wanted)}


def _of_kinds(keys: set[Key], kinds: Iterable[str]) -> set[Key]:
    wanted = frozenset(kinds)
    return {key for key in keys if key[0] in wanted} if wanted else keys


class MemoryGraph:
    """All entries in memory."""

    def __init__(self, proposed: Mapping[Key, Fields]) -> None:
        self._proposed = proposed
        self._index = _Index(proposed)

    def entries(self, keys: Iterable[Key]) -> dict[Key, Fields]:
        """Fields of those that there are."""
        return {key: self._proposed[key] for key in keys if key in self._proposed}

    def of_kinds(self, kinds: Iterable[str]) -> dict[Key, Fields]:
        """Every entry of these kinds."""
        wanted = frozenset(kinds)
        return {key: fields for key, fields in self._proposed.items() if key[0] in wanted}

    def referrers(self, keys: Iterable[Key], kinds: Iterable[str] = ()) -> set[Key]:
        """Who refers to one of these; ``kinds``: only entries of these."""
        index = self._index.referrers
        return _of_kinds({one for key in keys for one in index.get(key, ())}, kinds)

    def holders(self, addresses: Iterable[str]) -> set[Key]:
        """Who has one of these addresses."""
        index = self._index.holders
        return {key for address in addresses for key in index.get(address, ())}

    def overlapping(self, blocks: Iterable[Block]) -> set[Key]:
        """Whose prefixes lie in one of these, or hold one of them."""
        return self._index.overlapping(blocks)


class LedgerGraph:
    """What is accepted, with ``changed`` laid over it (None: no such entry any more)."""

    def __init__(self, connection: Connection, changed: Mapping[Key, Fields | None] | None = None) -> None:
        self._connection = connection
        self._changed = changed or {}
        self._index = _Index(self._changed)
        # What was asked for: the accepted entry, or None where there is none.
        self._seen: dict[Key, Accepted | None] = {}

    def accepted(self, keys: Iterable[Key]) -> dict[Key, Accepted]:
        """The accepted entries of now that have these keys, whatever changes."""
        wanted = set(keys)
        fresh = wanted - self._seen.keys()
        if fresh:
            self._seen |= dict.fromkeys(fresh)
            self._seen |= entries.among(self._connection, fresh)
        return {key: entry for key in wanted if (entry := self._seen[key]) is not None}

    def entries(self, keys: Iterable[Key]) -> dict[Key, Fields]:
        """Fields of those that there are."""
        wanted = set(keys)
        out: dict[Key, Fields] = {
            key: entry.fields for key, entry in self.accepted(wanted - self._changed.keys()).items()
        }
        for key in wanted & self._changed.keys():
            fields = self._changed[key]
            if fields is not None:
                out[key] = fields
        return out

    def of_kinds(self, kinds: Iterable[str]) -> dict[Key, Fields]:
        """Every entry of these kinds."""
        wanted = set(kinds)
        keys = {key for key in self._changed if key[0] in wanted}
        for kind in wanted:
            keys |= {(kind, name) for name in kind_names(self._connection, kind)}
        return self.entries(keys)

    def referrers(self, keys: Iterable[Key], kinds: Iterable[str] = ()) -> set[Key]:
        """Who refers to one of these; ``kinds``: only entries of these."""
        targets = set(keys)
        found = referrers(self._connection, targets) - self._changed.keys()
        index = self._index.referrers
        found |= {one for key in targets & index.keys() for one in index[key]}
        return _of_kinds(found, kinds)

    def holders(self, addresses: Iterable[str]) -> set[Key]:
        """Who has one of these addresses."""
        wanted = set(addresses)
        found = holders(self._connection, wanted) - self._changed.keys()
        index = self._index.holders
        return found | {one for address in wanted & index.keys() for one in index[address]}

    def overlapping(self, blocks: Iterable[Block]) -> set[Key]:
        """Whose prefixes lie in one of these, or hold one of them."""
        wanted = set(blocks)
        if not wanted:
            return set()
        return (overlapping(self._connection, wanted) - self._changed.keys()) | self._index.overlapping(
            wanted
        )


def with_what_they_need(graph: Graph, start: Mapping[Key, Fields]) -> dict[Key, Fields]:
    """Entries, and all that they refer to, and so on. What refers to nothing is left to the checks."""
    out = dict(start)
    fresh: Mapping[Key, Fields] = start
    while fresh:
        needed = {
            (kind, name) for key, fields in fresh.items() for _, kind, name in references_of(key[0], fields)
        }
        fresh = graph.entries(needed - out.keys())
        out |= fresh
    return out
