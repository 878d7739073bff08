"""Running the engine on one stack: its program, its project, its lock."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from ... import canonical, engine
from ...errors import GovcloudError
from ...files import write_atomically
from ...plan.stages import Stack
from ...provider.orders import Orders
from ...provider.settings import VARIABLE
from ...secrets.passphrase import salt_of
from ..context import RunContext, StageFailed
from ..events import Note
from ..faults import fault
from ..rekeying import being_changed
from ..slice import Collected, Declaration, NeedsSdk, Slice, only_declares
from .states import PROJECT


class Progress(Protocol):
    """Who follows the engine."""

    def event(self, event: Any) -> None:
        """One event of the engine."""
        ...

    def detail(self) -> dict[str, Any]:
        """What was done and what was not, by name."""
        ...


def update(stage: Stack, context: RunContext, progress: Progress, orders: Orders) -> None:
    """Bring a stack to its slice; ``orders``: what the engine may do to objects for that.

    Raises ``StageFailed`` where its program is wrong, and the SDK's errors.
    """
    folder = context.workspace.private / "stacks" / stage.stack
    if being_changed(folder):
        raise GovcloudError(
            f"the passphrase of {stage.stack} was being changed, and that did not come to its end",
            hint="`govcloud secrets rotate-passphrase` brings it there",
        )
    salt = salt_of(folder / f"Pulumi.{context.workspace.environment}.{stage.stack}.yaml")
    with context.kept.engine(context.workspace, context.targets().values(), salt) as (offered, handles):
        _update(stage, context, progress, orders, offered, handles)


def _update(
    stage: Stack,
    context: RunContext,
    progress: Progress,
    orders: Orders,
    offered: Mapping[str, str],
    handles: Sequence[int],
) -> None:
    program = _program(stage, context, progress)
    declarations = _collected(stage, program, progress)
    # The SDK brings gRPC into this process, and ansible-runner forks it. By default gRPC starts threads in
    # such a child, which now and then end it before it has become ansible-playbook.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    sys.unraisablehook = _tell_unraisable
    from pulumi import automation as auto
    from pulumi.automation.errors import ConcurrentUpdateError

    from .engine import PARALLEL, Interruptible, QuietStack

    binary = engine.required()
    private = context.workspace.private
    state = context.workspace.state_url
    if state.startswith("file://"):
        Path(state.removeprefix("file://")).mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = private / "stacks" / stage.stack
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_project(folder, state)
    environment = {
        **offered,
        **engine.environment(private),
        VARIABLE: context.provider(orders.write(folder / "orders.json")).encode(),
    }
    workspace = auto.LocalWorkspace(
        work_dir=str(folder),
        program=_inline(stage, program),
        env_vars=environment,
        pulumi_command=Interruptible(binary, context.stop, handles),
        secrets_provider="passphrase",
    )
    files = Path(state.removeprefix("file://")) if state.startswith("file://") else None
    stack = QuietStack(f"{context.workspace.environment}.{stage.stack}", workspace, files)

    def up() -> None:
        if declarations is not None:
            stack.up_to(declarations, progress.event, refresh=stage.refresh)
            return
        stack.up(
            on_event=progress.event,
            refresh=stage.refresh or None,
            parallel=PARALLEL,
            suppress_outputs=True,
            color="never",
        )

    try:
        up()
    except ConcurrentUpdateError:
        # The lease is ours, so the lock is a dead run's: nobody else can be at work.
        context.bus(Note(stage.id, f"{stage.stack}: an interrupted run left its lock; it is removed"))
        stack.cancel()
        up()


class _Program:
    """A stack's program, from the bytes that the plan names."""

    def __init__(self, file: str, source: bytes) -> None:
        self.file = file
        self.plain = only_declares(source)
        module = ModuleType(f"govcloud_stack_{Path(file).stem}")
        exec(compile(source, file, "exec"), module.__dict__)
        self._function = module.program

    def run(self, part: Slice) -> None:
        """Let it declare. Raises ``_Fault`` where it fails or leaves something out."""
        try:
            self._function(part)
        except Exception as error:
            raise _Fault(fault(self.file, error)) from error
        left_out = part.left_out()
        if left_out:
            # Recorded as built and unknown to the engine, or taken for unwanted and deleted: neither.
            names = ", ".join(r.subject for r in left_out[:6])
            raise _Fault(f"{self.file} does not declare {names}: nothing may be left out")


class _Fault(Exception):
    """What is wrong in a program, in a sentence with its place."""


def _program(stage: Stack, context: RunContext, progress: Progress) -> _Program:
    file = f"stacks/{stage.domain}.py"
    try:
        return _Program(file, context.blob(stage.program))
    except Exception as error:  # whatever a site's own program is wrong in
        raise StageFailed(fault(file, error), progress.detail()) from error


def _collected(stage: Stack, program: _Program, progress: Progress) -> Sequence[Declaration] | None:
    """What the program declares, or None where it wants the engine's SDK for it."""
    if not program.plain:
        return None
    part = Collected(stage.stack, stage.resources)
    try:
        program.run(part)
    except NeedsSdk:
        return None
    except _Fault as wrong:
        raise StageFailed(str(wrong), progress.detail()) from wrong
    return part.declarations


def _inline(stage: Stack, program: _Program) -> Callable[[], None]:
    """The program as the SDK runs it."""

    def inline() -> None:
        from pulumi import RunError

        from .sdk import SdkSlice

        try:
            program.run(SdkSlice(stage.stack, stage.resources))
        except _Fault as wrong:
            raise RunError(str(wrong)) from wrong

    return inline


def _tell_unraisable(event: sys.UnraisableHookArgs) -> None:
    """An engine that ends early leaves the SDK's coroutines unfinished; nobody needs to read of each."""
    if not inspect.iscoroutine(event.object):
        sys.__unraisablehook__(event)


def write_project(folder: Path, state: str) -> None:
    """The project file. The SDK's own settings cannot name a plugin's folder, so it is written here."""
    project = {
        "name": PROJECT,
        "runtime": "python",
        "backend": {"url": state},
        # Named, not found on PATH: the engine would warn about that at every run.
        "plugins": {"providers": [{"name": "govcloud", "path": str(Path(sys.executable).parent)}]},
    }
    # JSON is YAML; the file is small and only the engine reads it.
    write_atomically(folder / "Pulumi.yaml", canonical.encode(project))
