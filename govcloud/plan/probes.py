"""What is to be measured, from the flows and protections of the ledger: plain data for ``run.measure``.

Every probe holds the way that its traffic is to take. One that arrives by another way has failed, so
cutting any link of the way makes each of its probes fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from ..canonical import digest
from ..model.application import Application, Endpoint
from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.lines import Boundary, Translation
from ..model.network import Flow
from ..model.recovery import Protection
from .borders import Borders
from .hosts import content_of, resolvers, service_name
from .routes import path_between, router_of
from .tls import shown
from .translating import Seen, embedded
from .wiring import IPVersion, bare, built_instances, built_nodes, interfaces

ProbeKind = Literal["reach", "dns", "http", "copy"]

# Where a standby keeps its copies (playbooks: govcloud_root, and the role standby).
COPIES = "/run/govcloud/data"


class ProbeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement: what, from where, over which version of IP, and the way it must take."""

    name: str  # unique: entry/kind/version, e.g. `village-haiyiban/http/6`
    subject: str  # the entry that it proves: flow/x or protection/x
    kind: ProbeKind
    source: str  # the host that measures
    target: str  # the domain name of the service, or the host that is copied from
    ip_version: IPVersion
    path: list[str]  # routers after the source, in order
    # For run.measure: `address` of the target's machine and its name `host`, `hops` as [router, its
    # addresses], and what the kind needs: reach count; dns and http servers, expect; copy url, file, rpo_s.
    args: dict[str, Any]


def spec_digest(spec: ProbeSpec) -> str:
    """Digest of what is measured and how: a figure proves this and nothing else."""
    return digest(msgspec.to_builtins(spec))


def probes(catalogue: Catalogue) -> list[ProbeSpec]:
    """Every probe of the flows, then of the protections, sorted by name within each.

    A flow without a path is held to the one that the links' costs give, and so is a copy. A flow across the
    boundary of a private network that is not joined yet is not due.
    """
    flows, protections = catalogue.all(Flow), catalogue.all(Protection)
    if not flows and not protections:
        return []
    addresses: dict[str, list[str]] = {}
    # Host by host: two private networks may have the same addresses.
    for host, _interface, found in interfaces(catalogue):
        addresses.setdefault(host, []).extend(bare(address) for address in found)
    servers = resolvers(catalogue)
    borders = Borders(catalogue)
    kept = {flow for boundary in catalogue.all(Boundary).values() for flow in boundary.flows}
    out: list[ProbeSpec] = []
    for name, flow in sorted(flows.items()):
        # Of what is stopped nobody gets an answer.
        if name not in borders.waiting and not _stopped(catalogue, flow):
            for spec in _of_flow(catalogue, name, flow, servers, addresses, borders):
                if name in kept and "reach" not in flow.measures:
                    # A boundary lets no echo pass that is not declared, and a way is followed by echoes.
                    spec.args["trace"] = False
                out.append(spec)
    for name, protection in sorted(protections.items()):
        ends = (protection.primary, protection.standby)
        if not any(catalogue.get(Instance, end).stopped for end in ends):
            out.extend(_of_protection(catalogue, name, protection, addresses))
    return out


def _stopped(catalogue: Catalogue, flow: Flow) -> bool:
    """Whether an end of a flow is a machine that is stopped."""
    kind, _, name = flow.start.partition("/")
    ends = [catalogue.get(Endpoint, flow.endpoint).instance, *([name] if kind == "instance" else [])]
    return any(catalogue.get(Instance, end).stopped for end in ends)


