"""`drift --accept`: reality comes to stand in the files, where their owner and the policy let it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_province import ENVIRONMENT, Province, province, records

from govcloud.errors import ConflictError
from govcloud.ledger import building, leases, open_ledger
from govcloud.model.resources import Identity
from govcloud.run import accepting, drift
from govcloud.workspace import open_workspace

Cli = Callable[..., Any]


def change(place: Province, key: str, **values: Any) -> None:
    """Somebody changes an object behind the program's back."""
    row = place.objects()[key]
    identity = Identity(ENVIRONMENT, row.uid, row.incarnation)
    place.driver().update(row.type, identity, row.properties | values, place.fence())


def stages(cli: Cli, place: Province) -> list[str]:
    return [stage["id"] for stage in cli("plan", "--json", cwd=place.root).json["stages"]]


def test_a_seen_value_comes_to_stand_in_its_file_and_only_a_record_is_left(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=3).write()
    file = place.root / "base.yaml"
    text = "# who orders lines: 4711\n" + file.read_text().replace(
        "bandwidth_mbps: 100", "bandwidth_mbps: 100 # !"
    )
    file.write_text(text)
    assert cli("apply", "--yes", cwd=place.root).code == 0
    change(place, "Link/r1-r2", bandwidth_mbps=40, delay_ms=2.5)
    change(place, "Node/r3", role="border")
    births = {key: row.birth for key, row in place.objects().items()}

    asked = cli("drift", "--accept", cwd=place.root)
    assert asked.code == 4 and "+    bandwidth_mbps: 40 # !" in asked.out, asked
    assert file.read_text() == text
    done = cli("drift", "--accept", "--yes", "--json", cwd=place.root)
    assert done.code == 3, done
    assert {(a["subject"], a["field"], a["value"]) for a in done.json["accepted"]} == {
        ("link/r1-r2", "bandwidth_mbps", 40),
        ("link/r1-r2", "delay_ms", 2.5),
    }
    (refused,) = done.json["refused"]
    assert (refused["subject"], refused["field"]) == ("node/r3", "role")
    assert refused["owner"].startswith("base.yaml:") and "profile/drift" in refused["reason"]
    first = text.index("bandwidth_mbps: 100")
    wanted = text[:first] + text[first:].replace("100 # !", "40 # !\n    delay_ms: 2.5", 1)
    assert file.read_text() == wanted

    plan = cli("plan", "--json", cwd=place.root).json
    changes = {
        (s["id"], c.get("subject") or f"{c['kind']}/{c['name']}", c["verb"])
        for s in plan["stages"]
        for c in s.get("changes", ())
    }
    assert changes == {("record", "link/r1-r2", "update"), ("stack:network-1", "node/r3", "heal")}
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert place.objects()["Link/r1-r2"].properties["bandwidth_mbps"] == 40
    assert {key: row.birth for key, row in place.objects().items()} == births
    assert cli("drift", cwd=place.root).code == 0
    assert stages(cli, place) == []


def test_what_reality_may_win_is_policy_of_the_accepted_revision(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=2)
    place.tables["profiles"] = {"drift": {"values": {"accept": ["node.role"]}}}
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    change(place, "Node/r2", role="border")
    change(place, "Link/r1-r2", bandwidth_mbps=40)
    done = cli("drift", "--accept", "node/r2", "--yes", cwd=place.root)
    assert done.code == 0, done
    assert stages(cli, place) == ["record", "stack:network-1"]
    assert cli("drift", "--accept", "link/r1-r2", "--yes", cwd=place.root).code == 3
    place.tables["nodes"]["r2"]["role"] = "border"
    place.tables["profiles"]["drift"]["values"]["accept"] = ["node.colour"]
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    change(place, "Node/r2", role="core")
    wrong = cli("drift", "--accept", "--yes", cwd=place.root)
    assert wrong.code == 2 and "'node.colour'" in wrong.err and "link.delay_ms" in wrong.err, wrong


