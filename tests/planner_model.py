"""A pure world for the planner: ledger and reality in memory, and plans carried out in them.

Carrying out checks on the way what a real engine and a real target would refuse: a stage before what
it needs, a slice that changes something the stage does not tell, an object made before what it
refers to, one taken away before its users.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from govcloud import canonical
from govcloud.ledger.building import Applied, Intent, Observed
from govcloud.ledger.entries import Accepted, Key
from govcloud.plan import builder
from govcloud.plan.inputs import Inputs
from govcloud.plan.ordering import references
from govcloud.plan.stacking import resource_digest, restore, snapshot
from govcloud.plan.stages import Plan, Record, Resource, Stack
from govcloud.source import check

PROGRAMS = {d: f"program of {d}" for d in ("network", "datacentre", "cloud", "recovery")}
Proposed = dict[Key, dict[str, Any]]


@dataclass
class World:
    """What is accepted, what the ledger says is built, and what is really there (by object id)."""

    stack_size: int = 200
    accepted: dict[Key, Accepted] = field(default_factory=dict)
    applied: dict[tuple[str, str], Applied] = field(default_factory=dict)
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

    def _stack(self, stage: Stack, plan: Plan) -> None:
        scope = f"stack:{stage.stack}"
        before = {uid: restore(a) for (s, uid), a in self.applied.items() if s == scope}
        after = {r.uid: r for r in stage.resources}
        assert len(after) == len(stage.resources), f"{stage.id} holds an entry twice"
        told = {c.uid for c in stage.changes}
        later = {
            c.uid for s in plan.stages if isinstance(s, Stack) and s.stack == stage.stack for c in s.changes
        }
        for uid in {*before, *after} - told:
            old, new = before.get(uid), after.get(uid)
            # Where stacks go in a ring, one that is made anew later may be taken away first.
            silent = old == new or (new is None and uid in later)
            assert silent, f"{stage.id} changes {uid} without telling"
        there = set(self.real)
        for uid, old in before.items():
            if uid not in after or after[uid].object_id != old.object_id:
                self.real.pop(old.object_id, None)
        for change in stage.changes:
            if change.object:
                self.real.pop(change.object, None)
        for resource in stage.resources:
            if resource.object_id not in self.real:
                for other in references(resource):
                    assert other in self.real, f"{stage.id}: {resource.subject} before its {other}"
            self.real[resource.object_id] = resource
            for other in references(resource):
                uid = other.rpartition(".")[0]
                held = uid not in after or after[uid].object_id == other
                assert held, f"{stage.id}: {resource.subject} is held on {other}, which is made anew"
        if stage.phase == "contract":
            self._nobody_uses(there - set(self.real), stage.id)
        for resource in stage.resources:
            row = Applied(
                scope, resource.uid, resource.incarnation, resource_digest(resource), snapshot(resource)
            )
            self.applied[scope, resource.uid] = row
        for change in stage.changes:
            if change.verb == "delete" and not change.object:
                self.applied.pop((scope, change.uid), None)
        self.intents = [i for i in self.intents if i.stack != stage.stack]
        self.observed = [o for o in self.observed if o.uid not in told]

    def _nobody_uses(self, removed: set[str], when: str) -> None:
        for resource in self.real.values():
            used = removed & set(references(resource))
            assert not used, f"{when}: {resource.subject} is left without its {used}"

    def nothing_dangles(self) -> None:
        """Everything that is there has what it refers to."""
        for resource in self.real.values():
            for other in references(resource):
                assert other in self.real, f"{resource.subject} is left without its {other}"
