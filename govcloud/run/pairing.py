"""Who asks whom while a cut stands: flows first, then hosts on both sides of it, of every fate alike."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.network import Link, Network, Node
from ..plan.wiring import (
    IPVersion,
    bare,
    built_instances,
    built_nodes,
    built_servers,
    edge_addresses,
    wires,
)
from ..topology import Net
from ..topology.demands import demands
from ..topology.ways import Way, Ways

Fate = Literal["kept", "moved", "lost"]
FATES: tuple[Fate, ...] = ("lost", "moved", "kept")


class Pair(msgspec.Struct, frozen=True):
    """One host that asks another. ``name``: ``source>target/family``; ``subject``: the flow it stands for.

    ``expected``: what the simulation says becomes of it; ``before`` and ``after``: its way, by routers.
    """

    name: str
    subject: str
    source: str
    target: str
    address: str
    family: IPVersion
    expected: Fate
    before: Way
    after: Way | None
    from_router: bool
    to_router: bool

    def hops(self, way: Way) -> list[str]:
        """The routers that a trace along a way sees: those between the two hosts."""
        return list(way.nodes[self.from_router : len(way.nodes) - self.to_router])

    def whole(self, seen: list[str]) -> list[str]:
        """The same with the two hosts' routers at its ends, of what a trace saw."""
        nodes = self.before.nodes
        return [*nodes[: self.from_router], *seen, *nodes[len(nodes) - self.to_router :]]


class _Host(msgspec.Struct, frozen=True):
    name: str
    key: str
    router: int
    addresses: Mapping[int, str]


def lab_net(catalogue: Catalogue) -> tuple[Catalogue, Net]:
    """What of the catalogue is built, and its net: only that can be measured."""
    tables: dict[str, dict[str, object]] = {}
    for kind, name, entry in catalogue:
        tables.setdefault(kind, {})[name] = entry
    nodes = built_nodes(catalogue)
    tables[Node.KIND] = dict(nodes)
    tables["server"], tables["instance"] = dict(built_servers(catalogue)), dict(built_instances(catalogue))
    built = Catalogue(tables)  # type: ignore[arg-type]
    # The lab wires a link whatever is said of its circuit and its ports.
    return built, Net.of(Catalogue(tables | {"circuit": {}, "interface": {}}))  # type: ignore[arg-type]


def interfaces_of(catalogue: Catalogue, net: Net, cut: Iterable[str]) -> dict[str, list[str] | None]:
    """The interfaces that a cut takes down, by node; None: all of the node.

    Of a link one end is enough: the other sees the line go down. It is the end that is touched anyway, or
    else the one with more links: routers with a single one take it harder (zebra of FRR 8.4 has died when
    both ends of its only line went down and came back within seconds). Raises ``KeyError`` with the name of
    what is not built, or is no link, node or group of links.
    """
    keys = list(cut)
    links = catalogue.all(Link)
    found: dict[str, list[str] | None] = {k.partition("/")[2]: None for k in keys if k in net.index}
    degree = Counter(end for edge in net.edges for end in (net.nodes[edge.a], net.nodes[edge.b]))
    for key in keys:
        if key in net.edge_index:
            names = [key]
        elif key in net.groups:
            names = [net.edges[n].entry for n in net.groups[key]]
        elif key in net.index:
            names = []
        else:
            raise KeyError(key)
        for name in names:
            link = links[name.partition("/")[2]]
            ends = [(link.a, link.a_interface), (link.b, link.b_interface)]
            node, interface = min(
                ends, key=lambda end: (end[0] not in found, -degree[f"node/{end[0]}"], end[0])
            )
            known = found.setdefault(node, [])
            if known is not None and interface not in known:
                known.append(interface)
    return found


