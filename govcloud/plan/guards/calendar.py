"""Working days: by which day something has to be decided that was asked on another.

The days are data: ``working_days.toml`` has the years that the State Council's notices are known of, the
accepted entry ``profile/working-days`` puts years beside them or in their place. Of a year that nobody says
only the weekends are off, and ``unknown`` names it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from ...errors import InputError, Problem
from ...ledger.connection import Connection
from ...ledger.entries import Key, among

ENTRY: Key = ("profile", "working-days")
WEEKEND = "weekend"
# The longest a stretch of days may be; more is a slip of the keyboard.
LONGEST = 60


class Calendar(msgspec.Struct, frozen=True):
    """``weekend``: days of the week off, Monday is 1; ``off``, ``on``: days off and weekend days of work;
    ``years``: those that somebody says; ``sources``: by year."""

    weekend: frozenset[int]
    off: frozenset[date]
    on: frozenset[date]
    years: frozenset[int]
    sources: dict[int, str] = {}
    faults: tuple[str, ...] = ()

    def works(self, day: date) -> bool:
        """Whether people work on a day."""
        return day in self.on or (day.isoweekday() not in self.weekend and day not in self.off)

    def due(self, at: float, days: int) -> float:
        """The end of the working day that is so many after the day of ``at`` (which does not count), seconds
        since 1970, by this machine's calendar."""
        return _end(self._after(at, days)[-1])

    def unknown(self, at: float, days: int) -> list[int]:
        """The years on the way whose days off nobody says."""
        return sorted({day.year for day in self._after(at, days)} - self.years)

    def late(self, due: float, now: float) -> int:
        """How many working days have begun since something was due."""
        first, last = date.fromtimestamp(due), date.fromtimestamp(now)
        return sum(1 for n in range((last - first).days + 1) if self.works(first + timedelta(n)))

    def _after(self, at: float, days: int) -> list[date]:
        """The days from that of ``at`` to the last of so many working days."""
        out = [date.fromtimestamp(at)]
        left = days
        while left > 0:
            out.append(out[-1] + timedelta(1))
            left -= self.works(out[-1])
        return out


def _end(day: date) -> float:
    return datetime.combine(day + timedelta(1), time()).timestamp()


def calendar(connection: Connection) -> Calendar:
    """The calendar of the accepted revision. What is wrong in it is told in ``faults``, and is left out."""
    entry = among(connection, [ENTRY]).get(ENTRY)
    return _calendar(
        entry.fields.get("values", {}) if entry else {}, entry.fields.get("source", "") if entry else ""
    )


def check_proposed(changes: Iterable[Any]) -> None:
    """Raises ``InputError`` where changes of entries would accept days that are none."""
    problems = [
        Problem(f"{'/'.join(ENTRY)}: {words}", hint="docs/approvals.md has an example")
        for change in changes
        if (change.kind, change.name) == ENTRY and change.verb != "delete"
        for words in _calendar(change.fields.get("values", {}), "").faults
    ]
    if problems:
        raise InputError(problems)


@cache
def shipped() -> Mapping[str, Any]:
    """The years that come with the program."""
    return tomllib.loads(files(__package__).joinpath("working_days.toml").read_text(encoding="utf-8"))


def _calendar(values: Mapping[str, Any], source: str) -> Calendar:
    faults: list[str] = []
    weekend = shipped()[WEEKEND]
    if WEEKEND in values:
        said = values[WEEKEND]
        if (
            isinstance(said, list)
            and all(type(day) is int and 1 <= day <= 7 for day in said)
            and len(said) < 7
        ):
            weekend = said
        else:
            faults.append(f"`weekend` should be a list of days from 1 (Monday) to 7, got {said!r}")
    years = {int(year): table for year, table in shipped().items() if year != WEEKEND}
    for name, table in values.items():
        if name == WEEKEND:
            continue
        if not (str(name).isdigit() and len(str(name)) == 4 and isinstance(table, dict)):
            faults.append(f"`{name}` should be a year with its `holidays` and `workdays`")
            continue
        years[int(name)] = {"source": source, **table}
    off: set[date] = set()
    on: set[date] = set()
    for year, table in years.items():
        for field, days in (("holidays", off), ("workdays", on)):
            for text in table.get(field, ()):
                try:
                    days.update(_days(text, year))
                except ValueError as error:
                    faults.append(f"`{year}`: `{field}`: {error}")
    return Calendar(
        frozenset(weekend),
        frozenset(off),
        frozenset(on),
        frozenset(years),
        {year: str(table.get("source", "")) for year, table in years.items()},
        tuple(faults),
    )


def _days(text: object, year: int) -> Iterator[date]:
    """The days of ``2026-01-01`` or ``2026-01-01/2026-01-03``. Raises ``ValueError``."""
    first, _, last = str(text).partition("/")
    wrong = f"expected a day of {year}, or two with `/` between them, got {text!r}"
    try:
        begins, ends = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise ValueError(wrong) from None
    length = (ends - begins).days
    if not (begins.year == ends.year == year and 0 <= length <= LONGEST):
        raise ValueError(wrong)
    return (begins + timedelta(n) for n in range(length + 1))
