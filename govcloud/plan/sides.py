"""Which routers are a private network's, and which interfaces of a node look towards it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..errors import InputError, Problem
from ..model.catalogue import Catalogue
from ..model.lines import PrivateNetwork
from ..model.network import Network, Node, Vrf, Zone
from .wiring import End, built_nodes, wires

# nft has no way to write these in a name, and reads some as more than themselves: `*` stands for any end.
UNWRITABLE = frozenset("\"'{}*\\;#$")


@dataclass(frozen=True)
class Line:
    """A link that leads out of a private network, whoever declared it. ``zone``: of the outer end's node."""

    link: str
    inner: End  # at a router of the private network
    outer: End
    zone: str


def members(catalogue: Catalogue, private_network: str) -> frozenset[str]:
    """The routers of a private network, built or not; empty where there is no such network.

    They are those that it names (``nodes``), and those in its zone where that zone is nothing but
    private: a network that stands in the extranet's zone has only the routers that it names.
    """
    network = catalogue.find("private_network", private_network)
    if not isinstance(network, PrivateNetwork):
        return frozenset()
    found = set(network.nodes)
    if _private(catalogue, network.zone):
        found |= {name for name, node in catalogue.all(Node).items() if node.zone == network.zone}
    return frozenset(found)


def private_interfaces(
    catalogue: Catalogue, node: str, private_network: str, routers: Collection[str]
) -> list[str]:
    """The interfaces of a built node that look towards the private network, sorted.

    ``routers``: its members. A link looks towards the network when its other end is a member. A
    network at the edge does when the node is a member itself, or when the edge is in a domain or a
    routing table of the private network's zone or is what ``private_network.vrf`` names.
    """
    found = set()
    for wire in wires(catalogue):
        for near, far in ((wire.a, wire.b), (wire.b, wire.a)):
            if near.node == node and far.node in routers:
                found.add(near.interface)
    about = catalogue.find("private_network", private_network)
    own = about if isinstance(about, PrivateNetwork) else None
    for edge in catalogue.all(Network).values():
        if edge.gateway != node:
            continue
        if node in routers or (own is not None and set_apart(catalogue, edge, own)):
            found.add(edge.interface)
    return sorted(found)


def lines_out(catalogue: Catalogue, private_network: str, routers: Collection[str]) -> list[Line]:
    """The built links between a private network's routers and others, by name.

    ``routers``: its members. They lead to what it connects to, or to a node of another zone; a security
    domain of its own zone is no other.
    """
    own = catalogue.find("private_network", private_network)
    if not isinstance(own, PrivateNetwork) or not routers:
        return []
    nodes = built_nodes(catalogue)
    out = []
    for wire in wires(catalogue):
        for inner, outer in ((wire.a, wire.b), (wire.b, wire.a)):
            if inner.node not in routers or outer.node in routers:
                continue
            zone = nodes[outer.node].zone
            if outer.node in own.connects_to or nodes[inner.node].zone not in zones_around(catalogue, zone):
                out.append(Line(wire.name, inner, outer, zone))
    return out


def zones_around(catalogue: Catalogue, zone: str) -> list[str]:
    """A zone, and those that it is a security domain of, from the inside out."""
    out: dict[str, None] = {}
    while zone and zone not in out:
        out[zone] = None
        found = catalogue.find("zone", zone)
        zone = found.within if isinstance(found, Zone) else ""
    return list(out)


def set_apart(catalogue: Catalogue, edge: Network, own: PrivateNetwork) -> bool:
    """Whether a network at the edge of a shared router is the private network's."""
    if edge.vrf and edge.vrf == own.vrf:
        return True
    if not _private(catalogue, own.zone):
        return False
    vrf = catalogue.find("vrf", edge.vrf) if edge.vrf else None
    return edge.domain == own.zone or (isinstance(vrf, Vrf) and vrf.zone == own.zone)


def _private(catalogue: Catalogue, zone: str) -> bool:
    found = catalogue.find("zone", zone) if zone else None
    return isinstance(found, Zone) and found.role == "private"


def on_linux(catalogue: Catalogue, names: Iterable[str]) -> list[str]:
    """Those of these nodes that are built and run Linux: what nftables and TAYGA can be had on."""
    nodes = built_nodes(catalogue)
    return [n for n in dict.fromkeys(names) if n in nodes and nodes[n].platform == "linux"]


def quoted(interfaces: Iterable[str]) -> str:
    """A set of names of interfaces as nft reads it. Raises ``InputError`` for one that it cannot read."""
    names = list(interfaces)
    wrong = [name for name in names if UNWRITABLE & set(name) or not name.isprintable()]
    if wrong:
        raise InputError([Problem(f"nft cannot be told of an interface {name!r}") for name in wrong])
    return "{ " + ", ".join(f'"{name}"' for name in names) + " }"
