"""Two towns in a city of a province, with address plans of both versions of IP: entries to plan with."""

from __future__ import annotations

from typing import Any

Entries = dict[tuple[str, str], dict[str, Any]]
SIX = {"family": 6, "prefix": "3fff:460::/28", "levels": ["city", "town", "lan"], "lengths": [40, 48, 64]}
LINE = {"a_interface": "x", "b_interface": "y", "bandwidth_mbps": 1}


def base() -> Entries:
    """Two towns in a city of a province, with plans of both versions and pools of every role."""
    out: Entries = {
        ("zone", "z"): {"role": "extranet"},
        ("region", "province"): {"level": "province"},
        ("region", "city"): {"level": "city", "parent": "province"},
        ("region", "east"): {"level": "town", "parent": "city"},
        ("region", "west"): {"level": "town", "parent": "city"},
        ("address_plan", "six"): {**SIX, "zone": "z"},
        ("address_plan", "four"): {
            "family": 4,
            "prefix": "10.0.0.0/8",
            "levels": ["area", "lan"],
            "lengths": [16, 28],
            "zone": "z",
        },
        ("prefix", "city"): pool("auto", "city", holder="region/city"),
        ("prefix", "loops"): pool("auto", "city", holder="region/province", role="loopbacks"),
        ("prefix", "links"): pool("auto", "city", holder="region/province", role="links"),
        ("prefix", "kept"): pool("auto", "city", status="reserved"),
        ("prefix", "area"): pool("10.1.0.0/16", "area", plan="four", holder="region/province"),
    }
    for town in ("east", "west"):
        out["node", town] = {"region": town, "zone": "z", "role": "access", "loopback6": "auto"}
        out["prefix", town] = pool("auto", "town", holder=f"region/{town}")
    out["link", "east-west"] = {"a": "east", "b": "west", **LINE, "ipv6": "auto"}
    return out


def pool(prefix: str, level: str, plan: str = "six", **fields: Any) -> dict[str, Any]:
    return {"prefix": prefix, "plan": plan, "level": level, "status": "container", **fields}


def network(gateway: str, **fields: Any) -> dict[str, Any]:
    return {"gateway": gateway, "interface": fields.pop("interface", "lan"), **fields}
