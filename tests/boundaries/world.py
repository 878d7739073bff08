"""A private network beside the extranet, with a boundary between them, as files.

    desk-out, app-out, old-out,        desk-in, desk6-in, app-in
    desk6-out
            core ------ gate ------ inner
          extranet    boundary    private

``old-out`` has IPv4 alone, ``desk6-in`` and ``desk6-out`` IPv6 alone; ``desk-out`` answers for all names, and
with DNS64 at an address of its own. Inside it is 10.2.0.0/16, which the rest sees as
10.60.0.0/16; core translates from IPv6 to IPv4 for everybody. What is declared to cross: desk-in and desk6-in
to portal (app-out), desk-out to records (app-in, port 8080), desk6-in to the old service (by NAT64).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

NODES = {"core": "extranet", "gate": "extranet", "inner": "private"}
HOSTS = (*NODES, "desk-out", "desk6-out", "desk-in", "desk6-in", "app-out", "old-out", "app-in")
INSIDE, OUTSIDE = "10.2.0.0/16", "10.60.0.0/16"
NAT64, POOL = "2001:db8:64::/96", "10.64.0.0/24"
DNS64 = "2001:db8:1::64"

Tables = dict[str, dict[str, dict[str, Any]]]


def tables() -> Tables:
    """The entries, by table: a new copy, to be changed as a test likes."""
    return {
        "regions": {"here": {"level": "province"}},
        "units": {"bureau": {"region": "here"}, "health": {"region": "here"}},
        "persons": {"li": {"unit": "bureau", "duty": "information_officer"}},
        "targets": {"lab": {"driver": "lab", "routing": "static"}},
        "profiles": {
            "probing": {"values": {"patience_s": 20}},
            # What happens where the rules would refuse is what these tests look at.
            "rules": {"values": {"gate": "none"}},
        },
        "zones": {"extranet": {"role": "extranet"}, "private": {"role": "private", "unit": "health"}},
        "nodes": {
            name: {
                "region": "here",
                "zone": zone,
                "role": "border" if name == "gate" else "core",
                "loopback4": f"10.255.0.{number}",
                "loopback6": f"2001:db8:ff::{number}",
                "target": "lab",
            }
            for number, (name, zone) in enumerate(NODES.items(), 1)
        },
        "links": {"core-gate": _link(1, "core", "gate"), "gate-inner": _link(2, "gate", "inner")},
        "networks": {
            "out": {"gateway": "core", "interface": "lan", "cloud": "out", **_prefixes(1)},
            "in": {"gateway": "inner", "interface": "lan", "cloud": "in", **_prefixes(2)},
        },
        "sites": {"out": {"region": "here", "role": "office"}, "in": {"region": "here", "role": "office"}},
        "rooms": {"out": {"site": "out"}, "in": {"site": "in"}},
        "racks": {"out": {"room": "out"}, "in": {"room": "in"}},
        "servers": {
            "desk-out": {"rack": "out", "network": "out", "target": "lab", **_addresses(1, 10)},
            "desk6-out": {"rack": "out", "network": "out", "target": "lab", "ipv6": "2001:db8:1::16"},
            "desk-in": {"rack": "in", "network": "in", "target": "lab", **_addresses(2, 10)},
            "desk6-in": {"rack": "in", "network": "in", "target": "lab", "ipv6": _addresses(2, 16)["ipv6"]},
        },
        "clouds": {
            "out": {"site": "out", "target": "lab", "unit": "bureau"},
            "in": {"site": "in", "target": "lab", "unit": "health"},
        },
        "projects": {"out": {"cloud": "out", "unit": "bureau"}, "in": {"cloud": "in", "unit": "health"}},
        "flavors": {"small": {"vcpus": 1, "memory_mib": 512}},
        "images": {"linux": {"os": "Linux"}},
        "instances": {
            "app-out": _instance("out", **_addresses(1, 11)),
            "old-out": _instance("out", ipv4=_addresses(1, 12)["ipv4"]),
            "app-in": _instance("in", **_addresses(2, 11)),
        },
        "applications": {
            "portal": {"unit": "bureau"},
            "old": {"unit": "bureau"},
            "records": {"unit": "health"},
        },
        "dns_zones": {"gov": {"domain": "gov.example", "servers": ["desk-out"], "dns64": [DNS64]}},
        "endpoints": {
            "portal": _endpoint("portal", "app-out"),
            "old": _endpoint("old", "old-out"),
            "records": _endpoint("records", "app-in", port=8080),
            # Served on the same machine, and for nobody on the other side.
            "internal": {**_endpoint("records", "app-in", port=9090), "host": "internal"},
        },
        "flows": {
            "in-portal": {"start": "server/desk-in", "endpoint": "portal"},
            "in6-portal": {
                "start": "server/desk6-in",
                "endpoint": "portal",
                "ip_versions": [6],
                "measures": ["http"],
            },
            "in6-old": {
                "start": "server/desk6-in",
                "endpoint": "old",
                "ip_versions": [6],
                "measures": ["reach"],
            },
            "out-records": {"start": "server/desk-out", "endpoint": "records", "measures": ["http"]},
        },
        "private_networks": {
            "health": {
                "unit": "health",
                "zone": "private",
                "nodes": ["inner"],
                "connects_to": ["gate"],
                "overlap": "nat",
                "overlap_reason": "the same addresses are used elsewhere",
                "prefixes": [INSIDE, "2001:db8:2::/48"],
                "outside": [OUTSIDE, "2001:db8:2::/48"],
                "classified": False,
                "classified_on": "2026-09-01",
                "classified_by": "li",
                "classified_reason": "nothing of it is a state secret",
            }
        },
        "boundaries": {
            "health": {
                "private_network": "health",
                "zone": "extranet",
                "nodes": ["gate"],
                "flows": ["in-portal", "in6-portal", "in6-old", "out-records"],
                "drawn_on": "2026-09-10",
                "unit": "health",
            }
        },
        "translations": {
            "health": {"node": "inner", "inside": INSIDE, "outside": OUTSIDE, "private_network": "health"},
            "old": {"node": "core", "type": "nat64", "inside": NAT64, "outside": POOL},
        },
        "rollouts": {"six": {"type": "ipv6", "subjects": ["server/desk6-out"], "goal": "ipv6_only"}},
    }


def write(root: Path, said: Tables) -> None:
    """Write the entries into a workspace, an entry a line."""
    lines = []
    for table, entries in said.items():
        lines.append(f"{table}:")
        # JSON is YAML.
        lines += [f"  {key}: {json.dumps(entry, ensure_ascii=False)}" for key, entry in entries.items()]
    (root / "world.yaml").write_text("\n".join(lines) + "\n")


def _link(number: int, a: str, b: str) -> dict[str, Any]:
    return {
        "a": a,
        "b": b,
        "a_interface": f"to-{b}",
        "b_interface": f"to-{a}",
        "bandwidth_mbps": 100,
        "ipv4": f"10.254.0.{2 * number}/31",
        "ipv6": f"2001:db8:fe:{number}::/127",
    }


def _prefixes(number: int) -> dict[str, str]:
    return {"ipv4": f"10.{number}.0.0/24", "ipv6": f"2001:db8:{number}::/64"}


def _addresses(subnet: int, number: int) -> dict[str, str]:
    return {"ipv4": f"10.{subnet}.0.{number}", "ipv6": f"2001:db8:{subnet}::{number}"}


def _instance(side: str, **addresses: str) -> dict[str, Any]:
    return {"project": side, "flavor": "small", "image": "linux", "network": side, **addresses}


def _endpoint(application: str, instance: str, port: int = 80) -> dict[str, Any]:
    return {
        "application": application,
        "instance": instance,
        "dns_zone": "gov",
        "host": application,
        "port": port,
    }
