"""Disaster recovery and backup: one centre for the province, and who relies on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model.application import Application
from ..model.change import Request
from ..model.cloud import Cloud, Instance, Project
from ..model.datacentre import Site
from ..model.governance import Programme
from ..model.network import Node, Zone
from ..model.organisation import Region, Unit
from ..model.recovery import Backup, Protection, RecoveryPlan
from ..model.services import Dataset
from .base import Breach, Case, Verdict
from .evidence import REVIEW, counting
from .housing import (
    CLOUDS_READS,
    asks_for_itself,
    clouds_of,
    machines_of,
    relies_on,
    seniority,
    undecided,
    within,
)
from .registry import rule

CENTRE = ("site.role", "site.status", "site.region", "site.level", "region.code", "region.parent")
ASKS = (
    *("programme.type", "programme.status", "programme.builds", "programme.uses", "programme.needs"),
    "programme.unit",
)
RECOVERY = frozenset({"recovery_centre"})
RUNNING = ("running", "rebuilding")
LOCAL = ("city", "county", "town", "village")
# What a request asks for, or got; others came to nothing.
ASKING = ("asked", "granted", "done")


def _centres(case: Case) -> dict[str, Site]:
    """Every recovery site that is planned or stands."""
    sites = case.catalogue.all(Site).items()
    return {name: site for name, site in sites if site.role == "recovery" and site.status != "retired"}


def _verdict(case: Case, name: str, site: Site) -> Verdict:
    """What is still to be decided is denied; what stands has to be merged."""
    return "deny" if undecided(case, f"site/{name}", site.status) else "require"


@rule("R-01", "deny", *CENTRE, *ASKS, "recovery_plan.standby_site")
def the_one_recovery_centre_is_in_its_place(case: Case) -> Iterator[Breach]:
    """Hainan has one recovery centre, in Sanya; nobody builds a second."""
    codes = case.values("recovery-centre")["regions"]
    there = {name: site for name, site in _centres(case).items() if within(case, site.region, codes)}
    # The one that is there before the others is not the second, whatever its name.
    first = min(
        there, key=lambda name: (*seniority(case, f"site/{name}", there[name].status), name), default=""
    )
    cure = f"use site/{first}" if first else "use the recovery centre in Sanya"
    for name, site in _centres(case).items():
        if name in there and name != first:
            message = f"is a second recovery centre beside site/{first}; the province has one"
        elif name not in there:
            message = f"is a recovery centre in region/{site.region}; the province has one, in Sanya"
        else:
            continue
        yield Breach(f"site/{name}", message, "role", (), cure, _verdict(case, name, site))
    yield from _built_anew(case, first, cure)


def _built_anew(case: Case, first: str, cure: str) -> Iterator[Breach]:
    """Projects that build a recovery centre other than the province's one."""
    for name, programme in case.catalogue.all(Programme).items():
        if asks_for_itself(programme, RECOVERY) and f"site/{first}" not in relies_on(programme):
            message = "builds a recovery centre; the province has one"
            yield Breach(f"programme/{name}", message, "builds", (), f"{cure}: name it in `uses`")


@rule("R-02", "deny", *CENTRE, *ASKS, "site.unit", "unit.level", "unit.region", "region.level")
def cities_build_no_recovery_centre(case: Case) -> Iterator[Breach]:
    """Cities of Liaoning build no recovery centre of their own: there is the province's."""
    cure = "use the province's recovery centre: a backup or a protection there"
    for name, site in _centres(case).items():
        if site.level in LOCAL or _level(case, site.unit) in LOCAL:
            message = f"is a recovery centre of level {_lower(case, site)}; cities use the province's"
            yield Breach(f"site/{name}", message, "level", (), cure, _verdict(case, name, site))
    for name, programme in case.catalogue.all(Programme).items():
        if asks_for_itself(programme, RECOVERY) and _level(case, programme.unit) in LOCAL:
            message = f"builds a recovery centre for unit/{programme.unit}; cities use the province's"
            yield Breach(f"programme/{name}", message, "builds", (), cure)


def _level(case: Case, unit: str) -> str:
    found = case.catalogue.all(Unit).get(unit)
    return found.level if found is not None else ""


def _lower(case: Case, site: Site) -> str:
    return site.level if site.level in LOCAL else _level(case, site.unit)


