"""How far members are by their evidence, when a wave may begin or be taken back, and who may speak for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from govcloud.errors import DeniedError, InputError
from govcloud.ledger import evidence, open_ledger
from govcloud.ledger.evidence import Evidence
from govcloud.rollout import situation, telling
from govcloud.rollout.progress import Progress, progress, proving
from govcloud.rollout.reading import rollouts, typed
from govcloud.rollout.returning import take_back
from govcloud.rollout.said import Saying
from govcloud.rollout.situation import Situation
from govcloud.rollout.stages import evidence_name
from govcloud.run.ipv6policy import Ipv6Policy
from govcloud.workspace import open_workspace
from tests.rollout.city import Entries, entries, planner

ROOT = Path(__file__).resolve().parents[2]
NOW, DAY = 2_000_000_000.0, 86_400.0
LIMITS = Ipv6Policy(evidence_days=10)
TRUNK = ("link/trunk-data", "node/qionghai", "link/trunk-video")
CHECKS = {
    "link/trunk-data": ("reach", "neighbour"),
    "node/qionghai": ("reach",),
    "link/trunk-video": ("reach", "neighbour"),
}


@pytest.fixture(scope="module")
def known() -> Entries:
    return entries()


def with_ipv6(known: Entries, subjects: Iterable[str]) -> Entries:
    """The entries with an address each; which is no matter here."""
    out = dict(known)
    for subject in subjects:
        kind, _, name = subject.partition("/")
        field = "loopback6" if kind == "node" else "ipv6"
        out[kind, name] = out[kind, name] | {field: "3fff:46f::1"}
    return out


def good(subjects: Iterable[str], at: float, ok: bool = True) -> list[Evidence]:
    return [
        Evidence(s, evidence_name(c), ok, 100.0, "%", {"reason": "no answer"}, at=at)
        for s in subjects
        for c in CHECKS.get(s, ("reach",))
    ]


def now(known: Entries, rows: list[Evidence], said: tuple[Saying, ...] = (), **other: Any) -> Situation:
    found = planner(known)
    rollout = msgspec.structs.replace(rollouts(found.ground.catalogue)["city-ipv6"], **other)
    course = found.course("city-ipv6", rollout)
    how_far = progress(course, typed(known), rows, said, LIMITS, NOW)
    return Situation(course=course, catalogue=typed(known), said=said, progress=how_far, limits=LIMITS)


def of(here: Situation, subject: str = "node/qionghai") -> Progress:
    return here.progress[subject]


def test_a_member_goes_from_open_to_done_and_its_evidence_grows_old(known: Entries) -> None:
    assert (of(now(known, [])).state, of(now(known, [])).stage) == ("open", "open")
    has = with_ipv6(known, TRUNK)
    begun = of(now(has, []))
    assert (begun.state, begun.stage, begun.why) == ("under way", "addressed", "not measured: reach")
    bad = of(now(has, good(TRUNK, NOW - 5, ok=False)))
    assert (bad.state, bad.stage, bad.why) == ("under way", "addressed", "not good: reach")
    done = of(now(has, good(TRUNK, NOW - 5)))
    assert (done.state, done.stage, done.lets_pass) == ("done", "verified", True)
    stale = of(now(has, good(TRUNK, NOW - 11 * DAY)))
    assert (stale.state, stale.stage, stale.lets_pass) == ("stale", "backbone", False)
    assert stale.why == "the evidence of reach is too old"


def test_who_goes_back_is_found_and_may_be_explained(known: Entries) -> None:
    has = with_ipv6(known, TRUNK)
    rows = [*good(TRUNK, NOW - 50), *good(["node/qionghai"], NOW - 5, ok=False)]
    back = of(now(has, rows))
    assert (back.state, back.lets_pass) == ("regressed", False)
    assert back.why == "reach was good and is not: no answer"
    told = of(now(has, rows, explained={"node/qionghai": "a card is being changed"}))
    assert (told.state, told.lets_pass, told.explained) == ("regressed", True, "a card is being changed")
    # Its configuration went back: no wave was taken back, and it has no address any more.
    gone = of(now(known, good(TRUNK, NOW - 50)))
    assert (gone.state, gone.why) == ("regressed", "it has no IPv6 address any more")


def test_what_was_measured_before_a_wave_or_its_rollback_counts_no_more(known: Entries) -> None:
    rows = good(TRUNK, NOW - 50)
    taken_back = (Saying("node", "qionghai", "trunk", NOW - 90, NOW - 20),)
    assert of(now(known, rows, taken_back)).state == "open"
    again = (*taken_back, Saying("node", "qionghai", "trunk", NOW - 10))
    assert of(now(with_ipv6(known, TRUNK), rows, again)).state == "under way"
    assert of(now(with_ipv6(known, TRUNK), good(TRUNK, NOW - 5), again)).state == "done"
    # A service's evidence is as old as the machine behind it.
    services = with_ipv6(known, ["instance/hall-1"])
    page = [Evidence("endpoint/hall", evidence_name(c), True, 1.0, "", {}, at=NOW - 50) for c in ("aaaa",)]
    machine = (Saying("instance", "hall-1", "services", NOW - 20),)
    assert {p.status for p in of(now(services, page, machine), "endpoint/hall").proofs} == {"none"}


def test_a_wave_waits_for_those_before_it(known: Entries) -> None:
    wave, asked = situation.begin(now(known, []), "trunk")
    assert {(r.kind, r.name): r.fields for r in asked.said} == {
        ("link", "trunk-data"): {"ipv6": "auto"},
        ("node", "qionghai"): {"loopback6": "auto"},
        ("link", "trunk-video"): {"ipv6": "auto"},
    }
    assert {r.claimant for r in asked.said} == {"rollout:city-ipv6/trunk"} and wave.name == "trunk"
    with pytest.raises(
        DeniedError,
        match=r"wave city .* must wait: wave trunk is not verified; link/trunk-data \(and 2 more\) is open",
    ) as refused:
        situation.begin(now(known, []), "city")
    assert refused.value.hint == "`govcloud ipv6 run city-ipv6 trunk` carries it out"
    has = with_ipv6(known, TRUNK)
    with pytest.raises(DeniedError, match="not measured: reach") as refused:
        situation.begin(now(has, []), "city")
    assert "`govcloud ipv6 verify city-ipv6 --wave trunk` measures" in refused.value.hint
    rows = good(TRUNK, NOW - 5)
    _, asked = situation.begin(now(has, rows), "city")
    assert [r.key for r in asked.said] == [("network", "city-app"), ("server", "dns-city")]
    # What has its address already, by a file or by this wave before, is not asked for again.
    assert not situation.begin(now(with_ipv6(has, ["network/city-app", "server/dns-city"]), rows), "city")[1]
    with pytest.raises(DeniedError, match="wants measuring"):
        situation.begin(now(has, good(TRUNK, NOW - 11 * DAY)), "city")
    with pytest.raises(InputError):
        situation.begin(now(has, rows), "citty")


def test_a_wave_waits_until_a_regression_is_explained(known: Entries) -> None:
    has = with_ipv6(known, TRUNK)
    rows = [*good(TRUNK, NOW - 50), *good(["link/trunk-video"], NOW - 5, ok=False)]
    with pytest.raises(DeniedError, match="link/trunk-video went back") as refused:
        situation.begin(now(has, rows), "city")
    assert "`explained` of rollout/city-ipv6 (`link/trunk-video: the reason`)" in refused.value.hint
    _, asked = situation.begin(now(has, rows, explained={"link/trunk-video": "the cable was cut"}), "city")
    assert asked
    # The wave that it is in may be carried out again: that may be what puts it right.
    situation.begin(now(has, rows), "trunk")
    # One of a later wave holds up every other, too.
    later = [
        *good(TRUNK, NOW - 50),
        *good(["network/boao-lan"], NOW - 50),
        *good(["network/boao-lan"], NOW - 5, False),
    ]
    with pytest.raises(DeniedError, match="network/boao-lan went back"):
        situation.begin(now(with_ipv6(has, ["network/boao-lan"]), later), "city")


def test_a_wave_that_carries_another_is_not_taken_back(known: Entries) -> None:
    said = [
        Saying("node", "qionghai", "trunk", NOW - 90, rollout="city-ipv6"),
        Saying("network", "city-app", "city", NOW - 50, rollout="city-ipv6"),
    ]
    here = typed(with_ipv6(known, [*TRUNK, "network/city-app"]))
    with pytest.raises(
        DeniedError, match="wave trunk of city-ipv6 carries wave city, which stands"
    ) as refused:
        take_back(here, said, "city-ipv6", "trunk")
    assert refused.value.hint == "`govcloud ipv6 rollback city-ipv6 city` first"
    _, asked = take_back(here, said, "city-ipv6", "city")
    assert asked.ended == (("network", "city-app", "rollout:city-ipv6/city"),)


def test_targets_are_held_against_the_day(known: Entries) -> None:
    here = now(
        with_ipv6(known, TRUNK), good(TRUNK, NOW - 5), shares={"2027": 10.0, "2028-02": 50.0, "2029": 100.0}
    )
    assert [t["state"] for t in telling.targets(here, date(2028, 2, 29))] == ["met", "ahead", "ahead"]
    assert [t["state"] for t in telling.targets(here, date(2028, 3, 1))] == ["met", "missed", "ahead"]
    document = telling.status_document(here, "city", date(2028, 3, 1))
    assert (document["done"], document["open"], document["done_percent"]) == (3, 23, 11.5)
    assert [(g["name"], g["members"]) for g in document["groups"]] == [("hainan", 1), ("qionghai", 25)]
    assert [g["name"] for g in telling.status_document(here, "level", date(2028, 3, 1))["groups"]] == [
        "province",
        "county",
        "town",
    ]
    assert "| node/qionghai |" in telling.markdown(here)
    forged = telling.markdown(now(known, [], title="x\n## 1. trunk: 3 members, 3 done"))
    assert "\n## 1. trunk: 3 members, 0 done\n" in forged and "3 members, 3 done\n\n|" not in forged
    assert forged.splitlines()[0] == "# x\\n## 1. trunk: 3 members, 3 done"


# Room for four networks, of five that the city has.
SMALL = """
address_plans:
  small: {family: 6, prefix: "3fff:46f::/56", levels: [part, lan], lengths: [62, 64], link_length: 127,
          loopback_length: 128, zone: extranet}
