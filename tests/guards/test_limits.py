"""Limits: a plan beyond one wants a typed phrase or a second signature, at every door."""

from __future__ import annotations

import sys

import pexpect
import pytest

from govcloud.errors import DeniedError
from govcloud.ledger import open_ledger
from govcloud.plan.gather import propose
from govcloud.plan.guards import Leave
from govcloud.run import runner
from govcloud.workspace import open_workspace
from tests.conftest import GOVCLOUD
from tests.guards.conftest import SERVERS, Hall


def test_yes_is_not_enough_and_the_phrase_is(hall: Hall) -> None:
    hall.keep(2)
    shown = hall.run("plan") if hall.office.write() is None else None
    assert "beyond a limit: 28 entries are withdrawn, 62 % of 45, more than 20 %" in shown.out
    assert shown.out.index("beyond a limit") < shown.out.index("1. withdraw")
    for typed in ([], ["--confirm", "destroy 28 entries"], ["--confirm", "destroy 27 entries in office"]):
        refused = hall.apply("--yes", *typed)
        assert refused.code == 4, refused
        assert '`--confirm "destroy 28 entries in office"`' in refused.err
    assert hall.servers() == SERVERS
    done = hall.apply("--confirm", "destroy 28 entries in office")
    assert done.code == 0, done
    assert hall.servers() == 2
    (clearance,) = hall.newest()["clearances"]
    assert clearance["how"] == "confirmed"
    assert clearance["actor"].startswith("builder (")
    assert clearance["detail"]["typed"] == "destroy 28 entries in office"
    assert (
        "confirmed in words (destroy 28 entries in office)"
        in hall.run("runs", "show", hall.newest()["run"]["id"]).out
    )
    rows = hall.office.log()
    assert [r["action"] for r in rows if r["action"] in ("denied", "guards passed")][-4:] == [
        *["denied"] * 3,
        "guards passed",
    ]
    assert hall.run("audit", "verify").code == 0


def test_within_the_limits_nobody_is_asked(hall: Hall) -> None:
    hall.keep(SERVERS - 9)
    assert hall.plan()["guards"] == {
        "beyond": [],
        "frozen": [],
        "needs": "",
        "phrase": "",
        "signatures": [],
        "emergencies": [],
        "held": [],
        "wants": None,
    }
    assert hall.apply("--yes").code == 0
    assert hall.newest()["clearances"] == []


def test_words_for_another_plan_are_no_yes(hall: Hall) -> None:
    """A script that wanted to destroy 28 does not do whatever else there is to do."""
    hall.keep(SERVERS - 1)
    for yes in ([], ["--yes"]):
        refused = hall.apply("--confirm", "destroy 28 entries in office", *yes)
        assert refused.code == 4, refused
        assert (
            "within its limits and wants no phrase ('destroy 28 entries in office' was typed)" in refused.err
        )
    hall.keep(2)
    hall.office.write()
    assert hall.approve(hall.plan()["effect"]).code == 0
    refused = hall.apply("--confirm", "destroy 27 entries in office")
    assert refused.code == 4, refused
    assert "'destroy 27 entries in office' was typed" in refused.err
    assert '`--confirm "destroy 28 entries in office"`' in refused.err
    assert hall.servers() == SERVERS


def test_a_whole_site_counts_though_it_is_few(hall: Hall) -> None:
    hall.policy(entries_percent=100)
    assert hall.apply("--confirm", "change limits in office").code == 0
    for kind in ("servers", "racks", "rooms", "sites"):
        hall.tables[kind] = {}
    found = hall.plan()["guards"]["beyond"]
    assert [(b["limit"], b["subjects"]) for b in found] == [("site", ["site/hall"])]
    assert hall.apply("--yes").code == 4


def test_what_is_protected_goes_only_knowingly_also_under_another_name(hall: Hall) -> None:
    hall.policy(protected=["rack/r*", "server/s7"])
    assert hall.apply("--yes").code == 4
    assert hall.apply("--confirm", "change limits in office").code == 0
    del hall.tables["servers"]["s7"]
    refused = hall.apply("--yes")
    assert refused.code == 4, refused
    assert "1 protected entry goes: server/s7" in refused.err
    # Renamed first, it would be nobody's concern afterwards.
    hall.tables["servers"]["other"] = {"rack": "rack", "was": "s7"}
    assert "server/s7" in hall.apply("--yes").err
    assert hall.phrase() == "change what is protected in office"
    del hall.tables["servers"]["other"]
    assert hall.apply("--confirm", "destroy 1 entry in office").code == 0


