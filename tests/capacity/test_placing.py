"""Where instances stand: within room, pool and domain, on a server that is there; else with what clashes."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.capacity.clashes import MOST_EXACT, explain
from govcloud.capacity.estate import Estate
from govcloud.capacity.figures import Placement
from govcloud.capacity.placing import Placed, place, place_new
from govcloud.capacity.rebalancing import moves
from govcloud.capacity.reviewing import Judged
from govcloud.capacity.tuning import tune
from govcloud.errors import InputError
from tests.capacity.sky import Tables, catalogue, sky


def placed(tables: Tables, *, prefer: Any = "fewest", seed: int = 0) -> Placed:
    numbers = Placement(prefer=prefer)
    estate = Estate.of(catalogue(tables), numbers)
    before = estate.copy()
    found = place(estate, numbers, seed)
    if found.left:
        found.clashes = explain(before, before.waiting, found.left)
    check(tables, found.where)
    return found


def check(tables: Tables, where: dict[str, str]) -> None:
    """The rules of placement, looked at without the program's own code."""
    servers, flavors, instances = tables["servers"], tables["flavors"], tables["instances"]
    applications = tables["applications"]
    stands = {name: i["server"] for name, i in instances.items() if i.get("server")} | where
    site = {"a": "hall", "b": "hall", "c": "cave"}
    for server, said in servers.items():
        mine = [name for name, at in stands.items() if at == server]
        sizes = [flavors[instances[name]["flavor"]] for name in mine]
        assert sum(f["vcpus"] for f in sizes) <= said["cores"] * 4
        assert sum(f["memory_mib"] for f in sizes) <= said["memory_gib"] * 1024 * 0.9
        levels = [applications[a]["mlps"] for n in mine if (a := instances[n].get("application"))]
        assert all((level >= 4) == (said.get("pool", 0) >= 4) for level in levels)
    for one, other in itertools.combinations(stands, 2):
        a, b = instances[one], instances[other]
        same = stands[one] == stands[other]
        assert not (same and (other in a.get("apart_from", ()) or one in b.get("apart_from", ())))
        if other in a.get("together_with", ()) or one in b.get("together_with", ()):
            assert same
        if a.get("application") and a.get("application") == b.get("application"):
            spread = applications[a["application"]].get("spread", "any")
            racks = servers[stands[one]]["rack"], servers[stands[other]]["rack"]
            assert spread != "server" or not same
            assert spread != "room" or racks[0] != racks[1]
            assert spread != "site" or site[racks[0]] != site[racks[1]]


def test_few_go_on_one_server() -> None:
    found = placed(sky({f"i{n}": {} for n in range(5)}))
    assert len(set(found.where.values())) == 1 and not found.left
    (bound,) = found.bounds
    assert (bound.used, bound.least, bound.gap) == (1, 1, 0)


def test_an_even_load_uses_all_of_them() -> None:
    found = placed(sky({f"i{n}": {} for n in range(6)}), prefer="even")
    assert sorted(list(found.where.values()).count(h) for h in ("h1", "h2", "h3")) == [2, 2, 2]


def test_what_stands_stays_and_is_filled_up_first() -> None:
    found = placed(sky({"old": {"server": "h2"}, "new": {}}))
    assert found.where == {"new": "h2"}


def test_a_pool_of_its_own_carries_its_level_and_nothing_else() -> None:
    apps = {"core": {"unit": "bureau", "mlps": 4}, "web": {"unit": "bureau", "mlps": 3}}
    server = {"rack": "a", "cloud": "sky", "cores": 16, "memory_gib": 64, "pool": 4}
    tables = sky(
        {"c": {"application": "core"}, "w": {"application": "web"}, "n": {}},
        applications=apps,
        servers={"h4": server},
    )
    found = placed(tables)
    assert found.where["c"] == "h4"
    assert "h4" not in (found.where["w"], found.where["n"])


def test_a_platform_carries_nothing_above_its_level() -> None:
    tables = sky({"w": {"application": "web"}}, applications={"web": {"unit": "bureau", "mlps": 3}})
    tables["clouds"]["sky"]["mlps"] = 2
    (clash,) = placed(tables).clashes
    assert clash.constraints == ("pool",) and clash.instances == ("w",) and clash.proved


