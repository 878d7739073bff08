"""Fill servers with instances: counts of each shape over classes of servers, by column generation on HiGHS.

Instances that need the same and may stand on the same servers are one *shape*, servers with the same room
one *class*. What goes on one server is a *pattern*: so many of each shape. The linear programme over
patterns (Gilmore and Gomory, 1961) is solved by generating those that help: its value is a bound that
no placement can beat, and rounding it needs a server or two more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from .greedy import decreasing, fill, fits

# Reduced costs within this of nothing are nothing (HiGHS' own tolerance is 1e-7).
SLIGHT = 1e-6
# Rounds after which the bound is as good as it got: a few hundred instances of a shape take about thirty.
MOST_ROUNDS = 400
# Nodes of the search that rounds: a count and not a time, so that a busy machine decides the same.
MOST_NODES = 200

# Classes of empty servers up to which first-fit decreasing is tried in every order of them.
MOST_ORDERED = 4

Pattern = tuple[int, ...]


@dataclass(frozen=True)
class Shape:
    """``count`` instances that need the same (vCPUs, MiB, GiB), and the classes they may stand in."""

    need: tuple[int, ...]
    count: int
    classes: frozenset[int]


@dataclass(frozen=True)
class Class:
    """``count`` servers with the same room left. ``open``: they carry something already, and cost nothing."""

    free: tuple[int, ...]
    count: int
    open: bool = False


@dataclass
class Packed:
    """What stands together: (class, pattern) of each server that gets something; ``left``: what found no
    place, by shape. ``bound``: servers that must be opened at the least, by the linear programme. ``lacks``:
    instances that no placement can hold, by the same; 0 where it proves nothing."""

    servers: list[tuple[int, Pattern]] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    bound: int = 0
    lacks: int = 0
    rounds: int = 0

    def opened(self, classes: Sequence[Class]) -> int:
        """Servers that carried nothing before."""
        return sum(1 for at, pattern in self.servers if not classes[at].open and any(pattern))


def pack(shapes: Sequence[Shape], classes: Sequence[Class], seed: int = 0) -> Packed:
    """As many instances as can be, on as few more servers as can be.

    The same input and seed give the same result, however busy the machine is.
    """
    if not shapes:
        return Packed()
    best = first_fit(shapes, classes)
    master = _Master(shapes, classes, seed)
    for at, pattern in best.servers:
        master.add(at, pattern)
    bound, lacks = master.solve()
    if sum(best.left) > lacks or best.opened(classes) > bound:
        for take in (_dived, _rounded):
            packed = take(master, shapes, classes)
            best = packed if _better(packed, best, classes) else best
    best.bound, best.lacks, best.rounds = bound, lacks, master.rounds
    return best


def first_fit(shapes: Sequence[Shape], classes: Sequence[Class]) -> Packed:
    """First-fit decreasing, in the order of classes that serves it best (of all orders, where they are
    few)."""
    counts = [shape.count for shape in shapes]
    best = decreasing(shapes, classes, counts)
    new = [at for at, one in enumerate(classes) if not one.open]
    if 1 < len(new) <= MOST_ORDERED:
        for sequence in permutations(new):
            other = decreasing(shapes, classes, counts, sequence)
            best = other if _better(other, best, classes) else best
    return best


def _better(one: Packed, other: Packed, classes: Sequence[Class]) -> bool:
    return (sum(one.left), one.opened(classes)) < (sum(other.left), other.opened(classes))


class _Master:
    """The linear programme over the patterns that are known: rows are shapes, then classes."""

    def __init__(self, shapes: Sequence[Shape], classes: Sequence[Class], seed: int) -> None:
        self.shapes, self.classes, self.seed = shapes, classes, seed
        self.patterns: list[tuple[int, Pattern]] = []
        self._known: set[tuple[int, Pattern]] = set()
        self.rounds = 0
        self.values: list[float] = []
        # What is left over must cost more than all servers together.
        self.penalty = 10.0 * (1 + sum(c.count for c in classes))
        self._solver = solver(seed)
        infinity = self._solver.inf
        for shape in shapes:
            self._solver.addRow(shape.count, infinity, 0, [], [])
        for one in classes:
            self._solver.addRow(-infinity, one.count, 0, [], [])
        for at in range(len(shapes)):
            self._solver.addCol(self.penalty, 0, infinity, 1, [at], [1.0])
        self._knapsacks = [_Knapsack(shapes, one, at, seed) for at, one in enumerate(classes)]

    def add(self, at: int, pattern: Pattern) -> None:
        """One more pattern of a class; one that is known changes nothing."""
        if (at, pattern) in self._known or not any(pattern):
            return
        self._known.add((at, pattern))
        self.patterns.append((at, pattern))
        rows = [n for n, many in enumerate(pattern) if many]
        values = [float(pattern[n]) for n in rows]
        cost = 0.0 if self.classes[at].open else 1.0
        self._solver.addCol(
            cost, 0, self._solver.inf, len(rows) + 1, [*rows, len(self.shapes) + at], [*values, 1.0]
        )

    def solve(self) -> tuple[int, int]:
        """(servers to open at the least, instances that cannot be placed); ``values``: how often each
        pattern.

        Every round proves a bound (the value less what the best pattern of each class could still save,
        times the servers there are); the best of them counts.
        """
        best = 0.0
        converged = False
        for _ in range(MOST_ROUNDS):
            self.rounds += 1
            self._solver.run()
            value = self._solver.getObjectiveValue()
            duals = list(self._solver.getSolution().row_dual)
            saved, found = 0.0, False
            for at, knapsack in enumerate(self._knapsacks):
                gain, pattern = knapsack.best(duals[: len(self.shapes)])
                cost = 0.0 if self.classes[at].open else 1.0
                reduced = cost - gain - duals[len(self.shapes) + at]
                saved += self.classes[at].count * min(0.0, reduced)
                if reduced < -SLIGHT and (at, pattern) not in self._known:
                    self.add(at, pattern)
                    found = True
            best = max(best, value + saved)
            if not found:
                converged = True
                break
        columns = list(self._solver.getSolution().col_value)
        slack, self.values = columns[: len(self.shapes)], columns[len(self.shapes) :]
        self.values += [0.0] * (len(self.patterns) - len(self.values))
        if converged and sum(slack) > SLIGHT:
            return 0, math.ceil(sum(slack) - SLIGHT)
        return math.ceil(best - 1e-4), 0


class _Knapsack:
    """What of the shapes is worth most on one server of a class, at given worths."""

    def __init__(self, shapes: Sequence[Shape], one: Class, at: int, seed: int) -> None:
        self.most = [
            min(shape.count, fits(shape.need, one.free)) if at in shape.classes else 0 for shape in shapes
        ]
        self._shapes = [n for n, many in enumerate(self.most) if many]
        self._solver = solver(seed)
        for _ in one.free:
            self._solver.addRow(-self._solver.inf, 0.0, 0, [], [])
        for row, room in enumerate(one.free):
            self._solver.changeRowBounds(row, -self._solver.inf, float(room))
        import highspy

        for column, n in enumerate(self._shapes):
            need = shapes[n].need
            rows = [row for row, much in enumerate(need) if much]
            self._solver.addCol(
                0.0, 0.0, float(self.most[n]), len(rows), rows, [float(need[row]) for row in rows]
            )
            self._solver.changeColIntegrality(column, highspy.HighsVarType.kInteger)
        self._solver.changeObjectiveSense(highspy.ObjSense.kMaximize)

    def best(self, worths: Sequence[float]) -> tuple[float, Pattern]:
        """(its worth, the pattern)."""
        pattern = [0] * len(self.most)
        if not self._shapes or not any(worths[n] > SLIGHT for n in self._shapes):
            return 0.0, tuple(pattern)
        for column, n in enumerate(self._shapes):
            self._solver.changeColCost(column, max(0.0, worths[n]))
        self._solver.run()
        for column, value in enumerate(self._solver.getSolution().col_value):
            n = self._shapes[column]
            pattern[n] = round(value) if worths[n] > SLIGHT else 0
        return sum(worths[n] * many for n, many in enumerate(pattern) if many), tuple(pattern)


def solver(seed: int) -> Any:
    """A quiet HiGHS on one thread, which decides alike on every run."""
    import highspy

    made: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    made.silent()
    made.setOptionValue("threads", 1)
    made.setOptionValue("random_seed", seed % (2**31 - 1))
    made.setOptionValue("mip_rel_gap", 0.0)
    return made


class _Rounding:
    """Whole servers, taken one after the other, and what remains of instances and servers."""

    def __init__(self, shapes: Sequence[Shape], classes: Sequence[Class]) -> None:
        self.shapes, self.classes = shapes, classes
        self.left = [shape.count for shape in shapes]
        self.room = [one.count for one in classes]
        self.packed = Packed()

    def use(self, at: int, pattern: Pattern) -> None:
        """One more server of a class with what the pattern still finds."""
        taken = tuple(min(many, self.left[n]) for n, many in enumerate(pattern))
        if any(taken) and self.room[at]:
            self.room[at] -= 1
            self.packed.servers.append((at, taken))
            for n, many in enumerate(taken):
                self.left[n] -= many

    def take(self, master: _Master) -> bool:
        """What the linear programme uses wholly; False where that is nothing."""
        before = sum(self.room)
        whole = sorted(zip(master.values, master.patterns, strict=True), key=lambda one: -one[0])
        for value, (at, pattern) in whole:
            for _ in range(math.floor(value + SLIGHT)):
                self.use(at, pattern)
        return sum(self.room) < before

    def rest(self) -> tuple[list[Shape], list[Class]]:
        """What remains, in the same places of the lists."""
        shapes = [Shape(s.need, many, s.classes) for s, many in zip(self.shapes, self.left, strict=True)]
        classes = [Class(c.free, many, c.open) for c, many in zip(self.classes, self.room, strict=True)]
        return shapes, classes

    def finish(self, master: _Master) -> Packed:
        """Gaps first, then a short search over the master's patterns, then first-fit decreasing."""
        fill(self.packed, self.shapes, self.classes, self.left)
        if any(self.left):
            for at, pattern in _searched(master, self.left, self.room, self.classes):
                self.use(at, pattern)
        last = decreasing(*self.rest(), self.left)
        self.packed.servers += last.servers
        self.packed.left = last.left
        return self.packed


