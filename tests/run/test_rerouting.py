"""What is said of pairs while a cut stands, from counts that are given; and who is a pair."""

from __future__ import annotations

from typing import Any

import pytest

from govcloud.errors import GovcloudError, InputError
from govcloud.model.catalogue import Catalogue
from govcloud.model.policy import Profile
from govcloud.run import rerouting
from govcloud.run.metering import Count, Gap, Report
from govcloud.run.pacing import Pace, pace
from govcloud.run.pairing import Pair, interfaces_of, lab_net, pairs
from tests.topology.test_cutting import ring

CUT = ["link/l0"]
# No time has to pass here.
QUICK = Pace(interval_ms=1, wait_ms=1, before_s=0.001, hold_s=0.001, patience_s=0.01, back_s=0.01)


def built() -> Catalogue:
    """The ring, with all that a target builds."""
    import msgspec

    tables: dict[str, dict[str, Any]] = {}
    for kind, name, entry in ring():
        if kind in ("node", "server"):
            entry = msgspec.structs.replace(entry, target="lab")
        tables.setdefault(kind, {})[name] = entry
    # Clouds are another matter: instances stay unbuilt, and flows with them.
    tables["instance"] = {}
    return Catalogue(tables)


def chosen(cut: list[str], *, most: int = 99, dynamic: bool = True, away: str = "") -> dict[str, Pair]:
    catalogue, net = lab_net(built())
    there = {"desk-n0", "desk-n1", "desk-n2", "n0", "n1", "n2"} - {away}
    return {p.name: p for p in pairs(catalogue, net, cut, most=most, dynamic=dynamic, there=there)}


def test_pairs_of_every_fate() -> None:
    found = chosen(CUT)
    fates = {name: pair.expected for name, pair in found.items()}
    assert fates == {
        f"desk-{a}>desk-{b}/{version}": fate
        for a, b, fate in [("n0", "n1", "moved"), ("n0", "n2", "kept"), ("n1", "n2", "kept")]
        for version in (4, 6)
    }
    assert found["desk-n0>desk-n1/6"].address == "3fff::9"
    after = found["desk-n0>desk-n1/4"].after
    assert after is not None and after.nodes == ("node/n0", "node/n2", "node/n1")
    # Static routes stay where they are.
    assert chosen(CUT, dynamic=False)["desk-n0>desk-n1/4"].expected == "lost"
    assert set(chosen(["node/n1"]).values()) and all(
        (pair.expected == "lost") == ("n1" in name) for name, pair in chosen(["node/n1"]).items()
    )
    # Of two, one is touched.
    assert "moved" in {pair.expected for pair in chosen(CUT, most=2).values()}
    # A router whose machine is not there speaks for itself.
    assert "n0>desk-n1/4" in chosen(CUT, away="desk-n0")


def test_interfaces_of_a_cut() -> None:
    catalogue, net = lab_net(built())
    # One end of each: the other sees it. What is touched anyway comes first.
    assert interfaces_of(catalogue, net, ["link/l0"]) == {"n0": ["l0"]}
    assert interfaces_of(catalogue, net, ["link/l1", "node/n2"]) == {"n2": None}
    assert interfaces_of(catalogue, net, ["link/l1", "link/l2"]) == {"n1": ["l1"], "n0": ["l2"]}
    assert interfaces_of(catalogue, net, ["duct/street"]) == {"n0": ["l0", "l2"]}
    with pytest.raises(KeyError, match="exit/x"):
        interfaces_of(catalogue, net, ["exit/x"])


class Meters:
    """Meters that say what they are told to."""

    def __init__(self, *reports: dict[str, Count]) -> None:
        self.reports = [Report(one, 21.0) for one in reports]

    def look(self) -> Report:
        return self.reports.pop(0) if len(self.reports) > 1 else self.reports[0]


def count(name: str, *gaps: Gap, answering: bool = True, last: float = 1e12) -> Count:
    lost = sum(gap.lost for gap in gaps)
    return Count(name, 100, 100 - lost, lost, list(gaps), None, None, answering, last, None, "")


def work(meters: Meters, found: dict[str, Pair], monkeypatch: pytest.MonkeyPatch, ways: Any = None) -> Any:
    """An experiment whose traces see ``ways``, by name; else what the simulation says."""

    def take(_reach: Any, specs: Any, _names: Any, **_: Any) -> list[Any]:
        from govcloud.ledger.evidence import Evidence

        return [
            Evidence(s.subject, s.name, True, 1.0, "ms", {"path": path, "addresses": path})
            for s in specs
            for path in [(ways or {}).get(s.name, s.path)]
        ]

    monkeypatch.setattr(rerouting.probing, "take", take)
    monkeypatch.setattr(rerouting, "LOOK", 0.001)
    _, net = lab_net(built())
    return rerouting._Work(None, meters, QUICK, list(found.values()), net, {}, lambda _: None)  # type: ignore[arg-type]


