"""What may cross the boundaries of private networks at each border node, worked out from the ledger.

A boundary lets its own flows through, each from its start to its endpoint, and nothing else. It lets
nothing through at all while it is not drawn (no ``drawn_on``), while nobody has decided whether its
private network is classified (no ``classified_on``; N-02), and where a classified one would meet
anything but the intranet (N-01). A flow that carries classified data crosses to the intranet alone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..model.application import Endpoint
from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.lines import Boundary, PrivateNetwork
from ..model.network import DnsZone, Flow, Network, Zone
from .dns64 import Dns64
from .sides import members, on_linux, private_interfaces, set_apart
from .translating import Nat, Seen, embedded
from .wiring import IPVersion, bare, built_servers, interfaces

Direction = Literal["out", "in"]  # seen from the private network
Protocol = Literal["tcp", "udp", "echo"]
DNS_PORT = 53


@dataclass(frozen=True, order=True)
class Rule:
    """What one side may send to the other; answers go back by themselves.

    ``source`` is an address, or the pool that a NAT64 speaks with; ``port`` is 0 for an echo request.
    """

    direction: Direction
    version: IPVersion
    protocol: Protocol
    source: str
    destination: str
    port: int


@dataclass(frozen=True)
class Crossing:
    """A flow of the ledger that leads from one side of a boundary to the other.

    ``declared``: it is one of the boundary's flows. ``refused``: why it does not pass all the same.
    """

    flow: str
    direction: Direction
    start: str
    endpoint: str
    declared: bool
    refused: str


@dataclass(frozen=True)
class Post:
    """One boundary at one node: the interfaces towards the private network, and what may cross here.

    ``rules``: the flows that need each rule, by rule.
    """

    boundary: str
    node: str
    interfaces: tuple[str, ...]
    rules: dict[Rule, list[str]]


class Drawn:
    """One boundary: its sides, what crosses it, and what its nodes let pass."""

    def __init__(self, ground: Ground, name: str, boundary: Boundary) -> None:
        self._ground, self.name, self.boundary = ground, name, boundary
        self.routers = members(ground.catalogue, boundary.private_network)

    @cached_property
    def closed(self) -> str:
        """Why nothing at all crosses it; "" where its flows do."""
        catalogue, name = self._ground.catalogue, self.boundary.private_network
        own = catalogue.find("private_network", name)
        if not isinstance(own, PrivateNetwork):
            return f"private_network/{name} is not known"
        if not own.classified_on:
            return f"nobody has decided whether private_network/{name} is classified (N-02)"
        if own.classified and not self._meets_intranet:
            return f"private_network/{name} is classified, and the other side is not the intranet (N-01)"
        if not self.boundary.drawn_on:
            return "it is not drawn: `drawn_on` is empty (N-02)"
        return ""

    @property
    def _meets_intranet(self) -> bool:
        zone = self._ground.catalogue.find("zone", self.boundary.zone) if self.boundary.zone else None
        return isinstance(zone, Zone) and zone.role == "intranet"

    def within(self, host: str) -> bool | None:
        """Whether ``kind/name`` stands on the private side; None where it is plugged in nowhere."""
        kind, _, name = host.partition("/")
        if kind == "node":
            return name in self.routers
        plugged = self._ground.network_of(host)
        if plugged is None:
            return None
        if plugged.gateway in self.routers:
            return True
        own = self._ground.catalogue.find("private_network", self.boundary.private_network)
        return isinstance(own, PrivateNetwork) and set_apart(self._ground.catalogue, plugged, own)

    @cached_property
    def crossings(self) -> list[Crossing]:
        """Every flow of the ledger that leads across, declared here or not, by name."""
        return [c for name, flow in self._ground.flows if (c := self._crossing(name, flow)) is not None]

    @property
    def idle(self) -> list[str]:
        """Its flows that lead from one side to the same, and so need no leave."""
        leading = {crossing.flow for crossing in self.crossings}
        return sorted(set(self.boundary.flows) - leading)

    @property
    def findings(self) -> list[str]:
        """What is not as it should be, in words: flows that nobody declared, and what cannot be kept."""
        out = []
        elsewhere = {
            flow
            for other in self._ground.boundaries
            if other.boundary.private_network == self.boundary.private_network
            for flow in other.boundary.flows
        }
        for crossing in self.crossings:
            if crossing.flow not in elsewhere:
                out.append(
                    f"flow/{crossing.flow} leads across, and no boundary declares it: it does not pass"
                )
            elif crossing.declared and crossing.refused and crossing.refused != self.closed:
                out.append(f"flow/{crossing.flow} does not pass: {crossing.refused}")
        out += [f"flow/{flow} is declared, and does not lead across" for flow in self.idle]
        if self.closed and self.boundary.flows:
            out.append(f"nothing passes: {self.closed}")
        able = {post.node: post for post in self.posts}
        for node in self.boundary.nodes:
            if node not in able:
                out.append(f"node/{node} is not built, or does not run linux: nothing is filtered there")
            elif not able[node].interfaces:
                out.append(f"node/{node} has no interface towards the private network")
        if not self.boundary.nodes:
            out.append("no node stands on it: nothing is filtered")
        return out

    def _crossing(self, name: str, flow: Flow) -> Crossing | None:
        endpoint = self._ground.catalogue.get(Endpoint, flow.endpoint)
        start, end = self.within(flow.start), self.within(f"instance/{endpoint.instance}")
        if start is None or end is None or start == end:
            return None
        declared = name in self.boundary.flows
        refused = "" if declared else "it is not among the flows of the boundary"
        if declared and self.closed:
            refused = self.closed
        elif declared and flow.classified and not self._meets_intranet:
            refused = "it carries classified data, and the other side is not the intranet (N-01)"
        return Crossing(name, "out" if start else "in", flow.start, flow.endpoint, declared, refused)

    @cached_property
    def posts(self) -> list[Post]:
        """What its nodes let pass: those of them that are built and run Linux, in the order declared."""
        catalogue = self._ground.catalogue
        out = []
        for node in on_linux(catalogue, self.boundary.nodes):
            private = private_interfaces(catalogue, node, self.boundary.private_network, self.routers)
            rules: dict[Rule, list[str]] = {}
            for crossing in self.crossings:
                if not crossing.refused:
                    for rule in self._rules(node, crossing):
                        flows = rules.setdefault(rule, [])
                        flows += [] if crossing.flow in flows else [crossing.flow]
            out.append(Post(self.name, node, tuple(private), dict(sorted(rules.items()))))
        return out

    def _rules(self, node: str, crossing: Crossing) -> Iterator[Rule]:
        """What a flow needs at a node. What the node itself sends is not filtered."""
        if crossing.start == f"node/{node}":
            return
        flow = self._ground.catalogue.get(Flow, crossing.flow)
        endpoint = self._ground.catalogue.get(Endpoint, flow.endpoint)
        end = f"instance/{endpoint.instance}"
        for version in sorted(set(flow.ip_versions)):
            for family, source, destination in self._pairs(node, crossing.start, end, version):
                if "http" in flow.measures:
                    yield Rule(crossing.direction, family, "tcp", source, destination, endpoint.port)
                if "reach" in flow.measures:
                    yield Rule(crossing.direction, family, "echo", source, destination, 0)
            if {"dns", "http"} & set(flow.measures):
                yield from self._names(node, crossing, version)

    def _names(self, node: str, crossing: Crossing, version: IPVersion) -> Iterator[Rule]:
        """Names are asked of the name servers, and these may stand on the other side."""
        for server in self._ground.name_servers:
            host = f"server/{server}"
            if self.within(host) in (None, crossing.direction == "out"):
                continue
            for source in self._at(node, crossing.start, version):
                for destination in self._at(node, host, version, goal=True):
                    yield Rule(crossing.direction, version, "udp", source, destination, DNS_PORT)
                    yield Rule(crossing.direction, version, "tcp", source, destination, DNS_PORT)
                for destination in self._ground.dns64(crossing.start, server) if version == 6 else ():
                    yield Rule(crossing.direction, version, "udp", source, destination, DNS_PORT)
                    yield Rule(crossing.direction, version, "tcp", source, destination, DNS_PORT)

    def _pairs(
        self, node: str, start: str, end: str, version: IPVersion
    ) -> Iterator[tuple[IPVersion, str, str]]:
        """(IP version, source, destination) of a flow's packets as they come by a node."""
        sources, ends = self._at(node, start, version), self._at(node, end, version, goal=True)
        yield from ((version, source, destination) for source in sources for destination in ends)
        if version == 6 and not ends:
            for nat64 in self._ground.seen.nat64_of(self._ground.router(start)):
                yield from self._by_nat64(nat64, node, start, end)

    def _by_nat64(self, nat64: Nat, node: str, start: str, end: str) -> Iterator[tuple[IPVersion, str, str]]:
        """Before the node that translates they are IPv6, behind it IPv4 from its pool."""
        inside = bool(self.within(start))
        before = inside if nat64.node == node else inside != (nat64.node in self.routers)
        if not before:
            yield from ((4, str(nat64.outside), address) for address in self._at(node, end, 4, goal=True))
            return
        router = self._ground.router(end)
        for address in self._ground.addresses(end, 4):
            mapped = embedded(nat64.inside, self._ground.seen.address(router, address, nat64.node))
            yield from ((6, source, mapped) for source in self._at(node, start, 6))

    def _at(self, node: str, host: str, version: IPVersion, *, goal: bool = False) -> list[str]:
        """The addresses of a host in packets that come by a node; ``goal``: of what is for it.

        What a translation without a private network stands for can be reached by its own address too.
        """
        router, within = self._ground.router(host), bool(self.within(host))
        out = []
        for address in self._ground.addresses(host, version):
            out.append(self._ground.seen.crossing(router, address, node, within, self.routers))
            nat = self._ground.seen.nat_of(router, address) if goal else None
            out += [address] if nat is not None and not nat.private_network else []
        return list(dict.fromkeys(out))


