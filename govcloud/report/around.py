"""The entries around an application: found by index, two steps on from whoever refers to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..ledger.browsing import Seen, View, Where
from ..ledger.entries import Key


class Gathered:
    """The entries around an application, by kind and name, and how they were reached."""

    def __init__(self, view: View, application: Seen) -> None:
        self.view = view
        self.application = application
        self.tables: dict[str, dict[str, Seen]] = {}
        # (kind, field) -> names of those that refer to the application by that field.
        self.direct: dict[Key, list[str]] = {}

    def keep(self, entries: Iterable[Seen]) -> list[Seen]:
        """Remember entries; returns them."""
        found = list(entries)
        for entry in found:
            self.tables.setdefault(entry.kind, {})[entry.name] = entry
        return found

    def all(self, kind: str) -> list[Seen]:
        """Everything of a kind that was found, by name."""
        return [entry for _, entry in sorted(self.tables.get(kind, {}).items())]

    def referrers(self, kind: str, *kinds: str) -> list[Seen]:
        """Entries of these kinds that refer to what was found of ``kind``."""
        rows = self.view.referrers(kind, self.tables.get(kind, {}))
        return self.keep(self.view.by_uid(r.uid for r in rows if r.kind in kinds).values())

    def targets(self, *kinds: str, of: Iterable[str]) -> None:
        """Entries of these kinds that what was found of the kinds ``of`` refers to."""
        uids = [entry.uid for kind in of for entry in self.all(kind)]
        wanted: dict[str, list[str]] = {}
        for _, _, kind, name in self.view.referred(uids):
            if kind in kinds and name not in self.tables.get(kind, {}):
                wanted.setdefault(kind, []).append(name)
        for kind, names in wanted.items():
            self.keep(self.view.named(kind, names).values())

    def find(self, kind: str, name: Any) -> Seen | None:
        """One of those that were found."""
        return self.tables.get(kind, {}).get(str(name))


def gather(view: View, application: Seen) -> Gathered:
    """Everything around an application, in about twenty questions to the ledger."""
    found = Gathered(view, application)
    found.keep([application])
    referrers = view.referrers("application", [application.name])
    for one in referrers:
        found.direct.setdefault((one.kind, one.field), []).append(one.name)
    found.keep(view.by_uid(r.uid for r in referrers).values())
    # What the application itself names, then the machines behind what answers and what is protected.
    found.targets("component", "contract", "person", "unit", of=["application"])
    found.targets("instance", of=["endpoint", "protection", "load_balancer"])
    found.referrers("instance", "volume", "load_balancer", "backup")
    found.targets("server", of=["instance"])
    found.targets("flavor", "network", "dns_zone", of=["instance", "server", "load_balancer", "endpoint"])
    found.referrers("endpoint", "certificate", "flow")
    found.targets("certificate", of=["endpoint"])
    found.referrers("protection", "recovery_plan", "drill")
    found.referrers("recovery_plan", "drill")
    # Not all that is the unit's: that may be half of the ledger.
    unit = application.fields.get("unit")
    if unit:
        found.keep(view.listing(Where(kind="person", refers=(("unit", ("unit",), unit),))))
    return found
