"""Projects: the stages of their life, what is checked on the way, who decides on them, when they end."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.governance import Budget, Programme
from ..model.organisation import Unit
from .base import Breach, Case, Verdict
from .evidence import EVALUATION, REVIEW, result, stale, unreviewed
from .registry import rule

BEGUN = frozenset({"approved", "building", "accepted"})
# What proves a stage, where that is no review.
EVIDENCE = {"evaluation": "an evaluation of it"}


@rule(
    "F-01",
    "require",
    *("programme.type", "programme.status", "programme.unit", "unit.level", *REVIEW, *EVALUATION),
    each=Programme,
)
def no_stage_of_a_project_is_left_out(case: Case, name: str, programme: Programme) -> Iterator[Breach]:
    """A provincial project went through every stage that comes before where it stands."""
    unit = case.catalogue.all(Unit).get(programme.unit)
    if programme.type != "project" or (unit is not None and unit.level != "province"):
        return
    key, lacks = f"programme/{name}", []
    for stage in case.values("project-stages").get(programme.status, ()):
        if stage == "evaluation":
            done = not stale(case, case.evaluations(key), 0, "evaluation")
        else:
            done = not unreviewed(case, stage, [key])
        if not done:
            lacks.append(stage)
    if lacks:
        cure = " and ".join(EVIDENCE.get(stage, f"a review of type {stage}") for stage in lacks)
        cure += ", with the document"
        message = f"is {programme.status}, and nothing proves its {', '.join(lacks)}"
        yield Breach(key, message, "status", (), cure)


@rule(
    "F-04",
    "require",
    *("programme.type", "programme.status", *EVALUATION, "evaluation.result"),
    *("budget.programme", "budget.status", "budget.year"),
    each=Programme,
    back=("budget.programme",),
)
def who_fails_goes(case: Case, name: str, programme: Programme) -> Iterator[Breach]:
    """A project that failed its evaluation is given up (项目退出机制), and gets no more money."""
    key, last = f"programme/{name}", result(case, f"programme/{name}")
    if programme.type != "project" or last is None or last[1].result != "fail":
        return
    if programme.status not in ("exited", "denied"):
        message = f"failed evaluation/{last[0]} of {last[1].date}, and is {programme.status}"
        cure = "`status: exited`, and what it built is retired; or a later evaluation that it passed"
        yield Breach(key, message, "status", (), cure)
        return
    for budget, money in case.named_by(Budget, "programme", key):
        if money.status in ("asked", "granted") and money.year >= case.as_of.year:
            message = (
                f"is {money.status} for {key}, which failed evaluation/{last[0]} and is {programme.status}"
            )
            yield Breach(f"budget/{budget}", message, "status", (), "`status`: held or refused")


# What each status was decided at; what came before it stands already.
SHARING = {
    "approved": (("sharing_at_approval",), ()),
    "building": ((), ("sharing_at_approval", "sharing_at_supervision")),
    "accepted": (("sharing_at_acceptance",), ("sharing_at_approval", "sharing_at_supervision")),
}


@rule("F-07", "deny", "programme.type", "programme.status", *REVIEW, each=Programme)
def sharing_is_checked_all_along(case: Case, name: str, programme: Programme) -> Iterator[Breach]:
    """The sharing of information is checked when a project is approved, supervised and accepted."""
    if programme.type != "project":
        return
    key = f"programme/{name}"
    now, before = SHARING.get(programme.status, ((), ()))
    sides: tuple[tuple[tuple[str, ...], Verdict], ...] = ((now, "deny"), (before, "require"))
    for types, verdict in sides:
        for type in types:
            if why := unreviewed(case, type, [key]):
                at = type.removeprefix("sharing_at_")
                message = f"is {programme.status}, and its sharing was not checked at its {at}: {why}"
                cure = f"a review of type {type} that was passed, with its document"
                yield Breach(key, message, "status", (), cure, verdict)


@rule(
    "F-09",
    "deny",
    *("programme.major", "programme.amount_yuan", "programme.status", *REVIEW),
    each=Programme,
)
def major_matters_go_to_the_leading_group(case: Case, name: str, programme: Programme) -> Iterator[Breach]:
    """What is major is approved only after the leading group decided on it."""
    bound = float(case.values("major-projects")["amount_yuan"])
    major = programme.major or 0 < bound <= programme.amount_yuan
    if not major or programme.status not in BEGUN:
        return
    key = f"programme/{name}"
    if why := unreviewed(case, "leading_group", [key]):
        message = f"is major and {programme.status}, and the leading group did not decide on it: {why}"
        cure = "a review of type leading_group that was passed, with its document"
        verdict: Verdict = "deny" if programme.status == "approved" else "require"
        yield Breach(key, message, "status", (), cure, verdict)
