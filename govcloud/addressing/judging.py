"""What is wrong with address plans and prefixes: findings over a catalogue, each check a pure function.

Those in ``CHECKS`` make files wrong. The others tell what is missing, for rules to weigh.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..model import Entry
from ..model.addresses import AddressPlan, Prefix
from ..model.catalogue import Catalogue
from ..model.lines import PrivateNetwork
from ..model.network import Interface, Link, Network, Node, Vrf, Zone
from ..source.claims import Finding
from .blocks import BITS, Block, read_block
from .forms import AUTO, Misread
from .places import SpaceKey
from .wishes import FIELDS


def plans_are_possible(catalogue: Catalogue) -> Iterator[Finding]:
    """A plan's levels have lengths that rise within its block, its pools are apart, what must fit does.

    Nor do the blocks of two plans of one routing table overlap.
    """
    spaces = Spaces(catalogue)
    blocks: dict[SpaceKey, list[Taken]] = {}
    for name, plan in catalogue.all(AddressPlan).items():
        yield from _blocks_of_plan(name, plan)
        yield from _levels_of_plan(name, plan)
        for field, text in (("prefix", plan.prefix), *(("pools", pool) for pool in plan.pools)):
            if (block := _block(text)) is not None:
                taken = Taken(block, ("address_plan", name), field, plan)
                blocks.setdefault(spaces.of_plan(plan), []).append(taken)
    for space, taken_blocks in blocks.items():
        yield from _overlaps(space, taken_blocks, catalogue)


def _blocks_of_plan(name: str, plan: AddressPlan) -> Iterator[Finding]:
    blocks: list[tuple[str, int, Block]] = []
    for field, item, text in [
        ("prefix", -1, plan.prefix),
        *(("pools", n, p) for n, p in enumerate(plan.pools)),
    ]:
        try:
            blocks.append((field, item, read_block(text, plan.family)))
        except Misread as wrong:
            yield Finding("address_plan", name, field, f"`{field}`: {wrong}", wrong.hint, item)
    seen: list[Block] = []
    for field, item, block in blocks:
        other = next((one for one in seen if one.holds(block) or block.holds(one)), None)
        if other is not None:
            message = f"`{field}`: {block.text} overlaps with {other.text} of the same plan"
            yield Finding("address_plan", name, field, message, "leave one of the two out", item)
        seen.append(block)
    bits = BITS[plan.family]
    for field, length in (("link_length", plan.link_length), ("loopback_length", plan.loopback_length)):
        if length > bits:
            yield Finding(
                "address_plan", name, field, f"`{field}`: IPv{plan.family} has {bits} bits, not {length}"
            )
    if plan.link_length == bits:
        yield Finding(
            "address_plan", name, "link_length", f"`link_length`: a /{bits} has no room for two ends"
        )


def _levels_of_plan(name: str, plan: AddressPlan) -> Iterator[Finding]:
    if len(plan.levels) != len(plan.lengths):
        message = f"`lengths`: {len(plan.lengths)} for {len(plan.levels)} levels, expected one for each"
        yield Finding("address_plan", name, "lengths", message)
        return
    for number, level in enumerate(plan.levels):
        if level in plan.levels[:number]:
            yield Finding(
                "address_plan", name, "levels", f"`levels`: {level!r} stands there twice", item=number
            )
    bits = BITS[plan.family]
    try:
        above, of = read_block(plan.prefix, plan.family).length, f"the block {plan.prefix}"
    except Misread:  # told beside it
        above, of = -1, ""
    room: dict[str, int] = {}
    for number, (level, length) in enumerate(zip(plan.levels, plan.lengths, strict=True)):
        if length > bits:
            message = f"`lengths`: IPv{plan.family} has {bits} bits, level {level} cannot have {length}"
            yield Finding("address_plan", name, "lengths", message, item=number)
        elif length < above or (length == above and number):
            message = f"`lengths`: /{length} of level {level} does not lie in {of}"
            yield Finding(
                "address_plan", name, "lengths", message, "lengths rise from level to level", number
            )
        else:
            room[level] = 1 << (length - max(above, 0))
        above, of = length, f"/{length} of level {level}"
    yield from _room_of_plan(name, plan, room)


def _room_of_plan(name: str, plan: AddressPlan, room: Mapping[str, int]) -> Iterator[Finding]:
    for level, count in plan.room.items():
        if level not in plan.levels:
            message = f"`room`: no level of it is called {level!r}"
            yield Finding(
                "address_plan", name, "room", message, f"levels: {', '.join(plan.levels) or 'none'}"
            )
        elif level in room and count > room[level]:
            number = plan.levels.index(level)
            above = f"/{plan.lengths[number - 1]}" if number else plan.prefix
            bits = (count - 1).bit_length() - (room[level] - 1).bit_length()
            message = (
                f"`room`: {above} has room for {room[level]:,} /{plan.lengths[number]} of level {level}, "
                f"{count:,} must fit: {count - room[level]:,} are lacking"
            )
            hint = f"{bits} more bit{'s' if bits > 1 else ''} between the two would do"
            yield Finding("address_plan", name, "room", message, hint)


# -- prefixes ---------------------------------------------------------------------------------------


def prefixes_are_in_their_plans(catalogue: Catalogue) -> Iterator[Finding]:
    """A prefix is one, of its plan's version and level's length, in the plan's blocks and in its parent."""
    for name, entry in catalogue.all(Prefix).items():
        if entry.prefix == AUTO:
            continue
        plan = catalogue.find("address_plan", entry.plan)
        family = plan.family if isinstance(plan, AddressPlan) else 0
        try:
            block = read_block(entry.prefix, family)
        except Misread as wrong:
            yield Finding("prefix", name, "prefix", f"`prefix`: {wrong}", wrong.hint)
            continue
        if isinstance(plan, AddressPlan):
            yield from _under_plan(name, entry, block, plan)
        elif entry.level:
            yield Finding("prefix", name, "level", "`level`: it is a level of no plan", "say its `plan`, too")
        parent = catalogue.find("prefix", entry.parent)
        above = _block(parent.prefix) if isinstance(parent, Prefix) else None
        if above is not None and not (above.holds(block) and above != block):
            message = f"`parent`: {block.text} does not lie in {above.text}, prefix/{entry.parent}"
            yield Finding("prefix", name, "parent", message)


