"""Samples of use out of a CSV file, row by row: ``time, instance, cpu_percent, memory_percent``.

A file of ten million rows is read in batches; what is wrong in it is told with its lines, all at once.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TextIO

from ..errors import InputError, Problem
from ..source.csvfile import plain_header
from ..source.texts import BadText, parts_of

# Rows of a batch: enough for arithmetic over arrays, little enough to be nothing in memory.
BATCH = 50_000
# Faults that are told; after so many the file is not read on, for it is something else.
MOST_FAULTS = 50
# Names that are told of instances that the ledger does not know.
MOST_UNKNOWN = 1_000
# Texts of times that are remembered: samples of one moment stand together.
MOST_TIMES = 100_000
# The beginning, by which the encoding is known.
HEAD = 1 << 20

COLUMNS: dict[str, str] = {
    **dict.fromkeys(("time", "timestamp", "时间"), "time"),
    **dict.fromkeys(("instance", "云主机"), "instance"),
    **dict.fromkeys(("cpu_percent", "cpu", "cpu使用率(%)", "cpu使用率"), "cpu"),
    **dict.fromkeys(("memory_percent", "memory", "内存使用率(%)", "内存使用率"), "memory"),
    **dict.fromkeys(("uptime_s", "运行时长(秒)"), "uptime"),
}
NEEDED = ("time", "instance")
# Seconds since 1970 of the year 2000: what is before, as 20261101, is a date without its hyphens. From 2e9
# on (May 2033) so is a number that would be one with its hour.
EARLIEST, COMPACT = 946684800, 2_000_000_000
LATEST = 32503680000  # the year 3000


class Batch(NamedTuple):
    """Samples: number of the instance, seconds since 1970, percent (nan: not measured), seconds since its
    start (nan: not said). The lists are as long as each other."""

    who: Sequence[int]
    at: Sequence[float]
    cpu: Sequence[float]
    memory: Sequence[float]
    uptime: Sequence[float]


@dataclass
class Unknown:
    """Names in the samples that are no instance of the ledger, and where each was first seen."""

    names: dict[str, int] = field(default_factory=dict)


def batches(path: Path, index: dict[str, int], unknown: Unknown) -> Iterator[Batch]:
    """The samples of a file; ``index``: the number of each instance. What it does not know goes to
    ``unknown``.

    Raises ``InputError`` at the end, with every fault.
    """
    with _opened(path) as file:
        yield from _Reader(path, file, index, unknown).read()


def _opened(path: Path) -> TextIO:
    try:
        with path.open("rb") as raw:
            head = raw.read(HEAD)
    except OSError as error:
        raise InputError([Problem(error.strerror or str(error), str(path))]) from None
    cut = head.rfind(b"\n") + 1
    try:
        _, _, encoding = parts_of(head[:cut] if len(head) == HEAD and cut else head)
    except BadText as error:
        raise InputError([Problem(error.message, str(path), *error.place(head), error.hint)]) from None
    encoding = {"utf-8": "utf-8-sig"}.get(encoding, encoding)
    return path.open(encoding=encoding, newline="")


class _Reader:
    def __init__(self, path: Path, file: TextIO, index: dict[str, int], unknown: Unknown) -> None:
        self._path, self._index, self._unknown = str(path), index, unknown
        self._rows = csv.reader(file)
        self._problems: list[Problem] = []
        self._times: dict[str, float] = {}
        self._last = [-math.inf] * len(index)

    def read(self) -> Iterator[Batch]:
        try:
            columns = self._columns(next(self._rows, []))
            yield from self._batches(columns)
        except (csv.Error, UnicodeDecodeError) as error:
            words = "the text is broken here" if isinstance(error, UnicodeDecodeError) else str(error)
            self._tell(words, "save it as CSV in UTF-8", ahead=1)
        if self._problems:
            raise InputError(self._problems, hint="docs/capacity.md tells what a file of samples holds")

    def _columns(self, header: list[str]) -> Callable[[str], int]:
        found: dict[str, int] = {}
        for n, cell in enumerate(header):
            name = COLUMNS.get(plain_header(cell), "")
            if name in found:
                self._tell(
                    f"two columns are of the same: `{header[found[name]].strip()}` and `{cell.strip()}`",
                    "leave one of both out",
                )
            elif name:
                found[name] = n
        for name in NEEDED:
            if name not in found:
                self._tell(
                    f"no column is called `{name}`", "columns: time, instance, cpu_percent, memory_percent"
                )
        if not {"cpu", "memory"} & found.keys():
            self._tell("no column is called `cpu_percent` or `memory_percent`")
        if self._problems:
            raise InputError(self._problems)
        return lambda name: found.get(name, -1)

    def _batches(self, column: Callable[[str], int]) -> Iterator[Batch]:
        time, name, cpu, memory, uptime = map(column, ("time", "instance", "cpu", "memory", "uptime"))
        index, last, times = self._index, self._last, self._times
        batch = _empty()
        plain = cpu >= 0 and memory >= 0 and uptime < 0
        for row in self._rows:
            if len(batch.who) >= BATCH:
                yield _whole(batch)
                batch = _empty()
            # What is plain goes fast; anything else is looked at in turn.
            if plain:
                try:
                    who, at = index[row[name]], times[row[time]]
                    used, held = float(row[cpu]), float(row[memory])
                    if 0 <= used <= 100 and 0 <= held <= 100 and at > last[who]:
                        last[who] = at
                        batch.who.append(who)
                        batch.at.append(at)
                        batch.cpu.append(used)
                        batch.memory.append(held)
                        continue
                except (KeyError, IndexError, ValueError):
                    pass
            one = self._row(row, time, name, cpu, memory, uptime)
            if one is not None:
                batch.take(*one)
            if len(self._problems) >= MOST_FAULTS:
                self._tell("there may be more behind: the first fifty are told")
                return
        if batch.who:
            yield _whole(batch)

    def _row(
        self, row: list[str], time: int, name: int, cpu: int, memory: int, uptime: int
    ) -> tuple[int, float, float, float, float] | None:
        """One row, looked at closely; None where it is no sample."""
        if not any(cell.strip() for cell in row):
            return None
        before = len(self._problems)
        if len(row) <= max(time, name, cpu, memory, uptime):
            self._tell(f"{len(row)} cells, expected {max(time, name, cpu, memory, uptime) + 1}")
            return None
        at = self._time(row[time])
        used, held = self._percent(row, cpu, "cpu_percent"), self._percent(row, memory, "memory_percent")
        since = self._number(row, uptime, "uptime_s")
        instance = row[name].strip()
        who = self._index.get(instance)
        if who is None:
            if not instance:
                self._tell("`instance` is empty")
            elif len(self._unknown.names) < MOST_UNKNOWN:
                self._unknown.names.setdefault(instance, self._rows.line_num)
            return None
        if len(self._problems) > before or at is None:
            return None
        if math.isnan(used) and math.isnan(held):
            self._tell("neither `cpu_percent` nor `memory_percent` is given")
            return None
        if at <= self._last[who]:
            again = "twice" if at == self._last[who] else "after a later one"
            self._tell(f"a sample of {instance} at {row[time].strip()} stands here {again}",
                       "rows of an instance come in the order of time, each once")  # fmt: skip
            return None
        self._last[who] = at
        return who, at, used, held, since

    def _time(self, text: str) -> float | None:
        known = self._times.get(text)
        if known is not None:
            return known
        try:
            cell = text.strip()
            is_number = cell.replace(".", "", 1).isdecimal()
            found = float(cell) if is_number else datetime.fromisoformat(cell).timestamp()
            if not EARLIEST <= found < (COMPACT if is_number else LATEST):
                raise ValueError
        except (ValueError, OverflowError):
            hint = "a time as 2026-11-01T08:05 (Z or an offset where it is not local), or seconds since 1970"
            self._tell(f"`time` is {text!r}", hint)
            return None
        if len(self._times) >= MOST_TIMES:
            self._times.clear()
        self._times[text] = found
        return found

    def _percent(self, row: list[str], at: int, what: str) -> float:
        value = self._number(row, at, what)
        if value > 100:
            self._tell(f"`{what}` is {row[at].strip()}", "percent of what the instance has, from 0 to 100")
        return value

    def _number(self, row: list[str], at: int, what: str) -> float:
        """The number of a cell; nan where it is empty, or wrong, which is told."""
        cell = row[at].strip() if at >= 0 else ""
        if not cell:
            return math.nan
        try:
            value = float(cell)
            if not 0 <= value < math.inf:
                raise ValueError
            return value
        except ValueError:
            self._tell(
                f"`{what}` is {cell!r}", "a number that is not negative, or nothing where it was not measured"
            )
            return math.nan

    def _tell(self, message: str, hint: str = "", ahead: int = 0) -> None:
        self._problems.append(Problem(message, self._path, self._rows.line_num + ahead, hint=hint))


class _Growing(NamedTuple):
    who: list[int]
    at: list[float]
    cpu: list[float]
    memory: list[float]
    uptime: list[float]

    def take(self, who: int, at: float, cpu: float, memory: float, uptime: float) -> None:
        """One more row."""
        self.who.append(who)
        self.at.append(at)
        self.cpu.append(cpu)
        self.memory.append(memory)
        self.uptime.append(uptime)


def _empty() -> _Growing:
    return _Growing([], [], [], [], [])


def _whole(batch: _Growing) -> Batch:
    # Of plain rows nobody says since when the machine runs.
    uptime = batch.uptime if len(batch.uptime) == len(batch.who) else [math.nan] * len(batch.who)
    return Batch(batch.who, batch.at, batch.cpu, batch.memory, uptime)