class Ground:
    """A catalogue as boundaries need it, each question answered once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.flows = sorted(catalogue.all(Flow).items())

    @cached_property
    def boundaries(self) -> list[Drawn]:
        """Every boundary, by name."""
        return [Drawn(self, name, b) for name, b in sorted(self.catalogue.all(Boundary).items())]

    @cached_property
    def seen(self) -> Seen:
        """What addresses are behind translations."""
        return Seen(self.catalogue)

    @cached_property
    def name_servers(self) -> list[str]:
        """Servers that are built and answer for a zone of names."""
        built = built_servers(self.catalogue)
        zones = sorted(self.catalogue.all(DnsZone).items())
        return list(dict.fromkeys(s for _, zone in zones for s in zone.servers if s in built))

    @cached_property
    def _dns64(self) -> Dns64:
        return Dns64(self.catalogue)

    def dns64(self, host: str, server: str) -> list[str]:
        """Addresses at which a server makes up records for ``kind/name``, which has IPv6 alone."""
        kind, _, name = host.partition("/")
        machine = self.catalogue.find(kind, name)
        if not isinstance(machine, (Server, Instance)):
            return []
        return [address for address, by in self._dns64.asked_by(machine).items() if by == server]

    @cached_property
    def _addresses(self) -> dict[str, list[str]]:
        out: dict[str, list[str]] = {}
        for host, _interface, found in interfaces(self.catalogue):
            out.setdefault(host, []).extend(bare(address) for address in found)
        return out

    def addresses(self, host: str, version: IPVersion) -> list[str]:
        """The bare addresses of a built ``kind/name``, its own; a router has one for each interface."""
        found = self._addresses.get(host.partition("/")[2], [])
        return [a for a in dict.fromkeys(found) if ipaddress.ip_address(a).version == version]

    def network_of(self, host: str) -> Network | None:
        """The network that a server or an instance is plugged into."""
        kind, _, name = host.partition("/")
        machine = self.catalogue.find(kind, name)
        plugged = machine.network if isinstance(machine, (Server, Instance)) else ""
        found = self.catalogue.find("network", plugged) if plugged else None
        return found if isinstance(found, Network) else None

    def router(self, host: str) -> str:
        """The router that ``kind/name`` is or stands behind; "" where it is plugged in nowhere."""
        kind, _, name = host.partition("/")
        if kind == "node":
            return name
        plugged = self.network_of(host)
        return plugged.gateway if plugged is not None else ""
