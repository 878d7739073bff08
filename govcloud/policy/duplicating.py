"""What is built twice: a project beside the province's cloud, centre, platform or component."""

from __future__ import annotations

from collections.abc import Iterator

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


@rule(
    "F-08",
    "deny",
    *("programme.type", "programme.status", "programme.builds", "programme.uses", "programme.unit"),
    *("programme.applications", "programme.duplicates", "unit.region", "unit.level"),
    *("cloud.role", "cloud.status", "cloud.unit", "site.role", "site.status", "site.level", "site.scope"),
    *("site.unit", "site.region", "component.offered", "component.status", "component.type"),
    *("component.application", "component.unit", "application.type", "application.status"),
    *("application.province_built", "application.scope", "application.rebuilds", "application.merges_into"),
)
def nothing_is_built_twice(case: Case) -> Iterator[Breach]:
    """A project builds nothing again that is there: it uses it, or is merged into it.

    What a project says itself that it duplicates is denied as long as it is not begun; so is what its fields
    show, where a unit asks for it. A project that only a document names is flagged.
    """
    for name, programme in case.catalogue.all(Programme).items():
        if programme.type != "project" or programme.status not in (*OPEN, "building"):
            continue
        said = [one for one in programme.duplicates if one not in programme.uses]
        found = [one for one in dict.fromkeys(_twice(case, programme)) if one not in (*said, *programme.uses)]
        early = programme.status in OPEN
        told: tuple[tuple[list[str], str, Verdict], ...] = (
            (said, "duplicates", "deny" if early else "require"),
            (found, "builds", ("deny" if early else "require") if programme.unit else "flag"),
        )
        for twice, field, verdict in told:
            if twice:
                rest = f" and {len(twice) - SHOWN} more" if len(twice) > SHOWN else ""
                message = f"builds again what is there: {', '.join(twice[:SHOWN])}{rest}"
                cure = "name it in `uses` and build on it, or merge the project into it"
                yield Breach(f"programme/{name}", message, field, tuple(twice), cure, verdict)


def _twice(case: Case, programme: Programme) -> Iterator[str]:
    """What is there of what a project builds, as ``kind/name``."""
    builds = set(programme.builds)
    if "cloud" in builds:
        for name, cloud in case.catalogue.all(Cloud).items():
            if cloud.role == "provincial" and cloud.status in SERVING and not _own(programme, cloud.unit):
                yield f"cloud/{name}"
    yield from _centres(case, programme, {CENTRES[what] for what in builds & CENTRES.keys()})
    if builds & {"platform", "system"}:
        yield from _platforms(case, programme)
    yield from _components(case, programme)


def _own(programme: Programme, unit: str) -> bool:
    """Whether who builds is who has it already: that is going on with one's own, not building it twice."""
    return bool(unit) and (unit == programme.unit or unit in programme.leads)


def _centres(case: Case, programme: Programme, roles: set[str]) -> Iterator[str]:
    """Centres of the same level; of a city or county only those in the same place."""
    unit = case.catalogue.all(Unit).get(programme.unit)
    level = unit.level if unit else "province"
    for name, site in case.catalogue.all(Site).items():
        same = site.level == level and (unit is None or level == "province" or site.region == unit.region)
        here = site.role in roles and site.scope == "government" and site.status in SERVING and same
        if here and not _own(programme, site.unit):
            yield f"site/{name}"


def _platforms(case: Case, programme: Programme) -> Iterator[str]:
    """Systems of the province of a sort of which one is enough, beside those that the project makes."""
    applications = case.catalogue.all(Application)
    one_is_enough = case.values("duplication")["application_types"]
    made = {applications[a].type for a in programme.applications if a in applications}
    for name, there in applications.items():
        whole = there.province_built or there.scope == "province"
        if there.type in made and there.type in one_is_enough and whole and there.status in SERVING:
            if name not in programme.applications:
                yield f"application/{name}"


def _components(case: Case, programme: Programme) -> Iterator[str]:
    """Components that are offered, of a sort that the project's applications have of their own or become."""
    applications, components = case.catalogue.all(Application), case.catalogue.all(Component)
    shared = case.values("duplication")["component_types"]
    mine = {n for n in programme.applications if n in applications}
    for application in sorted(mine):
        for again in applications[application].rebuilds:
            if again in components and components[again].offered:
                yield f"component/{again}"
    made = {
        c.type for c in components.values() if c.application in mine and c.status in ("planned", "building")
    }
    for name, there in components.items():
        ready = there.offered and there.status in SERVING and there.application not in mine
        if ready and there.type in made and there.type in shared:
            yield f"component/{name}"