@pytest.mark.parametrize(("spread", "most"), [("server", 3), ("room", 3), ("site", 2)])
def test_what_stays_apart_has_as_many_places_as_there_are(spread: str, most: int) -> None:
    apps = {"web": {"unit": "bureau", "mlps": 2, "spread": spread}}
    names = [f"w{n}" for n in range(most + 1)]
    fine = placed(sky({n: {"application": "web"} for n in names[:most]}, applications=apps))
    assert not fine.left
    found = placed(sky({n: {"application": "web"} for n in names}, applications=apps))
    assert len(found.left) == 1
    (clash,) = found.clashes
    assert ("site" if spread == "site" else "apart") in clash.constraints
    assert clash.instances == tuple(names) and clash.proved
    assert f"application/web keeps them in different {spread}s" in clash.sentence


def test_a_pair_of_recovery_never_shares_a_site() -> None:
    pair = {"dr": {"application": "web", "primary": "w1", "standby": "w2", "level": 5, "rpo_s": 60}}
    apps = {"web": {"unit": "bureau", "mlps": 2}}
    tables = sky({"w1": {"server": "h3"}, "w2": {}}, applications=apps, protections=pair)
    assert placed(tables).where["w2"] in ("h1", "h2")
    tables["servers"] = {"h3": tables["servers"]["h3"]}
    (clash,) = placed(tables).clashes
    assert clash.constraints == ("site",) and "protection/dr" in clash.sentence


def test_a_pair_of_two_clouds_never_shares_a_site() -> None:
    """The primary stands in a cloud whose servers nobody declares: its site is the cloud's."""
    pair = {"dr": {"application": "web", "primary": "w1", "standby": "w2", "level": 5, "rpo_s": 60}}
    tables = sky(
        {"w1": {"project": "elsewhere"}, "w2": {}},
        applications={"web": {"unit": "bureau", "mlps": 2}},
        protections=pair,
        clouds={"other": {"site": "hall", "mlps": 3}},
        projects={"elsewhere": {"cloud": "other", "unit": "bureau"}},
    )
    assert placed(tables).where == {"w2": "h3"}


def test_those_that_stand_together_go_where_one_of_them_stands() -> None:
    tables = sky({"a": {"server": "h3"}, "b": {"together_with": ["a"]}, "c": {"together_with": ["b"]}})
    assert placed(tables).where == {"b": "h3", "c": "h3"}


def test_together_and_apart_at_once_is_a_clash_of_both() -> None:
    tables = sky({"a": {"together_with": ["b"], "apart_from": ["b"]}, "b": {}})
    (clash,) = placed(tables).clashes
    assert clash.constraints == ("apart", "together") and clash.instances == ("a", "b")


def test_one_that_is_too_large_is_told_with_what_it_lacks() -> None:
    tables = sky(
        {"big": {"flavor": "huge"}, "i": {}}, flavors={"huge": {"vcpus": 4, "memory_mib": 90 * 1024}}
    )
    found = placed(tables)
    (clash,) = found.clashes
    assert clash.constraints == ("memory",) and clash.instances == ("big",)
    assert (
        "90 GiB of memory needed" in clash.sentence and "57.6 GiB of memory at most on one" in clash.sentence
    )
    assert found.where.keys() == {"i"}


def test_a_request_is_placed_over_what_stands_or_told_why_not() -> None:
    tables = sky({"old": {"server": "h1", "flavor": "large"}, "n1": {}, "n2": {"apart_from": ["n1"]}})
    found = place_new(catalogue(tables), ["n1", "n2"])
    check(tables, found.where)
    assert found.where.keys() == {"n1", "n2"} and not found.clashes
    full = sky({f"n{n}": {"flavor": "large"} for n in range(4)})
    found = place_new(catalogue(full), list(full["instances"]))
    (clash,) = found.clashes
    assert clash.constraints == ("memory",) and len(clash.instances) == 4
    assert len(found.left) == 1