def pairs(
    catalogue: Catalogue,
    net: Net,
    cut: Sequence[str],
    *,
    most: int,
    dynamic: bool,
    there: Container[str],
) -> list[Pair]:
    """Up to ``most`` pairs, and every flow: some of those that are lost, that move, and that stay, in turn.

    ``dynamic``: whether routers find another way; static routes do not move. ``there``: hosts in the lab.
    """
    hosts = [host for host in _hosts(catalogue, net) if host.name in there]
    by_key = {host.key: host for host in hosts}
    # A host says nothing that its router does not, and one a router is enough for the rest.
    one_each = list({host.router: host for host in reversed(hosts)}.values())[::-1]
    found: dict[str, Pair] = {}
    rest: dict[Fate, list[Pair]] = {fate: [] for fate in FATES}
    for family in (4, 6):
        version: IPVersion = 4 if family == 4 else 6
        before, after = Ways(net.view(family=version)), Ways(net.view(family=version, cut=cut))
        gone = _gone(net, cut)
        judge = _Judge(before, after, gone, version, dynamic)
        for demand in demands(catalogue, net):
            start, goal = by_key.get(demand.start), by_key.get(demand.goal)
            if start and goal and version in demand.families:
                pair = judge.pair(start, goal, demand.subject)
                if pair is not None:
                    found.setdefault(pair.name, pair)
        for start, goal in itertools.combinations(one_each, 2):
            pair = judge.pair(start, goal, "")
            if pair is not None and pair.name not in found:
                rest[pair.expected].append(pair)
    for pair in _in_turn([_spread(rest[fate]) for fate in FATES]):
        if len(found) >= most:
            break
        found.setdefault(pair.name, pair)
    return list(found.values())


class _Judge:
    """Says of two hosts what becomes of them."""

    def __init__(
        self, before: Ways, after: Ways, gone: frozenset[str], family: IPVersion, dynamic: bool
    ) -> None:
        self._before, self._after, self._gone = before, after, gone
        self._family, self._dynamic = family, dynamic

    def pair(self, start: _Host, goal: _Host, subject: str) -> Pair | None:
        """None where the two have no way, or no address, before anything is cut."""
        family = self._family
        if start.router == goal.router or family not in start.addresses or family not in goal.addresses:
            return None
        old = self._before.way(start.router, goal.router)
        if old is None:
            return None
        fate: Fate = "kept"
        new: Way | None = old
        if old.entries & self._gone:
            new = self._after.way(start.router, goal.router) if self._dynamic else None
            fate = "lost" if new is None else "moved"
        return Pair(
            f"{start.name}>{goal.name}/{family}",
            subject,
            start.name,
            goal.name,
            goal.addresses[family],
            family,
            fate,
            old,
            new,
            start.key.startswith("node/"),
            goal.key.startswith("node/"),
        )


def _gone(net: Net, cut: Iterable[str]) -> frozenset[str]:
    """Keys of all that a cut takes away, groups taken apart; of a node its links too."""
    keys = set(cut)
    for key in list(keys):
        keys.update(net.edges[n].entry for n in net.groups.get(key, ()))
    return frozenset(keys)


def _hosts(catalogue: Catalogue, net: Net) -> Iterator[_Host]:
    """Machines by name, then routers by their loopbacks."""
    networks = catalogue.all(Network)
    machines: list[tuple[str, str, Server | Instance]] = [
        *(("server", name, server) for name, server in built_servers(catalogue).items()),
        *(("instance", name, instance) for name, instance in built_instances(catalogue).items()),
    ]
    for kind, name, machine in machines:
        if machine.network not in networks:
            continue
        router = net.index.get(f"node/{networks[machine.network].gateway}")
        addresses = _by_family(map(bare, edge_addresses(catalogue, machine, f"{kind}/{name}")))
        if router is not None and addresses:
            yield _Host(name, f"{kind}/{name}", router, addresses)
    wired = {end.node for wire in wires(catalogue) for end in (wire.a, wire.b)}
    for name, node in built_nodes(catalogue).items():
        addresses = _by_family([bare(a) for a in (node.loopback4, node.loopback6) if a])
        if name in wired and addresses:
            yield _Host(name, f"node/{name}", net.index[f"node/{name}"], addresses)


def _by_family(addresses: Iterable[str]) -> dict[int, str]:
    out: dict[int, str] = {}
    for address in addresses:
        out.setdefault(6 if ":" in address else 4, address)
    return out


def _spread(found: Sequence[Pair]) -> list[Pair]:
    """The same pairs such that the first ones are of many sources and both families."""
    groups: dict[tuple[str, int], list[Pair]] = {}
    for pair in found:
        groups.setdefault((pair.source, pair.family), []).append(pair)
    return list(_in_turn(list(groups.values())))


def _in_turn(lists: Sequence[Sequence[Pair]]) -> Iterator[Pair]:
    for row in itertools.zip_longest(*lists):
        yield from (pair for pair in row if pair is not None)
