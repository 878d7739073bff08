"""A request that changes or retires what is there: of another request, and of a file."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.capacity.sky import sky
from tests.conftest import GOVCLOUD, Result
from tests.request.county import county
from tests.request.office import form, machine, office
from tests.store_province import Province
from tests.test_json_keys import keys_of

Cli = Callable[..., Result]
SMALLER = {"instances": {"mine": {"flavor": "small"}}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Province:
    """With `mine`, which a file says, and `web-1`, which request web made; both are large."""
    root = tmp_path_factory.mktemp("changing")
    made = office(root / "place")
    made.tables["flavors"]["tiny"] = {"vcpus": 1, "memory_mib": 256, "disk_gib": 10}
    for name, many in (("large", 2), ("three", 3), ("four", 4)):
        made.tables["flavors"][name] = {"vcpus": many, "memory_mib": 1024, "disk_gib": 20}
    made.tables["instances"] = machine("mine", flavor="large")["instances"]
    made.tables["quotas"]["p"]["vcpus"] = 5
    made.write()
    file = form(made, "web", machine("web-1", flavor="large"))
    around = os.environ | {"XDG_CONFIG_HOME": str(root / "config")}
    for words in (["apply", "--yes"], ["request", "submit", str(file)], ["request", "apply", "web", "--yes"]):
        subprocess.run([GOVCLOUD, *words], cwd=made.root, env=around, capture_output=True, check=True)
    return made


@pytest.fixture
def place(
    made: Province,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Province:
    """A copy of it in the test's own folder."""
    config = tmp_path_factory.mktemp("changing") / "config"
    shutil.copytree(made.root, tmp_path, dirs_exist_ok=True)
    shutil.copytree(made.root.parent / "config", config)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    return Province(tmp_path, copy.deepcopy(made.tables), dict(made.settings))


def change(place: Province, name: str = "less", **said: Any) -> Path:
    return form(place, name, {}, **said)


def of(cli: Cli, name: str) -> dict[str, Any]:
    return cli("show", f"instance/{name}", "--json").json  # type: ignore[no-any-return]


def vcpus(cli: Cli, place: Province) -> float:
    asked = cli("request", "submit", form(place, "probe"), "--dry-run", "--json").json["accounts"]
    return next(one["taken"] for one in asked if one["pool"] == "project/p:vcpus")  # type: ignore[no-any-return]


def test_both_become_smaller_and_as_they_were_when_that_is_given_back(place: Province, cli: Cli) -> None:
    assert vcpus(cli, place) == 4
    less = {"flavor": "small"}
    done = cli("request", "submit", change(place, changes={"instances": {"web-1": less, "mine": less}}))
    assert done.code == 0, done
    assert "changes: instance/web-1: flavor large → small  (which request web made)" in done.out
    assert "changes: instance/mine: flavor large → small  (held against its file" in done.out
    assert place.ledger("select * from reservation") == []
    applied = cli("request", "apply", "less", "--yes")
    assert applied.code == 0, applied
    assert "request less is active, with 1 entries" in applied.out
    for name, claimants in {"web-1": {"request:web"}, "mine": {"file:base.yaml", "pin:request:less"}}.items():
        found = of(cli, name)
        assert found["fields"]["flavor"] == "small"
        assert {one["claimant"] for one in found["claims"]} == claimants
    assert vcpus(cli, place) == 2
    shown = cli("request", "show", "less", "--json").json
    assert set(shown) == set(keys_of("request show"))
    assert all(set(one) == {"kind", "name", "retires", "before", "after", "of"} for one in shown["changes"])
    assert [one["of"] for one in shown["changes"]] == ["web", ""]
    # Nothing is left to do, and nothing of it happened to the request that made one of them.
    assert cli("plan", "--detailed-exitcode").code == 0
    assert cli("request", "show", "web", "--json").json["request"]["state"] == "active"
    back = cli("request", "release", "less", "--yes")
    assert back.code == 0, back
    for name, claimants in {"web-1": {"request:web"}, "mine": {"file:base.yaml"}}.items():
        found = of(cli, name)
        assert found["fields"]["flavor"] == "large"
        assert {one["claimant"] for one in found["claims"]} == claimants
    assert cli("request", "show", "less", "--json").json["request"]["state"] == "released"
    assert cli("plan", "--detailed-exitcode").code == 0