def test_one_by_one_fails_where_all_together_fit() -> None:
    """Whoever may stand anywhere does not take the only server of one that may not."""
    tables = sky(
        {"s": {"server": "h1"}, "one": {}, "two": {"apart_from": ["s"]}},
        flavors={"small": {"vcpus": 40, "memory_mib": 1024}},
    )
    tables["servers"] = {name: tables["servers"][name] | {"cores": 20} for name in ("h1", "h2")}
    found = place_new(catalogue(tables), ["one", "two"])
    assert found.where == {"one": "h1", "two": "h2"}


@pytest.mark.parametrize("prefer", ["fewest", "even"])
def test_few_that_wait_find_the_placement_that_exists(prefer: str) -> None:
    """The first of a pair does not take the only site that its other half may stand at."""
    tables = sky(
        {
            "a0": {"server": "h1"},
            "portal-1": {"application": "portal"},
            "portal-2": {"application": "portal", "apart_from": ["a0"]},
        },
        applications={"portal": {"unit": "bureau", "mlps": 3, "spread": "site"}},
    )
    del tables["servers"]["h2"]
    assert placed(tables, prefer=prefer).where == {"portal-1": "h1", "portal-2": "h3"}


def test_nobody_is_left_without_a_sentence() -> None:
    """Who finds none among too many to look at exactly, though nothing is known to be in the way."""
    tables = sky({f"i{n:02}": {} for n in range(MOST_EXACT + 1)})
    tables["servers"] |= {f"h{n}": tables["servers"]["h1"] for n in range(4, 8)}
    estate = Estate.of(catalogue(tables), Placement())
    (clash,) = explain(estate, estate.waiting, estate.waiting[:1])
    assert clash.instances == ("i00",) and not clash.proved and "were found no place" in clash.sentence


def test_levels_that_share_no_pool_do_not_stand_together() -> None:
    """Those of level 4 take nobody along into their pool, whether one of them stands there or not."""
    apps = {"core": {"unit": "bureau", "mlps": 4}, "low": {"unit": "bureau", "mlps": 1}}
    server = {"rack": "a", "cloud": "sky", "cores": 16, "memory_gib": 64, "pool": 4}
    for stands in ({}, {"server": "h4"}):
        machines: dict[str, dict[str, Any]] = {
            "core-1": {"application": "core", "together_with": ["low-1"], **stands},
            "low-1": {"application": "low"},
        }
        (clash,) = placed(sky(machines, applications=apps, servers={"h4": server})).clashes
        assert clash.constraints == ("pool", "together") and clash.proved
        assert clash.instances == (("low-1",) if stands else ("core-1", "low-1"))


def test_a_request_that_says_a_server_is_judged_there() -> None:
    """Its room, its cloud and whom it stays apart from hold on that server, which is full for the others."""
    full = sky({f"n{n}": {"flavor": "large", "server": "h1"} for n in range(5)})
    found = place_new(catalogue(full), list(full["instances"]))
    clash = found.clashes[0]
    assert (
        len(found.left) == 4
        and clash.constraints == ("memory",)
        and "said to stand on server h1" in clash.sentence
    )
    one = sky({"n": {"server": "h1"}, "m": {"server": "h1", "apart_from": ["n"]}})
    (clash,) = place_new(catalogue(one), ["m"]).clashes
    assert clash.constraints == ("apart",) and clash.instances == ("m",)
    one = sky({"n": {"server": "h1", "flavor": "large"}, "m": {"flavor": "large"}, "k": {"server": "h2"}})
    assert place_new(catalogue(one), ["n", "m", "k"]).where == {"n": "h1", "m": "h2", "k": "h2"}
    other = sky({"n": {"server": "h1"}}, clouds={"other": {"site": "cave"}})
    other["servers"]["h1"] = other["servers"]["h1"] | {"cloud": "other"}
    (clash,) = place_new(catalogue(other), ["n"]).clashes
    assert clash.constraints == ("server",) and "server h1, of cloud other" in clash.sentence


def test_what_rooms_were_chosen_for_proves_nothing() -> None:
    """A site chosen first may be too small where another is not: that is no proof that nobody could."""
    apps = {"web": {"unit": "bureau", "mlps": 2, "spread": "site"}}
    machines = {f"w{n}": {"application": "web", "flavor": "large"} for n in range(2)}
    tables = sky(machines | {f"i{n}": {"flavor": "large"} for n in range(4)}, applications=apps)
    assert all(bound.lacks == 0 for bound in placed(tables).bounds)


