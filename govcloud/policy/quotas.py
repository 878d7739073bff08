"""Nobody takes more of a project, a cloud or a rack than there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from ..model.base import Entry
from ..model.cloud import Cloud, Flavor, Instance, LoadBalancer, Project, Quota, Volume
from ..model.datacentre import Rack, Server
from .base import Breach, Case
from .pools import bounds, parts, taken, told
from .registry import rule

_TYPES: dict[str, type[Entry]] = {"project": Project, "flavor": Flavor}
_SOURCE = "the ledger's own accounts"
# Sums of figures are rounded; less than this is no excess.
_SLACK = 1e-6
_IN_PROJECT = ("instance.project", "volume.project", "load_balancer.project")
_SIZES = (
    *("instance.flavor", "instance.status", "instance.ipv4", "instance.ipv6", "volume.size_gib"),
    *("load_balancer.ipv4", "load_balancer.ipv6", "flavor.vcpus", "flavor.memory_mib", "flavor.disk_gib"),
)


@rule(
    "quota",
    "deny",
    *_IN_PROJECT,
    *_SIZES,
    *("project.cloud", "quota.project", "quota.instances", "quota.vcpus", "quota.memory_mib"),
    *("quota.disk_gib", "quota.volumes", "quota.addresses", "quota.until"),
    each=Project,
    back=("quota.project", *_IN_PROJECT),
    sentence="What is in a project is within its quotas, which add up.",
    source=_SOURCE,
)
def within_quota(case: Case, name: str, project: Project) -> Iterator[Breach]:
    """Of each measure that a quota bounds, what all of the project take."""
    subject = f"project/{name}"
    quotas = case.named_by(Quota, "project", subject)
    limits = _added(pair for of, quota in quotas for pair in bounds(of, quota, case.as_of))
    if limits:
        yield from _beyond(case, subject, limits, _in_project(case, name))


@rule(
    "capacity",
    "deny",
    *_IN_PROJECT,
    *_SIZES,
    *("project.cloud", "cloud.vcpus", "cloud.memory_gib", "cloud.storage_tb"),
    each=Cloud,
    back=("project.cloud", *_IN_PROJECT),
    sentence="What the projects of a cloud take is within what the cloud can give.",
    source=_SOURCE,
)
def within_capacity(case: Case, name: str, cloud: Cloud) -> Iterator[Breach]:
    """Of each measure that the cloud says, what all of its projects take."""
    limits = _added(bounds(name, cloud, case.as_of))
    if limits:
        projects = case.named_by(Project, "cloud", f"cloud/{name}")
        takers = [taker for project, _ in projects for taker in _in_project(case, project)]
        yield from _beyond(case, f"cloud/{name}", limits, takers)


@rule(
    "rack-units",
    "deny",
    *("rack.units", "server.rack", "server.height", "server.status"),
    each=Rack,
    back=("server.rack",),
    sentence="The servers of a rack are no higher than it.",
    source=_SOURCE,
)
def within_rack(case: Case, name: str, rack: Rack) -> Iterator[Breach]:
    """The rack units that its servers take."""
    servers = [server for _, server in case.named_by(Server, "rack", f"rack/{name}")]
    yield from _beyond(case, f"rack/{name}", _added(bounds(name, rack, case.as_of)), servers)


def _in_project(case: Case, name: str) -> list[Entry]:
    """What takes from a project."""
    subject = f"project/{name}"
    found: list[Entry] = [entry for _, entry in case.named_by(Instance, "project", subject)]
    found += [entry for _, entry in case.named_by(Volume, "project", subject)]
    return found + [entry for _, entry in case.named_by(LoadBalancer, "project", subject)]


def _added(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    out: dict[str, float] = defaultdict(float)
    for pool, amount in pairs:
        out[pool] += amount
    return dict(out)


def _beyond(
    case: Case, subject: str, limits: Mapping[str, float], takers: Iterable[Entry]
) -> Iterator[Breach]:
    def find(kind: str, name: str) -> Entry | None:
        return case.catalogue.all(_TYPES[kind]).get(name)

    used = _added(pair for entry in takers for pair in taken(entry, find).items())
    for pool, limit in sorted(limits.items()):
        if (amount := used.get(pool, 0.0)) > limit + _SLACK:
            measure = parts(pool)[2]
            yield Breach(
                subject,
                f"{told(amount, measure)} of {measure} are taken, {told(limit, measure)} are there: "
                f"{told(amount - limit, measure)} too many",
                cure=f"take less, or raise what bounds {subject}",
            )
