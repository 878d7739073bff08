"""`govcloud capacity` as people type it."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from govcloud.ledger import open_ledger, requests
from govcloud.ledger.requests import Held
from govcloud.workspace import open_workspace
from tests.access.office import token_digest
from tests.capacity.sky import sky, write
from tests.capacity.test_samples import Server
from tests.conftest import GOVCLOUD
from tests.test_json_keys import keys_of

Cli = Callable[..., Any]
NUMBERS = {"samples": 10, "days": 0, "first_h": 0}
PRICES = {"currency": "yuan", "per": "year", "vcpus": 100, "memory_mib": 0.1}
# (flavor, percent of CPU, percent of memory) of each.
USE = {
    "idle": ("large", 1, 5),
    "wide": ("large", 20, 10),
    "busy": ("small", 97, 50),
    "good": ("small", 50, 50),
    "odd": ("large", 1, 60),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recorded cloud whose instances stand, with quotas, prices and numbers for a short look."""
    instances = {name: {"flavor": flavor, "server": "h1"} for name, (flavor, _, _) in USE.items()}
    instances["wide"] |= {"project": "q", "server": "h2"}
    instances["odd"]["server"] = "h2"
    tables = sky(
        instances | {"silent": {"server": "h3"}},
        profiles={"capacity-review": {"values": NUMBERS}, "prices": {"values": PRICES}},
        quotas={"p": {"project": "p", "vcpus": 40, "instances": 10}},
        clouds={"sky": {"site": "hall", "mlps": 3, "vcpus": 100, "memory_gib": 200}},
    )
    for server in tables["servers"].values():
        server["memory_gib"] = 96
    root = write(tmp_path_factory.mktemp("recorded") / "ws", tables)
    done = subprocess.run([GOVCLOUD, "apply", "--yes"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done
    return root


@pytest.fixture
def workspace(tmp_path: Path, recorded: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(recorded, tmp_path / "ws"))


def sampled(path: Path, count: int = 20, **use: tuple[str, float, float]) -> Path:
    at = datetime(2026, 11, 1).timestamp()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("time", "instance", "cpu_percent", "memory_percent"))
        for n in range(count):
            for name, (_, cpu, memory) in (use or USE).items():
                writer.writerow((f"{at + 300 * n:.0f}", name, cpu, memory))
    return path


def test_usage_tells_quota_reserved_used_and_measured(workspace: Path, tmp_path: Path, cli: Cli) -> None:
    with open_ledger(open_workspace(str(workspace))).write() as connection:
        requests.hold(connection, "more", [Held("more", "instance", "new", "project/p:vcpus", 8.0)], 1.0)
    samples = sampled(tmp_path / "use.csv")
    done = cli("capacity", "usage", "--by", "project", "--samples", samples, "--json", cwd=workspace)
    assert done.code == 0, done
    assert set(done.json) == set(keys_of("capacity usage"))
    lines = {(one["subject"], one["measure"]): one for one in done.json["lines"]}
    assert all(set(one) == keys_of("capacity usage")["lines"] for one in lines.values())
    vcpus = lines["project/p", "vcpus"]
    # idle and odd have 8 each, busy, good and silent 2 each.
    assert (vcpus["quota"], vcpus["used"], vcpus["reserved"], vcpus["free"]) == (40, 22, 8, 10)
    assert vcpus["measured"] == pytest.approx(8 * 0.01 + 8 * 0.01 + 2 * 0.97 + 2 * 0.5, abs=0.001)
    assert lines["project/q", "vcpus"]["quota"] is None
    by_unit = cli("capacity", "usage", "--by", "unit", "--json", cwd=workspace).json["lines"]
    assert {one["subject"] for one in by_unit} == {"unit/bureau", "unit/office"}
    for by in ("cloud", "site"):
        found = {
            one["measure"]: one
            for one in cli("capacity", "usage", "--by", by, "--json", cwd=workspace).json["lines"]
        }
        assert (found["vcpus"]["quota"], found["vcpus"]["used"]) == (100, 30)
    text = cli("capacity", "usage", "--by", "project", cwd=workspace)
    assert "███████████▒▒▒▒····· 75%" in text.out, text


def test_review_says_who_is_what_and_what_it_saves(workspace: Path, tmp_path: Path, cli: Cli) -> None:
    done = cli("capacity", "review", "--samples", sampled(tmp_path / "use.csv"), "--json", cwd=workspace)
    assert done.code == 3, done
    assert set(done.json) == set(keys_of("capacity review"))
    assert set(done.json["instances"][0]) == keys_of("capacity review")["instances"]
    found = {one["instance"]: one for one in done.json["instances"]}
    assert {name: (one["verdict"], one["fits"]) for name, one in found.items()} == {
        "idle": ("idle", ""),
        # 8 vCPU of which a fifth, and 3.2 of 32 GiB, each with 30 % on top: 2.1 vCPU, 4.2 GiB.
        "wide": ("oversized", "medium"),
        "busy": ("overloaded", "medium"),
        "good": ("fine", ""),
        # Its memory is in use, and no flavor has less of the rest.
        "odd": ("fine", ""),
        "silent": ("unmeasured", ""),
    }
    assert found["idle"]["saving"] == {
        "vcpus": 8,
        "memory_gib": 32,
        "disk_gib": 200,
        "price": 8 * 100 + 3276.8,
    }
    assert found["busy"]["saving"]["vcpus"] == -2
    assert done.json["saving"]["vcpus"] == 8 + 4 - 2


def test_too_few_samples_are_told_and_nothing_is_guessed(workspace: Path, tmp_path: Path, cli: Cli) -> None:
    few = sampled(tmp_path / "few.csv", 9)
    done = cli("capacity", "review", "--samples", few, "--json", cwd=workspace)
    assert done.code == 0, done
    verdicts = {one["instance"]: (one["verdict"], one["why"]) for one in done.json["instances"]}
    assert verdicts["idle"] == ("unclear", "9 samples, 10 are needed")
    done = cli("capacity", "review", "--samples", few, "--record", "inspections.csv", cwd=workspace)
    assert done.code == 2 and "samples enough" in done.err


@pytest.mark.parametrize("name", ["inspections-2026-11.csv", "seen.yaml"])
def test_what_is_recorded_is_evidence_that_the_rules_read(
    workspace: Path, tmp_path: Path, cli: Cli, name: str
) -> None:
    before = cli("check", "--rule", "C-07", "--rule", "C-08", "--json", cwd=workspace).json["findings"]
    # Nobody has looked at either project yet.
    assert {one["entry"] for one in before} == {"project/p", "project/q"}
    samples = sampled(tmp_path / "use.csv")
    done = cli("capacity", "review", "--samples", samples, "--record", name, cwd=workspace)
    assert done.code == 3 and "5 inspections written" in done.out, done
    assert cli("capacity", "review", "--samples", samples, "--record", name, cwd=workspace).code == 2
    found = cli("check", "--rule", "C-07", "--rule", "C-08", "--json", cwd=workspace).json["findings"]
    # What has no sample is still unseen; what is used too little or too much is told by its mean.
    assert ("C-07", "project/p") in {(one["rule"], one["entry"]) for one in found}
    assert {one["entry"] for one in found if one["rule"] == "C-08"} == {"instance/idle", "instance/busy"}
    assert ("C-07", "project/q") not in {(one["rule"], one["entry"]) for one in found}
    outside = cli("capacity", "review", "--samples", samples, "--record", tmp_path / "x.yaml", cwd=workspace)
    assert outside.code == 2 and "not in the workspace" in outside.err


def test_tune_makes_a_request_for_each_unit(workspace: Path, tmp_path: Path, cli: Cli) -> None:
    samples = sampled(tmp_path / "use.csv")
    done = cli("capacity", "tune", "--samples", samples, "--json", cwd=workspace)
    assert done.code == 0, done
    assert set(done.json) == set(keys_of("capacity tune"))
    made = {one["unit"]: one for one in done.json["requests"]}
    assert all(set(one) == keys_of("capacity tune")["requests"] for one in made.values())
    assert made["bureau"]["instances"] == ["busy", "idle"] and made["office"]["instances"] == ["wide"]
    form = yaml.safe_load((workspace / made["bureau"]["file"]).read_text())
    assert (form["unit"], form["applicant"]) == ("bureau", "li")
    assert "retires" not in form and "entries" not in form
    stopped = {"status": "retired", "stopped": True}
    assert form["changes"] == {"instances": {"busy": {"flavor": "medium"}, "idle": stopped}}
    again = cli("capacity", "tune", "--samples", samples, cwd=workspace)
    assert again.code == 2 and "is there already" in again.err


def test_what_does_not_fit_is_not_asked_for(workspace: Path, tmp_path: Path, cli: Cli) -> None:
    """Every server is as small as what it carries."""
    base = yaml.safe_load((workspace / "base.yaml").read_text())
    for server in base["servers"].values():
        server |= {"cores": 5, "memory_gib": 80}
    base["instances"] = {
        "busy": base["instances"]["busy"],
        "other": base["instances"]["odd"] | {"server": "h1"},
    }
    base["instances"] |= {"third": base["instances"]["other"], "fourth": base["instances"]["busy"]}
    base["servers"] = {"h1": base["servers"]["h1"]}
    (workspace / "base.yaml").write_text(yaml.safe_dump(base))
    assert cli("apply", "--yes", cwd=workspace).code == 0
    samples = sampled(tmp_path / "use.csv", 20, busy=("small", 99, 40), other=("large", 50, 60))
    done = cli("capacity", "tune", "--samples", samples, cwd=workspace)
    assert done.code == 0, done
    assert "not asked for: busy" in done.out and "no server of its cloud has room for a medium" in done.out
    assert not (workspace / "requests").exists()


def test_place_tells_where_and_what_clashes(workspace: Path, cli: Cli) -> None:
    done = cli("capacity", "place", cwd=workspace)
    assert done.code == 0 and "no instance waits" in done.out, done
    base = yaml.safe_load((workspace / "base.yaml").read_text())
    common = base["instances"]["good"] | {"server": ""}
    base["instances"] |= {"n1": common, "n2": common | {"flavor": "huge"}}
    base["flavors"]["huge"] = {"vcpus": 400, "memory_mib": 1024}
    (workspace / "base.yaml").write_text(yaml.safe_dump(base))
    done = cli("capacity", "place", "--files", "--seed", "7", "--json", cwd=workspace)
    assert done.code == 3, done
    assert set(done.json) == set(keys_of("capacity place"))
    assert set(done.json["clouds"][0]) == keys_of("capacity place")["clouds"]
    assert set(done.json["clashes"][0]) == keys_of("capacity place")["clashes"]
    assert done.json["where"].keys() == {"n1"} and done.json["left"] == ["n2"]
    assert done.json["clashes"][0]["constraints"] == ["vcpu"]
    text = cli("capacity", "place", "--files", cwd=workspace)
    assert "n2 cannot stand in cloud sky: 400 vCPU needed" in text.out, text


def test_a_form_is_placed_before_it_is_submitted(workspace: Path, cli: Cli) -> None:
    one = {"project": "p", "flavor": "small", "image": "linux", "network": "app"}
    form = {"name": "ask", "unit": "bureau", "applicant": "li", "reason": "x"}
    form |= {"entries": {"instances": {"ask-1": one, "ask-2": one | {"apart_from": ["ask-1"]}}}}
    (workspace / "requests").mkdir()
    (workspace / "requests" / "ask.yaml").write_text(yaml.safe_dump(form))
    done = cli("capacity", "place", "requests/ask.yaml", "--json", cwd=workspace)
    assert done.code == 0, done
    assert len(set(done.json["where"].values())) == 2 and set(done.json["where"]) == {"ask-1", "ask-2"}
    # Whoever says the server itself is no less within its room, by request or by file.
    many = {f"ask-{n}": one | {"flavor": "large", "server": "h1"} for n in range(2)}
    form |= {"entries": {"instances": many}}
    (workspace / "requests" / "ask.yaml").write_text(yaml.safe_dump(form))
    assert cli("capacity", "place", "requests/ask.yaml", cwd=workspace).code == 3
    done = cli("request", "submit", "requests/ask.yaml", cwd=workspace)
    assert done.code == 4 and "server-room" in done.err and "server/h1" in done.err, done


def test_rebalance_proposes_moves(workspace: Path, cli: Cli) -> None:
    done = cli("capacity", "place", "--rebalance", "--json", cwd=workspace)
    assert done.code == 0, done
    assert set(done.json) == set(keys_of("capacity place --rebalance"))
    assert set(done.json["moves"][0]) == keys_of("capacity place --rebalance")["moves"]
    assert all(one["use_after"] < one["use_before"] for one in done.json["moves"])


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["place", "x.yaml", "--request", "y"], "one of both"),
        (["place", "--files", "--request", "y"], "--files goes with neither"),
        (["place", "--rebalance", "--request", "y"], "--rebalance is about what stands"),
        (["place", "--request", "y"], "there is no request 'y'"),
        (["place", "none.yaml"], "none.yaml"),
        (["review"], "nothing to look at"),
        (["usage", "--period", "3"], "--period is of samples"),
        (["usage", "--samples", "none.csv"], "No such file"),
        (["usage", "--samples", "x", "--prometheus", "http://x"], "one of both"),
        (["usage", "--prometheus", "gopher://x"], "no address of a web service"),
    ],
)
def test_what_does_not_go_together_is_told(recorded: Path, cli: Cli, typed: list[str], words: str) -> None:
    done = cli("capacity", *typed, cwd=recorded)
    assert done.code == 2 and words in done.err, done


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def test_a_token_comes_from_a_secret_and_goes_only_into_the_question(
    workspace: Path, cli: Cli, server: Server
) -> None:
    base = yaml.safe_load((workspace / "base.yaml").read_text())
    base["secrets"] = {"watch": {"origin": "file", "path": "watch.token"}}
    base["profiles"]["capacity-review"]["values"] |= {"token": "watch", "address": server.url, "step_s": 3600}
    base["instances"]["a"] = base["instances"]["good"]
    (workspace / "base.yaml").write_text(yaml.safe_dump(base))
    assert cli("apply", "--yes", cwd=workspace).code == 0
    (workspace / "watch.token").write_text("hunter2-of-the-watch\n")
    (workspace / "watch.token").chmod(0o600)
    done = cli("capacity", "review", "--prometheus", server.url, "--period", "2", "--json", cwd=workspace)
    assert done.code in (0, 3), done
    assert {one["token"] for one in server.asked} == {"Bearer hunter2-of-the-watch"}
    assert {one["instance"]: one["verdict"] for one in done.json["instances"]}["a"] != "unmeasured"
    assert "hunter2" not in done.out + done.err
    rows = cli("audit", "log", "--action", "samples asked for", "--json", cwd=workspace).json
    assert [row["data"]["secret"] for row in rows] == ["watch"]
    # Another address gets the question without it.
    other = Server()
    try:
        cli("capacity", "review", "--prometheus", other.url, "--period", "1", cwd=workspace)
        assert {one["token"] for one in other.asked} == {None}
    finally:
        other.close()
    server.answer = lambda _: (403, b"not with hunter2-of-the-watch")
    done = cli("capacity", "review", "--prometheus", server.url, cwd=workspace)
    assert done.code == 1 and "hunter2" not in done.err and "HTTP 403" in done.err, done
    (workspace / "watch.token").chmod(0o644)
    done = cli("capacity", "review", "--prometheus", server.url, cwd=workspace)
    assert done.code == 1 and "secret/watch" in done.err, done


