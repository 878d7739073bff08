"""Who is wired to whom, and which address stands where: the ledger's network as plays and probes need it.

Only what is built counts: a host without a target is recorded, and has no interface that a play could set.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ..errors import InputError, Problem
from ..model.catalogue import Catalogue
from ..model.cloud import Cloud, Instance, Project
from ..model.datacentre import Server
from ..model.network import Link, Network, Node

IPVersion = Literal[4, 6]
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Servers and instances have one interface, and the lab gives it this name.
EDGE_INTERFACE = "eth0"
LOOPBACK = "lo"


@dataclass(frozen=True)
class End:
    """One end of a link: the node, its interface, and its addresses with length ("" where none)."""

    node: str
    interface: str
    ipv4: str
    ipv6: str

    def address(self, version: IPVersion) -> str:
        """The bare address of one IP version, or ""."""
        return bare(self.ipv4 if version == 4 else self.ipv6)


@dataclass(frozen=True)
class Wire:
    """A link whose two ends are both built."""

    name: str
    a: End
    b: End
    cost: int
    ipv4: str
    ipv6: str

    def prefix(self, version: IPVersion) -> str:
        """Its prefix of one IP version, or ""."""
        return self.ipv4 if version == 4 else self.ipv6


def bare(address: str) -> str:
    """An address without its length."""
    return address.partition("/")[0]


@lru_cache(maxsize=4096)
def _network(text: str) -> IPNetwork:
    # A prefix is asked for by every machine in it.
    return ipaddress.ip_network(text)


def parse_prefix(text: str, entry: str) -> IPNetwork:
    """Read a prefix. Raises ``InputError`` that names the entry."""
    try:
        return _network(text)
    except ValueError as error:
        raise InputError([Problem(f"{entry}: {error}")]) from None


def nth_address(prefix: str, index: int, entry: str) -> str:
    """The ``index``-th (from 0) usable address of a prefix, with the length; "" for no prefix.

    In a /31 and a /127 both addresses are usable (RFC 3021, RFC 6164); elsewhere the lowest one is
    the network's own (IPv6: the subnet router's anycast address, RFC 4291) and is passed over.
    Raises ``InputError`` where the prefix cannot be read or is too small.
    """
    if not prefix:
        return ""
    network = parse_prefix(prefix, entry)
    offset = index if network.max_prefixlen - network.prefixlen <= 1 else index + 1
    if offset >= network.num_addresses:
        raise InputError([Problem(f"{entry}: {prefix} has no room for {index + 1} addresses")])
    return f"{network[offset]}/{network.prefixlen}"


def with_length(address: str, length: str | int, entry: str) -> str:
    """``address/length`` in canonical form; "" for no address. Raises ``InputError``."""
    if not address:
        return ""
    try:
        return str(ipaddress.ip_interface(f"{bare(address)}/{length}"))
    except ValueError as error:
        raise InputError([Problem(f"{entry}: {error}")]) from None


def built_nodes(catalogue: Catalogue) -> dict[str, Node]:
    """Routers that a target builds, by name, sorted."""
    return {name: node for name, node in sorted(catalogue.all(Node).items()) if node.target}


def built_servers(catalogue: Catalogue) -> dict[str, Server]:
    """Servers that a target builds, by name, sorted."""
    return {name: server for name, server in sorted(catalogue.all(Server).items()) if server.target}


def built_instances(catalogue: Catalogue) -> dict[str, Instance]:
    """Instances that run and whose cloud has a target, by name, sorted."""
    return {
        name: instance
        for name, instance in sorted(catalogue.all(Instance).items())
        if instance_target(catalogue, instance)
    }


def instance_target(catalogue: Catalogue, instance: Instance) -> str:
    """The target that builds an instance: its cloud's, by way of its project; "" where there is none, and
    while it is stopped."""
    if instance.stopped:
        return ""
    project = catalogue.get(Project, instance.project)
    return catalogue.get(Cloud, project.cloud).target


def wires(catalogue: Catalogue) -> list[Wire]:
    """Links with both ends built, by name; the a end has the first address of each prefix."""
    nodes = built_nodes(catalogue)
    out = []
    for name, link in sorted(catalogue.all(Link).items()):
        if link.a not in nodes or link.b not in nodes:
            continue
        entry = f"link/{name}"
        first, second = (
            End(
                node,
                interface,
                nth_address(link.ipv4, index, entry),
                nth_address(link.ipv6, index, entry),
            )
            for index, (node, interface) in enumerate(
                [(link.a, link.a_interface), (link.b, link.b_interface)]
            )
        )
        out.append(Wire(name, first, second, link.cost, link.ipv4, link.ipv6))
    return out


def gateway_address(network: Network, version: IPVersion, name: str) -> str:
    """The gateway's address in a network, with length: the first usable one; "" for no prefix."""
    return nth_address(network.ipv4 if version == 4 else network.ipv6, 0, f"network/{name}")


def edge_addresses(catalogue: Catalogue, host: Server | Instance, entry: str) -> list[str]:
    """Addresses of a server or instance with its network's length, IPv4 first."""
    if not host.network:
        return []
    network = catalogue.get(Network, host.network)
    found = []
    for address, prefix in ((host.ipv4, network.ipv4), (host.ipv6, network.ipv6)):
        if address and prefix:
            found.append(with_length(address, parse_prefix(prefix, entry).prefixlen, entry))
    return found


def interfaces(catalogue: Catalogue) -> Iterator[tuple[str, str, list[str]]]:
    """(host, interface, addresses with length) for each interface that has an address."""
    for name, node in built_nodes(catalogue).items():
        loopback = [
            with_length(node.loopback4, 32, f"node/{name}"),
            with_length(node.loopback6, 128, f"node/{name}"),
        ]
        yield name, LOOPBACK, [a for a in loopback if a]
    for wire in wires(catalogue):
        for end in (wire.a, wire.b):
            yield end.node, end.interface, [a for a in (end.ipv4, end.ipv6) if a]
    nodes = built_nodes(catalogue)
    for name, network in sorted(catalogue.all(Network).items()):
        if network.gateway in nodes:
            found = [gateway_address(network, 4, name), gateway_address(network, 6, name)]
            yield network.gateway, network.interface, [a for a in found if a]
    for name, server in built_servers(catalogue).items():
        yield name, EDGE_INTERFACE, edge_addresses(catalogue, server, f"server/{name}")
    for name, instance in built_instances(catalogue).items():
        yield name, EDGE_INTERFACE, edge_addresses(catalogue, instance, f"instance/{name}")


def address_owners(catalogue: Catalogue) -> Mapping[str, str]:
    """The host that each address of the ledger stands on, by bare address in canonical form."""
    return {
        bare(address): host for host, _interface, addresses in interfaces(catalogue) for address in addresses
    }
