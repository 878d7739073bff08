"""The planner alone: any entries from any past, and what the plan's words are held to."""

from __future__ import annotations

import copy
import random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planner_model import PROGRAMS, Proposed, World
from planner_worlds import COMMON, chain, entries, node, renamed

from govcloud.errors import InputError
from govcloud.ledger.building import Intent, Observed
from govcloud.model.resources import TYPES
from govcloud.plan import builder, stages
from govcloud.plan.builder import build_destroy, effect_of
from govcloud.plan.stacking import restore, snapshot
from govcloud.plan.stages import Move, Plan, Record, ResourceChange, Stack

FAST = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def well_formed(plan: Plan) -> None:
    """Every stage needs only earlier ones; deletes of what is not let go are in the second phase."""
    ids = [s.id for s in plan.stages]
    assert len(set(ids)) == len(ids)
    for number, stage in enumerate(plan.stages):
        assert set(stage.needs) <= set(ids[:number])
    phases = [s.phase for s in plan.stages]
    assert phases == sorted(phases, key=["expand", "contract"].index)
    assert stages.decode(stages.encode(plan)) == plan


def arrive(world: World, proposed: Proposed) -> Plan:
    """Plan, carry out, and find that nothing is left; what is there is what is wanted."""
    plan = world.plan(proposed)
    well_formed(plan)
    world.carry(plan)
    world.nothing_dangles()
    assert {k: a.fields for k, a in world.accepted.items()} == proposed
    assert world.real == {a.object_id: restore(a) for a in world.applied.values()}
    assert len({r.uid for r in world.real.values()}) == len(world.real), "an entry has two incarnations"
    assert world.intents == []
    again = world.plan(proposed)
    assert again.empty, msgspec.to_builtins(again.stages)
    assert len({a.uid for a in world.accepted.values()}) == len(world.accepted)
    return plan


@FAST
@given(st.lists(entries(), min_size=1, max_size=4), st.sampled_from([2, 3, 200]))
def test_from_any_past_to_any_wish_and_then_nothing_is_left(wishes: list[Proposed], size: int) -> None:
    world = World(size)
    for wish in wishes:
        arrive(world, wish)


@FAST
@given(entries(), entries(), st.integers(0, 6), st.sampled_from([2, 200]))
def test_a_plan_that_got_half_way_is_taken_up_by_the_next(
    first: Proposed, second: Proposed, stages_done: int, size: int
) -> None:
    """Stopped between any two stages, and the wish may have changed meanwhile."""
    world = World(size)
    arrive(world, first)
    world.carry(world.plan(second), until=stages_done)
    arrive(world, first if stages_done % 2 else second)


@FAST
@given(
    st.lists(entries(), min_size=2, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8), st.integers(0, 6)), min_size=1, max_size=4),
    st.sampled_from([2, 200]),
)
def test_a_plan_that_is_killed_in_the_middle_of_a_stage_is_taken_up_by_the_next(
    wishes: list[Proposed], kills: list[tuple[int, int, int]], size: int
) -> None:
    """Again and again, towards any wish: nothing is taken away that others stand on, and all gets there."""
    world = World(size)
    arrive(world, wishes[0])
    for wish, until, steps in kills:
        world.carry(world.plan(wishes[wish % len(wishes)]), until=until, steps=steps)
    arrive(world, wishes[kills[-1][0] % len(wishes)])
    arrive(world, wishes[0])


@FAST
@given(entries(), st.sampled_from([2, 200]))
def test_all_down_and_all_up_again(wish: Proposed, size: int) -> None:
    world = World(size)
    arrive(world, wish)
    before = dict(world.real)
    down = build_destroy(world.inputs(wish))
    well_formed(down)
    assert {s.phase for s in down.stages} <= {"contract"}
    world.carry(down)
    assert world.real == {}
    assert {k: a.fields for k, a in world.accepted.items()} == wish
    arrive(world, wish)
    assert world.real == before


