"""Submitting: what is held, what is frozen, and what is refused."""

from __future__ import annotations

import getpass
import multiprocessing
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from govcloud.access import who
from govcloud.errors import DeniedError
from govcloud.ledger import open_ledger, requests
from govcloud.request import submitting
from govcloud.request.document import read
from govcloud.workspace import open_workspace
from tests import postgres
from tests.conftest import Result
from tests.request.office import OTHER, form, machine, office
from tests.store_province import Province
from tests.test_json_keys import first, keys_of

Cli = Callable[..., Result]


@pytest.fixture
def place(tmp_path: Path, cli: Cli) -> Province:
    made = office(tmp_path).write()
    assert cli("apply", "--yes").code == 0
    return made


def held(place: Province) -> dict[str, float]:
    rows = place.ledger("select pool, sum(amount) from reservation group by pool")
    return {pool: amount for pool, amount in rows if pool.startswith("project/")}


def test_what_it_needs_is_held_and_shown(place: Province, cli: Cli) -> None:
    done = cli("request", "submit", form(place, "web"), "--json")
    assert done.code == 0, done
    told = done.json
    assert told["request"]["state"] == "submitted"
    assert told["makes"] == {"instance": 1, "request": 1}
    pools = {one["pool"]: one for one in told["accounts"]}
    assert pools["project/p:instances"] == {
        "pool": "project/p:instances", "limit": 3, "taken": 0, "held": 0, "asked": 1, "free_after": 2,
    }  # fmt: skip
    assert {c["name"] for c in told["plan"]["stages"][0]["changes"]} == {"web", "web-1"}
    assert held(place) == {
        "project/p:instances": 1, "project/p:vcpus": 1, "project/p:memory_mib": 512,
    }  # fmt: skip
    shown = cli("request", "show", "web", "--json").json
    assert shown["request"]["effect"] == told["plan"]["effect"]
    assert shown["form"]["title"] == "健康网站"
    assert [one["event"] for one in shown["history"]] == ["submit"]
    assert shown["owns"] == []
    listed = cli("request", "list", "--open", "--json")
    assert (listed.code, listed.json[0]["open"][0]["next"]) == (3, "request apply web")
    # A filter that finds nothing says which it was, and one that cannot find any is refused.
    assert cli("request", "list", "--state", "failed").out == "No request is failed.\n"
    assert cli("request", "list", "--unit", "other").out == "No request is of unit/other.\n"
    wrong = cli("request", "list", "--state", "bogus")
    assert (wrong.code, "one of submitted, approved," in wrong.err) == (2, True), wrong


def test_what_others_hold_is_not_there(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(place, "a", machine("a-1") | two("a"))).code == 0
    refused = cli("request", "submit", form(place, "b", two("b")))
    assert refused.code == 4, refused
    assert "project/p has no room for 2 of instances" in refused.err
    assert "2 held for other requests" in refused.err
    assert cli("request", "submit", form(place, "c")).code == 0
    assert cli("request", "withdraw", "a", "--reason", "not needed").code == 0
    assert cli("request", "submit", form(place, "b", two("b"))).code == 0
    assert held(place)["project/p:instances"] == 3


def test_a_file_does_not_take_what_is_held(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(place, "a", two("a"))).code == 0
    for name in ("x", "y"):
        place.tables["instances"][name] = machine("x")["instances"]["x"]
    place.write()
    refused = cli("apply", "--yes")
    assert refused.code == 4, refused
    assert "2 held for other requests, 1 too many" in refused.err
    del place.tables["instances"]["y"]
    place.write()
    assert cli("apply", "--yes").code == 0
    # Beyond the quota itself it is the rule that says so.
    assert cli("request", "withdraw", "a").code == 0
    for name in ("y", "z", "last"):
        place.tables["instances"][name] = machine("x")["instances"]["x"]
    place.write()
    denied = cli("apply", "--yes")
    assert (denied.code, "quota denies project/p: 4 of instances are taken" in denied.err) == (4, True), (
        denied
    )


