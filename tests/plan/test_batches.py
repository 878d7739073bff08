"""Canaries and batches: who comes first, what a batch has of each role and place, what the policy may say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcloud.errors import InputError
from govcloud.ledger.entries import Accepted
from govcloud.ledger.keptfiles import KeptFile
from govcloud.plan.batches import Batches, PlayPolicy, batches, policy
from govcloud.plan.hosts import HostVars
from govcloud.plan.inputs import Inputs
from govcloud.plan.stages import Base, Plan, Play
from govcloud.plan.veil import veiled


def host(kind: str, *groups: str) -> HostVars:
    return HostVars(kind=kind, entry=f"{kind}/x", target="lab", order=0, groups=list(groups), vars={})


def province(routers: int, servers: int, sites: int) -> dict[str, HostVars]:
    found = {f"r{n:03}": host("node", "routers", f"region_{n % sites}") for n in range(routers)}
    found |= {f"s{n:03}": host("server", "servers", f"site_{n % sites}") for n in range(servers)}
    return found | {"dns": host("server", "servers", "dns_servers", "site_0")}


def asked(accepted: dict[str, Any] | None, proposed: dict[str, Any] | None = None) -> Inputs:
    key = ("profile", "plays")
    inputs = Inputs(environment="test", programs={}, playbook="p", stack_size=100)
    if accepted is not None:
        inputs.accepted = {key: Accepted("u", *key, 1, None, {"values": accepted}, "d", 1)}
    inputs.proposed = {key: {"values": proposed}} if proposed is not None else {}
    return inputs


def test_a_small_province_and_one_that_is_new_are_configured_in_one_go() -> None:
    hosts = province(10, 9, 3)
    assert batches(hosts, set(hosts), PlayPolicy()) == Batches()
    hosts = province(200, 300, 9)
    assert batches(hosts, set(), PlayPolicy()) == Batches()


def test_canaries_are_of_several_roles_and_places_and_batches_grow() -> None:
    hosts = province(60, 139, 7)
    cut = batches(hosts, set(hosts), PlayPolicy())
    assert cut.canaries == 3
    assert cut.hosts[0] == ("s000", "r000", "dns")
    assert [len(b) for b in cut.hosts] == [3, 20, 100, 77]
    assert cut.stop_percent == 20
    more = batches(hosts, set(hosts), PlayPolicy(canaries=5))
    assert more.hosts[0] == ("s000", "r000", "dns", "s001", "r001"), "of the next place, then"


@given(
    st.integers(0, 40), st.integers(0, 40), st.integers(1, 5), st.integers(0, 8), st.data()
)  # fmt: skip
def test_every_host_comes_once_and_a_batch_has_its_share_of_each_role(
    routers: int, servers: int, sites: int, canaries: int, data: st.DataObject
) -> None:
    hosts = province(routers, servers, sites)
    standing = set(data.draw(st.lists(st.sampled_from(sorted(hosts)), unique=True)))
    sizes = data.draw(
        st.lists(st.one_of(st.integers(1, 9), st.sampled_from(["5%", "50%", "100%"])), min_size=1)
    )
    numbers = PlayPolicy(whole=0, canaries=canaries, batches=tuple(sizes))
    cut = batches(hosts, standing, numbers)
    assert cut == batches(dict(reversed(hosts.items())), standing, numbers)
    if not standing:
        assert cut == Batches()
        return
    assert sorted(name for batch in cut.hosts for name in batch) == sorted(hosts)
    assert cut.canaries == min(canaries, len(standing))
    assert set(cut.hosts[0][: cut.canaries]) <= standing
    rest = [name for batch in cut.hosts[1 if cut.canaries else 0 :] for name in batch]
    of_all = sum(name[0] == "r" for name in rest)
    for end in range(len(rest)):
        # Any beginning has as many routers as is their share; rounding costs one for each place.
        assert abs(sum(n[0] == "r" for n in rest[:end]) - of_all * end / len(rest)) <= 2 * sites + 2


def test_a_host_that_its_reader_may_not_see_is_in_no_batch_by_name() -> None:
    stage = Play(
        id="play",
        title="configure",
        phase="expand",
        playbook="p",
        routing="static",
        inputs={"open": "1", "veiled": "2"},
        batches=(("veiled",), ("open",)),
        restore={"veiled": (KeptFile("veiled", "/etc/secret-name", True),)},
    )
    hosts = {name: {"entry": f"server/{name}"} for name in stage.inputs}
    plan = Plan(environment="test", title="", stages=(stage,), effect="", base=Base({}, {}), hosts=hosts)
    shown = veiled(plan, frozenset({"u"}), lambda subject: subject == "server/veiled").stages[0]
    assert isinstance(shown, Play)
    assert shown.batches == (("(classified) 1",), ("open",))
    assert list(shown.inputs) == ["open", "(classified) 1"]
    assert shown.restore == {"(classified) 1": ()}


def test_the_accepted_policy_counts_and_not_the_proposed_one() -> None:
    assert policy(asked(None, {"whole": 5})) == PlayPolicy()
    numbers = policy(asked({"whole": 5, "batches": [1, "20%"]}, {"whole": 9}))
    assert (numbers.whole, numbers.batches, numbers.canaries) == (5, (1, "20%"), 3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"canary": 1}, "`canary` is nothing that plays know"),
        ({"batches": []}, "`batches` should be a list"),
        ({"batches": ["0%"]}, "`batches` should be a list"),
        ({"batches": [True]}, "`batches` should be a list"),
        ({"stop_percent": 101}, "`stop_percent` should be 0 to 100"),
        ({"canaries": 1.5}, "`canaries` should be a whole number"),
        ({"whole": "many"}, "`whole` should be a number"),
    ],
)
def test_a_policy_that_is_none_is_never_accepted(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as raised:
        policy(asked(None, values))
    assert words in raised.value.problems[0].message
    # One that an older release accepted does not stop the plan that mends it.
    assert policy(asked(values, {})) == PlayPolicy()
