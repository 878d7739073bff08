"""Stack: one Pulumi stack brought to its slice of the ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ...errors import GovcloudError
from ...ledger import building, hosts
from ...ledger.building import Applied, Intent
from ...model.resources import Identity, object_uid
from ...plan.builder import HOST_KINDS
from ...plan.ordering import MAKING, rank
from ...plan.stacking import resource_digest, snapshot
from ...plan.stages import ENDING, LEAVING, ResourceChange, Stack, Verb
from ...provider.drivers import open_driver
from ...provider.orders import Orders
from ..context import RunContext, StageFailed, Stopped
from ..events import Note, StageProgress
from .engine_words import Words
from .handing import hand_over
from .updating import update

# Operations of the engine that bring an object to what the plan says of it. Others change nothing
# ("same", "read"), or are a part of one of these ("replace" comes before its "create-replacement").
WHOLE = frozenset({"create", "update", "delete", "create-replacement"})

# How an engine ends that has told more than its state knows: killed, or without room to write it.
UNSAVED = re.compile(
    "ended by signal|no space left|quota exceeded|read-only file|snapshot|checkpoint", re.IGNORECASE
)


def build(stage: Stack, context: RunContext) -> dict[str, Any]:
    """Write down the intents, sweep what is no longer wanted, and let the engine do the rest."""
    stage = _told(stage, context)
    _announce(stage, context)
    progress = _Progress(stage, context)
    if not stage.partial:
        _sweep(stage, context, progress)
    hand_over(stage, context)
    context.check_stop()
    try:
        update(stage, context, progress, _orders(stage))
        _take_away(stage, context, progress)
    except GovcloudError:
        raise
    except Exception as error:  # the SDK raises many types; the engine's words are what counts
        _record(stage, context, progress, whole=False, kept=not UNSAVED.search(str(error)))
        if context.stop.is_set():
            raise Stopped(
                f"stopped after {progress.count} of {len(stage.changes)} in {stage.stack}",
                progress.detail(),
            ) from error
        raise StageFailed(progress.words(error), progress.detail()) from error
    _record(stage, context, progress, whole=True)
    return progress.detail()


def _orders(stage: Stack) -> Orders:
    """What the engine may do to objects for the stage's changes."""
    change = frozenset(c.object_id for c in stage.changes if c.verb not in LEAVING and c.verb != "take")
    drop = frozenset(c.object_id for c in stage.changes if c.verb in ENDING)
    if not stage.partial:
        return Orders(change=change, drop=drop)
    return Orders(change, drop, look=change)


def _told(stage: Stack, context: RunContext) -> Stack:
    """The stage with the incarnations of what it changes, which plans of format 1 do not say.

    There the engine replaced, and the former incarnation went with that.
    """
    if all(c.object or c.incarnation for c in stage.changes):
        return stage
    with context.ledger.read() as connection:
        built = list(building.all_applied(connection, scope=f"stack:{stage.stack}").values())
    wanted = {r.uid: r.incarnation for r in stage.resources}
    changes: list[ResourceChange] = []
    for change in stage.changes:
        ends = change.verb in ("replace", *ENDING) and not change.object
        verb: Verb = "retire" if change.verb == "replace" else "delete"
        changes += [
            ResourceChange(verb, change.type, a.uid, change.subject, incarnation=a.incarnation)
            for a in built
            if ends and a.uid == change.uid and a.incarnation != wanted.get(a.uid)
        ]
        if change.object or change.verb not in ENDING:
            number = 0 if change.object else wanted[change.uid]
            changes.append(msgspec.structs.replace(change, incarnation=number))
    return msgspec.structs.replace(stage, changes=tuple(changes))


def _announce(stage: Stack, context: RunContext) -> None:
    """Before anything is done: the intents; and what hosts lose with the objects made anew.

    What is taken away is no longer held for built, and may be there: should the run end on the way, it is
    looked for, as what was to be made is.
    """
    changed = {c.object_id: c.verb for c in stage.changes}
    rows = [
        Intent(r.object_id, stage.stack, r.type, r.target, snapshot(r), context.run)
        for r in stage.resources
        if r.object_id in changed and changed[r.object_id] != "take"
    ]
    scope = f"stack:{stage.stack}"
    ending = {c.object_id for c in stage.changes if c.verb in ENDING and not c.object}
    with context.write() as connection:
        built = building.all_applied(connection, scope=scope).values() if ending else ()
        gone = [a for a in built if a.object_id in ending]
        rows += [_sent_away(a, stage, context) for a in gone]
        building.add_intents(connection, rows)
        building.forget_objects(connection, scope, [a.object_id for a in gone])
        made = {c.subject for c in stage.changes if c.verb in MAKING}
        for host in stage.restart:
            scope = f"host:{host}"
            if made.isdisjoint(f"{kind}/{host}" for kind in HOST_KINDS):
                # It loses a port, and keeps what else lies there: it is known to hold its secrets still.
                known = building.all_applied(connection, scope=scope).values()
                hosts.unsettle(connection, context.run, known)
            else:
                building.forget_applied(connection, scope)


def _sent_away(built: Applied, stage: Stack, context: RunContext) -> Intent:
    kept = built.inputs
    return Intent(built.object_id, stage.stack, kept["type"], kept["target"], kept, context.run)