def played(steps: Any, reports: dict[str, Count]) -> rerouting.Experiment:
    steps.baseline()
    steps.cut(10.0)
    steps.back()
    steps._began, steps._ended = 10.0, 20.0
    found: rerouting.Experiment = steps.result(Report(reports, 21.0), CUT, False, "ospf")
    return found


def test_the_longest_gap_of_whoever_moved_is_the_time_to_reroute(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {n: p for n, p in chosen(CUT).items() if n.endswith("/4")}
    during, before, after = Gap(9.99, 12.5, 125, False), Gap(1, 2, 9, False), Gap(20.5, 20.6, 5, False)
    counts = {name: count(name) for name in found}
    counts["desk-n0>desk-n1/4"] = count("desk-n0>desk-n1/4", before, during, after)
    seen = played(work(Meters(counts), found, monkeypatch), counts)
    assert (seen.reroute_s, seen.restored, seen.disagreements) == (2.51, True, [])
    (moved,) = [one for one in seen.seen if one.expected == "moved"]
    assert (moved.gap_ms, moved.lost, moved.back_gap_ms, moved.back_lost) == (2510, 125, 100, 5)
    assert moved.way == ["node/n0", "node/n2", "node/n1"]


def test_who_was_not_on_the_cut_says_nothing_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {n: p for n, p in chosen(CUT).items() if n.endswith("/4")}
    expected, other = "desk-n0>desk-n1/4", "desk-n0>desk-n2/4"
    # Routers use the other one of two ways of the same cost: the same hops all along, and no gap.
    ways = {expected: ["n0", "n2", "n1"]}
    counts = {name: count(name) for name in found}
    seen = played(work(Meters(counts), found, monkeypatch, ways), counts)
    assert seen.reroute_s is None
    assert {one.name: one.took for one in seen.seen} == dict.fromkeys(found, "kept")
    rows = rerouting._evidence(seen, "cut/link/l0")
    assert [row.value for row in rows] == [None, None]
    # It turns without a gap that could be seen; and one that was expected to stay answers again after a gap.
    seen = played(work(Meters(counts), found, monkeypatch), counts)
    assert seen.reroute_s == 0
    counts = counts | {other: count(other, Gap(9.99, 10.03, 2, False))}
    steps = work(Meters(counts), found, monkeypatch, ways)
    seen = played(steps, counts)
    assert seen.reroute_s == 0.04 and not seen.disagreements
    assert {one.name: one.took for one in seen.seen}[other] == "moved"
    static = steps.result(Report(counts, 21.0), CUT, False, "static")
    assert static.reroute_s is None


def test_each_way_to_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    found = chosen(CUT)
    silent, astray = "desk-n0>desk-n1/4", "desk-n0>desk-n1/6"
    good = {name: count(name) for name in found}
    bad = good | {silent: count(silent, answering=False, last=5.0)}
    # By its own way in the lab, although that is cut: nothing was really cut.
    ways = {astray: ["n0", "n1"]}
    seen = played(work(Meters(good, bad, bad, good), found, monkeypatch, ways), bad)
    why = {one.name: one.why for one in seen.disagreements}
    assert why == {
        silent: "the simulation knows a way, and it does not answer",
        astray: "it takes another way than the simulation says",
    }

    lost = chosen(["node/n1"])
    counts = {name: count(name) for name in lost}
    seen = played(work(Meters(counts), lost, monkeypatch), counts)
    assert {one.why for one in seen.disagreements} == {"the simulation knows no way, and it answers"}
    assert seen.reroute_s is None


def test_who_is_not_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = chosen(CUT)
    name = "desk-n0>desk-n1/4"
    good = {n: count(n) for n in found}
    dead = good | {name: count(name, answering=False, last=5.0)}
    seen = played(work(Meters(good, good, dead), found, monkeypatch), good)
    assert (seen.restored, seen.not_back) == (False, [name])


def test_nobody_answers_before_the_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    found = chosen(CUT)
    steps = work(Meters({n: count(n, answering=False) for n in found}), found, monkeypatch)
    with pytest.raises(GovcloudError, match="even before the cut"):
        steps.baseline()


def test_numbers_are_policy_and_checked_all_at_once() -> None:
    def catalogue(values: dict[str, Any]) -> Catalogue:
        return Catalogue({"profile": {"whatif": Profile(values=values)}})

    assert pace(Catalogue({})) == Pace()
    assert pace(catalogue({"hold_s": 1, "pairs": 4})) == Pace(hold_s=1, pairs=4)
    with pytest.raises(InputError) as caught:
        pace(catalogue({"hold": 1, "wait_ms": "long", "pairs": 0, "patience_s": float("inf")}))
    assert len(caught.value.problems) == 4
