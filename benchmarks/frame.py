"""What every benchmark shares: figures, timing of whole cold processes, the list of benchmarks.

Ours and the peer's process take turns, so that a busy machine slows both alike; the figure is the
median of the turns. A ratio above 1 means that we are ahead.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the result. ``peer_value`` and ``ratio`` are None where there is nothing to compare."""

    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    note: str = ""

    def document(self) -> dict[str, Any]:
        """As ``bench.json`` holds it."""
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return rounded | {"peer": self.peer or None}


class Failure(Exception):
    """A process that was to be timed failed, so there is no figure; the message ends with its words."""


def _environment(more: dict[str, str]) -> dict[str, str]:
    """As an installed program has it: compiled modules are kept, so only the first start makes them."""
    out = os.environ | more
    out.pop("PYTHONDONTWRITEBYTECODE", None)
    return out


@dataclass(frozen=True)
class Work:
    """A process to be timed. ``before`` puts its place in order first, outside the time.

    A slow one runs once, where others take several turns after one for warmth.
    """

    name: str
    command: Sequence[str | Path]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    before: Callable[[], object] = lambda: None
    slow: bool = False

    def run(self) -> float:
        """Run it once, cold; returns seconds on the clock. Raises ``Failure``."""
        self.before()
        began = time.perf_counter()
        done = subprocess.run(
            [str(part) for part in self.command],
            cwd=self.folder,
            env=_environment(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            words = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
            raise Failure(f"{self.name} ended with {done.returncode}:\n{words}")
        return seconds


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


def against(name: str, ours: float, peers: Iterable[tuple[str, float]], note: str = "") -> list[Figure]:
    """A figure in seconds for each peer, or one alone where there is none."""
    found = [Figure(name, ours, "s", peer, value, value / ours, note) for peer, value in peers]
    return found or [Figure(name, ours, "s", note=note or "no peer")]


def compare(name: str, ours: Work, peers: Sequence[Work], times: int, note: str = "") -> list[Figure]:
    """Time ours and the peers in turns."""
    first, *others = take_turns([ours, *peers], times)
    return against(name, first, zip((p.name for p in peers), others, strict=True), note)
