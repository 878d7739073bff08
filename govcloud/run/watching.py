"""Watching what runs already while something is changed: echoes and pages at a fixed rate, what was lost.

Small programs in the sources measure. What they have seen is kept in a file every few seconds, and at the
end it becomes evidence, also when the run failed. When this process is killed, the programs end by
themselves, and the file becomes evidence when the next one watches or verifies (``collect_left``).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ..errors import GovcloudError
from ..files import write_atomically
from ..lab import process
from ..ledger import Ledger, evidence, legs
from ..workspace import Workspace
from . import instruments as tools
from . import ipv6policy
from .instruments import Instrument
from .ipv6policy import Ipv6Policy
from .reach import Reach
from .watched import Pair, Result, flow_of, from_sources, placed, rows

# The folder, in the workspace's own one, of what is being watched.
FOLDER = "watch"
# Seconds between two looks; of a long watch every tenth of its time, for a look costs what was measured.
LOOK, PART = 2.0, 10
# How long what is watched may take until it has answered once, beside the wait for an answer, seconds.
WARM = 1.0

# By whether it is a service that is asked, not the machine alone.
PROGRAMS = {True: "govcloud.run.knocker", False: "govcloud.run.meter"}


class Hosts(Protocol):
    """Where hosts are; ``run.reach.Reach`` is one."""

    @property
    def marker(self) -> dict[str, str]:
        """Environment for what is started there."""
        ...

    def missing(self, hosts: Sequence[str], /) -> list[str]:
        """Those of ``hosts`` that are not there."""
        ...

    def command(self, host: str, argv: list[str], /) -> list[str]:
        """``argv`` as it runs inside a host."""
        ...


class Watch:
    """A watch that goes on. ``run``: the run that is watched, if somebody tells; else it is found.

    ``void``: what it was to watch did not begin, so what it saw is no evidence. ``result`` is there when it
    is over.
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.run = ""
        self.void = False
        self._result: Result | None = None

    @property
    def over(self) -> bool:
        """Whether it came to its end."""
        return self._result is not None

    @property
    def result(self) -> Result:
        """What was seen. Raises ``RuntimeError`` while it goes on."""
        if self._result is None:
            raise RuntimeError("the watch is not over")
        return self._result

    @result.setter
    def result(self, result: Result) -> None:
        self._result = result


class _State(msgspec.Struct, kw_only=True):
    """A watch's file: whose it is and what was seen so far. Times are of the monotonic clock, in seconds;
    ``offset`` makes seconds since the epoch of them."""

    subject: str
    run: str
    pid: int
    start: int
    boot: str
    pairs: list[Pair]
    offset: float
    began: float
    seen: float
    silent: list[str] = []
    broken: dict[str, str] = {}
    left_out: list[str] = []
    reports: dict[str, dict[str, Any]] = {}
    stalled_ms: float = 0.0

    @property
    def owner(self) -> process.Process:
        return process.Process(self.pid, self.start)


@contextmanager
def watching(
    workspace: Workspace,
    ledger: Ledger,
    pairs: Sequence[Pair],
    *,
    subject: str,
    numbers: Ipv6Policy | None = None,
    hosts: Hosts | None = None,
) -> Iterator[Watch]:
    """Watch ``pairs`` from now to the end of the block, whatever becomes of it.

    The block begins when all programs measure and have had time for an answer. Afterwards ``watch.result``
    says what was lost, and the same is evidence of ``subject`` (kind/name), of the run that was at work:
    ``watch/lost`` in all, and a row for each pair. A pair that did not answer at the beginning is silent: it
    counts for nothing. Of more sources than ``watch_sources`` some are left out, which is told.

    ``numbers``: rates and waits, by default those of ``profile/ipv6``; ``hosts``: by default the lab's.
    Raises ``LabDown`` where there is no lab, ``InputError`` for a policy that cannot be read.
    """
    collect_left(workspace, ledger)
    if numbers is None:
        with ledger.read() as connection:
            numbers = ipv6policy.policy(connection)
    watch = Watch(subject)
    with _Watcher(workspace, watch, pairs, numbers, hosts) as watcher:
        try:
            yield watch
        except BaseException:
            watcher.stop()
            try:
                watch.result = _ended(ledger, watcher, watch)
            except GovcloudError:
                # What went wrong in the block is what is told; the file stays, and becomes evidence later.
                watch.result = _result(watcher.state, [], "")
            raise
        watcher.stop()
        watch.result = _ended(ledger, watcher, watch)


def _ended(ledger: Ledger, watcher: _Watcher, watch: Watch) -> Result:
    if not watch.void:
        return _finish(ledger, watcher.path, watcher.state)
    watcher.path.unlink(missing_ok=True)
    return _result(watcher.state, [], "")


def collect_left(workspace: Workspace, ledger: Ledger) -> list[Result]:
    """Make evidence of what was seen by watches whose process was killed."""
    found = []
    for path in sorted(_folder(workspace).glob("*.json")):
        try:
            state = msgspec.json.decode(path.read_bytes(), type=_State)
        except FileNotFoundError:
            continue
        except msgspec.MsgspecError:
            # Of another release: nobody can say what it means.
            path.unlink(missing_ok=True)
            continue
        if state.boot != process.boot_id() or not process.alive(state.owner):
            found.append(_finish(ledger, path, state, cut_short=True))
    return found


def _folder(workspace: Workspace) -> Path:
    return workspace.private / FOLDER


