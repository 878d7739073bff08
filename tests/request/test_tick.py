"""What is due is done by the clock: once, each thing for itself, and by nobody whose clock was set back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from govcloud.access import who
from govcloud.cli.common import App
from govcloud.cli.tick import _one
from govcloud.ledger import audit, leases, open_ledger, requests
from govcloud.request import states, ticking
from govcloud.workspace import open_workspace
from tests.conftest import Result
from tests.request.office import form, machine
from tests.request.test_leases import aged, ago, ended, given, row, steps
from tests.store_province import Province

Cli = Callable[..., Result]
DAY = 86400


def told(place: Province) -> list[str]:
    return [body for (body,) in place.ledger("select body from notice order by at")]


def tick(cli: Cli, code: int = 0) -> list[tuple[str, str, str]]:
    found = cli("tick", "--json")
    assert found.code == code, found
    # The last line; those before are of the runs.
    last = json.loads(found.out.splitlines()[-1])
    assert last["exit_code"] == code
    return [(one["what"], one["request"], one["status"]) for one in last["done"]]


def test_a_lease_comes_to_its_end_by_the_clock_alone(leased: Province, cli: Cli) -> None:
    """Each reminder once, then it is stopped, then destroyed; two ticks do nothing twice."""
    aged(leased, "until", "2999-01-01", ago(-25))
    found = cli("tick", "--dry-run", "--json")
    assert (found.code, [one["data"]["days"] for one in found.json["due"]]) == (3, [30])
    assert row(cli)["state"] == "active"
    assert tick(cli) == [("remind", "web", "done")]
    assert tick(cli) == []
    assert row(cli)["state"] == "expiring"
    assert sum("for: li" in body for body in told(leased)) == 1
    for day, days in ((17, []), (18, [7]), (23, [7]), (24, [1])):
        assert [one["data"]["days"] for one in due(cli, ago(-day))] == days
    # Its days of grace, and a day more.
    assert [one["what"] for one in due(cli, ago(-32))] == ["remind"]
    assert [one["what"] for one in due(cli, ago(-33))] == ["stop"]
    leased.ledger("delete from request_event where event = 'remind'")
    aged(leased, "until", ago(-25), ago(8))
    assert tick(cli) == [("stop", "web", "done")]
    assert tick(cli) == []
    assert cli("show", "instance/web-1", "--json").json["fields"]["stopped"] is True
    assert due(cli, ago(-30)) == []
    assert [one["what"] for one in due(cli, ago(-31))] == ["release"]


def due(cli: Cli, day: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cli("tick", "--dry-run", "--as-of", day, "--json").json["due"]
    return found


def test_what_fails_keeps_nothing_else_from_being_done(leased: Province, cli: Cli) -> None:
    given(leased, cli, "api", until="2999-01-01")
    leased.tables["instances"]["mine"] = machine("x", apart_from=["api-1"])["instances"]["x"]
    leased.write()
    assert cli("apply", "--yes").code == 0
    ended(leased)
    # Nobody can read the plan of this one any more.
    odd = {"volumes": {"odd-1": {"project": "p", "size_gib": 1}}}
    assert cli("request", "submit", form(leased, "odd", odd, starts_on=ago(0))).code == 0
    leased.ledger("update request set state = 'approved', plan = 'lost' where name = 'odd'")
    found = cli("tick")
    assert found.code == 1, found
    assert "✓ stop web" in found.out
    assert "✗ stop api" in found.out
    assert "instance/api-1 is named by instance/mine" in found.out
    assert "next: these go first" in found.out
    assert "✗ carry odd" in found.out
    assert (row(cli)["state"], row(cli, "api")["state"]) == ("stopped", "active")


def test_what_begins_on_its_day_begins_signed_or_not_at_all(leased: Province, cli: Cli) -> None:
    for name in ("one", "two"):
        assert cli("request", "submit", form(leased, name, starts_on="2999-01-01")).code == 0
        assert cli("request", "apply", name, "--yes").code == 6
    assert tick(cli) == []
    leased.ledger("update request set starts_on = ? where name = 'one'", ago(0))
    assert tick(cli) == [("carry", "one", "done")]
    assert row(cli, "one")["state"] == "active"
    # Somebody wants signatures since: what nobody signed is refused from this door, too.
    leased.tables["profiles"]["approvals"] = {"values": {"needs": "requests"}}
    leased.write()
    assert cli("apply", "--confirm", "change limits in tiny").code == 0
    leased.ledger("update request set starts_on = ? where name = 'two'", ago(0))
    assert tick(cli, 6) == [("carry", "two", "waits")]
    assert row(cli, "two")["state"] == "scheduled"
    assert cli("show", "instance/two-1").code == 2


def test_what_nobody_decided_on_expires_and_lets_go(leased: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(leased, "api")).code == 0
    assert tick(cli) == []
    assert [one["what"] for one in due(cli, ago(-91))] == ["expire"]
    leased.ledger("update request set changed = ? where name = 'api'", time.time() - 91 * DAY)
    assert tick(cli) == [("expire", "api", "done")]
    assert row(cli, "api")["state"] == "expired"
    assert leased.ledger("select * from reservation") == []


def test_a_delegation_that_ended_is_told_once(leased: Province, cli: Cli) -> None:
    deputy = {"giver": "li", "taker": "wang", "starts_on": "2020-01-01", "ends_on": "2020-12-31"}
    leased.tables["delegations"] = {"holiday": deputy}
    leased.write()
    assert cli("apply", "--yes").code == 0
    found = cli("tick", "--json")
    assert (found.json["told"], found.json["sent"]) == (1, {"waiting": 1})
    assert cli("tick", "--json").json["told"] == 0
    assert sum("delegation holiday ended on 2020-12-31" in body for body in told(leased)) == 1


def test_a_tick_that_was_killed_is_taken_up(leased: Province, cli: Cli) -> None:
    """Between the Record of an order and the row that says where the request stands."""
    ended(leased)
    assert tick(cli) == [("stop", "web", "done")]
    leased.ledger("update request set state = 'active'")
    assert tick(cli) == [("finish", "web", "done")]
    assert row(cli)["state"] == "stopped"
    assert steps(cli) == ["stop", "stop"]
    # The same of one that was destroyed: the names are free, and it is not asked for again.
    leased.tables["profiles"]["leases"]["values"] = {"recycle_days": 0}
    leased.write()
    assert cli("apply", "--yes").code == 0
    assert tick(cli) == [("release", "web", "done")]
    leased.ledger("update request set state = 'stopped'")
    assert tick(cli) == [("finish", "web", "done")]
    assert row(cli)["state"] == "released"
    assert tick(cli) == []


def test_one_tick_at_a_time_and_none_by_a_clock_that_was_set_back(leased: Province, cli: Cli) -> None:
    ended(leased)
    ledger = open_ledger(open_workspace(str(leased.root)))
    with leases.held(ledger, "tick"):
        busy = cli("tick")
        assert (busy.code, "tick is held by process" in busy.err) == (5, True), busy
    with ledger.write() as connection:
        # Somebody wrote in the ledger tomorrow.
        audit.append(connection, "li", "test", {})
        connection.run("UPDATE audit SET at = at + 86400 WHERE seq = (SELECT max(seq) FROM audit)")
    ledger.close()
    for words in (("tick",), ("tick", "--dry-run"), ("request", "release", "web", "--yes"),
                  ("request", "renew", "web", "--until", "2999-02-01")):  # fmt: skip
        refused = cli(*words)
        assert (refused.code, "it was set back" in refused.err) == (5, True), refused
    assert row(cli)["state"] == "active"


def test_every_day_of_a_lease_has_at_most_one_step(leased: Province, cli: Cli) -> None:
    """From one day to the next it goes towards its end, and never back; nothing is due of what is over."""
    aged(leased, "until", "2999-01-01", ago(-25))
    workspace = open_workspace(str(leased.root))
    ledger = open_ledger(workspace)
    seen: list[str] = []
    with ledger.read() as connection:
        for day in range(60):
            found = ticking.due(connection, ago(-day))
            assert len(found) <= 1
            seen += [one.what for one in found]
    first = seen.index("stop")
    assert set(seen[:first]) == {"remind"}
    assert set(seen[first:]) == {"stop"}
    assert first == 25 + 7 + 1
    with ledger.write() as connection:
        one = requests.get(connection, "web")
        states.move(connection, who(workspace, ledger), one, "stop")
        states.move(connection, who(workspace, ledger), requests.get(connection, "web"), "release")
        assert ticking.due(connection, "2999-01-01") == []
    ledger.close()


def test_days_that_are_none_are_refused(leased: Province, cli: Cli) -> None:
    assert cli("tick", "--as-of", "2030-01-01").code == 2
    assert cli("tick", "--dry-run", "--as-of", "2030-02-30").code == 2
    assert cli("tick", "--dry-run", "--as-of", "soon").code == 2


def test_what_is_not_due_any_more_is_left_alone(leased: Province, cli: Cli) -> None:
    """Minutes pass between the first run of a tick and the last: each thing is looked at again."""
    ended(leased)
    assert cli("request", "submit", form(leased, "api")).code == 0
    leased.ledger("update request set changed = ? where name = 'api'", time.time() - 91 * DAY)
    workspace = open_workspace(str(leased.root))
    ledger, app = open_ledger(workspace), App(str(leased.root))
    identity = who(workspace, ledger)
    with ledger.read() as connection:
        stop, expire = ticking.due(connection)
        assert ticking.still(connection, stop) == stop
    # Meanwhile the one is renewed, the other submitted anew.
    assert cli("request", "renew", "web", "--until", ago(-100), "--yes").code == 0
    leased.ledger("update request set changed = ? where name = 'api'", time.time())
    assert [_one(app, ledger, identity, one, True) for one in (stop, expire)] == [None, None]
    assert (row(cli)["state"], row(cli, "api")["state"]) == ("active", "submitted")
    ledger.close()


def test_a_renewal_that_was_asked_for_in_time_comes_before_the_end(leased: Province) -> None:
    """Also where it waits: then people are told that it ends, and nothing is stopped or destroyed."""
    workspace = open_workspace(str(leased.root))
    ledger = open_ledger(workspace)
    identity = who(workspace, ledger)

    def whats(day: int) -> list[str]:
        with ledger.read() as connection:
            return [one.what for one in ticking.due(connection, ago(-day))]

    def moved(event: states.Event, **data: str) -> None:
        with ledger.write() as connection:
            states.move(connection, identity, requests.get(connection, "web"), event, data=data)

    aged(leased, "until", "2999-01-01", ago(-1))
    moved("ask", order="renew", until=ago(-100))
    assert (whats(0), whats(50)) == (["renew", "remind"], ["renew", "remind"])
    # What was asked for is over by itself on the day it was to last to; and another order takes its place.
    assert whats(101) == ["stop"]
    moved("ask", order="release")
    assert whats(0) == ["stop"]
    # On its last day in the recycle bin, and after it.
    moved("stop")
    for table in ("accepted", "claim"):
        stopped = f"update {table} set fields = json_set(fields, '$.stopped_on', ?) where kind = 'request'"
        leased.ledger(stopped, ago(0))
    assert whats(31) == ["release"]
    moved("ask", order="renew", until=ago(-100))
    assert whats(31) == ["renew"]
    leased.ledger("update request_event set at = at + 86400 * 40 where event = 'ask'")
    assert whats(31) == ["release"]
    ledger.close()
