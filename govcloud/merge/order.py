"""What the merge of a private network says, as claims: its links, translations, tables, addresses.

Everything is said under ``merge:NAME`` and worked out from the accepted entries alone, so the same ledger
gives the same order on every machine, and a plan file can be held against it.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from datetime import date
from typing import Any

from ..errors import InputError, Problem
from ..ledger.claims import ClaimKey, ClaimRow
from ..model.lines import Boundary, PrivateNetwork
from ..model.network import Link, Node
from ..plan.borders import table_number, visible
from ..plan.sides import members
from ..plan.stages import Asked
from ..plan.wiring import IPNetwork, parse_prefix
from . import nat64
from .overlaps import Held, Overlap, others_space, outside_space, overlapping, own_space, undeclared
from .reading import CLAIMANT, World

INTERFACE_BYTES = 15


def asked(world: World, *names: str) -> Asked:
    """What must begin and end so that exactly the orders of these merges hold.

    Raises ``InputError`` with everything that is missing for them (``readiness``).
    """
    problems = [problem for name in names for problem in readiness(world, name)]
    if problems:
        raise InputError(problems, hint="`govcloud network merge plan NAME` tells what is proposed")
    said: list[ClaimRow] = []
    over: list[ClaimKey] = []
    for name in names:
        wanted = {row.claim_key: row for row in rows(world, name)}
        known = {row.claim_key: row for row in world.standing.get(name, ())}
        said += [row for key, row in wanted.items() if known.get(key) != row]
        over += sorted(known.keys() - wanted.keys())
    return Asked(tuple(said), tuple(over))


def ended(world: World, *names: str) -> Asked:
    """The end of everything that the merges of these private networks say."""
    rows = (row for name in names for row in world.standing.get(name, ()))
    return Asked(ended=tuple(sorted(row.claim_key for row in rows)))


def rows(world: World, name: str) -> list[ClaimRow]:
    """The claims of a merge, sorted by entry."""
    own = world.find(name)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for number, (near, far) in enumerate(pairs(own)):
        found["link", link_name(name, near)] = _link(name, own, near, far, own.transit[number])
    if own.overlap in ("nat", "vrf"):
        for number, inside, outside, node in _translated(own):
            found["translation", f"{name}-{number}"] = _translation(name, own, "nat", node, inside, outside)
    if own.overlap == "nat64":
        prefix = nat64.stands_for_ipv4(world, own)
        node = pairs(own)[0][1]
        found["translation", f"{name}-nat64"] = _translation(name, own, "nat64", node, prefix, own.outside[0])
        found |= nat64.given(world, name)
    if own.overlap == "vrf":
        for network in world.own_networks(name):
            found["network", network] = {"vrf": own.vrf}
    claimant = CLAIMANT + name
    return [ClaimRow(*key, claimant, 0, fields) for key, fields in sorted(found.items())]


def pairs(own: PrivateNetwork) -> list[tuple[str, str]]:
    """(node of the one net, router of the private network) of each link, in the order of ``connects_to``."""
    return [(near, own.nodes[min(i, len(own.nodes) - 1)]) for i, near in enumerate(own.connects_to)]


def link_name(name: str, near: str) -> str:
    """The link of a merge to one node."""
    return f"{name}-{near}"


def readiness(world: World, name: str) -> list[Problem]:
    """What of the declared data does not let the merge be carried out: every fault at once."""
    own = world.find(name)
    words = [*_links(world, name, own), *unguarded(world, name), *_choice(world, name, own)]
    words += [f"{o.own.what} {o.own.prefix} is also {_other(o)}" for o in clashes(world, name)]
    words += [
        f"{held.holder} has {held.prefix}, which is in none of its `prefixes`"
        for held in undeclared(world, name)
    ]
    return [world.problem("private_network", name, one) for one in words] + _renumbered(world, name, own)


def unguarded(world: World, name: str) -> list[str]:
    """Where it meets the rest, or is to, and no drawn boundary stands: words for each place."""
    own = world.find(name)
    routers = members(world.catalogue, name)
    today = date.today().isoformat()
    drawn = [
        (n, b)
        for n, b in sorted(world.catalogue.all(Boundary).items())
        if b.private_network == name and b.drawn_on and b.drawn_on <= today
    ]
    guarded = {node for _, b in drawn if own.merges_into == b.zone for node in b.nodes}
    places = {(near, far) for near, far in pairs(own) if own.nodes}
    for line in world.catalogue.all(Link).values():
        if (line.a in routers) != (line.b in routers):
            places.add((line.b, line.a) if line.a in routers else (line.a, line.b))
    out = [
        f"boundary/{n}: `zone` is {b.zone or 'not said'}, and it merges into {own.merges_into}"
        for n, b in drawn
        if own.merges_into and b.zone != own.merges_into
    ]
    for near, far in sorted(places):
        if not {near, far} & guarded:
            out.append(
                f"no drawn boundary of it names node/{far} or {world.told('node', near)} in `nodes`, "
                "so nothing would filter between them"
            )
    return out


def clashes(world: World, name: str) -> list[Overlap]:
    """What it would show of itself, or put between, that is somebody else's already."""
    taken = [held for held in others_space(world, name) if held.what != "address plan"]
    own = world.find(name)
    shown = outside_space(world, name)
    if own.overlap == "none":
        shown += [held for held in own_space(world, name) if held.what == "its prefix"]
    if own.overlap == "renumber":
        about = f"private_network/{name}"
        shown += [Held(p, about, "its new prefix") for p in map(_read, own.outside) if p is not None]
    # Between machines that it translates itself there is nothing to keep apart.
    return [o for o in overlapping(shown, taken) if not _mine(world, name, o.other.holder)]


