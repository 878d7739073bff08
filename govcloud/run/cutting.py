"""Cuts in the lab, made so that they cannot outlive whoever wanted them.

Each node that a cut touches gets a process of ours (``run.sever``) that holds the cut and puts everything
back when it is told, or when nobody is there any more to tell it. Before the first interface goes down, the
ledger holds what each process is to put back; should they be killed as well, ``restore`` does it from there.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from ..access import actor
from ..errors import Exit, GovcloudError
from ..ledger import Ledger, audit, leases
from ..ledger.connection import Connection
from ..ledger.store import keep_setting, settings
from ..workspace import Workspace
from .context import LEASE
from .reach import Reach

# The setting of the ledger that holds the cut which stands, and nothing where none does.
SETTING = "cut"
# Seconds that a holder may take to answer on a busy machine.
LINE_S = 60.0


class Severed(msgspec.Struct, frozen=True):
    """What is to be put back in one node; ``birth`` changes when the node is made anew."""

    node: str
    birth: str
    state: dict[str, Any]


class Cut(msgspec.Struct, frozen=True):
    """A cut as the ledger holds it while it stands. ``at``: seconds since the epoch; ``by``: who cut."""

    entries: list[str]
    silent: bool
    by: str
    at: float
    nodes: list[Severed]


class Restored(msgspec.Struct, frozen=True):
    """What was put back: interfaces as ``node:interface``; ``gone``: nodes that are not there any more, or
    were made anew; ``left``: what could not be put back, and why."""

    entries: list[str]
    interfaces: list[str]
    gone: list[str]
    left: list[str]


def standing(connection: Connection) -> Cut | None:
    """The cut that the ledger says stands, if one does."""
    text = settings(connection).get(SETTING, "")
    return msgspec.json.decode(text, type=Cut) if text else None


class Held:
    """A cut that is ready to be made; get one from ``held``."""

    def __init__(self, ends: Mapping[str, Sequence[str] | None], reach: Reach, silent: bool) -> None:
        self._reach = reach
        self._holders: list[_Holder] = []
        try:
            for node, interfaces in sorted(ends.items()):
                names = None if interfaces is None else sorted(interfaces)
                self._holders.append(_Holder(reach, node, {"interfaces": names, "silent": silent}))
            self.nodes = [Severed(h.node, reach.birth(h.node), h.state()) for h in self._holders]
        except BaseException:
            self.end()
            raise

    def cut(self) -> float:
        """Cut everywhere at once; when it was done, in seconds of the monotonic clock."""
        with ThreadPoolExecutor(max(1, len(self._holders))) as pool:
            moments: list[float] = list(pool.map(lambda holder: holder.cut(), self._holders))
        return max(moments, default=0.0)

    def mend(self) -> list[str]:
        """Put everything back; what could not be. To do so again is no error."""
        left = []
        for holder, severed in zip(self._holders, self.nodes, strict=True):
            words = holder.mend()
            # A holder that died cannot tell: what it should have done is done once more.
            left += _put_back(self._reach, severed) if words is None else words
        self._holders = []
        return left

    def end(self) -> None:
        """Let go of everything; whatever was cut is put back by the holders themselves."""
        for holder in self._holders:
            holder.mend()
        self._holders = []


@contextmanager
def held(
    ledger: Ledger,
    fence: int,
    reach: Reach,
    entries: Sequence[str],
    ends: Mapping[str, Sequence[str] | None],
    *,
    silent: bool = False,
) -> Iterator[Held]:
    """Hold a cut that is put back whatever happens, at the latest at the end of this.

    ``ends``: interfaces by node (None: all of the node). ``silent``: frames are dropped, and the lines stay
    up. Raises ``GovcloudError`` where a node is not there, or something could not be put back: then the
    ledger still holds the cut, for ``restore``.
    """
    missing = reach.missing(ends)
    if missing:
        raise GovcloudError(
            f"{', '.join(missing)}: not in the lab, and only there cuts are made for real",
            hint="`govcloud lab status` lists what is there; without --measure the cut is worked out",
        )
    with _terminable():
        ready = Held(ends, reach, silent)
        try:
            record = Cut(list(entries), silent, actor(), time.time(), ready.nodes)
            words = {"cut": record.entries, "silent": silent, "nodes": sorted(ends)}
            with ledger.write((LEASE, fence)) as connection:
                keep_setting(connection, SETTING, msgspec.json.encode(record).decode())
                audit.append(connection, record.by, "cut", words)
            try:
                yield ready
            finally:
                with _undisturbed():
                    left = ready.mend()
                    _written_off(ledger, record, left)
                if left:
                    raise _not_restored(record.entries, left)
        finally:
            with _undisturbed():
                ready.end()


def restore(workspace: Workspace, ledger: Ledger) -> Restored | None:
    """Put back a cut whose maker has died; None where none stands.

    Takes the environment's lease. Raises ``ConflictError`` where somebody is at work, and
    ``GovcloudError`` where something could not be put back.
    """
    with ledger.read() as connection:
        if standing(connection) is None:
            return None
    with leases.held(ledger, LEASE):
        return put_back(workspace, ledger)


def put_back(workspace: Workspace, ledger: Ledger) -> Restored | None:
    """As ``restore``, for whoever holds the lease."""
    from ..lab.client import LabDown

    with ledger.read() as connection:
        record = standing(connection)
    if record is None:
        return None
    try:
        reach: Reach | None = Reach(workspace)
    except LabDown:
        # A lab that is down has no interface that could be; a new one comes up whole.
        reach = None
    interfaces: list[str] = []
    gone: list[str] = []
    left: list[str] = []
    for severed in record.nodes:
        there = reach is not None and not reach.missing([severed.node])
        if reach is None or not there or reach.birth(severed.node) != severed.birth:
            gone.append(severed.node)
            continue
        interfaces += [f"{severed.node}:{name}" for name in severed.state["interfaces"]]
        left += _put_back(reach, severed)
    with _undisturbed():
        _written_off(ledger, record, left)
    if left:
        raise _not_restored(record.entries, left)
    return Restored(record.entries, interfaces, gone, left)


def _written_off(ledger: Ledger, record: Cut, left: Sequence[str]) -> None:
    """The cut stands no more, unless something of it is left; both ends of it are in the audit trail."""
    with ledger.write() as connection:
        if not left:
            keep_setting(connection, SETTING, "")
        audit.append(connection, actor(), "cut restored", {"cut": record.entries, "left": list(left)})


def _not_restored(entries: Sequence[str], left: Sequence[str]) -> GovcloudError:
    return GovcloudError(
        f"{', '.join(entries)} was cut, and this is not as it was: {'; '.join(left)}",
        hint="`govcloud network whatif --restore` tries again; `govcloud drift` tells what is left, "
        "`govcloud apply` heals it",
    )


def _put_back(reach: Reach, severed: Severed) -> list[str]:
    """What could not be put back in one node."""
    order = msgspec.json.encode({"state": severed.state})
    argv = reach.command(severed.node, [sys.executable, "-m", "govcloud.run.sever"])
    try:
        done = subprocess.run(argv, input=order, capture_output=True, timeout=LINE_S, check=False)
    except subprocess.TimeoutExpired:
        return [f"{severed.node} does not answer"]
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        return [f"{severed.node}: {words[-1] if words else f'ended with {done.returncode}'}"]
    return [f"{severed.node}: {word}" for word in msgspec.json.decode(done.stdout)["left"]]


class _Holder:
    """The process that holds a cut in one node."""

    def __init__(self, reach: Reach, node: str, order: Mapping[str, Any]) -> None:
        self.node = node
        self._process = subprocess.Popen(
            reach.command(node, [sys.executable, "-m", "govcloud.run.sever"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **reach.marker},
            # Ctrl-C is for whoever asked; this one puts back when that one lets go.
            start_new_session=True,
        )
        self._tell(msgspec.json.encode({**order, "state": None}))

    def state(self) -> dict[str, Any]:
        """What it would have to put back."""
        state: dict[str, Any] = self._answer()["state"]
        return state

    def cut(self) -> float:
        """Cut; when it was done."""
        self._tell(b"cut")
        return float(self._answer()["cut"])

    def mend(self) -> list[str] | None:
        """What could not be put back; None where the holder has died."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            answer = self._answer()
        except GovcloudError:
            return None
        finally:
            self._process.wait()
        return [f"{self.node}: {word}" for word in answer["left"]]

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # the answer, which does not come, says so
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None and self._process.stderr is not None
        said, _, _ = select.select([self._process.stdout], [], [], LINE_S)
        line = self._process.stdout.readline() if said else b""
        if not line:
            self._process.kill()
            self._process.wait()
            words = self._process.stderr.read().decode(errors="replace").strip().splitlines()
            reason = words[-1] if words else f"ended with {self._process.returncode}"
            raise GovcloudError(f"{self.node}: {reason}")
        answer: dict[str, Any] = msgspec.json.decode(line)
        return answer


class Stopped(GovcloudError):
    """A signal asked this process to end."""

    exit_code = Exit.FAILED


@contextmanager
def _terminable() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP end what is inside with everything done on the way out, and say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: object) -> None:
        raise Stopped(
            f"stopped by {signal.Signals(number).name}; what was cut is put back",
            hint="`govcloud network whatif --restore` looks after it once more",
        )

    before = {
        number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals wait until what is inside is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    # A mask would not do: another thread takes the signal, and Python still acts on it here.
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {n: signal.signal(n, lambda number, _frame: came.append(number)) for n in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in dict.fromkeys(came):
            signal.raise_signal(late)
