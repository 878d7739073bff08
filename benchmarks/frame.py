"""What every benchmark shares: figures, timing of whole cold processes, the list of benchmarks.

Ours and the peer's process take turns, so that a busy machine slows both alike; the figure is the
median of the turns. A ratio above 1 means that we are ahead.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the result. ``peer_value`` and ``ratio`` are None where there is nothing to compare.

    ``target``: what ``value`` has to stay below, in its unit, where a goal is set; ``target_ratio``: what
    ``ratio`` has to reach.
    """

    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    note: str = ""
    target: float | None = None
    target_ratio: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the targets are met; None where there is none, or no peer to hold it against."""
        held = [] if self.target is None else [self.value < self.target]
        if self.target_ratio is not None and self.ratio is not None:
            held.append(self.ratio >= self.target_ratio)
        return all(held) if held else None

    def document(self) -> dict[str, Any]:
        """As ``bench.json`` holds it."""
        # Four digits, of what takes microseconds as well.
        rounded = {
            k: (round(v, 4) if v >= 0.1 else float(f"{v:.4g}")) if isinstance(v, float) else v
            for k, v in asdict(self).items()
        }
        return rounded | {"peer": self.peer or None}


@dataclass(frozen=True)
class Spent:
    """What one process took: seconds on the clock, and its peak of memory in GB (10^9 bytes)."""

    seconds: float
    peak_gb: float


class Failure(Exception):
    """A process that was to be timed failed, so there is no figure; the message ends with its words."""


class TooLong(Exception):
    """A process was ended at its limit, unfinished."""


def _environment(more: dict[str, str]) -> dict[str, str]:
    """As an installed program has it: compiled modules are kept, so only the first start makes them."""
    out = os.environ | more
    out.pop("PYTHONDONTWRITEBYTECODE", None)
    return out


@dataclass(frozen=True)
class Work:
    """A process to be timed. ``before`` puts its place in order first, outside the time.

    A slow one runs once, where others take several turns after one for warmth. ``good``: the exit code
    of one that did what it should. ``limit``: seconds after which it is ended, unfinished.
    """

    name: str
    command: Sequence[str | Path]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    before: Callable[[], object] = lambda: None
    slow: bool = False
    good: int = 0
    limit: float | None = None

    def run(self) -> float:
        """Run it once, cold; returns seconds on the clock. Raises ``Failure``, ``TooLong``."""
        return self.measure().seconds

    def measure(self) -> Spent:
        """Run it once, cold. Raises ``Failure``, and ``TooLong`` at its limit.

        The peak is that of its largest process, as the kernel counts resident pages. What this program
        itself once held is counted for its children too, so fixtures are written row by row.
        """
        self.before()
        with tempfile.TemporaryFile() as said:
            began = time.perf_counter()
            process = subprocess.Popen(
                [str(part) for part in self.command],
                cwd=self.folder,
                env=_environment(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
            ended = threading.Event()
            if self.limit is not None:
                # Asked, and not killed: what it has started ends with it.
                threading.Thread(target=_end, args=(process, self.limit, ended), daemon=True).start()
            try:
                _, status, usage = os.wait4(process.pid, 0)
            except BaseException:
                process.kill()
                raise
            finally:
                ended.set()
            seconds = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            if self.limit is not None and seconds >= self.limit:
                raise TooLong(f"{self.name} was ended after {self.limit:.0f} s")
            if process.returncode != self.good:
                said.seek(0)
                words = "\n".join(said.read().decode(errors="replace").strip().splitlines()[-12:])
                raise Failure(f"{self.name} ended with {process.returncode}:\n{words}")
        return Spent(seconds, usage.ru_maxrss * 1024 / 1e9)


def _end(process: subprocess.Popen[bytes], limit: float, ended: threading.Event) -> None:
    if not ended.wait(limit):
        process.terminate()
        if not ended.wait(limit):
            process.kill()


def take_turns(works: Sequence[Work], times: int) -> list[float]:
    """Median seconds of each, in turns, after one uncounted run; of a slow one the only figure."""
    for work in works:
        if not work.slow:
            work.run()
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(times):
        for work, of_one in zip(works, seconds, strict=True):
            if not (work.slow and of_one):
                of_one.append(work.run())
    return [statistics.median(of_one) for of_one in seconds]


def against(
    name: str,
    ours: float,
    peers: Iterable[tuple[str, float]],
    note: str = "",
    *,
    target: float | None = None,
    target_ratio: float | None = None,
) -> list[Figure]:
    """A figure in seconds for each peer, or one alone where there is none."""
    found = [
        Figure(name, ours, "s", peer, value, value / ours, note, target, target_ratio)
        for peer, value in peers
    ]
    return found or [Figure(name, ours, "s", note=note or "no peer", target=target)]


def compare(
    name: str,
    ours: Work,
    peers: Sequence[Work],
    times: int,
    note: str = "",
    *,
    target: float | None = None,
    target_ratio: float | None = None,
) -> list[Figure]:
    """Time ours and the peers in turns."""
    first, *others = take_turns([ours, *peers], times)
    named = zip((p.name for p in peers), others, strict=True)
    return against(name, first, named, note, target=target, target_ratio=target_ratio)
