"""What the register says of rules; what binds where, profiles, waivers, reviews. Cases: policy/examples."""

from __future__ import annotations

from datetime import date

import pytest

from govcloud.errors import InputError
from govcloud.model import fields
from govcloud.model.rules import rules as rows
from govcloud.policy import Case, decided, judge
from tests.policy.samples import Changes, case

CORES = ("node/core-1", "node/core-2", "link/core-1-2", "node/haikou", "link/core-haikou-*")
REVIEW = {"date": "2026-01-10", "passed": True, "document": "琼数安审〔2026〕1号"}


def test_rules_read_fields_that_there_are() -> None:
    for check in decided().values():
        for name in check.reads:
            kind, _, field_name = name.partition(".")
            assert field_name in fields(kind), f"{check.id}: {name}"


def test_rules_are_those_of_the_documents() -> None:
    for id, check in decided().items():
        # What is no row of theirs says by itself what it is, and where it is from.
        assert check.sentence and check.source, id
        if id in rows():
            assert (check.source, check.strength) == (rows()[id].source, rows()[id].strength)
            assert check.documents <= {"000", "001", "002", "003", "004"}


@pytest.mark.parametrize(
    ("name", "binds", "not_there"),
    [("hainan", "N-21", "N-22"), ("liaoning", "N-22", "N-21"), ("hubei", "N-23", "N-13")],
)
def test_documents_bind_their_own_province(name: str, binds: str, not_there: str) -> None:
    here = case(name, ())
    assert decided()[binds].binds(here) and not decided()[not_there].binds(here)
    assert not [f for f in judge(here) if f.rule == not_there]
    # Who asks for a rule gets it, wherever it is from.
    judge(here, [not_there])


def test_a_profile_says_which_documents_bind() -> None:
    here = case("hainan", (), {"profile/rules": {"values": {"documents": ["004"]}}})
    assert here.binding == {"004"}


def test_a_profile_that_nobody_can_read_is_told() -> None:
    wrong = {
        "profile/two-lines": {"values": {"site_role": ["office"], "units": "yes", "together": "duct"}},
    }
    with pytest.raises(InputError) as told:
        judge(case("hainan", (), wrong), ["N-15"])
    first, second, third = (p.message for p in told.value.problems)
    assert first.startswith("profile/two-lines: no rule reads `values.site_role`; there are ")
    assert second == "profile/two-lines: `values.units` is 'yes', expected true or false, as True"
    assert third.startswith("profile/two-lines: `values.together` is 'duct', expected a list of texts")
    # A year may stand without quotes.
    later = case("hainan", ("exit/*",), {"profile/province-exits": {"values": {"from": 2030}}})
    assert not judge(later, ["N-21"])


def test_no_document_is_left_out_where_the_province_is_unknown() -> None:
    here = case("hainan", (), {"region/hainan": {"code": ""}})
    assert here.binding == {"000", "001", "002", "003", "004"}


def test_a_target_counts_from_its_day() -> None:
    keys = ("exit/out-of-province",)
    assert not judge(case("hainan", keys, as_of=date(2019, 12, 31)), ["N-21"])
    assert judge(case("hainan", keys, as_of=date(2020, 1, 1)), ["N-21"])
    later = {"profile/province-exits": {"values": {"directions": 2, "from": "2027-03"}}}
    assert not judge(case("hainan", keys, later, as_of=date(2027, 2, 28)), ["N-21"])
    (finding,) = judge(case("hainan", keys, later, as_of=date(2027, 3, 1)), ["N-21"])
    assert finding.message.startswith("2 directions")


def test_a_waiver_lets_pass_what_may_be_waived_while_it_holds() -> None:
    network = {"private_network/health": {"extranet_suffices": "denied"}}
    waiver = {
        "rule": "N-05",
        "subjects": ["private_network/health"],
        "reason": "实时影像会诊",
        "granted_by": "wu-jing",
        "ends_on": "2026-12-31",
    }
    keys = ("private_network/health",)
    (stands,) = judge(case("qionghai", keys, network), ["N-05"])
    assert not stands.waiver
    (waived,) = judge(case("qionghai", keys, network, {"waiver/health": waiver}), ["N-05"])
    assert waived.waiver == "waiver/health" and not waived.stops
    late = case("qionghai", keys, network, {"waiver/health": waiver}, as_of=date(2027, 1, 1))
    assert not judge(late, ["N-05"])[0].waiver
    # What the documents say flatly nobody waives.
    flat = {"waiver/lines": waiver | {"rule": "N-18", "subjects": ["private_network/mobile-government"]}}
    own = {"private_network/mobile-government": {"acquisition": "own"}}
    (finding,) = judge(case("hainan", ("private_network/mobile-government",), own, flat), ["N-18"])
    assert finding.stops


