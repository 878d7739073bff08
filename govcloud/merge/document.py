"""A merge's plan as a dated document (业务专网迁移实施方案, OP-31) and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..printable import visible
from .planning import MergePlan
from .reading import World


def as_json(made: MergePlan) -> dict[str, Any]:
    """The stable, documented keys of `network merge plan --json` (docs/merging.md)."""
    choice = made.choice
    return {
        "name": made.name,
        "title": made.title,
        "made_on": made.made_on,
        "ready": made.ready,
        "classified": made.classified,
        "into": made.into,
        "merge_by": made.by,
        "gates": [
            {"rule": g.rule, "about": g.about, "state": g.state, "words": g.words, "place": g.place}
            | {"write": g.write}
            for g in made.gates
        ],
        "missing": list(made.missing),
        "overlaps": [
            {
                "prefix": str(o.own.prefix),
                "of": o.own.holder,
                "meets": str(o.other.prefix),
                "holder": o.other.holder,
                "what": o.other.what,
                "shared": str(o.shared),
            }
            for o in made.overlaps
        ],
        "choice": {
            "decided": choice.decided,
            "reason": choice.reason,
            "proposed": choice.proposed,
            "because": choice.because,
            "write": choice.write,
            "options": [
                {"choice": o.choice, "fits": o.fits, "pro": list(o.pro), "contra": list(o.contra)}
                for o in choice.options
            ],
        },
        "outside": [{"inside": a, "outside": b} for a, b in made.outside],
        "flows": [
            {
                "flow": c.flow,
                "direction": c.direction,
                "start": c.start,
                "endpoint": c.endpoint,
                "port": c.port,
                "seen": c.seen,
                "other": c.other,
            }
            for c in made.crossings
        ],
        "steps": [{"number": s.number, "title": s.title, "how": s.how, "undo": s.undo} for s in made.steps],
        "renumber": [{"entry": e, "from": old, "to": new} for e, old, new in made.renumber],
    }


def markdown(made: MergePlan, world: World) -> str:
    """The document, in Markdown; every table has a head, and foreign texts cannot break it."""
    lines = [f"# {_cell(made.title)}：并入实施方案 · migration plan", ""]
    lines += [f"Made on {made.made_on} from the accepted ledger; `private_network/{_cell(made.name)}`.", ""]
    unit = world.catalogue.find("unit", made.unit)
    head = [
        ("Unit 主管单位", getattr(unit, "title", "") or made.unit),
        ("Classified 涉密", "yes 是" if made.classified else "no 否"),
        ("Merged into 并入", made.into),
        ("By 期限", made.by or "not said"),
        ("Its routers 设备", ", ".join(made.routers)),
        ("Machines 终端和主机", str(made.machines)),
        ("Ready 可实施", "yes" if made.ready else "no"),
    ]
    lines += _table(("", ""), head)
    lines += ["## 1. Decisions 核定与审查", ""]
    lines += _table(
        ("rule", "about", "state", "how it stands"), [(g.rule, g.about, g.state, g.words) for g in made.gates]
    )
    if made.missing:
        lines += ["Still missing:", "", *(f"- {_cell(one)}" for one in made.missing), ""]
    lines += ["## 2. Overlapping addresses 地址重叠", ""]
    overlaps = [
        (str(o.own.prefix), o.own.holder, str(o.other.prefix), f"{o.other.holder} ({o.other.what})")
        for o in made.overlaps
    ]
    lines += _table(("prefix", "of", "meets", "of"), overlaps) if overlaps else ["None.", ""]
    choice = made.choice
    decided = f"**{choice.decided}**: {_cell(choice.reason)}" if choice.decided else "**not decided**"
    lines += [f"What is done: {decided}. Proposed: {choice.proposed}, for {_cell(choice.because)}.", ""]
    lines += _table(
        ("choice", "fits", "for it", "against it"),
        [
            (o.choice, "yes" if o.fits else "no", "; ".join(o.pro), "; ".join(o.contra))
            for o in choice.options
        ],
    )
    if made.outside:
        lines += _table(("inside", "seen by the rest"), list(made.outside))
    if made.renumber:
        lines += _table(("entry", "has", "gets"), list(made.renumber))
    lines += ["## 3. Flows across the boundary 跨边界业务流", ""]
    flows = [(c.flow, c.direction, c.start, c.endpoint, str(c.port), c.seen) for c in made.crossings]
    lines += (
        _table(("flow", "direction", "from", "to", "port", "address that is asked"), flows)
        if flows
        else ["None is declared.", ""]
    )
    lines += ["## 4. Steps 实施步骤", ""]
    lines += _table(
        ("", "step", "how", "undo"), [(str(s.number), s.title, s.how, s.undo) for s in made.steps]
    )
    lines += ["Undone as a whole by `govcloud network merge undo " + _cell(made.name) + "`.", ""]
    return "\n".join(lines)


def _table(heads: tuple[str, ...], found: Sequence[tuple[str, ...]]) -> list[str]:
    out = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    out += ["| " + " | ".join(map(_cell, row)) + " |" for row in found]
    return [*out, ""]


def _cell(text: str) -> str:
    return visible(text).replace("|", "\\|").replace("<", "&lt;")
