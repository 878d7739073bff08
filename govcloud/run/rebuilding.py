"""The engine's state, the ledger and reality held against each other, and brought together again.

Three things can be lost: the engine's state (all of it, one stack, or it is an older copy); the newest
rows of the ledger (a copy was restored); or neither. Nothing that stands is touched by any of this.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from .. import engine
from ..access import actor
from ..errors import ConflictError, GovcloudError, InputError, Problem
from ..ledger import Ledger, audit, building, entries, leases
from ..ledger.building import Applied
from ..ledger.connection import Connection
from ..ledger.store import keep_setting
from ..model.resources import TYPES, RealObject
from ..plan import limiting
from ..plan.gather import Proposal, propose_nothing
from ..plan.guards import NO_LEAVE, Leave, admit
from ..plan.stacking import resource_digest, restore
from ..plan.stages import Plan
from ..workspace import Workspace
from .actuators import states as files_of_states
from .context import LEASE
from .drift import NEWER, newer_objects
from .guarding import known
from .single import driver_of

# How the engine says that there is a state and that it is none: cut off, or overwritten.
DAMAGED = re.compile(
    r"failed to load checkpoint.*(unexpected end|unexpected EOF|invalid character|cannot unmarshal|"
    r"invalid header|invalid checksum|magic number)",
    re.DOTALL,
)
# Stacks that are asked about at once; each is a start of the engine.
AT_ONCE = 4


class StackState(msgspec.Struct, frozen=True):
    """One stack: what the ledger has built that the engine does not know, and what only the engine knows.

    ``lost``: the engine has no state of it at all, or (``unreadable``) one that it cannot read. ``gone``:
    built by the ledger, and not there.
    """

    stack: str
    lost: bool
    unknown: list[str]
    surplus: list[str]
    gone: list[str]
    unreadable: bool = False

    @property
    def wrong(self) -> bool:
        """Whether the engine's state is to be rebuilt."""
        return bool(self.unreadable or self.unknown or self.surplus)


class Stray(msgspec.Struct, frozen=True):
    """An object of ours that the ledger does not have as built; ``subject`` where its entry is known."""

    object: str
    type: str
    name: str
    target: str
    subject: str


@dataclass
class Findings:
    """``taken``: of entries that the ledger has; ``newer``: of none that it has, and made after the copy
    that it was restored from. ``fence`` is the newest token that a target has seen, ``token`` ours."""

    stacks: list[StackState] = field(default_factory=list)
    taken: list[Stray] = field(default_factory=list)
    newer: list[Stray] = field(default_factory=list)
    token: int = 0
    fence: int = 0
    rows: list[Applied] = field(default_factory=list)
    replaced: list[Applied] = field(default_factory=list)
    there: frozenset[str] = frozenset()
    only: str | None = None

    @property
    def older(self) -> bool:
        """Whether the ledger is an older copy: a target has been built at since, by another's token."""
        return self.fence > self.token

    @property
    def wrong(self) -> bool:
        """Whether there is anything to bring together."""
        return self.older or bool(self.taken) or any(s.wrong for s in self.stacks)


def look(
    workspace: Workspace, ledger: Ledger, only: str | None = None, *, token: int | None = None
) -> Findings:
    """Hold all three against each other; ``only``: of the stacks this one. Changes nothing.

    ``token``: the newest one, where it is not what the ledger has because we took another ourselves.

    Raises ``InputError`` for a stack that nobody knows, ``GovcloudError`` where a target or the engine's
    state cannot be read.
    """
    out = Findings(only=only)
    with ledger.read() as connection:
        applied = [row for row in building.all_applied(connection).values() if row.stack]
        sent = {intent.object for intent in building.intents(connection)}
        live = _live(connection)
        targets = entries.by_any_name(connection, "target")
        out.token = leases.newest(connection, LEASE) if token is None else token
        newer = newer_objects(connection)
    real: dict[str, tuple[str, RealObject]] = {}
    for target in sorted({row.inputs["target"] for row in applied} | set(_reachable(targets))):
        driver = driver_of(workspace, ledger, target)
        out.fence = max(out.fence, driver.fence())
        for one in driver.list():
            if one.identity is not None and one.identity.environment == workspace.environment:
                real.setdefault(one.identity.object_id, (target, one))
    out.there = frozenset(real)
    _strays(out, applied, real, live, sent, newer)
    stacks = {row.stack for row in applied} | {row.stack for row in out.rows}
    if only is not None and only not in stacks:
        raise InputError(
            [Problem(f"no stack is called {only!r}")], hint=f"stacks: {', '.join(sorted(stacks))}"
        )
    out.stacks = _compare(workspace, _rows(applied, out), out.there, {only} if only else stacks)
    return out


