"""Data centres and machine rooms: which may be built, which merge, and where departments build."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.application import Application
from ..model.change import Wave
from ..model.cloud import Cloud
from ..model.datacentre import Room, Site
from ..model.governance import Programme
from ..model.organisation import Unit
from .base import Breach, Case, Verdict
from .evidence import REVIEW
from .housing import (
    BASE,
    CENTRE_BACK,
    CENTRE_READS,
    DEPARTMENT,
    PROJECT_READS,
    asks_for_itself,
    first_of,
    is_allowed,
    is_centre,
    relies_on,
    undecided,
)
from .registry import rule

SITE = (
    "site.role",
    "site.status",
    "site.unit",
    "site.level",
    "site.scope",
    "unit.type",
    "unit.level",
)
DATA_CENTRE = frozenset({"data_centre"})
ROOMS = frozenset({"machine_room", "platform", "system"})
LOCAL = ("city", "county", "town", "village")
EXCEPTION = "a review of type exception that was passed, with the document that allows it"


INSTEAD = "room in the provincial data centre or on its cloud; else a waiver of D-01"


def _new(case: Case, name: str, site: Site) -> bool:
    """Whether a data centre is still to be decided on."""
    return site.role == "datacentre" and undecided(case, f"site/{name}", site.status)


def _of_enterprise(case: Case, site: Site) -> bool:
    """Whether it is an enterprise's, or for a trade or a region and no government's (003:L81)."""
    unit = case.catalogue.all(Unit).get(site.unit)
    if unit is not None:
        return unit.type == "enterprise"
    return site.scope in ("enterprise", "industry", "regional")


def _department(case: Case, site: Site) -> bool:
    """Whether it is a department's: by whose it is, or as it serves one field of government."""
    unit = case.catalogue.all(Unit).get(site.unit)
    return site.scope == "sector" or (unit is not None and unit.type in DEPARTMENT)


def _local(case: Case, site: Site) -> bool:
    """Whether it is a city's, a county's or of what is below: by what it serves, and by whose it is."""
    unit = case.catalogue.all(Unit).get(site.unit)
    return site.level in LOCAL or (unit is not None and unit.level in LOCAL)


def _isolating(case: Case, name: str) -> bool:
    """Whether a unit is a provincial department or of a county's government: 省各部门、县级政府."""
    unit = case.catalogue.all(Unit).get(name)
    if unit is None:
        return False
    if unit.level == "county":
        return unit.type in (*DEPARTMENT, "government")
    return unit.level == "province" and unit.type in DEPARTMENT


@rule(
    "D-01",
    "deny",
    *(*SITE, *REVIEW, *CENTRE_READS, "room.site", "room.unit", "room.status"),
    *PROJECT_READS,
)
def no_isolated_machine_rooms(case: Case) -> Iterator[Breach]:
    """Provincial departments and county governments get no isolated rooms, platforms or systems any more."""
    yield from _isolated_centres(case)
    yield from _isolated_rooms(case)
    yield from _isolated_projects(case)


def _isolated_centres(case: Case) -> Iterator[Breach]:
    for name, site in case.catalogue.all(Site).items():
        alone = _new(case, name, site) and not site.merges_into and not is_centre(case, name)
        if alone and _isolating(case, site.unit) and not _of_enterprise(case, site):
            if not is_allowed(case, f"site/{name}"):
                message = f"is a new data centre of unit/{site.unit} alone, merged into none"
                yield Breach(f"site/{name}", message, "status", (), INSTEAD)


def _isolated_rooms(case: Case) -> Iterator[Breach]:
    for name, room in case.catalogue.all(Room).items():
        if not undecided(case, f"room/{name}", room.status):
            continue
        site = case.catalogue.all(Site).get(room.site)
        unit = room.unit or (site.unit if site is not None else "")
        joined = site is not None and (site.merges_into or site.role == "recovery")
        if joined or is_centre(case, room.site) or not _isolating(case, unit):
            continue
        if not is_allowed(case, f"room/{name}"):
            message = (
                f"is a new machine room of unit/{unit} at site/{room.site}, outside the province's centre"
            )
            yield Breach(f"room/{name}", message, "status", (), INSTEAD)


