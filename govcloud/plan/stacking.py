"""Objects in stacks: where each belongs, what changes in each stack, and in which order stacks run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import canonical
from ..ledger.building import Applied, Intent, Observed
from ..ledger.entries import Key
from .ordering import Visit, references, visits
from .stages import FieldChange, Resource, ResourceChange, Stack

if TYPE_CHECKING:
    from .inputs import Inputs


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
    """Chooses stacks for new entries: the first of its domain that is not full. Never moves one."""

    def __init__(
        self, size: int, homes: Mapping[str, str], applied: Mapping[tuple[str, str], Applied]
    ) -> None:
        self._size = size
        members = dict(homes)
        members |= {row.uid: row.stack for row in applied.values() if row.stack}
        self._held = Counter(members.values())

    def choose(self, domain: str) -> str:
        """The stack of a new entry in ``domain``; counts it as a member."""
        number = 1
        while self._held[f"{domain}-{number}"] >= self._size:
            number += 1
        self._held[f"{domain}-{number}"] += 1
        return f"{domain}-{number}"


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
    """What changes in one stack. ``doomed``: what is built and no longer wanted."""

    expand: list[ResourceChange] = field(default_factory=list)
    contract: list[ResourceChange] = field(default_factory=list)
    doomed: list[Resource] = field(default_factory=list)
    refresh: bool = False


def compare(
    wanted: Mapping[str, list[Resource]],
    applied: Mapping[tuple[str, str], Applied],
    observed: Iterable[Observed],
    intents: Iterable[Intent],
) -> dict[str, StackChanges]:
    """What must change in each stack for what is built and seen to be what is wanted."""
    seen = {o.object: o for o in observed}
    out: dict[str, StackChanges] = {}
    live: set[str] = set()
    for stack, resources in wanted.items():
        change = out.setdefault(stack, StackChanges())
        for resource in resources:
            live.add(resource.object_id)
            one = _change(resource, applied.get((f"stack:{stack}", resource.uid)), seen)
            if one is not None:
                change.expand.append(one)
                change.refresh |= one.verb == "heal"
    uids = {r.uid for resources in wanted.values() for r in resources}
    for (_, uid), row in sorted(applied.items(), key=lambda item: item[0]):
        if not row.stack or uid in uids:
            continue
        change = out.setdefault(row.stack, StackChanges())
        doomed = restore(row)
        change.doomed.append(doomed)
        change.contract.append(ResourceChange("delete", doomed.type, uid, doomed.subject))
        change.contract.sort(key=lambda c: c.subject)
    _let_go(out, live)
    _sweep(out, applied, seen.values(), intents, live)
    return {s: c for s, c in out.items() if c.expand or c.contract}


def _change(resource: Resource, built: Applied | None, seen: Mapping[str, Observed]) -> ResourceChange | None:
    if built is None:
        return ResourceChange("create", resource.type, resource.uid, resource.subject)
    before, after = built.inputs["inputs"], resource.inputs
    fields = tuple(
        FieldChange(n, before.get(n), after.get(n))
        for n in sorted({*before, *after})
        if before.get(n) != after.get(n)
    )
    if built.incarnation != resource.incarnation:
        return ResourceChange("replace", resource.type, resource.uid, resource.subject, fields)
    found = seen.get(resource.object_id)
    if found is not None and found.status == "missing":
        # Whatever else changes: what is not there is made, not updated.
        return ResourceChange("heal", resource.type, resource.uid, resource.subject, fields)
    if built.digest != resource_digest(resource):
        return ResourceChange("update", resource.type, resource.uid, resource.subject, fields)
    if found is not None and found.detail.get("fields"):
        drifted = tuple(
            FieldChange(n, v["seen"], v["wanted"]) for n, v in sorted(found.detail.get("fields", {}).items())
        )
        return ResourceChange("heal", resource.type, resource.uid, resource.subject, drifted)
    return None


def _let_go(out: Mapping[str, StackChanges], live: set[str]) -> None:
    """Delete in the first phase what cannot be held until the second: what it stands on is made anew."""
    held = {r.object_id: r for change in out.values() for r in change.doomed}
    fallen: set[str] = set()
    while True:
        loose = {o for o, r in held.items() if any(i not in live and i not in held for i in references(r))}
        if not loose:
            break
        fallen |= {held.pop(o).uid for o in loose}
    for change in out.values():
        if change.expand:
            change.expand += [c for c in change.contract if c.uid in fallen]
            change.contract = [c for c in change.contract if c.uid not in fallen]
            change.doomed = [r for r in change.doomed if r.uid not in fallen]


def _sweep(
    out: dict[str, StackChanges],
    applied: Mapping[tuple[str, str], Applied],
    seen: Iterable[Observed],
    intents: Iterable[Intent],
    live: set[str],
) -> None:
    """Objects that carry our identity and that nobody wants: seen as extra, or once intended."""
    held = {row.object_id for row in applied.values() if row.stack}
    homes = {row.uid: row.stack for row in applied.values() if row.stack}
    strays: dict[str, tuple[str, str, str, str]] = {}
    for one in seen:
        if one.status == "extra":
            uid = one.uid or ""
            # One that no stack knows is swept by the first: which one does it makes no difference.
            name = f"{one.detail['type'].lower()}/{one.detail.get('name') or one.object}"
            strays[one.object] = (homes.get(uid, "network-1"), one.detail["type"], one.target, name)
    for intent in intents:
        known = (intent.stack, intent.type, intent.target, intent.inputs["subject"])
        strays.setdefault(intent.object, known)
    for object_id, (stack, type_name, target, name) in sorted(strays.items()):
        if object_id in live or object_id in held:
            continue
        uid = object_id.rpartition(".")[0]
        change = ResourceChange("delete", type_name, uid, name, object=object_id, target=target)
        out.setdefault(stack, StackChanges()).contract.append(change)


def applied_digest(stack: str, applied: Mapping[tuple[str, str], Applied]) -> str:
    """What is applied in a stack, as one digest: ids and inputs, without times and run numbers."""
    rows = [
        (r.uid, r.incarnation, r.digest) for (scope, _), r in applied.items() if scope == f"stack:{stack}"
    ]
    return canonical.digest(sorted(rows))


def host_digests(hosts: Iterable[str], applied: Mapping[tuple[str, str], Applied]) -> dict[str, str]:
    """Digest of the configuration that each host has; empty where it has none."""
    had = {scope.removeprefix("host:"): r.digest for (scope, _), r in applied.items() if scope[:5] == "host:"}
    return {host: had.get(host, "") for host in sorted(hosts)}


def expand_stages(
    wanted: Mapping[str, list[Resource]],
    changes: Mapping[str, StackChanges],
    inputs: Inputs,
    after: tuple[str, ...],
    restart: Mapping[str, tuple[str, ...]],
) -> list[Stack]:
    """Stages that create and update; what is doomed is still part of each slice."""
    touched = {s: c.expand for s, c in sorted(changes.items()) if c.expand}
    everything = [r for resources in wanted.values() for r in resources]
    stands = {r.object_id for r in everything} | {r.object_id for c in changes.values() for r in c.doomed}
    return [
        Stack(
            id=visit.id,
            title=f"build {visit.stack}: {_words(visit.changes)}",
            phase="expand",
            needs=after + visit.needs,
            stack=visit.stack,
            domain=domain_of(visit.stack),
            program=inputs.programs[domain_of(visit.stack)],
            resources=(
                *_until(visit, wanted[visit.stack], inputs.applied, stands),
                *changes[visit.stack].doomed,
            ),
            changes=visit.changes,
            refresh=changes[visit.stack].refresh,
            restart=restart.get(visit.stack, ()),
        )
        for visit in visits("expand", touched, everything)
    ]


def _until(
    visit: Visit,
    resources: list[Resource],
    applied: Mapping[tuple[str, str], Applied],
    stands: set[str],
) -> Iterable[Resource]:
    """A stack's slice at a visit: what a later one changes is held as it was built, where it can stand."""
    for resource in resources:
        if resource.uid not in visit.later:
            yield resource
            continue
        built = applied.get((f"stack:{visit.stack}", resource.uid))
        if built is not None and all(o in stands for o in references(restore(built))):
            yield restore(built)


