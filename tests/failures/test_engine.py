"""Failures of the engine, of the programs it runs, and of what it builds at: told, cured, gone on with."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from failing import goes_on, read, sentence
from store_province import ENVIRONMENT, Province, province

from govcloud.ledger.entries import uid_for
from govcloud.model.resources import Identity

Cli = Callable[..., Any]
GOVCLOUD = Path(sys.executable).with_name("govcloud")
PROGRAMS = Path(__file__).parents[2] / "stacks"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Province]:
    """Two routers and the line between them; nobody is left at work when the test ends."""
    made = province(tmp_path, nodes=2)
    yield made
    for process in made.processes():
        process.kill()


def own_programs(place: Province, network: str) -> Path:
    """A site's own stack programs, with this one for the network."""
    own = place.root / "stacks"
    shutil.copytree(PROGRAMS, own)
    (own / "network.py").write_text(network)
    return own / "network.py"


def mended(program: Path) -> None:
    shutil.copy(PROGRAMS / program.name, program)


def test_an_exception_in_a_stack_program(cli: Cli, place: Province) -> None:
    """Its file and line, its own words; and a new plan, for the run keeps the program that was wrong."""
    program = own_programs(place.write(), "def program(slice):\n    raise ValueError('no such line card')\n")
    failure = read(cli("apply", "--yes", cwd=place.root))
    assert failure.stage == "stack:network-1"
    assert failure.words == "stacks/network.py:2: ValueError: no such line card"
    assert failure.not_done == ("link/r1-r2", "node/r1", "node/r2")
    assert "mend stacks/network.py" in failure.hint
    assert failure.next == "govcloud apply"
    run = cli("runs", "list", "--json", cwd=place.root).json[0]["id"]
    shown = cli("runs", "show", run, cwd=place.root)
    assert "next: govcloud apply" in shown.out and "runs cancel" in shown.out, shown
    assert "runs resume" not in shown.out, shown
    mended(program)
    goes_on(cli, place, failure)


def test_a_stack_program_with_a_syntax_error(cli: Cli, place: Province) -> None:
    """As any compiler would say it."""
    program = own_programs(place.write(), "def program(slice)\n    pass\n")
    failure = read(cli("apply", "--yes", cwd=place.root))
    assert failure.words == "stacks/network.py:1: expected ':'"
    assert failure.not_done == ("link/r1-r2", "node/r1", "node/r2")
    assert "mend stacks/network.py" in failure.hint
    mended(program)
    goes_on(cli, place, failure)


def test_no_engine(cli: Cli, place: Province) -> None:
    """Told before anything is recorded."""
    place.write()
    bare = {"XDG_CACHE_HOME": str(place.root / "nothing"), "PATH": "/usr/bin:/bin"}
    error, hint = sentence(cli("apply", "--yes", cwd=place.root, env=bare), 1)
    assert error == "the Pulumi engine is not there; nothing was done"
    assert "`python -m govcloud.engine` builds it" in hint
    assert cli("runs", "list", "--json", cwd=place.root).json == []


def test_a_state_that_cannot_be_read(cli: Cli, place: Province) -> None:
    """Half a file, as a full disk or a bad copy leaves it."""
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    state = next((place.private / "state").rglob("stacks/**/*network-1.json"))
    state.write_text(state.read_text()[:200])
    failure = read(cli("apply", "--yes", cwd=place.node("r3").write().root))
    assert "failed to load checkpoint" in failure.words
    assert failure.not_done == ("node/r3",)
    assert "`govcloud state rebuild`" in failure.hint and "then `govcloud apply`" in failure.hint
    assert failure.next == "govcloud apply"
    births = {name: row.birth for name, row in place.objects().items()}
    half = state.read_text()
    told = cli("state", "check", cwd=place.root)
    assert told.code == 3 and "network-1: its state cannot be read" in told.out, told
    assert state.read_text() == half
    rebuilt = cli("state", "rebuild", "--yes", cwd=place.root)
    assert rebuilt.code == 0, rebuilt
    aside = state.with_name(f"{state.name}.unreadable-1")
    assert aside.name in rebuilt.err and aside.read_text() == half
    assert cli("state", "check", cwd=place.root).code == 0
    goes_on(cli, place, failure)
    assert {name: place.objects()[name].birth for name in births} == births


def test_another_passphrase(cli: Cli, place: Province) -> None:
    """The right one, and the run goes on."""
    secret = "PULUMI_CONFIG_PASSPHRASE"
    assert cli("apply", "--yes", cwd=place.write().root, env={secret: "right"}).code == 0
    failure = read(cli("apply", "--yes", cwd=place.node("r3").write().root, env={secret: "wrong"}))
    assert "incorrect passphrase" in failure.words
    assert "encrypted with another passphrase" in failure.hint
    assert failure.not_done == ("node/r3",)
    again = cli(*failure.next.split()[1:], cwd=place.root, env={secret: "right"})
    assert again.code == 0, again
    assert set(place.objects()) == place.wanted()


