"""Drift: reality, read in bulk, against what was built and configured; stored as observations."""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterable, Mapping
from pathlib import PurePath
from typing import Any, Literal, NamedTuple

import msgspec

from ..lab.client import is_up
from ..ledger import Ledger, building, entries
from ..ledger.building import Applied, AppliedKey, Observed
from ..ledger.claims import ClaimRow, claims_on
from ..ledger.connection import Connection
from ..ledger.store import settings
from ..model.catalogue import Catalogue
from ..model.network import Network
from ..model.resources import TYPES, RealObject
from ..notify import messages
from ..plan.builder import reachable_hosts
from ..plan.gather import built_catalogue, routing
from ..plan.hosts import HostVars
from ..plan.stacking import restore
from ..plan.stages import Resource
from ..plan.wiring import LOOPBACK, wires
from ..provider.drivers import open_driver
from ..provider.drivers.store import DEFAULT_PATH
from ..source.claims import path_of
from ..workspace import Workspace
from . import rules
from .keeping import credential_of

# What is said of an interface, before its name.
ADDRESSES = "addresses of "
STATE = "state of "
# The setting that lists objects which are newer than this ledger (``rebuilding``).
NEWER = "newer_objects"
MADE = "made"
FILES = "files"


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as it should be.

    ``fields``: {name: {wanted, seen, owner}}; ``owner``: who says what it should be (file:line).
    """

    status: Literal["missing", "changed", "extra", "unmanaged", "newer"]
    subject: str
    type: str
    target: str
    object: str
    fields: dict[str, dict[str, Any]]
    owner: str

    @property
    def deviates(self) -> bool:
        """Whether an apply would heal it."""
        return self.status not in ("unmanaged", "newer")


class Declared(NamedTuple):
    """The addresses that an interface is to have, and the prefixes from which it may make itself others."""

    addresses: list[str]
    accept: list[str]

    def accepts(self, address: str) -> bool:
        """Whether the host may have made itself this one (SLAAC)."""
        return any(ipaddress.ip_interface(address).ip in ipaddress.ip_network(p) for p in self.accept)


class Report(msgspec.Struct, frozen=True):
    """All findings, and how many objects were looked at. Unmanaged things are told, never touched."""

    checked: int
    findings: tuple[Finding, ...]

    @property
    def deviations(self) -> int:
        """Findings that an apply would heal."""
        return sum(1 for f in self.findings if f.deviates)


def look(workspace: Workspace, ledger: Ledger) -> Report:
    """One bulk list a target, compared with the ledger; stores what was seen.

    Raises ``GovcloudError`` where a target cannot be read.
    """
    with ledger.read() as connection:
        catalogue = built_catalogue(connection)
        applied = building.all_applied(connection)
        claims = claims_on(connection, ((kind, name) for kind, name, _ in catalogue))
        targets = entries.by_any_name(connection, "target")
        newer = newer_objects(connection)
    expected = {a.object_id: restore(a) for a in applied.values() if a.stack}
    wanted = _addresses(catalogue, applied)
    hosts = {a.uid: str(a.inputs["birth"]) for a in applied.values() if a.inputs.get("birth")}
    births = {r.subject: hosts[r.uid] for r in expected.values() if r.uid in hosts}
    filtering = _filtering(workspace, catalogue, applied)
    by_hand, devices = rules.changed_by_hand(workspace, filtering), rules.devices(filtering)
    restored = {a.uid: str(a.inputs["restored"]) for a in applied.values() if a.inputs.get("restored")}
    owners = _Owners(claims, catalogue)
    observed: list[Observed] = []
    findings: list[Finding] = []
    # Also where nothing is left: an interrupted run, or a destroy, may have left something behind.
    used = sorted({r.target for r in expected.values()} | _idle(workspace, targets))
    # Two targets may be two names of one place; what is there is looked at once.
    places: dict[tuple[str, str], list[str]] = {}
    for target in used:
        places.setdefault(_place(targets[target]), []).append(target)
    for names in places.values():
        place = (workspace.environment, targets[names[0]], str(workspace.root))
        driver = open_driver(*place, credential_of(workspace, ledger, targets[names[0]]))
        mine = {o: r for o, r in expected.items() if r.target in names}
        found = [real for real in driver.list() if not rules.is_device(real, devices)]
        seen = _compare(workspace.environment, names[0], mine, found, wanted, births, newer)
        seen = [_put_back(one, restored) for one in seen]
        filters = {r.object_id: by_hand[r.subject] for r in mine.values() if r.subject in by_hand}
        seen = [_refiltered(one, filters) for one in seen]
        observed += seen
        findings += [_finding(o, mine.get(o.object), owners) for o in seen if o.status != "present"]
    with ledger.write() as connection:
        building.replace_observed(connection, used, observed)
        amiss = [(f.status, f.subject, ", ".join(f.fields)) for f in findings if f.deviates]
        messages.drift(connection, workspace, amiss)
    return Report(len(expected), tuple(findings))


def look_at(
    workspace: Workspace, ledger: Ledger, resource: Resource, found: list[RealObject]
) -> list[Observed]:
    """One object, as a driver found it (or nothing), compared with what was built. Stores nothing."""
    with ledger.read() as connection:
        catalogue = built_catalogue(connection)
        applied = building.all_applied(connection)
    mine = [a for a in applied.values() if a.uid == resource.uid]
    born = next((str(a.inputs["birth"]) for a in mine if a.inputs.get("birth")), "")
    births = {resource.subject: born} if born else {}
    wanted = _addresses(catalogue, applied)
    expected = {resource.object_id: resource}
    return _compare(workspace.environment, resource.target, expected, found, wanted, births)


def newer_objects(connection: Connection) -> frozenset[str]:
    """Objects that were made after this ledger was copied from: told, and swept by nobody."""
    return frozenset(settings(connection).get(NEWER, "").split())


def _place(target: Mapping[str, Any]) -> tuple[str, str]:
    """Where a target's objects are: its driver, and the file of a store."""
    return target["driver"], str(PurePath(target.get("path") or DEFAULT_PATH)) if target[
        "driver"
    ] == "store" else ""


