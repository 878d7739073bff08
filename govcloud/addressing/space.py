"""What is free in a space of addresses, by arithmetic on ranges; no address is ever walked.

A space keeps its free ranges sorted, in chunks of about a thousand. Beside each range stands the size of the
largest aligned block that fits into it, as a byte, and beside each chunk the largest of these. So the first
place for a prefix is found by two searches in strings of bytes, whatever is taken.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import accumulate

# Ranges in a chunk: a thousand of a thousand are a million.
CHUNK = 1000
Range = tuple[int, int]


class _Chunk:
    """Free ranges that follow on each other: first and last addresses, and what fits into each."""

    __slots__ = ("_sums", "fits", "highs", "lows")

    def __init__(self, lows: list[int], highs: list[int]) -> None:
        self.lows, self.highs = lows, highs
        self.fits = bytearray(map(_fit, lows, highs))
        self._sums: list[int] | None = None

    @property
    def sums(self) -> list[int]:
        """How much is free in the first n ranges, for each n from 0."""
        if self._sums is None:
            sizes = (high - low + 1 for low, high in zip(self.lows, self.highs, strict=True))
            self._sums = list(accumulate(sizes, initial=0))
        return self._sums


class Space:
    """All addresses of ``bits`` bits, some of them taken. Blocks are (first address, prefix length)."""

    def __init__(self, bits: int, taken: Iterable[tuple[int, int]] = ()) -> None:
        """``taken``: blocks that may overlap, in any order; sorted ones are read fastest."""
        self.bits = bits
        lows, highs = _gaps(bits, taken)
        self._chunks = [
            _Chunk(lows[at : at + CHUNK], highs[at : at + CHUNK]) for at in range(0, len(lows), CHUNK)
        ]
        self._index()

    def _index(self) -> None:
        self._starts = [chunk.lows[0] for chunk in self._chunks]
        self._tops = bytearray(max(chunk.fits) for chunk in self._chunks)
        self._sums: list[int] | None = None

    # -- asking -------------------------------------------------------------------------------------

    def first(self, block: tuple[int, int], length: int) -> int | None:
        """The first address of the first free prefix of a length in a block; None where there is none."""
        low, high = self._ends(block)
        exponent = self.bits - length
        if length < block[1]:
            return None
        for at, start, end in self._candidates(low, exponent):
            place = _aligned(max(start, low), exponent)
            if at and place > high:
                return None
            if place + (1 << exponent) - 1 <= end:
                return place if place <= high else None
        return None

    def sparse(self, block: tuple[int, int], length: int) -> int | None:
        """The start of the largest free block in a block, the first of equals: where most room is to grow.

        Of prefixes of one length this fills a block in the generations of RFC 3531, leftmost first: the
        start, the half, the quarters, the eighths, each generation from left to right. What is there already,
        of whatever length, is respected. None where nothing of the length is free.
        """
        low, high = self._ends(block)
        if length < block[1]:
            return None
        largest = self._largest(low, high)
        if largest < self.bits - length:
            return None
        return self.first(block, self.bits - largest)

    def is_free(self, block: tuple[int, int]) -> bool:
        """Whether nothing of a block is taken."""
        low, high = self._ends(block)
        chunk = self._chunk_of(low)
        if chunk is None:
            return False
        at = bisect_right(chunk.lows, low) - 1
        return at >= 0 and chunk.highs[at] >= high

    def free(self, block: tuple[int, int]) -> Iterator[Range]:
        """The free ranges in a block, first and last address of each, in order."""
        low, high = self._ends(block)
        for number in range(max(0, bisect_right(self._starts, low) - 1), len(self._chunks)):
            chunk = self._chunks[number]
            for start, end in zip(chunk.lows, chunk.highs, strict=True):
                if start > high:
                    return
                if end >= low:
                    yield max(start, low), min(end, high)

    def room(self, block: tuple[int, int], length: int) -> int:
        """How many prefixes of a length a block has free."""
        exponent = self.bits - length
        return sum(
            max(0, ((end + 1) >> exponent) - (_aligned(start, exponent) >> exponent))
            for start, end in self.free(block)
        )

    def used(self, block: tuple[int, int]) -> int:
        """How many addresses of a block are taken."""
        low, high = self._ends(block)
        return high - low + 1 - (self._free_before(high + 1) - self._free_before(low))

    # -- changing -----------------------------------------------------------------------------------

    def take(self, block: tuple[int, int]) -> None:
        """Take a block; parts of it may be taken already."""
        low, high = self._ends(block)
        number = max(0, bisect_right(self._starts, low) - 1)
        empty = False
        while number < len(self._chunks) and self._starts[number] <= high:
            chunk = self._chunks[number]
            first = max(0, bisect_right(chunk.lows, low) - 1)
            last = bisect_right(chunk.lows, high)
            rest: list[Range] = []
            for start, end in zip(chunk.lows[first:last], chunk.highs[first:last], strict=True):
                if end < low:
                    rest.append((start, end))
                    continue
                rest += [(start, low - 1)] if start < low else []
                rest += [(high + 1, end)] if end > high else []
            chunk.lows[first:last] = [start for start, _ in rest]
            chunk.highs[first:last] = [end for _, end in rest]
            chunk.fits[first:last] = bytes(_fit(start, end) for start, end in rest)
            chunk._sums = None
            if chunk.lows:
                self._starts[number] = chunk.lows[0]
                self._tops[number] = max(chunk.fits)
            empty |= not chunk.lows or len(chunk.lows) > 2 * CHUNK
            number += 1
        self._sums = None
        if empty:
            self._cut()

    def _cut(self) -> None:
        """Drop chunks that are empty, and halve those that have grown."""
        chunks: list[_Chunk] = []
        for chunk in self._chunks:
            for at in range(0, len(chunk.lows), CHUNK) if len(chunk.lows) > 2 * CHUNK else [0]:
                size = CHUNK if len(chunk.lows) > 2 * CHUNK else len(chunk.lows)
                if size:
                    chunks.append(_Chunk(chunk.lows[at : at + size], chunk.highs[at : at + size]))
        self._chunks = chunks
        self._index()

    # -- inside -------------------------------------------------------------------------------------

    def _ends(self, block: tuple[int, int]) -> Range:
        low, length = block
        return low, low + (1 << (self.bits - length)) - 1

    def _chunk_of(self, address: int) -> _Chunk | None:
        """The chunk in which the last range stands that begins at an address or before."""
        number = bisect_right(self._starts, address) - 1
        return self._chunks[number] if number >= 0 else None

    def _candidates(self, low: int, exponent: int) -> Iterator[tuple[bool, int, int]]:
        """(whether it begins after ``low``, first, last) of ranges that may have room, in order."""
        number = max(0, bisect_right(self._starts, low) - 1)
        if number >= len(self._chunks):
            return
        fitting = _fitting(exponent)
        chunk = self._chunks[number]
        at = bisect_right(chunk.lows, low) - 1
        if at >= 0 and chunk.highs[at] >= low:
            # What the range has room for as a whole says nothing of its part behind ``low``.
            yield False, chunk.lows[at], chunk.highs[at]
        found = fitting.search(chunk.fits, at + 1)
        while found is None:
            following = fitting.search(self._tops, number + 1)
            if following is None:
                return
            number = following.start()
            chunk = self._chunks[number]
            found = fitting.search(chunk.fits)
        yield True, chunk.lows[found.start()], chunk.highs[found.start()]

    def _largest(self, low: int, high: int) -> int:
        """The exponent of the largest aligned free block between two addresses; -1: nothing is free."""
        largest = -1
        for number in range(max(0, bisect_right(self._starts, low) - 1), len(self._chunks)):
            if self._starts[number] > high:
                break
            chunk = self._chunks[number]
            if self._tops[number] <= largest:
                continue
            if self._starts[number] >= low and chunk.highs[-1] <= high:
                largest = self._tops[number]
                continue
            first = max(0, bisect_right(chunk.lows, low) - 1)
            last = bisect_right(chunk.lows, high)
            if chunk.lows[first] < low and chunk.highs[first] >= low:
                largest = max(largest, _fit(low, min(high, chunk.highs[first])))
            first += chunk.lows[first] < low
            if last > first and chunk.highs[last - 1] > high:
                last -= 1
                largest = max(largest, _fit(chunk.lows[last], high))
            if last > first:
                largest = max(largest, *chunk.fits[first:last], -1)
        return largest

    def _free_before(self, address: int) -> int:
        """How many free addresses there are before one."""
        if self._sums is None:
            self._sums = list(accumulate((chunk.sums[-1] for chunk in self._chunks), initial=0))
        number = bisect_right(self._starts, address) - 1
        if number < 0:
            return 0
        chunk = self._chunks[number]
        at = bisect_right(chunk.lows, address) - 1
        past = max(0, chunk.highs[at] + 1 - address)
        return self._sums[number] + chunk.sums[at + 1] - past


def _gaps(bits: int, taken: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """First and last addresses of what no block takes."""
    lows: list[int] = []
    highs: list[int] = []
    free = 0
    for low, length in sorted(taken):
        if low > free:
            lows.append(free)
            highs.append(low - 1)
        end = low + (1 << (bits - length))
        if end > free:
            free = end
    if free < 1 << bits:
        lows.append(free)
        highs.append((1 << bits) - 1)
    return lows, highs


def _fit(low: int, high: int) -> int:
    """The largest n so that an aligned block of 2 ** n addresses lies in a range; -1 for an empty one."""
    size = high - low + 1
    exponent = size.bit_length() - 1
    # A range of 2 ** n always has an aligned block of half of that.
    if _aligned(low, exponent) + (1 << exponent) > high + 1:
        exponent -= 1
    return exponent


def _aligned(low: int, exponent: int) -> int:
    """The first multiple of 2 ** exponent from ``low`` on."""
    return -(-low >> exponent) << exponent


@cache
def _fitting(exponent: int) -> re.Pattern[bytes]:
    """Finds the first byte that is an exponent or more."""
    return re.compile(b"[\\x%02x-\\xff]" % exponent)