def test_growing_takes_the_difference(place: Province, cli: Cli) -> None:
    """One of five is free: a machine of two grows to three, not to four."""
    refused = cli("request", "submit", change(place, changes={"instances": {"web-1": {"flavor": "four"}}}))
    assert refused.code == 4 and "no room for 2 of vcpus (instance/web-1)" in refused.err, refused
    done = cli(
        "request", "submit", change(place, changes={"instances": {"web-1": {"flavor": "three"}}}), "--json"
    )
    assert done.code == 0, done
    pool = next(one for one in done.json["accounts"] if one["pool"] == "project/p:vcpus")
    assert (pool["taken"], pool["asked"], pool["free_after"]) == (4, 1, 0)
    assert cli("request", "submit", form(place, "api")).code == 4
    assert cli("request", "withdraw", "less").code == 0
    assert cli("request", "submit", form(place, "api")).code == 0
    assert of(cli, "web-1")["fields"]["flavor"] == "large"


def test_a_machine_that_is_retired_is_stopped_and_nothing_of_it_is_lost(place: Province, cli: Cli) -> None:
    """What destroys it is its own end: the release of the request that made it, or its file."""
    place.tables["volumes"] = {"data": {"project": "p", "size_gib": 10, "instance": "mine"}}
    place.write()
    assert cli("apply", "--yes").code == 0
    before = {name: of(cli, name)["fields"] for name in ("mine", "web-1")}
    done = cli("request", "submit", change(place, retires=["instance/mine", "instance/web-1"]))
    assert done.code == 0, done
    assert "changes: instance/web-1: status running → retired, stopped False → True" in done.out
    assert "contract" not in done.out
    assert cli("request", "apply", "less", "--yes").code == 0
    for name in before:
        assert of(cli, name)["fields"] == before[name] | {"status": "retired", "stopped": True}
    assert cli("show", "volume/data").code == 0
    assert vcpus(cli, place) == 0
    assert "instance/mine (pin:request:less)" in cli("plan").out
    again = cli("request", "submit", change(place, "more", retires=["instance/web-1"]))
    assert again.code == 2 and "instance/web-1 is so already" in again.err, again
    assert cli("request", "release", "less", "--yes").code == 0
    assert {name: of(cli, name)["fields"] for name in before} == before
    assert cli("plan", "--detailed-exitcode").code == 0


def test_what_goes_with_a_request_holds_no_data_and_is_of_no_other(place: Province, cli: Cli) -> None:
    """Whatever the policy lists; what a file says of the rest is gone, and stays so until the file agrees."""
    lists = {"retirable": ["instance", "volume", "application"]}
    place.tables["profiles"]["request-entries"] = {"values": lists, "invented": True}
    place.tables["volumes"] = {"data": {"project": "p", "size_gib": 10, "instance": "mine"}}
    place.tables["applications"] = {"k": {"unit": "bureau"}}
    place.write()
    assert cli("apply", "--yes").code == 0
    assert (
        cli("request", "submit", form(place, "keys", {"applications": {"theirs": {"unit": "bureau"}}})).code
        == 0
    )
    assert cli("request", "apply", "keys", "--yes").code == 0
    refused = cli("request", "submit", change(place, retires=["volume/data", "application/theirs"]))
    assert refused.code == 2, refused
    assert "'volume/data': no request retires that" in refused.err
    assert "application/theirs is of request keys, and goes with it" in refused.err
    done = cli("request", "submit", change(place, retires=["application/k"]))
    assert done.code == 0 and "- application/k" in done.out, done
    assert cli("request", "apply", "less", "--yes").code == 0
    assert cli("show", "application/k").code == 2
    kept = cli("request", "release", "less", "--yes")
    assert kept.code == 4 and "its file still says it" in kept.err, kept
    del place.tables["applications"]["k"]
    place.write()
    assert cli("apply", "--yes").code == 0
    assert cli("request", "release", "less", "--yes").code == 0
    assert cli("plan", "--detailed-exitcode").code == 0


