"""Evaluations: of the digital government, of units each year, of key projects, and what they look at."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.governance import Evaluation, Programme
from ..model.organisation import Region, Unit
from .base import Breach, Case
from .evidence import EVALUATION, REVIEW, stale, uninspected, unreviewed
from .registry import rule


@rule("F-05", "flag", "region.level", "evaluation.mode", "unit.type", "unit.level", *EVALUATION)
def others_assess_the_digital_government(case: Case) -> Iterator[Breach]:
    """A third party assesses what the digital government can do, within the set period."""
    days = int(case.values("third-party-assessment")["days"])
    provinces = [f"region/{n}" for n, r in case.catalogue.all(Region).items() if r.level == "province"]
    units = case.catalogue.all(Unit).items()
    bodies = [
        f"unit/{n}" for n, u in units if u.type in ("management", "government") and u.level == "province"
    ]
    held = [
        one
        for subject in (*provinces, *bodies)
        for one in case.evaluations(subject)
        if one[1].mode == "third_party"
    ]
    held.sort(key=lambda one: (one[1].date, one[0]))
    if provinces and (why := stale(case, held, days, "evaluation")):
        cure = "an evaluation of mode third_party of the province, with its `document`"
        message = f"no third party assessed its digital government in {days} days: {why}"
        yield Breach(provinces[0], message, "", (), cure)


@rule(
    "F-10",
    "flag",
    *("unit.type", "unit.level", *REVIEW, *EVALUATION, "evaluation.mode", "inspection.type"),
    *("inspection.subject", "inspection.date", "inspection.document"),
    each=Unit,
)
def units_plan_and_are_checked_each_year(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """Each unit has a plan of the year, and is checked or evaluated each year."""
    policy = case.values("yearly")
    if unit.type not in policy["unit_types"] or unit.level not in policy["unit_levels"]:
        return
    key, days = f"unit/{name}", int(policy["days"])
    lacks, cures = [], []
    if why := unreviewed(case, "yearly_plan", [key], days):
        lacks.append(f"has no plan of the year: {why}")
        cures.append("a review of type yearly_plan with the plan in `document`")
    evaluated = [one for one in case.evaluations(key) if one[1].mode == "yearly"]
    if stale(case, evaluated, days, "evaluation") and (why := uninspected(case, ("yearly",), [key], days)):
        lacks.append(f"was not checked in {days} days: {why}")
        cures.append("an inspection of type yearly, or an evaluation of mode yearly, with its `document`")
    if lacks:
        yield Breach(key, "; ".join(lacks), "", (), "; ".join(cures))


@rule(
    "F-11",
    "flag",
    *("programme.key_project", "programme.status", "evaluation.mode", "evaluation.bodies", *EVALUATION),
    each=Programme,
)
def key_projects_have_a_special_evaluation(case: Case, name: str, programme: Programme) -> Iterator[Breach]:
    """Development, finance and audit departments evaluate a key project together (专项评估)."""
    policy = case.values("special-evaluation")
    if not programme.key_project or programme.status not in policy["statuses"]:
        return
    key, wanted = f"programme/{name}", set(policy["bodies"])
    special = [e for _, e in case.evaluations(key) if e.mode == "special" and e.document]
    best: set[str] = max((wanted & set(e.bodies) for e in special), key=len, default=set())
    if best != wanted:
        lacks = f"without {' and '.join(sorted(wanted - best))}" if special else "by nobody"
        message = f"is a key project, and was specially evaluated {lacks}"
        bodies = ", ".join(policy["bodies"])
        cure = f"an evaluation of mode special with `bodies: [{bodies}]` and its `document`"
        yield Breach(key, message, "", (), cure)


@rule(
    "F-12",
    "require",
    *("evaluation.dimensions", "evaluation.indicator", *EVALUATION),
    each=Evaluation,
)
def evaluations_look_at_five_dimensions(case: Case, name: str, evaluation: Evaluation) -> Iterator[Breach]:
    """An evaluation looks at cost, effect, collaboration, security and innovation, and a document says so.

    One that measures a single figure (``indicator``) need not.
    """
    if evaluation.indicator or evaluation.date > case.as_of.isoformat():
        return
    wanted = case.values("evaluation-dimensions")["dimensions"]
    if lacks := [one for one in wanted if one not in evaluation.dimensions]:
        message = f"its look at {evaluation.subject} left out {', '.join(lacks)}"
        cure = f"`dimensions` with {', '.join(lacks)}, once they were looked at"
        yield Breach(f"evaluation/{name}", message, "dimensions", (), cure)
    elif not evaluation.document:
        message = f"no document says that it looked at all of {evaluation.subject}"
        yield Breach(f"evaluation/{name}", message, "document", (), "`document`: the report")
