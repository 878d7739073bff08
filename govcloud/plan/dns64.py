"""DNS64 (RFC 6147): what has IPv4 alone gets AAAA records, for machines that have IPv6 alone.

A second daemon on a name server answers for the same zones at an address of its own (`dns64` of a dns_zone).
A name that has A records and no AAAA record gets AAAA records there: the prefix of the NAT64 that is in force
at the name server, and the IPv4 address behind it (RFC 6052, section 2.2). All other answers are those of the
first daemon. Machines with IPv6 alone ask these addresses, everybody else the others, so nobody who has IPv4
is led through NAT64.

``dns64`` adds to the variables of hosts:

- ``govcloud_dns64`` of a name server: ``listen`` (bare addresses), ``prefix``, ``zones`` (as those of
  ``govcloud_dns``). The addresses are among those of its interface too, and under ``answering`` there: the
  machine answers at them and never speaks first from them, so filters that know its own address hold.
- ``govcloud_resolver`` of a machine with IPv6 alone: it asks these addresses and no others.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, MutableMapping
from functools import cached_property
from typing import Any

from ..errors import InputError, Problem
from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.network import DnsZone, Network
from .translating import Nat, Seen, embedded
from .wiring import EDGE_INTERFACE, built_instances, built_servers, parse_prefix, with_length

# What an AAAA record with such an address says is no IPv6 address (RFC 6147, section 5.1.4).
NO_IPV6 = ipaddress.IPv6Network("::ffff:0:0/96")

Record = Mapping[str, str]


def ipv6_alone(catalogue: Catalogue, machine: Server | Instance) -> bool:
    """Whether a machine has IPv6 and no IPv4; it may have made its address from what is advertised."""
    if machine.ipv4 or not machine.network:
        return False
    network = catalogue.get(Network, machine.network)
    return bool(network.ipv6 and (machine.ipv6 or network.advertise))


class Dns64:
    """Who answers with made-up records in a catalogue, by which NAT64, and for whom."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @cached_property
    def addresses(self) -> dict[str, list[str]]:
        """The bare addresses at which built name servers do, by server, in the order of the zones."""
        zones = [zone for _, zone in sorted(self._catalogue.all(DnsZone).items()) if zone.dns64]
        built = built_servers(self._catalogue) if zones else {}
        out: dict[str, list[str]] = {}
        for zone in zones:
            for server, address in zip(zone.servers, zone.dns64, strict=False):
                found = out.setdefault(server, []) if server in built else []
                text = str(ipaddress.IPv6Address(address))
                found += [] if text in found else [text]
        return out

    @cached_property
    def seen(self) -> Seen:
        """The translations of the catalogue."""
        return Seen(self._catalogue)

    @cached_property
    def by(self) -> dict[str, Nat | None]:
        """The NAT64 in force at each of these servers: what their records lead to."""
        return {server: self.in_force(self.router(server)) for server in self.addresses}

    def in_force(self, router: str) -> Nat | None:
        """The NAT64 for what stands behind a router: its private network's before everybody's, by name."""
        found = self.seen.nat64_of(router)
        return min(found, key=lambda one: (not one.private_network, one.name), default=None)

    def router(self, server: str) -> str:
        """The router that a server stands behind; "" where it is plugged in nowhere."""
        plugged = self._catalogue.get(Server, server).network
        return self._catalogue.get(Network, plugged).gateway if plugged else ""

    def asked_by(self, machine: Server | Instance) -> dict[str, str]:
        """The addresses that a machine with IPv6 alone asks, each with its server; none where others.

        It asks a server whose records lead to a NAT64 that is for the machine.
        """
        if not self.addresses or not ipv6_alone(self._catalogue, machine):
            return {}
        own = {one.name for one in self.seen.nat64_of(self._catalogue.get(Network, machine.network).gateway)}
        return {
            address: server
            for server, addresses in self.addresses.items()
            if (nat64 := self.by[server]) is not None and nat64.name in own
            for address in addresses
        }


def synthesised(records: Iterable[Record], prefix: str) -> list[dict[str, str]]:
    """Records with AAAA records for names that have A records alone, by name. ``prefix``: a /96."""
    records = list(records)
    network = ipaddress.IPv6Network(prefix)
    real = [r for r in records if r["type"] != "AAAA" or ipaddress.IPv6Address(r["value"]) not in NO_IPV6]
    have = {r["name"] for r in real if r["type"] == "AAAA"}
    made = [
        {"name": r["name"], "type": "AAAA", "value": embedded(network, r["value"])}
        for r in real
        if r["type"] == "A" and r["name"] not in have
    ]
    return [dict(r) for r in sorted([*real, *made], key=lambda r: r["name"])]


def dns64(catalogue: Catalogue, hosts: Mapping[str, MutableMapping[str, Any]]) -> None:
    """Add to the variables of name servers and of machines with IPv6 alone; ``hosts``: by host.

    Raises ``InputError`` where no NAT64 is in force at a name server, or its network has no IPv6.
    """
    ours = Dns64(catalogue)
    if not ours.addresses:
        return
    for server, addresses in ours.addresses.items():
        nat64 = ours.by[server]
        if nat64 is None:
            words = f"server/{server} answers with DNS64, and no NAT64 is in force there"
            raise InputError([Problem(words, hint="declare a translation of type nat64")])
        variables = hosts[server]
        zones, prefix = variables["govcloud_dns"]["zones"], str(nat64.inside)
        variables["govcloud_dns64"] = {
            "listen": addresses,
            "prefix": prefix,
            "zones": [{**zone, "records": synthesised(zone["records"], prefix)} for zone in zones],
        }
        variables["govcloud_interfaces"] = _with_addresses(
            variables["govcloud_interfaces"], _lengthened(catalogue, server, addresses)
        )
    machines: dict[str, Server | Instance] = {**built_servers(catalogue), **built_instances(catalogue)}
    for name, machine in machines.items():
        if asked := ours.asked_by(machine):
            own = hosts[name]["govcloud_resolver"]
            hosts[name]["govcloud_resolver"] = {**own, "servers": list(asked)}


def _lengthened(catalogue: Catalogue, server: str, addresses: Iterable[str]) -> list[str]:
    plugged = catalogue.get(Server, server).network
    prefix = catalogue.get(Network, plugged).ipv6 if plugged else ""
    if not prefix:
        raise InputError([Problem(f"server/{server} answers with DNS64, and its network has no IPv6 prefix")])
    entry = f"server/{server}"
    length = parse_prefix(prefix, entry).prefixlen
    return [with_length(address, length, entry) for address in addresses]


def _with_addresses(interfaces: Iterable[Mapping[str, Any]], answering: list[str]) -> list[dict[str, Any]]:
    return [
        {**one, "addresses": [*one["addresses"], *answering], "answering": answering}
        if one["name"] == EDGE_INTERFACE
        else dict(one)
        for one in interfaces
    ]
