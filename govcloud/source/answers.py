"""Which of the allocator's claims still answer an `auto`: those whose network, parent or plan holds them.

An answer that does not hold any more is left out, so that the `auto` is a wish again. Where not everything is
in sight, what is not there speaks against nothing: the checks find what is wrong then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..addressing.blocks import Block, read_block
from ..addressing.forms import AUTO, Misread
from ..addressing.places import Places
from ..addressing.wishes import FIELDS, MACHINES
from .claims import Key

Fields = dict[str, Any]


def answer(merged: dict[Key, Fields], given: Mapping[Key, Fields]) -> dict[Key, Fields]:
    """Lay what was ``given`` over entries where they say `auto`; returns what stands, by entry.

    ``merged``: all entries as they are said, with those that are pinned.
    """
    out: dict[Key, Fields] = {}
    standing = _Standing(merged)
    # What others lie in goes first: prefixes, wide ones before those in them, and networks before machines.
    for key in sorted(given, key=lambda key: (_ORDER.get(key[0], 1), _width(key, given[key]), key)):
        wishing = merged.get(key)
        if wishing is None:
            continue
        answered = {
            of: text
            for of, text in given[key].items()
            if wishing.get(of) == AUTO and standing.holds(key, wishing, of, str(text))
        }
        if answered:
            merged[key] = wishing | answered
            out[key] = answered
    return out


_ORDER = {"prefix": 0, **dict.fromkeys(MACHINES, 2)}


def _width(key: Key, fields: Fields) -> int:
    block = _block(str(fields.get("prefix", ""))) if key[0] == "prefix" else None
    return block.length if block is not None else 0


class _Standing:
    """Whether what was chosen for an entry can still be its; blocks are read once."""

    def __init__(self, merged: Mapping[Key, Fields]) -> None:
        self._merged = merged
        self._places = Places(merged)
        self._blocks: dict[str, Block | None] = {}
        self._plans = [name for kind, name in merged if kind == "address_plan"]

    def holds(self, key: Key, fields: Fields, of: str, text: str) -> bool:
        """``of``: the field that says `auto`; ``text``: what answers it."""
        block = _block(text)
        if block is None:
            return False
        if key[0] in MACHINES:
            return self._in_network(fields, of, block)
        if key[0] == "prefix":
            return self._in_plan(fields, block)
        return self._in_any_plan(key, FIELDS[key[0]][of], block)

    def _in_network(self, fields: Fields, of: str, block: Block) -> bool:
        network = self._merged.get(("network", str(fields.get("network", ""))))
        return network is None or self._in(block, [str(network.get(of, ""))])

    def _in_plan(self, fields: Fields, block: Block) -> bool:
        plan = self._merged.get(("address_plan", str(fields.get("plan", ""))))
        if plan is not None:
            lengths = dict(zip(plan.get("levels", ()), plan.get("lengths", ()), strict=False))
            if lengths.get(fields.get("level"), block.length) != block.length:
                # The level has another length by now: it is asked for again, to grow or shrink.
                return False
            if not self._in(block, _of_plan(plan)):
                return False
        parent = self._merged.get(("prefix", str(fields.get("parent", ""))))
        return parent is None or self._in(block, [str(parent.get("prefix", ""))])

    def _in_any_plan(self, key: Key, version: int, block: Block) -> bool:
        """Whether one of the plans that could give it does hold it, or there is none at all."""
        plans = {name: self._merged["address_plan", name] for name in self._plans}
        plans = {name: plan for name, plan in plans.items() if plan.get("family") == version}
        if any(self._in(block, _of_plan(plan)) for plan in plans.values()):
            return True
        space = self._places.space(*key)
        return not any(
            str(plan.get("vrf", "")) == space.vrf
            and self._places.zone("address_plan", name) in ("", space.zone)
            for name, plan in plans.items()
        )

    def _in(self, block: Block, texts: list[str]) -> bool:
        for text in texts:
            if text not in self._blocks:
                self._blocks[text] = _block(text)
            outer = self._blocks[text]
            if outer is not None and outer.holds(block):
                return True
        return False


def _of_plan(plan: Fields) -> list[str]:
    return [str(plan.get("prefix", "")), *map(str, plan.get("pools", ()))]


def _block(text: str) -> Block | None:
    """None where it is empty, not chosen yet or, as a check tells, none at all."""
    try:
        return read_block(text) if text and text != AUTO else None
    except Misread:
        return None
