"""The word `auto` in plans: claims of the allocator, by way of few changes and of everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govcloud.errors import InputError
from govcloud.ledger import entries as ledger_entries
from govcloud.ledger.claims import ClaimRow, claims
from govcloud.plan import allocating
from govcloud.plan import pins as pinning
from govcloud.plan.gather import NO_PINS, propose
from govcloud.plan.stages import Asked, PinChanges
from tests.addressing.town import Entries, base, network, pool
from tests.plan.test_scope import Place, place

NOTHING = Asked()


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as made:
        yield made


def small() -> Entries:
    files = base()
    files["network", "n"] = network("east", ipv4="auto", ipv6="auto")
    return files


def accepted(here: Place) -> Entries:
    with here.ledger.read() as connection:
        return {key: entry.fields for key, entry in ledger_entries.current(connection).items()}


def allocator(here: Place) -> dict[tuple[str, str], dict[str, Any] | None]:
    with here.ledger.read() as connection:
        return {row.key: row.fields for row in claims(connection) if row.claimant == "allocator"}


def apply(here: Place, files: Entries, asked: Asked = NOTHING, pins: PinChanges = NO_PINS) -> None:
    here.write(files)
    few = propose(here.workspace, here.ledger, asked=asked, pins=pins).plan
    whole = propose(here.workspace, here.ledger, asked=asked, pins=pins, everything=True).plan
    # Both ways round choose the same and say the same.
    assert few.effect == whole.effect
    assert few.claims == whole.claims
    assert few.stages == whole.stages
    here.carry(few)
    if not few.stages:
        keep(here, few)
    again = propose(here.workspace, here.ledger).plan
    assert again.empty
    assert not again.claims


def keep(here: Place, plan: Any) -> None:
    """A plan without stages changes claims alone."""
    from govcloud.ledger.claims import CHECKED_KEY, change_claims
    from govcloud.ledger.store import keep_setting

    with here.ledger.write() as connection:
        number = ledger_entries.open_revision(connection, actor="me", run=None, commit=None, message="")
        change_claims(connection, number, plan.claims)
        keep_setting(connection, CHECKED_KEY, plan.checked)


def test_what_was_chosen_is_a_claim_and_stays(here: Place) -> None:
    files = small()
    apply(here, files)
    first = allocator(here)
    assert first["network", "n"] == {
        "ipv4": accepted(here)["network", "n"]["ipv4"],
        "ipv6": accepted(here)["network", "n"]["ipv6"],
    }
    files["network", "a"] = network("east", ipv6="auto", interface="a")
    del files["link", "east-west"]
    apply(here, files)
    now = allocator(here)
    assert {key: fields for key, fields in first.items() if now.get(key) != fields}.keys() == {
        ("link", "east-west")
    }
    assert now["network", "a"]


def test_an_address_that_files_say_ends_the_claim_of_that_field_alone(here: Place) -> None:
    files = small()
    apply(here, files)
    was = accepted(here)["network", "n"]
    files["network", "n"] = network("east", ipv4=was["ipv4"], ipv6="auto")
    apply(here, files)
    assert allocator(here)["network", "n"] == {"ipv6": was["ipv6"]}
    # And taken back, it is the same address: nothing is built anew.
    apply(here, small())
    assert accepted(here)["network", "n"] == was


def test_when_the_consumer_goes_its_claim_ends_and_what_it_had_rests(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = small()
    files["profile", "addressing"] = {"values": {"rest_days": 10}}
    apply(here, files)
    had = accepted(here)["network", "n"]["ipv4"]
    del files["network", "n"]
    apply(here, files)
    assert ("network", "n") not in allocator(here)
    files["network", "a"] = network("east", ipv4="auto", interface="a")
    apply(here, files)
    assert accepted(here)["network", "a"]["ipv4"] != had
    clock = allocating.time.time
    monkeypatch.setattr(allocating.time, "time", lambda: clock() + 11 * 86_400)
    for name in ("b", "c", "d"):
        files["network", name] = network("east", ipv4="auto", interface=name)
    apply(here, files)
    # Rested long enough: it is given to whoever comes.
    assert had in {accepted(here)["network", name]["ipv4"] for name in "bcd"}


def test_who_comes_back_gets_what_was_theirs(here: Place) -> None:
    apply(here, small())
    had = accepted(here)["network", "n"]
    files = small()
    del files["network", "n"]
    files["network", "a"] = network("east", ipv4="auto", ipv6="auto", interface="a")
    apply(here, files)
    apply(here, files | small())
    assert accepted(here)["network", "n"] == had


def test_under_another_name_it_keeps_its_addresses(here: Place) -> None:
    files = small()
    apply(here, files)
    had = accepted(here)["network", "n"]
    files["network", "m"] = files.pop(("network", "n")) | {"was": "n"}
    apply(here, files)
    now = accepted(here)["network", "m"]
    assert {of: now[of] for of in ("ipv4", "ipv6")} == {of: had[of] for of in ("ipv4", "ipv6")}
    assert ("network", "n") not in allocator(here)


def order(name: str, **fields: Any) -> ClaimRow:
    return ClaimRow("network", name, "rollout:city-ipv6", 0, fields)


def test_an_order_may_wish_and_its_end_gives_back(here: Place) -> None:
    files = base()
    files["network", "n"] = network("east", ipv4="10.1.0.0/28")
    apply(here, files)
    apply(here, files, Asked(said=(order("n", ipv6="auto"),)))
    got = accepted(here)["network", "n"]["ipv6"]
    assert got.endswith("/64")
    assert allocator(here)["network", "n"] == {"ipv6": got}
    apply(here, files, Asked(ended=(("network", "n", "rollout:city-ipv6"),)))
    assert "ipv6" not in accepted(here)["network", "n"]
    assert ("network", "n") not in allocator(here)


def test_an_order_on_an_entry_that_goes_ends_with_it(here: Place) -> None:
    """Half an entry that nobody says any more must not make the ledger one that no plan can be made of."""
    files = base()
    files["network", "n"] = network("east", ipv4="10.1.0.0/28")
    apply(here, files)
    apply(here, files, Asked(said=(order("n", ipv6="auto"),)))
    del files["network", "n"]
    apply(here, files)
    assert ("network", "n") not in accepted(here)
    with here.ledger.read() as connection:
        assert not [row for row in claims(connection) if row.key == ("network", "n")]


def test_an_order_goes_on_under_the_new_name(here: Place) -> None:
    files = base()
    files["network", "n"] = network("east", ipv4="10.1.0.0/28")
    apply(here, files)
    apply(here, files, Asked(said=(order("n", ipv6="auto"),)))
    had = accepted(here)["network", "n"]["ipv6"]
    files["network", "m"] = files.pop(("network", "n")) | {"was": "n"}
    apply(here, files)
    assert accepted(here)["network", "m"]["ipv6"] == had


def test_an_order_about_nothing_is_refused(here: Place) -> None:
    apply(here, base())
    with pytest.raises(InputError) as caught:
        propose(here.workspace, here.ledger, asked=Asked(said=(order("n", ipv6="auto"),)))
    (problem,) = caught.value.problems
    assert str(problem) == "rollout:city-ipv6 says something of network/n, which no file says"


def test_a_field_that_a_file_says_and_an_order_too_names_both(here: Place) -> None:
    files = small()
    apply(here, files)
    with pytest.raises(InputError) as caught:
        propose(here.workspace, here.ledger, asked=Asked(said=(order("n", ipv6="auto"),)))
    (problem,) = caught.value.problems
    assert str(problem).startswith("network.yaml:")
    assert "`ipv6` of network/n is said by rollout:city-ipv6 too" in str(problem)


def test_a_longer_level_lets_prefixes_grow_where_they_stand(here: Place) -> None:
    files = small()
    files["address_plan", "six"] = files["address_plan", "six"] | {"lengths": [40, 52, 64]}
    apply(here, files)
    before = accepted(here)
    files["address_plan", "six"] = files["address_plan", "six"] | {"lengths": [40, 48, 64]}
    apply(here, files)
    now = accepted(here)
    for town in ("east", "west"):
        assert now["prefix", town]["prefix"] == before["prefix", town]["prefix"].replace("/52", "/48")
    assert now["network", "n"] == before["network", "n"]


def test_the_effect_covers_what_is_chosen(here: Place) -> None:
    """Whoever signs a plan signs the addresses."""
    here.write(small())
    one = propose(here.workspace, here.ledger).plan
    other = small()
    other["prefix", "first"] = pool("3fff:460::/40", "city")
    del other["prefix", "kept"]
    here.write(other)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("govcloud.addressing.space.Space.sparse", lambda s, block, n: s.first(block, n))
        here.write(small())
        moved = propose(here.workspace, here.ledger).plan
    assert one.effect != moved.effect


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        (("network", "b"), network("west", interface="b", ipv4="10.1.0.0/29")),
        (("network", "b"), network("west", interface="b", ipv4="10.1.0.0/24")),
        (("prefix", "b"), {"prefix": "10.1.0.0/16", "plan": "four"}),
        (("prefix", "area"), pool("10.1.0.0/16", "area", plan="four", status="active")),
        (("address_plan", "b"), {"family": 4, "prefix": "10.1.0.0/24", "zone": "z"}),
    ],
)
def test_whoever_looks_at_few_changes_sees_all_that_overlaps(
    here: Place, key: tuple[str, str], fields: dict[str, Any]
) -> None:
    files = base()
    files["network", "a"] = network("east", ipv4="10.1.0.0/28")
    files["prefix", "own"] = pool("10.1.0.0/28", "lan", plan="four", status="active")
    apply(here, files)
    files[key] = fields
    here.write(files)
    with pytest.raises(InputError):
        here.few()


def test_wrong_numbers_of_the_policy_are_told(here: Place) -> None:
    files = small()
    files["profile", "addressing"] = {"values": {"rest_days": -1, "rest": 3}}
    here.write(files)
    with pytest.raises(InputError) as caught:
        propose(here.workspace, here.ledger)
    words = [str(problem) for problem in caught.value.problems]
    assert len(words) == 2
    assert "`rest_days` should be a number of days, 0 or more" in words[0]
    assert "profile.yaml:" in words[1]
    assert "`rest` is nothing that addressing knows" in words[1]


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["auto", "fixed", ""])), max_size=5))
def test_whatever_comes_and_goes_both_ways_agree_and_a_second_plan_is_empty(
    steps: list[tuple[str, str]],
) -> None:
    with place() as here:
        files = base()
        for name, said in steps:
            fields = {"fixed": {"ipv4": f"10.1.200.{16 * ord(name) % 256}/28"}, "auto": {"ipv4": "auto"}}.get(
                said, {}
            )
            wanted = network("east", interface=name, **fields)
            if files.get(("network", name)) == wanted:
                del files["network", name]
            else:
                files["network", name] = wanted
            apply(here, files)


def test_renamed_twice_it_keeps_what_it_has(here: Place) -> None:
    files = small()
    apply(here, files)
    first = accepted(here)["network", "n"]
    fields = files.pop(("network", "n"))
    apply(here, files | {("network", "m"): fields | {"was": "n"}})
    apply(here, files | {("network", "o"): fields | {"was": "m"}})
    last = accepted(here)["network", "o"]
    assert [last[of] for of in ("ipv4", "ipv6")] == [first[of] for of in ("ipv4", "ipv6")]


def test_names_are_exchanged_and_addresses_stay(here: Place) -> None:
    files = small()
    files["network", "m"] = network("west", interface="m", ipv4="auto", ipv6="auto")
    apply(here, files)
    first = accepted(here)
    one, other = files.pop(("network", "n")), files.pop(("network", "m"))
    swapped = {("network", "m"): one | {"was": "n"}, ("network", "n"): other | {"was": "m"}}
    apply(here, files | swapped)
    for now, then in (("m", "n"), ("n", "m")):
        for of in ("gateway", "ipv4", "ipv6"):
            assert accepted(here)["network", now][of] == first["network", then][of]


def reverted(here: Place, revision: int) -> PinChanges:
    with here.ledger.read() as connection:
        return pinning.towards(connection, revision)


def number(here: Place) -> int:
    with here.ledger.read() as connection:
        return ledger_entries.last_revision(connection)


def test_what_a_pin_hides_is_given_to_nobody_else(here: Place) -> None:
    files = base()
    apply(here, files)
    revision = number(here)
    files["network", "n"] = network("east", ipv4="auto", ipv6="auto")
    apply(here, files)
    first = accepted(here)["network", "n"]
    pins = reverted(here, revision)
    apply(here, files, pins=pins)
    assert ("network", "n") not in accepted(here)
    # It need not rest: it is given away.
    files["profile", "addressing"] = {"values": {"rest_days": 0}}
    files["network", "m"] = network("east", interface="m", ipv4="auto", ipv6="auto")
    apply(here, files)
    assert accepted(here)["network", "m"]["ipv4"] != first["ipv4"]
    assert accepted(here)["network", "m"]["ipv6"] != first["ipv6"]
    apply(here, files, pins=PinChanges(ended=tuple(row.claim_key for row in pins.said)))
    assert accepted(here)["network", "n"] == first


def test_a_pin_ends_where_auto_comes_to_the_same(here: Place) -> None:
    files = small()
    apply(here, files)
    revision, first = number(here), accepted(here)["network", "n"]
    fields = files.pop(("network", "n"))
    apply(here, files)
    apply(here, files, pins=reverted(here, revision))
    assert accepted(here)["network", "n"] == first
    files["network", "n"] = fields
    apply(here, files)
    with here.ledger.read() as connection:
        assert not pinning.standing(connection)
    assert accepted(here)["network", "n"] == first


@pytest.mark.parametrize(("days", "rests"), [(30, True), (0, False)])
def test_what_was_written_rests_as_well(here: Place, days: int, rests: bool) -> None:
    files = base()
    files["profile", "addressing"] = {"values": {"rest_days": days}}
    four = {**files["address_plan", "four"], "growth": "sequential"}
    files["address_plan", "four"] = four
    files["network", "n"] = network("east", ipv4="10.1.0.0/28")
    apply(here, files)
    del files["network", "n"]
    apply(here, files)
    files["network", "m"] = network("west", interface="m", ipv4="auto")
    apply(here, files)
    assert accepted(here)["network", "m"]["ipv4"] == ("10.1.0.16/28" if rests else "10.1.0.0/28")


def test_what_rests_in_one_routing_table_is_free_in_another(here: Place) -> None:
    files = base()
    plan = {"family": 4, "prefix": "192.168.0.0/24", "levels": ["lan"], "lengths": [25]}
    for vrf in ("red", "blue"):
        files["vrf", vrf] = {"zone": "z"}
        files["address_plan", vrf] = {**plan, "vrf": vrf}
    files["network", "n"] = network("east", vrf="red", ipv4="auto")
    apply(here, files)
    first = accepted(here)["network", "n"]["ipv4"]
    del files["network", "n"]
    apply(here, files)
    for vrf in ("red", "blue"):
        files["network", vrf] = network("west", vrf=vrf, interface=vrf, ipv4="auto")
    apply(here, files)
    assert accepted(here)["network", "blue"]["ipv4"] == first
    assert accepted(here)["network", "red"]["ipv4"] != first


def test_auto_follows_its_network(here: Place) -> None:
    files = small()
    files["network", "m"] = network("west", interface="m", ipv4="10.1.2.0/28")
    files["server", "s"] = {"rack": "r", "network": "n", "ipv4": "auto", "ipv6": "auto"}
    files["server", "t"] = {"rack": "r", "network": "m", "ipv4": "auto"}
    files["rack", "r"] = {"room": "room"}
    files["room", "room"] = {"site": "site"}
    files["site", "site"] = {"region": "east", "role": "office"}
    apply(here, files)
    assert accepted(here)["server", "t"]["ipv4"] == "10.1.2.2"
    files["server", "s"]["network"] = "m"
    # What its network has no prefix for, nothing answers any more.
    with pytest.raises(InputError) as caught:
        apply(here, files)
    assert "network/m has no ipv6" in str(caught.value.problems[0])
    del files["server", "s"]["ipv6"]
    files["network", "m"] = {**files["network", "m"], "ipv4": "10.1.3.0/28"}
    apply(here, files)
    # Whose it was comes first, then by name: both are new there.
    assert [accepted(here)["server", name]["ipv4"] for name in "st"] == ["10.1.3.2", "10.1.3.3"]


def test_auto_follows_its_plan_and_its_parent(here: Place) -> None:
    files = small()
    files["prefix", "child"] = pool("auto", "town", parent="city")
    apply(here, files)
    first = allocator(here)
    files["address_plan", "six"] = {**files["address_plan", "six"], "prefix": "3fff:470::/28"}
    apply(here, files)
    second = allocator(here)
    assert second.keys() == first.keys()
    for key, fields in second.items():
        for of, text in (fields or {}).items():
            if ":" in text:
                assert text.startswith("3fff:47"), (key, of, text)
            else:
                assert (first[key] or {})[of] == text
    files["prefix", "child"] = pool("auto", "town", parent="other")
    files["prefix", "other"] = pool("3fff:47f:ff00::/40", "city")
    apply(here, files)
    assert accepted(here)["prefix", "child"]["prefix"].startswith("3fff:47f:ff")
