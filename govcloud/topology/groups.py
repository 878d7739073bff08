"""Edges that fail together: whom a group of them cuts off from every core node.

A group's edges that are in a spanning tree take the tree to pieces. Pieces are cut off where no edge is left
that leads out of them. Each edge outside the tree has a random number, and an edge of the tree the sum (xor)
of those whose circle it is in, so that what leads out of a piece is known without a look at the piece
(Pritchard and Thurimella, Fast computation of small cuts via cycle space sampling, 2011; Duan and Pettie,
Connectivity oracles for graphs subject to vertex failures, 2017). So a group costs by its own size and by
whom it cuts off, and not by the size of the net.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .views import View

# Bits of the random numbers, and the most pieces that are told apart by them. Nobody who is cut off is
# missed; somebody else is taken for cut off with a chance of one in two to the power of the difference.
BITS, PIECES = 512, 448


class Groups:
    """The spanning tree of a view, with its random numbers. ``block``: which one a node hangs in (``cuts``).

    Groups are looked at block by block: what hangs below a block goes with the node that it hangs on.
    """

    def __init__(self, view: View, block: Mapping[int, int]) -> None:
        self._net = view.net
        # A node's place in a walk of the tree, and the place after all that are under it.
        self._first, self._last = _walk(view.tree)
        self._child = {number: child for _, child, number in view.tree if number is not None}
        self._marks = _marks(view)
        # Of each block: places in the walk, in order; and who stands there.
        self._within: dict[int, list[int]] = {}
        self._at = {first: node for node, first in self._first.items()}
        for first in sorted(self._at):
            if (found := block.get(self._at[first])) is not None:
                self._within.setdefault(found, []).append(first)

    def cut_off(self, numbers: Iterable[int], block: int) -> list[int] | None:
        """Nodes that hang in a block and that these edges of it cut off; None where they are too many pieces.

        ``numbers``: of the edges, each once, and each in the block.
        """
        beside: list[int] = []
        of_tree: list[int] = []
        for number in numbers:
            (of_tree if number in self._child else beside).append(number)
        if len(of_tree) > PIECES:
            return None
        of_tree.sort(key=lambda n: self._first[self._child[n]])
        pieces = [self._child[n] for n in of_tree]
        out = [self._marks[n] for n in of_tree]
        # What leads out of a piece below leads out of the one above it too, unless it leads there.
        inner: list[list[int]] = [[] for _ in pieces]
        for n, piece in enumerate(pieces):
            above = self._around(pieces, self._first[piece], n)
            if above is not None:
                out[above] ^= self._marks[of_tree[n]]
                inner[above].append(n)
        for number in beside:
            edge = self._net.edges[number]
            for end in (edge.a, edge.b):
                at = self._around(pieces, self._first[end], len(pieces))
                if at is not None:
                    out[at] ^= self._marks[number]
        found: list[int] = []
        for n in _dependent(out):
            found += self._nodes(pieces[n], [pieces[i] for i in inner[n]], block)
        return found

    def _around(self, pieces: list[int], first: int, before: int) -> int | None:
        """The innermost of the pieces before one that a place in the walk is in."""
        for n in range(before - 1, -1, -1):
            if self._first[pieces[n]] <= first < self._last[pieces[n]]:
                return n
        return None

    def _nodes(self, piece: int, inner: list[int], block: int) -> Iterator[int]:
        """The nodes of a piece without those of the pieces within, which come in the walk's order."""
        places = self._within.get(block, [])
        bounds = [self._first[piece]]
        for one in inner:
            bounds += [self._first[one], self._last[one]]
        bounds.append(self._last[piece])
        for start, end in list(pairwise(bounds))[::2]:
            for n in range(bisect_left(places, start), bisect_left(places, end)):
                yield self._at[places[n]]


def _walk(tree: list[tuple[int, int, int | None]]) -> tuple[dict[int, int], dict[int, int]]:
    """Of each node its place in a walk of the tree, from the top on, and the place after all under it."""
    if not tree:
        return {}, {}
    sizes: dict[int, int] = {}
    for parent, child, _ in reversed(tree):
        sizes[parent] = sizes.get(parent, 1) + sizes.setdefault(child, 1)
    top = tree[0][0]
    first, free = {top: 0}, {top: 1}
    for parent, child, _ in tree:
        first[child] = free[parent]
        free[parent] += sizes[child]
        free[child] = first[child] + 1
    return first, {node: place + sizes[node] for node, place in first.items()}


def _marks(view: View) -> dict[int, int]:
    """A random number for each edge, such that those of the edges of any cut add up (xor) to zero."""
    # The same every time: findings are compared from day to day.
    dice = random.Random(1)
    edges, tree = view.net.edges, view.tree
    marks: dict[int, int] = {}
    sums: dict[int, int] = {}
    in_tree = {number for _, _, number in tree}
    for number in view.edges:
        if number not in in_tree:
            mark = marks[number] = dice.getrandbits(BITS)
            for end in (edges[number].a, edges[number].b):
                sums[end] = sums.get(end, 0) ^ mark
    # From the leaves up. All core nodes hang on the top in the tree: nothing else leads there.
    for parent, child, one in reversed(tree):
        mark = sums.get(child, 0)
        sums[parent] = sums.get(parent, 0) ^ mark
        if one is not None:
            marks[one] = mark
    return marks


def _dependent(sums: list[int]) -> list[int]:
    """Which of the numbers are among some that add up (xor) to zero, in order."""
    # By its highest bit: a number and, as bits, those that it is the sum of.
    basis: dict[int, tuple[int, int]] = {}
    found = 0
    for n, rest in enumerate(sums):
        parts = 1 << n
        while rest and (known := basis.get(rest.bit_length())) is not None:
            rest ^= known[0]
            parts ^= known[1]
        if rest:
            basis[rest.bit_length()] = rest, parts
        else:
            found |= parts
    return [n for n in range(len(sums)) if found >> n & 1]
