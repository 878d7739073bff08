"""A plan as somebody sees it who may not read what is classified: what would happen, not to what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from ..access.sight import belongs_by, classified, keys_of, sees_all
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..ledger.marks import references_of
from ..ledger.requests import CLAIMANT
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


class Hidden(NamedTuple):
    """What of a plan is classified, or tells of it: uids, and ``kind/name`` of now and as it would be."""

    uids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


def hidden_in(connection: Connection, plan: Plan) -> Hidden:
    """What a plan tells that is classified: as accepted, and as the plan itself says it of what comes now."""
    uids, wholes = classified(connection)
    said = _said(plan)
    found = set(uids)
    wholes_now = set(wholes)
    names = {f"{kind}/{name}" for kind, name in keys_of(connection, uids)}
    keys: set[Key] = set()

    def hide(one: _Said, *, whole: bool) -> None:
        keys.add(one.key)
        names.update(f"{one.key[0]}/{name}" for name in (one.key[1], one.was) if name)
        found.update({one.uid} - {""})
        if whole and one.key not in wholes_now:
            wholes_now.add(one.key)
            front.append(one.key)

    front: list[Key] = []
    if not uids and not any(one.fields.get("classified") is True for one in said):
        return Hidden()
    referring: dict[Key, list[tuple[_Said, bool]]] = {}
    for one in said:
        for field, kind, name in _references(one.key[0], one.fields):
            referring.setdefault((kind, name), []).append((one, belongs_by(one.key[0], field)))
    front.extend(referring.keys() & wholes)
    for one in said:
        if one.fields.get("classified") is True or one.uid in uids:
            hide(one, whole=one.fields.get("classified") is True)
    while front:
        for one, belongs in referring.get(front.pop(), ()):
            hide(one, whole=belongs)
    # Why somebody asks for it tells as much as its name.
    asking = {row.claimant for row in plan.asked.said if row.key in keys or "/".join(row.key) in names}
    for one in said:
        if one.key[0] == "request" and CLAIMANT + one.key[1] in asking:
            hide(one, whole=False)
    return Hidden(frozenset(found), frozenset(names))


class _Said(NamedTuple):
    """One version of an entry that a plan speaks of; ``uid`` is empty where only a claim does."""

    key: Key
    uid: str
    was: str
    fields: Mapping[str, Any]


def _said(plan: Plan) -> list[_Said]:
    changes = (c for s in plan.stages if isinstance(s, Record) for c in s.changes)
    out = [_Said((c.kind, c.name), c.uid, c.was, c.fields) for c in changes]
    return out + [_Said(row.key, "", "", row.fields or {}) for row in plan.asked.said]


def _references(kind: str, fields: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    try:
        return list(references_of(kind, fields))
    except KeyError:  # a kind of a newer release
        return []


def for_person(connection: Connection, person: str, plan: Plan) -> Plan:
    """The plan as somebody may see it: whole, or with what is classified taken out."""
    if sees_all(connection, person):
        return plan
    hidden = hidden_in(connection, plan)
    return veiled(plan, hidden.uids, hidden.names.__contains__) if hidden.uids else plan


def touches(plan: Plan, hidden: frozenset[str], names: frozenset[str] = frozenset()) -> bool:
    """Whether a plan does something to one of these uids, or says something of one of these names."""
    return any("/".join(row.key) in names for row in plan.asked.said) or any(
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
    said = tuple(row for row in plan.asked.said if not is_hidden("/".join(row.key)))
    ended = tuple(key for key in plan.asked.ended if not is_hidden("/".join(key[:2])))
    asked = msgspec.structs.replace(plan.asked, said=said, ended=ended)
    return msgspec.structs.replace(
        plan, stages=stages, pinned=pinned, base=base, secrets=secrets, ruling=ruling, asked=asked
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
