"""Data as such: on what terms they are shared, how fast it is answered, what is bought, collected, opened."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from ..model.change import Request
from ..model.datacentre import Contract
from ..model.lines import Exchange
from ..model.organisation import Person, Unit
from ..model.policy import Profile
from ..model.services import Dataset
from .base import Breach, Case
from .evidence import REVIEW
from .registry import rule

BUILT = ("running", "building", "rebuilding")
SERVING = ("running", "rebuilding")
# A stretch of days off longer than this is a slip of the keyboard.
LONGEST = 60


@rule(
    "X-03",
    "require",
    *("dataset.sharing", "dataset.applicants", "request.dataset", "request.type", "request.unit"),
    *("request.status", *REVIEW),
    each=Dataset,
    back=("request.dataset",),
)
def wanted_by_many_is_free(case: Case, name: str, dataset: Dataset) -> Iterator[Breach]:
    """What more than five units applied for is shared without condition, save where a law forbids it."""
    if dataset.sharing != "conditional":
        return
    key = f"dataset/{name}"
    asked = {r.unit for _, r in case.named_by(Request, "dataset", key) if r.type == "data" and _asks(r)}
    units = {*dataset.applicants, *asked}
    most = int(case.values("data-exchange")["most_applicants"])
    if len(units) > most and not case.reviewed("exception", [key]):
        message = f"{len(units)} units applied for it, more than {most}, and it is shared on conditions"
        cure = "`sharing: unconditional`; a law that forbids it stands in a review of type exception"
        yield Breach(key, message, "sharing", cure=cure)


def _asks(request: Request) -> bool:
    return request.status not in ("draft", "withdrawn")


@rule(
    "X-04",
    "require",
    *("request.type", "request.dataset", "request.status", "request.asked_on", "request.answered_on"),
    *("dataset.sharing",),
    each=Request,
)
def requests_for_data_are_answered(case: Case, name: str, request: Request) -> Iterator[Breach]:
    """A request for conditional data is answered within two working days."""
    dataset = case.catalogue.all(Dataset).get(request.dataset)
    if request.type != "data" or dataset is None or dataset.sharing != "conditional":
        return
    if not request.asked_on or not _asks(request) or request.asked_on > case.as_of.isoformat():
        return
    days = int(case.values("data-exchange")["answer_days"])
    due = _due(case, date.fromisoformat(request.asked_on), days)
    answered = date.fromisoformat(request.answered_on) if request.answered_on else None
    if (answered or case.as_of) <= due:
        return
    subject, since = f"request/{name}", f"asked on {request.asked_on}, due by {due.isoformat()}"
    if answered is None:
        cure = "the unit that has the data answers, and `answered_on` says when"
        yield Breach(
            subject, f"nobody answered it within {days} working days: {since}", "answered_on", cure=cure
        )
    else:
        message = f"was answered on {request.answered_on}, after more than {days} working days: {since}"
        cure = f"answer the next one within {days} working days"
        yield Breach(subject, message, "answered_on", cure=cure, verdict="flag")


def _due(case: Case, asked: date, days: int) -> date:
    """The last day for an answer: so many working days after it was asked."""
    weekend = {str(day) for day in case.values("data-exchange")["weekend"]}
    profile = case.policy.all(Profile).get("working-days")
    off = set(_days_of(profile.values if profile else {}, "holidays"))
    on = set(_days_of(profile.values if profile else {}, "workdays"))
    day, left = asked, days
    while left > 0:
        day += timedelta(1)
        left -= day in on or (str(day.isoweekday()) not in weekend and day not in off)
    return day


def _days_of(values: Mapping[str, Any], word: str) -> Iterator[date]:
    """Days and stretches of days (``FIRST/LAST``) of ``profile/working-days``, by year or all in one."""
    for said in (values, *(one for one in values.values() if isinstance(one, dict))):
        for text in said.get(word, ()):
            found = re.fullmatch(r"(\d{4}-\d\d-\d\d)(?:/(\d{4}-\d\d-\d\d))?", str(text))
            if found:
                first = date.fromisoformat(found[1])
                last = date.fromisoformat(found[2] or found[1])
                yield from (first + timedelta(n) for n in range(min((last - first).days, LONGEST) + 1))


@rule(
    "X-05",
    "deny",
    *("contract.type", "contract.subjects", "contract.unit", "contract.central", "contract.ends_on"),
    *("unit.type", "dataset.type", "dataset.origin"),
    each=Contract,
)
def data_are_bought_for_all(case: Case, name: str, contract: Contract) -> Iterator[Breach]:
    """Data of society are bought once for all, by the body that manages them, and not by one unit."""
    unit = case.catalogue.all(Unit).get(contract.unit)
    if contract.type != "data" or contract.central or (unit is not None and unit.type == "management"):
        return
    if contract.ends_on and contract.ends_on < case.as_of.isoformat():
        return
    datasets = case.catalogue.all(Dataset)
    bought = [
        one
        for one in contract.subjects
        if (data := datasets.get(one.removeprefix("dataset/"))) is not None
        and one.startswith("dataset/")
        and (data.type == "social" or data.origin == "bought")
    ]
    if bought:
        who = f"unit/{contract.unit}" if contract.unit else "a unit that is not named"
        message = f"{who} buys {', '.join(bought)} for itself"
        cure = "let the unit that manages the data buy them for all: `unit`, or `central: true`"
        yield Breach(f"contract/{name}", message, "unit", cure=cure)


@rule(
    "X-06",
    "flag",
    *("dataset.origin", "dataset.same_as", "dataset.unit", "dataset.application", "dataset.status"),
    "application.unit",
    each=Dataset,
)
def nothing_is_collected_twice(case: Case, name: str, dataset: Dataset) -> Iterator[Breach]:
    """What one unit has collected, no other collects again."""
    if dataset.origin not in ("collected", "own") or dataset.status not in BUILT:
        return
    mine = _holder(case, dataset)
    for other in dataset.same_as:
        said = case.catalogue.all(Dataset).get(other)
        if said is not None and said.status in BUILT and mine and _holder(case, said) not in ("", mine):
            message = f"unit/{mine} collects what unit/{_holder(case, said)} has in dataset/{other}"
            cure = f"take it from dataset/{other} through the exchange, and retire this one"
            yield Breach(f"dataset/{name}", message, "same_as", cure=cure)


def _holder(case: Case, dataset: Dataset) -> str:
    """The unit that answers for data, or whose application keeps them."""
    application = case.catalogue.find("application", dataset.application)
    return dataset.unit or getattr(application, "unit", "")


@rule(
    "X-07",
    "flag",
    *("dataset.classified", "dataset.open", "dataset.opened_through", "dataset.status", "dataset.unit"),
    *("dataset.sharing", *REVIEW),
    each=Dataset,
)
def public_data_are_open(case: Case, name: str, dataset: Dataset) -> Iterator[Breach]:
    """Public data are open, unless the list of what stays closed names them."""
    key = f"dataset/{name}"
    if dataset.classified or dataset.open or dataset.opened_through or dataset.status not in SERVING:
        return
    if not case.reviewed("exception", [key]):
        message = "is neither open nor on the list of what stays closed"
        cure = "open it (`opened_through`), or a review of type exception names the list's document"
        yield Breach(key, message, "open", cure=cure)


@rule(
    "X-08",
    "deny",
    *("dataset.open", "dataset.opened_through", "dataset.status", "exchange.role"),
    each=Dataset,
)
def open_data_are_on_the_one_platform(case: Case, name: str, dataset: Dataset) -> Iterator[Breach]:
    """What government publishes, it publishes on the one open platform."""
    if not (dataset.open or dataset.opened_through) or dataset.status not in SERVING:
        return
    exchange = case.catalogue.all(Exchange).get(dataset.opened_through)
    if exchange is None or exchange.role != "opening":
        other = (
            f"through exchange/{dataset.opened_through}, which is no open platform"
            if exchange
            else "elsewhere"
        )
        message = f"is published {other}"
        cure = "name the open platform in `opened_through`"
        yield Breach(f"dataset/{name}", message, "opened_through", cure=cure)


@rule(
    "X-11",
    "require",
    *("dataset.unit", "dataset.status", "person.unit"),
    *("inspection.type", "inspection.subject", "inspection.date", "inspection.responsible"),
    "inspection.document",
    each=Dataset,
)
def somebody_answers_for_quality(case: Case, name: str, dataset: Dataset) -> Iterator[Breach]:
    """The unit that provides data names who answers for their quality."""
    if not dataset.unit or dataset.status not in SERVING:
        return
    key, persons = f"dataset/{name}", case.catalogue.all(Person)
    named = [i.responsible for _, i in case.inspections("data_quality", key) if i.document]
    if not any(one in persons and persons[one].unit == dataset.unit for one in named if one):
        message = f"nobody of unit/{dataset.unit}, which provides it, answers for its quality"
        cure = "an inspection of type data_quality that names one of its people, in `document`"
        yield Breach(key, message, cure=cure)
