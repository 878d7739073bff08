"""Single points of failure: who is cut off from every core node by one entry alone, or by one duct.

Each edge is made a vertex between its ends, so that a node and an edge are the same question, and edges
beside each other are told apart. The blocks that no single vertex takes apart (``rustworkx``'s
biconnected components) and the vertices between them make a tree; with the core nodes at its top, what
lies between somebody and the top is what cuts that somebody off. All of it takes a time that grows with the
net and not with its square; what fails together is looked at by ``groups``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .views import View


class Cuts:
    """What cuts whom off in one view. Get one from ``Net.cuts``."""

    def __init__(self, view: View) -> None:
        self._view, self._net = view, view.net
        self._size = len(self._net.nodes)
        # Numbers: nodes, then edges, then the vertex that joins all roots.
        self._top = self._size + len(self._net.edges)
        # Of each vertex that the roots reach: the vertex nearest above that alone cuts it off, or the top.
        self._above: dict[int, int] = {self._top: -1}
        # The block between a vertex and the one above, and the vertices of each block.
        self._block: dict[int, int] = {}
        self._blocks: list[list[int]] = []
        self._grow()

    def points(self) -> list[str]:
        """Nodes and edges each of which alone cuts some node off, sorted."""
        cutting = set(self._above.values()) - {-1, self._top}
        # An edge that cuts off a bare end, or a node: both have somebody under them that is a node.
        return sorted(self._key(v) for v in cutting)

    def of(self, place: str, most: int = 0) -> list[str]:
        """Entries each of which alone cuts a place off, the nearest first; ``most`` of them, 0: all.

        A place that nothing reaches has none: there is nothing to cut. Its only node is not counted where
        it is its own. Raises ``KeyError`` for a place that is not in the net.
        """
        chains, alone = self._chains(place)
        if not chains:
            return []
        out = [alone] if alone else []
        first, *others = chains
        if not others:
            for vertex in self._up(first):
                if most and len(out) >= most:
                    break
                out.append(self._key(vertex))
            return out
        common = set.intersection(*(set(self._up(c)) for c in others))
        out += [self._key(v) for v in self._up(first) if v in common]
        return out[:most] if most else out

    def groups_of(self, place: str, sorts: Collection[str] = ("duct", "circuit")) -> list[str]:
        """Groups of several edges whose common failure cuts a place off, sorted. Raises ``KeyError``."""
        chains, _ = self._chains(place)
        found: set[str] | None = None
        for start in chains:
            mine = {g for v in (start, *self._up(start)) for g in self._apart.get(v, ())}
            found = mine if found is None else found & mine
        return sorted(g for g in found or () if g.partition("/")[0] in sorts)

    def _chains(self, place: str) -> tuple[list[int], str]:
        """Where the chains of a place begin, and a circuit that is its only line."""
        hangs = [h for h in self._view.hangs(place) if h.node in self._above]
        entries = {(h.node, "" if h.own else h.entry) for h in hangs}
        nodes = sorted({h.node for h in hangs})
        if len(nodes) != 1:
            return [-2 - n for n in nodes], ""
        own = any(h.own for h in hangs)
        alone = next(iter(entries))[1] if len(entries) == 1 else ""
        return [nodes[0] if own else -2 - nodes[0]], alone

    def _up(self, start: int) -> Iterator[int]:
        """Vertices that cut ``start`` off, the nearest first; of ``-2 - n`` the node n itself too."""
        if start < -1:
            start = -2 - start
            yield start
        vertex = self._above[start]
        while vertex != self._top:
            yield vertex
            vertex = self._above[vertex]

    def _key(self, vertex: int) -> str:
        return self._net.nodes[vertex] if vertex < self._size else self._net.edges[vertex - self._size].entry

    def _grow(self) -> None:
        import rustworkx as rx

        graph = self._graph
        members: dict[int, dict[int, None]] = {}
        for (a, b), block in rx.biconnected_components(graph).items():
            table = members.setdefault(block, {})
            table[a] = table[b] = None
        self._blocks = [list(table) for table in members.values()]
        around: dict[int, list[int]] = {}
        for number, vertices in enumerate(self._blocks):
            for vertex in vertices:
                around.setdefault(vertex, []).append(number)
        queue, done = deque([self._top]), set()
        while queue:
            vertex = queue.popleft()
            for number in around.get(vertex, ()):
                if number in done:
                    continue
                done.add(number)
                for other in self._blocks[number]:
                    if other != vertex:
                        self._above[other], self._block[other] = vertex, number
                        queue.append(other)

    @cached_property
    def _graph(self) -> Any:
        import rustworkx as rx

        view, size = self._view, self._size
        graph: Any = rx.PyGraph(multigraph=True)
        graph.add_nodes_from(range(self._top + 1))
        edges = self._net.edges
        pairs = [(edges[n].a, size + n) for n in view.edges] + [(size + n, edges[n].b) for n in view.edges]
        graph.add_edges_from_no_data(pairs)
        graph.add_edges_from_no_data([(self._top, root) for root in view.roots])
        return graph

    @cached_property
    def _apart(self) -> dict[int, set[str]]:
        """Groups that separate a node or edge from the one above it, by vertex."""
        from .groups import Groups

        out: dict[int, set[str]] = {}
        live = self._view.alive
        groups: Groups | None = None
        for name, numbers in self._net.groups.items():
            if len(numbers) < 2:
                continue
            within: dict[int, list[int]] = {}
            for number in numbers:
                vertex = self._size + number
                if number in live and vertex in self._block:
                    out.setdefault(vertex, set()).add(name)
                    within.setdefault(self._block[vertex], []).append(number)
            for block, several in within.items():
                # In a block nothing alone takes anything apart.
                if len(several) < 2:
                    continue
                groups = Groups(self._view, self._block) if groups is None else groups
                found = groups.cut_off(several, block)
                for node in self._missed(several, block) if found is None else found:
                    out.setdefault(node, set()).add(name)
        return out

    def _missed(self, numbers: Collection[int], block: int) -> list[int]:
        """Nodes of a block that some of its edges cut off, by a look at the whole block."""
        import rustworkx as rx

        gone = {self._size + number for number in numbers}
        rest = [v for v in self._blocks[block] if v not in gone]
        part = self._graph.subgraph(rest)
        top = part.find_node_by_weight(self._above[next(iter(gone))])
        reached = {part[n] for n in rx.node_connected_component(part, top)}
        return [v for v in rest if v not in reached and v < self._size]
