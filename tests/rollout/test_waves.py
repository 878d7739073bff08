"""Waves: nobody before what carries it, every member once; and what is wrong with those that are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.model.change import Rollout
from govcloud.rollout.members import has_ipv6
from govcloud.rollout.reading import rollouts
from govcloud.rollout.waves import Course, Planner
from tests.rollout.city import SAMPLE, Entries, entries, net, planner

ROLES = st.sampled_from(["core", "border", "aggregation", "access"])
NETS = st.builds(
    net,
    st.lists(st.tuples(st.integers(0, 30), ROLES), max_size=14),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 40)), max_size=8),
)


@pytest.fixture(scope="module")
def known() -> Entries:
    return entries()


def course(known: Entries, **other: Any) -> tuple[Planner, Course]:
    """The sample's rollout, with other fields."""
    found = planner(known)
    rollout = msgspec.structs.replace(rollouts(found.ground.catalogue)["city-ipv6"], **other)
    return found, found.course("city-ipv6", rollout)


def faults(known: Entries, **other: Any) -> list[str]:
    found, made = course(known, **other)
    return [f"{f.field}: {f.message}" for f in found.faults(made.name, made.rollout)]


@settings(max_examples=60, deadline=None)
@given(NETS, st.integers(1, 9))
def test_computed_waves_bring_nobody_before_what_carries_it(known: Entries, batch: int) -> None:
    found = planner(known)
    rollout = Rollout(type="ipv6", subjects=["zone/extranet"], batch=batch)
    made = found.course("all", rollout)
    assert list(found.faults("all", rollout)) == []
    order = [subject for wave in made.waves for subject in wave.members]
    everybody = {f"{kind}/{name}" for kind, name in known if kind in ("node", "link", "network")}
    assert sorted(order) == sorted(everybody), "every member once"
    assert all(len(wave.members) <= batch for wave in made.waves)
    at = {subject: number for number, subject in enumerate(order)}
    for subject, carriers in made.carriage.carriers.items():
        assert all(at[by] < at[subject] for by in carriers)
    # Each node but where it begins is carried by a link that leads to it, and each link by one of its ends.
    for kind, name in known:
        if kind == "node" and known[kind, name]["role"] != "core":
            (by,) = made.carriage.carriers[f"node/{name}"]
            link = known["link", by.removeprefix("link/")]
            assert name in (link["a"], link["b"])


@settings(max_examples=40, deadline=None)
@given(NETS, st.data())
def test_a_written_order_is_right_exactly_where_nobody_comes_too_early(
    known: Entries, data: st.DataObject
) -> None:
    found = planner(known)
    right = found.course("all", Rollout(type="ipv6", subjects=["zone/extranet"], batch=1))
    subjects = [wave.members[0] for wave in right.waves]
    order = data.draw(st.permutations(subjects))
    written = Rollout(
        type="ipv6", subjects=["zone/extranet"], waves=[{f"w{n}": [s]} for n, s in enumerate(order)]
    )
    at = {subject: number for number, subject in enumerate(order)}
    early = [s for s, by in right.carriage.carriers.items() if any(at[one] > at[s] for one in by)]
    told = list(found.faults("all", written))
    assert bool(told) == bool(early)
    assert all("comes before" in fault.message for fault in told)


def test_the_sample_goes_trunk_city_towns_services(known: Entries) -> None:
    _, made = course(known)
    assert [wave.name for wave in made.waves] == ["trunk", "city", "towns", "services"]
    assert made.waves[0].members == ("link/trunk-data", "node/qionghai", "link/trunk-video")
    assert made.waves[3].members == ("instance/hall-1", "dns_zone/qionghai", "endpoint/hall")
    assert made.left == () and len(made.members) == 26
    # What stands in a private network is not meant by its region.
    assert not any("health" in subject or "water" in subject for subject in made.members)
    desk, trunk = made.members["server/boao-desk"], made.members["link/trunk-data"]
    assert (desk.level, desk.region, desk.city, desk.unit) == ("town", "boao", "qionghai", "qionghai-gov")
    assert desk.stages == ("addressed", "access", "dns", "verified") and desk.field == "ipv6"
    assert trunk.stages == ("addressed", "backbone", "verified")
    assert "service" in made.members["server/dns-city"].stages
    assert made.members["endpoint/hall"].field == ""