def test_the_pin_ends_when_the_file_agrees(place: Province, cli: Cli) -> None:
    assert cli("request", "submit", change(place, changes=SMALLER)).code == 0
    assert cli("request", "apply", "less", "--yes").code == 0
    again = cli(
        "request", "submit", change(place, "more", changes={"instances": {"mine": {"status": "retired"}}})
    )
    assert again.code == 2 and "is held against its file already, by pin:request:less" in again.err, again
    place.tables["instances"]["mine"]["flavor"] = "small"
    place.write()
    assert cli("apply", "--yes").code == 0
    assert {one["claimant"] for one in of(cli, "mine")["claims"]} == {"file:base.yaml"}
    assert cli("request", "release", "less", "--yes").code == 0
    assert of(cli, "mine")["fields"]["flavor"] == "small"


def test_all_that_it_must_not_change_is_refused_at_its_place(place: Province, cli: Cli) -> None:
    place.tables["projects"]["theirs"] = {"cloud": "sky", "unit": "other"}
    place.tables["instances"]["far"] = machine("x", project="theirs")["instances"]["x"]
    place.write()
    assert cli("apply", "--yes").code == 0
    changes = {
        "instances": {
            "far": {"flavor": "large"},
            "mine": {"image": "other"},
            "web-1": {"flavor": "larg"},
            "mina": {"flavor": "small"},
        },
        "flavors": {"large": {"vcpus": 64}},
    }
    retires = ["instance/far", "project/p", "unit/bureau"]
    refused = cli("request", "submit", change(place, changes=changes, retires=retires, until="2999-01-01"))
    assert refused.code == 2, refused
    for words in (
        "instance/far is of unit/other, and unit/bureau asks",
        "instance/mine: `image` is not changed by requests",
        "instance/web-1: `flavor`: no flavor is called 'larg'",
        "no instance is called 'mina'",
        "flavor/large: `vcpus` is not changed by requests",
        "'project/p': no request retires that",
        "'unit/bureau': no request retires that",
        "`until` is the end of what a request makes",
    ):
        assert words in refused.err, words
    assert refused.err.count("requests/less.yaml:") == 9
    so = cli("request", "submit", change(place, changes={"instances": {"mine": {"flavor": "large"}}}))
    assert so.code == 2 and "instance/mine is so already: flavor large" in so.err, so


def test_what_others_changed_meanwhile_is_not_overwritten(place: Province, cli: Cli) -> None:
    assert (
        cli("request", "submit", change(place, changes={"instances": {"web-1": {"flavor": "small"}}})).code
        == 0
    )
    assert cli("request", "apply", "less", "--out", "less.plan").code == 0
    other = change(place, "other", changes={"instances": {"web-1": {"flavor": "tiny"}}})
    assert cli("request", "submit", other).code == 0
    assert cli("request", "apply", "other", "--yes").code == 0
    for words in (("request", "apply", "less", "--yes"), ("apply", "less.plan", "--yes")):
        refused = cli(*words)
        assert refused.code == 5 and "instance/web-1: flavor tiny → small" in refused.err, refused
    assert of(cli, "web-1")["fields"]["flavor"] == "tiny"