@FAST
@given(entries(), st.randoms(use_true_random=False))
def test_the_order_of_files_and_fields_is_no_matter(wish: Proposed, order: random.Random) -> None:
    def shuffled(table: dict[Any, Any]) -> dict[Any, Any]:
        keys = list(table)
        order.shuffle(keys)
        return {k: shuffled(table[k]) if isinstance(table[k], dict) else table[k] for k in keys}

    plan, other = World().plan(wish), World().plan(shuffled(wish))
    assert plan.effect == other.effect
    assert plan.base == other.base
    assert changes(plan) == changes(other)


@FAST
@given(entries(), st.data())
def test_a_rename_keeps_identity_and_object(wish: Proposed, data: st.DataObject) -> None:
    kinds = ("node", "link", "network", "server", "instance")
    built = sorted(k for k in wish if k[0] in kinds)
    if not built:
        return
    kind, old = data.draw(st.sampled_from(built))
    world = World()
    arrive(world, wish)
    uid, ids = world.accepted[kind, old].uid, set(world.real)
    after = renamed(wish, kind, old, "other-name")
    plan = arrive(world, after)
    assert world.accepted[kind, "other-name"].uid == uid
    assert set(world.real) == ids
    verbs = {c.verb for s in plan.stages if isinstance(s, Stack) for c in s.changes}
    assert verbs <= {"update"}
    # The old name is free now, for somebody else.
    newcomer = dict(wish[kind, old]) if kind == "node" else None
    if newcomer is not None:
        arrive(world, after | {(kind, old): newcomer})
        assert world.accepted[kind, old].uid != uid


@FAST
@given(entries(), st.sampled_from(["core", "access"]))
def test_a_neighbour_in_the_same_stack_is_no_other_effect(wish: Proposed, role: str) -> None:
    """The neighbour's node is there already: my plan does the same as if it were not."""
    world = World()
    world.carry(world.plan(wish))
    mine = ("node", "n-mine")
    theirs = ("node", "n-theirs")
    effect = world.plan(wish | {mine: node()}).effect
    assert world.plan(wish | {mine: node(role="access")}).effect != effect
    world.carry(world.plan(wish | {theirs: node(role=role)}))
    assert world.plan(wish | {theirs: node(role=role), mine: node()}).effect == effect


def changes(plan: Plan) -> dict[str, list[tuple[str, str]]]:
    """(verb, subject) by stage."""
    return {
        s.id: [(c.verb, c.subject) for c in s.changes] for s in plan.stages if isinstance(s, Record | Stack)
    }


def test_what_cannot_change_makes_a_new_incarnation_and_takes_its_users_along() -> None:
    world = World()
    wish = chain(2) | {
        ("network", "w"): {"gateway": "n1", "interface": "p", "site": "main"},
        ("server", "s"): {"rack": "main", "network": "w", "target": "one"},
    }
    arrive(world, wish)
    wish["network", "w"]["interface"] = "q"
    plan = arrive(world, wish)
    assert changes(plan)["stack:datacentre-1"] == [("replace", "network/w"), ("replace", "server/s")]
    assert world.accepted["network", "w"].incarnation == world.accepted["server", "s"].incarnation == 2
    assert world.accepted["node", "n1"].incarnation == 1
    wish["network", "w"]["gateway"] = "n0"
    arrive(world, wish)
    assert world.accepted["server", "s"].incarnation == 3


def test_an_object_sent_for_with_other_words_is_not_taken_for_the_one_wanted_now() -> None:
    """A run died with a line under way; its interface is another one now, so it is another line."""
    world = World()
    wish = chain(2)
    plan = world.plan(wish)
    world.carry(plan, until=1)
    stage = next(s for s in plan.stages if isinstance(s, Stack))
    world.intents = [
        Intent(r.object_id, stage.stack, r.type, r.target, snapshot(r), "dead") for r in stage.resources
    ]
    line = next(r for r in stage.resources if r.type == "Link")
    world.real = {r.object_id: r for r in stage.resources}
    wish["link", "n0-n1"]["bandwidth_mbps"] = 99
    assert world.plan(wish).stages[0].id == "record"
    wish["link", "n0-n1"]["a_interface"] = "elsewhere"
    plan = world.plan(wish)
    assert world.accepted["link", "n0-n1"].uid == line.uid
    swept = [c for s in plan.stages if isinstance(s, Stack) for c in s.changes if c.object]
    assert [c.object for c in swept] == [line.object_id]
    world.carry(plan)
    assert line.object_id not in world.real
    assert f"{line.uid}.2" in world.real
    assert world.plan(wish).empty


