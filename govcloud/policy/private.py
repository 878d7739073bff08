"""Private networks on their way into the one network: classified, planned, reviewed, bounded, merged."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.application import Application
from ..model.change import Request, Wave
from ..model.datacentre import Contract
from ..model.governance import Budget, Programme
from ..model.lines import Boundary, Circuit, Exchange, PrivateNetwork
from ..model.organisation import Unit
from ..topology.net import CARRYING
from ..topology.zones import in_service
from .base import Breach, Case
from .evidence import REVIEW, unreviewed
from .housing import relies_on, seniority
from .registry import rule

# A department's own parts of a network that its plan must cover too (002:L18).
EXTENDED = ("internal", "downward")


def _networks(case: Case, *types: str) -> Iterator[tuple[str, str, PrivateNetwork]]:
    """(key, name, network) of those of these types that are in service."""
    for name, private in case.catalogue.all(PrivateNetwork).items():
        if private.type in types and in_service(case.catalogue, private):
            yield f"private_network/{name}", name, private


def _boundary(case: Case, name: str) -> list[tuple[str, Boundary]]:
    return [(n, b) for n, b in case.catalogue.all(Boundary).items() if b.private_network == name]


def _past(case: Case, day: str) -> bool:
    """Whether something was done by the day; what is said of a day to come was not."""
    return bool(day) and day <= case.as_of.isoformat()


@rule(
    "N-02",
    "require",
    *("private_network.classified_on", "private_network.classified_by", "private_network.classified_reason"),
    *("application.private_networks", "application.classified_on"),
    *("boundary.private_network", "boundary.drawn_on", "review.type", "review.subject"),
    *("private_network.type", "review.date", "review.passed", "review.document", "review.valid_until"),
)
def secrecy_is_decided_and_the_boundary_drawn(case: Case) -> Iterator[Breach]:
    """It is decided what is classified on a department's network, and its boundary is drawn."""
    for key, name, private in _networks(case, "business"):
        decided = _past(case, private.classified_on)
        if not decided and not case.reviewed("secrecy", [key]):
            message = "nobody decided yet whether it is classified"
            cure = "`classified`, with `classified_on`, `classified_by` and `classified_reason`"
            yield Breach(key, message, "classified_on", (), cure)
        elif decided and not (private.classified_by and private.classified_reason):
            lacks = "classified_reason" if private.classified_by else "classified_by"
            yield Breach(key, f"its secrecy is decided without `{lacks}`", lacks, (), f"say `{lacks}`")
        if not any(_past(case, boundary.drawn_on) for _, boundary in _boundary(case, name)):
            cure = "a boundary with `drawn_on` and the flows that cross it"
            yield Breach(key, "its boundary is not drawn", "", (), cure)
    for name, application in case.catalogue.all(Application).items():
        on = [p for p in application.private_networks if p in case.catalogue.all(PrivateNetwork)]
        subject = f"application/{name}"
        if on and not _past(case, application.classified_on) and not case.reviewed("secrecy", [subject]):
            message = f"runs on private_network/{on[0]}, and nobody decided yet whether it is classified"
            yield Breach(subject, message, "classified_on", (), "`classified`, with `classified_on`")


@rule(
    "N-03",
    "flag",
    *("application.private_networks", "application.status", "private_network.type", "private_network.status"),
    *("private_network.merges_into", "wave.moves", "wave.to_zone"),
)
def department_networks_are_left_by_steps(case: Case) -> Iterator[Breach]:
    """What is on a department's network moves to intranet or extranet by steps."""
    waves = {m: n for n, w in case.catalogue.all(Wave).items() if w.to_zone for m in w.moves}
    networks = {name: private for _, name, private in _networks(case, "business")}
    for key, _, private in _networks(case, "business"):
        if not private.merges_into:
            message = "nothing says into which network it is merged"
            yield Breach(key, message, "merges_into", (), "`merges_into`: a zone of intranet or extranet")
    for name, application in case.catalogue.all(Application).items():
        for on in application.private_networks:
            subject = f"application/{name}"
            if on in networks and subject not in waves and application.status != "retired":
                into = networks[on].merges_into
                where = f"to zone/{into}" if into else "to intranet or extranet"
                message = f"runs on private_network/{on}, and no wave moves it {where}"
                yield Breach(subject, message, "private_networks", (), "put it into a wave with `to_zone`")


@rule(
    "N-04",
    "flag",
    *("private_network.unit", "private_network.type", "private_network.scopes", "unit.level", "wave.unit"),
    *("wave.document", *REVIEW),
)
def departments_plan_their_migration(case: Case) -> Iterator[Breach]:
    """A provincial department with a network of its own has a plan in a document, for all its parts."""
    units = case.catalogue.all(Unit)
    planned = {w.unit for w in case.catalogue.all(Wave).values() if w.unit and w.document}
    for key, _, private in _networks(case, "business"):
        unit = units.get(private.unit)
        if unit is None or unit.level != "province":
            continue
        why = unreviewed(case, "migration_plan", [key, f"unit/{private.unit}"])
        if why and private.unit not in planned:
            message = f"unit/{private.unit} has no plan for its migration: {why}"
            cure = "a review of type migration_plan that was passed, with the plan in `document`"
            yield Breach(key, message, "", (), cure)
            continue
        if private.scopes and (left := [s for s in EXTENDED if s not in private.scopes]):
            message = f"its plan leaves out its {' and '.join(left)} part"
            yield Breach(key, message, "scopes", (), "plan for the internal and the downward part too")


