"""Who has which part of the address space, of everything that entries say: nobody else is given it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .blocks import BITS, Block, read_block
from .forms import AUTO, Misread
from .places import Key, Places, SpaceKey
from .space import Space

Fields = Mapping[str, Any]
NOBODY: Key = ("", "")
# Fields with one prefix or address each, by kind; a list counts as several.
HELD: dict[str, tuple[str, ...]] = {
    "prefix": ("prefix",),
    "network": ("ipv4", "ipv6"),
    "link": ("ipv4", "ipv6"),
    "node": ("loopback4", "loopback6", "management4", "management6"),
    "server": ("ipv4", "ipv6"),
    "instance": ("ipv4", "ipv6"),
    "load_balancer": ("ipv4", "ipv6"),
    "interface": ("ipv4", "ipv6"),
    "translation": ("outside", "inside"),
    "private_network": ("prefixes", "outside", "transit"),
    "dns_zone": ("dns64",),
}


class Held(NamedTuple):
    """A block and who holds it; ``divided``: others may have parts of it."""

    block: Block
    key: Key
    field: str
    divided: bool
    # Empty where it is not known: then it is in the way in every zone.
    zone: str = ""


def held(kind: str, name: str, fields: Fields) -> Iterator[Held]:
    """Every block that an entry says; what is no prefix is told by the checks."""
    for field in HELD.get(kind, ()):
        value = fields.get(field)
        for text in value if isinstance(value, list) else (value,):
            if not text or text == AUTO:
                continue
            try:
                # An interface says its address with the length of its network.
                block = read_block(text.partition("/")[0] if kind == "interface" else text)
            except Misread:
                continue
            yield Held(block, (kind, name), field, kind == "prefix")


class Occupancy:
    """Held blocks of each space, found by the part of the space that they are in."""

    def __init__(self) -> None:
        # By routing table and version of IP.
        self._held: dict[tuple[str, int], list[Held]] = {}
        self._sorted = True
        # By space, pool, and whoever holds the pool and is asked for a part of it.
        self._spaces: dict[tuple[SpaceKey, Block, Key], Space] = {}

    def add_entries(self, entries: Mapping[Key, Fields]) -> None:
        """All that these entries hold."""
        places = Places(entries)
        for (kind, name), fields in entries.items():
            if kind not in HELD:
                continue
            for one in held(kind, name, fields):
                for space in places.spaces(kind, name, one.field):
                    self._add(space, one)
        self._spaces.clear()

    def add(self, found: Iterable[tuple[SpaceKey, Held]]) -> None:
        """Blocks that no entry says, and that nobody but their key may have in their space."""
        for space, one in found:
            self._add(space, one)
        self._spaces.clear()

    def _add(self, space: SpaceKey, one: Held) -> None:
        self._held.setdefault((space.vrf, one.block.version), []).append(one._replace(zone=space.zone))
        self._sorted = False

    def take(self, space: SpaceKey, one: Held) -> None:
        """Somebody gets a block: every pool that is in use knows it at once."""
        self._sort()
        one = one._replace(zone=space.zone)
        row = self._held.setdefault((space.vrf, one.block.version), [])
        row.insert(bisect_right(row, one), one)
        for (of, pool, owner), known in self._spaces.items():
            if of.vrf == space.vrf and _meets(one, of.zone) and _in_the_way(one, pool, owner):
                known.take((one.block.low, one.block.length))

    def inside(self, space: SpaceKey, block: Block) -> list[Held]:
        """What is held in a block or is the same, by address, wide blocks first."""
        self._sort()
        rows = self._held.get((space.vrf, block.version), [])
        first = bisect_left(rows, block.low, key=_low)
        last = bisect_right(rows, block.high, key=_low)
        return [one for one in rows[first:last] if block.holds(one.block) and _meets(one, space.zone)]

    def around(self, space: SpaceKey, block: Block) -> list[Held]:
        """What is held that the block is a part of."""
        self._sort()
        rows = self._held.get((space.vrf, block.version), [])
        found = []
        # The blocks that hold this one begin where it does, cut to each length.
        for low in {block.widened(length).low for length in range(block.length)}:
            for one in rows[bisect_left(rows, low, key=_low) : bisect_right(rows, low, key=_low)]:
                if _wider(one, block) and _meets(one, space.zone):
                    found.append(one)
        return found

    def space(self, space: SpaceKey, pool: Block, owner: Key = NOBODY) -> Space:
        """What is free in a pool; who holds all of it, to divide it or as ``owner``, does not count."""
        known = self._spaces.get((space, pool, owner))
        if known is None:
            taken = [one.block for one in self.inside(space, pool) if _in_the_way(one, pool, owner)]
            known = Space(BITS[pool.version], ((block.low, block.length) for block in taken))
            self._spaces[space, pool, owner] = known
        return known

    def _sort(self) -> None:
        if not self._sorted:
            for rows in self._held.values():
                rows.sort()
            self._sorted = True


def _low(one: Held) -> int:
    return one.block.low


def _wider(one: Held, block: Block) -> bool:
    return one.block.length < block.length and one.block.holds(block)


def _meets(one: Held, zone: str) -> bool:
    return one.zone == zone or not one.zone or not zone


def _in_the_way(one: Held, pool: Block, owner: Key) -> bool:
    if not pool.holds(one.block):
        return False
    return one.block.length > pool.length or not (one.divided or one.key == owner)
