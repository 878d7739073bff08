"""Record: changes of entries become a revision, in one transaction with its audit row."""

from __future__ import annotations

from typing import Any

from ...ledger import audit, entries, runs, store
from ...ledger.claims import CHECKED_KEY, change_claims
from ...ledger.runs import Status
from ...plan.stages import Record
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
            workspace=context.plan.workspace,
        )
        entries.accept(connection, number, (c for c in stage.changes if c.verb != "delete"))
        entries.withdraw(connection, number, (c.uid for c in stage.changes if c.verb == "delete"))
        fields = {(c.kind, c.name): c.fields for c in stage.changes}
        change_claims(connection, number, stage.claims, fields)
        # Until the last Record is done, something accepted may be claimed by nobody: whoever plans then
        # looks at everything.
        last = [s for s in context.plan.stages if isinstance(s, Record)][-1].id == stage.id
        store.keep_setting(connection, CHECKED_KEY, context.plan.checked if last else "")
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
