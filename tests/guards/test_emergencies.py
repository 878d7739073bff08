"""Emergencies: at once, by whom may; told until somebody else has approved them."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from tests.guards.conftest import Hall
from tests.guards.test_freezes import freeze
from tests.test_json_keys import keys_of

AT_ONCE = ["--yes", "--emergency", "--reason", "the hall is on fire"]


def run_id(hall: Hall) -> str:
    found: str = hall.run("runs", "list", "--json").json[0]["id"]
    return found


def late(hall: Hall) -> None:
    """A day and an hour go by."""
    with sqlite3.connect(hall.office.root / ".govcloud" / "ledger.db") as ledger:
        ledger.execute("update emergency set due = due - 25 * 3600")


@pytest.fixture
def burning(hall: Hall) -> Hall:
    """The hall is frozen, most of it is to go, and the medic does it at once."""
    freeze(hall, "exams")
    hall.keep(2)
    done = hall.apply(*AT_ONCE, by="medic")
    assert done.code == 0, done
    return hall


def test_who_may_goes_past_limits_and_freezes(burning: Hall) -> None:
    assert burning.servers() == 2
    found = burning.newest()
    (clearance,) = found["clearances"]
    assert clearance["how"] == "emergency"
    assert clearance["detail"]["frozen"] == ["exams"]
    assert set(clearance["detail"]["beyond"]) == {"entries_percent", "site"}
    emergency = found["emergency"]
    assert (emergency["person"], emergency["reason"]) == ("medic", "the hall is on fire")
    assert emergency["state"] == "open"
    assert emergency["due"] - emergency["at"] == pytest.approx(24 * 3600)
    (row,) = [r for r in burning.office.log() if r["action"] == "guards passed"]
    assert row["actor"].startswith("medic (")
    assert row["data"]["reason"] == "the hall is on fire"


def test_who_may_not_does_not(hall: Hall) -> None:
    hall.keep(2)
    for who in ("builder", "chief"):
        refused = hall.apply(*AT_ONCE, by=who)
        assert refused.code == 4, refused
        assert "`emergency` is missing" in refused.err
        assert "medic could" in refused.err
    for words in (["--emergency"], ["--reason", "why"], ["--emergency", "--reason", " "]):
        assert hall.apply("--yes", *words, by="medic").code == 2


def test_it_goes_past_neither_faults_nor_roles(hall: Hall) -> None:
    hall.tables["servers"]["s1"] = {"rack": "nowhere"}
    assert hall.apply(*AT_ONCE, by="medic").code == 2
    hall.keep(30)
    hall.tables["roles"]["of-medic"]["permissions"] += ["administer"]
    assert hall.apply(*AT_ONCE, by="medic").code == 4


def test_it_is_told_everywhere_until_somebody_else_approves(burning: Hall) -> None:
    run = run_id(burning)
    listed = burning.run("emergencies")
    assert listed.code == 3, listed
    assert "the hall is on fire" in listed.out
    told = f"emergency: run {run} by medic waits for somebody's approval"
    assert told in burning.run("plan").out
    assert told in burning.run("runs", "show", run).out
    assert "(emergency, approval open)" in burning.run("runs", "list").out
    assert burning.run("runs", "list", "--json").json[0]["emergency"] == "open"
    assert burning.plan()["guards"]["emergencies"] == [run]
    late(burning)
    assert burning.run("emergencies", "--json").json[0]["state"] == "overdue"
    assert "overdue since" in burning.run("plan").out
    approved = burning.approve(run, "--reason", "seen")
    assert approved.code == 0, approved
    assert burning.run("emergencies").code == 0
    assert "emergency" not in burning.run("plan").out
    assert "approved by chief" in burning.run("runs", "show", run).out
    (one,) = burning.run("emergencies", "--all", "--json").json
    assert set(one) == set(keys_of("emergencies"))
    assert set(burning.run("freeze", "--json").json[0]) == set(keys_of("freeze"))
    assert set(burning.run("approvals", "--json").json[0]) == set(keys_of("approvals"))
    assert (one["state"], one["approved_by"]) == ("approved", "chief")
    assert burning.approve(run, by="deputy").code == 2
    assert burning.run("audit", "verify").code == 0
    # Taken back, it is open again.
    id = burning.run("approvals", "--json").json[0]["id"]
    assert burning.run("approve", "--revoke", id, by="chief").code == 0
    assert burning.run("emergencies").code == 3


def test_nobody_approves_their_own(hall: Hall) -> None:
    hall.tables["roles"]["of-medic"]["permissions"] += ["approve"]
    assert hall.apply("--yes", by="admin").code == 0
    hall.keep(2)
    assert hall.apply(*AT_ONCE, by="medic").code == 0
    refused = hall.approve(run_id(hall), by="medic")
    assert refused.code == 4, refused
    assert "nobody approves their own" in refused.err
    assert hall.run("emergencies").code == 3


def test_an_approval_of_an_emergency_lets_no_other_run_go(burning: Hall) -> None:
    """Its signature is for that run, and not for the effect."""
    assert burning.approve(run_id(burning)).code == 0
    assert burning.plan()["guards"]["signatures"] == []


def test_how_long_is_policy(hall: Hall) -> None:
    hall.tables["profiles"]["emergency"] = {"values": {"approve_within_h": 2}}
    assert hall.apply("--confirm", "change limits in office").code == 0
    hall.keep(2)
    assert hall.apply(*AT_ONCE, by="medic").code == 0
    emergency: Any = hall.newest()["emergency"]
    assert emergency["due"] - emergency["at"] == pytest.approx(2 * 3600)
    hall.tables["profiles"]["emergency"] = {"values": {"approve_within_h": -1}}
    assert hall.apply("--yes").code == 2


def test_where_no_role_is_accepted_everybody_may_and_it_is_told_the_same(office: Any) -> None:
    assert office.apply().code == 0
    office.tables["applications"]["portal"] = {"unit": "bureau"}
    assert office.apply(by="").code == 0
    office.tables["applications"] = {}
    office.write()
    done = office.run("apply", *AT_ONCE)
    assert done.code == 0, done
    (one,) = office.run("emergencies", "--json").json
    assert one["person"] == ""
    assert "@" in one["account"]
    assert office.run("emergencies").code == 3
