"""What entries must be to each other. Each check reads the catalogue and yields what it finds.

A check trusts types but not references: an entry that is wrong in itself is not in the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from ..model import Entry
from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.network import Link, Network, Node
from ..model.organisation import Region
from .claims import Finding
from .words import shown

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network
MACHINES: tuple[type[Server] | type[Instance], ...] = (Server, Instance)
Check = Callable[[Catalogue], Iterator[Finding]]

# The kernel keeps 16 bytes for the name of an interface, one of them a zero.
INTERFACE_BYTES = 15
_INTERFACE = re.compile(r"[^\s/:]+").fullmatch


class Misread(ValueError):
    """A text that is not the address or prefix it should be: message and hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def read_address(text: str, version: int) -> Address:
    """An address without length. Raises ``Misread``."""
    example = "10.1.0.2" if version == 4 else "fd00:1::2"
    try:
        address: Address = IPv4Address(text) if version == 4 else IPv6Address(text)
    except ValueError:
        hint = "write it without its length" if "/" in text else ""
        raise Misread(f"expected an IPv{version} address like {example}, got {shown(text)}", hint) from None
    if "%" in text:
        raise Misread(f"expected an IPv{version} address like {example}, got {shown(text)}")
    return address


def read_prefix(text: str, version: int) -> Prefix:
    """A prefix with length, room for two and no bits behind its length. Raises ``Misread``."""
    example = "10.1.0.0/24" if version == 4 else "fd00:1::/64"
    message = f"expected an IPv{version} prefix like {example}, got {shown(text)}"
    try:
        prefix = ip_network(text, strict=False)
    except ValueError:
        raise Misread(message) from None
    if prefix.version != version or "/" not in text or "%" in text:
        raise Misread(message)
    if prefix.prefixlen == prefix.max_prefixlen:
        raise Misread(f"{shown(text)} has room for one address, expected at least two")
    address = text.partition("/")[0]
    if ip_address(address) != prefix.network_address:
        raise Misread(f"{shown(text)} has bits behind its length", f"the prefix is {prefix}")
    return prefix


def first_address(prefix: Prefix) -> Address:
    """The first address for a host: a gateway's, or the first end of a link's."""
    return prefix[0] if prefix.prefixlen == prefix.max_prefixlen - 1 else prefix[1]


