"""Data exchange: who is docked with what, and by which way data go from one unit to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..model.application import Application, Dependency
from ..model.lines import Exchange
from ..model.network import Zone
from ..model.organisation import Region, Unit
from ..model.services import Dataset
from .base import Breach, Case
from .housing import OWN
from .registry import rule

# What is built and used, and what is being built: 已建, 在建, 改建 of 001:L242.
BUILT = ("running", "building", "rebuilding")
SERVING = ("running", "rebuilding")
# Who asks by these words is a body of government of the level; a group stands for several.
BODIES = ("department", "government", "management", "institution")
DOCKING = ("application.exchanges", "exchange.role", "exchange.status")
PROVINCIAL = ("exchange.role", "exchange.status", "exchange.unit", "unit.level", "unit.type")
YEARS = ("2022", "2023", "2024")
NAMED = 5


@rule(
    "X-01",
    "target",
    *("application.unit", "application.status", "application.classified", "unit.type", "unit.level"),
    *("application.type", *DOCKING, *PROVINCIAL),
    each=Application,
)
def systems_are_docked(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """Systems of departments, cities and counties are docked with the provincial exchange platform."""
    unit = case.catalogue.all(Unit).get(application.unit)
    if unit is None or application.status not in SERVING or unit.type not in BODIES:
        return
    if unit.level not in ("province", "city", "county") or application.type == "exchange":
        return
    policy = case.values("data-exchange")
    early = unit.level == "province" and not application.classified
    start = str(policy["departments_from" if early else "all_from"])
    if case.reached(start) and not any(_is_provincial(case, one) for one in application.exchanges):
        message = f"is docked with no exchange platform that works; it has been due since {start}"
        cure = "name the provincial exchange platform in `exchanges`, and bring it into service"
        yield Breach(f"application/{name}", message, "exchanges", cure=cure)


def _is_provincial(case: Case, name: str) -> bool:
    """Whether an exchange is the province's between units, and in service: none that a department, a city
    or a county has for itself."""
    if not _shares(case, name):
        return False
    unit = case.catalogue.all(Unit).get(case.catalogue.get(Exchange, name).unit)
    return unit is None or (unit.level == "province" and unit.type not in OWN)


def _shares(case: Case, name: str) -> bool:
    """Whether an exchange is one between units, and in service."""
    exchange = case.catalogue.all(Exchange).get(name)
    return exchange is not None and exchange.role == "sharing" and exchange.status in SERVING


@rule(
    "X-02",
    "deny",
    *("dataset.origin", "dataset.exchange", "dataset.status", *PROVINCIAL),
    each=Dataset,
)
def what_flows_back_comes_by_the_platform(case: Case, name: str, dataset: Dataset) -> Iterator[Breach]:
    """Data that flow back from ministries come through the exchange platform."""
    if dataset.origin != "ministry" or dataset.status not in BUILT:
        return
    if not _is_provincial(case, dataset.exchange):
        other = f"through exchange/{dataset.exchange}, which is not the province's between units, in service"
        through = other if dataset.exchange in case.catalogue.all(Exchange) else "by itself"
        message = f"flows back from a ministry {through}"
        cure = "name the provincial exchange platform in `exchange`"
        yield Breach(f"dataset/{name}", message, "exchange", cure=cure)


@rule(
    "X-09",
    "require",
    *("dataset.type", "dataset.zones", "dataset.status", "dataset.exchange", "exchange.zones"),
    *("zone.role", "zone.within", *PROVINCIAL),
    each=Dataset,
)
def base_databases_stand_on_both_platforms(case: Case, name: str, dataset: Dataset) -> Iterator[Breach]:
    """A base database stands on the platforms of the intranet and of the extranet."""
    if dataset.type != "base" or dataset.status not in BUILT:
        return
    served = _is_provincial(case, dataset.exchange)
    zones = [*dataset.zones, *(case.catalogue.get(Exchange, dataset.exchange).zones if served else ())]
    roles = {case.role(zone) for zone in zones if zone in case.catalogue.all(Zone)}
    lacks = [role for role in ("intranet", "extranet") if role not in roles]
    if lacks:
        message = f"is a base database that does not stand on the {' nor the '.join(lacks)}"
        cure = "deploy it on both, and name both in `zones`"
        yield Breach(f"dataset/{name}", message, "zones", cure=cure)


@rule(
    "X-10",
    "require",
    *("application.status", "application.exchanges", "application.docked_with", "application.merges_into"),
    *("dependency.application", "dependency.needs", "dependency.exchange", "exchange.status"),
    each=Application,
    back=("dependency.application", "dependency.needs"),
)
def what_is_built_exchanges(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """Systems that are built, or being built, are connected and exchange what they know."""
    if application.status not in BUILT or application.merges_into:
        return
    key = f"application/{name}"
    joins = (one for field in ("application", "needs") for one in case.named_by(Dependency, field, key))
    through = (*application.exchanges, *(one.exchange for _, one in joins))
    exchanges, others = case.catalogue.all(Exchange), case.catalogue.all(Application)
    # What is being built is connected to what is being built; what is gone, or only meant, connects nothing.
    if any(one in exchanges and exchanges[one].status in BUILT for one in through):
        return
    if any(one in others and others[one].status in BUILT for one in application.docked_with):
        return
    message = f"is {application.status} and exchanges with no other system, through nothing"
    cure = "name the exchange in `exchanges`, or the systems it is connected to in `docked_with`"
    yield Breach(key, message, "exchanges", cure=cure)


@rule(
    "X-12",
    "target",
    *("application.province_built", "application.scope", "application.status", "application.exchanges"),
    *("dataset.application", "dataset.sharing", "dataset.exchange", "exchange.role", "exchange.status"),
    *("region.level",),
)
def systems_of_the_province_share(case: Case) -> Iterator[Breach]:
    """So many of the systems that the province built share their data, year by year."""
    policy = case.values("data-exchange")
    due = [year for year in YEARS if case.reached(f"{year}-12-31")]
    if not due:
        return
    systems = {
        name: one
        for name, one in case.catalogue.all(Application).items()
        if one.status in SERVING and (one.province_built or one.scope == "province")
    }
    shared = {one.application for one in case.catalogue.all(Dataset).values() if _goes_out(case, one)}
    without = sorted(
        name
        for name, one in systems.items()
        if name not in shared and not any(_shares(case, exchange) for exchange in one.exchanges)
    )
    if not systems:
        return
    least = float(policy[f"shared_percent_{due[-1]}"])
    percent = 100 * (len(systems) - len(without)) / len(systems)
    if percent < least:
        message = (
            f"{len(systems) - len(without)} of {len(systems)} systems that the province built share their "
            f"data, {percent:.0f}%; {least:g}% have been due since the end of {due[-1]}"
        )
        witness = tuple(f"application/{name}" for name in without[:NAMED])
        cure = "share the data of those through an exchange between units: `sharing` and `exchange` say so"
        yield Breach(_province(case.catalogue.all(Region)), message, "", witness, cure)


def _goes_out(case: Case, dataset: Dataset) -> bool:
    return dataset.sharing in ("unconditional", "conditional") and _shares(case, dataset.exchange)


def _province(regions: Mapping[str, Any]) -> str:
    """The region of level province; where none is, any name will do for what is missing."""
    return f"region/{_first((n for n, r in regions.items() if r.level == 'province'), 'province')}"


def _first(names: Iterable[str], otherwise: str) -> str:
    return next(iter(names), otherwise)
