"""What entries must be to each other. Each check reads the catalogue and yields what it finds.

A check trusts types but not references: an entry that is wrong in itself is not in the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from operator import attrgetter

from ..addressing import judging
from ..addressing.forms import (
    AUTO,
    Misread,
    Prefix,
    after,
    packed,
    read_address,
    read_interface,
    read_prefix,
    spelled,
)
from ..model import Entry
from ..model.application import Endpoint
from ..model.catalogue import Catalogue
from ..model.cloud import Instance, LoadBalancer
from ..model.datacentre import Server
from ..model.network import DnsZone, Interface, Link, Network, Node
from ..model.secret import Secret, SecretFile, key_path
from ..references import NEEDED
from . import chainchecks, devicechecks, dns64checks, keychecks, rulechecks, tlschecks, translationchecks
from .claims import Finding
from .words import shown

MACHINES: tuple[type[Server] | type[Instance], ...] = (Server, Instance)
IN_NETWORKS: tuple[type[Server] | type[Instance] | type[LoadBalancer], ...] = (*MACHINES, LoadBalancer)
EDGES: tuple[type[Network] | type[Link], ...] = (Network, Link)
Check = Callable[[Catalogue], Iterator[Finding]]

# The kernel keeps 16 bytes for the name of an interface, one of them a zero.
INTERFACE_BYTES = 15
# nftables has no way to write quotes and the like in a name, and `*` stands for more than itself.
_INTERFACE = re.compile(r"[^\s/:\"'{}*\\;#$\x00-\x1f\x7f-\x9f]+").fullmatch


class _Plan:
    """Prefixes and zones of a catalogue, each worked out once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._prefixes: dict[tuple[str, int], Prefix | None] = {}
        self._spaces: dict[str, tuple[str, str]] = {}

    def prefix(self, text: str, version: int) -> Prefix | None:
        """None where the text is empty, `auto` or, as another check tells, no prefix."""
        key = (text, version)
        if key not in self._prefixes:
            try:
                self._prefixes[key] = read_prefix(text, version) if text and text != AUTO else None
            except Misread:
                self._prefixes[key] = None
        return self._prefixes[key]

    def zone_of_node(self, name: str) -> str:
        """The zone that a node is in; empty where it is not known."""
        node = self._catalogue.find("node", name)
        return node.zone if isinstance(node, Node) else ""

    def space_of_network(self, name: str) -> tuple[str, str]:
        """The zone of a network's gateway (empty: not known), and the network's routing table."""
        space = self._spaces.get(name)
        if space is None:
            network = self._catalogue.find("network", name)
            space = ("", "")
            if isinstance(network, Network):
                space = (self.zone_of_node(network.gateway), network.vrf)
            self._spaces[name] = space
        return space


def addresses_are_written_well(catalogue: Catalogue) -> Iterator[Finding]:
    """Addresses are addresses, and prefixes prefixes, of their version of IP."""
    for edge_cls in EDGES:
        for name, edge in catalogue.all(edge_cls).items():
            for version, text in ((4, edge.ipv4), (6, edge.ipv6)):
                if text and text != AUTO:
                    try:
                        read_prefix(text, version)
                    except Misread as wrong:
                        field = f"ipv{version}"
                        yield Finding(edge_cls.KIND, name, field, f"`{field}`: {wrong}", wrong.hint)
    for name, node in catalogue.all(Node).items():
        yield from _misread("node", name, "loopback4", node.loopback4, 4)
        yield from _misread("node", name, "loopback6", node.loopback6, 6)
        yield from _misread("node", name, "management4", node.management4, 4)
        yield from _misread("node", name, "management6", node.management6, 6)
    for cls in IN_NETWORKS:
        for name, machine in catalogue.all(cls).items():
            if machine.ipv4 and packed(machine.ipv4, 4) is None:
                yield from _misread(cls.KIND, name, "ipv4", machine.ipv4, 4)
            if machine.ipv6 and packed(machine.ipv6, 6) is None:
                yield from _misread(cls.KIND, name, "ipv6", machine.ipv6, 6)
    for name, port in catalogue.all(Interface).items():
        for version, text in ((4, port.ipv4), (6, port.ipv6)):
            try:
                if text and text != AUTO:
                    read_interface(text, version)
            except Misread as wrong:
                yield Finding("interface", name, f"ipv{version}", f"`ipv{version}`: {wrong}", wrong.hint)


