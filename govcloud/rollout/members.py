"""Who is in a rollout: nodes, links, networks, machines, names and services that its subjects stand for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import msgspec

from ..model.application import Application, Endpoint
from ..model.catalogue import Catalogue
from ..model.change import Rollout
from ..model.cloud import Cloud, Instance, Project
from ..model.datacentre import Rack, Room, Server, Site
from ..model.network import DnsZone, Link, Network, Node, Zone
from ..model.organisation import Region, Unit
from .stages import CHECKS, IPV6_ONLY, STAGES, Check, Stage

# Kinds that are members themselves; every other subject stands for those in it.
KINDS = ("node", "link", "network", "server", "instance", "dns_zone", "endpoint")


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One that goes to IPv6: an entry, where it stands, and what it has to go through.

    ``level``, ``region`` and ``city`` are of the place it stands in (``city``: the region right below the
    province), empty where nobody says. ``stages``: those it needs, in order. ``checks``: whose evidence it
    must show. ``field``: where its IPv6 address stands in its entry; empty where others have the addresses.
    """

    kind: str
    name: str
    level: str = ""
    region: str = ""
    city: str = ""
    unit: str = ""
    stages: tuple[Stage, ...]
    checks: tuple[Check, ...]
    field: str = ""

    @property
    def subject(self) -> str:
        """``kind/name``, as evidence and claims call it."""
        return f"{self.kind}/{self.name}"

    @property
    def key(self) -> tuple[str, str]:
        """(kind, name)."""
        return self.kind, self.name


# The field of a kind that holds its IPv6 address.
FIELDS = {"node": "loopback6", "link": "ipv6", "network": "ipv6", "server": "ipv6", "instance": "ipv6"}


def members(catalogue: Catalogue, rollout: Rollout, ground: Ground | None = None) -> dict[str, Member]:
    """The members of a rollout by ``kind/name``, sorted.

    What stands in a private network is one only where it is named, or its zone, or its network is.
    ``ground``: of the same catalogue, where it is known already.
    """
    ground = ground or Ground(catalogue)
    found: set[str] = set()
    for subject in rollout.subjects:
        found |= ground.within(subject)
    return {subject: ground.member(subject, rollout.goal == "ipv6_only") for subject in sorted(found)}


