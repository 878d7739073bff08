"""A wave begins in its time; a reason counts for one time; waves are the same for whoever asks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from govcloud.errors import DeniedError
from govcloud.ledger import entries as accepted
from govcloud.ledger import evidence, open_ledger
from govcloud.ledger.evidence import Evidence
from govcloud.rollout import situation, telling
from govcloud.rollout.progress import progress, reasons_since
from govcloud.rollout.reading import rollouts, typed
from govcloud.rollout.said import Saying
from govcloud.rollout.situation import Situation
from govcloud.rollout.stages import evidence_name
from govcloud.workspace import open_workspace
from tests.rollout.city import Entries, entries, planner
from tests.rollout.test_progress import LIMITS, NOW, TRUNK, good, now, of, record, with_ipv6

WHY = {"node/qionghai": "a card is being changed"}


@pytest.fixture(scope="module")
def known() -> Entries:
    return entries()


def explained(known: Entries, rows: Iterable[Evidence], since: float, **other: Any) -> Situation:
    """As ``now``, where a reason is given since then."""
    found = now(known, [], explained=WHY, **other)
    reasons = dict.fromkeys(WHY, since)
    how_far = progress(found.course, typed(known), rows, (), LIMITS, NOW, reasons)
    return msgspec.structs.replace(found, progress=how_far)


def test_a_reason_ends_when_the_member_was_good_again(known: Entries) -> None:
    has = with_ipv6(known, TRUNK)
    rows = [*good(TRUNK, NOW - 50), *good(["node/qionghai"], NOW - 5, ok=False)]
    assert of(explained(has, rows, NOW - 4)).lets_pass
    assert of(explained(has, rows, NOW - 20)).lets_pass, "said before it was measured"
    anew = of(explained(has, rows, NOW - 60))
    assert (anew.state, anew.lets_pass, anew.explained) == ("regressed", False, "")
    assert "the reason that is given was for the time before" in anew.why
    # Its address is gone, and the reason is for that; it came back, was good, and is gone anew.
    assert of(explained(known, good(TRUNK, NOW - 50), NOW - 20)).lets_pass
    assert not of(explained(known, good(TRUNK, NOW - 50), NOW - 60)).lets_pass


def test_a_wave_begins_in_its_time(known: Entries) -> None:
    has = with_ipv6(known, TRUNK)
    rows = good(TRUNK, NOW - 5)
    said = (Saying("node", "qionghai", "trunk", NOW - 7200),)

    def at(**other: Any) -> Situation:
        return msgspec.structs.replace(now(has, rows, said, **other), at=NOW)

    assert situation.begin(at(), "city")[1]
    with pytest.raises(DeniedError, match="city-ipv6 is paused"):
        situation.begin(at(status="paused"), "city")
    with pytest.raises(DeniedError, match="starts on 2040-01-01"):
        situation.begin(at(starts_on="2040-01-01"), "city")
    with pytest.raises(DeniedError, match="`soak_h` wants 3 h after the wave before it") as refused:
        situation.begin(at(soak_h=3), "city")
    free = datetime.fromtimestamp(NOW + 3600, UTC).isoformat(timespec="seconds")
    assert refused.value.hint == f"from {free} on it may begin"
    assert situation.begin(at(soak_h=2), "city")[1]
    # The first wave waits for none, and one that has begun goes on.
    situation.begin(at(soak_h=3), "trunk")


def test_a_wave_that_was_reverted_says_what_holds_it(known: Entries) -> None:
    pin = "pin:7"
    here = msgspec.structs.replace(now(known, []), pinned={"node/qionghai": pin, "link/trunk-data": pin})
    words = r"can give nothing to link/trunk-data, node/qionghai: a revert holds them \(pin:7\)"
    with pytest.raises(DeniedError, match=words) as refused:
        situation.begin(here, "trunk")
    assert "revert --release --only link/trunk-data --only node/qionghai`" in refused.value.hint
    with pytest.raises(DeniedError, match="wave city of city-ipv6 must wait") as refused:
        situation.begin(here, "city")
    assert "revert --release --only" in refused.value.hint
    # A pin of an entry that has IPv6 is in nobody's way.
    has = now(with_ipv6(known, TRUNK), [])
    situation.begin(msgspec.structs.replace(has, pinned=here.pinned), "trunk")


@pytest.mark.parametrize(
    ("field", "value"), [("order", "core_first"), ("stop_percent", 5.0), ("address_plan", "city")]
)
def test_what_a_rollout_of_ipv6_does_not_heed_is_told(known: Entries, field: str, value: Any) -> None:
    found = planner(known)
    rollout = rollouts(found.ground.catalogue)["city-ipv6"]
    rollout = msgspec.structs.replace(rollout, **{field: value})
    assert [fault.field for fault in found.faults("city-ipv6", rollout)] == [field]


def test_waves_are_the_same_for_who_may_not_see_all_of_them(tmp_path: Path, cli: Callable[..., Any]) -> None:
    root = record(cli, tmp_path)
    path = root / "rollouts.yaml"
    waves = path.read_text().index("    waves:")
    shares = path.read_text().index("    shares:")
    reasons = "    explained: {node/boao: a card is being changed}\n"
    path.write_text(path.read_text()[:waves] + "    batch: 6\n" + reasons + path.read_text()[shares:])
    began = time.time()
    assert cli("apply", "--yes", cwd=root).code == 0
    with open_ledger(open_workspace(str(root))).read() as connection:
        whole = situation.situation(connection, "", now=time.time())
        uids = {key: entry.uid for key, entry in accepted.current(connection).items()}
        names = [("node", "qionghai"), ("instance", "hall-1")]
        seen = situation.situation(connection, "", now=time.time(), hidden={uids[key] for key in names})
        since = reasons_since(connection, "city-ipv6")
    assert since.keys() == {"node/boao"} and began - 1 <= since["node/boao"] <= time.time()
    gone = {"node/qionghai", "instance/hall-1"}
    told = telling.plan_document(seen, 0)
    assert [w.name for w in seen.course.waves] == [w.name for w in whole.course.waves]
    for wave, mine in zip(whole.course.waves, seen.course.waves, strict=True):
        assert set(mine.members) <= set(wave.members)
        assert set(wave.members) - set(mine.members) <= gone | {"endpoint/hall"}
    assert not any(name in str(told) for name in gone)


def test_why_a_wave_must_wait_names_nobody_that_its_reader_may_not_see(
    tmp_path: Path, cli: Callable[..., Any]
) -> None:
    root = record(cli, tmp_path)
    digests = {name: hashlib.sha256(f"{name}-secret".encode()).hexdigest() for name in ("admin", "reader")}
    persons = {
        name: {"unit": "qionghai-gov", "duty": "staff", "token_digest": d} for name, d in digests.items()
    }
    whole = ["administer", "plan", "apply", "read_classified"]
    roles = {
        "whole": {"permissions": whole, "persons": ["admin"]},
        "part": {"permissions": ["plan", "apply"], "persons": ["reader"]},
    }
    (root / "people.yaml").write_text(yaml.safe_dump({"persons": persons, "roles": roles}))
    edge = root / "edge.yaml"
    edge.write_text(edge.read_text().replace("qionghai-gov: {", "qionghai-gov: {classified: true, "))
    env = {name: {"GOVCLOUD_TOKEN": f"{name}-secret"} for name in persons}
    done = cli("apply", "--yes", cwd=root)
    assert done.code == 0, done
    ledger = open_ledger(open_workspace(str(root)))
    # It was verified, and has no address any more.
    rows = [
        Evidence("instance/hall-1", evidence_name(check), True, 1.0, "", {}, at=time.time())
        for check in ("reach", "aaaa")
    ]
    with ledger.write() as connection:
        evidence.keep(connection, "", "test", rows)
    told = {
        name: cli("ipv6", "run", "city-ipv6", "trunk", "--out", "w.plan", cwd=root, env=env[name])
        for name in persons
    }
    assert [one.code for one in told.values()] == [4, 4], told
    assert "instance/hall-1 went back" in told["admin"].err
    assert "(classified) went back" in told["reader"].err and "hall-1" not in told["reader"].err
