"""Samples -> how each instance was used: mean, percentile, highest; in memory that does not grow with time.

Each instance has a histogram of half percents for each measure, so that a percentile is right to half a
percent however many samples there are. What says nothing is left out: the first hours after a start, times in
which nothing was to change, windows of maintenance.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from .figures import Review
from .samples import Batch

if TYPE_CHECKING:
    import numpy as np

# Half percents from 0 to 100.
BINS = 201
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Used(msgspec.Struct, frozen=True):
    """Percent of what an instance has: the mean, the percentile of the policy (not under what it is, and less
    than half a percent over), the highest."""

    mean: float
    percentile: float
    highest: float


class Measured(msgspec.Struct, frozen=True):
    """An instance's use: of so many samples, and how many were left out; ``since``, ``until``: seconds since
    1970 of the first and the last that counts; ``on``: days (of UTC) of which one counts."""

    samples: int
    left_out: int
    since: float
    until: float
    cpu: Used | None
    memory: Used | None
    on: int = 0

    @property
    def days(self) -> float:
        """How long it was looked at: from the first to the last, without whole days of which nothing is."""
        return min(max(0.0, self.until - self.since) / 86400, float(self.on))


@dataclass(frozen=True)
class Pause:
    """A time whose samples do not count, for these instances by number, or for all (None)."""

    starts: float
    ends: float
    who: frozenset[int] | None = None


def measure(
    count: int,
    batches: Iterable[Batch],
    numbers: Review,
    pauses: Sequence[Pause] = (),
    since: float = -math.inf,
) -> dict[int, Measured]:
    """The use of each of ``count`` instances that has samples, by its number. ``since``: older ones are not
    looked at."""
    gathered = _Gathered(count, numbers, pauses)
    for batch in batches:
        gathered.add(batch, since)
    return gathered.result()


class _Gathered:
    def __init__(self, count: int, numbers: Review, pauses: Sequence[Pause]) -> None:
        # Late: the commands that need no arithmetic start without it.
        import numpy

        self._np: Any = numpy
        self._numbers, self._pauses = numbers, pauses
        self._windows = [_window(text) for text in numbers.maintenance]
        self._in_window: dict[float, bool] = {}
        self._counts = {what: numpy.zeros((count, BINS), numpy.int64) for what in ("cpu", "memory")}
        self._sums = {what: numpy.zeros(count) for what in ("cpu", "memory")}
        self._highest = {what: numpy.zeros(count) for what in ("cpu", "memory")}
        self._born = numpy.full(count, math.inf)
        self._since = numpy.full(count, math.inf)
        self._until = numpy.full(count, -math.inf)
        # Samples of a measure come in the order of time: a day that is not after the last one was counted.
        self._day = numpy.full(count, -1, numpy.int64)
        self._days = numpy.zeros(count, numpy.int64)
        # A row may have both measures, or one of them.
        self._seen = {what: numpy.zeros(count, numpy.int64) for what in ("cpu", "memory")}

    def add(self, batch: Batch, since: float) -> None:
        np = self._np
        who, at = np.asarray(batch.who, np.int64), np.asarray(batch.at, float)
        if since > -math.inf:
            there = at >= since
            batch = Batch(*(np.asarray(values)[there] for values in batch))
            who, at = who[there], at[there]
        if not len(who):
            return
        np.minimum.at(self._born, who, at)
        first = self._numbers.first_h * 3600
        kept = at >= self._born[who] + first
        uptime = np.asarray(batch.uptime, float)
        kept &= ~(uptime < first)
        for pause in self._pauses:
            within = (at >= pause.starts) & (at < pause.ends)
            if pause.who is not None and within.any():
                within &= np.isin(who, np.fromiter(pause.who, np.int64))
            kept &= ~within
        if self._windows:
            kept &= ~self._maintained(at)
        for what, values in (("cpu", batch.cpu), ("memory", batch.memory)):
            measured = np.asarray(values, float)
            np.add.at(self._seen[what], who[~np.isnan(measured)], 1)
            self._take(what, who[kept], measured[kept])
        np.minimum.at(self._since, who[kept], at[kept])
        np.maximum.at(self._until, who[kept], at[kept])
        self._count_days(who[kept], at[kept])

    def _count_days(self, who: np.ndarray, at: np.ndarray) -> None:
        np = self._np
        if not len(who):
            return
        days = (at // 86400).astype(np.int64)
        # One number for a day of an instance.
        base = int(days.max()) + 1
        who, days = np.divmod(np.unique(who * base + days), base)
        fresh = days > self._day[who]
        np.add.at(self._days, who[fresh], 1)
        np.maximum.at(self._day, who, days)

    def _take(self, what: str, who: np.ndarray, values: np.ndarray) -> None:
        np = self._np
        there = ~np.isnan(values)
        who, values = who[there], values[there]
        np.add.at(self._counts[what], (who, np.ceil(values * 2).astype(np.int64)), 1)
        np.add.at(self._sums[what], who, values)
        np.maximum.at(self._highest[what], who, values)

    def _maintained(self, at: np.ndarray) -> Any:
        np = self._np
        moments, places = np.unique(at, return_inverse=True)
        held: Any = np.fromiter((self._within(float(one)) for one in moments), bool, len(moments))
        return held[places]

    def _within(self, moment: float) -> bool:
        known = self._in_window.get(moment)
        if known is None:
            if len(self._in_window) > 1_000_000:
                self._in_window.clear()
            local = datetime.fromtimestamp(moment)
            minute = local.hour * 60 + local.minute
            known = any(_holds(window, local.weekday(), minute) for window in self._windows)
            self._in_window[moment] = known
        return known

    def result(self) -> dict[int, Measured]:
        out = {}
        seen = self._np.maximum(self._seen["cpu"], self._seen["memory"])
        for who in map(int, self._np.flatnonzero(seen)):
            kept = max(int(counts[who].sum()) for counts in self._counts.values())
            since, until = (float(self._since[who]), float(self._until[who])) if kept else (0.0, 0.0)
            left_out = int(seen[who]) - kept
            used = {what: self._used(what, who) for what in ("cpu", "memory")}
            days = int(self._days[who])
            out[who] = Measured(kept, left_out, since, until, used["cpu"], used["memory"], days)
        return out

    def _used(self, what: str, who: int) -> Used | None:
        counts = self._counts[what][who]
        total = int(counts.sum())
        if not total:
            return None
        reached = self._np.cumsum(counts)
        place = int(self._np.searchsorted(reached, math.ceil(total * self._numbers.percentile / 100)))
        highest = float(self._highest[what][who])
        mean = float(self._sums[what][who]) / total
        return Used(round(mean, 2), min(place / 2, round(highest, 2)), round(highest, 2))


_Window = tuple[frozenset[int], int, int]


def _window(text: str) -> _Window:
    """(weekdays, first minute, last minute) of `Sun 02:00-06:00`; over midnight the end is before the
    start."""
    day, _, hours = text.partition(" ")
    days = frozenset(range(7)) if day == "daily" else frozenset({_DAYS.index(day)})
    start, end = (int(one[:2]) * 60 + int(one[3:]) for one in hours.split("-"))
    return days, start, end


def _holds(window: _Window, day: int, minute: int) -> bool:
    days, start, end = window
    if start <= end:
        return day in days and start <= minute < end
    return (day in days and minute >= start) or ((day - 1) % 7 in days and minute < end)


def numbered(names: Iterable[str]) -> Mapping[str, int]:
    """A number for each instance, in the order of names."""
    return {name: number for number, name in enumerate(sorted(names))}
