"""The ways through the network that the ledger's link costs give: static routes and expected paths.

Static routes are for hosts without a routing daemon. They do not move when a link fails.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

from ..errors import InputError, Problem
from ..model.catalogue import Catalogue
from ..model.network import Network
from .borders import Borders, export_owners
from .translating import announced, read_translations
from .wiring import (
    End,
    IPVersion,
    Wire,
    bare,
    built_instances,
    built_nodes,
    built_servers,
    parse_prefix,
    wires,
)

ANY: dict[IPVersion, str] = {4: "0.0.0.0/0", 6: "::/0"}


@dataclass(frozen=True)
class StaticRoute:
    """One route of a router: prefix, the neighbour's address, and the way's whole cost."""

    prefix: str
    via: str
    cost: int


@dataclass(frozen=True)
class _Step:
    """The first step of a way: the neighbour, its end of the link, the whole cost."""

    neighbour: str
    end: End
    cost: int


class Topology:
    """The routers and the links that carry one IP version (None: any), with distances by cost.

    Of several ways of equal cost the one whose next node, then link, comes first by name is taken,
    so the same ledger gives the same routes everywhere. Costs are positive, so ways chosen hop by
    hop never loop. ``without``: names of links that are left out.
    """

    def __init__(
        self, catalogue: Catalogue, version: IPVersion | None, *, without: Container[str] = frozenset()
    ) -> None:
        # Imported where it is needed: with the arrays it brings along it costs as much as a small plan.
        import rustworkx as rx

        self.names = list(built_nodes(catalogue))
        self.wires = [w for w in wires(catalogue) if _carries(w, version) and w.name not in without]
        self._index = {name: i for i, name in enumerate(self.names)}
        graph: rx.PyGraph[str, Wire] = rx.PyGraph(multigraph=True)
        graph.add_nodes_from(self.names)
        graph.add_edges_from([(self._index[w.a.node], self._index[w.b.node], w) for w in self.wires])
        self._distances = rx.all_pairs_dijkstra_path_lengths(graph, lambda wire: float(wire.cost))
        # node -> [(neighbour, link, cost, the neighbour's end)], sorted: the order breaks ties.
        self._around: dict[str, list[tuple[str, str, int, End]]] = {name: [] for name in self.names}
        for w in self.wires:
            self._around[w.a.node].append((w.b.node, w.name, w.cost, w.b))
            self._around[w.b.node].append((w.a.node, w.name, w.cost, w.a))
        for around in self._around.values():
            around.sort(key=lambda item: item[:2])

    def distance(self, start: str, goal: str) -> int | None:
        """The cost of the cheapest way, or None where there is none."""
        if start == goal:
            return 0 if start in self._index else None
        if start not in self._index or goal not in self._index:
            return None
        lengths = self._distances[self._index[start]]
        goal_index = self._index[goal]
        return int(lengths[goal_index]) if goal_index in lengths else None

    def neighbours(self, node: str) -> list[str]:
        """Names of the nodes next to this one, each once, sorted."""
        return sorted({item[0] for item in self._around[node]})

    def step(self, start: str, goal: str) -> _Step | None:
        """The first step from ``start`` towards another node, or None where no way leads there."""
        whole = self.distance(start, goal)
        if whole is None or start == goal:
            return None
        for neighbour, _link, cost, end in self._around[start]:
            rest = self.distance(neighbour, goal)
            if rest is not None and cost + rest == whole:
                return _Step(neighbour, end, whole)
        return None

    def path(self, start: str, goal: str) -> list[str]:
        """Nodes from ``start`` to ``goal``, both among them; empty where no way leads there."""
        if self.distance(start, goal) is None:
            return []
        nodes = [start]
        while nodes[-1] != goal:
            step = self.step(nodes[-1], goal)
            if step is None:
                return []
            nodes.append(step.neighbour)
        return nodes


def _carries(wire: Wire, version: IPVersion | None) -> bool:
    return bool(wire.ipv4 or wire.ipv6) if version is None else bool(wire.prefix(version))


def static_routes(catalogue: Catalogue) -> dict[str, list[StaticRoute]]:
    """Routes of every built router for both IP versions, sorted by version and prefix.

    A router with one neighbour gets a default route to it; every other gets one route a prefix, so
    that what nobody has is refused there and does not go round.
    """
    out: dict[str, list[StaticRoute]] = {name: [] for name in built_nodes(catalogue)}
    borders = Borders(catalogue)
    for version in (4, 6):
        # Over a border go the routes that it brings, and none that is worked out here.
        topology = Topology(catalogue, version, without=borders.wires)
        goals = list(_destinations(catalogue, topology, version, borders))
        for node in topology.names:
            out[node].extend(_routes_of(topology, node, goals, version))
    return out


def _routes_of(
    topology: Topology, node: str, goals: list[tuple[str, list[str]]], version: IPVersion
) -> Iterator[StaticRoute]:
    around = topology.neighbours(node)
    if len(around) == 1:
        step = topology.step(node, around[0])
        if step is not None:
            yield StaticRoute(ANY[version], step.end.address(version), step.cost)
        return
    for prefix, owners in goals:
        if node in owners:
            continue
        near = [(d, owner) for owner in owners if (d := topology.distance(node, owner)) is not None]
        if not near:
            continue
        step = topology.step(node, min(near)[1])
        if step is not None:
            yield StaticRoute(prefix, step.end.address(version), step.cost)


def _destinations(
    catalogue: Catalogue, topology: Topology, version: IPVersion, borders: Borders
) -> Iterator[tuple[str, list[str]]]:
    """(prefix, routers that have it) of every network, loopback and link, in the order of prefixes.

    Links count because a router's own packets carry the address of the link they leave by.
    """
    found: dict[str, set[str]] = {}
    nodes = built_nodes(catalogue)
    for name, network in catalogue.all(Network).items():
        prefix = network.ipv4 if version == 4 else network.ipv6
        if prefix and network.gateway in nodes:
            found.setdefault(str(parse_prefix(prefix, f"network/{name}")), set()).add(network.gateway)
    for name, node in nodes.items():
        loopback = node.loopback4 if version == 4 else node.loopback6
        if loopback:
            found.setdefault(str(parse_prefix(bare(loopback), f"node/{name}")), set()).add(name)
    for wire in topology.wires:
        prefix = str(parse_prefix(wire.prefix(version), f"link/{wire.name}"))
        found.setdefault(prefix, set()).update({wire.a.node, wire.b.node})
    for prefix, owners in export_owners(borders).items():
        if parse_prefix(prefix, prefix).version == version:
            found.setdefault(prefix, set()).update(owners)
    for router, prefixes in announced(read_translations(catalogue)).items():
        for translated in prefixes:
            if translated.version == version:
                found.setdefault(str(translated), set()).add(router)
    for prefix in sorted(found, key=lambda p: parse_prefix(p, p)):
        yield prefix, sorted(found[prefix])


def path_between(
    catalogue: Catalogue, start: str, goal: str, *, ip_version: IPVersion | None = None
) -> list[str]:
    """The routers that traffic between two hosts crosses by cost, in order, ends among them.

    ``start`` and ``goal`` are ``node/x``, ``server/x``, ``instance/x``, or a bare router's name; a
    machine stands behind the gateway of its network. Empty where no way leads there. Raises
    ``InputError`` for a host that is not built or not plugged in.
    """
    borders = Borders(catalogue)
    # Nobody's traffic goes through a private network that it neither comes from nor is for.
    ends = {
        borders.home(start if "/" in start else f"node/{start}"),
        borders.home(goal if "/" in goal else f"node/{goal}"),
    }
    strange = {border.wire for border in borders.all if border.private_network not in ends}
    topology = Topology(catalogue, ip_version, without=strange)
    return topology.path(router_of(catalogue, start), router_of(catalogue, goal))


def router_of(catalogue: Catalogue, host: str) -> str:
    """The router that a host is, or stands behind. Raises ``InputError``."""
    kind, slash, name = host.partition("/")
    if not slash:
        kind, name = "node", host
    if kind == "node" and name in built_nodes(catalogue):
        return name
    plugged = ""
    if kind == "server" and name in (servers := built_servers(catalogue)):
        plugged = servers[name].network
    elif kind == "instance" and name in (instances := built_instances(catalogue)):
        plugged = instances[name].network
    if plugged:
        return catalogue.get(Network, plugged).gateway
    raise InputError([Problem(f"{host}: not a built router, server or instance with a network")])
