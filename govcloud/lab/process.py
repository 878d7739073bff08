"""Processes known by id and start time, so that a reused id is never mistaken for the one meant."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Process:
    """A process: its id in the host's pid namespace, and its start in clock ticks since boot."""

    pid: int
    start: int

    def __str__(self) -> str:
        return f"{self.pid}:{self.start}"


def boot_id() -> str:
    """The id of this boot; start times mean something only within one."""
    return BOOT_ID.read_text().strip()


def identify(pid: int) -> Process | None:
    """The running process of that id; None when there is none, or only a zombie."""
    fields = _stat(pid)
    if fields is None or fields[0] in ("Z", "X"):
        return None
    return Process(pid, int(fields[19]))


def alive(process: Process) -> bool:
    """Whether exactly that process still runs (a zombie does not)."""
    return identify(process.pid) == process


def parent(pid: int) -> int:
    """The id of the parent, 0 when the process is gone."""
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (OSError, ValueError):
        return None
    # The command's name is in brackets and may hold brackets and spaces itself.
    return text.rpartition(")")[2].split()


def send(process: Process, number: signal.Signals) -> bool:
    """Send a signal to exactly that process; False when it is gone.

    Raises ``PermissionError`` when it belongs to somebody else.
    """
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        # The handle pins the process, so nothing can slip in between this check and the signal.
        if identify(process.pid) != process:
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def wait_gone(process: Process, seconds: float) -> bool:
    """Wait until it has ended; False when it still runs after ``seconds``."""
    deadline = time.monotonic() + seconds
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        if not alive(process):
            return True
        poller = select.poll()
        poller.register(handle, select.POLLIN)
        while alive(process):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            poller.poll(min(left, 0.5) * 1000)
    finally:
        os.close(handle)
    return True


def end(process: Process, seconds: float = 5.0) -> bool:
    """Kill it and wait; True when it is gone. Raises ``PermissionError``."""
    send(process, signal.SIGKILL)
    return wait_gone(process, seconds)


def pids() -> Iterator[int]:
    """The ids of all processes that /proc shows."""
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit():
                yield int(entry.name)


def namespace(pid: int, kind: str) -> str:
    """The namespace of a process as the kernel names it (``net:[4026531840]``), empty if unreadable."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")  # noqa: PTH115 - called thousands of times
    except OSError:
        return ""


def processes_by_namespace() -> dict[str, int]:
    """How many processes each pid namespace holds, for those that this user may look at."""
    counts: dict[str, int] = {}
    for pid in pids():
        name = namespace(pid, "pid")
        if name:
            counts[name] = counts.get(name, 0) + 1
    return counts


def interfaces(pid: int) -> set[str]:
    """Names of the interfaces in the network namespace of a process; empty when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    except OSError:
        return set()
    return {line.partition(":")[0].strip() for line in lines}