def test_a_plan_file_changes_nothing_by_stealth_and_the_last_change_goes_first(
    place: Province, cli: Cli
) -> None:
    for name, flavor in (("less", "small"), ("more", "tiny")):
        file = change(place, name, changes={"instances": {"web-1": {"flavor": flavor}}})
        assert cli("request", "submit", file).code == 0
        assert cli("request", "apply", name, "--out", f"{name}.plan").code == 0
        plan = (place.root / f"{name}.plan").read_bytes()
        forged = plan.replace(f'"flavor":"{flavor}"'.encode(), b'"flavor":"three"')
        (place.root / "forged.plan").write_bytes(forged)
        refused = cli("apply", "forged.plan", "--yes")
        assert refused.code == 2 and "something else of entries that are there" in refused.err, refused
        done = cli("apply", f"{name}.plan", "--yes")
        assert done.code == 0, done
        assert of(cli, "web-1")["fields"]["flavor"] == flavor
    kept = cli("request", "release", "less", "--yes")
    assert kept.code == 4 and "instance/web-1: `flavor` is tiny since, not small" in kept.err, kept
    for name, flavor in (("more", "small"), ("less", "large")):
        assert cli("request", "release", name, "--yes").code == 0
        assert of(cli, "web-1")["fields"]["flavor"] == flavor


def test_from_a_review_to_what_was_signed(tmp_path: Path, cli: Cli) -> None:
    """`tune` writes it, three stages sign it, and both machines are smaller: a file's, and a request's."""
    place = county(tmp_path / "county", cli)
    tables = sky(
        {"mine": {"flavor": "large"}, "old": {"flavor": "large"}},
        projects={"p": {"cloud": "sky", "unit": "health"}, "q": {"cloud": "sky", "unit": "bigdata"}},
        quotas={"p": {"project": "p", "vcpus": 40}},
        profiles={"capacity-review": {"values": {"samples": 1, "days": 0, "first_h": 0}}},
        regions={"here": {"level": "province"}},
    )
    tables["persons"], tables["units"] = {}, {}
    for plural, table in tables.items():
        place.tables[plural] = place.tables.get(plural, {}) | table
    place.accept()
    asked = {"instances": {"web-1": tables["instances"]["mine"]}}
    place.submit("web", entries=asked)
    with place.ledger() as ledger:
        for who in ("officer", "manager", "province-1"):
            place.sign(ledger, who, "web")
    place.good("request", "apply", "web", "--yes", by="builder")
    rows = ["time,instance,cpu_percent,memory_percent", "1793491200,mine,20,10", "1793491200,web-1,20,10"]
    (tmp_path / "use.csv").write_text("\n".join([*rows, "1793491200,old,1,1\n"]))
    tuned = place.good("capacity", "tune", "--samples", tmp_path / "use.csv", "--json", by="clerk").json
    (one,) = tuned["requests"]
    assert one["instances"] == ["mine", "old", "web-1"]
    # Nobody signs what they asked for: the manager lets somebody else ask.
    file = place.root / one["file"]
    file.write_text(file.read_text().replace("applicant: manager", "applicant: clerk"))
    place.good("request", "submit", file, by="clerk")
    assert place.run("request", "apply", one["name"], "--yes", by="builder").code == 4
    with place.ledger() as ledger:
        for who in ("officer", "manager", "province-1"):
            place.sign(ledger, who, one["name"])
    place.good("request", "apply", one["name"], "--yes", by="builder")
    found = {name: place.good("show", f"instance/{name}", "--json").json for name in ("mine", "web-1")}
    assert {name: entry["fields"]["flavor"] for name, entry in found.items()} == {
        "mine": "medium",
        "web-1": "medium",
    }
    old = place.good("show", "instance/old", "--json").json["fields"]
    assert (old["status"], old["stopped"]) == ("retired", True)
    lines = place.good("capacity", "usage", "--by", "project", "--json", by="clerk").json["lines"]
    used = {line["measure"]: line["used"] for line in lines if line["subject"] == "project/p"}
    assert (used["vcpus"], used["instances"]) == (8, 2)
