"""Whether everybody who signed was allowed to then: held against what was accepted at that revision.

``ledger.approvals.faults`` proves the signatures and their rows in the trail; here it is proven that each
key was good on that day, that who signed had the permission, and for a stage of a request the duty or a
delegation of who had it, and no part in asking for it. Nothing but the ledger is read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import msgspec

from ...access import read_ring, read_roles
from ...ledger import approvals, requests
from ...ledger.approvals import Approval
from ...ledger.connection import Connection
from . import chains
from .people import Acting, People
from .questions import ASKING, Question, subject_of
from .standing import Desk


class _Told(msgspec.Struct):
    """What the trail says beside an approval; one of a former release says no revision."""

    approval: str
    revision: int | None = None
    request: str = ""
    stage: str = ""
    stages: list[str] = []
    unit: str = ""
    asked_by: list[str] = []
    due: float | None = None
    giver: str = msgspec.field(default="", name="for")


def faults(connection: Connection) -> Iterator[str]:
    """What is wrong with the approvals that are kept, in sentences."""
    told = {one.approval: one for one in _trail(connection)}
    desks: dict[int, Desk] = {}
    filled: dict[tuple[str, str], dict[str, str]] = {}
    for one in reversed(approvals.of(connection)):
        row = told.get(one.id)
        if row is None or row.revision is None:
            # That it is not in the trail the other proof tells.
            continue
        head = f"approval {one.id} of {one.person}"
        subject = subject_of(one)
        if subject is None:
            yield from _plain(connection, one, row.revision, head)
            continue
        if (row.request, row.stage, row.giver) != (subject.request, subject.stage, subject.giver):
            yield f"{head}: the trail has it for another stage than its signature"
            continue
        if row.revision not in desks:
            desks[row.revision] = Desk(connection, People(connection, row.revision))
        if why := _unfit(connection, desks[row.revision], one, row):
            yield f"{head}, stage {row.stage} of request {row.request}: {why}"
        taken = filled.setdefault((row.request, one.effect), {})
        for person in {one.person, row.giver} - {""}:
            if person in taken and one.revoked is None:
                yield f"{head}: {person} signed request {row.request} twice, as approval {taken[person]} too"
            if one.revoked is None:
                taken.setdefault(person, one.id)


def _trail(connection: Connection) -> Iterator[_Told]:
    statement = "SELECT data FROM audit WHERE action = :action ORDER BY seq"
    for (data,) in connection.rows(statement, action=approvals.GIVEN):
        yield msgspec.json.decode(data, type=_Told)


def _plain(connection: Connection, one: Approval, revision: int, head: str) -> Iterator[str]:
    if why := read_ring(connection, revision).fault(one.person, one.public, one.at):
        yield f"{head}: {why}, as it was accepted in revision {revision}"
    elif not read_roles(connection, revision, one.at).may(one.person, "approve"):
        yield f"{head}: {one.person} had not `approve` in revision {revision}"


def _unfit(connection: Connection, desk: Desk, one: Approval, row: _Told) -> str:
    """Why somebody did not fill a stage at the revision at which they signed; empty where they did."""
    if why := desk.people.ring.fault(one.person, one.public, one.at):
        return f"{why}, as it was accepted in revision {row.revision}"
    asked_by = frozenset(row.asked_by)
    for event in requests.events(connection, row.request):
        if event.event in ASKING and event.at <= one.at:
            asked_by |= {event.person} - {""}
    _, known = chains.read(connection, row.revision)
    stages = [known.get(name, chains.DEFAULT if name == chains.DEFAULT.name else None) for name in row.stages]
    if row.stage not in row.stages or None in stages:
        return f"its chain was not accepted in revision {row.revision}"
    asked = Question(
        row.request,
        one.effect,
        row.unit,
        asked_by,
        frozenset(),
        0.0,
        tuple(stage for stage in stages if stage is not None),
    )
    due = row.due if row.due is not None else math.inf
    return desk.unfit(asked, row.stages.index(row.stage), Acting(one.person, row.giver), one.at, due)


def allowed_signers(connection: Connection) -> Iterator[str]:
    """The accepted keys as lines of an ``allowed_signers`` file of OpenSSH, with their days (UTC).

    A key that never was its owner's alone is left out; one that is revoked from a day on ends there.
    """
    for key in read_ring(connection):
        ends = min(key.ends, key.revoked if key.revoked is not None else math.inf)
        if ends == -math.inf or ends <= key.begins:
            continue
        options: list[str] = [f'namespaces="{approvals.NAMESPACE}"']
        options += [f'valid-after="{_stamp(key.begins)}"'] if key.begins > -math.inf else []
        # OpenSSH lets the last second in.
        options += [f'valid-before="{_stamp(ends - 1)}"'] if ends < math.inf else []
        yield f"{key.person} {','.join(options)} {key.public}"


def _stamp(at: float) -> str:
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(at))
