"""Leases: the order of their steps, what keeps them, and what brings them back; by the command line."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from govcloud.access import who
from govcloud.errors import ConflictError, DeniedError, InputError
from govcloud.ledger import open_ledger, requests
from govcloud.plan.gather import propose
from govcloud.plan.stages import Asked, encode
from govcloud.request import leasing, settling, states
from govcloud.request.carrying import release_claims
from govcloud.request.changing import Changed, taken_back
from govcloud.request.vouching import vouch
from govcloud.workspace import open_workspace
from tests.conftest import GOVCLOUD, Result
from tests.request.conftest import DISK
from tests.request.county import County
from tests.request.office import form, machine, office
from tests.store_province import Province

Cli = Callable[..., Result]


def given(place: Province, cli: Cli, name: str = "web", **fields: Any) -> None:
    """A machine with a disk, in use."""
    entries = machine(f"{name}-1", ipv4="auto") | (DISK if name == "web" else {})
    assert cli("request", "submit", form(place, name, entries, **fields)).code == 0
    done = cli("request", "apply", name, "--yes")
    assert done.code == 0, done


def row(cli: Cli, name: str = "web") -> dict[str, Any]:
    found: dict[str, Any] = cli("request", "show", name, "--json").json["request"]
    return found


def steps(cli: Cli, name: str = "web") -> list[str]:
    return [one["event"] for one in cli("request", "show", name, "--json").json["history"]][5:]


def aged(place: Province, field: str, was: str, now: str) -> None:
    """As if a day had been another all along: in what is accepted, in what is said, and in the row."""
    for table in ("accepted", "claim"):
        place.ledger(
            f"update {table} set fields = replace(fields, ?, ?) where kind = 'request'",
            f'"{field}":"{was}"',
            f'"{field}":"{now}"',
        )
    place.ledger("update request set until = ? where until = ?", now, was)


def ended(place: Province) -> None:
    """A lease that ended long ago."""
    aged(place, "until", "2999-01-01", "2020-01-01")


def ago(days: int) -> str:
    return str(date.today() - timedelta(days=days))


def policy(place: Province, cli: Cli, **values: Any) -> None:
    place.tables["profiles"]["leases"]["values"] |= values
    place.write()
    assert cli("apply", "--yes").code == 0


def test_stopped_then_kept_then_destroyed_and_nothing_is_left(tmp_path: Path, cli: Cli) -> None:
    """On a target: what is stopped is off, and comes back as it was; what is destroyed leaves nothing."""
    place = office(tmp_path, builds=True)
    del place.tables["networks"]["lan"]
    place.tables["networks"]["app"]["ipv4"] = "192.0.2.0/24"
    place.write()
    assert cli("apply", "--yes").code == 0
    before = place.objects().keys()
    given(place, cli)
    stopped = cli("request", "release", "web", "--yes")
    assert stopped.code == 0, stopped
    assert "with what lies on instance/web-1, volume/web-data" in stopped.out
    assert place.objects().keys() == before
    assert row(cli)["state"] == "stopped"
    kept = cli("show", "instance/web-1", "--json").json["fields"]
    assert (kept["ipv4"], kept["stopped"]) == ("192.0.2.2", True)
    # The place in the quota is kept for it, too: three machines are the project's.
    used = cli("request", "submit", form(place, "api"), "--dry-run", "--json").json["accounts"]
    assert next(one["taken"] for one in used if one["pool"] == "project/p:instances") == 1
    waits = cli("request", "release", "web", "--yes")
    assert (waits.code, "kept until" in waits.out) == (6, True), waits
    until = ago(-90)
    assert cli("request", "renew", "web", "--until", until, "--yes").code == 0
    assert "Instance/web-1" in place.objects()
    assert cli("show", "instance/web-1", "--json").json["fields"] == {
        name: value for name, value in kept.items() if name != "stopped"
    }
    assert (row(cli)["state"], row(cli)["until"]) == ("active", until)

    # Killed as soon as the machine is gone, before the ledger says so: typed again it goes on.
    place.tables["profiles"]["leases"] = {"values": {"recycle_days": 0}}
    place.write()
    assert cli("apply", "--yes").code == 0
    aged(place, "until", until, ago(8))
    with subprocess.Popen([str(GOVCLOUD), "tick"], cwd=place.root, stdout=subprocess.DEVNULL) as ticking:
        while ticking.poll() is None:
            if "Instance/web-1" not in place.objects():
                ticking.kill()
                break
            time.sleep(0.02)
    gone = cli("tick")
    assert gone.code == 0, gone
    assert place.objects().keys() == before
    assert row(cli)["state"] == "released"
    assert steps(cli) == ["stop", "renew", "release"]
    for key in ("instance/web-1", "volume/web-data", "request/web"):
        assert cli("show", key).code == 2
    used = cli("request", "submit", form(place, "api"), "--dry-run", "--json").json["accounts"]
    assert next(one["taken"] for one in used if one["pool"] == "project/p:instances") == 0
    assert place.ledger("select * from reservation") == []
    assert place.ledger("select * from claim where until is null and name = 'web-1'") == []
    assert cli("plan", "--detailed-exitcode").code == 0
    assert cli("audit", "verify").code == 0


def test_no_plan_file_goes_past_the_steps(leased: Province, cli: Cli) -> None:
    """What would destroy at once, made by the same functions as the commands do, is refused at the door."""
    workspace = open_workspace(str(leased.root))
    ledger = open_ledger(workspace)
    with ledger.read() as connection:
        destroy = release_claims(connection, "web")
        part = release_claims(connection, "web", [("volume", "web-data")])
        stolen = leasing.saying(connection, "web", unit="other")
        said = leasing.saying(connection, "web", stopped_on="2026-01-01").said
        renewals = [leasing.saying(connection, "web", until=day) for day in ("", "2020-01-01")]
    # An order that stops a machine and says nothing of the request.
    odd = Asked(said=tuple(one for one in said if one.kind == "instance"))
    # Renewals are held to what the command takes: no end at all, and a day that is over, are none.
    for asked in renewals:
        with pytest.raises(InputError) as wrong:
            vouch(workspace, ledger, asked)
        assert wrong.value.problems[0].message.startswith("--until")
    refusals = [(destroy, ConflictError), (part, ConflictError), (stolen, DeniedError), (odd, InputError)]
    for asked, error in refusals:
        with pytest.raises(error):
            vouch(workspace, ledger, asked)
    plan = propose(workspace, ledger, asked=destroy, recorded=True).plan
    (leased.root / "destroy").write_bytes(encode(plan))
    refused = cli("apply", "destroy", "--yes")
    assert refused.code == 5, refused
    ledger.close()
    assert row(cli)["state"] == "active"
    assert len(cli("request", "show", "web", "--json").json["owns"]) == 3


def test_a_legal_hold_keeps_it_from_everything(leased: Province, cli: Cli) -> None:
    policy(leased, cli, grace_days=0)
    leased.tables["requests"] = {"web": {"legal_hold": "琼法〔2026〕3号"}}
    leased.write()
    held = cli("apply", "--yes")
    assert held.code == 0, held
    assert "琼法〔2026〕3号" in cli("show", "request/web").out
    refused = cli("request", "release", "web", "--yes")
    assert refused.code == 4, refused
    assert "request/web is under legal hold: 琼法〔2026〕3号" in refused.err
    # What another request changed of it is not taken back, either.
    small = Changed("instance", "web-1", before={"flavor": "large"}, after={"flavor": "small"}, of="web")
    ledger = open_ledger(open_workspace(str(leased.root)))
    with (
        ledger.read() as connection,
        pytest.raises(DeniedError, match="instance/web-1: request/web is under"),
    ):
        taken_back(connection, "less", [small])
    ledger.close()
    ended(leased)
    kept = cli("tick", "--json")
    assert kept.code == 0, kept
    assert [(o["what"], o["status"]) for o in kept.json["done"]] == [("kept", "kept")]
    assert row(cli)["state"] == "active"
    assert cli("show", "instance/web-1").code == 0
    # When it is over, what others say of the request has to go with it.
    leased.tables["requests"]["web"]["legal_hold_until"] = "2026-01-01"
    leased.tables["instances"]["web-1"] = {"title": "网站"}
    leased.write()
    assert cli("apply", "--yes").code == 0
    named = cli("request", "release", "web", "--yes")
    words = "instance/web-1 is also said by file:base.yaml; request/web is also said by file:base.yaml"
    assert (named.code, words in named.err) == (4, True), named
    # A stop that is let through is one of the machine, too.
    ledger = open_ledger(open_workspace(str(leased.root)))
    with ledger.read() as connection:
        said = leasing.saying(connection, "web", stopped_on=ago(0)).said
        assert [one.key for one in said] == [("instance", "web-1"), ("request", "web")]
    ledger.close()
    del leased.tables["requests"], leased.tables["instances"]["web-1"]
    leased.write()
    assert cli("apply", "--yes").code == 0
    assert cli("request", "release", "web", "--yes").code == 0


def test_its_time_in_the_recycle_bin_is_not_what_a_plan_says(leased: Province) -> None:
    """It counts from the day on which it was stopped, whatever day is said for that."""
    workspace = open_workspace(str(leased.root))
    ledger = open_ledger(workspace)
    with ledger.read() as connection:
        for day, words in ((ago(-1), "is to come"), ("soon", "is no day")):
            with pytest.raises(InputError) as wrong:
                vouch(workspace, ledger, leasing.saying(connection, "web", stopped_on=day))
            assert words in wrong.value.problems[0].message
        vouch(workspace, ledger, leasing.saying(connection, "web", stopped_on="2020-01-01"))
    with ledger.write() as connection:
        one = states.move(connection, who(workspace, ledger), requests.get(connection, "web"), "stop")
    for said, last in (("2020-01-01", ago(-30)), (ago(-5), ago(-35))):
        for table in ("accepted", "claim"):
            stopped = (
                f"update {table} set fields = json_set(fields, '$.stopped_on', ?) where kind = 'request'"
            )
            leased.ledger(stopped, said)
        with ledger.read() as connection:
            assert leasing.binned_until(connection, one) == last
    ledger.close()


def test_only_a_renewal_that_moves_the_end_counts(leased: Province) -> None:
    workspace = open_workspace(str(leased.root))
    ledger = open_ledger(workspace)
    identity, near = who(workspace, ledger), ago(-100)
    for until, again in ((near, ""), (ago(-99), ""), (ago(-101), "renewed once already")):
        leased.ledger("update request set state = 'stopped', until = ?", near)
        for table in ("accepted", "claim"):
            day = f"update {table} set fields = json_set(fields, '$.until', ?) where kind = 'request'"
            leased.ledger(day, until)
        with ledger.write() as connection:
            renewed = settling.follow(connection, identity, requests.get(connection, "web"))
            assert (renewed.state, renewed.until) == ("active", until)
            assert again in leasing.beyond(connection, renewed, near)
            assert bool(again) == bool(leasing.beyond(connection, renewed, near))
    ledger.close()


def test_what_others_stand_on_is_refused_with_their_names(leased: Province, cli: Cli) -> None:
    leased.tables["instances"]["mine"] = machine("x", apart_from=["web-1"])["instances"]["x"]
    leased.write()
    assert cli("apply", "--yes").code == 0
    refused = cli("request", "release", "web", "--yes")
    assert refused.code == 4, refused
    assert "instance/web-1 is named by instance/mine" in refused.err
    # By a plan file, too.
    workspace = open_workspace(str(leased.root))
    ledger = open_ledger(workspace)
    with ledger.read() as connection:
        stop = leasing.saying(connection, "web", stopped_on=ago(0))
    with pytest.raises(DeniedError, match="named by instance/mine"):
        vouch(workspace, ledger, stop)
    ledger.close()
    # By the clock as by hand; the rest is done.
    ended(leased)
    ticked = cli("tick", "--json")
    assert ticked.code == 6, ticked
    assert "these go first" in ticked.json["done"][0]["next"]
    assert row(cli)["state"] == "active"
    del leased.tables["instances"]["mine"]
    leased.write()
    assert cli("apply", "--yes").code == 0
    assert cli("tick").code == 0
    assert row(cli)["state"] == "stopped"


def test_what_cannot_be_renewed_says_why(leased: Province, cli: Cli) -> None:
    for until, code in (
        ("soon", 2),
        ("2020-01-01", 2),
        ("2999-01-01", 2),
        ("2999-02-30", 2),
        ("2999-06-01", 4),
    ):
        refused = cli("request", "renew", "web", "--until", until, "--yes")
        assert refused.code == code, (until, refused)
    given(leased, cli, "api")
    endless = cli("request", "renew", "api", "--until", "2999-01-01", "--yes")
    assert (endless.code, "is for good" in endless.err) == (5, True), endless
    assert cli("request", "renew", "nothing", "--until", "2999-01-01", "--yes").code == 2


def test_it_goes_at_once_where_nothing_is_kept(leased: Province, cli: Cli) -> None:
    policy(leased, cli, recycle_days=0)
    done = cli("request", "release", "web", "--yes", "--json")
    assert done.code == 0, done
    assert row(cli)["state"] == "released"
    # A figure that is none is told, and nothing goes by it.
    leased.tables["profiles"]["leases"]["values"]["remind_days"] = ["soon"]
    leased.write()
    assert cli("apply", "--yes").code == 0
    told = cli("tick")
    assert (told.code, "values.remind_days" in told.err) == (2, True), told


# -- people: each with a token of their own ----------------------------------------------------------


def state(place: County) -> tuple[str, str]:
    found = place.good("request", "show", "portal", "--json", by="admin").json["request"]
    return found["state"], found["unit"]


def test_another_unit_has_to_take_it(people: County) -> None:
    refused = people.run("request", "transfer", "portal", "--accept", "--yes", by="neighbour")
    assert (refused.code, "is offered to nobody" in refused.err) == (5, True), refused
    assert people.run("request", "transfer", "portal", "--to", "water", by="neighbour").code == 4
    assert people.run("request", "transfer", "portal", "--to", "nobody", by="clerk").code == 2
    assert people.run("request", "transfer", "portal", "--to", "health", by="clerk").code == 5
    people.good("request", "transfer", "portal", "--to", "water", by="clerk")
    # Neither who offered it nor an operator takes it for them.
    for by in ("clerk", "builder"):
        assert people.run("request", "transfer", "portal", "--accept", "--yes", by=by).code == 4
    assert state(people) == ("active", "health")
    taken = people.good("request", "transfer", "portal", "--accept", "--yes", by="neighbour")
    assert "the next `govcloud tick` does it" in taken.out
    assert state(people) == ("active", "health")
    people.good("tick", by="builder")
    assert state(people) == ("active", "water")
    assert people.good("show", "application/portal", "--json", by="admin").json["fields"]["unit"] == "water"
    # From now on it is theirs.
    assert people.run("request", "release", "portal", "--yes", by="clerk").code == 4
    assert people.good("audit", "verify", by="admin").code == 0


def test_an_offer_is_taken_back_and_ends_with_a_stop(leased: Province, cli: Cli) -> None:
    workspace = open_workspace(str(leased.root))
    ledger = open_ledger(workspace)

    def moved(event: states.Event, **data: str) -> tuple[str, bool]:
        with ledger.write() as connection:
            one = requests.get(connection, "web")
            one = states.move(connection, who(workspace, ledger), one, event, data=data)
            return leasing.offered(connection, one), leasing.wished(connection, one) is not None

    assert moved("offer", to="other") == ("other", False)
    assert moved("ask", order="transfer", unit="other") == ("other", True)
    back = cli("request", "transfer", "web", "--to", "bureau")
    assert (back.code, back.out) == (0, "request web is offered to nobody any more\n"), back
    assert moved("remind") == ("", False)
    assert cli("request", "transfer", "web", "--to", "bureau").code == 5
    moved("offer", to="other")
    assert moved("stop") == ("", False)
    ledger.close()


def test_who_may_not_apply_leaves_it_to_the_next_tick(people: County) -> None:
    asked = people.good("request", "release", "portal", "--yes", "--json", by="clerk").json
    assert (asked["state"], asked["asked"]) == ("active", {"order": "release"})
    assert people.run("request", "release", "portal", by="clerk").code == 4
    assert people.run("tick", by="clerk").code == 4
    found = people.run("tick", "--dry-run", "--json", by="clerk")
    assert (found.code, [one["what"] for one in found.json["due"]]) == (3, ["release"])
    people.good("tick", by="builder")
    assert state(people)[0] == "released"


def test_a_lease_beyond_the_policy_wants_a_signature(people: County) -> None:
    plan, words = people.root / "more.plan", ("request", "renew", "portal", "--until", "3000-01-01")
    assert people.run(*words, "--yes", by="builder").code == 4
    people.good(*words, "--out", plan, by="builder")
    assert people.run("apply", plan, "--yes", by="builder").code == 4
    people.good("approve", plan, "--key", people.keys / "province-1", "--yes", by="province-1")
    people.good("apply", plan, "--yes", by="builder")
    found = people.good("request", "show", "portal", "--json", by="admin").json["request"]
    assert found["until"] == "3000-01-01"
