"""In which order stacks are visited: what is used before its users, and deletes the other way round.

Only what changes counts: a reference to an object that stays as it is needs no order. Mostly a phase
visits each stack once. Stacks that need each other (a server in a cloud's network, an instance in a
data centre's) are visited once for each rank of their objects, and ranks never go in a ring.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter

from ..model.resources import TYPES
from .stages import Phase, Resource, ResourceChange

PREFIX: dict[Phase, str] = {"expand": "stack", "contract": "contract"}
# Verbs after which an object is there that was not there before, or not as it should be.
MAKING = frozenset({"create", "replace", "heal"})

Place = tuple[str, int]  # (stack, rank)


@dataclass(frozen=True)
class Visit:
    """One visit to a stack: its stage's id, the stages it needs, and what it changes there.

    ``later``: uids of what a later visit to the same stack changes.
    """

    id: str
    stack: str
    needs: tuple[str, ...]
    changes: tuple[ResourceChange, ...]
    later: frozenset[str]


@cache
def rank(type_name: str) -> int:
    """0 for a type that refers to nothing, else one more than the highest that it refers to."""
    used = [t for p in TYPES[type_name].properties for t in p.reference.split(",") if t]
    return 1 + max(map(rank, used)) if used else 0


def references(resource: Resource) -> list[str]:
    """The ids of the objects that a resource refers to."""
    return [
        str(resource.inputs[p.name])
        for p in TYPES[resource.type].properties
        if p.reference and resource.inputs.get(p.name)
    ]


def visits(
    phase: Phase, changes: Mapping[str, Iterable[ResourceChange]], resources: Iterable[Resource]
) -> list[Visit]:
    """The visits of a phase in their order.

    ``changes``: by stack. ``resources``: what they change, as it will be (expand) or was (contract).
    """
    verb_of = {c.uid: c.verb for some in changes.values() for c in some}
    stack_of = {c.uid: stack for stack, some in changes.items() for c in some}
    concerned = [r for r in resources if r.uid in stack_of]
    home = {
        r.object_id: (stack_of[r.uid], rank(r.type))
        for r in concerned
        if phase == "contract" or verb_of[r.uid] in MAKING
    }
    uses: dict[Place, set[Place]] = {}
    for resource in concerned:
        own = (stack_of[resource.uid], rank(resource.type))
        used = {home[o] for o in references(resource) if o in home}
        uses.setdefault(own, set()).update(p for p in used if p[0] != own[0])
    rings = _in_rings(uses)
    sign = 1 if phase == "expand" else -1

    def place(stack: str, change_rank: int) -> Place:
        return stack, sign * change_rank if stack in rings else 0

    groups: dict[Place, list[ResourceChange]] = {}
    for stack, some in changes.items():
        ranks = [rank(c.type) for c in some]
        for change in some:
            # What is let go in the first phase cannot wait for a second visit.
            early = phase == "expand" and change.verb == "delete"
            groups.setdefault(place(stack, min(ranks) if early else rank(change.type)), []).append(change)
    needs: dict[Place, set[Place]] = {
        p: {q for q in groups if q[0] == p[0] and q < p} for p in sorted(groups)
    }
    for user, used in uses.items():
        for one in used:
            first, second = place(*one), place(*user)
            if phase == "contract":
                first, second = second, first
            needs[second].add(first)
    order = list(TopologicalSorter({p: sorted(n) for p, n in needs.items()}).static_order())
    ids = _ids(PREFIX[phase], order)
    return [
        Visit(
            ids[p],
            p[0],
            tuple(ids[q] for q in order if q in needs[p]),
            tuple(groups[p]),
            frozenset(c.uid for q in groups if q[0] == p[0] and q > p for c in groups[q]),
        )
        for p in order
    ]


def _ids(prefix: str, order: list[Place]) -> dict[Place, str]:
    """A stage's id is its stack's; of several visits the earlier ones have a number behind it."""
    out = {}
    for place in order:
        own = sorted(p for p in order if p[0] == place[0])
        number = own.index(place) + 1
        out[place] = f"{prefix}:{place[0]}" + (f"/{number}" if number < len(own) else "")
    return out


def _in_rings(uses: Mapping[Place, set[Place]]) -> set[str]:
    """The stacks that need themselves by way of others."""
    graph: dict[str, set[str]] = {}
    for (stack, _), used in uses.items():
        graph.setdefault(stack, set()).update(other for other, _ in used)
    rings = set()
    for start in graph:
        seen: set[str] = set()
        pending = [start]
        while pending:
            for other in graph.get(pending.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    pending.append(other)
        if start in seen:
            rings.add(start)
    return rings
