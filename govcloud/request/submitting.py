"""Submitting: a form becomes entries, a plan that people decide on, and what is held for it meanwhile.

What is decided on is frozen: the form, the claims it stands for and the plan with its effect are kept in the
ledger, and neither the file nor a template is read again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..access import Identity, sight
from ..access.identity import persons
from ..addressing.wishes import ALLOCATOR
from ..capacity.accounts import Account, Need, accounts, needs, reserve, shortage
from ..errors import ConflictError, DeniedError, InputError, Problem
from ..ledger import Ledger, entries, requests
from ..ledger.claims import ClaimRow
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..ledger.requests import CLAIMANT, Promise, Row
from ..model import KINDS
from ..plan import stages
from ..plan.gather import Proposal, propose
from ..plan.ruling import gate_request
from ..plan.stages import Asked
from ..policy.pools import parts, told
from ..workspace import Workspace
from . import states
from .changing import Changed, Changes, changes
from .deciding import tell_first
from .document import Document, problem
from .expanding import expand
from .ground import Ground
from .pricing import Costs, costs
from .sorting import type_of
from .states import State
from .unbuilt import refuse_unbuilt


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a submission beside its plan. ``accounts``: as they stood; ``made``: how many entries
    of each kind; ``changed``: what becomes of entries that are there."""

    version: int = 1
    document: Document
    made: dict[str, int] = {}
    changed: list[Changed] = []
    accounts: list[Account] = []
    costs: Costs = Costs()


@dataclass(frozen=True)
class Submission:
    """A form, all that it stands for, and the plan that would make it so. Nothing of it is written yet."""

    document: Document
    said: Mapping[Key, Mapping[str, Any]]
    proposal: Proposal
    needs: list[Need]
    accounts: list[Account]
    costs: Costs = field(default_factory=Costs)
    changes: Changes = field(default_factory=Changes)

    @property
    def after(self) -> dict[Key, Mapping[str, Any] | None]:
        """All entries that it makes and changes, as they are then."""
        return {**self.said, **self.changes.after}

    @property
    def made(self) -> dict[str, int]:
        """How many entries of each kind it makes."""
        out: dict[str, int] = {}
        for kind, _ in sorted(self.said):
            out[kind] = out.get(kind, 0) + 1
        return out


def prepare(workspace: Workspace, ledger: Ledger, identity: Identity, document: Document) -> Submission:
    """Work a form out: its entries, what they need, and the plan over the files as they are recorded.

    Raises ``InputError`` with every fault and its place, ``DeniedError`` where somebody asks for others or a
    pool has no room, ``ConflictError`` where others' work would be in its plan.
    """
    _refuse_days(document)
    with ledger.read() as connection:
        refuse_others(connection, identity, document)
        uids = sight(workspace, ledger, connection)
        hidden = [k for k, entry in entries.current(connection).items() if entry.uid in uids] if uids else []
        made, changed = _worked_out(workspace, connection, document, hidden)
        type_ = _type_of(connection, made, changed.after, hidden)
        said = {**made, ("request", document.name): entry_of(document, type_)}
        claimed = {row.key: row for row in _claims(document, said)}
        after: dict[Key, Mapping[str, Any] | None] = {**said, **changed.after}
        asked = needs(connection, after)
        _refuse_absurd(connection, document, asked)
        found = accounts(connection, asked, changed=after, apart_from=(document.name,))
        price = costs(connection, said, changed.after)
    _refuse_short(document, found, asked)
    try:
        order = Asked((*claimed.values(), *changed.asked.said), changed.asked.ended)
        proposal = propose(workspace, ledger, asked=order, recorded=True)
    except InputError as error:
        raise InputError([_placed(document, one) for one in error.problems], hint=error.hint) from None
    refuse_unbuilt(workspace, ledger, document.name, proposal.plan)
    with ledger.read() as connection:
        gate_request(connection, proposal.plan)
    return Submission(document, said, proposal, asked, found, price, changed)


def _worked_out(
    workspace: Workspace, connection: Connection, document: Document, hidden: list[Key]
) -> tuple[dict[Key, dict[str, Any]], Changes]:
    """The entries that a form makes, and what it changes. Raises ``InputError`` with the faults of both."""
    made: dict[Key, dict[str, Any]] = {}
    changed, faults, hints = Changes(), [], []
    try:
        made = expand(workspace, connection, document, hidden=hidden)
    except InputError as error:
        faults, hints = [*error.problems], [error.hint]
    ground = Ground(connection, hidden)
    ground.made = made
    try:
        changed = changes(connection, document, ground)
    except InputError as error:
        faults, hints = [*faults, *error.problems], [*hints, error.hint]
    if faults:
        raise InputError(faults, hint=next(filter(None, hints), ""))
    return made, changed


