"""Whether what a run is to build in can be reached: asked before anything is written down."""

from __future__ import annotations

from typing import Any

from .. import engine
from ..errors import ConflictError, GovcloudError
from ..lab.client import LabClient
from ..ledger import Ledger, building, entries, runs
from ..plan.stacking import restore
from ..plan.stages import ENDING, Move, Plan, Record, SiteStack, Stack
from ..workspace import Workspace


def check_reachable(workspace: Workspace, ledger: Ledger, plan: Plan) -> None:
    """Raises ``LabDown`` where something is or will be in a lab that is not up.

    And ``GovcloudError`` where the engine that the plan needs is not there.
    """
    if any(isinstance(stage, Stack | Move | SiteStack) for stage in plan.stages) and engine.find() is None:
        raise GovcloudError(
            "; ".join(["the Pulumi engine is not there", *engine.faults()]) + "; nothing was done",
            hint="`python -m govcloud.engine` builds it, once; then the same command again",
        )
    with ledger.read() as connection:
        known = entries.current(connection, kind="target")
        built = [restore(a) for a in building.all_applied(connection).values() if a.stack]
    fields: dict[str, dict[str, Any]] = {n: e.fields for (_, n), e in known.items()}
    used = {r.target for r in built}
    for stage in plan.stages:
        if isinstance(stage, Record):
            fields |= {c.name: c.fields for c in stage.changes if c.kind == "target" and c.fields}
        elif isinstance(stage, Stack):
            used |= {r.target for r in stage.resources}
        elif isinstance(stage, Move):
            used |= {r.target for h in stage.holdings for r in h.resources}
    if any(fields.get(target, {}).get("driver") == "lab" for target in used):
        client = LabClient(workspace.root, workspace.environment)
        try:
            client.hello()
        finally:
            client.close()


def check_standing(ledger: Ledger, run: str, plan: Plan) -> None:
    """Raises ``ConflictError`` where things that a run built, or builds on, were lost since it began.

    Its plan knows nothing of that, so going on with it would come to no end.
    """
    with ledger.read() as connection:
        done = {s.id for s in runs.stages(connection, run) if s.status is runs.Status.DONE}
        missing = {o.uid for o in building.all_observed(connection, deviating=True) if o.status == "missing"}
    for stage in plan.stages:
        if isinstance(stage, Stack) and stage.id not in done:
            missing -= {c.uid for c in stage.changes if c.verb == "heal" or c.verb in ENDING}
    if missing:
        one = len(missing) == 1
        raise ConflictError(
            f"{len(missing)} object{' that was' if one else 's that were'} built before "
            f"{'is' if one else 'are'} gone, and run {run} was planned with {'it' if one else 'them'}",
            hint=f"`govcloud runs cancel {run}`, then `govcloud apply`: a new plan heals it and goes on",
        )