def _mine(world: World, name: str, holder: str) -> bool:
    return holder in {f"network/{n}" for n in world.own_networks(name)}


def _links(world: World, name: str, own: PrivateNetwork) -> Iterable[str]:
    nodes = world.catalogue.all(Node)
    if not own.nodes:
        yield "`nodes` names none of its own routers, so there is nothing to join"
    if not own.connects_to:
        yield "`connects_to` names no node of the one net"
    for field, names in (("nodes", own.nodes), ("connects_to", own.connects_to)):
        for node in names:
            if node in nodes and not nodes[node].target:
                yield f"`{field}`: node/{node} is built by no target"
    for node in own.connects_to:
        if node in nodes and own.merges_into and nodes[node].zone != own.merges_into:
            yield f"`connects_to`: node/{node} is in zone {nodes[node].zone}, not in {own.merges_into}"
    if len(own.transit) < len(own.connects_to):
        yield "`transit` needs a /31 or /127 for each node that it connects to"
    for text in own.transit:
        prefix = _read(text)
        if prefix is None or prefix.max_prefixlen - prefix.prefixlen != 1:
            yield f"`transit`: {text!r} is no prefix of two addresses (RFC 3021, RFC 6164)"
    # A link has one prefix, and over it goes what has its IP version.
    for text in own.transit[: len(own.connects_to)]:
        left = [p for p in visible(own) if (":" in p) != (":" in text)]
        if left:
            yield f"`transit`: {text} is IPv{6 if ':' in text else 4}, so no route leads to {left[0]} over it"
    if not own.transit_mbps:
        yield "`transit_mbps` does not say what its links can carry"


def _choice(world: World, name: str, own: PrivateNetwork) -> Iterable[str]:
    found = overlapping(own_space(world, name), others_space(world, name))
    serious = [o for o in found if o.own.what != "its router"]
    if own.overlap == "undecided":
        yield (
            f"`overlap` is undecided, and {len(serious)} of its prefixes are others' too"
            if serious
            else ("`overlap` is undecided: `none` where nothing overlaps, as here")
        )
        return
    if not own.overlap_reason and own.overlap != "none":
        yield "`overlap_reason` does not say why"
    if own.overlap == "none" and serious:
        yield f"`overlap: none`, but {serious[0].own.prefix} is also {_other(serious[0])}"
    if own.overlap in ("nat", "renumber") or (own.overlap == "vrf" and own.outside):
        yield from _lengths(own)
        if own.overlap != "renumber":
            yield from _apart(own)
    if own.overlap == "vrf":
        try:
            table_number(world.catalogue, name)
        except InputError as error:
            yield error.problems[0].message
        if not own.outside and world.borders.crossing(name):
            yield "flows cross its boundary, so a table does not do: `outside` says what the rest sees"
    if own.overlap == "nat64":
        yield from nat64.lacking(world, name)


