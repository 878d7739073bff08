"""The planner: what is accepted, built and seen, against what is proposed, gives a plan.

Pure: it reads ``Inputs`` and returns a ``Plan``; nothing is written and nothing is run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from .. import canonical
from ..errors import InputError
from ..ledger.entries import Key
from ..model.catalogue import Catalogue
from ..model.policy import Target
from ..model.resources import TYPES
from . import advertising, delivering, incarnations, profiles, slicing, stacking
from .batches import PlayPolicy, batches, policy
from .desired import Draft, drafts, settle
from .devices import GROUP, SSH, devices
from .differing import differences
from .hosts import HostVars, host_variables
from .identities import Identity, contract_record, entry_changes, expand_record, identify
from .inputs import Inputs
from .ordering import MAKING
from .probes import ProbeSpec, probes, spec_digest
from .renaming import refuse_taken_names
from .stages import FORMAT, Base, Move, Plan, Play, Probe, Record, Resource, SiteStack, Stack, Stage

HOST_KINDS = ("node", "server", "instance")
# The fields of a target that say where its objects are.
PLACE = ("driver", "path")


@dataclass
class _Work:
    """What the steps of ``build`` hand to each other."""

    identities: Mapping[Key, Identity]
    resources: dict[Key, Resource] = field(default_factory=dict)
    stack_of: dict[Key, str] = field(default_factory=dict)


def build(inputs: Inputs) -> Plan:
    """The plan that brings everything to what is proposed. Empty where nothing is to do."""
    numbers = policy(inputs)
    if wrong := profiles.findings(inputs.proposed):
        raise InputError(
            [
                inputs.problem(f"{f.kind}/{f.name}: {f.message}", (f.kind, f.name), f.field, f.hint)
                for f in wrong
            ]
        )
    work = _Work(identify(inputs))
    _refuse_moved_targets(inputs, work)
    _place(inputs, work)
    refuse_taken_names(inputs, work.resources, _drivers(inputs))
    expand, withdraw = entry_changes(inputs, work.identities)
    wanted = stacking.by_stack(work.resources, work.stack_of)
    slices = _slices(inputs, wanted)
    changes = slices.changes
    hosts = reachable_hosts(inputs.catalogue, inputs.routing)
    names = {work.identities[_entry(host)].uid: name for name, host in hosts.items()}
    hosts = delivering.put(hosts, inputs.catalogue, inputs.versions, inputs.applied.values(), names)
    stages = expand_record(expand)
    restart = _restarted(inputs, work, changes.stacks)
    stages += slicing.clear_stages(slices, tuple(s.id for s in stages))
    stages += slicing.move_stages(slices, tuple(s.id for s in stages))
    stages += slicing.expand_stages(slices, tuple(s.id for s in stages), restart)
    dirty = _dirty_hosts(inputs, work, hosts, restart)
    before = tuple(s.id for s in stages)
    if dirty:
        kept = dirty.keys() - _bare_hosts(changes) if expand or withdraw else ()
        told = _host_changes(inputs, work, hosts, kept, names)
        stages.append(_play(inputs, hosts, dirty, told, before, numbers))
    specs = _to_measure(inputs, hosts, everything=bool(dirty or changes.restless))
    if specs:
        stages.append(_probe(inputs, specs, tuple(s.id for s in stages)))
    before = tuple(s.id for s in stages)
    stages += slicing.contract_stages(slices, before)
    stages += contract_record(withdraw, tuple(s.id for s in stages))
    plan = _finish(inputs, stages, hosts={h: msgspec.to_builtins(v) for h, v in hosts.items() if h in dirty})
    used = delivering.uses(hosts, dirty, inputs.versions, inputs.applied.values(), names)
    return msgspec.structs.replace(plan, secrets=used)


def _play(
    inputs: Inputs,
    hosts: Mapping[str, HostVars],
    dirty: dict[str, str],
    changes: dict[str, str],
    needs: tuple[str, ...],
    numbers: PlayPolicy,
) -> Play:
    count = f"{len(dirty)} host{'s' if len(dirty) != 1 else ''}"
    standing = {a.scope.removeprefix("host:") for a in inputs.applied.values() if not a.stack}
    cut = batches({name: hosts[name] for name in hosts if name in dirty}, standing & dirty.keys(), numbers)
    return Play(
        id="play",
        title=f"configure {count}{_routing_words(inputs.routing, [hosts[name] for name in dirty])}",
        phase="expand",
        needs=needs,
        playbook=inputs.playbook,
        routing=inputs.routing,
        inputs=dirty,
        changes=changes,
        batches=cut.hosts,
        canaries=cut.canaries,
        stop_percent=cut.stop_percent,
        keep_kib=int(numbers.keep_kib),
    )


def _to_measure(inputs: Inputs, hosts: Mapping[str, HostVars], *, everything: bool) -> list[ProbeSpec]:
    """The probes of a plan: all where something changes, else those without a good figure of their kind.

    What was once not good is measured until it is: a run that failed at its probes is not forgotten,
    and nothing is taken down on the strength of figures that nobody has.
    """
    # A device measures nothing: what is measured runs inside of machines.
    specs = [p for p in probes(inputs.catalogue) if p.source in hosts and GROUP not in hosts[p.source].groups]
    return [p for p in specs if everything or inputs.proven.get(p.name) != spec_digest(p)]


def _probe(inputs: Inputs, specs: list[ProbeSpec], needs: tuple[str, ...]) -> Probe:
    return Probe(
        id="probe",
        title=f"measure {len(specs)} probe{'s' if len(specs) != 1 else ''}",
        phase="expand",
        needs=needs,
        probes=tuple(msgspec.to_builtins(p) for p in specs),
        patience_s=inputs.patience_s,
    )


def build_record(inputs: Inputs) -> Plan:
    """The plan that brings only the ledger to what is proposed: none of it has to do with what is built."""
    expand, withdraw = entry_changes(inputs, identify(inputs))
    stages = expand_record(expand)
    stages += contract_record(withdraw, tuple(s.id for s in stages))
    return _finish(inputs, stages)


def build_destroy(inputs: Inputs) -> Plan:
    """The plan that takes down everything that was built and keeps the ledger's entries."""
    stages = slicing.contract_stages(_slices(inputs, {}), ())
    return _finish(inputs, list(stages), destroy=True)


