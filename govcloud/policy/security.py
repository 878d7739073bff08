"""Systems: graded, tested, assessed, watched, enciphered, and known to one identity service."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from ..model.application import Application, Certificate, Component, Endpoint
from ..model.cloud import Cloud
from ..model.governance import Review
from ..model.lines import PrivateNetwork
from ..model.network import Zone
from ..model.organisation import Unit
from .base import Breach, Case
from .evidence import NONE, REVIEW, SERVING, serves, unreviewed
from .registry import rule

# Types of review by which a network or a system is watched (002:L33), in words.
WATCHING = {"monitoring": "dynamic monitoring", "audit": "security audit"}


@rule(
    "S-01",
    "require",
    *("application.mlps", "application.mlps_filing", "application.status", "application.classified"),
    *("application.scope", "cloud.role"),
    *("cloud.mlps", "cloud.status", *REVIEW),
)
def systems_are_graded(case: Case) -> Iterator[Breach]:
    """Systems in service have a level of graded protection, and from some level on a filing and a test."""
    for name, application in case.catalogue.all(Application).items():
        # What is classified is under graded protection of another kind (分级保护, S-02).
        if serves(application) and not application.classified:
            key = f"application/{name}"
            yield from _grade(case, key, application.mlps)
            least = int(case.values("mlps-test")["filing_from_level"])
            if application.mlps >= least and not application.mlps_filing:
                message = f"is of level {application.mlps} and has no filing"
                yield Breach(key, message, "mlps_filing", (), "the number of its filing with the police")
    for name, cloud in case.catalogue.all(Cloud).items():
        # Clouds of a trade and of the public are none of the government's.
        if cloud.status in SERVING and cloud.role not in ("industry", "public"):
            yield from _grade(case, f"cloud/{name}", cloud.mlps)


def _grade(case: Case, key: str, level: int) -> Iterator[Breach]:
    if not level:
        cure = "determine its level: `mlps`, 1 to 4"
        yield Breach(key, "its level of graded protection is not determined", "mlps", (), cure)
        return
    days = int(case.values("mlps-test").get(f"level_{level}_days", 0))
    if days and (why := unreviewed(case, "mlps_test", [key], days)):
        cure = "a review of type mlps_test that was passed, with its document"
        yield Breach(key, f"is of level {level} without a test that counts: {why}", "", (), cure)


@rule(
    "S-02",
    "require",
    *("application.classified", "application.status", "private_network.classified", "private_network.status"),
    *("zone.role", "zone.status", "zone.within", *REVIEW),
)
def classified_things_have_their_review(case: Case) -> Iterator[Breach]:
    """What is classified, and the intranet, passed the review of graded protection (分级保护审核)."""
    for key in _classified(case):
        if why := unreviewed(case, "graded_protection", [key]):
            cure = "a review of type graded_protection that was passed, with its document"
            yield Breach(key, f"is classified, and its graded protection is not proved: {why}", "", (), cure)


def _classified(case: Case) -> Iterator[str]:
    for name, application in case.catalogue.all(Application).items():
        if application.classified and application.status in SERVING:
            yield f"application/{name}"
    for name, private in case.catalogue.all(PrivateNetwork).items():
        if private.classified and private.status in SERVING:
            yield f"private_network/{name}"
    for name, zone in case.catalogue.all(Zone).items():
        if zone.role == "intranet" and not zone.within and zone.status in SERVING:
            yield f"zone/{name}"


@rule("S-03", "require", "application.status", "application.scope", *REVIEW, each=Application)
def systems_are_assessed(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """The security of systems in service was assessed within the set period."""
    if serves(application):
        key, days = f"application/{name}", int(case.values("security-assessment")["days"])
        if why := unreviewed(case, "security_assessment", [key], days):
            cure = "a review of type security_assessment that was passed, with its document"
            yield Breach(key, f"its security was not assessed in {days} days: {why}", "", (), cure)


@rule(
    "S-10",
    "require",
    *(
        "application.status",
        "application.scope",
        "application.cloud",
        "zone.role",
        "zone.status",
        "zone.within",
    ),
    *("unit.type", "unit.level", *REVIEW),
)
def everything_is_watched(case: Case) -> Iterator[Breach]:
    """Networks and systems are monitored and audited; the terminals of units are controlled."""
    policy = case.values("watching")
    days, cloudy = int(policy["days"]), bool(policy["cloud_covers"])
    # Most systems were never looked at, and there are thousands: who was is gathered first.
    seen = {review.subject for review in case.catalogue.all(Review).values() if review.type in WATCHING}
    for name, zone in case.catalogue.all(Zone).items():
        if zone.role in ("intranet", "extranet") and not zone.within and zone.status in SERVING:
            yield from _watched(case, [f"zone/{name}"], days, seen)
    for name, application in case.catalogue.all(Application).items():
        if serves(application):
            around = [f"cloud/{application.cloud}"] if cloudy and application.cloud else []
            yield from _watched(case, [f"application/{name}", *around], days, seen)
    for name, unit in case.catalogue.all(Unit).items():
        if unit.type in policy["unit_types"] and unit.level in policy["unit_levels"]:
            why = unreviewed(case, "terminal_control", [f"unit/{name}"], days)
            if why:
                cure = "a review of type terminal_control that was passed, with its document"
                yield Breach(f"unit/{name}", f"its terminals are not controlled: {why}", "", (), cure)


def _watched(case: Case, subjects: list[str], days: int, seen: Collection[str]) -> Iterator[Breach]:
    lacks = {type: NONE.format(type) for type in WATCHING}
    if any(subject in seen for subject in subjects):
        lacks = {type: why for type in WATCHING if (why := unreviewed(case, type, subjects, days))}
    if lacks:
        told = "; ".join(f"{WATCHING[type]}: {why}" for type, why in lacks.items())
        cure = f"a review of type {' and one of type '.join(lacks)} that was passed, with its document"
        yield Breach(subjects[0], f"is not watched: {told}", "", (), cure)


@rule(
    "S-14",
    "flag",
    *("application.type", "application.status", "application.unit", "application.merges_into"),
    *("application.platforms", "application.components", "application.province_built"),
    *("component.type", "component.application", "unit.type"),
    each=Application,
    back=("component.application",),
)
def identity_systems_are_merged(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """A department's own identity system goes into the unified one, by steps."""
    unit = case.catalogue.all(Unit).get(application.unit)
    own = application.type == "identity" and application.status in SERVING and not application.province_built
    if not own or unit is None or unit.type == "group":
        return
    key = f"application/{name}"
    if any(c.type == "identity" for _, c in case.named_by(Component, "application", key)):
        return
    applications, components = case.catalogue.all(Application), case.catalogue.all(Component)
    into = [applications.get(n) for n in (application.merges_into, *application.platforms)]
    uses = [components.get(n) for n in application.components]
    if not any(one is not None and one.type == "identity" for one in (*into, *uses)):
        message = f"unit/{application.unit} keeps an identity system of its own"
        cure = "`merges_into`, `platforms` or `components`: the unified identity service"
        yield Breach(key, message, "merges_into", (), cure)