@rule(
    "R-03",
    "require",
    *("dataset.important", "dataset.unit", "dataset.application", "dataset.status", "unit.level"),
    *("backup.subject", "backup.site", "site.role", "site.level", "site.status"),
    each=Dataset,
    back=("backup.subject",),
)
def cities_keep_copies_at_the_recovery_centre(case: Case, name: str, dataset: Dataset) -> Iterator[Breach]:
    """Important government data of cities have a backup at the province's recovery centre."""
    if not dataset.important or dataset.status == "retired" or _level(case, dataset.unit) not in LOCAL:
        return
    kept = [*case.named_by(Backup, "subject", f"dataset/{name}")]
    kept += case.named_by(Backup, "subject", f"application/{dataset.application}")
    if any(_at_the_centre(case, backup.site) for _, backup in kept):
        return
    message = f"is important data of unit/{dataset.unit} without a backup at the province's recovery centre"
    cure = f"a backup with `subject: dataset/{name}` and `site`: that centre"
    yield Breach(f"dataset/{name}", message, "", tuple(f"backup/{n}" for n, _ in kept[:3]), cure)


def _at_the_centre(case: Case, name: str) -> bool:
    site = case.catalogue.all(Site).get(name)
    return (
        site is not None and (site.role, site.level) == ("recovery", "province") and site.status != "retired"
    )


@rule(
    "R-04",
    "deny",
    *("request.type", "request.status", "request.subject", "request.programme", "review.with_reviews"),
    *("protection.request", "protection.application", "protection.standby", *REVIEW),
    *("instance.project", "instance.status", "project.cloud", "cloud.site"),
    *("site.role", "site.level", "site.status"),
)
def use_of_recovery_is_reviewed(case: Case) -> Iterator[Breach]:
    """Use of the recovery centre is reviewed together with the security of project and information.

    The reviews are of the request, of what it is for or protects, or of the project behind it (what a request
    makes anew is not there yet when it is reviewed). What stands by at the centre uses it, asked for or not.
    """
    cure = "of the application or the `programme` behind it, a review of type recovery_use with its "
    cure += "document, and in its `with_reviews` one of project_security and one of information_security"
    for name, request in case.catalogue.all(Request).items():
        if request.type != "recovery" or request.status not in ASKING:
            continue
        key = f"request/{name}"
        about = _asked_about(case, name, request)
        about += [f"application/{p.application}" for _, p in case.named_by(Protection, "request", key)]
        if missing := _not_reviewed(case, about):
            message = f"uses the recovery centre without {missing}"
            # Who asks waits for the reviews; who is given it had them.
            yield Breach(key, message, "status", (), cure, "require" if request.status == "asked" else None)
    for name, protection in case.catalogue.all(Protection).items():
        asked = case.catalogue.all(Request).get(protection.request)
        judged = asked is not None and asked.type == "recovery" and asked.status in ASKING
        site = _site_of(case, protection.standby)
        if judged or not _at_the_centre(case, site):
            continue
        about = [f"protection/{name}", f"application/{protection.application}"]
        if asked is not None and asked.status in ASKING:
            about += _asked_about(case, protection.request, asked)
        if missing := _not_reviewed(case, about):
            message = f"takes over at site/{site}, the recovery centre, without {missing}"
            standby = case.catalogue.get(Instance, protection.standby)
            new = case.is_new(f"protection/{name}") or standby.status == "planned"
            verdict: Verdict | None = None if new else "require"
            yield Breach(f"protection/{name}", message, "standby", (f"site/{site}",), cure, verdict)


def _asked_about(case: Case, name: str, request: Request) -> list[str]:
    """What a review of a request may be of: itself, what it is for, the project behind it."""
    programme = f"programme/{request.programme}" if request.programme else ""
    return [one for one in (f"request/{name}", request.subject, programme) if one]


def _not_reviewed(case: Case, about: Sequence[str]) -> str:
    """What is lacking of the three reviews of the same things, in words; empty: nothing."""
    held = counting(case, "recovery_use", about)
    if not held:
        return "a review of it that was passed"
    lacks = []
    for type, words in (
        ("project_security", "the project's security"),
        ("information_security", "information security"),
    ):
        lacks.append((words, {name for name, _ in counting(case, type, about)}))
    # One review of the use is enough that was held together with both.
    missing = [[words for words, known in lacks if known.isdisjoint(r.with_reviews)] for _, r in held]
    fewest = min(missing, key=len)
    return f"a review of {fewest[0]} of it held together with it" if fewest else ""