def _lengths(own: PrivateNetwork) -> Iterable[str]:
    if len(own.outside) != len(own.prefixes):
        yield f"`outside` has {len(own.outside)} prefixes, `prefixes` has {len(own.prefixes)}"
    for inside, outside in zip(own.prefixes, own.outside, strict=False):
        one, other = _read(inside), _read(outside)
        if one is None or other is None:
            yield f"`outside`: {outside if one else inside!r} is no prefix"
        elif (one.version, one.prefixlen) != (other.version, other.prefixlen):
            yield f"`outside`: {outside} is not of the same length as {inside}"


def _apart(own: PrivateNetwork) -> Iterable[str]:
    """What stands for a prefix is not that prefix, which nothing could translate."""
    for inside, outside in zip(own.prefixes, own.outside, strict=False):
        one, other = _read(inside), _read(outside)
        if one is not None and other is not None and one.version == other.version and one.overlaps(other):
            yield f"`outside`: {outside} overlaps with {inside}, for which it is to stand"


def _renumbered(world: World, name: str, own: PrivateNetwork) -> list[Problem]:
    """Renumbering is written into the files, for a claim cannot outrank them; here it is checked.

    Each network and machine that still has an old address is told, with the address that takes its place.
    """
    if own.overlap != "renumber" or list(_lengths(own)):
        return []
    out = []
    for (kind, entry), address, new in renumbering(world, name, own):
        words = f"still has {address}"
        out.append(world.problem(kind, entry, words, f"write ipv4: {new}, apply, then merge"))
    return out


def renumbering(world: World, name: str, own: PrivateNetwork) -> list[tuple[tuple[str, str], str, str]]:
    """((kind, name), present address or prefix, the one in its place) of all that is to change."""
    maps = [
        (parse_prefix(a, name), parse_prefix(b, name))
        for a, b in zip(own.prefixes, own.outside, strict=False)
    ]
    out = []
    entries = {("network", n): e.ipv4 for n, e in world.own_networks(name).items()}
    entries |= {key: machine.ipv4 for key, machine in world.own_machines(name).items()}
    for key, text in sorted(entries.items()):
        bare, _, length = text.partition("/")
        if not bare:
            continue
        address = ipaddress.ip_address(bare)
        for inside, outside in maps:
            if address in inside:
                new = outside[int(address) - int(inside[0])]
                out.append((key, text, f"{new}/{length}" if length else str(new)))
    return out


def _link(name: str, own: PrivateNetwork, near: str, far: str, transit: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "a": near,
        "b": far,
        "a_interface": interface_name(f"to-{name}"),
        "b_interface": interface_name(f"to-{near}"),
        "bandwidth_mbps": own.transit_mbps,
        "title": f"{own.title or name}—{near}",
    }
    fields["ipv6" if ":" in transit else "ipv4"] = transit
    return fields


def interface_name(text: str) -> str:
    """A name that the kernel takes: at most 15 bytes; a longer one ends in four characters of its digest."""
    raw = text.encode()
    if len(raw) <= INTERFACE_BYTES:
        return text
    return raw[: INTERFACE_BYTES - 5].decode(errors="ignore") + "-" + hashlib.sha256(raw).hexdigest()[:4]


def _translated(own: PrivateNetwork) -> Iterable[tuple[int, str, str, str]]:
    """(number, inside, outside, node) of each translation: at every border, on the private side."""
    number = 0
    for node in dict.fromkeys(far for _, far in pairs(own)):
        for inside, outside in zip(own.prefixes, own.outside, strict=False):
            number += 1
            yield number, inside, outside, node


def _translation(
    name: str, own: PrivateNetwork, kind: str, node: str, inside: str, outside: str
) -> dict[str, Any]:
    return {
        "title": own.title or name,
        "node": node,
        "type": kind,
        "inside": inside,
        "outside": outside,
        "private_network": name,
        "reason": own.overlap_reason,
    }


def _other(overlap: Overlap) -> str:
    return f"{overlap.other.prefix} of {overlap.other.holder} ({overlap.other.what})"


def _read(text: str) -> IPNetwork | None:
    try:
        return parse_prefix(text, "")
    except InputError:
        return None
