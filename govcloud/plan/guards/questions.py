"""What is to be decided about a request: who asks, for which unit, by which stages, and since when."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from ...ledger import approvals, requests
from ...ledger.approvals import Approval
from ...ledger.connection import Connection
from ...ledger.requests import CLAIMANT, Row
from ...ledger.store import settings
from ..stages import Plan
from . import chains
from .chains import Stage
from .measuring import changes_of, measure

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
    found = measure(connection, changes, str(own.get("subject") or ""))
    accepted, stages = chains.read(connection)
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


class _Item(msgspec.Struct):
    template: str = ""


class _Form(msgspec.Struct):
    items: list[_Item] = []


class _Paper(msgspec.Struct):
    """What is read here of the paper that a submission leaves (``request.submitting.Paper``)."""

    document: _Form