def test_each_owner_that_is_no_file_of_this_workspace_is_named(cli: Cli, tmp_path: Path) -> None:
    """A template, a pin, a shared size, an immutable property, a name."""
    place = province(tmp_path, nodes=4).edge()
    place.tables["profiles"] = {"drift": {"values": {"accept": ["link.bandwidth_mbps", "node.role"]}}}
    link = place.tables["links"].pop("r1-r2")
    (place.write().root / "more.yaml.j2").write_text(f"links: {{r1-r2: {link}}}\n")
    assert cli("apply", "--yes", cwd=place.root).code == 0
    change(place, "Link/r1-r2", bandwidth_mbps=1)
    change(place, "Instance/vm", vcpus=9)
    change(place, "Link/r2-r3", bandwidth_mbps=3, name="other")
    place.tables["nodes"]["r4"]["role"] = "border"
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    assert cli("revert", "1", "--only", "node/r4", "--yes", cwd=place.root).code == 0
    change(place, "Node/r4", role="access")
    before = (place.root / "base.yaml").read_text()
    done = cli("drift", "--accept", "--yes", "--json", cwd=place.root)
    assert done.code == 3, done
    reasons = {(r["subject"], r["field"]): (r["owner"], r["reason"]) for r in done.json["refused"]}
    assert set(reasons) == {
        *(("link/r1-r2", "bandwidth_mbps"), ("instance/vm", "vcpus")),
        *(("link/r2-r3", "name"), ("node/r4", "role")),
    }
    owner, reason = reasons["link/r1-r2", "bandwidth_mbps"]
    assert owner.startswith("more.yaml.j2") and "template" in reason
    assert "flavor/small" in reasons["instance/vm", "vcpus"][1]
    assert "pinned" in reasons["node/r4", "role"][1] and "was:" in reasons["link/r2-r3", "name"][1]
    after = (place.root / "base.yaml").read_text()
    assert [a["subject"] for a in done.json["accepted"]] == ["link/r2-r3"]
    assert after.replace("bandwidth_mbps: 3\n", "bandwidth_mbps: 100\n") == before


def test_a_table_of_cells(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=2)
    link = place.tables["links"].pop("r1-r2")
    table = place.write().root / "links.csv"
    table.write_bytes(
        f'name,{",".join(link)}\r\n"r1-r2",{",".join(map(str, link.values()))}\r\n'.encode("gb18030")
    )
    assert cli("apply", "--yes", cwd=place.root).code == 0
    change(place, "Link/r1-r2", bandwidth_mbps=40)
    before = table.read_bytes()
    assert cli("drift", "--accept", "--yes", cwd=place.root).code == 0
    assert table.read_bytes() == before.replace(b",100\r\n", b",40\r\n")
    assert stages(cli, place) == ["record"]


def test_what_is_missing_is_taken_out_only_when_told(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=3).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    place.remove("Link/r2-r3")
    before = (place.root / "base.yaml").read_text()
    told = cli("drift", "--accept", "--yes", cwd=place.root)
    assert told.code == 3 and "--withdrawn" in told.out, told
    assert (place.root / "base.yaml").read_text() == before
    assert cli("drift", "--accept", "--withdrawn", "--yes", cwd=place.root).code == 0
    assert "r2-r3" not in (place.root / "base.yaml").read_text()
    assert stages(cli, place) == ["record"] or stages(cli, place) == ["withdraw"]
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert set(place.objects()) == {"Node/r1", "Node/r2", "Node/r3", "Link/r1-r2"}
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
    assert cli("drift", cwd=place.root).code == 0


def test_files_that_would_be_wrong_stay_as_they_were(cli: Cli, tmp_path: Path) -> None:
    """A router that lines hang on cannot be taken out alone."""
    place = province(tmp_path, nodes=2).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    place.remove("Node/r2")
    before = (place.root / "base.yaml").read_text()
    refused = cli("drift", "--accept", "node/r2", "--withdrawn", "--yes", cwd=place.root)
    assert refused.code == 2 and "'r2'" in refused.err, refused
    assert (place.root / "base.yaml").read_text() == before
    assert cli("drift", "--accept", "node/nine", "--yes", cwd=place.root).code == 2


