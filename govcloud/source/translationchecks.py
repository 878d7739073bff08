"""What translations must be so that a node can do them, and so that what they show is nobody else's."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ..model.catalogue import Catalogue
from ..model.lines import Translation
from ..model.network import Link, Network, Node, Zone
from .claims import Finding
from .words import shown

Block = ipaddress.IPv4Network | ipaddress.IPv6Network
# It stands for the whole of public IPv4 (RFC 6052, section 2.1), and never for private addresses (3.1).
WELL_KNOWN = ipaddress.ip_network("64:ff9b::/96")
NAT64_LENGTH = 96
# An address for TAYGA itself, and one at least for those that it speaks for.
POOL_LENGTH = 31


def translations_can_be_done(catalogue: Catalogue) -> Iterator[Finding]:
    """Prefixes are prefixes and fit each other; the node is built and runs what can translate."""
    for name, entry in sorted(catalogue.all(Translation).items()):
        node = catalogue.find("node", entry.node)
        if isinstance(node, Node) and not (node.target and node.platform == "linux"):
            what = f"runs {node.platform}" if node.target else "is built by no target"
            words = (
                f"`node`: node/{entry.node} {what}; only a node that is built and runs linux can translate"
            )
            yield Finding("translation", name, "node", words)
        inside, outside = _block(entry.inside), _block(entry.outside)
        for field, text, block in (("inside", entry.inside, inside), ("outside", entry.outside, outside)):
            if block is None:
                example = "10.1.0.0/16" if entry.type == "nat" or field == "outside" else "2001:db8:64::/96"
                words = f"`{field}`: expected a prefix like {example}, got {shown(text)}"
                yield Finding("translation", name, field, words)
        if inside is not None and outside is not None:
            check = _nat if entry.type == "nat" else _nat64
            yield from check(name, inside, outside)


def _nat(name: str, inside: Block, outside: Block) -> Iterator[Finding]:
    if (inside.version, inside.prefixlen) != (outside.version, outside.prefixlen):
        yield Finding(
            "translation",
            name,
            "outside",
            f"`outside`: {outside} and {inside} inside are not of the same length",
            "one address stands for one: both prefixes must have the same IP version and length",
        )
    elif inside.overlaps(outside):
        yield Finding("translation", name, "outside", f"`outside`: {outside} overlaps with {inside} inside")


def _nat64(name: str, inside: Block, outside: Block) -> Iterator[Finding]:
    if inside.version != 6 or inside.prefixlen != NAT64_LENGTH:
        words = f"`inside`: NAT64 needs a /96 of IPv6, got {inside}"
        yield Finding("translation", name, "inside", words, "IPv4's 32 bits stand behind it (RFC 6052)")
    elif inside == WELL_KNOWN and outside.is_private:
        yield Finding(
            "translation",
            name,
            "inside",
            f"`inside`: {inside} stands for public IPv4 alone (RFC 6052, 3.1), and {outside} is private",
            "give a /96 of your own address plan, or one of 64:ff9b:1::/48 (RFC 8215)",
        )
    if outside.version != 4 or outside.prefixlen > POOL_LENGTH:
        words = f"`outside`: NAT64 needs a pool of IPv4 with two addresses at least, got {outside}"
        yield Finding("translation", name, "outside", words)


def translations_show_what_is_free(catalogue: Catalogue) -> Iterator[Finding]:
    """What the rest sees overlaps with nothing there is in it, nor with what another translation shows.

    Networks in a zone of their own (private) are not the rest: they are what translation is for.
    """
    found = sorted(catalogue.all(Translation).items())
    if not found:
        return
    # (name, private network, field, prefix)
    seen: list[tuple[str, str, str, Block]] = []
    for name, entry in found:
        for field in ("outside", "inside") if entry.type == "nat64" else ("outside",):
            block = _block(getattr(entry, field))
            if block is None:
                continue
            for other, network, other_field, taken in seen:
                # Two nodes may speak for one private network with the same addresses.
                same = network == entry.private_network != ""
                if other != name and not same and block.version == taken.version and block.overlaps(taken):
                    words = (
                        f"`{field}`: {block} overlaps with {taken}, the {other_field} of translation/{other}"
                    )
                    yield Finding("translation", name, field, words)
            seen.append((name, entry.private_network, field, block))
    in_use = list(_in_use(catalogue))
    for name, _network, field, block in seen:
        met = [(h, t) for h, t in in_use if t.version == block.version and t.overlaps(block)]
        if met:
            (holder, taken), others = met[0], f", and with {len(met) - 1} more" if len(met) > 1 else ""
            words = f"`{field}`: {block} overlaps with {taken}, which {holder} has{others}"
            yield Finding("translation", name, field, words, "what the rest sees must be free in it")
    yield from _told_apart(found)


def _told_apart(found: list[tuple[str, Translation]]) -> Iterator[Finding]:
    """A node cannot tell two insides apart that have the same addresses."""
    at: dict[str, list[tuple[str, Block]]] = {}
    for name, entry in found:
        inside = _block(entry.inside) if entry.type == "nat" else None
        if inside is None:
            continue
        for other, block in at.get(entry.node, []):
            if block.version == inside.version and block.overlaps(inside):
                yield Finding(
                    "translation",
                    name,
                    "node",
                    f"`node`: node/{entry.node} has {block} inside already, by translation/{other}",
                    "translate at a router of the private network itself, where its addresses are its own",
                )
        at.setdefault(entry.node, []).append((name, inside))


def _in_use(catalogue: Catalogue) -> Iterator[tuple[str, Block]]:
    """(holder, prefix) of everything in a zone that is not private."""
    private = {name for name, zone in catalogue.all(Zone).items() if zone.role == "private"}
    nodes = catalogue.all(Node)
    open_nodes = {name for name, node in nodes.items() if node.zone not in private}
    holders: list[tuple[str, tuple[str, str]]] = []
    for name, network in catalogue.all(Network).items():
        if network.gateway in open_nodes and network.domain not in private:
            holders.append((f"network/{name}", (network.ipv4, network.ipv6)))
    for name, link in catalogue.all(Link).items():
        if link.a in open_nodes and link.b in open_nodes:
            holders.append((f"link/{name}", (link.ipv4, link.ipv6)))
    holders += [(f"node/{n}", (nodes[n].loopback4, nodes[n].loopback6)) for n in sorted(open_nodes)]
    for holder, texts in holders:
        for text in texts:
            block = _block(text) if text else None
            if block is not None:
                yield holder, block


def _block(text: str) -> Block | None:
    """A prefix (or one address); None where it is none, which another check tells where it is not ours."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


READ = frozenset({"translation", "private_network", "zone"})
CHECKS = [translations_can_be_done, translations_show_what_is_free]
