"""The Pulumi engine as a child that can be asked to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulumi import log
from pulumi.automation import CommandResult, LocalWorkspace, OutputMap, Stack, UpdateSummary, UpResult
from pulumi.automation._stack import StackInitMode
from pulumi.automation.errors import (
    ConcurrentUpdateError,
    StackAlreadyExistsError,
    StackNotFoundError,
    create_command_error,
)

from ...engine.automation import Command
from ..slice import Declaration
from .language import OnEvent, serving
from .states import lay_down

# The engine finishes what it is doing at the first signal, and gives up at the second.
PATIENCE = 30.0
# Steps of the engine that run at once.
PARALLEL = 16


def _silent(*_args: object, **_kwargs: object) -> None:
    pass


# The SDK sends the engine four debug messages a resource, a call each, and the engine drops them.
log.debug = _silent
# An engine that was ended leaves half a line in its stream of events; the failure is told by other words.
warnings.filterwarnings("ignore", "Error in event stream")


class Interruptible(Command):
    """Runs the engine in a session of its own, so that Ctrl-C reaches it once, from here."""

    def __init__(self, path: Path, stop: threading.Event, handles: Sequence[int] = ()) -> None:
        """``handles``: open files that the engine inherits."""
        super().__init__(path)
        self._stop = stop
        self._handles = tuple(handles)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], object] | None = None,
        on_error: Callable[[str], object] | None = None,
    ) -> CommandResult:
        """As the base class; a stop becomes an interrupt, and a second one after ``PATIENCE`` s."""
        process = subprocess.Popen(
            [self.command, "--non-interactive", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            env={**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"},
            encoding="utf-8",
            start_new_session=True,
            pass_fds=self._handles,
        )
        out: list[str] = []
        err: list[str] = []
        readers = [
            threading.Thread(target=_drain, args=(process.stdout, on_output, out)),
            threading.Thread(target=_drain, args=(process.stderr, on_error, err)),
        ]
        for reader in readers:
            reader.start()
        watcher = threading.Thread(target=self._watch, args=(process,), daemon=True)
        watcher.start()
        for reader in readers:
            reader.join()
        code = process.wait()
        if code < 0:
            err.append(f"the engine ended by signal {-code} ({signal.Signals(-code).name})")
        result = CommandResult(stdout="\n".join(out), stderr="\n".join(err), code=code)
        if code != 0:
            raise create_command_error(result)
        return result

    def _watch(self, process: subprocess.Popen[str]) -> None:
        while process.poll() is None and not self._stop.wait(0.1):
            pass
        if process.poll() is not None:
            return
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGKILL):
            process.send_signal(number)
            try:
                process.wait(PATIENCE)
                return
            except subprocess.TimeoutExpired:
                continue


class QuietStack(Stack):
    """A stack that starts the engine for nothing but what it is asked to do, half a second each time.

    The SDK would select the stack first, which ``--stack`` does anyhow, and fetch outputs and history
    after every update, which nobody asks for: references are ledger reads (design.md).
    """

    def __init__(self, name: str, workspace: LocalWorkspace, state: Path | None = None) -> None:
        """``state``: the folder of the engine's states, where they are files."""
        self.name = name
        self.workspace = workspace
        self._mode = StackInitMode.CREATE_OR_SELECT
        self._state = state
        # The engine writes this file when it makes the stack or first brings it up, and nobody else does.
        if not (Path(workspace.work_dir) / f"Pulumi.{name}.yaml").exists():
            self._make()

    def _make(self) -> None:
        if self._state is not None and lay_down(self._state, self.name):
            return
        # A dead run may have got so far, or another machine with the same state.
        with suppress(StackAlreadyExistsError):
            try:
                self.workspace.create_stack(self.name)
            except ConcurrentUpdateError:
                # The dead run was just making it.
                self.cancel()
                self.workspace.create_stack(self.name)

    def cancel(self) -> None:
        """Take away what an interrupted run left: its engine, where it lives on, and its lock."""
        from . import locks

        project = self.workspace.project_settings()
        url = project.backend.url or "" if project.backend else ""
        files = locks.held_in_files(url, project.name, self.name)
        if files:
            locks.take_away(files)
        else:
            super().cancel()

    def up(self, *args: Any, **kwargs: Any) -> UpResult:
        """As the SDK's; a stack whose state is gone is made anew first."""
        try:
            return super().up(*args, **kwargs)
        except StackNotFoundError:
            self._make()
            return super().up(*args, **kwargs)

    def up_to(self, declarations: Sequence[Declaration], listener: OnEvent, *, refresh: bool) -> None:
        """Bring the stack to what is declared, without the SDK. Raises as ``up`` does."""
        with serving(declarations, listener) as addresses:
            arguments = ["up", "--yes", "--skip-preview", f"--parallel={PARALLEL}", "--suppress-outputs"]
            arguments += ["--color=never", *(["--refresh"] if refresh else []), *addresses]
            try:
                self._run_pulumi_cmd_sync(arguments)
            except StackNotFoundError:
                self._make()
                self._run_pulumi_cmd_sync(arguments)

    def outputs(self) -> OutputMap:
        """None: our programs export nothing."""
        return {}

    def info(self, show_secrets: bool = True) -> UpdateSummary:
        """Not read from the history; the events have told how the update went."""
        return UpdateSummary("update", datetime.now(UTC), "", {}, {}, "succeeded")


def _drain(stream, callback, lines: list[str]) -> None:  # type: ignore[no-untyped-def]
    for line in stream:
        text = line.rstrip()
        lines.append(text)
        if callback:
            callback(text)
    stream.close()