class _Plan:
    """Prefixes and addresses of a catalogue, read once; None where they are empty or misread."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._prefixes: dict[tuple[str, int], Prefix | None] = {}
        self._zones: dict[str, str] = {}

    def prefix(self, text: str, version: int) -> Prefix | None:
        key = (text, version)
        if key not in self._prefixes:
            try:
                self._prefixes[key] = read_prefix(text, version) if text else None
            except Misread:
                self._prefixes[key] = None
        return self._prefixes[key]

    def address(self, text: str, version: int) -> Address | None:
        try:
            return read_address(text, version) if text else None
        except Misread:
            return None

    def zone_of_node(self, name: str) -> str:
        node = self.catalogue.find("node", name)
        return node.zone if isinstance(node, Node) else ""

    def zone_of_network(self, name: str) -> str:
        zone = self._zones.get(name)
        if zone is None:
            network = self.catalogue.find("network", name)
            zone = self.zone_of_node(network.gateway) if isinstance(network, Network) else ""
            self._zones[name] = zone
        return zone


def addresses_are_written_well(catalogue: Catalogue) -> Iterator[Finding]:
    """Addresses are addresses, and prefixes prefixes, of their version of IP."""
    for cls in (Network, Link):
        for name, edge in catalogue.all(cls).items():
            for version in (4, 6):
                text = getattr(edge, f"ipv{version}")
                if text:
                    try:
                        read_prefix(text, version)
                    except Misread as wrong:
                        yield Finding(cls.KIND, name, f"ipv{version}", f"`ipv{version}`: {wrong}", wrong.hint)
    single: tuple[tuple[type[Entry], str], ...] = ((Node, "loopback"), (Server, "ipv"), (Instance, "ipv"))
    for kind, stem in single:
        for name, entry in catalogue.all(kind).items():
            for version in (4, 6):
                text = getattr(entry, f"{stem}{version}")
                if text:
                    try:
                        read_address(text, version)
                    except Misread as wrong:
                        field = f"{stem}{version}"
                        yield Finding(kind.KIND, name, field, f"`{field}`: {wrong}", wrong.hint)


def machines_are_in_their_networks(catalogue: Catalogue) -> Iterator[Finding]:
    """A machine's address lies in its network's prefix, and is one that a machine can have."""
    plan = _Plan(catalogue)
    networks = catalogue.all(Network)
    for cls in MACHINES:
        for name, machine in catalogue.all(cls).items():
            network = networks.get(machine.network)
            if network is None:
                continue
            for version, text in ((4, machine.ipv4), (6, machine.ipv6)):
                address = plan.address(text, version)
                prefix = plan.prefix(network.ipv4 if version == 4 else network.ipv6, version)
                if address is None or prefix is None:
                    continue
                field = f"ipv{version}"
                if address not in prefix:
                    message = (
                        f"`{field}`: {address} is not in {prefix}, the prefix of network {machine.network}"
                    )
                    yield Finding(cls.KIND, name, field, message)
                elif prefix.prefixlen < prefix.max_prefixlen - 1 and (
                    address == prefix.network_address or (version == 4 and address == prefix[-1])
                ):
                    message = f"`{field}`: {address} stands for all of {prefix}, no machine can have it"
                    yield Finding(cls.KIND, name, field, message)


def addresses_are_used_once(catalogue: Catalogue) -> Iterator[Finding]:
    """No address has two holders in one zone; gateways and ends of links hold theirs too."""
    plan = _Plan(catalogue)
    holders: dict[tuple[str, Address], str] = {}
    for kind, name, field, zone, address, note in _holders(catalogue, plan):
        holder = f"{kind}/{name}{note}"
        other = holders.setdefault((zone, address), holder)
        if other is not holder:
            yield Finding(kind, name, field, f"`{field}`: {address} is already that of {other}")


def _holders(catalogue: Catalogue, plan: _Plan) -> Iterator[tuple[str, str, str, str, Address, str]]:
    """(kind, name, field, zone, address, note) of everything that has an address."""
    for name, node in catalogue.all(Node).items():
        for version, text in ((4, node.loopback4), (6, node.loopback6)):
            if (address := plan.address(text, version)) is not None:
                yield "node", name, f"loopback{version}", node.zone, address, ""
    for name, link in catalogue.all(Link).items():
        zone = plan.zone_of_node(link.a)
        for version, text in ((4, link.ipv4), (6, link.ipv6)):
            if (prefix := plan.prefix(text, version)) is not None:
                first = first_address(prefix)
                yield "link", name, f"ipv{version}", zone, first, f" (its end at {link.a})"
                yield "link", name, f"ipv{version}", zone, first + 1, f" (its end at {link.b})"
    for name, network in catalogue.all(Network).items():
        for version, text in ((4, network.ipv4), (6, network.ipv6)):
            if (prefix := plan.prefix(text, version)) is not None:
                zone = plan.zone_of_node(network.gateway)
                yield "network", name, f"ipv{version}", zone, first_address(prefix), " (its gateway's)"
    for cls in MACHINES:
        for name, machine in catalogue.all(cls).items():
            for version, text in ((4, machine.ipv4), (6, machine.ipv6)):
                if (address := plan.address(text, version)) is not None:
                    zone = plan.zone_of_network(machine.network)
                    yield cls.KIND, name, f"ipv{version}", zone, address, ""


def hosts_have_names_of_their_own(catalogue: Catalogue) -> Iterator[Finding]:
    """Nodes, servers and instances are hosts of one inventory, so no two share a name."""
    first: dict[str, str] = {}
    hosts: tuple[type[Entry], ...] = (Node, Server, Instance)
    for cls in hosts:
        for name in catalogue.all(cls):
            other = first.setdefault(name, cls.KIND)
            if other != cls.KIND:
                yield Finding(
                    cls.KIND,
                    name,
                    "",
                    f"a host is called {name!r} already: {other}/{name}",
                    "nodes, servers and instances share one space of names",
                )


def interfaces_fit(catalogue: Catalogue) -> Iterator[Finding]:
    """Names of interfaces are what the kernel takes, and each stands once on its node."""
    taken: dict[tuple[str, str], str] = {}
    for kind, name, field, node, interface in _interfaces(catalogue):
        size = len(interface.encode())
        if size > INTERFACE_BYTES:
            message = f"`{field}`: {shown(interface)} has {size} bytes, expected at most {INTERFACE_BYTES}"
            yield Finding(kind, name, field, message)
        elif not _INTERFACE(interface) or interface in (".", "..", "lo"):
            message = f"`{field}`: {shown(interface)} cannot be the name of an interface"
            yield Finding(kind, name, field, message, "no spaces, `/` or `:`, and not `lo`")
        holder = f"{kind}/{name}"
        other = taken.setdefault((node, interface), holder)
        if other is not holder:
            message = f"`{field}`: interface {shown(interface)} of node {node} is already used by {other}"
            yield Finding(kind, name, field, message)


def _interfaces(catalogue: Catalogue) -> Iterator[tuple[str, str, str, str, str]]:
    for name, link in catalogue.all(Link).items():
        yield "link", name, "a_interface", link.a, link.a_interface
        if link.a != link.b:  # told by another check
            yield "link", name, "b_interface", link.b, link.b_interface
    for name, network in catalogue.all(Network).items():
        yield "network", name, "interface", network.gateway, network.interface


def links_have_two_ends(catalogue: Catalogue) -> Iterator[Finding]:
    """A link joins two different nodes."""
    for name, link in catalogue.all(Link).items():
        if link.a == link.b:
            yield Finding("link", name, "b", f"`b`: both ends of the link are node {link.a}")


def regions_are_a_tree(catalogue: Catalogue) -> Iterator[Finding]:
    """No region lies in itself, be it by way of others; a ring is told once, at its first region."""
    regions = catalogue.all(Region)
    settled: set[str] = set()
    for start in regions:
        trail: dict[str, None] = {}
        name = start
        while name in regions and name not in settled and name not in trail:
            trail[name] = None
            name = regions[name].parent
        if name in trail:
            names = list(trail)
            ring = names[names.index(name) :]
            shown_ring = [*ring, name] if len(ring) <= 8 else [*ring[:7], "...", name]
            yield Finding(
                "region", ring[0], "parent", f"`parent` goes in a circle: {' -> '.join(shown_ring)}"
            )
        settled.update(trail)


CHECKS: list[Check] = [
    addresses_are_written_well,
    machines_are_in_their_networks,
    addresses_are_used_once,
    hosts_have_names_of_their_own,
    interfaces_fit,
    links_have_two_ends,
    regions_are_a_tree,
]
