"""Rollouts as documents: the keys of ``--json`` (stable, see docs/network.md) and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal

from ..model.organisation import Region, Unit
from ..printable import visible
from .board import last_day
from .members import has_ipv6
from .progress import STATES, Progress
from .situation import Situation
from .waves import Wave

By = Literal["level", "city", "unit"]
LEVELS = ("province", "city", "county", "town", "village", "")


def member_document(now: Situation, one: Progress) -> dict[str, Any]:
    """One member, with its evidence."""
    member = one.member
    has = has_ipv6(now.catalogue, member.subject)
    entry = now.catalogue.find(member.kind, member.name)
    return {
        "member": member.subject,
        "wave": one.wave,
        "level": member.level,
        "region": member.region,
        "city": member.city,
        "unit": member.unit,
        "state": one.state,
        "stage": one.stage,
        "stages": list(member.stages),
        "address": str(getattr(entry, member.field, "")) if member.field else "",
        "gets": member.field if member.field and not has else "",
        "carried_by": list(now.course.carriage.carriers.get(member.subject, ())),
        "why": one.why,
        "explained": one.explained,
        "checks": [
            {
                "check": proof.check,
                "status": proof.status,
                "value": proof.value,
                "unit": proof.unit,
                "at": moment(proof.at),
                "why": proof.why,
            }
            for proof in one.proofs
        ],
    }


def moment(at: float) -> str:
    """Seconds since the epoch as UTC; empty for 0."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if at else ""


def plan_document(now: Situation, wanted: int) -> dict[str, Any]:
    """What `ipv6 plan --json` writes. ``wanted``: how many addresses are still to be given."""
    return {
        "rollout": now.name,
        "title": now.course.rollout.title,
        "goal": now.course.rollout.goal,
        "addresses_wanted": wanted,
        "waves": [
            {
                "wave": wave.name,
                "begun": now.begun(wave),
                "done": sum(one.state == "done" for one in now.of(wave)),
                "members": [member_document(now, one) for one in now.of(wave)],
            }
            for wave in now.course.waves
        ],
        "left": list(now.course.left),
    }


def counts(found: Iterable[Progress]) -> dict[str, int]:
    """How many are in each state; keys have no spaces."""
    states = [one.state for one in found]
    return {state.replace(" ", "_"): states.count(state) for state in STATES}


def groups(now: Situation, by: By) -> list[tuple[str, str, list[Progress]]]:
    """(name, title, its members) by level, city or unit; levels from the top, others by name."""
    keys: dict[By, Callable[[Progress], str]] = {
        "level": lambda one: one.member.level,
        "city": lambda one: one.member.city,
        "unit": lambda one: one.member.unit,
    }
    found: dict[str, list[Progress]] = {}
    for one in now.progress.values():
        found.setdefault(keys[by](one), []).append(one)
    order = sorted(found, key=lambda name: (LEVELS.index(name) if by == "level" else 0, name))
    titles = {"city": now.catalogue.all(Region), "unit": now.catalogue.all(Unit)}.get(by, {})
    return [(name, getattr(titles.get(name), "title", ""), found[name]) for name in order]


def targets(now: Situation, today: date) -> list[dict[str, Any]]:
    """The dated targets with what is due: the share that must be done by each, and whether it is met.

    ``state``: ``met``, ``missed`` (its date is over), or ``ahead``.
    """
    done = share(list(now.progress.values()))
    out = []
    for when, wanted in sorted(now.course.rollout.shares.items()):
        over = last_day(when) < today
        state = "met" if done >= wanted else "missed" if over else "ahead"
        out.append({"by": when, "percent": wanted, "done_percent": done, "state": state})
    return out


def share(found: Sequence[Progress]) -> float:
    """Per cent that are done; 0 of none."""
    return round(100 * sum(one.state == "done" for one in found) / len(found), 1) if found else 0.0


def status_document(now: Situation, by: By, today: date) -> dict[str, Any]:
    """What `ipv6 status --json` writes of one rollout."""
    everybody = list(now.progress.values())
    return {
        "rollout": now.name,
        "title": now.course.rollout.title,
        "goal": now.course.rollout.goal,
        "done_by": now.course.rollout.done_by,
        "members": len(everybody),
        "done_percent": share(everybody),
        **counts(everybody),
        "targets": targets(now, today),
        "waves": [_wave(now, wave) for wave in now.course.waves],
        "by": by,
        "groups": [
            {
                "name": name,
                "title": title,
                "members": len(found),
                "done_percent": share(found),
                **counts(found),
            }
            for name, title, found in groups(now, by)
        ],
        "each": [member_document(now, now.progress[s]) for wave in now.course.waves for s in wave.members]
        + [member_document(now, now.progress[s]) for s in now.course.left],
    }


def _wave(now: Situation, wave: Wave) -> dict[str, Any]:
    found = now.of(wave)
    return {
        "wave": wave.name,
        "begun": now.begun(wave),
        "members": len(found),
        "done_percent": share(found),
        **counts(found),
        "verified": all(one.lets_pass for one in found),
    }


def markdown(now: Situation) -> str:
    """The waves as a document for people who decide."""
    rollout = now.course.rollout
    # The only text in it that people wrote freely.
    lines = [f"# {visible(rollout.title or now.name)}", ""]
    lines += [f"Rollout `{now.name}`, goal: {rollout.goal.replace('_', ' ')}.", ""]
    for when, percent in sorted(rollout.shares.items()):
        lines.append(f"- {percent:g} % by {when}")
    for number, wave in enumerate(now.course.waves, 1):
        found = now.of(wave)
        done = sum(one.state == "done" for one in found)
        lines += ["", f"## {number}. {wave.name}: {len(found)} members, {done} done", ""]
        lines += ["| member | gets | carried by | must show | state |", "|---|---|---|---|---|"]
        for one in found:
            document = member_document(now, one)
            cells = (
                document["member"],
                document["gets"] or document["address"],
                ", ".join(document["carried_by"]),
                ", ".join(one.member.checks),
                one.state,
            )
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if now.course.left:
        lines += ["", f"In no wave: {', '.join(now.course.left)}."]
    return "\n".join(lines) + "\n"