def _sweep(stage: Stack, context: RunContext, progress: _Progress) -> None:
    """Remove objects of ours that nobody wants: intended once, or seen and unknown to any stack."""
    # Also what another stage of the plan makes: an entry may have gone to another stack.
    stacks = [s for s in context.plan.stages if isinstance(s, Stack)]
    wanted = {r.object_id for s in stacks for r in s.resources}
    with context.ledger.read() as connection:
        sent = building.intents(connection, stage.stack)
        held = {a.object_id for a in building.all_applied(connection).values() if a.stack}
    strays = {i.object: (i.type, i.target) for i in sent}
    strays |= {c.object: (c.type, c.target) for c in stage.changes if c.object}
    ending = {c.object_id for c in stage.changes if c.verb in ENDING and not c.object}
    strays = {o: t for o, t in strays.items() if o not in wanted | held | ending}
    for object_id in _remove(strays, stage, context):
        progress.swept.add(object_id)


def _take_away(stage: Stack, context: RunContext, progress: _Progress) -> None:
    """What the engine has told nothing of, for its state did not know it, is taken away without it."""
    left = {c.object_id for c in stage.changes if c.verb in ENDING and not c.object} - progress.done.keys()
    with context.ledger.read() as connection:
        sent = building.intents(connection, stage.stack) if left else []
    for _ in _remove({i.object: (i.type, i.target) for i in sent if i.object in left}, stage, context):
        pass


def _remove(objects: Mapping[str, tuple[str, str]], stage: Stack, context: RunContext) -> Iterator[str]:
    """Take objects (type and target by id) away by their drivers; each is told when it is gone."""
    targets = context.targets()
    # Users before what they use, as everywhere.
    for object_id, (type_name, target) in sorted(objects.items(), key=lambda s: (-rank(s[1][0]), s[0])):
        context.check_stop()
        place = (context.workspace.environment, targets[target], str(context.workspace.root))
        driver = open_driver(*place, context.kept.credential(targets[target]))
        uid, incarnation = object_uid(object_id)
        identity = Identity(context.workspace.environment, uid, incarnation)
        if driver.read(type_name, identity) is not None:
            driver.delete(type_name, identity, context.fence)
            context.bus(Note(stage.id, f"swept {type_name} {object_id}, which nobody wants any more"))
        yield object_id


class _Progress(Words):
    """What the engine has told so far."""

    def __init__(self, stage: Stack, context: RunContext) -> None:
        names = {r.object_id: r.subject for r in stage.resources}
        super().__init__(names | {c.object_id: c.subject for c in stage.changes})
        self._stage = stage
        self._context = context
        self._subjects: dict[str, ResourceChange] = {c.object_id: c for c in stage.changes if not c.object}
        self._strays = {c.object: c.subject for c in stage.changes if c.object}
        self.done: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.swept: set[str] = set()

    def event(self, event: Any) -> None:
        """One event of the engine."""
        if event.res_outputs_event is not None:
            meta = event.res_outputs_event.metadata
            self._outputs(meta.urn.rpartition("::")[2], str(getattr(meta.op, "value", meta.op)))
        elif event.res_op_failed_event is not None:
            name = event.res_op_failed_event.metadata.urn.rpartition("::")[2]
            self.failed[name] = self._names.get(name, name)
        elif event.diagnostic_event is not None and event.diagnostic_event.severity == "error":
            self.diagnostic(event.diagnostic_event)

    def _outputs(self, name: str, op: str) -> None:
        if op == "delete" and "." not in name:
            # Release 0.1.0 named a resource by its entry alone.
            ending = (o for o, c in self._subjects.items() if c.uid == name and c.verb in ENDING)
            name = next(ending, name)
        change = self._subjects.get(name)
        if change is None or op not in WHOLE or (op == "delete") != (change.verb in LEAVING):
            return
        if name in self.done:
            return
        self.done[name] = op
        total = len(self._stage.changes)
        words = f"{op} {change.subject}"
        self._context.bus(StageProgress(self._stage.id, self.count, total, words))

    @property
    def count(self) -> int:
        """How many of the stage's changes are done."""
        return len(self.done) + len(self.swept & set(self._strays))

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


def _record(
    stage: Stack, context: RunContext, progress: _Progress, *, whole: bool, kept: bool = True
) -> None:
    """Write down what is now built: everything after a success, what the engine confirmed otherwise.

    ``kept``: its state has that, too. Where it has not, all of it stays in doubt, and the next plan looks.
    """
    scope = f"stack:{stage.stack}"
    if whole:
        # What the engine knew already, or had forgotten, it tells nothing of.
        progress.done |= {
            c.object_id: c.verb for c in stage.changes if c.verb in ("adopt", "release", "take")
        }
    about = {c.object_id for c in stage.changes}
    rows = [
        Applied(scope, r.uid, r.incarnation, resource_digest(r), snapshot(r))
        for r in stage.resources
        if (whole and (not stage.partial or r.object_id in about))
        or (r.object_id in progress.done and r.object_id not in progress.failed)
    ]
    ends = [c for c in stage.changes if c.verb in LEAVING and not c.object]
    gone = [c for c in ends if whole or c.object_id in progress.done]
    # What was only taken into the engine's state nobody has looked at.
    confirmed = [
        c
        for c in stage.changes
        if c.verb != "take"
        and (c.object_id in progress.done or (whole and (not c.object or c.object in progress.swept)))
    ]
    with context.write() as connection:
        building.set_applied(connection, context.run, rows)
        building.forget_objects(connection, scope, [c.object_id for c in gone])
        # What was seen of an object is history only when the engine has confirmed its change.
        building.settle_observed(connection, [c.uid for c in confirmed])
        settled = {c.object_id for c in confirmed} - progress.failed.keys() if kept else set()
        if whole:
            # What the stage only held as it was built was not looked at, and stays in doubt until the stage
            # that is about it, of this plan or of the next.
            settled |= progress.swept
        building.settle_intents(connection, stage.stack, settled)
        for change in gone:
            if change.verb in ("delete", "release"):
                building.forget_applied(connection, f"host:{change.subject.partition('/')[2]}", [change.uid])
