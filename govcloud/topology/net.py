"""Nodes, edges and places of a catalogue, read once into flat lists that every graph is made from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec

from ..model.catalogue import Catalogue
from ..model.cloud import Cloud
from ..model.datacentre import Rack, Room, Server, Site
from ..model.lines import Circuit, Exit
from ..model.network import Interface, Link, Network, Node, Zone
from ..model.organisation import Region

if TYPE_CHECKING:
    from .cuts import Cuts
    from .views import View

Plane = Literal["data", "video"]
Family = Literal[4, 6]
# The two lines of 一网两线 and the two versions of IP, as bits.
DATA, VIDEO = 1, 2
V4, V6 = 1, 2
PLANES: Mapping[str, int] = {"data": DATA, "video": VIDEO, "both": DATA | VIDEO, "other": 0}
# What a circuit must be to carry anything.
CARRYING = frozenset({"running", "rebuilding"})


class Edge(msgspec.Struct, frozen=True, gc=False):
    """A link between two nodes. ``a``, ``b``: numbers of ``Net.nodes``; ``planes``, ``families``: bits."""

    entry: str
    a: int
    b: int
    planes: int
    families: int
    cost: int
    bandwidth_mbps: float
    delay_ms: float
    carrier: str
    ducts: tuple[str, ...]
    circuit: str


class Hanging(msgspec.Struct, frozen=True, gc=False):
    """What a place hangs on: a node's number, and by what.

    ``entry``: ``circuit/NAME``, ``network/NAME`` or the node's own ``node/NAME``. ``own``: the node is the
    place's own (it stands there, or routes its network), so that its failure is the place's own.
    """

    node: int
    entry: str
    planes: int
    families: int
    own: bool


class Place(msgspec.Struct, frozen=True, gc=False):
    """Somewhere to be reached. ``key``: ``site/NAME`` and so on; ``sort``: the site's role, the region's
    level; ``circuits``: names of all circuits to it, also of those that name no node."""

    key: str
    sort: str
    hangs: tuple[Hanging, ...]
    circuits: tuple[str, ...]

    def by(self, planes: int, families: int) -> list[Hanging]:
        """What it hangs on by any of these planes and of these families (0: whichever)."""
        return [
            h
            for h in self.hangs
            if (not planes or h.planes & planes) and (not families or h.families & families)
        ]


class Net:
    """The whole net. Everything is by number or key; nothing is changed after it was read."""

    def __init__(
        self,
        nodes: Mapping[str, Node],
        edges: list[Edge],
        places: Callable[[], dict[str, Place]],
        roles: Mapping[str, str],
    ) -> None:
        self.nodes = [f"node/{name}" for name in nodes]
        self.zones = [node.zone for node in nodes.values()]
        self.regions = [node.region for node in nodes.values()]
        # Families of addresses that each node has of its own, as bits.
        self.families = [_own(node) for node in nodes.values()]
        # Roles of zones by name: intranet, extranet, internet, private.
        self.roles = roles
        self.index = {key: number for number, key in enumerate(self.nodes)}
        self.roots = [n for n, node in enumerate(nodes.values()) if node.role == "core"]
        self.edges = edges
        self.edge_index = {edge.entry: number for number, edge in enumerate(edges)}
        self._read_places = places
        self._groups: dict[str, list[int]] | None = None
        self._between: dict[tuple[int, int], list[int]] | None = None
        self._views: dict[tuple[object, ...], View] = {}
        self._cuts: dict[tuple[str, frozenset[str] | None], Cuts] = {}

    @classmethod
    def of(cls, catalogue: Catalogue) -> Net:
        """Read a catalogue. Left out are links that carry nothing: without two ends (``source`` tells of it),
        on a circuit that is not in service, or with a port that is shut down."""
        nodes = catalogue.all(Node)
        number = {name: n for n, name in enumerate(nodes)}
        idle = {n for n, circuit in catalogue.all(Circuit).items() if circuit.status not in CARRYING}
        shut = {(i.device, i.port) for i in catalogue.all(Interface).values() if not i.enabled}
        edges = []
        for name, link in catalogue.all(Link).items():
            a, b = number.get(link.a), number.get(link.b)
            if a is None or b is None or a == b or link.circuit in idle:
                continue
            if shut and {(f"node/{link.a}", link.a_interface), (f"node/{link.b}", link.b_interface)} & shut:
                continue
            families = (V4 if link.ipv4 else 0) | (V6 if link.ipv6 else 0)
            planes = PLANES[link.plane]
            edges.append(
                Edge(
                    f"link/{name}",
                    a,
                    b,
                    planes,
                    families,
                    link.cost,
                    link.bandwidth_mbps,
                    link.delay_ms,
                    link.carrier,
                    tuple(link.path),
                    link.circuit,
                )
            )
        roles = {name: zone.role for name, zone in catalogue.all(Zone).items()}
        return cls(nodes, edges, lambda: _places(catalogue, number), roles)

    @cached_property
    def places(self) -> dict[str, Place]:
        """Where people work, by key; read when first asked for."""
        return self._read_places()

    @cached_property
    def lines(self) -> frozenset[str]:
        """Circuits that some place hangs on, as keys."""
        return frozenset(f"circuit/{name}" for place in self.places.values() for name in place.circuits)

    @property
    def groups(self) -> Mapping[str, list[int]]:
        """Numbers of the edges that fail together, by ``duct/NAME``, ``circuit/NAME``, ``carrier/NAME``."""
        if self._groups is None:
            self._groups = {}
            for number, edge in enumerate(self.edges):
                keys = [f"duct/{duct}" for duct in dict.fromkeys(edge.ducts)]
                keys += [f"circuit/{edge.circuit}"] if edge.circuit else []
                keys += [f"carrier/{edge.carrier}"] if edge.carrier else []
                for key in keys:
                    self._groups.setdefault(key, []).append(number)
        return self._groups

    def between(self, a: int, b: int) -> Sequence[int]:
        """Numbers of the edges that join two nodes directly."""
        if self._between is None:
            self._between = {}
            for number, edge in enumerate(self.edges):
                self._between.setdefault((min(edge.a, edge.b), max(edge.a, edge.b)), []).append(number)
        return self._between.get((min(a, b), max(a, b)), ())

    def role_of(self, node: int) -> str:
        """The role of a node's zone; empty where the zone is not known."""
        return self.roles.get(self.zones[node], "")

    def carrying(self, plane: Plane | None, family: Family | None) -> tuple[int, int]:
        """Plane and family as bits, 0 for any."""
        return (PLANES[plane] if plane else 0), {None: 0, 4: V4, 6: V6}[family]

    def view(
        self,
        plane: Plane | None = None,
        family: Family | None = None,
        *,
        cut: Iterable[str] = (),
        zones: Collection[str] | None = None,
    ) -> View:
        """The net as one plane and family sees it (None: any), without what is cut, in some zones alone.

        ``cut``: entries and groups: ``link/x``, ``node/y``, ``circuit/z``, ``duct/d``, ``carrier/c``. Raises
        ``KeyError`` with the name of one that is not in the net. A view without a cut is made once.
        """
        from .views import View

        gone, within = frozenset(cut), None if zones is None else frozenset(zones)
        if gone:
            return View(self, plane, family, gone, within)
        key = (plane, family, within)
        if key not in self._views:
            self._views[key] = View(self, plane, family, gone, within)
        return self._views[key]

    def cuts(self, plane: Plane | None = None, *, zones: Collection[str] | None = None) -> Cuts:
        """Who is cut off by what alone; worked out once for each plane and set of zones."""
        from .cuts import Cuts

        key = (plane or "", None if zones is None else frozenset(zones))
        if key not in self._cuts:
            self._cuts[key] = Cuts(self.view(plane, zones=zones))
        return self._cuts[key]

    def lost(self, cut: Iterable[str], plane: Plane | None = None, family: Family | None = None) -> list[str]:
        """Places that a core node reaches now and would not without these, sorted. Raises ``KeyError``."""
        before, after = self.view(plane, family), self.view(plane, family, cut=cut)
        return [key for key in sorted(self.places) if before.serves(key) and not after.serves(key)]


