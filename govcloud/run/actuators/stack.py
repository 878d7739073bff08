"""Stack: one Pulumi stack brought to its slice of the ledger."""

from __future__ import annotations

from typing import Any

from ...errors import GovcloudError
from ...ledger import building
from ...ledger.building import Applied, Intent
from ...model.resources import Identity, object_uid
from ...plan.ordering import rank
from ...plan.stacking import resource_digest, snapshot
from ...plan.stages import ResourceChange, Stack
from ...provider.drivers import open_driver
from ..context import RunContext, StageFailed, Stopped
from ..events import Note, StageProgress
from .updating import update

# Operations of the engine that bring an object to what the plan says of it. Others change nothing
# ("same", "read"), or are a part of one of these ("replace" comes before its "create-replacement").
WHOLE = frozenset({"create", "update", "delete", "create-replacement"})


def build(stage: Stack, context: RunContext) -> dict[str, Any]:
    """Write down the intents, sweep what is no longer wanted, and let the engine do the rest."""
    _announce(stage, context)
    progress = _Progress(stage, context)
    _sweep(stage, context, progress)
    context.check_stop()
    try:
        update(stage, context, progress)
    except GovcloudError:
        raise
    except Exception as error:  # the SDK raises many types; the engine's words are what counts
        _record(stage, context, progress, whole=False)
        if context.stop.is_set():
            raise Stopped(
                f"stopped after {progress.count} of {len(stage.changes)} in {stage.stack}",
                progress.detail(),
            ) from error
        raise StageFailed(progress.words(error), progress.detail()) from error
    _record(stage, context, progress, whole=True)
    return progress.detail()


def _announce(stage: Stack, context: RunContext) -> None:
    """Before anything is made: the intents; and what hosts lose with the objects made anew."""
    changed = {c.uid for c in stage.changes}
    rows = [
        Intent(r.object_id, stage.stack, r.type, r.target, snapshot(r), context.run)
        for r in stage.resources
        if r.uid in changed
    ]
    with context.write() as connection:
        building.add_intents(connection, rows)
        for host in stage.restart:
            building.forget_applied(connection, f"host:{host}")


def _sweep(stage: Stack, context: RunContext, progress: _Progress) -> None:
    """Remove objects of ours that nobody wants: intended once, or seen and unknown to any stack."""
    wanted = {r.object_id for r in stage.resources}
    with context.ledger.read() as connection:
        sent = building.intents(connection, stage.stack)
        held = {a.object_id for a in building.all_applied(connection).values() if a.stack}
    strays = {i.object: (i.type, i.target) for i in sent}
    strays |= {c.object: (c.type, c.target) for c in stage.changes if c.object}
    strays = {o: t for o, t in strays.items() if o not in wanted and o not in held}
    targets = context.targets()
    # Users before what they use, as everywhere.
    for object_id, (type_name, target) in sorted(strays.items(), key=lambda s: (-rank(s[1][0]), s[0])):
        context.check_stop()
        driver = open_driver(context.workspace.environment, targets[target], str(context.workspace.root))
        uid, incarnation = object_uid(object_id)
        identity = Identity(context.workspace.environment, uid, incarnation)
        if driver.read(type_name, identity) is not None:
            driver.delete(type_name, identity, context.fence)
            context.bus(Note(stage.id, f"swept {type_name} {object_id}, which nobody wants any more"))
        progress.swept.add(object_id)


class _Progress:
    """What the engine has told so far."""

    def __init__(self, stage: Stack, context: RunContext) -> None:
        self._stage = stage
        self._context = context
        self._subjects: dict[str, ResourceChange] = {c.uid: c for c in stage.changes if not c.object}
        self._strays = {c.object: c.subject for c in stage.changes if c.object}
        self._names = {r.uid: r.subject for r in stage.resources} | {c.uid: c.subject for c in stage.changes}
        self.done: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        # Of a replacement the old one is gone, and the new one not there yet.
        self.gone: set[str] = set()
        self.swept: set[str] = set()
        self._words: list[str] = []

    def event(self, event: Any) -> None:
        """One event of the engine."""
        if event.res_outputs_event is not None:
            meta = event.res_outputs_event.metadata
            self._outputs(meta.urn.rpartition("::")[2], str(getattr(meta.op, "value", meta.op)))
        elif event.res_op_failed_event is not None:
            uid = event.res_op_failed_event.metadata.urn.rpartition("::")[2]
            self.failed[uid] = self._names.get(uid, uid)
        elif event.diagnostic_event is not None and event.diagnostic_event.severity == "error":
            self._diagnostic(event.diagnostic_event)

    def _outputs(self, uid: str, op: str) -> None:
        if op == "delete-replaced":
            self.gone.add(uid)
        if uid not in self._subjects or op not in WHOLE or uid in self.done:
            return
        self.done[uid] = op
        self.gone.discard(uid)
        total = len(self._stage.changes)
        words = f"{op} {self._names.get(uid, uid)}"
        self._context.bus(StageProgress(self._stage.id, self.count, total, words))

    @property
    def count(self) -> int:
        """How many of the stage's changes are done."""
        return len(self.done) + len(self.swept & set(self._strays))

    def _diagnostic(self, diagnostic: Any) -> None:
        # A provider's error comes with a Python traceback behind it, which is for the log alone.
        text = diagnostic.message.split(":\n  File ")[0].strip()
        uid = (diagnostic.urn or "").rpartition("::")[2]
        subject = self._names.get(uid, "")
        for noise in ("<{%reset%}>", "<{%fg 1%}>", "error: ", "Unexpected <class 'Exception'>: "):
            text = text.replace(noise, "")
        if text and "resource monitor shut down" not in text and text != "update failed":
            self._words.append(f"{subject}: {text}" if subject else text)

    def words(self, error: Exception) -> str:
        """The engine's own words for a failure."""
        if self._words:
            return "\n".join(dict.fromkeys(self._words))
        return str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__

    def detail(self) -> dict[str, Any]:
        """What was done and what was not, by name."""
        done = {self._names[u] for u in self.done} | {s for o, s in self._strays.items() if o in self.swept}
        wanted = {self._names[u] for u in self._subjects} | set(self._strays.values())
        return {
            "words": f"{self.count} of {len(self._stage.changes)} objects",
            "done": sorted(done),
            "not_done": sorted(wanted - done),
            "failed": sorted(self.failed.values()),
        }


def _record(stage: Stack, context: RunContext, progress: _Progress, *, whole: bool) -> None:
    """Write down what is now built: everything after a success, what the engine confirmed otherwise."""
    scope = f"stack:{stage.stack}"
    rows = [
        Applied(scope, r.uid, r.incarnation, resource_digest(r), snapshot(r))
        for r in stage.resources
        if whole or (r.uid in progress.done and r.uid not in progress.failed)
    ]
    # A stray's entry may live on in another incarnation: what is built of that one stays written.
    deletes = [c for c in stage.changes if c.verb == "delete" and not c.object]
    gone = [c.uid for c in deletes if whole or c.uid in progress.done]
    confirmed = [c.uid for c in stage.changes] if whole else [*progress.done]
    with context.write() as connection:
        building.set_applied(connection, context.run, rows)
        building.forget_applied(connection, scope, [*gone, *progress.gone])
        # What was seen of an object is history only when the engine has confirmed its change.
        building.settle_observed(connection, confirmed)
        if whole:
            building.settle_intents(connection, stage.stack)
        for change in stage.changes:
            if change.uid in gone:
                building.forget_applied(connection, f"host:{change.subject.partition('/')[2]}", gone)
