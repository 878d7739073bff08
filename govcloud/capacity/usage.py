"""Quota, reserved, used and measured: by project or cloud, and summed by unit or site.

What is bounded, held and taken are the accounts that requests go by (``accounts``); what is measured is the
mean of samples, in vCPUs and memory at work.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from ..ledger.connection import Connection
from ..model.catalogue import Catalogue
from ..model.cloud import Cloud, Flavor, Instance, Project
from ..policy.pools import CLOUD, parts, pool
from .accounts import accounts
from .measuring import Measured
from .reviewing import RUNNING

By = Literal["unit", "cloud", "site", "project"]
# What of a project's quota is shown; a cloud's measures are those of ``policy.pools.CLOUD``.
PROJECT = ("instances", "vcpus", "memory_mib", "disk_gib")


class Line(msgspec.Struct, frozen=True):
    """One measure of one subject. ``limit``: None where something of it has no bound; ``measured``: the mean
    at work of what has samples, None where nothing has."""

    subject: str
    measure: str
    limit: float | None
    used: float
    reserved: float
    measured: float | None = None

    @property
    def free(self) -> float | None:
        """What nobody has and nobody is promised."""
        return None if self.limit is None else self.limit - self.used - self.reserved


def lines(
    connection: Connection,
    catalogue: Catalogue,
    by: By,
    measured: Mapping[str, Measured] | None = None,
) -> list[Line]:
    """Every subject with each of its measures, sorted. ``measured``: by instance."""
    owners, measures = _owners(catalogue, by)
    kind = "cloud" if by in ("cloud", "site") else "project"
    found = accounts(connection, pools=[pool(kind, name, measure) for name in owners for measure in measures])
    sums: dict[tuple[str, str], list[float | None]] = {}
    for one in found:
        _, name, measure = parts(one.pool)
        key = owners[name], measure
        total = sums.setdefault(key, [0.0, 0.0, 0.0])
        limit = total[0]
        total[0] = None if limit is None or one.limit is None else limit + one.limit
        total[1], total[2] = (total[1] or 0.0) + one.taken, (total[2] or 0.0) + one.held
    work = _work(catalogue, owners, kind, measured or {})
    return [
        Line(subject, measure, limit, used or 0.0, held or 0.0, work.get((subject, measure)))
        for (subject, measure), (limit, used, held) in sorted(
            sums.items(), key=lambda one: (one[0][0], measures.index(one[0][1]))
        )
    ]


def _owners(catalogue: Catalogue, by: By) -> tuple[dict[str, str], tuple[str, ...]]:
    """(subject of each project or cloud, the measures that are shown)."""
    projects, clouds = catalogue.all(Project), catalogue.all(Cloud)
    match by:
        case "project":
            return {name: f"project/{name}" for name in projects}, PROJECT
        case "unit":
            return {name: f"unit/{one.unit}" for name, one in projects.items()}, PROJECT
        case "cloud":
            return {name: f"cloud/{name}" for name in clouds}, tuple(CLOUD)
        case "site":
            return {name: f"site/{one.site}" for name, one in clouds.items()}, tuple(CLOUD)


def _work(
    catalogue: Catalogue, owners: Mapping[str, str], kind: str, measured: Mapping[str, Measured]
) -> dict[tuple[str, str], float]:
    """vCPUs and memory at work, in the units of the measures."""
    out: dict[tuple[str, str], float] = {}
    for name, instance in catalogue.all(Instance).items():
        seen = measured.get(name)
        if seen is None or instance.status not in RUNNING:
            continue
        owner = instance.project if kind == "project" else catalogue.get(Project, instance.project).cloud
        flavor = catalogue.get(Flavor, instance.flavor)
        memory = ("memory_mib", 1.0) if kind == "project" else ("memory_gib", 1 / 1024)
        for used, measure, amount in (
            (seen.cpu, "vcpus", float(flavor.vcpus)),
            (seen.memory, memory[0], flavor.memory_mib * memory[1]),
        ):
            if used is not None:
                key = owners[owner], measure
                out[key] = out.get(key, 0.0) + amount * used.mean / 100
    return out


def worth_telling(found: Iterable[Line]) -> list[Line]:
    """Lines of which there is something to tell: a bound, or something that is used, held or measured."""
    return [one for one in found if one.limit is not None or one.used or one.reserved or one.measured]