def test_who_loses_the_lease_while_he_judges_leaves_the_files_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = records(tmp_path).write()
    (place.root / "more.yaml").write_text("regions: {more: {level: city}}\n")
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace, create=True)
    judge = accepting._judge

    def taken_over(*args: Any) -> None:
        judge(*args)
        # Somebody else writes into one of the files, too: that is his.
        (place.root / "more.yaml").write_text("regions: {his: {level: city}}\n")
        with ledger.write() as connection:
            connection.run("UPDATE lease SET holder = '', token = token + 1")

    monkeypatch.setattr(accepting, "_judge", taken_over)
    before = {name: (place.root / name).read_bytes() for name in ("base.yaml", "more.yaml")}
    files = {name: (data, data + b"# 1\n") for name, data in before.items()}
    with pytest.raises(leases.LeaseLost):
        accepting.take_over(workspace, ledger, accepting.Acceptance(files=files))
    assert (place.root / "base.yaml").read_bytes() == before["base.yaml"]
    assert (place.root / "more.yaml").read_text() == "regions: {his: {level: city}}\n"


def test_who_judges_for_long_keeps_the_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = open_workspace(str(records(tmp_path).write().root))
    ledger = open_ledger(workspace, create=True)

    def ends() -> float:
        with ledger.read() as connection:
            return float(connection.scalar("SELECT expires FROM lease WHERE name = 'run'"))

    def slow(*_: Any) -> None:
        first, limit = ends(), time.monotonic() + 20
        while ends() == first:
            assert time.monotonic() < limit, "no sign of life"
            time.sleep(0.01)

    monkeypatch.setattr(accepting, "_judge", slow)
    monkeypatch.setattr(leases, "RENEW", 0.05)
    accepting.take_over(workspace, ledger, accepting.Acceptance())


def test_what_somebody_healed_meanwhile_is_not_taken_over(cli: Cli, tmp_path: Path) -> None:
    """Between the look and the answer a colleague's apply heals: no file and no row says the former."""
    place = province(tmp_path, nodes=3).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    change(place, "Link/r1-r2", bandwidth_mbps=7)
    place.remove("Link/r2-r3")
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace)
    report = drift.look(workspace, ledger)
    changed = accepting.consider(workspace, ledger, report, ["link/r1-r2"], withdrawn=False)
    missing = accepting.consider(workspace, ledger, report, ["link/r2-r3"], withdrawn=True)
    assert cli("apply", "--yes", cwd=place.root).code == 0
    before = (place.root / "base.yaml").read_bytes()
    with ledger.read() as connection:
        rows = building.all_applied(connection)
    for found in (changed, missing):
        assert found.accepted
        with pytest.raises(ConflictError, match="not as it was seen any more: link/"):
            accepting.take_over(workspace, ledger, found)
    assert (place.root / "base.yaml").read_bytes() == before
    with ledger.read() as connection:
        assert building.all_applied(connection) == rows
    assert cli("drift", cwd=place.root).code == 0


def test_guards_judge_what_is_taken_over(cli: Cli, tmp_path: Path) -> None:
    """A freeze; and a store that is not mounted, of which all would be forgotten."""
    place = province(tmp_path, nodes=3).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    change(place, "Link/r1-r2", bandwidth_mbps=7)
    before = (place.root / "base.yaml").read_bytes()
    ends = ("--to", "2999-01-01T00:00", "--reason", "exams")
    assert cli("freeze", "add", "exams", "--everything", *ends, cwd=place.root).code == 0
    refused = cli("drift", "--accept", "--yes", cwd=place.root)
    assert refused.code == 4 and "frozen by freeze/exams" in refused.err, refused
    assert cli("freeze", "end", "exams", cwd=place.root).code == 0
    place.store.rename(place.store.with_suffix(".away"))
    words = "destroy 5 objects and 5 entries in tiny"
    for typed in ((), ("--confirm", "destroy 4 objects")):
        refused = cli("drift", "--accept", "--withdrawn", "--yes", *typed, cwd=place.root)
        assert refused.code == 4, refused
        assert "nothing at all is seen at shelf" in refused.err and words in refused.err
    assert (place.root / "base.yaml").read_bytes() == before
    place.store.unlink(missing_ok=True)
    done = cli("drift", "--accept", "--withdrawn", "--confirm", words, cwd=place.root)
    assert done.code == 0, done
    assert b"nodes" not in (place.root / "base.yaml").read_bytes()
    log = cli("audit", "log", "--json", cwd=place.root)
    assert "guards passed" in log.out
