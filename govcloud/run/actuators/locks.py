"""Locks that a dead run's engine left on a stack's state: taken away, after the engine itself.

Only who holds the lease of runs may do so. The engine's own ``cancel`` takes a lock away and lets its holder
live: one that is frozen, or waits for a slow target, would write its old state over the new one when it
comes to its end. And where a stack was just being made, ``cancel`` knows no such stack, and nothing can be
made because of the lock.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

# Seconds that a killed process may take to be gone.
GONE = 10.0
ENGINE = "pulumi"


class Lock(msgspec.Struct, frozen=True):
    """What the engine writes into a lock: who holds it, on which host."""

    pid: int
    hostname: str


def held_in_files(state: str, project: str, stack: str) -> list[Path]:
    """The lock files of a stack whose state is a folder (``file://…``); none where it is elsewhere."""
    if not state.startswith("file://"):
        return []
    root = Path(state.removeprefix("file://"))
    folder = root / ".pulumi" / "locks" / "organization" / project / stack
    return sorted(folder.glob("*.json"))


def take_away(files: list[Path]) -> None:
    """End the engines that hold these locks, where they are on this machine, and remove the locks."""
    for file in files:
        for process in _holders(file):
            _end(process)
        file.unlink(missing_ok=True)
        file.with_name(f"{file.name}.attrs").unlink(missing_ok=True)


def _holders(file: Path) -> Iterator[psutil.Process]:
    """The engine that wrote a lock, and what it started: its provider."""
    try:
        written = file.stat().st_mtime
        lock = msgspec.json.decode(file.read_bytes(), type=Lock)
        if lock.hostname != socket.gethostname():
            return
        process = psutil.Process(lock.pid)
        # A process id is used again; who began after the lock was written did not write it.
        if process.name() == ENGINE and process.create_time() <= written + 1:
            yield from process.children(recursive=True)
            yield process
    except (OSError, msgspec.DecodeError, msgspec.ValidationError, psutil.Error):
        return  # half written, or gone meanwhile


def _end(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return
    end = time.monotonic() + GONE
    while _lives(process) and time.monotonic() < end:
        time.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