@rule(
    "N-05",
    "flag",
    *("private_network.type", "private_network.classified", "private_network.extranet_suffices"),
    *("private_network.status", "private_network.merges_into"),
    *("waiver.rule", "waiver.subjects", "waiver.reason", "waiver.granted_by", "waiver.ends_on"),
    waivable=True,
)
def networks_that_may_go_into_the_extranet(case: Case) -> Iterator[Breach]:
    """A department's network that is not classified goes into the extranet where that suffices; where it
    does not, a waiver says why."""
    extranet = case.zones_of("extranet")
    for key, _, private in _networks(case, "business"):
        if private.classified:
            continue
        if private.extranet_suffices == "confirmed" and private.merges_into not in extranet:
            message = "is not classified, the extranet suffices, and it is not merged into it"
            yield Breach(key, message, "merges_into", (), "`merges_into`: the extranet")
        elif private.extranet_suffices == "unknown":
            message = "nobody says whether the extranet meets what its applications need"
            yield Breach(key, message, "extranet_suffices", (), "find out, and say it", "require")
        elif private.extranet_suffices == "denied":
            message = "stays beside the extranet, which does not suffice, without a waiver"
            cure = "a waiver of N-05 with the reason, who granted it and until when"
            yield Breach(key, message, "extranet_suffices", (), cure)


@rule(
    "N-06",
    "deny",
    *("programme.uses", "programme.needs", "programme.status", "programme.type", "zone.role", "zone.status"),
    *("budget.programme", "budget.item", "budget.status", "waiver.rule", "waiver.subjects"),
)
def projects_rely_on_the_one_network(case: Case) -> Iterator[Breach]:
    """Projects rely on the province's network; others are not approved and get no funds."""
    known = {z for role in ("intranet", "extranet") for z in case.zones_of(role)}
    cure = "name the zone of the province's network in `uses`, or a waiver of N-06"
    outside = {}
    for name, programme in case.catalogue.all(Programme).items():
        # Whatever it builds: what is wanted is that nothing stands beside the one network.
        if programme.type != "project" or known & {one[5:] for one in relies_on(programme, "zone")}:
            continue
        outside[name] = programme
        if programme.status in ("approved", "building", "accepted"):
            # What was accepted long ago has to be joined; nobody brings it along as accepted.
            key = f"programme/{name}"
            stands = programme.status == "accepted" and not case.is_new(key)
            message = f"is {programme.status} and relies on no part of the province's network"
            yield Breach(key, message, "uses", (), cure, "require" if stands else None)
    for name, budget in case.catalogue.all(Budget).items():
        paid = budget.item in ("construction", "operation") and budget.status in ("granted", "paid")
        if paid and budget.programme in outside:
            message = f"pays for programme/{budget.programme}, which relies on no part of the one network"
            yield Breach(f"budget/{name}", message, "programme", (), cure)


@rule(
    "N-08",
    "deny",
    *("private_network.type", "private_network.connects_to", "review.type", "review.subject"),
    *("review.passed", "review.document", "review.date", "review.valid_until"),
)
def department_intranets_are_tested_first(case: Case) -> Iterator[Breach]:
    """A department's intranet joins the provincial node only after its secrecy test."""
    for key, _, private in _networks(case, "intranet"):
        if private.connects_to and not case.reviewed("secrecy_test", [key]):
            message = f"connects to node/{private.connects_to[0]} without a secrecy test that was passed"
            cure = "a review of type secrecy_test that was passed, with its document"
            yield Breach(key, message, "connects_to", (), cure)


@rule(
    "N-09",
    "deny",
    *("circuit.zone", "circuit.status", "private_network.connects_to", "exchange.role", "exchange.status"),
    *("review.type", "review.subject", "review.passed", "review.date", "review.document"),
    *("review.valid_until", "circuit.user", "request.type", "request.subject", "request.status"),
)
def access_is_reviewed(case: Case) -> Iterator[Breach]:
    """Nothing joins intranet or extranet without a review of its security."""
    cure = "a review of type access that was passed, with its document"
    zones = case.zones_of("intranet") | case.zones_of("extranet")
    for name, circuit in case.catalogue.all(Circuit).items():
        if circuit.zone in zones and circuit.status in CARRYING and circuit.user != "trunk":
            about = [f"circuit/{name}", f"site/{circuit.site}", f"unit/{circuit.unit}"]
            if not case.reviewed("access", about):
                message = f"gives access to zone/{circuit.zone} without a review of its security"
                yield Breach(f"circuit/{name}", message, "zone", (), cure)
    for name, private in case.catalogue.all(PrivateNetwork).items():
        key = f"private_network/{name}"
        carries = private.connects_to and in_service(case.catalogue, private)
        if carries and not case.reviewed("access", [key]):
            message = f"connects to node/{private.connects_to[0]} without a review of its security"
            yield Breach(key, message, "connects_to", (), cure)
    for name, exchange in case.catalogue.all(Exchange).items():
        key = f"exchange/{name}"
        joins = exchange.role == "cross_network" and exchange.status in CARRYING
        if joins and not case.reviewed("access", [key]):
            yield Breach(key, "joins networks without a review of its security", "status", (), cure)
    for name, request in case.catalogue.all(Request).items():
        if request.type == "access" and request.status in ("granted", "done"):
            if not case.reviewed("access", [f"request/{name}", request.subject]):
                message = f"is {request.status} without a review of its security"
                yield Breach(f"request/{name}", message, "status", (), cure)


