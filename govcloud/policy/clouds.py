"""Clouds: what runs on the provincial one, by whose demand, how well it is used, under whose eyes."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.application import Application, Component
from ..model.change import Wave
from ..model.cloud import Cloud
from ..model.governance import Programme
from ..model.organisation import Unit
from ..model.services import Dataset
from .base import Breach, Case
from .housing import (
    BUILT,
    CENTRE_BACK,
    CENTRE_READS,
    CLOUDS_BACK,
    CLOUDS_READS,
    DEPARTMENT,
    NEW,
    OURS_READS,
    PROJECT_READS,
    PROVINCIAL_READS,
    STANDING,
    WAVE_BACK,
    WAVE_READS,
    asks_for_itself,
    at_recovery_site,
    clouds_of,
    first_of,
    is_centre,
    is_kept_by_a_body,
    is_ours,
    is_provincial,
    on_its_way,
    relies_on,
    undecided,
)
from .registry import rule

SYSTEMS = frozenset({"platform", "system"})
STATE = ("application.status", "application.classified", "application.site")
ON = (*CLOUDS_READS, *PROVINCIAL_READS, *OURS_READS, "application.site", "site.unit")
MOVE = "a wave with the provincial cloud as `to_cloud`; where it is there already, `cloud` says so"
GO = "`cloud`: the provincial cloud"


def _elsewhere(case: Case, name: str, application: Application) -> str:
    """Where a system is that is not on the provincial cloud, and is on no way there; empty: it is."""
    found = clouds_of(case, name, application)
    if any(is_provincial(case, cloud) for cloud in found) or on_its_way(case, f"application/{name}"):
        return ""
    homes = [cloud for cloud in found if not at_recovery_site(case, case.catalogue.get(Cloud, cloud))]
    if homes:
        return f"is on cloud/{homes[0]}"
    if application.site:
        return f"is at site/{application.site}"
    return "nothing says that it is on the provincial cloud"


@rule("C-01", "flag", *STATE, *ON, *WAVE_READS, each=Application, back=(*CLOUDS_BACK, *WAVE_BACK))
def built_systems_move_to_the_cloud(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """What is built or being built, and not classified, is on the provincial cloud or on its way there."""
    if application.status not in BUILT or application.classified or not is_ours(case, application):
        return
    if where := _elsewhere(case, name, application):
        message = f"{where}, and no wave moves it to the provincial cloud"
        yield Breach(f"application/{name}", message, "cloud", (), MOVE)


@rule(
    "C-02",
    "deny",
    *(*STATE, *ON, "application.needs", "application.site"),
    *("programme.applications", "programme.uses", "programme.needs"),
    each=Application,
    back=(*CLOUDS_BACK, "programme.applications"),
)
def new_systems_go_onto_the_cloud(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """What is new or rebuilt, and not classified, goes straight onto the provincial cloud."""
    if not undecided(case, f"application/{name}", application.status, NEW) or application.classified:
        return
    if is_ours(case, application) or is_kept_by_a_body(case, name, application):
        yield from _target(case, name, application, centre=False)


def _target(case: Case, name: str, application: Application, *, centre: bool) -> Iterator[Breach]:
    """What is wrong with where a new system is to run. ``centre``: its cloud must stand at the centre."""
    key = f"application/{name}"
    said = clouds_of(case, name, application)
    homes = {c: by for c, by in said.items() if not at_recovery_site(case, case.catalogue.get(Cloud, c))}
    for cloud, by in homes.items():
        if not is_provincial(case, cloud):
            witness = () if by == key else (by,)
            message = f"is to run on cloud/{cloud}, which is not the provincial cloud"
            yield Breach(key, message, "cloud", witness, GO)
            return
        if centre and not _housed(case, cloud):
            site = case.catalogue.get(Cloud, cloud).site
            message = f"is to run on cloud/{cloud} at site/{site}, which is not the provincial data centre"
            cure = "the provincial cloud; equipment of the transition says `temporary: true` of itself"
            yield Breach(key, message, "cloud", (f"cloud/{cloud}",), cure)
            return
    if homes:
        return
    if application.site:
        message = f"is to run at site/{application.site}, on no cloud"
        yield Breach(key, message, "site", (), GO)
        return
    if not any(is_provincial(case, cloud) for cloud in _meant(case, key, application)):
        yield Breach(key, "nothing says on which cloud it is to run", "cloud", (), GO, "require")


def _meant(case: Case, key: str, application: Application) -> list[str]:
    """Clouds that a system, or a programme that builds it, is said to rely on."""
    said = [one for one in application.needs if one.startswith("cloud/")]
    for _, programme in case.named_by(Programme, "applications", key):
        said += relies_on(programme, "cloud")
    return [one.removeprefix("cloud/") for one in said]


def _housed(case: Case, cloud: str) -> bool:
    """Whether a cloud stands at the provincial centre, or elsewhere for the time of the transition (C-11)."""
    found = case.catalogue.get(Cloud, cloud)
    return found.temporary or is_centre(case, found.site)


@rule(
    "C-03",
    "deny",
    *(*STATE, *ON, *CENTRE_READS, "application.needs", "application.site", "programme.applications"),
    *PROJECT_READS,
)
def departments_build_on_the_centres_cloud(case: Case) -> Iterator[Breach]:
    """New systems of provincial departments, and of what is under them, are built on the centre's cloud."""
    for name, application in case.catalogue.all(Application).items():
        new = undecided(case, f"application/{name}", application.status) and not application.classified
        ours = is_ours(case, application) or is_kept_by_a_body(case, name, application)
        if new and _provinces(case, application.unit) and ours:
            yield from _target(case, name, application, centre=True)
    for name, programme in case.catalogue.all(Programme).items():
        if not asks_for_itself(programme, SYSTEMS) or not _provinces(case, programme.unit):
            continue
        clouds = [one.removeprefix("cloud/") for one in relies_on(programme, "cloud")]
        key, what = f"programme/{name}", first_of(programme, SYSTEMS)
        outside = [one for one in clouds if not (is_provincial(case, one) and _housed(case, one))]
        if outside:
            message = f"builds a {what} on cloud/{outside[0]}, which is not the centre's provincial cloud"
            yield Breach(key, message, "uses", (f"cloud/{outside[0]}",), "`uses`: the provincial cloud")
        elif not clouds and not programme.applications:
            message = f"builds a {what}, and nothing says on which cloud"
            yield Breach(key, message, "uses", (), "`uses`: the provincial cloud", "require")