def test_a_file_says_nothing_that_is_asked_for_nor_lowers_what_bounds_it(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", form(place, "a", two("a"))).code == 0
    place.tables["instances"]["a-1"] = machine("x")["instances"]["x"]
    place.write()
    refused = cli("apply", "--yes")
    assert refused.code == 4, refused
    assert "instance/a-1 is what request a asks for" in refused.err
    assert "govcloud request withdraw a" in refused.err
    del place.tables["instances"]["a-1"]
    place.tables["quotas"]["p"] |= {"instances": 1}
    place.write()
    lower = cli("apply", "--yes")
    words = "project/p would have 1 of instances in all, 0 taken, 2 held for request a, 1 too many"
    assert (lower.code, words in lower.err) == (4, True), lower
    # What is not below what is held may become less.
    place.tables["quotas"]["p"] |= {"instances": 2}
    place.write()
    assert cli("apply", "--yes").code == 0
    assert cli("request", "apply", "a", "--yes").code == 0


def two(name: str) -> dict[str, Any]:
    """A form's entries for two machines."""
    return {"instances": {**machine(f"{name}-1")["instances"], **machine(f"{name}-2")["instances"]}}


def test_the_same_file_again_says_so_and_another_must_be_meant(place: Province, cli: Cli) -> None:
    file = form(place, "web")
    assert cli("request", "submit", file).code == 0
    again = cli("request", "submit", file)
    assert (again.code, "with just these words (version 1)" in again.err) == (5, True)
    form(place, "web", two("web"))
    other = cli("request", "submit", file)
    assert (other.code, "this file says something else" in other.err) == (5, True)
    assert held(place)["project/p:instances"] == 1
    done = cli("request", "submit", file, "--replace", "--json")
    assert (done.code, done.json["request"]["version"]) == (0, 2)
    assert held(place)["project/p:instances"] == 2
    assert cli("request", "withdraw", "web").code == 0
    assert cli("request", "submit", file, "--json").json["request"]["version"] == 3
    events = [one["event"] for one in cli("request", "show", "web", "--json").json["history"]]
    assert events == ["submit", "replace", "withdraw", "submit"]


def test_the_keys_of_json_are_those_of_the_table(place: Province, cli: Cli) -> None:
    file = form(place, "web", machine("web-1", ipv4="auto"))
    place.tables["networks"]["app"]["ipv4"] = "192.0.2.0/24"
    place.write()
    assert cli("apply", "--yes").code == 0
    typed = {
        "request submit": ["submit", file],
        "request list": ["list"],
        "request show": ["show", "web"],
        "request withdraw": ["withdraw", "web"],
    }
    for command, words in typed.items():
        written = cli("request", *words, "--json").json
        wanted = keys_of(command)
        assert set(first(written)) == set(wanted), command
        for key, within in wanted.items():
            if within:
                assert set(first(first(written)[key])) == within, (command, key)


def test_dry_run_holds_nothing(place: Province, cli: Cli) -> None:
    done = cli("request", "submit", form(place, "web"), "--dry-run", "--json")
    assert (done.code, done.json["request"]) == (0, None)
    assert held(place) == {}
    assert cli("request", "list", "--json").json == []


def test_edits_that_nobody_applied_are_no_part_of_it(place: Province, cli: Cli) -> None:
    """Nor faults of files: what is asked stands on what is accepted."""
    place.tables["flavors"]["small"]["vcpus"] = 2
    place.tables["units"]["third"] = {"region": "here"}
    place.write()
    done = cli("request", "submit", form(place, "web"), "--json").json
    assert {c["name"] for c in done["plan"]["stages"][0]["changes"]} == {"web", "web-1"}
    (place.root / "base.yaml").write_text("nonsense: [")
    carried = cli("request", "apply", "web", "--yes")
    assert carried.code == 0, carried
    assert cli("show", "unit/third").code == 2
    assert cli("show", "flavor/small", "--json").json["fields"]["vcpus"] == 1


@pytest.mark.parametrize(
    "entries",
    [
        {"quotas": {"web": {"project": "p", "vcpus": -1}}},
        {"volumes": {"web": {"project": "p", "size_gib": 0}}},
    ],
)
def test_negative_quantities_are_refused_with_their_place(
    place: Province, cli: Cli, entries: dict[str, Any]
) -> None:
    refused = cli("request", "submit", form(place, "web", entries))
    assert refused.code == 2, refused
    assert "web.yaml:10:" in refused.err
    assert held(place) == {}


def test_absurd_quantities_are_a_slip_of_the_keyboard(place: Province, cli: Cli) -> None:
    file = form(place, "web", {"volumes": {"web": {"project": "p", "size_gib": 10**9}}})
    refused = cli("request", "submit", file)
    assert refused.code == 2, refused
    assert "web.yaml:8:" in refused.err
    assert "more than 2,097,152 GiB is taken for a slip of the keyboard" in refused.err


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ({"until": "2020-01-01"}, "`until`: 2020-01-01 is before today"),
        ({"starts_on": "2999-02-01", "until": "2999-01-01"}, "is before `starts_on`, 2999-02-01"),
    ],
)
def test_what_ends_before_it_begins_is_refused(
    place: Province, cli: Cli, days: dict[str, str], words: str
) -> None:
    refused = cli("request", "submit", form(place, "web", **days))
    assert (refused.code, words in refused.err, "web.yaml:" in refused.err) == (2, True, True), refused


