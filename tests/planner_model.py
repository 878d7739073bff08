"""A pure world for the planner: ledger and reality in memory, and plans carried out in them.

Carrying out checks on the way what a real engine and a real target would refuse: a stage before what
it needs, a slice that changes something the stage does not tell, an object made before what it
refers to, one taken away before its users, two where there can be one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from govcloud import canonical
from govcloud.ledger.building import Applied, AppliedKey, Intent, Observed
from govcloud.ledger.entries import Accepted, Key
from govcloud.model.resources import TYPES, object_uid, places_of
from govcloud.plan import builder
from govcloud.plan.inputs import Inputs
from govcloud.plan.ordering import references
from govcloud.plan.stacking import resource_digest, restore, snapshot
from govcloud.plan.stages import ENDING, Move, Plan, Record, Resource, Stack
from govcloud.source import check

PROGRAMS = {d: f"program of {d}" for d in ("network", "datacentre", "cloud", "recovery")}
Proposed = dict[Key, dict[str, Any]]


@dataclass
class World:
    """What is accepted, what the ledger says is built, and what is really there (by object id)."""

    stack_size: int = 200
    accepted: dict[Key, Accepted] = field(default_factory=dict)
    applied: dict[AppliedKey, Applied] = field(default_factory=dict)
    real: dict[str, Resource] = field(default_factory=dict)
    bearers: dict[Key, set[str]] = field(default_factory=dict)
    observed: list[Observed] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)

    def inputs(self, proposed: Proposed) -> Inputs:
        """What a plan towards these entries reads."""
        return Inputs(
            environment="tiny",
            accepted=self.accepted,
            applied=self.applied,
            observed=self.observed,
            intents=self.intents,
            former={key: len(uids) for key, uids in self.bearers.items()},
            homes={a.uid: a.stack for a in self.accepted.values() if a.stack},
            proposed=proposed,
            catalogue=check(proposed),
            programs=PROGRAMS,
            playbook="playbook",
            routing="static",
            stack_size=self.stack_size,
        )

    def plan(self, proposed: Proposed) -> Plan:
        """The plan towards these entries."""
        return builder.build(self.inputs(proposed))

    def carry(self, plan: Plan, *, until: int | None = None) -> None:
        """Carry out a plan, or only its first stages."""
        done: set[str] = set()
        for stage in plan.stages[:until]:
            assert set(stage.needs) <= done, f"{stage.id} before what it needs"
            if isinstance(stage, Record):
                self._record(stage)
            elif isinstance(stage, Stack):
                self._stack(stage, plan)
            elif isinstance(stage, Move):
                self._move(stage)
            done.add(stage.id)

    def _record(self, stage: Record) -> None:
        for change in stage.changes:
            self.accepted = {k: a for k, a in self.accepted.items() if a.uid != change.uid}
            if change.verb == "delete":
                continue
            key = (change.kind, change.name)
            assert key not in self.accepted, f"{key} is accepted twice"
            self.bearers.setdefault(key, set()).add(change.uid)
            self.accepted[key] = Accepted(
                change.uid,
                change.kind,
                change.name,
                change.incarnation,
                change.stack,
                change.fields,
                canonical.digest([change.kind, change.name, change.fields]),
                1,
            )

    def _built(self, stack: str) -> dict[str, Resource]:
        return {a.object_id: restore(a) for a in self.applied.values() if a.stack == stack}

    def _put(self, stack: str, resource: Resource) -> None:
        row = Applied(
            f"stack:{stack}",
            resource.uid,
            resource.incarnation,
            resource_digest(resource),
            snapshot(resource),
        )
        self.applied[row.scope, row.uid, row.incarnation] = row

    def _move(self, stage: Move) -> None:
        """Every stack holds what it held, with what it takes in and without what it lets go of."""
        known = {r.object_id: r for h in stage.holdings for r in h.resources}
        for one in stage.changes:
            assert one.object_id in self._built(one.source), f"{one.subject} is not in {one.source}"
            assert known[one.object_id] == self._built(one.source)[one.object_id], "touched by a move"
            self._put(one.stack, known[one.object_id])
            del self.applied[f"stack:{one.source}", one.uid, one.incarnation]
        for holding in stage.holdings:
            held = {r.object_id: r for r in holding.resources}
            assert len(held) == len(holding.resources)
            assert held == self._built(holding.stack), f"{stage.id} changes {holding.stack} besides"

    def _stack(self, stage: Stack, plan: Plan) -> None:
        before = self._built(stage.stack)
        after = {r.object_id: r for r in stage.resources}
        assert len(after) == len(stage.resources), f"{stage.id} holds an object twice"
        told = {c.object_id: c for c in stage.changes}
        for object_id in {*before, *after} - told.keys():
            assert before.get(object_id) == after.get(object_id), (
                f"{stage.id} changes {object_id} without telling"
            )
        gone = {o for o, c in told.items() if c.verb in ENDING}
        assert not gone & after.keys(), f"{stage.id} keeps what it takes away"
        for object_id in gone:
            self.real.pop(object_id, None)
        self._nobody_uses(gone, stage.id)
        for object_id, change in told.items():
            if change.verb in ENDING:
                continue
            assert object_id in after, f"{stage.id} does not hold {change.subject}, which it makes"
            resource = after[object_id]
            there = self.real.get(object_id)
            for other in references(resource):
                assert other in self.real or other in after, f"{stage.id}: {resource.subject} before {other}"
            if there is not None:
                fixed = TYPES[resource.type].immutable
                assert all(there.inputs[n] == resource.inputs[n] for n in fixed), (
                    f"{stage.id} changes what cannot be changed of {resource.subject}"
                )
            self.real[object_id] = resource
        self._nothing_twice(stage.id)
        for resource in stage.resources:
            self._put(stage.stack, resource)
        for object_id in gone:
            uid, incarnation = object_uid(object_id)
            self.applied.pop((f"stack:{stage.stack}", uid, incarnation), None)
        self.intents = [i for i in self.intents if i.stack != stage.stack or i.object not in {*told, *after}]
        uids = {c.uid for c in told.values()}
        self.observed = [o for o in self.observed if o.uid not in uids]

    def _nobody_uses(self, removed: set[str], when: str) -> None:
        """As at a strict target: nothing is taken away while something there stands on it."""
        for resource in self.real.values():
            used = removed & set(references(resource))
            assert not used, f"{when}: {resource.subject} is left without its {used}"

    def _nothing_twice(self, when: str) -> None:
        """An interface, and a thing of which there is one, is there once."""
        taken: dict[tuple[str, ...], str] = {}
        for resource in self.real.values():
            places = places_of(resource.type, resource.inputs, "store")
            if TYPES[resource.type].single:
                places.add((resource.type, resource.uid))
            for place in places:
                other = taken.setdefault(place, resource.object_id)
                assert other == resource.object_id, f"{when}: {resource.object_id} and {other} at {place}"

    def nothing_dangles(self) -> None:
        """Everything that is there has what it refers to."""
        for resource in self.real.values():
            for other in references(resource):
                assert other in self.real, f"{resource.subject} is left without its {other}"