def _rounded(master: _Master, shapes: Sequence[Shape], classes: Sequence[Class]) -> Packed:
    """What the linear programme uses wholly, and a search for the rest."""
    rounding = _Rounding(shapes, classes)
    rounding.take(master)
    return rounding.finish(master)


def _dived(master: _Master, shapes: Sequence[Shape], classes: Sequence[Class]) -> Packed:
    """As ``_rounded``, but a new linear programme for what remains, with patterns that fit it, each time."""
    rounding = _Rounding(shapes, classes)
    while rounding.take(master):
        fill(rounding.packed, shapes, classes, rounding.left)
        if not any(rounding.left):
            break
        smaller = _Master(*rounding.rest(), master.seed)
        for at, pattern in master.patterns:
            smaller.add(at, tuple(min(many, rounding.left[n]) for n, many in enumerate(pattern)))
        smaller.solve()
        master = smaller
    return rounding.finish(master)


def _searched(
    master: _Master, left: Sequence[int], room: Sequence[int], classes: Sequence[Class]
) -> list[tuple[int, Pattern]]:
    """Which known patterns hold the rest on the fewest servers, as far as a short search finds it."""
    import highspy

    search = solver(0)
    search.setOptionValue("mip_max_nodes", MOST_NODES)
    for many in left:
        search.addRow(float(many), search.inf, 0, [], [])
    for many in room:
        search.addRow(-search.inf, float(many), 0, [], [])
    for at in range(len(left)):
        search.addCol(master.penalty, 0, search.inf, 1, [at], [1.0])
    for at, pattern in master.patterns:
        rows = [n for n, many in enumerate(pattern) if many and left[n]]
        cost = 0.0 if classes[at].open else 1.0
        values = [float(min(pattern[n], left[n])) for n in rows]
        search.addCol(cost, 0, float(room[at]), len(rows) + 1, [*rows, len(left) + at], [*values, 1.0])
        search.changeColIntegrality(search.getNumCol() - 1, highspy.HighsVarType.kInteger)
    search.run()
    found = list(search.getSolution().col_value)[len(left) :]
    if not found:
        return []
    return [one for one, value in zip(master.patterns, found, strict=True) for _ in range(round(value))]
