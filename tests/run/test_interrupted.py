"""Runs that are killed, stopped, refused or obstructed, and how each comes to its end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from store_province import ENVIRONMENT, Province, province

from govcloud.ledger.entries import uid_for
from govcloud.model.resources import Identity

Cli = Callable[..., Any]
GOVCLOUD = Path(sys.executable).with_name("govcloud")
# Long enough for a kill to hit between the routers and the lines between them.
SLOW = 1500.0


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for something to be true, and return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not so within {seconds} s")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``start("apply", "--yes", cwd=…)`` begins a command; what is left of it ends with the test."""
    begun: list[subprocess.Popen[str]] = []

    def run(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(GOVCLOUD), *arguments],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield run
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    for orphan in Province(tmp_path).processes():
        orphan.kill()


def in_the_middle(place: Province) -> None:
    """Wait until the routers are there and the lines are not."""
    routers = {k for k in place.wanted() if k.startswith("Node/")}
    until(lambda: routers <= set(place.objects()))
    assert not [k for k in place.objects() if k.startswith("Link/")]


def is_whole(cli: Cli, place: Province) -> None:
    """Exactly what the files call for is there, nothing twice, nobody at work, and nothing left to do."""
    assert set(place.objects()) == place.wanted()
    assert place.locks() == []
    until(lambda: not place.processes(), 10)
    assert place.ledger("select holder from lease where name = 'run'") == [("",)]
    assert place.ledger("select count(*) from intent") == [(0,)]
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
    assert cli("drift", cwd=place.root).code == 0
    assert cli("audit", "verify", cwd=place.root).code == 0


