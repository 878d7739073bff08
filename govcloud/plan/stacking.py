"""Objects in stacks: where each belongs, what changes in each stack, and in which order stacks run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import canonical
from ..ledger.building import Applied, AppliedKey, Intent, Observed
from ..ledger.entries import Key
from ..model.resources import object_uid, places_of, stands_beside
from .ordering import MAKING, Thing, references
from .stages import FieldChange, ObjectMove, Resource, ResourceChange, Verb


def snapshot(resource: Resource) -> dict[str, Any]:
    """What is kept of a resource when it is built: enough to make it, or hold it, once more."""
    return {
        "type": resource.type,
        "subject": resource.subject,
        "target": resource.target,
        "inputs": resource.inputs,
    }


def restore(applied: Applied) -> Resource:
    """The resource that an applied row stands for."""
    kept = applied.inputs
    return Resource(
        kept["type"], applied.uid, applied.incarnation, kept["subject"], kept["target"], kept["inputs"]
    )


def resource_digest(resource: Resource) -> str:
    """Digest of all that an engine acts on; the name by which people call it is part of the inputs."""
    return canonical.digest([resource.type, resource.incarnation, resource.target, resource.inputs])


class Places:
    """Chooses stacks: the first of a domain that is not full. An entry stays in its own while that fits."""

    def __init__(self, size: int, homes: Mapping[str, str], applied: Mapping[AppliedKey, Applied]) -> None:
        self._size = size
        self._members = dict(homes)
        for row in applied.values():
            if row.stack:
                self._members.setdefault(row.uid, row.stack)
        self._held = Counter(self._members.values())

    def settle(self, uid: str, stack: str | None, domain: str, built: Iterable[str]) -> str:
        """The stack of an entry of ``domain``. ``stack``: its own; ``built``: those in which it stands."""
        for one in (stack, *sorted(built)):
            if one is not None and domain_of(one) == domain:
                return self._enter(uid, one)
        number = 1
        while self._held[f"{domain}-{number}"] >= self._size:
            number += 1
        return self._enter(uid, f"{domain}-{number}")

    def _enter(self, uid: str, stack: str) -> str:
        former = self._members.get(uid)
        if former != stack:
            self._held[stack] += 1
            if former is not None:
                self._held[former] -= 1
            self._members[uid] = stack
        return stack


def domain_of(stack: str) -> str:
    """The domain of a stack, which names its program."""
    return stack.rpartition("-")[0]


def by_stack(resources: Mapping[Key, Resource], stack_of: Mapping[Key, str]) -> dict[str, list[Resource]]:
    """The wanted resources of each stack, in order of reference."""
    out: dict[str, list[Resource]] = {}
    for key, resource in resources.items():
        out.setdefault(stack_of[key], []).append(resource)
    return out


@dataclass
class StackChanges:
    """What changes in one stack: what is in the way and goes first, what is made, what goes last.

    ``doomed``: what is built and no longer wanted. ``refresh``: what is there is read first.
    """

    clear: list[ResourceChange] = field(default_factory=list)
    expand: list[ResourceChange] = field(default_factory=list)
    contract: list[ResourceChange] = field(default_factory=list)
    doomed: list[Resource] = field(default_factory=list)
    refresh: bool = False


@dataclass
class Changes:
    """What changes, by stack; the objects that go to another; what is known of what goes away."""

    stacks: dict[str, StackChanges]
    moves: list[ObjectMove]
    going: dict[Thing, Resource]

    @property
    def restless(self) -> bool:
        """Whether anything is made, changed or taken away."""
        return any(c.clear or c.expand or c.contract for c in self.stacks.values())


def compare(
    wanted: Mapping[str, list[Resource]],
    applied: Mapping[AppliedKey, Applied],
    observed: Iterable[Observed],
    intents: Iterable[Intent],
    drivers: Mapping[str, str],
) -> Changes:
    """What must change in each stack for what is built and seen to be what is wanted.

    ``drivers``: by target.
    """
    seen = {o.object: o for o in observed}
    # What an engine was sent to make, change or take away, and nobody has confirmed: it is looked at.
    doubtful = {i.object: i for i in intents}
    built: dict[str, list[Applied]] = {}
    former: dict[str, Applied] = {}
    for _, row in sorted(applied.items()):
        if row.stack:
            built.setdefault(row.object_id, []).append(row)
            former[row.uid] = row  # of several incarnations the newest
    out: dict[str, StackChanges] = {}
    moves: list[ObjectMove] = []
    live: set[str] = set()
    for stack, resources in wanted.items():
        change = out.setdefault(stack, StackChanges())
        for resource in resources:
            live.add(resource.object_id)
            rows = built.get(resource.object_id, [])
            here = next((row for row in rows if row.stack == stack), rows[0] if rows else None)
            doubt = doubtful.get(resource.object_id)
            one = _change(resource, here, former.get(resource.uid), seen, doubt)
            if one is not None:
                change.expand.append(one)
                change.refresh |= one.verb == "heal" or doubt is not None
            moves += [_move(resource, row.stack, stack) for row in rows if row.stack != stack]
    uids = {r.uid for resources in wanted.values() for r in resources}
    for object_id, rows in built.items():
        for row in rows if object_id not in live else ():
            change, old = out.setdefault(row.stack, StackChanges()), restore(row)
            change.doomed.append(old)
            verb: Verb = "retire" if row.uid in uids else "delete"
            change.contract.append(_going(verb, old))
    for change in out.values():
        change.contract.sort(key=lambda c: (c.subject, c.incarnation))
    _clear(out, wanted, drivers)
    going = {(stack, r.object_id): r for stack, change in out.items() for r in change.doomed}
    going |= _sweep(out, built, seen.values(), doubtful.values(), live)
    return Changes({s: c for s, c in out.items() if c.clear or c.expand or c.contract}, moves, going)


def _going(verb: Verb, resource: Resource) -> ResourceChange:
    return ResourceChange(
        verb, resource.type, resource.uid, resource.subject, incarnation=resource.incarnation
    )


def _move(resource: Resource, source: str, stack: str) -> ObjectMove:
    return ObjectMove(resource.type, resource.uid, resource.incarnation, resource.subject, source, stack)


def _change(
    resource: Resource,
    built: Applied | None,
    former: Applied | None,
    seen: Mapping[str, Observed],
    doubt: Intent | None,
) -> ResourceChange | None:
    """What happens to an object; ``former``: what else stands of its entry, ``doubt``: what it may be."""

    def change(verb: Verb, fields: tuple[FieldChange, ...] = ()) -> ResourceChange:
        return ResourceChange(
            verb,
            resource.type,
            resource.uid,
            resource.subject,
            fields,
            incarnation=resource.incarnation,
        )

    if built is None and former is None:
        return change("create")
    fields = _differences((built or former).inputs["inputs"], resource.inputs)  # type: ignore[union-attr]
    if built is None:
        return change("replace", fields)
    found = seen.get(resource.object_id)
    if found is not None and found.status == "missing":
        # Whatever else changes: what is not there is made, not updated.
        return change("heal", fields)
    if built.digest != resource_digest(resource):
        former_target = built.inputs["target"]
        if former_target != resource.target:
            # The same place under another name.
            fields = (*fields, FieldChange("target", former_target, resource.target))
        return change("update", fields)
    if found is not None and found.detail.get("fields"):
        drifted = tuple(
            FieldChange(n, v["seen"], v["wanted"]) for n, v in sorted(found.detail.get("fields", {}).items())
        )
        return change("heal", drifted)
    if doubt is not None:
        return change("heal", _differences(doubt.inputs["inputs"], resource.inputs))
    return None


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(n, before.get(n), after.get(n))
        for n in sorted({*before, *after})
        if before.get(n) != after.get(n)
    )


def _clear(
    out: Mapping[str, StackChanges], wanted: Mapping[str, list[Resource]], drivers: Mapping[str, str]
) -> None:
    """Take away first what cannot stand beside what is made, and before it whatever stands on that."""
    doomed = {(stack, r.object_id): r for stack, change in out.items() for r in change.doomed}
    if not doomed:
        return
    verbs = {c.object_id: c.verb for change in out.values() for c in change.expand}
    made = [r for resources in wanted.values() for r in resources if r.object_id in verbs]
    anew = {r.uid for r in made if verbs[r.object_id] in MAKING}
    taken = {p for r in made for p in places_of(r.type, r.inputs, drivers.get(r.target))}
    first = set()
    for thing, one in doomed.items():
        driver = drivers.get(one.target)
        in_the_way = one.uid in anew and not stands_beside(one.type, driver)
        if in_the_way or taken & places_of(one.type, one.inputs, driver):
            first.add(thing)
    users: dict[str, set[Thing]] = {}
    for thing, one in doomed.items():
        for other in references(one):
            users.setdefault(other, set()).add(thing)
    fresh = set(first)
    while fresh:
        fresh = {user for _, object_id in fresh for user in users.get(object_id, ())} - first
        first |= fresh
    for stack, change in out.items():
        change.clear = [c for c in change.contract if (stack, c.object_id) in first]
        change.contract = [c for c in change.contract if (stack, c.object_id) not in first]


def _sweep(
    out: dict[str, StackChanges],
    built: Mapping[str, list[Applied]],
    seen: Iterable[Observed],
    intents: Iterable[Intent],
    live: set[str],
) -> dict[Thing, Resource]:
    """Objects that carry our identity and that nobody wants: seen as extra, or once intended.

    They go before anything is made, or where nothing is, with what goes away. Returns what is known of them.
    """
    homes = {row.uid: row.stack for rows in built.values() for row in rows}
    strays: dict[str, tuple[str, str, str, str]] = {}
    known: dict[Thing, Resource] = {}
    for one in seen:
        if one.status == "extra":
            uid = one.uid or ""
            # One that no stack knows is swept by the first: which one does it makes no difference.
            name = f"{one.detail['type'].lower()}/{one.detail.get('name') or one.object}"
            strays[one.object] = (homes.get(uid, "network-1"), one.detail["type"], one.target, name)
    for intent in intents:
        strays[intent.object] = (intent.stack, intent.type, intent.target, intent.inputs["subject"])
        if intent.object not in live and intent.object not in built:
            uid, incarnation = object_uid(intent.object)
            known[intent.stack, intent.object] = Resource(
                intent.type,
                uid,
                incarnation,
                intent.inputs["subject"],
                intent.target,
                intent.inputs["inputs"],
            )
    early = any(change.expand or change.clear for change in out.values())
    for object_id, (stack, type_name, target, name) in sorted(strays.items()):
        if object_id in live or object_id in built:
            continue
        uid = object_id.rpartition(".")[0]
        change = ResourceChange("delete", type_name, uid, name, object=object_id, target=target)
        home = out.setdefault(stack, StackChanges())
        (home.clear if early else home.contract).append(change)
    return known


def applied_digest(stack: str, applied: Mapping[AppliedKey, Applied]) -> str:
    """What is applied in a stack, as one digest: ids and inputs, without times and run numbers."""
    rows = [(r.uid, r.incarnation, r.digest) for r in applied.values() if r.scope == f"stack:{stack}"]
    return canonical.digest(sorted(rows))


def host_digests(hosts: Iterable[str], applied: Mapping[AppliedKey, Applied]) -> dict[str, str]:
    """Digest of the configuration that each host has; empty where it has none."""
    had = {r.scope.removeprefix("host:"): r.digest for r in applied.values() if r.scope[:5] == "host:"}
    return {host: had.get(host, "") for host in sorted(hosts)}
