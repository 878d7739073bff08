"""The protection catalogue (网络和信息安全保障目录, 000:L91): what is protected, and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from ..ledger.browsing import Says, Seen, View, Where
from ..model.catalogue import Catalogue
from ..policy import Case
from ..policy.protecting import emergency_plan, protected

# Of these only what says that it is important is protected: there are many.
WEIGHTY = (Says(('"important":true',)),)
WHOLE = ("zone", "cloud", "site", "recovery_plan")


class Object(msgspec.Struct, frozen=True):
    """An object of the catalogue; the keys are those of ``ls --protected --json``.

    ``sort``: network, system or data; ``grade``: its level of graded protection, 0: not determined;
    ``person``: who answers for it; ``since``: the day it was put in the catalogue; ``plan``: its emergency
    plan. The last three are empty where there is none.
    """

    entry: str
    title: str
    sort: str
    grade: int
    person: str
    since: str
    plan: str


def catalogue(view: View, today: date) -> list[Object]:
    """Everything that belongs in the protection catalogue, in it or not, network before systems and data."""
    seen = {entry.key: entry for entry in _read(view)}
    fields: dict[tuple[str, str], dict[str, Any]] = {key: entry.fields for key, entry in seen.items()}
    case = Case(Catalogue.of(fields), today)
    out = []
    for one in protected(case):
        kind, _, name = one.key.partition("/")
        plan, counts = emergency_plan(case, one.key)
        told = (one.sort, one.grade, one.person, one.since, plan if counts else "")
        out.append(Object(one.key, seen[kind, name].title, *told))
    return out


def _read(view: View) -> Iterator[Seen]:
    for kind in WHOLE:
        yield from view.listing(Where(kind=kind))
    yield from view.listing(Where(kind="application", says=WEIGHTY))
    data = list(view.listing(Where(kind="dataset", says=WEIGHTY)))
    yield from data
    # Data have the level of the application that keeps them.
    yield from view.named("application", {str(one.get("application")) for one in data}).values()
