"""From entries to the objects that should exist: pure, one small function a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..model.base import Entry
from ..model.catalogue import Catalogue
from ..model.cloud import Cloud, Flavor, Instance, Project
from ..model.datacentre import Rack, Room, Server, Site
from ..model.network import Link, Network, Node
from ..model.policy import Target
from .stages import Resource

Domain = str  # "network", "datacentre", "cloud" or "recovery": one Pulumi program each

DOMAINS: tuple[Domain, ...] = ("network", "datacentre", "cloud", "recovery")


@dataclass(frozen=True)
class Draft:
    """An object before its identity is known. Values in ``refs`` are (kind, name) of entries."""

    type: str
    target: str
    domain: Domain
    values: dict[str, Any]
    refs: dict[str, tuple[str, str]]


def _at_recovery(catalogue: Catalogue, site: str) -> bool:
    return bool(site) and catalogue.get(Site, site).role == "recovery"


def _built_at(catalogue: Catalogue, node: str) -> str:
    """The target that builds a node; empty where nobody does: devices behind SSH are there already."""
    name = catalogue.get(Node, node).target
    target = catalogue.find("target", name) if name else None
    return "" if isinstance(target, Target) and target.driver == "ssh" else name


def _node(catalogue: Catalogue, name: str, node: Node) -> Draft | None:
    if not _built_at(catalogue, name):
        return None
    return Draft("Node", node.target, "network", {"name": name, "role": node.role}, {})


def _link(catalogue: Catalogue, name: str, link: Link) -> Draft | None:
    target = _built_at(catalogue, link.a)
    if not target or target != _built_at(catalogue, link.b):
        return None
    values = {
        "name": name,
        "a_interface": link.a_interface,
        "b_interface": link.b_interface,
        "bandwidth_mbps": link.bandwidth_mbps,
        "delay_ms": link.delay_ms,
    }
    return Draft("Link", target, "network", values, {"a": ("node", link.a), "b": ("node", link.b)})


def _network(catalogue: Catalogue, name: str, network: Network) -> Draft | None:
    target = _built_at(catalogue, network.gateway)
    if not target:
        return None
    if network.cloud:
        site, domain = catalogue.get(Cloud, network.cloud).site, "cloud"
    else:
        site, domain = network.site, "datacentre"
    if _at_recovery(catalogue, site):
        domain = "recovery"
    return Draft(
        "Network",
        target,
        domain,
        {"name": name, "interface": network.interface},
        {"gateway": ("node", network.gateway)},
    )


def _server(catalogue: Catalogue, name: str, server: Server) -> Draft | None:
    if not server.target or not server.network:
        return None
    site = catalogue.get(Room, catalogue.get(Rack, server.rack).room).site
    domain = "recovery" if _at_recovery(catalogue, site) else "datacentre"
    return Draft("Server", server.target, domain, {"name": name}, {"network": ("network", server.network)})


def _instance(catalogue: Catalogue, name: str, instance: Instance) -> Draft | None:
    cloud = catalogue.get(Cloud, catalogue.get(Project, instance.project).cloud)
    if not cloud.target or instance.stopped:
        return None
    flavor = catalogue.get(Flavor, instance.flavor)
    values = {
        "name": name,
        "image": instance.image,
        "vcpus": flavor.vcpus,
        "memory_mib": flavor.memory_mib,
    }
    domain = "recovery" if _at_recovery(catalogue, cloud.site) else "cloud"
    return Draft("Instance", cloud.target, domain, values, {"network": ("network", instance.network)})


# In the order in which they refer to each other, so that one pass settles every identity.
BUILDERS: dict[str, Callable[[Catalogue, str, Any], Draft | None]] = {
    "node": _node,
    "link": _link,
    "network": _network,
    "server": _server,
    "instance": _instance,
}


def drafts(catalogue: Catalogue) -> dict[tuple[str, str], Draft]:
    """The objects that the entries call for, by (kind, name), referred-to before referring."""
    out: dict[tuple[str, str], Draft] = {}
    for kind, build in BUILDERS.items():
        table: Mapping[str, Entry] = catalogue.table(kind)
        for name in sorted(table):
            draft = build(catalogue, name, table[name])
            if draft is not None:
                out[kind, name] = draft
    return out


def settle(
    draft: Draft, subject: str, uid: str, incarnation: int, ids: Mapping[tuple[str, str], str]
) -> Resource:
    """A draft with its identity, its references turned into object ids.

    ``ids``: object id by (kind, name); raises ``KeyError`` where a referred object is not built.
    """
    inputs = dict(draft.values)
    for field, key in draft.refs.items():
        inputs[field] = ids[key]
    return Resource(draft.type, uid, incarnation, subject, draft.target, inputs)
