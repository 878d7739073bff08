"""What of the extranet has no IPv6 yet."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.lines import Circuit
from ..model.network import Network, Zone
from ..topology import V6
from ..topology.net import CARRYING
from .base import Breach, Case
from .registry import rule

CURE = "put it into a rollout: `govcloud ipv6 plan`"


@rule(
    "N-17",
    "flag",
    *("node.loopback6", "link.ipv6", "network.ipv6", "network.gateway", "circuit.ipv6", "circuit.zone"),
    *("server.ipv6", "instance.ipv6", "network.vrf", "vrf.zone", "zone.ipv6", "zone.role"),
)
def extranet_carries_ipv6(case: Case) -> Iterator[Breach]:
    """Every node, link, network, machine and circuit of the extranet carries IPv6."""
    extranet, net = case.zones_of("extranet"), case.net
    for name, zone in case.catalogue.all(Zone).items():
        if name in extranet and zone.ipv6 == "denied":
            yield Breach(f"zone/{name}", "the extranet as a whole carries no IPv6", "ipv6", (), CURE)
    for number, key in enumerate(net.nodes):
        if net.zones[number] in extranet and not net.families[number] & V6:
            yield Breach(key, "a node of the extranet without an IPv6 address", "loopback6", (), CURE)
    for edge in net.edges:
        if net.zones[edge.a] in extranet and net.zones[edge.b] in extranet and not edge.families & V6:
            yield Breach(edge.entry, "a link of the extranet without an IPv6 prefix", "ipv6", (), CURE)
    for name, network in case.catalogue.all(Network).items():
        if case.crossings.zone_of_network(name) in extranet and not network.ipv6:
            message = "a network of the extranet without an IPv6 prefix"
            yield Breach(f"network/{name}", message, "ipv6", (), CURE)
    machines = [(f"server/{n}", s.network, s.ipv6) for n, s in case.catalogue.all(Server).items()]
    machines += [(f"instance/{n}", i.network, i.ipv6) for n, i in case.catalogue.all(Instance).items()]
    for key, on, address in machines:
        if case.crossings.zone_of_network(on) in extranet and not address:
            yield Breach(key, "a machine on the extranet without an IPv6 address", "ipv6", (), CURE)
    for name, circuit in case.catalogue.all(Circuit).items():
        if circuit.zone in extranet and circuit.status in CARRYING and circuit.ipv6 != "confirmed":
            word = "carries no IPv6" if circuit.ipv6 == "denied" else "nobody says that it carries IPv6"
            yield Breach(f"circuit/{name}", f"a circuit of the extranet: {word}", "ipv6", (), CURE)
