"""What a boundary lets pass, worked out from the ledger: against a naive judgement, and case by case."""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.errors import InputError
from govcloud.model import KINDS
from govcloud.model.base import PLURALS
from govcloud.model.catalogue import Catalogue
from govcloud.plan.boundaries import Drawn, Ground
from govcloud.plan.filtering import ruleset
from govcloud.source.checks import interfaces_fit
from tests.boundaries import world


def catalogue(tables: world.Tables) -> Catalogue:
    """The entries as the planner has them."""
    return Catalogue(
        {
            PLURALS[t]: {n: msgspec.convert(e, KINDS[PLURALS[t]]) for n, e in es.items()}
            for t, es in tables.items()
        }
    )


def drawn(tables: world.Tables) -> Drawn:
    (found,) = Ground(catalogue(tables)).boundaries
    return found


# -- a small reader of what nft is given ------------------------------------------------------------------


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """A packet at the forward hook; ``reply``: it answers, and ``port`` is where it comes from.

    ``protocol`` may be echo.
    """

    come_by: str
    go_by: str
    source: str
    destination: str
    protocol: str
    port: int
    state: str = "new"
    reply: bool = False


def passes(text: str, packet: Packet) -> bool:
    """Whether the table lets a packet through: the base chain, then the chains that it jumps to."""
    chains = {
        name: [line.strip() for line in body.strip().splitlines()]
        for name, body in re.findall(r"\tchain (\S+) \{\n(.*?)\n\t\}", text, re.S)
    }
    for rule in chains["forward"][1:]:
        where = re.fullmatch(r"iifname (!= )?\{ (.*?) \} oifname (!= )?\{ (.*?) \} jump (\S+)", rule)
        assert where is not None, rule
        not_in, inside, not_out, outside, chain = where.groups()
        if (f'"{packet.come_by}"' in inside) == bool(not_in) or (f'"{packet.go_by}"' in outside) == bool(
            not_out
        ):
            continue
        if not lets_by(chains[chain], packet):
            return False
    return True


def lets_by(rules: list[str], packet: Packet) -> bool:
    version = ipaddress.ip_address(packet.source).version
    for rule in rules:
        match, _, verdict = rule.partition(" counter ") if " counter " in rule else ("", "", rule)
        words = (verdict or rule).removeprefix("counter ").split()[0]
        if fits(match, packet, version):
            return words == "return"
    raise AssertionError("a chain has an end")


def fits(match: str, packet: Packet, version: int) -> bool:
    if match in ("", "ct state invalid"):
        return match == "" or packet.state == "invalid"
    answers = match.startswith("ct state established ct direction reply ")
    match = match.removeprefix("ct state established ct direction reply ")
    if answers != packet.reply or (answers and packet.state != "established"):
        return False
    if match == "ct state related meta l4proto { icmp, ipv6-icmp }":
        return packet.state == "related" and packet.protocol == "icmp-error"
    found = re.fullmatch(r"(ip6?) saddr (\S+) ip6? daddr (\S+) (.*)", match)
    assert found is not None, match
    family, source, destination, what = found.groups()
    if family != ("ip" if version == 4 else "ip6"):
        return False
    if ipaddress.ip_address(packet.source) not in ipaddress.ip_network(source):
        return False
    if ipaddress.ip_address(packet.destination) not in ipaddress.ip_network(destination):
        return False
    if packet.protocol == "echo":
        kind = "echo-reply" if answers else "echo-request"
        return what == f"{'icmp' if version == 4 else 'icmpv6'} type {kind}"
    return what == f"{packet.protocol} {'sport' if answers else 'dport'} {packet.port}"


# -- and a naive judgement of what is allowed ---------------------------------------------------------------

