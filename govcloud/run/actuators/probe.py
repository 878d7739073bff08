"""Probe: figures measured inside the hosts, again and again until all are good or patience ends."""

from __future__ import annotations

from typing import Any

import msgspec

from ...ledger import evidence
from ...plan.gather import built_catalogue
from ...plan.probes import ProbeSpec
from ...plan.stages import Probe
from ...plan.wiring import address_owners
from ..context import RunContext, StageFailed, Stopped
from ..events import Note, StageProgress
from ..probing import take
from ..reach import Reach

HINT = (
    "everything is built and configured, and does not serve yet: `govcloud drift` tells what is not as it "
    "was made, `govcloud probe` measures again; when it is mended, resume"
)


def measure(stage: Probe, context: RunContext) -> dict[str, Any]:
    """Measure everything, keep the last figure of each probe; a probe that stays bad fails the stage."""
    specs = [msgspec.convert(p, ProbeSpec) for p in stage.probes]
    with context.ledger.read() as connection:
        names = address_owners(built_catalogue(connection))
    first = True

    def told(good: int) -> None:
        nonlocal first
        context.bus(StageProgress(stage.id, good, len(specs), f"{good} good"))
        if first and good < len(specs):
            left = len(specs) - good
            words = f"{left} probes are not good yet; trying for up to {stage.patience_s:.0f} s"
            context.bus(Note(stage.id, words))
        first = False

    rows = take(
        Reach(context.workspace),
        specs,
        names,
        parallel=context.workspace.settings.parallel,
        patience_s=stage.patience_s,
        stop=context.stop,
        told=told,
    )
    with context.write() as connection:
        evidence.keep(connection, context.run, stage.id, rows)
    bad = [r for r in rows if not r.ok]
    if context.stop.is_set():
        raise Stopped(f"stopped; {len(rows) - len(bad)} of {len(specs)} probes were good")
    detail = {"good": len(rows) - len(bad), "probes": len(specs)}
    if bad:
        words = "\n".join(f"{r.name}: {r.detail.get('reason') or 'not good'}" for r in bad)
        raise StageFailed(words, {**detail, "failed": [r.name for r in bad], "hint": HINT})
    return {**detail, "words": f"{len(rows)} probes good"}