def _idle(workspace: Workspace, targets: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Targets that can be looked at though nothing need be there: stores that exist, a lab that is up."""
    stores = {n for n, t in targets.items() if t["driver"] == "store"}
    out = {n for n in stores if (workspace.root / _place(targets[n])[1]).exists()}
    labs = {n for n, t in targets.items() if t["driver"] == "lab"}
    return out | labs if labs and is_up(workspace.root, workspace.environment) else out


def _compare(
    environment: str,
    target: str,
    expected: Mapping[str, Resource],
    found: Iterable[RealObject],
    wanted: Mapping[str, dict[str, Declared]],
    births: Mapping[str, str],
    newer: Container[str] = (),
) -> list[Observed]:
    """What is seen at one place, object by object; ``target`` is its name for what nobody declared."""
    out: list[Observed] = []
    present: set[str] = set()
    for real in found:
        if real.identity is None:
            words = ".".join(str(v) for v in real.properties.values())
            known = {**real.properties, "node": real.facts.get("node_name", real.properties.get("node", ""))}
            name = " ".join(str(v) for v in known.values())
            if real.type in TYPES:
                name = f"{TYPES[real.type].kind}/{real.properties.get('name') or real.handle}"
            detail = {"type": real.type, "name": name, "properties": real.properties}
            handle = real.handle or f"{real.type}:{words}"
            out.append(Observed(handle, None, target, "unmanaged", detail))
            continue
        if real.identity.environment != environment:
            continue
        object_id, uid = real.identity.object_id, real.identity.uid
        resource = expected.get(object_id)
        if resource is None:
            name = str(real.properties.get("name", ""))
            told: dict[str, Any] = {"type": real.type, "name": name}
            if object_id in newer:
                told["properties"] = real.properties
            status = "newer" if object_id in newer else "extra"
            out.append(Observed(object_id, uid, target, status, told))
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
        born = births.get(resource.subject)
        if born and real.birth != born:
            configuration[MADE] = {"wanted": born, "seen": real.birth}
        if configuration:
            detail["configuration"] = configuration
        status = "changed" if detail else "present"
        out.append(Observed(object_id, uid, resource.target, status, detail))
    out += [
        Observed(object_id, r.uid, r.target, "missing", {"type": r.type})
        for object_id, r in expected.items()
        if object_id not in present
    ]
    return out


def _configuration(wanted: Mapping[str, Declared] | None, real: RealObject) -> dict[str, dict[str, Any]]:
    """Interfaces that are down, or whose addresses are not the declared ones; by what and interface."""
    if wanted is None or "addresses" not in real.facts:
        return {}
    seen: Mapping[str, list[str]] = real.facts["addresses"]
    interfaces: Mapping[str, Mapping[str, Any]] = real.facts.get("interfaces", {})
    out: dict[str, dict[str, Any]] = {}
    for interface, declared in wanted.items():
        if interface not in interfaces and interface != LOOPBACK:
            continue  # it went with its line, which is missing itself
        if interface in interfaces and not interfaces[interface]["up"]:
            out[f"{STATE}{interface}"] = {"wanted": "up", "seen": "down"}
        there, addresses = _normal(seen.get(interface, [])), _normal(declared.addresses)
        if [a for a in there if a in addresses or not declared.accepts(a)] != addresses:
            out[f"{ADDRESSES}{interface}"] = {"wanted": addresses, "seen": there}
    return out


def _put_back(seen: Observed, restored: Mapping[str, str]) -> Observed:
    """What was seen of a host, and that its files are those of before a run. ``restored``: runs by uid."""
    run = restored.get(seen.uid or "")
    if run is None or seen.status not in ("present", "changed"):
        return seen
    said = {FILES: {"wanted": "as declared", "seen": f"put back as before run {run}"}}
    configuration = {**seen.detail.get("configuration", {}), **said}
    detail = {**seen.detail, "configuration": configuration}
    return msgspec.structs.replace(seen, status="changed", detail=detail)


def _refiltered(seen: Observed, filters: Mapping[str, dict[str, Any]]) -> Observed:
    """What was seen of a host, and what somebody did to its filters. ``filters``: by object."""
    if seen.object not in filters or seen.status not in ("present", "changed"):
        return seen
    configuration = {**seen.detail.get("configuration", {}), **filters[seen.object]}
    detail = {**seen.detail, "configuration": configuration}
    return msgspec.structs.replace(seen, status="changed", detail=detail)


def _normal(addresses: Iterable[str]) -> list[str]:
    return sorted(str(ipaddress.ip_interface(a)) for a in addresses)


def _addresses(catalogue: Catalogue, applied: Mapping[AppliedKey, Applied]) -> dict[str, dict[str, Declared]]:
    """Declared addresses by interface, of every host that was configured, by kind/name."""
    configured = {a.scope.removeprefix("host:") for a in applied.values() if not a.stack}
    out = {}
    for host, variables in reachable_hosts(catalogue, routing(catalogue)).items():
        if host in configured:
            out[variables.entry] = {
                i["name"]: Declared(i["addresses"], i.get("accept", []))
                for i in variables.vars.get("govcloud_interfaces", [])
            }
    return out


def _filtering(
    workspace: Workspace, catalogue: Catalogue, applied: Mapping[AppliedKey, Applied]
) -> dict[str, HostVars]:
    """The hosts of the lab that were configured, where any of them may filter or translate."""
    if not rules.concerned(catalogue) or not is_up(workspace.root, workspace.environment):
        return {}
    configured = {a.scope.removeprefix("host:") for a in applied.values() if not a.stack}
    hosts = reachable_hosts(catalogue, routing(catalogue))
    return {host: said for host, said in hosts.items() if host in configured}


class _Owners:
    """Who says what things should be: ``file:line`` for files, else the claimant's own name."""

    def __init__(self, claims: Iterable[ClaimRow], catalogue: Catalogue) -> None:
        self._claims: dict[str, list[ClaimRow]] = {}
        for row in claims:
            self._claims.setdefault(f"{row.kind}/{row.name}", []).append(row)
        # A router's interface is what its link or network says; all others are their host's own.
        self._interfaces: dict[tuple[str, str], str] = {}
        for wire in wires(catalogue):
            for end in (wire.a, wire.b):
                self._interfaces[f"node/{end.node}", end.interface] = f"link/{wire.name}"
        for name, network in catalogue.all(Network).items():
            self._interfaces[f"node/{network.gateway}", network.interface] = f"network/{name}"

    def of(self, subject: str, field: str = "") -> str:
        """The owner of an entry's field; of the entry where nobody claims the field by name."""
        rows = self._claims.get(subject, [])
        row = next((r for r in rows if field in (r.fields or ())), rows[-1] if rows else None)
        if row is None:
            return ""
        who = path_of(row.claimant) or row.claimant
        return f"{who}:{row.line}" if row.line else who

    def of_interface(self, subject: str, what: str) -> str:
        """The owner of what a host's interface should be."""
        interface = what.removeprefix(STATE).removeprefix(ADDRESSES)
        return self.of(self._interfaces.get((subject, interface), subject))


def _finding(seen: Observed, resource: Resource | None, owners: _Owners) -> Finding:
    subject = resource.subject if resource else str(seen.detail.get("name") or seen.object)
    fields = {n: {**v, "owner": owners.of(subject, n)} for n, v in seen.detail.get("fields", {}).items()}
    fields |= {
        what: {**v, "owner": owners.of_interface(subject, what)}
        for what, v in seen.detail.get("configuration", {}).items()
    }
    status: Any = seen.status
    return Finding(
        status,
        subject,
        resource.type if resource else str(seen.detail.get("type", "")),
        seen.target,
        seen.object,
        fields,
        owners.of(subject) if resource else "",
    )
