"""The picture of a rollout: what it says is what the ledger has, and foreign words cannot break it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import date
from typing import Any

import pytest
from chain import chain, changed
from hypothesis import given
from hypothesis import strategies as st

from govcloud.ledger.evidence import Evidence
from govcloud.model.application import Application
from govcloud.model.change import Rollout
from govcloud.model.datacentre import Rack, Room, Site
from govcloud.model.network import Zone
from govcloud.model.organisation import Region, Unit
from govcloud.rollout.board import NO_WAVE, ROWS, Board, Row, board, last_day
from govcloud.rollout.members import Ground
from govcloud.rollout.picture import svg
from govcloud.rollout.progress import STATES, progress
from govcloud.rollout.situation import Situation
from govcloud.rollout.waves import Planner
from govcloud.run.ipv6policy import Ipv6Policy

SVG = "{http://www.w3.org/2000/svg}"
DAY = 86400.0
NOW = 21000 * DAY  # 2027-07-01


def situated(rollout: Rollout, rows: list[Evidence]) -> Situation:
    """A rollout over the chain, with this evidence."""
    catalogue = changed(
        chain(),
        ("here", Region(level="county", title="本县", parent="province")),
        ("province", Region(level="province", title="本省")),
        ("k", Rack(room="m", units=10)),
        ("m", Room(site="s")),
        ("s", Site(region="here", role="office")),
        ("extranet", Zone(role="extranet")),
        ("bureau", Unit(region="here", title="政务局 & <局>")),
        ("portal", Application(unit="bureau", title="政务门户")),
        ("v6", rollout),
    )
    course = Planner(Ground(catalogue)).course("v6", rollout)
    limits = Ipv6Policy()
    found = progress(course, catalogue, rows, [], limits, NOW)
    return Situation(course=course, catalogue=catalogue, said=(), progress=found, limits=limits)


def evidence(member: str, check: str, ok: bool = True, at: float = NOW) -> Evidence:
    return Evidence(member, f"ipv6/{check}", ok, 1.0, "", {"reason": "" if ok else "dead"}, at=at)


ROLLOUT = Rollout(
    type="ipv6",
    title="全县IPv6改造 <script>",
    subjects=["region/here"],
    waves=[{"core": ["node/r3", "node/r4"]}, {"rest": ["node/r1", "node/r2"]}],
    shares={"2026": 20, "2027-06": 50.0},
    starts_on="2026-03-01",
    done_by="2028-06-30",
)


def test_the_board_counts_members_by_wave_state_and_place_and_says_what_is_due() -> None:
    rows = [
        evidence("node/r3", "reach"),
        evidence("node/r4", "reach", at=NOW - 40 * DAY),
        evidence("node/r1", "reach", at=NOW - DAY),
        evidence("node/r1", "reach", ok=False),
    ]
    found = board(situated(ROLLOUT, rows), environment="t", at=NOW)
    assert found.waves == ["core", "rest"] and found.today == date(2027, 7, 1)
    assert found.whole.counts[0, "done"] == 1 and found.whole.counts[0, "stale"] == 1
    assert found.whole.counts[1, "regressed"] == 1 and found.whole.counts[1, "under way"] == 1
    # What nobody took into a wave is counted all the same.
    assert found.whole.counts[NO_WAVE, "under way"] == found.whole.total - 4 > 0
    assert [(t.said, t.share) for t in found.targets] == [("2026", 20), ("2027-06", 50), ("2028-06-30", 100)]
    assert found.due == 50
    by = dict(found.groups)
    assert [row.title for row in by["批次 · by wave"]] == ["core", "rest", "未列入批次"]
    assert [row.title for row in by["层级 · by level"]] == ["县级"]
    assert [row.title for row in by["市县 · by city"]] == ["本县"]
    assert all(sum(row.total for row in rows) == found.whole.total for rows in by.values())
    assert by["批次 · by wave"][0].share == 50


def test_the_picture_is_well_formed_and_says_the_figures() -> None:
    text = svg(board(situated(ROLLOUT, [evidence("node/r3", "reach")]), environment="t", at=NOW))
    tree = ET.fromstring(text)
    words = ["".join(one.itertext()) for one in tree.iter(f"{SVG}text")]
    assert "全县IPv6改造 <script>" in words and "政务局 & <局>" in words
    assert any("落后" in word and "behind the 50 % due" in word for word in words)
    assert not list(tree.iter(f"{SVG}script")) and "prefers-color-scheme: dark" in text
    # One bar of the first wave's colour in each group, and one in the column of today.
    bars = [r for r in tree.iter(f"{SVG}rect") if r.get("fill") == "#2f62ad" and r.get("fill-opacity") == "1"]
    assert len([bar for bar in bars if bar.get("height") == "16"]) == 4


def test_places_beyond_what_fits_are_one_row() -> None:
    rollout = Rollout(type="ipv6", subjects=["region/here"], batch=1)
    found = situated(rollout, [])
    by = dict(board(found, environment="t", at=NOW).groups)
    rows = by["批次 · by wave"]
    beyond = len(found.course.waves) - ROWS
    assert beyond > 0 and len(rows) == ROWS and rows[-1].title == f"其余 {beyond + 1} 个"
    assert sum(row.total for row in rows) == len(found.progress)


@pytest.mark.parametrize(
    ("said", "day"),
    [("2026", date(2026, 12, 31)), ("2028-02", date(2028, 2, 29)), ("2026-03-05", date(2026, 3, 5))],
)
def test_a_target_ends_with_the_last_day_of_what_it_says(said: str, day: date) -> None:
    assert last_day(said) == day


counts = st.dictionaries(
    st.tuples(st.integers(NO_WAVE, 3), st.sampled_from(STATES)), st.integers(1, 50), max_size=12
)


@given(st.text(max_size=60), counts, st.one_of(st.none(), st.floats(0, 100)))
def test_any_words_and_counts_give_a_picture(title: str, found: dict[Any, int], due: float | None) -> None:
    row = Row(title=title, counts=found)
    some = Board(
        title=title,
        environment=title,
        today=date(2026, 1, 1),
        starts=None,
        waves=[title] * 4,
        whole=row,
        groups=[(title, [row, row])],
        targets=[],
        due=due,
    )
    ET.fromstring(svg(some))
    # Parts of a bar never run over its end.
    assert sum(row.of(state) for state in STATES) == row.total