def _isolated_projects(case: Case) -> Iterator[Breach]:
    for name, programme in case.catalogue.all(Programme).items():
        alone = asks_for_itself(programme, ROOMS) and not relies_on(programme, *BASE)
        if not alone or not _isolating(case, programme.unit):
            continue
        if not is_allowed(case, f"programme/{name}"):
            what = first_of(programme, ROOMS)
            message = f"builds a {what} for unit/{programme.unit} that relies on nothing shared"
            yield Breach(f"programme/{name}", message, "uses", (), f"`uses`: what it relies on; {INSTEAD}")


@rule("D-02", "deny", *SITE, *REVIEW, *CENTRE_READS, *PROJECT_READS)
def new_centres_need_an_exception(case: Case) -> Iterator[Breach]:
    """A new data centre of a department, city or county needs an explicit exception, or is a pilot (D-04)."""
    for name, site in case.catalogue.all(Site).items():
        key = f"site/{name}"
        if not _new(case, name, site) or is_centre(case, name) or _of_enterprise(case, site):
            continue
        whose = (
            "a city or county" if _local(case, site) else "a department" if _department(case, site) else ""
        )
        pilot = _local(case, site) and case.reviewed("regional_pilot", [key])
        if whose and not pilot and not is_allowed(case, key):
            message = f"is a new data centre of {whose}, and nothing says why it is an exception"
            yield Breach(key, message, "status", (), f"use the provincial data centre, or {EXCEPTION}")
    yield from _projects(case, (*DEPARTMENT, "government"))


@rule("D-03", "deny", *SITE, *REVIEW, *CENTRE_READS, *PROJECT_READS)
def new_centres_of_departments_need_an_exception(case: Case) -> Iterator[Breach]:
    """A new data centre of a department is strictly controlled."""
    for name, site in case.catalogue.all(Site).items():
        free = is_centre(case, name) or _of_enterprise(case, site) or not _department(case, site)
        if _new(case, name, site) and not free and not is_allowed(case, f"site/{name}"):
            whose = f"unit/{site.unit}" if site.unit else "one field of government"
            message = f"is a new data centre of {whose}, and nothing says why it is an exception"
            cure = f"use the provincial data centre, or {EXCEPTION}"
            yield Breach(f"site/{name}", message, "status", (), cure)
    yield from _projects(case, DEPARTMENT)


def _projects(case: Case, types: tuple[str, ...]) -> Iterator[Breach]:
    """Projects of units of these types that build a data centre and are no part of the provincial one."""
    for name, programme in case.catalogue.all(Programme).items():
        unit = case.catalogue.all(Unit).get(programme.unit)
        if unit is None or unit.type not in types or not asks_for_itself(programme, DATA_CENTRE):
            continue
        joined = any(is_centre(case, one.removeprefix("site/")) for one in relies_on(programme, "site"))
        if not joined and not is_allowed(case, f"programme/{name}"):
            message = f"builds a data centre for unit/{programme.unit}, and no exception is named"
            cure = f"`uses`: the provincial data centre, or {EXCEPTION}"
            yield Breach(f"programme/{name}", message, "builds", (), cure)


@rule("D-04", "deny", *SITE, *REVIEW, "site.merges_into", each=Site, back=("site.merges_into",))
def pilots_integrate_a_region(case: Case, name: str, site: Site) -> Iterator[Breach]:
    """What was allowed as a pilot of regional integration is a city's or county's, and integrates others."""
    key = f"site/{name}"
    # Without the review nothing is a pilot, and D-01, D-02 and D-03 do not spare it.
    if site.status == "retired" or not case.reviewed("regional_pilot", [key]):
        return
    new = site.status == "planned"
    if not _local(case, site):
        message = "is a pilot of regional integration, and is no city's or county's"
        yield Breach(key, message, "level", (), "the level and unit whose it is", None if new else "require")
    elif not case.named_by(Site, "merges_into", key):
        message = "is a pilot of regional integration, and no other centre is merged into it"
        yield Breach(key, message, "", (), f"`merges_into: {name}` in those that it integrates", "require")