def test_deletes_come_last_users_before_used() -> None:
    world = World()
    wish = chain(2) | {
        ("network", "w"): {"gateway": "n1", "interface": "p", "cloud": "main"},
        ("instance", "i"): {"project": "main", "flavor": "small", "image": "a", "network": "w"},
    }
    arrive(world, wish)
    less = {k: v for k, v in wish.items() if k[1] not in ("n1", "n0-n1", "w", "i")}
    less["node", "n9"] = node()
    plan = arrive(world, less)
    assert [s.id for s in plan.stages] == [
        "record",
        "stack:network-1",
        "contract:cloud-1",
        "contract:network-1",
        "withdraw",
    ]
    first = plan.stages[1]
    assert isinstance(first, Stack)
    # What is doomed is still part of the slice in the first phase.
    assert {"node/n1", "link/n0-n1", "node/n9"} <= {r.subject for r in first.resources}


def test_stacks_that_need_each_other_are_visited_twice() -> None:
    """A server in the cloud's network, an instance in the data centre's: declared, so it can be built."""
    wish = chain(1) | {
        ("network", "of-cloud"): {"gateway": "n0", "interface": "p", "cloud": "main"},
        ("network", "of-site"): {"gateway": "n0", "interface": "q", "site": "main"},
        ("server", "s"): {"rack": "main", "network": "of-cloud", "target": "one"},
        ("instance", "i"): {"project": "main", "flavor": "small", "image": "a", "network": "of-site"},
    }
    world = World()
    plan = arrive(world, wish)
    assert changes(plan) == changes(plan) | {
        "stack:cloud-1/1": [("create", "network/of-cloud")],
        "stack:datacentre-1/1": [("create", "network/of-site")],
        "stack:cloud-1": [("create", "instance/i")],
        "stack:datacentre-1": [("create", "server/s")],
    }
    # Once everything stands, nothing goes in a ring: one visit is enough for a change.
    wish["server", "s"]["rack"] = "spare"
    wish["flavor", "small"]["vcpus"] = 2
    assert set(changes(arrive(world, wish))) == {"record", "stack:cloud-1"}
    wish["network", "of-cloud"]["interface"] = "x"
    wish["network", "of-site"]["interface"] = "y"
    arrive(world, wish)
    world.carry(build_destroy(world.inputs(wish)))
    assert world.real == {}


def test_a_stack_is_chosen_once_and_a_full_one_takes_no_more() -> None:
    world = World(stack_size=2)
    arrive(world, chain(3))
    homes = {k: a.stack for k, a in world.accepted.items() if a.stack}
    assert sorted(homes.values()) == ["network-1"] * 2 + ["network-2"] * 2 + ["network-3"]
    wish = chain(4)
    del wish["node", "n0"], wish["link", "n0-n1"]
    arrive(world, wish)
    assert {k: a.stack for k, a in world.accepted.items() if k in homes} == {
        k: s for k, s in homes.items() if k in wish
    }


def test_two_heirs_of_one_name_are_refused() -> None:
    world = World()
    arrive(world, chain(1))
    wish = chain(0)
    wish |= {("node", name): node(was="n0") for name in ("x", "y")}
    with pytest.raises(InputError) as error:
        world.plan(wish)
    assert [p.message for p in error.value.problems] == ["node/x and node/y both say `was: n0`"]


def names(world: World, kind: str) -> dict[str, str]:
    """Name by uid of what is accepted."""
    return {a.uid: a.name for a in world.accepted.values() if a.kind == kind}


