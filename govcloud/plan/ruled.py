"""What the rules say of a plan, as people read it: lines above its stages, JSON, and without hidden names."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

import msgspec

from .stages import Ruled, Ruling

WORDS = {"deny": "denied", "target": "target missed", "require": "required", "flag": "flagged"}
STYLES = {"deny": "bold red", "target": "magenta", "require": "yellow", "flag": "cyan"}
# Of one verdict so many are told, unless everything is asked for.
MOST = {"deny": 8, "target": 3, "require": 3, "flag": 3}
# kind/name, as sentences name entries.
_NAMED = re.compile(r"\b([a-z_]+)/([^\s,;:()]+[^\s,;:().])")


def lines(ruling: Ruling | None, *, full: bool = False) -> Iterator[tuple[str, str]]:
    """(style, sentence): what a plan newly brings about, the worst first, and what it cures."""
    if ruling is None:
        return
    for verdict, word in WORDS.items():
        those = [one for one in ruling.new if one.verdict == verdict and not one.waiver]
        shown = those if full else those[: MOST[verdict]]
        for one in shown:
            yield STYLES[verdict], f"{word} by {one.rule}: {one.subject}: {one.message}"
            if one.cure and verdict != "flag":
                yield "", f"  cure: {one.cure}"
        left, others = those[len(shown) :], ruling.more.get(verdict, 0)
        if left or others:
            rules = ", ".join(dict.fromkeys(one.rule for one in left))
            of = f" ({rules}{', …' if others else ''})" if rules else ""
            yield STYLES[verdict], f"{word}: {len(left) + others} more{of}; `govcloud check` has them"
    for one in ruling.new:
        if one.waiver:
            yield "dim", f"waived by {one.waiver}: {one.rule}: {one.subject}: {one.message}"
    if ruling.cured:
        told = ", ".join(f"{r} ({count})" if count > 1 else r for r, count in ruling.cured.items())
        yield "green", f"cures what the rules found: {told}"
    if ruling.denied and ruling.gate == "all":
        yield "bold red", "The rules refuse this plan."
    elif ruling.denied and ruling.gate == "requests":
        yield "", "The policy lets it go on all the same: `gate: requests` in profile/rules."


def document(ruling: Ruling | None) -> dict[str, Any]:
    """As JSON with documented keys: gate, new, more, cured."""
    found = ruling or Ruling()
    return {
        "gate": found.gate,
        "new": [_one(one) for one in found.new],
        "more": found.more,
        "cured": found.cured,
    }


def _one(one: Ruled) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "verdict": one.verdict,
        "entry": one.subject,
        "field": one.field,
        "message": one.message,
        "cure": one.cure,
        "source": one.source,
        "waiver": one.waiver,
    }


def veiled(ruling: Ruling, hidden: Collection[str], is_hidden: Callable[[str], bool], veil: str) -> Ruling:
    """Without the names of what its reader may not see. ``hidden``: ``kind/name`` of what is proposed."""

    def unseen(subject: str) -> bool:
        return subject in hidden or is_hidden(subject)

    def words(text: str) -> str:
        return _NAMED.sub(lambda m: f"{m[1]}/{veil}" if unseen(m[0]) else m[0], text)

    def one(found: Ruled) -> Ruled:
        if unseen(found.subject):
            kind = found.subject.partition("/")[0]
            about = f"an entry of kind {kind} that you may not see"
            return msgspec.structs.replace(found, subject=f"{kind}/{veil}", message=about, cure="", field="")
        return msgspec.structs.replace(found, message=words(found.message), cure=words(found.cure))

    return msgspec.structs.replace(ruling, new=tuple(map(one, ruling.new)))
