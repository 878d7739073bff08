"""Single objects: adopted, let go of, repaired. What is really there is read from the target's own file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from store_province import ENVIRONMENT, Province, Row, province

from govcloud.model.resources import Identity

Cli = Callable[..., Any]


def nobodys(place: Province) -> dict[str, Row]:
    """What carries nobody's identity, by ``Type/name``."""
    return {f"{r.type}/{r.properties['name']}": r for r in place.rows("")}


def actions(place: Province) -> list[str]:
    return [row[0] for row in place.ledger("select action from audit order by seq")]


def engine_knows(place: Province) -> str:
    """Everything that the engine has in its state, as text."""
    files = (place.private / "state" / ".pulumi" / "stacks").rglob("*.json")
    return "".join(file.read_text() for file in files)


def test_a_namesake_is_in_the_way_and_is_adopted(cli: Cli, tmp_path: Path) -> None:
    """A create refuses; adopt takes over that one object and touches nothing else; then all is as usual."""
    place = province(tmp_path, nodes=3).write()
    handle = place.foreign("Node", "vm-1", name="r2", role="access")
    place.foreign("Node", "vm-2", name="other", role="access")
    failed = cli("apply", "--yes", cwd=place.root)
    assert failed.code == 1 and "govcloud adopt node/r2" in failed.out, failed
    assert {"'role': 'access'", "'role': 'core'"} <= set(failed.out.replace("}", ",").split(", ")) or (
        "access" in failed.out and "core" in failed.out
    )
    assert set(nobodys(place)) == {"Node/r2", "Node/other"}
    before = place.objects()
    told = cli("drift", "--json", cwd=place.root).json["findings"]
    assert {(f["status"], f["subject"], f["object"]) for f in told if f["status"] == "unmanaged"} == {
        ("unmanaged", "node/r2", handle),
        ("unmanaged", "node/other", "vm-2.1"),
    }

    asked = cli("adopt", "node/r2", cwd=place.root)
    assert asked.code == 4 and "⇐ node/r2" in asked.out and "role: access → core" in asked.out, asked
    assert cli("adopt", "node/r2", "--yes", cwd=place.root).code == 0
    adopted = place.objects()["Node/r2"]
    assert (adopted.birth, adopted.properties["role"]) == ("born-vm-1", "core")
    assert {k: r for k, r in place.objects().items() if k != "Node/r2"} == before
    assert set(nobodys(place)) == {"Node/other"}
    assert "adopt" in actions(place)

    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert set(place.objects()) == place.wanted()
    assert place.objects()["Node/r2"] == adopted
    assert cli("drift", cwd=place.root).code == 0
    again = cli("adopt", "node/r2", "--yes", cwd=place.root)
    assert again.code == 2 and "has its object" in again.err, again


def test_several_that_fit_are_listed_and_what_cannot_be_changed_must_match(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=2).write()
    first = place.foreign("Node", "vm-1", name="r2", role="core")
    second = place.foreign("Node", "vm-2", name="r2", role="core")
    ends = {"a_interface": "to-r2", "b_interface": "eth9", "bandwidth_mbps": 100, "delay_ms": 0}
    line = place.foreign("Link", "line-1", name="r1-r2", a="x.1", b=second, **ends)
    assert cli("apply", "--yes", cwd=place.root).code == 1
    listed = cli("adopt", "node/r2", "--yes", "--json", cwd=place.root)
    assert listed.code == 2, listed
    assert {c["object"] for c in listed.json["candidates"]["node/r2"]} == {first, second}
    assert "vm-2.1" in cli("adopt", "node/r2", cwd=place.root).out
    assert cli("adopt", "node/r2", "--object", "vm-9.1", "--yes", cwd=place.root).code == 2
    assert cli("adopt", "node/r2", "--object", second, "--yes", cwd=place.root).code == 0
    row = place.objects()["Node/r2"]
    assert row.birth == "born-vm-2" and set(nobodys(place)) == {"Node/r2", "Link/r1-r2"}
    # What stood on it goes on doing so; what differs is told from both sides.
    assert nobodys(place)["Link/r1-r2"].properties["b"] == row.object_id
    clash = cli("adopt", "link/r1-r2", "--object", line, "--yes", cwd=place.root)
    assert clash.code == 2 and "'eth9'" in clash.err and "'to-r1'" in clash.err, clash
    assert nobodys(place)["Link/r1-r2"].birth == "born-line-1"
    assert cli("adopt", "region/here", "--yes", cwd=place.root).code == 2


def test_a_province_that_was_there_before_is_adopted_at_once(cli: Cli, tmp_path: Path) -> None:
    """Nothing is recorded yet; entries are recorded, three objects taken over, and none is made."""
    place = province(tmp_path, nodes=2).write()
    a, b = (place.foreign("Node", f"vm-{n}", name=f"r{n}", role="core") for n in (1, 2))
    ends = {"a_interface": "to-r2", "b_interface": "to-r1", "bandwidth_mbps": 100, "delay_ms": 0}
    place.foreign("Link", "line", name="r1-r2", a=a, b=b, **ends)
    done = cli("adopt", "link/r1-r2", "node/r1", "node/r2", "--yes", cwd=place.root)
    assert done.code == 0, done
    assert {key: row.birth for key, row in place.objects().items()} == {
        "Node/r1": "born-vm-1",
        "Node/r2": "born-vm-2",
        "Link/r1-r2": "born-line",
    }
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
    assert cli("drift", cwd=place.root).code == 0


