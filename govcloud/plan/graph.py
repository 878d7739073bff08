"""Entries and who refers to whom: as the ledger has them with a change laid over, or all in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ..ledger import entries
from ..ledger.connection import Connection
from ..ledger.entries import Accepted, Key
from ..ledger.graph import holders, kind_names, referrers
from ..ledger.marks import addresses_of, references_of

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


class MemoryGraph:
    """All entries in memory."""

    def __init__(self, proposed: Mapping[Key, Fields]) -> None:
        self._proposed = proposed
        self._referrers: dict[Key, set[Key]] | None = None
        self._holders: dict[str, set[Key]] | None = None

    def entries(self, keys: Iterable[Key]) -> dict[Key, Fields]:
        """Fields of those that there are."""
        return {key: self._proposed[key] for key in keys if key in self._proposed}

    def of_kinds(self, kinds: Iterable[str]) -> dict[Key, Fields]:
        """Every entry of these kinds."""
        wanted = frozenset(kinds)
        return {key: fields for key, fields in self._proposed.items() if key[0] in wanted}

    def referrers(self, keys: Iterable[Key], kinds: Iterable[str] = ()) -> set[Key]:
        """Who refers to one of these; ``kinds``: only entries of these."""
        if self._referrers is None:
            self._referrers = {}
            for key, fields in self._proposed.items():
                for _, kind, name in references_of(key[0], fields):
                    self._referrers.setdefault((kind, name), set()).add(key)
        wanted = frozenset(kinds)
        found = {one for key in keys for one in self._referrers.get(key, ())}
        return {key for key in found if key[0] in wanted} if wanted else found

    def holders(self, addresses: Iterable[str]) -> set[Key]:
        """Who has one of these addresses."""
        if self._holders is None:
            self._holders = {}
            for key, fields in self._proposed.items():
                for _, address in addresses_of(key[0], fields):
                    self._holders.setdefault(address, set()).add(key)
        return {key for address in addresses for key in self._holders.get(address, ())}


class LedgerGraph:
    """What is accepted, with ``changed`` laid over it (None: no such entry any more).

    ``seen`` keeps every accepted entry that was looked at.
    """

    def __init__(self, connection: Connection, changed: Mapping[Key, Fields | None] | None = None) -> None:
        self._connection = connection
        self._changed = changed or {}
        self.seen: dict[Key, Accepted] = {}

    def accepted(self, keys: Iterable[Key]) -> dict[Key, Accepted]:
        """The accepted entries of now that have these keys, whatever changes."""
        wanted = set(keys)
        self.seen |= entries.among(self._connection, wanted - self.seen.keys())
        return {key: self.seen[key] for key in wanted if key in self.seen}

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
        targets, wanted = set(keys), frozenset(kinds)
        found = referrers(self._connection, targets) - self._changed.keys()
        for key, fields in self._changed.items():
            if fields and any((k, n) in targets for _, k, n in references_of(key[0], fields)):
                found.add(key)
        return {key for key in found if key[0] in wanted} if wanted else found

    def holders(self, addresses: Iterable[str]) -> set[Key]:
        """Who has one of these addresses."""
        wanted = set(addresses)
        found = holders(self._connection, wanted) - self._changed.keys()
        for key, fields in self._changed.items():
            if fields and any(address in wanted for _, address in addresses_of(key[0], fields)):
                found.add(key)
        return found


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
