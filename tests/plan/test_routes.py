"""Static routes and expected paths, with the routes followed hop by hop."""

from __future__ import annotations

import ipaddress
import itertools
import random

import pytest
from chain import chain, changed

from govcloud.errors import InputError
from govcloud.model.catalogue import Catalogue
from govcloud.model.network import Link, Node
from govcloud.plan.routes import path_between, static_routes
from govcloud.plan.wiring import address_owners, bare, interfaces


def follow(catalogue: Catalogue, start: str, goal: str, version: int) -> list[str]:
    """Routers from ``start`` to the owner of an address, as their route tables send a packet."""
    routes, owners = static_routes(catalogue), address_owners(catalogue)
    local: dict[str, list[ipaddress.IPv4Network | ipaddress.IPv6Network]] = {}
    for host, _, addresses in interfaces(catalogue):
        local.setdefault(host, []).extend(ipaddress.ip_interface(a).network for a in addresses)
    address, way = ipaddress.ip_address(goal), [start]
    while not any(address in net for net in local[way[-1]] if net.version == version):
        fitting = [
            r
            for r in routes[way[-1]]
            if (net := ipaddress.ip_network(r.prefix)).version == version and address in net
        ]
        if not fitting:
            return [*way, "unreachable"]
        best = max(fitting, key=lambda r: ipaddress.ip_network(r.prefix).prefixlen)
        way.append(owners[best.via])
        assert len(way) < 50, way
    return way


def link(a: str, b: str, number: int, cost: int = 10, *, ipv6: bool = True) -> Link:
    return Link(
        a=a,
        b=b,
        a_interface=f"x{number}a",
        b_interface=f"x{number}b",
        bandwidth_mbps=1,
        ipv4=f"10.200.{number // 100}.{2 * (number % 100)}/31",
        ipv6=f"2001:db8:abcd:{number:x}::/127" if ipv6 else "",
        cost=cost,
    )


def test_a_leaf_sends_everything_upward() -> None:
    assert [(r.prefix, r.via) for r in static_routes(chain())["r1"]] == [
        ("0.0.0.0/0", "10.254.0.1"),
        ("::/0", "2001:db8:fe::1"),
    ]


def test_others_have_a_route_a_prefix_and_none_for_what_they_have_themselves() -> None:
    routes = {r.prefix: r for r in static_routes(chain())["r2"]}
    assert routes["10.4.0.0/24"].via == "10.254.0.3"
    assert routes["10.4.0.0/24"].cost == 20
    assert "10.254.0.0/31" not in routes
    assert "0.0.0.0/0" not in routes
    assert routes["10.254.0.4/31"].via == "10.254.0.3"


@pytest.mark.parametrize("version", [4, 6])
def test_tables_lead_along_the_cheapest_way(version: int) -> None:
    goal = "10.4.0.11" if version == 4 else "2001:db8:4::11"
    assert follow(chain(), "r1", goal, version) == ["r1", "r2", "r3", "r4"]
    assert path_between(chain(), "server/desk", "instance/app-1") == ["r1", "r2", "r3", "r4"]


def test_a_link_without_ipv6_carries_none() -> None:
    only4 = Link(
        a="r2",
        b="r3",
        a_interface="to-r3",
        b_interface="to-r2",
        bandwidth_mbps=1,
        ipv4="10.254.0.2/31",
    )
    catalogue = changed(chain(), ("r2-r3", only4))
    assert follow(catalogue, "r1", "2001:db8:4::11", 6) == ["r1", "r2", "r4"]
    assert follow(catalogue, "r1", "10.4.0.11", 4) == ["r1", "r2", "r3", "r4"]
    assert path_between(catalogue, "r1", "r3", ip_version=6) == ["r1", "r2", "r4", "r3"]


def test_what_nobody_has_is_refused_and_does_not_go_round() -> None:
    assert follow(chain(), "r1", "192.0.2.1", 4) == ["r1", "r2", "unreachable"]


def test_of_equal_ways_the_first_by_name_is_taken() -> None:
    catalogue = changed(chain(), ("r2-r4", link("r2", "r4", 3, cost=20)))
    assert path_between(catalogue, "r1", "r4") == ["r1", "r2", "r3", "r4"]
    assert path_between(catalogue, "r4", "r1") == ["r4", "r2", "r1"]


def test_a_part_that_is_cut_off_has_no_way() -> None:
    island = Node(region="here", zone="extranet", role="access", target="lab", loopback4="10.255.9.9")
    catalogue = changed(chain(), ("island", island))
    assert path_between(catalogue, "r1", "island") == []
    assert static_routes(catalogue)["island"] == []
    assert "10.255.9.9/32" not in {r.prefix for r in static_routes(catalogue)["r2"]}


def test_hosts_that_are_not_built_are_named() -> None:
    with pytest.raises(InputError) as refused:
        path_between(chain(), "server/recorded", "r1")
    assert "server/recorded" in str(refused.value.problems[0])


def test_in_any_network_every_address_is_reached_without_a_loop_at_the_least_cost() -> None:
    dice = random.Random(20)
    for _ in range(5):
        count = 12
        nodes = [
            (
                f"n{i:02}",
                Node(
                    region="here",
                    zone="extranet",
                    role="core",
                    target="lab",
                    loopback4=f"10.250.0.{i}",
                    loopback6=f"2001:db8:aaaa::{i:x}",
                ),
            )
            for i in range(count)
        ]
        pairs = [(f"n{i:02}", f"n{dice.randrange(i):02}") for i in range(1, count)]
        pairs += [tuple(dice.sample([n for n, _ in nodes], 2)) for _ in range(8)]  # type: ignore[misc]
        links = [(f"l{i:02}", link(a, b, i, dice.randint(1, 4))) for i, (a, b) in enumerate(pairs)]
        catalogue = Catalogue({"node": dict(nodes), "link": dict(links)})
        cost = {frozenset((e.a, e.b)): 10**9 for _, e in links}
        for _, e in links:
            cost[frozenset((e.a, e.b))] = min(cost[frozenset((e.a, e.b))], e.cost)
        for (start, _), (goal, node) in [(dice.choice(nodes), dice.choice(nodes)) for _ in range(20)]:
            for version, address in ((4, node.loopback4), (6, node.loopback6)):
                way = follow(catalogue, start, bare(address), version)
                assert way[-1] == goal
                best = path_between(catalogue, start, goal)
                assert total(cost, way) == total(cost, best)


def total(cost: dict[frozenset[str], int], way: list[str]) -> int:
    return sum(cost[frozenset(pair)] for pair in itertools.pairwise(way))