def test_limits_are_those_that_are_accepted_never_those_of_the_proposal(hall: Hall) -> None:
    hall.policy(entries_percent=100, site_percent=100, entries=1000)
    hall.keep(2)
    refused = hall.apply("--yes")
    assert refused.code == 4, refused
    assert {b["limit"] for b in hall.plan()["guards"]["beyond"]} == {"entries_percent", "site", "policy"}
    # Nor are they loosened first by somebody who says nothing.
    hall.keep(SERVERS)
    assert hall.apply("--yes").code == 4
    assert hall.phrase() == "change limits in office"


def test_limits_that_are_none_are_refused(hall: Hall) -> None:
    hall.policy(entries="many", objekts=3, protected=["everything"], needs="luck")
    refused = hall.apply("--yes")
    assert refused.code == 2, refused
    for words in (
        "`entries` should be a number, not 'many'",
        "did you mean `objects`?",
        "a list of patterns of KIND/NAME",
        "`needs` should be confirmation or signature",
    ):
        assert words in refused.err


def test_where_a_signature_is_needed_words_do_not_do(hall: Hall) -> None:
    hall.policy(needs="signature")
    assert hall.apply("--confirm", "change limits in office").code == 0
    hall.keep(2)
    refused = hall.apply("--confirm", "destroy 28 entries in office")
    assert refused.code == 4, refused
    assert "--confirm" not in refused.err
    assert hall.approve(hall.plan()["effect"]).code == 0
    assert hall.apply("--yes").code == 0


def test_a_plan_file_and_a_way_back_are_no_way_round(hall: Hall) -> None:
    hall.keep(2)
    hall.office.write()
    assert hall.run("plan", "--out", "x.plan").code == 0
    assert hall.run("apply", "x.plan", "--yes").code == 4
    hall.keep(SERVERS)
    hall.tables["servers"] |= {f"t{n}": {"rack": "rack"} for n in range(20)}
    assert hall.apply("--yes").code == 0
    refused = hall.run("revert", "1", "--yes")
    assert refused.code == 4, refused
    assert '"destroy 20 entries in office"' in refused.err
    assert hall.run("revert", "1", "--confirm", "destroy 20 entries in office").code == 0


def test_below_the_command_line_it_is_the_same(hall: Hall) -> None:
    hall.keep(2)
    hall.office.write()
    workspace = open_workspace(str(hall.office.root))
    ledger = open_ledger(workspace)
    proposal = propose(workspace, ledger)
    for leave in (Leave(), Leave(confirmed="yes"), Leave(confirmed="destroy 2 entries in office")):
        with pytest.raises(DeniedError, match="beyond its limits"):
            runner.start(workspace, ledger, proposal.plan, proposal.blobs, [], leave=leave)
    assert hall.servers() == SERVERS
    with pytest.raises(DeniedError, match="`emergency` is missing"):
        runner.start(workspace, ledger, proposal.plan, proposal.blobs, [], leave=Leave(emergency="fire"))


@pytest.mark.parametrize(("typed", "code"), [("destroy 28 entries in office", 0), ("yes", 4)])
def test_a_person_at_a_terminal_types_it(hall: Hall, typed: str, code: int) -> None:
    hall.keep(2)
    hall.office.write()
    terminal = pexpect.spawn(
        str(GOVCLOUD),
        ["apply", "--yes"],
        cwd=str(hall.office.root),
        env={**__import__("os").environ, "GOVCLOUD_TOKEN": "builder-secret", "TERM": "dumb"},
        timeout=60,
        encoding="utf-8",
    )
    terminal.logfile_read = sys.stdout
    terminal.expect('Type "destroy 28 entries in office" if this is meant')
    terminal.sendline(typed)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == code
    assert hall.servers() == (2 if code == 0 else SERVERS)


def test_a_refusal_does_not_name_what_its_reader_may_not_see(hall: Hall) -> None:
    hall.policy(protected=["application/*"])
    hall.tables["applications"]["vault"] = {"unit": "bureau", "classified": True}
    assert hall.apply("--confirm", "change limits in office", by="admin").code == 0
    hall.tables["applications"] = {}
    refused = hall.apply("--yes")
    assert refused.code == 4, refused
    assert "1 protected entry goes: application/(classified)" in refused.err
    assert "vault" not in refused.err + refused.out + hall.run("plan", "--json").out
    assert "application/vault" in hall.apply("--yes", by="admin").err