INSIDE = {"desk-in": ("10.60.0.10", "2001:db8:2::10"), "app-in": ("10.60.0.11", "2001:db8:2::11")}
AROUND = {"desk-out": ("10.1.0.10", "2001:db8:1::10"), "app-out": ("10.1.0.11", "2001:db8:1::11")}
ENDS = {"app-in": {"records": 8080, "internal": 9090}, "app-out": {"portal": 80}}
EVERYBODY = INSIDE | AROUND
STARTS = {"desk-in": "server/desk-in", "desk-out": "server/desk-out", "app-in": "instance/app-in"}
STARTS["app-out"] = "instance/app-out"

TRIED = (("tcp", 80), ("tcp", 8080), ("tcp", 9090), ("tcp", 53), ("udp", 53), ("echo", 0))

flows = st.lists(
    st.tuples(
        st.sampled_from(sorted(EVERYBODY)),
        st.sampled_from(["records", "internal", "portal"]),
        st.sets(st.sampled_from([4, 6]), min_size=1),
        st.sets(st.sampled_from(["reach", "dns", "http"]), min_size=1),
        st.booleans(),
    ),
    max_size=6,
)


def allowed(said: list[Any], source: str, goal: str, version: int, protocol: str, port: int) -> bool:
    """Whether any declared flow is this packet's, told the long way."""
    for start, endpoint, versions, measures, declared in said:
        if not declared or start != source or version not in versions:
            continue
        host, service = next((h, ports[endpoint]) for h, ports in ENDS.items() if endpoint in ports)
        if (start in INSIDE) == (host in INSIDE):
            continue
        if goal == host and protocol == "tcp" and port == service and "http" in measures:
            return True
        if goal == host and protocol == "echo" and "reach" in measures:
            return True
        # The name server is desk-out.
        names = start in INSIDE and measures & {"dns", "http"}
        if names and goal == "desk-out" and protocol in ("tcp", "udp") and port == 53:
            return True
    return False


def with_flows(said: list[Any]) -> world.Tables:
    tables = world.tables()
    tables["flows"] = {
        f"f{n}": {
            "start": STARTS[start],
            "endpoint": endpoint,
            "ip_versions": sorted(versions),
            "measures": sorted(measures),
        }
        for n, (start, endpoint, versions, measures, _) in enumerate(said)
    }
    declared = [f"f{n}" for n, flow in enumerate(said) if flow[4]]
    tables["boundaries"]["health"]["flows"] = declared
    return tables


@settings(max_examples=60, deadline=None)
@given(flows)
def test_the_rules_let_pass_what_is_declared_and_nothing_else(said: list[Any]) -> None:
    found = drawn(with_flows(said))
    text = ruleset(found.posts, ())
    for source, goal in [(a, b) for a in EVERYBODY for b in EVERYBODY if (a in INSIDE) != (b in INSIDE)]:
        ways = ("to-inner", "to-core") if source in INSIDE else ("to-core", "to-inner")
        for version in (4, 6):
            place = 0 if version == 4 else 1
            for protocol, port in (
                ("tcp", 80),
                ("tcp", 8080),
                ("tcp", 9090),
                ("tcp", 53),
                ("udp", 53),
                ("echo", 0),
            ):
                packet = Packet(
                    come_by=ways[0],
                    go_by=ways[1],
                    source=EVERYBODY[source][place],
                    destination=EVERYBODY[goal][place],
                    protocol=protocol,
                    port=port,
                )
                wanted = allowed(said, source, goal, version, protocol, port)
                assert passes(text, packet) == wanted, packet
                # What was begun does not go on by itself, and neither does what answers it.
                begun = msgspec.structs.replace(packet, state="established")
                assert passes(text, begun) == wanted
                answer = msgspec.structs.replace(
                    begun,
                    come_by=ways[1],
                    go_by=ways[0],
                    source=packet.destination,
                    destination=packet.source,
                    reply=True,
                )
                assert passes(text, answer) == wanted
                assert not passes(text, msgspec.structs.replace(begun, state="invalid"))
    crossing = {c.flow for c in found.crossings}
    assert {c.flow for c in found.crossings if not c.refused} == crossing & set(found.boundary.flows)