def _slices(inputs: Inputs, wanted: Mapping[str, list[Resource]]) -> slicing.Slices:
    drivers = _drivers(inputs)
    changes = stacking.compare(wanted, inputs.applied, inputs.observed, inputs.intents, drivers)
    return slicing.Slices(wanted, changes, inputs)


def _drivers(inputs: Inputs) -> dict[str, str]:
    """By target, of now and from now on."""
    drivers = {a.name: a.fields["driver"] for a in inputs.accepted.values() if a.kind == "target"}
    return drivers | {name: target.driver for name, target in inputs.catalogue.all(Target).items()}


def reachable_hosts(catalogue: Catalogue, routing: Literal["ospf", "static"]) -> dict[str, HostVars]:
    """Variables of the hosts that a play can reach: those that a target of the lab builds, and devices."""
    drivers = {target.driver for target in catalogue.all(Target).values()}
    out: dict[str, HostVars] = {}
    if "lab" in drivers:
        labs = {name for name, target in catalogue.all(Target).items() if target.driver == "lab"}
        hosts = advertising.put(catalogue, host_variables(catalogue, routing=routing))
        out |= {h: v for h, v in hosts.items() if v.target in labs}
    return out | devices(catalogue) if SSH in drivers else out


def _refuse_moved_targets(inputs: Inputs, work: _Work) -> None:
    """Raises ``InputError`` where a target would point elsewhere while things are built at it.

    Or where it gets the name under which things were built at another.
    """
    built: Counter[tuple[str, str]] = Counter()
    for row in inputs.applied.values():
        if row.stack:
            name = row.inputs["target"]
            built[name, inputs.targets.get(name, "")] += 1
    problems = []
    for (kind, name), fields in inputs.proposed.items():
        if kind != "target":
            continue
        identity = work.identities[kind, name]
        was = identity.was
        moved = [f for f in PLACE if was is not None and fields.get(f) != was.fields.get(f)]
        here = sum(count for (_, uid), count in built.items() if uid == identity.uid)
        if moved and here:
            what = " and ".join(f"`{f}`" for f in moved)
            problems.append(
                inputs.problem(
                    f"target/{name}: {what} would change while {here} object(s) stand there",
                    (kind, name),
                    moved[0],
                    "`govcloud destroy` first, or another target beside this one",
                )
            )
        others = sum(
            count for (n, uid), count in built.items() if n == name and uid not in ("", identity.uid)
        )
        if others:
            problems.append(
                inputs.problem(
                    f"target/{name}: {others} object(s) were built at another target under this name",
                    (kind, name),
                    "was",
                    "rename that one and apply it first, then give its former name away",
                )
            )
    if problems:
        raise InputError(problems)


def _target_names(inputs: Inputs, work: _Work) -> dict[str, str]:
    """What targets are called from now on, by every name that they had."""
    names = {work.identities[key].uid: key[1] for key in inputs.proposed if key[0] == "target"}
    return {former: names[uid] for former, uid in inputs.targets.items() if uid in names}


