"""Second signatures: over one effect, by somebody else, with a key that is accepted when it counts."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from tests.guards.conftest import SERVERS, Hall


@pytest.fixture
def doomed(hall: Hall) -> Hall:
    """Twenty-eight servers are to go, which is beyond the limits."""
    hall.keep(2)
    hall.office.write()
    return hall


def signature(hall: Hall) -> Any:
    (found,) = hall.run("plan", "--json").json["guards"]["signatures"]
    return found


def database(hall: Hall) -> sqlite3.Connection:
    return sqlite3.connect(hall.office.root / ".govcloud" / "ledger.db")


def test_a_second_person_signs_what_the_first_carries_out(doomed: Hall) -> None:
    effect = doomed.plan()["effect"]
    signed = doomed.approve(effect[:10], "--reason", "as agreed")
    assert signed.code == 0, signed
    assert "28 server" in signed.out  # what is signed is shown
    shown = doomed.run("plan")
    assert "signed by chief" in shown.out
    assert "It needs" not in shown.out
    assert doomed.apply("--yes").code == 0
    (clearance,) = doomed.newest()["clearances"]
    assert (clearance["how"], clearance["detail"]["by"]) == ("signed", "chief")
    (listed,) = doomed.run("approvals", "--json").json
    assert listed["state"].startswith("done by ")
    assert (listed["person"], listed["note"], listed["effect"]) == ("chief", "as agreed", effect)
    assert doomed.run("audit", "verify").code == 0
    assert any(r["action"] == "approved" and r["data"]["person"] == "chief" for r in doomed.office.log())


def test_the_signature_is_one_that_openssh_verifies(doomed: Hall, tmp_path: Any) -> None:
    import subprocess

    from govcloud.ledger import approvals, open_ledger
    from govcloud.workspace import open_workspace

    assert doomed.approve(doomed.plan()["effect"]).code == 0
    with open_ledger(open_workspace(str(doomed.office.root))).read() as connection:
        (one,) = approvals.of(connection)
        text = approvals.message(connection, one)
    (tmp_path / "signers").write_text(f"chief {one.public}\n")
    (tmp_path / "sig").write_text(one.signature)
    words = ["-Y", "verify", "-f", "signers", "-I", "chief", "-n", "govcloud-approval", "-s", "sig"]
    done = subprocess.run(["ssh-keygen", *words], input=text, cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done
    assert json.loads(text)["effect"] == one.effect


def test_nobody_signs_their_own(doomed: Hall) -> None:
    assert doomed.approve(doomed.plan()["effect"]).code == 0
    refused = doomed.apply("--yes", by="chief")
    assert refused.code == 4, refused
    assert "chief is who carries it out" in refused.err
    # Under another account it is the same person.
    doomed.tables["persons"]["chief"]["accounts"] = ["chief-adm"]
    assert doomed.apply("--yes", by="chief").code == 4


def test_whom_nothing_tells_is_their_account(hall: Hall) -> None:
    """Where no role is accepted: the one account cannot sign with a key what it carries out."""
    from govcloud.access import Identity
    from govcloud.plan.guards.signing import own

    accounts = {"li": frozenset({"li", "root@desk"})}
    nobody = Identity("", "root@desk", "os")
    assert "signed in the account" in own("li", "anna@desk", nobody, accounts)
    assert "signed in the account" in own("wu", "root@desk", nobody, accounts)
    assert own("wu", "wu@desk", nobody, accounts) == ""


@pytest.mark.parametrize("who", ["builder", "admin", "reader"])
def test_who_may_not_approve_does_not(doomed: Hall, who: str) -> None:
    refused = doomed.approve(doomed.plan()["effect"], by=who, key="chief")
    assert refused.code == 4, refused
    assert doomed.run("approvals", "--json").json == []


def test_a_key_of_somebody_else_signs_nothing(doomed: Hall) -> None:
    refused = doomed.approve(doomed.plan()["effect"], key="deputy")
    assert refused.code == 4, refused
    assert "no accepted key of chief" in refused.err


def test_another_effect_is_not_signed(doomed: Hall) -> None:
    assert doomed.approve(doomed.plan()["effect"]).code == 0
    doomed.keep(1)
    assert doomed.plan()["guards"]["signatures"] == []
    assert doomed.apply("--yes").code == 4
    # The same effect keeps its signature.
    doomed.keep(2)
    assert doomed.plan()["guards"]["signatures"][0]["counts"]
    assert doomed.apply("--yes").code == 0


def test_a_neighbours_change_leaves_it_valid(doomed: Hall) -> None:
    assert doomed.approve(doomed.plan()["effect"]).code == 0
    tables = dict(doomed.tables)
    doomed.keep(SERVERS)
    doomed.tables["applications"]["portal"] = {"unit": "bureau"}
    assert doomed.apply("--yes").code == 0
    doomed.tables["servers"] = tables["servers"]
    doomed.keep(2)
    assert doomed.apply("--yes").code == 0


def test_it_counts_once(doomed: Hall) -> None:
    effect = doomed.plan()["effect"]
    assert doomed.approve(effect).code == 0
    assert doomed.apply("--yes").code == 0
    with database(doomed) as ledger:
        assert ledger.execute("select spent from approval").fetchone()[0] == doomed.newest()["run"]["id"]
    # An attacker who brings the world back to where the same effect would fit finds it spent.
    assert doomed.run("approve", effect, "--yes", by="chief").code == 2


@pytest.mark.parametrize("why", ["withdrawn", "no role", "shared"])
def test_it_counts_no_more_when_what_is_accepted_changes(doomed: Hall, why: str) -> None:
    effect = doomed.plan()["effect"]
    assert doomed.approve(effect).code == 0
    doomed.keep(SERVERS)
    persons = doomed.tables["persons"]
    if why == "withdrawn":
        persons["chief"]["ssh_keys"] = []
    elif why == "no role":
        doomed.tables["roles"]["of-chief"]["permissions"] = ["plan"]
    else:
        persons["deputy"]["ssh_keys"] = persons["chief"]["ssh_keys"]
    assert doomed.apply("--yes", by="admin").code == 0
    doomed.keep(2)
    refused = doomed.apply("--yes")
    assert refused.code == 4, refused
    words = {"withdrawn": "no accepted key of chief", "no role": "has not `approve`", "shared": "at once"}
    assert words[why] in refused.err
    # It was good when it was given.
    assert doomed.run("audit", "verify").code == 0


def test_it_is_taken_back(doomed: Hall) -> None:
    assert doomed.approve(doomed.plan()["effect"]).code == 0
    id = signature(doomed)["id"]
    for other in ("deputy", "builder"):
        assert doomed.run("approve", "--revoke", id, by=other).code == 4
    assert doomed.run("approve", "--revoke", id, "--reason", "too soon", by="chief").code == 0
    assert doomed.apply("--yes").code == 4
    assert doomed.run("approve", "--revoke", id, by="chief").code == 2
    assert doomed.run("approvals", "--json").json[0]["state"] == "revoked"
    assert doomed.run("audit", "verify").code == 0


@pytest.mark.parametrize(
    ("attack", "told"),
    [
        ("update approval set effect = :effect", "does not fit"),
        ("update approval set effect = :effect, person = 'deputy'", "no accepted key of deputy"),
        ("update approval set effect = :effect, purpose = 'effect', subject = ''", "does not fit"),
        ("update setting set value = 'elsewhere' where key = 'ledger_id'", "does not fit"),
    ],
)
def test_a_signature_for_something_else_is_none(doomed: Hall, attack: str, told: str) -> None:
    """Replayed for another effect, another person, another ledger: whatever the rows say."""
    assert doomed.approve(doomed.plan()["effect"]).code == 0
    doomed.keep(1)
    effect = doomed.plan()["effect"]
    if "ledger_id" in attack:
        doomed.keep(2)
    with database(doomed) as ledger:
        ledger.execute(attack, {"effect": effect} if ":effect" in attack else {})
    refused = doomed.apply("--yes")
    assert refused.code == 4, refused
    assert told in refused.err
    verified = doomed.run("audit", "verify")
    assert verified.code == 1, verified


def test_what_was_removed_or_revived_behind_the_program_is_told(doomed: Hall) -> None:
    assert doomed.approve(doomed.plan()["effect"]).code == 0
    assert doomed.run("approve", "--revoke", signature(doomed)["id"], by="chief").code == 0
    with database(doomed) as ledger:
        ledger.execute("update approval set revoked = null")
    assert "not by both" in doomed.run("audit", "verify").out
    with database(doomed) as ledger:
        ledger.execute("delete from approval")
    assert "was removed from the ledger" in doomed.run("audit", "verify").out


def test_a_plan_file_that_was_edited_is_not_signed(doomed: Hall) -> None:
    assert doomed.run("plan", "--out", "x.plan").code == 0
    file = doomed.office.root / "x.plan"
    plan = json.loads(file.read_text())
    assert doomed.approve("x.plan").code == 0
    # It shows one server to its signer, under the effect of all of them.
    plan["stages"][0]["changes"] = plan["stages"][0]["changes"][:1]
    file.write_text(json.dumps(plan))
    refused = doomed.approve("x.plan", by="deputy")
    assert refused.code == 2, refused
    assert "it was edited" in refused.err


def test_what_cannot_be_shown_is_not_signed(doomed: Hall) -> None:
    for target in ("0" * 32, "nothing", "20200101-000000-aaaaaaaa"):
        assert doomed.approve(target).code == 2
    assert (
        doomed.run("approve", doomed.plan()["effect"], "--key", doomed.keys / "chief", by="chief").code == 4
    )
