"""What is to be decided about a request: who asks, for which unit, by which stages, and since when."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from ...ledger import approvals, requests
from ...ledger.approvals import Approval
from ...ledger.connection import Connection
from ...ledger.requests import Row
from ...ledger.store import settings
from ..stages import Plan, decode
from . import chains
from .chains import Stage
from .measuring import Measure, changes_of, measure

# Steps by which somebody asks; whoever takes one decides on nothing of it.
ASKING = ("submit", "replace")
# What an approval of a stage is about: `request/NAME:STAGE`, and for whom where somebody acts for another.
_SUBJECT = re.compile(r"request/(?P<request>[^:/]+):(?P<stage>[^:/]+)(:(?P<giver>[^:/]+))?")
_ACTOR = re.compile(r"(?:(?P<person>[^ ]+) \()?(?P<account>[^ )]+)\)?")


class Subject(msgspec.Struct, frozen=True):
    """What an approval of a stage is about, as its ``subject`` says it."""

    request: str
    stage: str
    giver: str = ""

    def __str__(self) -> str:
        return f"request/{self.request}:{self.stage}" + (f":{self.giver}" if self.giver else "")


def subject_of(one: Approval) -> Subject | None:
    """What an approval of a stage is about; None where it is no such one."""
    found = _SUBJECT.fullmatch(one.subject) if one.purpose == approvals.EFFECT else None
    return Subject(found["request"], found["stage"], found["giver"] or "") if found else None


class Question(msgspec.Struct, frozen=True):
    """What is to be decided, as the signed plan and the ledger's row of the request say it.

    ``asked_by``: the persons who ask, none of whom decides; ``accounts``: those that they asked in;
    ``at``: when it was submitted, seconds since 1970; ``stages``: those that decide.
    """

    request: str
    effect: str
    unit: str
    asked_by: frozenset[str]
    accounts: frozenset[str]
    at: float
    stages: tuple[Stage, ...]


def asked_in(plan: Plan) -> list[str]:
    """The requests that a plan speaks for, by name."""
    return requests.speakers([*(row.claim_key for row in plan.asked.said), *plan.asked.ended])


def question(connection: Connection, row: Row, plan: Plan, templates: Iterable[str] = ()) -> Question:
    """What is to be decided about a request, by the accepted revision and its frozen plan."""
    changes = changes_of(plan)
    own = next((c.fields for c in changes if (c.kind, c.name) == ("request", row.name)), {})
    unit = str(own.get("unit") or row.unit)
    found = measure(connection, changes, str(own.get("subject") or ""), priced=_price_of(connection, row))
    accepted, stages = chains.read(connection)
    if any(chain.bounded for chain in accepted):
        # What is split is no smaller for it.
        found = found.beside(_measure_of(connection, one) for one in requests.beside(connection, row))
    people, accounts = {row.applicant, str(own.get("applicant") or "")} - {""}, set()
    for event in requests.events(connection, row.name):
        # Whoever asked for a former version of it has a hand in it still.
        if event.event in ASKING:
            people |= {event.person} - {""}
            named = _ACTOR.fullmatch(event.actor)
            if named and not event.person:
                accounts.add(named["account"])
    return Question(
        row.name,
        plan.effect,
        unit,
        frozenset(people),
        frozenset(accounts),
        row.submitted,
        tuple(
            chains.choose(
                accepted,
                stages,
                environment=settings(connection).get("environment", ""),
                type=str(own.get("type") or "resources"),
                templates=templates,
                found=found,
            )
        ),
    )


def templates_of(connection: Connection, row: Row) -> list[str]:
    """The templates of the catalogue that a request's form is made of."""
    kept = msgspec.json.decode(requests.paper(connection, row.document), type=_Paper)
    return [item.template for item in kept.document.items]


def _measure_of(connection: Connection, row: Row) -> Measure:
    """What another request of the same unit comes to; nothing where this release cannot read it."""
    try:
        plan = decode(requests.paper(connection, row.plan))
    except (KeyError, msgspec.MsgspecError):
        return Measure()
    return measure(connection, changes_of(plan), priced=_price_of(connection, row))


def _price_of(connection: Connection, row: Row) -> float:
    """What a request costs a year by the province's prices, in yuan; 0 where they are of another currency."""
    if not row.document:
        return 0
    try:
        found = msgspec.json.decode(requests.paper(connection, row.document), type=_Paper).costs
    except (KeyError, msgspec.MsgspecError):
        return 0
    often = _OFTEN.get(found.per, 0) if found.currency in _YUAN else 0
    return often * sum(line.amount * line.price for line in found.lines)


# How often a year a price is due, and how the currency is written.
_OFTEN = {"": 1, "year": 1, "month": 12, "day": 365, "hour": 8760}
_YUAN = frozenset({"", "CNY", "RMB", "yuan", "元"})


class _Line(msgspec.Struct, frozen=True):
    amount: float = 0
    price: float = 0


class _Costs(msgspec.Struct, frozen=True):
    currency: str = ""
    per: str = ""
    lines: list[_Line] = []


class _Item(msgspec.Struct, frozen=True):
    template: str = ""


class _Form(msgspec.Struct, frozen=True):
    items: list[_Item] = []


class _Paper(msgspec.Struct, frozen=True):
    """What is read here of the paper that a submission leaves (``request.submitting.Paper``)."""

    document: _Form = _Form()
    costs: _Costs = _Costs()