def _place(inputs: Inputs, work: _Work) -> None:
    """Choose stacks, settle incarnations and references, in the order of reference."""
    made = drafts(inputs.catalogue)
    places = stacking.Places(inputs.stack_size, inputs.homes, inputs.applied)
    pasts = incarnations.pasts(inputs, _target_names(inputs, work))
    ids: dict[Key, str] = {}
    _refuse_loose(inputs, made)
    for key, draft in made.items():
        identity = work.identities[key]
        past = pasts.get(identity.uid, incarnations.Past())
        identity.stack = places.settle(identity.uid, identity.stack, draft.domain, past.stacks)
        work.stack_of[key] = identity.stack
        resource = settle(draft, "/".join(key), identity.uid, identity.incarnation, ids)
        number = past.incarnation(resource)
        if number != identity.incarnation:
            identity.incarnation = number
            resource = settle(draft, "/".join(key), identity.uid, number, ids)
        ids[key] = resource.object_id
        work.resources[key] = resource


def _refuse_loose(inputs: Inputs, made: Mapping[Key, Draft]) -> None:
    """Raises ``InputError`` where an object needs one that its target does not build."""
    problems = []
    for key, draft in made.items():
        for field_name, other in draft.refs.items():
            there = made.get(other)
            if there is None or there.target != draft.target:
                place = f"built by {there.target!r}" if there else "not built by any target"
                what = f"{'/'.join(key)} is to be built by {draft.target!r}"
                message = f"{what}, but its `{field_name}`, {'/'.join(other)}, is {place}"
                problems.append(inputs.problem(message, key, field_name))
    if problems:
        raise InputError(problems, hint="give both the same target, or the one that needs the other none")


def _restarted(
    inputs: Inputs, work: _Work, changes: Mapping[str, stacking.StackChanges]
) -> dict[str, tuple[str, ...]]:
    """By stack: the hosts that lose configuration because something of theirs is made anew."""
    by_subject = {r.subject: r for r in work.resources.values()}
    by_id = {r.object_id: r for r in work.resources.values()}
    missing = {o.object for o in inputs.observed if o.status == "missing"}
    out: dict[str, tuple[str, ...]] = {}
    for stack, change in changes.items():
        hosts: set[str] = set()
        for one in change.expand:
            # What differs and is there is brought in line; what cannot be is made anew, as a replacement.
            if one.verb not in MAKING or (one.verb == "heal" and one.object_id not in missing):
                continue
            resource = by_subject[one.subject]
            kind, _, name = one.subject.partition("/")
            if kind in HOST_KINDS:
                hosts.add(name)
            for prop in TYPES[resource.type].properties:
                # A new port or bridge is as bare as a new machine: its host is configured again.
                other = by_id.get(resource.inputs.get(prop.name, "")) if prop.reference else None
                if other is not None and other.type in ("Node",):
                    hosts.add(other.subject.partition("/")[2])
        out[stack] = tuple(sorted(hosts))
    return out


def _entry(host: HostVars) -> Key:
    kind, _, name = host.entry.partition("/")
    return kind, name


