"""What is protected above the rest: its catalogue, its emergency plans, its products, its domains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..model.application import Application
from ..model.cloud import Cloud, SecurityGroup
from ..model.datacentre import Server, Site, Storage
from ..model.network import Network, Node, Zone
from ..model.organisation import Person
from ..model.recovery import RecoveryPlan
from ..model.services import Dataset
from .base import Breach, Case, Verdict
from .evidence import REVIEW, SERVING, unreviewed
from .registry import rule

# The document whose goal for key devices has a date.
DATED = "003"
# What stands in the catalogue of each object; data have the level of the application that keeps them.
CATALOGUED = ("catalogued_on", "duty_person", "mlps")
OBJECTS = (
    *("zone.role", "zone.status", "zone.within", "cloud.role", "cloud.status", "site.role", "site.status"),
    *("application.important", "application.status", "dataset.important", "dataset.status"),
    *(f"{kind}.{of}" for kind in ("zone", "cloud", "site", "application") for of in CATALOGUED),
    *("dataset.catalogued_on", "dataset.duty_person", "dataset.application"),
)


@dataclass(frozen=True)
class Protected:
    """An object of the protection catalogue (网络和信息安全保障目录): what it is, its level, who answers.

    ``sort``: network infrastructure, important system or key data (000:L91). ``grade``: its level of graded
    protection, of data that of the application that keeps them; 0: not determined. ``person``: the duty
    holder, empty for none; ``since``: the day it was put in the catalogue, empty where it is not in it.
    """

    key: str
    sort: str
    grade: int
    person: str
    since: str


def protected(case: Case) -> Iterator[Protected]:
    """Everything that belongs in the protection catalogue, in it or not (000:L91)."""
    for name, zone in case.catalogue.all(Zone).items():
        if zone.role in ("intranet", "extranet") and not zone.within and zone.status in SERVING:
            yield _object(f"zone/{name}", "network", zone, zone.mlps)
    for name, cloud in case.catalogue.all(Cloud).items():
        if cloud.role in ("provincial", "recovery") and cloud.status in SERVING:
            yield _object(f"cloud/{name}", "network", cloud, cloud.mlps)
    for name, site in case.catalogue.all(Site).items():
        if site.role != "office" and site.status in SERVING:
            yield _object(f"site/{name}", "network", site, site.mlps)
    applications = case.catalogue.all(Application)
    for name, application in applications.items():
        if application.important and application.status in SERVING:
            yield _object(f"application/{name}", "system", application, application.mlps)
    for name, data in case.catalogue.all(Dataset).items():
        if data.important and data.status in SERVING:
            keeper = applications.get(data.application)
            yield _object(f"dataset/{name}", "data", data, keeper.mlps if keeper else 0)


def _object(key: str, sort: str, entry: Any, grade: int) -> Protected:
    return Protected(key, sort, grade, entry.duty_person, entry.catalogued_on)


@rule(
    "S-05",
    "require",
    *OBJECTS,
    *REVIEW,
    "person.unit",
)
def the_catalogue_has_what_is_protected(case: Case) -> Iterator[Breach]:
    """Networks, important systems and key data are in the catalogue, with their level and duty holder."""
    today, persons = case.as_of.isoformat(), case.catalogue.all(Person)
    for one in protected(case):
        # What is classified has its level from another review (分级保护).
        graded = one.grade or case.reviewed("graded_protection", [one.key])
        lacks = [] if one.since and one.since <= today else ["catalogued_on"]
        lacks += [] if one.person in persons else ["duty_person"]
        lacks += [] if graded else ["mlps"]
        if lacks:
            words = {"catalogued_on": "its day there", "duty_person": "a duty holder", "mlps": "a level"}
            message = f"belongs in the protection catalogue, and lacks {', '.join(words[f] for f in lacks)}"
            field, cure = lacks[0], f"say {', '.join(f'`{field}`' for field in lacks)}"
            if "mlps" in lacks and one.sort == "data":
                cure += ", the level at the application that keeps it"
            yield Breach(one.key, message, "" if field == "mlps" and one.sort == "data" else field, (), cure)


def emergency_plan(case: Case, key: str) -> tuple[str, bool]:
    """(name, whether it counts) of the emergency plan of ``kind/name``; the name is empty for none.

    One counts that was approved by the day, in a document.
    """
    today = case.as_of.isoformat()
    plans = [p for p in case.named_by(RecoveryPlan, "subjects", key) if p[1].type == "emergency"]
    for name, plan in plans:
        if plan.document and plan.approved_on and plan.approved_on <= today:
            return name, True
    return (plans[0][0] if plans else ""), False


@rule(
    "S-06",
    "require",
    *OBJECTS,
    *("recovery_plan.type", "recovery_plan.subjects", "recovery_plan.document", "recovery_plan.approved_on"),
)
def what_is_protected_has_an_emergency_plan(case: Case) -> Iterator[Breach]:
    """Each object of the protection catalogue has an emergency plan for incidents of its security."""
    for one in protected(case):
        found, counts = emergency_plan(case, one.key)
        if not counts:
            why = f"recovery_plan/{found} was not approved in a document" if found else "there is none"
            cure = "a recovery_plan of type emergency that names it in `subjects`, with document and day"
            yield Breach(one.key, f"has no emergency plan: {why}", "", (), cure)


@rule(
    "S-07",
    "flag",
    *("node.key_device", "node.zone", "node.role", "node.vendor", "node.model", "zone.role", "zone.within"),
    *("server.key_device", "server.status", "server.vendor", "server.model"),
    *("storage.key_device", "storage.vendor", "storage.model"),
    *("application.key_system", "application.status", *REVIEW),
)
def key_products_are_trusted(case: Case) -> Iterator[Breach]:
    """Key devices, key systems and the core of the government's networks are secure, reliable products."""
    policy = case.values("trusted-products")
    known = {" ".join(product.casefold().split()) for product in policy["products"]}
    dated = DATED in case.binding and case.reached(str(policy["from"]))
    for key, vendor, model, device in _key_things(case, set(policy["node_roles"])):
        product = " ".join(f"{vendor} {model}".casefold().split())
        if product and (product in known or vendor.casefold() in known):
            continue
        if why := unreviewed(case, "trusted_product", [key]):
            what = f"its product ({vendor} {model})".replace(" )", ")") if product else "its product"
            verdict: Verdict = "target" if device and dated else "flag"
            goal = f"; key devices have been due since {policy['from']}" if verdict == "target" else ""
            message = f"nothing proves that {what} is secure and reliable: {why}{goal}"
            cure = "a review of type trusted_product, or profile/trusted-products lists its product"
            yield Breach(key, message, "", (), cure, verdict)


