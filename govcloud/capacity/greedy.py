"""First-fit decreasing over shapes and classes: the start and the yardstick of what the solver does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .packing import Class, Packed, Shape


def fits(need: Sequence[int], free: Sequence[int]) -> int:
    """How many of one need there is room for; something that needs nothing fits a million times."""
    return max(0, min((room // much for much, room in zip(need, free, strict=True) if much), default=10**6))


def order(shapes: Sequence[Shape], classes: Sequence[Class]) -> list[int]:
    """Shapes, the largest first: by the greatest share that they need of all the room there is."""
    total = [max(1, sum(c.free[n] * c.count for c in classes)) for n in range(len(shapes[0].need))]

    def size(at: int) -> tuple[float, float, int]:
        shares = [much / all for much, all in zip(shapes[at].need, total, strict=True)]
        return -max(shares), -sum(shares), at

    return sorted(range(len(shapes)), key=size)


def decreasing(
    shapes: Sequence[Shape], classes: Sequence[Class], counts: Sequence[int], new: Sequence[int] = ()
) -> Packed:
    """First-fit decreasing: the largest first, each on the first server that has room.

    Servers that carry something already come first, then the roomiest, or as ``new`` orders their classes.
    """
    from .packing import Packed

    left = list(counts)
    sequence = sorted(range(len(classes)), key=lambda at: (not classes[at].open, _lesser(classes, at), at))
    if new:
        sequence = [*(at for at in sequence if classes[at].open), *new]
    hosts = [
        (at, [0] * len(shapes), list(classes[at].free)) for at in sequence for _ in range(classes[at].count)
    ]
    for n in order(shapes, classes):
        need, allowed = shapes[n].need, shapes[n].classes
        for at, pattern, free in hosts:
            if not left[n]:
                break
            many = min(left[n], fits(need, free)) if at in allowed else 0
            if many:
                pattern[n] += many
                left[n] -= many
                for row, much in enumerate(need):
                    free[row] -= many * much
    return Packed([(at, tuple(pattern)) for at, pattern, _ in hosts if any(pattern)], left)


def _lesser(classes: Sequence[Class], at: int) -> float:
    most = [max(1, *(c.free[n] for c in classes)) for n in range(len(classes[at].free))]
    return -sum(room / all for room, all in zip(classes[at].free, most, strict=True))


def fill(packed: Packed, shapes: Sequence[Shape], classes: Sequence[Class], left: list[int]) -> None:
    """Put what is left where a server of the packing has room still; both are changed."""
    wanted = [n for n in order(shapes, classes) if left[n]]
    for place, (at, pattern) in enumerate(packed.servers):
        if not wanted:
            return
        free = [
            room - sum(many * shapes[n].need[row] for n, many in enumerate(pattern) if many)
            for row, room in enumerate(classes[at].free)
        ]
        more = list(pattern)
        for n in wanted:
            many = min(left[n], fits(shapes[n].need, free)) if at in shapes[n].classes else 0
            if many:
                more[n] += many
                left[n] -= many
                free = [room - many * much for room, much in zip(free, shapes[n].need, strict=True)]
        packed.servers[place] = (at, tuple(more))
        wanted = [n for n in wanted if left[n]]