def test_a_review_counts_with_its_document_until_it_ends() -> None:
    keys = ("circuit/extranet-town-access",)
    running = {"circuit/extranet-town-access": {"status": "running"}}
    review = {"type": "access", "subject": "circuit/extranet-town-access", **REVIEW}
    for wrong in ({"document": ""}, {"passed": False}, {"date": "2027-01-01"}, {"valid_until": "2026-10-31"}):
        assert judge(case("hainan", keys, running, {"review/r": review | wrong}), ["N-09"])
    assert not judge(case("hainan", keys, running, {"review/r": review}), ["N-09"])
    # A newer one that failed ends it; one of before does not.
    for day, broken in (("2026-10-30", True), ("2020-01-01", False), ("2027-01-01", False)):
        failed = {"review/f": review | {"passed": False, "date": day}}
        found = judge(case("hainan", keys, running, {"review/r": review}, failed), ["N-09"])
        assert bool(found) is broken, day


def test_a_rule_that_is_none_is_told() -> None:
    with pytest.raises(InputError) as told:
        judge(case("hainan", ()), ["C-01", "N-99"])
    assert [p.message for p in told.value.problems] == ["N-99 is no rule"]


def exits(*said: tuple[str, dict[str, object]]) -> list[tuple[str, str, str]]:
    """What N-21 says of these exits of a net of two cores: entry, verdict, sentence."""
    table = {f"exit/x{n}": {"role": "province", "direction": d, **more} for n, (d, more) in enumerate(said)}
    found = judge(case("hainan", CORES, table), ["N-21"])
    return [(f.subject, f.verdict, f.message) for f in found]


def test_exits_are_counted_by_what_they_are_and_not_by_how_they_are_written() -> None:
    one, two, three = {"node": "core-1"}, {"node": "core-2"}, {"node": "haikou"}
    assert exits(("east", one), ("west", two), ("north", three)) == []
    ((_, verdict, words),) = exits(("east", one), (" East", two), ("north", three))
    assert verdict == "target" and "there are 2" in words
    # Where nothing says of what an exit consists, it may stand nowhere.
    ((subject, verdict, words),) = exits(("east", one), ("west", two), ("north", {}))
    assert (subject, verdict) == ("exit/x2", "target") and "nothing says what it consists of" in words
    # Three directions over one node fail together.
    ((subject, verdict, words),) = exits(("east", one), ("west", one), ("north", one))
    assert (subject, verdict) == ("exit/x0", "flag") and words.endswith("all of them need node/core-1")


def test_a_city_is_joined_by_its_node_and_to_the_core_as_a_whole() -> None:
    office: Changes = {"circuit/office": {"zone": "extranet", "region": "sanya", "line": "data"}}
    cut: Changes = {f"link/core-haikou-{n}": None for n in (1, 2)}
    moved: Changes = {"node/haikou": {"region": "sanya"}}
    rules = {"profile/city-interconnection": {"values": {"from": "2017", "levels": ["city"]}}}

    def told(*changes: Changes) -> list[str]:
        found = judge(case("hainan", CORES, rules, moved, office, *changes), ["N-22"])
        return [f.message for f in found if f.subject == "region/sanya"]

    assert told() == []
    # A line to an office joins no router; nor does a core node alone.
    assert [m.partition(";")[0] for m in told(cut)] == ["no core node reaches node/haikou"]
    lonely: Changes = {**cut, "node/haikou": {"role": "core"}}
    assert [m.partition(";")[0] for m in told(lonely)] == ["the core as a whole does not reach node/haikou"]
    level = {"profile/two-lines": {"values": {"region_levels": ["city"]}}}
    found = judge(case("hainan", CORES, level, moved, lonely), ["N-15"])
    words = [f.message for f in found if f.subject == "region/sanya"]
    assert words == ["is cut off from the other core nodes: no way leads from node/haikou to them"]


def test_what_a_plan_creates_is_new_whatever_its_status_says() -> None:
    """An entry that says that it is built or runs already is no less new where nothing of it is accepted."""
    keys = ("unit/industry", "unit/bigdata", "site/haikou-dc", "site/sanya-dr", "cloud/government")
    own: Changes = {
        "site/own": {"region": "hainan", "role": "datacentre", "unit": "industry", "status": "building"},
        "site/second": {"region": "danzhou", "role": "recovery", "status": "running"},
        "cloud/own": {"site": "own", "role": "department", "unit": "industry", "status": "running"},
        "application/own": {"unit": "industry", "cloud": "own", "status": "running"},
    }
    wanted = {"site/own": ("D-01", "D-02", "D-03"), "site/second": ("R-01",), "cloud/own": ("D-06",)}
    wanted["application/own"] = ("C-02", "C-03")

    def denied(of: Case) -> set[tuple[str, str]]:
        return {(one.subject, one.rule) for one in judge(of) if one.verdict == "deny"}

    before, after = case("hainan", keys), case("hainan", keys, own)
    assert denied(after) == set()
    after = case("hainan", keys, own)
    after.accepted = before.catalogue
    assert denied(after) == {(subject, rule) for subject, rules in wanted.items() for rule in rules}
    # What is accepted is as it says.
    after = case("hainan", keys, own)
    after.accepted = after.catalogue
    assert denied(after) == set()
