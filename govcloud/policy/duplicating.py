"""What is built twice: a project beside the province's cloud, centre, platform or component."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..model.application import Application, Component
from ..model.cloud import Cloud
from ..model.datacentre import Site
from ..model.governance import Programme
from ..model.organisation import Unit
from .base import Breach, Case, Verdict
from .evidence import SERVING
from .registry import rule

OPEN = frozenset({"planned", "approved"})
# Role of the site that a project of this sort makes.
CENTRES = {"data_centre": "datacentre", "recovery_centre": "recovery"}
SHOWN = 3


@dataclass(frozen=True)
class There:
    """What is there already and is offered to all, gathered once for all projects."""

    clouds: Mapping[str, Cloud]
    sites: Mapping[str, Site]
    # By type: those of which one is enough, and those that anybody may use.
    applications: Mapping[str, list[str]]
    components: Mapping[str, list[tuple[str, Component]]]
    # Types of components that are being made out of an application, by its name.
    becoming: Mapping[str, set[str]]


def _there(case: Case) -> There:
    units, policy = case.catalogue.all(Unit), case.values("duplication")
    clouds = {
        name: cloud
        for name, cloud in case.catalogue.all(Cloud).items()
        if cloud.role == "provincial" and cloud.status in SERVING
    }
    sites = {
        name: site
        for name, site in case.catalogue.all(Site).items()
        if site.role in CENTRES.values()
        and site.scope == "government"
        and site.status in SERVING
        # One entry for the rooms of many units is no centre.
        and not (site.unit in units and units[site.unit].type == "group")
    }
    applications: dict[str, list[str]] = {}
    for name, application in case.catalogue.all(Application).items():
        whole = application.province_built or application.scope == "province"
        if application.type in policy["application_types"] and whole and application.status in SERVING:
            applications.setdefault(application.type, []).append(name)
    components: dict[str, list[tuple[str, Component]]] = {}
    becoming: dict[str, set[str]] = {}
    for name, component in case.catalogue.all(Component).items():
        if component.type in policy["component_types"]:
            if component.offered and component.status in SERVING:
                components.setdefault(component.type, []).append((name, component))
            elif component.application and component.status in ("planned", "building"):
                becoming.setdefault(component.application, set()).add(component.type)
    return There(clouds, sites, applications, components, becoming)


@rule(
    "F-08",
    "deny",
    *("programme.type", "programme.status", "programme.builds", "programme.uses", "programme.unit"),
    *("programme.applications", "programme.duplicates", "programme.leads", "unit.region", "unit.level"),
    *("unit.type", "cloud.role", "cloud.status", "cloud.unit", "site.role", "site.status", "site.level"),
    *("site.scope", "site.unit", "site.region", "component.offered", "component.status", "component.type"),
    *("component.application", "application.type", "application.status", "application.province_built"),
    *("application.scope", "application.rebuilds", "application.merges_into", "application.platforms"),
)
def nothing_is_built_twice(case: Case) -> Iterator[Breach]:
    """A project builds nothing again that is there: it uses it, or is merged into it.

    What a project says itself that it duplicates is denied as long as it is not begun; so is what its fields
    show, where a unit asks for it. A project that only a document names is flagged.
    """
    there = _there(case)
    for name, programme in case.catalogue.all(Programme).items():
        if programme.type != "project" or programme.status not in (*OPEN, "building"):
            continue
        said = [one for one in programme.duplicates if one not in programme.uses]
        found = [
            o for o in dict.fromkeys(_twice(case, there, programme)) if o not in (*said, *programme.uses)
        ]
        stands: Verdict = "deny" if programme.status in OPEN else "require"
        told: tuple[tuple[list[str], str, Verdict], ...] = (
            (said, "duplicates", stands),
            (found, "builds", stands if programme.unit else "flag"),
        )
        for twice, field, verdict in told:
            if twice:
                rest = f" and {len(twice) - SHOWN} more" if len(twice) > SHOWN else ""
                message = f"builds again what is there: {', '.join(twice[:SHOWN])}{rest}"
                cure = "name it in `uses` and build on it, or merge the project into it"
                yield Breach(f"programme/{name}", message, field, tuple(twice), cure, verdict)


def _twice(case: Case, there: There, programme: Programme) -> Iterator[str]:
    """What is there of what a project builds, as ``kind/name``."""
    if "cloud" in programme.builds:
        yield from (f"cloud/{n}" for n, cloud in there.clouds.items() if not _own(programme, cloud.unit))
    roles = {CENTRES[what] for what in programme.builds if what in CENTRES}
    if roles:
        yield from _centres(case, there, programme, roles)
    applications = case.catalogue.all(Application)
    for name in programme.applications:
        if name in applications:
            yield from _systems(there, programme, name, applications[name])
            components = case.catalogue.all(Component)
            again = (c for c in applications[name].rebuilds if c in components and components[c].offered)
            yield from (f"component/{component}" for component in again)


def _own(programme: Programme, unit: str) -> bool:
    """Whether who builds is who has it already: that is going on with one's own, not building it twice."""
    return bool(unit) and (unit == programme.unit or unit in programme.leads)


def _centres(case: Case, there: There, programme: Programme, roles: set[str]) -> Iterator[str]:
    """Centres of the same level; of a city or county only those in the same place."""
    unit = case.catalogue.all(Unit).get(programme.unit)
    level = unit.level if unit else "province"
    for name, site in there.sites.items():
        near = unit is None or level == "province" or site.region == unit.region
        if site.role in roles and site.level == level and near and not _own(programme, site.unit):
            yield f"site/{name}"


def _systems(there: There, programme: Programme, name: str, made: Application) -> Iterator[str]:
    """Systems and components of the province beside one that a project makes, of the same sort."""
    for other in there.applications.get(made.type, ()):
        joined = other == made.merges_into or other in made.platforms
        if other not in programme.applications and not joined:
            yield f"application/{other}"
    for type in sorted(there.becoming.get(name, ())):
        for component, offered in there.components.get(type, ()):
            if offered.application not in programme.applications:
                yield f"component/{component}"
