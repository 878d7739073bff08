"""What a protection promises, by the levels of GB/T 20988, and what drills prove of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from ..model.recovery import Drill, Protection, RecoveryPlan
from .base import Breach, Case
from .registry import rule

ELEMENTS = ("backup", "compute", "network", "facility", "staff", "operations", "plan")
# What proves that a system comes back: not a talk at a table, nor the drill of a security incident.
PROVING = ("component", "switch", "full", "restore")


@rule(
    "dr-level",
    "deny",
    *("protection.level", "protection.rpo_s", "protection.rto_s", "protection.elements"),
    each=Protection,
    sentence="protection: its level is above the lowest of its seven elements, or its times longer than its "
    "level allows → deny",
    source="GB/T 20988-2007, Appendix C",
)
def what_is_promised_is_of_its_level(case: Case, name: str, protection: Protection) -> Iterator[Breach]:
    """The level promised is reached in each of seven elements, and its times are those of the level."""
    key, policy = f"protection/{name}", case.values("dr-levels")
    yield from _times(key, protection, policy, _edition(case, policy))
    said: Mapping[str, int] = {str(one): level for one, level in protection.elements.items()}
    reached = {one: said[one] for one in ELEMENTS if one in said}
    lowest = min(reached, key=lambda one: reached[one], default="")
    if lowest and reached[lowest] < protection.level:
        message = f"promises level {protection.level}, and its {lowest} is of level {reached[lowest]}"
        cure = f"`level: {reached[lowest]}`, or a better {lowest}"
        yield Breach(key, message, "elements", (), cure)
    missing = [one for one in ELEMENTS if one not in reached]
    if missing:
        message = f"promises level {protection.level}, and says nothing of its {', '.join(missing)}"
        yield Breach(key, message, "elements", (), "the level of each of the seven `elements`", "require")


def _edition(case: Case, policy: Mapping[str, Any]) -> str:
    """Which edition the figures are of, and since when there is a newer one."""
    ended = str(policy["superseded_on"])
    old = (
        f", superseded on {ended}: profile/dr-levels has room for the newer one"
        if case.reached(ended)
        else ""
    )
    return f"{policy['edition']}{old}"


def _times(key: str, protection: Protection, policy: Mapping[str, Any], edition: str) -> Iterator[Breach]:
    rto, rpo = float(policy[f"rto_{protection.level}_s"]), float(policy[f"rpo_{protection.level}_s"])
    words = f"level {protection.level} allows {{:g}} ({edition})"
    if protection.rpo_s > rpo:
        message = f"may lose {protection.rpo_s:g} s of data; {words.format(rpo)}"
        yield Breach(key, message, "rpo_s", (), f"`rpo_s: {rpo:g}`, or a lower `level`")
    # Lower levels have no longest time.
    if rto and protection.rto_s > rto:
        message = f"takes {protection.rto_s:g} s to come back; {words.format(rto)}"
        yield Breach(key, message, "rto_s", (), f"`rto_s: {rto:g}`, or a lower `level`")


@rule(
    "dr-drill",
    "require",
    *("drill.date", "drill.type", "drill.passed", "drill.document", "drill.valid_until", "drill.protections"),
    *("drill.recovery_plan", "drill.detect_s", "drill.decide_s", "drill.switch_s", "drill.verify_s"),
    *("drill.lost_s", "recovery_plan.protections", "protection.rto_s", "protection.rpo_s"),
    each=Protection,
    back=("drill.protections", "drill.recovery_plan", "recovery_plan.protections"),
    sentence="protection: no drill proves it today, or the last took longer than promised → require",
    source="GB/T 20988-2007, drills",
)
def drills_prove_what_is_promised(case: Case, name: str, protection: Protection) -> Iterator[Breach]:
    """A drill that was passed, names its report and has not expired shows the times that are promised."""
    key = f"protection/{name}"
    held = _drills(case, key)
    if not held:
        cure = f"hold one: a drill with `protections: [{name}]`, its clocks and its `document`"
        yield Breach(key, "no drill ever proved it", "", (), cure)
        return
    last_name, last = max(held, key=lambda one: (one[1].date, one[0]))
    witness, until = (f"drill/{last_name}",), _until(case, last)
    if not last.passed or not last.document:
        lacks = "was not passed" if not last.passed else "names no report"
        yield Breach(
            key, f"its last drill, of {last.date}, {lacks}", "", witness, "put it right and hold another"
        )
    elif until < case.as_of.isoformat():
        yield Breach(key, f"its last drill proved it until {until}", "", witness, "hold another")
    taken = last.detect_s + last.decide_s + last.switch_s + last.verify_s
    if protection.rto_s and taken > protection.rto_s:
        message = f"came back after {taken:g} s in its last drill; {protection.rto_s:g} are promised"
        yield Breach(key, message, "rto_s", witness, "be faster, or promise what can be kept")
    if last.lost_s > protection.rpo_s:
        message = f"lost {last.lost_s:g} s of data in its last drill; {protection.rpo_s:g} are promised"
        yield Breach(key, message, "rpo_s", witness, "copy more often, or promise what can be kept")


def _drills(case: Case, key: str) -> list[tuple[str, Drill]]:
    """Drills held by the day that switched or restored it, by themselves or with their plan."""
    found = dict(case.named_by(Drill, "protections", key))
    for plan, _ in case.named_by(RecoveryPlan, "protections", key):
        found |= {
            name: drill
            for name, drill in case.named_by(Drill, "recovery_plan", f"recovery_plan/{plan}")
            if not drill.protections
        }
    today = case.as_of.isoformat()
    return [(name, drill) for name, drill in found.items() if drill.date <= today and drill.type in PROVING]


def _until(case: Case, drill: Drill) -> str:
    """The last day on which a drill proves something."""
    if drill.valid_until or not drill.date:
        return drill.valid_until
    days = int(case.values("dr-drills")["valid_days"])
    return (date.fromisoformat(drill.date) + timedelta(days=days)).isoformat()
