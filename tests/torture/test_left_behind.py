"""What a kill leaves behind, each in its smallest form: once it ended in something that nobody could undo."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from store_province import ENVIRONMENT, Province, province

from .commands import Begin, Begun
from .judging import states
from .killing import is_engine, until

Cli = Callable[..., Any]
SLOW = 700.0


def engine_of(command: Begun) -> psutil.Process:
    """The engine that a command has started, once it is there."""
    found: list[psutil.Process] = []

    def there() -> bool:
        found[:] = [c for c in psutil.Process(command.pid).children() if is_engine(c)]
        return bool(found)

    assert until(there, 30)
    return found[0]


def lock_of(place: Province, stack: str, pid: int) -> Path:
    """A lock as an engine leaves it that was killed."""
    folder = place.private / "state" / ".pulumi" / "locks" / "organization" / "govcloud"
    file = folder / f"{ENVIRONMENT}.{stack}" / "0a1b2c3d-0000-4000-8000-000000000000.json"
    file.parent.mkdir(parents=True)
    lock = {"pid": pid, "username": "root", "hostname": socket.gethostname()}
    file.write_text(json.dumps(lock | {"timestamp": "2026-01-01T00:00:00Z"}))
    return file


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_lock_on_a_stack_that_was_just_being_made(cli: Cli, tmp_path: Path) -> None:
    """The engine's own `cancel` knows no such stack, and could not be made because of the lock."""
    place = province(tmp_path, nodes=2).write()
    lock = lock_of(place, "network-1", dead_pid())
    applied = cli("apply", "--yes")
    assert applied.code == 0, applied
    assert not lock.exists()
    assert set(place.objects()) == place.wanted()


def test_a_lock_of_somebody_else_who_has_the_number_now(cli: Cli, tmp_path: Path) -> None:
    """The number in a lock is another process's by now; it is left alone."""
    place = province(tmp_path, nodes=2).write()
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        lock_of(place, "network-1", bystander.pid)
        assert cli("apply", "--yes").code == 0
        assert bystander.poll() is None
        assert place.locks() == []
    finally:
        bystander.kill()
        bystander.wait()


def test_an_engine_that_outlives_its_command_writes_nothing_any_more(
    cli: Cli, begin: Begin, tmp_path: Path
) -> None:
    """Frozen, or waiting for a slow target: its old state must not replace the new one when it comes to."""
    place = province(tmp_path, nodes=3).slow(SLOW).write()
    command = begin("apply", "--yes")
    engine = engine_of(command)
    assert until(lambda: bool(place.objects()), 30)
    engine.send_signal(signal.SIGSTOP)
    command.kill()
    place.slow(0).write()
    run = cli("runs", "list", "--json").json[0]["id"]
    resumed = cli("runs", "resume", run)
    assert resumed.code == 0, resumed
    assert not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE
    assert set(place.objects()) == place.wanted()
    assert until(lambda: not place.processes(), 10)
    file = place.private / "state/.pulumi/stacks/govcloud" / f"{ENVIRONMENT}.network-1.json"
    before = file.read_bytes()
    time.sleep(0.5)
    assert file.read_bytes() == before
    assert before.count(b'"type":"govcloud:index:') == len(place.wanted())
    assert place.locks() == []


def test_what_a_killed_engine_told_and_did_not_write_is_looked_at_again(
    cli: Cli, begin: Begin, tmp_path: Path
) -> None:
    """All was told, so the ledger had it as built; the state had not, and nobody went there again."""
    place = province(tmp_path, nodes=2).write()
    assert cli("apply", "--yes").code == 0
    place.node("r3").write()
    command = begin("apply", "--yes")
    engine = engine_of(command)
    assert until(lambda: "Node/r3" in place.objects(), 60)
    # It has told, and writes its state in the next moment.
    time.sleep(0.03)
    engine.kill()
    if command.wait():
        assert cli("runs", "cancel", cli("runs", "list", "--json").json[0]["id"]).code == 0
    applied = cli("apply", "--yes")
    assert applied.code == 0, applied
    assert set(place.objects()) == place.wanted()
    assert place.locks() == []
    assert place.ledger("select object from intent") == []
    assert states(place)["network-1"] == sorted(row.object_id for row in place.rows())
