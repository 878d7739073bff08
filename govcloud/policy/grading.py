"""Gates of graded protection (GB/T 22239-2019, cloud rows): what carries a system, what it must have.

What is planned is held to them before it is built (deny); of what stands, what is lacking is required. From
which level each counts is policy data: ``profile/mlps``.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..model.application import Application, Certificate, Endpoint
from ..model.cloud import Cloud, Instance, Project
from ..model.datacentre import Server, Site
from ..model.network import Link, Network
from ..model.recovery import Backup, Protection
from ..model.services import Dataset
from .base import Breach, Case, Verdict
from .housing import (
    CLOUDS_BACK,
    CLOUDS_READS,
    OURS_READS,
    at_recovery_site,
    clouds_of,
    is_ours,
    machines_of,
)
from .registry import rule

MLPS = "GB/T 22239-2019, cloud rows"
LEVEL = ("application.mlps", "application.status", "application.classified")
COPIES = (
    *("backup.subject", "backup.site", "backup.method", "dataset.application", "site.region", "cloud.site"),
    "application.site",
)
COPIES_BACK = ("backup.subject", "dataset.application")
HOMES_READS = ("protection.application", "protection.standby", "protection.level", "protection.elements")


def _from(case: Case, gate: str, application: Application) -> bool:
    """Whether a gate counts for a system of this level."""
    return application.status != "retired" and application.mlps >= int(case.values("mlps")[f"{gate}_from"])


def _verdict(application: Application) -> Verdict | None:
    """A gate denies what is still to be built; of what stands it requires to be put right."""
    return None if application.status == "planned" else "require"


@rule(
    "mlps-platform",
    "deny",
    *(*LEVEL, *CLOUDS_READS, "cloud.mlps"),
    each=Application,
    back=CLOUDS_BACK,
    sentence="system from level 2: its platform is of a lower level than it → deny",
    source=MLPS,
)
def no_platform_carries_what_is_above_it(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """A cloud carries no system above its own level."""
    if not _from(case, "platform", application):
        return
    key, clouds = f"application/{name}", case.catalogue.all(Cloud)
    for cloud, by in clouds_of(case, name, application).items():
        level, witness = clouds[cloud].mlps, (f"cloud/{cloud}",) if by == key else (by, f"cloud/{cloud}")
        if not level:
            message = f"is of level {application.mlps}, and cloud/{cloud} has none determined"
            cure = f"`mlps` of cloud/{cloud}, as its filing says"
            yield Breach(key, message, "mlps", witness, cure, "require")
        elif level < application.mlps:
            message = f"is of level {application.mlps} on cloud/{cloud} of level {level}"
            cure = f"a cloud of level {application.mlps} at least"
            yield Breach(key, message, "cloud", witness, cure, _verdict(application))


@rule(
    "mlps-pool",
    "deny",
    *(*LEVEL, *CLOUDS_READS, "cloud.mlps", "instance.server", "server.pool", "server.cloud"),
    each=Application,
    back=(*CLOUDS_BACK, "instance.server", "application.cloud"),
    sentence="system of level 4: it has no resource pool of its own → deny",
    source=MLPS,
)
def the_highest_level_has_its_own_pool(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """A system of level 4 runs on servers, or a cloud, that carry nothing below it."""
    if not _from(case, "pool", application):
        return
    key, verdict = f"application/{name}", _verdict(application)
    machines = machines_of(case, name)
    hosts = {i.server: f"instance/{n}" for n, i in machines.items() if i.server}
    for host, machine in hosts.items():
        message = _shared(case, host, application.mlps)
        if message:
            cure = f"servers with `pool: {application.mlps}` that carry nothing of a lower level"
            yield Breach(key, message, "mlps", (machine, f"server/{host}"), cure, verdict)
    for cloud in clouds_of(case, name, application) if not hosts else ():
        lower = [
            other
            for other, found in case.named_by(Application, "cloud", f"cloud/{cloud}")
            if found.mlps < application.mlps and found.status != "retired"
        ]
        if lower:
            message = (
                f"shares cloud/{cloud} with application/{lower[0]}, and no server is said to be of its pool"
            )
            cure = f"`server` of its instances, of `pool: {application.mlps}`; or a cloud of its own"
            yield Breach(key, message, "cloud", (f"cloud/{cloud}",), cure, verdict)


def _shared(case: Case, host: str, level: int) -> str:
    """What is wrong with a server as one of a pool of this level alone; empty: nothing."""
    server = case.catalogue.all(Server).get(host)
    cloud = case.catalogue.all(Cloud).get(server.cloud) if server is not None else None
    pool = (server.pool if server is not None else 0) or (cloud.mlps if cloud is not None else 0)
    if pool < level:
        return f"runs on server/{host} of a pool of level {pool or 'nobody knows which'}"
    applications = case.catalogue.all(Application)
    for machine, instance in case.named_by(Instance, "server", f"server/{host}"):
        other = applications.get(instance.application)
        if other is not None and other.mlps < level:
            return f"shares server/{host} with instance/{machine} of application/{instance.application}"
    return ""


@rule(
    "mlps-tenants",
    "require",
    *("network.cloud", "cloud.mlps", "instance.network", "instance.project", "instance.security_groups"),
    *("instance.status", "project.unit"),
    each=Network,
    back=("instance.network",),
    sentence="cloud from level 2: machines of several units share a network, no group parts them → require",
    source=MLPS,
)
def tenants_are_isolated(case: Case, name: str, network: Network) -> Iterator[Breach]:
    """Machines of different units in one network of a cloud keep apart by security groups."""
    cloud = case.catalogue.all(Cloud).get(network.cloud)
    if cloud is None or cloud.mlps < int(case.values("mlps")["tenants_from"]):
        return
    projects = case.catalogue.all(Project)
    units: dict[str, str] = {}
    open_: dict[str, str] = {}
    for machine, instance in case.named_by(Instance, "network", f"network/{name}"):
        project = projects.get(instance.project)
        if project is None or instance.status == "retired":
            continue
        units.setdefault(project.unit, f"instance/{machine}")
        if not instance.security_groups:
            open_.setdefault(project.unit, f"instance/{machine}")
    if len(units) > 1 and open_:
        unit, machine = next(iter(open_.items()))
        other = next(u for u in units if u != unit)
        message = f"has machines of unit/{unit} and unit/{other}, and nothing keeps {machine} apart"
        yield Breach(
            f"network/{name}", message, "", (machine, units[other]), "`security_groups` of each of them"
        )


@rule(
    "mlps-redundant",
    "require",
    *("cloud.mlps", "cloud.status", "network.cloud", "network.gateway", "link.a", "link.b"),
    each=Cloud,
    back=("network.cloud", "link.a", "link.b"),
    sentence="cloud from level 3: its networks hang on a single router or link → require",
    source=MLPS,
)
def links_and_devices_are_redundant(case: Case, name: str, cloud: Cloud) -> Iterator[Breach]:
    """The networks of a cloud of level 3 hang on several routers, and these on several links."""
    networks = case.named_by(Network, "cloud", f"cloud/{name}")
    routers = {f"node/{network.gateway}" for _, network in networks if network.gateway}
    if cloud.mlps < int(case.values("mlps")["redundant_from"]) or not routers:
        return
    if cloud.status not in ("running", "rebuilding"):
        return
    links = {
        f"link/{n}" for router in routers for end in ("a", "b") for n, _ in case.named_by(Link, end, router)
    }
    for what, found in (("router", routers), ("link", links)):
        if len(found) == 1:
            (alone,) = found
            message = f"is of level {cloud.mlps}, and {alone} is the only {what} that leads to it"
            yield Breach(f"cloud/{name}", message, "", (alone,), f"a second {what} beside it")


def _sites(case: Case, name: str, application: Application) -> set[str]:
    """Where a system runs: the sites of its clouds, recovery sites left out, or its own."""
    clouds = case.catalogue.all(Cloud)
    found = {
        clouds[c].site for c in clouds_of(case, name, application) if not at_recovery_site(case, clouds[c])
    }
    return found or ({application.site} if application.site else set())


def _backups(case: Case, name: str) -> list[tuple[str, Backup]]:
    """Backups of a system: of itself, its data, its machines."""
    subjects = [f"application/{name}", *(f"instance/{n}" for n in machines_of(case, name))]
    subjects += [f"dataset/{n}" for n, _ in case.named_by(Dataset, "application", f"application/{name}")]
    return [found for subject in subjects for found in case.named_by(Backup, "subject", subject)]


def _remote(case: Case, site: str, homes: set[str]) -> bool:
    """Whether a site lies in another region than where a system runs, and is another site."""
    sites = case.catalogue.all(Site)
    if site not in sites or site in homes:
        return False
    return all(sites[home].region != sites[site].region for home in homes if home in sites)


def _second_homes(case: Case, name: str, homes: set[str]) -> list[Protection]:
    """Protections of a system whose standby stands in another region."""
    instances, projects = case.catalogue.all(Instance), case.catalogue.all(Project)
    out = []
    for _, protection in case.named_by(Protection, "application", f"application/{name}"):
        standby = instances.get(protection.standby)
        project = projects.get(standby.project) if standby is not None else None
        cloud = case.catalogue.all(Cloud).get(project.cloud) if project is not None else None
        if cloud is not None and _remote(case, cloud.site, homes):
            out.append(protection)
    return out


@rule(
    "mlps-remote-backup",
    "require",
    *(*LEVEL, *CLOUDS_READS, *COPIES, *HOMES_READS, "site.role"),
    each=Application,
    back=(*CLOUDS_BACK, *COPIES_BACK, "protection.application"),
    sentence="system from level 3: no real-time backup at a remote place → require",
    source=MLPS,
)
def copies_are_made_remotely_in_real_time(
    case: Case, name: str, application: Application
) -> Iterator[Breach]:
    """A system of level 3 is copied in real time to a remote place: a backup, or the data of a protection."""
    if not _from(case, "remote_backup", application):
        return
    homes = _sites(case, name, application)
    if any(b.method == "real_time" and _remote(case, b.site, homes) for _, b in _backups(case, name)):
        return
    least = int(case.values("mlps")["remote_data_level"])
    if any(p.elements.get("backup", p.level) >= least for p in _second_homes(case, name, homes)):
        return
    message = f"is of level {application.mlps} and has no real-time copy at a remote place"
    cure = f"a backup with `method: real_time` at a site of another region, or a protection of level {least}"
    yield Breach(f"application/{name}", message, "mlps", (), cure)


@rule(
    "mlps-local-backup",
    "flag",
    *(*LEVEL, *CLOUDS_READS, *COPIES, "site.role"),
    each=Application,
    back=(*CLOUDS_BACK, *COPIES_BACK),
    sentence="system from level 2 in service: no local backup, or nobody can say where a copy lies → flag",
    source=MLPS,
)
def tenants_keep_a_local_copy(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """Who uses a cloud keeps a copy where the system runs, and it can be told where each copy lies."""
    if not _from(case, "local_backup", application) or application.status not in ("running", "rebuilding"):
        return
    backups, homes = _backups(case, name), _sites(case, name, application)
    for backup_name, backup in backups:
        if not backup.site:
            yield Breach(
                f"backup/{backup_name}", "nobody says where it lies", "site", (), "`site`", "require"
            )
    if not any(backup.site in homes for _, backup in backups):
        where = f"at site/{min(homes)}" if homes else "where it runs"
        message = f"is of level {application.mlps} and has no local backup {where}"
        yield Breach(f"application/{name}", message, "", (), f"a backup with `subject: application/{name}`")


@rule(
    "mlps-transit",
    "require",
    *(*LEVEL, "endpoint.application", "endpoint.certificate", "certificate.expires_on"),
    each=Application,
    back=("endpoint.application",),
    sentence="system from level 3: it answers unencrypted → require",
    source=MLPS,
)
def what_travels_is_encrypted(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """Every endpoint of a system of level 3 answers over TLS, with a certificate that is good today."""
    if not _from(case, "transit", application):
        return
    today, certificates = case.as_of.isoformat(), case.catalogue.all(Certificate)
    for at, endpoint in case.named_by(Endpoint, "application", f"application/{name}"):
        certificate = certificates.get(endpoint.certificate)
        if certificate is None:
            message = f"serves application/{name} of level {application.mlps} unencrypted"
        elif certificate.expires_on and certificate.expires_on < today:
            message = f"shows certificate/{endpoint.certificate}, which ended on {certificate.expires_on}"
        else:
            continue
        yield Breach(f"endpoint/{at}", message, "certificate", (), "`certificate`: one that is good today")


@rule(
    "mlps-switching",
    "require",
    *(*LEVEL, *CLOUDS_READS, *HOMES_READS, "cloud.site", "site.role", "site.region", "application.site"),
    each=Application,
    back=(*CLOUDS_BACK, "protection.application"),
    sentence="system of level 4: no remote recovery centre to which it switches in real time → require",
    source=MLPS,
)
def the_highest_level_switches_in_real_time(
    case: Case, name: str, application: Application
) -> Iterator[Breach]:
    """A system of level 4 has a second home in another region that takes over at once."""
    if not _from(case, "switching", application):
        return
    least = int(case.values("mlps")["remote_data_level"])
    homes = _second_homes(case, name, _sites(case, name, application))
    if not any(min(p.level, p.elements.get("network", p.level)) >= least for p in homes):
        message = f"is of level {application.mlps} and has no remote home to which it switches in real time"
        cure = f"a protection of level {least} with a standby at the recovery centre"
        yield Breach(f"application/{name}", message, "mlps", (), cure)


@rule(
    "cloud-first",
    "flag",
    *(*LEVEL, *CLOUDS_READS, *OURS_READS, "cloud.role", "application.site"),
    each=Application,
    back=CLOUDS_BACK,
    sentence="system neither classified nor of level 4: on no government cloud → flag",
    source="Suqian 2022 no. 58 (second-hand)",
)
def everything_else_goes_to_the_government_cloud(
    case: Case, name: str, application: Application
) -> Iterator[Breach]:
    """Whatever is neither classified nor of the highest level is on a cloud of government."""
    policy = case.values("cloud-first")
    free = application.classified or application.mlps >= int(policy["mlps_from"])
    if free or application.status == "retired" or not is_ours(case, application):
        return
    clouds, key = case.catalogue.all(Cloud), f"application/{name}"
    found = clouds_of(case, name, application)
    private = [c for c in found if clouds[c].role in ("public", "industry")]
    if private or (not found and application.site):
        where = (
            f"on cloud/{private[0]}, which is none of government"
            if private
            else f"at site/{application.site}"
        )
        denied: Verdict | None = "deny" if policy["denies"] and application.status == "planned" else None
        yield Breach(key, f"is {where}", "cloud" if private else "site", (), "`cloud`: of government", denied)
