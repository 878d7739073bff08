"""What departments ask to build, and on what: infrastructure and platforms of the base, in its centres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model.application import Application
from ..model.cloud import Cloud
from ..model.datacentre import Site
from ..model.governance import Programme
from ..model.organisation import Unit
from .base import Breach, Case, Verdict
from .evidence import REVIEW
from .housing import (
    BASE,
    CLOUDS_READS,
    DEPARTMENT,
    PROJECT_READS,
    asks_for_itself,
    at_recovery_site,
    clouds_of,
    first_of,
    is_allowed,
    relies_on,
    undecided,
)
from .registry import rule

INFRASTRUCTURE = frozenset(
    {"machine_room", "data_centre", "recovery_centre", "cloud", "network", "platform", "component"}
)
BUILT = frozenset({"platform", "system", "component", "website", "city_management"})
CENTRES = "`site`, `cloud` or `uses`: a data centre of the province's or the city's"


@rule(
    "D-06",
    "deny",
    *PROJECT_READS,
    *("cloud.role", "cloud.status", "cloud.joined_to", "cloud.site"),
    *("site.role", *REVIEW),
)
def nobody_builds_a_base_of_its_own(case: Case) -> Iterator[Breach]:
    """New infrastructure and platforms are part of the unified base; nobody builds them for himself."""
    waive = "a waiver of D-06"
    for name, programme in case.catalogue.all(Programme).items():
        if asks_for_itself(programme, INFRASTRUCTURE) and not relies_on(programme, *BASE):
            if not is_allowed(case, f"programme/{name}"):
                message = f"builds a {first_of(programme, INFRASTRUCTURE)} outside the unified base"
                yield Breach(
                    f"programme/{name}", message, "uses", (), f"`uses`: what it relies on; else {waive}"
                )
    for name, cloud in case.catalogue.all(Cloud).items():
        new = undecided(case, f"cloud/{name}", cloud.status)
        own = cloud.role in ("city", "department") and new and not cloud.joined_to
        if own and not at_recovery_site(case, cloud) and not is_allowed(case, f"cloud/{name}"):
            message = f"is a new cloud of a {cloud.role} outside the unified base"
            yield Breach(f"cloud/{name}", message, "joined_to", (), f"the provincial cloud; else {waive}")


@rule(
    "D-09",
    "deny",
    *("application.status", "application.site", "application.unit", "unit.type", *CLOUDS_READS, "cloud.site"),
    *("site.role", "site.level", *PROJECT_READS),
)
def departments_build_in_the_centres(case: Case) -> Iterator[Breach]:
    """Departments of all levels build in the data centres of province and cities."""
    for name, application in case.catalogue.all(Application).items():
        if application.status != "retired" and _of_government(case, application.unit):
            yield from _stands(case, f"application/{name}", application, _homes(case, name, application))
    for name, programme in case.catalogue.all(Programme).items():
        if not asks_for_itself(programme, BUILT) or not _of_government(case, programme.unit):
            continue
        clouds = case.catalogue.all(Cloud)
        sites = [one.removeprefix("site/") for one in relies_on(programme, "site")]
        found = [one.removeprefix("cloud/") for one in relies_on(programme, "cloud")]
        sites += [clouds[one].site for one in found if one in clouds]
        outside = [site for site in sites if not _is_centre(case, site)]
        key, what = f"programme/{name}", first_of(programme, BUILT)
        if outside:
            message = f"builds a {what} at site/{outside[0]}, outside the data centres of province and cities"
            yield Breach(key, message, "uses", (), CENTRES)
        elif not sites:
            message = f"builds a {what}, and nothing says in which data centre"
            yield Breach(key, message, "uses", (), CENTRES, "require")


def _of_government(case: Case, unit: str) -> bool:
    found = case.catalogue.all(Unit).get(unit)
    return found is not None and found.type in (*DEPARTMENT, "government")


def _is_centre(case: Case, name: str) -> bool:
    """Whether a site is a centre of the province's or a city's; recovery is one's second home."""
    site = case.catalogue.all(Site).get(name)
    return site is not None and site.role != "office" and site.level in ("province", "city")


def _homes(case: Case, name: str, application: Application) -> dict[str, str]:
    """The sites that a system stands at, or is to, and the entry that says so."""
    clouds = case.catalogue.all(Cloud)
    found = {clouds[cloud].site: by for cloud, by in clouds_of(case, name, application).items()}
    if application.site:
        found[application.site] = f"application/{name}"
    return found


def _stands(case: Case, key: str, application: Application, homes: Mapping[str, str]) -> Iterator[Breach]:
    """What is wrong with where a system stands: what is planned is denied, what stands is told."""
    planned = undecided(case, key, application.status)
    for place, by in homes.items():
        if not _is_centre(case, place):
            message = f"is built at site/{place}, outside the data centres of province and cities"
            verdict: Verdict | None = None if planned else "flag"
            yield Breach(key, message, "site", () if by == key else (by,), CENTRES, verdict)
    if planned and not homes:
        yield Breach(key, "nothing says in which data centre it is built", "site", (), CENTRES, "require")