@rule(
    "N-10",
    "flag",
    *("boundary.private_network", "boundary.cleaned_on", "boundary.drawn_on", "private_network.type"),
)
def boundaries_are_cleaned(case: Case) -> Iterator[Breach]:
    """The boundary of a department's network is drawn and cleaned up."""
    for key, name, _ in _networks(case, "business"):
        boundaries = _boundary(case, name)
        if not boundaries:
            yield Breach(key, "has no boundary that was cleaned up", "", (), "a boundary, with `cleaned_on`")
        for other, boundary in boundaries:
            if not _past(case, boundary.cleaned_on):
                yield Breach(f"boundary/{other}", "was not cleaned up", "cleaned_on", (), "the day it was")


@rule(
    "N-18",
    "deny",
    *("private_network.type", "private_network.acquisition", "private_network.status"),
    *("contract.type", "contract.central", "contract.subjects", "programme.builds", "programme.status"),
    "programme.type",
)
def mobile_networks_are_leased_centrally(case: Case) -> Iterator[Breach]:
    """Mobile government networks are leased by one for all, not built."""
    leased = {
        subject
        for contract in case.catalogue.all(Contract).values()
        if contract.type == "lease" and contract.central
        for subject in contract.subjects
    }
    for name, programme in case.catalogue.all(Programme).items():
        builds = "mobile_network" in programme.builds and programme.type == "project"
        if builds and programme.status in ("approved", "building"):
            message = f"is {programme.status} and builds a mobile network"
            yield Breach(f"programme/{name}", message, "builds", (), "lease it centrally")
    for name, private in case.catalogue.all(PrivateNetwork).items():
        key, how = f"private_network/{name}", private.acquisition
        if private.type != "mobile" or private.status == "retired":
            continue
        # A central contract says so too, where the network itself says nothing else.
        if how == "central_lease" or (how in ("unknown", "lease") and key in leased):
            continue
        if how == "own":
            yield Breach(key, "is a mobile network of its own", "acquisition", (), "lease it centrally")
        elif how == "lease":
            message = "is leased by its unit alone"
            yield Breach(key, message, "acquisition", (), "lease it centrally", "flag")
        else:
            message = "nothing says how it is had"
            yield Breach(key, message, "acquisition", (), "`acquisition: central_lease`, if so", "require")


@rule(
    "N-20",
    "flag",
    *("private_network.type", "private_network.exchange", "exchange.private_networks", "exchange.zones"),
    "exchange.status",
)
def ministries_have_an_exchange(case: Case) -> Iterator[Breach]:
    """Between a ministry's network and the extranet there is an exchange."""
    extranet = case.zones_of("extranet")
    exchanges = case.catalogue.all(Exchange)
    for key, name, private in _networks(case, "vertical"):
        mine = [n for n, e in exchanges.items() if name in e.private_networks or n == private.exchange]
        ready = [n for n in mine if exchanges[n].status in CARRYING and extranet & set(exchanges[n].zones)]
        if ready:
            continue
        message = "no exchange joins it to the extranet"
        if mine:
            state = exchanges[mine[0]].status
            message = f"its exchange with the extranet, exchange/{mine[0]}, is {state}"
        yield Breach(key, message, "exchange", (), "an exchange in service that names it and the extranet")


@rule("N-24", "flag", "application.type", "application.levels", "application.status", "private_network.type")
def one_video_conference_system(case: Case) -> Iterator[Breach]:
    """Hainan has one system of video conferences; Liaoning one of its own for three levels."""
    policy = case.values("video-conference")
    systems = {
        f"application/{name}": application
        for name, application in case.catalogue.all(Application).items()
        if application.type == "video_conference" and application.status != "retired"
    }
    if "000" in case.binding and len(systems) > int(policy["systems"]):
        # The one that is there before the others is not the second, whatever its name.
        first, *others = sorted(systems, key=lambda key: (*seniority(case, key, systems[key].status), key))
        for key in others:
            message = f"a second system of video conferences beside {first}; the province has one"
            yield Breach(key, message, "type", (), "merge the two: `merges_into`")
    if "004" in case.binding:
        for key, application in systems.items():
            left = [level for level in policy["levels"] if level not in application.levels]
            if left:
                message = f"is no system of three levels: {', '.join(left)} is not among its levels"
                yield Breach(key, message, "levels", (), "one system for province, cities and counties")
