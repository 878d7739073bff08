"""Looking after security: dangers put right, who works for the government, checks, security in projects."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.cloud import Cloud
from ..model.datacentre import Contract
from ..model.governance import Budget, Inspection, Programme
from ..model.lines import Circuit, Exit
from ..model.network import Link
from ..model.organisation import Unit
from .base import Breach, Case, Verdict
from .evidence import INSPECTION, REVIEW, uninspected, unreviewed
from .registry import rule


@rule(
    "S-04",
    "require",
    *("inspection.finding", "inspection.severity", "inspection.date", "inspection.rectify_by"),
    *("inspection.rectified_on", "inspection.responsible", "inspection.document", "inspection.subject"),
    each=Inspection,
)
def dangers_are_put_right(case: Case, name: str, inspection: Inspection) -> Iterator[Breach]:
    """What an inspection found has a term and somebody who answers for it, and is put right by then."""
    today = case.as_of.isoformat()
    done = inspection.rectified_on and inspection.rectified_on <= today
    if not inspection.finding or inspection.date > today or done:
        return
    key, about = f"inspection/{name}", f"what it found at {inspection.subject}"
    lacks = [f for f in ("rectify_by", "responsible") if not getattr(inspection, f)]
    if lacks:
        words = {"rectify_by": "has no term", "responsible": "is nobody's to put right"}
        message = f"{about} {' and '.join(words[field] for field in lacks)}"
        yield Breach(key, message, lacks[0], (), f"say {' and '.join(f'`{field}`' for field in lacks)}")
    if inspection.rectify_by and inspection.rectify_by < today:
        message = f"{about} was to be put right by {inspection.rectify_by}, and is not"
        yield Breach(key, message, "rectified_on", (), "put it right, and say the day in `rectified_on`")


@rule(
    "S-08",
    "deny",
    *("contract.type", "contract.provider", "contract.starts_on", "contract.ends_on"),
    *REVIEW,
    each=Contract,
)
def providers_are_qualified(case: Case, name: str, contract: Contract) -> Iterator[Breach]:
    """Who works for the government is qualified, and what the government does itself is written down.

    A contract that has begun cannot be denied any more: there it is to be put right.
    """
    today = case.as_of.isoformat()
    ended = contract.ends_on and contract.ends_on < today
    if contract.type not in case.values("outsourced-work")["contract_types"] or ended:
        return
    verdict: Verdict = "deny" if contract.starts_on > today else "require"
    key, provider = f"contract/{name}", f"unit/{contract.provider}"
    if why := unreviewed(case, "provider_qualification", [key, provider]):
        message = f"the qualification of {provider} is not proved: {why}"
        cure = "a review of type provider_qualification of the contract or the unit, with its document"
        yield Breach(key, message, "provider", (), cure, verdict)
    if why := unreviewed(case, "work_boundary", [key]):
        message = f"nothing says what the unit does itself and what is bought: {why}"
        cure = "a review of type work_boundary of the contract, with the `document` that draws the line"
        yield Breach(key, message, "", (), cure, verdict)


@rule(
    "S-09",
    "flag",
    "programme.type",
    "programme.status",
    *INSPECTION,
    *REVIEW,
    each=Programme,
)
def projects_are_inspected_by_others(case: Case, name: str, programme: Programme) -> Iterator[Breach]:
    """A third party inspects the security of what a project builds (探索)."""
    if programme.type != "project" or programme.status not in ("building", "accepted"):
        return
    key = f"programme/{name}"
    reviewed = not unreviewed(case, "third_party_security", [key])
    if not reviewed and (why := uninspected(case, ("third_party",), [key], 0)):
        cure = "an inspection of type third_party, or a review of type third_party_security"
        yield Breach(key, f"no third party inspected its security: {why}", "", (), cure)


@rule("S-12", "flag", "unit.type", "unit.level", *INSPECTION, each=Unit)
def units_are_checked(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """The network security of each unit is checked within the set period."""
    policy = case.values("security-check")
    if unit.type in policy["unit_types"] and unit.level in policy["unit_levels"]:
        key, days = f"unit/{name}", int(policy["days"])
        if why := uninspected(case, ("network_security", "joint"), [key], days):
            cure = "an inspection of type network_security or joint, with its record in `document`"
            yield Breach(key, f"its network security was not checked in {days} days: {why}", "", (), cure)


@rule(
    "S-13",
    "flag",
    *("unit.type", "contract.provider", "contract.ends_on", "cloud.provider", "circuit.provider"),
    *("exit.provider", "link.carrier", *REVIEW),
    each=Unit,
    back=("contract.provider", "cloud.provider", "circuit.provider", "exit.provider", "link.carrier"),
)
def enterprises_are_managed(case: Case, name: str, unit: Unit) -> Iterator[Breach]:
    """There is a standing record of how an enterprise that builds or runs something is managed."""
    key = f"unit/{name}"
    if unit.type != "enterprise" or not (part := _takes_part(case, key)):
        return
    if why := unreviewed(case, "provider_management", [key]):
        message = f"takes part by {part}, and nothing shows how it is managed: {why}"
        cure = "a review of type provider_management, with the record in `document`"
        yield Breach(key, message, "", (), cure)


def _takes_part(case: Case, key: str) -> str:
    """One entry by which an enterprise takes part; empty for none."""
    today = case.as_of.isoformat()
    for name, contract in case.named_by(Contract, "provider", key):
        if not contract.ends_on or contract.ends_on >= today:
            return f"contract/{name}"
    for kind, field in ((Cloud, "provider"), (Circuit, "provider"), (Exit, "provider"), (Link, "carrier")):
        if found := case.named_by(kind, field, key):
            return f"{kind.KIND}/{found[0][0]}"
    return ""


@rule(
    "S-15",
    "flag",
    *("programme.type", "programme.status", "budget.programme", "budget.item", "budget.amount_yuan"),
    *("budget.status", *REVIEW),
    each=Programme,
    back=("budget.programme",),
)
def security_grows_with_what_is_built(case: Case, name: str, programme: Programme) -> Iterator[Breach]:
    """A project has money or a review for its security, once it is approved or asks for money."""
    key = f"programme/{name}"
    budgets = [b for _, b in case.named_by(Budget, "programme", key) if b.status not in ("refused", "held")]
    begun = programme.status in ("approved", "building", "accepted")
    if programme.type != "project" or programme.status in ("denied", "exited") or not (begun or budgets):
        return
    funded = any(b.item == "security" and b.amount_yuan > 0 for b in budgets)
    if not funded and (why := unreviewed(case, "project_security", [key])):
        message = f"no budget of it is for security, and its security was not reviewed: {why}"
        cure = "a budget of item security, or a review of type project_security with its document"
        yield Breach(key, message, "", (), cure)
