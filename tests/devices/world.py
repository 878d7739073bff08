"""A small net of two vendors, as a workspace: a core of VRP, a county of Comware, a border with an instance
of its own and a boundary, and what is needed around them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VRP, COMWARE = "huawei_vrp", "h3c_comware"


def write(root: Path, *, port: int = 22, managed: str = "", **changes: Any) -> None:
    """Write the files. ``managed``: the one node that is at a target of driver ssh, the rest are recorded.

    ``changes``: fields of nodes by name.
    """
    (root / "govcloud.yaml").write_text("version: 1\nenvironment: devices\n")
    tables = _tables(port, managed)
    for name, fields in changes.items():
        tables["nodes"][name] |= fields
    lines = []
    for table, entries in tables.items():
        lines.append(f"{table}:")
        # JSON is YAML, and one line an entry makes it plain which line owns what.
        lines += [f"  {key}: {json.dumps(entry, ensure_ascii=False)}" for key, entry in entries.items()]
    (root / "base.yaml").write_text("\n".join(lines) + "\n")


def line_of(root: Path, name: str) -> int:
    """The line on which an entry begins."""
    lines = (root / "base.yaml").read_text().splitlines()
    return next(n for n, line in enumerate(lines, 1) if line.startswith(f"  {name}:"))


def _tables(port: int, managed: str) -> dict[str, dict[str, Any]]:
    def node(number: int, role: str, platform: str, name: str, **more: Any) -> dict[str, Any]:
        mine: dict[str, Any] = {"management4": f"192.0.2.{number}"} if platform != "linux" else {}
        if name == managed:
            mine = {"target": "devices", "connection": "network_cli", "management4": "127.0.0.1"}
        return {
            "region": "here",
            "zone": "extranet",
            "role": role,
            "platform": platform,
            "loopback4": f"10.255.0.{number}",
            "loopback6": f"3fff::{number}",
            **mine,
            **more,
        }

    return {
        "regions": {"here": {"level": "province"}},
        "units": {
            "bureau": {"region": "here"},
            "carrier": {"region": "here", "type": "enterprise", "title": "东线运营商"},
        },
        "persons": {"wu": {"title": "吴静", "unit": "bureau", "duty": "information_officer"}},
        "zones": {"extranet": {"role": "extranet"}, "health": {"role": "private"}},
        "targets": {"devices": {"driver": "ssh", "user": "govcloud", "port": port}},
        "profiles": {
            "routing": {"values": {"ospf_hello_s": 1, "ospf_dead_s": 4}},
            "devices": {"values": {"ntp": ["10.0.2.123", "3fff:0:0:2::123"]}},
        },
        "vrfs": {
            "video": {
                "zone": "extranet",
                "rd": "65001:20",
                "imports": ["65001:20"],
                "exports": ["65001:20", "65001:21"],
            }
        },
        "sites": {"dc": {"region": "here", "role": "datacentre"}},
        "nodes": {
            "core": node(1, "core", VRP, "core"),
            "county": node(2, "aggregation", COMWARE, "county"),
            "edge": node(3, "border", VRP, "edge"),
            "clinic": node(
                9, "access", "linux", "clinic", zone="health", loopback4="10.99.255.1", loopback6=""
            ),
        },
        "links": {
            "core-county": {
                "title": "省核心—县 数据线路",
                "a": "core",
                "b": "county",
                "a_interface": "GE0/1/0",
                "b_interface": "Ten-GigabitEthernet1/0/25",
                "carrier": "carrier",
                "bandwidth_mbps": 10000,
                "ipv4": "10.254.0.0/31",
                "ipv6": "3fff:0:0:fe::/127",
                "cost": 60,
            },
            "core-edge": {
                "a": "core",
                "b": "edge",
                "a_interface": "GE0/1/1",
                "b_interface": "GE0/0/1",
                "bandwidth_mbps": 10000,
                "ipv4": "10.254.0.2/31",
                "ipv6": "3fff:0:0:fe::2/127",
                "cost": 10,
            },
            "edge-clinic": {
                "a": "edge",
                "b": "clinic",
                "a_interface": "GE0/0/9",
                "b_interface": "to-edge",
                "bandwidth_mbps": 100,
                "ipv4": "10.254.9.0/31",
            },
        },
        "networks": {
            "halls": {"title": "大厅?网段", "gateway": "county", "interface": "Vlan-interface10"}
            | {"ipv4": "10.1.0.0/24", "ipv6": "3fff:0:0:1::/64", "site": "dc"},
            "service": {"gateway": "edge", "interface": "GE0/0/2", "ipv4": "10.0.2.0/24", "site": "dc"}
            | {"ipv6": "3fff:0:0:2::/64", "cloud": "government"},
            "rooms": {"gateway": "edge", "interface": "GE0/0/3", "ipv4": "10.0.3.0/24", "site": "dc"}
            | {"vrf": "video"},
            "wards": {"gateway": "clinic", "interface": "lan", "ipv4": "10.99.1.0/24", "site": "dc"},
        },
        "private_networks": {
            "health": {
                "zone": "health",
                "nodes": ["clinic"],
                "connects_to": ["edge"],
                "prefixes": ["10.99.0.0/16"],
                "overlap": "none",
                "classified_on": "2026-01-10",
                "classified_by": "wu",
                "classified_reason": "预约挂号",
            }
        },
        "boundaries": {
            "health": {
                "private_network": "health",
                "zone": "extranet",
                "nodes": ["edge"],
                "flows": ["ward-portal"],
                "drawn_on": "2026-02-01",
            }
        },
        "rooms": {"room": {"site": "dc"}},
        "racks": {"rack": {"room": "room"}},
        "servers": {"ward": {"rack": "rack", "network": "wards", "ipv4": "10.99.1.10"}},
        "clouds": {"government": {"site": "dc"}},
        "projects": {"bureau": {"cloud": "government", "unit": "bureau"}},
        "flavors": {"small": {"vcpus": 1, "memory_mib": 512}},
        "images": {"linux": {"os": "linux"}},
        "instances": {
            "app": {"project": "bureau", "flavor": "small", "image": "linux", "network": "service"}
            | {"ipv4": "10.0.2.11", "ipv6": "3fff:0:0:2::11"}
        },
        "applications": {"portal": {"unit": "bureau"}},
        "dns_zones": {"gov": {"domain": "gov.example", "servers": []}},
        "endpoints": {
            "portal": {"application": "portal", "instance": "app", "dns_zone": "gov", "host": "www"}
        },
        "flows": {"ward-portal": {"start": "server/ward", "endpoint": "portal", "ip_versions": [4]}},
    }
