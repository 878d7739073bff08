"""Dated evidence with a document: whether there is some, whether it still counts, and why not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ..model.application import Application
from ..model.governance import Evaluation, Review
from .base import Case

# What is used: 已建 and 改建 of 001:L242.
SERVING = frozenset({"running", "rebuilding"})

NONE = "there is no review of type {}"

# What the functions below read, for `reads` of a rule.
REVIEW = (
    *("review.type", "review.subject", "review.passed", "review.document", "review.date"),
    "review.valid_until",
)
INSPECTION = ("inspection.type", "inspection.subject", "inspection.date", "inspection.document")
EVALUATION = ("evaluation.subject", "evaluation.date", "evaluation.document")


def serves(application: Application) -> bool:
    """Whether an application is in use and the province's own: it answers for none of the nation's."""
    return application.status in SERVING and application.scope != "national"


class Dated(Protocol):
    """What reviews, inspections and evaluations share."""

    date: str
    document: str


def stale(case: Case, held: Iterable[tuple[str, Dated]], days: int, kind: str) -> str:
    """Empty where one of these names its document and is at most so many days old; else why none counts.

    ``days``: 0 sets no bound. ``held``: the oldest first, of one kind, as ``Case`` gives them.
    """
    last = ""
    for name, one in held:
        if one.document:
            last = f"{kind}/{name} of {one.date}"
            age = case.days_since(one.date)
            if not days or (age is not None and age <= days):
                return ""
    if last:
        return f"the last is {last}, and {days} days are the most"
    return f"there is no {kind} that names its document"


def counting(case: Case, type: str, subjects: Iterable[str]) -> list[tuple[str, Review]]:
    """Reviews of one of these that were passed by the day, name their document and have not ended.

    None counts that a failed one of the same subject followed. Subject by subject, the oldest first.
    """
    today = case.as_of.isoformat()
    found: list[tuple[str, Review]] = []
    for subject in dict.fromkeys(subjects):
        held = case.reviews(type, subject)
        failed = max((r.date for _, r in held if not r.passed), default="")
        found += [
            (name, r)
            for name, r in held
            if r.passed and r.document and r.date > failed and (not r.valid_until or r.valid_until >= today)
        ]
    return found


def unreviewed(case: Case, type: str, subjects: Iterable[str], days: int = 0) -> str:
    """Empty where a review of one of these was passed, counts and is at most so many days old (0: no bound).

    One counts that names its document, has not ended, and has no failed one of the same subject after it.
    Else the rest of a sentence that says why none does.
    """
    subjects = list(subjects)
    held = [one for subject in subjects for one in case.reviews(type, subject)]
    if not held:
        return NONE.format(type)
    if good := counting(case, type, subjects):
        return stale(case, sorted(good, key=lambda one: one[1].date), days, "review")
    name, review = max(held, key=lambda one: one[1].date)
    if not review.passed:
        return f"review/{name} of {review.date} was not passed"
    if not review.document:
        return f"review/{name} names no document"
    if review.valid_until and review.valid_until < case.as_of.isoformat():
        return f"review/{name} ended on {review.valid_until}"
    return f"another one of {review.date} was not passed"


def uninspected(case: Case, types: Iterable[str], subjects: Iterable[str], days: int) -> str:
    """Empty where one of these was inspected at most so many days ago, with a record; else why not."""
    subjects = list(subjects)
    held = [one for type in types for subject in subjects for one in case.inspections(type, subject)]
    held.sort(key=lambda one: (one[1].date, one[0]))
    return stale(case, held, days, "inspection")


def result(case: Case, subject: str) -> tuple[str, Evaluation] | None:
    """The newest evaluation of ``kind/name`` that came to a result, in a document."""
    held = [one for one in case.evaluations(subject) if one[1].result != "none" and one[1].document]
    return held[-1] if held else None
