"""The waves of a rollout: as they are written, or by what carries whom; and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from ..model.base import NAME_PATTERN, is_date
from ..model.change import Rollout
from ..source.claims import Finding
from .carrying import Carriage, carriage
from .members import KINDS, Ground, Member, has_ipv6, members

_fits = re.compile(NAME_PATTERN).fullmatch
# How many of one sort are told; the rest is most likely of the same.
TOLD = 10
# What other rollouts may say and this one would not heed: what it goes by instead.
UNHEEDED = {
    "order": "its waves follow from `waves`, or from what carries whom",
    "stop_percent": "a play stops as the profile of batches says",
    "address_plan": "addresses come from the plans of the places that they are for",
}
# (field, what is wrong, hint), or with the place in the field's list behind it.
Fault = tuple[str, str, str] | tuple[str, str, str, int]


class Wave(msgspec.Struct, frozen=True):
    """One wave: its name, and the subjects of its members, each after its carriers."""

    name: str
    members: tuple[str, ...]


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout as it will be carried out.

    ``number``: the place of its wave, from 0, by member; ``left``: members that stand in none of the waves.
    """

    name: str
    rollout: Rollout
    members: Mapping[str, Member]
    waves: tuple[Wave, ...]
    number: Mapping[str, int]
    left: tuple[str, ...]
    carriage: Carriage

    def seen_by(self, shown: Container[str]) -> Course:
        """The same with those members alone that are in ``shown``."""
        carriers = {
            subject: tuple(one for one in by if one in shown)
            for subject, by in self.carriage.carriers.items()
            if subject in shown
        }
        return msgspec.structs.replace(
            self,
            members={subject: one for subject, one in self.members.items() if subject in shown},
            waves=tuple(Wave(w.name, tuple(s for s in w.members if s in shown)) for w in self.waves),
            number={subject: at for subject, at in self.number.items() if subject in shown},
            left=tuple(subject for subject in self.left if subject in shown),
            carriage=msgspec.structs.replace(self.carriage, carriers=carriers),
        )

    def wave(self, name: str) -> Wave | None:
        """The wave of this name."""
        return next((wave for wave in self.waves if wave.name == name), None)

    def before(self, name: str) -> tuple[Wave, ...]:
        """The waves before this one."""
        names = [wave.name for wave in self.waves]
        return self.waves[: names.index(name)] if name in names else ()

    def wave_of(self, subject: str) -> str:
        """The name of the wave that a member is in; empty where it is in none."""
        return self.waves[self.number[subject]].name if subject in self.number else ""


