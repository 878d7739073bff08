"""What a network that goes on with IPv6 and NAT64 gets: a /64 each, an address for each machine, a pool."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from ..errors import InputError
from ..ledger.entries import Key
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.lines import PrivateNetwork
from ..model.network import Link, Network, Node
from ..plan.wiring import IPNetwork, bare, parse_prefix
from .reading import World

# Of a pool, the first address is nobody's and the next one TAYGA's own (plan/translating.py).
KEPT = 2
Block = tuple[int, int]


def stands_for_ipv4(world: World, own: PrivateNetwork) -> str:
    """The /96 that stands for IPv4: the policy's, or the first of the last /64 of its IPv6 prefixes.

    A prefix of the network's own (RFC 6052, section 3.3), for the well-known one must not stand for private
    IPv4 addresses (section 3.1).
    """
    if chosen := world.policy().nat64_prefix:
        return chosen
    last = _six(own.ipv6[-1])
    return f"{ipaddress.IPv6Address((int(last[-1]) >> 64) << 64)}/96"


def given(world: World, name: str) -> dict[Key, dict[str, Any]]:
    """A /64 for each of its networks, and for each machine the place in it that it has in IPv4.

    What this order gave before is given again, and what files use is given to nobody.
    """
    own = world.find(name)
    mine = _mine(world, name)
    blocks = _free(world, name)
    edges = _without(world, name)
    found: dict[Key, dict[str, Any]] = {}
    standing = {n: mine["network", n] for n in edges if ("network", n) in mine}
    kept = {n: text for n, text in standing.items() if _usable(world, own, name, text)}
    for n in edges:
        found["network", n] = {"ipv6": kept.get(n) or str(next(blocks))}
    for key, machine in world.own_machines(name).items():
        if machine.network in edges and machine.ipv4 and (not machine.ipv6 or key in mine):
            place = int(ipaddress.ip_address(machine.ipv4))
            place -= int(parse_prefix(edges[machine.network].ipv4, name)[0])
            block = _six(found["network", machine.network]["ipv6"])
            found[key] = {"ipv6": str(block[place])}
    return found


def lacking(world: World, name: str) -> Iterator[str]:
    """What of the declared data lacks for it, in words."""
    own = world.find(name)
    pool = _read(own.outside[0]) if own.outside else None
    if pool is None or pool.version != 4:
        yield "`outside` does not say the IPv4 pool that NAT64 speaks with"
    else:
        machines = len(world.own_machines(name))
        short = machines + KEPT - pool.num_addresses
        if short > 0:
            yield (
                f"`outside`: {pool} is too small by {short}: each of {machines} machines takes an address of "
                f"its own, and {KEPT} are kept"
            )
    spaces = [p for p in map(_read, own.ipv6) if p is not None and p.version == 6 and p.prefixlen <= 64]
    room = sum(1 << (64 - p.prefixlen) for p in spaces)
    # One more for the prefix that stands for IPv4.
    needed = len(world.own_networks(name)) + (not world.policy().nat64_prefix)
    if room < needed or len(spaces) < len(own.ipv6):
        yield f"`ipv6` has room for {room} prefixes of /64, {needed} are needed"
        return
    wanted = len(_without(world, name))
    free = len(list(islice(_free(world, name, keeping=False), wanted)))
    if free < wanted:
        yield f"`ipv6` has {free} prefixes of /64 that nobody uses, {wanted} are needed"


def _without(world: World, name: str) -> dict[str, Network]:
    """Its networks that have no IPv6 but by this order."""
    mine = _mine(world, name)
    edges = world.own_networks(name).items()
    return {n: edge for n, edge in edges if not edge.ipv6 or ("network", n) in mine}


def _mine(world: World, name: str) -> dict[Key, str]:
    """What this order gave: prefixes of networks, addresses of machines."""
    rows = world.standing.get(name, ())
    return {row.key: row.fields["ipv6"] for row in rows if "ipv6" in (row.fields or {}) and row.fields}


def _free(world: World, name: str, *, keeping: bool = True) -> Iterator[ipaddress.IPv6Network]:
    """Every /64 of its prefixes that nobody has; ``keeping``: nor this order's own networks."""
    own = world.find(name)
    taken = [*_taken(world, own, name)]
    if keeping:
        taken += [_span(text) for key, text in _mine(world, name).items() if key[0] == "network"]
    for text in own.ipv6:
        for block in _six(text).subnets(new_prefix=64):
            if not _meets(block, taken):
                yield block


def _usable(world: World, own: PrivateNetwork, name: str, text: str) -> bool:
    """Whether a block that was given can stay: it is still of its prefixes, and nobody took it since."""
    block = _six(text)
    within = any(block.subnet_of(_six(space)) for space in own.ipv6)
    return within and not _meets(block, _taken(world, own, name))


def _meets(block: ipaddress.IPv6Network, taken: Iterable[Block]) -> bool:
    return any(first <= int(block[-1]) and int(block[0]) <= last for first, last in taken)


def _taken(world: World, own: PrivateNetwork, name: str) -> list[Block]:
    """(first, last) of all IPv6 in use that this order does not say, and of what stands for IPv4."""
    mine = _mine(world, name)
    texts: list[str] = [stands_for_ipv4(world, own), *own.transit]
    for n, edge in world.catalogue.all(Network).items():
        texts += [edge.ipv6] if ("network", n) not in mine else []
    tables: tuple[type[Server] | type[Instance], ...] = (Server, Instance)
    for cls in tables:
        table = world.catalogue.all(cls).items()
        texts += [bare(one.ipv6) for n, one in table if one.ipv6 and (cls.KIND, n) not in mine]
    texts += [line.ipv6 for line in world.catalogue.all(Link).values()]
    texts += [bare(node.loopback6) for node in world.catalogue.all(Node).values() if node.loopback6]
    return [_span(text) for text in texts if ":" in text and _read(text) is not None]


def _span(text: str) -> Block:
    prefix = parse_prefix(text, "")
    return int(prefix[0]), int(prefix[-1])


def _six(text: str) -> ipaddress.IPv6Network:
    return ipaddress.IPv6Network(text, strict=False)


def _read(text: str) -> IPNetwork | None:
    try:
        return parse_prefix(text, "")
    except InputError:
        return None
