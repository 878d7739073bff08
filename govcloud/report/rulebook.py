"""The rules as people and programs read them: which are decided, by what, and what the others lack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ..policy import Check
from ..policy.standing import Standing, provinces_of
from .markup import code, inline

GROUPS = {
    "N": "networks",
    "C": "clouds",
    "D": "data centres",
    "R": "disaster recovery",
    "S": "security",
    "F": "projects and funds",
    "E": "entrances",
    "X": "data exchange",
    "O": "duties",
}


def totals(standings: Iterable[Standing]) -> dict[str, tuple[int, int]]:
    """(decided, in all) by the letter of the group."""
    out: dict[str, tuple[int, int]] = {}
    for standing in standings:
        decided, total = out.get(standing.group, (0, 0))
        out[standing.group] = (decided + standing.decided, total + 1)
    return out


def document(standings: Sequence[Standing], own: Iterable[Check]) -> dict[str, Any]:
    """The table as ``check --coverage --json`` writes it; ``own``: rules that stand in no document."""
    return {
        "total": len(standings),
        "decided": sum(standing.decided for standing in standings),
        "groups": {
            letter: {"title": GROUPS[letter], "total": total, "decided": decided}
            for letter, (decided, total) in totals(standings).items()
        },
        "rules": [msgspec.to_builtins(standing) for standing in standings],
        "own": [
            {
                "id": check.id,
                "strength": check.strength,
                "verdict": check.verdict,
                "each": check.each.KIND if check.each else "",
                "sentence": check.sentence,
                "source": check.source,
                "reads": list(check.reads),
                "provinces": list(provinces_of(check.documents)),
                "waivable": check.waivable,
            }
            for check in own
        ],
    }


def markdown(standings: Sequence[Standing], own: Sequence[Check]) -> str:
    """The table as Markdown, with the totals by group above it and what is lacking in its rows."""
    decided = sum(standing.decided for standing in standings)
    out = [f"**{decided} of {len(standings)} rules are decided, and {len(own)} more**", ""]
    out += ["| group | decided | of |", "|---|---|---|"]
    for letter, (those, total) in totals(standings).items():
        out.append(f"| {letter} {GROUPS[letter]} | {those} | {total} |")
    out += ["", "| rule | verdict | where | what |", "|---|---|---|---|"]
    for one in standings:
        where = ", ".join(one.provinces) or "everywhere"
        told = "judged, but not counted as decided" if one.verdict else "not decided"
        what = one.sentence if one.decided else f"{told}: {one.lacks}"
        verdict = one.verdict
        out.append(f"| {code(one.id, cell=True)} | {verdict} | {where} | {inline(what, cell=True)} |")
    for check in own:
        what = inline(check.sentence, cell=True)
        out.append(f"| {code(check.id, cell=True)} | {check.verdict} | everywhere | {what} |")
    return "\n".join([*out, ""])
