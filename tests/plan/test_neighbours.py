"""What a neighbour does in the meantime, and what is signed: an effect says what changes, and no more."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from chain import chain
from planner_model import Proposed, World

from govcloud.plan import builder
from govcloud.plan.differing import differences
from govcloud.plan.guards.signing import true_effect
from govcloud.plan.stages import Plan, Play

Edit = Callable[[Proposed], Any]


def wish(*edits: Edit) -> Proposed:
    out: Proposed = {(kind, name): msgspec.to_builtins(entry) for kind, name, entry in chain()}
    out |= {
        ("region", "here"): {"level": "province"},
        ("zone", "extranet"): {"role": "extranet"},
        ("site", "s"): {"region": "here", "role": "datacentre"},
        ("room", "m"): {"site": "s"},
        ("rack", "k"): {"room": "m"},
        ("flavor", "small"): {"vcpus": 1, "memory_mib": 512},
        ("image", "linux"): {"os": "Linux"},
        ("image", "other"): {"os": "Linux"},
    }
    del out["protection", "portal"]
    out["private_network", "hospital"] = {"unit": "bureau", "nodes": ["r1"], "classified_on": "2026-01-02"}
    out["endpoint", "other"] = out["endpoint", "portal"] | {"host": "other", "port": 81}
    out["flow", "desk-other"] = out["flow", "desk-portal"] | {"endpoint": "other"}
    out["boundary", "hospital"] = {
        "private_network": "hospital",
        "zone": "extranet",
        "nodes": ["r2"],
        "flows": ["desk-portal", "desk-other"],
        "drawn_on": "2026-01-03",
    }
    for edit in edits:
        edit(out)
    return out


def built(*edits: Edit) -> World:
    """A world whose hosts are configured: a chain of four routers, by OSPF."""
    world = World(routing="ospf")
    world.carry(world.plan(wish(*edits)))
    assert world.plan(wish(*edits)).empty
    return world


def played(plan: Plan) -> Play:
    return next(stage for stage in plan.stages if isinstance(stage, Play))


def web(name: str, last: int) -> Edit:
    """A web application: a machine behind r4, with a name."""

    def edit(out: Proposed) -> None:
        out["application", name] = {"unit": "bureau", "title": name}
        machine = {"project": "p", "network": "app", "flavor": "small", "image": "linux"}
        out["instance", name] = machine | {"ipv4": f"10.4.0.{last}", "ipv6": f"2001:db8:4::{last}"}
        out["endpoint", name] = {"application": name, "instance": name, "dns_zone": "gov", "host": name}

    return edit


def line(a: str, b: str, number: int) -> Edit:
    def edit(out: Proposed) -> None:
        out["link", f"{a}-{b}"] = {
            "a": a,
            "b": b,
            "a_interface": f"to-{b}",
            "b_interface": f"to-{a}",
            "bandwidth_mbps": 1000,
            "ipv4": f"10.254.1.{2 * number}/31",
            "ipv6": f"2001:db8:fe:f{number}::/127",
        }

    return edit


def field(kind: str, name: str, key: str, value: Any) -> Edit:
    return lambda out: out[kind, name].__setitem__(key, value)


ORDERS = {
    "tax": web("tax", 21),
    "land": web("land", 22),
    "port": field("endpoint", "portal", "port", 8080),
    "other port": field("endpoint", "other", "port", 8081),
    "line": line("r1", "r3", 1),
    "other line": line("r1", "r4", 2),
    "cost": field("link", "r2-r4", "cost", 90),
    "standby goes": lambda out: out.pop(("instance", "app-dr")),
    "network": lambda out: out.__setitem__(
        ("network", "more"),
        {"gateway": "r4", "interface": "more", "ipv4": "10.6.0.0/24", "ipv6": "2001:db8:6::/64"},
    ),
}


@pytest.mark.parametrize(("mine", "theirs"), list(itertools.combinations(ORDERS, 2)))
def test_two_orders_over_one_world_keep_their_effects_whichever_is_first(mine: str, theirs: str) -> None:
    world = built()
    for one, other in ((mine, theirs), (theirs, mine)):
        signed = world.plan(wish(ORDERS[one]))
        after = copy.deepcopy(world)
        after.carry(after.plan(wish(ORDERS[other])))
        again = after.plan(wish(ORDERS[other], ORDERS[one]))
        assert again.effect == signed.effect == true_effect(again)
        after.carry(again)
        assert after.plan(wish(ORDERS[mine], ORDERS[theirs])).empty


@pytest.mark.parametrize(
    ("mine", "theirs", "hosts"),
    [("tax", "land", {"dns-1"}), ("port", "other port", {"r2", "app-1"}), ("line", "other line", {"r1"})],
)
def test_they_do_meet_on_hosts(mine: str, theirs: str, hosts: set[str]) -> None:
    """Else the test above says nothing: what both get there is another configuration by then."""
    world = built()
    signed = played(world.plan(wish(ORDERS[mine])))
    world.carry(world.plan(wish(ORDERS[theirs])))
    again = played(world.plan(wish(ORDERS[theirs], ORDERS[mine])))
    assert hosts <= signed.changes.keys()
    assert signed.changes == again.changes
    assert all(signed.inputs[host] != again.inputs[host] for host in hosts)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(field("instance", "tax", "ipv6", "2001:db8:4::99"), id="the address of the name"),
        pytest.param(field("endpoint", "tax", "host", "levy"), id="the name"),
        pytest.param(field("instance", "tax", "ipv4", "10.4.0.99"), id="its other address"),
    ],
)
def test_one_changed_value_is_another_effect(edit: Edit) -> None:
    world = built()
    mine = played(world.plan(wish(ORDERS["tax"])))
    other = played(world.plan(wish(ORDERS["tax"], edit)))
    assert mine.changes.keys() == other.changes.keys()
    assert mine.changes != other.changes
    assert world.plan(wish(ORDERS["tax"])).effect != world.plan(wish(ORDERS["tax"], edit)).effect


def test_a_change_of_the_same_record_voids_it() -> None:
    """I give the line another cost; somebody else did so first."""
    world = built()
    mine = field("link", "r2-r4", "cost", 90)
    signed = world.plan(wish(mine))
    theirs = field("link", "r2-r4", "cost", 80)
    world.carry(world.plan(wish(theirs)))
    again = world.plan(wish(theirs, mine))
    assert played(again).changes != played(signed).changes
    assert played(again).inputs == played(signed).inputs
    assert again.effect != signed.effect


def test_a_variable_of_the_same_host_that_files_change_keeps_it() -> None:
    world = built()
    signed = world.plan(wish(ORDERS["port"]))
    theirs = field("profile", "routing", "values", {"ospf_hello_s": 2, "ospf_dead_s": 8})
    assert "r2" in played(world.plan(wish(theirs))).changes
    world.carry(world.plan(wish(theirs)))
    assert world.plan(wish(theirs, ORDERS["port"])).effect == signed.effect


def test_a_host_that_is_not_as_accepted_gets_all_of_it() -> None:
    """A run that ended before its play, other playbooks, a machine made anew, what nobody changed."""
    world = built()
    signed = world.plan(wish(ORDERS["tax"]))

    left = copy.deepcopy(world)
    left.carry(left.plan(wish(ORDERS["land"])), until=1)
    again = left.plan(wish(ORDERS["land"], ORDERS["tax"]))
    assert "dns-1" in played(again).inputs
    assert "dns-1" not in played(again).changes
    assert again.effect != signed.effect
    assert not played(left.plan(wish(ORDERS["land"]))).changes

    other = copy.deepcopy(world)
    other.playbook = "another"
    assert not played(other.plan(wish(ORDERS["tax"]))).changes
    assert other.plan(wish(ORDERS["tax"])).effect != signed.effect

    anew = played(world.plan(wish(field("instance", "app-1", "image", "other"))))
    assert "app-1" in anew.inputs
    assert "app-1" not in anew.changes


def test_an_effect_of_an_older_format_is_worked_out_as_it_was() -> None:
    """It held all of the host, and was never told what changes."""
    world = built()
    plan = world.plan(wish(ORDERS["tax"]))
    older = msgspec.structs.replace(plan, version=2)
    assert true_effect(older) != plan.effect
    bare = [
        msgspec.structs.replace(stage, changes={}) if isinstance(stage, Play) else stage
        for stage in plan.stages
    ]
    assert builder.effect_of(bare, version=2) == true_effect(older)


ZONE = {"domain": "gov", "nameservers": ["a"], "records": [{"name": "x", "value": "1"}]}
RULES = "table t {\n\tchain out {\n\t\taccept a\n\t\tdrop\n\t}\n\tchain in {\n\t\tdrop\n\t}\n}\n"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.5, "b": None}, [(("a",), "-", 1), (("a",), "+", 1.5), (("b",), "+", None)]),
        ([{"n": 1}], [{"n": 2}, {"n": 1}], [((), "+", {"n": 2})]),
        ([1, 1], [1], [((), "-", 1)]),
        ([1, 2], [2, 1], [((), "-", [1, 2]), ((), "+", [2, 1])]),
        (
            {"zones": [ZONE]},
            {"zones": [ZONE | {"records": [{"name": "y", "value": "2"}, *ZONE["records"]]}]},  # type: ignore[misc]
            [(("zones", '{"domain":"gov"}', "records"), "+", {"name": "y", "value": "2"})],
        ),
        (
            RULES,
            RULES.replace("chain in {\n", "chain in {\n\t\taccept b\n"),
            [((), "+", ["table t {", "\tchain in {", "\t\taccept b"])],
        ),
        ("x\n", "y\n", [((), "-", ["x"]), ((), "+", ["y"])]),
    ],
)
def test_differences(before: Any, after: Any, told: list[Any]) -> None:
    assert list(differences(before, after)) == told