def _key_things(case: Case, roles: set[str]) -> Iterator[tuple[str, str, str, bool]]:
    """(key, vendor, model, whether it is a key device)."""
    for name, node in case.catalogue.all(Node).items():
        ours = node.role in roles and case.role(node.zone) in ("intranet", "extranet")
        if node.key_device or ours:
            yield f"node/{name}", node.vendor, node.model, node.key_device
    for name, server in case.catalogue.all(Server).items():
        if server.key_device and server.status != "retired":
            yield f"server/{name}", server.vendor, server.model, True
    for name, storage in case.catalogue.all(Storage).items():
        if storage.key_device:
            yield f"storage/{name}", storage.vendor, storage.model, True
    for name, application in case.catalogue.all(Application).items():
        if application.key_system and application.status != "retired":
            yield f"application/{name}", "", "", False


@rule(
    "S-11",
    "require",
    *("zone.role", "zone.status", "zone.within", "network.domain", "security_group.domain"),
    each=Zone,
    back=("zone.within", "network.domain", "security_group.domain"),
)
def networks_have_security_domains(case: Case, name: str, zone: Zone) -> Iterator[Breach]:
    """Intranet and extranet are divided into security domains in which something stands."""
    if zone.role not in ("intranet", "extranet") or zone.within or zone.status not in SERVING:
        return
    domains = [f"zone/{domain}" for domain, _ in case.named_by(Zone, "within", f"zone/{name}")]
    if not domains:
        cure = "zones with `within` this one, and the `domain` of networks and security groups"
        yield Breach(f"zone/{name}", "no security domain is set in it", "", (), cure)
    elif not any(
        case.named_by(kind, "domain", domain) for domain in domains for kind in (Network, SecurityGroup)
    ):
        message = f"no network and no security group is in {' or '.join(domains[:3])}"
        cure = "`domain` of the networks and security groups that they are for"
        yield Breach(f"zone/{name}", message, "", tuple(domains), cure)
