"""Where two networks touch: the ways from zones of one role to zones of another, around what may join them.

Not only links join: a router that stands in two zones (by its interfaces' or networks' routing tables) or is
plugged into a network of the other, a machine plugged into two networks, a circuit of the one that ends on a
router of the other, a private network that connects to both sides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from itertools import pairwise
from typing import Any

from ..model.application import Endpoint
from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.lines import Boundary, Circuit, Exchange, PrivateNetwork
from ..model.network import Interface, Link, Network, Node, Vrf, Zone
from .net import CARRYING, Net

Joint = tuple[str, str, str]


class Zones:
    """Zones of a catalogue, the zones that they are within, and what stands in them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._zones = catalogue.all(Zone)
        self._tops: dict[str, str] = {}

    def top(self, zone: str) -> str:
        """The zone that a security domain is within in the end; itself where it is within none."""
        found = self._tops.get(zone)
        if found is None:
            found, seen = zone, {zone}
            while found in self._zones and (above := self._zones[found].within) and above not in seen:
                seen.add(found := above)
            self._tops[zone] = found
        return found

    def role(self, zone: str) -> str:
        """The role of a zone, by the zone it is within; empty for none and for one that is not there."""
        top = self._zones.get(self.top(zone))
        return top.role if top is not None else ""

    def zone_of_network(self, name: str) -> str:
        """The zone that a network is part of: of its routing table, else of its gateway; empty for none."""
        network = self._catalogue.all(Network).get(name)
        if network is None:
            return ""
        if (vrf := self._catalogue.all(Vrf).get(network.vrf)) is not None:
            return vrf.zone
        node = self._catalogue.all(Node).get(network.gateway)
        return node.zone if node is not None else ""


