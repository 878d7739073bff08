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
    """How much a plan would bring, beyond what is there: machines and disks, or the quota to make them.

    ``yuan``: a year; ``mlps``: the highest level of what changes and of what that belongs to; ``classified``:
    whether any of it is.
    """

    kinds: frozenset[str] = frozenset()
    vcpus: float = 0
    memory_gib: float = 0
    instances: int = 0
    yuan: float = 0
    classified: bool = False
    mlps: int = 0
    disk_gib: float = 0

    def beside(self, others: Iterable[Measure]) -> Measure:
        """With the amounts of others, whose kinds and levels are their own."""
        listed = [self, *others]
        sums = {name: sum(getattr(one, name) for one in listed) for name in AMOUNTS}
        return msgspec.structs.replace(self, **sums)


# What amounts add up.
AMOUNTS = ("vcpus", "memory_gib", "instances", "yuan", "disk_gib")


def changes_of(plan: Plan) -> list[EntryChange]:
    """The changes of entries that a plan records."""
    return [change for stage in plan.stages if isinstance(stage, Record) for change in stage.changes]


def measure(
    connection: Connection, changes: Iterable[EntryChange], subject: str = "", *, priced: float = 0
) -> Measure:
    """What changes of entries come to. ``subject``: what they are for besides, as ``kind/name``; ``priced``:
    what they cost a year by the province's prices, yuan."""
    listed = list(changes)
    before = _before(connection, listed)
    after = {(c.kind, c.name): c.fields for c in listed if c.verb != "delete"}
    sizes = _sizes(connection, after, before)
    # Of each project what is made, and what may be made: machines stand in the quota that comes with them.
    made: dict[str, dict[str, float]] = {}
    granted: dict[str, dict[str, float]] = {}
    yuan = priced
    for change in listed:
        old = before.get(change.uid, {})
        new = {} if change.verb == "delete" else change.fields
        sums = granted if change.kind == "quota" else made
        for sign, fields in ((1, new), (-1, old)):
            of = sums.setdefault(str(fields.get("project", "")), {})
            for name, value in _amounts(change.kind, fields, sizes).items():
                of[name] = of.get(name, 0) + sign * value
        yuan += sum(_number(new, f) * often - _number(old, f) * often for f, often in YUAN.items())

    def total(name: str) -> float:
        # What one project gives up does not hide what another gets by a quota.
        built = sum(of.get(name, 0) for of in made.values())
        more = sum(
            max(0, of.get(name, 0) - max(0, made.get(project, {}).get(name, 0)))
            for project, of in granted.items()
        )
        return max(0, built) + more

    levels = list(_levels(connection, listed, after, before, subject))
    return Measure(
        kinds=frozenset(change.kind for change in listed),
        vcpus=total("vcpus"),
        memory_gib=total("memory_mib") / MIB,
        instances=int(total("instances")),
        yuan=max(0, yuan),
        classified=any(fields.get("classified") is True for fields in levels),
        mlps=max((int(_number(fields, "mlps")) for fields in levels), default=0),
        disk_gib=total("disk_gib"),
    )


def _amounts(
    kind: str, fields: Mapping[str, Any], sizes: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    """What one entry is of each measure of a quota; nothing where it says nothing."""
    if not fields:
        return {}
    if kind == "instance":
        flavor = sizes.get(str(fields.get("flavor", "")), {})
        return {"instances": 1} | {
            name: _number(flavor, name) for name in ("vcpus", "memory_mib", "disk_gib")
        }
    if kind == "quota":
        return {name: _number(fields, name) for name in ("instances", "vcpus", "memory_mib", "disk_gib")}
    if kind == "volume":
        return {"disk_gib": _number(fields, "size_gib")}
    if kind == "server":
        return {
            "instances": 1,
            "vcpus": _number(fields, "cores"),
            "memory_mib": _number(fields, "memory_gib") * MIB,
            "disk_gib": _number(fields, "disk_gib"),
        }
    return {}


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