@FAST
@given(st.lists(st.permutations(range(6)), min_size=1, max_size=3), st.integers(1, 4))
def test_renames_all_at_once_lose_nobody(rounds: list[list[int]], count: int) -> None:
    """Chains, swaps and longer rings: each uid goes where ``was`` says, and nothing is made or taken away."""
    world = World()
    arrive(world, chain(0) | {("node", f"n{i}"): node() for i in range(count)})
    before = {o: r.uid for o, r in world.real.items()}
    for places in rounds:
        held = names(world, "node")
        # Two names more than nodes, so that chains end somewhere.
        pool = sorted({*held.values(), "n8", "n9"})
        order = [pool[i % len(pool)] for i in places]
        news = dict(zip(sorted(held.values()), dict.fromkeys([*order, *pool]), strict=False))
        stale = {n: world.accepted["node", n].fields.get("was") for n in held.values()}
        wish = chain(0)
        for old, new in news.items():
            wish["node", new] = node() | ({"was": old} if old != new else {})
        # The very words that were carried out before say nothing: such a round is another test's.
        if any(stale.get(new) == old for old, new in news.items()):
            continue
        arrive(world, wish)
        assert names(world, "node") == {uid: news[name] for uid, name in held.items()}
        assert {o: r.uid for o, r in world.real.items()} == before
        assert {r.uid: r.inputs["name"] for r in world.real.values()} == names(world, "node")


def test_what_was_carried_out_says_nothing_any_more() -> None:
    """After an exchange the same words stay in the files, also when the former name is another's by now."""
    world = World()
    wish = chain(0) | {("node", "a"): node(), ("node", "b"): node(role="access")}
    arrive(world, wish)
    wish["node", "a"], wish["node", "b"] = node(role="access", was="b"), node(was="a")
    arrive(world, wish)
    swapped = names(world, "node")
    wish["node", "c"] = node()
    arrive(world, wish)
    assert swapped.items() <= names(world, "node").items()
    del wish["node", "c"]
    wish["node", "b"]["role"] = "border"
    arrive(world, wish)
    assert names(world, "node") == swapped
    # Gone with its words, the name is free; who says `was` of one that lives on is somebody else.
    wish["node", "d"] = node(was="a")
    arrive(world, wish)
    assert swapped.items() <= names(world, "node").items()


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ({"c": "b", "b": "a", "a": ""}, ["node/c says `was: b`, but node/b, which says `was: a`, does not"]),
        ({"b": "a"}, ["node/b says `was: a`, and both are there: one of them would be lost"]),
        ({"b": "a", "c": "b", "d": "b"}, ["node/c and node/d both say `was: b`"]),
        ({"a": "b", "b": "a", "c": "a"}, ["node/b and node/c both say `was: a`"]),
    ],
)
def test_renames_of_which_only_a_part_can_be_are_refused(after: dict[str, str], words: list[str]) -> None:
    world = World()
    arrive(world, chain(0) | {("node", "a"): node(), ("node", "b"): node()})
    wish = chain(0) | {("node", n): node(**({"was": w} if w else {})) for n, w in after.items()}
    with pytest.raises(InputError) as error:
        world.plan(wish)
    assert len(error.value.problems) == len(words)
    assert all(p.message.startswith(w) for p, w in zip(error.value.problems, words, strict=True))


@pytest.mark.parametrize("half", [False, True])
def test_a_target_that_is_renamed_is_the_same_place(half: bool) -> None:
    """Also where a run died after it had recorded the new name."""
    world = World()
    wish = chain(2)
    arrive(world, wish)
    before = set(world.real)
    wish = {k: {f: "shelf" if v == "one" else v for f, v in fields.items()} for k, fields in wish.items()}
    wish["target", "shelf"] = wish.pop(("target", "one")) | {"was": "one"}
    if half:
        world.carry(world.plan(wish), until=1)
        other = wish | {("target", "one"): {"driver": "store", "path": "elsewhere.db"}}
        with pytest.raises(InputError) as error:
            world.plan(other)
        message = "target/one: 3 object(s) were built at another target under this name"
        assert [p.message for p in error.value.problems] == [message]
    plan = arrive(world, wish)
    assert {c.verb for s in plan.stages if isinstance(s, Stack) for c in s.changes} == {"update"}
    assert set(world.real) == before
    assert {r.target for r in world.real.values()} == {"shelf"}
    # Two names at two places are not exchanged while something stands there.
    wish["target", "shelf"], wish["target", "two"] = (
        wish["target", "two"] | {"was": "two"},
        {"driver": "store", "was": "shelf"},
    )
    with pytest.raises(InputError) as error:
        world.plan(wish)
    assert "3 object(s) were built at another target" in error.value.problems[0].message


