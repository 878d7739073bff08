"""What a request costs: prices are the province's (``profile/prices``), the program knows none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from ..capacity.prices import numbers
from ..ledger.connection import Connection
from ..ledger.entries import Key, among
from ..model.catalogue import Catalogue
from ..plan.graph import LedgerGraph
from ..policy.pools import amounts

ENTRY: Key = ("profile", "prices")


class Line(msgspec.Struct, frozen=True):
    """What one thing costs: ``amount`` of it at ``price`` each, in the profile's currency and period."""

    what: str
    amount: float
    price: float

    @property
    def sum(self) -> float:
        """Amount times price."""
        return self.amount * self.price


class Costs(msgspec.Struct, frozen=True):
    """What a request costs by price. ``per``: the period (month, year), as the profile says it."""

    currency: str = ""
    per: str = ""
    lines: list[Line] = []

    @property
    def sum(self) -> float:
        """All lines together."""
        return sum(line.sum for line in self.lines)


def costs(
    connection: Connection,
    said: Mapping[Key, Mapping[str, Any]],
    changed: Mapping[Key, Mapping[str, Any] | None] = MappingProxyType({}),
) -> Costs:
    """What these entries cost: a price is of a flavor (``flavor/NAME``), or of a measure (``vcpus``,
    ``memory_mib``, ``disk_gib`` …; then those of an instance whose flavor has a price are left out).
    ``changed``: entries that are there, as they would be (None: gone); they cost the difference.

    Raises ``InputError`` where a price is no number.
    """
    entry = among(connection, [ENTRY]).get(ENTRY)
    values: Mapping[str, Any] = entry.fields.get("values", {}) if entry else {}
    if not values:
        return Costs()
    prices = numbers(values)
    count: dict[str, float] = defaultdict(float)
    was = {key: entry.fields for key, entry in among(connection, changed).items()}
    will = {**said, **{key: fields for key, fields in changed.items() if fields is not None}}
    _count(LedgerGraph(connection, will), will, prices, count, 1)
    _count(LedgerGraph(connection), was, prices, count, -1)
    lines = [Line(what, count[what], prices[what]) for what in sorted(count) if count[what]]
    return Costs(str(values.get("currency", "")), str(values.get("per", "")), lines)


def _count(
    graph: LedgerGraph,
    said: Mapping[Key, Mapping[str, Any]],
    prices: Mapping[str, float],
    count: dict[str, float],
    sign: int,
) -> None:
    """Add what these entries have of what has a price."""
    flavors = {("flavor", str(f["flavor"])) for (kind, _), f in said.items() if kind == "instance"}
    catalogue = Catalogue.of({**graph.entries(flavors), **said})
    for key, fields in said.items():
        found = catalogue.find(*key)
        flavor = f"flavor/{fields.get('flavor', '')}"
        if key[0] == "instance" and flavor in prices:
            count[flavor] += sign
            continue
        for measure, amount in (amounts(found, catalogue.find) if found else {}).items():
            if measure in prices:
                count[measure] += sign * amount
