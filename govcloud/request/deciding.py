"""Deciding on a request: a signature for the stage of its chain that is open, or a no with its reason.

What is signed is the effect of the plan that is frozen with the request, for one stage, by one person, for
themselves or for who delegated it to them. Two who race for one stage: the ledger keeps the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from .. import signatures
from ..access import Identity
from ..errors import ConflictError, DeniedError, InputError, Problem
from ..ledger import Ledger, approvals, refused, requests
from ..ledger.approvals import Approval
from ..ledger.clearances import now
from ..ledger.connection import Connection
from ..ledger.entries import last_revision
from ..ledger.requests import Row
from ..notify import messages
from ..plan.guards.needing import policy
from ..plan.guards.people import Acting
from ..plan.guards.questions import Question, Subject, subject_of
from ..plan.guards.standing import Desk, Standing, Step, of_request
from ..plan.stages import decode
from ..plan.veil import hidden_in, touches
from ..workspace import Workspace
from . import states

# From these a request can be refused, as the table of transitions has it.
OPEN = ("submitted",)
# Characters of a reason.
LONGEST = 2000


@dataclass(frozen=True)
class Draft:
    """What somebody is about to sign: the approval without its signature, and the bytes."""

    approval: Approval
    message: bytes


def draft(connection: Connection, person: str, account: str, name: str, note: str, giver: str = "") -> Draft:
    """What this person would sign for the stage that is open. ``giver``: for whom; empty: whoever it is that
    they may act for.

    Raises ``DeniedError`` where they may not, ``ConflictError`` where nothing is to be decided.
    """
    refuse_words(note, least=0)
    row = requests.get(connection, name)
    _refuse_closed(row)
    desk = Desk(connection)
    asked, standing = of_request(connection, row, desk)
    step = _open(standing)
    who = _acting(desk, asked, standing, step, person, giver)
    one = approvals.draft(
        purpose=approvals.EFFECT,
        subject=str(Subject(name, step.stage.name, who.giver)),
        effect=row.effect,
        person=person,
        account=account,
        public="",
        note=note,
        # Not before what it is about, by whichever clock that was written down.
        at=math.ceil(now(connection) * 1000) / 1000,
    )
    return Draft(one, approvals.message(connection, one))


def made_elsewhere(connection: Connection, message: bytes, signature: str, account: str) -> Draft:
    """The approval that ``message`` (as ``--message-out`` wrote it) and its signature are.

    Raises ``InputError`` where the message is none of this ledger, ``BadSignature``.
    """
    blob = signatures.unarmour(signature)
    try:
        said = msgspec.json.decode(message, type=_Message)
    except msgspec.MsgspecError as error:
        raise InputError([Problem(f"this is no message of an approval: {error}")], hint=_HOW) from None
    one = Approval(
        "",
        said.purpose,
        said.subject,
        said.effect,
        said.person,
        account,
        signatures.public_of(blob),
        signature.strip() + "\n",
        said.note,
        said.at,
    )
    if approvals.message(connection, one) != message:
        raise InputError(
            [
                Problem(
                    "the message is not one that this ledger wrote: it names another ledger or environment"
                )
            ],
            hint=_HOW,
        )
    return Draft(one, message)


_HOW = "`govcloud request approve NAME --message-out FILE` writes what is to be signed"


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    approval: int
    ledger: str
    environment: str
    purpose: str
    subject: str
    effect: str
    person: str
    note: str
    at: float


def decide(workspace: Workspace, ledger: Ledger, name: str, one: Approval, account: str) -> Standing:
    """Keep a signature for the stage that it is about, and write down where the request stands then.

    Raises ``DeniedError`` where it does not count, ``ConflictError`` where somebody else was first, the
    request would do something else by now or this machine's clock is behind, ``BadSignature``.
    """
    subject = subject_of(one)
    if subject is None or subject.request != name:
        raise InputError([Problem(f"the signature is about {one.subject or 'a plan'}, not request/{name}")])
    identity = Identity(one.person, account, "ssh", one.key)
    with ledger.write() as connection:
        row = requests.get(connection, name)
        _refuse_closed(row)
        if row.effect != one.effect:
            raise ConflictError(
                f"request {name} would do something else than was signed: effect {one.effect[:8]} became "
                f"{row.effect[:8]}",
                hint=f"`govcloud request show {name}` shows it",
            )
        desk = Desk(connection)
        asked, standing = of_request(connection, row, desk)
        step = _open(standing)
        _refuse_replayed(connection, one)
        if step.stage.name != subject.stage:
            _refuse_raced(standing, subject)
        who = _acting(desk, asked, standing, step, one.person, subject.giver, exactly=True)
        # A signer chooses the time in it, and not when it is kept: then the key has to be good too.
        if why := desk.void(asked, one) or desk.people.ring.fault(one.person, one.public, desk.now):
            raise DeniedError(f"this signature would not count: {why}")
        if step.opened is not None and one.at < step.opened:
            raise DeniedError(
                f"this signature would not count: it was signed before the stage {step.stage.name} was open"
            )
        one = msgspec.structs.replace(one, id=approvals.id_of(one.signature))
        told = _told(connection, asked, step, who)
        approvals.keep(connection, str(identity), one, {**told, refused.PLAN: row.plan})
        _, after = of_request(connection, row, Desk(connection))
        event: states.Event = "approve" if after.approved else "sign"
        data = {"stage": subject.stage, "approval": one.id, **({"for": who.giver} if who.giver else {})}
        states.move(connection, identity, row, event, note=one.note, data=data)
        tell(connection, workspace, row, after)
    return after


def reject(ledger: Ledger, identity: Identity, name: str, reason: str) -> Row:
    """Say no to a request, with the reason: whoever could sign a stage of it may.

    Raises ``InputError`` without a reason, ``DeniedError``, ``ConflictError``.
    """
    refuse_words(reason)
    with ledger.write() as connection:
        row = requests.get(connection, name)
        states.after(states.state_of(row), "reject", name)
        desk = Desk(connection)
        asked, standing = of_request(connection, row, desk)
        if identity.person in asked.asked_by:
            raise DeniedError(
                f"{identity.person} asked for it", hint=f"`govcloud request withdraw {name}` takes it back"
            )
        able = desk.deciders(asked)
        if identity.person not in able:
            raise DeniedError(
                f"{identity.person or identity.account} decides on no stage of request {name}",
                hint=_could(able) or "nobody does: see the stages in `govcloud request show`",
            )
        step = standing.open
        data = {"stage": step.stage.name if step is not None else ""}
        return states.move(connection, identity, row, "reject", note=reason.strip(), data=data)


def refuse_words(reason: str, *, least: int = 3) -> None:
    """Raises ``InputError`` where a reason is none, or a book."""
    if len(reason.strip()) < least or len(reason) > LONGEST:
        raise InputError([Problem(f"--reason should be a sentence, of at most {LONGEST} characters")])


def waiting(connection: Connection) -> Iterator[tuple[Row, Standing]]:
    """The requests that wait for a decision, the oldest first, and how each stands."""
    desk = Desk(connection)
    for row in sorted(requests.every(connection, states=OPEN), key=lambda row: row.submitted):
        yield row, of_request(connection, row, desk)[1]


def tell_first(connection: Connection, workspace: Workspace, row: Row) -> None:
    """Tell those who decide first that a request was submitted, where they are wanted and can be told."""
    if workspace.settings.notify and policy(connection).needs != "none":
        tell(connection, workspace, row, of_request(connection, row)[1])


def tell(connection: Connection, workspace: Workspace, row: Row, standing: Standing) -> bool:
    """Tell those who are next that a request waits for them, once; again when it is late."""
    step = standing.open
    if step is None:
        return False
    late = step.state == "overdue"
    # A channel may be anybody's.
    plain = workspace.settings.notify and not tells_classified(connection, row)
    title = row.title if plain else ""
    words = [f"{title or row.name}, of unit/{row.unit}", f"they can: {_names(step.may) or 'nobody'}"]
    if step.up:
        words.append(f"it went up to {', '.join(step.up)}")
    return messages.gate(
        connection,
        workspace,
        ["request", row.name, row.version, row.effect, step.stage.name, len(step.signed), late],
        title=f"request {row.name} waits for stage {step.stage.name}" + (", and is late" if late else ""),
        words=words,
        subjects=[f"request/{row.name}"],
        next=f"govcloud request approve {row.name}",
    )


def tells_classified(connection: Connection, row: Row) -> bool:
    """Whether what was submitted tells of something classified, there already or to come."""
    plan = decode(requests.paper(connection, row.plan))
    return touches(plan, *hidden_in(connection, plan))


def _refuse_closed(row: Row) -> None:
    """Raises ``ConflictError`` where there is nothing to decide about a request any more."""
    states.after(states.state_of(row), "sign", row.name)


def _open(standing: Standing) -> Step:
    step = standing.open
    if step is None:
        raise ConflictError(f"every stage of request {standing.request} is signed already")
    return step


def _refuse_replayed(connection: Connection, one: Approval) -> None:
    if any(known.signature == one.signature for known in approvals.of(connection, effect=one.effect)):
        raise ConflictError("this signature is kept already: it counts once")


def _refuse_raced(standing: Standing, subject: Subject) -> None:
    """Raises: what a signature is for is not what is open."""
    known = {step.stage.name: step for step in standing.steps}
    step = known.get(subject.stage)
    if step is None:
        raise DeniedError(f"request {subject.request} has no stage {subject.stage}")
    if step.state == "done":
        by = ", ".join(given.approval.person for given in step.signed)
        raise ConflictError(
            f"the stage {subject.stage} was signed by {by} meanwhile; nothing was written",
            hint=f"`govcloud request show {subject.request}` tells who is next",
        )
    raise DeniedError(f"the stage {subject.stage} of request {subject.request} is not open yet")


def _acting(
    desk: Desk,
    asked: Question,
    standing: Standing,
    step: Step,
    person: str,
    giver: str,
    *,
    exactly: bool = False,
) -> Acting:
    """For whom somebody signs the open stage. ``exactly``: for just this giver, or for themselves.

    Raises ``DeniedError``.
    """
    mine = [one for one in step.may if one.person == person]
    wanted = [one for one in mine if one.giver == giver] if giver or exactly else mine
    if wanted:
        # For oneself before for others.
        return min(wanted, key=lambda one: one.giver)
    index = asked.stages.index(step.stage)
    filled = {p for s in standing.steps for g in s.signed for p in (g.approval.person, g.giver) if p}
    due = step.due if step.due is not None else math.inf
    givers = [giver] if giver else ["", *sorted({d.giver for d in desk.people.delegations_to(person)})]
    # What stands in the way of whom they act for says more than that they do not hold the duty themselves.
    reasons = [desk.unfit(asked, index, Acting(person, one), desk.now, due, filled) for one in givers]
    why = next((w for w in (*reasons[1:], reasons[0]) if w), "it is somebody else's turn")
    if person in asked.asked_by or person in filled:
        why = reasons[0] or why
    raise DeniedError(
        f"the stage {step.stage.name} of request {asked.request} is not for you: {why}",
        hint=_could(one.person for one in step.may) or step.trouble,
    )


def _could(people: Iterable[str]) -> str:
    named = sorted(set(people))
    return f"{', '.join(named)} could" if named else ""


def _names(may: Iterable[Acting]) -> str:
    return ", ".join(f"{a.person} for {a.giver}" if a.giver else a.person for a in may)


def _told(connection: Connection, asked: Question, step: Step, who: Acting) -> dict[str, Any]:
    """What the trail keeps beside an approval, so that it can be proven without anything else."""
    return {
        "request": asked.request,
        "stage": step.stage.name,
        "stages": [stage.name for stage in asked.stages],
        "unit": asked.unit,
        "asked_by": sorted(asked.asked_by),
        "due": step.due,
        **({"for": who.giver} if who.giver else {}),
        "revision": last_revision(connection),
    }
