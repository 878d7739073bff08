"""Whose addresses an entry has to do with: its zone and routing table, and the places that it is in.

Two entries may hold the same address where their spaces differ: a space is a zone and a routing table (VRF).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Key = tuple[str, str]
Fields = Mapping[str, Any]

# How near a pool's holder is to who asks; a region counts by its level above.
ITSELF, NODE, SITE, UNIT, REGION, ZONE, ANYBODY = 0, 1, 2, 3, 10, 900, 1000


class SpaceKey(NamedTuple):
    """Within one of these, and of one version of IP, no address has two holders."""

    zone: str
    vrf: str

    @property
    def words(self) -> str:
        """As a message says it."""
        zone = f"zone {self.zone}" if self.zone else "no zone"
        return f"VRF {self.vrf}" if self.vrf else zone


class Places:
    """Zones, routing tables and places of entries, over their fields by (kind, name)."""

    def __init__(self, entries: Mapping[Key, Fields]) -> None:
        self._entries = entries

    def _of(self, kind: str, name: str) -> Fields:
        return self._entries.get((kind, name), {})

    def _said(self, kind: str, name: str, field: str) -> str:
        return str(self._of(kind, name).get(field, ""))

    def space(self, kind: str, name: str) -> SpaceKey:
        """The space of all addresses that an entry holds."""
        vrf = self._said(kind, name, "vrf") if kind in ("network", "prefix", "address_plan") else ""
        if kind in ("server", "instance", "load_balancer", "interface"):
            vrf = self._said("network", self._said(kind, name, "network"), "vrf")
        if kind == "prefix" and not vrf:
            vrf = self._said("address_plan", self._said(kind, name, "plan"), "vrf")
        return SpaceKey(self.zone(kind, name), vrf)

    def spaces(self, kind: str, name: str, field: str) -> list[SpaceKey]:
        """Where what an entry says in a field is in use.

        A private network's links to ours and what stands for its prefixes are seen at the nodes that it
        connects to.
        """
        if kind == "private_network" and field in ("outside", "transit"):
            nodes = self._of(kind, name).get("connects_to") or ()
            if zones := {self._said("node", str(node), "zone") for node in nodes}:
                return [SpaceKey(zone, "") for zone in sorted(zones)]
        return [self.space(kind, name)]

    def zone(self, kind: str, name: str) -> str:
        """The zone of what an entry is about; empty where nothing says it."""
        fields = self._of(kind, name)
        if kind in ("node", "vrf", "address_plan", "private_network"):
            return str(fields.get("zone", "")) or self._said("vrf", str(fields.get("vrf", "")), "zone")
        if kind == "zone":
            return name
        if kind == "link":
            return self._said("node", str(fields.get("a", "")), "zone")
        if kind == "network":
            return self._said("node", str(fields.get("gateway", "")), "zone")
        if kind in ("server", "instance", "load_balancer"):
            return self.zone("network", str(fields.get("network", "")))
        if kind in ("translation",):
            return self._said("node", str(fields.get("node", "")), "zone")
        if kind == "interface":
            return self.zone(*_pair(str(fields.get("device", ""))))
        if kind == "prefix":
            return self._of_prefix(fields)
        return ""

    def _of_prefix(self, fields: Fields) -> str:
        vrf = str(fields.get("vrf", ""))
        plan = str(fields.get("plan", ""))
        return (
            self._said("vrf", vrf, "zone")
            or (self.zone("address_plan", plan) if plan else "")
            or self.zone(*_pair(str(fields.get("holder", ""))))
        )

    def ranks(self, kind: str, name: str) -> dict[str, int]:
        """Holders (``kind/name``) whose pools an entry may be given a part of, the nearest with the least.

        A prefix has those of its holder; nobody's pool (empty) serves everybody.
        """
        out: dict[str, int] = {"": ANYBODY}
        for rank, holder in self._near(kind, name):
            if holder.partition("/")[2]:
                out.setdefault(holder, rank)
        return out

    def _near(self, kind: str, name: str) -> Iterator[tuple[int, str]]:
        fields = self._of(kind, name)
        if kind == "prefix":
            yield from self._near(*_pair(str(fields.get("holder", ""))))
            return
        yield ITSELF, f"{kind}/{name}"
        nodes = {"network": ("gateway",), "link": ("a", "b")}.get(kind, ())
        if kind != "link":
            yield from ((NODE, f"node/{fields.get(end, '')}") for end in nodes)
        own = {kind: name} | {k: str(fields.get(k, "")) for k in ("site", "cloud", "project")}
        yield from ((SITE, f"{k}/{own[k]}") for k in ("site", "cloud", "project") if own.get(k))
        near = [name] if kind == "node" else [str(fields.get(end, "")) for end in nodes]
        units = {self._said("node", node, "unit") for node in near} | {str(fields.get("unit", ""))}
        yield from ((UNIT, f"unit/{unit}") for unit in sorted(units) if unit)
        regions = self._regions(kind, name, fields, own, near)
        yield from ((REGION + depth, f"region/{region}") for depth, region in enumerate(regions))
        zone = self.zone(kind, name)
        yield ZONE, f"zone/{zone}"

    def _regions(
        self, kind: str, name: str, fields: Fields, own: Mapping[str, str], nodes: list[str]
    ) -> list[str]:
        """The region an entry is in and those that it lies in, upwards; of a link those of both its ends."""
        if kind == "region":
            return self.above(name)
        site = own.get("site") or self._said("cloud", own.get("cloud", ""), "site")
        region = str(fields.get("region", "")) or self._said("site", site, "region")
        if region:
            return self.above(region)
        chains = [self.above(self._said("node", node, "region")) for node in nodes]
        if not chains:
            return []
        return [region for region in chains[0] if all(region in chain for chain in chains[1:])]

    def above(self, region: str) -> list[str]:
        """A region and those that it lies in, upwards."""
        out: list[str] = []
        while region and region not in out:
            out.append(region)
            region = self._said("region", region, "parent")
        return out


def _pair(reference: str) -> Key:
    kind, _, name = reference.partition("/")
    return kind, name
