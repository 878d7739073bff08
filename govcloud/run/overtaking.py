"""What is asked before reality is taken over: whether it is still what was seen, and whether guards let it.

Asked once before the question, and again with the lease in hand: in between somebody else may have healed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from ..access import Identity
from ..errors import ConflictError, DeniedError
from ..ledger import Ledger, building, entries
from ..ledger.building import Applied
from ..ledger.connection import Connection
from ..model.resources import RealObject
from ..plan.builder import effect_of
from ..plan.guards import NO_LEAVE, Leave, Pass, admit, judge
from ..plan.guards.blast import going, phrase
from ..plan.guards.judging import same
from ..plan.stacking import domain_of
from ..plan.stages import Base, EntryChange, Plan, Record, ResourceChange, Stack, Stage
from ..source.editing import plain
from ..workspace import Workspace
from .single import driver_of

if TYPE_CHECKING:
    from .accepting import Acceptance
    from .drift import Finding

AGAIN = "`govcloud drift` looks again"


def considered(
    connection: Connection, findings: Iterable[Finding], acceptance: Acceptance
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Digests of what is built of the objects concerned, by id; and the targets of which nothing is seen
    and something would be withdrawn: maybe they are only not there at this moment."""
    objects = {one.object for one in acceptance.accepted}
    missing = {f.object for f in findings if f.status == "missing"}
    standing: dict[str, set[str]] = {}
    digests = {}
    for row in _built(connection):
        standing.setdefault(row.inputs["target"], set()).add(row.object_id)
        if row.object_id in objects:
            digests[row.object_id] = row.digest
    withdrawn = {one.target for one in acceptance.accepted if not one.field}
    return digests, tuple(sorted(t for t in withdrawn if standing.get(t, set()) <= missing))


def hold_against(workspace: Workspace, ledger: Ledger, acceptance: Acceptance) -> None:
    """Look at the objects again. Raises ``ConflictError`` where they, or what is built of them, is another
    than it was when this was considered."""
    objects = {one.object for one in acceptance.accepted}
    with ledger.read() as connection:
        built = {row.object_id: row.digest for row in _built(connection) if row.object_id in objects}
    moved = {
        one.subject
        for one in acceptance.accepted
        if built.get(one.object) != acceptance.built.get(one.object)
    }
    real: dict[str, RealObject] = {}
    for target in sorted({one.target for one in acceptance.accepted}):
        for seen in driver_of(workspace, ledger, target).list():
            if seen.identity is not None and seen.identity.environment == workspace.environment:
                real[seen.identity.object_id] = seen
    for one in acceptance.accepted:
        there = real.get(one.object)
        if one.field:
            if there is None or plain(there.properties.get(one.field)) != one.value:
                moved.add(one.subject)
        elif there is not None:
            moved.add(one.subject)
    if moved:
        raise ConflictError(
            f"not as it was seen any more: {', '.join(sorted(moved)[:5])}; nothing was written", hint=AGAIN
        )


def _built(connection: Connection) -> list[Applied]:
    return [row for row in building.all_applied(connection).values() if row.stack]


def as_plan(workspace: Workspace, ledger: Ledger, acceptance: Acceptance) -> Plan:
    """What it comes to, for the guards: entries that change or are withdrawn, objects that are let go of."""
    said: dict[str, dict[str, object]] = {}
    for one in acceptance.accepted:
        said.setdefault(one.subject, {})
        if one.field:
            said[one.subject][one.field] = one.value
    gone = {one.object: one.subject for one in acceptance.accepted if not one.field}
    with ledger.read() as connection:
        known = entries.among(connection, map(entries.key_of, said))
        rows = [row for row in _built(connection) if row.object_id in gone]
    kept, withdrawn = [], []
    for subject, values in said.items():
        key = entries.key_of(subject)
        if key not in known:
            continue
        uid, fields = known[key].uid, {**known[key].fields, **values}
        if subject in gone.values():
            withdrawn.append(EntryChange("delete", uid, *key))
        else:
            kept.append(EntryChange("update", uid, *key, fields=fields))
    stages: list[Stage] = []
    if kept:
        stages.append(Record(id="record", title="", phase="expand", changes=tuple(kept)))
    stages += _releases(rows)
    if withdrawn:
        stages.append(Record(id="withdraw", title="", phase="contract", changes=tuple(withdrawn)))
    return Plan(
        environment=workspace.environment,
        title="take reality over",
        stages=tuple(stages),
        effect=effect_of(stages),
        base=Base({}, {}),
        limited=True,
    )


def _releases(rows: Collection[Applied]) -> Iterable[Stack]:
    for stack in sorted({row.stack for row in rows}):
        changes = tuple(
            ResourceChange(
                "release", row.inputs["type"], row.uid, row.inputs["subject"], incarnation=row.incarnation
            )
            for row in rows
            if row.stack == stack
        )
        yield Stack(
            id=f"contract:{stack}",
            title="",
            phase="contract",
            stack=stack,
            domain=domain_of(stack),
            program="",
            resources=(),
            changes=changes,
        )


def only_unseen(connection: Connection, plan: Plan, identity: Identity, unseen: Collection[str]) -> bool:
    """Whether it is within its limits, and words are wanted all the same because nothing is seen."""
    return bool(unseen) and not judge(connection, plan, identity).beyond


def pass_guards(
    connection: Connection, plan: Plan, identity: Identity, leave: Leave, unseen: Collection[str]
) -> Pass:
    """Why it may be taken over. ``unseen``: targets of which nothing is seen. Raises ``DeniedError``."""
    alone = only_unseen(connection, plan, identity, unseen)
    passed = admit(connection, plan, identity, NO_LEAVE if alone else leave)
    if not alone:
        return passed
    words = phrase(plan.environment, going(connection, plan))
    if not same(leave.confirmed, words):
        raise DeniedError(
            f"nothing at all is seen at {', '.join(unseen)}: it may not be mounted, or be down, and all that "
            "is built there would be forgotten",
            hint=f'`--confirm "{words}"` says that it is meant',
        )
    return Pass("confirmed", {"unseen": list(unseen), "typed": words})