def _of_flow(
    catalogue: Catalogue,
    name: str,
    flow: Flow,
    servers: list[str],
    addresses: dict[str, list[str]],
    borders: Borders,
) -> Iterator[ProbeSpec]:
    endpoint = catalogue.get(Endpoint, flow.endpoint)
    instance = catalogue.get(Instance, endpoint.instance)
    application = catalogue.get(Application, endpoint.application)
    fqdn, certificate = service_name(endpoint, catalogue), shown(catalogue, endpoint)
    start = flow.start.partition("/")[2]
    # Through NAT64 no trace shows the way: `network merge` proves these another way.
    mapped = borders.by_nat64(flow)
    for version in sorted(v for v in flow.ip_versions if not (mapped and v == 6)):
        path = _after_start(flow, start) or _cheapest(
            catalogue, flow.start, f"instance/{endpoint.instance}", version
        )
        way = _way(instance, endpoint.instance, path, version, addresses)
        _see_from(borders, flow.start, f"instance/{endpoint.instance}", way)
        _by_nat64(catalogue, flow.start, instance, version, way)
        asked = [s for s in servers if _version(s) == version]
        more: dict[str, dict[str, Any]] = {
            "reach": {"count": 3},
            "dns": {"servers": asked, "fqdn": fqdn, "expect": [way["address"]]},
            "http": {
                "servers": asked,
                "fqdn": fqdn,
                "expect": [way["address"]],
                "port": endpoint.port,
                "words": [endpoint.application, *([application.title] if application.title else [])],
                **({"chain": certificate.chain} if certificate else {}),
            },
        }
        for kind in dict.fromkeys(flow.measures):
            yield ProbeSpec(
                name=f"{name}/{kind}/{version}",
                subject=f"flow/{name}",
                kind=kind,
                source=start,
                target=fqdn,
                ip_version=version,
                path=path,
                args=way | more[kind],
            )


def _of_protection(
    catalogue: Catalogue, name: str, protection: Protection, addresses: dict[str, list[str]]
) -> Iterator[ProbeSpec]:
    primary = catalogue.get(Instance, protection.primary)
    content = content_of(catalogue, protection)
    for version in sorted(content.urls) or [6]:
        path = _cheapest(
            catalogue, f"instance/{protection.standby}", f"instance/{protection.primary}", version
        )
        way = _way(primary, protection.primary, path, version, addresses)
        yield ProbeSpec(
            name=f"{name}/copy/{version}",
            subject=f"protection/{name}",
            kind="copy",
            source=protection.standby,
            target=protection.primary,
            ip_version=version,
            path=path,
            args=way
            | {
                "application": protection.application,
                "url": content.urls.get(version, ""),
                **content.held_to,
                "file": f"{COPIES}/{protection.application}.copy.json",
                "rpo_s": protection.rpo_s,
            },
        )


def _after_start(flow: Flow, start: str) -> list[str]:
    """The declared path without the router it starts from: that one sends, so it is no hop."""
    return flow.path[1:] if flow.path[:1] == [start] and flow.start.startswith("node/") else list(flow.path)


def _cheapest(catalogue: Catalogue, start: str, goal: str, version: IPVersion) -> list[str]:
    """The path by cost, without a router that it starts from; empty where an end is not built."""
    nodes = built_nodes(catalogue)
    kind, _, name = start.partition("/")
    if kind == "node" and name not in nodes:
        return []
    if goal.partition("/")[2] not in built_instances(catalogue):
        return []
    path = path_between(catalogue, start, goal, ip_version=version)
    return path[1:] if kind == "node" else path


def _way(
    instance: Instance, host: str, path: list[str], version: IPVersion, addresses: dict[str, list[str]]
) -> dict[str, Any]:
    own = [a for a in addresses.get(host, []) if _version(a) == version]
    stated = bare(instance.ipv4 if version == 4 else instance.ipv6)
    return {
        "host": host,
        "address": own[0] if own else stated,
        "hops": [[node, [a for a in addresses.get(node, []) if _version(a) == version]] for node in path],
    }


def _see_from(borders: Borders, start: str, goal: str, way: dict[str, Any]) -> None:
    """Make a way what it is from where it starts: a private network's machine has another address there."""
    way["hops"] = [[n, borders.seen_of_router(n, own, start)] for n, own in way["hops"]]
    seen = borders.seen(goal, way["address"], start)
    if seen != way["address"]:
        way["address"] = seen
        # The router that translates puts this address on what it says of the traffic, too.
        home = borders.home(goal)
        way["hops"] = [[n, [*o, seen] if borders.home(f"node/{n}") == home else o] for n, o in way["hops"]]


def _by_nat64(
    catalogue: Catalogue, start: str, instance: Instance, version: IPVersion, way: dict[str, Any]
) -> None:
    """What has IPv4 alone is reached over IPv6 by a NAT64, where there is one for where it starts."""
    if version != 6 or way["address"] or not instance.ipv4 or not catalogue.all(Translation):
        return
    for nat64 in Seen(catalogue).nat64_of(router_of(catalogue, start)):
        # Routers behind it have no IPv6 addresses of their own, so the way is not followed.
        way |= {"address": embedded(nat64.inside, bare(instance.ipv4)), "trace": False}
        return


def _version(address: str) -> IPVersion:
    return 6 if ":" in address else 4
