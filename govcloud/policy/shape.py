"""Faults of the net's own description that no document speaks of: two sides that do not fit."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.lines import Circuit
from ..model.network import Interface, Link, Node
from .base import Breach, Case
from .registry import rule

ITSELF = "the ledger: the two ends of one thing"


@rule(
    "net-ends",
    "deny",
    *("interface.device", "interface.port", "interface.mtu", "interface.vrf", "interface.speed_mbps"),
    *("interface.enabled", "link.a", "link.b", "link.a_interface", "link.b_interface", "link.bandwidth_mbps"),
    sentence="link: its two ends differ in MTU, routing table or state, or are slower than it → deny",
    source=ITSELF,
)
def ends_of_a_link_fit(case: Case) -> Iterator[Breach]:
    """The two ends of a link agree in what must be equal, and can do what the link says."""
    ports = {(p.device, p.port): (n, p) for n, p in case.catalogue.all(Interface).items()}
    if not ports:
        return
    for name, link in case.catalogue.all(Link).items():
        ends = (
            ports.get((f"node/{link.a}", link.a_interface)),
            ports.get((f"node/{link.b}", link.b_interface)),
        )
        for one in ends:
            if one and one[1].speed_mbps and one[1].speed_mbps < link.bandwidth_mbps:
                message = f"carries {link.bandwidth_mbps:g} Mbit/s over a port of {one[1].speed_mbps:g}: "
                message += f"interface/{one[0]}"
                yield Breach(f"link/{name}", message, "bandwidth_mbps", (), "the lower of the two", "flag")
        a, b = ends
        if a is None or b is None:
            continue
        fields = (("mtu", "MTU"), ("vrf", "routing table"), ("enabled", "state"))
        for field, word in fields:
            left, right = getattr(a[1], field), getattr(b[1], field)
            # A port that is in no named table is in the main one.
            if left != right:
                message = f"its ends differ in {word}: {_said(left)} at {link.a}, {_said(right)} at {link.b}"
                cure = f"the same `{field}` in interface/{a[0]} and interface/{b[0]}"
                yield Breach(f"interface/{b[0]}", message, field, (f"link/{name}",), cure)
        if a[1].speed_mbps and b[1].speed_mbps and a[1].speed_mbps != b[1].speed_mbps:
            message = f"its ends differ in speed: {a[1].speed_mbps:g} at {link.a}, "
            message += f"{b[1].speed_mbps:g} Mbit/s at {link.b}"
            cure = f"the same `speed_mbps` in interface/{a[0]} and interface/{b[0]}"
            yield Breach(f"interface/{b[0]}", message, "speed_mbps", (f"link/{name}",), cure, "flag")


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "up" if value else "shut down"
    return str(value) or "the main one"


@rule(
    "net-backing",
    "flag",
    *("circuit.backs_up", "circuit.line"),
    sentence="circuit: stands in for one that does not stand in for it, or is of the same line → flag",
    source=ITSELF,
)
def backing_up_is_mutual(case: Case) -> Iterator[Breach]:
    """Circuits that back each other up say so of each other."""
    circuits = case.catalogue.all(Circuit)
    for name, circuit in circuits.items():
        other = circuits.get(circuit.backs_up)
        if other is None:
            continue
        if circuit.backs_up == name:
            yield Breach(f"circuit/{name}", "backs itself up", "backs_up", (), "name another circuit", "deny")
        elif other.backs_up != name:
            says = f"backs up circuit/{other.backs_up}" if other.backs_up else "backs up none"
            message = f"backs up circuit/{circuit.backs_up}, which {says}"
            cure = f"`backs_up: {name}` in circuit/{circuit.backs_up}"
            yield Breach(f"circuit/{name}", message, "backs_up", (), cure)


@rule(
    "net-zones",
    "deny",
    *("link.a", "link.b", "node.zone", "zone.within", "boundary.nodes", "boundary.zone", "exchange.site"),
    sentence="link: joins nodes of different zones where no boundary or exchange is declared → deny",
    source="GB/T 22239-2019: access control between zones",
)
def zones_touch_at_boundaries(case: Case) -> Iterator[Breach]:
    """A link between zones stands on a declared boundary or exchange."""
    nodes = case.catalogue.all(Node)
    for a, b, entry in case.crossings.touching():
        zones = [nodes[v.removeprefix("node/")].zone for v in (a, b)]
        message = f"joins zone/{zones[0]} and zone/{zones[1]}, and no boundary or exchange is declared there"
        cure = "a boundary that names one of the two nodes and both zones, or an exchange at its site"
        yield Breach(entry, message, "a", (a, entry, b), cure)


@rule(
    "net-platform",
    "flag",
    *("node.vendor", "node.platform"),
    sentence="node: made by somebody whose devices nobody here knows, or runs another's system → flag",
    source="profile/vendors",
)
def vendors_are_known(case: Case) -> Iterator[Breach]:
    """A node's vendor is one whose devices can be configured, and its platform is that vendor's."""
    known = {str(k).lower(): str(v) for k, v in case.values("vendors").items()}
    for name, node in case.catalogue.all(Node).items():
        if not node.vendor:
            continue
        platform = known.get(node.vendor.lower())
        if platform is None:
            message = f"nobody knows how to configure devices of {node.vendor}"
            cure = f"`platform` decides; known: {', '.join(dict.fromkeys(known))}; more in profile/vendors"
            yield Breach(f"node/{name}", message, "vendor", (), cure)
        elif platform != node.platform:
            message = f"is made by {node.vendor}, whose devices run {platform}, and says {node.platform}"
            yield Breach(f"node/{name}", message, "platform", (), f"`platform: {platform}`, if so", "deny")