@rule(
    "D-05",
    "flag",
    *(*SITE, *CENTRE_READS, "site.consolidation", "site.merges_into", "site.merge_by"),
    *("wave.moves", "wave.to_site", "wave.method", "wave.status"),
    each=Site,
    back=(*CENTRE_BACK, "wave.moves"),
)
def centres_go_into_the_provincial_one(case: Case, name: str, site: Site) -> Iterator[Breach]:
    """What cities, counties and departments have is merged logically or moved physically, step by step."""
    theirs = _local(case, site) or _department(case, site)
    if site.role != "datacentre" or site.status not in ("running", "rebuilding") or not theirs:
        return
    if is_centre(case, name) or _of_enterprise(case, site) or site.consolidation == "stays":
        return
    key = f"site/{name}"
    waves = [(n, w) for n, w in case.named_by(Wave, "moves", key) if w.status != "rolled_back"]
    into = site.merges_into or next((w.to_site for _, w in waves if w.to_site), "")
    mode = site.consolidation if site.consolidation != "undecided" else ""
    mode = mode or next((w.method for _, w in waves if w.method in ("logical", "physical")), "")
    if not mode:
        cure = "`consolidation: logical` or `physical`, with `merges_into`; or `stays`"
        yield Breach(key, "nobody decided how it goes into the provincial centre", "consolidation", (), cure)
    elif not is_centre(case, into):
        message = f"goes into site/{into}, which is not the provincial data centre" if into else ""
        message = message or "nothing says into which centre it goes"
        yield Breach(key, message, "merges_into", (), "`merges_into`: the provincial data centre")
    elif not waves:
        message = f"goes into site/{into}, and no wave says by which steps"
        yield Breach(key, message, "", (), f"a wave with `moves: [{key}]`, `to_site` and `method: {mode}`")
    elif site.merge_by and site.merge_by < case.as_of.isoformat()[: len(site.merge_by)]:
        message = f"was to be part of site/{into} by {site.merge_by}, and stands"
        yield Breach(key, message, "merge_by", (f"wave/{waves[0][0]}",), "`status: retired` once it is done")


@rule("D-11", "deny", *SITE, each=Site)
def centres_have_two_levels(case: Case, name: str, site: Site) -> Iterator[Breach]:
    """Data centres of government are the province's or a city's."""
    unit = case.catalogue.all(Unit).get(site.unit)
    if site.role != "datacentre" or site.status == "retired" or _of_enterprise(case, site):
        return
    # What is said of the unit counts too, for a group of units is of no level.
    level = unit.level if unit is not None and unit.type in (*DEPARTMENT, "government") else site.level
    lowest = next((one for one in (site.level, level) if one not in ("province", "city")), "")
    if lowest:
        message = f"is a data centre of level {lowest}; there are those of the province and of cities"
        verdict: Verdict | None = None if site.status in ("planned", "building") else "flag"
        yield Breach(f"site/{name}", message, "level", (), "the centre of its city: `merges_into`", verdict)


@rule(
    "D-12",
    "deny",
    *(*SITE, "cloud.site", "cloud.role", "cloud.status", "cloud.temporary", "application.site"),
    *("application.classified", "application.status", "application.type"),
    each=Site,
    back=("cloud.site", "application.site"),
)
def centres_of_enterprises_serve_data_and_trades(case: Case, name: str, site: Site) -> Iterator[Breach]:
    """A centre that an enterprise has serves big data, regions and trades: not the province's own cloud for
    good, and nothing classified."""
    unit = case.catalogue.all(Unit).get(site.unit)
    enterprise = site.scope == "enterprise" or (unit is not None and unit.type == "enterprise")
    if site.role != "datacentre" or site.status == "retired" or not enterprise:
        return
    key = f"site/{name}"
    for cloud_name, cloud in case.named_by(Cloud, "site", key):
        if cloud.role == "provincial" and not cloud.temporary and cloud.status != "retired":
            message = f"houses cloud/{cloud_name}, the province's own; it may for the transition alone"
            verdict: Verdict | None = None if cloud.status == "planned" else "flag"
            yield Breach(
                key, message, "scope", (f"cloud/{cloud_name}",), "`temporary: true` with `due`", verdict
            )
    for application_name, application in case.named_by(Application, "site", key):
        if application.classified and application.status != "retired":
            message = f"houses application/{application_name}, which is classified"
            verdict = None if application.status == "planned" else "require"
            yield Breach(
                key, message, "scope", (f"application/{application_name}",), "on the intranet", verdict
            )
