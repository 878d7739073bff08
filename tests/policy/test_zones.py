"""Ways between two networks, by whatever joins them; against a model that walks all vertices."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcloud.model.catalogue import Catalogue
from govcloud.model.lines import PrivateNetwork
from govcloud.model.network import Link, Node, Zone
from govcloud.policy import judge
from govcloud.topology import Net
from govcloud.topology.zones import Crossings
from tests.policy.samples import Changes, case

NODE = {"region": "hubei", "role": "border"}
IN, OUT = {**NODE, "zone": "intranet"}, {**NODE, "zone": "extranet"}


def ways(*changes: Changes) -> list[list[str]]:
    return case("hubei", ("node/office-node",), *changes).crossings.ways("intranet", "extranet")


def lan(node: str, interface: str = "lan") -> dict[str, object]:
    return {"gateway": node, "interface": interface}


def test_a_machine_in_two_networks_joins_them_unless_it_is_the_exchange() -> None:
    base: Changes = {
        "node/edge": OUT,
        "network/inner": lan("office-node"),
        "network/outer": lan("edge"),
        "instance/gate": {"project": "p", "flavor": "f", "image": "i", "network": "inner", "ipv4": ""},
        "interface/second": {"device": "instance/gate", "port": "eth1", "network": "outer"},
    }
    found = [
        ["node/office-node", "network/inner", "instance/gate", "network/outer", "node/edge"],
    ]
    assert ways(base) == found
    exchange: Changes = {
        "exchange/gate": {
            "role": "cross_network",
            "zones": ["intranet", "extranet"],
            "application": "gate",
            "status": "running",
        },
        "endpoint/gate": {"application": "gate", "instance": "gate", "dns_zone": "d", "host": "g"},
    }
    assert ways(base, exchange) == []
    for wrong in ({"status": "planned"}, {"zones": ["intranet"]}, {"role": "sharing"}):
        assert ways(base, exchange, {"exchange/gate": {**exchange["exchange/gate"], **wrong}}) == found  # type: ignore[dict-item]
    shut: Changes = {"interface/second": {"enabled": False}}
    assert ways(base, shut) == []


def test_a_private_network_that_connects_to_both_sides_joins_them() -> None:
    both: Changes = {
        "node/edge": OUT,
        "private_network/business": {"connects_to": ["edge", "office-node"]},
    }
    assert ways(both) == [["node/office-node", "private_network/business", "node/edge"]]
    assert ways(both, {"private_network/business": {"status": "retired"}}) == []


def test_a_router_that_stands_in_both_is_a_way_by_itself() -> None:
    shared: Changes = {
        "node/edge": OUT,
        "vrf/inner": {"zone": "intranet"},
        "interface/edge": {"device": "node/edge", "port": "x", "vrf": "inner"},
    }
    assert ways(shared) == [["node/edge"]]


def test_a_security_domain_is_part_of_its_zone() -> None:
    within: Changes = {
        "zone/office": {"role": "private", "within": "intranet"},
        "node/inner": {**NODE, "zone": "office"},
        "node/edge": OUT,
        "link/x": {
            "a": "inner",
            "b": "edge",
            "a_interface": "x",
            "b_interface": "y",
            "bandwidth_mbps": 10,
        },
    }
    assert ways(within) == [["node/inner", "link/x", "node/edge"]]


ZONES = {role: Zone(role=role) for role in ("intranet", "extranet", "internet")}  # type: ignore[arg-type]


@given(
    st.lists(st.sampled_from(sorted(ZONES)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12),
    st.lists(st.sets(st.integers(0, 7), max_size=3), max_size=2),
)
def test_a_way_is_found_where_there_is_one(
    zones: list[str], pairs: list[tuple[int, int]], privates: list[set[int]]
) -> None:
    nodes = {f"n{i}": Node(region="r", zone=z, role="access") for i, z in enumerate(zones)}
    links = {
        f"l{i}": Link(a=f"n{a}", b=f"n{b}", a_interface="x", b_interface="y", bandwidth_mbps=1)
        for i, (a, b) in enumerate(pairs)
        if a != b and max(a, b) < len(zones)
    }
    nets = {
        f"p{i}": PrivateNetwork(connects_to=[f"n{n}" for n in sorted(at) if n < len(zones)])
        for i, at in enumerate(privates)
    }
    catalogue = Catalogue({"zone": ZONES, "node": nodes, "link": links, "private_network": nets})
    found = Crossings(catalogue, Net.of(catalogue)).ways("intranet", "extranet")
    around: dict[str, set[str]] = {}
    joints = [(f"node/{x.a}", f"node/{x.b}") for x in links.values()]
    joints += [(f"private_network/{k}", f"node/{n}") for k, p in nets.items() for n in p.connects_to]
    for a, b in joints:
        around.setdefault(a, set()).add(b)
        around.setdefault(b, set()).add(a)
    role = {f"node/{n}": node.zone for n, node in nodes.items()}
    # The model: from each node of the intranet over what is neither, to the extranet.
    shortest: list[int] = []
    for start in (v for v, z in role.items() if z == "intranet"):
        queue, seen = deque([(start, 0)]), {start}
        while queue:
            vertex, steps = queue.popleft()
            for other in around.get(vertex, ()):
                if role.get(other) == "extranet":
                    shortest.append(steps + 1)
                elif other not in seen and role.get(other) != "intranet":
                    seen.add(other)
                    queue.append((other, steps + 1))
    assert bool(found) == bool(shortest)
    for way in found:
        vertices = [v for v in way if not v.startswith("link/")]
        assert role[vertices[0]] == "intranet" and role[vertices[-1]] == "extranet"
        assert all(b in around[a] for a, b in pairwise(vertices))
        assert not {role.get(v) for v in vertices[1:-1]} & {"intranet", "extranet"}
    if shortest:
        assert min(len([v for v in w if not v.startswith("link/")]) - 1 for w in found) == min(shortest)


@pytest.mark.parametrize("sample", ["hainan", "qionghai", "lingao", "hubei", "liaoning"])
def test_the_samples_keep_their_networks_apart(sample: str) -> None:
    here = case(sample, ("node/*",) if sample != "liaoning" else ("node/national-node",))
    assert here.crossings.ways("intranet", "extranet") == []


def test_a_router_plugged_into_a_network_of_the_other_side_joins_them() -> None:
    base: Changes = {
        "node/edge": OUT,
        "network/inner": lan("office-node"),
        "interface/second": {"device": "node/edge", "port": "eth1", "network": "inner"},
    }
    assert ways(base) == [["node/office-node", "network/inner", "node/edge"]]
    assert ways(base, {"interface/second": {"enabled": False}}) == []
    # The gateway's own port joins nobody.
    assert ways(base, {"interface/second": {"device": "node/office-node"}}) == []


def test_a_circuit_of_the_intranet_ends_on_no_router_of_the_extranet() -> None:
    line: Changes = {"node/edge": OUT, "circuit/x": {"zone": "intranet", "node": "edge", "line": "data"}}
    assert ways(line) == [["circuit/x", "node/edge"]]
    assert ways(line, {"circuit/x": {"status": "planned"}}) == []
    assert ways(line, {"circuit/x": {"node": "office-node"}}) == []


def test_an_exchange_excuses_what_stands_where_it_stands_and_no_cable_from_there() -> None:
    base: Changes = {
        "node/office-node": {"site": "room"},
        "node/edge": {**OUT, "site": "room"},
        "link/x": {
            "a": "office-node",
            "b": "edge",
            "a_interface": "x",
            "b_interface": "y",
            "bandwidth_mbps": 1,
        },
        "exchange/x": {
            "role": "cross_network",
            "zones": ["intranet", "extranet"],
            "site": "room",
            "status": "running",
        },
    }
    assert ways(base) == []
    for far in ({"site": ""}, {"site": "elsewhere"}):
        assert ways(base, {"node/edge": far}) == [["node/office-node", "link/x", "node/edge"]]
        crossings = case("hubei", ("node/office-node",), base, {"node/edge": far}).crossings
        assert [joint[2] for joint in crossings.touching()] == ["link/x"]


def test_a_classified_flow_between_machines_of_the_extranet_is_found() -> None:
    base: Changes = {
        "node/edge": OUT,
        "network/desk": lan("edge"),
        "server/desk": {"rack": "r", "network": "desk"},
        "flow/secret": {"start": "server/desk", "endpoint": "e", "classified": True},
    }

    def told(*changes: Changes) -> list[tuple[str, str]]:
        found = judge(case("hubei", ("node/office-node",), base, *changes), ["N-01"])
        return [(f.subject, f.field) for f in found if f.subject.startswith("flow/")]

    assert told() == [("flow/secret", "start")]
    assert told({"network/desk": lan("office-node")}) == []
    # By the routing table that its network is in, where it is in one.
    inner: Changes = {"vrf/inner": {"zone": "intranet"}, "network/desk": {"vrf": "inner"}}
    assert told(inner) == []


def test_a_network_in_a_private_routing_table_is_none_of_the_extranet() -> None:
    base: Changes = {"node/edge": {**OUT, "loopback6": "2001:db8::1"}, "network/desk": lan("edge")}
    private: Changes = {
        "zone/office": {"role": "private"},
        "vrf/office": {"zone": "office"},
        "network/desk": {"vrf": "office"},
    }
    assert [f.subject for f in judge(case("hubei", (), base), ["N-17"])] == ["network/desk"]
    assert judge(case("hubei", (), base, private), ["N-17"]) == []
