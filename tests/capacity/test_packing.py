"""Filling servers: nothing is over-full, nothing is lost, no bound is beaten, and nobody does better."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.capacity.greedy import fits
from govcloud.capacity.packing import Class, Packed, Shape, first_fit, pack

needs = st.tuples(st.integers(1, 8), st.integers(1, 16), st.integers(0, 8))
rooms = st.tuples(st.integers(4, 16), st.integers(8, 32), st.integers(4, 16))


@st.composite
def problems(draw: st.DrawFn, most: int = 12) -> tuple[list[Shape], list[Class]]:
    classes = [
        Class(draw(rooms), draw(st.integers(1, 4)), draw(st.booleans()))
        for _ in range(draw(st.integers(1, 3)))
    ]
    everywhere = range(len(classes))
    shapes = [
        Shape(draw(needs), draw(st.integers(1, most)), frozenset(draw(st.sets(st.sampled_from(everywhere)))))
        for _ in range(draw(st.integers(1, 3)))
    ]
    return shapes, classes


def check(shapes: list[Shape], classes: list[Class], packed: Packed) -> None:
    """Whatever was found is one: within its servers, within its classes, and nobody is there twice."""
    used = Counter(at for at, _ in packed.servers)
    assert all(used[at] <= one.count for at, one in enumerate(classes))
    placed = [0] * len(shapes)
    for at, pattern in packed.servers:
        for row, room in enumerate(classes[at].free):
            assert sum(many * shapes[n].need[row] for n, many in enumerate(pattern)) <= room
        for n, many in enumerate(pattern):
            assert not many or at in shapes[n].classes
            placed[n] += many
    assert [p + left for p, left in zip(placed, packed.left, strict=True)] == [s.count for s in shapes]


@settings(max_examples=40, deadline=None)
@given(problems())
def test_a_packing_is_one_and_keeps_its_bounds(problem: tuple[list[Shape], list[Class]]) -> None:
    shapes, classes = problem
    packed, plain = pack(shapes, classes), first_fit(shapes, classes)
    check(shapes, classes, packed)
    check(shapes, classes, plain)
    assert sum(packed.left) <= sum(plain.left)
    if sum(packed.left) == sum(plain.left):
        assert packed.opened(classes) <= plain.opened(classes)
    assert packed.lacks <= sum(packed.left)
    if not any(packed.left):
        assert packed.bound <= packed.opened(classes)


def fewest(shapes: list[Shape], room: tuple[int, ...], servers: int) -> int | None:
    """By trying everything, for one class of empty servers: how many are needed."""
    patterns = [
        p
        for p in itertools.product(*(range(min(s.count, fits(s.need, room)) + 1) for s in shapes))
        if all(
            sum(m * s.need[r] for m, s in zip(p, shapes, strict=True)) <= room[r] for r in range(len(room))
        )
    ]

    @cache
    def least(left: tuple[int, ...]) -> int:
        if not any(left):
            return 0
        ways = {tuple(max(0, have - m) for have, m in zip(left, p, strict=True)) for p in patterns}
        return 1 + min((least(way) for way in ways if way != left), default=10**6)

    found = least(tuple(s.count for s in shapes))
    return found if found <= servers else None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(needs, st.integers(1, 3)), min_size=1, max_size=3), rooms)
def test_small_ones_are_solved_as_well_as_by_trying_everything(
    wanted: list[tuple[tuple[int, ...], int]], room: tuple[int, ...]
) -> None:
    shapes = [Shape(need, count, frozenset({0})) for need, count in wanted]
    classes = [Class(room, 5)]
    best = fewest(shapes, room, 5)
    packed = pack(shapes, classes)
    if best is None:
        assert any(packed.left)
    else:
        assert packed.bound <= best
        # The search is short; of so few it leaves nothing to be found.
        assert not any(packed.left) and packed.opened(classes) == best


def test_what_first_fit_wastes_the_solver_does_not() -> None:
    """Of 4 and 3 and 3 each server of 10 is full; the largest first puts 4 beside 4."""
    shapes = [Shape((1, 4, 0), 30, frozenset({0})), Shape((1, 3, 0), 60, frozenset({0}))]
    classes = [Class((10, 10, 1), 60)]
    packed = pack(shapes, classes)
    assert packed.opened(classes) == packed.bound == 30
    assert first_fit(shapes, classes).opened(classes) == 35


def test_the_same_seed_gives_the_same_result() -> None:
    shapes = [Shape((n + 1, 3 * n % 7 + 1, 2), 20, frozenset({0, 1})) for n in range(4)]
    classes = [Class((17, 23, 90), 60), Class((29, 19, 90), 60)]
    assert pack(shapes, classes, 3).servers == pack(shapes, classes, 3).servers


def test_what_cannot_be_held_is_proved_and_counted() -> None:
    shapes = [Shape((4, 4, 0), 10, frozenset({0})), Shape((1, 1, 0), 3, frozenset({1}))]
    classes = [Class((8, 8, 1), 3), Class((4, 4, 1), 1)]
    packed = pack(shapes, classes)
    assert packed.lacks == 4 and packed.left == [4, 0]
