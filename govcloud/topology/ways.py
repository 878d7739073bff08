"""The ways that traffic takes: cheapest by the links' costs, the same everywhere for the same ledger.

As routers find them (OSPF, and the static routes of ``plan.routes``): all links that carry a family, of
whichever plane. Of several ways of equal cost the one whose next node, then link, comes first by name.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from .views import View


class Way(msgspec.Struct, frozen=True):
    """A way through the net. ``nodes``: keys in order, ends among them; ``links`` between them.

    ``cost``: sum of the links' costs; ``bandwidth_mbps``: the smallest on it, 0 where it has no link;
    ``delay_ms``: one way; ``planes``: the lines (data, video) that all of its links are part of.
    """

    nodes: tuple[str, ...]
    links: tuple[str, ...]
    cost: int
    bandwidth_mbps: float
    delay_ms: float
    planes: tuple[str, ...]

    @property
    def entries(self) -> frozenset[str]:
        """Everything that it needs: nodes and links."""
        return frozenset(self.nodes) | frozenset(self.links)


class Ways:
    """The cheapest ways in one view; distances are worked out once for each goal."""

    def __init__(self, view: View) -> None:
        self._view, self._net = view, view.net
        self._towards: dict[int, Mapping[int, float]] = {}
        self._gone = {self._net.index[key] for key in view.cut if key in self._net.index}

    @cached_property
    def _graph(self) -> Any:
        import rustworkx as rx

        graph: Any = rx.PyGraph(multigraph=True)
        graph.add_nodes_from(range(len(self._net.nodes)))
        edges = self._net.edges
        graph.add_edges_from([(edges[n].a, edges[n].b, float(edges[n].cost)) for n in self._view.edges])
        return graph

    @cached_property
    def _around(self) -> list[list[tuple[str, str, int, int]]]:
        """Of each node: (neighbour, link, number of the neighbour, number of the edge), in order."""
        around: list[list[tuple[str, str, int, int]]] = [[] for _ in self._net.nodes]
        names = self._net.nodes
        for number in self._view.edges:
            edge = self._net.edges[number]
            around[edge.a].append((names[edge.b], edge.entry, edge.b, number))
            around[edge.b].append((names[edge.a], edge.entry, edge.a, number))
        return around

    def _distances(self, goal: int) -> Mapping[int, float]:
        if goal not in self._towards:
            import rustworkx as rx

            found = dict(rx.dijkstra_shortest_path_lengths(self._graph, goal, float))
            found[goal] = 0.0
            self._towards[goal] = found
        return self._towards[goal]

    def way(self, start: int, goal: int) -> Way | None:
        """The way between two nodes by number, or None where there is none."""
        if start in self._gone or goal in self._gone:
            return None
        distances = self._distances(goal)
        if start not in distances:
            return None
        nodes, edges = [start], []
        while nodes[-1] != goal:
            here = nodes[-1]
            rest = distances[here]
            # Costs are positive, so each step is nearer and the walk ends.
            step = min(
                item
                for item in self._around[here]
                if distances.get(item[2], -1.0) == rest - self._net.edges[item[3]].cost
            )
            nodes.append(step[2])
            edges.append(step[3])
        return self.measured(nodes, edges)

    def to_core(self, start: int) -> Way | None:
        """The way to the nearest core node; of several as near, the first by name."""
        goals = [r for r in self._view.roots if start in self._distances(r)]
        if start in self._gone or not goals:
            return None
        best = min(goals, key=lambda r: (self._distances(r)[start], self._net.nodes[r]))
        return self.way(start, best)

    def measured(self, nodes: list[int], edges: list[int]) -> Way:
        """The figures of a way by its numbers."""
        net = self._net
        taken = [net.edges[n] for n in edges]
        planes = 3
        for edge in taken:
            planes &= edge.planes
        return Way(
            tuple(net.nodes[n] for n in nodes),
            tuple(edge.entry for edge in taken),
            sum(edge.cost for edge in taken),
            min((edge.bandwidth_mbps for edge in taken), default=0.0),
            # Sums of tenths are no tenths.
            round(sum(edge.delay_ms for edge in taken), 6),
            tuple(name for name, bit in (("data", 1), ("video", 2)) if planes & bit),
        )

    def cost_of(self, nodes: list[str]) -> int | None:
        """What a way that was seen costs, by its nodes' keys; None where two of them are not joined."""
        cost = 0
        for a, b in itertools.pairwise(nodes):
            number = self._net.index.get(a)
            found = [] if number is None else [i for i in self._around[number] if i[0] == b]
            if not found:
                return None
            cost += min(self._net.edges[item[3]].cost for item in found)
        return cost
