"""What a request is about, as its plan says it: what kinds, how much, how much money, which level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ...ledger.connection import Connection
from ...ledger.entries import Key, among, key_of
from ..stages import EntryChange, Plan, Record
from .belonging import above

# Fields that are money, and how often a year they are due.
YUAN = {"amount_yuan": 1, "yearly_yuan": 1, "monthly_yuan": 12}
MIB = 1024


class Measure(msgspec.Struct, frozen=True):
    """How much a plan would bring, beyond what is there. ``mlps``: the highest level of what changes and of
    what that belongs to; ``classified``: whether any of it is."""

    kinds: frozenset[str] = frozenset()
    vcpus: float = 0
    memory_gib: float = 0
    instances: int = 0
    yuan: float = 0
    classified: bool = False
    mlps: int = 0


def changes_of(plan: Plan) -> list[EntryChange]:
    """The changes of entries that a plan records."""
    return [change for stage in plan.stages if isinstance(stage, Record) for change in stage.changes]


def measure(connection: Connection, changes: Iterable[EntryChange], subject: str = "") -> Measure:
    """What changes of entries come to. ``subject``: what they are for besides, as ``kind/name``."""
    listed = list(changes)
    before = _before(connection, listed)
    after = {(c.kind, c.name): c.fields for c in listed if c.verb != "delete"}
    sizes = _sizes(connection, after, before)
    vcpus = memory = instances = 0.0
    yuan = 0.0
    for change in listed:
        old = before.get(change.uid, {})
        new = {} if change.verb == "delete" else change.fields
        if change.kind == "instance":
            (cpu_new, mib_new), (cpu_old, mib_old) = _size(new, sizes), _size(old, sizes)
            vcpus += cpu_new - cpu_old
            memory += (mib_new - mib_old) / MIB
            instances += bool(new) - bool(old)
        yuan += sum(_number(new, f) * often - _number(old, f) * often for f, often in YUAN.items())
    levels = list(_levels(connection, listed, after, before, subject))
    return Measure(
        kinds=frozenset(change.kind for change in listed),
        vcpus=max(0, vcpus),
        memory_gib=max(0, memory),
        instances=max(0, int(instances)),
        yuan=max(0, yuan),
        classified=any(fields.get("classified") is True for fields in levels),
        mlps=max((int(_number(fields, "mlps")) for fields in levels), default=0),
    )


def _before(connection: Connection, changes: Iterable[EntryChange]) -> dict[str, Mapping[str, Any]]:
    """By uid: what is accepted of what changes."""
    keys = {(c.kind, c.was or c.name) for c in changes if c.verb != "create"}
    return {entry.uid: entry.fields for entry in among(connection, keys).values()}


def _number(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name, 0)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _sizes(
    connection: Connection, after: Mapping[Key, Mapping[str, Any]], before: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The flavours that instances name, as they would be."""
    named = [fields.get("flavor", "") for (kind, _), fields in after.items() if kind == "instance"]
    named += [str(fields.get("flavor", "")) for fields in before.values()]
    found = among(connection, {("flavor", name) for name in named if name})
    known = {name: entry.fields for (_, name), entry in found.items()}
    return known | {name: fields for (kind, name), fields in after.items() if kind == "flavor"}


def _size(fields: Mapping[str, Any], sizes: Mapping[str, Mapping[str, Any]]) -> tuple[float, float]:
    flavor = sizes.get(str(fields.get("flavor", "")), {})
    return _number(flavor, "vcpus"), _number(flavor, "memory_mib")


def _levels(
    connection: Connection,
    changes: Iterable[EntryChange],
    after: Mapping[Key, Mapping[str, Any]],
    before: Mapping[str, Mapping[str, Any]],
    subject: str,
) -> Iterator[Mapping[str, Any]]:
    """The fields of what changes and of all that it is part of."""
    starts: dict[Key, list[Mapping[str, Any]]] = {}
    for change in changes:
        versions = [before[change.uid]] if change.uid in before else []
        starts[change.kind, change.name] = versions + ([change.fields] if change.verb != "delete" else [])
    if subject:
        starts.setdefault(key_of(subject), [])
    wholes = set().union(*above(connection, starts).values()) if starts else set()
    accepted = among(connection, wholes)
    for key in wholes:
        yield from starts.get(key, ())
        if key in accepted and key not in after:
            yield accepted[key].fields