class Crossings(Zones):
    """What joins vertices of different zones in a catalogue.

    Vertices are nodes, machines with more than one network, private networks, and circuits that end on a node
    of another zone, by their entries' keys.
    """

    def __init__(self, catalogue: Catalogue, net: Net) -> None:
        super().__init__(catalogue)
        self._net = net

    @cached_property
    def zones(self) -> dict[str, frozenset[str]]:
        """Zones, by their tops, that a vertex stands in."""
        # Most stand in one, and share its set.
        alone = {zone: frozenset({self.top(zone)}) for zone in {*self._zones, *self._net.zones}}
        out = {key: alone[zone] for key, zone in zip(self._net.nodes, self._net.zones, strict=True)}
        vrfs = {name: self.top(vrf.zone) for name, vrf in self._catalogue.all(Vrf).items()}
        for port in self._catalogue.all(Interface).values():
            if port.vrf in vrfs and port.device in out:
                out[port.device] |= {vrfs[port.vrf]}
        for network in self._catalogue.all(Network).values():
            if network.vrf in vrfs and f"node/{network.gateway}" in out:
                out[f"node/{network.gateway}"] |= {vrfs[network.vrf]}
        for name, private in self._catalogue.all(PrivateNetwork).items():
            at = {self.top(private.zone)} if private.zone else set()
            out[f"private_network/{name}"] = frozenset(at)
        for name, circuit in self._catalogue.all(Circuit).items():
            end = out.get(f"node/{circuit.node}")
            if circuit.zone and end and circuit.status in CARRYING and self.top(circuit.zone) not in end:
                out[f"circuit/{name}"] = frozenset({self.top(circuit.zone)})
        return out

    @cached_property
    def joints(self) -> list[Joint]:
        """(vertex, vertex, entry that joins them); the entry is empty where it is one of the two."""
        nodes = self._net.nodes
        out = [(nodes[e.a], nodes[e.b], e.entry) for e in self._net.edges]
        for name, private in self._catalogue.all(PrivateNetwork).items():
            if in_service(self._catalogue, private):
                key = f"private_network/{name}"
                out += [(key, f"node/{n}", "") for n in (*private.connects_to, *private.nodes)]
        circuits = self._catalogue.all(Circuit)
        ends = [key for key in self.zones if key.startswith("circuit/")]
        out += [(key, f"node/{circuits[key.removeprefix('circuit/')].node}", "") for key in ends]
        return [*out, *self._plugged(), *self._machines()]

    def _plugged(self) -> Iterator[Joint]:
        """Routers with a port in a network that another one is the gateway of."""
        networks = self._catalogue.all(Network)
        for port in self._catalogue.all(Interface).values():
            network = networks.get(port.network)
            if network is not None and port.enabled and port.device.startswith("node/"):
                if port.device != f"node/{network.gateway}":
                    yield port.device, f"node/{network.gateway}", f"network/{port.network}"

    def _machines(self) -> Iterator[Joint]:
        networks = self._catalogue.all(Network)
        plugged: dict[str, set[str]] = {}
        ports = ((p.device, p.network) for p in self._catalogue.all(Interface).values() if p.enabled)
        servers = ((f"server/{n}", s.network) for n, s in self._catalogue.all(Server).items())
        instances = ((f"instance/{n}", i.network) for n, i in self._catalogue.all(Instance).items())
        for device, network in (*ports, *servers, *instances):
            if network in networks and not device.startswith("node/"):
                plugged.setdefault(device, set()).add(network)
        for device, several in plugged.items():
            if len(several) > 1:
                for name in sorted(several):
                    yield device, f"node/{networks[name].gateway}", f"network/{name}"

    @cached_property
    def exchanging(self) -> dict[str, list[Exchange]]:
        """Declared exchanges in service by what they pass through: machines of their application."""
        out: dict[str, list[Exchange]] = {}
        endpoints = self._catalogue.all(Endpoint).values()
        for exchange in self._exchanges:
            for endpoint in endpoints:
                if exchange.application and endpoint.application == exchange.application:
                    if endpoint.instance:
                        out.setdefault(f"instance/{endpoint.instance}", []).append(exchange)
        return out

    @cached_property
    def _exchanges(self) -> list[Exchange]:
        return [
            e
            for e in self._catalogue.all(Exchange).values()
            if e.role == "cross_network" and e.status in CARRYING
        ]

    @cached_property
    def _boundaries(self) -> list[tuple[set[str], set[str]]]:
        out = []
        privates = self._catalogue.all(PrivateNetwork)
        for boundary in self._catalogue.all(Boundary).values():
            private = privates.get(boundary.private_network)
            # A network of one's own without a zone is outside of all.
            sides = {self.top(boundary.zone)} | ({self.top(private.zone)} if private else set())
            out.append(({f"node/{n}" for n in boundary.nodes}, sides - {""}))
        return out

    def bounded(self, joint: Joint) -> bool:
        """Whether a boundary that names one of the two nodes lies between their zones."""
        sides = self._at(joint[0]) | self._at(joint[1])
        return any({joint[0], joint[1]} & nodes and sides <= zones for nodes, zones in self._boundaries)

    def exchanged(self, joint: Joint) -> bool:
        """Whether a declared exchange of the zones of both stands here: at the site of both nodes, as what a
        private network says that it exchanges by, or as a machine of its application."""
        sides = self._at(joint[0]) | self._at(joint[1])
        nodes = [self._node(v) for v in joint[:2]]
        sites = {n.site if n is not None else "" for n in nodes}
        here = [e for e in self._exchanges if e.site and sites == {e.site}]
        here += [e for v in joint[:2] if (e := self._named(v)) in self._exchanges and e is not None]
        here += [e for v in joint[:2] for e in self.exchanging.get(v, ())]
        return any(sides <= {self.top(z) for z in exchange.zones} for exchange in here)

    def _named(self, vertex: str) -> Exchange | None:
        kind, _, name = vertex.partition("/")
        private = self._catalogue.all(PrivateNetwork).get(name) if kind == "private_network" else None
        return self._catalogue.all(Exchange).get(private.exchange) if private is not None else None

    def _at(self, vertex: str) -> frozenset[str]:
        return self.zones.get(vertex, frozenset())

    def _node(self, vertex: str) -> Node | None:
        kind, _, name = vertex.partition("/")
        return self._catalogue.all(Node).get(name) if kind == "node" else None

    def touching(self) -> Iterator[Joint]:
        """Joints of two nodes of different zones that no exchange or boundary excuses."""
        for joint in self.joints:
            a, b, entry = joint
            apart = entry.startswith("link/") and not self._at(a) & self._at(b)
            if apart and not self.bounded(joint) and not self.exchanged(joint):
                yield joint

    def ways(self, one: str, other: str) -> list[list[str]]:
        """The shortest way for each place where zones of two roles are joined, around declared exchanges.

        Vertices and entries between them in turn. A way ends where it first meets the other side, so that one
        cable is one way however large the two sides are; a detour through third zones is one way.
        """
        ones = {v for v, at in self.zones.items() if one in map(self.role, at)}
        others = {v for v, at in self.zones.items() if other in map(self.role, at)}
        if not ones or not others:
            return []
        out = [[v] for v in sorted(ones & others)]
        pure, far = ones - others, others - ones
        rest: list[Joint] = []
        for joint in self.joints:
            a, b, entry = joint
            ends = (a in pure, b in pure, a in far, b in far)
            if self._passes_exchange(joint, one, other):
                continue
            if (ends[0] and ends[3]) or (ends[1] and ends[2]):
                first, last = (a, b) if ends[0] else (b, a)
                out.append([first, entry, last] if entry else [first, last])
            elif not (ends[0] and ends[1]) and not (ends[2] and ends[3]):
                rest.append(joint)
        return out + _detours(rest, pure, far, ones & others)

    def _passes_exchange(self, joint: Joint, one: str, other: str) -> bool:
        for vertex in joint[:2]:
            for exchange in self.exchanging.get(vertex, ()):
                if {one, other} <= {self.role(z) for z in exchange.zones}:
                    return True
        a, b, _ = joint
        sides = {self.role(z) for z in self._at(a) | self._at(b)}
        return {one, other} <= sides and self.exchanged(joint)


