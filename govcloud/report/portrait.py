"""An application's portrait (应用画像): all that the ledger knows of one application, gathered by index.

It begins with whoever refers to the application, and goes two steps on: to the machines behind its
endpoints, the disks of those, the drills of its protections. What nobody recorded is None or empty, not
the default of its kind; nothing is estimated. (An endpoint's port is the exception: it is used as it is.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ..ledger.among import rows_among
from ..ledger.browsing import Seen, View
from ..ledger.building import Observed
from ..ledger.claims import claims_on
from ..ledger.evidence import Evidence
from ..ledger.requests import CLAIMANT
from .around import Gathered, gather

Brief = dict[str, Any]

# The three duties of a unit (001:L268).
DUTIES = ("principal", "information_officer", "business_manager")
# Kinds that are told of in a section of their own; what else refers to the application is listed after.
PLACED = frozenset(
    {"component", "endpoint", "instance", "server", "volume", "load_balancer", "dataset", "certificate"}
    | {"protection", "backup", "recovery_plan", "drill", "dependency", "website", "hotline"}
    | {"service_entry", "budget", "contract", "programme", "review", "evaluation", "inspection"}
)
# Fields that are told of an entry in a list, by kind.
TOLD: dict[str, tuple[str, ...]] = {
    "component": ("type", "layer", "status"),
    "instance": ("flavor", "project", "network", "status", "cpu_percent", "memory_percent", "checked_on"),
    "server": ("rack", "network", "cores", "memory_gib", "disk_gib", "status"),
    "volume": ("size_gib", "instance", "used_percent"),
    "load_balancer": ("network", "protocol", "port"),
    "dataset": ("type", "classified", "sharing", "open", "size_gb"),
    "network": ("ipv4", "ipv6", "cloud", "site"),
    "endpoint": ("host", "port", "dns_zone", "instance"),
    "certificate": ("names", "issuer", "algorithm", "issued_on", "expires_on"),
    "protection": ("level", "rpo_s", "rto_s", "primary", "standby"),
    "backup": ("method", "period_h", "keep_days", "site", "last_on"),
    "recovery_plan": ("type", "approved_on", "rto_s"),
    "drill": ("date", "type", "passed", "switch_s", "lost_s", "valid_until"),
    "website": ("domains", "status"),
    "hotline": ("number", "status"),
    "service_entry": ("channel", "status", "user_count"),
    "budget": ("year", "item", "amount_yuan", "status"),
    "contract": ("type", "provider", "number", "starts_on", "ends_on", "amount_yuan"),
    "programme": ("status", "amount_yuan", "accepted_on", "library"),
    "review": ("type", "date", "passed", "valid_until", "reviewer"),
    "evaluation": ("date", "mode", "result", "score", "indicator", "value", "target_value"),
    "inspection": ("type", "date", "severity", "finding", "rectify_by", "rectified_on"),
    "person": ("duty", "phone", "email"),
}
GRADE = (
    "mlps",
    "mlps_filing",
    "mlps_tested_on",
    "classified",
    "classified_on",
    "cryptography",
    "assessed_on",
    "key_system",
    "important",
    "trusted",
)
USE = ("user_count", "unit_count", "opened_on", "audience", "scope")


class Portrait(msgspec.Struct, frozen=True):
    """One application, section by section; the keys are those of ``portrait --json``.

    ``status`` is empty, and a field of ``grade`` None, where nobody says it: a default is no fact.
    """

    name: str
    title: str
    uid: str
    since: int
    status: str
    owner: Brief
    holds: Brief
    networks: Brief
    endpoints: list[Brief]
    certificates: list[Brief]
    grade: Brief
    recovery: Brief
    use: Brief
    serves: Brief
    dependencies: Brief
    cost: Brief
    evaluation: Brief
    findings: list[Brief]
    others: dict[str, list[str]]


def portrait(view: View, application: Seen, *, now: float) -> Portrait:
    """The portrait of one application. ``now``: seconds since the epoch, for ages and days left."""
    from .findings import findings

    found = gather(view, application)
    held = [e for kind in ("instance", "server", "load_balancer", "volume") for e in found.all(kind)]
    subjects = [application, *held]
    subjects += [e for kind in ("endpoint", "flow", "protection", "drill") for e in found.all(kind)]
    measured = _newest(view, [entry.subject for entry in subjects])
    observed = _observed(view, [entry.uid for entry in subjects])
    today = datetime.fromtimestamp(now, UTC).astimezone().date()
    certificates = [
        _brief(one) | {"days_left": days_left(one.fields.get("expires_on"), today.toordinal())}
        for one in found.all("certificate")
    ]
    shown = [_evidence(one, now) for one in measured]
    fields = application.fields
    return Portrait(
        name=application.name,
        title=application.title,
        uid=application.uid,
        since=application.since,
        status=str(fields.get("status") or ""),
        owner=_owner(found),
        holds=_holds(found) | {"requests": _requests(view, [application, *held])},
        networks=_networks(found, held),
        endpoints=[_endpoint(found, one) for one in found.all("endpoint")],
        certificates=certificates,
        grade={field: fields.get(field) for field in GRADE},
        recovery=_recovery(found, measured, now),
        use={field: fields.get(field) for field in USE}
        | {"measured": shown, "observed": [_seen(one, now) for one in observed]},
        serves={f"{kind}s": _briefs(found.all(kind)) for kind in ("website", "hotline")}
        | {"service_entries": _briefs(found.all("service_entry"))},
        dependencies=_dependencies(found),
        cost=_cost(found),
        evaluation={f"{kind}s": _briefs(found.all(kind)) for kind in ("evaluation", "review", "inspection")},
        findings=findings(found, certificates, measured, observed, today),
        others={
            f"{kind}.{field}": sorted(names)
            for (kind, field), names in sorted(found.direct.items())
            if kind not in PLACED
        },
    )


# -- sections -------------------------------------------------------------------------------------------


def _brief(entry: Seen) -> Brief:
    told = {field: entry.fields.get(field) for field in TOLD.get(entry.kind, ())}
    return {"name": entry.name, "title": entry.title} | told


def _briefs(entries: Iterable[Seen]) -> list[Brief]:
    return [_brief(entry) for entry in entries]


def _owner(found: Gathered) -> Brief:
    fields = found.application.fields
    unit = found.find("unit", fields.get("unit"))
    persons = [p for p in found.all("person") if p.fields.get("unit") == fields.get("unit")]
    duty_person = found.find("person", fields.get("duty_person"))
    return {
        "unit": fields.get("unit"),
        "title": unit.title if unit else "",
        "region": unit.fields.get("region") if unit else None,
        "duties": {duty: _briefs(p for p in persons if p.fields.get("duty") == duty) for duty in DUTIES},
        "duty_person": _brief(duty_person) if duty_person else None,
    }


def _holds(found: Gathered) -> Brief:
    instances = found.all("instance")
    sizes = [flavor.fields for i in instances if (flavor := found.find("flavor", i.fields.get("flavor")))]
    servers, volumes = found.all("server"), found.all("volume")
    return {
        "components": _briefs(found.all("component")),
        "instances": {
            "count": len(instances),
            "vcpus": _sum(sizes, "vcpus"),
            "memory_mib": _sum(sizes, "memory_mib"),
            "disk_gib": _sum(sizes, "disk_gib"),
            "entries": _briefs(instances),
        },
        "servers": {
            "count": len(servers),
            "cores": _sum([s.fields for s in servers], "cores"),
            "memory_gib": _sum([s.fields for s in servers], "memory_gib"),
            "entries": _briefs(servers),
        },
        "volumes": {
            "count": len(volumes),
            "size_gib": _sum([v.fields for v in volumes], "size_gib"),
            "entries": _briefs(volumes),
        },
        "load_balancers": _briefs(found.all("load_balancer")),
        "datasets": _briefs(found.all("dataset")),
    }


def _requests(view: View, entries: Sequence[Seen]) -> list[Brief]:
    """The requests that asked for these entries: what is theirs goes with them."""
    claims = claims_on(view.connection, [entry.key for entry in entries])
    names = {c.claimant.removeprefix(CLAIMANT) for c in claims if c.claimant.startswith(CLAIMANT)}
    found = [entry for name in sorted(names) if (entry := view.find("request", name)) is not None]
    return [{"name": one.name, "title": one.title, "until": one.fields.get("until")} for one in found]


def _sum(rows: Sequence[dict[str, Any]], field: str) -> float:
    return sum(row.get(field) or 0 for row in rows)


def _networks(found: Gathered, held: Sequence[Seen]) -> Brief:
    by_uid = {entry.uid: entry for entry in held}
    addresses: dict[str, list[Brief]] = {"ipv4": [], "ipv6": []}
    rows = found.view.addresses(by_uid)
    for uid, _, address in sorted(rows, key=lambda row: (by_uid[row[0]].subject, row[2])):
        version = "ipv6" if ":" in address else "ipv4"
        addresses[version].append({"address": address, "holder": by_uid[uid].subject})
    fields = found.application.fields
    named = {field: fields.get(field) or [] for field in ("zones", "private_networks")}
    return {"networks": _briefs(found.all("network"))} | addresses | named


def _endpoint(found: Gathered, endpoint: Seen) -> Brief:
    zone = found.find("dns_zone", endpoint.fields.get("dns_zone"))
    host = endpoint.fields.get("host", "")
    domain = f"{host}.{zone.fields['domain']}" if zone and "domain" in zone.fields else host
    shown = endpoint.fields.get("certificate")
    certificates = [shown] if shown else []
    # What is not said has its default: a port, mostly.
    told = {"port": endpoint.get("port"), "domain": domain, "certificates": certificates}
    return _brief(endpoint) | told


def _recovery(found: Gathered, measured: Sequence[Evidence], now: float) -> Brief:
    protections = []
    for one in found.all("protection"):
        figures = [_evidence(e, now) for e in measured if e.subject == one.subject]
        protections.append(_brief(one) | {"measured": figures})
    return {
        "protections": protections,
        "backups": _briefs(found.all("backup")),
        "recovery_plans": _briefs(found.all("recovery_plan")),
        "drills": sorted(_briefs(found.all("drill")), key=lambda d: str(d["date"] or ""), reverse=True),
    }


def _dependencies(found: Gathered) -> Brief:
    me = found.application.name
    both: dict[str, list[tuple[str, str, str | None]]] = {"needs": [], "needed_by": []}
    for one in found.all("dependency"):
        application, needs = one.fields.get("application"), one.fields.get("needs")
        strength = one.fields.get("strength")
        if application == me:
            both["needs"].append((str(needs), one.name, strength))
        if needs == me:
            both["needed_by"].append((str(application), one.name, strength))
    names = {name for rows in both.values() for name, _, _ in rows}
    titles = {n: e.title for n, e in found.view.named("application", names).items()}
    return {
        way: [
            {"name": name, "title": titles[name], "dependency": by, "strength": strength}
            for name, by, strength in sorted(rows, key=lambda row: row[:2])
            # One that the reader may not see is not told of.
            if name in titles
        ]
        for way, rows in both.items()
    }


def _cost(found: Gathered) -> Brief:
    budgets = found.all("budget")
    return {
        "yearly_yuan": found.application.fields.get("yearly_yuan"),
        "budgets": sorted(_briefs(budgets), key=lambda b: (-(b["year"] or 0), b["name"])),
        "contracts": _briefs(found.all("contract")),
        "programmes": _briefs(found.all("programme")),
        # No kind of the ledger has prices of flavors or disks: what it holds cannot be priced.
        "resources_yuan": None,
    }


# -- what was measured and seen -----------------------------------------------------------------------------


def _newest(view: View, subjects: Sequence[str]) -> list[Evidence]:
    """The newest figure of each probe of these subjects, by name."""
    rows = rows_among(
        view.connection,
        "SELECT subject, name, ok, value, unit, detail, run, stage, at FROM evidence e "
        "WHERE e.subject IN :among AND e.at = (SELECT max(n.at) FROM evidence n "
        "WHERE n.subject = e.subject AND n.name = e.name) ORDER BY e.name",
        subjects,
    )
    newest = {
        (subject, name): Evidence(
            subject, name, bool(ok), value, unit, msgspec.json.decode(detail), run, stage, at
        )
        for subject, name, ok, value, unit, detail, run, stage, at in rows
    }
    return [newest[key] for key in sorted(newest)]


def _observed(view: View, uids: Sequence[str]) -> list[Observed]:
    rows = rows_among(
        view.connection,
        "SELECT object, uid, target, status, detail, at FROM observed WHERE uid IN :among",
        uids,
    )
    found = {
        object: Observed(object, uid, target, status, msgspec.json.decode(detail), at)
        for object, uid, target, status, detail, at in rows
    }
    return [found[key] for key in sorted(found)]


def _evidence(one: Evidence, now: float) -> Brief:
    return {
        "subject": one.subject,
        "name": one.name,
        "ok": one.ok,
        "value": one.value,
        "unit": one.unit,
        "at": one.at,
        "age_s": round(max(0.0, now - one.at)),
        "reason": one.detail.get("reason", ""),
    }


def _seen(one: Observed, now: float) -> Brief:
    return {
        "object": one.object,
        "target": one.target,
        "status": one.status,
        "at": one.at,
        "age_s": round(max(0.0, now - one.at)),
    }


def days_left(text: Any, today: int) -> int | None:
    """Days from ``today`` (as ordinal) to a day written YYYY-MM-DD; None where it is not said so."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%d").toordinal() - today
    except ValueError:
        return None
