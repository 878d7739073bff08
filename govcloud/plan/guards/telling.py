"""A verdict as people read it: above the plan on a terminal, in Markdown, as JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ...ledger.clearances import Clearance, Emergency
from ..veil import VEIL
from .judging import Verdict, beyond_words, frozen_words

# (style, sentence)
Line = tuple[str, str]


def lines(verdict: Verdict, effect: str = "") -> Iterator[Line]:
    """What stands against a plan and what would let it go on, a sentence each; nothing where nothing does."""
    for emergency in verdict.emergencies:
        yield "red" if emergency.state == "overdue" else "yellow", emergency_words(emergency)
    for words in verdict.faults:
        yield "yellow", words
    for frozen in verdict.frozen:
        yield "bold red", frozen_words(frozen)
    for beyond in verdict.beyond:
        yield "bold red", f"beyond a limit: {beyond_words(beyond)}"
    for one in verdict.signed:
        by = f"signed by {one.approval.person}, {when(one.approval.at)}"
        yield ("yellow", f"{by}; it does not count: {one.void}") if one.void else ("green", by)
    if verdict.beyond and not verdict.approved:
        approve = f"`govcloud approve {effect[:12]}` by somebody else"
        if verdict.needs == "signature":
            yield "bold", f"It needs {approve}."
        else:
            yield "bold", f'It needs `--confirm "{verdict.phrase}"`, or {approve}.'


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
    )


def when(at: float) -> str:
    """A time as people here read it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
