"""Whether what a run is to build in can be reached: asked before anything is written down."""

from __future__ import annotations

from typing import Any

from ..lab.client import LabClient
from ..ledger import Ledger, building, entries
from ..plan.stacking import restore
from ..plan.stages import Plan, Record, Stack
from ..workspace import Workspace


def check_reachable(workspace: Workspace, ledger: Ledger, plan: Plan) -> None:
    """Raises ``LabDown`` where something is or will be in a lab that is not up."""
    with ledger.read() as connection:
        known = entries.current(connection)
        built = [restore(a) for (s, _), a in building.all_applied(connection).items() if s[:6] == "stack:"]
    fields: dict[str, dict[str, Any]] = {n: e.fields for (kind, n), e in known.items() if kind == "target"}
    used = {r.target for r in built}
    for stage in plan.stages:
        if isinstance(stage, Record):
            fields |= {c.name: c.fields for c in stage.changes if c.kind == "target" and c.fields}
        elif isinstance(stage, Stack):
            used |= {r.target for r in stage.resources}
    if any(fields.get(target, {}).get("driver") == "lab" for target in used):
        client = LabClient(workspace.root, workspace.environment)
        try:
            client.hello()
        finally:
            client.close()
