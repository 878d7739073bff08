"""Money of projects: it follows results, hangs on performance, and lasts for the operation."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.governance import Budget, Evaluation, Programme
from .base import Breach, Case
from .evidence import EVALUATION, REVIEW, result, unreviewed
from .registry import rule

RESULT = (*EVALUATION, "evaluation.result")
WEAK = frozenset({"weak", "fail"})
BEGUN = frozenset({"approved", "building", "accepted"})
PAID = frozenset({"granted", "reduced", "paid"})
# Money that nobody has.
GONE = frozenset({"refused", "held"})


@rule(
    "F-02",
    "require",
    *("budget.programme", "budget.application", "budget.item", "budget.status", "budget.year"),
    *("programme.applications", *RESULT),
)
def money_follows_results(case: Case) -> Iterator[Breach]:
    """What did badly gets less money for its operation, or none, and so does what goes on from there."""
    weak = _weak(case)
    if not weak:
        return
    programmes = case.catalogue.all(Programme)
    for name, budget in case.catalogue.all(Budget).items():
        if budget.item not in ("operation", "construction") or budget.status not in ("granted", "paid"):
            continue
        programme = programmes.get(budget.programme)
        pays = [f"programme/{budget.programme}", f"application/{budget.application}"]
        pays += [f"application/{a}" for a in programme.applications] if programme else []
        hit = next((weak[subject] for subject in pays if subject in weak), None)
        if hit is None:
            continue
        evaluation, found = hit
        year = int(found.date[:4])
        # Money of the same year that was paid already came before the result.
        if budget.year > year or (budget.year == year and budget.status == "granted"):
            message = f"is {budget.status} in full, and evaluation/{evaluation} of {found.date} found "
            message += f"{found.subject} {found.result}"
            witness = (found.subject, f"evaluation/{evaluation}", f"budget/{name}")
            yield Breach(f"budget/{name}", message, "status", witness, "`status`: reduced or held")


def _weak(case: Case) -> dict[str, tuple[str, Evaluation]]:
    """What did badly when it was last evaluated, with the evaluation; of a project its applications too."""
    out: dict[str, tuple[str, Evaluation]] = {}
    programmes = case.catalogue.all(Programme)
    for subject in sorted({e.subject for e in case.catalogue.all(Evaluation).values() if e.result in WEAK}):
        kind, _, name = subject.partition("/")
        if kind in ("programme", "application") and (last := result(case, subject)):
            if last[1].result in WEAK:
                out[subject] = last
                if kind == "programme" and name in programmes:
                    for application in programmes[name].applications:
                        out.setdefault(f"application/{application}", last)
    return out


@rule(
    "F-03",
    "require",
    *("budget.programme", "budget.year", "budget.status", "programme.type", *RESULT, *REVIEW),
    each=Budget,
    back=("budget.programme",),
)
def money_hangs_on_performance(case: Case, name: str, budget: Budget) -> Iterator[Breach]:
    """A project's money follows an evaluation: in its first year of goals, later of what came of them."""
    programme = case.catalogue.all(Programme).get(budget.programme)
    if programme is None or programme.type != "project" or budget.status not in PAID:
        return
    key = f"programme/{budget.programme}"
    budgets = [b for _, b in case.named_by(Budget, "programme", key) if b.status in PAID]
    held = [e for _, e in case.evaluations(key) if e.result != "none" and e.document]
    if any(budget.year - 1 <= int(e.date[:4]) <= budget.year for e in held):
        return
    first = budget.year <= min(b.year for b in budgets)
    why = unreviewed(case, "performance_goals", [key])
    if first and not why:
        return
    if first:
        message = f"is {budget.status}, and no goals were set for {key}: {why}"
        cure = "a review of type performance_goals of the project, with its document"
    else:
        message = f"is {budget.status}, and {key} has no result of {budget.year - 1} or {budget.year}"
        cure = "an evaluation of the project with `result` and `document`"
    yield Breach(f"budget/{name}", message, "programme", (), cure)


@rule(
    "F-06",
    "require",
    *("programme.type", "programme.status", "programme.library", "budget.programme", "budget.item"),
    *("budget.year", "budget.amount_yuan", "budget.use_plan", "budget.status"),
    each=Programme,
    back=("budget.programme",),
)
def projects_have_money_to_run(case: Case, name: str, programme: Programme) -> Iterator[Breach]:
    """A project is in the finance library, with a budget for its operation and a plan for it."""
    if programme.type != "project" or programme.status not in BEGUN:
        return
    key = f"programme/{name}"
    if not programme.library:
        message = f"is {programme.status}, and not in the finance project library"
        yield Breach(key, message, "library", (), "its number in the library")
    if programme.status == "approved":
        return
    year = case.as_of.year if programme.status == "accepted" else 0
    operation = [
        b
        for _, b in case.named_by(Budget, "programme", key)
        if b.item == "operation" and b.amount_yuan > 0 and b.year >= year and b.status not in GONE
    ]
    if not any(b.use_plan for b in operation):
        of = f" of {year} or later" if year else ""
        lacks = "whose use is planned" if operation else "for its operation"
        cure = "a budget of item operation with `amount_yuan` and `use_plan`"
        yield Breach(key, f"is {programme.status} without a budget{of} {lacks}", "", (), cure)
