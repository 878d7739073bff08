"""Starting and ending a lab, whatever state the former one was left in."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import GovcloudError
from . import leftovers as remains
from . import process
from .client import LabClient, LabDown
from .places import MARK_VARIABLE, Places, places, read_record
from .preflight import first_problem
from .process import Process
from .protocol import LabError, raise_error

START_SECONDS = 30.0
END_SECONDS = 20.0


@dataclass
class Outcome:
    """What `up` or `down` did: whether anything changed, what was swept away, and the time taken."""

    changed: bool
    pid: int = 0
    delay: str = ""
    swept: list[str] = field(default_factory=list)
    milliseconds: float = 0.0


def up(root: Path | str, environment: str) -> Outcome:
    """Start the agent unless it runs. Sweeps what a crashed one left. Raises ``GovcloudError``."""
    begin = time.monotonic()
    where = places(root, environment)
    where.private.mkdir(mode=0o700, exist_ok=True)
    with _only_one(where):
        running = _answering(where)
        if running is not None:
            return running
        problem = first_problem()
        if problem is not None:
            raise GovcloudError(f"the lab cannot start: {problem.detail}", hint=problem.cure)
        swept = _sweep(where)
        _start(where)
        outcome = _answering(where)
        if outcome is None:
            raise GovcloudError("the lab's agent ended as soon as it had started", hint=_last_words(where))
    outcome.changed, outcome.swept = True, swept
    outcome.milliseconds = (time.monotonic() - begin) * 1000
    return outcome


def down(root: Path | str, environment: str) -> Outcome:
    """End the lab and leave nothing behind; works after any crash. Raises ``GovcloudError``."""
    begin = time.monotonic()
    where = places(root, environment)
    outcome = Outcome(changed=False)
    if not where.private.is_dir():
        return outcome
    with _only_one(where):
        record = read_record(where)
        if record is not None and record.current:
            for known in (record.agent, record.keeper):
                outcome.changed = outcome.changed or (known is not None and process.alive(known))
            outcome.pid = record.agent.pid
            if _ask_to_end(where):
                process.wait_gone(record.agent, END_SECONDS)
        outcome.swept = _sweep(where)
        outcome.changed = outcome.changed or bool(outcome.swept)
        left = remains.leftovers_of(where)
    if left:
        raise GovcloudError(f"the lab is down, but this is left: {'; '.join(left)}")
    outcome.milliseconds = (time.monotonic() - begin) * 1000
    return outcome


@contextmanager
def _only_one(where: Places) -> Iterator[None]:
    """One `up` or `down` of a workspace at a time; the lock is on the folder, so it leaves no file."""
    handle = os.open(where.private, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _answering(where: Places) -> Outcome | None:
    client = LabClient(where.root, where.environment, END_SECONDS)
    try:
        hello = client.hello()
    except LabDown:
        return None
    finally:
        client.close()
    return Outcome(changed=False, pid=hello["pid"], delay=hello["delay"])


def _ask_to_end(where: Places) -> bool:
    client = LabClient(where.root, where.environment, END_SECONDS)
    try:
        client.call("down")
    except LabError:
        return False  # it is gone, or does not understand: it will be ended by force
    finally:
        client.close()
    return True


def _start(where: Places) -> None:
    reading, writing = os.pipe()
    package = Path(__file__).absolute().parents[2]
    inherited = os.environ.get("PYTHONPATH", "")
    environment = {
        **os.environ,
        MARK_VARIABLE: where.mark,
        "PYTHONPATH": f"{package}{os.pathsep}{inherited}" if inherited else str(package),
    }
    log = os.open(where.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        command = [sys.executable, "-m", "govcloud.lab.agent", str(where.root), where.environment]
        starter = subprocess.Popen(
            [*command, str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd="/",
            pass_fds=(writing,),
            start_new_session=True,
        )
    finally:
        os.close(log)
        os.close(writing)
    try:
        starter.wait(START_SECONDS)
        said = b""
        while not said.endswith(b"\n"):
            if not select.select([reading], [], [], START_SECONDS)[0]:
                raise GovcloudError("the lab's agent did not come up in time", hint=_last_words(where))
            piece = os.read(reading, 1 << 16)
            if not piece:
                raise GovcloudError("the lab's agent could not start", hint=_last_words(where))
            said += piece
    finally:
        os.close(reading)
    raise_error(json.loads(said))


def _last_words(where: Places) -> str:
    """The last line of the agent's log."""
    try:
        lines = where.log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return f"its last words: {lines[-1]}" if lines else ""


def _sweep(where: Places) -> list[str]:
    """End what a former agent left and remove its files; tells what it did."""
    swept = []
    record = read_record(where)
    known = [record.agent, record.keeper] if record is not None and record.current else []
    for item in known:
        if item is not None and process.alive(item) and remains.is_ours(item, where.mark):
            _end(item)
            swept.append(f"ended process {item.pid}")
    # Everything with the lab's mark descends from it; this command and its parents are spared, for
    # they may run in a shell of the lab.
    spared = remains.ancestors(os.getpid())
    deadline = time.monotonic() + END_SECONDS
    for item in remains.marked(where.mark):
        if item.pid not in spared and process.alive(item):
            _end(item)
            swept.append(f"ended process {item.pid}")
        if time.monotonic() > deadline:
            break
    for path in (*remains.folders(where), *([record.directory] if record else [])):
        # The record is a file that people could write to: only a folder with the mark is removed.
        ours = path.name.startswith("govcloud-") and path.name.endswith(where.mark)
        if ours and path.is_dir() and not path.is_symlink() and path.lstat().st_uid == os.getuid():
            shutil.rmtree(path)
            swept.append(f"removed {path}")
    for path in (where.record, where.log):
        if path.exists():
            path.unlink()
            swept.append(f"removed {path.name}")
    return swept


def _end(item: Process) -> None:
    """End a process: asked first, then made to."""
    process.send(item, signal.SIGTERM)
    if not process.wait_gone(item, 2) and not process.end(item):
        raise GovcloudError(f"process {item.pid} of the lab does not end")