def _under_plan(name: str, entry: Prefix, block: Block, plan: AddressPlan) -> Iterator[Finding]:
    blocks = [one for text in (plan.prefix, *plan.pools) if (one := _block(text)) is not None]
    if blocks and not any(one.holds(block) for one in blocks):
        where = " or ".join(one.text for one in blocks)
        yield Finding(
            "prefix", name, "prefix", f"`prefix`: {block.text} is not in {where}, plan {entry.plan}"
        )
    if not entry.level or len(plan.levels) != len(plan.lengths):
        return
    if entry.level not in plan.levels:
        message = f"`level`: no level of address_plan/{entry.plan} is called {entry.level!r}"
        yield Finding("prefix", name, "level", message, f"levels: {', '.join(plan.levels) or 'none'}")
        return
    length = plan.lengths[plan.levels.index(entry.level)]
    if block.length != length:
        message = f"`prefix`: {block.text} has another length than level {entry.level} of its plan, /{length}"
        yield Finding("prefix", name, "prefix", message)


def auto_stands_where_something_answers(catalogue: Catalogue) -> Iterator[Finding]:
    """Fields with addresses that nobody chooses for say them."""
    said: list[tuple[Mapping[str, Any], tuple[str, ...]]] = [
        (catalogue.all(Interface), ("ipv4", "ipv6")),
        (catalogue.all(Node), ("management4", "management6")),
        (catalogue.all(PrivateNetwork), ("prefixes", "outside", "transit", "ipv6")),
    ]
    where = ", ".join(f"{kind}.{field}" for kind, fields in FIELDS.items() for field in fields)
    for table, fields in said:
        for name, entry in table.items():
            for field in fields:
                value = getattr(entry, field)
                if value == AUTO or (isinstance(value, list) and AUTO in value):
                    item = value.index(AUTO) if isinstance(value, list) else -1
                    message = f"`{field}`: `auto` is not answered here"
                    yield Finding(entry.KIND, name, field, message, f"it may stand in {where}", item)


class Taken(NamedTuple):
    """A prefix that an entry says, in the order of a sweep: by address, wide ones first."""

    block: Block
    key: tuple[str, str]
    field: str
    entry: Entry