@pytest.mark.parametrize("driver", ["lab", "store"])
def test_names_that_are_unique_at_a_target_are_not_exchanged_in_one_plan(driver: str) -> None:
    world = World()
    wish = chain(0) | {("node", "a"): node(), ("node", "b"): node()}
    wish["target", "one"] = {"driver": driver}
    world.carry(world.plan(wish))
    wish["node", "a"], wish["node", "b"] = node(was="b"), node(was="a")
    if driver == "store":
        arrive(world, wish)
        return
    with pytest.raises(InputError) as error:
        world.plan(wish)
    assert [p.message for p in error.value.problems] == [
        "node/a takes the name 'a', which node/a has there",
        "node/b takes the name 'b', which node/b has there",
    ]


@pytest.mark.parametrize(
    ("gateway", "cloud", "words"),
    [
        ("", "one", "instance/i is to be built by 'one', but its `network`, network/w, is not built"),
        ("two", "one", "instance/i is to be built by 'one', but its `network`, network/w, is built by 'two'"),
    ],
)
def test_what_needs_an_object_that_its_target_does_not_build_is_refused(
    gateway: str, cloud: str, words: str
) -> None:
    wish = copy.deepcopy(COMMON)
    wish["node", "g"] = {k: v for k, v in node(gateway).items() if v}
    wish["network", "w"] = {"gateway": "g", "interface": "p", "cloud": "main"}
    wish["instance", "i"] = {"project": "main", "flavor": "small", "image": "a", "network": "w"}
    with pytest.raises(InputError) as error:
        World().plan(wish)
    assert words in error.value.problems[0].message


def test_what_was_seen_missing_changed_or_extra_is_healed_and_nothing_else() -> None:
    world = World()
    wish = chain(3)
    arrive(world, wish)
    by_name = {r.subject: r for r in world.real.values()}
    gone, changed = by_name["node/n2"], by_name["link/n0-n1"]
    world.observed = [
        Observed(gone.object_id, gone.uid, "one", "missing", {"type": "Node"}),
        Observed(
            changed.object_id,
            changed.uid,
            "one",
            "changed",
            {"fields": {"delay_ms": {"wanted": 0, "seen": 9}}},
        ),
        Observed("ffff.1", "ffff", "one", "extra", {"type": "Node", "name": "stray"}),
        Observed("Node:x", None, "one", "unmanaged", {"type": "Node", "properties": {}}),
    ]
    plan = world.plan(wish)
    assert changes(plan) == {
        "clear:network-1": [("delete", "node/stray")],
        "stack:network-1": [("heal", "node/n2"), ("heal", "link/n0-n1")],
    }
    first = plan.stages[1]
    assert isinstance(first, Stack)
    assert first.refresh
    # Only what is made anew has lost its configuration; a line that is only too slow has not.
    assert first.restart == ("n2",)


def test_what_nobody_confirmed_is_looked_at_and_is_no_stray() -> None:
    """An engine was sent, and its run died: whether it changed anything is not known."""
    world = World()
    wish = chain(2)
    arrive(world, wish)
    sent = [
        Intent(r.object_id, "network-1", r.type, r.target, snapshot(r), "dead") for r in world.real.values()
    ]
    world.intents = sent
    plan = world.plan(wish)
    assert {verb for verb, _ in changes(plan)["stack:network-1"]} == {"heal"}
    assert [s.refresh for s in plan.stages if isinstance(s, Stack)] == [True]
    world.carry(plan)
    assert world.plan(wish).empty
    # One that is going to be taken away as usual is not swept besides.
    world.intents = sent
    assert changes(world.plan(chain(1)))["contract:network-1"] == [
        ("delete", "link/n0-n1"),
        ("delete", "node/n1"),
    ]


def hall(*servers: str) -> Proposed:
    """A network of a data centre with servers, and a cloud's instance in it: two stacks."""
    return chain(1) | {
        ("network", "w"): {"gateway": "n0", "interface": "p", "site": "main"},
        ("instance", "i"): {"project": "main", "flavor": "small", "image": "a", "network": "w"},
        **{("server", s): {"rack": "main", "network": "w", "target": "one"} for s in servers},
    }


