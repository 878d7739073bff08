"""Carrying a request out: by its own command, by a plan file, after a failure, after a kill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govcloud.access import who
from govcloud.errors import ConflictError
from govcloud.ledger import open_ledger, requests
from govcloud.ledger.runs import Status
from govcloud.plan.gather import propose
from govcloud.plan.stages import Record, encode
from govcloud.request import carrying
from govcloud.request.carrying import release_claims
from govcloud.request.submitting import paper_of, plan_of
from govcloud.workspace import open_workspace
from tests.conftest import Result
from tests.request.office import form, machine, office
from tests.store_province import Province

Cli = Callable[..., Result]


@pytest.fixture
def place(tmp_path: Path, cli: Cli) -> Province:
    made = office(tmp_path)
    made.tables["networks"]["app"]["ipv4"] = "192.0.2.0/24"
    made.write()
    assert cli("apply", "--yes").code == 0
    return made


def shown(cli: Cli, name: str) -> dict[str, object]:
    found: dict[str, object] = cli("request", "show", name, "--json").json
    return found


def steps(cli: Cli, name: str) -> list[str]:
    return [one["event"] for one in shown(cli, name)["history"]]  # type: ignore[attr-defined]


def state(cli: Cli, name: str) -> object:
    return shown(cli, name)["request"]["state"]  # type: ignore[index]


def test_what_it_made_is_its_own_and_takes_what_was_held(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(place, "web")).code == 0
    done = cli("request", "apply", "web", "--yes")
    assert done.code == 0, done
    assert "request web is active, with 2 entries" in done.out
    found = shown(cli, "web")
    assert found["owns"] == ["instance/web-1", "request/web"]
    assert found["holds"] == []
    assert place.ledger("select * from reservation") == []
    assert steps(cli, "web") == ["submit", "approve", "begin", "apply", "activate"]
    entry = cli("show", "instance/web-1", "--json").json
    assert [one["claimant"] for one in entry["claims"]] == ["request:web"]
    assert cli("show", "request/web", "--json").json["fields"]["status"] == "granted"
    assert cli("plan", "--detailed-exitcode").code == 0
    again = cli("request", "apply", "web", "--yes")
    assert (again.code, "request web is active" in again.out) == (0, True)
    assert cli("audit", "verify").code == 0
    # What it has counts for others from now on.
    asked = cli("request", "submit", form(place, "api"), "--json").json["accounts"]
    pool = next(one for one in asked if one["pool"] == "project/p:instances")
    assert (pool["taken"], pool["held"]) == (1, 0)


def test_a_portrait_names_the_request_behind_it(place: Province, cli: Cli) -> None:
    asked = machine("web-1", application="web") | {"applications": {"web": {"unit": "bureau"}}}
    assert cli("request", "submit", form(place, "web", asked, until="2999-12-31")).code == 0
    assert cli("request", "apply", "web", "--yes").code == 0
    drawn = cli("portrait", "web")
    assert "asked for by web 健康网站  until 2999-12-31" in drawn.out, drawn


def test_the_address_that_was_decided_on_is_kept_for_it(place: Province, cli: Cli) -> None:
    """A neighbour who asks for one meanwhile gets another, by a request and by files."""
    file = form(place, "web", machine("web-1", ipv4="auto"))
    effect = cli("request", "submit", file, "--json").json["request"]["effect"]
    promised = shown(cli, "web")["promised"]
    assert promised == [
        {"request": "web", "kind": "instance", "name": "web-1", "field": "ipv4", "block": "192.0.2.2"}
    ]
    assert cli("request", "submit", form(place, "api", machine("api-1", ipv4="auto"))).code == 0
    place.tables["instances"]["mine"] = machine("x", ipv4="auto")["instances"]["x"]
    place.write()
    assert cli("apply", "--yes").code == 0
    for name in ("api", "web"):
        done = cli("request", "apply", name, "--yes")
        assert done.code == 0, done
    got = {
        n: cli("show", f"instance/{n}", "--json").json["fields"]["ipv4"] for n in ("web-1", "api-1", "mine")
    }
    assert got == {"web-1": "192.0.2.2", "api-1": "192.0.2.3", "mine": "192.0.2.4"}
    assert shown(cli, "web")["request"]["effect"] == effect  # type: ignore[index]
    assert cli("plan", "--detailed-exitcode").code == 0


def test_another_effect_is_refused_and_shown_field_by_field(place: Province, cli: Cli) -> None:
    file = form(place, "web", machine("web-1", ipv4="auto"))
    before = cli("request", "submit", file, "--json").json["request"]["effect"]
    # Somebody writes down by hand the address that it would get.
    place.tables["instances"]["mine"] = machine("x", ipv4="192.0.2.2")["instances"]["x"]
    place.write()
    assert cli("apply", "--yes").code == 0
    refused = cli("request", "apply", "web", "--yes")
    assert refused.code == 5, refused
    assert "instance/web-1: `ipv4`" in refused.err
    assert "its signatures are void" in refused.err
    found = shown(cli, "web")["request"]
    assert (found["state"], found["effect"] == before) == ("submitted", False)  # type: ignore[index]
    assert steps(cli, "web")[-1] == "void"
    # What is decided on now is the new plan.
    assert cli("request", "apply", "web", "--yes").code == 0


def test_a_plan_file_says_what_was_submitted(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(place, "web")).code == 0
    assert cli("request", "apply", "web", "--out", "web.plan").code == 0
    plan = place.root / "web.plan"
    forged = plan.read_bytes().replace(b'"flavor":"small"', b'"flavor":"large"')
    (place.root / "forged.plan").write_bytes(forged)
    refused = cli("apply", "forged.plan", "--yes")
    assert refused.code == 2, refused
    assert "says something else for request web than was submitted" in refused.err
    # An edit of a file that is not applied is no part of it, also by this door.
    place.tables["units"]["third"] = {"region": "here"}
    place.write()
    done = cli("apply", "web.plan", "--yes")
    assert done.code == 0, done
    assert state(cli, "web") == "active"
    assert cli("show", "unit/third").code == 2
    again = cli("apply", "web.plan", "--yes")
    assert again.code in (2, 5), again


def test_nobody_carries_out_what_was_withdrawn(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(place, "web")).code == 0
    assert cli("request", "apply", "web", "--out", "web.plan").code == 0
    assert cli("request", "withdraw", "web").code == 0
    for words in (("request", "apply", "web", "--yes"), ("apply", "web.plan", "--yes")):
        refused = cli(*words)
        assert refused.code == 5, refused
        assert "request web is withdrawn" in refused.err
    assert cli("request", "withdraw", "web").code == 5
    assert cli("show", "instance/web-1").code == 2


def test_one_whose_day_has_not_come_waits(place: Province, cli: Cli) -> None:
    asked = machine("web-1", ipv4="auto")
    assert cli("request", "submit", form(place, "web", asked, starts_on="2999-01-01")).code == 0
    promised = shown(cli, "web")["promised"]
    parked = cli("request", "apply", "web", "--yes")
    assert parked.code == 6, parked
    assert "is approved and begins on 2999-01-01" in parked.out
    assert state(cli, "web") == "scheduled"
    assert cli("request", "apply", "web", "--yes").code == 6
    # Meanwhile the address that it was promised is nobody else's.
    assert shown(cli, "web")["promised"] == promised != []
    # The day is in what is decided on, and no other door is open before.
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace)
    _, proposal = carrying.admit(workspace, ledger, who(workspace, ledger), "web")
    ledger.close()
    entry = next(c for c in proposal.plan.stages[0].changes if c.name == "web")  # type: ignore[union-attr]
    assert entry.fields["starts_on"] == "2999-01-01"  # type: ignore[union-attr]
    (place.root / "web.plan").write_bytes(encode(proposal.plan))
    refused = cli("apply", "web.plan", "--yes")
    assert (refused.code, "request web begins on 2999-01-01" in refused.err) == (4, True), refused


def test_unsigned_is_denied_where_signatures_are_wanted(tmp_path: Path, cli: Cli) -> None:
    place = office(tmp_path, needs="requests").write()
    assert cli("apply", "--yes").code == 0
    assert cli("request", "submit", form(place, "web")).code == 0
    refused = cli("request", "apply", "web", "--yes")
    assert refused.code == 4, refused
    assert "request web is not approved" in refused.err
    assert "govcloud request approve web" in refused.err
    assert state(cli, "web") == "submitted"


def test_what_fails_lets_go_says_what_is_left_and_goes_on(tmp_path: Path, cli: Cli) -> None:
    place = office(tmp_path, builds=True)
    # The cloud's networks and a router are there; there is room for nothing more.
    place.tables["targets"]["shelf"]["quota"] = 3
    place.write()
    assert cli("apply", "--yes").code == 0
    assert cli("request", "submit", form(place, "web")).code == 0
    failed = cli("request", "apply", "web", "--yes")
    assert failed.code == 1, failed
    assert "request web is failed, with 2 entries" in failed.out
    assert "what is built of them is not whole" in failed.out
    found = cli("request", "list", "--open", "--json").json[0]
    assert found["state"] == "failed"
    # What is left of it is no part of what others sign.
    beside = cli("request", "submit", form(place, "api"))
    assert (beside.code, "accepted and not built (instance/web-1" in beside.err) == (5, True), beside
    assert f"govcloud runs resume {found['run']}" in beside.err
    assert place.ledger("select * from reservation") == []
    # A larger target, of which the ledger hears by the way of files; that run builds what was left.
    place.tables["targets"]["shelf"]["quota"] = 9
    place.write()
    assert cli("apply", "--yes").code == 0
    assert "Instance/web-1" in place.objects()
    assert state(cli, "web") == "failed"
    done = cli("request", "apply", "web", "--yes")
    assert done.code == 0, done
    assert state(cli, "web") == "active"
    assert steps(cli, "web") == ["submit", "approve", "begin", "fail", "apply", "activate"]


@pytest.mark.parametrize("meanwhile", ["withdrawn", "replaced"])
def test_what_somebody_does_while_it_is_planned_stands(
    place: Province, cli: Cli, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """Nothing is held for what was taken back, and what was submitted anew is not lost."""
    asked = machine("web-1", ipv4="auto")
    assert cli("request", "submit", form(place, "web", asked)).code == 0
    if meanwhile == "replaced":
        # So that what was submitted first would do something else now.
        place.tables["instances"]["mine"] = machine("x", ipv4="192.0.2.2")["instances"]["x"]
        place.write()
        assert cli("apply", "--yes").code == 0
    words = ["withdraw", "web"]
    if meanwhile == "replaced":
        form(place, "web", machine("web-2"), until="2999-01-01")
        words = ["submit", str(place.root / "requests" / "web.yaml"), "--replace"]
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace)
    identity, again = who(workspace, ledger), carrying.again

    def planned(*said: Any) -> Any:
        made = again(*said)
        assert cli("request", *words).code == 0
        return made

    monkeypatch.setattr(carrying, "again", planned)
    with pytest.raises(ConflictError, match=r"is withdrawn|submitted anew meanwhile"):
        carrying.admit(workspace, ledger, identity, "web")
    with ledger.read() as connection:
        row = requests.get(connection, "web")
        document = paper_of(connection, row).document
        held = {one.name for one in requests.held(connection)}
    ledger.close()
    if meanwhile == "withdrawn":
        assert (row.state, held) == ("withdrawn", set())
    else:
        assert (row.version, row.until, document.until) == (2, "2999-01-01", "2999-01-01")
        assert (list(document.entries["instances"]), held) == (["web-2"], {"web-2"})


def test_what_failed_and_would_do_something_else_is_decided_on_anew(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(place, "web", machine("web-1", ipv4="auto"))).code == 0
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace)
    with ledger.write() as connection:
        asked = plan_of(connection, requests.get(connection, "web")).asked
        carrying.ended(connection, who(workspace, ledger), asked, "r1", Status.FAILED)
    ledger.close()
    # Nothing of it was accepted: its address is somebody else's by now.
    place.tables["instances"]["mine"] = machine("x", ipv4="192.0.2.2")["instances"]["x"]
    place.write()
    assert cli("apply", "--yes").code == 0
    refused = cli("request", "apply", "web", "--yes")
    assert (refused.code, "wants to be approved anew" in refused.err) == (5, True), refused
    found = shown(cli, "web")
    assert found["request"]["state"] == "submitted"  # type: ignore[index]
    assert [one["block"] for one in found["promised"]] == ["192.0.2.3"]  # type: ignore[attr-defined]
    assert found["holds"]
    assert cli("request", "apply", "web", "--yes").code == 0


# -- what a kill leaves ------------------------------------------------------------------------------


def as_left(place: Province, status: str) -> requests.Row:
    """As it was then: the run in this status, the request approved, its entries accepted."""
    ledger = open_ledger(open_workspace(str(place.root)))
    with ledger.write() as connection:
        row = requests.get(connection, "web")
        connection.run("UPDATE request SET state = 'approved' WHERE name = 'web'")
        connection.run("UPDATE run SET status = :status WHERE id = :run", run=row.run, status=status)
    ledger.close()
    return row


def test_a_kill_before_the_end_is_told_by_the_next_command(place: Province, cli: Cli) -> None:
    """Between the Record and the row that says that the run is done."""
    assert cli("request", "submit", form(place, "web")).code == 0
    assert cli("request", "apply", "web", "--yes").code == 0
    row = as_left(place, "running")
    taken = cli("request", "withdraw", "web")
    assert (taken.code, f"run {row.run} carries request web out" in taken.err) == (5, True), taken
    told = cli("request", "list", "--open", "--json").json[0]["open"][0]
    assert told["words"] == f"its run {row.run} is not over"
    done = cli("request", "apply", "web", "--yes")
    assert done.code == 0, done
    assert state(cli, "web") == "active"
    assert steps(cli, "web")[-2:] == ["apply", "activate"]


def test_a_run_that_is_given_up_leaves_a_request_that_failed(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(place, "web")).code == 0
    assert cli("request", "apply", "web", "--yes").code == 0
    row = as_left(place, "failed")
    assert cli("runs", "cancel", row.run).code == 0
    refused = cli("request", "withdraw", "web")
    assert (refused.code, "govcloud request release web" in refused.err) == (5, True), refused
    assert state(cli, "web") == "failed"
    # All of it is there: nothing is left to do.
    assert cli("request", "apply", "web", "--yes").code == 0
    assert state(cli, "web") == "active"


def test_every_word_of_a_run_may_be_said_twice(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(place, "web")).code == 0
    assert cli("request", "apply", "web", "--yes").code == 0
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace)
    identity = who(workspace, ledger)
    with ledger.read() as connection:
        row = requests.get(connection, "web")
        asked = plan_of(connection, row).asked
    carrying.hold_all(ledger, asked)
    carrying.begun(ledger, identity, asked, row.run)
    with ledger.write() as connection:
        carrying.ended(connection, identity, asked, row.run, Status.DONE)
    carrying.settle(ledger, identity, "web")
    carrying.nothing_left(ledger, identity, "web")
    ledger.close()
    assert steps(cli, "web") == ["submit", "approve", "begin", "apply", "activate"]


def test_a_run_of_what_was_just_taken_back_does_nothing(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(place, "web")).code == 0
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace)
    with ledger.read() as connection:
        asked = plan_of(connection, requests.get(connection, "web")).asked
    assert cli("request", "withdraw", "web").code == 0
    with pytest.raises(ConflictError, match="is withdrawn: run r1"):
        carrying.begun(ledger, who(workspace, ledger), asked, "r1")
    ledger.close()


def test_a_run_that_was_stopped_keeps_what_is_held(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(place, "web")).code == 0
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace)
    identity = who(workspace, ledger)
    with ledger.write() as connection:
        asked = plan_of(connection, requests.get(connection, "web")).asked
        carrying.ended(connection, identity, asked, "r1", Status.STOPPED)
        assert requests.held(connection, request="web")
        carrying.ended(connection, identity, asked, "r1", Status.FAILED)
        assert not requests.held(connection, request="web")
        assert requests.get(connection, "web").state == "failed"
    ledger.close()
    # It goes on where there still is room, and what it needs is held anew.
    assert cli("request", "apply", "web", "--yes").code == 0


def test_what_it_owns_can_be_given_back(place: Province, cli: Cli) -> None:
    """The order that a release gives, with what it would do; its command asks for the steps before."""
    assert cli("request", "submit", form(place, "web")).code == 0
    assert cli("request", "apply", "web", "--yes").code == 0
    workspace = open_workspace(str(place.root))
    ledger = open_ledger(workspace)
    with ledger.read() as connection:
        asked = release_claims(connection, "web")
        one = release_claims(connection, "web", [("instance", "web-1")])
    assert [key[:2] for key in asked.ended] == [("instance", "web-1"), ("request", "web")]
    assert [key[:2] for key in one.ended] == [("instance", "web-1")]
    plan = propose(workspace, ledger, asked=asked, recorded=True).plan
    ledger.close()
    changes = [(c.verb, c.subject) for s in plan.stages if isinstance(s, Record) for c in s.changes]
    assert sorted(changes) == [("delete", "instance/web-1"), ("delete", "request/web")]


def test_its_form_and_plan_are_kept_when_what_is_old_goes(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(place, "web")).code == 0
    place.tables["profiles"]["retention"] = {"values": {"plans_days": 0, "runs_days": 0, "keep_runs": 1}}
    place.write()
    assert cli("apply", "--yes").code == 0
    assert cli("gc", "--yes").code == 0
    assert shown(cli, "web")["form"]["name"] == "web"  # type: ignore[index]
    assert cli("request", "apply", "web", "--yes").code == 0