def test_what_is_forgotten_stays_and_is_nobodys(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=3).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    before = place.objects()
    refused = cli("forget", "node/r3", "--yes", cwd=place.root)
    assert refused.code == 2 and "govcloud forget node/r3 link/r2-r3" in refused.err, refused
    gone = {"Node/r3", "Link/r2-r3"}
    done = cli("forget", "node/r3", "link/r2-r3", "--yes", cwd=place.root)
    assert done.code == 0 and "base.yaml:" in done.out and "govcloud adopt node/r3" in done.out, done
    assert place.objects() == {k: r for k, r in before.items() if k not in gone}
    kept = {key: row.birth for key, row in nobodys(place).items()}
    assert kept == {key: before[key].birth for key in gone}
    for key in gone:
        assert before[key].object_id not in engine_knows(place)
        uid = before[key].uid
        assert place.ledger("select count(*) from applied where uid = ?", uid) == [(0,)]
        assert place.ledger("select count(*) from intent") == [(0,)]

    told = cli("drift", "--json", cwd=place.root)
    assert {f["status"] for f in told.json["findings"]} == {"unmanaged"} and told.code == 0
    assert cli("apply", "--yes", cwd=place.root).code == 1  # the files still want one there
    assert {key: row.birth for key, row in nobodys(place).items()} == kept
    # Taken out of the files it is nobody's concern; with the files as they were it can be had back.
    node, link = place.tables["nodes"].pop("r3"), place.tables["links"].pop("r2-r3")
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    assert set(place.objects()) == place.wanted()
    assert {key: row.birth for key, row in nobodys(place).items()} == kept
    place.tables["nodes"]["r3"], place.tables["links"]["r2-r3"] = node, link
    assert cli("adopt", "node/r3", "link/r2-r3", "--yes", cwd=place.write().root).code == 0
    assert {k: r.birth for k, r in place.objects().items()} == {k: r.birth for k, r in before.items()}
    assert nobodys(place) == {}


def test_repair_mends_one_object_and_leaves_the_rest_as_it_is(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=3).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    before = place.objects()
    assert "as it should be" in cli("repair", "node/r1", cwd=place.root).out
    place.remove("Link/r1-r2")
    place.remove("Link/r2-r3")
    driver, row = place.driver(), before["Node/r3"]
    identity = Identity(ENVIRONMENT, row.uid, row.incarnation)
    driver.update("Node", identity, row.properties | {"role": "border"}, place.fence())
    place.tables["nodes"]["r1"]["role"] = "access"  # not applied yet: no part of a repair
    assert cli("repair", "link/r1-r2", "--yes", cwd=place.write().root).code == 0
    now = place.objects()
    assert set(now) == {*before} - {"Link/r2-r3"}
    assert now["Link/r1-r2"].object_id == before["Link/r1-r2"].object_id
    assert now["Node/r3"].properties["role"] == "border"
    assert now["Node/r1"] == before["Node/r1"]
    assert cli("repair", "node/r3", "--yes", cwd=place.root).code == 0
    assert place.objects()["Node/r3"] == before["Node/r3"]
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert cli("drift", cwd=place.root).code == 3
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert set(place.objects()) == place.wanted()


def test_rebuild_makes_anew_what_stands_on_it_too(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=3).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    before = place.objects()
    done = cli("repair", "node/r3", "--rebuild", "--yes", cwd=place.root)
    assert done.code == 0, done
    now = place.objects()
    assert set(now) == set(before)
    anew = {key for key in now if now[key].birth != before[key].birth}
    assert anew == {"Node/r3", "Link/r2-r3"}
    assert {now[key].incarnation for key in anew} == {2}
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
    assert cli("drift", cwd=place.root).code == 0


def test_a_forget_that_is_killed_goes_on_and_loses_nothing(cli: Cli, tmp_path: Path) -> None:
    """The identity is off, and neither engine nor ledger has heard of it: what a kill leaves."""
    place = province(tmp_path, nodes=2).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    before = place.objects()
    row = before["Link/r1-r2"]
    place.driver().release("Link", Identity(ENVIRONMENT, row.uid, row.incarnation), place.fence())
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
    assert cli("forget", "link/r1-r2", "--yes", cwd=place.root).code == 0
    assert nobodys(place)["Link/r1-r2"].birth == row.birth
    assert cli("adopt", "link/r1-r2", "--yes", cwd=place.root).code == 0
    assert place.objects() == before
    with sqlite3.connect(place.store) as connection:
        assert connection.execute("select count(*) from object").fetchone() == (3,)


def test_an_adoption_that_is_killed_is_found_by_the_identity_that_it_wrote(cli: Cli, tmp_path: Path) -> None:
    """The identity is on, and neither engine nor ledger has heard of it: the next apply takes it in."""
    place = province(tmp_path, nodes=2).write()
    handle = place.foreign("Node", "vm-1", name="r2", role="core")
    assert cli("apply", "--yes", cwd=place.root).code == 1
    ((uid,),) = place.ledger("select uid from entry where kind = 'node' and name = 'r2'")
    identity = Identity(ENVIRONMENT, uid, 1)
    place.driver().adopt("Node", handle, identity, {"name": "r2", "role": "core"}, place.fence())
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert set(place.objects()) == place.wanted() and nobodys(place) == {}
    assert place.objects()["Node/r2"].birth == "born-vm-1"
