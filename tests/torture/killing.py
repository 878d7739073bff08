"""Commands that are killed with signal 9 at chosen moments, and what of them is left on the machine.

The moments are seen from outside: the rows of the store's and the ledger's files, and the processes.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
from store_province import Province

GOVCLOUD = Path(sys.executable).with_name("govcloud")
# Seconds between two looks, and that an orphan may take to notice that it is one.
LOOK = 0.005
ORPHAN = 15.0
LONGEST = 240.0

VICTIMS = ("command", "engine", "provider", "all")
ENGINE, PROVIDER = "pulumi", "pulumi-resource"


@dataclass(frozen=True)
class Moment:
    """When to kill, and whom. ``nth``: of what is counted; ``wait``: seconds after that."""

    kind: str
    nth: int
    wait: float
    victim: str

    def __str__(self) -> str:
        return f"kill {self.victim} at {self.kind} {self.nth} + {self.wait * 1000:.0f} ms"


def draw(luck: random.Random, victims: tuple[str, ...] = VICTIMS) -> Moment:
    """Some moment: by the clock, by what is built, by what is recorded, by what the engine does."""
    kind = luck.choice(["time", "object", "object", "engine begins", "engine ends", "stage", "audit"])
    if kind == "time":
        return Moment(kind, 0, luck.uniform(0, 3.5), luck.choice(victims))
    if kind == "object":
        return Moment(kind, _few(luck, 8), luck.uniform(0, 0.06), luck.choice(victims))
    if kind == "engine begins":
        return Moment(kind, _few(luck, 3), luck.uniform(0, 1.0), luck.choice(victims))
    if kind == "engine ends":
        # Between the engine's act and its record.
        return Moment(kind, _few(luck, 3), luck.choice([0, 0, 0.01]), "command")
    if kind == "stage":
        return Moment(kind, _few(luck, 4), luck.uniform(0, 0.03), luck.choice(victims))
    # Between a commit and the head that signs it.
    return Moment(kind, _few(luck, 4), luck.choice([0, 0, 0.005]), "command")


def _few(luck: random.Random, most: int) -> int:
    """A number from 1 on, the lower the likelier: what a run does not come to is no kill."""
    return min(luck.randint(1, most), luck.randint(1, most))


@dataclass(frozen=True)
class Ended:
    """How a command ended: killed or by itself, with what exit code and words."""

    argv: tuple[str, ...]
    moment: Moment | None
    # Who was killed; empty where the command ended before.
    killed: str
    code: int
    words: str
    seconds: float

    def __str__(self) -> str:
        how = f"killed: {self.killed}" if self.killed else "not killed"
        when = f", {self.moment}, {how}" if self.moment else ""
        return f"govcloud {' '.join(self.argv)}{when}, exit {self.code}, {self.seconds:.1f} s"


def run(
    place: Province,
    *argv: str,
    moment: Moment | None = None,
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command in a session of its own, kill whom ``moment`` says when it says, and wait for the end."""
    began = time.monotonic()
    with (place.root / "words.txt").open("w+") as words:
        process = _begin(place, argv, words, env)
        try:
            killed = _kill(place, process, moment) if moment else ""
            process.wait(LONGEST)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        words.seek(0)
        seconds = time.monotonic() - began
        return Ended(argv, moment, killed, process.returncode, words.read(), seconds)


def _begin(
    place: Province, argv: tuple[str, ...], words: IO[str], env: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(GOVCLOUD), *argv],
        cwd=place.root,
        env=os.environ | dict(env or {}),
        stdin=subprocess.DEVNULL,
        stdout=words,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _kill(place: Province, process: subprocess.Popen[bytes], moment: Moment) -> str:
    """Wait for the moment and kill; the names of those killed, empty where it was over before."""
    here = psutil.Process(process.pid)
    if not _comes(place, here, moment):
        return ""
    end = time.monotonic() + moment.wait
    while time.monotonic() < end and process.poll() is None:
        time.sleep(min(LOOK, max(0.0, end - time.monotonic())))
    while process.poll() is None:
        victims = _victims(here, moment.victim)
        if victims:
            dead = [_struck(one) for one in victims]
            return " ".join(name for name in dead if name)
        time.sleep(LOOK)
    return ""


def _comes(place: Province, here: psutil.Process, moment: Moment) -> bool:
    """Wait until the moment is there; False where the command ended before."""
    if moment.kind == "time":
        return True
    with closing(_counter(place, here, moment.kind)) as counts:
        first = next(counts)
        for count in counts:
            if count - first >= moment.nth:
                return True
            if not _lives(here):
                return False
            time.sleep(LOOK)
    return False


def _counter(place: Province, here: psutil.Process, kind: str) -> Iterator[int]:
    """What is counted, again and again, from before the command has done anything."""
    if kind.startswith("engine"):
        yield from _engines(here, ended=kind.endswith("ends"))
    elif kind == "object":
        yield from _store_changes(place)
    else:
        query = {
            "stage": "select count(*) from stage where status = 'done'",
            "audit": "select max(seq) from audit",
        }[kind]
        while True:
            yield _asked(place.private / "ledger.db", query)


def _store_changes(place: Province) -> Iterator[int]:
    """How often the store's file was found to be another than at the look before."""
    count, last = 0, None
    query = "select group_concat(uid || incarnation || properties) from object"
    while True:
        now = _asked(place.store, query)
        count, last = count + (now != last), now
        yield count


def _asked(path: Path, query: str) -> int:
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.2)) as connection:
            row = connection.execute(query).fetchone()
    except sqlite3.Error:
        return 0  # the tables are just being made
    return row[0] or 0


def _engines(here: psutil.Process, *, ended: bool) -> Iterator[int]:
    """How many engines have begun, or ended, to bring a stack up under this process."""
    seen: set[int] = set()
    gone: set[int] = set()
    yield 0
    while True:
        try:
            live = {c.pid for c in here.children() if is_engine(c)}
        except psutil.Error:
            live = set()
        seen |= live
        gone = seen - live
        yield len(gone) if ended else len(seen)


def is_engine(process: psutil.Process) -> bool:
    """Whether it is the engine, bringing a stack up."""
    try:
        return process.name() == ENGINE and "up" in process.cmdline()
    except psutil.Error:
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _victims(here: psutil.Process, victim: str) -> list[psutil.Process]:
    if victim == "command":
        return [here]
    try:
        below = here.children(recursive=True)
        if victim == "all":
            return [here, *below]
        named = [(p, p.name()) for p in below]
    except psutil.Error:
        return []
    if victim == "engine":
        return [p for p, name in named if name == ENGINE][:1]
    # A script: its process is called after the interpreter, or after the script where that is cut off.
    return [p for p in below if _is_provider(p)][:1]


def _is_provider(process: psutil.Process) -> bool:
    try:
        return any(PROVIDER in word for word in process.cmdline()[:2])
    except psutil.Error:
        return False


def _struck(process: psutil.Process) -> str:
    try:
        name = process.name()
        process.send_signal(signal.SIGKILL)
        return name
    except psutil.Error:
        return ""


def until(what: Callable[[], bool], seconds: float) -> bool:
    """Wait for something to be so; whether it became so."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK)
    return True


def orphans(place: Province) -> list[str]:
    """Processes that still work for this workspace after ``ORPHAN`` seconds; nobody should."""
    if until(lambda: not place.processes(), ORPHAN):
        return []
    return [f"{p.pid} {' '.join(p.cmdline())}" for p in place.processes()]
