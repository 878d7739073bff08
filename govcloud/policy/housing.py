"""Where things stand and whose they are: an application's clouds, the province's own cloud and centre.

Rules of clouds, centres, recovery and grading ask it. For the register, each question has the fields that it
reads (``..._READS``) and those by which it looks back (``..._BACK``); what is here keeps to what a rule of
one entry may ask (``Case``).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ..model.application import Application, Endpoint
from ..model.change import Wave
from ..model.cloud import Cloud, Instance, Project
from ..model.datacentre import Site
from ..model.governance import Programme
from ..model.organisation import Region, Unit
from .base import Case

# 001:L242 tells four states apart: 新建, 改建 (what is decided now), 在建, 已建 (what stands, or nearly).
NEW = ("planned", "rebuilding")
BUILT = ("building", "running")
SERVING = ("running", "rebuilding")
STANDING = ("building", "running", "rebuilding")
# Sorts of unit that the documents call a department (各部门 and what is under them).
DEPARTMENT = ("department", "institution", "management")
# Those of them that run nothing for all: what is theirs is their own.
OWN = ("department", "institution")

CLOUDS_READS = (
    *("application.cloud", "instance.application", "instance.project", "project.cloud"),
    *("endpoint.application", "endpoint.instance"),
)
CLOUDS_BACK = ("instance.application", "endpoint.application")
PROVINCIAL_READS = ("cloud.role", "cloud.unit", "cloud.site", "site.role", "unit.level", "unit.type")
CENTRE_READS = (
    *("site.role", "site.level", "site.scope", "site.unit", "site.status", "site.merges_into"),
    *("unit.type", "unit.level", "cloud.site", "cloud.role", "cloud.temporary", "cloud.unit"),
)
CENTRE_BACK = ("cloud.site", "site.merges_into")
OURS_READS = ("application.type", "application.scope", "application.unit", "unit.type", "unit.level")
WAVE_READS = ("wave.moves", "wave.to_cloud", "wave.status", "wave.ends_at")
WAVE_BACK = ("wave.moves",)
PROJECT_READS = (
    *("programme.type", "programme.status", "programme.builds", "programme.uses", "programme.needs"),
    "programme.unit",
)
# What of the base something can rely on.
BASE = ("site", "cloud", "zone", "exchange", "component")

_DOCUMENT = re.compile(r"\b(\d{3}):L\d+")


def machines_of(case: Case, name: str) -> dict[str, Instance]:
    """The instances that an application runs on: those that say so, and those behind its endpoints."""
    key = f"application/{name}"
    found = dict(case.named_by(Instance, "application", key))
    instances = case.catalogue.all(Instance)
    for _, endpoint in case.named_by(Endpoint, "application", key):
        if endpoint.instance in instances:
            found[endpoint.instance] = instances[endpoint.instance]
    return found


def clouds_of(case: Case, name: str, application: Application) -> dict[str, str]:
    """The clouds an application is on, or goes to, and the entry that says so (``instance/x``)."""
    clouds, projects = case.catalogue.all(Cloud), case.catalogue.all(Project)
    found = {application.cloud: f"application/{name}"} if application.cloud in clouds else {}
    for machine, instance in machines_of(case, name).items():
        project = projects.get(instance.project)
        if project is not None and project.cloud in clouds:
            found.setdefault(project.cloud, f"instance/{machine}")
    return found


def is_provincial(case: Case, name: str) -> bool:
    """Whether a cloud is the province's own: its role, of no department or lower unit, no recovery cloud."""
    cloud = case.catalogue.all(Cloud).get(name)
    if cloud is None or cloud.role != "provincial":
        return False
    unit = case.catalogue.all(Unit).get(cloud.unit)
    # A department of the province has one of its own, whatever role it is said to have.
    whose = unit is None or (unit.level == "province" and unit.type not in OWN)
    return whose and not at_recovery_site(case, cloud)


def at_recovery_site(case: Case, cloud: Cloud) -> bool:
    """Whether a cloud stands at a recovery site: what runs there is a second home."""
    site = case.catalogue.all(Site).get(cloud.site)
    return site is not None and site.role == "recovery"