def test_clouds_without_servers_are_not_asked() -> None:
    tables = sky({"i": {}})
    tables["servers"] = {}
    assert place_new(catalogue(tables), ["i"]).where == {}
    assert place_new(catalogue(tables), ["i"]).left == []


def test_servers_that_rest_or_say_nothing_carry_nothing() -> None:
    tables = sky({"i": {}})
    tables["servers"]["h1"]["status"] = "retired"
    tables["servers"]["h2"]["cores"] = 0
    assert placed(tables).where == {"i": "h3"}


def test_a_profile_that_is_wrong_is_told() -> None:
    tables = sky({"i": {}}, profiles={"placement": {"values": {"vcpu_per_cor": 2}}})
    with pytest.raises(InputError) as caught:
        place_new(catalogue(tables), ["i"])
    assert "vcpu_per_cor" in str(caught.value.problems[0])


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_whatever_is_asked_is_placed_rightly_or_proved_to_clash(data: st.DataObject) -> None:
    apps = {
        f"a{n}": {"unit": "bureau", "mlps": data.draw(st.integers(2, 4)), "spread": spread}
        for n, spread in enumerate(("any", "server", "room", "site"))
    }
    names = [f"i{n}" for n in range(data.draw(st.integers(1, 9)))]
    instances: dict[str, dict[str, Any]] = {}
    for name in names:
        one: dict[str, Any] = {"flavor": data.draw(st.sampled_from(["small", "medium", "large"]))}
        if data.draw(st.booleans()):
            one["application"] = data.draw(st.sampled_from(sorted(apps)))
        if data.draw(st.integers(0, 4)) == 0:
            one[data.draw(st.sampled_from(["apart_from", "together_with"]))] = [
                data.draw(st.sampled_from(names))
            ]
        instances[name] = one
    server = {"rack": "c", "cloud": "sky", "cores": 16, "memory_gib": 64, "pool": 4}
    tables = sky(instances, applications=apps, servers={"h4": server} if data.draw(st.booleans()) else {})
    everything = placed(tables)
    found = place_new(catalogue(tables), names)
    check(tables, found.where)
    assert found.where.keys() | {n for item in found.left for n in item.names} == set(names)
    # One by one or all at once, what fits exactly is found, and what does not is explained.
    assert bool(found.left) == bool(found.clashes)
    assert not found.left or everything.left
    assert all(clash.proved and clash.constraints for clash in found.clashes)


def test_a_clash_has_nobody_to_spare() -> None:
    """Without any one of its instances the others stand."""
    apps = {"web": {"unit": "bureau", "mlps": 2, "spread": "server"}}
    tables = sky({f"w{n}": {"application": "web"} for n in range(4)} | {"x": {}, "y": {}}, applications=apps)
    (clash,) = placed(tables).clashes
    assert clash.instances == ("w0", "w1", "w2", "w3")
    for gone in clash.instances:
        fewer = {plural: dict(table) for plural, table in tables.items()}
        del fewer["instances"][gone]
        assert not placed(fewer).left


def test_moves_even_the_load_out() -> None:
    tables = sky({f"i{n}": {"server": "h1"} for n in range(6)})
    estate = Estate.of(catalogue(tables), Placement())
    found = moves(estate, "sky", 20)
    assert [m.source for m in found] == ["h1"] * 4
    assert all(m.after < m.before for m in found)
    assert sorted(len(those) for those in estate.carries.values()) == [2, 2, 2]


def test_two_units_whose_names_begin_alike_have_each_its_own_request() -> None:
    units = [f"{'x' * 56}-{n}" for n in range(2)]
    judged = [Judged(f"i{n}", "p", unit, "small", "idle", "unused") for n, unit in enumerate(units)]
    found = tune(catalogue(sky({"i0": {}, "i1": {}})), judged, date(2026, 11, 1))
    names = {one.name for one in found}
    assert len(names) == 2 and all(len(name) <= 63 for name in names)