def _kill_during(
    place: Province, wanted: Callable[[psutil.Process], bool], *, when: Callable[[], Any]
) -> Any:
    """Begin `apply`, kill -9 the child of it that is wanted at a moment, and return how it ended."""

    class Ended:
        code, out, err = 0, "", ""

    process = subprocess.Popen(
        [str(GOVCLOUD), "apply", "--yes"],
        cwd=place.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not when():
        assert process.poll() is None and time.monotonic() < end, "the moment never came"
        time.sleep(0.05)
    for child in psutil.Process(process.pid).children(recursive=True):
        if wanted(child):
            os.kill(child.pid, signal.SIGKILL)
            break
    else:
        raise AssertionError("there is no such child")
    Ended.out, Ended.err = process.communicate(timeout=120)
    Ended.code = process.returncode
    assert "Warning" not in Ended.err
    return Ended


def test_the_engine_is_killed(cli: Cli, place: Province) -> None:
    """Lack of memory kills the largest; what is there is known, and the rest is made by `resume`."""
    place.slow(1500).write()
    ended = _kill_during(place, lambda p: p.name() == "pulumi" and "up" in p.cmdline(), when=place.objects)
    failure = read(ended)
    assert failure.words == "the engine ended by signal 9 (SIGKILL)"
    assert "link/r1-r2" in failure.not_done
    assert "taken up again: resume" in failure.hint
    goes_on(cli, place.slow(0), failure)


def test_the_provider_is_killed(cli: Cli, place: Province) -> None:
    """The process that talks to the target: likewise."""
    place.slow(1500).write()
    ended = _kill_during(
        place,
        lambda p: any("pulumi-resource-govcloud" in word for word in p.cmdline()),
        when=place.objects,
    )
    failure = read(ended)
    assert failure.stage == "stack:network-1"
    assert "link/r1-r2" in failure.not_done
    assert "ended in the middle" in failure.hint
    goes_on(cli, place.slow(0), failure)


def test_something_to_stand_on_was_removed_by_hand(cli: Cli, place: Province) -> None:
    """What is missing is named; `drift` takes note, and a new plan builds both."""
    assert cli("apply", "--yes", cwd=place.edge().write().root).code == 0
    place.remove("Network/app")
    place.remove("Instance/vm")
    place.tables["instances"]["vm2"] = dict(place.tables["instances"]["vm"])
    failure = read(cli("apply", "--yes", cwd=place.write().root))
    assert failure.stage == "stack:cloud-1"
    assert "instance/vm2: " in failure.words and "is not there" in failure.words
    assert failure.not_done == ("instance/vm2",)
    assert "`govcloud drift`" in failure.hint
    assert cli("drift", cwd=place.root).code == 3
    goes_on(cli, place, failure)


def test_a_file_of_objects_that_is_none(cli: Cli, place: Province) -> None:
    """The target's own words, with its place."""
    place.write().private.mkdir()
    place.store.write_text("not a database, but long enough to be looked at as one")
    failure = read(cli("apply", "--yes", cwd=place.root))
    # At the first failure the engine begins nothing more, so one of them is told or both.
    assert f": {place.store}: file is not a database" in failure.words
    assert failure.words.startswith("node/r")
    assert "put back a copy" in failure.hint
    place.store.unlink()
    goes_on(cli, place, failure)


def test_a_quota_that_is_used_up(cli: Cli, place: Province) -> None:
    """What got in and what did not; the quota is raised in the files, by a new plan."""
    target = place.tables["targets"]["shelf"]
    target["quota"] = 2
    failure = read(cli("apply", "--yes", cwd=place.write().root))
    assert failure.done == ("node/r1", "node/r2")
    assert failure.not_done == ("link/r1-r2",)
    assert failure.words == "link/r1-r2: the quota of 2 objects is used up: 2 are there"
    assert "raise its quota" in failure.hint
    target["quota"] = 3
    applied = cli("apply", "--yes", cwd=place.write().root)
    assert applied.code == 0, applied
    assert set(place.objects()) == place.wanted()


def test_an_identity_that_another_object_has(cli: Cli, place: Province) -> None:
    """Both are shown, and nothing of the stranger is touched."""
    obstacle = Identity(ENVIRONMENT, uid_for(ENVIRONMENT, "link", "r1-r2", 0), 1)
    place.write().driver().create("Node", obstacle, {"name": "stranger", "role": "core"}, 1)
    failure = read(cli("apply", "--yes", cwd=place.root))
    assert f"link/r1-r2: {obstacle.object_id} is a Node already" in failure.words
    assert "stranger" in failure.words and "asked for a Link" in failure.words
    assert "link/r1-r2" in failure.not_done
    place.driver().delete("Node", obstacle, place.fence())
    goes_on(cli, place, failure)