def test_what_does_not_cross_is_not_filtered() -> None:
    text = ruleset(drawn(world.tables()).posts, ())
    aside = Packet(
        come_by="to-core", go_by="lan", source="10.9.0.1", destination="10.1.0.11", protocol="tcp", port=22
    )
    assert passes(text, aside)
    unknown = msgspec.structs.replace(aside, come_by="strange0", go_by="to-inner")
    assert not passes(text, unknown)


# -- when nothing passes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "name", "change", "words"),
    [
        ("boundaries", "health", {"drawn_on": ""}, "it is not drawn"),
        ("private_networks", "health", {"classified_on": ""}, "nobody has decided"),
        ("private_networks", "health", {"classified": True}, "is classified"),
    ],
)
def test_a_boundary_that_is_not_settled_lets_nothing_through(
    table: str, name: str, change: dict[str, Any], words: str
) -> None:
    tables = world.tables()
    tables[table][name] |= change
    found = drawn(tables)
    assert words in found.closed and found.posts[0].rules == {}
    assert not any(c.refused == "" for c in found.crossings)
    assert any(words in finding for finding in found.findings)


def test_a_classified_network_may_meet_the_intranet() -> None:
    tables = world.tables()
    tables["private_networks"]["health"]["classified"] = True
    tables["zones"]["extranet"]["role"] = "intranet"
    assert drawn(tables).closed == "" and drawn(tables).posts[0].rules


def test_a_classified_flow_stays_from_the_extranet() -> None:
    tables = world.tables()
    tables["flows"]["in-portal"]["classified"] = True
    found = drawn(tables)
    assert [c.flow for c in found.crossings if c.refused] == ["in-portal"]
    assert any("carries classified data" in words for words in found.findings)


def test_flows_that_nobody_declared_and_that_do_not_cross_are_told() -> None:
    tables = world.tables()
    tables["flows"]["stranger"] = {"start": "server/desk-out", "endpoint": "internal"}
    tables["flows"]["within"] = {"start": "server/desk-in", "endpoint": "internal"}
    tables["boundaries"]["health"]["flows"].append("within")
    assert drawn(tables).findings == [
        "flow/stranger leads across, and no boundary declares it: it does not pass",
        "flow/within is declared, and does not lead across",
    ]


def test_a_node_that_cannot_filter_is_told() -> None:
    tables = world.tables()
    tables["nodes"]["gate"] |= {"platform": "huawei_vrp"}
    tables["boundaries"]["health"]["nodes"] = ["gate", "core"]
    words = drawn(tables).findings
    assert "node/gate is not built, or does not run linux: nothing is filtered there" in words
    assert "node/core has no interface towards the private network" in words


def test_addresses_are_those_that_packets_have_at_the_boundary() -> None:
    """NAT on the private side has happened at the border node; NAT64 behind it has not."""
    rules = drawn(world.tables()).posts[0].rules
    assert {r.source for r in rules if r.version == 4 and r.direction == "out"} == {"10.60.0.10"}
    assert ("2001:db8:2::16", "2001:db8:64::a01:c") in {(r.source, r.destination) for r in rules}
    tables = world.tables()
    # The border node itself translates both: its filter stands between the two.
    tables["translations"]["health"]["node"] = "gate"
    tables["translations"]["old"]["node"] = "gate"
    rules = drawn(tables).posts[0].rules
    assert {r.source for r in rules if r.version == 4 and r.direction == "out"} == {"10.2.0.10"}
    assert ("2001:db8:2::16", "2001:db8:64::a01:c") in {(r.source, r.destination) for r in rules}
    # Translated before they come by, they are IPv4 from the pool.
    tables["translations"]["old"]["node"] = "inner"
    rules = drawn(tables).posts[0].rules
    assert ("10.64.0.0/24", "10.1.0.12") in {(r.source, r.destination) for r in rules}


