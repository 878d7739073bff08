"""`apply` from files to objects and back, with the real engine; the store's file says what is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_province import Province, province, records

Cli = Callable[..., Any]
GOVCLOUD = Path(sys.executable).with_name("govcloud")


def apply(cli: Cli, place: Province) -> Any:
    """Write the files, apply them, and hold what is really there against what they call for."""
    result = cli("apply", "--yes", cwd=place.write().root)
    assert result.code == 0, result
    assert set(place.objects()) == place.wanted(), result
    return result


def stages(cli: Cli, place: Province, *options: str) -> dict[str, list[str]]:
    """What the plan would do: by stage, ``verb subject``."""
    document = cli("plan", "--json", *options, cwd=place.write().root).json
    return {
        s["id"]: [f"{c['verb']} {c.get('subject') or c['kind'] + '/' + c['name']}" for c in s["changes"]]
        for s in document["stages"]
        if "changes" in s
    }


def test_the_life_of_a_province(cli: Cli, tmp_path: Path) -> None:
    """Made, changed in place, made anew, renamed, taken away, made again: each time exactly that."""
    place = province(tmp_path, nodes=3)

    # Nothing there: the plan says so with its exit code and changes nothing.
    waiting = cli("plan", "--detailed-exitcode", cwd=place.write().root)
    assert waiting.code == 3, waiting
    assert not place.store.exists()
    assert not (place.private / "ledger.db").exists()

    apply(cli, place)
    first = place.objects()
    assert {r.incarnation for r in first.values()} == {1}
    assert first["Link/r1-r2"].properties == {
        "name": "r1-r2",
        "a": first["Node/r1"].object_id,
        "b": first["Node/r2"].object_id,
        "a_interface": "to-r2",
        "b_interface": "to-r1",
        "bandwidth_mbps": 100,
        "delay_ms": 0,
    }
    assert (place.private / "ledger.db").stat().st_mode & 0o777 == 0o600
    assert place.private.stat().st_mode & 0o777 == 0o700
    again = cli("plan", "--detailed-exitcode", cwd=place.root)
    assert again.code == 0
    assert "Nothing to do" in again.out

    # In place, anew, and renamed, in one apply.
    place.tables["links"]["r1-r2"]["bandwidth_mbps"] = 250
    place.tables["links"]["r2-r3"]["a_interface"] = "uplink"
    nodes = place.tables["nodes"]
    nodes["gate"] = nodes.pop("r1") | {"was": "r1"}
    place.tables["links"]["r1-r2"]["a"] = "gate"
    plan = stages(cli, place)
    assert plan["record"] == ["update link/r1-r2", "update link/r2-r3", "update node/gate"]
    assert sorted(plan["stack:network-1"]) == ["replace link/r2-r3", "update link/r1-r2", "update node/gate"]
    apply(cli, place)
    second = place.objects()
    assert second["Link/r1-r2"].properties["bandwidth_mbps"] == 250
    assert second["Link/r1-r2"].birth == first["Link/r1-r2"].birth
    assert second["Node/gate"].object_id == first["Node/r1"].object_id
    assert second["Node/gate"].birth == first["Node/r1"].birth
    anew, old = second["Link/r2-r3"], first["Link/r2-r3"]
    assert (anew.uid, anew.incarnation) == (old.uid, 2)
    assert anew.birth != old.birth
    assert second["Node/r2"] == first["Node/r2"]

    # Taken away: in the second phase, users first, and the ledger keeps the history.
    del place.tables["nodes"]["r3"], place.tables["links"]["r2-r3"]
    plan = stages(cli, place)
    assert plan == {
        "contract:network-1": ["delete link/r2-r3", "delete node/r3"],
        "withdraw": ["delete link/r2-r3", "delete node/r3"],
    }
    apply(cli, place)

    # Under the same name, and under the name that a renamed one had: somebody else each time.
    place.node("r3").node("r1").link("r2", "r3")
    apply(cli, place)
    third = place.objects()
    assert third["Node/r3"].uid != first["Node/r3"].uid
    assert third["Link/r2-r3"].uid != first["Link/r2-r3"].uid
    assert third["Node/r1"].uid != third["Node/gate"].uid
    assert third["Node/gate"].birth == first["Node/r1"].birth

    # All taken down: the ledger keeps what was accepted, so the next plan wants all of it again.
    down = cli("destroy", "--confirm", "destroy everything in tiny", cwd=place.root)
    assert down.code == 0, down
    assert place.rows() == []
    assert cli("ls", "node", "--json", cwd=place.root).json != []
    plan = stages(cli, place)
    assert "record" not in plan
    assert set(plan) == {"stack:network-1"}
    assert len(plan["stack:network-1"]) == len(place.wanted())
    apply(cli, place)
    assert place.objects()["Node/gate"].object_id == first["Node/r1"].object_id
    assert cli("audit", "verify", cwd=place.root).code == 0


def test_clouds_and_data_centres_in_stacks_of_their_own(cli: Cli, tmp_path: Path) -> None:
    """References across stacks: what is used is made first, and taken down last."""
    place = province(tmp_path, nodes=1).edge()
    place.tables["servers"]["old"] = dict(place.tables["servers"]["web"])
    document = cli("plan", "--json", cwd=place.write().root).json
    needs = {s["id"]: s["needs"] for s in document["stages"]}
    assert "stack:network-1" in needs["stack:datacentre-1"]
    assert "stack:network-1" in needs["stack:cloud-1"]
    apply(cli, place)
    before = place.objects()
    assert before["Network/lan"].properties["gateway"] == before["Node/r1"].object_id
    assert before["Instance/vm"].properties["network"] == before["Network/app"].object_id

    # A network is made anew and takes its server with it: there is one such server, so the former makes
    # way first, as what it stands on does last. Another server in it is given up meanwhile.
    place.tables["networks"]["lan"]["interface"] = "lan2"
    place.tables["flavors"]["small"]["vcpus"] = 4
    del place.tables["servers"]["old"]
    plan = stages(cli, place)
    assert plan["clear:datacentre-1"] == ["retire server/web"]
    assert set(plan["stack:datacentre-1"]) == {"replace network/lan", "replace server/web"}
    assert set(plan["stack:cloud-1"]) == {"update instance/vm"}
    assert set(plan["contract:datacentre-1"]) == {"retire network/lan", "delete server/old"}
    apply(cli, place)
    after = place.objects()
    assert after["Network/lan"].incarnation == after["Server/web"].incarnation == 2
    assert after["Server/web"].properties["network"] == after["Network/lan"].object_id
    assert after["Instance/vm"].properties["vcpus"] == 4
    assert after["Instance/vm"].birth == before["Instance/vm"].birth
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0

    document = cli("plan", "--destroy", "--json", cwd=place.root).json
    needs = {s["id"]: s["needs"] for s in document["stages"]}
    assert {"contract:cloud-1", "contract:datacentre-1"} <= set(needs["contract:network-1"])
    assert cli("destroy", "--confirm", "destroy everything in tiny", cwd=place.root).code == 0
    assert place.rows() == []


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["lines", "json"])
def test_nobody_needs_to_watch(tmp_path: Path, options: list[str]) -> None:
    """As in `apply --yes | head -1`: the reader goes away, the run goes on and says how it ended."""
    place = records(tmp_path).write()
    for said in (place.tables["regions"], place.tables["zones"]):
        said["more"] = dict(next(iter(said.values())))
        place.write()
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [str(GOVCLOUD), "apply", "--yes", *options],
            cwd=place.root,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (0, "")
    assert place.ledger("select status from run") == [("done",), ("done",)]
    assert place.ledger("select count(*) from accepted where name = 'more'") == [(2,)]


def test_apply_tells_itself_as_json_lines(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=1).write()
    result = cli("apply", "--yes", "--json", cwd=place.root)
    events = [json.loads(line) for line in result.out.splitlines()]
    assert events[0]["event"] == "run_started"
    assert events[-1]["event"] == "run_ended"
    assert events[-1]["status"] == "done"
    ended = {e["stage"]: e for e in events if e["event"] == "stage_ended"}
    assert ended["stack:network-1"]["detail"]["done"] == ["node/r1"]
    assert ended["stack:network-1"]["detail"]["not_done"] == []
    # Without --yes nobody is there to ask: denied, and nothing is done.
    place.node("r2").write()
    denied = cli("apply", cwd=place.root)
    assert denied.code == 4, denied
    assert "--yes" in denied.err
    assert set(place.objects()) == {"Node/r1"}