def _own(node: Node) -> int:
    return (V4 if node.loopback4 else 0) | (V6 if node.loopback6 else 0)


def _places(catalogue: Catalogue, number: Mapping[str, int]) -> dict[str, Place]:
    hangs: dict[str, list[Hanging]] = {}
    circuits: dict[str, list[str]] = {}
    both = DATA | VIDEO
    for name, node in catalogue.all(Node).items():
        own = Hanging(number[name], f"node/{name}", both, _own(node), True)
        for key in (f"region/{node.region}", f"site/{node.site}" if node.site else ""):
            if key:
                hangs.setdefault(key, []).append(own)
    for site, name in _lans(catalogue):
        network = catalogue.get(Network, name)
        if network.gateway in number:
            families = (V4 if network.ipv4 else 0) | (V6 if network.ipv6 else 0)
            lan = Hanging(number[network.gateway], f"network/{name}", both, families, True)
            hangs.setdefault(f"site/{site}", []).append(lan)
    links = {link.circuit for link in catalogue.all(Link).values() if link.circuit}
    for name, circuit in catalogue.all(Circuit).items():
        if circuit.status not in CARRYING:
            continue
        key = place_of(circuit)
        if not key:
            continue
        circuits.setdefault(key, []).append(name)
        # Where a link rides on it, the link says where it leads.
        if circuit.node in number and name not in links:
            families = V4 | (V6 if circuit.ipv6 == "confirmed" else 0)
            planes = PLANES[circuit.line]
            line = Hanging(number[circuit.node], f"circuit/{name}", planes, families, False)
            hangs.setdefault(key, []).append(line)
    for name, way in catalogue.all(Exit).items():
        if way.node in number and way.status in CARRYING:
            out = Hanging(number[way.node], f"exit/{name}", both, V4 | V6, True)
            hangs.setdefault(f"exit/{name}", []).append(out)
    places = {}
    for key in dict.fromkeys([*hangs, *circuits]):
        places[key] = Place(
            key, _sort(catalogue, key), tuple(hangs.get(key, ())), tuple(circuits.get(key, ()))
        )
    return places


