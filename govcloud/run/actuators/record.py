"""Record: changes of entries become a revision, in one transaction with its audit row."""

from __future__ import annotations

from typing import Any

from ...ledger import audit, entries, runs
from ...ledger.runs import Status
from ...plan.stages import Record
from ...source import FILES
from ..context import RunContext
from ..events import StageProgress


def record(stage: Record, context: RunContext) -> dict[str, Any]:
    """Accept the stage's changes. All of it happens, or nothing."""
    with context.write() as connection:
        number = entries.open_revision(
            connection,
            actor=context.actor,
            run=context.run,
            commit=context.plan.commit or None,
            message=stage.title,
        )
        entries.accept(connection, number, (c for c in stage.changes if c.verb != "delete"))
        entries.withdraw(connection, number, (c.uid for c in stage.changes if c.verb == "delete"))
        if stage.phase == "expand" or not any(s.id == "record" for s in context.plan.stages):
            rows = [entries.ClaimRow(**c) for c in context.plan.claims]
            entries.replace_claims(connection, number, FILES, rows)
        audit.append(
            connection,
            context.actor,
            "record",
            {"run": context.run, "revision": number, "changes": len(stage.changes), "stage": stage.id},
        )
        detail = {"revision": number, "entries": len(stage.changes)}
        # In the same transaction: what is accepted and that it is accepted stand or fall together.
        runs.end_stage(connection, context.run, stage.id, Status.DONE, detail)
    total = len(stage.changes)
    context.bus(StageProgress(stage.id, total, total, f"revision {number}"))
    return detail
