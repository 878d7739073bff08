"""A verdict as people read it: above the plan on a terminal, in Markdown, as JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ...ledger.clearances import Clearance, Emergency
from ..veil import VEIL
from .judging import Verdict, beyond_words, frozen_words, held_words
from .needed import Needed
from .standing import Standing, Step

# (style, sentence)
Line = tuple[str, str]


def lines(verdict: Verdict, effect: str = "") -> Iterator[Line]:
    """What stands against a plan and what would let it go on, a sentence each; nothing where nothing does."""
    for emergency in verdict.emergencies:
        yield "red" if emergency.state == "overdue" else "yellow", emergency_words(emergency)
    for words in verdict.faults:
        yield "yellow", words
    for held in verdict.held:
        yield "bold red", held_words(held)
    for frozen in verdict.frozen:
        yield "bold red", frozen_words(frozen)
    for beyond in verdict.beyond:
        yield "bold red", f"beyond a limit: {beyond_words(beyond)}"
    for one in verdict.signed:
        by = f"signed by {one.approval.person}, {when(one.approval.at)}"
        yield ("yellow", f"{by}; it does not count: {one.void}") if one.void else ("green", by)
    if verdict.asked is not None:
        yield from _asked_lines(verdict.asked, effect)
    elif verdict.beyond and not verdict.approved:
        approve = f"`govcloud approve {effect[:12]}` by somebody else"
        if verdict.needs == "signature":
            yield "bold", f"It needs {approve}."
        else:
            yield "bold", f'It needs `--confirm "{verdict.phrase}"`, or {approve}.'


def _asked_lines(asked: Needed, effect: str) -> Iterator[Line]:
    for one in asked.requests:
        yield from standing_lines(one)
    if asked.lacks:
        yield "bold red", f"not signed: {asked.lacks}"
        if not asked.requests:
            yield "bold", f"It needs `govcloud approve {effect[:12]}` by somebody else."


def standing_lines(one: Standing) -> Iterator[Line]:
    """How a request stands in its chain, a sentence for each stage, and what does not count."""
    for step in one.steps:
        style = {"done": "green", "open": "yellow", "overdue": "bold red", "waiting": "dim"}[step.state]
        yield style, step_words(step)
    for given in one.void:
        words = f"signed by {given.approval.person}, {when(given.approval.at)}"
        yield "yellow", f"{words}; it does not count: {given.void}"
    for words in one.faults:
        yield "yellow", words


def step_words(step: Step) -> str:
    """A stage of a chain as it stands, in a sentence."""
    named = [f"{a.person} for {a.giver}" if a.giver else a.person for a in step.may]
    head = f"stage {step.stage.name}" + (f" ({step.stage.title})" if step.stage.title else "")
    by = [f"{g.approval.person} for {g.giver}" if g.giver else g.approval.person for g in step.signed]
    if step.state == "done":
        return f"{head}: signed by {', '.join(by)}, {when(max(g.approval.at for g in step.signed))}"
    if step.state == "waiting":
        return f"{head}: comes later"
    rest = step.stage.count - len(step.signed)
    parts = [f"{rest} signatures, of {', '.join(named)}" if rest > 1 else f"waits for {' or '.join(named)}"]
    if not named:
        parts = [step.trouble or "nobody can sign it"]
    if by:
        parts.append(f"signed by {', '.join(by)}")
    if step.state == "overdue" and step.due is not None:
        days = f"{step.late} working day{'' if step.late == 1 else 's'}"
        parts.append(f"{days} late, it was due on {last_day(step.due)}")
    elif step.due is not None:
        parts.append(f"until the end of {last_day(step.due)}")
    if step.up:
        parts.append(f"went up to {', '.join(step.up)}")
    return f"{head}: {'; '.join(parts)}"


def standing_document(one: Standing) -> dict[str, Any]:
    """How a request stands, as JSON with documented keys."""
    return {
        "request": one.request,
        "effect": one.effect,
        "approved": one.approved,
        "stages": [
            {
                "stage": step.stage.name,
                "title": step.stage.title,
                "state": step.state,
                "count": step.stage.count,
                "signed": [
                    {"id": g.approval.id, "person": g.approval.person, "for": g.giver, "at": g.approval.at}
                    for g in step.signed
                ],
                "may": [{"person": a.person, "for": a.giver} for a in step.may],
                "opened": step.opened,
                "due": step.due,
                "late": step.late,
                "up": step.up,
                "trouble": step.trouble,
            }
            for step in one.steps
        ],
        "void": [
            {"id": g.approval.id, "person": g.approval.person, "stage": g.stage, "why": g.void}
            for g in one.void
        ],
        "faults": one.faults,
    }


def emergency_words(one: Emergency) -> str:
    """An emergency that nobody has approved yet, in a sentence."""
    who = one.person or one.account
    late = f"overdue since {when(one.due)}" if one.state == "overdue" else f"until {when(one.due)}"
    return (
        f"emergency: run {one.run} by {who} waits for somebody's approval, {late}: {one.reason} "
        f"(`govcloud approve {one.run}`)"
    )


def passed_words(one: Clearance) -> str:
    """What let a run go past its guards, in a sentence."""
    against = [*one.detail.get("beyond", ()), *(f"freeze/{name}" for name in one.detail.get("frozen", ()))]
    if one.detail.get("unsigned"):
        against.append("signatures")
    past = f" past {', '.join(against)}" if against else ""
    how = {
        "confirmed": f"confirmed in words ({one.detail.get('typed', '')})",
        "signed": f"signed by {one.detail.get('by', '')}",
        "emergency": f"an emergency: {one.detail.get('reason', '')}",
    }[one.how]
    return f"{when(one.at)} {one.actor} went{past}: {how}"


def document(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON with documented keys."""
    return {
        "beyond": msgspec.to_builtins(verdict.beyond),
        "frozen": msgspec.to_builtins(verdict.frozen),
        "held": msgspec.to_builtins(verdict.held),
        "needs": verdict.needs if verdict.beyond else "",
        "phrase": verdict.phrase,
        "signatures": [
            {
                "id": one.approval.id,
                "person": one.approval.person,
                "key": one.approval.key,
                "at": one.approval.at,
                "counts": not one.void,
                "why": one.void,
            }
            for one in verdict.signed
        ],
        "emergencies": [one.run for one in verdict.emergencies],
        "wants": None
        if verdict.asked is None
        else {
            "policy": verdict.asked.policy,
            "lacks": verdict.asked.lacks,
            "requests": [standing_document(one) for one in verdict.asked.requests],
        },
    }


def veiled(verdict: Verdict, is_hidden: Callable[[str], bool]) -> Verdict:
    """The verdict without the names of what its reader may not see."""

    def names(subjects: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(f"{s.partition('/')[0]}/{VEIL}" if is_hidden(s) else s for s in subjects))

    replace = msgspec.structs.replace
    return replace(
        verdict,
        beyond=tuple(replace(one, subjects=names(one.subjects)) for one in verdict.beyond),
        frozen=tuple(replace(one, subjects=names(one.subjects)) for one in verdict.frozen),
        held=tuple(
            # The name of a request that is hidden goes with its document.
            replace(one, request=VEIL, document=VEIL, subjects=names(one.subjects))
            if is_hidden(f"request/{one.request}")
            else replace(one, subjects=names(one.subjects))
            for one in verdict.held
        ),
    )


def last_day(due: float) -> str:
    """The day at whose end something is due."""
    return time.strftime("%Y-%m-%d", time.localtime(due - 1))


def when(at: float) -> str:
    """A time as people here read it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
