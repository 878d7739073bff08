"""What is told of plans and prefixes that cannot be, and of what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.addressing import judging
from govcloud.addressing.blocks import Block, read_block
from govcloud.source.judging import examine
from tests.addressing.town import SIX, Entries, base, network, pool


def told(files: Entries) -> list[str]:
    """What the checks find that all entries pass, in words."""
    _, findings = examine(files)
    return [f"{f.kind}/{f.name}: {f.message}" for f in findings]


def plan(**fields: Any) -> Entries:
    return {("address_plan", "p"): {"family": 6, "prefix": "3fff:460::/28", **fields}}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prefix": "10.0.0.0/8"}, "`prefix`: expected an IPv6 prefix like 3fff:460::/28, got '10.0.0.0/8'"),
        ({"prefix": "3fff:461::/28"}, "`prefix`: '3fff:461::/28' has bits behind its length"),
        ({"pools": ["3fff:463::/32"]}, "`pools`: 3fff:463::/32 overlaps with 3fff:460::/28 of the same plan"),
        ({"levels": ["a", "b"], "lengths": [32]}, "`lengths`: 1 for 2 levels, expected one for each"),
        (
            {"levels": ["a", "b"], "lengths": [48, 40]},
            "`lengths`: /40 of level b does not lie in /48 of level a",
        ),
        (
            {"levels": ["a"], "lengths": [20]},
            "`lengths`: /20 of level a does not lie in the block 3fff:460::/28",
        ),
        ({"levels": ["a", "a"], "lengths": [32, 40]}, "`levels`: 'a' stands there twice"),
        (
            {"levels": ["a", "b"], "lengths": [32, 36], "room": {"b": 20}},
            "`room`: /32 has room for 16 /36 of level b, 20 must fit: 4 are lacking",
        ),
        ({"levels": ["a"], "lengths": [32], "room": {"z": 1}}, "`room`: no level of it is called 'z'"),
        ({"link_length": 128}, "`link_length`: a /128 has no room for two ends"),
    ],
)
def test_a_plan_that_cannot_be(fields: dict[str, Any], words: str) -> None:
    assert told(plan(**fields)) == [f"address_plan/p: {words}"]


def test_plans_of_one_routing_table_are_apart_and_those_of_two_are_not() -> None:
    files = plan() | {("address_plan", "q"): {"family": 6, "prefix": "3fff:468::/32"}}
    assert told(files) == [
        "address_plan/q: `prefix`: 3fff:468::/32 lies in 3fff:460::/28, that of address_plan/p, in no zone"
    ]
    files["zone", "z"] = {"role": "private"}
    files["vrf", "v"] = {"zone": "z"}
    files["address_plan", "q"]["vrf"] = "v"
    assert told(files) == []


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ({"prefix": "3fff:560::/40"}, "`prefix`: 3fff:560::/40 is not in 3fff:460::/28, plan six"),
        (
            {"prefix": "3fff:46f::/44"},
            "`prefix`: 3fff:46f::/44 has another length than level city of its plan, /40",
        ),
        (
            {"prefix": "10.9.0.0/16"},
            "`prefix`: expected an IPv6 prefix like 3fff:460::/28, got '10.9.0.0/16'",
        ),
        ({"level": "cty"}, "`level`: no level of address_plan/six is called 'cty'"),
        (
            {"prefix": "3fff:460:100::/40", "parent": "area"},
            "`parent`: 3fff:460:100::/40 does not lie in 10.1.0.0/16, prefix/area",
        ),
        ({"plan": ""}, "`level`: it is a level of no plan"),
    ],
)
def test_a_prefix_that_is_not_its_plans(prefix: dict[str, Any], words: str) -> None:
    files = base()
    files["prefix", "x"] = pool("3fff:46f::/40", "city") | prefix
    assert told(files) == [f"prefix/x: {words}"]


def test_twice_in_one_vrf_is_an_error_and_in_two_is_not() -> None:
    files = base()
    files["private_network", "health"] = {"type": "business"}
    for vrf in ("red", "blue"):
        files["vrf", vrf] = {"zone": "z"}
        files["prefix", vrf] = {"prefix": "10.0.0.0/16", "vrf": vrf}
        files["network", vrf] = network("east", interface=vrf, vrf=vrf, ipv4="10.0.0.0/24")
    assert told(files) == []
    files["prefix", "green"] = {"prefix": "10.0.0.0/16", "vrf": "red"}
    files["network", "green"] = network("east", interface="green", vrf="red", ipv4="10.0.0.128/25")
    assert told(files) == [
        "prefix/red: `prefix`: 10.0.0.0/16 is already that of prefix/green, in VRF red",
        "network/green: `ipv4`: 10.0.0.128/25 lies in 10.0.0.0/24, that of network/red, in VRF red",
    ]


def test_a_prefix_lies_in_what_is_divided_or_in_its_parent() -> None:
    files: Entries = {
        ("prefix", "wide"): {"prefix": "10.0.0.0/16"},
        ("prefix", "part"): {"prefix": "10.0.1.0/24"},
    }
    assert told(files) == [
        "prefix/part: `prefix`: 10.0.1.0/24 lies in 10.0.0.0/16, that of prefix/wide, in no zone"
    ]
    assert told(files | {("prefix", "part"): {"prefix": "10.0.1.0/24", "parent": "wide"}}) == []
    assert told(files | {("prefix", "wide"): {"prefix": "10.0.0.0/16", "status": "container"}}) == []


BLOCKS = st.tuples(st.integers(0, 255), st.integers(24, 32)).map(
    lambda pair: Block(4, (10 << 24) + pair[0], 32).widened(pair[1])
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdefghij"), BLOCKS, max_size=8))
def test_the_sweep_finds_whoever_lies_in_another(blocks: dict[str, Block]) -> None:
    """Held against every pair: who is told lies in another, and who lies in another is told."""
    files: Entries = {
        ("prefix", name): {"prefix": f"{b.text.partition('/')[0]}/{b.length}"} for name, b in blocks.items()
    }
    within = {
        name
        for name, block in blocks.items()
        for other, wide in blocks.items()
        if other != name and wide.holds(block) and (wide != block or other < name)
    }
    assert {words.partition(":")[0].removeprefix("prefix/") for words in told(files)} == within


def test_auto_is_no_fault_where_it_may_stand_and_a_fault_elsewhere() -> None:
    files = base()
    files["network", "n"] = network("east", ipv4="auto", ipv6="auto")
    assert told(files) == []
    files["address_plan", "auto"] = {"family": 4, "prefix": "auto"}
    assert told(files) == [
        "address_plan/auto: `prefix`: expected an IPv4 prefix like 10.4.0.0/16, got 'auto'"
    ]


def test_auto_where_nobody_answers_is_told() -> None:
    files = base()
    files["node", "east"]["management6"] = "auto"
    files["interface", "i"] = {"device": "node/east", "port": "eth1", "ipv4": "auto"}
    files["private_network", "health"] = {"outside": ["auto"], "transit": ["10.254.0.0/31", "auto"]}
    assert sorted(told(files)) == [
        "interface/i: `ipv4`: `auto` is not answered here",
        "node/east: `management6`: `auto` is not answered here",
        "private_network/health: `outside`: `auto` is not answered here",
        "private_network/health: `transit`: `auto` is not answered here",
    ]


def in_words(findings: Any) -> list[str]:
    return [f"{f.kind}/{f.name} {f.field}: {f.message}" for f in findings]


def test_prefixes_and_networks_without_the_other_version() -> None:
    catalogue, _ = examine(
        {
            ("address_plan", "six"): {**SIX},
            ("prefix", "a4"): {"prefix": "10.0.0.0/24", "holder": "region/r", "pairs_with": "a6"},
            ("prefix", "a6"): {"prefix": "3fff:460::/64", "holder": "region/r"},
            ("prefix", "b4"): {"prefix": "10.0.1.0/24", "pairs_with": "a6"},
            ("prefix", "c4"): {"prefix": "10.0.2.0/24", "pairs_with": "d4"},
            ("prefix", "d4"): {"prefix": "10.0.3.0/24"},
            ("prefix", "e4"): {"prefix": "10.0.4.0/24"},
            ("prefix", "f4"): {"prefix": "10.0.5.0/24", "status": "container"},
            ("network", "n"): network("east", ipv4="10.0.0.0/24"),
        }
    )
    assert in_words(judging.unpaired(catalogue)) == [
        "prefix/b4 pairs_with: `pairs_with`: prefix/a6 is held by region/r",
        "prefix/b4 pairs_with: `pairs_with`: prefix/a6 is paired with prefix/a4 already",
        "prefix/c4 pairs_with: `pairs_with`: 10.0.3.0/24 is IPv4, too",
        "prefix/e4 : 10.0.4.0/24 has no IPv6 prefix beside it",
        "network/n ipv6: it has an IPv4 prefix and none of IPv6",
    ]


def test_nodes_without_a_management_address() -> None:
    node = {"region": "r", "zone": "z", "role": "core"}
    catalogue, _ = examine(
        {
            ("node", "both"): {**node, "loopback4": "10.0.0.1", "loopback6": "3fff::1"},
            ("node", "four"): {**node, "management4": "10.0.0.2"},
            ("node", "port"): {**node, "loopback4": "10.0.0.3"},
            ("interface", "i"): {
                "device": "node/port",
                "port": "lo1",
                "type": "loopback",
                "ipv6": "3fff::3/128",
            },
        }
    )
    assert in_words(judging.without_management(catalogue)) == [
        "node/four management6: it has no management address in IPv6",
    ]


def test_an_address_alone_is_a_block_of_one() -> None:
    assert read_block("3fff::1").counted == 1
    assert read_block("3fff:460::/32").counted == 1 << 32
    assert read_block("10.0.0.0/24").counted == 256


def test_an_address_that_no_prefix_of_its_network_holds() -> None:
    files = base()
    files["network", "n"] = network("east", ipv4="10.1.0.0/28")
    files["server", "s"] = {"rack": "r", "network": "n", "ipv4": "10.1.0.3", "ipv6": "3fff:460::3"}
    assert [words for words in told(files) if words.startswith("server/s: `ipv6`")] == [
        "server/s: `ipv6`: 3fff:460::3 is in no prefix: network n has no ipv6"
    ]


def of_addresses(files: Entries) -> list[str]:
    return [words for words in told(files) if "already that of" in words or "expected an IPv" in words]


def test_addresses_of_management_ports_and_load_balancers_have_one_holder() -> None:
    files = base()
    files["network", "n"] = network("east", ipv4="10.1.7.0/24")
    files["node", "east"] |= {"management4": "10.1.7.1", "loopback4": "10.1.9.1", "management6": "banana"}
    files["interface", "i"] = {"device": "node/east", "port": "lan", "ipv4": "10.1.7.1/24"}
    # One machine's address, said three times: of its network, its management and its port.
    assert of_addresses(files) == [
        "node/east: `management6`: expected an IPv6 address like fd00:1::2, got 'banana'"
    ]
    files["node", "east"]["management6"] = "3fff:460::1"
    files["node", "west"] |= {"management4": "10.1.7.1", "management6": "3fff:460::1"}
    files["interface", "j"] = {"device": "node/west", "port": "a", "ipv4": "10.1.9.1/24"}
    files["interface", "k"] = {"device": "node/west", "port": "b", "ipv4": "10.1.8.9/33"}
    files["interface", "l"] = {"device": "node/west", "port": "c", "vrf": "red", "ipv4": "10.1.7.1/24"}
    files["server", "s"] = {"rack": "r", "network": "n", "ipv4": "10.1.7.9"}
    files["load_balancer", "b"] = {"project": "p", "network": "n", "ipv4": "10.1.7.9"}
    assert sorted(of_addresses(files)) == [
        "interface/j: `ipv4`: 10.1.9.1 is already that of node/east",
        "interface/k: `ipv4`: expected an IPv4 address with its length like 10.1.0.2/24, got '10.1.8.9/33'",
        "load_balancer/b: `ipv4`: 10.1.7.9 is already that of server/s",
        "node/west: `management4`: 10.1.7.1 is already that of network/n (its gateway)",
        "node/west: `management6`: 3fff:460::1 is already that of node/east (its management)",
    ]
