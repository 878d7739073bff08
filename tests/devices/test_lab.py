"""In the lab: what is rendered lies in the node, and machines make themselves addresses where declared."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator

import pytest

from tests.province.place import Place, place

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("devices"), pytest.mark.timeout(300)]

FILES = """
regions: {here: {level: province}}
zones: {extranet: {role: extranet}}
targets: {lab: {driver: lab, routing: auto}}
sites: {office: {region: here, role: office}}
rooms: {room: {site: office}}
racks: {rack: {room: room}}
nodes:
  core: {region: here, zone: extranet, role: core, target: lab, loopback4: 10.255.0.1, loopback6: "3fff::1"}
  town: {region: here, zone: extranet, role: access, target: lab, loopback4: 10.255.0.2, loopback6: "3fff::2"}
links:
  core-town: {a: core, b: town, a_interface: to-town, b_interface: to-core, bandwidth_mbps: 100,
    ipv4: 10.254.0.0/31, ipv6: "3fff:0:0:fe::/127"}
networks:
  lan: {gateway: town, interface: lan, site: office, ipv4: 10.1.0.0/24, ipv6: "3fff:0:0:1::/64",
    advertise: true}
servers:
  desk: {rack: rack, network: lan, ipv4: 10.1.0.10, target: lab}
  printer: {rack: rack, network: lan, ipv4: 10.1.0.11, ipv6: "3fff:0:0:1::11", target: lab}
"""
PREFIX = ipaddress.ip_network("3fff:0:0:1::/64")


@pytest.fixture(scope="module")
def town() -> Iterator[Place]:
    """Two routers, and a network whose prefix is advertised."""
    with place() as where:
        where.type("init", str(where.root), "--environment", "town")
        (where.root / "base.yaml").write_text(FILES)
        where.type("lab", "up")
        where.type("apply", "--yes")
        yield where


def global6(where: Place, host: str) -> list[str]:
    """The global IPv6 addresses of a machine's port."""
    found = json.loads(where.on(host, "ip", "-json", "-6", "address", "show", "dev", "eth0").out)
    return [a["local"] for link in found for a in link["addr_info"] if a["scope"] == "global"]


def test_what_is_shown_lies_in_the_node(town: Place) -> None:
    shown = json.loads(town.type("network", "render", "town", "--json").out)
    files = {one["path"]: one["content"] for one in shown["files"]}
    assert "/run/govcloud/advertise/radvd.conf" in files
    for path, content in files.items():
        assert town.on("town", "cat", path).out == content, path
    links = json.loads(town.on("town", "ip", "-json", "address", "show").out)
    there = {
        f"ip address add {a['local']}/{a['prefixlen']} dev {link['ifname']}"
        for link in links
        for a in link["addr_info"]
        if a["scope"] == "global"
    }
    assert there == {line for line in shown["commands"] if line.startswith("ip address")}


def test_a_machine_without_an_address_makes_itself_one_and_others_stay_as_they_are(town: Place) -> None:
    (own,) = global6(town, "desk")
    assert ipaddress.ip_address(own) in PREFIX
    assert global6(town, "printer") == ["3fff:0:0:1::11"]
    assert "proto ra" not in town.on("printer", "ip", "-6", "route").out
    # It reaches its gateway with it, and nobody takes it for a deviation.
    assert town.on("desk", "ping", "-c", "1", "-W", "3", "3fff:0:0:1::1").code == 0
    town.type("drift")
    assert town.ask("plan")["changes"] == 0
    # What somebody added by hand goes, and what the machine made itself stays.
    town.on("desk", "ip", "address", "add", "192.0.2.9/32", "dev", "eth0")
    town.type("drift", expect=(3,))
    town.type("apply", "--yes")
    assert global6(town, "desk") == [own]
    # Declared no more, advertised no more, and what came of it is taken away.
    base = town.root / "base.yaml"
    base.write_text(base.read_text().replace(",\n    advertise: true", ""))
    town.type("apply", "--yes")
    assert global6(town, "desk") == []
    assert town.on("town", "ls", "/run/govcloud").out.split().count("advertise") == 0
