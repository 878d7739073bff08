"""What the ledger holds, as somebody who asks for something may see it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from ..ledger import entries
from ..ledger.connection import Connection
from ..model import KINDS, fields
from ..model.catalogue import Catalogue
from ..model.policy import Profile
from ..policy import Case

Key = entries.Key
# What an entry belongs to: the first of these fields that it has leads to the unit that it is.
OWNERS = ("unit", "project", "application", "instance", "primary", "holder")


def owning(kind: str) -> list[str]:
    """The fields of a kind that say whose an entry is; the first that is said counts."""
    known = KINDS[kind].__struct_fields__
    return [field for field in OWNERS if field in known]


def _leads(field: str, value: str) -> tuple[str, str]:
    """The kind and the name of what such a field names."""
    if field == "holder":
        kind, _, name = value.partition("/")
        return kind, name
    return "instance" if field == "primary" else field, value


class Ground:
    """Accepted entries of now, read as they are wanted, and those that the request makes beside them.

    What is ``hidden`` from the asker is not there.
    """

    def __init__(self, connection: Connection, hidden: Collection[Key] = ()) -> None:
        self._connection = connection
        self._hidden = frozenset(hidden)
        self._tables: dict[str, dict[str, dict[str, Any]]] = {}
        self._known: dict[Key, dict[str, Any] | None] = {}
        # What the request itself makes, as far as it was read.
        self.made: dict[Key, dict[str, Any]] = {}
        # What fits a parameter, by what it asks: items of one template ask the same many times.
        self.fitting: dict[Any, list[str]] = {}

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """The fields that an entry says; None where there is none."""
        if (kind, name) in self.made:
            return self.made[kind, name]
        if kind in self._tables:
            return self._tables[kind].get(name)
        key = (kind, name)
        if key not in self._known:
            found = entries.among(self._connection, [key]) if key not in self._hidden else {}
            self._known[key] = found[key].fields if key in found else None
        return self._known[key]

    def answering(self, zone: str, host: str) -> list[tuple[str, dict[str, Any]]]:
        """The endpoints that answer under a name: (their own name, empty for a hidden one; their fields)."""
        found = self._endpoints | {key: said for key, said in self.made.items() if key[0] == "endpoint"}
        return [
            ("" if key in self._hidden else key[1], said)
            for key, said in sorted(found.items())
            if said.get("dns_zone") == zone and str(said.get("host", "")).lower() == host.lower()
        ]

    @cached_property
    def _endpoints(self) -> dict[Key, dict[str, Any]]:
        found = entries.current(self._connection, kind="endpoint")
        return {key: entry.fields for key, entry in found.items()}

    def taken(self, keys: Collection[Key]) -> set[Key]:
        """Which of these keys an entry has, hidden or not."""
        return set(entries.digests(self._connection, keys))

    def table(self, kind: str) -> Mapping[str, dict[str, Any]]:
        """Every entry of a kind that may be seen, by name."""
        if kind not in self._tables:
            found = entries.current(self._connection, kind=kind)
            self._tables[kind] = {
                key[1]: entry.fields for key, entry in sorted(found.items()) if key not in self._hidden
            }
        made = {name: said for (of, name), said in self.made.items() if of == kind}
        return self._tables[kind] | made if made else self._tables[kind]

    def whole(self, kind: str, name: str) -> dict[str, Any]:
        """An entry's fields with the defaults of those that it does not say, its ``name``, and whether it is
        ``made`` by the same request."""
        said = self.get(kind, name) or {}
        whole = {key: said.get(key, info.default) for key, info in fields(kind).items()}
        return whole | {"name": name, "made": (kind, name) in self.made}

    def owner(self, kind: str, said: Mapping[str, Any]) -> str:
        """The unit that an entry belongs to; empty where it is nobody's."""
        return self._home(kind, said)[0]

    def unowned(self, kind: str, said: Mapping[str, Any]) -> bool:
        """Whether an entry that the request makes could have an owner, and has none. What it names and is
        not there is told as that; what the request makes of a kind that nobody owns is the asker's."""
        owner, end = self._home(kind, said)
        if owner or (end and self.get(*end) is None):
            return False
        return bool(owning(end[0] if end else kind)) or (end is not None and end not in self.made)

    def _home(self, kind: str, said: Mapping[str, Any]) -> tuple[str, Key | None]:
        """The unit where what an entry belongs to ends (empty: nowhere), and the last entry on the way; None
        where that is the entry itself."""
        end: Key | None = None
        for _ in range(len(OWNERS)):
            field = next((f for f in owning(kind) if said.get(f)), "")
            value = said.get(field)
            if not isinstance(value, str) or field == "unit":
                return value if isinstance(value, str) else "", end
            kind, name = _leads(field, value)
            if kind == "unit":
                return name, end
            if kind not in KINDS:
                return "", end
            end, said = (kind, name), self.get(kind, name) or {}
        return "", end

    @cached_property
    def policy(self) -> dict[str, Any]:
        """Numbers and lists for requests: ``profile/request-entries`` over the program's own."""
        profile = self.get("profile", "request-entries")
        known = {} if profile is None else {("profile", "request-entries"): profile}
        return Case(Catalogue.of(known)).values("request-entries")

    def kinds(self) -> frozenset[str]:
        """The kinds that a request may make (``Profile``: never itself)."""
        return frozenset(map(str, self.policy["kinds"])) & (KINDS.keys() - {Profile.KIND})
