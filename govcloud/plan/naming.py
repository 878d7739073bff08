"""Names: what name servers answer, and whom hosts ask.

All name servers answer alike for every zone; their records come from endpoints and hosts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.application import Endpoint
from ..model.catalogue import Catalogue
from ..model.network import DnsZone
from .borders import Borders
from .wiring import EDGE_INTERFACE, LOOPBACK, bare, built_servers


def service_name(endpoint: Endpoint, catalogue: Catalogue) -> str:
    """The full domain name of an endpoint."""
    return f"{endpoint.host}.{catalogue.get(DnsZone, endpoint.dns_zone).domain}"


def resolvers(catalogue: Catalogue) -> list[str]:
    """Addresses of the name servers that are built, as hosts should ask them.

    IPv6 before IPv4 for each, servers in the order in which the zones name them.
    """
    servers = built_servers(catalogue)
    return [a for name in name_servers(catalogue) for a in (servers[name].ipv6, servers[name].ipv4) if a]


def name_servers(catalogue: Catalogue) -> list[str]:
    """Servers that are built and answer for a zone, in the order in which the zones name them."""
    built = built_servers(catalogue)
    zones = sorted(catalogue.all(DnsZone).items())
    return list(dict.fromkeys(s for _, zone in zones for s in zone.servers if s in built))


def resolver(catalogue: Catalogue) -> dict[str, list[str]]:
    """Whom a host asks (``servers``), and the domains that it tries for short names (``search``)."""
    zones = sorted(catalogue.all(DnsZone).items())
    return {"servers": resolvers(catalogue), "search": list(dict.fromkeys(z.domain for _, z in zones))}


def names_of(
    catalogue: Catalogue, server: str, addresses: Mapping[str, Mapping[str, list[str]]], borders: Borders
) -> dict[str, Any]:
    """Zones of a name server. Every one answers for all zones, so that a host may ask any of them."""
    zones = sorted(catalogue.all(DnsZone).items())
    first = zones[0][1].domain
    own = addresses.get(server, {}).get(EDGE_INTERFACE, [])
    documents: dict[str, dict[str, Any]] = {}
    taken: dict[str, list[str]] = {}
    for _name, endpoint in sorted(catalogue.all(Endpoint).items()):
        at = addresses.get(endpoint.instance, {}).get(EDGE_INTERFACE, [])
        records = taken.setdefault(service_name(endpoint, catalogue), [])
        seen = [borders.seen(f"instance/{endpoint.instance}", bare(a)) for a in at]
        records += [a for a in seen if a not in records]
    # Hosts are in the first zone, under their own names; a service of the same name comes first.
    built = built_servers(catalogue)
    for host, by_interface in addresses.items():
        kind = "node" if LOOPBACK in by_interface else "server" if host in built else "instance"
        if kind == "node" and borders.home(f"node/{host}"):
            # A private network's router may have the address of one of ours.
            continue
        at = by_interface.get(LOOPBACK) or by_interface.get(EDGE_INTERFACE) or []
        taken.setdefault(f"{host}.{first}", [borders.seen(f"{kind}/{host}", bare(a)) for a in at])
    for _name, zone in zones:
        documents.setdefault(
            zone.domain,
            {
                "domain": zone.domain,
                "nameservers": [f"{s}.{first}" for s in zone.servers if s in built],
                "records": [
                    {"name": name, "type": "AAAA" if ":" in value else "A", "value": value}
                    for name, values in sorted(taken.items())
                    if name.endswith(f".{zone.domain}")
                    for value in values
                ],
            },
        )
    return {
        "listen": [bare(a) for a in own],
        "nameserver": f"{server}.{first}",
        "zones": list(documents.values()),
    }
