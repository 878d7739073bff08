"""What of others is accepted and not built: a plan builds it too, and it is no part of what people sign."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import ConflictError
from ..ledger import Ledger, runs
from ..plan.gather import propose
from ..plan.stages import Plan, Play, Record, Stack, Stage
from ..workspace import Workspace

_MOST = 3


def refuse_unbuilt(workspace: Workspace, ledger: Ledger, name: str, plan: Plan) -> None:
    """Raises ``ConflictError`` where the plan of a request would build what is left of others' work.

    A plan that only records builds nothing of theirs either.
    """
    if all(isinstance(stage, Record) for stage in plan.stages):
        return
    left = propose(workspace, ledger, recorded=True).plan
    if left.empty:
        return
    subjects = sorted({subject for stage in left.stages for subject in _subjects(stage)})
    few = ", ".join(subjects[:_MOST]) + (
        f" and {len(subjects) - _MOST} more" if len(subjects) > _MOST else ""
    )
    with ledger.read() as connection:
        going = [run.id for run in runs.unfinished(connection)]
    raise ConflictError(
        f"others' work is accepted and not built{f' ({few})' if few else ''}: the plan of request {name} "
        "would build it too, and whoever signs that would sign it",
        hint=f"`govcloud runs resume {going[-1]}` goes on with it; then type this again"
        if going
        else "`govcloud apply` builds it; then type this again",
    )


def _subjects(stage: Stage) -> Iterable[str]:
    if isinstance(stage, Stack):
        return (change.subject for change in stage.changes)
    if isinstance(stage, Play):
        return (f"configuration of {host}" for host in stage.done_to)
    return ()