class _Watcher:
    """The programs of a watch, and a thread that looks what they have seen."""

    def __init__(
        self,
        workspace: Workspace,
        watch: Watch,
        pairs: Sequence[Pair],
        numbers: Ipv6Policy,
        hosts: Hosts | None,
    ) -> None:
        mine = process.identify(os.getpid())
        assert mine is not None
        now = time.monotonic()
        pairs, others = from_sources(pairs, numbers.watch_sources)
        self.state = _State(
            subject=watch.subject,
            run="",
            pid=mine.pid,
            start=mine.start,
            boot=process.boot_id(),
            pairs=pairs,
            left_out=[pair.name for pair in others],
            offset=time.time() - now,
            began=now,
            seen=now,
        )
        self._watch = watch
        self._numbers = numbers
        self._wait_s = numbers.watch_wait_ms / 1000
        self._hosts = hosts or (Reach(workspace) if pairs else None)
        self._instruments: list[Instrument] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="watch", daemon=True)
        workspace.prepare()
        folder = _folder(workspace)
        folder.mkdir(mode=0o700, exist_ok=True)
        self.path = folder / f"{int(time.time() * 1000)}-{mine.pid}.json"

    def __enter__(self) -> _Watcher:
        try:
            self._begin()
        except BaseException:
            for instrument in self._instruments:
                instrument.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _begin(self) -> None:
        state = self.state
        if self._hosts is not None:
            gone = self._hosts.missing(sorted({pair.source for pair in state.pairs}))
            state.broken |= {p.name: f"{p.source} is not there" for p in state.pairs if p.source in gone}
            for (source, services), group in sorted(_groups(state.pairs).items()):
                if source not in gone:
                    self._instruments.append(self._start(self._hosts, source, services, group))
        for instrument in self._instruments:
            instrument.wait_ready()
        if self._instruments:
            # A request's fate is known after the wait; some must have been sent before it.
            time.sleep(self._wait_s + WARM)
        self._look()
        state.began = time.monotonic() - self._wait_s
        state.silent = [
            pair.name
            for pair in state.pairs
            if pair.name not in state.broken and not state.reports.get(pair.name, {}).get("received")
        ]
        self._keep()
        self._thread.start()

    def _start(self, hosts: Hosts, source: str, services: bool, group: Sequence[Pair]) -> Instrument:
        every = self._numbers.watch_http_ms if services else self._numbers.watch_ms
        streams = [
            {
                "name": pair.name,
                "address": pair.address,
                "version": pair.version,
                "port": pair.port,
                "host": pair.host,
                "question": pair.question,
                "chain": pair.chain,
            }
            for pair in group
        ]
        order = {"streams": streams, "interval_ms": every, "wait_ms": self._numbers.watch_wait_ms}
        return Instrument(source, hosts.command(source, []), PROGRAMS[services], order, hosts.marker)

    def _go_on(self) -> None:
        began = time.monotonic()
        while not self._over.wait(max(LOOK, (time.monotonic() - began) / PART)):
            self._look()
            self._keep()

    def _look(self) -> None:
        tools.look(self._instruments)
        self._take()

    def _take(self) -> None:
        state = self.state
        state.seen = time.monotonic()
        state.run = self._watch.run
        for instrument in self._instruments:
            state.reports |= instrument.last
            state.stalled_ms = max(state.stalled_ms, instrument.stalled_ms)
            if instrument.trouble:
                state.broken |= dict.fromkeys(instrument.names, instrument.trouble)

    def _keep(self) -> None:
        try:
            write_atomically(self.path, msgspec.json.encode(self.state))
        except OSError:
            # A disk that is full stops nobody from watching: the next look tries again.
            return

    def stop(self) -> None:
        """The last reports; the programs end. The second time nothing happens."""
        if self._over.is_set():
            return
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        tools.stop(self._instruments, self._wait_s)
        self._take()
        self._keep()


def _groups(pairs: Sequence[Pair]) -> Mapping[tuple[str, bool], list[Pair]]:
    out: dict[tuple[str, bool], list[Pair]] = {}
    for pair in pairs:
        out.setdefault((pair.source, pair.kind != "echo"), []).append(pair)
    return out


def _result(state: _State, attempts: Sequence[legs.Attempt], run: str, *, cut_short: bool = False) -> Result:
    flows = [
        flow_of(
            pair,
            state.reports.get(pair.name, {}),
            since=state.began,
            offset=state.offset,
            silent=pair.name in state.silent,
            broken=state.broken.get(pair.name, ""),
        )
        for pair in state.pairs
    ]
    ended = state.seen + state.offset
    return Result(
        flows=placed(flows, attempts, ended),
        began=state.began + state.offset,
        ended=ended,
        stalled_ms=state.stalled_ms,
        run=run,
        cut_short=cut_short,
        left_out=state.left_out,
    )


def _finish(ledger: Ledger, path: Path, state: _State, *, cut_short: bool = False) -> Result:
    """Write the evidence of a watch, then let its file go."""
    began, ended = state.began + state.offset, state.seen + state.offset
    with ledger.read() as connection:
        run = state.run or next(iter(legs.between(connection, began, ended)), "")
        attempts = legs.attempts(connection, run) if run else []
    result = _result(state, attempts, run, cut_short=cut_short)
    # Of one run there may be several watches, one for each time that somebody went on with it.
    stage = f"watch {state.subject} {began:.3f}"
    with ledger.write() as connection:
        evidence.keep(connection, run, stage, rows(state.subject, result))
    path.unlink(missing_ok=True)
    return result
