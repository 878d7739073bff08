"""Ways in: one for people and one for officials, no system outside; websites, hotlines, flagship stores."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.application import Application, Dependency
from ..model.organisation import Unit
from ..model.services import Hotline, ServiceEntry, Website
from .base import Breach, Case, Verdict
from .evidence import REVIEW
from .housing import DEPARTMENT, NEW, OURS_READS, is_ours
from .registry import rule

# How far a system may stand from the platform that it is a part of: through others that are.
DEEPEST = 4
PLATFORMS_READS = (
    *("application.platforms", "application.merges_into", "dependency.application", "dependency.needs"),
    *("dependency.strength", "service_entry.application", "service_entry.platform"),
)
PLATFORMS_BACK = ("dependency.application", "service_entry.application")
WHOM = ("public", "enterprise", "visitor")


def _on_platform(case: Case, name: str, unified: frozenset[str]) -> bool:
    """Whether an application is a unified platform or a part of one: by itself, its service entry, what it
    cannot work without, what it is merged into."""
    seen: set[str] = set()
    front = {name}
    for _ in range(DEEPEST):
        if front & unified:
            return True
        seen |= front
        front = {other for one in front for other in _leads_to(case, one)} - seen
    return bool(front & unified)


def _leads_to(case: Case, name: str) -> Iterator[str]:
    application = case.catalogue.all(Application).get(name)
    if application is None:
        return
    yield from application.platforms
    if application.merges_into:
        yield application.merges_into
    key = f"application/{name}"
    yield from (d.needs for _, d in case.named_by(Dependency, "application", key) if d.strength == "hard")
    yield from (e.platform for _, e in case.named_by(ServiceEntry, "application", key) if e.platform)


def _closed(case: Case, entry: ServiceEntry) -> bool:
    today = case.as_of.isoformat()
    return entry.status == "retired" or bool(entry.closed_on and entry.closed_on <= today)


@rule(
    "E-01",
    "require",
    *(*PLATFORMS_READS, *OURS_READS),
    *("application.status", "application.classified", "application.layer", "application.audience"),
    "dependency.strength",
    each=Application,
    back=PLATFORMS_BACK,
)
def no_system_is_outside_the_platforms(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """What people and officials enter is a part of one of the unified platforms."""
    policy = case.values("unified-platforms")
    entered = application.layer == "service" and application.type not in policy["outside"]
    ours = is_ours(case, application) and not application.classified and application.status != "retired"
    if not entered or not ours or _on_platform(case, name, frozenset(policy["platforms"])):
        return
    standing = application.status != "planned"
    verdict: Verdict = "require" if standing and case.reached(policy["full_from"]) else "flag"
    word = "is" if standing else "is to be"
    message = f"{word} outside {' and '.join(policy['platforms'])}"
    yield Breach(
        f"application/{name}", message, "platforms", (), "`platforms`: the one it is entered by", verdict
    )


@rule(
    "E-02",
    "target",
    *(
        "service_entry.application",
        "service_entry.platform",
        "service_entry.channel",
        "service_entry.audience",
    ),
    *("service_entry.status", "service_entry.closed_on", *PLATFORMS_READS),
    each=ServiceEntry,
    back=PLATFORMS_BACK,
)
def other_entrances_are_closed(case: Case, name: str, entry: ServiceEntry) -> Iterator[Breach]:
    """Ways in for people and enterprises other than the unified one are closed; stores on it stay (E-13)."""
    policy = case.values("unified-platforms")
    unified = frozenset(policy["public"])
    whom = set(entry.audience) & set(WHOM) or not entry.audience
    if entry.channel not in policy["channels"] or not whom or _closed(case, entry):
        return
    if entry.platform in unified or entry.application in unified:
        return
    if entry.application and _on_platform(case, entry.application, unified | set(policy["platforms"])):
        return
    where = " or ".join(policy["public"])
    key = f"service_entry/{name}"
    if entry.status == "planned":
        cure = f"`platform`: {where}, as a zone or a store of it"
        yield Breach(key, f"is to be a way in beside {where}", "platform", (), cure, "require")
    elif case.reached(policy["entrances_from"]):
        message = (
            f"is open beside {where}; such entrances were to be closed before {policy['entrances_from']}"
        )
        yield Breach(key, message, "closed_on", (), f"close it (`closed_on`), or `platform`: {where}")


@rule(
    "E-03",
    "require",
    *("service_entry.channel", "service_entry.application", "service_entry.platform", "service_entry.status"),
    *("service_entry.closed_on", "application.unit", "unit.level", *REVIEW),
    each=ServiceEntry,
    back=("review.subject",),
)
def items_are_handled_with_one_form(case: Case, name: str, entry: ServiceEntry) -> Iterator[Breach]:
    """Service items of systems of the province are on the unified platform, and handled with one form."""
    policy = case.values("unified-platforms")
    if entry.channel != "item" or _closed(case, entry) or not case.reached(policy["single_form_from"]):
        return
    application = case.catalogue.all(Application).get(entry.application)
    unit = case.catalogue.all(Unit).get(application.unit) if application else None
    if application is None or (unit is not None and unit.level != "province"):
        return
    key = f"service_entry/{name}"
    if entry.platform not in policy["public"]:
        where = " or ".join(policy["public"])
        yield Breach(key, f"is not on {where}", "platform", (), f"`platform`: {where}")
    elif not case.reviewed("single_form", [key]):
        cure = "a review of type single_form that was passed, with its document"
        yield Breach(key, "nothing says that it is handled with one form", "", (), cure)


@rule(
    "E-04",
    "deny",
    *("website.level", "website.unit", "website.platform", "website.parent", "website.status"),
    *("unit.type", "unit.level"),
    each=Website,
)
def small_bodies_build_no_websites(case: Case, name: str, site: Website) -> Iterator[Breach]:
    """Townships and departments of counties have no website of their own."""
    policy = case.values("websites")
    unit = case.catalogue.all(Unit).get(site.unit)
    level = unit.level if unit else site.level
    department = unit is None or unit.type in DEPARTMENT
    small = level in policy["levels"] or (department and level in policy["department_levels"])
    if not small or site.platform or site.parent or site.status == "retired":
        return
    whose = f"unit/{site.unit}" if site.unit else f"a body of the level {level}"
    verdict: Verdict = "deny" if site.status in NEW else "require"
    words = "is to be" if verdict == "deny" else "is"
    cure = "`platform`, or `parent`: the site of the government above"
    message = f"{words} a website of its own, of {whose}"
    yield Breach(f"website/{name}", message, "platform", (), cure, verdict)


@rule(
    "E-05",
    "target",
    *("hotline.number", "hotline.complaints", "hotline.merged_into", "hotline.closed_on", "hotline.status"),
    each=Hotline,
)
def complaints_go_to_one_number(case: Case, name: str, hotline: Hotline) -> Iterator[Breach]:
    """Telephone numbers for complaints are part of the one hotline."""
    policy = case.values("hotlines")
    closed = hotline.status == "retired" or (
        hotline.closed_on and hotline.closed_on <= case.as_of.isoformat()
    )
    if not hotline.complaints or closed or not case.reached(policy["from"]):
        return
    if policy["number"] in (hotline.number, *_merged(case, hotline)):
        return
    number = policy["number"]
    message = f"takes complaints beside {number}"
    verdict: Verdict = "require" if hotline.status == "planned" else "target"
    yield Breach(f"hotline/{name}", message, "merged_into", (), f"`merged_into`: {number}", verdict)


def _merged(case: Case, hotline: Hotline) -> Iterator[str]:
    """Numbers of the hotlines that it was merged into."""
    hotlines, seen = case.catalogue.all(Hotline), set()
    while hotline.merged_into in hotlines and hotline.merged_into not in seen:
        seen.add(hotline.merged_into)
        hotline = hotlines[hotline.merged_into]
        yield hotline.number


@rule(
    "E-13",
    "require",
    *("service_entry.application", "service_entry.platform", "service_entry.unit", "service_entry.status"),
    *("service_entry.closed_on", "service_entry.channel", *PLATFORMS_READS, "application.unit"),
    each=ServiceEntry,
    back=PLATFORMS_BACK,
)
def stores_stand_on_the_platform(case: Case, name: str, entry: ServiceEntry) -> Iterator[Breach]:
    """What a city or a department offers beyond the platform is a store on it (旗舰店), not beside it.

    That such a store is allowed is what E-02 lets through; a system that is part of a platform and opens a
    door of its own goes beyond it.
    """
    policy = case.values("unified-platforms")
    unified = frozenset(policy["platforms"])
    if entry.channel not in policy["channels"] or _closed(case, entry) or not entry.application:
        return
    itself = entry.application in unified or entry.platform in unified
    if itself or not _on_platform(case, entry.application, unified):
        return
    message = f"is a door of its own of application/{entry.application}, which is part of a unified platform"
    cure = f"`platform`: {' or '.join(policy['platforms'])}, as a store of it"
    yield Breach(f"service_entry/{name}", message, "platform", (f"application/{entry.application}",), cure)
