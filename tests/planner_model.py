"""A pure world for the planner: ledger and reality in memory, and plans carried out in them.

Carrying out checks on the way what a real engine and a real target would refuse: a stage before what
it needs, a slice that changes something the stage does not tell, an object made before what it
refers to, one taken away before its users, two where there can be one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from govcloud import canonical
from govcloud.ledger.building import Applied, AppliedKey, Intent, Observed
from govcloud.ledger.entries import Accepted, Key
from govcloud.model.catalogue import Catalogue
from govcloud.model.resources import TYPES, places_of
from govcloud.plan import builder
from govcloud.plan.inputs import Inputs
from govcloud.plan.ordering import rank, references
from govcloud.plan.probes import ProbeSpec, spec_digest
from govcloud.plan.stacking import resource_digest, restore, snapshot
from govcloud.plan.stages import ENDING, Move, Plan, Play, Probe, Record, Resource, Stack, Stage
from govcloud.source import check

PROGRAMS = {d: f"program of {d}" for d in ("network", "datacentre", "cloud", "recovery")}
Proposed = dict[Key, dict[str, Any]]


@dataclass
class World:
    """What is accepted, what the ledger says is built, and what is really there (by object id)."""

    stack_size: int = 200
    routing: Literal["ospf", "static"] = "static"
    playbook: str = "playbook"
    # What was measured, by probe; all of it was good.
    proven: dict[str, str] = field(default_factory=dict)
    accepted: dict[Key, Accepted] = field(default_factory=dict)
    applied: dict[AppliedKey, Applied] = field(default_factory=dict)
    real: dict[str, Resource] = field(default_factory=dict)
    bearers: dict[Key, set[str]] = field(default_factory=dict)
    observed: list[Observed] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    # Uids of targets, by every name that was accepted of them.
    targets: dict[str, str] = field(default_factory=dict)

    def inputs(self, proposed: Proposed) -> Inputs:
        """What a plan towards these entries reads."""
        return Inputs(
            environment="tiny",
            accepted=self.accepted,
            applied=self.applied,
            observed=self.observed,
            intents=self.intents,
            former={key: len(uids) for key, uids in self.bearers.items()},
            targets=self.targets,
            homes={a.uid: a.stack for a in self.accepted.values() if a.stack},
            proposed=proposed,
            catalogue=check(proposed),
            programs=PROGRAMS,
            playbook=self.playbook,
            routing=self.routing,
            stack_size=self.stack_size,
            proven=self.proven,
            before=lambda: Catalogue.of({key: one.fields for key, one in self.accepted.items()}),
        )

    def plan(self, proposed: Proposed) -> Plan:
        """The plan towards these entries."""
        return builder.build(self.inputs(proposed))

    def carry(self, plan: Plan, *, until: int | None = None, steps: int | None = None) -> None:
        """Carry out a plan, or only its first stages; with ``steps`` so much of the stage that follows."""
        done: set[str] = set()
        for stage in plan.stages[:until]:
            assert set(stage.needs) <= done, f"{stage.id} before what it needs"
            self._perform(stage)
            done.add(stage.id)
        following = plan.stages[until : until + 1] if until is not None and steps is not None else ()
        for stage in following:
            if isinstance(stage, Stack):
                self._stack(stage, steps=steps)

    def _perform(self, stage: Stage) -> None:
        if isinstance(stage, Record):
            self._record(stage)
        elif isinstance(stage, Stack):
            self._stack(stage)
        elif isinstance(stage, Move):
            self._move(stage)
        elif isinstance(stage, Play):
            self._play(stage)
        elif isinstance(stage, Probe):
            specs = [msgspec.convert(probe, ProbeSpec) for probe in stage.probes]
            self.proven |= {spec.name: spec_digest(spec) for spec in specs}

    def _play(self, stage: Play) -> None:
        """Every host is written down under its entry, with the digest of what it got."""
        uids = {name: one.uid for (kind, name), one in self.accepted.items() if kind in builder.HOST_KINDS}
        for host, digest in stage.inputs.items():
            row = Applied(f"host:{host}", uids[host], 1, digest, {})
            self.applied[row.scope, row.uid, row.incarnation] = row

    def _record(self, stage: Record) -> None:
        uids = {change.uid for change in stage.changes}
        self.accepted = {k: a for k, a in self.accepted.items() if a.uid not in uids}
        for change in stage.changes:
            if change.verb == "delete":
                continue
            key = (change.kind, change.name)
            assert key not in self.accepted, f"{key} is accepted twice"
            if change.kind == "target":
                self.targets[change.name] = change.uid
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

    def _stack(self, stage: Stack, *, steps: int | None = None) -> None:
        """A stage as it is carried out; with ``steps`` it is killed after so many of them."""
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
        assert told.keys() - gone <= after.keys(), f"{stage.id} does not hold what it makes"
        self._announce(stage, after)
        acts = [
            # Strays go first, then the engine makes what is used before its users, and deletes after that.
            *sorted((c for c in stage.changes if c.object), key=lambda c: -rank(c.type)),
            *sorted((c for o, c in told.items() if o not in gone), key=lambda c: rank(c.type)),
            *sorted((c for o, c in told.items() if o in gone and not c.object), key=lambda c: -rank(c.type)),
        ]
        for act in acts[:steps]:
            if act.verb in ENDING:
                self.real.pop(act.object_id, None)
                self._nobody_uses(act.object_id, stage.id)
            else:
                self._make(after[act.object_id], stage.id)
        if steps is not None:
            return
        for resource in stage.resources:
            self._put(stage.stack, resource)
        known = {*told, *after}
        self.intents = [i for i in self.intents if i.stack != stage.stack or i.object not in known]
        uids = {c.uid for c in told.values()}
        self.observed = [o for o in self.observed if o.uid not in uids]

    def _announce(self, stage: Stack, after: dict[str, Resource]) -> None:
        """What is to be made or taken away is written down, and what goes is not held for built any more."""
        sent: dict[str, Intent] = {i.object: i for i in self.intents}
        for change in stage.changes:
            key = (f"stack:{stage.stack}", change.uid, change.incarnation)
            row = self.applied.pop(key, None) if change.verb in ENDING and not change.object else None
            resource = after.get(change.object_id) or (restore(row) if row else None)
            if resource is not None:
                kept = snapshot(resource)
                sent[change.object_id] = Intent(
                    change.object_id, stage.stack, resource.type, resource.target, kept, "run"
                )
        self.intents = list(sent.values())

    def _make(self, resource: Resource, when: str) -> None:
        there = self.real.get(resource.object_id)
        for other in references(resource):
            assert other in self.real, f"{when}: {resource.subject} before its {other}"
        if there is not None:
            fixed = TYPES[resource.type].immutable
            assert all(there.inputs[n] == resource.inputs[n] for n in fixed), (
                f"{when} changes what cannot be changed of {resource.subject}"
            )
        self.real[resource.object_id] = resource
        self._nothing_twice(when)

    def _nobody_uses(self, removed: str, when: str) -> None:
        """As at a strict target: nothing is taken away while something there stands on it."""
        for resource in self.real.values():
            assert removed not in references(resource), f"{when}: {resource.subject} stands on {removed}"

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
