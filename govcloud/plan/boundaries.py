"""What may cross the boundaries of private networks at each border node, worked out from the ledger.

A boundary lets its own flows through, each from its start to its endpoint, and nothing else. It lets
nothing through at all while it is not drawn (no ``drawn_on``), while nobody has decided whether its
private network is classified (no ``classified_on``; N-02), and where a classified one would meet
anything but the intranet (N-01); a day that is still to come is none. What is classified, a network or a
flow, crosses only where the far end stands in the intranet. Where a link leads out of a private network
and no boundary of it stands at either end, that end is closed: what nobody drew lets nothing through.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from ..model.application import Endpoint
from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.lines import Boundary, PrivateNetwork
from ..model.network import DnsZone, Flow, Network, Node, Vrf, Zone
from .borders import Borders
from .dns64 import Dns64
from .sides import Line, lines_out, members, on_linux, private_interfaces, set_apart, zones_around
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

    ``declared``: it is one of the boundary's flows. ``refused``: why it does not pass all the same;
    ``waits``: because its other end is not joined yet, which is no fault.
    """

    flow: str
    direction: Direction
    start: str
    endpoint: str
    declared: bool
    refused: str
    waits: bool = False


@dataclass(frozen=True)
class Post:
    """What stands at one node for a private network: the interfaces towards it, and what may cross here.

    ``boundary``: its name, or those of several; "" where nobody drew one: then ``interfaces`` are the ends
    of links between the two sides, and nothing passes by them; ``outward``: they look away from the private
    network, for the node is its own. ``rules``: the flows that need each rule.
    """

    boundary: str
    private_network: str
    node: str
    interfaces: tuple[str, ...]
    rules: dict[Rule, list[str]]
    outward: bool = False

    @property
    def title(self) -> str:
        """What it is there for, as ``kind/name``."""
        return f"boundary/{self.boundary}" if self.boundary else f"private_network/{self.private_network}"


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
        if own.classified_on and not self._ground.past(own.classified_on):
            return f"private_network/{name}: `classified_on` {own.classified_on} is still to come (N-02)"
        if not own.classified_on:
            return f"nobody has decided whether private_network/{name} is classified (N-02)"
        if own.classified and not self._meets_intranet:
            return f"private_network/{name} is classified, and the other side is not the intranet (N-01)"
        if not self.boundary.drawn_on:
            return "it is not drawn: `drawn_on` is empty (N-02)"
        if not self._ground.past(self.boundary.drawn_on):
            return f"it is not drawn yet: `drawn_on` {self.boundary.drawn_on} is still to come (N-02)"
        return self._astray

    @property
    def _meets_intranet(self) -> bool:
        return self._ground.is_intranet(self.boundary.zone)

    @property
    def _astray(self) -> str:
        """Which link by one of its nodes leads to a zone that it, and each beside it there, is not with."""
        for node in self.boundary.nodes:
            lines = self._ground.lines_at(self.boundary.private_network, node)
            beside = [d.boundary for d in self._ground.of(self.boundary.private_network)]
            zones = {one.zone for one in beside if node in one.nodes}
            own = [line for line in lines if self._with(line, {self.boundary.zone})]
            strange = [line for line in lines if not self._with(line, zones)]
            for line in strange or (lines if not own else []):
                return (
                    f"link/{line.link} at node/{node} leads to zone/{line.zone}, "
                    f"and the boundary is with zone/{self.boundary.zone}"
                )
        return ""

    def _with(self, line: Line, zones: Iterable[str]) -> bool:
        around = zones_around(self._ground.catalogue, line.zone)
        return any(not zone or zone in around for zone in zones)

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
        fellows = self._ground.of(self.boundary.private_network)
        elsewhere = {flow for other in fellows for flow in other.boundary.flows}
        for crossing in self.crossings:
            if crossing.flow not in elsewhere:
                out.append(
                    f"flow/{crossing.flow} leads across, and no boundary declares it: it does not pass"
                )
            elif crossing.waits:
                continue
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
        # Told once, by the first of its private network's boundaries.
        out += self._ground.open_ends(self.boundary.private_network) if fellows[0] is self else []
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
        far = f"instance/{endpoint.instance}" if start else flow.start
        if declared and not refused and not self._may_meet(far, flow):
            what = "it carries classified data" if flow.classified else "its private network is classified"
            refused = f"{what}, and {far} does not stand in the intranet (N-01)"
        # Until then it has no address that anybody else could know it by.
        apart = self._ground.apart(far, self.boundary.private_network) if declared and not refused else ""
        refused = refused or (f"private_network/{apart} is not joined yet" if apart else "")
        way: Direction = "out" if start else "in"
        return Crossing(name, way, flow.start, flow.endpoint, declared, refused, bool(apart))

    def _may_meet(self, far: str, flow: Flow) -> bool:
        own = self._ground.catalogue.find("private_network", self.boundary.private_network)
        classified = flow.classified or (isinstance(own, PrivateNetwork) and own.classified)
        return not classified or (self._meets_intranet and self._ground.in_intranet(far))

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
            network = self.boundary.private_network
            out.append(Post(self.name, network, node, tuple(private), dict(sorted(rules.items()))))
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
            if not self._may_meet(host, self._ground.catalogue.get(Flow, crossing.flow)):
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
    """A catalogue as boundaries need it, each question answered once.

    ``today``: what is decided later than this does not count; without it the day it is.
    """

    def __init__(self, catalogue: Catalogue, today: date | None = None) -> None:
        self.catalogue = catalogue
        self.flows = sorted(catalogue.all(Flow).items())
        self._today = (today or date.today()).isoformat()
        self._lines: dict[str, list[Line]] = {}

    def past(self, day: str) -> bool:
        """Whether a day is said and has come."""
        return bool(day) and day <= self._today

    @cached_property
    def boundaries(self) -> list[Drawn]:
        """Every boundary, by name."""
        return [Drawn(self, name, b) for name, b in sorted(self.catalogue.all(Boundary).items())]

    def of(self, private_network: str) -> list[Drawn]:
        """The boundaries of a private network, by name."""
        return [drawn for drawn in self.boundaries if drawn.boundary.private_network == private_network]

    @cached_property
    def posts(self) -> dict[str, list[Post]]:
        """What stands at each node, by node: one post for each private network, by its name.

        Boundaries of one private network that stand on one node let pass what any of them does.
        """
        found: dict[tuple[str, str], list[Post]] = {}
        for post in [*(p for drawn in self.boundaries for p in drawn.posts), *self.closed_posts]:
            found.setdefault((post.node, post.private_network), []).append(post)
        out: dict[str, list[Post]] = {}
        for (node, _), posts in sorted(found.items()):
            out.setdefault(node, []).append(_united(posts))
        return out

    @cached_property
    def closed_posts(self) -> list[Post]:
        """One for each node at the end of links that lead out of a private network by no boundary of it.

        It stands at the private network's end, at the other where that one is not ours to filter at.
        """
        ends: dict[tuple[str, str, bool], set[str]] = {}
        for name in self._private:
            for line in self.undrawn(name):
                able = on_linux(self.catalogue, (line.inner.node, line.outer.node))
                for end in (line.inner, line.outer):
                    if able and end.node == able[0]:
                        ends.setdefault((name, end.node, end is line.inner), set()).add(end.interface)
        return [Post("", name, node, tuple(sorted(at)), {}, own) for (name, node, own), at in ends.items()]

    @cached_property
    def _private(self) -> list[str]:
        return sorted(self.catalogue.all(PrivateNetwork))

    def lines(self, private_network: str) -> list[Line]:
        """The links that lead out of a private network."""
        if private_network not in self._lines:
            routers = members(self.catalogue, private_network)
            self._lines[private_network] = lines_out(self.catalogue, private_network, routers)
        return self._lines[private_network]

    def lines_at(self, private_network: str, node: str) -> list[Line]:
        """Those of them that end at a node."""
        found = self.lines(private_network)
        return [line for line in found if node in (line.inner.node, line.outer.node)]

    def undrawn(self, private_network: str) -> list[Line]:
        """Those of them at whose ends no boundary of it stands."""
        nodes = {node for drawn in self.of(private_network) for node in drawn.boundary.nodes}
        found = self.lines(private_network)
        return [line for line in found if not nodes & {line.inner.node, line.outer.node}]

    def open_ends(self, private_network: str) -> list[str]:
        """In words: which links lead out of a private network by no boundary of it."""
        return [
            f"link/{line.link} leads out of private_network/{private_network} to node/{line.outer.node}, and "
            "no boundary of it stands at either end: nothing crosses there"
            for line in self.undrawn(private_network)
        ]

    @cached_property
    def findings(self) -> list[str]:
        """What no boundary tells: private networks that are linked to others and have none."""
        return [words for name in self._private if not self.of(name) for words in self.open_ends(name)]

    @cached_property
    def _borders(self) -> Borders:
        return Borders(self.catalogue)

    def apart(self, host: str, private_network: str) -> str:
        """The other private network that ``kind/name`` stands in, where that is not joined; "" elsewhere."""
        home = self._borders.home(host)
        return home if home != private_network and home not in {"", *self._borders.joined} else ""

    def is_intranet(self, zone: str) -> bool:
        """Whether a zone is part of the intranet."""
        found = self.catalogue.find("zone", zone) if zone else None
        return isinstance(found, Zone) and found.role == "intranet"

    def in_intranet(self, host: str) -> bool:
        """Whether all that is said of where ``kind/name`` stands is the intranet."""
        node = self.catalogue.find("node", self.router(host))
        zones = [node.zone if isinstance(node, Node) else ""]
        plugged = self.network_of(host)
        if plugged is not None:
            vrf = self.catalogue.find("vrf", plugged.vrf) if plugged.vrf else None
            zones += [plugged.domain] if plugged.domain else []
            zones += [vrf.zone] if isinstance(vrf, Vrf) and vrf.zone else []
        return all(self.is_intranet(zone) for zone in zones)

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


def _united(posts: list[Post]) -> Post:
    """What stands at one node for one private network, as one."""
    first = posts[0]
    rules: dict[Rule, list[str]] = {}
    for post in posts:
        for rule, flows in post.rules.items():
            rules[rule] = list(dict.fromkeys([*rules.get(rule, ()), *flows]))
    names = "+".join(post.boundary for post in posts)
    interfaces = sorted({name for post in posts for name in post.interfaces})
    found = dict(sorted(rules.items()))
    return Post(names, first.private_network, first.node, tuple(interfaces), found, first.outward)