def test_before_the_first_apply_there_is_nobody_to_ask(tmp_path: Path, cli: Cli) -> None:
    place = office(tmp_path).write()
    refused = cli("request", "submit", form(place, "web"))
    assert (refused.code, "no unit is called 'bureau'" in refused.err) == (2, True), refused
    assert not (place.private / "ledger.db").exists()
    assert cli("request", "list").out == "Nothing was submitted yet.\n"
    assert cli("request", "show", "web").code == 2
    assert cli("request", "withdraw", "web").code == 2
    assert cli("request", "apply", "web", "--yes").code == 2


def test_prices_are_the_provinces(place: Province, cli: Cli) -> None:
    place.tables["profiles"]["prices"] = {
        "invented": True,
        "values": {"currency": "CNY", "per": "month", "flavor/small": 120, "disk_gib": 0.5},
    }
    place.write()
    assert cli("apply", "--yes").code == 0
    asked = two("web") | {"volumes": {"web": {"project": "p", "size_gib": 40}}}
    costs = cli("request", "submit", form(place, "web", asked), "--json").json["costs"]
    assert (costs["sum"], costs["currency"], costs["per"]) == (260, "CNY", "month")
    assert {one["what"]: one["amount"] for one in costs["lines"]} == {"disk_gib": 40, "flavor/small": 2}


def test_nobody_asks_for_another_unit(tmp_path: Path, cli: Cli) -> None:
    place = office(tmp_path)
    place.tables["persons"]["li"]["accounts"] = [getpass.getuser()]
    place.tables["persons"]["boss"] = {"unit": "other", "duty": "principal", "accounts": ["nobody-here"]}
    place.tables["roles"] = {
        "askers": {"persons": ["li"], "permissions": ["plan", "apply"]},
        "bosses": {"persons": ["boss"], "permissions": ["administer"]},
    }
    place.write()
    assert cli("apply", "--yes").code == 0
    assert cli("request", "submit", form(place, "mine")).code == 0
    refused = cli("request", "submit", form(place, "theirs", unit="other", applicant=OTHER))
    assert refused.code == 4, refused
    assert "only people of unit/other may submit request theirs" in refused.err
    # Nor by writing oneself down as the other unit's applicant, or somebody else as one's own.
    posing = cli("request", "submit", form(place, "theirs", {}, unit="other"))
    assert (posing.code, "only people of unit/other may submit" in posing.err) == (4, True), posing
    lent = cli("request", "submit", form(place, "lent", applicant=OTHER))
    assert lent.code == 2, lent
    assert "lent.yaml:3:12: `applicant`: wang is of unit/other, and unit/bureau asks" in lent.err
    taken = cli("request", "submit", form(place, "mine", unit="other", applicant=OTHER), "--replace")
    assert taken.code == 4, taken