def _provinces(case: Case, name: str) -> bool:
    """Whether a unit is a department of the province, or of what is under it (省各部门及下属单位)."""
    unit = case.catalogue.all(Unit).get(name)
    return unit is not None and unit.level == "province" and unit.type in DEPARTMENT


@rule(
    "C-04",
    "flag",
    *(*STATE, *ON, *WAVE_READS, "unit.type", "unit.level"),
    each=Application,
    back=(*CLOUDS_BACK, *WAVE_BACK),
)
def departments_and_cities_move_to_the_cloud(
    case: Case, name: str, application: Application
) -> Iterator[Breach]:
    """What departments, cities and counties run is on the e-government cloud or on its way there."""
    unit = case.catalogue.all(Unit).get(application.unit)
    if unit is None or unit.type not in (*DEPARTMENT, "government") or application.classified:
        return
    if application.status not in STANDING or not is_ours(case, application):
        return
    if where := _elsewhere(case, name, application):
        message = f"is of unit/{application.unit}, {where}, and no wave moves it to the provincial cloud"
        yield Breach(f"application/{name}", message, "cloud", (), MOVE)


@rule(
    "C-05",
    "flag",
    *(*STATE, *ON, *WAVE_READS),
    *("dataset.cloud", "dataset.application", "dataset.status", "dataset.classified"),
)
def systems_and_data_move_to_the_cloud(case: Case) -> Iterator[Breach]:
    """Systems and information resources of Hubei are on the cloud or on their way there."""
    applications = case.catalogue.all(Application)
    missing = {}
    for name, application in applications.items():
        stands = application.status in STANDING and not application.classified
        if stands and is_ours(case, application) and (where := _elsewhere(case, name, application)):
            missing[name] = where
            yield Breach(f"application/{name}", f"{where}, and no wave moves it", "cloud", (), MOVE)
    for name, dataset in case.catalogue.all(Dataset).items():
        if dataset.status not in STANDING or dataset.classified or is_provincial(case, dataset.cloud):
            continue
        if on_its_way(case, f"dataset/{name}"):
            continue
        home = applications.get(dataset.application)
        # Its system is told already; where that is on the cloud, so are its data.
        if dataset.cloud or home is None or home.classified:
            where = f"lies on cloud/{dataset.cloud}" if dataset.cloud else "nothing says where it lies"
            yield Breach(f"dataset/{name}", f"{where}, and no wave moves it", "cloud", (), MOVE)


