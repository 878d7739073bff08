"""What each host is to be, as variables for the plays: computed from the ledger, nothing is asked.

Everything is plain JSON data in a fixed order, so that its digest says whether a host needs a play.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from ..canonical import digest_bytes
from ..errors import InputError, Problem
from ..model.application import Application, Endpoint
from ..model.catalogue import Catalogue
from ..model.cloud import Cloud, Instance
from ..model.datacentre import Server
from ..model.network import Network, Node
from ..model.organisation import Unit
from ..model.policy import Profile
from ..model.recovery import Protection
from .borders import Borders
from .dns64 import dns64
from .filtering import filtering
from .naming import name_servers, names_of, resolver, resolvers, service_name
from .tls import chain_files, shown
from .wiring import (
    EDGE_INTERFACE,
    LOOPBACK,
    address_owners,
    bare,
    built_instances,
    built_nodes,
    built_servers,
    gateway_address,
    instance_target,
    interfaces,
    wires,
)

Routing = Literal["ospf", "static"]

# The groups that site.yml names; they exist in every inventory, empty or not.
PLAY_GROUPS = (
    "routers",
    "advertisers",
    "devices",
    "servers",
    "instances",
    "dns_servers",
    "web_servers",
    "standbys",
    "secret_holders",
)

# The profile whose values a site's own roles find as `govcloud_site`.
SITE = "site"

# Where the profile `routing` says nothing: the defaults of RFC 2328, appendix C.3.
OSPF_HELLO_S, OSPF_DEAD_S = 10, 40

# A copy is renewed at least three times within the RPO, so that one missed fetch does not break the
# promise; never more often than once a second, nor less often than once a minute.
COPIES_IN_RPO, COPY_FASTEST_S, COPY_SLOWEST_S = 3, 1, 60


class HostVars(msgspec.Struct, kw_only=True, frozen=True):
    """One host: what it is, its groups, and the variables that the roles read."""

    kind: str  # node, server or instance
    entry: str  # kind/name
    target: str  # name of the target that builds it
    order: int  # place in the inventory: 0 routers, 1 name servers, 2 other machines, 3 standbys
    groups: list[str]
    vars: dict[str, Any]


def host_variables(catalogue: Catalogue, *, routing: Routing) -> dict[str, HostVars]:
    """Variables of every host that has a target, by host name (the entry's), in inventory order.

    ``routing`` is what the routers run: daemons (``ospf``), or routes worked out here (``static``).
    Raises ``InputError`` where two entries have one host name or an address cannot be read.
    """
    _check_names(catalogue)
    addresses: dict[str, dict[str, list[str]]] = {}
    for host, interface, found in interfaces(catalogue):
        if found:
            addresses.setdefault(host, {}).setdefault(interface, []).extend(found)
    common: dict[str, Any] = {"govcloud_resolver": resolver(catalogue)}
    own = catalogue.find("profile", SITE)
    if isinstance(own, Profile):
        common["govcloud_site"] = own.values
    out: dict[str, HostVars] = {}
    for name, node in built_nodes(catalogue).items():
        out[name] = _router(name, node, addresses.get(name, {}), common)
    borders = Borders(catalogue)
    for name, value in _routing(catalogue, addresses, routing, borders).items():
        out[name].vars["govcloud_routing"] = value
    for name, routed in borders.routed(resolvers(catalogue)).items():
        own = out[name].vars["govcloud_routing"]
        own["static"] = [*own["static"], *({"prefix": p, "via": v} for p, v in routed.static)]
        if routing == "ospf" and (routed.exports or routed.default):
            own["border"] = routed.spoken()
        if routed.tables:
            out[name].vars["govcloud_tables"] = routed.tables
    filtering(catalogue, {name: host.vars for name, host in out.items()})
    answering = name_servers(catalogue)
    for name, server in built_servers(catalogue).items():
        extra: dict[str, Any] = dict(common)
        if name in answering:
            extra["govcloud_dns"] = names_of(catalogue, name, addresses, borders)
        out[name] = _machine(catalogue, name, server, addresses.get(name, {}), extra)
    web, standby = _web(catalogue), _standby(catalogue)
    for name, instance in built_instances(catalogue).items():
        extra = dict(common)
        if name in web:
            extra["govcloud_web"] = web[name]
            if chains := chain_files(catalogue, name):
                extra["govcloud_chains"] = chains
        if name in standby:
            extra["govcloud_standby"] = standby[name]
        out[name] = _machine(catalogue, name, instance, addresses.get(name, {}), extra)
    dns64(catalogue, {name: host.vars for name, host in out.items()})
    return dict(sorted(out.items(), key=lambda item: (item[1].order, item[0])))


def play_inputs(hosts: Mapping[str, HostVars]) -> dict[str, dict[str, Any]]:
    """What a play of each host depends on, for its digest: groups and variables."""
    return {name: {"groups": host.groups, "vars": host.vars} for name, host in hosts.items()}


def inventory_document(
    hosts: Mapping[str, HostVars], connection: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Ansible's dynamic inventory (`--list`): groups, and all variables under ``_meta.hostvars``.

    ``connection`` maps a host to how it is reached (``ansible_connection``, …); those win.
    """
    names = list(hosts)
    groups: dict[str, list[str]] = {group: [] for group in PLAY_GROUPS}
    for name in names:
        for group in hosts[name].groups:
            groups.setdefault(group, []).append(name)
    document: dict[str, Any] = {
        "_meta": {"hostvars": {n: {**hosts[n].vars, **connection.get(n, {})} for n in names}},
        "all": {"hosts": names, "children": sorted(groups)},
    }
    return document | {group: {"hosts": groups[group]} for group in sorted(groups)}


def _check_names(catalogue: Catalogue) -> None:
    owner: dict[str, str] = {}
    problems = []
    for kind, table in (
        ("node", built_nodes(catalogue)),
        ("server", built_servers(catalogue)),
        ("instance", built_instances(catalogue)),
    ):
        for name in table:
            if name in owner:
                problems.append(Problem(f"{kind}/{name} and {owner[name]} would be one host: rename either"))
            owner[name] = f"{kind}/{name}"
    if problems:
        raise InputError(problems)


def _group(prefix: str, name: str) -> str:
    """A group's name in Ansible's alphabet."""
    return re.sub(r"[^A-Za-z0-9_]", "_", f"{prefix}_{name}")


def _router_place(node: Node) -> str:
    return _group("site", node.site) if node.site else _group("region", node.region)


def _interface_list(found: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    return [{"name": name, "addresses": found[name]} for name in sorted(found)]


def _router(name: str, node: Node, found: Mapping[str, list[str]], common: Mapping[str, Any]) -> HostVars:
    return HostVars(
        kind="node",
        entry=f"node/{name}",
        target=node.target,
        order=0,
        groups=["routers", _group("role", node.role), _group("zone", node.zone), _router_place(node)],
        vars={
            "govcloud_entry": f"node/{name}",
            "govcloud_interfaces": _interface_list(found),
            "govcloud_default_routes": [],
            **common,
        },
    )


def _machine(
    catalogue: Catalogue,
    name: str,
    host: Server | Instance,
    found: Mapping[str, list[str]],
    extra: Mapping[str, Any],
) -> HostVars:
    kind = host.KIND
    groups = [f"{kind}s"]
    routes: list[dict[str, str]] = []
    network = catalogue.get(Network, host.network) if host.network else None
    if network is not None:
        groups.append(_group("zone", catalogue.get(Node, network.gateway).zone))
        site = catalogue.get(Cloud, network.cloud).site if network.cloud else network.site
        groups += [_group("site", site)] if site else []
        versions = {ipaddress.ip_interface(a).version for a in found.get(EDGE_INTERFACE, [])}
        for version, anywhere in ((4, "0.0.0.0/0"), (6, "::/0")):
            if version in versions:
                via = bare(gateway_address(network, 4 if version == 4 else 6, host.network))
                routes.append({"prefix": anywhere, "via": via})
    roles = {"govcloud_dns": "dns_servers", "govcloud_web": "web_servers", "govcloud_standby": "standbys"}
    groups += [group for variable, group in roles.items() if variable in extra]
    return HostVars(
        kind=kind,
        entry=f"{kind}/{name}",
        target=host.target if isinstance(host, Server) else instance_target(catalogue, host),
        order=1 if "govcloud_dns" in extra else 3 if "govcloud_standby" in extra else 2,
        groups=groups,
        vars={
            "govcloud_entry": f"{kind}/{name}",
            "govcloud_interfaces": _interface_list(found),
            "govcloud_default_routes": routes,
            **extra,
        },
    )


def _routing(
    catalogue: Catalogue,
    addresses: Mapping[str, Mapping[str, list[str]]],
    routing: Routing,
    borders: Borders,
) -> dict[str, dict[str, Any]]:
    nodes = built_nodes(catalogue)
    if routing == "static":
        from .routes import static_routes  # the graph library is only needed here

        return {
            name: {
                "backend": "static",
                "static": [{"prefix": r.prefix, "via": r.via, "cost": r.cost} for r in routes],
            }
            for name, routes in static_routes(catalogue).items()
        }
    costs = {(end.node, end.interface): wire.cost for wire in wires(catalogue) for end in (wire.a, wire.b)}
    profile = catalogue.find("profile", "routing")
    values = profile.values if isinstance(profile, Profile) else {}
    out: dict[str, dict[str, Any]] = {}
    for name, node in nodes.items():
        found = addresses.get(name, {})
        out[name] = {
            "backend": "ospf",
            "router_id": _router_id(name, node, found),
            "hello_s": values.get("ospf_hello_s", OSPF_HELLO_S),
            "dead_s": values.get("ospf_dead_s", OSPF_DEAD_S),
            "interfaces": [
                {
                    "name": interface,
                    "cost": costs.get((name, interface), 1),
                    "passive": interface == LOOPBACK or (name, interface) not in costs,
                    "ipv4": _has(found[interface], 4),
                    "ipv6": _has(found[interface], 6),
                }
                for interface in sorted(found)
                if (name, interface) not in borders.interfaces
            ],
            "static": [],
        }
    return out


def _has(addresses: Iterable[str], version: int) -> bool:
    return any(ipaddress.ip_interface(a).version == version for a in addresses)


def _router_id(name: str, node: Node, found: Mapping[str, list[str]]) -> str:
    """The IPv4 loopback; else the lowest IPv4 address; else (IPv6 alone) a number made from the name."""
    if node.loopback4:
        return bare(node.loopback4)
    own = [i.ip for a in found.values() for x in a if (i := ipaddress.ip_interface(x)).version == 4]
    if own:
        return str(min(own))
    return str(ipaddress.IPv4Address(bytes.fromhex(digest_bytes(name.encode())[:8])))


def _web(catalogue: Catalogue) -> dict[str, list[dict[str, Any]]]:
    """Services of each instance that endpoints name, by port and domain name."""
    out: dict[str, list[dict[str, Any]]] = {}
    for _name, endpoint in sorted(catalogue.all(Endpoint).items()):
        application = catalogue.get(Application, endpoint.application)
        unit = catalogue.all(Unit).get(application.unit)
        certificate = shown(catalogue, endpoint)
        out.setdefault(endpoint.instance, []).append(
            {
                "port": endpoint.port,
                "fqdn": service_name(endpoint, catalogue),
                "application": endpoint.application,
                "title": application.title or endpoint.application,
                "unit": (unit.title if unit else "") or application.unit,
                **({"tls": {"chain": certificate.file, "key": certificate.path}} if certificate else {}),
            }
        )
    return {name: sorted(found, key=lambda s: (s["port"], s["fqdn"])) for name, found in out.items()}


def _standby(catalogue: Catalogue) -> dict[str, list[dict[str, Any]]]:
    """Copies that each standby keeps: what, from where (IPv6 first), how often (seconds)."""
    out: dict[str, list[dict[str, Any]]] = {}
    for name, protection in sorted(catalogue.all(Protection).items()):
        content = content_of(catalogue, protection)
        if content.urls:
            out.setdefault(protection.standby, []).append(
                {
                    "protection": name,
                    "application": protection.application,
                    "urls": [content.urls[version] for version in (6, 4) if version in content.urls],
                    "every_s": max(COPY_FASTEST_S, min(COPY_SLOWEST_S, protection.rpo_s / COPIES_IN_RPO)),
                    **content.held_to,
                }
            )
    return out


class Content(NamedTuple):
    """Where a primary offers its content by IP version, and for TLS the ``host_name`` and ``chain``."""

    urls: dict[Literal[4, 6], str]
    held_to: dict[str, str]


def content_of(catalogue: Catalogue, protection: Protection) -> Content:
    """Where the primary offers its content; no URLs when it serves no such application."""
    served = [
        e
        for _, e in sorted(catalogue.all(Endpoint).items())
        if e.application == protection.application and e.instance == protection.primary
    ]
    instance = built_instances(catalogue).get(protection.primary)
    if not served or instance is None:
        return Content({}, {})
    endpoint, certificate = served[0], shown(catalogue, served[0])
    scheme = "https" if certificate else "http"
    tail = f":{endpoint.port}/content/{protection.application}"
    urls: dict[Literal[4, 6], str] = {}
    if instance.ipv6:
        urls[6] = f"{scheme}://[{bare(instance.ipv6)}]{tail}"
    if instance.ipv4:
        urls[4] = f"{scheme}://{bare(instance.ipv4)}{tail}"
    if certificate is None:
        return Content(urls, {})
    return Content(urls, {"host_name": service_name(endpoint, catalogue), "chain": certificate.chain})


__all__ = [
    "HostVars",
    "Routing",
    "address_owners",
    "content_of",
    "host_variables",
    "inventory_document",
    "play_inputs",
    "resolvers",
    "service_name",
]