def submit(
    workspace: Workspace, ledger: Ledger, identity: Identity, one: Submission, *, replace: bool = False
) -> Row:
    """Hold what it needs, and freeze form, plan and effect: one transaction.

    ``replace``: in place of what was submitted and not carried out yet, whose signatures are void then.
    Raises ``ConflictError`` where it is submitted already, ``DeniedError`` where a pool has no room (any
    more).
    """
    document, plan = one.document, one.proposal.plan
    with ledger.write() as connection:
        refuse_others(connection, identity, document)
        known = requests.find(connection, document.name)
        event = refuse_again(connection, known, document, replace=replace)
        now = states.clock(connection)
        found, lacking = reserve(connection, document.name, one.after, now, promised(document.name, plan))
        if lacking:
            raise _no_room(document, lacking)
        paper = Paper(
            document=document,
            made=one.made,
            changed=one.changes.changed,
            accounts=found,
            costs=one.costs,
        )
        row = Row(
            name=document.name,
            version=(known.version if known is not None else 0) + 1,
            unit=document.unit,
            applicant=document.applicant,
            title=document.title,
            state="submitted",
            document=requests.put_paper(connection, msgspec.json.encode(paper)),
            plan=requests.put_paper(connection, stages.encode(plan)),
            effect=plan.effect,
            starts_on=document.starts_on,
            until=document.until,
            submitted=now,
            changed=now,
        )
        data = {"document": row.document, "unit": row.unit, "applicant": row.applicant}
        row = states.move(connection, identity, row, event, data=data)
        tell_first(connection, workspace, row)
        return row


def promised(name: str, plan: stages.Plan) -> list[Promise]:
    """The addresses and prefixes that a plan gives to the entries of a request."""
    mine = {row.key for row in plan.asked.said if row.claimant == CLAIMANT + name}
    said = [row for stage in plan.stages if isinstance(stage, stages.Record) for row in stage.claims.said]
    return [
        Promise(name, row.kind, row.name, of, text)
        for row in (*said, *plan.claims.said)
        if row.claimant == ALLOCATOR and row.key in mine
        for of, text in sorted((row.fields or {}).items())
    ]


def refuse_again(
    connection: Connection, known: Row | None, document: Document, *, replace: bool
) -> states.Event:
    """The step that submitting a form is. Raises ``ConflictError`` where it is none from there."""
    if known is None:
        return "submit"
    state: State = states.state_of(known)
    if (state, "submit") in states.TRANSITIONS:
        return "submit"
    if (state, "replace") not in states.TRANSITIONS:
        states.after(state, "submit", known.name)
    if paper_of(connection, known).document == document:
        raise ConflictError(
            f"request {known.name} is {state} already, with just these words (version {known.version})",
            hint=f"`govcloud request show {known.name}` tells who is next",
        )
    if not replace:
        raise ConflictError(
            f"request {known.name} is {state} already, and this file says something else",
            hint=f"`govcloud request withdraw {known.name}` first, or `--replace`: its signatures are void "
            "then",
        )
    return "replace"


def refuse_others(connection: Connection, identity: Identity, document: Document) -> None:
    """Raises ``DeniedError`` where somebody asks in the name of a unit that is not theirs, ``InputError``
    where they write somebody of another unit down as the applicant."""
    row = Row(document.name, 0, document.unit, document.applicant, "", "draft", "", "", "", "", "", 0, 0)
    states.refuse_others(connection, identity, row, "unit", "submit")
    known = requests.find(connection, document.name)
    if known is not None and known.unit != document.unit:
        raise DeniedError(
            f"request {document.name} is of unit/{known.unit}, and this one is of unit/{document.unit}",
            hint="choose another name for it",
        )
    of = next((str(f.get("unit", "")) for n, f in persons(connection) if n == document.applicant), "")
    if of not in ("", document.unit):
        words = f"`applicant`: {document.applicant} is of unit/{of}, and unit/{document.unit} asks"
        hint = f"somebody of unit/{document.unit} asks for it"
        raise InputError([problem(document, ("applicant",), words, hint)])


def _type_of(
    connection: Connection,
    made: Mapping[Key, Mapping[str, Any]],
    changed: Mapping[Key, Mapping[str, Any] | None],
    hidden: list[Key],
) -> str:
    """The type of a request, by what it makes and changes and by what is accepted of that."""
    after = {**made, **changed}
    ground = Ground(connection, hidden)
    return type_of(made, after, lambda kind, name: after.get((kind, name)) or ground.get(kind, name))


def entry_of(document: Document, type_: str) -> dict[str, Any]:
    """The fields of the entry ``request/NAME``, which is of a type (``sorting.type_of``)."""
    found = {
        "title": document.title,
        "unit": document.unit,
        "applicant": document.applicant,
        "type": type_,
        "reason": document.reason,
        "status": "granted",
        "asked_on": time.strftime("%Y-%m-%d"),
        "starts_on": document.starts_on,
        "until": document.until,
        "programme": document.programme,
    }
    return {name: value for name, value in found.items() if value}


