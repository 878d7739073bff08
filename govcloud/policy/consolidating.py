"""Many systems become one big one: what a unit has, on which papers, with whom it is docked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model.application import Application, Component
from ..model.governance import Programme
from ..model.organisation import Unit
from .base import Breach, Case, Verdict
from .evidence import REVIEW, SERVING
from .housing import NEW, OURS_READS, is_ours
from .registry import rule

# From the top down; a county-level city is a county.
LEVELS = ("centre", "province", "city", "county", "town", "village")
SHOWN = 3


def _rank(case: Case, unit: str) -> int | None:
    """How far down a unit stands; None where nothing says it."""
    found = case.catalogue.all(Unit).get(unit)
    return LEVELS.index(found.level) if found is not None else None


@rule(
    "E-07",
    "flag",
    *("application.unit", "application.status", "application.scope", "application.merges_into"),
    *("application.exchanges", "application.classified", *OURS_READS),
    each=Unit,
    back=("application.unit",),
)
def a_units_systems_become_one(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """Several separate systems of a unit are merged into one big system that is docked with the exchange."""
    unified = case.values("unified-platforms")["platforms"]
    separate = [
        other
        for other, one in case.named_by(Application, "unit", f"unit/{name}")
        if one.status in SERVING and one.scope == "unit" and not one.merges_into and not one.exchanges
        if is_ours(case, one) and not one.classified and other not in unified
    ]
    if len(separate) >= case.values("big-systems")["systems"]:
        more = f" and {len(separate) - SHOWN} more" if len(separate) > SHOWN else ""
        message = f"has {len(separate)} separate systems: {', '.join(separate[:SHOWN])}{more}"
        cure = "`merges_into` their big system, and that one's `exchanges`"
        witness = tuple(f"application/{one}" for one in separate[:SHOWN])
        yield Breach(f"unit/{name}", message, "", witness, cure)


def _papers(case: Case, name: str, unit: Unit, types: Sequence[str]) -> list[str]:
    """The papers that a unit should have and nobody saw."""
    policy = case.values("big-systems")
    runs = any(
        one.status != "retired" and is_ours(case, one)
        for _, one in case.named_by(Application, "unit", f"unit/{name}")
    )
    if not runs or unit.type not in policy["unit_types"] or unit.level not in policy["unit_levels"]:
        return []
    return [type_ for type_ in types if not case.reviewed(type_, [f"unit/{name}"])]


PAPERS_READS = (*REVIEW, "unit.type", "unit.level", "application.unit", "application.status", *OURS_READS)
PAPERS_BACK = ("review.subject", "application.unit")
SEEN = "a review of each that was passed, with its document"


@rule("E-08", "flag", *PAPERS_READS, each=Unit, back=PAPERS_BACK)
def units_list_what_they_consolidate(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """A unit with systems has a list and a plan of what it consolidates and shares."""
    if lacks := _papers(case, name, unit, case.values("big-systems")["consolidation"]):
        message = f"has systems, and nobody saw its {' and '.join(lacks)}"
        yield Breach(f"unit/{name}", message, "", (), SEEN)


@rule("E-09", "flag", *PAPERS_READS, each=Unit, back=PAPERS_BACK)
def units_draw_two_charts_and_three_tables(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """A unit with systems has its two charts and three tables (两图三表)."""
    if lacks := _papers(case, name, unit, case.values("big-systems")["charts"]):
        message = f"has systems, and nobody saw its {', '.join(lacks)}"
        yield Breach(f"unit/{name}", message, "", (), SEEN)


@rule(
    "E-10",
    "deny",
    *("application.type", "application.unit", "application.status", "application.merges_into", "unit.level"),
    *("programme.applications", "programme.unit", "programme.status"),
    each=Application,
    back=("programme.applications",),
)
def cities_are_managed_by_one_system(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """The system of city management is built once, for the province."""
    if application.type != "city_management" or application.status == "retired":
        return
    units, levels = case.catalogue.all(Unit), case.values("city-management")["levels"]
    key = f"application/{name}"
    builders = {application.unit: key}
    for programme, one in case.named_by(Programme, "applications", key):
        if one.status not in ("denied", "exited"):
            builders.setdefault(one.unit, f"programme/{programme}")
    own = [(u, by) for u, by in builders.items() if u in units and units[u].level in levels]
    into = case.catalogue.all(Application).get(application.merges_into)
    if not own or (into is not None and into.type == "city_management"):
        return
    unit, by = own[0]
    verdict: Verdict = "deny" if application.status in NEW else "require"
    words = "is to be built" if verdict == "deny" else "was built"
    cure = "use the province's; `merges_into` names it where this one stands already"
    witness = () if by == key else (by,)
    yield Breach(key, f"{words} by unit/{unit}, and is one for the province", "unit", witness, cure, verdict)


@rule(
    "E-11",
    "flag",
    *("application.type", "application.status", "application.unit", "application.docked_with"),
    *("application.merges_into", "application.scope", "unit.level"),
    each=Application,
)
def offices_are_docked_upwards(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """An office system is docked with that of its government or of the level above."""
    if application.type != "office" or application.status == "retired" or application.scope == "national":
        return
    mine = _rank(case, application.unit)
    if mine is None or mine <= LEVELS.index("province"):
        return
    known = case.catalogue.all(Application)
    for other in (*application.docked_with, application.merges_into):
        found = known.get(other)
        office = found is not None and found.type == "office" and found.status in SERVING
        if found is not None and office and found.unit != application.unit:
            above = _rank(case, found.unit)
            if above is not None and above <= mine:
                return
    message = "is docked with no office system of its level or of the level above"
    cure = "`docked_with`: that of the government it belongs to"
    yield Breach(f"application/{name}", message, "docked_with", (), cure)


@rule(
    "E-12",
    "require",
    *("application.type", "application.status", "application.components", "application.needs"),
    *("component.type", "component.status"),
    each=Application,
)
def major_tasks_leave_a_trace(case: Case, name: str, application: Application) -> Iterator[Breach]:
    """What is done on major tasks is kept on the blockchain: their system uses one that is shared."""
    if application.type != "tasking" or application.status == "retired":
        return
    components = case.catalogue.all(Component)
    needs = [one.partition("/")[2] for one in application.needs if one.startswith("component/")]
    used = [components[one] for one in (*application.components, *needs) if one in components]
    # What is still to be built may count on what is.
    kept = SERVING if application.status in SERVING else (*SERVING, "building", "planned")
    if any(component.type == "blockchain" and component.status in kept for component in used):
        return
    message = "keeps no trace on a blockchain of what is done"
    yield Breach(f"application/{name}", message, "components", (), "`components`: one of type blockchain")
