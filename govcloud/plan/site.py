"""A site's own stacks in a plan: what each is given now, against what it was given; what it would register.

Added to a plan that is made: they read what will be accepted with it, and nothing in it depends on them.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from .. import canonical, share
from ..errors import InputError, Problem
from ..ledger import entries, sitestacks
from ..ledger.connection import Connection
from ..ledger.sitestacks import Built, SiteResource
from ..sitestacks import SiteStack as Declared
from ..workspace import SETTINGS, Workspace
from .builder import effect_of
from .slicing import words_of
from .stages import FieldChange, Plan, Record, ResourceChange, SiteStack, Stage, Verb

PLUGINS = "plugins"
PROFILE: entries.Key = ("profile", "site_stacks")
# Seconds that a program may take to register (invented); ``preview_timeout_s`` of that profile outranks it.
PREVIEW_S = 60.0


@dataclass
class _Given:
    """All that a stack is given, and its digest."""

    source: bytes
    plugins: dict[str, str]
    entries: dict[str, dict[str, Any]]
    values: dict[str, Any]

    @property
    def digest(self) -> str:
        return canonical.digest(
            [canonical.digest_bytes(self.source), self.plugins, self.entries, self.values]
        )


def extend(workspace: Workspace, connection: Connection, plan: Plan) -> tuple[Plan, dict[str, bytes]]:
    """The plan with the stages of the site's own stacks, and their programs by digest.

    Raises ``InputError`` where a program, a plugin or an entry is not there, or a program is wrong.
    """
    declared = {} if plan.destroy else {one.name: one for one in workspace.settings.stacks}
    built = sitestacks.built(connection)
    mine = {name for name, one in built.items() if one.workspace == workspace.settings.workspace}
    _refuse_taken(declared, built, mine)
    stages: list[SiteStack] = []
    blobs: dict[str, bytes] = {}
    for name in sorted(declared.keys() | mine):
        stage = _removed(built[name]) if name not in declared else None
        if name in declared:
            given = _given(workspace, connection, plan, declared[name])
            stage = _changed(workspace, connection, declared[name], given, built.get(name))
            blobs[canonical.digest_bytes(given.source)] = given.source
        if stage is not None:
            stages.append(stage)
    bases = {s.name: base_of(built.get(s.name)) for s in stages}
    return _with(plan, stages, bases), {s.program: blobs[s.program] for s in stages if s.program}


def _refuse_taken(declared: Iterable[str], built: Mapping[str, Built], mine: set[str]) -> None:
    taken = [built[name] for name in declared if name in built and name not in mine]
    if taken:
        raise InputError(
            [
                Problem(f"`stacks`: {b.name} is a stack of another workspace, {b.workspace!r}", SETTINGS)
                for b in taken
            ],
            hint="give it another name here",
        )


def _given(workspace: Workspace, connection: Connection, plan: Plan, one: Declared) -> _Given:
    """What a stack is given: its program's file, plugins by digest, entries as they will be accepted."""
    folder = share.stacks_dir(workspace)
    problems = []
    source, plugins = b"", {}
    try:
        source = (folder / f"{one.name}.py").read_bytes()
    except OSError as error:
        problems.append(Problem(f"`stacks`: stacks/{one.name}.py: {error.strerror}", SETTINGS))
    for plugin in one.plugins:
        path = folder / PLUGINS / f"pulumi-resource-{plugin}"
        try:
            plugins[plugin] = canonical.digest_bytes(path.read_bytes())
        except OSError as error:
            words = f"`stacks`: {one.name} needs {PLUGINS}/{path.name} in stacks/: {error.strerror}"
            problems.append(Problem(words, SETTINGS, hint="docs/own-stacks.md tells how to get a plugin"))
    found, unknown = _entries(connection, plan, one.entries)
    problems += [
        Problem(f"`stacks`: {one.name} asks for {what}, which is not there", SETTINGS) for what in unknown
    ]
    if problems:
        raise InputError(problems)
    return _Given(source, plugins, found, one.values)