def test_what_is_translated_for_nobody_in_particular_can_be_reached_by_both_addresses() -> None:
    tables = world.tables()
    tables["translations"]["more"] = {"node": "core", "inside": "10.1.0.0/24", "outside": "10.61.0.0/24"}
    rules = drawn(tables).posts[0].rules
    web = {r.destination for r in rules if r.version == 4 and r.port == 80}
    assert web == {"10.1.0.11", "10.61.0.11"}
    # What it sends itself has only one.
    assert {r.source for r in rules if r.version == 4 and r.direction == "in"} == {"10.61.0.10"}


def test_ospf_is_let_in_only_where_it_has_neighbours() -> None:
    posts = drawn(world.tables()).posts
    assert "l4proto 89" not in ruleset(posts, ["to-core"])
    assert 'iifname { "to-inner" } meta l4proto 89' in ruleset(posts, ["to-core", "to-inner"])


# -- links that nobody drew a boundary for ------------------------------------------------------------------


def shut(tables: world.Tables) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """(private network, interfaces) of what is closed because no boundary stands there, by node."""
    ground = Ground(catalogue(tables))
    return {
        node: [(p.private_network, p.interfaces) for p in posts if not p.boundary]
        for node, posts in ground.posts.items()
    }


def side_door(tables: world.Tables, outer: str = "core", **more: str) -> world.Tables:
    """Another link out of the private network, that no boundary stands on."""
    tables["links"]["side-door"] = {
        "a": outer,
        "b": "inner",
        "a_interface": "to-inner",
        "b_interface": "to-side",
        "bandwidth_mbps": 10,
        "ipv4": "10.254.0.8/31",
    } | more
    return tables


def test_without_a_boundary_a_private_networks_links_are_closed_and_told() -> None:
    tables = world.tables()
    del tables["boundaries"]
    assert shut(tables) == {"inner": [("health", ("to-gate",))]}
    (told,) = Ground(catalogue(tables)).findings
    assert "link/gate-inner leads out of private_network/health to node/gate" in told
    text = ruleset(Ground(catalogue(tables)).posts["inner"], ())
    assert 'iifname { "to-gate" } counter drop' in text and 'oifname { "to-gate" } counter drop' in text
    assert "self-health" not in text
    # Where the private network's own router cannot filter, the other end does, and keeps to itself.
    tables["nodes"]["inner"]["platform"] = "huawei_vrp"
    assert shut(tables) == {"gate": [("health", ("to-inner",))]}
    assert "jump self-health" in ruleset(Ground(catalogue(tables)).posts["gate"], ())
    # One without any link out is nobody's concern.
    del tables["links"]["gate-inner"]
    assert shut(tables) == {} and Ground(catalogue(tables)).findings == []


def test_a_link_by_which_no_boundary_stands_is_closed_while_the_drawn_one_is_open() -> None:
    tables = side_door(world.tables())
    assert shut(tables) == {"gate": [], "inner": [("health", ("to-side",))]}
    (found,) = Ground(catalogue(tables)).boundaries
    assert found.closed == "" and found.posts[0].rules
    assert any("link/side-door leads out" in words for words in found.findings)
    # Named by no boundary at all, the border is closed as well.
    tables["boundaries"]["health"]["nodes"] = []
    assert shut(tables) == {"inner": [("health", ("to-gate", "to-side"))]}


def test_a_boundary_is_with_the_zone_that_its_links_lead_to() -> None:
    tables = world.tables()
    tables["zones"]["intranet"] = {"role": "intranet"}
    tables["boundaries"]["health"]["zone"] = "intranet"
    found = drawn(tables)
    assert "link/gate-inner at node/gate leads to zone/extranet" in found.closed
    assert found.posts[0].rules == {}
    # A security domain of the zone is part of it.
    tables["zones"]["extranet"]["within"] = "intranet"
    assert drawn(tables).closed == ""


