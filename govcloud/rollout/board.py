"""What the picture of a rollout shows, as plain values: shares by wave, level, city and unit; targets."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime

import msgspec

from ..model.organisation import Region, Unit
from .progress import State
from .situation import Situation

# More rows of one sort are one row together.
ROWS = 16
LEVELS: Mapping[str, str] = {
    "province": "省级",
    "city": "市级",
    "county": "县级",
    "town": "乡镇",
    "village": "村",
}
# Of which wave a member is that is in none.
NO_WAVE = -1


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Members of one place or unit: how many by wave (its number, or ``NO_WAVE``) and state."""

    title: str
    counts: dict[tuple[int, State], int]

    @property
    def total(self) -> int:
        """How many members."""
        return sum(self.counts.values())

    def of(self, *states: State) -> int:
        """How many are in one of these states."""
        return sum(number for (_, state), number in self.counts.items() if state in states)

    @property
    def share(self) -> float:
        """Per cent that is verified now."""
        return self.of("done") / self.total * 100 if self.total else 0.0


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """So much is to be verified by the end of a day: ``share`` in per cent. ``said``: as it was written."""

    day: date
    share: float
    said: str


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout at one moment. ``groups``: heading and rows. ``due``: the share that is due today, per cent;
    None where nothing is due yet."""

    title: str
    environment: str
    today: date
    starts: date | None
    waves: list[str]
    whole: Row
    groups: list[tuple[str, list[Row]]]
    targets: list[Target]
    due: float | None


def board(now: Situation, *, environment: str, at: float) -> Board:
    """The board of a rollout. ``at``: seconds since the epoch; days are those of UTC."""
    rollout = now.course.rollout
    regions = now.catalogue.all(Region)
    units = now.catalogue.all(Unit)
    today = datetime.fromtimestamp(at, UTC).date()
    waves = [wave.name for wave in now.course.waves]
    targets = sorted(
        (Target(day=last_day(said), share=share, said=said) for said, share in rollout.shares.items()),
        key=lambda target: target.day,
    )
    if rollout.done_by and not any(target.share >= 100 for target in targets):
        targets.append(Target(day=last_day(rollout.done_by), share=100.0, said=rollout.done_by))
    passed = [target.share for target in targets if target.day <= today]

    def rows(title: Callable[[str], str], key: Callable[[str], str], first: Iterable[str] = ()) -> list[Row]:
        return _rows(now, title, key, first)

    members = now.course.members
    return Board(
        title=rollout.title or now.name,
        environment=environment,
        today=today,
        starts=date.fromisoformat(rollout.starts_on) if rollout.starts_on else None,
        waves=waves,
        whole=Row(title="", counts=_counts(now, members)),
        groups=[
            ("批次 · by wave", rows(lambda name: name or "未列入批次", now.course.wave_of)),
            (
                "层级 · by level",
                rows(lambda level: LEVELS.get(level, level or "未注明"), lambda s: members[s].level, LEVELS),
            ),
            (
                "市县 · by city",
                rows(
                    lambda name: (regions[name].title or name) if name in regions else name or "未注明",
                    lambda s: members[s].city,
                ),
            ),
            (
                "单位 · by unit",
                rows(
                    lambda name: (units[name].title or name) if name in units else name or "未注明",
                    lambda s: members[s].unit,
                ),
            ),
        ],
        targets=targets,
        due=max(passed, default=None),
    )


def _counts(now: Situation, subjects: Iterable[str]) -> dict[tuple[int, State], int]:
    out: dict[tuple[int, State], int] = {}
    for subject in subjects:
        one = now.progress[subject]
        key = now.course.number.get(subject, NO_WAVE), one.state
        out[key] = out.get(key, 0) + 1
    return out


def _rows(
    now: Situation, title: Callable[[str], str], key: Callable[[str], str], first: Iterable[str]
) -> list[Row]:
    """A row for each value of ``key``: those of ``first``, then in the order of the course; of many, the
    small ones are one row."""
    groups: dict[str, list[str]] = {value: [] for value in first}
    order = [s for wave in now.course.waves for s in wave.members] + list(now.course.left)
    for subject in order:
        groups.setdefault(key(subject), []).append(subject)
    groups = {value: found for value, found in groups.items() if found}
    if len(groups) > ROWS:
        kept = sorted(groups, key=lambda name: -len(groups[name]))[: ROWS - 1]
        rest = [s for name, found in groups.items() if name not in kept for s in found]
        shown = {name: found for name, found in groups.items() if name in kept}
        rows = [Row(title=title(name), counts=_counts(now, found)) for name, found in shown.items()]
        return [*rows, Row(title=f"其余 {len(groups) - len(kept)} 个", counts=_counts(now, rest))]
    return [Row(title=title(name), counts=_counts(now, found)) for name, found in groups.items()]


def last_day(said: str) -> date:
    """The last day of a year, a month or a day, as dates are written in files (``2026``, ``2026-12``)."""
    parts = [int(part) for part in said.split("-")]
    year, month = parts[0], parts[1] if len(parts) > 1 else 12
    return date(year, month, parts[2] if len(parts) > 2 else calendar.monthrange(year, month)[1])
