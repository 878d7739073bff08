"""Choosing what `auto` asks for: the same for the same consumer, and nothing that is used or rests.

Who had something keeps it or gets it back, as long as it is free and its plan still gives it. Whoever is new
comes after them, in the order of levels and names: prefixes from the top, then networks, links and loopbacks,
then machines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..source.claims import Finding
from .blocks import BITS, Block, read_block
from .forms import AUTO, Misread
from .occupancy import Held, Occupancy
from .places import Key, SpaceKey
from .pools import NoPool, Pools, Wanted
from .wishes import MACHINES

Fields = Mapping[str, Any]
Wish = tuple[str, str, str]  # (kind, name, field)
_ORDER = {kind: number for number, kind in enumerate(("prefix", "network", "link", "node", *MACHINES))}
_LANDS = 64


@dataclass
class Choices:
    """What was chosen, by wish, and what is wrong."""

    chosen: dict[Wish, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def allocate(
    entries: Mapping[Key, Fields],
    before: Mapping[Key, Fields],
    wishes: Iterable[Wish],
    had: Mapping[Wish, list[str]],
    resting: Iterable[tuple[SpaceKey, Held]],
) -> Choices:
    """Answer wishes.

    ``entries``: all that are proposed and have to do with addresses; ``before``: as they are accepted, which
    is in use as well. ``had``: what the consumer of a wish has or had, the newest first. ``resting``: what
    was given back lately, where, and by whom: nobody else gets it there yet.
    """
    return _Allocating(entries, before, sorted(wishes, key=_order), had, resting).run()


def _order(wish: Wish) -> tuple[int, str, str]:
    return _ORDER[wish[0]], wish[1], wish[2]


class _Allocating:
    def __init__(
        self,
        entries: Mapping[Key, Fields],
        before: Mapping[Key, Fields],
        wishes: list[Wish],
        had: Mapping[Wish, list[str]],
        resting: Iterable[tuple[SpaceKey, Held]],
    ) -> None:
        self._entries: dict[Key, Fields] = dict(entries)
        for kind, name, of in wishes:
            # What it has now is asked for again, so that it may also grow.
            self._entries[kind, name] = dict(self._entries[kind, name]) | {of: AUTO}
        self._before = before
        self._wishes = wishes
        self._had = had
        self._pools = Pools(self._entries)
        self._occupied = Occupancy()
        self._occupied.add_entries(self._entries)
        # What was accepted is in use until the plan is carried out, whatever becomes of it then.
        self._occupied.add_entries(before)
        self._occupied.add(resting)
        self._out = Choices()
        # Where there was no room: who lacks what, and how many of the same found some.
        self._lacking: dict[tuple[Any, ...], list[Wanted]] = {}
        self._found: dict[tuple[Any, ...], int] = {}

    def run(self) -> Choices:
        for batch in self._batches():
            fresh: list[Wanted] = []
            for wish in batch:
                wanted = self._wanted(wish)
                if wanted is not None and not self._kept(wanted):
                    fresh.append(wanted)
            for wanted in fresh:
                self._choose(wanted)
        self._out.findings += (
            _no_room(lacking, self._found.get(of, 0)) for of, lacking in self._lacking.items()
        )
        return self._out

    def _batches(self) -> Iterable[list[Wish]]:
        """Wishes none of which another one of the same batch waits for."""
        prefixes = [wish for wish in self._wishes if wish[0] == "prefix"]
        by_depth: dict[int, list[Wish]] = {}
        for wish in prefixes:
            by_depth.setdefault(self._depth(wish[1]), []).append(wish)
        yield from (by_depth[depth] for depth in sorted(by_depth))
        yield [wish for wish in self._wishes if wish[0] not in ("prefix", *MACHINES)]
        yield [wish for wish in self._wishes if wish[0] in MACHINES]

    def _depth(self, name: str) -> int:
        """How far down its plan a prefix stands; below a parent always further than that one."""
        depth, seen = 0, set()
        while name and name not in seen:
            seen.add(name)
            fields = self._entries.get(("prefix", name), {})
            plan = self._entries.get(("address_plan", str(fields.get("plan", ""))), {})
            levels = list(plan.get("levels", []))
            level = fields.get("level", "")
            depth = max(depth, len(seen) - 1 + (levels.index(level) if level in levels else 0))
            name = str(fields.get("parent", ""))
        return depth

    def _wanted(self, wish: Wish) -> Wanted | None:
        try:
            return self._pools.wanted(*wish)
        except NoPool as why:
            kind, name, of = wish
            self._out.findings.append(Finding(kind, name, of, f"`{of}: auto`: {why.message}", why.hint))
            return None

    # -- what somebody has or had -------------------------------------------------------------------

    def _kept(self, wanted: Wanted) -> bool:
        """Give a consumer what it has or had, in place, where it can have it. False: it needs a new one."""
        now = str(self._before.get(wanted.key, {}).get(wanted.field, ""))
        for text in dict.fromkeys([*([now] if now else []), *self._had.get((*wanted.key, wanted.field), [])]):
            block = _read(text)
            if block is None or block.version != wanted.version:
                continue
            if block.length == wanted.length:
                if self._may_have(wanted, block, holds_it=text == now):
                    return self._give(wanted, block)
            elif text == now and any(pool.holds(block) for pool in wanted.pools):
                return self._resized(wanted, block)
        return False

    def _may_have(self, wanted: Wanted, block: Block, *, holds_it: bool) -> bool:
        if not any(pool.holds(block) for pool in wanted.pools):
            return False
        return self._in_its_way(wanted, block, holds_it=holds_it) is None

    def _in_its_way(self, wanted: Wanted, block: Block, *, holds_it: bool) -> Held | None:
        """Who else has a block, a part of it, or more than it; parts of a prefix one holds are its own."""
        pool = next(pool for pool in wanted.pools if pool.holds(block))
        own = (wanted.key, wanted.owner)
        for one in self._occupied.inside(wanted.space, block):
            if one.key[0] in MACHINES and wanted.key[0] not in MACHINES:
                # It is or was in a network that has the block, and is told with that one.
                continue
            part = wanted.key[0] == "prefix" and one.block.length > block.length
            # A prefix that is held by the network itself is the network's.
            same = one.block == block and (one.divided or wanted.key[0] == "prefix") and one.block == pool
            if one.key not in own and not same and not (part and holds_it):
                return one
        for one in self._occupied.around(wanted.space, block):
            if one.key not in own and (not one.divided or one.block.length > pool.length):
                return one
        return None

    def _resized(self, wanted: Wanted, block: Block) -> bool:
        """The level has another length now: the prefix grows or shrinks where it stands, or it is told."""
        kind, name = wanted.key
        if wanted.length > block.length:
            smaller = Block(block.version, block.low, wanted.length)
            out = [o for o in self._occupied.inside(wanted.space, block) if o.key != wanted.key]
            other = next((one for one in out if not smaller.holds(one.block)), None)
            words = f"{block.text} cannot shrink to {smaller.text}"
            target = smaller
        else:
            target = block.widened(wanted.length)
            words = f"{block.text} cannot grow to {target.text}"
            other = self._grown_over(wanted, block, target)
            if other is None and not any(pool.holds(target) for pool in wanted.pools):
                message = f"`{wanted.field}: auto`: {words}, which its plan has no room for"
                self._out.findings.append(Finding(kind, name, wanted.field, message))
                return True
        if other is None:
            return self._give(wanted, target)
        message = f"`{wanted.field}: auto`: {words}: {other.block.text} is that of {'/'.join(other.key)}"
        hint = "say the prefix itself to move it, or give it a level of the length that it has"
        self._out.findings.append(Finding(kind, name, wanted.field, message, hint))
        return True

    def _grown_over(self, wanted: Wanted, block: Block, target: Block) -> Held | None:
        for one in self._occupied.inside(wanted.space, target):
            if one.key != wanted.key and not block.holds(one.block):
                return one
        return None

    # -- something new ------------------------------------------------------------------------------

    def _choose(self, wanted: Wanted) -> None:
        for pool in wanted.pools:
            if wanted.key[0] == "network" and pool.length == wanted.length:
                # A prefix that the network itself holds is its own, as a whole.
                if self._may_have(wanted, pool, holds_it=False):
                    self._give(wanted, pool)
                    return
                continue
            if wanted.length < pool.length:
                continue
            space = self._occupied.space(wanted.space, pool, wanted.owner)
            _set_apart(space, wanted, pool)
            find = space.sparse if wanted.spread else space.first
            low = find((pool.low, pool.length), wanted.length)
            while low is not None and _unfit(wanted, pool, low):
                space.take((low, wanted.length))
                low = find((pool.low, pool.length), wanted.length)
            if low is not None:
                self._give(wanted, Block(wanted.version, low, wanted.length))
                return
        self._lacking.setdefault(_group(wanted), []).append(wanted)

    def _give(self, wanted: Wanted, block: Block) -> bool:
        self._out.chosen[*wanted.key, wanted.field] = block.text
        self._found[_group(wanted)] = self._found.get(_group(wanted), 0) + 1
        divided = wanted.key[0] == "prefix"
        self._occupied.take(wanted.space, Held(block, wanted.key, wanted.field, divided))
        self._entries[wanted.key] = dict(self._entries[wanted.key]) | {wanted.field: block.text}
        return True


def _set_apart(space: Any, wanted: Wanted, pool: Block) -> None:
    """Addresses of a pool that no machine and no router can have."""
    bits = BITS[wanted.version]
    if wanted.key[0] in MACHINES and pool.length < bits - 1:
        # The first stands for all of the prefix, the next is the gateway's; IPv4 has one for all at the end.
        space.take((pool.low, bits))
        space.take((pool.low + 1, bits))
        if wanted.version == 4:
            space.take((pool.high, bits))
    elif wanted.key[0] == "node" and pool.length < bits - 1:
        space.take((pool.low, bits))


def _unfit(wanted: Wanted, pool: Block, low: int) -> bool:
    """Whether a link's prefix begins with 64 bits of zero, the anycast of routers (RFC 6164, 5.2)."""
    link = wanted.key[0] == "link" and wanted.version == 6
    return link and pool.length <= _LANDS and low & ((1 << _LANDS) - 1) == 0


def _group(wanted: Wanted) -> tuple[Any, ...]:
    return wanted.space, wanted.pools, wanted.length


def _no_room(lacking: list[Wanted], found: int) -> Finding:
    first = lacking[0]
    (kind, name), pools = first.key, " and ".join(pool.text for pool in first.pools)
    what = "address" if first.length == BITS[first.version] else f"/{first.length}"
    asked, missing = len(lacking) + found, len(lacking)
    names = ", ".join("/".join(one.key) for one in lacking[:5]) + (", ..." if missing > 5 else "")
    message = (
        f"`{first.field}: auto`: {pools} has no room: of {asked} asked for (each a {what}) {missing} "
        f"{'is' if missing == 1 else 'are'} lacking: {names}"
    )
    plan = f"of address_plan/{first.plan}" if first.plan else f"of {'/'.join(first.owner)}"
    return Finding(kind, name, first.field, message, f"a wider prefix or one more pool {plan} gives room")


def _read(text: str) -> Block | None:
    try:
        return read_block(text)
    except Misread:
        return None