def _misread(kind: str, name: str, field: str, text: str, version: int) -> Iterator[Finding]:
    try:
        if text and text != AUTO:
            read_address(text, version)
    except Misread as wrong:
        yield Finding(kind, name, field, f"`{field}`: {wrong}", wrong.hint)


def machines_are_in_their_networks(catalogue: Catalogue) -> Iterator[Finding]:
    """A machine's address lies in its network's prefix, and is one that a machine can have."""
    plan = _Plan(catalogue)
    networks = {
        name: (plan.prefix(network.ipv4, 4), plan.prefix(network.ipv6, 6))
        for name, network in catalogue.all(Network).items()
    }
    none = (None, None)
    for cls in MACHINES:
        for name, machine in catalogue.all(cls).items():
            prefix4, prefix6 = networks.get(machine.network, none)
            for version, text, prefix in ((4, machine.ipv4, prefix4), (6, machine.ipv6, prefix6)):
                if not text or text == AUTO:
                    continue
                if prefix is None:
                    network = catalogue.find("network", machine.network)
                    # Another check tells what is no prefix, and that there is no such network.
                    if isinstance(network, Network) and not getattr(network, f"ipv{version}"):
                        field = f"ipv{version}"
                        words = f"{text} is in no prefix: network {machine.network} has no {field}"
                        yield Finding(cls.KIND, name, field, f"`{field}`: {words}")
                    continue
                address = packed(text, prefix.version)
                # What is no address is told by another check.
                if address is None or prefix.low < address < prefix.high:
                    continue
                message = ""
                if not prefix.low <= address <= prefix.high:
                    message = f"{text} is not in {prefix.text}, the prefix of network {machine.network}"
                elif not prefix.for_two and (address == prefix.low or prefix.version == 4):
                    message = f"{text} stands for all of {prefix.text}, no machine can have it"
                if message:
                    field = f"ipv{prefix.version}"
                    yield Finding(cls.KIND, name, field, f"`{field}`: {message}")


def addresses_are_used_once(catalogue: Catalogue) -> Iterator[Finding]:
    """No address has two holders in one space; gateways and ends of links hold theirs too.

    A space is a zone, or a routing table (VRF) of its own in it. What a machine has may be said of the
    machine and of its port, and be the address that it is managed by.
    """
    plan = _Plan(catalogue)
    holders: dict[tuple[str, str], dict[bytes, tuple[str, str, str, str]]] = {}
    for space, address, holder, field in (*_holders(catalogue, plan), *_ports(catalogue, plan)):
        first = holders.setdefault(space, {}).setdefault(address, holder)
        if first is holder or _same_machine(first, holder):
            continue
        kind, name, _, _ = holder
        other = f"{first[0]}/{first[1]}{first[2]}"
        message = f"`{field}`: {spelled(address)} is already that of {other}"
        yield Finding(kind, name, field, message)


def _same_machine(one: _Holder, other: _Holder) -> bool:
    """Whether both are words for one machine's address, at least one of them of a port or its management."""
    ports = ("interface", " (its management)")
    return one[3] == other[3] != "" and (other[0] in ports or other[2] in ports)


# (kind, name, note, the machine as `kind/name`)
_Holder = tuple[str, str, str, str]


