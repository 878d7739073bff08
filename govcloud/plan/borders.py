"""Where a private network meets the one net: apart until they are joined, and then by static routes alone.

A link between a private network's node and one that it connects to is a border. No routing protocol runs
on it, so the private network's prefixes cannot leak: the near node has routes to what the rest may see of
it and tells the others of them, the private one has a default route. What may be seen follows from what is
declared of the private network, not from whether it is joined: joining it changes no router but these two.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..errors import InputError, Problem
from ..model.application import Endpoint
from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.lines import Boundary, PrivateNetwork, Translation
from ..model.network import Flow, Network, Vrf
from .translating import embedded
from .wiring import End, IPNetwork, IPVersion, Wire, bare, built_nodes, interfaces, parse_prefix, wires

ANYWHERE: dict[IPVersion, str] = {4: "0.0.0.0/0", 6: "::/0"}
# What is done about overlaps -> which of its fields says what the rest sees.
SEEN_AS = {"none": "prefixes", "renumber": "outside", "nat": "outside", "vrf": "outside", "nat64": "outside"}
# Where the rest sees other addresses than those that machines have.
TRANSLATED = frozenset({"nat", "vrf"})
# Numbers of routing tables below are the kernel's own or taken by habit (253 to 255; /etc/iproute2).
FIRST_TABLE, LAST_TABLE = 256, 2**31 - 1


@dataclass(frozen=True)
class Border:
    """A link over which a private network is joined, seen from both sides."""

    private_network: str
    wire: str
    near: End  # the one net's end
    far: End  # the private network's end


@dataclass
class Routed:
    """What borders bring to one router's routing.

    ``static``: (prefix, via); ``exports``: prefixes that it tells its neighbours of where it has routes to
    them; ``default``: it tells them of its default route; ``tables``: routing tables of their own.
    """

    static: list[tuple[str, str]] = field(default_factory=list)
    exports: list[str] = field(default_factory=list)
    default: bool = False
    tables: list[dict[str, Any]] = field(default_factory=list)

    def spoken(self) -> dict[str, Any]:
        """What its routing daemons say to their neighbours, for the templates of the role `routing`."""
        return {"exports": self.exports, "default": self.default}


class Borders:
    """Every private network's borders of a catalogue, each question answered once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.networks = dict(sorted(catalogue.all(PrivateNetwork).items()))
        self._member = {node: name for name, own in self.networks.items() for node in own.nodes}

    @cached_property
    def all(self) -> list[Border]:
        """The borders that are built, by link."""
        found = (self._border(wire) for wire in (wires(self._catalogue) if self._member else ()))
        return [border for border in found if border is not None]

    def _border(self, wire: Wire) -> Border | None:
        for far, near in ((wire.a, wire.b), (wire.b, wire.a)):
            name = self._member.get(far.node, "")
            if name and near.node in self.networks[name].connects_to:
                return Border(name, wire.name, near, far)
        return None

    @cached_property
    def wires(self) -> frozenset[str]:
        """Names of the links that are borders."""
        return frozenset(border.wire for border in self.all)

    @cached_property
    def interfaces(self) -> frozenset[tuple[str, str]]:
        """(node, interface) of both ends of every border."""
        return frozenset((end.node, end.interface) for b in self.all for end in (b.near, b.far))

    @cached_property
    def joined(self) -> frozenset[str]:
        """Private networks that have a border."""
        return frozenset(border.private_network for border in self.all)

    def home(self, host: str) -> str:
        """The private network that ``kind/name`` stands in; empty where in none."""
        kind, _, name = host.partition("/")
        if kind == "node":
            return self._member.get(name, "")
        entry = self._catalogue.find(kind, name)
        plugged = entry.network if isinstance(entry, (Server, Instance)) else ""
        return self._member.get(self._catalogue.get(Network, plugged).gateway, "") if plugged else ""

    def seen(self, host: str, address: str, viewer: str = "") -> str:
        """The bare address under which ``viewer`` (``kind/name``; empty: the one net) reaches a host."""
        name = self.home(host)
        if not name or not address or self.home(viewer) == name:
            return address
        return translate(self.networks[name], address)

    def seen_of_router(self, router: str, addresses: list[str], viewer: str) -> list[str]:
        """Under which bare addresses ``viewer`` may hear from a router, of all that it has.

        Of another private network's router these are those that the rest sees: it may have one of ours too.
        """
        name = self.home(f"node/{router}")
        if not name or self.home(viewer) == name:
            return addresses
        own = self.networks[name]
        shown = [parse_prefix(p, f"private_network/{name}") for p in (*visible(own), *own.transit)]
        seen = [translate(own, address) for address in addresses]
        return [a for a in seen if any(ipaddress.ip_address(a) in prefix for prefix in shown)]

    @cached_property
    def waiting(self) -> frozenset[str]:
        """Flows that cross the boundary of a private network which is not joined: not due yet."""
        drawn = self._catalogue.all(Boundary).values()
        return frozenset(f for b in drawn if b.private_network not in self.joined for f in b.flows)

    def by_nat64(self, flow: Flow) -> str:
        """The IPv6 address by which a flow's start reaches an endpoint with IPv4 alone; "" where not so."""
        name = self._catalogue.get(Endpoint, flow.endpoint).instance
        goal = self._catalogue.get(Instance, name)
        if 6 not in flow.ip_versions or goal.ipv6:
            return ""
        return self.mapped(flow.start, f"instance/{name}", bare(goal.ipv4))

    def mapped(self, start: str, goal: str, ipv4: str) -> str:
        """The IPv6 address that the NAT64 of where ``start`` stands has for a machine; "" without one."""
        home = self.home(start)
        for one in self._catalogue.all(Translation).values() if home and ipv4 else ():
            if one.type == "nat64" and one.private_network == home:
                prefix = parse_prefix(one.inside, f"private_network/{home}")
                return embedded(prefix, self.seen(goal, ipv4, start))
        return ""

    def crossing(self, name: str) -> dict[str, Flow]:
        """The declared flows across the boundaries of a private network."""
        names = {
            f for b in self._catalogue.all(Boundary).values() if b.private_network == name for f in b.flows
        }
        flows = self._catalogue.all(Flow)
        return {flow: flows[flow] for flow in sorted(names & flows.keys())}

    def routed(self, resolvers: Iterable[str]) -> dict[str, Routed]:
        """By router, what borders bring to it. ``resolvers``: addresses of the name servers.

        Raises ``InputError`` where a routing table of its own has no number.
        """
        nodes = built_nodes(self._catalogue)
        out: dict[str, Routed] = {}
        for own in self.networks.values():
            for node in own.connects_to:
                if node in nodes:
                    shown = [*visible(own), *own.transit]
                    out.setdefault(node, Routed()).exports += [p for p in shown if p]
            for node in own.nodes if own.connects_to else ():
                if node in nodes:
                    out.setdefault(node, Routed()).default = True
        for border in self.all:
            own = self.networks[border.private_network]
            near, far = out[border.near.node], out[border.far.node]
            for version in (4, 6):
                if via := border.near.address(version):
                    far.static.append((ANYWHERE[version], via))
            for prefix in visible(own):
                if via := border.far.address(_version(prefix)):
                    near.static.append((prefix, via))
            if own.overlap == "vrf":
                near.tables.append(self._table(border, own, resolvers))
        for routed in out.values():
            routed.static = _once(routed.static)
            routed.exports = sorted(set(routed.exports), key=_sortable)
        return out

    def _table(self, border: Border, own: PrivateNetwork, resolvers: Iterable[str]) -> dict[str, Any]:
        """What comes in over the border is looked up here alone: only what its flows need is let on.

        ``throw`` goes on to the main table, ``unreachable`` ends the search.
        """
        flows = self.crossing(border.private_network).values()
        throw = {prefix for flow in flows for prefix in self._far_prefixes(border.private_network, flow)}
        throw |= {str(ipaddress.ip_network(address)) for address in resolvers} if throw else set()
        routes = [{"prefix": p, "type": "throw"} for p in sorted(throw, key=_sortable)]
        # Between its own parts it keeps the addresses that it has.
        for other in self.all:
            if other.private_network == border.private_network and other.near.node == border.near.node:
                routes += self._own_part(other) if other is not border else []
        routes += [{"prefix": ANYWHERE[version], "type": "unreachable"} for version in (4, 6)]
        number = table_number(self._catalogue, border.private_network)
        return {"table": number, "interfaces": [border.near.interface], "routes": routes}

    def _own_part(self, border: Border) -> list[dict[str, str]]:
        behind = [n for n in self._catalogue.all(Network).values() if n.gateway == border.far.node]
        prefixes = sorted({p for n in behind for p in (n.ipv4, n.ipv6) if p}, key=_sortable)
        return [{"prefix": p, "via": v} for p in prefixes if (v := border.far.address(_version(p)))]

    def _far_prefixes(self, name: str, flow: Flow) -> set[str]:
        """The addresses of the other end of a flow, as they are seen from here, each as a prefix."""
        goal = f"instance/{self._catalogue.get(Endpoint, flow.endpoint).instance}"
        far, near = (goal, flow.start) if self.home(flow.start) == name else (flow.start, goal)
        if self.home(far) == name:
            return set()
        out = {
            str(ipaddress.ip_network(self.seen(far, bare(address), near)))
            for address in self._addresses.get(far.partition("/")[2], ())
            if ipaddress.ip_address(bare(address)).version in flow.ip_versions
        }
        mapped = self.by_nat64(flow) if far == goal else ""
        return out | ({str(ipaddress.ip_network(mapped))} if mapped else set())

    @cached_property
    def _addresses(self) -> dict[str, list[str]]:
        out: dict[str, list[str]] = {}
        for host, _interface, found in interfaces(self._catalogue):
            out.setdefault(host, []).extend(found)
        return out


