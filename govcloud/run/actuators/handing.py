"""Identities given and taken by a stage, before the engine and the ledger learn of it.

In this order nothing is lost wherever it ends: what has got its identity is found by it, as after any
interrupted creation; what has lost it is nobody's, and nobody sweeps it, while ledger and engine still
hold it until the stage is repeated.
"""

from __future__ import annotations

from ...ledger import audit
from ...model.resources import Identity
from ...plan.ordering import rank
from ...plan.stages import ResourceChange, Stack
from ...provider.drivers import Driver, open_driver
from ..context import RunContext
from ..events import Note


def hand_over(stage: Stack, context: RunContext) -> None:
    """Adopt and release what the stage says. Safe to repeat. Raises the drivers' errors."""
    handed = [c for c in stage.changes if c.verb in ("adopt", "release")]
    # What is used is adopted before its users, and released after them.
    for change in sorted(handed, key=lambda c: rank(c.type) if c.verb == "adopt" else -rank(c.type)):
        context.check_stop()
        identity = Identity(context.workspace.environment, change.uid, change.incarnation)
        driver = _driver(change, context)
        if change.verb == "adopt":
            resource = next(r for r in stage.resources if r.object_id == change.object_id)
            driver.adopt(change.type, change.handle, identity, resource.inputs, context.fence)
        else:
            driver.release(change.type, identity, context.fence)
        with context.write() as connection:
            data = {"run": context.run, "object": change.object_id, "handle": change.handle}
            audit.append(connection, context.actor, change.verb, {"subject": change.subject, **data})
        done = "is ours now" if change.verb == "adopt" else "is nobody's now"
        context.bus(Note(stage.id, f"{change.subject} ({change.handle or change.object_id}) {done}"))


def _driver(change: ResourceChange, context: RunContext) -> Driver:
    target = context.targets()[change.target]
    place = (context.workspace.environment, target, str(context.workspace.root))
    return open_driver(*place, context.kept.credential(target))