def _ports(catalogue: Catalogue, plan: _Plan) -> Iterator[tuple[tuple[str, str], bytes, _Holder, str]]:
    """As ``_holders``: what is beside that or says it once more, addresses of management and of ports."""
    for name, node in catalogue.all(Node).items():
        for version, text in ((4, node.management4), (6, node.management6)):
            if text and (address := packed(text, version)) is not None:
                holder = ("node", name, " (its management)", f"node/{name}")
                yield (node.zone, ""), address, holder, f"management{version}"
    for name, port in catalogue.all(Interface).items():
        kind, _, machine = port.device.partition("/")
        zone, vrf = plan.space_of_network(port.network) if port.network else ("", port.vrf)
        if kind == "node":
            zone = plan.zone_of_node(machine)
        elif not port.network and isinstance(plugged := catalogue.find(kind, machine), MACHINES):
            zone, vrf = plan.space_of_network(plugged.network)
        for version, text in ((4, port.ipv4), (6, port.ipv6)):
            if text and (address := packed(text.partition("/")[0], version)) is not None:
                yield (zone, port.vrf or vrf), address, ("interface", name, "", port.device), f"ipv{version}"


def _holders(catalogue: Catalogue, plan: _Plan) -> Iterator[tuple[tuple[str, str], bytes, _Holder, str]]:
    """((zone, VRF), address, holder, field) of everything that has an address."""
    for name, node in catalogue.all(Node).items():
        for version, text in ((4, node.loopback4), (6, node.loopback6)):
            if text and (address := packed(text, version)) is not None:
                yield (node.zone, ""), address, ("node", name, "", f"node/{name}"), f"loopback{version}"
    for name, link in catalogue.all(Link).items():
        space = (plan.zone_of_node(link.a), "")
        for version, text in ((4, link.ipv4), (6, link.ipv6)):
            if (prefix := plan.prefix(text, version)) is not None:
                for end, address in ((link.a, prefix.first), (link.b, after(prefix.first))):
                    holder = ("link", name, f" (its end at {end})", f"node/{end}")
                    yield space, address, holder, f"ipv{version}"
    for name, network in catalogue.all(Network).items():
        space = plan.space_of_network(name)
        for version, text in ((4, network.ipv4), (6, network.ipv6)):
            if (prefix := plan.prefix(text, version)) is not None:
                holder = ("network", name, " (its gateway)", f"node/{network.gateway}")
                yield space, prefix.first, holder, f"ipv{version}"
    for cls in IN_NETWORKS:
        for name, machine in catalogue.all(cls).items():
            space = plan.space_of_network(machine.network)
            holder = (cls.KIND, name, "", f"{cls.KIND}/{name}")
            if machine.ipv4 and (address := packed(machine.ipv4, 4)) is not None:
                yield space, address, holder, "ipv4"
            if machine.ipv6 and (address := packed(machine.ipv6, 6)) is not None:
                yield space, address, holder, "ipv6"
    # One server may have the same one for two zones.
    answering: dict[tuple[str, bytes], _Holder] = {}
    for name, zone in catalogue.all(DnsZone).items():
        for server, text in zip(zone.servers, zone.dns64, strict=False):
            plugged = catalogue.find("server", server)
            address = packed(text, 6)
            if isinstance(plugged, Server) and address is not None:
                holder = answering.setdefault(
                    (server, address), ("dns_zone", name, f" (DNS64 of {server})", "")
                )
                yield plan.space_of_network(plugged.network), address, holder, "dns64"


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
        if devicechecks.platform_of(catalogue, node) != devicechecks.LINUX:
            if wrong := devicechecks.misnamed_port(interface):
                words = "GigabitEthernet0/1/0, Eth-Trunk1, LoopBack0, Ten-GigabitEthernet1/0/25"
                yield Finding(kind, name, field, f"`{field}`: {wrong}", f"like {words}")
        elif size > INTERFACE_BYTES:
            message = f"`{field}`: {shown(interface)} has {size} bytes, expected at most {INTERFACE_BYTES}"
            yield Finding(kind, name, field, message)
        elif not _INTERFACE(interface) or interface in (".", "..", "lo"):
            message = f"`{field}`: {shown(interface)} cannot be the name of an interface"
            words = "no spaces, quotes, braces, or any of / : * ; # $ \\, and not `lo`"
            yield Finding(kind, name, field, message, words)
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


