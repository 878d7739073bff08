"""What of a run went on beside what: when each stage could have begun, when it did, and how it ended.

Taken from the ledger's rows and from what each stage needs; drawn by ``timeline_text`` and ``timeline_svg``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ..ledger import entries, leases, runs
from ..ledger import legs as table
from ..ledger.connection import Connection
from ..ledger.legs import Attempt, Leg
from ..ledger.runs import Run, StageRow
from ..plan.stages import Plan, Record, Stack, decode

# A pause between two legs that is longer than this part of all work is drawn as long as this part.
PAUSE = 0.08
MOST_TICKS = 400


class Bar(msgspec.Struct, frozen=True):
    """One attempt. Times are seconds since the run began; ``ready``: when all that it needs was there."""

    attempt: int
    status: str
    ready: float
    start: float
    end: float
    words: str


class Lane(msgspec.Struct, frozen=True):
    """A stage with its attempts. ``waited``, ``ran``: seconds, of all attempts together.

    ``subjects``: what it changes, by ``kind/name``.
    """

    stage: str
    kind: str
    title: str
    status: str
    waited: float
    ran: float
    bars: tuple[Bar, ...]
    subjects: tuple[str, ...] = ()


class Span(msgspec.Struct, frozen=True):
    """A leg: from when to when, how it ended, who ran it on which machine."""

    start: float
    end: float
    status: str
    actor: str
    host: str


class Timeline(msgspec.Struct, frozen=True):
    """A run in time. ``began``: seconds since 1970; ``seconds``: from there to its end, or until now."""

    began: float
    seconds: float
    legs: tuple[Span, ...]
    lanes: tuple[Lane, ...]


def timeline(
    connection: Connection, run: Run, hidden: frozenset[str] = frozenset()
) -> tuple[Timeline, dict[str, str]]:
    """The timeline of a run, as far as it came, and the titles of what it changes, by ``kind/name``.

    ``hidden``: uids of what its reader may not see.
    """
    try:
        plan: Plan | None = decode(runs.get_blob(connection, run.plan))
    except (KeyError, msgspec.MsgspecError):
        # Its plan was pruned, or is a newer release's: then nobody knows what waited for what.
        plan = None
    needs = {stage.id: stage.needs for stage in plan.stages} if plan else {}
    subjects = {s.id: tuple(c.subject for c in s.changes if c.uid not in hidden) for s in _changing(plan)}
    rows, legs = runs.stages(connection, run.id), table.legs(connection, run.id)
    attempts = table.attempts(connection, run.id)
    live = leases.is_held(connection, "run")
    line = draw(run, rows, legs, attempts, needs, subjects, now=time.time() if live else None)
    return line, _titles(connection, {name for names in subjects.values() for name in names})


def _titles(connection: Connection, subjects: Iterable[str]) -> dict[str, str]:
    """What entries are called, where they have a title."""
    found = entries.among(connection, map(entries.key_of, subjects))
    return {
        "/".join(key): str(known.fields["title"]) for key, known in found.items() if known.fields.get("title")
    }


def _changing(plan: Plan | None) -> Iterable[Record | Stack]:
    return [s for s in plan.stages if isinstance(s, Record | Stack)] if plan else []


def draw(
    run: Run,
    rows: Sequence[StageRow],
    legs: Sequence[Leg],
    attempts: Sequence[Attempt],
    needs: Mapping[str, Iterable[str]],
    subjects: Mapping[str, tuple[str, ...]],
    *,
    now: float | None,
) -> Timeline:
    """The timeline of these rows. ``now``: None where nobody carries a run: what has no end was interrupted.

    A run of a former release has no legs and no attempts: then its own times and the last ones of its
    stages are all there is.
    """
    began = run.started
    if not legs:
        end = run.ended or now or began
        legs = [Leg(run.id, 1, run.actor, "", run.status, began, end, end)]
        attempts = [
            Attempt(run.id, r.id, max(1, r.attempt), 1, r.status, r.started, r.ended, "")
            for r in rows
            if r.started is not None
        ]
    by_number = {leg.number: leg for leg in legs}
    done: dict[str, float] = {}
    bars: dict[str, list[Bar]] = {}
    for one in sorted(attempts, key=lambda a: (a.started, a.number)):
        leg = by_number.get(one.leg, legs[-1])
        end = one.ended if one.ended is not None else _open_end(leg, now)
        ready = max([leg.started, *(done[n] for n in needs.get(one.stage, ()) if n in done)])
        # A clock that was put back makes no time less than none.
        ready, end = min(ready, one.started), max(end, one.started)
        bar = Bar(
            one.number, _status(one.status, now), ready - began, one.started - began, end - began, one.words
        )
        bars.setdefault(one.stage, []).append(bar)
        if one.status == runs.Status.DONE:
            done[one.stage] = end
    lanes = tuple(_lane(row, bars.get(row.id, []), subjects.get(row.id, ())) for row in rows)
    spans = tuple(_span(leg, began, now) for leg in legs)
    ends = [span.end for span in spans] + [bar.end for lane in lanes for bar in lane.bars]
    return Timeline(began, max([0.0, *ends]), spans, lanes)


def _lane(row: StageRow, bars: Sequence[Bar], subjects: tuple[str, ...]) -> Lane:
    waited = sum(bar.start - bar.ready for bar in bars)
    ran = sum(bar.end - bar.start for bar in bars)
    return Lane(row.id, row.kind, row.title, str(row.status), waited, ran, tuple(bars), subjects)


def _span(leg: Leg, began: float, now: float | None) -> Span:
    end = leg.ended if leg.ended is not None else _open_end(leg, now)
    status = _status(leg.status, now)
    return Span(leg.started - began, max(end, leg.started) - began, status, leg.actor, leg.host)


def _status(status: str, now: float | None) -> str:
    return table.INTERRUPTED if status == table.RUNNING and now is None else status


def _open_end(leg: Leg, now: float | None) -> float:
    """When something ended that has no end: now, or when its process was last heard of."""
    if leg.ended is not None:
        return leg.ended
    return leg.alive if now is None else now


class Axis:
    """Time as a length from 0 to 1. Pauses between legs are cut short, so that what ran can be seen."""

    def __init__(self, line: Timeline) -> None:
        spans = sorted((span.start, span.end) for span in line.legs)
        work = sum(end - start for start, end in spans) or line.seconds or 1.0
        # (from, to, length) of each piece of time, without holes.
        self.pieces: list[tuple[float, float, float]] = []
        self.pauses: list[tuple[float, float]] = []
        at = 0.0
        for start, end in [*spans, (line.seconds, line.seconds)]:
            if start > at:
                pause = start - at
                longest = work * PAUSE
                if self.pieces and pause > longest:
                    self.pauses.append((at, start))
                    pause = longest
                self.pieces.append((at, start, pause))
            if end > max(start, at):
                begin = max(start, at)
                self.pieces.append((begin, end, end - begin))
            at = max(at, end)
        self.whole = sum(length for *_, length in self.pieces) or 1.0

    def at(self, seconds: float) -> float:
        """Where a moment (seconds since the run began) lies, from 0 to 1."""
        length = 0.0
        for start, end, drawn in self.pieces:
            if seconds <= start:
                break
            part = min(1.0, (seconds - start) / (end - start)) if end > start else 1.0
            length += part * drawn
        return min(1.0, length / self.whole)

    def ticks(self, most: int) -> list[float]:
        """Round moments, about so many, none of them within a pause that is cut short."""
        # Nobody reads less than a millisecond off a picture.
        rough = max(1e-3, self.whole / max(1, most))
        power = 10.0 ** _floor_log10(rough)
        step = next((power * n for n in (1, 2, 5) if power * n >= rough * 0.999), power * 10)
        end = self.pieces[-1][1] if self.pieces else 0.0
        out: list[float] = []
        n = 0
        # Each round takes one or leaps over one pause.
        for _ in range(MOST_TICKS + len(self.pauses)):
            inside = next((b for a, b in self.pauses if a < n * step < b), None)
            if inside is not None:
                # Hours may lie in between: on at once to where it goes on.
                n = math.ceil(inside / step)
            if n * step > end:
                break
            out.append(n * step)
            n += 1
        return out


def _floor_log10(value: float) -> int:
    return math.floor(math.log10(value))


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 4 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {left} s"
    return f"{minutes // 60} h {minutes % 60} min"