@rule(
    "R-05",
    "flag",
    *("application.important", "application.status", "recovery_plan.type", "recovery_plan.subjects"),
    *("recovery_plan.protections", "recovery_plan.document", "protection.application"),
    each=Application,
    back=("recovery_plan.subjects", "recovery_plan.protections", "protection.application"),
)
def important_systems_are_on_the_list(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """A recovery plan with a document says which important systems rely on the recovery centre."""
    if not application.important or application.status == "retired":
        return
    key = f"application/{name}"
    plans = [*case.named_by(RecoveryPlan, "subjects", key)]
    for protection, _ in case.named_by(Protection, "application", key):
        plans += case.named_by(RecoveryPlan, "protections", f"protection/{protection}")
    if not any(plan.type == "recovery" and plan.document for _, plan in plans):
        message = "is important, and no recovery plan lists it among what relies on the recovery centre"
        cure = f"`subjects: [{key}]` in a recovery_plan of type recovery, with its `document`"
        yield Breach(key, message, "important", tuple(f"recovery_plan/{n}" for n, _ in plans[:3]), cure)


@rule(
    "R-06",
    "flag",
    *(
        "request.type",
        "request.status",
        "request.unit",
        "unit.type",
        "protection.level",
        "protection.standby",
    ),
    *("instance.project", "project.cloud", "cloud.site", "site.role", "site.level", "site.status"),
)
def the_centre_serves_all_at_a_high_level(case: Case) -> Iterator[Breach]:
    """Whoever of government asks the province's recovery centre is served, and at a high level."""
    high = int(case.values("recovery-centre")["high_level"])
    for name, request in case.catalogue.all(Request).items():
        unit = case.catalogue.all(Unit).get(request.unit)
        government = unit is not None and unit.type != "enterprise"
        if request.type == "recovery" and request.status == "refused" and government:
            message = f"was refused; the recovery centre serves unit/{request.unit} too"
            yield Breach(f"request/{name}", message, "status", (), "grant it, or say why in `note`")
    for name, protection in case.catalogue.all(Protection).items():
        site = _site_of(case, protection.standby)
        if protection.level < high and _at_the_centre(case, site):
            message = f"is protected at level {protection.level}; the recovery centre offers level {high}"
            yield Breach(f"protection/{name}", message, "level", (f"site/{site}",), f"`level: {high}`")


def _site_of(case: Case, instance: str) -> str:
    """The site that an instance stands at, by its project's cloud; empty where nothing says it."""
    machine = case.catalogue.all(Instance).get(instance)
    project = case.catalogue.all(Project).get(machine.project) if machine is not None else None
    cloud = case.catalogue.all(Cloud).get(project.cloud) if project is not None else None
    return cloud.site if cloud is not None else ""


KEPT = ("backup.subject", "backup.period_h", "backup.last_on")


@rule(
    "R-07",
    "require",
    *(*KEPT, *CLOUDS_READS, "application.status", "application.scope", "dataset.application"),
    *("zone.status", "zone.role", "node.zone", "protection.application", "protection.primary"),
    *("protection.standby", "instance.project", "project.cloud", "cloud.site", "dataset.status"),
    *("instance.status", "cloud.status", "server.status"),
)
def systems_and_networks_are_backed_up(case: Case) -> Iterator[Breach]:
    """What runs has copies: a system or its data, and the configuration of a network; and they are made."""
    kept = {backup.subject for backup in case.catalogue.all(Backup).values()}
    cure = "a backup with `subject: {}`"
    for name, application in case.catalogue.all(Application).items():
        ours = application.status in RUNNING and application.scope != "national"
        key = f"application/{name}"
        # A second home is a copy too, where it is another place.
        protected = any(_away(case, one) for _, one in case.named_by(Protection, "application", key))
        if ours and not protected and kept.isdisjoint(_copied(case, name, application)):
            yield Breach(key, "runs, and nothing of it is backed up", "", (), cure.format(key))
    nodes = case.catalogue.all(Node)
    zones = {nodes[key[5:]].zone for key in kept if key.startswith("node/") and key[5:] in nodes}
    for name, zone in case.catalogue.all(Zone).items():
        key = f"zone/{name}"
        if zone.status in RUNNING and zone.role != "internet" and key not in kept and name not in zones:
            message = "runs, and the configuration of none of its nodes is backed up"
            yield Breach(key, message, "", (), f"{cure.format(key)}, or of its nodes")
    yield from _late(case)


def _away(case: Case, protection: Protection) -> bool:
    """Whether what stands by is at another site than what serves."""
    here, there = (_site_of(case, one) for one in (protection.primary, protection.standby))
    return bool(there) and there != here


def _copied(case: Case, name: str, application: Application) -> set[str]:
    """What may be copied of a system so that it counts: itself, its data, its machines, its cloud."""
    key = f"application/{name}"
    found = {key} | {f"dataset/{n}" for n, _ in case.named_by(Dataset, "application", key)}
    found |= {f"instance/{n}" for n in machines_of(case, name)}
    return found | {f"cloud/{n}" for n in clouds_of(case, name, application)}


def _late(case: Case) -> Iterator[Breach]:
    """Copies of what runs that were never made, or too long ago: longer than their period and some days."""
    grace = int(case.values("backups")["late_days"])
    for name, backup in case.catalogue.all(Backup).items():
        since = case.days_since(backup.last_on)
        if since is None or since < 0:
            subject = case.catalogue.find(*backup.subject.split("/", 1))
            # Nodes and servers say no status: they stand.
            if subject is not None and getattr(subject, "status", "running") in RUNNING:
                message = f"is of {backup.subject}, which runs, and nothing says that a copy was ever made"
                yield Breach(f"backup/{name}", message, "last_on", (), "make one, and say `last_on`")
        elif since * 24 > backup.period_h + grace * 24:
            message = (
                f"is made every {backup.period_h:g} hours, and the last good copy is of {backup.last_on}"
            )
            yield Breach(f"backup/{name}", message, "last_on", (), "make one, and say `last_on`")


@rule("R-08", "target", "site.role", "site.level", "site.status", "site.opened_on", "region.level")
def the_recovery_centre_is_in_operation(case: Case) -> Iterator[Breach]:
    """The province's recovery centre has been in operation since the day that was set."""
    start = str(case.values("recovery-centre")["from"])
    if not case.reached(start):
        return
    centres = {name: site for name, site in _centres(case).items() if site.level == "province"}
    if any(s.status in RUNNING and (not s.opened_on or case.reached(s.opened_on)) for s in centres.values()):
        return
    for name, site in centres.items():
        message = f"was to be in operation from {start}, and it is {site.status}"
        yield Breach(f"site/{name}", message, "status", (), "bring it into operation: `status: running`")
    if not centres:
        for name, region in case.catalogue.all(Region).items():
            if region.level == "province":
                message = f"was to have a recovery centre from {start}, and none is named"
                yield Breach(f"region/{name}", message, "", (), "a site of role recovery", "require")


@rule("R-10", "flag", *CENTRE, *ASKS, "recovery_plan.type", "recovery_plan.standby_site")
def there_is_one_plan_for_recovery(case: Case) -> Iterator[Breach]:
    """A province plans one recovery centre: other sites, projects and plans rely on it."""
    centres = _centres(case)
    first = min(
        centres,
        key=lambda n: (centres[n].level != "province", *seniority(case, f"site/{n}", centres[n].status), n),
        default="",
    )
    for name in centres:
        if name != first:
            message = f"is planned beside site/{first}; recovery is unified for the province"
            yield Breach(f"site/{name}", message, "role", (), f"rely on site/{first}: `merges_into`")
    asking = [n for n, p in case.catalogue.all(Programme).items() if asks_for_itself(p, RECOVERY)]
    alone = [
        n for n in asking if first and f"site/{first}" not in relies_on(case.catalogue.get(Programme, n))
    ]
    for name in alone or asking[1:]:
        message = "plans a recovery centre of its own; recovery is unified for the province"
        yield Breach(f"programme/{name}", message, "builds", (), "rely on the province's: `uses`")
    for name, plan in case.catalogue.all(RecoveryPlan).items():
        other = plan.standby_site and plan.standby_site != first and centres
        if plan.type == "recovery" and other and plan.standby_site not in centres:
            message = f"takes over at site/{plan.standby_site}, which is not the province's recovery centre"
            yield Breach(f"recovery_plan/{name}", message, "standby_site", (), f"`standby_site: {first}`")