def test_killed_in_the_middle_then_resumed(
    cli: Cli, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """kill -9 of the program alone; its engine must not go on, and `runs resume` ends the run."""
    place = province(tmp_path, nodes=4).slow(SLOW).write()
    process = start("apply", "--yes", cwd=place.root)
    in_the_middle(place)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    births = {k: r.birth for k, r in place.objects().items()}

    run = cli("runs", "list", "--json", cwd=place.root).json[0]
    assert run["status"] == "running"
    refused = cli("apply", "--yes", cwd=place.root)
    assert refused.code == 5, refused
    assert f"govcloud runs resume {run['id']}" in refused.err
    assert f"govcloud runs cancel {run['id']}" in refused.err

    resumed = cli("runs", "resume", run["id"], cwd=place.root)
    assert resumed.code == 0, resumed
    is_whole(cli, place)
    # What the dead run had made was adopted, not made again.
    assert {k: place.objects()[k].birth for k in births} == births
    shown = cli("runs", "show", run["id"][:15], "--json", cwd=place.root).json
    assert shown["run"]["status"] == "done"
    assert {s["status"] for s in shown["stages"]} == {"done"}
    assert [s["attempt"] for s in shown["stages"]] == [1, 2]
    over = cli("runs", "resume", run["id"], cwd=place.root)
    assert over.code == 2
    assert "nothing to go on with" in over.err


def test_killed_with_its_engine_then_cancelled_and_planned_anew(
    cli: Cli, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """What the dead run made and nobody wants any more is swept, though no stack's state knows it."""
    place = province(tmp_path, nodes=4).slow(SLOW).write()
    process = start("apply", "--yes", cwd=place.root)
    in_the_middle(place)
    everything = psutil.Process(process.pid).children(recursive=True)
    assert [p for p in everything if "pulumi" in p.name()]
    for one in [psutil.Process(process.pid), *everything]:
        one.kill()
    process.wait()
    assert "Node/r4" in place.objects()

    run = cli("runs", "list", "--json", cwd=place.root).json[0]["id"]
    cancelled = cli("runs", "cancel", run, "--json", cwd=place.root)
    assert cancelled.json["status"] == "cancelled"
    shown = cli("runs", "show", run, "--json", cwd=place.root).json
    assert not [s for s in shown["stages"] if s["status"] == "running"]
    again = cli("runs", "cancel", run, cwd=place.root)
    assert again.code == 2
    del place.tables["nodes"]["r4"], place.tables["links"]["r3-r4"]
    place.slow(0).write()
    result = cli("apply", "--yes", cwd=place.root)
    assert result.code == 0, result
    is_whole(cli, place)


def test_stopped_by_ctrl_c_then_resumed(
    cli: Cli, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    # More than the engine makes at once, so that some have not begun when the signal comes.
    place = province(tmp_path, nodes=20).slow(SLOW).write()
    process = start("apply", "--yes", cwd=place.root)
    until(place.objects)
    # A terminal sends it to the whole foreground group; the engine has a session of its own.
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "Traceback" not in said
    run = cli("runs", "list", "--json", cwd=place.root).json[0]
    assert run["status"] == "stopped"
    assert f"next: govcloud runs resume {run['id']}" in said
    made = len(place.objects())
    assert 0 < made < 39
    # The engine may end before it has told of the last ones; it never tells of one that is not there.
    told = re.search(r"stopped after (\d+) of 39 in network-1", said)
    assert told is not None, said
    assert 0 < int(told[1]) <= made
    assert "not done: link/" in said
    until(lambda: not place.processes(), 10)
    assert place.locks() == []
    resumed = cli("runs", "resume", run["id"], cwd=place.root)
    assert resumed.code == 0, resumed
    is_whole(cli, place)


def test_two_at_once(cli: Cli, start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """One wins; the other is refused with a sentence and changes nothing."""
    place = province(tmp_path, nodes=2).slow(SLOW).write()
    both = [start("apply", "--yes", cwd=place.root) for _ in range(2)]
    loser = until(lambda: next((p for p in both if p.poll() is not None), None))
    words = loser.communicate()[0]
    assert loser.returncode == 5, words
    assert "error: run is held by process" in words or "changed the ledger while" in words
    assert "Traceback" not in words
    # Nor may anybody cancel or resume what a live process carries.
    winner = next(p for p in both if p is not loser)
    run = cli("runs", "list", "--json", cwd=place.root).json[0]["id"]
    for command in ("cancel", "resume"):
        refused = cli("runs", command, run, cwd=place.root)
        assert refused.code == 5, refused
        assert f"process {winner.pid}" in refused.err
    said, _ = winner.communicate(timeout=120)
    assert winner.returncode == 0, said
    assert place.ledger("select status from run") == [("done",)]
    is_whole(cli, place)


def test_a_failure_is_told_and_resumed(cli: Cli, tmp_path: Path) -> None:
    """The stage, the resource, the driver's own words, what was not done; then on from there."""
    place = province(tmp_path, nodes=3).write()
    # Something else has the identity that the second line is going to have.
    obstacle = Identity(ENVIRONMENT, uid_for(ENVIRONMENT, "link", "r2-r3", 0), 1)
    place.driver().create("Node", obstacle, {"name": "in-the-way", "role": "core"}, 1)

    failed = cli("apply", "--yes", cwd=place.root)
    assert failed.code == 1, failed
    assert "stack:network-1: failed" in failed.out
    assert f"link/r2-r3: {obstacle.object_id} is a Node already" in failed.out
    # The other line is done or not: at the first failure the engine begins nothing more.
    assert re.search(r"^ +not done: (link/r1-r2, )?link/r2-r3$", failed.out, re.MULTILINE), failed
    assert "Traceback" not in failed.out
    run = cli("runs", "list", "--json", cwd=place.root).json[0]
    assert run["status"] == "failed"
    assert f"next: govcloud runs resume {run['id']}" in failed.out
    shown = cli("runs", "show", run["id"], cwd=place.root)
    assert "is a Node already" in shown.out
    detail = cli("runs", "show", run["id"], "--json", cwd=place.root).json["stages"][1]["detail"]
    assert detail["failed"] == ["link/r2-r3"]
    assert detail["not_done"][-1] == "link/r2-r3"
    assert "node/r3" in detail["done"]
    # What was done is known, and only the rest is left in a new plan.
    left = cli("plan", "--json", cwd=place.root).json
    assert [c["subject"] for s in left["stages"] for c in s["changes"]] == detail["not_done"]

    place.driver().delete("Node", obstacle, place.fence())
    resumed = cli("runs", "resume", run["id"], "--json", cwd=place.root)
    assert resumed.code == 0, resumed
    events = [json.loads(line) for line in resumed.out.splitlines()]
    assert [e["stage"] for e in events if e["event"] == "stage_started"] == ["stack:network-1"]
    is_whole(cli, place)