def test_what_is_classified_takes_room_and_is_not_named(tmp_path: Path, cli: Cli) -> None:
    """Whoever may not read of it learns neither where it stands, nor how it is used, nor what it clashes
    with."""
    apps = {"archive": {"unit": "bureau", "classified": True, "spread": "server", "mlps": 3}}
    secret = {"application": "archive"}
    tables = sky(
        {"vault-1": secret, "vault-2": secret, "vault-3": secret, "vault-4": secret, "plain": {}},
        applications=apps,
        persons={
            "boss": {"unit": "bureau", "duty": "principal", "token_digest": token_digest("boss-secret")},
            "clerk": {"unit": "office", "duty": "staff", "token_digest": token_digest("clerk-secret")},
        },
        roles={
            "all": {"persons": ["boss"], "permissions": ["administer", "apply", "plan", "read_classified"]}
        },
    )
    root = write(tmp_path / "ws", tables)
    boss, clerk = {"GOVCLOUD_TOKEN": "boss-secret"}, {"GOVCLOUD_TOKEN": "clerk-secret"}
    done = cli("apply", "--yes", cwd=root)
    assert done.code == 0, done
    assert "vault-4 cannot stand" in cli("capacity", "place", cwd=root, env=boss).out
    use = sampled(tmp_path / "use.csv", 300, **{"vault-1": ("small", 1, 1), "plain": ("small", 50, 50)})
    for typed in (
        ["place"],
        ["review", "--samples", use],
        ["tune", "--samples", use],
        ["place", "--rebalance"],
    ):
        done = cli("capacity", *typed, "--json", cwd=root, env=clerk)
        assert done.code in (0, 3), done
        assert "vault" not in done.out + done.err and "archive" not in done.out + done.err, done
    told = cli("capacity", "place", cwd=root, env=clerk)
    assert "(classified)" in told.out and "vault" not in told.out and "archive" not in told.out
