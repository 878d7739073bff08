"""What one plan would do otherwise than another, field by field: why signatures do not count any more."""

from __future__ import annotations

from typing import Any

import msgspec

from ..plan.stages import ENDING, Move, Plan, Play, Probe, Record, SiteStack, Stack
from ..plan.veil import VEIL

# So many differences are told; then how many more there are.
MOST = 20
_NONE = object()


def differences(before: Plan, after: Plan) -> list[str]:
    """In a line each: what would happen otherwise. Never empty where the effects differ."""
    old, new = _values(before), _values(after)
    lines = []
    for key in sorted(old.keys() | new.keys()):
        was, will = old.get(key, _NONE), new.get(key, _NONE)
        if was == will:
            continue
        subject, field = key
        words = f"{subject}: `{field}`" if field else subject
        if was is _NONE:
            lines.append(f"{words} is new: {_shown(will)}")
        elif will is _NONE:
            lines.append(f"{words} is not there any more (was {_shown(was)})")
        else:
            lines.append(f"{words}: {_shown(was)} became {_shown(will)}")
    if not lines:
        unseen = any(VEIL.encode() in msgspec.json.encode(plan.stages) for plan in (before, after))
        words = "something that you may not see" if unseen else "the order or the grouping of its stages"
        lines.append(f"{words} changed")
    more = len(lines) - MOST
    return [*lines[:MOST], f"and {more} more"] if more > 0 else lines


def _values(plan: Plan) -> dict[tuple[str, str], Any]:
    """Everything that an effect covers, by subject and field."""
    out: dict[tuple[str, str], Any] = {}
    measuring = all(isinstance(stage, Probe) for stage in plan.stages)
    for stage in plan.stages:
        if isinstance(stage, Record):
            for change in stage.changes:
                out[change.subject, ""] = change.verb
                out |= {(change.subject, field): value for field, value in change.fields.items()}
        elif isinstance(stage, Stack):
            out[f"stack {stage.stack}", "program"] = stage.program
            inputs = {r.object_id: r.inputs for r in stage.resources}
            for one in stage.changes:
                what = f"{one.type} of {one.subject}"
                out[what, ""] = one.verb
                if one.verb == "update" and not stage.refresh:
                    out |= {(what, f.field): f.after for f in one.changes}
                elif one.verb not in ENDING:
                    values = inputs.get(one.object_id, {})
                    out |= {(what, field): value for field, value in values.items()}
        elif isinstance(stage, Play):
            out["configuration", "playbook"] = stage.playbook
            out |= {(f"configuration of {host}", ""): digest for host, digest in stage.done_to.items()}
        elif isinstance(stage, Probe) and measuring:
            out |= {(f"probe {one.get('name', '')}", ""): one for one in stage.probes}
        elif isinstance(stage, Move):
            out |= {(f"move of {one.subject}", ""): f"{one.source} to {one.stack}" for one in stage.changes}
        elif isinstance(stage, SiteStack):
            out[f"stack {stage.stack}", "program"] = stage.program
            out[f"stack {stage.stack}", "given"] = stage.given
    for row in plan.asked.said:
        for field, value in (row.fields or {}).items():
            out[f"{row.claimant} on {row.kind}/{row.name}", field] = value
    if plan.ruling is not None:
        for found in (one for one in plan.ruling.new if one.decided):
            of = f" of {found.field}" if found.field else ""
            words = f"denied, waived by {found.waiver}" if found.waiver else "denied"
            out[found.subject, f"{found.rule}{of}"] = words
        if plan.ruling.rest:
            out["further denials", ""] = plan.ruling.rest
    for kind, name, claimant in plan.asked.ended:
        out[f"{claimant} on {kind}/{name}", ""] = "ends"
    for name, use in plan.secrets.items():
        out[f"secret {name}", "version"] = use.version
    return out


def _shown(value: Any) -> str:
    if isinstance(value, str) and len(value) == 32 and set(value) <= set("0123456789abcdef"):
        return value[:8]
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
