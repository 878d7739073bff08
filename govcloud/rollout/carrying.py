"""Who carries whom: nobody gets IPv6 before the one whose IPv6 packets it would have to go through.

A node is carried by the link that it is reached by at the least cost from the core, that link by its end
nearer to the core, and every other link by both its ends. A network is carried by its gateway, a machine by
its network, a name zone by its servers, a service by its machine and its zone. Distances only grow on the
way out, so nothing can carry itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.network import DnsZone, Link, Network, Node
from .members import Ground

# Whom one takes first of those that may all be next: the trunk before the towns, networks before machines.
_NODES = {"core": 0, "border": 1, "aggregation": 2, "access": 4}
_AFTER_NODES = {"network": 5, "server": 6, "instance": 6, "dns_zone": 7, "endpoint": 8}
# The best role that a part of the net without any core has: there it begins.
_BEGINNINGS = ("core", "border", "aggregation", "access")


class Carriage(msgspec.Struct, frozen=True):
    """``carriers``: by ``kind/name``, those that carry it; ``cut_off``: nodes that no way leads to from the
    core of their zone; ``order``: all that have a place, each after its carriers.
    """

    carriers: Mapping[str, tuple[str, ...]]
    cut_off: frozenset[str]
    order: Mapping[str, int]


def carriage(ground: Ground, wanted: Collection[str] = ()) -> Carriage:
    """Who carries whom in a catalogue; the order is of ``wanted`` alone where that is not empty.

    Raises nothing: references were checked before.
    """
    import rustworkx  # costs as much as a small command

    distance, parents = _reached(ground)
    out = _between_nodes(ground, distance, parents) | _at_the_edge(ground)
    graph = rustworkx.PyDiGraph()
    # Carriers that are not wanted are in it all the same: one may stand behind the other by way of them.
    number = {subject: graph.add_node(subject) for subject in sorted(ground.all)}
    edges = [(number[by], number[s]) for s, found in out.items() for by in found if by in number]
    graph.add_edges_from_no_data(edges)
    ranks = {subject: f"{rank(ground, subject)} {subject}" for subject in ground.all}
    ordered = rustworkx.lexicographical_topological_sort(graph, key=ranks.__getitem__)
    kept = [subject for subject in ordered if not wanted or subject in wanted]
    nodes = ground.catalogue.all(Node)
    zones_with_core = {node.zone for node in nodes.values() if node.role == "core"}
    cut_off = {n for n, node in nodes.items() if n not in distance and node.zone in zones_with_core}
    return Carriage(out, frozenset(cut_off), {subject: at for at, subject in enumerate(kept)})


def rank(ground: Ground, subject: str) -> int:
    """Its place among those that could come next; less is sooner."""
    kind, _, name = subject.partition("/")
    nodes = ground.catalogue.all(Node)
    if kind == "node":
        return _NODES[nodes[name].role]
    if kind == "link":
        outer = max(_NODES[nodes[node].role] for node in ground.all[subject])
        return 3 if outer == _NODES["access"] else min(outer, 1)
    return _AFTER_NODES[kind]


def _reached(ground: Ground) -> tuple[dict[str, int], dict[str, str]]:
    """The least cost from where each part of the net begins, and the last link of that way, by node."""
    import rustworkx

    catalogue = ground.catalogue
    nodes = catalogue.all(Node)
    graph: rustworkx.PyGraph[str, int] = rustworkx.PyGraph()
    number = {name: graph.add_node(name) for name in sorted(nodes)}
    links = sorted(catalogue.all(Link).items())
    graph.add_edges_from([(number[link.a], number[link.b], link.cost) for _, link in links])
    start = graph.add_node("")
    beginnings = _beginnings(
        ground, [{graph[i] for i in part} for part in rustworkx.connected_components(graph)]
    )
    graph.add_edges_from([(start, number[name], 0) for name in beginnings])
    found = rustworkx.dijkstra_shortest_path_lengths(graph, start, float)
    distance = {graph[i]: int(cost) for i, cost in found.items() if graph[i]}
    parents: dict[str, str] = {}
    for name, link in links:
        for near, far in ((link.a, link.b), (link.b, link.a)):
            if near in distance and far not in beginnings and distance[near] + link.cost == distance[far]:
                parents.setdefault(far, name)
    return distance, parents


def _beginnings(ground: Ground, parts: list[set[str]]) -> set[str]:
    """Where each part of the net begins: at its cores; without one, at its best nodes, where its zone has
    no core anywhere (a private network that is not part of the one net yet)."""
    nodes = ground.catalogue.all(Node)
    with_core = {node.zone for node in nodes.values() if node.role == "core"}
    out: set[str] = set()
    for part in parts:
        own = {name for name in part if name and nodes[name].role == "core"}
        if not own:
            alone = {name for name in part if name and nodes[name].zone not in with_core}
            best = next((r for r in _BEGINNINGS if any(nodes[name].role == r for name in alone)), "")
            own = {name for name in alone if nodes[name].role == best}
        out |= own
    return out


def _between_nodes(
    ground: Ground, distance: Mapping[str, int], parents: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    out: dict[str, tuple[str, ...]] = {f"node/{far}": (f"link/{name}",) for far, name in parents.items()}
    for name, link in ground.catalogue.all(Link).items():
        ends = tuple(sorted({f"node/{link.a}", f"node/{link.b}"}))
        carries = [node for node in (link.a, link.b) if parents.get(node) == name]
        if carries:
            # Of two ends that it leads to, neither would be reached: that cannot be by a least cost.
            ends = tuple(end for end in ends if end != f"node/{carries[0]}")
        out[f"link/{name}"] = ends
    return out


def _at_the_edge(ground: Ground) -> dict[str, tuple[str, ...]]:
    catalogue, out = ground.catalogue, dict[str, tuple[str, ...]]()
    for name, network in catalogue.all(Network).items():
        out[f"network/{name}"] = (f"node/{network.gateway}",)
    machines: tuple[type[Server] | type[Instance], ...] = (Server, Instance)
    for cls in machines:
        for name, host in catalogue.all(cls).items():
            if host.network:
                out[f"{cls.KIND}/{name}"] = (f"network/{host.network}",)
    for subject in ground.all:
        kind, _, name = subject.partition("/")
        if kind == "dns_zone":
            servers = catalogue.get(DnsZone, name).servers
            out[subject] = tuple(f"server/{s}" for s in sorted(servers) if f"server/{s}" in ground.all)
        elif kind == "endpoint":
            out[subject] = _of_endpoint(ground, name)
    return out


def _of_endpoint(ground: Ground, name: str) -> tuple[str, ...]:
    endpoint = ground.endpoints[name]
    found = (f"instance/{endpoint.instance}", f"dns_zone/{endpoint.dns_zone}")
    return tuple(subject for subject in found if subject in ground.all)