def test_a_replacement_makes_the_next_incarnation_before_the_former_goes() -> None:
    """Over two stacks, and in reverse order: nothing is taken away that something stands on."""
    world = World()
    wish = hall()
    arrive(world, wish)
    wish["network", "w"]["interface"] = "q"
    plan = arrive(world, wish)
    assert changes(plan) == {
        "record": [("update", "instance/i"), ("update", "network/w")],
        "stack:datacentre-1": [("replace", "network/w")],
        "stack:cloud-1": [("replace", "instance/i")],
        "contract:cloud-1": [("retire", "instance/i")],
        "contract:datacentre-1": [("retire", "network/w")],
    }


def test_what_cannot_stand_beside_its_former_self_makes_way_with_all_that_stands_on_it() -> None:
    world = World()
    wish = hall()
    arrive(world, wish)
    # The same interface of the same router, and another entry: the former one is in the way.
    wish["network", "v"] = wish.pop(("network", "w"))
    wish["instance", "i"]["network"] = "v"
    plan = arrive(world, wish)
    assert changes(plan) == {
        "record": [("update", "instance/i"), ("create", "network/v")],
        "clear:cloud-1": [("retire", "instance/i")],
        "clear:datacentre-1": [("delete", "network/w")],
        "stack:datacentre-1": [("create", "network/v")],
        "stack:cloud-1": [("replace", "instance/i")],
        "withdraw": [("delete", "network/w")],
    }
    assert {s.phase for s in plan.stages if s.id.startswith("clear")} == {"expand"}


def test_a_server_is_one_and_the_network_under_it_stays_until_the_end() -> None:
    world = World()
    wish = hall("s", "old") | {("server", "recorded"): {"rack": "main"}}
    arrive(world, wish)
    wish["network", "w"]["interface"] = "q"
    del wish["server", "old"]
    plan = arrive(world, wish)
    assert changes(plan) == {
        "record": [("update", "instance/i"), ("update", "network/w"), ("update", "server/s")],
        "clear:datacentre-1": [("retire", "server/s")],
        "stack:datacentre-1": [("replace", "network/w"), ("replace", "server/s")],
        "stack:cloud-1": [("replace", "instance/i")],
        "contract:cloud-1": [("retire", "instance/i")],
        "contract:datacentre-1": [("retire", "network/w"), ("delete", "server/old")],
        "withdraw": [("delete", "server/old")],
    }


def test_in_the_lab_everything_makes_way() -> None:
    """Names and addresses of the lab are those of one machine: two incarnations cannot have them."""
    world = World()
    wish = hall() | {("target", "one"): {"driver": "lab"}}
    world.carry(world.plan(wish))
    wish["image", "c"] = {"os": "C"}
    wish["instance", "i"]["image"] = "c"
    plan = world.plan(wish)
    assert changes(plan)["clear:cloud-1"] == [("retire", "instance/i")]
    world.carry(plan)
    assert world.accepted["instance", "i"].incarnation == 2


def test_an_instance_goes_from_one_network_to_another_while_the_first_is_deleted() -> None:
    world = World()
    wish = hall() | {("network", "v"): {"gateway": "n0", "interface": "q", "site": "main"}}
    arrive(world, wish)
    del wish["network", "w"]
    wish["instance", "i"]["network"] = "v"
    assert changes(arrive(world, wish)) == {
        "record": [("update", "instance/i")],
        "stack:cloud-1": [("replace", "instance/i")],
        "contract:cloud-1": [("retire", "instance/i")],
        "contract:datacentre-1": [("delete", "network/w")],
        "withdraw": [("delete", "network/w")],
    }


def test_what_stands_is_kept_when_the_wish_goes_back() -> None:
    """A replacement was accepted and perhaps made; the former one still stands, and is wanted again."""
    for until in (1, 2, 3):
        world = World()
        wish = hall()
        arrive(world, wish)
        before = dict(world.real)
        other = hall()
        other["network", "w"]["interface"] = "q"
        world.carry(world.plan(other), until=until)
        plan = arrive(world, wish)
        assert world.real == before
        verbs = {c.verb for s in plan.stages if isinstance(s, Stack) for c in s.changes}
        assert verbs <= {"retire"}


