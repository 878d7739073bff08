"""A small city with three private networks that all have 10.0.0.0/16, and the same machines in it.

    town --- city --- (health-border, water-border, forest-border: joined by their merges)
     |        |
  town-desk  dns-1, hall-1

health is translated, water has a routing table of its own and is translated, forest goes on with IPv6 alone.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

PRIVATE = ("health", "water", "forest")
INSIDE = "10.0.0.0/16"
Tables = dict[str, dict[str, dict[str, Any]]]


def write(root: Path, tables: Tables | None = None) -> None:
    """Write the files of a workspace: one file a kind."""
    for kind, entries in (tables or TABLES).items():
        lines = [f"{kind}:"]
        # JSON is YAML.
        lines += [f"  {name}: {json.dumps(entry, ensure_ascii=False)}" for name, entry in entries.items()]
        (root / f"{kind}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def changed(**private: dict[str, Any]) -> Tables:
    """The tables with other fields of private networks; a field that is None is taken out."""
    tables = copy.deepcopy(TABLES)
    for name, fields in private.items():
        own = tables["private_networks"][name]
        own |= fields
        for field in [f for f, value in fields.items() if value is None]:
            del own[field]
    return tables


def _border(name: str) -> dict[str, Any]:
    # Each has the loopback of the city's router, too.
    return {"region": "here", "zone": name, "role": "border", "loopback4": "10.255.0.1", "target": "lab"}


def _private(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {
        "title": f"{name} 专网",
        "unit": "bureau",
        "zone": name,
        "nodes": [f"{name}-border"],
        "prefixes": [INSIDE],
        "merges_into": "extranet",
        "connects_to": ["city"],
        "transit": [f"10.254.9.{2 * number}/31"],
        "transit_mbps": 100,
        "classified": False,
        "classified_on": "2026-01-05",
        "classified_by": "li",
        "classified_reason": "no state secret is in it",
        "overlap": "nat",
        "overlap_reason": "its machines cannot be renumbered",
        "outside": [f"10.6{number}.0.0/16"],
        **more,
    }


def _boundary(name: str, *flows: str) -> dict[str, Any]:
    return {
        "private_network": name,
        "zone": "extranet",
        "nodes": [f"{name}-border"],
        "flows": list(flows),
        "drawn_on": "2026-01-06",
    }


def _flow(start: str, endpoint: str, version: int = 4) -> dict[str, Any]:
    return {"start": f"server/{start}", "endpoint": endpoint, "ip_versions": [version]}


def _lan(gateway: str, prefix: str, cloud: str) -> dict[str, Any]:
    return {"gateway": gateway, "interface": "lan", "ipv4": prefix, "cloud": cloud}


def _desk(network: str, ipv4: str) -> dict[str, Any]:
    return {"rack": "rack", "network": network, "ipv4": ipv4, "target": "lab"}


def _instance(name: str, network: str, ipv4: str) -> dict[str, Any]:
    return {"project": name, "flavor": "small", "image": "linux", "network": network, "ipv4": ipv4}


SERVED = {"hall": "city", "records": "health", "levels": "water"}
TABLES: Tables = {
    "regions": {"here": {"level": "county"}},
    "units": {"bureau": {"region": "here", "title": "政务局"}},
    "persons": {"li": {"unit": "bureau", "duty": "information_officer"}},
    "targets": {"lab": {"driver": "lab", "routing": "auto"}},
    "profiles": {
        "routing": {"values": {"ospf_hello_s": 1, "ospf_dead_s": 4}},
        "probing": {"values": {"patience_s": 40}},
        "merging": {"values": {"targets": 2, "patience_s": 40}},
    },
    "zones": {"extranet": {"role": "extranet"}, "intranet": {"role": "intranet"}}
    | {name: {"role": "private"} for name in PRIVATE},
    "vrfs": {"water": {"zone": "water", "rd": "65001:1010"}},
    "nodes": {
        "city": {**_border("extranet"), "role": "aggregation"},
        "town": {**_border("extranet"), "role": "access", "loopback4": "10.255.0.2"},
    }
    | {f"{name}-border": _border(name) for name in PRIVATE},
    "links": {
        "city-town": {
            "a": "city",
            "b": "town",
            "a_interface": "to-town",
            "b_interface": "to-city",
            "bandwidth_mbps": 100,
            "ipv4": "10.254.0.0/31",
        }
    },
    "sites": {"hall": {"region": "here", "role": "office"}},
    "rooms": {"room": {"site": "hall"}},
    "racks": {"rack": {"room": "room"}},
    "clouds": {name: {"site": "hall", "target": "lab"} for name in ("city", *PRIVATE)},
    "projects": {name: {"cloud": name, "unit": "bureau"} for name in ("city", *PRIVATE)},
    "flavors": {"small": {"vcpus": 1, "memory_mib": 512, "disk_gib": 10}},
    "images": {"linux": {"os": "linux"}},
    "networks": {
        "hall-lan": _lan("city", "10.20.1.0/24", "city"),
        "town-lan": {**_lan("town", "10.20.2.0/24", ""), "site": "hall"},
    }
    | {f"{name}-lan": _lan(f"{name}-border", "10.0.1.0/24", name) for name in PRIVATE},
    "servers": {
        "dns-1": _desk("hall-lan", "10.20.1.53"),
        "town-desk": _desk("town-lan", "10.20.2.10"),
    }
    | {f"{name}-desk": _desk(f"{name}-lan", "10.0.1.10") for name in PRIVATE},
    "instances": {
        "hall-1": _instance("city", "hall-lan", "10.20.1.11"),
        "records-1": _instance("health", "health-lan", "10.0.1.11"),
        "levels-1": _instance("water", "water-lan", "10.0.1.11"),
    },
    "applications": {name: {"title": f"{name} 应用", "unit": "bureau"} for name in SERVED},
    "endpoints": {
        name: {"application": name, "instance": f"{name}-1", "dns_zone": "gov", "host": name, "port": 80}
        for name in SERVED
    },
    "dns_zones": {"gov": {"domain": "gov.example", "servers": ["dns-1"]}},
    "flows": {
        "town-hall": _flow("town-desk", "hall"),
        "health-hall": _flow("health-desk", "hall"),
        "water-hall": _flow("water-desk", "hall"),
        "health-levels": _flow("health-desk", "levels"),
        "water-records": _flow("water-desk", "records"),
        "town-records": _flow("town-desk", "records"),
        "forest-hall": _flow("forest-desk", "hall", 6),
    },
    "private_networks": {
        "health": _private(0, "health"),
        "water": _private(1, "water", overlap="vrf", vrf="water"),
        "forest": _private(2, "forest", overlap="nat64", ipv6=["2001:db8:f0::/56"], outside=["10.62.0.0/24"]),
    },
    "boundaries": {
        "health": _boundary("health", "health-hall", "health-levels", "water-records", "town-records"),
        "water": _boundary("water", "water-hall", "health-levels", "water-records"),
        "forest": _boundary("forest", "forest-hall"),
    },
    "reviews": {
        f"{name}-access": {
            "type": "access",
            "subject": f"private_network/{name}",
            "date": "2026-01-07",
            "passed": True,
            "document": f"琼海网安审〔2026〕{name}",
        }
        for name in PRIVATE
    },
}
for _name in ("town-lan",):
    TABLES["networks"][_name].pop("cloud")
