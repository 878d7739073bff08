"""Plans about single objects: to adopt one, to let go of one, to repair one. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ..errors import ConflictError, InputError, Problem
from ..ledger import Ledger, building, entries
from ..ledger.building import Applied, Observed
from ..ledger.entries import Key
from ..model.resources import TYPES, Identity, RealObject
from ..plan import limiting
from ..plan.gather import Proposal, propose, propose_accepted, propose_nothing
from ..plan.ordering import references
from ..plan.stacking import restore
from ..plan.stages import FieldChange, Plan, Record, Resource, ResourceChange, Stack
from ..provider.drivers import Driver, open_driver
from ..source.editing import plain
from ..workspace import Workspace
from .drift import look_at
from .keeping import credential_of

MOST = 12


class Candidate(msgspec.Struct, frozen=True):
    """An object of nobody's that could be an entry's. ``differs``: what of it cannot be changed, and why
    it is not the one: {property: {wanted, seen}}."""

    object: str
    name: str
    target: str
    properties: dict[str, Any]
    differs: dict[str, dict[str, Any]]


@dataclass
class Adoption:
    """What would be adopted; or, where nobody can tell which object is meant, what there is."""

    proposal: Proposal | None
    candidates: dict[str, list[Candidate]]


def subject(key: Key) -> str:
    """``kind/name``."""
    return "/".join(key)


def adoption(
    workspace: Workspace, ledger: Ledger, keys: Sequence[Key], handle: str | None = None
) -> Adoption:
    """A plan that takes objects of nobody's over as those of these entries. ``handle``: which one.

    Raises ``InputError`` for an entry that builds nothing or has its object, and where the object that is
    named does not fit; both are shown.
    """
    proposal = _planned_for(workspace, ledger, keys)
    wanted = _wanted(ledger, proposal.plan, keys)
    chosen: dict[str, Candidate] = {}
    open_ones: dict[str, list[Candidate]] = {}
    loose: dict[str, list[RealObject]] = {}
    handles: dict[str, str] = {}
    for resource in sorted(wanted.values(), key=lambda r: len(references(r))):
        if resource.target not in loose:
            driver = driver_of(workspace, ledger, resource.target, proposal.plan)
            loose[resource.target] = [o for o in driver.list() if o.identity is None]
        found = [c for o in loose[resource.target] if (c := _candidate(o, resource, handles))]
        one = _choose(resource, found, handle)
        if one is None:
            open_ones[resource.subject] = found
            continue
        chosen[resource.object_id] = one
        # What refers to it by the id that it has now will do so by the one that it gets.
        handles[one.object] = resource.object_id
    if open_ones:
        return Adoption(None, open_ones)
    plan = limiting.limited(
        proposal.plan,
        _applied(ledger),
        lambda change, resource: _adopt(change, resource, chosen),
        f"adopt {_names(keys)}",
        subjects=frozenset(map(subject, keys)),
    )
    return Adoption(Proposal(plan, proposal.blobs), {})


def _planned_for(workspace: Workspace, ledger: Ledger, keys: Sequence[Key]) -> Proposal:
    """From what is accepted; with what the files say where that is not recorded yet."""
    with ledger.read() as connection:
        known = entries.among(connection, keys)
    if len(known) == len(set(keys)):
        return propose_accepted(workspace, ledger)
    proposal = propose(workspace, ledger)
    if any(isinstance(s, Record) and s.phase == "contract" for s in proposal.plan.stages):
        raise InputError(
            [Problem("the files withdraw entries, and adopting would leave that half done")],
            hint="`govcloud apply` first, or put those files aside",
        )
    return proposal


def _wanted(ledger: Ledger, plan: Plan, keys: Sequence[Key]) -> dict[str, Resource]:
    """The objects that are to be adopted, by entry. Raises ``InputError`` where one is not."""
    said: dict[str, tuple[ResourceChange, Resource]] = {}
    for stage in plan.stages:
        if isinstance(stage, Stack):
            by_id = {r.object_id: r for r in stage.resources}
            said |= {c.subject: (c, by_id[c.object_id]) for c in stage.changes if c.object_id in by_id}
    built = {row.inputs["subject"] for row in _applied(ledger) if row.stack}
    problems = []
    for key in keys:
        one = said.get(subject(key))
        if one is not None and one[0].verb in ("create", "heal", "replace"):
            continue
        why = (
            "has its object; `govcloud drift` looks whether it is still there"
            if subject(key) in built
            else "is no entry that a target builds an object of"
        )
        problems.append(Problem(f"{subject(key)} {why}"))
    if problems:
        raise InputError(problems)
    return {subject(key): said[subject(key)][1] for key in keys}


def driver_of(workspace: Workspace, ledger: Ledger, target: str, plan: Plan | None = None) -> Driver:
    """The driver of a target by any of its names; of one that is new by the plan that records it."""
    with ledger.read() as connection:
        known = entries.by_any_name(connection, "target")
    for stage in plan.stages if plan else ():
        if isinstance(stage, Record):
            known |= {c.name: c.fields for c in stage.changes if c.kind == "target" and c.fields}
    place = (workspace.environment, known[target], str(workspace.root))
    return open_driver(*place, credential_of(workspace, ledger, known[target]))


def _candidate(real: RealObject, wanted: Resource, handles: Mapping[str, str]) -> Candidate | None:
    known = real.facts.get("could_be", {"type": real.type, "properties": real.properties})
    if known["type"] != wanted.type or not real.handle:
        return None
    properties: dict[str, Any] = known["properties"]
    kind = TYPES[wanted.type]
    differs = {}
    for name in sorted(kind.immutable):
        seen = properties.get(name)
        if kind.get(name).reference:
            seen = handles.get(str(seen), seen)
        if seen != wanted.inputs.get(name):
            differs[name] = {"wanted": wanted.inputs.get(name), "seen": seen}
    name = str(properties.get("name", ""))
    return Candidate(real.handle, name, wanted.target, properties, differs)


def _choose(wanted: Resource, found: Sequence[Candidate], handle: str | None) -> Candidate | None:
    """The object that is meant: the one named, or the only one of the name that fits.

    Raises ``InputError`` where it does not fit, or where there is none at all.
    """
    if handle is not None:
        named = [c for c in found if c.object == handle]
        if not named:
            raise InputError(
                [Problem(f"no {wanted.type.lower()} of nobody's at {wanted.target!r} is called {handle!r}")],
                hint="`govcloud drift` lists what is unmanaged",
            )
    else:
        named = [c for c in found if c.name == wanted.inputs.get("name")]
        fit = [c for c in named if not c.differs]
        if len(fit) == 1 or (len(named) == 1 and found == named):
            named = fit or named
        elif found:
            return None
        else:
            raise InputError(
                [Problem(f"nothing at {wanted.target!r} that is not managed could be {wanted.subject}")],
                hint="`govcloud drift` lists what is unmanaged",
            )
    (one,) = named
    if one.differs:
        there = ", ".join(f"{n}={v['seen']!r}" for n, v in one.differs.items())
        asked = ", ".join(f"{n}={v['wanted']!r}" for n, v in one.differs.items())
        raise InputError(
            [
                Problem(
                    f"{one.object} cannot become {wanted.subject}: it differs where it cannot change: "
                    f"there {there}; the entry says {asked}"
                )
            ],
            hint="say in the file what is there, or adopt what it stands on first",
        )
    return one


def _adopt(
    change: ResourceChange, resource: Resource | None, chosen: Mapping[str, Candidate]
) -> ResourceChange | None:
    one = chosen.get(change.object_id)
    if one is None or resource is None:
        return None
    # What of it may change is brought in line, and is shown.
    fields = tuple(
        FieldChange(name, one.properties.get(name), value)
        for name, value in sorted(resource.inputs.items())
        if name not in TYPES[resource.type].immutable and plain(one.properties.get(name)) != plain(value)
    )
    return msgspec.structs.replace(
        change, verb="adopt", handle=one.object, target=resource.target, changes=fields
    )


# -- letting go -----------------------------------------------------------------------------------------


def letting_go(workspace: Workspace, ledger: Ledger, keys: Sequence[Key]) -> Proposal:
    """A plan that lets go of what is built of these entries; the objects stay.

    Raises ``InputError`` for an entry without an object, and where something managed stands on one.
    """
    rows = [row for row in _applied(ledger) if row.stack]
    subjects = frozenset(map(subject, keys))
    built = {str(row.inputs["subject"]): restore(row) for row in rows}
    problems = [Problem(f"nothing is built of {one}") for one in sorted(subjects - built.keys())]
    if problems:
        raise InputError(problems, hint="`govcloud show KIND/NAME` tells what is built")
    ids = {r.object_id for row in rows if (r := restore(row)).subject in subjects}
    users = sorted(
        {r.subject for row in rows if (r := restore(row)).subject not in subjects and ids & {*references(r)}}
    )
    if users:
        more = f" and {len(users) - MOST} more" if len(users) > MOST else ""
        raise InputError(
            [Problem(f"{', '.join(users[:MOST])}{more} {'stand' if len(users) > 1 else 'stands'} on it")],
            hint=f"let go of them together: `govcloud forget {' '.join([*sorted(subjects), *users[:MOST]])}`",
        )
    empty, programs = propose_nothing(workspace, ledger)
    plan = limiting.releasing(
        empty, _applied(ledger), subjects, dict(programs.stacks), f"let go of {_names(keys)}"
    )
    return Proposal(plan, programs.of(plan))


# -- repairing ------------------------------------------------------------------------------------------


def repair(workspace: Workspace, ledger: Ledger, key: Key, *, rebuild: bool = False) -> Proposal:
    """A plan that brings one entry's object in line, or makes it anew with all that stands on it.

    Looks at that one object first and notes what it sees. Raises ``InputError`` for an entry of which
    nothing is or should be built, ``ConflictError`` where its object is in no state to be looked at.
    """
    with ledger.read() as connection:
        known = entries.among(connection, [key]).get(key)
    if known is None:
        raise InputError(
            [Problem(f"{subject(key)} is not accepted")], hint="`govcloud plan` tells what the files say"
        )
    rows = [row for row in _applied(ledger) if row.stack and row.uid == known.uid]
    _look(workspace, ledger, key, rows)
    plain_proposal = propose_accepted(workspace, ledger)
    before = {(c.object_id, c.verb) for c in _changes(plain_proposal.plan)}
    proposal, meant = plain_proposal, {subject(key)}
    if rebuild:
        if not rows:
            raise InputError([Problem(f"nothing is built of {subject(key)}")])
        proposal = propose_accepted(workspace, ledger, rebuild=frozenset({key}))
        meant |= {c.subject for c in _changes(proposal.plan) if (c.object_id, c.verb) not in before}
    plan = limiting.limited(
        proposal.plan,
        _applied(ledger),
        lambda change, _: change if change.subject in meant else None,
        f"{'rebuild' if rebuild else 'repair'} {subject(key)}",
        subjects=frozenset(meant),
    )
    return Proposal(plan, proposal.blobs)


def _look(workspace: Workspace, ledger: Ledger, key: Key, rows: Sequence[Applied]) -> None:
    """Read the entry's objects where they stand, and keep what was seen."""
    seen: list[Observed] = []
    for row in rows:
        resource = restore(row)
        identity = Identity(workspace.environment, resource.uid, resource.incarnation)
        real = driver_of(workspace, ledger, resource.target).read(resource.type, identity)
        seen += look_at(workspace, ledger, resource, [real] if real is not None else [])
    if len({one.object for one in seen}) != len(seen):
        raise ConflictError(f"{subject(key)} is seen twice", hint="`govcloud drift` looks at everything")
    with ledger.write() as connection:
        building.put_observed(connection, seen)


def _changes(plan: Plan) -> Iterable[ResourceChange]:
    return [c for stage in plan.stages if isinstance(stage, Stack) for c in stage.changes]


def _applied(ledger: Ledger) -> list[Applied]:
    with ledger.read() as connection:
        return list(building.all_applied(connection).values())


def _names(keys: Sequence[Key]) -> str:
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return ", ".join(map(subject, keys[:3])) + more
