"""The net as one plane and one family of addresses sees it, perhaps without what has failed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .net import Family, Hanging, Net, Plane


class View:
    """A part of a ``Net``: what carries, and whom it reaches. Get one from ``Net.view``.

    ``edges``: numbers of the edges that are left. Nodes keep their numbers.
    """

    def __init__(
        self,
        net: Net,
        plane: Plane | None,
        family: Family | None,
        cut: frozenset[str],
        zones: frozenset[str] | None,
    ) -> None:
        self.net, self.cut = net, cut
        self.planes, self.families = net.carrying(plane, family)
        gone, self._off = _resolve(net, cut)
        if zones is not None:
            self._off |= {n for n, zone in enumerate(net.zones) if zone not in zones}
        planes, families, off = self.planes, self.families, self._off
        self.edges = [
            n
            for n, e in enumerate(net.edges)
            if n not in gone
            and (not planes or e.planes & planes)
            and (not families or e.families & families)
            and e.a not in off
            and e.b not in off
        ]
        self.roots = [n for n in net.roots if n not in off]

    @cached_property
    def alive(self) -> frozenset[int]:
        """The numbers of ``edges``, to look one up."""
        return frozenset(self.edges)

    @cached_property
    def graph(self) -> Any:
        """A ``rustworkx.PyGraph``: nodes by number, their edges with the edge's number as weight.

        One vertex more, the last, joins all roots; its edges weigh None.
        """
        import rustworkx as rx

        graph: Any = rx.PyGraph(multigraph=True)
        graph.add_nodes_from(range(len(self.net.nodes) + 1))
        edges, top = self.net.edges, len(self.net.nodes)
        graph.add_edges_from([(edges[n].a, edges[n].b, n) for n in self.edges])
        graph.add_edges_from([(top, root, None) for root in self.roots])
        return graph

    @cached_property
    def _plain(self) -> Any:
        # Ways from node to node do not pass the vertex that joins the roots.
        plain = self.graph.copy()
        plain.remove_node(len(self.net.nodes))
        return plain

    @cached_property
    def numbers(self) -> set[int]:
        """Numbers of the nodes that some root reaches, roots among them."""
        import rustworkx as rx

        top = len(self.net.nodes)
        return set(rx.node_connected_component(self.graph, top)) - {top}

    @cached_property
    def pieces(self) -> list[set[int]]:
        """Numbers of the nodes that reach each other, of which every node is in one; core nodes are joined by
        links alone here."""
        import rustworkx as rx

        return [set(piece) for piece in rx.connected_components(self._plain)]

    @cached_property
    def main(self) -> frozenset[int]:
        """Numbers of the nodes of the main part of the net: see ``foremost``. Empty without a core node."""
        if not self.roots:
            return frozenset()
        return frozenset(min(self.pieces, key=self.foremost) - self._off)

    def foremost(self, piece: set[int]) -> tuple[int, int, str]:
        """What pieces are ordered by: most core nodes first, then most nodes, then by name."""
        return -len(piece.intersection(self.roots)), -len(piece), min(self.net.nodes[n] for n in piece)

    @cached_property
    def tree(self) -> list[tuple[int, int, int | None]]:
        """(parent, child, edge) from the roots on, nearer children first; the edge's number, or None where
        the parent is the vertex that joins all roots."""
        import rustworkx as rx

        found: list[tuple[int, int, int | None]] = []

        class Visitor(rx.visit.BFSVisitor):
            def tree_edge(self, edge: tuple[int, int, int | None]) -> None:
                found.append(edge)

        rx.bfs_search(self.graph, [len(self.net.nodes)], Visitor())
        return found

    @cached_property
    def _parents(self) -> dict[int, tuple[int, int | None]]:
        return {child: (parent, edge) for parent, child, edge in self.tree}

    def to_root(self, key: str, most: int = 0) -> list[str]:
        """The shortest way from a core node to a node or place, as ``path`` tells it; empty where none is.

        All of them come from one look at the net. ``most``: edges that are told, from the end on; what is
        left out before is told as ``...`` (0: all). Raises ``KeyError``.
        """
        ways = []
        for node in sorted(self._ends(key) & self.numbers):
            way = [self.net.nodes[node]]
            parent, edge = self._parents[node]
            steps = 0
            while edge is not None:
                if most and steps == most:
                    way.append("...")
                    break
                steps += 1
                best = self._between(node, parent)
                way += [self.net.edges[best].entry, self.net.nodes[parent]]
                node = parent
                parent, edge = self._parents[node]
            ways.append(way[::-1])
        if not ways:
            return []
        return [*min(ways, key=len), *([key] if key in self.net.places else [])]

    def reached(self, start: str = "") -> set[str]:
        """Nodes that a core node reaches or, where ``start`` names a node, that it reaches; with itself.

        Empty where the start itself is gone. Raises ``KeyError`` for a node that is not in the net.
        """
        import rustworkx as rx

        if not start:
            return {self.net.nodes[n] for n in self.numbers}
        number = self.net.index[start]
        if number in self._off:
            return set()
        return {self.net.nodes[n] for n in rx.node_connected_component(self._plain, number)}

    def hangs(self, place: str) -> list[Hanging]:
        """By what a place hangs on the net here, and is not cut. Raises ``KeyError``."""
        found = self.net.places[place].by(self.planes, self.families)
        return [h for h in found if h.node not in self._off and h.entry not in self.cut]

    def serves(self, place: str) -> bool:
        """Whether a core node reaches the place. Raises ``KeyError`` for one that is not in the net."""
        return any(h.node in self.numbers for h in self.hangs(place))

    def unserved(self) -> list[str]:
        """Places that hang on some node and that no core node reaches, sorted."""
        return [key for key, place in sorted(self.net.places.items()) if place.hangs and not self.serves(key)]

    def path(self, start: str, goal: str, *, by_cost: bool = False) -> list[str]:
        """The shortest way: vertices and the edges between them in turn; empty where there is none.

        ``start``, ``goal``: nodes or places. Shortest by number of edges, or by their costs. Raises
        ``KeyError`` for one that is not in the net.
        """
        import rustworkx as rx

        ways: list[list[int]] = []
        goals = self._ends(goal)
        cost = (lambda n: float(self.net.edges[n].cost)) if by_cost else None
        for node in self._ends(start):
            target = next(iter(goals)) if len(goals) == 1 else None
            found = rx.dijkstra_shortest_paths(
                self._plain, node, target=target, weight_fn=cost, default_weight=1.0
            )
            ways += [list(found[g]) for g in goals if g in found]
            if node in goals:
                ways.append([node])
        if not ways:
            return []
        names = self.net.nodes
        best = min(ways, key=lambda way: (self._length(way, by_cost), [names[n] for n in way]))
        return self.spelled(best, start, goal)

    def spelled(self, way: list[int], start: str = "", goal: str = "") -> list[str]:
        """A way by numbers of nodes as keys, with the cheapest edge between each two; places at its ends."""
        names = self.net.nodes
        out = [names[way[0]]]
        for a, b in pairwise(way):
            out += [self.net.edges[self._between(a, b)].entry, names[b]]
        if start in self.net.places:
            out = [start, *out]
        return [*out, goal] if goal in self.net.places else out

    def disjoint(self, start: str, goal: str, ways: int) -> bool:
        """Whether there are so many ways between two nodes or places that share no edge.

        Ways of a place begin at any of its nodes. By augmenting ways (Ford and Fulkerson), so the time grows
        with ``ways`` and the size of the net. Raises ``KeyError``.
        """
        import rustworkx as rx

        size = len(self.net.nodes)
        starts, goals = self._ends(start), self._ends(goal)
        if starts & goals:
            return True
        graph: Any = rx.PyDiGraph(multigraph=True)
        graph.add_nodes_from(range(size + 2))
        edges = self.net.edges
        arcs = [(edges[n].a, edges[n].b) for n in self.edges]
        graph.add_edges_from([(a, b, None) for a, b in arcs] + [(b, a, None) for a, b in arcs])
        # As many ways as are wanted may begin at each node of a place.
        graph.add_edges_from([(size, n, None) for n in starts for _ in range(ways)])
        graph.add_edges_from([(n, size + 1, None) for n in goals for _ in range(ways)])
        for _ in range(ways):
            found = rx.dijkstra_shortest_paths(graph, size, target=size + 1, default_weight=1.0)
            if size + 1 not in found:
                return False
            way = list(found[size + 1])
            for a, b in pairwise(way):
                graph.remove_edge(a, b)
                graph.add_edge(b, a, None)
        return True

    def _ends(self, key: str) -> set[int]:
        if key in self.net.places:
            return {h.node for h in self.hangs(key)}
        number = self.net.index[key]
        return set() if number in self._off else {number}

    def _between(self, a: int, b: int) -> int:
        edges = self.net.edges
        found: Iterable[int] = self.graph.get_all_edge_data(a, b)
        return min(found, key=lambda n: (edges[n].cost, edges[n].entry))

    def _length(self, way: list[int], by_cost: bool) -> int:
        if not by_cost:
            return len(way)
        return sum(self.net.edges[self._between(a, b)].cost for a, b in pairwise(way))


def _resolve(net: Net, cut: frozenset[str]) -> tuple[set[int], set[int]]:
    """Numbers of the edges and of the nodes that a cut takes away. Raises ``KeyError``."""
    edges: set[int] = set()
    nodes: set[int] = set()
    for key in cut:
        if key in net.index:
            nodes.add(net.index[key])
        elif key in net.edge_index:
            edges.add(net.edge_index[key])
        elif key in net.groups:
            edges.update(net.groups[key])
        elif key not in net.lines:
            raise KeyError(key)
    return edges, nodes
