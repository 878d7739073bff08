"""What a cloud gives: by whose demand, how well it is used, under one management, tested for security."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..model.change import Request
from ..model.cloud import Cloud, Instance, Project, Quota, Volume
from .base import Breach, Case
from .evidence import INSPECTION, uninspected
from .registry import rule

RUNNING = ("running", "rebuilding")
# 统一门户、统一云管、统一监控、统一运维: a review of each says that a cloud is under it.
UNIFIED = {
    "unified_portal": "the unified portal",
    "unified_management": "the unified cloud management",
    "unified_monitoring": "the unified monitoring",
    "unified_operations": "the unified operation and maintenance",
}
AMOUNTS = ("instances", "vcpus", "memory_mib", "disk_gib", "volumes", "addresses")
NAMED = 3


@rule(
    "C-07",
    "require",
    *("instance.project", "instance.status", "instance.checked_on", "project.cloud"),
    *INSPECTION,
    each=Project,
    back=("instance.project",),
)
def use_is_checked(case: Case, name: str, project: Project) -> Iterator[Breach]:
    """The use of what runs in a project was checked within the period: itself, its project or its cloud."""
    days = int(case.values("cloud-utilisation")["period_days"])
    key = f"project/{name}"
    if any(_inspected(case, one, days) for one in (key, f"cloud/{project.cloud}")):
        return
    late = [
        machine
        for machine, instance in case.named_by(Instance, "project", key)
        if instance.status in RUNNING
        and not _fresh(case, instance.checked_on, days)
        and not _inspected(case, f"instance/{machine}", days)
    ]
    if late:
        names = ", ".join(f"instance/{one}" for one in sorted(late)[:NAMED])
        more = f" and {len(late) - NAMED} more" if len(late) > NAMED else ""
        message = f"nobody checked in the last {days} days how {names}{more} are used"
        cure = f"an inspection of type utilisation of {key}, or `checked_on` of each with what was measured"
        yield Breach(key, message, "", tuple(f"instance/{one}" for one in sorted(late)[:NAMED]), cure)


def _fresh(case: Case, day: str, days: int) -> bool:
    since = case.days_since(day)
    return since is not None and 0 <= since <= days


def _inspected(case: Case, subject: str, days: int) -> bool:
    return not uninspected(case, ("utilisation",), [subject], days)


@rule(
    "C-08",
    "require",
    *("instance.status", "instance.cpu_percent", "instance.memory_percent", "instance.checked_on"),
    *("volume.instance", "volume.used_percent", *INSPECTION),
    *("inspection.cpu_percent", "inspection.memory_percent", "inspection.storage_percent"),
    each=Instance,
    back=("volume.instance",),
)
def use_is_within_bounds(case: Case, name: str, instance: Instance) -> Iterator[Breach]:
    """What runs is neither much larger nor smaller than its use, as last measured."""
    if instance.status not in RUNNING:
        return
    policy, key = case.values("cloud-utilisation"), f"instance/{name}"
    measured = _measured(case, key, instance, int(policy["period_days"]))
    yield from _sized(key, measured, policy)
    for disk, volume in case.named_by(Volume, "instance", key):
        if volume.used_percent > policy["storage_high_percent"]:
            message = f"is {volume.used_percent:g} % full; {policy['storage_high_percent']:g} % is the bound"
            yield Breach(f"volume/{disk}", message, "used_percent", (key,), "a larger `size_gib`")


def _measured(case: Case, key: str, instance: Instance, days: int) -> dict[str, float]:
    """Percent in use as last checked within the period: cpu, memory, storage; not measured: left out."""
    found: dict[str, float] = {}
    if _fresh(case, instance.checked_on, days):
        found = {"cpu": instance.cpu_percent, "memory": instance.memory_percent}
    for _, seen in case.inspections("utilisation", key):
        if seen.document and _fresh(case, seen.date, days) and seen.date >= instance.checked_on:
            found = {"cpu": seen.cpu_percent, "memory": seen.memory_percent, "storage": seen.storage_percent}
    return {what: percent for what, percent in found.items() if percent > 0}


def _sized(key: str, measured: Mapping[str, float], policy: Mapping[str, Any]) -> Iterator[Breach]:
    told = ", ".join(f"{what} {percent:g} %" for what, percent in measured.items())
    over = [what for what, percent in measured.items() if percent > policy[f"{what}_high_percent"]]
    low = [measured[what] < policy[f"{what}_low_percent"] for what in ("cpu", "memory") if what in measured]
    if over:
        message = f"is used beyond the bound of {policy[f'{over[0]}_high_percent']:g} %: {told}"
        yield Breach(key, message, f"{over[0]}_percent", (), "a larger `flavor`, or one more machine")
    elif low and all(low):
        message = f"is hardly used: {told}"
        yield Breach(key, message, "cpu_percent", (), "a smaller `flavor`, or `status: retired`")


@rule(
    "C-09",
    "require",
    *("cloud.role", "cloud.status", "review.type", "review.subject", "review.passed", "review.date"),
    *("review.document", "review.valid_until"),
    each=Cloud,
)
def clouds_are_under_one_management(case: Case, name: str, cloud: Cloud) -> Iterator[Breach]:
    """A cloud of government is under the four unified, each by a review that names its document."""
    if cloud.status not in ("building", *RUNNING) or cloud.role in ("industry", "public"):
        return
    key = f"cloud/{name}"
    missing = [type for type in UNIFIED if not case.reviewed(type, [key])]
    if missing:
        message = f"nothing shows that it is under {', '.join(UNIFIED[type] for type in missing)}"
        cure = f"a review of type {missing[0]} that was passed, with its document, for each"
        yield Breach(key, message, "unified", (), cure)


@rule(
    "C-10",
    "deny",
    *("project.demand", "quota.project", "quota.request", "request.status", "request.reason"),
    *("request.entries", "request.document", "instance.project"),
    *(f"quota.{amount}" for amount in AMOUNTS),
    each=Project,
    back=("quota.project", "instance.project"),
)
def what_is_given_was_asked_for(case: Case, name: str, project: Project) -> Iterator[Breach]:
    """A unit's share of a cloud rests on a demand: a request that was not refused, or a document."""
    key = f"project/{name}"
    quotas = case.named_by(Quota, "project", key)
    requests = case.catalogue.all(Request)
    for quota_name, quota in quotas:
        request = requests.get(quota.request)
        if request is not None:
            yield from _asked(f"quota/{quota_name}", quota_name, quota, request)
    if project.demand or any(quota.request in requests for _, quota in quotas):
        return
    # What stands already is asked for its demand; a share that is new needs one.
    new = bool(quotas) and not case.named_by(Instance, "project", key)
    message = "is given a share of its cloud, and nothing says by whose demand"
    cure = "`demand`: the document or request; or `request` in its quota"
    yield Breach(key, message, "demand", (), cure, None if new else "require")