def test_boundaries_of_one_network_on_one_node_let_pass_what_any_of_them_does() -> None:
    tables = world.tables()
    flows = tables["boundaries"]["health"]["flows"]
    tables["boundaries"]["more"] = tables["boundaries"]["health"] | {"flows": flows[:1]}
    tables["boundaries"]["health"]["flows"] = flows[1:]
    (post,) = Ground(catalogue(tables)).posts["gate"]
    assert post.rules == drawn(world.tables()).posts[0].rules and post.boundary == "health+more"
    assert all(d.findings == [] for d in Ground(catalogue(tables)).boundaries)


@pytest.mark.parametrize(
    ("table", "field"), [("boundaries", "drawn_on"), ("private_networks", "classified_on")]
)
def test_a_day_to_come_opens_nothing(table: str, field: str) -> None:
    tables = world.tables()
    tables[table]["health"][field] = "2026-09-20"
    before, after = (
        Ground(catalogue(tables), day).boundaries[0] for day in (date(2026, 9, 19), date(2026, 9, 20))
    )
    assert "is still to come" in before.closed and before.posts[0].rules == {}
    assert after.closed == "" and after.posts[0].rules


def test_what_is_classified_crosses_to_what_stands_in_the_intranet_alone() -> None:
    tables = world.tables()
    tables["zones"] |= {"intranet": {"role": "intranet"}}
    tables["private_networks"]["health"]["classified"] = True
    tables["boundaries"]["health"]["zone"] = "intranet"
    tables["nodes"]["gate"]["zone"] = "intranet"
    found = drawn(tables)
    assert found.closed == "" and found.posts[0].rules == {}
    assert any("server/desk-out does not stand in the intranet (N-01)" in words for words in found.findings)
    tables["nodes"]["core"]["zone"] = "intranet"
    assert drawn(tables).posts[0].rules
    # Whatever else is said of where it stands counts too.
    tables["networks"]["out"]["domain"] = "extranet"
    assert drawn(tables).posts[0].rules == {}


def test_each_of_two_borders_translates_for_itself() -> None:
    tables = side_door(world.tables(), "gate", b="inner2")
    tables["nodes"]["inner2"] = tables["nodes"]["inner"] | {
        "loopback4": "10.255.0.4",
        "loopback6": "2001:db8:ff::4",
    }
    tables["links"]["within"] = tables["links"]["gate-inner"] | {
        "a": "inner",
        "b": "inner2",
        "a_interface": "to-inner2",
        "b_interface": "to-inner",
        "ipv4": "10.254.0.10/31",
        "ipv6": "",
    }
    tables["private_networks"]["health"]["nodes"] = ["inner", "inner2"]
    tables["boundaries"]["health"]["nodes"] = ["inner", "inner2"]
    tables["translations"]["health2"] = tables["translations"]["health"] | {"node": "inner2"}
    posts = drawn(tables).posts
    assert [post.node for post in posts] == ["inner", "inner2"]
    for post in posts:
        assert {r.source for r in post.rules if r.version == 4 and r.direction == "out"} == {"10.2.0.10"}
    assert drawn(tables).findings == []


@pytest.mark.parametrize("name", ['x"}drop#', "l*", "a;b", "a\\b", "a$b", "a'b", "a\x1bb", "a\x9bb"])
def test_names_that_nft_reads_otherwise_are_refused(name: str) -> None:
    tables = world.tables()
    tables["links"]["gate-inner"]["a_interface"] = name
    (told,) = interfaces_fit(catalogue(tables))
    assert "cannot be the name of an interface" in told.message
    # Whoever comes by another way than the files finds that nothing is written.
    with pytest.raises(InputError) as refused:
        ruleset(drawn(tables).posts, ())
    assert "nft cannot be told" in refused.value.problems[0].message