def test_what_differs_where_it_cannot_change_is_made_anew_with_its_users() -> None:
    world = World()
    wish = hall()
    arrive(world, wish)
    network = next(r for r in world.real.values() if r.type == "Network")
    fields = {"interface": {"wanted": "p", "seen": "x"}}
    world.observed = [Observed(network.object_id, network.uid, "one", "changed", {"fields": fields})]
    plan = world.plan(wish)
    assert changes(plan)["clear:datacentre-1"] == [("retire", "network/w")]
    assert changes(plan)["stack:cloud-1"] == [("replace", "instance/i")]
    world.carry(plan)
    assert world.accepted["network", "w"].incarnation == 2


# -- from stack to stack ----------------------------------------------------------------------------


def test_an_instance_that_goes_to_another_domain_is_handed_over() -> None:
    world = World()
    wish = hall()
    arrive(world, wish)
    before = dict(world.real)
    wish["instance", "i"]["project"] = "spare"
    plan = world.plan(wish)
    assert [s.id for s in plan.stages] == ["record", "move"]
    move = plan.stages[1]
    assert isinstance(move, Move)
    assert [(m.subject, m.source, m.stack) for m in move.changes] == [("instance/i", "cloud-1", "recovery-1")]
    assert set(plan.base.stacks) == {"cloud-1", "recovery-1"}
    arrive(world, wish)
    assert world.real == before
    assert world.accepted["instance", "i"].stack == "recovery-1"
    # And back, though it was only recorded that it goes.
    there = hall()
    world.carry(world.plan(there), until=1)
    assert arrive(world, wish).stages[0].id == "record"
    assert world.real == before


def test_a_move_that_changes_what_cannot_be_changed_is_a_replacement_in_the_new_stack() -> None:
    world = World()
    wish = hall()
    arrive(world, wish)
    wish["instance", "i"] |= {"project": "spare", "image": "b"}
    assert changes(arrive(world, wish)) == {
        "record": [("update", "instance/i")],
        "stack:recovery-1": [("replace", "instance/i")],
        "contract:cloud-1": [("retire", "instance/i")],
    }


def test_what_is_handed_over_and_changed_is_changed_where_it_is_then() -> None:
    world = World()
    wish = hall()
    arrive(world, wish)
    wish["instance", "i"] |= {"project": "spare", "flavor": "large"}
    plan = arrive(world, wish)
    assert [s.id for s in plan.stages] == ["record", "move", "stack:recovery-1"]
    assert changes(plan)["stack:recovery-1"] == [("update", "instance/i")]


def test_every_reference_is_immutable() -> None:
    """The planner counts on it: who stands on something made anew is made anew."""
    for kind in TYPES.values():
        assert {p.name for p in kind.properties if p.reference} <= kind.immutable


def test_programs_are_part_of_the_effect() -> None:
    wish = chain(1)
    effect = World().plan(wish).effect
    other = World().inputs(wish)
    other.programs = PROGRAMS | {"network": "another program"}
    assert builder.build(other).effect != effect


def test_the_base_holds_what_was_read_and_nothing_else() -> None:
    world = World()
    arrive(world, chain(2))
    wish = chain(2)
    wish["link", "n0-n1"]["bandwidth_mbps"] = 20
    wish["node", "n9"] = node()
    base = world.plan(wish).base
    assert base.entries == {
        "link/n0-n1": world.accepted["link", "n0-n1"].digest,
        "node/n9": "",
    }
    assert set(base.stacks) == {"network-1"}


def test_the_effect_of_nothing_is_always_the_same() -> None:
    assert effect_of([]) == effect_of([])
    assert World().plan({}).empty
    change = ResourceChange("delete", "Node", "u", "node/x")
    stage = Stack(
        id="contract:network-1",
        title="a title",
        phase="contract",
        stack="network-1",
        domain="network",
        program="p",
        resources=(),
        changes=(change,),
    )
    # Titles and what stays in the slice are no effect; what is done is.
    same = msgspec.structs.replace(stage, title="another title", needs=("x",))
    other = msgspec.structs.replace(stage, changes=(msgspec.structs.replace(change, uid="v"),))
    assert effect_of([stage]) == effect_of([same]) != effect_of([other])
