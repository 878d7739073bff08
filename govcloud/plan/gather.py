"""Collecting all that a plan reads: files, ledger, programs, playbooks, what the machine can do.

Where the ledger is known to be without fault, only what changed is read and judged, and what has to do
with what is built; otherwise everything is. Both ways see the same and end in the same plan.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from .. import __version__
from ..addressing.wishes import ALLOCATOR
from ..errors import InputError, Problem
from ..ledger import Ledger, building, entries, evidence, sitestacks
from ..ledger.claims import CHECKED_KEY, ClaimRow, claims, claims_on, sources
from ..ledger.connection import Connection
from ..ledger.store import settings
from ..model.catalogue import Catalogue
from ..model.policy import Profile, Target
from ..model.secret import Secret
from ..secrets.resolving import withdraw
from ..source import check, load
from ..source.changes import Changes, read_changes
from ..source.layers import PINS
from ..source.loaded import Loaded
from ..source.loading import Progress
from ..source.merging import Saying
from ..workspace import Workspace
from . import advertising, allocating, builder, delta, filtering, ruling, scope, settled, site
from . import pins as pinning
from .delivering import Version, delivered, secrets_of
from .fetching import Fetching, withdraw_variables
from .graph import Fields, LedgerGraph, MemoryGraph
from .inputs import Inputs
from .lineage import commit_of
from .playbooks import Parts
from .programs import Programs, programs
from .stages import Asked, PinChanges, Plan, decode, signed_effect, too_new

Key = entries.Key
# Where FRR's daemons are when they are not on PATH (Debian, Fedora).
FRR = ("/usr/lib/frr", "/usr/libexec/frr")
# Raised with every change of what entries must be to each other.
CHECKED = f"2 {__version__}"
NO_PINS = PinChanges()
NOTHING_ASKED = Asked()


@dataclass(frozen=True)
class Proposal:
    """A plan, and the bytes of the programs and playbooks that it names by digest."""

    plan: Plan
    blobs: Mapping[str, bytes]


def propose(
    workspace: Workspace,
    ledger: Ledger,
    *,
    destroy: bool = False,
    pins: PinChanges = NO_PINS,
    asked: Asked = NOTHING_ASKED,
    recorded: bool = False,
    everything: bool = False,
    progress: Progress | None = None,
) -> Proposal:
    """Plan from the workspace's files and the ledger. Writes nothing to the ledger.

    ``pins``: what is held against the files from now on, and no longer. ``asked``: what orders say beside
    the files from now on, and no longer; pins among that are held against them. ``recorded``: plan from what
    the ledger knows of the files, whatever they say by now. ``everything``: judge all entries, also where few
    changed.
    ``progress`` is told (files read, in all) where all are read. Raises ``InputError`` with every fault of
    the files, ``ConflictError`` for a stale checkout.
    """
    with ledger.read() as connection:
        withdraw_variables(workspace, connection)
        held, beside = _apart(pins, asked)
        asking = _Asking(
            workspace, connection, programs(workspace), held, beside, progress, as_recorded=recorded
        )
        if destroy:
            plan, blobs = site.extend(workspace, connection, builder.build_destroy(asking.inputs()))
        else:
            plan, blobs = site.extend(workspace, connection, _planned(asking, everything))
            # After what fetches secrets: git is a child, and no child gets one in its environment.
            last = entries.last_commit(connection, workspace.settings.workspace)
            # No commit is looked at where no file is.
            commit = "" if recorded else commit_of(workspace.root, last)
            plan = msgspec.structs.replace(plan, commit=commit, checked=CHECKED, pins=pins, asked=asked)
            plan = msgspec.structs.replace(plan, workspace=workspace.settings.workspace, recorded=recorded)
            found = ruling.ruling(connection, ruling.changes_of(plan))
            effect = signed_effect(plan.effect, pins, asked, found)
            plan = msgspec.structs.replace(plan, effect=effect, ruling=found)
        base = msgspec.structs.replace(plan.base, revision=entries.last_revision(connection))
        plan = msgspec.structs.replace(plan, base=base)
    return Proposal(plan, asking.programs.of(plan) | blobs)


def _apart(pins: PinChanges, asked: Asked) -> tuple[PinChanges, Asked]:
    """All pins, and what orders say that are none."""
    said = tuple(row for row in asked.said if row.claimant.startswith(PINS))
    ended = tuple(key for key in asked.ended if key[2].startswith(PINS))
    if not said and not ended:
        return pins, asked
    rest = tuple(row for row in asked.said if row not in said)
    beside = Asked(rest, tuple(key for key in asked.ended if key not in ended))
    return PinChanges(pins.said + said, pins.ended + ended), beside


def propose_file(workspace: Workspace, ledger: Ledger, path: str) -> Plan:
    """Plan what one file says otherwise than was recorded, whatever else changed; only to be recorded.

    ``path``: within the workspace. Raises ``InputError`` where something of it is wrong.
    """
    with ledger.read() as connection:
        asking = _Asking(workspace, connection, programs(workspace))
        plan = _plan_of_changes(asking, only=path)
        # What else there is was judged, or was not, as before.
        checked = settings(connection).get(CHECKED_KEY, "")
        return msgspec.structs.replace(plan, checked=checked, workspace=workspace.settings.workspace)


def propose_accepted(
    workspace: Workspace, ledger: Ledger, *, rebuild: frozenset[Key] = frozenset()
) -> Proposal:
    """Plan what is left to do for what is accepted, whatever the files say by now. Writes nothing.

    ``rebuild``: entries whose objects are made anew, with all that stands on them.
    """
    with ledger.read() as connection:
        asking = _Asking(workspace, connection, programs(workspace))
        graph = LedgerGraph(connection)
        built = scope.built(graph)
        inputs = asking.inputs()
        _fill(asking, inputs, graph, {}, built)
        inputs.rebuild = frozenset(inputs.accepted[key].uid for key in rebuild)
        plan = _built(asking, inputs, built)
        base = msgspec.structs.replace(plan.base, revision=entries.last_revision(connection))
        checked = settings(connection).get(CHECKED_KEY, "")
        name = workspace.settings.workspace
        plan = msgspec.structs.replace(plan, base=base, checked=checked, workspace=name)
    return Proposal(plan, asking.programs.of(plan))


def propose_nothing(workspace: Workspace, ledger: Ledger) -> tuple[Plan, Programs]:
    """An empty plan on the ledger as it stands, and the programs and playbooks of the workspace."""
    with ledger.read() as connection:
        known = programs(workspace)
        plan = builder.build_record(_Asking(workspace, connection, known).inputs(building_too=False))
        base = msgspec.structs.replace(plan.base, revision=entries.last_revision(connection))
        checked = settings(connection).get(CHECKED_KEY, "")
    return msgspec.structs.replace(plan, base=base, checked=checked), known


@dataclass
class _Asking:
    """A plan that is being made: what it is for, and the ledger as it stands."""

    workspace: Workspace
    connection: Connection
    programs: Programs
    pins: PinChanges = NO_PINS
    asked: Asked = NOTHING_ASKED
    progress: Progress | None = None
    # The files count as they were recorded.
    as_recorded: bool = False
    _fetching: Fetching | None = None

    def versions(self, catalogue: Catalogue) -> dict[str, Version]:
        """What is known now of the secrets that hosts get."""
        wanted = {name: catalogue.get(Secret, name) for name in delivered(catalogue)}
        if not wanted:
            return {}
        if self._fetching is None:
            self._fetching = Fetching(self.workspace, self.connection)
        return self._fetching.versions(wanted)

    def inputs(self, *, building_too: bool = True) -> Inputs:
        """All that a plan reads apart from entries; without ``building_too`` as if nothing were built."""
        connection = self.connection
        inputs = Inputs(
            environment=self.workspace.environment,
            programs=self.programs.stacks,
            playbook=self.programs.playbook,
            parts=Parts(self.programs.contents[self.programs.playbook], self.programs.playbook),
            stack_size=self.workspace.settings.stack_size,
        )
        if building_too:
            inputs.applied = building.all_applied(connection)
            inputs.observed = building.all_observed(connection, deviating=True)
            inputs.intents = building.intents(connection)
            inputs.homes = entries.stack_members(connection)
            inputs.targets = entries.bearers(connection, "target")
            inputs.proven = evidence.newest_good(connection)
            inputs.before = lambda: built_catalogue(connection)
        return inputs

    def recorded(self) -> dict[str, str]:
        """Digest of each file of the workspace as its claims were recorded, by path."""
        prefix = self.workspace.claimants
        return {c.removeprefix(prefix): digest for c, digest in sources(self.connection, prefix).items()}

    def key(self) -> str:
        """What the memory of a plan without anything to do goes by."""
        versions: dict[str, Version] = {}
        files = entries.current(self.connection, kind="secret_file")
        if certificates := entries.current(self.connection, kind="certificate"):
            files |= certificates | entries.current(self.connection, kind="endpoint")
        if files:
            files |= entries.current(self.connection, kind="secret")
            versions = self.versions(Catalogue.of({key: entry.fields for key, entry in files.items()}))
        return settled.key_of(
            self.connection, self.workspace, self.programs, frr=frr_installed(), secrets=versions
        )


def _planned(asking: _Asking, everything: bool) -> Plan:
    if not everything and settings(asking.connection).get(CHECKED_KEY) == CHECKED:
        try:
            return _plan_of_changes(asking)
        except (InputError, scope.TooWide):
            # Faults are told with everything in sight: all of them at once, and the nearest names.
            pass
    return _plan_of_all(asking)


def _plan_of_changes(asking: _Asking, *, only: str = "") -> Plan:
    """Look at what changed and what has to do with it. ``only``: at this file alone.

    Raises ``InputError`` where something is wrong, ``TooWide`` where that is not less work.
    """
    connection, workspace = asking.connection, asking.workspace
    known = asking.recorded()
    if asking.as_recorded:
        changes = Changes(dict(known), [], [], [], [])
    else:
        changes = read_changes(workspace, known, only=only)
    found = delta.find(connection, workspace.claimants, changes, known)
    if len(found.touched) > scope.MOST:
        raise scope.TooWide
    standing = pinning.standing(connection)
    changed, found = _changed(asking, found, standing)
    graph = LedgerGraph(connection, changed)
    before = {k: a.fields for k, a in graph.accepted(changed).items()}
    judged = scope.judged(graph, before, changed)
    check(judged)
    key = asking.key()
    memory = settled.recall(workspace, key)
    if only or (memory is not None and not scope.touches_built(graph, changed, memory.built)):
        # What is built stays as it is: only the ledger changes.
        inputs = asking.inputs(building_too=False)
        _fill(asking, inputs, graph, changed, changed)
        return _told(delta.carried(builder.build_record(inputs), found), found, standing)
    built = scope.built(graph)
    inputs = asking.inputs()
    _fill(asking, inputs, graph, changed, {*changed, *built})
    plan = _built(asking, inputs, built)
    if plan.empty and not plan.secrets:
        settled.remember(workspace, key, built)
    return _told(delta.carried(plan, found), found, standing)


def _changed(
    asking: _Asking, found: delta.Delta, standing: list[ClaimRow]
) -> tuple[dict[Key, Mapping[str, Any] | None], delta.Delta]:
    """Fields of the entries whose claims change, as all claimants together say them from now on.

    And the changes themselves, with those of pins.
    """
    found = found.with_claims(asking.asked.said, asking.asked.ended)
    touched = found.touched | {r.key for r in asking.pins.said} | {key[:2] for key in asking.pins.ended}
    over = {row.claim_key for row in found.claims.said} | set(found.claims.ended)
    known = [row for row in standing if row.key in touched]
    over |= {row.claim_key for row in known}
    rest = [row for row in claims_on(asking.connection, touched) if row.claim_key not in over]
    rows = [*rest, *found.claims.said]
    heirs, gone = allocating.without_entry((), rows, asking.asked.said)
    if gone:
        found = found.with_claims(heirs, gone)
        rows = [*(row for row in rows if row.claim_key not in gone), *heirs]
    pinned = pinning.in_force(rows, known, asking.pins, asking.workspace.settings.layers)
    found = found.with_claims(pinned.said, pinned.ended)
    changed: dict[Key, Mapping[str, Any] | None] = {key: pinned.merged.get(key) for key in touched}
    graph = LedgerGraph(asking.connection, changed)
    plans = [key for key in changed if key[0] == "address_plan"]
    if graph.accepted(plans) or (plans and any(row.claimant == ALLOCATOR for row in rows)):
        # Whatever was given out under it may have to grow or to move.
        raise scope.TooWide
    given = allocating.settle(
        asking.connection,
        graph,
        lambda keys: {key: entry.fields for key, entry in graph.accepted(keys).items()},
        changed,
        rows,
        pinned.answers,
        Loaded.nothing().problem,
    )
    for key, values in given.chosen.items():
        changed[key] = dict(changed[key] or {}) | values
    return changed, found.with_claims(given.said, given.ended)


def _fill(
    asking: _Asking,
    inputs: Inputs,
    graph: LedgerGraph,
    changed: Mapping[Key, Fields | None],
    keys: Iterable[Key],
) -> None:
    """Give the inputs these entries, what is accepted of them, and of those that they once were."""
    heirs = {(key[0], fields["was"]) for key, fields in changed.items() if fields and fields.get("was")}
    # One that goes on under its former name beside its heir stays as it is.
    inputs.proposed = {key: dict(fields) for key, fields in graph.entries({*keys, *heirs}).items()}
    inputs.accepted = graph.accepted({*keys, *heirs})
    news = [key for key in inputs.proposed if key not in inputs.accepted]
    inputs.former = entries.former_names(asking.connection, news)


def _plan_of_all(asking: _Asking) -> Plan:
    """Look at every entry."""
    connection, workspace = asking.connection, asking.workspace
    over = {row.claim_key for row in asking.asked.said} | set(asking.asked.ended)
    known = asking.recorded()
    others = [
        row
        for row in claims(connection, apart_from="" if asking.as_recorded else workspace.claimants)
        if not row.claimant.startswith(PINS) and row.claim_key not in over
    ]
    others += asking.asked.said
    standing = pinning.standing(connection)
    # The files are judged as they will be seen: under the pins that hold from now on.
    pins = {row.key: row for row in standing if row.claim_key not in asking.pins.ended}
    pins |= {row.key: row for row in asking.pins.said}
    if asking.as_recorded:
        loaded = Loaded(workspace.root, known, {}, [], list, workspace.settings.layers)
    else:
        loaded = load(workspace, others=[*others, *pins.values()], progress=asking.progress)
    inputs = asking.inputs()
    rows: list[ClaimRow] = list(others)
    heirs, gone = allocating.without_entry(loaded.claims, rows, asking.asked.said)
    if gone:
        rows = [*(row for row in rows if row.claim_key not in gone), *heirs]
    rest: list[Saying] = [*loaded.claims, *rows]
    pinned = pinning.in_force(rest, standing, asking.pins, loaded.layers)
    inputs.proposed = pinned.merged
    if asking.as_recorded:
        # What files say is judged as it is loaded.
        check(inputs.proposed, loaded)
    inputs.accepted = entries.current(connection)
    given = allocating.settle(
        connection,
        MemoryGraph(inputs.proposed),
        # With what goes in this plan: it is there until the plan is carried out.
        lambda keys: {
            key: entry.fields
            for key, entry in inputs.accepted.items()
            if key[0] in allocating.READ or key in keys
        },
        inputs.proposed,
        rows,
        pinned.answers,
        loaded.problem,
    )
    for key, values in given.chosen.items():
        inputs.proposed[key] = inputs.proposed[key] | values
    if given.chosen:
        check(inputs.proposed, loaded)
    news = [key for key in inputs.proposed if key not in inputs.accepted]
    inputs.former = entries.former_names(connection, news)
    inputs.place = loaded.position
    built = scope.built(MemoryGraph(inputs.proposed))
    plan = _built(asking, inputs, built)
    if plan.empty and not plan.secrets:
        settled.remember(workspace, asking.key(), built)
    removed = sorted(known.keys() - loaded.files.keys())
    looked_at = [] if asking.as_recorded else sorted(loaded.files)
    changes = Changes(loaded.files, removed, loaded.claims, looked_at, loaded.notes)
    found = delta.find(connection, workspace.claimants, changes, known)
    found = found.with_claims(asking.asked.said, asking.asked.ended).with_claims(heirs, gone)
    found = found.with_claims(pinned.said, pinned.ended).with_claims(given.said, given.ended)
    return _told(delta.carried(plan, found), found, standing)


def _told(plan: Plan, found: delta.Delta, standing: list[ClaimRow]) -> Plan:
    """The plan with what is pinned when it is carried out."""
    ended = set(found.claims.ended)
    rows = [row for row in standing if row.claim_key not in ended]
    rows += [row for row in found.claims.said if row.claimant.startswith(PINS)]
    pinned = {"/".join(row.key): row.claimant for row in sorted(rows, key=lambda row: row.key)}
    return msgspec.structs.replace(plan, pinned=pinned)


def _built(asking: _Asking, inputs: Inputs, built: Mapping[Key, Fields]) -> Plan:
    """The plan; ``built``: all that has to do with what is built."""
    inputs.catalogue = Catalogue.of(built)
    lacking = [*filtering.tools_missing(inputs.catalogue), *advertising.tools_missing(inputs.catalogue)]
    if lacking:
        raise InputError(lacking)
    for secret in secrets_of(inputs.catalogue).values():
        if secret.variable:
            withdraw(secret.variable)
    inputs.versions = asking.versions(inputs.catalogue)
    inputs.routing = routing(inputs.catalogue)
    inputs.patience_s = float(_profile(inputs.catalogue, "probing").get("patience_s", inputs.patience_s))
    return builder.build(inputs)


def _profile(catalogue: Catalogue, name: str) -> dict[str, Any]:
    profiles = catalogue.all(Profile)
    return profiles[name].values if name in profiles else {}


def routing(catalogue: Catalogue) -> Literal["ospf", "static"]:
    """How routers learn their routes: FRR where a target says so, or says auto and it is installed."""
    wishes = {t.routing for t in catalogue.all(Target).values()}
    if "static" in wishes:
        return "static"
    return "ospf" if "ospf" in wishes or frr_installed() else "static"


def frr_installed() -> bool:
    """Whether the routing daemons are on this machine, which the lab's nodes share."""
    places = os.pathsep.join([*FRR, "/usr/sbin", os.environ.get("PATH", "")])
    return all(shutil.which(daemon, path=places) for daemon in ("zebra", "ospfd", "ospf6d"))


