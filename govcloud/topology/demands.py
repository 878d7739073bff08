"""Who wants to reach whom: machines at their routers, flows and protections between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from ..model.application import Endpoint
from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.network import Flow, Network
from ..model.recovery import Protection
from .net import Family, Net, Plane

# What belongs on the video line (N-16: 001:L240); everything else is on the data line.
ON_VIDEO = frozenset({"video_conference", "video_surveillance", "backup"})


class Demand(msgspec.Struct, frozen=True):
    """Traffic from one router to another. ``start``, ``goal``: who really talks, as ``kind/name``.

    ``a``, ``b``: numbers of their routers; ``plane``: the line it belongs on; ``mbps``: what it needs in
    each direction, 0 where nobody says.
    """

    subject: str
    start: str
    goal: str
    a: int
    b: int
    families: tuple[Family, ...]
    plane: Plane
    mbps: float = 0


class Hung(msgspec.Struct, frozen=True):
    """A network or machine behind a router (a number), with the families it has addresses of."""

    key: str
    kind: Literal["network", "server", "instance"]
    node: int
    families: tuple[Family, ...]


def behind(catalogue: Catalogue, net: Net) -> dict[str, Hung]:
    """Networks, servers and instances that hang on routers of the net, by ``kind/name``."""
    networks = catalogue.all(Network)
    out: dict[str, Hung] = {}
    for name, network in networks.items():
        number = net.index.get(f"node/{network.gateway}")
        if number is not None:
            key = f"network/{name}"
            out[key] = Hung(key, "network", number, _families(network.ipv4, network.ipv6))
    machines: list[tuple[Literal["server", "instance"], str, Server | Instance]] = [
        *(("server", name, server) for name, server in catalogue.all(Server).items()),
        *(("instance", name, instance) for name, instance in catalogue.all(Instance).items()),
    ]
    for kind, name, machine in machines:
        lan = out.get(f"network/{machine.network}")
        if lan is not None:
            key = f"{kind}/{name}"
            # An address without a prefix of its family in the network is on no interface.
            own = tuple(f for f in _families(machine.ipv4, machine.ipv6) if f in lan.families)
            out[key] = Hung(key, kind, lan.node, own)
    return out


def demands(catalogue: Catalogue, net: Net) -> list[Demand]:
    """Flows, then copies of protections, each sorted by name, of which both ends are in the net."""
    return [*_flows(catalogue, net), *_copies(catalogue, net)]


def _flows(catalogue: Catalogue, net: Net) -> Iterator[Demand]:
    hung = behind(catalogue, net)
    for name, flow in sorted(catalogue.all(Flow).items()):
        endpoint = catalogue.find("endpoint", flow.endpoint)
        goal = f"instance/{endpoint.instance}" if isinstance(endpoint, Endpoint) else ""
        ends = _end(flow.start, hung, net), _end(goal, hung, net)
        if ends[0] is None or ends[1] is None:
            continue
        families = tuple(sorted(set(flow.ip_versions) & set(ends[0][1]) & set(ends[1][1])))
        plane: Plane = "video" if flow.content in ON_VIDEO else "data"
        yield Demand(
            f"flow/{name}", flow.start, goal, ends[0][0], ends[1][0], families, plane, flow.bandwidth_mbps
        )


def _copies(catalogue: Catalogue, net: Net) -> Iterator[Demand]:
    hung = behind(catalogue, net)
    for name, protection in sorted(catalogue.all(Protection).items()):
        start, goal = f"instance/{protection.standby}", f"instance/{protection.primary}"
        ends = _end(start, hung, net), _end(goal, hung, net)
        if ends[0] is None or ends[1] is None:
            continue
        families = tuple(sorted(set(ends[0][1]) & set(ends[1][1])))
        yield Demand(f"protection/{name}", start, goal, ends[0][0], ends[1][0], families, "video")


def _end(key: str, hung: dict[str, Hung], net: Net) -> tuple[int, tuple[Family, ...]] | None:
    if key in net.index:
        # A router speaks with its links' addresses, whatever its loopback has.
        return net.index[key], (4, 6)
    found = hung.get(key)
    return None if found is None else (found.node, found.families)


def _families(ipv4: str, ipv6: str) -> tuple[Family, ...]:
    families: list[Family] = []
    if ipv4:
        families.append(4)
    if ipv6:
        families.append(6)
    return tuple(families)
