"""Pools that entries take from: a project's quota, a cloud's capacity, the units of a rack; pure arithmetic.

A pool is ``kind/name:measure``, as ``project/health:vcpus``. Its bound is what quotas, clouds and racks say;
what they leave out (0) is no bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date

from ..model.base import Entry
from ..model.cloud import Cloud, Flavor, Instance, LoadBalancer, Project, Quota, Volume
from ..model.datacentre import Rack, Server

Find = Callable[[str, str], Entry | None]
# Measures of a project's quota, each a field of it, with its unit.
MEASURES: Mapping[str, str] = {
    "instances": "",
    "vcpus": "",
    "memory_mib": "MiB",
    "disk_gib": "GiB",
    "volumes": "",
    "addresses": "",
}
# Measures of a cloud's capacity, each a field of it: from which measure, times what. 1 TB is 10^12 bytes,
# 1 GiB 2^30.
CLOUD: Mapping[str, tuple[str, float]] = {
    "vcpus": ("vcpus", 1),
    "memory_gib": ("memory_mib", 1 / 1024),
    "storage_tb": ("disk_gib", 2**30 / 10**12),
}
UNITS: Mapping[str, str] = {**MEASURES, "memory_gib": "GiB", "storage_tb": "TB", "rack_units": "U"}
# The kinds whose entries take from pools.
TAKERS = ("instance", "volume", "load_balancer", "server")


def pool(kind: str, name: str, measure: str) -> str:
    """A pool's name."""
    return f"{kind}/{name}:{measure}"


def parts(pool: str) -> tuple[str, str, str]:
    """(kind, name, measure) of a pool's name."""
    subject, _, measure = pool.rpartition(":")
    kind, _, name = subject.partition("/")
    return kind, name, measure


def taken(entry: Entry, find: Find) -> dict[str, float]:
    """What one entry takes of each pool, whether that is bounded or not. ``find``: other entries."""
    if isinstance(entry, Server):
        if entry.status == "retired":
            return {}
        return {pool("rack", entry.rack, "rack_units"): float(entry.height)}
    measures = amounts(entry, find)
    if not measures or not isinstance(entry, Instance | Volume | LoadBalancer):
        return {}
    out = {pool("project", entry.project, name): value for name, value in measures.items()}
    project = find("project", entry.project)
    if isinstance(project, Project):
        for name, (of, factor) in CLOUD.items():
            if of in measures:
                out[pool("cloud", project.cloud, name)] = measures[of] * factor
    return out


def amounts(entry: Entry, find: Find) -> dict[str, float]:
    """What one entry takes of its project, by measure; what is retired takes nothing."""
    if isinstance(entry, Instance) and entry.status != "retired":
        out: dict[str, float] = {"instances": 1}
        flavor = find("flavor", entry.flavor)
        if isinstance(flavor, Flavor):
            out |= {"vcpus": flavor.vcpus, "memory_mib": flavor.memory_mib, "disk_gib": flavor.disk_gib}
        out["addresses"] = _addresses(entry)
    elif isinstance(entry, Volume):
        out = {"disk_gib": entry.size_gib, "volumes": 1}
    elif isinstance(entry, LoadBalancer):
        out = {"addresses": _addresses(entry)}
    else:
        return {}
    return {name: float(value) for name, value in out.items() if value}


def _addresses(entry: Instance | LoadBalancer) -> int:
    return bool(entry.ipv4) + bool(entry.ipv6)


def bounds(name: str, entry: Entry, day: date) -> Iterator[tuple[str, float]]:
    """(pool, how much) that an entry grants on a day. Several quotas of a project add up; one that has ended
    grants nothing of what it bounded, and does not leave that without a bound."""
    if isinstance(entry, Quota):
        over = bool(entry.until) and entry.until < day.isoformat()[: len(entry.until)]
        for measure in MEASURES:
            if value := getattr(entry, measure):
                yield pool("project", entry.project, measure), 0.0 if over else float(value)
    elif isinstance(entry, Cloud):
        for measure in CLOUD:
            if value := getattr(entry, measure):
                yield pool("cloud", name, measure), float(value)
    elif isinstance(entry, Rack):
        yield pool("rack", name, "rack_units"), float(entry.units)


def told(amount: float, measure: str) -> str:
    """An amount with its unit, as people read it."""
    unit = UNITS.get(measure, "")
    number = f"{amount:,.0f}" if amount == round(amount) else f"{amount:,.2f}"
    return f"{number} {unit}" if unit else number
