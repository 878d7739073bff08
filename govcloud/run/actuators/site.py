"""A site's own stack: the engine's preview, held against the plan; the update; and what it holds then."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ... import canonical, engine, share
from ...errors import GovcloudError
from ...files import write_atomically
from ...ledger import sitestacks
from ...ledger.sitestacks import SiteResource
from ...plan.site import PLUGINS
from ...plan.stages import ResourceChange, SiteStack
from ...secrets.passphrase import salt_of
from ..context import RunContext, StageFailed, Stopped
from ..events import Note, StageProgress
from ..faults import fault
from ..site_preview import SiteSlice, load
from .engine_words import Words
from .states import PROJECT

# What the engine does to a resource, in the plan's words; steps of a replacement count as one.
VERBS = {
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
}
# What may turn out to be less than was planned: the program's inputs changed, and what is there did not.
LESS: dict[str, frozenset[str]] = {
    "replace": frozenset({"update", "replace"}),
    "heal": frozenset({"create", "update", "replace"}),
}
Key = tuple[str, str]


def build_site(stage: SiteStack, context: RunContext) -> dict[str, Any]:
    """Bring the stack to what its program registers, and nothing else."""
    _check_plugins(stage, context)
    with context.ledger.read() as connection:
        built = sitestacks.built(connection).get(stage.name)
    # What was announced before anything is done is looked for in vain after a kill; the engine's state knows.
    held = {r.key: r for r in (built.resources if built else ())}
    progress = _Progress(stage, context, held)
    folder = context.workspace.private / "stacks" / stage.stack
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    salt = salt_of(folder / f"Pulumi.{context.workspace.environment}.{stage.stack}.yaml")
    with context.kept.engine(context.workspace, (), salt) as (offered, handles):
        stack = _open(stage, context, folder, offered, handles)
        try:
            _as_planned(stage, context, stack, progress)
            context.check_stop()
            _up(stage, context, stack, progress.event)
        except GovcloudError:
            raise
        except Exception as error:  # the SDK raises many types; the engine's words are what counts
            _record(stage, context, progress.resources(), "")
            if context.stop.is_set():
                raise Stopped(
                    f"stopped after {len(progress.done)} of {len(stage.changes)} in {stage.stack}",
                    progress.detail(),
                ) from error
            raise StageFailed(progress.words.words(error), progress.detail()) from error
    _record(stage, context, {r.key: r for r in stage.resources}, stage.given)
    return {
        **progress.detail(),
        "words": f"{len(stage.changes)} of {len(stage.changes)} objects",
        "not_done": [],
    }


def _check_plugins(stage: SiteStack, context: RunContext) -> None:
    """Raises ``StageFailed`` where a provider is not the one that was planned with."""
    folder = share.stacks_dir(context.workspace) / PLUGINS
    for name, digest in stage.plugins.items():
        path = folder / f"pulumi-resource-{name}"
        try:
            found = canonical.digest_bytes(path.read_bytes())
        except OSError as error:
            raise StageFailed(
                f"{path}: {error.strerror}", {"not_done": [c.subject for c in stage.changes]}
            ) from None
        if found != digest and stage.program:
            raise StageFailed(
                f"{path} is another one than when this was planned; plan again",
                {"not_done": [c.subject for c in stage.changes]},
            )


def _open(
    stage: SiteStack, context: RunContext, folder: Path, offered: Mapping[str, str], handles: Sequence[int]
) -> Any:
    """The stack, as the SDK holds it."""
    # As for our own stacks (``updating``).
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    from pulumi import automation as auto

    from .engine import Interruptible, QuietStack

    binary = engine.required()
    state = context.workspace.state_url
    if state.startswith("file://"):
        Path(state.removeprefix("file://")).mkdir(mode=0o700, parents=True, exist_ok=True)
    place = str((share.stacks_dir(context.workspace) / PLUGINS).absolute())
    project = {
        "name": PROJECT,
        "runtime": "python",
        "backend": {"url": state},
        "plugins": {"providers": [{"name": name, "path": place} for name in sorted(stage.plugins)]},
    }
    # JSON is YAML; the file is small and only the engine reads it.
    write_atomically(folder / "Pulumi.yaml", canonical.encode(project))
    environment = {**offered, **engine.environment(context.workspace.private)}
    # Somebody else's provider does not find again what it made: the engine must write down each step.
    environment["PULUMI_SKIP_CHECKPOINTS"] = "false"
    workspace = auto.LocalWorkspace(
        work_dir=str(folder),
        program=_program(stage, context),
        env_vars=environment,
        pulumi_command=Interruptible(binary, context.stop, handles),
        secrets_provider="passphrase",
    )
    return QuietStack(f"{context.workspace.environment}.{stage.stack}", workspace)


def _program(stage: SiteStack, context: RunContext) -> Callable[[], None]:
    """The program of the plan with what it is given; nothing where the stack goes."""
    if not stage.program:
        return lambda: None
    file = f"stacks/{stage.name}.py"
    source = context.blob(stage.program)
    part = SiteSlice(stage.name, stage.entries, stage.values)

    def inline() -> None:
        from pulumi import RunError

        try:
            load(file, source)(part)
        except Exception as error:  # whatever a site's own program is wrong in
            raise RunError(fault(file, error)) from error

    return inline


def _as_planned(stage: SiteStack, context: RunContext, stack: Any, progress: _Progress) -> None:
    """Let the engine say what it would do. Raises ``StageFailed`` where the plan does not say so."""
    would: dict[Key, str] = {}

    def listen(event: Any) -> None:
        if event.resource_pre_event is not None:
            key, op = _of(event.resource_pre_event.metadata)
            if op in VERBS and not key[0].startswith("pulumi:"):
                would[key] = "replace" if would.get(key) == "replace" else VERBS[op]
        else:
            progress.hear(event)

    try:
        _locked(stage, context, stack, lambda: stack.preview(on_event=listen, refresh=stage.refresh or None))
    except GovcloudError:
        raise
    except Exception as error:
        raise StageFailed(progress.words.words(error), progress.detail()) from error
    planned = {_key(change): change.verb for change in stage.changes}
    # An attempt before this one has done some of it: less than planned is no surprise.
    more = [
        (key, verb)
        for key, verb in sorted(would.items())
        if verb not in LESS.get(planned.get(key, ""), {planned.get(key, "")})
        and not (verb == "create" and key in progress.held and key in {r.key for r in stage.resources})
    ]
    if more:
        words = ", ".join(f"{verb} {name} ({type_})" for (type_, name), verb in more[:6])
        anew = sorted({name for (_, name), verb in more if verb == "replace"})
        hint = (
            f"; where that is meant, `replace: [{', '.join(anew)}]` of the stack says so"
            if anew
            else "; plan again"
        )
        raise StageFailed(f"the engine would do what the plan does not say: {words}{hint}", progress.detail())


def _up(stage: SiteStack, context: RunContext, stack: Any, listen: Callable[[Any], None]) -> None:
    _locked(
        stage,
        context,
        stack,
        lambda: stack.up(
            on_event=listen, refresh=stage.refresh or None, suppress_outputs=True, color="never"
        ),
    )


def _locked(stage: SiteStack, context: RunContext, stack: Any, what: Callable[[], Any]) -> None:
    from pulumi.automation.errors import ConcurrentUpdateError

    try:
        what()
    except ConcurrentUpdateError:
        # The lease is ours, so the lock is a dead run's: nobody else can be at work.
        words = (
            "an interrupted run left its lock; it is removed. What it was just creating may be there unknown"
        )
        context.bus(Note(stage.id, f"{stage.stack}: {words}", "warning"))
        stack.cancel()
        what()


class _Progress:
    """What the engine has told so far."""

    def __init__(self, stage: SiteStack, context: RunContext, held: dict[Key, SiteResource]) -> None:
        self._stage = stage
        self._context = context
        self.held = held
        self._changes: dict[Key, ResourceChange] = {_key(c): c for c in stage.changes}
        self._wanted = {r.key: r for r in stage.resources}
        self.done: dict[Key, str] = {}
        self.words = Words({})

    def hear(self, event: Any) -> None:
        """What goes wrong, in the engine's words."""
        if event.diagnostic_event is not None and event.diagnostic_event.severity == "error":
            self.words.diagnostic(event.diagnostic_event)

    def event(self, event: Any) -> None:
        """One event of the update."""
        self.hear(event)
        if event.res_outputs_event is None:
            return
        key, op = _of(event.res_outputs_event.metadata)
        if key not in self._changes or op not in VERBS or op == "delete-replaced" or key in self.done:
            return
        self.done[key] = op
        subject = self._changes[key].subject
        total = len(self._stage.changes)
        self._context.bus(StageProgress(self._stage.id, len(self.done), total, f"{VERBS[op]} {subject}"))

    def resources(self) -> dict[Key, SiteResource]:
        """What is there now, as far as the engine has confirmed it."""
        out = dict(self.held)
        for key, op in self.done.items():
            if op == "delete":
                out.pop(key, None)
            elif key in self._wanted:
                out[key] = self._wanted[key]
        return out

    def detail(self) -> dict[str, Any]:
        """What was done and what was not, by name."""
        done = sorted(self._changes[key].subject for key in self.done)
        left = sorted(c.subject for key, c in self._changes.items() if key not in self.done)
        words = f"{len(self.done)} of {len(self._changes)} objects"
        return {"words": words, "done": done, "not_done": left}


def _key(change: ResourceChange) -> Key:
    return change.type, change.subject.partition("/")[2]


def _of(metadata: Any) -> tuple[Key, str]:
    """(type, name) of a resource, and what the engine does to it."""
    return (metadata.type, metadata.urn.rpartition("::")[2]), str(getattr(metadata.op, "value", metadata.op))


def _record(stage: SiteStack, context: RunContext, held: Mapping[Key, SiteResource], given: str) -> None:
    with context.write() as connection:
        sitestacks.record(
            connection,
            name=stage.name,
            workspace=stage.workspace,
            digest=given,
            plugins=stage.plugins,
            resources=tuple(held.values()),
            run=context.run,
        )
