"""A rollout as the ledger has it now, and whether a wave of it may begin."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

import msgspec

from ..errors import DeniedError, InputError, Problem
from ..ledger.connection import Connection
from ..model.catalogue import Catalogue
from ..plan import pins
from ..plan.stages import Asked
from ..run import ipv6policy
from ..run.ipv6policy import Ipv6Policy
from . import said
from .members import Ground, has_ipv6
from .progress import Progress, numbers, progress, proving, reasons_since
from .reading import of_ledger, one, sound
from .said import Saying
from .waves import Course, Planner, Wave


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """All that is asked about a rollout, read at one moment. ``progress``: by ``kind/name``; ``at``: when,
    seconds since the epoch; ``pinned``: the pin that holds an entry, by ``kind/name``."""

    course: Course
    catalogue: Catalogue
    said: tuple[Saying, ...]
    progress: Mapping[str, Progress]
    limits: Ipv6Policy
    at: float = 0.0
    pinned: Mapping[str, str] = {}

    @property
    def name(self) -> str:
        """The rollout's name."""
        return self.course.name

    def of(self, wave: Wave) -> list[Progress]:
        """How far the members of a wave are, in their order."""
        return [self.progress[subject] for subject in wave.members]

    def begun(self, wave: Wave) -> bool:
        """Whether a wave says something now."""
        return any(one.wave == wave.name and not one.until for one in self.said)


def situation(
    connection: Connection, name: str, *, now: float, hidden: Collection[str] = frozenset()
) -> Situation:
    """Read a rollout (empty name: the only one). ``now``: seconds since the epoch; ``hidden``: uids of
    entries that the reader may not see.

    Raises ``GovcloudError`` where there is none such, ``InputError`` with every fault of it.
    """
    catalogue = of_ledger(connection)
    name, rollout = one(catalogue, name)
    course = sound(Planner(Ground(catalogue)), name, rollout)
    sayings = said.sayings(connection, name)
    limits = numbers(ipv6policy.policy(connection), rollout)
    since = reasons_since(connection, name)
    found = progress(course, catalogue, proving(connection), sayings, limits, now, since)
    if hidden:
        # Waves are the same for everybody; who is in them is told as far as it may be seen.
        catalogue = of_ledger(connection, hidden)
        course = course.seen_by(Ground(catalogue).all)
        found = {subject: one for subject, one in found.items() if subject in course.members}
    return Situation(
        course=course,
        catalogue=catalogue,
        said=tuple(sayings),
        progress=found,
        limits=limits,
        at=now,
        pinned={f"{row.kind}/{row.name}": row.claimant for row in pins.standing(connection)},
    )


def begin(now: Situation, name: str) -> tuple[Wave, Asked]:
    """What a wave says when it begins.

    Raises ``InputError`` where there is no such wave, ``DeniedError`` while one before it is not verified or
    a member has gone back and nobody says why, before its time, and while the rollout is paused.
    """
    wave = _wave(now, name)
    _refuse_before_its_time(now, wave)
    if held := _held(now, wave):
        # Whatever the wave says of them, the pin stands for the whole entry.
        words = f"wave {name} of {now.name} can give nothing to {', '.join(held[:3])}"
        more = f" and {len(held) - 3} more" if len(held) > 3 else ""
        pin = f"a revert holds {'it' if len(held) == 1 else 'them'} ({now.pinned[held[0]]})"
        raise DeniedError(f"{words}{more}: {pin}", hint=_release(held))
    for earlier in now.course.before(name):
        waiting = [one for one in now.of(earlier) if not one.lets_pass]
        if waiting:
            words = f"wave {name} of {now.name} must wait: {_of_wave(earlier, waiting)}"
            raise DeniedError(words, hint=_next(now, earlier, waiting))
    mine = set(wave.members)
    back = [
        one
        for s, one in now.progress.items()
        if s not in mine and one.state == "regressed" and not one.lets_pass
    ]
    if back:
        words = f"wave {name} of {now.name} must wait: {_some(back)} went back: {back[0].why}"
        raise DeniedError(words, hint=_mend(now, back[0]))
    has = [subject for subject in wave.members if has_ipv6(now.catalogue, subject)]
    return wave, said.begin(now.course, wave, now.said, has)


def _refuse_before_its_time(now: Situation, wave: Wave) -> None:
    rollout = now.course.rollout
    if rollout.status == "paused":
        hint = f"write another `status` of rollout/{now.name}, then `govcloud apply`"
        raise DeniedError(f"{now.name} is paused", hint=hint)
    if not now.at:
        return
    if rollout.starts_on and date.fromtimestamp(now.at) < date.fromisoformat(rollout.starts_on):
        hint = f"wait, or put `starts_on` of rollout/{now.name} right, then `govcloud apply`"
        raise DeniedError(f"{now.name} starts on {rollout.starts_on}", hint=hint)
    earlier = {one.name for one in now.course.before(wave.name)}
    last = max((one.since for one in now.said if not one.until and one.wave in earlier), default=0.0)
    free = datetime.fromtimestamp(last + rollout.soak_h * 3600, UTC)
    if last and not now.begun(wave) and free.timestamp() > now.at:
        raise DeniedError(
            f"wave {wave.name} of {now.name} must wait: `soak_h` wants {rollout.soak_h:g} h after the wave "
            "before it",
            hint=f"from {free.isoformat(timespec='seconds')} on it may begin",
        )


def _wave(now: Situation, name: str) -> Wave:
    wave = now.course.wave(name)
    if wave is None:
        known = ", ".join(one.name for one in now.course.waves)
        raise InputError([Problem(f"{now.name} has no wave {name!r}", hint=f"it has {known}")])
    return wave


def _of_wave(wave: Wave, waiting: Sequence[Progress]) -> str:
    first = waiting[0]
    words = f": {first.why}" if first.why else ""
    return f"wave {wave.name} is not verified; {_some(waiting)} {_is(first)}{words}"


def _is(one: Progress) -> str:
    return {"regressed": "went back", "stale": "wants measuring"}.get(one.state, f"is {one.state}")


def _some(found: Iterable[Progress]) -> str:
    names = [one.member.subject for one in found]
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return names[0] + more


def _held(now: Situation, wave: Wave) -> list[str]:
    """Members of a wave that have no IPv6 and cannot get any, for a pin holds them as they were."""
    catalogue, members = now.catalogue, now.course.members
    return [s for s in wave.members if s in now.pinned and members[s].field and not has_ipv6(catalogue, s)]


def _release(held: Sequence[str]) -> str:
    only = " ".join(f"--only {subject}" for subject in held)
    return f"`govcloud revert --release {only}` lets the files and the wave speak again"


def _next(now: Situation, wave: Wave, waiting: Sequence[Progress]) -> str:
    if held := _held(now, wave):
        return _release(held)
    back = [one for one in waiting if one.state == "regressed"]
    if back:
        return _mend(now, back[0])
    if any(one.state == "open" for one in waiting):
        return f"`govcloud ipv6 run {now.name} {wave.name}` carries it out"
    measure = f"`govcloud ipv6 verify {now.name} --wave {wave.name}` measures"
    return f"{measure}; `govcloud ipv6 status {now.name}` tells how far it is"


def _mend(now: Situation, one: Progress) -> str:
    subject = one.member.subject
    return (
        f"put it right and `govcloud ipv6 verify {now.name}`; or say why under `explained` of "
        f"rollout/{now.name} (`{subject}: the reason`) and `govcloud apply`"
    )
