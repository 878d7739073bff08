"""What each stack holds from stage to stage, and the stages that bring it there.

Each stage's slice is whole: what it does not change is in it as it was built, so that the engine has
nothing to do about it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .inputs import Inputs
from .ordering import Visit, rank, visits
from .stacking import Changes, domain_of, restore
from .stages import Holding, Move, Phase, Resource, ResourceChange, Stack


@dataclass(frozen=True)
class Slices:
    """What each stack holds while a plan is carried out."""

    wanted: Mapping[str, list[Resource]]
    changes: Changes
    inputs: Inputs

    def built(self, stack: str) -> dict[str, Resource]:
        """What stands in a stack now."""
        return {r.object_id: restore(r) for r in self.inputs.applied.values() if r.stack == stack}

    def cleared(self, stack: str) -> dict[str, Resource]:
        """What stands in a stack when nothing is in the way any more."""
        change = self.changes.stacks.get(stack)
        gone = {c.object_id for c in change.clear} if change else set()
        return {o: r for o, r in self.built(stack).items() if o not in gone}

    def arrivals(self, stack: str) -> dict[str, Resource]:
        """What a stack takes over from others, as it was built there."""
        moves = [m for m in self.changes.moves if m.stack == stack]
        return {m.object_id: self.built(m.source)[m.object_id] for m in moves}

    def doomed(self, stack: str, among: Iterable[str] | None = None) -> list[Resource]:
        """What goes last (or only these of it)."""
        change = self.changes.stacks.get(stack)
        last = {c.object_id for c in change.contract} if change else set()
        last = last if among is None else last & set(among)
        return [r for r in change.doomed if r.object_id in last] if change else []

    def program(self, stack: str) -> str:
        """Digest of a stack's program."""
        return self.inputs.programs[domain_of(stack)]


def clear_stages(slices: Slices, after: tuple[str, ...]) -> list[Stack]:
    """Stages that take away what is in the way of what is made, users before what they use."""
    touched = {s: c.clear for s, c in sorted(slices.changes.stacks.items()) if c.clear}
    return [
        _stage(slices, visit, "expand", after, "clear the way in", slices.cleared(visit.stack), visit.later)
        for visit in visits("clear", touched, slices.changes.going)
    ]


def _stage(
    slices: Slices,
    visit: Visit,
    phase: Phase,
    after: tuple[str, ...],
    words: str,
    holds: Mapping[str, Resource],
    later: Iterable[str] = (),
) -> Stack:
    built = slices.built(visit.stack)
    still = {o: built[o] for o in later if o in built}
    return Stack(
        id=visit.id,
        title=f"{words} {visit.stack}: {words_of(visit.changes)}",
        phase=phase,
        needs=after + visit.needs,
        stack=visit.stack,
        domain=domain_of(visit.stack),
        program=slices.program(visit.stack),
        resources=tuple(in_order({**holds, **still}.values())),
        changes=visit.changes,
    )


def in_order(resources: Iterable[Resource]) -> list[Resource]:
    """Resources so that what is used comes before its users."""
    return sorted(resources, key=lambda r: (rank(r.type), r.subject, r.incarnation))


def move_stages(slices: Slices, after: tuple[str, ...]) -> list[Move]:
    """The stage that hands objects from stack to stack, as they were built."""
    moves = slices.changes.moves
    if not moves:
        return []
    holds = {s: slices.cleared(s) for m in moves for s in (m.source, m.stack)}
    for move in moves:
        one = holds[move.source].get(move.object_id) or slices.built(move.source)[move.object_id]
        holds[move.stack].setdefault(move.object_id, one)
    for move in moves:
        holds[move.source].pop(move.object_id, None)
    objects = f"{len(moves)} object{'s' if len(moves) != 1 else ''}"
    return [
        Move(
            id="move",
            title=f"hand over {objects} from stack to stack",
            phase="expand",
            needs=after,
            changes=tuple(sorted(moves, key=lambda m: (m.subject, m.source))),
            holdings=tuple(
                Holding(s, domain_of(s), slices.program(s), tuple(in_order(holds[s].values())))
                for s in sorted(holds)
            ),
        )
    ]


def expand_stages(
    slices: Slices, after: tuple[str, ...], restart: Mapping[str, tuple[str, ...]]
) -> list[Stack]:
    """Stages that create and update; what goes last is still part of each slice."""
    changes = slices.changes.stacks
    touched = {s: c.expand for s, c in sorted(changes.items()) if c.expand}
    things = {(s, r.object_id): r for s in touched for r in slices.wanted[s]}
    return [
        Stack(
            id=visit.id,
            title=f"build {visit.stack}: {words_of(visit.changes)}",
            phase="expand",
            needs=after + visit.needs,
            stack=visit.stack,
            domain=domain_of(visit.stack),
            program=slices.program(visit.stack),
            resources=(*_until(visit, slices), *slices.doomed(visit.stack)),
            changes=visit.changes,
            refresh=changes[visit.stack].refresh,
            restart=restart.get(visit.stack, ()),
        )
        for visit in visits("stack", touched, things)
    ]


def _until(visit: Visit, slices: Slices) -> Iterable[Resource]:
    """A stack's slice at a visit: what a later one changes is held as it was built, if it was."""
    built = slices.built(visit.stack) | slices.arrivals(visit.stack) if visit.later else {}
    for resource in slices.wanted[visit.stack]:
        if resource.object_id not in visit.later:
            yield resource
        elif resource.object_id in built:
            yield built[resource.object_id]


def contract_stages(slices: Slices, after: tuple[str, ...]) -> list[Stack]:
    """Stages that delete what goes last, users before what they use."""
    touched = {s: c.contract for s, c in sorted(slices.changes.stacks.items()) if c.contract}
    return [
        Stack(
            id=visit.id,
            title=f"clear {visit.stack}: {words_of(visit.changes)}",
            phase="contract",
            needs=after + visit.needs,
            stack=visit.stack,
            domain=domain_of(visit.stack),
            program=slices.program(visit.stack),
            resources=(
                *slices.wanted.get(visit.stack, ()),
                *slices.doomed(visit.stack, visit.later),
            ),
            changes=visit.changes,
        )
        for visit in visits("contract", touched, slices.changes.going)
    ]


VERBS = {
    "create": "to create",
    "update": "to update",
    "replace": "to replace",
    "heal": "to heal",
    "retire": "to retire",
    "delete": "to delete",
    "adopt": "to adopt",
    "release": "to let go of",
    "take": "to take in",
}


def words_of(changes: Iterable[ResourceChange]) -> str:
    """How many of them do what: ``2 to create, 1 to heal``."""
    counts: Counter[str] = Counter(c.verb for c in changes)
    return ", ".join(f"{counts[v]} {words}" for v, words in VERBS.items() if counts[v])