@rule(
    "S-16",
    "require",
    *("application.status", "application.scope", "application.mlps", "application.important"),
    *("application.key_system", "endpoint.application", "endpoint.certificate", "certificate.expires_on"),
    *REVIEW,
    each=Application,
    back=("endpoint.application",),
)
def important_systems_are_enciphered(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """Important systems passed the assessment of their cryptography, and answer over TLS."""
    policy = case.values("cryptography-test")
    weighty = application.important or application.key_system
    if not serves(application) or not (weighty or application.mlps >= int(policy["from_level"])):
        return
    key = f"application/{name}"
    if why := unreviewed(case, "cryptography", [key], int(policy["days"])):
        cure = "a review of type cryptography that was passed, with its document"
        yield Breach(key, f"nothing proves that it keeps the norm of cryptography: {why}", "", (), cure)
    yield from _open(case, case.named_by(Endpoint, "application", key))


def _open(case: Case, endpoints: Iterable[tuple[str, Endpoint]]) -> Iterator[Breach]:
    certificates = case.catalogue.all(Certificate)
    for name, endpoint in endpoints:
        shown = certificates.get(endpoint.certificate)
        if shown is None:
            message = f"application/{endpoint.application} answers here without encryption"
            yield Breach(f"endpoint/{name}", message, "certificate", (), "the certificate that it shows")
        elif shown.expires_on and shown.expires_on < case.as_of.isoformat():
            message = f"its certificate/{endpoint.certificate} ended on {shown.expires_on}"
            yield Breach(f"endpoint/{name}", message, "certificate", (), "a certificate that is good today")
