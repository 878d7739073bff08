"""Taking reality over: what drift has seen becomes what files say, where their owner and the policy let it.

A claim of a file is the file, so the file is changed in place; then the ledger notes that this is what is
built. All that is left for the next plan is to record it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ..access import actor, who
from ..errors import GovcloudError, InputError, Problem
from ..files import write_atomically
from ..ledger import Ledger, audit, building, entries, leases, seeing
from ..ledger.claims import ClaimRow, claims_on
from ..ledger.connection import Connection
from ..model import fields as fields_of
from ..model.resources import TYPES
from ..plan.guards import NO_LEAVE, Leave
from ..plan.stacking import resource_digest, restore
from ..source.claims import Key, path_of
from ..source.editing import CannotEdit, Edit, edited, plain, why_not
from ..source.files import Unreadable, read
from ..source.layers import PINS, layer_of
from ..source.texts import text_of
from ..workspace import Workspace
from .context import LEASE
from .drift import ADDRESSES, MADE, STATE, Finding, Report
from .driftpolicy import may_win
from .overtaking import as_plan, considered, hold_against, pass_guards

# Where a property comes from that the entry does not say itself: the field that refers to it.
SAID_BY = {("Instance", "vcpus"): "flavor", ("Instance", "memory_mib"): "flavor"}
WITHDRAWN = "(the whole entry)"


class Accepted(msgspec.Struct, frozen=True):
    """One thing taken over. ``field`` is empty where the entry is taken out; ``path``: of the file."""

    subject: str
    field: str
    value: Any
    path: str
    object: str
    target: str


class Refused(msgspec.Struct, frozen=True):
    """One thing that reality does not win, who owns it, and why."""

    subject: str
    field: str
    owner: str
    reason: str


@dataclass
class Acceptance:
    """What would be taken over: by which edits of which files."""

    accepted: list[Accepted] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    # path -> (bytes before, bytes after)
    files: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    # Digests of what was built of the objects, by id; targets of which nothing was seen (``overtaking``).
    built: dict[str, str] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()

    def diff(self) -> str:
        """What changes in the files, as a unified diff."""
        out: list[str] = []
        for path, (before, after) in sorted(self.files.items()):
            old, new = (text_of(data).splitlines(keepends=True) for data in (before, after))
            out += difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", n=2)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in out)


def consider(
    workspace: Workspace, ledger: Ledger, report: Report, wanted: Sequence[str], *, withdrawn: bool
) -> Acceptance:
    """What of a report can be taken over: of ``wanted`` (``kind/name``; none: of everything).

    ``withdrawn``: what is missing is taken out of its file. Raises ``InputError`` for a subject without
    a finding, and where the policy is wrong.
    """
    findings = [f for f in report.findings if f.status in ("changed", "missing")]
    unknown = sorted(set(wanted) - {f.subject for f in findings})
    if unknown:
        raise InputError(
            [Problem(f"{subject} is neither missing nor changed") for subject in unknown],
            hint="`govcloud drift` tells what is",
        )
    out = Acceptance()
    with ledger.read() as connection:
        owner = _Owner(workspace, connection, findings)
        for one in findings:
            if not wanted or one.subject in wanted:
                owner.judge(one, out, withdrawn)
        _edit(workspace, out)
        out.built, out.unseen = considered(connection, findings, out)
    return out


class _Owner:
    """Who says what, and whether reality may say it instead."""

    def __init__(self, workspace: Workspace, connection: Connection, findings: Iterable[Finding]) -> None:
        keys = [entries.key_of(f.subject) for f in findings]
        self._workspace = workspace
        self._wins = may_win(connection)
        self._accepted = entries.among(connection, keys)
        self._claims: dict[Key, list[ClaimRow]] = {}
        for row in claims_on(connection, keys):
            self._claims.setdefault(row.key, []).append(row)

    def judge(self, finding: Finding, out: Acceptance, withdrawn: bool) -> None:
        """Sort what is found into what can be taken over and what cannot."""
        if finding.status == "missing":
            row, reason = self._whole(finding.subject, withdrawn)
            self._sort(out, finding, "", None, row, reason)
            return
        for name, seen in finding.fields.items():
            row, reason = self._of(finding, name, seen["seen"])
            self._sort(out, finding, name, plain(seen["seen"]), row, reason)

    def _sort(
        self, out: Acceptance, finding: Finding, name: str, value: Any, row: ClaimRow | None, reason: str
    ) -> None:
        if reason or row is None:
            owner = finding.fields.get(name, {}).get("owner") or _place(row) or finding.owner
            out.refused.append(Refused(finding.subject, name or WITHDRAWN, owner, reason))
            return
        path = path_of(row.claimant)
        out.accepted.append(Accepted(finding.subject, name, value, path, finding.object, finding.target))

    def _of(self, finding: Finding, name: str, seen: Any) -> tuple[ClaimRow | None, str]:
        """Whose claim of a field is to change; or why none is."""
        kind = entries.key_of(finding.subject)[0]
        if name == MADE or name.startswith((ADDRESSES, STATE)):
            return None, "what a host is configured with follows from the ledger: `govcloud apply` heals it"
        if name in TYPES[finding.type].immutable:
            return None, "it cannot change in place: what is there is another object"
        if name == "name":
            return None, "a name is changed in the file, with `was:`"
        if name not in fields_of(kind):
            return None, self._elsewhere(finding, name)
        if seen is None:
            return None, "what it is cannot be seen"
        if f"{kind}.{name}" not in self._wins:
            return None, f"`profile/drift` does not let reality win {kind}.{name}"
        rows = self._claims.get(entries.key_of(finding.subject), [])
        said = [row for row in rows if name in (row.fields or ())] or rows
        return self._mine(said, rows)

    def _whole(self, subject: str, withdrawn: bool) -> tuple[ClaimRow | None, str]:
        """Whose claim of a whole entry is to end; or why none is."""
        rows = self._claims.get(entries.key_of(subject), [])
        if not withdrawn:
            return rows[-1] if rows else None, "it is missing: `--withdrawn` takes it out of its file"
        if len(rows) > 1:
            names = ", ".join(_place(row) for row in rows)
            return rows[-1], f"several say it ({names}): take it out by hand"
        return self._mine(rows, rows)

    def _mine(self, said: list[ClaimRow], rows: list[ClaimRow]) -> tuple[ClaimRow | None, str]:
        pin = next((row for row in rows if row.claimant.startswith(PINS)), None)
        if pin is not None:
            return pin, "it is pinned: `govcloud revert --release` lets the files speak"
        if not said:
            return None, "nobody claims it"
        layers = self._workspace.settings.layers
        row = max(said, key=lambda r: layer_of(r.claimant, layers))
        path = path_of(row.claimant)
        if not path:
            return row, f"{row.claimant} says it, and no file"
        if not row.claimant.startswith(self._workspace.claimants):
            return row, f"a file of another workspace says it ({row.claimant.partition(':')[0]})"
        return row, why_not(path)

    def _elsewhere(self, finding: Finding, name: str) -> str:
        known = self._accepted.get(entries.key_of(finding.subject))
        kind = SAID_BY.get((finding.type, name), "")
        other = known.fields.get(kind) if known and kind else None
        return f"{kind}/{other} says it, and others share that" if other else "no field of the entry says it"


def _place(row: ClaimRow | None) -> str:
    if row is None:
        return ""
    who = path_of(row.claimant) or row.claimant
    return f"{who}:{row.line}" if row.line else who


def _edit(workspace: Workspace, out: Acceptance) -> None:
    """Make the edits in memory; what a file cannot take is refused."""
    for one in list(out.accepted):
        kind, name = entries.key_of(one.subject)
        try:
            # What cannot be read now was read when it was recorded: a file that went is told as that.
            before, data = out.files.get(one.path) or ((content := read(workspace.root, one.path)), content)
            data = edited(data, one.path, [Edit(kind, name, one.field, one.value)])
        except (CannotEdit, Unreadable) as error:
            out.accepted.remove(one)
            words = f"{one.path} cannot be changed in place: {error}"
            out.refused.append(Refused(one.subject, one.field or WITHDRAWN, one.path, words))
            continue
        out.files[one.path] = (before, data)


def take_over(workspace: Workspace, ledger: Ledger, acceptance: Acceptance, leave: Leave = NO_LEAVE) -> None:
    """Write the files, then note in the ledger that this is what is built.

    A kill in between leaves a plan that would change an object to what it is: no harm. Raises
    ``ConflictError`` where a run is at work, or a file or an object was changed meanwhile, ``DeniedError``
    where a guard stands against it, ``InputError`` where the files would be wrong; then they are as they
    were.
    """
    plan = as_plan(workspace, ledger, acceptance)
    identity = who(workspace, ledger)
    with leases.held(ledger, LEASE) as fence:
        with leases.renewed(ledger, LEASE, fence):
            hold_against(workspace, ledger, acceptance)
        with ledger.read() as connection:
            passed = pass_guards(connection, plan, identity, leave, acceptance.unseen)
        try:
            _write(workspace, acceptance)
            # Planning may take longer than a lease lasts.
            with leases.renewed(ledger, LEASE, fence):
                _judge(workspace, ledger)
            with ledger.write((LEASE, fence)) as connection:
                _note(connection, acceptance.accepted)
                told = [msgspec.to_builtins(one) for one in acceptance.accepted]
                audit.append(connection, actor(), "drift accepted", {"accepted": told})
                if passed.how is not None:
                    how = {"effect": plan.effect, "how": passed.how, **passed.detail}
                    audit.append(connection, str(identity), "guards passed", how)
        except BaseException:
            _put_back(workspace, acceptance)
            raise


def _write(workspace: Workspace, acceptance: Acceptance) -> None:
    for path, (before, _) in acceptance.files.items():
        if read(workspace.root, path) != before:
            raise GovcloudError(f"{path} was changed meanwhile; nothing was written", hint="try again")
    for path, (_, after) in acceptance.files.items():
        place = Path(os.path.realpath(workspace.root / path))
        write_atomically(place, after, place.stat().st_mode & 0o777)


def _put_back(workspace: Workspace, acceptance: Acceptance) -> None:
    """The files as they were; what somebody else has written into one since then stays."""
    for path, (before, after) in acceptance.files.items():
        place = Path(os.path.realpath(workspace.root / path))
        if place.is_file() and place.read_bytes() == after:
            write_atomically(place, before, place.stat().st_mode & 0o777)


def _judge(workspace: Workspace, ledger: Ledger) -> None:
    """Raises ``InputError`` where the files say something wrong now."""
    from ..plan.gather import propose

    propose(workspace, ledger)


def _note(connection: Connection, accepted: Sequence[Accepted]) -> None:
    """The rows of what is built take the seen values; of what was taken out they end."""
    by_object: dict[str, Mapping[str, Any]] = {}
    gone: set[str] = set()
    for one in accepted:
        if one.field:
            by_object[one.object] = {**by_object.get(one.object, {}), one.field: one.value}
        else:
            gone.add(one.object)
    rows = []
    for row in building.all_applied(connection).values():
        if row.stack and row.object_id in by_object:
            kind = TYPES[row.inputs["type"]]
            # As the planner has numbers: 7 and 7.0 are the same, and not the same digest.
            seen = {
                name: float(value) if kind.get(name).type == "number" else value
                for name, value in by_object[row.object_id].items()
            }
            kept = {**row.inputs, "inputs": {**row.inputs["inputs"], **seen}}
            changed = msgspec.structs.replace(row, inputs=kept)
            rows.append(msgspec.structs.replace(changed, digest=resource_digest(restore(changed))))
        elif row.stack and row.object_id in gone:
            building.forget_applied(connection, row.scope, [row.uid])
            name = str(row.inputs["subject"]).partition("/")[2]
            building.forget_applied(connection, f"host:{name}", [row.uid])
    building.set_applied(connection, "", rows)
    seeing.accept_observed(connection, by_object, gone)