def still_based(plan: Plan, ledger: Ledger) -> bool:
    """Whether what the plan was computed from is still so."""
    from .stacking import applied_digest, host_digests

    base = plan.base
    with ledger.read() as connection:
        applied = building.all_applied(connection)
        known = entries.digests(connection, (entries.key_of(subject) for subject in base.entries))
        recorded = sources(connection, "file") if base.sources else {}
        sites = sitestacks.built(connection) if base.sites else {}
    return (
        all(known.get(entries.key_of(subject), "") == digest for subject, digest in base.entries.items())
        and all(recorded.get(claimant, "") == digest for claimant, digest in base.sources.items())
        and host_digests(base.hosts, applied) == base.hosts
        and all(applied_digest(stack, applied) == digest for stack, digest in base.stacks.items())
        and all(site.base_of(sites.get(name)) == digest for name, digest in base.sites.items())
    )


def read_plan(path: Path) -> Plan:
    """A plan file. Raises ``InputError`` where it cannot be read or is not one."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError([Problem(error.strerror or str(error), str(path))]) from None
    try:
        return decode(data)
    except msgspec.MsgspecError as error:
        newer = too_new(data)
        raise InputError(
            [Problem(newer or f"not a plan file of this version: {error}", str(path))],
            hint="apply it with that release, or plan again"
            if newer
            else "`govcloud plan --out FILE` writes one",
        ) from None


def built_catalogue(connection: Connection) -> Catalogue:
    """The accepted entries that have to do with what is built, as typed structs."""
    return Catalogue.of(scope.built(LedgerGraph(connection)))