def prefixes_do_not_overlap(catalogue: Catalogue) -> Iterator[Finding]:
    """No prefix has two holders in one routing table; in another VRF or zone it may have.

    A prefix lies in another one that is divided (`container`) or is its parent. Networks and links lie in no
    other network or link. Two equal networks are told with their gateways' addresses, by another check.
    """
    spaces = Spaces(catalogue)
    divided: dict[SpaceKey, list[Taken]] = {}
    built: dict[SpaceKey, list[Taken]] = {}
    for name, prefix in catalogue.all(Prefix).items():
        if (block := _block(prefix.prefix)) is not None:
            divided.setdefault(spaces.of_prefix(name, prefix), []).append(
                Taken(block, ("prefix", name), "prefix", prefix)
            )
    for key, field, text, entry in _built(catalogue):
        if (block := _block(text)) is not None:
            built.setdefault(spaces.of(key, entry), []).append(Taken(block, key, field, entry))
    for space, taken in divided.items():
        yield from _overlaps(space, taken, catalogue)
    for space, taken in built.items():
        yield from _overlaps(space, taken, catalogue)


def _built(catalogue: Catalogue) -> Iterator[tuple[tuple[str, str], str, str, Entry]]:
    edges: list[Mapping[str, Any]] = [catalogue.all(Network), catalogue.all(Link)]
    for table in edges:
        for name, entry in table.items():
            for field in ("ipv4", "ipv6"):
                if text := getattr(entry, field):
                    yield (entry.KIND, name), field, text, entry


def _overlaps(space: SpaceKey, taken: list[Taken], catalogue: Catalogue) -> Iterator[Finding]:
    """A sweep: prefixes are nested or apart, so what is open when one begins is what it lies in."""
    taken.sort(key=lambda one: one[:3])
    open_: list[Taken] = []
    for one in taken:
        while open_ and not open_[-1].block.holds(one.block):
            open_.pop()
        if open_ and not _may_lie_in(one, open_[-1], catalogue):
            (kind, name), other = one.key, open_[-1]
            same = other.block == one.block
            verb = "is already" if same else f"lies in {other.block.text},"
            message = (
                f"`{one.field}`: {one.block.text} {verb} that of {'/'.join(other.key)}, in {space.words}"
            )
            hint = "one of the two may go into a VRF of its own"
            if not same and kind == "prefix":
                hint = f"prefix/{other.key[1]} is divided where it says `status: container`"
            yield Finding(kind, name, one.field, message, hint)
        open_.append(one)


def _may_lie_in(one: Taken, other: Taken, catalogue: Catalogue) -> bool:
    if one.key[0] == "address_plan":
        # Of one plan, both blocks are told beside it.
        return one.key == other.key
    if not (isinstance(one.entry, Prefix) and isinstance(other.entry, Prefix)):
        # Equal first addresses are told as such.
        return one.block.low == other.block.low and one.block.length == other.block.length
    if one.block == other.block:
        return False
    if other.entry.status == "container" or other.entry.role != "lan":
        return True
    up, seen = one.entry.parent, set[str]()
    while up and up not in seen:
        if up == other.key[1]:
            return True
        seen.add(up)
        above = catalogue.find("prefix", up)
        up = above.parent if isinstance(above, Prefix) else ""
    return False