def in_service(catalogue: Catalogue, private: PrivateNetwork) -> bool:
    """Whether a private network carries something: by its status, or as links join it, whatever that says."""
    if private.status in CARRYING:
        return True
    own, others = set(private.nodes), set(private.connects_to)
    lines = catalogue.all(Link).values() if own and others else ()
    return any((one.a in own and one.b in others) or (one.b in own and one.a in others) for one in lines)


def _detours(
    joints: Iterable[Joint], ones: Collection[str], others: Collection[str], known: Collection[str]
) -> list[list[str]]:
    """The shortest way through each part of the rest of the net that touches both sides."""
    import rustworkx as rx

    number: dict[str, int] = {}
    edges: dict[tuple[str, str], str] = {}
    inner: list[tuple[int, int]] = []
    touch: dict[str, dict[int, str]] = {"one": {}, "other": {}}
    for a, b, entry in joints:
        if a in known or b in known:
            continue
        edges.setdefault((a, b), entry)
        edges.setdefault((b, a), entry)
        for vertex, far in ((a, b), (b, a)):
            if vertex in ones or vertex in others:
                continue
            n = number.setdefault(vertex, len(number))
            if far in ones:
                touch["one"][n] = min(far, touch["one"].get(n, far))
            elif far in others:
                touch["other"][n] = min(far, touch["other"].get(n, far))
            elif vertex == a:
                inner.append((n, number.setdefault(far, len(number))))
    graph: Any = rx.PyGraph(multigraph=True)
    graph.add_nodes_from(range(len(number) + 2))
    graph.add_edges_from_no_data(inner)
    start, goal = len(number), len(number) + 1
    names = list(number)
    out = []
    for part in rx.connected_components(graph):
        near, away = sorted(part & touch["one"].keys()), sorted(part & touch["other"].keys())
        if not near or not away:
            continue
        ends = [(start, n) for n in near] + [(n, goal) for n in away]
        graph.add_edges_from_no_data(ends)
        way = list(rx.dijkstra_shortest_paths(graph, start, target=goal, default_weight=1.0)[goal])[1:-1]
        graph.remove_edges_from(ends)
        vertices = [touch["one"][way[0]], *(names[n] for n in way), touch["other"][way[-1]]]
        out.append(_spelled(vertices, edges))
    return sorted(out)


def _spelled(vertices: list[str], edges: dict[tuple[str, str], str]) -> list[str]:
    out = [vertices[0]]
    for a, b in pairwise(vertices):
        out += [entry] if (entry := edges[a, b]) else []
        out.append(b)
    return out