def test_who_goes_on_without_ipv4_has_more_to_show(known: Entries) -> None:
    _, made = course(known, goal="ipv6_only")
    assert made.members["server/boao-desk"].stages[-1] == "ipv6_only"
    assert {"nat64", "dns64"} <= set(made.members["server/boao-desk"].checks)
    # Others find it where it is.
    assert "ipv6_only" not in made.members["instance/hall-1"].stages
    assert "ipv6_only" not in made.members["node/boao"].stages


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"waves": [{"a": ["node/core-1"]}]}, "waves: wave a: node/core-1 is no member of this rollout"),
        (
            {"waves": [{"a": ["region/hainan"]}, {"b": ["node/boao", "node/boao"]}]},
            "node/boao is twice in it",
        ),
        ({"waves": [{"a": ["node/boao"]}, {"b": ["node/boao"]}]}, "wave b: node/boao is in wave a already"),
        (
            {"waves": [{"a": ["region/boao"]}, {"b": ["region/qionghai"]}]},
            "wave b: region/qionghai stands for link/ring-boao-tanmen, link/ring-jiaji-boao, link/town-boao",
        ),
        (
            {"waves": [{"a": ["node/qionghai"]}, {"b": ["link/trunk-data"]}]},
            "wave a: node/qionghai comes before link/trunk-data, which carries it",
        ),
        (
            {"waves": [{"a": ["node/boao"]}]},
            "link/town-boao carries node/boao, but has no IPv6 and is in no wave",
        ),
        ({"waves": [{"a": []}]}, "waves: wave a has no member"),
        ({"waves": [{"a": ["node/boao"], "b": []}]}, "waves: a wave should have one name, not 2"),
        ({"waves": [{"A!": ["node/boao"]}]}, "waves: 'A!' cannot be the name of a wave"),
        ({"waves": [{"a": ["link/town-boao"]}, {"a": ["node/boao"]}]}, "waves: two waves are called a"),
        ({"waves": [{"a": ["region/nowhere"]}]}, "waves: wave a: no member is in region/nowhere"),
        ({"subjects": ["region/nowhere"], "waves": []}, "subjects: region/nowhere stands for no member"),
        ({"subjects": ["region/boao"], "waves": []}, "subjects: node/qionghai carries"),
        ({"shares": {"2027-13": 20.0}}, "shares: '2027-13' should be a year, a month or a day"),
        ({"shares": {"2027": 120.0}}, "shares: the share by 2027 should be 0 to 100 per cent, not 120"),
        (
            {"shares": {"2027": 50.0, "2028": 20.0}},
            "shares: the share by 2028 is 20 %, less than 50 % by 2027",
        ),
        ({"explained": {"node/core-1": "x"}}, "explained: node/core-1 is no member of this rollout"),
        ({"explained": {"node/boao": " "}}, "explained: nothing is said of why node/boao went back"),
    ],
)
def test_faults(known: Entries, other: dict[str, Any], says: str) -> None:
    assert any(says in told for told in faults(known, **other)), faults(known, **other)


def test_a_town_that_no_line_leads_to_is_told(known: Entries) -> None:
    cut = {key: fields for key, fields in known.items() if key not in (("link", "town-zhongyuan"),)}
    cut = {key: fields for key, fields in cut.items() if key != ("link", "ring-zhongyuan-tanmen")}
    told = faults(cut, waves=[], batch=5)
    assert told == ["subjects: no way of links leads from the core to node/zhongyuan"]


def test_a_carrier_with_ipv6_needs_no_wave(known: Entries) -> None:
    found, made = course(known)
    assert has_ipv6(found.ground.catalogue, "node/core-1") and "node/core-1" not in made.members
    assert made.carriage.carriers["link/trunk-data"] == ("node/core-1",)


def test_validate_tells_where(cli: Callable[..., Any], tmp_path: Any) -> None:
    assert cli("init", "w", "--sample", "qionghai").code == 0
    root = tmp_path / "w"
    path = root / "rollouts.yaml"
    path.write_text(
        (SAMPLE / "rollouts.yaml").read_text().replace("[region/jiaji,", "[region/jiaji, node/core-1,")
    )
    told = cli("validate", cwd=root)
    assert told.code == 2
    assert "rollouts.yaml:12:9: rollout/city-ipv6: wave towns: node/core-1 is no member" in told.err
