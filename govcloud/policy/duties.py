"""Who answers for what: three duties in every unit, chief officers, leading groups, inspections, staff."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.governance import Inspection
from ..model.organisation import Person, Unit
from .base import Breach, Case
from .evidence import stale, unreviewed
from .registry import rule

WHO = ("unit.type", "unit.level", "person.unit", "person.duty")
WORDS = {
    "principal": "a principal (主要领导)",
    "information_officer": "an information officer (信息化专员)",
    "business_manager": "a business manager (业务管理员)",
}


def _bound(case: Case, unit: Unit) -> bool:
    """Whether it is one of 各市县各部门: a department, or the government of a city or county."""
    policy = case.values("three-duties")
    if unit.type == "department":
        return unit.level in policy["department_levels"]
    return unit.type == "government" and unit.level in policy["government_levels"]


def _duties(case: Case, name: str) -> set[str]:
    return {person.duty for _, person in case.named_by(Person, "unit", f"unit/{name}")}


@rule("O-01", "require", *WHO, each=Unit, back=("person.unit",))
def each_unit_has_three_duties(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """Every city, county and department has its principal, information officer and business manager."""
    if _bound(case, unit):
        held = _duties(case, name)
        lacks = [duty for duty in case.values("three-duties")["duties"] if duty not in held]
        if lacks:
            cure = f"a person of the unit with duty {', one with '.join(lacks)}"
            message = f"has nobody as {', '.join(WORDS.get(duty, duty) for duty in lacks)}"
            yield Breach(f"unit/{name}", message, "", (), cure)


@rule("O-02", "require", *WHO, each=Unit, back=("person.unit",))
def departments_have_a_chief_information_officer(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """Each provincial department has a chief information officer (首席信息主管)."""
    bound = unit.type == "department" and unit.level == "province"
    if bound and "chief_information_officer" not in _duties(case, name):
        cure = "a person of the unit with duty chief_information_officer"
        yield Breach(f"unit/{name}", "has no chief information officer", "", (), cure)


@rule("O-03", "require", *WHO, "unit.leading_group", each=Unit, back=("person.unit",))
def places_have_a_leading_group(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """Each city and county has a leading group for e-government, and people who answer for it."""
    if unit.type != "government" or unit.level not in case.values("leading-groups")["levels"]:
        return
    key = f"unit/{name}"
    group = case.catalogue.all(Unit).get(unit.leading_group)
    if group is None or group.type != "leading_group":
        cure = "`leading_group`: a unit of type leading_group"
        yield Breach(key, "has no leading group for e-government", "leading_group", (), cure)
    elif not (_duties(case, name) | _duties(case, unit.leading_group)):
        message = f"nobody of it and of unit/{unit.leading_group} answers for e-government"
        yield Breach(key, message, "", (), "a person of one of the two, with the duty")


@rule(
    "O-04",
    "flag",
    *("unit.type", "inspection.unit", "inspection.type", "inspection.date", "inspection.document"),
    each=Unit,
    back=("inspection.unit",),
)
def the_managing_body_inspects(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """The body that manages big data inspects, again and again."""
    if unit.type != "management":
        return
    key, today, days = f"unit/{name}", case.as_of.isoformat(), int(case.values("periodic-inspection")["days"])
    held = [
        one
        for one in case.named_by(Inspection, "unit", key)
        if one[1].type in ("periodic", "joint") and one[1].date <= today
    ]
    held.sort(key=lambda one: (one[1].date, one[0]))
    if why := stale(case, held, days, "inspection"):
        cure = "an inspection of type periodic or joint with this `unit`, and its record in `document`"
        yield Breach(key, f"inspected nobody in {days} days: {why}", "", (), cure)


@rule(
    "O-05",
    "require",
    *("unit.type", "unit.level", "evaluation.subject", "evaluation.mode", "evaluation.dimensions"),
    *("evaluation.date", "evaluation.document"),
    each=Unit,
)
def sharing_counts_in_the_yearly_evaluation(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """A department's sharing of data is part of its yearly evaluation."""
    policy = case.values("yearly")
    if unit.type != "department" or unit.level not in policy["unit_levels"]:
        return
    key, days = f"unit/{name}", int(policy["days"])
    held = [
        one
        for one in case.evaluations(key)
        if one[1].mode == "yearly" and "data_sharing" in one[1].dimensions
    ]
    if why := stale(case, held, days, "evaluation"):
        cure = "an evaluation of mode yearly with data_sharing among its `dimensions`, and its `document`"
        message = f"its sharing of data was in no yearly evaluation in {days} days: {why}"
        yield Breach(key, message, "", (), cure)


@rule(
    "O-06",
    "flag",
    *(*WHO, "review.type", "review.subject", "review.passed", "review.document", "review.date"),
    "review.valid_until",
    each=Unit,
    back=("person.unit",),
)
def posts_and_duties_are_set(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """Each unit has people for e-government, and a document that says their posts and duties."""
    if not _bound(case, unit):
        return
    why = unreviewed(case, "posts", [f"unit/{name}"])
    lacks = [] if _duties(case, name) else ["nobody is named for e-government"]
    lacks += [f"its posts and duties are not set: {why}"] if why else []
    if lacks:
        cure = "persons of the unit, and a review of type posts with the document that sets them"
        yield Breach(f"unit/{name}", "; ".join(lacks), "", (), cure)


@rule("O-07", "require", *WHO, each=Unit, back=("person.unit",))
def security_is_somebodys_duty(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """Safety and secrecy of each unit is the duty of somebody who is named."""
    if _bound(case, unit) and "security_officer" not in _duties(case, name):
        cure = "a person of the unit with duty security_officer"
        yield Breach(f"unit/{name}", "nobody answers for its security and secrecy", "", (), cure)