def _entries(
    connection: Connection, plan: Plan, wanted: Iterable[str]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Fields by kind/name, as they will be when the plan is carried out; and what is not known."""
    from ..model import KINDS

    out: dict[str, dict[str, Any]] = {}
    unknown = []
    changes = [c for s in plan.stages if isinstance(s, Record) for c in s.changes]
    for what in wanted:
        kind, _, name = what.partition("/")
        if kind not in KINDS:
            unknown.append(f"the kind {kind!r}")
            continue
        known = {n: a.fields for (_, n), a in entries.current(connection, kind=kind).items()}
        for change in (c for c in changes if c.kind == kind):
            known.pop(change.was or change.name, None)
            if change.verb != "delete":
                known[change.name] = change.fields
        if name and name not in known:
            unknown.append(what)
        out |= {f"{kind}/{n}": fields for n, fields in known.items() if not name or n == name}
    return dict(sorted(out.items())), unknown


def _changed(
    workspace: Workspace, connection: Connection, one: Declared, given: _Given, built: Built | None
) -> SiteStack | None:
    """The stage that brings a stack to what it is given; None where it is there."""
    if built is not None and built.digest == given.digest and not built.seen:
        return None
    resources = _preview(workspace, connection, one.name, given)
    changes = _changes(one, resources, built)
    if not changes and built is not None and built.digest:
        # What it is given is another, and what it registers is the same.
        return None
    return SiteStack(
        id=f"stack:site.{one.name}",
        title=f"build site.{one.name}: {words_of(changes)}",
        phase="expand",
        name=one.name,
        workspace=workspace.settings.workspace,
        program=canonical.digest_bytes(given.source),
        plugins=given.plugins,
        entries=given.entries,
        values=given.values,
        given=given.digest,
        resources=resources,
        changes=changes,
        refresh=bool(built and built.seen),
    )


def _removed(built: Built) -> SiteStack:
    """The stage that takes a stack down of which nothing is said any more."""
    changes = tuple(_change("delete", built.name, one) for one in built.resources)
    return SiteStack(
        id=f"contract:site.{built.name}",
        title=f"clear site.{built.name}: {words_of(changes)}",
        phase="contract",
        name=built.name,
        workspace=built.workspace,
        program="",
        plugins=built.plugins,
        entries={},
        values={},
        given="",
        resources=(),
        changes=changes,
    )


def _changes(
    one: Declared, resources: Iterable[SiteResource], built: Built | None
) -> tuple[ResourceChange, ...]:
    before = {r.key: r for r in built.resources} if built else {}
    seen = built.seen if built else {}
    after = {r.key: r for r in resources}
    out = []
    for key, resource in after.items():
        was = before.get(key)
        if was is None:
            out.append(_change("create", one.name, resource))
        elif fields := _fields(was.inputs, resource.inputs):
            verb: Verb = "replace" if resource.name in one.replace else "update"
            out.append(_change(verb, one.name, resource, fields))
        elif "::".join(key) in seen:
            out.append(_change("heal", one.name, resource))
    out += [_change("delete", one.name, was) for key, was in before.items() if key not in after]
    return tuple(out)


def _change(
    verb: Verb, stack: str, resource: SiteResource, fields: tuple[FieldChange, ...] = ()
) -> ResourceChange:
    uid = canonical.digest([stack, *resource.key])[:16]
    return ResourceChange(verb, resource.type, uid, f"site.{stack}/{resource.name}", fields)


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def _preview(
    workspace: Workspace, connection: Connection, name: str, given: _Given
) -> tuple[SiteResource, ...]:
    """What the program registers, by a child. Raises ``InputError`` with its fault."""
    file = f"stacks/{name}.py"
    asked: dict[str, Any] = {"file": file, "source": given.source.decode("utf-8", "replace"), "name": name}
    asked |= {"entries": given.entries, "values": given.values}
    profile = entries.among(connection, [PROFILE]).get(PROFILE)
    limit = (
        float((profile.fields.get("values") or {}).get("preview_timeout_s", PREVIEW_S))
        if profile
        else PREVIEW_S
    )
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "govcloud.run.site_preview"],
            input=msgspec.json.encode(asked),
            capture_output=True,
            cwd=workspace.root,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        words = f"it did not come to its end within {limit:g} s"
        raise InputError(
            [Problem(words, file)], hint="`preview_timeout_s` of profile/site_stacks gives it longer"
        ) from None
    try:
        answer = msgspec.json.decode(done.stdout)
    except msgspec.DecodeError:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(
            [Problem(f"the program ended at once: {said[-1] if said else done.returncode}", file)]
        ) from None
    if isinstance(answer, dict):
        place, _, words = str(answer["fault"]).partition(": ")
        path, _, line = place.partition(":")
        raise InputError([Problem(words, path, int(line) if line.isdigit() else 0)])
    found = msgspec.convert(answer, tuple[SiteResource, ...])
    return _told_apart(file, found)


def _told_apart(file: str, found: tuple[SiteResource, ...]) -> tuple[SiteResource, ...]:
    twice = sorted({f"{r.type} {r.name}" for r in found if sum(r.key == o.key for o in found) > 1})
    if twice:
        raise InputError([Problem(f"{what} is registered twice", file) for what in twice])
    return found


def base_of(built: Built | None) -> str:
    """What a stack's plan was made on; empty where there was nothing."""
    return canonical.digest([built.digest, built.resources, built.seen]) if built else ""


def _with(plan: Plan, stages: list[SiteStack], bases: dict[str, str]) -> Plan:
    """The plan with these: after all that is built, and before anything is taken down."""
    if not stages:
        return plan
    before = [s for s in plan.stages if s.phase == "expand"]
    rest = [s for s in plan.stages if s.phase != "expand"]
    ids = tuple(s.id for s in before if s.kind in ("record", "stack", "move"))
    added: list[Stage] = [msgspec.structs.replace(s, needs=ids) for s in stages]
    own = tuple(s.id for s in stages)
    rest = [msgspec.structs.replace(s, needs=(*s.needs, *own)) for s in rest]
    every = [*before, *added, *rest]
    title = plan.title if plan.stages else ("take down what was built" if plan.destroy else "build")
    base = msgspec.structs.replace(plan.base, sites=bases)
    return msgspec.structs.replace(plan, stages=tuple(every), effect=effect_of(every), title=title, base=base)