def is_centre(case: Case, name: str) -> bool:
    """Whether a site is the province's own data centre (省政府数据中心).

    ``profile/centres`` names it; where it names none, it is a data centre for all of government, of no
    department alone, that houses the provincial cloud, that others that are in service are merged into, or
    that the province's government runs.
    """
    site = case.catalogue.all(Site).get(name)
    if site is None or site.role != "datacentre" or site.status == "retired":
        return False
    if said := case.values("centres")["provincial"]:
        return name in said
    if site.level != "province" or site.scope != "government":
        return False
    unit = case.catalogue.all(Unit).get(site.unit)
    if unit is not None and unit.level == "province" and unit.type in ("government", "management"):
        return True
    if unit is not None and unit.type in OWN:
        return False
    key = f"site/{name}"
    clouds = case.named_by(Cloud, "site", key)
    houses = any(is_provincial(case, cloud) and not one.temporary for cloud, one in clouds)
    # What is merged with something that is not built yet proves nothing, nor does what is gone.
    merged = (one for _, one in case.named_by(Site, "merges_into", key) if one.status in SERVING)
    return houses or (site.status in SERVING and any(one.role == "datacentre" for one in merged))


def is_ours(case: Case, application: Application) -> bool:
    """Whether it is a system of the province's government: none of a trade, an enterprise or the nation.

    A system of a body of the province, of a city or a county is none of the nation's, whatever it says.
    """
    unit = case.catalogue.all(Unit).get(application.unit)
    private = unit is not None and unit.type == "enterprise"
    national = application.scope == "national" and not _of_government(unit)
    return application.type != "industry" and not national and not private


def _of_government(unit: Unit | None) -> bool:
    """Whether it is a body of the province's government, or of that of a city, a county or below."""
    return unit is not None and unit.level != "centre" and unit.type in (*DEPARTMENT, "government")


def is_kept_by_a_body(case: Case, name: str, application: Application) -> bool:
    """Whether a body of government has a system on a cloud, or at a site, of such a body: then it is for
    government, whatever trade it says that it is of. The provincial cloud is all people's."""
    units, clouds = case.catalogue.all(Unit), case.catalogue.all(Cloud)
    if application.type != "industry" or not _of_government(units.get(application.unit)):
        return False
    on = [one for one in clouds_of(case, name, application) if not is_provincial(case, one)]
    whose = [clouds[one].unit for one in on]
    site = case.catalogue.all(Site).get(application.site)
    if site is not None and not on:
        whose.append(site.unit)
    return any(_of_government(units.get(one)) for one in whose)


def on_its_way(case: Case, subject: str) -> str:
    """The wave that moves something to the provincial cloud and whose window is not over; else empty."""
    today = case.as_of.isoformat()
    for name, wave in case.named_by(Wave, "moves", subject):
        over = wave.status == "rolled_back" or (wave.ends_at and wave.ends_at[:10] < today)
        if is_provincial(case, wave.to_cloud) and (not over or wave.status in ("verified", "done")):
            return f"wave/{name}"
    return ""


def named_by_a_document(case: Case, source: str) -> bool:
    """Whether a thing says that a document that binds here plans it."""
    return bool(case.binding.intersection(_DOCUMENT.findall(source)))


def is_allowed(case: Case, key: str) -> bool:
    """Whether there is an explicit exception: a review of it with its document.

    What an entry gives as its own source allows nothing.
    """
    return case.reviewed("exception", [key])


def undecided(case: Case, key: str, status: str, statuses: Collection[str] = ("planned",)) -> bool:
    """Whether something is still to be decided on: by its status, or as the plan at the gate creates it; then
    it stood nowhere, whatever it says of itself."""
    return status in statuses or (status != "retired" and case.is_new(key))


def seniority(case: Case, key: str, status: str) -> tuple[bool, int]:
    """Sorts entries of one sort by what was there first: accepted before new, in service before planned."""
    order = ("running", "rebuilding", "building")
    return case.is_new(key), order.index(status) if status in order else len(order)


def asks_for_itself(programme: Programme, kinds: frozenset[str]) -> bool:
    """Whether a programme is a project still to be decided on that builds one of these kinds of thing."""
    undecided = programme.type == "project" and programme.status == "planned"
    return undecided and bool(kinds.intersection(programme.builds))


def first_of(programme: Programme, kinds: frozenset[str]) -> str:
    """The first of these kinds of thing that a programme builds, in words."""
    return next(one for one in programme.builds if one in kinds).replace("_", " ")


def relies_on(programme: Programme, *kinds: str) -> list[str]:
    """What of the base a programme relies on (`uses`, `needs`), of these kinds or of any."""
    said = [*programme.uses, *programme.needs]
    return [one for one in said if not kinds or one.partition("/")[0] in kinds]


def within(case: Case, region: str, codes: list[str]) -> bool:
    """Whether a region, or one that it lies in, has one of these codes of GB/T 2260."""
    regions = case.catalogue.all(Region)
    seen: set[str] = set()
    while region in regions and region not in seen:
        seen.add(region)
        if regions[region].code in codes:
            return True
        region = regions[region].parent
    return False
