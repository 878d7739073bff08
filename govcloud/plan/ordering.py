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
from typing import Literal

from ..model.resources import TYPES
from .stages import Resource, ResourceChange

# What a stage does, which is how its id begins: "clear" takes away what is in the way of "stack".
Prefix = Literal["clear", "stack", "contract"]
# Verbs after which an object is there that was not there before, or not as it should be.
MAKING = frozenset({"create", "replace", "heal"})

Place = tuple[str, int]  # (stack, rank)
Thing = tuple[str, str]  # (stack, object id)


@dataclass(frozen=True)
class Visit:
    """One visit to a stack: its stage's id, the stages it needs, and what it changes there.

    ``later``: ids of the objects that a later visit to the same stack changes.
    """

    id: str
    stack: str
    needs: tuple[str, ...]
    changes: tuple[ResourceChange, ...]
    later: frozenset[str]


@cache
def used_types(type_name: str) -> frozenset[str]:
    """The types that a type refers to."""
    return frozenset(t for p in TYPES[type_name].properties for t in p.reference.split(",") if t)


@cache
def rank(type_name: str) -> int:
    """0 for a type that refers to nothing, else one more than the highest that it refers to."""
    return 1 + max(map(rank, used_types(type_name)), default=-1)


def references(resource: Resource) -> list[str]:
    """The ids of the objects that a resource refers to."""
    return [
        str(resource.inputs[p.name])
        for p in TYPES[resource.type].properties
        if p.reference and resource.inputs.get(p.name)
    ]


def visits(
    prefix: Prefix, changes: Mapping[str, Iterable[ResourceChange]], resources: Mapping[Thing, Resource]
) -> list[Visit]:
    """The visits that make these changes, in their order.

    ``changes``: by stack. ``resources``: what they are about, as it will be (stack) or was. Of what is not
    among them only the type is known: it may stand on anything that its type refers to.
    """
    making = prefix == "stack"
    concerned = [(stack, change) for stack, some in changes.items() for change in some]
    home: dict[str, set[Place]] = {}
    by_type: dict[str, set[Place]] = {}
    for stack, change in concerned:
        if not making or change.verb in MAKING:
            home.setdefault(change.object_id, set()).add((stack, rank(change.type)))
            by_type.setdefault(change.type, set()).add((stack, rank(change.type)))
    uses: dict[Place, set[Place]] = {}
    for stack, change in concerned:
        own = (stack, rank(change.type))
        resource = resources.get((stack, change.object_id))
        if resource is not None:
            used = {p for o in references(resource) for p in home.get(o, ())}
        else:
            used = {p for t in used_types(change.type) for p in by_type.get(t, ())}
        uses.setdefault(own, set()).update(p for p in used if p[0] != own[0])
    rings = _in_rings(uses)
    sign = 1 if making else -1

    def place(stack: str, change_rank: int) -> Place:
        return stack, sign * change_rank if stack in rings else 0

    groups: dict[Place, list[ResourceChange]] = {}
    for stack, change in concerned:
        groups.setdefault(place(stack, rank(change.type)), []).append(change)
    needs: dict[Place, set[Place]] = {
        p: {q for q in groups if q[0] == p[0] and q < p} for p in sorted(groups)
    }
    for user, used in uses.items():
        for one in used:
            first, second = place(*one), place(*user)
            if not making:
                first, second = second, first
            needs[second].add(first)
    order = list(TopologicalSorter({p: sorted(n) for p, n in needs.items()}).static_order())
    ids = _ids(prefix, order)
    return [
        Visit(
            ids[p],
            p[0],
            tuple(ids[q] for q in order if q in needs[p]),
            tuple(groups[p]),
            frozenset(c.object_id for q in groups if q[0] == p[0] and q > p for c in groups[q]),
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
