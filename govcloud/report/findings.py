"""What is amiss with an application, as far as the ledger can tell: facts, each with its entry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from ..ledger.building import Observed
from ..ledger.evidence import Evidence
from . import waived

if TYPE_CHECKING:
    from .around import Gathered

# A certificate is told of so many days before it ends.
SOON = 30
DUTY_TITLES = {
    "principal": "principal (主要领导)",
    "information_officer": "information officer (信息化专员)",
    "business_manager": "business manager (业务管理员)",
}


def findings(
    found: Gathered,
    certificates: Sequence[dict[str, Any]],
    measured: Sequence[Evidence],
    observed: Sequence[Observed],
    today: date,
) -> list[dict[str, Any]]:
    """``{subject, what, words}`` each; ``what`` is a word for programs."""
    out: list[tuple[str, str, str]] = []
    for one in measured:
        if not one.ok:
            reason = one.detail.get("reason") or f"{one.value} {one.unit}".strip()
            out.append((one.subject, "failed_evidence", f"{one.name}: {reason}"))
    names = {e.uid: e.subject for table in found.tables.values() for e in table.values()}
    for seen in observed:
        if seen.status != "present":
            subject = names.get(seen.uid or "", seen.object)
            out.append((subject, "deviation", f"{seen.status} at {seen.target}"))
    for row in certificates:
        subject, left = f"certificate/{row['name']}", row["days_left"]
        if left is not None and left < 0:
            out.append((subject, "certificate_expired", f"expired on {row['expires_on']}, {-left} days ago"))
        elif left is not None and left <= SOON:
            out.append((subject, "certificate_ends", f"ends on {row['expires_on']}, in {left} days"))
    out += _of_owner(found)
    out += _of_recovery(found, measured, today)
    out += _of_evaluation(found, today)
    for waiver in waived.documents(found.all("waiver"), today):
        out.append((f"waiver/{waiver['name']}", "waived", waived.words(waiver)))
    return [{"subject": s, "what": w, "words": words} for s, w, words in out]


def _of_owner(found: Gathered) -> list[tuple[str, str, str]]:
    unit = found.application.fields.get("unit")
    if not unit:
        return [(found.application.subject, "no_owner", "no unit leads it")]
    duties = {p.fields.get("duty") for p in found.all("person") if p.fields.get("unit") == unit}
    return [
        (f"unit/{unit}", "duty_missing", f"nobody is its {words}")
        for duty, words in DUTY_TITLES.items()
        if duty not in duties
    ]


def _of_recovery(found: Gathered, measured: Sequence[Evidence], today: date) -> list[tuple[str, str, str]]:
    out = []
    proven = {one.subject for one in measured}
    for one in found.all("protection"):
        if one.subject not in proven:
            out.append((one.subject, "never_measured", "no figure was ever measured of it"))
    for drill in found.all("drill"):
        if drill.fields.get("passed") is False:
            out.append(
                (drill.subject, "drill_failed", f"the drill of {drill.fields.get('date')} was not passed")
            )
        elif _past(drill.fields.get("valid_until"), today):
            out.append((drill.subject, "drill_outdated", f"it counted until {drill.fields['valid_until']}"))
    return out


def _of_evaluation(found: Gathered, today: date) -> list[tuple[str, str, str]]:
    out = []
    for one in found.all("review"):
        if one.fields.get("passed") is False:
            out.append((one.subject, "review_failed", f"{one.fields.get('type')} was not passed"))
        elif _past(one.fields.get("valid_until"), today):
            out.append((one.subject, "review_outdated", f"it counted until {one.fields['valid_until']}"))
    for one in found.all("evaluation"):
        if one.fields.get("result") in ("weak", "fail"):
            out.append(
                (one.subject, "evaluation", f"its result of {one.fields.get('date')}: {one.fields['result']}")
            )
    for one in found.all("inspection"):
        severity = one.get("severity")
        if severity not in (None, "", "none") and not one.fields.get("rectified_on"):
            due = one.fields.get("rectify_by")
            late = f", due {due}" if due else ""
            words = one.fields.get("finding") or str(one.fields.get("type"))
            out.append((one.subject, "inspection", f"{severity}: {words}, not rectified{late}"))
    return out


def _past(text: Any, today: date) -> bool:
    # Days are written so that they compare as texts.
    return bool(text) and str(text) < today.isoformat()
