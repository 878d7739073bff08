"""What the addresses of DNS64 must be: on the zone's servers, free, and with a NAT64 to lead to."""

from __future__ import annotations

from collections.abc import Iterator

from ..addressing.forms import Misread, packed, read_address, read_prefix
from ..model.catalogue import Catalogue
from ..model.datacentre import Server
from ..model.lines import PrivateNetwork, Translation
from ..model.network import DnsZone, Network, Node
from .claims import Finding

NAT64_HINT = "declare a translation of type nat64: what DNS64 answers leads through it"


def dns64_can_be_had(catalogue: Catalogue) -> Iterator[Finding]:
    """One address for a server at most, in that server's network, where a NAT64 is in force."""
    for name, zone in sorted(catalogue.all(DnsZone).items()):
        if len(zone.dns64) > len(zone.servers):
            words = f"`dns64`: {len(zone.dns64)} addresses for {_servers(len(zone.servers))}"
            yield Finding(
                "dns_zone", name, "dns64", words, "the first is for the first of `servers`, and so on"
            )
        for text in zone.dns64:
            try:
                read_address(text, 6)
            except Misread as wrong:
                yield Finding("dns_zone", name, "dns64", f"`dns64`: {wrong}", wrong.hint)
        for server, text in zip(zone.servers, zone.dns64, strict=False):
            entry = catalogue.find("server", server)
            if isinstance(entry, Server):
                yield from _at(catalogue, name, server, entry, text)


def _servers(number: int) -> str:
    return f"{number} server" if number == 1 else f"{number} servers"


def _at(catalogue: Catalogue, zone: str, server: str, entry: Server, text: str) -> Iterator[Finding]:
    network = catalogue.find("network", entry.network) if entry.network else None
    if entry.network and not isinstance(network, Network):
        return  # told by another check
    if not isinstance(network, Network) or not network.ipv6:
        words = f"`dns64`: {text} has no place, server/{server} is in no network with an IPv6 prefix"
        yield Finding("dns_zone", zone, "dns64", words)
        return
    try:
        prefix = read_prefix(network.ipv6, 6)
    except Misread:
        return  # `auto`, or told by another check
    address = packed(text, 6)
    if address is not None and not prefix.low <= address <= prefix.high:
        words = f"`dns64`: {text} is not in {prefix.text}, the prefix of network {entry.network}"
        yield Finding(
            "dns_zone", zone, "dns64", words, f"server/{server} is plugged in there, and answers at it"
        )
    elif address == prefix.low and not prefix.for_two:
        words = f"`dns64`: {text} stands for all of {prefix.text}, no machine can have it"
        yield Finding("dns_zone", zone, "dns64", words)
    if not any(_is_for(catalogue, one, network.gateway) for one in catalogue.all(Translation).values()):
        words = f"`dns64`: no NAT64 is in force at server/{server}"
        yield Finding("dns_zone", zone, "dns64", words, NAT64_HINT)


def _is_for(catalogue: Catalogue, translation: Translation, router: str) -> bool:
    """Whether it is a NAT64 for what stands behind a router: everybody's, or its private network's."""
    if translation.type != "nat64":
        return False
    own = catalogue.find("private_network", translation.private_network)
    if not isinstance(own, PrivateNetwork) or router in (*own.nodes, translation.node):
        return True
    node = catalogue.find("node", router)
    return isinstance(node, Node) and node.zone == own.zone


READ = frozenset({"dns_zone", "server", "network", "node", "translation", "private_network"})
CHECKS = [dns64_can_be_had]