class Spaces:
    """Zones and routing tables of a catalogue's entries (as ``places.Places`` has them of plain fields)."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def of(self, key: tuple[str, str], entry: Entry) -> SpaceKey:
        """The space of a network or link."""
        return SpaceKey(self._zone(*key), entry.vrf if isinstance(entry, Network) else "")

    def of_plan(self, plan: AddressPlan) -> SpaceKey:
        """The space that a plan gives addresses of."""
        return SpaceKey(plan.zone or self._zone("vrf", plan.vrf), plan.vrf)

    def of_prefix(self, name: str, prefix: Prefix) -> SpaceKey:
        """The space of a prefix: of its VRF, its plan or its holder."""
        plan = self._catalogue.find("address_plan", prefix.plan)
        vrf = prefix.vrf or (plan.vrf if isinstance(plan, AddressPlan) else "")
        zone = self._zone("vrf", prefix.vrf) or (
            self.of_plan(plan).zone if isinstance(plan, AddressPlan) else ""
        )
        zone = zone or self._zone(*_pair(prefix.holder))
        return SpaceKey(zone, vrf)

    def _zone(self, kind: str, name: str) -> str:
        # Other holders of prefixes (a region, a unit) are in no zone.
        entry = self._catalogue.find(kind, name) if kind in READ else None
        if isinstance(entry, (Node, Vrf, PrivateNetwork)):
            return entry.zone
        if isinstance(entry, Zone):
            return name
        if isinstance(entry, Link):
            return self._zone("node", entry.a)
        return self._zone("node", entry.gateway) if isinstance(entry, Network) else ""


# -- what is missing, for rules ---------------------------------------------------------------------


def unpaired(catalogue: Catalogue) -> Iterator[Finding]:
    """Prefixes and networks that have one version of IP and not the other (N-17).

    A prefix is paired where it or another says so with `pairs_with`, across versions and for the same holder;
    containers and reserved ones need no pair. A pair of one version, or of two holders, is told as well.
    """
    prefixes = catalogue.all(Prefix)
    paired: dict[str, str] = {}
    for name, entry in prefixes.items():
        if not entry.pairs_with:
            continue
        other = prefixes.get(entry.pairs_with)
        if other is None:
            continue
        one_block, other_block = _block(entry.prefix), _block(other.prefix)
        if one_block is not None and other_block is not None and one_block.version == other_block.version:
            message = f"`pairs_with`: {other_block.text} is IPv{other_block.version}, too"
            yield Finding("prefix", name, "pairs_with", message)
        elif entry.holder != other.holder:
            message = f"`pairs_with`: prefix/{entry.pairs_with} is held by {other.holder or 'nobody'}"
            yield Finding("prefix", name, "pairs_with", message, f"this one by {entry.holder or 'nobody'}")
        for here, there in ((name, entry.pairs_with), (entry.pairs_with, name)):
            if (known := paired.setdefault(here, there)) != there:
                message = f"`pairs_with`: prefix/{here} is paired with prefix/{known} already"
                yield Finding("prefix", name, "pairs_with", message)
    for name, entry in prefixes.items():
        block = _block(entry.prefix)
        used = entry.status == "active" and entry.role == "lan"
        if used and block is not None and name not in paired:
            other_version = 10 - block.version
            yield Finding("prefix", name, "", f"{block.text} has no IPv{other_version} prefix beside it")
    for name, network in catalogue.all(Network).items():
        if bool(network.ipv4) != bool(network.ipv6):
            has, lacks = (4, 6) if network.ipv4 else (6, 4)
            yield Finding("network", name, f"ipv{lacks}", f"it has an IPv{has} prefix and none of IPv{lacks}")


def without_management(catalogue: Catalogue) -> Iterator[Finding]:
    """Nodes without a management address in each version of IP (N-17); a loopback counts as one."""
    others = {(i.device, 6 if i.ipv6 else 4) for i in catalogue.all(Interface).values() if _is_loopback(i)}
    for name, node in catalogue.all(Node).items():
        for version in (4, 6):
            field = f"management{version}"
            has = getattr(node, field) or getattr(node, f"loopback{version}")
            if not has and (f"node/{name}", version) not in others:
                message = f"it has no management address in IPv{version}"
                yield Finding("node", name, field, message, f"a `loopback{version}` counts as one")


def _is_loopback(interface: Interface) -> bool:
    return interface.type == "loopback" and bool(interface.ipv4 or interface.ipv6)


def _block(text: str) -> Block | None:
    """None where there is none yet or, as another check tells, it is none."""
    try:
        return read_block(text) if text and text != AUTO else None
    except Misread:
        return None


def _pair(reference: str) -> tuple[str, str]:
    kind, _, name = reference.partition("/")
    return kind, name


# The kinds that these read.
READ = frozenset(
    {
        *("address_plan", "prefix", "vrf", "zone", "node", "network", "link", "private_network"),
        *("interface", "load_balancer"),
    }
)
CHECKS = (
    plans_are_possible,
    prefixes_are_in_their_plans,
    prefixes_do_not_overlap,
    auto_stands_where_something_answers,
)
