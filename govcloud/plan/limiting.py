"""A plan about single objects: what a whole plan says of them, and nothing else.

Each stage's slice is what stands in its stack as it was built, but for the objects that the plan is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ..ledger.building import Applied
from .builder import HOST_KINDS, effect_of
from .ordering import references, visits
from .slicing import in_order, words_of
from .stacking import applied_digest, domain_of, host_digests, restore
from .stages import LEAVING, Base, Plan, Play, Record, Resource, ResourceChange, Stack, Stage

# What of a plan is meant: the change as it is to be made, or None.
Choice = Callable[[ResourceChange, Resource | None], ResourceChange | None]
Rows = Iterable[Applied]


def limited(plan: Plan, applied: Rows, choose: Choice, title: str, *, subjects: frozenset[str]) -> Plan:
    """The part of a plan that is about some objects. ``subjects``: ``kind/name`` of their entries.

    Of its Records all is kept that goes before building; nothing is measured.
    """
    rows = list(applied)
    holds: dict[str, dict[str, Resource]] = {}
    for row in rows:
        if row.stack:
            holds.setdefault(row.stack, {})[row.object_id] = restore(row)
    stages: list[Stage] = []
    hosts: set[str] = set()
    for stage in plan.stages:
        kept = {s.id for s in stages}
        needs = tuple(n for n in stage.needs if n in kept)
        if isinstance(stage, Record) and stage.phase == "expand":
            stages.append(stage)
        elif isinstance(stage, Stack):
            part = _part(stage, holds.setdefault(stage.stack, {}), choose)
            if part is not None:
                stages.append(msgspec.structs.replace(part, needs=needs))
                hosts |= set(part.restart)
        elif isinstance(stage, Play):
            meant = hosts | {s.partition("/")[2] for s in subjects if s.partition("/")[0] in HOST_KINDS}
            if meant & stage.inputs.keys():
                stages.append(_play(msgspec.structs.replace(stage, needs=needs), meant))
    return finished(plan, rows, stages, title)


def _part(stage: Stack, hold: dict[str, Resource], choose: Choice) -> Stack | None:
    said = {r.object_id: r for r in stage.resources}
    changes = [one for c in stage.changes if (one := choose(c, said.get(c.object_id))) is not None]
    if not changes:
        return None
    hosts: set[str] = set()
    for change in changes:
        if change.verb in LEAVING:
            hold.pop(change.object_id, None)
            continue
        resource = said[change.object_id]
        hold[change.object_id] = resource
        kind, _, name = change.subject.partition("/")
        hosts |= {name} if kind in HOST_KINDS else set()
        used = {said[o].subject for o in references(resource) if o in said} | {
            hold[o].subject for o in references(resource) if o in hold
        }
        hosts |= {s.partition("/")[2] for s in used if s.partition("/")[0] == "node"}
    return partial(
        stage,
        hold,
        changes,
        refresh=any(c.verb == "heal" for c in changes) or (stage.refresh and _adopts(changes)),
        restart=tuple(h for h in stage.restart if h in hosts),
    )


def _adopts(changes: Iterable[ResourceChange]) -> bool:
    return any(c.verb == "adopt" for c in changes)


def partial(
    stage: Stack,
    hold: dict[str, Resource],
    changes: Iterable[ResourceChange],
    *,
    refresh: bool = False,
    restart: tuple[str, ...] = (),
) -> Stack:
    """A stage that is about these changes alone; ``hold``: what its stack holds afterwards."""
    changes = tuple(changes)
    return msgspec.structs.replace(
        stage,
        title=f"{stage.stack}: {words_of(changes)}",
        resources=tuple(in_order(hold.values())),
        changes=changes,
        refresh=refresh,
        restart=restart,
        partial=True,
    )


def _play(stage: Play, meant: set[str]) -> Play:
    inputs = {host: digest for host, digest in stage.inputs.items() if host in meant}
    count = f"{len(inputs)} host{'s' if len(inputs) != 1 else ''}"
    batches = tuple(some for b in stage.batches if (some := tuple(h for h in b if h in inputs)))
    return msgspec.structs.replace(
        stage,
        title=f"configure {count} ({stage.title.rpartition('(')[2]}",
        inputs=inputs,
        changes={host: digest for host, digest in stage.changes.items() if host in meant},
        batches=batches,
        canaries=min(stage.canaries, len(batches[0])) if batches else 0,
    )


def finished(plan: Plan, rows: Iterable[Applied], stages: list[Stage], title: str) -> Plan:
    """A plan of these stages, on the base of what they touch."""
    by_key = {(r.scope, r.uid, r.incarnation): r for r in rows}
    stacks = sorted({s.stack for s in stages if isinstance(s, Stack)})
    entries: dict[str, str] = plan.base.entries if any(isinstance(s, Record) for s in stages) else {}
    hosts = [h for s in stages if isinstance(s, Play) for h in s.inputs]
    base = Base(
        entries,
        {stack: applied_digest(stack, by_key) for stack in stacks},
        host_digests(hosts, by_key),
        plan.base.sources if entries else {},
        plan.base.revision,
    )
    variables: dict[str, dict[str, Any]] = {h: plan.hosts[h] for h in hosts}
    return msgspec.structs.replace(
        plan,
        title=title,
        stages=tuple(stages),
        effect=effect_of(stages),
        base=base,
        hosts=variables,
        limited=True,
    )


def releasing(
    plan: Plan, applied: Rows, subjects: frozenset[str], programs: dict[str, str], title: str
) -> Plan:
    """A plan that lets go of what is built of some entries, users before what they use."""
    rows = list(applied)
    holds: dict[str, dict[str, Resource]] = {}
    for row in rows:
        if row.stack:
            holds.setdefault(row.stack, {})[row.object_id] = restore(row)
    going = {(s, o): r for s, hold in holds.items() for o, r in hold.items() if r.subject in subjects}
    changes: dict[str, list[ResourceChange]] = {}
    for (stack, _), r in going.items():
        change = ResourceChange(
            "release", r.type, r.uid, r.subject, incarnation=r.incarnation, target=r.target
        )
        changes.setdefault(stack, []).append(change)
    stages: list[Stage] = []
    for visit in visits("contract", changes, going):
        for change in visit.changes:
            holds[visit.stack].pop(change.object_id)
        domain = domain_of(visit.stack)
        empty = Stack(
            id=visit.id,
            title="",
            phase="contract",
            needs=visit.needs,
            stack=visit.stack,
            domain=domain,
            program=programs[domain],
            resources=(),
            changes=(),
            evidence="no identity of ours on the object, and no row of it",
            undo="`govcloud adopt`",
        )
        stages.append(partial(empty, holds[visit.stack], visit.changes))
    return finished(plan, rows, stages, title)


def taking(
    plan: Plan, applied: Rows, stacks: Iterable[str], there: frozenset[str], programs: dict[str, str]
) -> Plan:
    """A plan that lets the engine know what stands in some stacks. ``there``: objects that really are."""
    rows = list(applied)
    stages: list[Stage] = []
    for stack in sorted(stacks):
        hold = {r.object_id: restore(r) for r in rows if r.stack == stack and r.object_id in there}
        changes = [
            ResourceChange("take", r.type, r.uid, r.subject, incarnation=r.incarnation)
            for r in in_order(hold.values())
        ]
        domain = domain_of(stack)
        empty = Stack(
            id=f"stack:{stack}",
            title="",
            phase="expand",
            stack=stack,
            domain=domain,
            program=programs[domain],
            resources=(),
            changes=(),
            undo="nothing to undo: no object is touched",
        )
        stages.append(partial(empty, hold, changes))
    return finished(plan, rows, stages, "rebuild the engine's state")
