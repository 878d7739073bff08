"""A small province for tests: a chain of four routers with a dearer line past the third.

desk - r1 - r2 - r3 - r4 - app-1, dns-1      (r2 - r4 costs 100, the others 10)
                 |
               app-dr
"""

from __future__ import annotations

from govcloud.model.application import Application, Endpoint
from govcloud.model.base import Entry
from govcloud.model.catalogue import Catalogue
from govcloud.model.cloud import Cloud, Instance, Project
from govcloud.model.datacentre import Server
from govcloud.model.network import DnsZone, Flow, Link, Network, Node
from govcloud.model.organisation import Unit
from govcloud.model.policy import Profile, Target
from govcloud.model.recovery import Protection


def chain(*, driver: str = "lab") -> Catalogue:
    """The catalogue; every host is built by the target `lab`."""
    roles = {"r1": "access", "r2": "aggregation", "r3": "core", "r4": "border"}
    nodes = {
        name: Node(
            region="here",
            zone="extranet",
            role=role,  # type: ignore[arg-type]
            loopback4=f"10.255.0.{i}",
            loopback6=f"2001:db8:ff::{i}",
            target="lab",
        )
        for i, (name, role) in enumerate(roles.items(), 1)
    }
    links = {
        f"{a}-{b}": Link(
            a=a,
            b=b,
            a_interface=f"to-{b}",
            b_interface=f"to-{a}",
            bandwidth_mbps=1000,
            ipv4=f"10.254.0.{2 * i}/31",
            ipv6=f"2001:db8:fe:{i}::/127",
            cost=cost,
        )
        for i, (a, b, cost) in enumerate(
            [("r1", "r2", 10), ("r2", "r3", 10), ("r3", "r4", 10), ("r2", "r4", 100)]
        )
    }
    networks = {
        "lan": Network(gateway="r1", interface="lan", ipv4="10.1.0.0/24", ipv6="2001:db8:1::/64"),
        "app": Network(gateway="r4", interface="app", ipv4="10.4.0.0/24", ipv6="2001:db8:4::/64", cloud="c"),
        "service": Network(gateway="r4", interface="service", ipv4="10.5.0.0/24", ipv6="2001:db8:5::/64"),
        "dr": Network(gateway="r3", interface="dr", ipv4="10.3.0.0/24", ipv6="2001:db8:3::/64", cloud="dr"),
    }
    servers = {
        "desk": Server(rack="k", network="lan", ipv4="10.1.0.10", ipv6="2001:db8:1::10", target="lab"),
        "dns-1": Server(rack="k", network="service", ipv4="10.5.0.53", ipv6="2001:db8:5::53", target="lab"),
        "recorded": Server(rack="k"),
    }
    machine = {"flavor": "small", "image": "linux"}
    instances = {
        "app-1": Instance(project="p", network="app", ipv4="10.4.0.11", ipv6="2001:db8:4::11", **machine),
        "app-dr": Instance(project="p-dr", network="dr", ipv4="10.3.0.11", ipv6="2001:db8:3::11", **machine),
    }
    tables: list[dict[str, Entry]] = [
        dict(nodes),
        dict(links),
        dict(networks),
        dict(servers),
        dict(instances),
        {"bureau": Unit(region="here", title="政务局")},
        {"portal": Application(unit="bureau", title="政务门户")},
        {"portal": Endpoint(application="portal", instance="app-1", dns_zone="gov", host="www")},
        {"gov": DnsZone(domain="gov.example", servers=["dns-1"])},
        {"c": Cloud(site="s", target="lab"), "dr": Cloud(site="s", target="lab")},
        {"p": Project(cloud="c", unit="bureau"), "p-dr": Project(cloud="dr", unit="bureau")},
        {
            "desk-portal": Flow(start="server/desk", endpoint="portal", path=["r1", "r2", "r3", "r4"]),
            "router-portal": Flow(start="node/r1", endpoint="portal", measures=["reach"]),
        },
        {"portal": Protection(application="portal", primary="app-1", standby="app-dr", level=5, rpo_s=30)},
        {"routing": Profile(values={"ospf_hello_s": 1, "ospf_dead_s": 4})},
        {"lab": Target(driver=driver)},  # type: ignore[arg-type]
    ]
    return Catalogue({next(iter(table.values())).KIND: table for table in tables})


def changed(catalogue: Catalogue, *replacements: tuple[str, Entry]) -> Catalogue:
    """The same with some entries put in, or replaced, by name."""
    tables: dict[str, dict[str, Entry]] = {}
    for kind, name, entry in catalogue:
        tables.setdefault(kind, {})[name] = entry
    for name, entry in replacements:
        tables.setdefault(entry.KIND, {})[name] = entry
    return Catalogue(tables)