def contract_stages(
    wanted: Mapping[str, list[Resource]],
    changes: Mapping[str, StackChanges],
    inputs: Inputs,
    after: tuple[str, ...],
) -> list[Stack]:
    """Stages that delete, users before what they use."""
    touched = {s: c.contract for s, c in sorted(changes.items()) if c.contract}
    doomed = [r for c in changes.values() for r in c.doomed]
    return [
        Stack(
            id=visit.id,
            title=f"clear {visit.stack}: {_words(visit.changes)}",
            phase="contract",
            needs=after + visit.needs,
            stack=visit.stack,
            domain=domain_of(visit.stack),
            program=inputs.programs[domain_of(visit.stack)],
            resources=(
                *wanted.get(visit.stack, ()),
                *(r for r in changes[visit.stack].doomed if r.uid in visit.later),
            ),
            changes=visit.changes,
            refresh=False,
        )
        for visit in visits("contract", touched, doomed)
    ]


VERBS = {
    "create": "to create",
    "update": "to update",
    "replace": "to replace",
    "heal": "to heal",
    "delete": "to delete",
}


def _words(changes: Iterable[ResourceChange]) -> str:
    counts: Counter[str] = Counter(c.verb for c in changes)
    return ", ".join(f"{counts[v]} {words}" for v, words in VERBS.items() if counts[v])