def _claims(document: Document, said: Mapping[Key, Mapping[str, Any]]) -> list[ClaimRow]:
    """What the request says, sorted, with references back to it where a kind has a field for that."""
    claimant = CLAIMANT + document.name
    rows = []
    for (kind, name), fields in sorted(said.items()):
        whole = dict(fields)
        if kind == "quota" and "request" in KINDS[kind].__struct_fields__:
            whole.setdefault("request", document.name)
        if kind == "project":
            whole.setdefault("demand", f"request/{document.name}")
        rows.append(ClaimRow(kind, name, claimant, 0, whole))
    return rows


def paper_of(connection: Connection, row: Row) -> Paper:
    """What is kept of a submission. Raises ``ConflictError`` where this release cannot read it."""
    try:
        return msgspec.json.decode(requests.paper(connection, row.document), type=Paper)
    except (KeyError, msgspec.MsgspecError) as error:
        raise ConflictError(f"the form of request {row.name} cannot be read: {error}") from None


def plan_of(connection: Connection, row: Row) -> stages.Plan:
    """The plan that is decided on. Raises ``ConflictError`` where this release cannot read it."""
    try:
        return stages.decode(requests.paper(connection, row.plan))
    except (KeyError, msgspec.MsgspecError) as error:
        raise ConflictError(f"the plan of request {row.name} cannot be read: {error}") from None


class _Ordered(msgspec.Struct):
    """Of a plan only what it says: its stages may be long."""

    asked: Asked = Asked()


def asked_of(connection: Connection, row: Row) -> Asked:
    """What a request says: of its plan nothing else is read. Raises ``ConflictError`` as ``plan_of``."""
    try:
        return msgspec.json.decode(requests.paper(connection, row.plan), type=_Ordered).asked
    except (KeyError, msgspec.MsgspecError) as error:
        raise ConflictError(f"the plan of request {row.name} cannot be read: {error}") from None


# -- what is wrong ----------------------------------------------------------------------------------


def _refuse_days(document: Document) -> None:
    """Raises ``InputError`` where a request would end before anybody decides on it."""
    if document.until and document.until < time.strftime("%Y-%m-%d"):
        words = f"`until`: {document.until} is before today"
        raise InputError([problem(document, ("until",), words, "the last day on which it is used")])


def _refuse_absurd(connection: Connection, document: Document, asked: list[Need]) -> None:
    """Raises ``InputError`` where a request asks for more of a measure than anybody means to."""
    from .policy import policy

    most = policy(connection).most
    sums: dict[str, float] = {}
    for need in asked:
        kind, _, measure = parts(need.pool)
        if kind != "cloud":
            sums[measure] = sums.get(measure, 0.0) + need.amount
    problems = []
    for measure, amount in sorted(sums.items()):
        if measure in most and amount > most[measure]:
            largest = max((n for n in asked if parts(n.pool)[2] == measure), key=lambda n: n.amount)
            way = _way(document, f"{largest.kind}/{largest.name}")
            message = (
                f"{told(amount, measure)} of {measure} in one request, of which "
                f"{largest.kind}/{largest.name} is {told(largest.amount, measure)}: "
                f"more than {told(most[measure], measure)} is taken for a slip of the keyboard"
            )
            hint = "profile/request-limits says how much may be"
            problems.append(problem(document, way, message, hint, on_key=way[:1] == ("entries",)))
    if problems:
        raise InputError(problems)


def _refuse_short(document: Document, found: list[Account], asked: list[Need]) -> None:
    lacking = [one for account in found if (one := shortage(account, asked))]
    if lacking:
        raise _no_room(document, lacking)


def _no_room(document: Document, lacking: list[Problem]) -> DeniedError:
    return DeniedError(
        f"request {document.name}: " + "; ".join(one.message for one in lacking),
        hint="ask for less, ask for a larger quota, or wait until others give something back: "
        "`govcloud capacity usage` shows who has what",
    )


def _placed(document: Document, one: Problem) -> Problem:
    """A fault of an entry, told at its place in the form where it has none."""
    subject = one.message.partition(":")[0]
    if one.path or "/" not in subject:
        return one
    way = _way(document, subject)
    return problem(document, way, one.message, one.hint, on_key=way[:1] == ("entries",))


def _way(document: Document, subject: str) -> tuple[str | int, ...]:
    """Where a form asks for an entry: the entry itself, the item whose name it begins with, or the form."""
    kind, _, name = subject.partition("/")
    plural = KINDS[kind].PLURAL if kind in KINDS else ""
    if name in document.entries.get(plural, {}):
        return ("entries", plural, name)
    if name in document.changes.get(plural, {}):
        return ("changes", plural, name)
    if subject in document.retires:
        return ("retires", document.retires.index(subject))
    if len(document.items) == 1:
        return ("items", 0)
    for number, item in enumerate(document.items):
        part = item.parameters.get("part")
        if isinstance(part, str) and part and part in name:
            return ("items", number)
    return ("items",) if document.items else ()