# -- the last unit ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> postgres.Server:
    """The PostgreSQL server of this test session. CI must have one; elsewhere its tests are skipped."""
    if postgres.obstacle():
        if os.environ.get("CI"):
            pytest.fail(postgres.obstacle(), pytrace=False)
        pytest.skip(postgres.obstacle())
    base = tmp_path_factory.getbasetemp()
    return postgres.shared(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    server: postgres.Server = request.getfixturevalue("server")
    name = f"t_{secrets.token_hex(6)}"
    yield server.create(name)
    server.drop(name)


def test_two_that_race_never_both_get_the_last(tmp_path: Path, cli: Cli, url: str) -> None:
    """Both have seen that there is room when the first of them takes it."""
    place = office(tmp_path, **({"ledger": url} if url else {})).write()
    assert cli("apply", "--yes").code == 0
    assert cli("request", "submit", form(place, "first")).code == 0
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(2), context.Queue()
    files = [form(place, name, two(name)) for name in ("a", "b")]
    racers = [context.Process(target=race, args=(str(file), barrier, answers)) for file in files]
    for one in racers:
        one.start()
    found = sorted(answers.get(timeout=120) for _ in racers)
    for one in racers:
        one.join(30)
    assert [word for word, _ in found] == ["denied", "held"]
    assert "1 too many" in found[0][1]
    ledger = open_ledger(open_workspace(str(tmp_path)))
    with ledger.read() as connection:
        rows = requests.held(connection, pool="project/p:instances")
        submitted = [row.name for row in requests.every(connection)]
    ledger.close()
    assert sum(one.amount for one in rows) == 3
    assert submitted == sorted(["first", found[1][1]])


def race(file: str, barrier: Any, answers: Any) -> None:
    """Prepare, wait for the other, submit: in a process of its own."""
    workspace = open_workspace(str(Path(file).parent.parent))
    ledger = open_ledger(workspace)
    identity = who(workspace, ledger)
    one = submitting.prepare(workspace, ledger, identity, read(Path(file)))
    barrier.wait(60)
    try:
        submitting.submit(workspace, ledger, identity, one)
        answers.put(("held", one.document.name))
    except DeniedError as error:
        answers.put(("denied", error.message))


def test_what_is_classified_is_not_told_to_everybody(tmp_path: Path, cli: Cli) -> None:
    me = getpass.getuser()
    place = office(tmp_path)
    place.tables["persons"]["li"]["accounts"] = [me]
    place.tables["roles"] = {
        "all": {"persons": ["li"], "permissions": ["plan", "apply", "administer", "read_classified"]}
    }
    place.tables["profiles"]["rules"] = {"values": {"gate": "none"}}
    place.write()
    assert cli("apply", "--yes").code == 0
    secret = {"applications": {"plan-9": {"unit": "bureau", "classified": True, "title": "秘密"}}}
    assert cli("request", "submit", form(place, "dark", secret, reason="plan-9 needs it")).code == 0
    assert cli("request", "show", "dark", "--json").json["form"]["entries"] == secret
    place.tables["roles"]["all"]["permissions"].remove("read_classified")
    place.write()
    assert cli("apply", "--yes").code == 0
    for words in (("show", "dark"), ("show", "dark", "--json"), ("list",), ("list", "--json")):
        told = cli("request", *words)
        assert told.code == 0, told
        assert "dark" in told.out
        for name in ("plan-9", "秘密", "健康网站"):
            assert name not in told.out, words
