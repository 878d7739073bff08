"""Drift: reality, read in bulk, against what was built and configured; stored as observations."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from ..ledger import Ledger, building, entries
from ..ledger.building import Applied, Observed
from ..ledger.entries import Accepted, ClaimRow, Key
from ..model.resources import RealObject
from ..plan.builder import reachable_hosts
from ..plan.gather import accepted_catalogue, routing
from ..plan.stacking import restore
from ..plan.stages import Resource
from ..provider.drivers import open_driver
from ..workspace import Workspace

FILE = "file:"


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as it should be.

    ``fields``: {name: {wanted, seen}}; ``owner``: who says what it should be (file:line).
    """

    status: Literal["missing", "changed", "extra", "unmanaged"]
    subject: str
    type: str
    target: str
    object: str
    fields: dict[str, dict[str, Any]]
    owner: str


class Report(msgspec.Struct, frozen=True):
    """All findings, and how many objects were looked at. Unmanaged things are told, never touched."""

    checked: int
    findings: tuple[Finding, ...]

    @property
    def deviations(self) -> int:
        """Findings that an apply would heal."""
        return sum(1 for f in self.findings if f.status != "unmanaged")


def look(workspace: Workspace, ledger: Ledger) -> Report:
    """One bulk list a target, compared with the ledger; stores what was seen.

    Raises ``GovcloudError`` where a target cannot be read.
    """
    with ledger.read() as connection:
        accepted = entries.current(connection)
        applied = building.all_applied(connection)
        claims = entries.claims(connection)
    catalogue = accepted_catalogue(accepted)
    expected = {
        r.object_id: r for (s, _), a in applied.items() if s.startswith("stack:") for r in (restore(a),)
    }
    wanted = _addresses(catalogue, applied, accepted)
    owners = _owners(claims)
    observed: list[Observed] = []
    findings: list[Finding] = []
    used = sorted({r.target for r in expected.values()})
    for target in used:
        fields = accepted["target", target].fields
        driver = open_driver(workspace.environment, fields, str(workspace.root))
        mine = {o: r for o, r in expected.items() if r.target == target}
        seen = _compare(workspace.environment, target, mine, list(driver.list()), wanted)
        observed += seen
        findings += [_finding(o, mine.get(o.object), owners) for o in seen if o.status != "present"]
    with ledger.write() as connection:
        building.replace_observed(connection, used, observed)
    return Report(len(expected), tuple(findings))


def _compare(
    environment: str,
    target: str,
    expected: Mapping[str, Resource],
    found: Iterable[RealObject],
    wanted: Mapping[str, dict[str, list[str]]],
) -> list[Observed]:
    """What is seen at one target, object by object."""
    out: list[Observed] = []
    present: set[str] = set()
    for real in found:
        if real.identity is None:
            words = ".".join(str(v) for v in real.properties.values())
            detail = {"type": real.type, "properties": real.properties}
            out.append(Observed(f"{real.type}:{words}", None, target, "unmanaged", detail))
            continue
        if real.identity.environment != environment:
            continue
        object_id, uid = real.identity.object_id, real.identity.uid
        resource = expected.get(object_id)
        if resource is None:
            name = str(real.properties.get("name", ""))
            out.append(Observed(object_id, uid, target, "extra", {"type": real.type, "name": name}))
            continue
        present.add(object_id)
        detail = {}
        fields = {
            name: {"wanted": value, "seen": real.properties.get(name)}
            for name, value in resource.inputs.items()
            if real.properties.get(name) != value
        }
        if fields:
            detail["fields"] = fields
        configuration = _configuration(wanted.get(resource.subject), real)
        if configuration:
            detail["configuration"] = configuration
        out.append(Observed(object_id, uid, target, "changed" if detail else "present", detail))
    out += [
        Observed(object_id, r.uid, target, "missing", {"type": r.type})
        for object_id, r in expected.items()
        if object_id not in present
    ]
    return out


def _configuration(wanted: Mapping[str, list[str]] | None, real: RealObject) -> dict[str, dict[str, Any]]:
    """Interfaces whose addresses are not the declared ones."""
    if wanted is None or "addresses" not in real.facts:
        return {}
    seen: Mapping[str, list[str]] = real.facts["addresses"]
    out = {}
    for interface, addresses in wanted.items():
        there = _normal(seen.get(interface, []))
        if there != _normal(addresses):
            out[interface] = {"wanted": _normal(addresses), "seen": there}
    return out


def _normal(addresses: Iterable[str]) -> list[str]:
    return sorted(str(ipaddress.ip_interface(a)) for a in addresses)


def _addresses(
    catalogue: Any, applied: Mapping[tuple[str, str], Applied], accepted: Mapping[Key, Accepted]
) -> dict[str, dict[str, list[str]]]:
    """Declared addresses by interface, of every host that was configured, by kind/name."""
    configured = {scope.removeprefix("host:") for scope, _ in applied if scope.startswith("host:")}
    out = {}
    for host, variables in reachable_hosts(catalogue, routing(catalogue)).items():
        if host in configured:
            out[variables.entry] = {
                i["name"]: i["addresses"] for i in variables.vars.get("govcloud_interfaces", [])
            }
    return out


def _owners(claims: Iterable[ClaimRow]) -> dict[str, str]:
    """Who says what an entry should be: ``file:line`` for files, else the claimant's own name."""
    out = {}
    for row in claims:
        who = row.claimant.removeprefix(FILE)
        out[f"{row.kind}/{row.name}"] = f"{who}:{row.line}" if row.line else who
    return out


def _finding(seen: Observed, resource: Resource | None, owners: Mapping[str, str]) -> Finding:
    subject = resource.subject if resource else str(seen.detail.get("name") or seen.object)
    fields = dict(seen.detail.get("fields", {}))
    fields |= {f"addresses of {i}": v for i, v in seen.detail.get("configuration", {}).items()}
    status: Any = seen.status
    return Finding(
        status,
        subject,
        resource.type if resource else str(seen.detail.get("type", "")),
        seen.target,
        seen.object,
        fields,
        owners.get(subject, ""),
    )
