"""Who decides: chains are chosen from data, stages are joined, and days are working days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcloud.access.keyring import Ring, keys_of, span
from govcloud.errors import InputError
from govcloud.ledger import entries, open_ledger
from govcloud.plan.guards import calendar, needing
from govcloud.plan.guards.chains import DEFAULT, Chain, Stage, choose
from govcloud.plan.guards.measuring import Measure, measure
from govcloud.plan.stages import EntryChange
from govcloud.workspace import open_workspace

STAGES = {name: Stage(name) for name in "abcdef"}
ASKED: dict[str, Any] = {"environment": "tiny", "type": "resources", "templates": ["web"]}
BIG = Measure(
    frozenset({"instance"}), vcpus=16, memory_gib=64, instances=4, yuan=9e5, classified=True, mlps=3
)


def chain(name: str = "c", order: int = 1, stages: str = "a", **fields: Any) -> Chain:
    return msgspec.convert({"name": name, "order": order, "stages": list(stages), **fields}, Chain)


def names(*chains: Chain, found: Measure = BIG, **asked: Any) -> str:
    return "".join(s.name for s in choose(chains, STAGES, found=found, **(ASKED | asked)))


@pytest.mark.parametrize(
    ("fields", "asked", "fits"),
    [
        ({}, {}, True),
        ({"types": ["recovery"]}, {}, False),
        ({"types": ["recovery", "resources"]}, {}, True),
        ({"templates": ["web"]}, {}, True),
        ({"templates": ["web"]}, {"templates": ["database"]}, False),
        ({"kinds": ["instance", "volume"]}, {}, True),
        ({"kinds": ["circuit"]}, {}, False),
        ({"environments": ["tiny"]}, {}, True),
        ({"environments": ["tiny"]}, {"environment": "large"}, False),
        ({"classified": True}, {"found": msgspec.structs.replace(BIG, classified=False)}, False),
        ({"classified": True}, {}, True),
        ({"mlps_from": 3}, {}, True),
        ({"mlps_from": 4}, {}, False),
        ({"vcpus_from": 16}, {}, True),
        ({"vcpus_from": 17}, {}, False),
        # One bound that is reached is enough.
        ({"vcpus_from": 17, "yuan_from": 900000}, {}, True),
        ({"instances_from": 5, "memory_gib_from": 65}, {}, False),
        # What is said otherwise holds beside a bound.
        ({"vcpus_from": 1, "types": ["data"]}, {}, False),
    ],
)
def test_a_chain_fits_what_it_is_for(fields: Any, asked: Any, fits: bool) -> None:
    assert names(chain(stages="b", **fields), **asked) == ("b" if fits else DEFAULT.name)


def test_stages_of_several_are_joined_in_order_without_doubles() -> None:
    late, early = chain("late", 2, "cab"), chain("early", 1, "bd")
    assert names(late, early) == "bdca"
    assert names(chain("b", 1, "c"), chain("a", 1, "d")) == "dc"


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.lists(st.sampled_from("abcdefx"), max_size=5), st.integers(0, 20))
    )
)
def test_every_stage_that_fits_decides_once(drawn: list[tuple[int, list[str], int]]) -> None:
    """Whatever is accepted: nothing that fits is left out, nothing stands twice, somebody always decides."""
    chains = [
        chain(f"c{n}", order, "".join(stages), vcpus_from=least)
        for n, (order, stages, least) in enumerate(drawn)
    ]
    found = choose(chains, STAGES, found=BIG, **ASKED)
    wanted = {s for _, stages, least in drawn if least <= 16 for s in stages if s in STAGES}
    assert found
    assert [s.name for s in found] == list(dict.fromkeys(s.name for s in found))
    assert {s.name for s in found} == (wanted or {DEFAULT.name})
    for one in sorted(chains, key=lambda c: (c.order, c.name))[:1]:
        if one.vcpus_from <= 16 and (mine := [s for s in dict.fromkeys(one.stages) if s in STAGES]):
            assert [s.name for s in found][: len(mine)] == mine


# -- how much ---------------------------------------------------------------------------------------


def quota(project: str, **fields: int) -> EntryChange:
    return EntryChange("create", "3a" * 8, "quota", "more", fields={"project": project, **fields})


def test_what_a_request_comes_to_is_counted_from_its_changes(tmp_path: Path) -> None:
    """Machines by their flavours; what was there before counts off; levels of what it all belongs to."""
    (tmp_path / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    workspace = open_workspace(str(tmp_path))
    ledger = open_ledger(workspace, create=True)
    size = {"small": {"vcpus": 2, "memory_mib": 4096}, "large": {"vcpus": 8, "memory_mib": 32768}}
    there = [
        EntryChange("create", f"{n}" * 16, "flavor", name, fields=f)
        for n, (name, f) in enumerate(size.items())
    ]
    there += [
        EntryChange("create", "a" * 16, "instance", "old", fields={"project": "p", "flavor": "small"}),
        EntryChange("create", "b" * 16, "application", "portal", fields={"unit": "u", "mlps": 3}),
    ]
    with ledger.write() as connection:
        number = entries.open_revision(connection, actor="", run=None, commit=None, message="")
        entries.accept(connection, number, there)
    asked = [
        EntryChange("create", "d" * 16, "instance", "new", fields={"project": "p", "flavor": "large"}),
        EntryChange("update", "a" * 16, "instance", "old", fields={"project": "p", "flavor": "large"}),
        EntryChange("create", "e" * 16, "endpoint", "web", fields={"application": "portal"}),
        EntryChange("create", "f" * 16, "dataset", "d", fields={"unit": "u", "classified": True}),
        EntryChange("create", "1a" * 8, "circuit", "line", fields={"monthly_yuan": 500}),
        EntryChange("create", "2a" * 8, "volume", "disk", fields={"project": "p", "size_gib": 100}),
    ]
    with ledger.read() as connection:
        found = measure(connection, asked)
        both = measure(connection, [*asked, quota("p", vcpus=20, disk_gib=50)], priced=1200)
        aside = measure(connection, [*asked, quota("q", vcpus=1000, memory_mib=2**20, instances=5)])
        less = measure(connection, [EntryChange("delete", "a" * 16, "instance", "old")])
    ledger.close()
    assert (found.vcpus, found.memory_gib, found.instances, found.yuan) == (8 + 6, 32 + 28, 1, 6000)
    assert (found.classified, found.mlps) == (True, 3)
    assert found.disk_gib == 100
    # Machines stand in the quota that comes with them; what may be made by it counts as what is made.
    assert (both.vcpus, both.disk_gib, both.instances, both.yuan) == (20, 100, 1, 7200)
    assert (aside.vcpus, aside.memory_gib, aside.instances) == (14 + 1000, 60 + 1024, 6)
    # What others ask for beside it counts with it, not what that is.
    beside = Measure(instances=2, vcpus=1.5).beside([found, less])
    assert (beside.instances, beside.vcpus, beside.disk_gib, beside.mlps) == (3, 15.5, 100, 0)
    assert (less.vcpus, less.instances, less.kinds) == (0, 0, {"instance"})


# -- working days -----------------------------------------------------------------------------------

SHIPPED = calendar._calendar({}, "")


def noon(day: str) -> float:
    return datetime.fromisoformat(f"{day}T12:00").timestamp()


@pytest.mark.parametrize("year", [2025, 2026])
def test_a_year_has_as_many_working_days_as_the_law_leaves(year: int) -> None:
    # 365 days, 104 of them Saturdays and Sundays, 13 holidays since 2025 (国务院令第795号): 248.
    days = [date(year, 1, 1) + timedelta(n) for n in range(365)]
    assert sum(map(SHIPPED.works, days)) == 248
    assert SHIPPED.sources[year].startswith("国务院办公厅关于")


@pytest.mark.parametrize(
    ("asked", "days", "last"),
    [
        ("2026-11-23", 5, "2026-11-30"),  # a Monday; the day itself does not count
        ("2026-11-21", 1, "2026-11-23"),  # on a Saturday
        ("2026-09-30", 5, "2026-10-13"),  # over the National Day, with a Saturday that people work
        ("2026-02-13", 2, "2026-02-24"),  # a Saturday of work, then the Spring Festival
        ("2025-12-31", 1, "2026-01-04"),  # a Sunday of work
    ],
)
def test_days_are_counted_over_holidays(asked: str, days: int, last: str) -> None:
    due = SHIPPED.due(noon(asked), days)
    assert datetime.fromtimestamp(due - 1).date().isoformat() == last
    assert datetime.fromtimestamp(due).time().isoformat() == "00:00:00"


@given(st.dates(date(2025, 1, 1), date(2030, 1, 1)), st.integers(1, 30))
def test_between_asking_and_due_there_are_just_so_many(day: date, days: int) -> None:
    at = datetime(day.year, day.month, day.day, 9).timestamp()
    last = datetime.fromtimestamp(SHIPPED.due(at, days) - 1).date()
    between = [day + timedelta(n) for n in range(1, (last - day).days + 1)]
    assert sum(map(SHIPPED.works, between)) == days
    assert SHIPPED.works(last)
    years = {day.year for day in [day, *between]}
    assert SHIPPED.unknown(at, days) == sorted(years - {2025, 2026})


def test_a_province_says_further_years() -> None:
    values = {"2027": {"holidays": ["2027-01-01/2027-01-03"], "workdays": []}, "weekend": [7]}
    said = calendar._calendar(values, "a notice")
    assert not said.works(date(2027, 1, 2)) and said.works(date(2027, 1, 9))
    assert 2027 in said.years and said.sources[2027] == "a notice"
    assert said.faults == ()


@pytest.mark.parametrize(
    "values",
    [
        {"2027": {"holidays": ["2026-01-01"]}},
        {"2027": {"holidays": ["2027-01-05/2027-01-01"]}},
        {"2027": {"workdays": ["soon"]}},
        {"next": {}},
        {"weekend": [0]},
        {"weekend": [1, 2, 3, 4, 5, 6, 7]},
    ],
)
def test_days_that_are_none_are_refused(values: Any) -> None:
    change = EntryChange("create", "a" * 16, "profile", "working-days", fields={"values": values})
    with pytest.raises(InputError) as refused:
        calendar.check_proposed([change])
    assert all("profile/working-days" in one.message for one in refused.value.problems)
    # What is accepted all the same leaves the other days as they are.
    assert calendar._calendar(values, "").works(date(2026, 1, 4))


@pytest.mark.parametrize(
    "values", [{"needs": "some"}, {"days": 0}, {"days": 2.5}, {"day": 3}, {"clock_s": "1"}]
)
def test_a_policy_that_is_none_is_refused(values: Any) -> None:
    assert all(needing._fault(name, value) for name, value in values.items())


# -- keys -------------------------------------------------------------------------------------------

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDzrPTM6OoMhBeTp3k8zY2wLJnWZ7wqM6VpcF8yNBM6i"


def ring(**fields: Any) -> tuple[Ring, str]:
    from govcloud.signatures import fingerprint

    name = fingerprint(PUBLIC)
    said = {field: {name: text} for field, text in fields.items()}
    return Ring(keys_of("li", {"ssh_keys": [PUBLIC], **said})), name


@pytest.mark.parametrize(
    ("dates", "good", "bad"),
    [
        ("2026-01-01/2026-12-31", ["2026-01-01", "2026-12-31"], ["2025-12-31", "2027-01-01"]),
        ("2026-01-01/", ["2099-01-01"], ["2025-12-31"]),
        ("/2026-12-31", ["1999-01-01"], ["2027-01-01"]),
        ("nonsense", [], ["2026-01-01"]),
    ],
)
def test_a_key_has_its_days(dates: str, good: list[str], bad: list[str]) -> None:
    keys, _ = ring(key_dates=dates)
    assert [keys.fault("li", PUBLIC, noon(day)) for day in good] == [""] * len(good)
    assert all(
        "is good from" in w or "was good until" in w for d in bad if (w := keys.fault("li", PUBLIC, noon(d)))
    )
    assert all(keys.fault("li", PUBLIC, noon(day)) for day in bad)


def test_a_revoked_key_signed_what_it_signed_before() -> None:
    keys, _ = ring(revoked_keys="2026-06-01")
    assert keys.fault("li", PUBLIC, noon("2026-05-31")) == ""
    assert "is revoked from 2026-06-01" in keys.fault("li", PUBLIC, noon("2026-06-01"))
    # Whoever has the key may say any time: the ledger's own counts as well.
    assert "came after that" in keys.fault("li", PUBLIC, noon("2026-05-31"), noon("2026-06-02"))
    always, _ = ring(revoked_keys="")
    assert "is revoked" in always.fault("li", PUBLIC, 0)


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_days_of_a_key_are_whole(first: date, last: date) -> None:
    begins, ends = span(f"{first}/{last}")
    assert datetime.fromtimestamp(begins).date() == first
    assert datetime.fromtimestamp(ends - 1).date() == last
