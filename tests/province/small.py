"""A small province as files: ten hosts over every level, with one line that is another way round.

desk - village - town - county - city - core - border - app-1, dns-1
                          |       |      |
                          +-------|------+   (the old line: three times the cost)
                                app-dr
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

ROUTERS = ("village", "town", "county", "city", "core", "border")
HOSTS = frozenset({*ROUTERS, "desk", "dns-1", "app-1", "app-dr"})

# The flow that is cut, the routers that it is declared to cross, and the lines between them.
FLOW = "desk-portal"
PATH = list(ROUTERS)
LINKS = [f"{a}-{b}" for a, b in itertools.pairwise(PATH)]
# The lines that the old line leads around; without any other there is no way at all.
ROUND = ("county-city", "city-core")


def write(root: Path, *, routing: str, title: str = "政务门户") -> None:
    """Write the files into a workspace; ``routing`` is the target's: ospf, static or auto.

    ``title``: what the portal is called, which its page says.
    """
    for name, tables in _files(routing, title).items():
        lines = [f"# The small province: {name}"]
        for table, entries in tables.items():
            lines.append(f"{table}:")
            # JSON is YAML, and one line an entry makes it plain which line owns what.
            lines += [f"  {key}: {json.dumps(entry, ensure_ascii=False)}" for key, entry in entries.items()]
        (root / f"{name}.yaml").write_text("\n".join(lines) + "\n")


def line_of(root: Path, entry: str) -> str:
    """Where an entry (kind/name) stands, as the program says it: ``file:line``."""
    kind, _, name = entry.partition("/")
    for path in sorted(root.glob("*.yaml")):
        table = ""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.endswith(":") and not line.startswith(" "):
                table = line
            if table == f"{kind}s:" and line.startswith(f"  {name}:"):
                return f"{path.name}:{number}"
    raise KeyError(entry)


def _files(routing: str, title: str) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        "organisation": {
            "regions": {"here": {"level": "province"}},
            "units": {"bureau": {"region": "here", "title": "政务局"}},
        },
        "policy": {
            "targets": {"lab": {"driver": "lab", "routing": routing}},
            "profiles": {
                "routing": {"values": {"ospf_hello_s": 1, "ospf_dead_s": 4}},
                "probing": {"values": {"patience_s": 30}},
            },
        },
        "network": {
            "zones": {"extranet": {"role": "extranet"}},
            "nodes": {name: _node(n, name) for n, name in enumerate(ROUTERS, 1)},
            "links": _links(),
            "dns_zones": {"gov": {"domain": "gov.example", "servers": ["dns-1"]}},
            "flows": {
                FLOW: {"start": "server/desk", "endpoint": "portal", "path": PATH},
                "town-portal": {"start": "node/town", "endpoint": "portal", "path": PATH[2:]},
            },
        },
        "datacentre": {
            "sites": {
                "dc": {"region": "here", "role": "datacentre"},
                "dr": {"region": "here", "role": "recovery"},
                "station": {"region": "here", "role": "office"},
            },
            "rooms": {"hall": {"site": "station"}, "room": {"site": "dc"}},
            "racks": {"cabinet": {"room": "hall"}, "rack": {"room": "room"}},
            "networks": {
                "lan": _network(1, "village", "lan", site="station"),
                "service": _network(2, "border", "service", site="dc"),
                "app": _network(3, "border", "app", cloud="government"),
                "dr": _network(4, "city", "dr", cloud="recovery"),
            },
            "servers": {
                "desk": _machine(1, 10, rack="cabinet", network="lan", target="lab"),
                "dns-1": _machine(2, 53, rack="rack", network="service", target="lab"),
            },
        },
        "cloud": {
            "clouds": {
                "government": {"site": "dc", "target": "lab"},
                "recovery": {"site": "dr", "target": "lab"},
            },
            "projects": {
                "bureau": {"cloud": "government", "unit": "bureau"},
                "standby": {"cloud": "recovery", "unit": "bureau"},
            },
            "flavors": {"small": {"vcpus": 1, "memory_mib": 512}},
            "images": {"linux": {"os": "Linux"}},
            "instances": {
                "app-1": _machine(3, 11, project="bureau", flavor="small", image="linux", network="app"),
                "app-dr": _machine(4, 11, project="standby", flavor="small", image="linux", network="dr"),
            },
        },
        "applications": {
            "applications": {"portal": {"unit": "bureau", "title": title, "status": "running"}},
            "endpoints": {
                "portal": {"application": "portal", "instance": "app-1", "dns_zone": "gov", "host": "www"}
            },
            "protections": {
                "portal": {
                    "application": "portal",
                    "primary": "app-1",
                    "standby": "app-dr",
                    "level": 5,
                    "rpo_s": 30,
                }
            },
        },
    }


def _node(number: int, name: str) -> dict[str, Any]:
    roles = {"core": "core", "border": "border", "county": "aggregation", "city": "aggregation"}
    return {
        "region": "here",
        "zone": "extranet",
        "role": roles.get(name, "access"),
        "loopback4": f"10.255.0.{number}",
        "loopback6": f"2001:db8:ff::{number}",
        "target": "lab",
    }


def _links() -> dict[str, dict[str, Any]]:
    ways = [(a, b, 10) for a, b in itertools.pairwise(ROUTERS)] + [("county", "core", 60)]
    return {
        f"{a}-{b}": {
            "a": a,
            "b": b,
            "a_interface": f"to-{b}",
            "b_interface": f"to-{a}",
            "bandwidth_mbps": 100,
            "delay_ms": 1,
            "ipv4": f"10.254.0.{2 * number}/31",
            "ipv6": f"2001:db8:fe:{number}::/127",
            "cost": cost,
        }
        for number, (a, b, cost) in enumerate(ways)
    }


def _network(number: int, gateway: str, interface: str, **more: str) -> dict[str, Any]:
    prefixes = {"ipv4": f"10.{number}.0.0/24", "ipv6": f"2001:db8:{number}::/64"}
    return {"gateway": gateway, "interface": interface, **prefixes, **more}


def _machine(subnet: int, number: int, **more: str) -> dict[str, Any]:
    return {"ipv4": f"10.{subnet}.0.{number}", "ipv6": f"2001:db8:{subnet}::{number}", **more}
