"""Every single cut at once: what each link, or each node, takes with it, the worst first.

Nothing is cut one by one. What alone takes two things apart is known from the blocks of the graph
(``cuts``, and ``rustworkx``'s biconnected components), so the time grows with the net, not with its square.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import msgspec

from ..model.catalogue import Catalogue
from .cuts import Cuts
from .cutting import served
from .demands import demands
from .net import Family, Net
from .views import View
from .ways import Ways

FAMILIES: tuple[Family, ...] = (4, 6)


class Single(msgspec.Struct, frozen=True):
    """What one link or node takes with it when it fails alone.

    ``places``: how many no core node reaches any more over either family; ``data`` and ``video``: how many
    lose that line; ``broken`` and ``moved``: flows and copies, counted by family, that break or take
    another way.
    """

    entry: str
    places4: int
    places6: int
    data: int
    video: int
    broken: int
    moved: int

    @property
    def places(self) -> int:
        """The most places that it cuts off over one family."""
        return max(self.places4, self.places6)


def singles(net: Net, catalogue: Catalogue, kind: Literal["link", "node"]) -> list[Single]:
    """Every link or node that takes something with it alone, the worst first, then by name."""
    lost4, lost6 = (_lost(net, net.view(family=family)) for family in FAMILIES)
    data, video = (_lost(net, net.view(line)) for line in ("data", "video"))
    broken: Counter[str] = Counter()
    crossed: Counter[str] = Counter()
    wanted = demands(catalogue, net)
    for family in FAMILIES:
        mine = [demand for demand in wanted if family in demand.families]
        if not mine:
            continue
        view = net.view(family=family)
        ways, apart = Ways(view), _Apart(view)
        for demand in mine:
            way = ways.way(demand.a, demand.b)
            if way is None:
                continue
            crossed.update(way.entries)
            broken.update(apart.on(way.nodes, way.links))
    prefix = f"{kind}/"
    names = {key for table in (lost4, lost6, data, video, crossed) for key in table if key.startswith(prefix)}
    rows = [
        Single(n, lost4[n], lost6[n], data[n], video[n], broken[n], crossed[n] - broken[n]) for n in names
    ]
    return sorted(rows, key=lambda s: (-s.places, -s.broken, -max(s.data, s.video), -s.moved, s.entry))


def _lost(net: Net, view: View) -> Counter[str]:
    """How many places each entry alone cuts off."""
    cuts = Cuts(view)
    found: Counter[str] = Counter()
    for key in served(view):
        # What stands on a node alone goes with it.
        own = {h.node for h in view.hangs(key) if h.node in view.numbers}
        alone = set(cuts.of(key))
        if len(own) == 1:
            alone.add(net.nodes[own.pop()])
        found.update(alone)
    return found


class _Apart:
    """What on a way alone takes its two ends apart: where the way leaves one block for another."""

    def __init__(self, view: View) -> None:
        import rustworkx as rx

        self._net = view.net
        self._size = size = len(view.net.nodes)
        edges = view.net.edges
        graph: Any = rx.PyGraph(multigraph=True)
        graph.add_nodes_from(range(size + len(edges)))
        # Each link is a vertex between its ends: a link and a node are the same question.
        pairs = [(edges[n].a, size + n) for n in view.edges] + [(size + n, edges[n].b) for n in view.edges]
        graph.add_edges_from_no_data(pairs)
        self._blocks = dict(rx.biconnected_components(graph))

    def on(self, nodes: tuple[str, ...], links: tuple[str, ...]) -> set[str]:
        """The links and nodes of a way without which there is none; its ends are among them."""
        net, alone = self._net, {nodes[0], nodes[-1]}
        walk: list[int] = [net.index[nodes[0]]]
        for link, node in zip(links, nodes[1:], strict=True):
            walk += [self._size + net.edge_index[link], net.index[node]]
        for before, here, after in zip(walk, walk[1:], walk[2:], strict=False):
            if self._block(before, here) != self._block(here, after):
                alone.add(net.nodes[here] if here < self._size else net.edges[here - self._size].entry)
        return alone

    def _block(self, a: int, b: int) -> int:
        found = self._blocks.get((a, b))
        return int(self._blocks[b, a] if found is None else found)