def _live(connection: Connection) -> dict[str, tuple[str, str | None]]:
    rows = connection.rows("SELECT uid, kind, name, stack FROM entry WHERE until IS NULL")
    return {uid: (f"{kind}/{name}", stack) for uid, kind, name, stack in rows}


def _reachable(targets: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    # A lab that is down holds nothing; whoever built in it is asked about it by name.
    return (name for name, fields in targets.items() if fields["driver"] != "lab")


def _strays(
    out: Findings,
    applied: list[Applied],
    real: Mapping[str, tuple[str, RealObject]],
    live: Mapping[str, tuple[str, str | None]],
    sent: set[str],
    known: frozenset[str],
) -> None:
    """Sort the objects of ours that the ledger does not have as built."""
    built = {row.object_id for row in applied}
    standing = {row.uid for row in applied if row.object_id in real}
    newest: dict[str, str] = {}
    for object_id, (target, one) in sorted(real.items()):
        if object_id in built or object_id in sent or one.identity is None:
            continue
        subject, stack = live.get(one.identity.uid, ("", None))
        name = str(one.properties.get("name", ""))
        stray = Stray(object_id, one.type, name, target, subject)
        if not stack:
            if out.older or object_id in known:
                out.newer.append(stray)
        elif one.identity.uid not in standing:
            former = newest.get(one.identity.uid)
            if former is None or real[former][1].identity < one.identity:  # type: ignore[operator]
                newest[one.identity.uid] = object_id
    for uid, object_id in sorted(newest.items()):
        target, one = real[object_id]
        subject, stack = live[uid]
        assert one.identity is not None and stack
        inputs = {p.name: one.properties[p.name] for p in TYPES[one.type].properties}
        kept = {"type": one.type, "subject": subject, "target": target, "inputs": inputs}
        row = Applied(f"stack:{stack}", uid, one.identity.incarnation, "", kept)
        out.rows.append(msgspec.structs.replace(row, digest=resource_digest(restore(row))))
        out.replaced += [a for a in applied if a.uid == uid]
        out.taken.append(Stray(object_id, one.type, str(one.properties.get("name", "")), target, subject))


def _rows(applied: list[Applied], out: Findings) -> list[Applied]:
    """What is built, as the ledger will have it."""
    return [row for row in applied if row not in out.replaced] + out.rows


def _compare(
    workspace: Workspace, rows: list[Applied], there: frozenset[str], stacks: set[str]
) -> list[StackState]:
    binary = engine.required()
    names = sorted(stacks)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        states = dict(zip(names, pool.map(lambda s: _engine_knows(workspace, binary, s), names), strict=True))
    out = []
    for stack in names:
        known, mine = states[stack], {r.object_id: str(r.inputs["subject"]) for r in rows if r.stack == stack}
        state = None if isinstance(known, str) else known
        out.append(
            StackState(
                stack,
                state is None,
                sorted(subject for o, subject in mine.items() if o in there and o not in (state or ())),
                sorted(o for o in state or () if o not in mine),
                sorted(subject for o, subject in mine.items() if o not in there),
                isinstance(known, str),
            )
        )
    return out


def _engine_knows(workspace: Workspace, binary: Path, stack: str) -> set[str] | str | None:
    """Ids of the objects in a stack's state; None where there is none; words where its file is damaged.

    Raises ``GovcloudError`` where it cannot be read for another reason.
    """
    name = f"organization/{files_of_states.PROJECT}/{workspace.environment}.{stack}"
    environment = {**engine.environment(workspace.private), "PULUMI_BACKEND_URL": workspace.state_url}
    done = subprocess.run(
        [str(binary), "stack", "export", "--stack", name, "--non-interactive"],
        cwd=workspace.private,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        words = done.stderr.strip()
        if "no stack named" in words or "no such file or directory" in words:
            return None
        words = words.removeprefix("error: ")
        if DAMAGED.search(words) and workspace.state_url.startswith("file://"):
            return words
        raise GovcloudError(f"the state of {stack} cannot be read: {words}")
    resources = (json.loads(done.stdout).get("deployment") or {}).get("resources") or ()
    return {r["id"] for r in resources if r.get("custom") and r["type"].startswith("govcloud:")}


def put_aside(workspace: Workspace, ledger: Ledger, found: Findings) -> list[Path]:
    """Rename the files of states that cannot be read; the new paths. The stacks are as lost as without.

    Safe to repeat. Raises ``ConflictError`` while a run is at work, ``GovcloudError`` where there is no
    such file or it cannot be renamed.
    """
    damaged = [state.stack for state in found.stacks if state.unreadable]
    out: list[Path] = []
    if not damaged:
        return out
    folder = Path(workspace.state_url.removeprefix("file://"))
    with leases.held(ledger, LEASE) as fence:
        for stack in damaged:
            try:
                path = files_of_states.put_aside(folder, f"{workspace.environment}.{stack}")
            except OSError as error:
                raise GovcloudError(f"the state of {stack} cannot be put aside: {error}") from error
            if path is None:
                raise GovcloudError(
                    f"the state of {stack} cannot be read, and its file is not where it should be",
                    hint=f"find it in {folder}, put it aside, and type this again",
                )
            with ledger.write((LEASE, fence)) as connection:
                audit.append(connection, actor(), "state put aside", {"stack": stack, "file": path.name})
            out.append(path)
    return out


def bring_together(
    workspace: Workspace, ledger: Ledger, found: Findings, plan: Plan, leave: Leave = NO_LEAVE
) -> None:
    """Let the ledger have what stands, and outrun the tokens that targets have seen. Safe to repeat.

    ``plan``: of ``planned``, for the guards. Raises ``ConflictError`` where it is not as it was found any
    more, ``DeniedError`` where a guard stands against it.
    """
    identity = known(workspace, ledger, leave)
    with leases.held(ledger, LEASE) as fence:
        with leases.renewed(ledger, LEASE, fence):
            # Between the look and the answer others may have built.
            if look(workspace, ledger, found.only, token=found.token) != found:
                raise ConflictError(
                    "what stands, the ledger or the engine's state is not as it was found any more; "
                    "nothing was written",
                    hint="`govcloud state check` looks again",
                )
        if not (found.older or found.rows):
            return
        with ledger.write((LEASE, fence)) as connection:
            passed = admit(connection, plan, identity, leave)
            _bring(connection, found)
            if passed.how is not None:
                told = {"effect": plan.effect, "how": passed.how, **passed.detail}
                audit.append(connection, str(identity), "guards passed", told)
    # Not under the lease: its holder goes by the token that it took.
    with ledger.write() as connection:
        leases.outrun(connection, LEASE, found.fence)


def _bring(connection: Connection, found: Findings) -> None:
    for row in found.replaced:
        building.forget_objects(connection, row.scope, [row.object_id])
    building.set_applied(connection, "", found.rows)
    connection.run_many(
        "UPDATE entry SET incarnation = :incarnation WHERE uid = :uid",
        [{"uid": row.uid, "incarnation": row.incarnation} for row in found.rows],
    )
    keep_setting(connection, NEWER, " ".join(sorted(s.object for s in found.newer)))
    data = {
        "taken": [s.object for s in found.taken],
        "newer": [s.object for s in found.newer],
        "token": found.token,
        "seen": found.fence,
    }
    audit.append(connection, actor(), "ledger brought to what stands", data)


def planned(workspace: Workspace, ledger: Ledger, found: Findings, *, every: bool = False) -> Proposal:
    """A plan that lets the engine know what stands, stack by stack, with the ledger brought to it.

    ``every``: of the stacks of which only the ledger is to learn something as well, for the guards.
    """
    empty, programs = propose_nothing(workspace, ledger)
    with ledger.read() as connection:
        applied = building.all_applied(connection)
    # The same before and after they are brought together.
    for old in found.replaced:
        applied.pop((old.scope, old.uid, old.incarnation), None)
    applied |= {(row.scope, row.uid, row.incarnation): row for row in found.rows}
    rows = list(applied.values())
    stacks = {state.stack for state in found.stacks if state.wrong}
    if every:
        stacks |= {row.stack for row in found.rows}
    plan = limiting.taking(empty, rows, stacks, found.there, dict(programs.stacks))
    return Proposal(plan, programs.of(plan))