def visible(network: PrivateNetwork) -> list[str]:
    """The prefixes under which the rest reaches a private network; none while nothing is decided."""
    return list(getattr(network, SEEN_AS[network.overlap])) if network.overlap in SEEN_AS else []


def translate(network: PrivateNetwork, address: str) -> str:
    """What the rest sees in place of a bare address; the address itself where nothing is translated."""
    if network.overlap not in TRANSLATED:
        return address
    own = ipaddress.ip_address(address)
    for inside, outside in zip(network.prefixes, network.outside, strict=False):
        before, after = parse_prefix(inside, "prefixes"), parse_prefix(outside, "outside")
        if own in before and before.version == after.version and before.prefixlen == after.prefixlen:
            return str(after[int(own) - int(before.network_address)])
    return address


def table_number(catalogue: Catalogue, name: str) -> int:
    """The number of a private network's routing table: the last part of its VRF's distinguisher.

    Raises ``InputError`` where it has no VRF, or that has no number that a table can have.
    """
    own = catalogue.get(PrivateNetwork, name)
    vrf = catalogue.find("vrf", own.vrf) if own.vrf else None
    number = int(vrf.rd.rpartition(":")[2]) if isinstance(vrf, Vrf) and vrf.rd else 0
    if not FIRST_TABLE <= number <= LAST_TABLE:
        what = f"vrf/{own.vrf}: `rd`" if own.vrf else f"private_network/{name}: `vrf`"
        raise InputError(
            [Problem(f"{what}: a routing table of its own needs a number from {FIRST_TABLE} on")],
            hint="a `vrf` with an `rd` such as 65001:1010, named by the private network; the part behind the "
            "colon is the table's number",
        )
    return number


def export_owners(borders: Borders) -> Mapping[str, list[str]]:
    """Routers that stand for prefixes which borders bring, by prefix, for routes that are worked out."""
    out: dict[str, list[str]] = {}
    for name, own in borders.networks.items():
        for prefix in (*visible(own), *own.transit):
            owners = out.setdefault(str(parse_prefix(prefix, f"private_network/{name}")), [])
            owners += [node for node in own.connects_to if node not in owners]
    return out


def _once(routes: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """One route a prefix, the first one's: by the first link."""
    out: dict[str, str] = {}
    for prefix, via in routes:
        out.setdefault(prefix, via)
    return sorted(out.items(), key=lambda item: _sortable(item[0]))


def _sortable(prefix: str) -> tuple[int, int, int]:
    network: IPNetwork = parse_prefix(prefix, "border")
    return network.version, int(network.network_address), network.prefixlen


def _version(prefix: str) -> IPVersion:
    return 6 if ":" in prefix else 4
