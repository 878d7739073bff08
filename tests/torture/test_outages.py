"""The ledger's server goes away in the middle of a run: for a moment, or for longer than anybody waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from store_province import Province, province

from tests.postgres import Server

from .commands import Begin
from .killing import until

Cli = Callable[..., Any]


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of the test's own, to be stopped and started."""
    made = Server()
    try:
        yield made.start()
    finally:
        made.remove()


def chain(root: Path, server: Server, outage_s: float) -> Province:
    """Four routers in a chain, slow to build, with a policy how long a run waits for its ledger."""
    place = province(root, nodes=4, ledger=server.create("ledger")).slow(400)
    place.tables["profiles"] = {"running": {"values": {"outage_s": outage_s}}}
    place.write()
    place.tables["regions"]["there"] = {"level": "city", "parent": "here"}
    return place


def whole(cli: Cli, place: Province) -> None:
    assert set(place.objects()) == place.wanted()
    assert until(lambda: not place.processes(), 10)
    assert place.locks() == []
    for command in (["plan", "--detailed-exitcode"], ["drift"], ["audit", "verify"]):
        told = cli(*command)
        assert told.code == 0, told


def test_a_short_outage_is_waited_for(cli: Cli, begin: Begin, server: Server, tmp_path: Path) -> None:
    """The engine goes on meanwhile, and the run ends well without anybody doing anything."""
    place = chain(tmp_path, server, 120)
    assert cli("apply", "--yes").code == 0
    place.node("r5").link("r4", "r5").write()
    run = begin("apply", "--yes")
    before = len(place.objects())
    assert until(lambda: len(place.objects()) > before, 60)
    server.stop()
    # Until the engine has ended and the run has asked for its ledger in vain.
    assert until(lambda: "the run waits for it, for up to 120 s" in run.words(), 60)
    server.start()
    assert run.wait() == 0, run.words()
    assert "the ledger's server answers again" in run.words()
    whole(cli, place)


def test_a_long_outage_ends_the_run_in_order(cli: Cli, begin: Begin, server: Server, tmp_path: Path) -> None:
    """It says what happened, what is not lost, and what to type when the server is back."""
    place = chain(tmp_path, server, 2)
    assert cli("apply", "--yes").code == 0
    place.node("r5").link("r4", "r5").write()
    run = begin("apply", "--yes")
    before = len(place.objects())
    assert until(lambda: len(place.objects()) > before, 60)
    server.stop()
    assert run.wait() == 1, run.words()
    words = run.words()
    assert "the run waits for it, for up to 2 s" in words
    assert "error: the ledger's server " in words
    assert "see that it runs" in words or "try again" in words
    assert "Traceback" not in words
    server.start()
    (name,) = [r["id"] for r in cli("runs", "list", "--json").json if r["status"] == "running"]
    assert f"`govcloud runs resume {name}` goes on with it" in words
    births = {key: row.birth for key, row in place.objects().items()}
    resumed = cli("runs", "resume", name)
    assert resumed.code == 0, resumed
    assert {key: place.objects()[key].birth for key in births} == births
    whole(cli, place)


def test_a_policy_that_cannot_be_read_keeps_no_run_from_mending_it(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=2)
    place.tables["profiles"] = {"running": {"values": {"outage_s": "long"}}}
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    place.tables["profiles"]["running"]["values"]["outage_s"] = 5
    place.node("r3").write()
    mended = cli("apply", "--yes")
    assert mended.code == 0, mended
    assert "profile/running: `outage_s` should be 0 to 86400 seconds, not 'long'" in mended.out
    place.node("r4").write()
    assert "outage_s" not in cli("apply", "--yes").out


def test_who_waits_may_be_stopped(cli: Cli, begin: Begin, server: Server, tmp_path: Path) -> None:
    """Ctrl-C ends the waiting, too."""
    place = chain(tmp_path, server, 600)
    run = begin("apply", "--yes")
    assert until(lambda: bool(place.objects()), 60)
    server.stop()
    assert until(lambda: "the run waits for it" in run.words(), 60)
    began = time.monotonic()
    run.interrupt()
    assert run.wait() == 1, run.words()
    assert time.monotonic() - began < 100
    server.start()
    (name,) = [r["id"] for r in cli("runs", "list", "--json").json]
    assert cli("runs", "resume", name).code == 0
    whole(cli, place)
