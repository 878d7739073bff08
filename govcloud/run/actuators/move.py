"""Move: objects handed from stack to stack, state record by state record; the objects are not touched.

Their new stacks take them in first, then their former ones let go of them, then the ledger's rows follow.
Wherever that ends, the ledger still holds them, so nobody takes them for strays; and it may be repeated:
what is taken in already is known there, what is let go already is not, and no stack may take away what
its plan does not say (``provider.orders``).
"""

from __future__ import annotations

from typing import Any

from ...errors import GovcloudError
from ...ledger import building
from ...ledger.building import Applied
from ...plan.slicing import in_order
from ...plan.stacking import resource_digest, snapshot
from ...plan.stages import Holding, Move, Resource, Stack
from ...provider.orders import Orders
from ..context import RunContext, StageFailed, Stopped
from ..events import StageProgress
from .engine_words import Words
from .updating import update


def move(stage: Move, context: RunContext) -> dict[str, Any]:
    """Hand over what the stage says. Raises ``Stopped``, ``StageFailed``."""
    progress = _Progress(stage)
    known = {r.object_id: r for h in stage.holdings for r in h.resources}
    moved = {m.object_id: known[m.object_id] for m in stage.changes}
    try:
        for holding in stage.holdings:
            if any(m.stack == holding.stack for m in stage.changes):
                _bring(stage, context, progress, holding, _before(stage, holding, moved))
        for holding in stage.holdings:
            if any(m.source == holding.stack for m in stage.changes):
                _bring(stage, context, progress, holding, list(holding.resources))
    except GovcloudError:
        raise
    except Exception as error:  # the SDK raises many types; the engine's words are what counts
        if context.stop.is_set():
            raise Stopped("stopped between two stacks", progress.detail()) from error
        raise StageFailed(progress.words(error), progress.detail()) from error
    _record(stage, context, moved)
    progress.done = True
    total = len(stage.changes)
    context.bus(StageProgress(stage.id, total, total, f"{total} handed over"))
    return progress.detail()


def _before(stage: Move, holding: Holding, moved: dict[str, Resource]) -> list[Resource]:
    """What a stack holds when it has taken in what is its own now, and not yet let go of anything."""
    there = {r.object_id: r for r in holding.resources}
    leaving = {m.object_id: moved[m.object_id] for m in stage.changes if m.source == holding.stack}
    return in_order((leaving | there).values())


def _bring(
    stage: Move, context: RunContext, progress: _Progress, holding: Holding, resources: list[Resource]
) -> None:
    context.check_stop()
    slice_ = Stack(
        id=stage.id,
        title=stage.title,
        phase=stage.phase,
        stack=holding.stack,
        domain=holding.domain,
        program=holding.program,
        resources=tuple(resources),
        changes=(),
    )
    update(slice_, context, progress, Orders())


def _record(stage: Move, context: RunContext, moved: dict[str, Resource]) -> None:
    with context.write() as connection:
        for one in stage.changes:
            resource = moved[one.object_id]
            digest, kept = resource_digest(resource), snapshot(resource)
            row = Applied(f"stack:{one.stack}", one.uid, one.incarnation, digest, kept)
            building.set_applied(connection, context.run, [row])
            building.forget_objects(connection, f"stack:{one.source}", [one.object_id])


class _Progress(Words):
    """What the engine has told; nothing is handed over until all of it is."""

    def __init__(self, stage: Move) -> None:
        super().__init__({m.object_id: m.subject for m in stage.changes})
        self._stage = stage
        self.done = False

    def event(self, event: Any) -> None:
        """One event of the engine."""
        if event.diagnostic_event is not None and event.diagnostic_event.severity == "error":
            self.diagnostic(event.diagnostic_event)

    def detail(self) -> dict[str, Any]:
        """What was handed over and what was not, by name."""
        names = sorted({m.subject for m in self._stage.changes})
        total = len(self._stage.changes)
        return {
            "words": f"{total if self.done else 0} of {total} objects",
            "done": names if self.done else [],
            "not_done": [] if self.done else names,
            "failed": [],
        }
