"""Meters in several hosts at once: start ``run.meter`` in each source, look at what it counts, end it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import IO, Any

import msgspec

from ..errors import GovcloudError
from .reach import Reach

# Milliseconds between two requests of a stream, and until one without an answer counts as lost.
INTERVAL_MS = 20.0
WAIT_MS = 1000.0
# Seconds that a meter may take to say something on a busy machine, and to end once it is told.
LINE_S = 60.0
END_S = 10.0


class Stream(msgspec.Struct, frozen=True):
    """Requests from one host to one address; ``name`` is unique among all of a measurement."""

    name: str
    source: str  # the host that asks
    target: str  # the host that answers, for people
    address: str
    version: int  # of IP


class Gap(msgspec.Struct, frozen=True):
    """A run of lost requests. ``start`` and ``end``: seconds of the machine's monotonic clock."""

    start: float
    end: float
    lost: int
    open: bool  # no answer has come since

    @property
    def ms(self) -> float:
        """Between the last answered request before it and the first answered one after it, ms."""
        return (self.end - self.start) * 1000


class Count(msgspec.Struct, frozen=True):
    """What a stream has counted; ``run.meter`` says what each figure is."""

    name: str
    sent: int
    received: int
    lost: int
    gaps: list[Gap]
    first_loss: float | None
    last_loss: float | None
    answering: bool
    last_answer: float | None
    rtt_ms: dict[str, float] | None
    refused: str

    @property
    def longest_gap_ms(self) -> float:
        """The longest run of lost requests, ms; 0 where none was lost."""
        return max((gap.ms for gap in self.gaps), default=0.0)

    def lost_since(self, moment: float) -> int:
        """Requests lost in gaps that ended after ``moment`` (monotonic seconds)."""
        return sum(gap.lost for gap in self.gaps if gap.end >= moment)


class Report(msgspec.Struct, frozen=True):
    """Counts by the name of their stream; the longest pause of any meter, ms."""

    counts: dict[str, Count]
    stalled_ms: float


class _Said(msgspec.Struct, frozen=True):
    streams: list[Count]
    stalled_ms: float


class Meters:
    """Streams that are measured while something happens: ``with Meters(…) as meters: … meters.stop()``.

    One process a source. They end with this one, however it ends. Entering returns when every source
    sends; what a source says of an address that it cannot reach is a figure, not an error. Raises
    ``GovcloudError`` where a source is not there or its meter cannot run.
    """

    def __init__(
        self,
        reach: Reach,
        streams: Sequence[Stream],
        *,
        interval_ms: float = INTERVAL_MS,
        wait_ms: float = WAIT_MS,
    ) -> None:
        self.streams = list(streams)
        self._reach = reach
        self._pace = {"interval_ms": interval_ms, "wait_ms": wait_ms}
        self._meters: dict[str, _Process] = {}

    def __enter__(self) -> Meters:
        sources = sorted({s.source for s in self.streams})
        missing = self._reach.missing(sources)
        if missing:
            raise GovcloudError(
                f"nothing can be measured from {', '.join(missing)}: not there",
                hint="`govcloud drift` tells what is missing, `govcloud apply` brings it back",
            )
        try:
            for source in sources:
                mine = [s for s in self.streams if s.source == source]
                self._meters[source] = _Process(self._reach, source, mine, self._pace)
            self._each(lambda meter: meter.ready())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def look(self) -> Report:
        """What is counted so far. Raises ``GovcloudError`` where a meter has died."""
        return _join(self._each(lambda meter: meter.ask("look")))

    def stop(self) -> Report:
        """Send no more, wait for what is under way, and the whole count. Raises ``GovcloudError``."""
        report = _join(self._each(lambda meter: meter.ask("stop")))
        self._end()
        return report

    def _each(self, call: Any) -> list[Any]:
        meters = list(self._meters.values())
        if not meters:
            return []
        # All at once: a report is of one moment.
        with ThreadPoolExecutor(len(meters)) as pool:
            return list(pool.map(call, meters))

    def _end(self) -> None:
        for meter in self._meters.values():
            meter.end()
        self._meters = {}


def _join(said: Iterable[_Said]) -> Report:
    parts = list(said)
    counts = {count.name: count for part in parts for count in part.streams}
    return Report(counts, max((part.stalled_ms for part in parts), default=0.0))


class _Process:
    """The meter of one source."""

    def __init__(self, reach: Reach, source: str, streams: list[Stream], pace: dict[str, float]) -> None:
        self._source = source
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        self._process = subprocess.Popen(
            reach.command(source, [sys.executable, "-m", "govcloud.run.meter"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **reach.marker},
            # Ctrl-C is for whoever asked; the meter goes on until that one has put everything back.
            start_new_session=True,
        )
        wanted = [{"name": s.name, "address": s.address, "version": s.version} for s in streams]
        self._tell(msgspec.json.encode({"streams": wanted, **pace}))

    def ready(self) -> None:
        """Wait for its first requests to have left."""
        self._line()

    def ask(self, word: str) -> _Said:
        """Its answer to ``look`` or ``stop``."""
        self._tell(word.encode())
        return msgspec.json.decode(self._line(), type=_Said)

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._died() from None

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        said, _, _ = select.select([self._process.stdout], [], [], LINE_S)
        line: bytes = self._process.stdout.readline() if said else b""
        if not line:
            raise self._died()
        return line

    def _died(self) -> GovcloudError:
        self.end()
        words = self.words.strip().splitlines()
        reason = words[-1] if words else f"ended with {self._process.returncode}"
        return GovcloudError(f"the meter in {self._source} died: {reason}")

    words = ""

    def end(self) -> None:
        """End it: a meter without an order ends by itself."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if not self._errors.closed:
            self._errors.seek(0)
            self.words = self._errors.read().decode(errors="replace")
            self._errors.close()
        self._process.stdout.close()