class Ground:
    """Where every possible member of a catalogue stands, worked out once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.regions = catalogue.all(Region)
        self.endpoints = catalogue.all(Endpoint)

    @cached_property
    def all(self) -> dict[str, tuple[str, ...]]:
        """The nodes that each possible member stands at, by ``kind/name``: two for a link."""
        catalogue = self.catalogue
        out: dict[str, tuple[str, ...]] = {f"node/{name}": (name,) for name in catalogue.all(Node)}
        out |= {f"link/{name}": (link.a, link.b) for name, link in catalogue.all(Link).items()}
        networks = catalogue.all(Network)
        out |= {f"network/{name}": (network.gateway,) for name, network in networks.items()}
        kinds: tuple[type[Server] | type[Instance], ...] = (Server, Instance)
        for machine in kinds:
            for name, host in catalogue.all(machine).items():
                if host.network:
                    out[f"{machine.KIND}/{name}"] = (networks[host.network].gateway,)
        for name, zone in catalogue.all(DnsZone).items():
            known = [out[f"server/{one}"] for one in zone.servers if f"server/{one}" in out]
            if known:
                out[f"dns_zone/{name}"] = known[0]
        for name, endpoint in catalogue.all(Endpoint).items():
            if f"instance/{endpoint.instance}" in out:
                out[f"endpoint/{name}"] = out[f"instance/{endpoint.instance}"]
        return out

    @cached_property
    def private(self) -> frozenset[str]:
        """Nodes of private networks."""
        zones = {name for name, zone in self.catalogue.all(Zone).items() if zone.role == "private"}
        return frozenset(name for name, node in self.catalogue.all(Node).items() if node.zone in zones)

    @cached_property
    def _regions(self) -> dict[str, set[str]]:
        """The members at nodes of each region itself; a link is of both its ends' regions."""
        nodes, out = self.catalogue.all(Node), dict[str, set[str]]()
        for subject, at in self.all.items():
            if not self.private.intersection(at):
                for node in at:
                    out.setdefault(nodes[node].region, set()).add(subject)
        return out

    @cached_property
    def _below(self) -> dict[str, list[str]]:
        out: dict[str, list[str]] = {}
        for name, region in self.regions.items():
            out.setdefault(region.parent, []).append(name)
        return out

    def within(self, subject: str) -> set[str]:
        """The members that ``kind/name`` stands for: itself, or those in it."""
        kind, _, name = subject.partition("/")
        if kind in KINDS:
            return {subject} if subject in self.all else set()
        if kind == "region":
            regions = _tree(name, self._below)
            return set().union(*(self._regions.get(region, set()) for region in regions))
        if kind in ("zone", "private_network"):
            return {s for s, at in self.all.items() if any(self._zone_is(node, kind, name) for node in at)}
        if kind == "unit":
            below: dict[str, list[str]] = {}
            for one, unit in self.catalogue.all(Unit).items():
                below.setdefault(unit.parent, []).append(one)
            units = _tree(name, below)
            return {s for s, at in self.all.items() if self.unit(s) in units and not self.private & set(at)}
        return set(self._elsewhere(kind, name))

    def _zone_is(self, node: str, kind: str, name: str) -> bool:
        if kind == "zone":
            return self.catalogue.get(Node, node).zone == name
        network = self.catalogue.find("private_network", name)
        return node in getattr(network, "nodes", ())

    def _elsewhere(self, kind: str, name: str) -> Iterator[str]:
        """Members in a site, a room, a cloud, a project, an application."""
        for subject in self.all:
            if name in self._holders(subject).get(kind, ()):
                yield subject

    def _holders(self, subject: str) -> dict[str, tuple[str, ...]]:
        kind, _, name = subject.partition("/")
        catalogue = self.catalogue
        if kind == "node":
            return {"site": (catalogue.get(Node, name).site,)}
        if kind == "network":
            network = catalogue.get(Network, name)
            site = catalogue.get(Cloud, network.cloud).site if network.cloud else network.site
            return {"site": (site,), "cloud": (network.cloud,)}
        if kind == "server":
            room = catalogue.get(Rack, catalogue.get(Server, name).rack).room
            return {
                "site": (catalogue.get(Room, room).site,),
                "room": (room,),
                "application": (catalogue.get(Server, name).application,),
            }
        if kind == "instance":
            instance = catalogue.get(Instance, name)
            cloud = catalogue.get(Project, instance.project).cloud
            site = catalogue.get(Cloud, cloud).site
            applications = {e.application for e in catalogue.all(Endpoint).values() if e.instance == name}
            return {
                "cloud": (cloud,),
                "project": (instance.project,),
                "site": (site,),
                "application": (*applications, instance.application),
            }
        if kind == "endpoint":
            endpoint = catalogue.get(Endpoint, name)
            inner = self._holders(f"instance/{endpoint.instance}")
            return inner | {"application": (endpoint.application,)}
        return {}

    def unit(self, subject: str) -> str:
        """The unit that answers for a possible member; empty where nobody says."""
        kind, _, name = subject.partition("/")
        catalogue = self.catalogue
        if kind == "server" and (own := catalogue.get(Server, name).unit):
            return own
        if kind == "instance":
            return catalogue.get(Project, catalogue.get(Instance, name).project).unit
        if kind == "endpoint":
            return catalogue.get(Application, catalogue.get(Endpoint, name).application).unit
        return catalogue.get(Node, self._stands_at(subject)).unit

    def _stands_at(self, subject: str) -> str:
        """Of a link: the end further out, which is what it was laid for."""
        order = ("core", "border", "aggregation", "access")
        return max(self.all[subject], key=lambda node: order.index(self.catalogue.get(Node, node).role))

    def place(self, subject: str) -> tuple[str, str, str]:
        """(level, region, region right below the province) of a possible member."""
        name = self.catalogue.get(Node, self._stands_at(subject)).region
        if subject.startswith("server/"):
            rack = self.catalogue.get(Server, subject.partition("/")[2]).rack
            site = self.catalogue.get(Room, self.catalogue.get(Rack, rack).room).site
            name = self.catalogue.get(Site, site).region or name
        city, seen = name, {name}
        while (parent := self.regions[city].parent) and parent not in seen:
            if self.regions[parent].level == "province":
                break
            seen.add(parent)
            city = parent
        return self.regions[name].level, name, city

    def member(self, subject: str, ipv6_only: bool) -> Member:
        """The member of this subject, with the stages and checks that it needs."""
        kind, _, name = subject.partition("/")
        needs = dict(CHECKS[kind])
        if kind in ("node", "link"):
            roles = {self.catalogue.get(Node, node).role for node in self.all[subject]}
            needs.pop("backbone" if "access" in roles else "access")
        if kind == "server" and not self._serves_names(name):
            needs.pop("service")
        machine = kind in ("server", "instance") and not _serves(self.catalogue, kind, name)
        checks = [check for found in needs.values() for check in found]
        stages: set[Stage] = {"addressed", "verified", *needs}
        if ipv6_only and machine:
            checks += IPV6_ONLY
            stages.add("ipv6_only")
        level, region, city = self.place(subject)
        return Member(
            kind=kind,
            name=name,
            level=level,
            region=region,
            city=city,
            unit=self.unit(subject),
            stages=tuple(stage for stage in STAGES if stage in stages),
            checks=tuple(checks),
            field=FIELDS.get(kind, ""),
        )

    def _serves_names(self, server: str) -> bool:
        return any(server in zone.servers for zone in self.catalogue.all(DnsZone).values())