def _dirty_hosts(
    inputs: Inputs, work: _Work, hosts: Mapping[str, Any], restart: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """Digest of the variables of each host that must be configured."""
    anew = {host for names in restart.values() for host in names}
    drifted = {o.uid for o in inputs.observed if o.detail.get("configuration")}
    out: dict[str, str] = {}
    for host in sorted(hosts):
        variables = hosts[host]
        uid = work.identities[_entry(variables)].uid
        digest = _host_digest(inputs, host, variables)
        built = inputs.applied.get((f"host:{host}", uid, 1))
        if built is None or built.digest != digest or host in anew or uid in drifted:
            out[host] = digest
    return out


def _bare_hosts(changes: stacking.Changes) -> set[str]:
    """Hosts that are made anew. One that gets a new port keeps what it has."""
    made = (c.subject.partition("/") for s in changes.stacks.values() for c in s.expand if c.verb in MAKING)
    return {name for kind, _, name in made if kind in HOST_KINDS}


def _host_digest(inputs: Inputs, host: str, variables: HostVars) -> str:
    playbook = inputs.playbook_for(host, variables.groups)
    return canonical.digest([playbook, msgspec.to_builtins(variables)])


def _host_changes(
    inputs: Inputs,
    work: _Work,
    hosts: Mapping[str, HostVars],
    kept: Iterable[str],
    names: Mapping[str, str],
) -> dict[str, str]:
    """Digest of what changes on each host that is as it is accepted. ``kept``: those that are not made anew.

    Of a host that is as a run left it which was not finished, or was configured by other playbooks, nothing
    is told: all of its configuration is new. So it is where nothing that is accepted of it changes.
    """
    rows = {}
    for host in sorted(kept):
        uid = work.identities[_entry(hosts[host])].uid
        if (built := inputs.applied.get((f"host:{host}", uid, 1))) is not None:
            rows[host] = built
    if not rows or inputs.before is None:
        return {}
    try:
        catalogue = inputs.before()
        former = reachable_hosts(catalogue, inputs.routing)
    except (InputError, msgspec.ValidationError, KeyError):
        # It was accepted by a release that asked for less.
        return {}
    # With the versions of secrets that they have: whatever is fetched now is new.
    former = delivering.put(former, catalogue, {}, inputs.applied.values(), names)
    out: dict[str, str] = {}
    for host, built in rows.items():
        was = former.get(host)
        if was is None or _host_digest(inputs, host, was) != built.digest:
            continue
        if found := list(differences(msgspec.to_builtins(was), msgspec.to_builtins(hosts[host]))):
            out[host] = canonical.digest(found)
    return out


def _routing_words(routing: str, hosts: Iterable[HostVars]) -> str:
    """How routers of the lab learn their routes; nothing where only devices are configured."""
    if all(GROUP in host.groups for host in hosts):
        return ""
    return " (OSPF and OSPFv3 by FRR)" if routing == "ospf" else " (static routes from the ledger)"


def effect_of(stages: list[Stage], *, version: int = FORMAT) -> str:
    """Digest of what will happen: operations with their values, programs, playbooks.

    Whole slices are left out, so a neighbour's change in the same stack is no other effect; so is what an
    object or a host that changes is beside that. So are probes, where anything else happens: all are measured
    after a change, a neighbour's new ones among them. ``version``: the format of the plan; up to 2 the
    effect holds all of an object or host that changes.
    """
    parts: list[Any] = []
    measuring = all(isinstance(stage, Probe) for stage in stages)
    for stage in stages:
        if isinstance(stage, Record):
            parts.append([stage.id, stage.changes])
        elif isinstance(stage, Play):
            how = [stage.batches, stage.canaries, stage.stop_percent, stage.restore_from, stage.restore]
            given = stage.done_to if version > 2 else stage.inputs
            parts.append([stage.id, stage.playbook, stage.routing, given, how])
        elif isinstance(stage, Probe):
            parts.append([stage.id, stage.probes if measuring else ()])
        elif isinstance(stage, Move):
            parts.append([stage.id, [h.program for h in stage.holdings], stage.changes])
        elif isinstance(stage, SiteStack):
            parts.append([stage.id, stage.program, stage.given, stage.changes])
        else:
            # Of what is read first it is not known what changes.
            told = version > 2 and not stage.refresh
            whole = {c.object_id for c in stage.changes if not (told and c.verb == "update")}
            values = [r for r in stage.resources if r.object_id in whole]
            parts.append([stage.id, stage.program, stage.changes, values])
    return canonical.digest(parts)


def _plan_title(stages: list[Stage], destroy: bool) -> str:
    """A few words for the list of runs; the stages have their own."""
    if not stages:
        return "nothing to do"
    if destroy:
        return "take down what was built"
    words = {
        "record": "record",
        "stack": "build",
        "move": "hand over",
        "play": "configure",
        "probe": "measure",
    }
    return ", ".join(dict.fromkeys(words[s.kind] for s in stages))


def _finish(
    inputs: Inputs, stages: list[Stage], *, destroy: bool = False, hosts: dict[str, Any] | None = None
) -> Plan:
    title = _plan_title(stages, destroy)
    entries: dict[str, str] = {}
    touched: set[str] = set()
    played: Iterable[str] = ()
    for stage in stages:
        if isinstance(stage, Record):
            for change in stage.changes:
                key = (change.kind, change.was or change.name)
                known = inputs.accepted.get(key)
                entries["/".join(key)] = known.digest if known else ""
        elif isinstance(stage, Play):
            played = stage.inputs
        elif isinstance(stage, Move):
            touched |= {holding.stack for holding in stage.holdings}
        elif isinstance(stage, Stack):
            touched.add(stage.stack)
    stacks = {s: stacking.applied_digest(s, inputs.applied) for s in sorted(touched)}
    return Plan(
        environment=inputs.environment,
        title=title,
        stages=tuple(stages),
        effect=effect_of(stages),
        base=Base(entries, stacks, stacking.host_digests(played, inputs.applied)),
        destroy=destroy,
        hosts=hosts or {},
    )
