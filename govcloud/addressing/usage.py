"""How address space is divided and how much of it is used: the tree of plans and prefixes, with figures.

IPv6 is counted in /64s, IPv4 in addresses. Used is what networks, links, routers and translations have, and
prefixes that are given out and not divided further. All of it is arithmetic on ranges (``space.Space``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from .blocks import COUNTED, Block, read_block
from .forms import AUTO, Misread
from .occupancy import HELD, Held, held
from .places import Key, Places, SpaceKey
from .space import Space

Fields = Mapping[str, Any]
UNIT = {4: "addresses", 6: "/64s"}
# What machines hold lies in a network, which counts as a whole.
_WITHIN = ("server", "instance", "load_balancer", "interface")


class Node(msgspec.Struct, frozen=True):
    """A block of a plan, or a prefix, with all prefixes that lie directly in it.

    ``name``: of the prefix (empty: a block of a plan). ``size`` and ``used``: /64s or addresses; ``given``:
    what of it lies in the prefixes beneath.
    """

    name: str
    title: str
    prefix: str
    family: int
    plan: str
    level: str
    role: str
    status: str
    holder: str
    zone: str
    vrf: str
    size: int
    used: int
    given: int
    pairs_with: str
    children: tuple[Node, ...] = ()

    @property
    def share(self) -> float:
        """How much of it is used, 0 to 1."""
        return self.used / self.size if self.size else 0.0


class Usage:
    """Used parts of each space; loaded once, then each question is a few searches."""

    def __init__(self, taken: Mapping[tuple[SpaceKey, int], Iterable[Block]]) -> None:
        self._spaces = {
            key: Space(COUNTED[key[1]], (_scaled(block) for block in blocks)) for key, blocks in taken.items()
        }

    @classmethod
    def of(cls, found: Mapping[tuple[SpaceKey, int], list[Held]]) -> Usage:
        """What is used of everything that is held: prefixes only where nothing lies in them."""
        taken: dict[tuple[SpaceKey, int], list[Block]] = {}
        for key, rows in found.items():
            rows.sort()
            blocks = taken.setdefault(key, [])
            for number, one in enumerate(rows):
                after = rows[number + 1] if number + 1 < len(rows) else None
                if not one.divided or after is None or not one.block.holds(after.block):
                    blocks.append(one.block)
        return cls(taken)

    def used(self, space: SpaceKey, block: Block) -> int:
        """How many /64s or addresses of a block are used; a part of a /64 counts as one."""
        known = self._spaces.get((space, block.version))
        return known.used(_scaled(block)) if known is not None else 0


def _scaled(block: Block) -> tuple[int, int]:
    """Of IPv6 its /64s: a longer prefix stands for the one that it lies in."""
    if block.version == 4:
        return block.low, block.length
    return block.low >> 64, min(block.length, 64)


class Division:
    """All plans and prefixes of a ledger, as a forest. ``entries``: fields by (kind, name)."""

    def __init__(self, entries: Mapping[Key, Fields], unseen: frozenset[Key] = frozenset()) -> None:
        """``unseen``: entries that count and are not named."""
        self.entries = entries
        self._unseen = unseen
        self.places = Places(entries)
        found: dict[tuple[SpaceKey, int], list[Held]] = {}
        for (kind, name), fields in entries.items():
            if kind not in HELD or kind in _WITHIN or kind == "private_network":
                continue
            container = kind == "prefix" and fields.get("status") == "container"
            for one in held(kind, name, fields):
                if not container:
                    space = self.places.space(kind, name)
                    found.setdefault((space, one.block.version), []).append(one)
        self.usage = Usage.of(found)

    def plans(self) -> dict[str, tuple[Node, ...]]:
        """The blocks of each plan with the prefixes in them; under the empty name those of no plan."""
        blocks: dict[str, list[tuple[Block, SpaceKey, str]]] = {}
        for kind, name in sorted(self.entries):
            fields = self.entries[kind, name]
            if kind == "address_plan":
                space = self.places.space(kind, name)
                texts = [fields.get("prefix", ""), *fields.get("pools", [])]
                rows = blocks.setdefault(name, [])
                rows += [(block, space, "") for text in texts if (block := _block(text)) is not None]
            elif kind == "prefix" and (kind, name) not in self._unseen:
                block = _block(str(fields.get("prefix", "")))
                if block is not None:
                    plan = str(fields.get("plan", ""))
                    blocks.setdefault(plan, []).append((block, self.places.space(kind, name), name))
        return {plan: self._grown(plan, rows) for plan, rows in blocks.items()}

    def walk(self) -> Iterator[Node]:
        """Every block of a plan and every prefix."""
        todo = [node for nodes in self.plans().values() for node in reversed(nodes)]
        while todo:
            node = todo.pop()
            yield node
            todo += reversed(node.children)

    @staticmethod
    def at(node: Node) -> tuple[Block, SpaceKey]:
        """Where a node is: its block and its space."""
        return read_block(node.prefix), SpaceKey(node.zone, node.vrf)

    def _grown(self, plan: str, rows: list[tuple[Block, SpaceKey, str]]) -> tuple[Node, ...]:
        rows.sort(key=lambda row: (row[1], row[0], row[2]))
        return self._level(plan, rows)

    def _level(self, plan: str, rows: list[tuple[Block, SpaceKey, str]]) -> tuple[Node, ...]:
        out: list[Node] = []
        at = 0
        while at < len(rows):
            block, space, name = rows[at]
            end = at + 1
            while end < len(rows) and rows[end][1] == space and block.holds(rows[end][0]):
                end += 1
            out.append(self._node(plan, block, space, name, self._level(plan, rows[at + 1 : end])))
            at = end
        return tuple(out)

    def _node(self, plan: str, block: Block, space: SpaceKey, name: str, children: tuple[Node, ...]) -> Node:
        kind = "prefix" if name else "address_plan"
        fields = self.entries.get((kind, name or plan), {})
        holder = str(fields.get("holder", ""))
        holder_kind, _, holder_name = holder.partition("/")
        return Node(
            name,
            str(fields.get("title", "")),
            block.text,
            block.version,
            plan,
            str(fields.get("level", "")),
            str(fields.get("role", "lan")) if name else "",
            str(fields.get("status", "active")) if name else "",
            "" if (holder_kind, holder_name) in self._unseen else holder,
            space.zone,
            space.vrf,
            block.counted,
            self.usage.used(space, block),
            sum(child.size for child in children),
            str(fields.get("pairs_with", "")),
            children,
        )


class Row(msgspec.Struct, frozen=True):
    """One line of `usage`: a group and a version of IP. ``size``, ``used``: in ``unit``."""

    group: str
    plan: str
    family: int
    unit: str
    prefixes: int
    size: int
    used: int

    @property
    def share(self) -> float:
        """How much of it is used, 0 to 1."""
        return self.used / self.size if self.size else 0.0


def rows_by(plans: Mapping[str, tuple[Node, ...]], by: str) -> list[Row]:
    """Usage by ``plan``, ``level``, ``region`` or ``vrf``; what nests in a group counts once in it."""
    sums: dict[tuple[str, str, int], list[int]] = {}

    def add(group: str, plan: str, node: Node, prefixes: int) -> None:
        row = sums.setdefault((group, plan, node.family), [0, 0, 0])
        for number, value in enumerate((prefixes, node.size, node.used)):
            row[number] += value

    def walk(node: Node, above: frozenset[str]) -> None:
        region = node.holder.removeprefix("region/") if node.holder.startswith("region/") else ""
        group = {"level": node.level, "region": region}.get(by, "")
        if node.name and group and group not in above:
            add(group, node.plan if by == "level" else "", node, 1)
        for child in node.children:
            walk(child, above | {group})

    for plan, nodes in sorted(plans.items()):
        for node in nodes:
            if by == "vrf":
                add(node.vrf or (f"zone {node.zone}" if node.zone else "no zone"), "", node, _count(node))
            elif by == "plan":
                add(plan or "no plan", plan, node, _count(node))
            else:
                walk(node, frozenset())
    return [
        Row(group, plan, family, UNIT[family], prefixes, size, used)
        for (group, plan, family), (prefixes, size, used) in sums.items()
    ]


def _count(node: Node) -> int:
    return bool(node.name) + sum(map(_count, node.children))


def _block(text: str) -> Block | None:
    try:
        return read_block(text) if text and text != AUTO else None
    except Misread:
        return None
