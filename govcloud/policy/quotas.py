"""Nobody takes more of a project, a cloud or a rack than there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ..model.base import Entry
from ..model.cloud import Cloud, Flavor, Instance, LoadBalancer, Project, Quota, Volume
from ..model.datacentre import Rack, Server
from .base import Breach, Case
from .pools import bounds, parts, taken, told
from .registry import rule

_TYPES: dict[str, type[Entry]] = {"project": Project, "flavor": Flavor}
# Sums of figures are rounded; less than this is no excess.
_SLACK = 1e-6


@rule(
    "quota",
    "deny",
    *("quota.project", "quota.instances", "quota.vcpus", "quota.memory_mib", "quota.disk_gib"),
    *("quota.volumes", "quota.addresses", "cloud.vcpus", "cloud.memory_gib", "cloud.storage_tb"),
    *("instance.flavor", "volume.size_gib", "load_balancer.project", "flavor.vcpus", "project.cloud"),
    *("rack.units", "server.height"),
    sentence="What entries take of a project, a cloud or a rack is within its bound.",
    source="the ledger's own accounts",
)
def within_bounds(case: Case) -> Iterator[Breach]:
    """Of each pool that is bounded, what all entries together take."""
    catalogue = case.catalogue
    limits: dict[str, float] = defaultdict(float)
    for granting in (Quota, Cloud, Rack):
        for name, entry in catalogue.all(granting).items():
            for pool, limit in bounds(name, entry):
                limits[pool] += limit
    if not limits:
        return

    def find(kind: str, name: str) -> Entry | None:
        return catalogue.all(_TYPES[kind]).get(name)

    used: dict[str, float] = defaultdict(float)
    for taking in (Instance, Volume, LoadBalancer, Server):
        for entry in catalogue.all(taking).values():
            for pool, amount in taken(entry, find).items():
                if pool in limits:
                    used[pool] += amount
    for pool in sorted(used):
        if used[pool] > limits[pool] + _SLACK:
            kind, name, measure = parts(pool)
            over = told(used[pool] - limits[pool], measure)
            yield Breach(
                f"{kind}/{name}",
                f"{told(used[pool], measure)} of {measure} are taken, {told(limits[pool], measure)} are "
                f"there: {over} too many",
                cure=f"take less, or raise what bounds {kind}/{name}",
            )