@rule(
    "C-06",
    "flag",
    *(*STATE, *ON, "application.needs", "application.platforms", "application.components"),
    *("application.province_built", "component.type"),
    *("programme.applications", "programme.uses", "programme.needs"),
    each=Application,
    back=(*CLOUDS_BACK, "programme.applications"),
)
def joint_systems_use_what_is_unified(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """New systems of several departments or regions are built on the unified cloud or public platform."""
    joint = application.scope in ("cross_department", "cross_region")
    if not joint or application.status not in ("planned", "building", "rebuilding"):
        return
    key = f"application/{name}"
    clouds = [*clouds_of(case, name, application), *_meant(case, key, application)]
    unified = any(is_provincial(case, cloud) for cloud in clouds)
    if not unified and not _platform(case, application) and not application.classified:
        scope = application.scope.replace("cross_", "several ") + "s"
        message = f"is new, is for {scope}, and relies on neither the unified cloud nor a public platform"
        yield Breach(key, message, "cloud", (), "`cloud`: the provincial one, or a platform in `platforms`")


def _platform(case: Case, application: Application) -> bool:
    """Whether it is part of a platform that the province built for all, or uses a shared component."""
    applications, components = case.catalogue.all(Application), case.catalogue.all(Component)
    needs = [one.removeprefix("component/") for one in application.needs]
    built = any(p in applications and applications[p].province_built for p in application.platforms)
    return built or any(one in components for one in (*application.components, *needs))


SITED = ("cloud.role", "cloud.site", "cloud.unit", "cloud.status", "unit.level", "site.role", *CENTRE_READS)


@rule(
    "C-11",
    "flag",
    *(*SITED, "cloud.temporary", "cloud.due", "wave.moves", "wave.to_site", "wave.status", "wave.ends_at"),
    each=Cloud,
    back=(*CENTRE_BACK, *WAVE_BACK),
)
def equipment_elsewhere_is_for_the_transition(case: Case, name: str, cloud: Cloud) -> Iterator[Breach]:
    """The provincial cloud stands at the provincial centre; elsewhere it is marked, and has an end."""
    if not is_provincial(case, name) or cloud.status == "retired" or is_centre(case, cloud.site):
        return
    key, site = f"cloud/{name}", f"site/{cloud.site}"
    if not cloud.temporary:
        message = f"is the provincial cloud's and stands at {site}, which is not the provincial data centre"
        cure = "`temporary: true` with `due`, for the transition; or `site`: the provincial data centre"
        yield Breach(key, message, "temporary", (), cure, "deny" if cloud.status == "planned" else None)
    elif cloud.due and cloud.due < case.as_of.isoformat()[: len(cloud.due)]:
        message = f"stands at {site} for a transition that was to end by {cloud.due}"
        yield Breach(key, message, "due", (), "a wave that moves it to the provincial data centre", "require")
    elif not cloud.due and not _returns(case, key):
        message = f"stands at {site} for a transition of which nobody says when it ends"
        yield Breach(key, message, "due", (), "`due`, or a wave that moves it to the centre", "require")


def _returns(case: Case, key: str) -> bool:
    waves = case.named_by(Wave, "moves", key)
    return any(w.status != "rolled_back" and is_centre(case, w.to_site) for _, w in waves)


@rule(
    "C-13",
    "flag",
    *("cloud.role", "cloud.status", "cloud.joined_to", "cloud.unit", "cloud.site", "site.role", "unit.level"),
    *WAVE_READS,
    each=Cloud,
    back=WAVE_BACK,
)
def other_clouds_join_the_provincial_one(case: Case, name: str, cloud: Cloud) -> Iterator[Breach]:
    """Other clouds of government and of trades are joined to the provincial one (整合汇聚)."""
    other = cloud.role in ("city", "department", "industry") and cloud.status != "retired"
    if not other or is_provincial(case, cloud.joined_to) or on_its_way(case, f"cloud/{name}"):
        return
    into = f"is joined to cloud/{cloud.joined_to}, which is not" if cloud.joined_to else "is not joined to"
    yield Breach(f"cloud/{name}", f"{into} the provincial cloud", "joined_to", (), "`joined_to`: that cloud")
