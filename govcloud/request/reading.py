"""A request as people read it: where it stands, what waits for whom, what it holds and owns."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

import msgspec

from ..ledger import approvals, requests
from ..ledger.connection import Connection
from ..ledger.entries import Key, among
from ..ledger.marks import references_of
from ..ledger.requests import Event, Held, Promise, Row
from ..plan.guards import needing
from ..plan.guards.standing import Standing, of_request
from ..plan.stages import Plan
from . import carrying, leasing, states
from .submitting import Paper, asked_of, paper_of, plan_of

# Stages of a programme's life after what was built is in use; a request of it is open until then (OP-07).
_ACCEPTED = frozenset({"accepted", "exited"})


class End(msgspec.Struct, frozen=True):
    """What is open of a request, in words, and what is typed for it (empty: nothing is)."""

    words: str
    next: str = ""


class Signature(msgspec.Struct, frozen=True):
    """What somebody signed of a request. ``state``: counts, revoked, done by a run, or void and why."""

    id: str
    person: str
    at: float
    subject: str
    note: str
    state: str


# Where a chain of signatures is what matters.
DECIDED = frozenset({"submitted", "approved", "scheduled"})


class View(msgspec.Struct, frozen=True):
    """All that there is to know of a request. ``ends``: what is open; ``owned``: (kind, name) of its entries
    as accepted; ``held``, ``given``: what is reserved for those that are not accepted yet, of pools and of
    addresses. ``standing``: how far it is in its chain, None where nobody decides on it (any more).
    """

    row: Row
    paper: Paper
    plan: Plan
    events: list[Event]
    ends: list[End]
    owned: list[tuple[str, str]]
    held: list[Held]
    given: list[Promise]
    standing: Standing | None
    signed: list[Signature]


def view(connection: Connection, name: str) -> View:
    """Raises ``InputError`` where there is no such request, ``ConflictError`` where it cannot be read."""
    from ..plan.guards.approving import state

    row = requests.get(connection, name)
    found = {
        one.id: one
        for one in (*approvals.of(connection, effect=row.effect), *approvals.of(connection, subject=name))
    }
    return View(
        row=row,
        paper=paper_of(connection, row),
        plan=plan_of(connection, row),
        events=requests.events(connection, name),
        ends=list(ends(connection, row)),
        owned=[key[:2] for key in requests.owned(connection, name)],
        held=requests.held(connection, request=name),
        given=requests.promises(connection, request=name),
        standing=of_request(connection, row)[1] if row.state in DECIDED and signed_for(connection) else None,
        signed=[
            Signature(one.id, one.person, one.at, one.subject, one.note, state(connection, one))
            for one in sorted(found.values(), key=lambda one: one.at)
        ],
    )


def signed_for(connection: Connection) -> bool:
    """Whether the environment's policy wants signatures for requests."""
    return needing.policy(connection).needs != "none"


def hides(connection: Connection, row: Row, hidden: Collection[Key], *, reads_classified: bool) -> bool:
    """Whether a request tells of what a reader may not see: something classified, or what is ``hidden``."""
    if reads_classified:
        return False
    asked = asked_of(connection, row)
    for claim in asked.said:
        fields = claim.fields or {}
        if fields.get("classified") or claim.key in hidden:
            return True
        if any((kind, name) in hidden for _, kind, name in references_of(claim.kind, fields)):
            return True
    return any(key[:2] in hidden for key in asked.ended)


def ends(connection: Connection, row: Row, today: str = "", *, signed: bool | None = None) -> Iterator[End]:
    """What is open of a request (闭环管理): nothing where it came to its end, or is in use as agreed.

    ``today``: as YYYY-MM-DD; empty: of this machine. ``signed``: as ``signed_for`` tells, for who asks about
    many.
    """
    today = today or time.strftime("%Y-%m-%d")
    state, name = states.state_of(row), row.name
    since = time.strftime("%Y-%m-%d", time.localtime(row.changed))
    if state == "submitted" and (signed_for(connection) if signed is None else signed):
        yield End(f"waits for a decision since {since}", f"request approve {name}")
    elif state == "submitted":
        yield End("may be carried out: nobody's signature is wanted here", f"request apply {name}")
    elif state in ("approved", "scheduled"):
        if row.starts_on > today:
            yield End(f"is approved and begins on {row.starts_on}")
        else:
            run = carrying.left(connection, row)
            words = f"its run {run.id} is not over" if run else f"is approved since {since}, not carried out"
            yield End(words, f"request apply {name}")
    elif state == "failed":
        yield End(f"failed on {since}: {_left_over(connection, row)}", f"request apply {name}")
    elif state == "applied":
        yield End("is built and not in use yet", f"request apply {name}")
    elif state == "expiring":
        yield End(f"ends on {row.until}", f"request renew {name}")
    elif state == "stopped":
        yield from _stopped(connection, row, today)
    elif state == "active" and row.until and row.until < today:
        yield End(f"ended on {row.until} and is not given back", f"request release {name}")
    if state == "active":
        yield from _programme(connection, row)


def _stopped(connection: Connection, row: Row, today: str) -> Iterator[End]:
    last = leasing.binned_until(connection, row)
    if held := leasing.held_by(connection, row.name, today):
        yield End(f"is stopped; {held}")
    elif today <= last:
        yield End(f"is stopped, and kept until {last}", f"request renew {row.name} --until DAY")
    else:
        yield End(f"is stopped; its time in the recycle bin ended on {last}", f"request release {row.name}")


def _left_over(connection: Connection, row: Row) -> str:
    owned = len(requests.owned(connection, row.name))
    run = carrying.left(connection, row)
    left = f"; run {run.id} can go on" if run else ""
    if not owned:
        return f"nothing of it is accepted, nothing is held for it{left}"
    return (
        f"{owned} of its entries are accepted, what is built of them is not whole{left}; "
        f"`govcloud request release {row.name}` gives it back instead"
    )


def _programme(connection: Connection, row: Row) -> Iterator[End]:
    """A project is closed by its acceptance (验收): until then its requests are open."""
    entry = among(connection, [("request", row.name)]).get(("request", row.name))
    name = str(entry.fields.get("programme", "")) if entry else ""
    found = among(connection, [("programme", name)]).get(("programme", name)) if name else None
    if found is not None and (status := found.fields.get("status", "planned")) not in _ACCEPTED:
        yield End(f"is in use, and programme/{name} is {status}: its acceptance (验收) is open")
