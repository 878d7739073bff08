"""First reading: files that were never read before, bulk in CSV; seconds, and what it takes of memory."""

from __future__ import annotations

import shutil
from statistics import median

from .fixtures import Fixtures
from .frame import Figure, Spent


def large(fixtures: Fixtures) -> list[Figure]:
    """A hundred thousand entries."""
    spent = _read(fixtures, fixtures.sizes.large, fixtures.times(3))
    return _figures("cold-100k", spent, 3.0, None)


def huge(fixtures: Fixtures) -> list[Figure]:
    """A million, once."""
    return _figures("cold-1m", _read(fixtures, fixtures.sizes.huge, 1), 30.0, 2.0)


def _read(fixtures: Fixtures, entries: int, times: int) -> list[Spent]:
    folder = fixtures.written(entries)
    # What an earlier reading has kept is thrown away before each.
    work = fixtures.govcloud(
        "validate", at=folder, before=lambda: shutil.rmtree(folder / ".govcloud", ignore_errors=True)
    )
    return [work.measure() for _ in range(times)]


def _figures(name: str, spent: list[Spent], seconds: float, gigabytes: float | None) -> list[Figure]:
    peak = max(one.peak_gb for one in spent)
    return [
        Figure(name, median(one.seconds for one in spent), "s", note="no peer", target=seconds),
        Figure(f"{name}-memory", peak, "GB", note="its peak; no peer", target=gigabytes),
    ]


BENCHMARKS = {"cold-100k": large, "cold-1m": huge}
