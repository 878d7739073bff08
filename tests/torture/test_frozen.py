"""A process that sleeps longer than its lease lasts: another takes its run over, and its token is stale."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from store_province import ENVIRONMENT, Province, province

from govcloud.model.resources import Identity
from govcloud.provider.drivers import StaleFence

from .commands import Begin, Begun
from .killing import is_engine, until

Cli = Callable[..., Any]


def family(command: Begun) -> list[psutil.Process]:
    """The command, its engine and its provider."""
    here = psutil.Process(command.pid)
    return [here, *here.children(recursive=True)]


def freeze(processes: list[psutil.Process]) -> None:
    for one in processes:
        one.send_signal(signal.SIGSTOP)


def wake(processes: list[psutil.Process]) -> None:
    for one in processes:
        if one.is_running():
            one.send_signal(signal.SIGCONT)


def let_time_pass(place: Province) -> None:
    """The lease's time is over, and nobody need wait for it."""
    with sqlite3.connect(place.private / "ledger.db") as connection:
        connection.execute("update lease set expires = 0 where name = 'run'")


def in_the_middle(place: Province, command: Begun) -> list[psutil.Process]:
    """Asleep in the middle of building, engine and all."""
    assert until(lambda: bool(place.objects()), 60), command.words()
    sleeping = family(command)
    assert any(is_engine(one) for one in sleeping)
    freeze(sleeping)
    return sleeping


def whole(cli: Cli, place: Province) -> None:
    assert set(place.objects()) == place.wanted()
    assert until(lambda: not place.processes(), 15)
    assert place.locks() == []
    assert place.ledger("select holder from lease where holder <> ''") == []
    for command in (["plan", "--detailed-exitcode"], ["drift"], ["audit", "verify"]):
        told = cli(*command)
        assert told.code == 0, told


def take_over(cli: Cli, place: Province) -> str:
    """What somebody does who finds the run silent: the words of the program lead there."""
    held = cli("apply", "--yes")
    assert held.code == 5 and "run is held by process" in held.err, held
    let_time_pass(place)
    place.node("r9").write()  # or there is nothing to apply beside the run
    refused = cli("apply", "--yes")
    assert refused.code == 5, refused
    run: str = cli("runs", "list", "--json").json[0]["id"]
    assert f"`govcloud runs resume {run}` goes on with it" in refused.err
    del place.tables["nodes"]["r9"]
    place.write()
    resumed = cli("runs", "resume", run)
    assert resumed.code == 0, resumed
    return run


def test_who_wakes_writes_nothing_to_the_ledger(cli: Cli, begin: Begin, tmp_path: Path) -> None:
    """On the same machine its engine is ended by who takes over; the command finds its lease lost."""
    place = province(tmp_path, nodes=5).slow(400).write()
    command = begin("apply", "--yes")
    sleeping = in_the_middle(place, command)
    run = take_over(cli, place)
    before = place.ledger("select * from stage order by id")
    wake(sleeping)
    assert command.wait() == 5, command.words()
    assert re.search(r"the lease of run was taken over \(token [2-9], ours is 1\)", command.words())
    assert f"`govcloud runs show {run}`" in command.words()
    assert "Traceback" not in command.words()
    assert place.ledger("select * from stage order by id") == before
    whole(cli, place)


def test_who_wakes_builds_nothing_any_more(cli: Cli, begin: Begin, tmp_path: Path) -> None:
    """As if on another machine, where nobody can end its engine: the driver refuses its token."""
    place = province(tmp_path, nodes=5).slow(400).write()
    command = begin("apply", "--yes")
    sleeping = in_the_middle(place, command)
    for lock in place.locks():
        if lock.suffix == ".json":
            lock.write_text(json.dumps(json.loads(lock.read_text()) | {"hostname": "elsewhere"}))
    take_over(cli, place)
    place.link("r1", "r5")
    changed = cli("apply", "--yes", cwd=place.write().root)
    assert changed.code == 0, changed
    before = place.rows()
    wake(sleeping)
    assert command.wait() == 5, command.words()
    assert "the lease of run was taken over" in command.words()
    assert until(lambda: not place.processes(), 30)
    assert sorted(map(repr, place.rows())) == sorted(map(repr, before))
    # Nor may anybody else with that token.
    identity = Identity(ENVIRONMENT, "f" * 16, 1)
    with pytest.raises(StaleFence, match="the fencing token 1 is older than"):
        place.driver().create("Node", identity, {"name": "late", "role": "core"}, 1)
    # The engine that woke has written an old state: what comes next is right all the same.
    del place.tables["links"]["r1-r5"]
    last = cli("apply", "--yes", cwd=place.write().root)
    assert last.code == 0, last
    whole(cli, place)
