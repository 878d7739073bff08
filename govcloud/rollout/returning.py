"""Taking a wave back, also one that no rollout declares any more: what it said holds until it is ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..errors import DeniedError, InputError, Problem
from ..ledger.connection import Connection
from ..model.catalogue import Catalogue
from ..plan.stages import Asked
from . import said
from .members import Ground, has_ipv6
from .reading import of_ledger, one, rollouts
from .said import Saying
from .waves import Course, Planner, Wave


def returned(connection: Connection, rollout: str, wave: str) -> tuple[Wave, Asked]:
    """``take_back`` of what the ledger has now."""
    return take_back(of_ledger(connection), said.standing(connection), rollout, wave)


def take_back(
    catalogue: Catalogue, standing: Iterable[Saying], rollout: str, wave: str
) -> tuple[Wave, Asked]:
    """What a wave says no longer when it is taken back. ``standing``: what waves of all rollouts say now.

    The rollout need not be sound, nor be declared. Raises ``InputError`` where there is no such wave or it
    says nothing, ``GovcloudError`` where there is no such rollout, ``DeniedError`` where another wave, or a
    member of another rollout, stands on it.
    """
    waves: dict[tuple[str, str], list[Saying]] = {}
    for saying in standing:
        if not saying.until:
            waves.setdefault((saying.rollout, saying.wave), []).append(saying)
    mine = waves.pop((rollout, wave), [])
    planner = Planner(Ground(catalogue))
    courses = {name: planner.course(name, declared) for name, declared in rollouts(catalogue).items()}
    course = courses.get(rollout)
    known = course.wave(wave) if course else None
    if not mine:
        raise _nothing(catalogue, course, rollout, wave, [w for of, w in waves if of == rollout])
    carriers = planner.carriage.carriers
    subjects = {saying.subject for saying in mine}
    after = {w.name for w in course.waves} - {w.name for w in course.before(wave)} if course and known else {}
    before = {w.name for w in course.before(wave)} if course and known else {}
    for (of, other), theirs in reversed(waves.items()):
        if of == rollout and other in before:
            continue
        # Two that carry each other (they were cut otherwise once) would hold each other for ever.
        carried = _carried(carriers, subjects, theirs) and not _carried(
            carriers, {saying.subject for saying in theirs}, mine
        )
        if carried or (of == rollout and other in after):
            whose = other if of == rollout else f"{other} of {of}"
            raise DeniedError(
                f"wave {wave} of {rollout} carries wave {whose}, which stands",
                hint=f"`govcloud ipv6 rollback {of} {other}` first",
            )
    for name, other_course in courses.items():
        if name != rollout:
            _refuse_without_carrier(catalogue, other_course, subjects, f"wave {wave} of {rollout}")
    found = known or Wave(wave, tuple(sorted(subjects)))
    return found, said.end(rollout, wave, mine)


def _carried(carriers: Mapping[str, Sequence[str]], by: set[str], sayings: Iterable[Saying]) -> bool:
    """Whether any of these sayings is about somebody who is carried by one of ``by``, however far away."""
    todo, seen = [saying.subject for saying in sayings], set[str]()
    while todo:
        subject = todo.pop()
        for carrier in carriers.get(subject, ()):
            if carrier in by:
                return True
            if carrier not in seen:
                seen.add(carrier)
                todo.append(carrier)
    return False


def _refuse_without_carrier(catalogue: Catalogue, course: Course, gone: set[str], wave: str) -> None:
    """A rollout whose members have IPv6 and lose who carries them could not be planned any more."""
    for subject in course.number:
        for by in course.carriage.carriers.get(subject, ()):
            if by in gone and by not in course.number and has_ipv6(catalogue, subject):
                words = f"{wave} carries {subject} of {course.name}, which has IPv6, by {by}"
                hint = f"add {by} to `subjects` of rollout/{course.name}, or take IPv6 from {subject} first"
                raise DeniedError(words, hint=hint)


def _nothing(
    catalogue: Catalogue, course: Course | None, rollout: str, wave: str, others: Sequence[str]
) -> InputError:
    if course is None and not others:
        one(catalogue, rollout)
    names = [w.name for w in course.waves] if course else []
    if wave in names:
        words = f"wave {wave} of {rollout} has given nobody anything, so there is nothing to take back"
        return InputError([Problem(words)])
    known = ", ".join(dict.fromkeys([*names, *others]))
    return InputError([Problem(f"{rollout} has no wave {wave!r}", hint=f"it has {known}")])