def _lans(catalogue: Catalogue) -> list[tuple[str, str]]:
    """(site, network): the networks that are a site's, its cloud's, or those of the servers in its racks."""
    networks, rooms, racks = catalogue.all(Network), catalogue.all(Room), catalogue.all(Rack)
    clouds = catalogue.all(Cloud)
    found: dict[tuple[str, str], None] = {}
    for name, network in networks.items():
        cloud = clouds.get(network.cloud)
        if site := network.site or (cloud.site if cloud else ""):
            found[site, name] = None
    for server in catalogue.all(Server).values():
        rack = racks.get(server.rack)
        room = rooms.get(rack.room) if rack else None
        if room and room.site and server.network in networks:
            found[room.site, server.network] = None
    return list(found)


def place_of(circuit: Circuit) -> str:
    """The place a circuit connects: its site, else its unit, else its region; empty where none is said."""
    if circuit.site:
        return f"site/{circuit.site}"
    if circuit.unit:
        return f"unit/{circuit.unit}"
    return f"region/{circuit.region}" if circuit.region else ""


def _sort(catalogue: Catalogue, key: str) -> str:
    kind, _, name = key.partition("/")
    entry = catalogue.find(kind, name)
    if isinstance(entry, Site | Exit):
        return entry.role
    return entry.level if isinstance(entry, Region) else ""