# (kind, field) that lead from an entry to one of its kind and must come to an end. Lines that back each
# other up (`circuit.backs_up`) and applications that need each other may go in a circle.
TREES = (
    ("region", "parent"),
    ("unit", "parent"),
    ("zone", "within"),
    ("prefix", "parent"),
    ("website", "parent"),
    ("site", "merges_into"),
    ("application", "merges_into"),
    ("hotline", "merged_into"),
    ("cloud", "joined_to"),
)
# The same where an entry names several.
ORDERS = (("wave", "after"),)


def trees_have_no_circles(catalogue: Catalogue) -> Iterator[Finding]:
    """No entry lies in itself, be it by way of others; a ring is told once, at its first entry."""
    for kind, field in TREES:
        table = catalogue.table(kind)
        if not table:
            continue
        up = attrgetter(field)
        settled: set[str] = set()
        for start in table:
            trail: dict[str, None] = {}
            name = start
            while name in table and name not in settled and name not in trail:
                trail[name] = None
                name = up(table[name])
            if name in trail:
                names = list(trail)
                yield _ring(kind, field, names[names.index(name) :])
            settled.update(trail)


def orders_have_no_circles(catalogue: Catalogue) -> Iterator[Finding]:
    """What must come after others does not come before them; one ring is told."""
    for kind, field in ORDERS:
        table = catalogue.table(kind)
        if not table:
            continue
        after = attrgetter(field)
        try:
            TopologicalSorter({name: after(entry) for name, entry in table.items()}).prepare()
        except CycleError as error:
            ring: list[str] = error.args[1]
            yield _ring(kind, field, ring[:0:-1])


def _ring(kind: str, field: str, ring: list[str]) -> Finding:
    names = [*ring, ring[0]]
    shown_ring = names if len(ring) <= 8 else [*ring[:7], "...", ring[0]]
    return Finding(kind, ring[0], field, f"`{field}` goes in a circle: {' -> '.join(shown_ring)}")


def secrets_say_where_they_are(catalogue: Catalogue) -> Iterator[Finding]:
    """Each origin of a secret says what it needs."""
    for name, secret in catalogue.all(Secret).items():
        if fault := secret.reference().fault():
            yield Finding("secret", name, NEEDED[secret.origin], fault)


def secret_files_are_apart(catalogue: Catalogue) -> Iterator[Finding]:
    """Two secrets are not put into one file of a host, and none where the key of a certificate lies."""
    keys = {
        (f"instance/{endpoint.instance}", key_path(endpoint.certificate)): endpoint.certificate
        for endpoint in catalogue.all(Endpoint).values()
        if endpoint.certificate
    }
    taken: dict[tuple[str, str], str] = {}
    for name, file in catalogue.all(SecretFile).items():
        for host in file.hosts:
            if shown_there := keys.get((host, file.path)):
                words = f"`path`: {file.path} on {host} is the key of certificate/{shown_there} already"
                yield Finding("secret_file", name, "path", words)
            other = taken.setdefault((host, file.path), name)
            if other != name:
                words = f"`path`: {file.path} on {host} is the file of secret_file/{other} already"
                yield Finding("secret_file", name, "path", words)


# The kinds that checks read; of the others nothing typed need be kept.
PLAIN = {"node", "link", "network", "server", "instance", "secret", "secret_file"}
OF_OTHERS = devicechecks.READ | judging.READ | translationchecks.READ | dns64checks.READ | tlschecks.READ
READ = frozenset(
    {*PLAIN, *dict(TREES), *dict(ORDERS), *OF_OTHERS, *keychecks.READ, *rulechecks.READ, *chainchecks.READ}
)
CHECKS: list[Check] = [
    addresses_are_written_well,
    machines_are_in_their_networks,
    addresses_are_used_once,
    *judging.CHECKS,
    hosts_have_names_of_their_own,
    interfaces_fit,
    links_have_two_ends,
    trees_have_no_circles,
    orders_have_no_circles,
    secrets_say_where_they_are,
    secret_files_are_apart,
    *devicechecks.CHECKS,
    *translationchecks.CHECKS,
    *dns64checks.CHECKS,
    *keychecks.CHECKS,
    *chainchecks.CHECKS,
    *tlschecks.CHECKS,
    *rulechecks.CHECKS,
]