def _serves(catalogue: Catalogue, kind: str, name: str) -> bool:
    """Whether others ask this machine for something: it stays where they find it."""
    if kind == "server":
        return any(name in zone.servers for zone in catalogue.all(DnsZone).values())
    return any(endpoint.instance == name for endpoint in catalogue.all(Endpoint).values())


def _tree(top: str, below: dict[str, list[str]]) -> set[str]:
    """A name and all below it; a ring of names ends where it began."""
    out, todo = set[str](), [top]
    while todo:
        name = todo.pop()
        if name not in out:
            out.add(name)
            todo += below.get(name, [])
    return out


def has_ipv6(catalogue: Catalogue, subject: str) -> bool:
    """Whether an entry has its IPv6 address, or, where others have it for it, they all do."""
    kind, _, name = subject.partition("/")
    entry = catalogue.find(kind, name)
    if isinstance(entry, Endpoint):
        return has_ipv6(catalogue, f"instance/{entry.instance}")
    if isinstance(entry, DnsZone):
        return all(has_ipv6(catalogue, f"server/{server}") for server in entry.servers)
    return bool(getattr(entry, FIELDS[kind], "")) if kind in FIELDS else False


def ipv6_of(catalogue: Catalogue, subject: str) -> list[str]:
    """The IPv6 addresses and prefixes that an entry is reached by, sorted: its own, or those of the machines
    behind it; those that are not there yet are left out."""
    kind, _, name = subject.partition("/")
    entry = catalogue.find(kind, name)
    if isinstance(entry, Endpoint):
        return ipv6_of(catalogue, f"instance/{entry.instance}")
    if isinstance(entry, DnsZone):
        return sorted({at for server in entry.servers for at in ipv6_of(catalogue, f"server/{server}")})
    own = getattr(entry, FIELDS[kind], "") if kind in FIELDS else ""
    return [own] if own else []