def _asked(key: str, name: str, quota: Quota, request: Request) -> Iterator[Breach]:
    if request.status in ("refused", "withdrawn"):
        message = f"rests on request/{quota.request}, which was {request.status}"
        yield Breach(key, message, "request", (f"request/{quota.request}",), "a request that was granted")
        return
    if not (request.reason or request.document):
        message = f"rests on request/{quota.request}, which says no reason"
        yield Breach(key, message, "request", (f"request/{quota.request}",), "`reason` of the request")
    wanted = request.entries.get("quotas", {}).get(name, {})
    for amount in AMOUNTS:
        given, asked = getattr(quota, amount), wanted.get(amount)
        if isinstance(asked, int | float) and 0 < asked < given:
            message = f"gives {given:g} {amount}, and request/{quota.request} asks for {asked:g}"
            yield Breach(key, message, amount, (f"request/{quota.request}",), f"`{amount}: {asked:g}`")


@rule(
    "C-12",
    "flag",
    *("cloud.status", "cloud.provider", "review.type", "review.subject", "review.passed", "review.date"),
    *("review.document", "review.valid_until"),
    each=Cloud,
)
def clouds_are_tested_for_security(case: Case, name: str, cloud: Cloud) -> Iterator[Breach]:
    """A cloud platform, and the enterprise that runs it, passed a test of its security."""
    if cloud.status not in RUNNING:
        return
    key = f"cloud/{name}"
    cure = "a review of type cloud_security that was passed, with its document"
    if not case.reviewed("cloud_security", [key]):
        yield Breach(key, "no test of its security counts today", "", (), cure)
    if cloud.provider and not case.reviewed("cloud_security", [f"unit/{cloud.provider}"]):
        message = f"is run by unit/{cloud.provider}, of whose security no test counts today"
        yield Breach(key, message, "provider", (), f"{cure}, of unit/{cloud.provider}")