class Planner:
    """The rollouts of a catalogue; what they share is worked out once."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    @cached_property
    def carriage(self) -> Carriage:
        """Who carries whom, of all that could be a member."""
        return carriage(self.ground)

    def course(self, name: str, rollout: Rollout) -> Course:
        """The rollout's waves, as far as what is written makes sense; ``faults`` tells what does not."""
        found = members(self.ground.catalogue, rollout, self.ground)
        at = self.carriage.order
        if rollout.waves:
            waves = self._written(rollout, found)
        else:
            ordered = sorted(found, key=at.__getitem__)
            size = rollout.batch
            waves = [
                Wave(f"wave-{n + 1}", tuple(ordered[i : i + size]))
                for n, i in enumerate(range(0, len(ordered), size))
            ]
        number = {subject: n for n, wave in enumerate(waves) for subject in wave.members}
        left = tuple(sorted((s for s in found if s not in number), key=at.__getitem__))
        return Course(
            name=name,
            rollout=rollout,
            members=found,
            waves=tuple(waves),
            number=number,
            left=left,
            carriage=self.carriage,
        )

    def _written(self, rollout: Rollout, found: Mapping[str, Member]) -> list[Wave]:
        # Who is named goes before who is meant by a place: a place stands for those that nobody names.
        named = {s for one in rollout.waves for listed in one.values() for s in listed if s in found}
        taken: set[str] = set()
        out = []
        for one in rollout.waves:
            for name, listed in one.items():
                mine: set[str] = set()
                for subject in listed:
                    meant = {subject} if is_member(subject) else self.ground.within(subject) - named
                    mine |= (meant & found.keys()) - taken
                taken |= mine
                out.append(Wave(name, tuple(sorted(mine, key=self.carriage.order.__getitem__))))
        return out

    def faults(self, name: str, rollout: Rollout) -> Iterator[Finding]:
        """All that is wrong with a rollout, in itself and in what it is about."""
        course = self.course(name, rollout)
        for field, words, hint, *item in (*_itself(rollout), *self._names(course), *self._carried(course)):
            yield Finding("rollout", name, field, words, hint, *item)

    def _names(self, course: Course) -> Iterator[Fault]:
        rollout, found = course.rollout, course.members
        for at, subject in enumerate(rollout.subjects):
            if not self.ground.within(subject):
                hint = "a machine without a network has no place in it" if is_member(subject) else ""
                yield "subjects", f"{subject} stands for no member", hint, at
        first: dict[str, str] = {}
        for at, one in enumerate(rollout.waves):
            for wave, listed in one.items():
                for subject in listed:
                    if is_member(subject) and subject not in found:
                        yield (
                            "waves",
                            f"wave {wave}: {subject} is no member of this rollout",
                            _in_words(found),
                            at,
                        )
                    elif not is_member(subject) and not self.ground.within(subject) & found.keys():
                        yield "waves", f"wave {wave}: no member is in {subject}", _in_words(found), at
                    elif subject in first:
                        twice = (
                            "twice in it" if first[subject] == wave else f"in wave {first[subject]} already"
                        )
                        yield "waves", f"wave {wave}: {subject} is {twice}", "take one of them out", at
                    else:
                        first[subject] = wave
                yield from self._overlaps(course, at, wave, listed)
        for subject in rollout.explained:
            if subject not in found:
                yield "explained", f"{subject} is no member of this rollout", _in_words(found)

    def _overlaps(self, course: Course, at: int, wave: str, listed: Sequence[str]) -> Iterator[Fault]:
        """Two places that stand for the same member in two waves."""
        named = {s for one in course.rollout.waves for some in one.values() for s in some}
        for subject in listed:
            if is_member(subject):
                continue
            others = {s: course.wave_of(s) for s in self.ground.within(subject) & course.members.keys()}
            twice = sorted(s for s, other in others.items() if s not in named and other != wave)
            if twice:
                words = f"wave {wave}: {subject} stands for {_some(twice)} of wave {others[twice[0]]} too"
                yield "waves", words, "name it in the wave that it shall be in", at

    def _carried(self, course: Course) -> Iterator[Fault]:
        """Who would come before what carries it, or is carried by what nobody gives IPv6."""
        catalogue = self.ground.catalogue
        number = course.number
        field = "waves" if course.rollout.waves else "subjects"
        early, gaps, cut = [], dict[str, list[str]](), []
        for subject in sorted(number, key=self.carriage.order.__getitem__):
            if subject.startswith("node/") and subject[5:] in self.carriage.cut_off:
                cut.append(subject)
            for by in self.carriage.carriers.get(subject, ()):
                if has_ipv6(catalogue, by) and by not in number:
                    continue
                if by not in number:
                    gaps.setdefault(by, []).append(subject)
                elif number[by] > number[subject] and not has_ipv6(catalogue, by):
                    early.append((subject, by))
        for subject, by in early[:TOLD]:
            waves = course.waves
            words = f"wave {waves[number[subject]].name}: {subject} comes before {by}, which carries it"
            hint = f"{by} is in wave {waves[number[by]].name}"
            yield (field, words, hint, number[subject]) if field == "waves" else (field, words, hint)
        for by, carried in sorted(gaps.items())[:TOLD]:
            words = f"{by} carries {_some(carried)}, but has no IPv6 and is in no wave"
            member = by in course.members
            hint = f"put {by} in a wave before" if member else f"add {by} to `subjects`"
            yield field, words, hint
        if cut:
            yield (
                field,
                f"no way of links leads from the core to {_some(cut)}",
                "declare the link, or its cost",
            )


def is_member(subject: str) -> bool:
    """Whether a subject is itself a member, not a place or a unit that stands for those in it."""
    return subject.partition("/")[0] in KINDS


def _some(subjects: Sequence[str]) -> str:
    shown = ", ".join(subjects[:3])
    return f"{shown} and {len(subjects) - 3} more" if len(subjects) > 3 else shown


def _in_words(found: Mapping[str, Member]) -> str:
    return f"`subjects` stand for {len(found)} members; `govcloud ipv6 plan --json` lists them"


def _itself(rollout: Rollout) -> Iterator[Fault]:
    """(field, what is wrong, hint) of a rollout by itself."""
    names: list[str] = []
    for at, one in enumerate(rollout.waves):
        if len(one) != 1:
            hint = "a wave is written as `- name: [kind/name, …]`"
            yield "waves", f"a wave should have one name, not {len(one)}", hint, at
        for name, listed in one.items():
            if not _fits(name):
                yield (
                    "waves",
                    f"{name!r} cannot be the name of a wave",
                    "small letters, digits, dots, dashes",
                    at,
                )
            if name in names:
                yield "waves", f"two waves are called {name}", "", at
            if not listed:
                yield "waves", f"wave {name} has no member", "", at
            names.append(name)
    last, highest = "", 0.0
    for when, share in sorted(rollout.shares.items()):
        if not re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", when) or not is_date(when):
            yield "shares", f"{when!r} should be a year, a month or a day", "as `2026-12: 50`"
        elif not 0 <= share <= 100:
            yield "shares", f"the share by {when} should be 0 to 100 per cent, not {share:g}", ""
        elif share < highest:
            words = f"the share by {when} is {share:g} %, less than {highest:g} % by {last}"
            yield "shares", words, "a share only grows"
        else:
            last, highest = when, share
    plain = Rollout(type="ipv6", subjects=[])
    for field, heeds in UNHEEDED.items():
        if getattr(rollout, field) != getattr(plain, field):
            yield field, "a rollout of IPv6 does not heed it", heeds
    for subject, reason in rollout.explained.items():
        if not reason.strip():
            yield "explained", f"nothing is said of why {subject} went back", ""
