"""A plan as somebody sees it who may not read what is classified: what would happen, not to what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from . import ruled
from .stages import (
    EntryChange,
    Move,
    ObjectMove,
    Plan,
    Play,
    Probe,
    Record,
    ResourceChange,
    SiteStack,
    Stack,
    Stage,
)

VEIL = "(classified)"
Change = EntryChange | ResourceChange


def touches(plan: Plan, hidden: frozenset[str]) -> bool:
    """Whether a plan does something to one of these uids."""
    return any(
        change.uid in hidden
        for s in plan.stages
        if isinstance(s, Record | Stack | Move)
        for change in s.changes
    )


def veiled(plan: Plan, hidden: frozenset[str], is_hidden: Callable[[str], bool]) -> Plan:
    """The plan with the names and values of hidden entries taken out; to be shown, not to be carried out.

    ``is_hidden``: whether ``kind/name`` is one, where only the name is known.
    """
    stages = tuple(_stage(stage, hidden, is_hidden, plan.hosts) for stage in plan.stages)
    pinned = {s: claimant for s, claimant in plan.pinned.items() if not is_hidden(s)}
    base = msgspec.structs.replace(plan.base, entries={}, hosts={})
    hosts = {h for h, v in plan.hosts.items() if is_hidden(v["entry"])}
    secrets = {
        name: msgspec.structs.replace(use, hosts=tuple(VEIL if h in hosts else h for h in use.hosts))
        for name, use in plan.secrets.items()
    }
    ruling = plan.ruling
    if ruling is not None:
        changed = (c for s in plan.stages if isinstance(s, Record) for c in s.changes)
        names = {change.subject for change in changed if change.uid in hidden}
        ruling = ruled.veiled(ruling, names, is_hidden, VEIL)
    return msgspec.structs.replace(
        plan, stages=stages, pinned=pinned, base=base, secrets=secrets, ruling=ruling
    )


def _stage(
    stage: Stage, hidden: frozenset[str], is_hidden: Callable[[str], bool], hosts: dict[str, Any]
) -> Stage:
    if isinstance(stage, Record):
        entries = tuple(_entry(c) if c.uid in hidden else c for c in stage.changes)
        return msgspec.structs.replace(stage, changes=entries)
    if isinstance(stage, Stack):
        objects = tuple(_object(c) if c.uid in hidden else c for c in stage.changes)
        return msgspec.structs.replace(stage, changes=objects, resources=())
    if isinstance(stage, SiteStack):
        # What a program makes of what it is given, nobody here can tell.
        if any(is_hidden(subject) for subject in stage.entries):
            bare = tuple(msgspec.structs.replace(c, changes=()) for c in stage.changes)
            return msgspec.structs.replace(stage, changes=bare, resources=(), entries={}, values={})
        return stage
    if isinstance(stage, Move):
        moves = tuple(_move(m) if m.uid in hidden else m for m in stage.changes)
        return msgspec.structs.replace(stage, changes=moves, holdings=())
    if isinstance(stage, Play):
        return _play(stage, {host for host in stage.inputs if is_hidden(hosts[host]["entry"])})
    assert isinstance(stage, Probe)
    probes = tuple(_probe(p) if is_hidden(p["subject"]) else p for p in stage.probes)
    return msgspec.structs.replace(stage, probes=probes)


def _play(stage: Play, hidden: set[str]) -> Play:
    shown = {h: f"{VEIL} {n}" if h in hidden else h for n, h in enumerate(stage.inputs)}
    return msgspec.structs.replace(
        stage,
        inputs={shown[host]: digest for host, digest in stage.inputs.items()},
        changes={shown[host]: digest for host, digest in stage.changes.items()},
        batches=tuple(tuple(shown[host] for host in batch) for batch in stage.batches),
        restore={shown[host]: () if host in hidden else files for host, files in stage.restore.items()},
    )


def _entry(change: EntryChange) -> EntryChange:
    return EntryChange(change.verb, "", change.kind, VEIL)


def _object(change: ResourceChange) -> ResourceChange:
    kind = change.subject.partition("/")[0]
    return ResourceChange(change.verb, change.type, "", f"{kind}/{VEIL}")


def _move(move: ObjectMove) -> ObjectMove:
    kind = move.subject.partition("/")[0]
    return ObjectMove(move.type, "", 0, f"{kind}/{VEIL}", move.source, move.stack)


def _probe(probe: dict[str, Any]) -> dict[str, Any]:
    return {key: VEIL if isinstance(value, str) else value for key, value in probe.items()}
