"""Which prefixes of a private network are others' too: found by one walk over sorted intervals."""

from __future__ import annotations

import heapq
import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..errors import InputError
from ..model.addresses import AddressPlan, Prefix
from ..model.lines import PrivateNetwork
from ..model.network import Link, Network, Node
from ..plan.borders import visible
from ..plan.wiring import IPNetwork, bare, parse_prefix
from .reading import World


@dataclass(frozen=True)
class Held:
    """A prefix and whose it is: ``holder`` is ``kind/name``, ``what`` says in a word what it is there."""

    prefix: IPNetwork
    holder: str
    what: str

    @property
    def span(self) -> tuple[int, int, int]:
        """(version, first, last address)."""
        return self.prefix.version, int(self.prefix[0]), int(self.prefix[-1])


@dataclass(frozen=True)
class Overlap:
    """A prefix of ours that shares addresses with another's."""

    own: Held
    other: Held

    @property
    def shared(self) -> IPNetwork:
        """The addresses that both have: of two prefixes that meet, one holds the other."""
        return (
            self.own.prefix if self.own.prefix.prefixlen >= self.other.prefix.prefixlen else self.other.prefix
        )


def overlapping(ours: Iterable[Held], theirs: Iterable[Held]) -> list[Overlap]:
    """Every pair of one of ours and one of theirs that share an address, sorted; O(n log n + pairs)."""
    events = [(held.span, True, held) for held in ours] + [(held.span, False, held) for held in theirs]
    events.sort(key=lambda e: (e[0][0], e[0][1], -e[0][2], e[1], e[2].holder, e[2].what))
    open_own: list[tuple[int, int, Held]] = []
    open_other: list[tuple[int, int, Held]] = []
    out: list[Overlap] = []
    version = 0
    for number, ((family, first, last), own, held) in enumerate(events):
        if family != version:
            version, open_own, open_other = family, [], []
        for some in (open_own, open_other):
            while some and some[0][0] < first:
                heapq.heappop(some)
        meets = open_other if own else open_own
        out += [Overlap(held, one) if own else Overlap(one, held) for _, _, one in meets]
        heapq.heappush(open_own if own else open_other, (last, number, held))
    return sorted(out, key=lambda o: (o.own.span, o.own.holder, o.other.span, o.other.holder, o.other.what))


def own_space(world: World, name: str) -> list[Held]:
    """What a private network uses: its prefixes, and networks and routers outside of them."""
    own = world.find(name)
    about = f"private_network/{name}"
    found = list(_read(own.prefixes, about, "its prefix"))
    covers = [held.prefix for held in found]
    rest: list[Held] = []
    for network, one in world.own_networks(name).items():
        rest += _read([one.ipv4, one.ipv6], f"network/{network}", "its network")
    nodes = world.catalogue.all(Node)
    for node in sorted(world.members(name) & nodes.keys()):
        rest += _read(_loopbacks(nodes[node]), f"node/{node}", "its router")
    return found + [held for held in rest if not _covered(held.prefix, covers)]


def outside_space(world: World, name: str) -> list[Held]:
    """What the rest would see of it, where that is not what it has, and its links to the rest."""
    own = world.find(name)
    about = f"private_network/{name}"
    found = list(_read(own.transit, about, "its transit"))
    if own.overlap in ("nat", "vrf", "nat64"):
        found += _read(visible(own), about, "seen from outside")
    return found + list(_read(own.ipv6, about, "its IPv6"))


def others_space(world: World, name: str) -> list[Held]:
    """What it must not meet: the target zone's addresses, address plans, and other private networks.

    Of another private network both what it has and what the rest sees of it count.
    """
    own = world.find(name)
    out: list[Held] = []
    members = {n for one in world.borders.networks.values() for n in one.nodes}
    nodes = world.catalogue.all(Node)
    zone = own.merges_into
    inside = {n for n, node in nodes.items() if node.zone == zone and n not in members}
    for network, edge in sorted(world.catalogue.all(Network).items()):
        if edge.gateway in inside:
            out += _read([edge.ipv4, edge.ipv6], world.told("network", network), "network")
    own_links = {border.wire for border in world.borders.all if border.private_network == name}
    for link, line in sorted(world.catalogue.all(Link).items()):
        if line.a in inside and link not in own_links:
            out += _read([line.ipv4, line.ipv6], world.told("link", link), "link")
    for node in sorted(inside):
        out += _read(_loopbacks(nodes[node]), world.told("node", node), "loopback")
    for plan, block in sorted(world.catalogue.all(AddressPlan).items()):
        if not block.vrf and block.zone in ("", zone):
            out += _read([block.prefix, *block.pools], world.told("address_plan", plan), "address plan")
    for part, given in sorted(world.catalogue.all(Prefix).items()):
        mine = given.holder == f"private_network/{name}"
        if not given.vrf and not mine and given.status != "container" and given.prefix != "auto":
            out += _read([given.prefix], world.told("prefix", part), "prefix")
    for other, one in world.borders.networks.items():
        if other != name and one.merges_into:
            out += _of_other(world, other, one)
    return out


def _of_other(world: World, other: str, one: PrivateNetwork) -> Iterator[Held]:
    told = world.told("private_network", other)
    yield from _read(one.prefixes, told, "private network")
    if one.overlap in ("nat", "vrf", "nat64", "renumber"):
        yield from _read([*visible(one), *one.ipv6], told, "private network, seen from outside")
    yield from _read(one.transit, told, "private network's transit")


def undeclared(world: World, name: str) -> list[Held]:
    """Networks of it that none of its prefixes holds: forgotten, or already other addresses."""
    own = world.find(name)
    covers = [held.prefix for held in _read([*own.prefixes, *own.outside, *own.ipv6], name, "")]
    found = [
        h for n, e in world.own_networks(name).items() for h in _read([e.ipv4], f"network/{n}", "network")
    ]
    return [held for held in found if not _covered(held.prefix, covers)]


def free_block(taken: Iterable[Held], pool: str, length: int) -> str:
    """The lowest prefix of this length in a pool that meets nothing that is taken; "" where there is none."""
    whole = parse_prefix(pool, "profile/merging")
    if length < whole.prefixlen:
        return ""
    size = 1 << (whole.max_prefixlen - length)
    low, last = int(whole[0]), int(whole[-1])
    spans = sorted((h.span[1], h.span[2]) for h in taken if h.prefix.version == whole.version)
    for first, end in spans:
        if end < low:
            continue
        if first >= low + size:
            break
        low = (end // size + 1) * size
    if low + size - 1 > last:
        return ""
    return f"{ipaddress.ip_address(low) if whole.version == 4 else ipaddress.IPv6Address(low)}/{length}"


def _loopbacks(node: Node) -> list[str]:
    return [
        f"{bare(node.loopback4)}/32" if node.loopback4 else "",
        f"{bare(node.loopback6)}/128" if node.loopback6 else "",
    ]


def _covered(prefix: IPNetwork, covers: Iterable[IPNetwork]) -> bool:
    return any(prefix.version == one.version and prefix.subnet_of(one) for one in covers)  # type: ignore[arg-type]


def _read(texts: Iterable[str], holder: str, what: str) -> Iterator[Held]:
    """Prefixes that can be read; the checks of files and of a merge's fields tell of the others."""
    for text in texts:
        if text and text != "auto":
            try:
                yield Held(parse_prefix(text, holder), holder, what)
            except InputError:
                continue
