"""Arithmetic on ranges, held against a model that walks every address of a small space."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.addressing import space as spaces
from govcloud.addressing.blocks import Block, read_block
from govcloud.addressing.forms import Misread
from govcloud.addressing.space import Space

BITS = 8


@st.composite
def blocks(draw: st.DrawFn) -> tuple[int, int]:
    length = draw(st.integers(0, BITS))
    rest = BITS - length
    return draw(st.integers(0, 255)) >> rest << rest, length


def addresses(block: tuple[int, int]) -> range:
    return range(block[0], block[0] + (1 << (BITS - block[1])))


def free_starts(used: set[int], block: tuple[int, int], length: int) -> list[int]:
    step = 1 << (BITS - length)
    return [low for low in addresses(block)[::step] if not used & set(range(low, low + step))]


@settings(max_examples=300, deadline=None)
@given(st.lists(blocks(), max_size=14), st.integers(0, 14), st.integers(1, 4), st.data())
def test_a_space_answers_as_whoever_walks_it(
    taken: list[tuple[int, int]], known: int, chunk: int, data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Chunks of a few ranges, so that every answer crosses some.
        patch.setattr(spaces, "CHUNK", chunk)
        space = Space(BITS, taken[:known])
        for block in taken[known:]:
            space.take(block)
        used = {address for block in taken for address in addresses(block)}
        block = data.draw(blocks())
        length = data.draw(st.integers(block[1], BITS))
        starts = free_starts(used, block, length)
        assert space.first(block, length) == (starts[0] if starts else None)
        assert space.room(block, length) == len(starts)
        assert space.used(block) == len(used & set(addresses(block)))
        assert space.is_free(block) == (not used & set(addresses(block)))
        free = {address for low, high in space.free(block) for address in range(low, high + 1)}
        assert free == set(addresses(block)) - used
        widest = next((w for n in range(block[1], length + 1) if (w := free_starts(used, block, n))), None)
        assert space.sparse(block, length) == (widest[0] if widest else None)


def test_what_is_shorter_than_the_block_does_not_fit() -> None:
    space = Space(BITS)
    assert space.first((0, 4), 3) is None
    assert space.sparse((0, 4), 3) is None


def test_a_block_fills_in_the_generations_of_rfc_3531() -> None:
    space, order = Space(BITS), []
    while (low := space.sparse((0, 0), 4)) is not None:
        space.take((low, 4))
        order.append(low >> 4)
    # The half, the quarters, the eighths: each generation is the one of the mirrored counter.
    mirrored = [int(f"{n:04b}"[::-1], 2) for n in range(16)]
    for end in (1, 2, 4, 8, 16):
        assert set(order[:end]) == set(mirrored[:end])
    assert order[:4] == [0, 8, 4, 12]


def test_a_million_prefixes_of_one_length_are_one_question() -> None:
    """Every second /64 is taken: a walk would need half a million steps, this needs a few."""
    low = 0x3FFF0460 << 96
    space = Space(128, [(low + (n << 65), 64) for n in range(100_000)])
    assert space.first((low, 28), 64) == low + (1 << 64)
    assert space.first((low, 28), 63) == low + (100_000 << 65)
    assert space.used((low, 28)) == 100_000 << 64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3fff::1/28", "has bits behind its length"),
        ("10.0.0.0/33", "expected a prefix"),
        ("10.0.0/8", "expected a prefix"),
        ("house", "expected a prefix"),
        ("10.0.0.0/", "expected a prefix"),
    ],
)
def test_what_is_no_prefix_is_told(text: str, words: str) -> None:
    with pytest.raises(Misread, match=words):
        read_block(text)


def test_a_prefix_of_the_other_version_is_told() -> None:
    with pytest.raises(Misread, match="expected an IPv6 prefix"):
        read_block("10.0.0.0/8", 6)
    assert read_block("3fff:460::/28", 6) == Block(6, 0x3FFF0460 << 96, 28)
    assert read_block("10.0.0.1").text == "10.0.0.1"