prefixes:
  lans: {prefix: "3fff:46f::/62", plan: small, level: part, status: container, holder: region/hainan}
  links: {prefix: "3fff:46f:0:4::/62", plan: small, level: part, status: container, role: links,
          holder: region/hainan}
  loopbacks: {prefix: "3fff:46f:0:8::/62", plan: small, level: part, status: container, role: loopbacks,
              holder: region/hainan}
"""


# -- with a ledger, through the command line; nothing is built, so no lab is needed -------------------------


def keys(document: Any) -> set[str]:
    """The keys of a document, at any depth."""
    if isinstance(document, dict):
        return set(document).union(*(keys(value) for value in document.values()))
    return set().union(*(keys(value) for value in document)) if isinstance(document, list) else set()


def record(cli: Callable[..., Any], tmp_path: Path, addresses: str = "") -> Path:
    """The sample, recorded and not built; with other address plans."""
    assert cli("init", "w", "--sample", "qionghai").code == 0
    root = tmp_path / "w"
    for path in (root / "edge.yaml", root / "private.yaml"):
        path.write_text(path.read_text().replace("target: lab, ", ""))
    nodes = root / "network" / "nodes.csv"
    nodes.write_text(nodes.read_text().replace(",lab,true", ",,true"))
    if addresses:
        (root / "network" / "addresses.yaml").write_text(addresses)
    done = cli("apply", "--yes", cwd=root)
    assert done.code == 0, done
    return root


def test_a_plan_file_says_what_its_wave_would_say(tmp_path: Path, cli: Callable[..., Any]) -> None:
    recorded = record(cli, tmp_path)
    told = cli("ipv6", "plan", "--json", cwd=recorded)
    assert told.code == 0 and told.json["addresses_wanted"] == 24
    denied = cli("ipv6", "run", "city-ipv6", "city", "--out", "w.plan", cwd=recorded)
    assert denied.code == 4 and "carries it out" in denied.err
    assert cli("ipv6", "run", "city-ipv6", "trunk", "--out", "w.plan", cwd=recorded).code == 0
    path = recorded / "w.plan"
    plan = json.loads(path.read_text())
    other = json.loads(path.read_text())
    other["asked"]["said"][0]["fields"] = {"ipv6": "3fff:46f::/127"}
    (recorded / "other.plan").write_text(json.dumps(other))
    refused = cli("apply", "other.plan", "--yes", cwd=recorded)
    assert refused.code == 2 and "that wave trunk of city-ipv6 would not" in refused.err
    other["asked"]["said"] = [row | {"claimant": "rollout:city-ipv6/towns"} for row in plan["asked"]["said"]]
    (recorded / "other.plan").write_text(json.dumps(other))
    refused = cli("apply", "other.plan", "--yes", cwd=recorded)
    assert refused.code == 4 and "wave towns of city-ipv6 must wait" in refused.err
    done = cli("apply", "w.plan", "--yes", cwd=recorded)
    assert done.code == 0, done
    told = cli("ipv6", "status", "--json", cwd=recorded)
    assert (told.json["under_way"], told.json["open"]) == (3, 23)
    assert told.json["waves"][0]["begun"] and not told.json["waves"][0]["verified"]
    # Every key is told by the manual.
    manual = (ROOT / "docs" / "network.md").read_text()
    told_keys = keys(told.json) | keys(cli("ipv6", "plan", "--json", cwd=recorded).json)
    assert {key for key in told_keys if f"`{key}`" not in manual} == set()
    # Evidence makes it done; what was chosen is told.
    ledger = open_ledger(open_workspace(str(recorded)))
    with ledger.write() as connection:
        evidence.keep(connection, "", "test", good(TRUNK, 0.0))
    with ledger.read() as connection:
        assert len(proving(connection)) == 5
    each = {one["member"]: one for one in cli("ipv6", "status", "--json", cwd=recorded).json["each"]}
    assert [each[s]["state"] for s in TRUNK] == ["done"] * 3
    assert each["link/trunk-data"]["address"].endswith("/127")
    assert cli("ipv6", "run", "city-ipv6", "city", "--out", "c.plan", cwd=recorded).code == 0
    # Taken back by a plan file, too; then it is open, and what was measured counts no more.
    assert cli("ipv6", "rollback", "city-ipv6", "trunk", "--out", "b.plan", cwd=recorded).code == 0
    assert cli("apply", "b.plan", "--yes", cwd=recorded).code == 0
    told = cli("ipv6", "status", "--json", cwd=recorded)
    assert (told.json["done"], told.json["open"], told.json["regressed"]) == (0, 26, 0)
    nothing = cli("ipv6", "rollback", "city-ipv6", "trunk", cwd=recorded)
    assert nothing.code == 2 and "nothing to take back" in nothing.err
    unknown = cli("ipv6", "plan", "nowhere", cwd=recorded)
    assert unknown.code == 1 and "there are: city-ipv6" in unknown.err


def test_an_address_plan_too_small_is_told_before_anything(tmp_path: Path, cli: Callable[..., Any]) -> None:
    told = cli("ipv6", "plan", cwd=record(cli, tmp_path, SMALL))
    assert told.code == 2 and "3fff:46f::/62 has no room: of 5 asked for (each a /64) 1" in told.err, told
