"""Encrypting the engine's state with another passphrase: stack by stack, by the engine itself.

May be ended at any moment and typed again: each stack says by its salt which passphrase it has, and one
that was being changed is marked until both places that hold its salt, state and settings, agree.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from .. import engine
from ..access import actor
from ..errors import ConflictError, GovcloudError, InputError, Problem
from ..files import write_atomically
from ..ledger import Ledger, audit, leases, runs
from ..plan.fetching import Fetching, withdraw_variables
from ..secrets import passphrase
from ..secrets.redaction import clean
from ..workspace import Workspace
from .context import LEASE

# Beside a stack's settings while its passphrase is being changed.
MARK = "passphrase-changes"


class Rekeyed(msgspec.Struct, frozen=True):
    """Stacks that were changed now, and those that had the new passphrase already."""

    changed: tuple[str, ...]
    already: tuple[str, ...]


def rekey(workspace: Workspace, ledger: Ledger, told: Callable[[str], None] = lambda _stack: None) -> Rekeyed:
    """From ``former_passphrase`` to ``passphrase`` of the settings. ``told`` hears of each stack changed.

    Raises ``ConflictError`` where a run is at work or not over, ``GovcloudError`` where a passphrase cannot
    be fetched or a stack has neither.
    """
    if workspace.settings.secrets.former_passphrase is None:
        raise InputError(
            [Problem("`secrets.former_passphrase` is not set: there is nothing to change from")],
            hint="in govcloud.yaml let `passphrase` name the new one and `former_passphrase` the old one",
        )
    with ledger.read() as connection:
        withdraw_variables(workspace, connection)
        resolver = Fetching(workspace, connection).resolver
        new = passphrase.current(workspace, resolver)
        old = passphrase.former(workspace, resolver) or b""
    if not new:
        raise GovcloudError("the new passphrase is empty", hint="`secrets.passphrase` names another source")
    changed: list[str] = []
    already: list[str] = []
    with leases.held(ledger, LEASE) as fence:
        with ledger.write((LEASE, fence)) as connection:
            _refuse_unfinished(runs.unfinished(connection))
            audit.append(connection, actor(), "passphrase rotation", {})
        for name in _stacks(workspace):
            with ledger.write() as connection:
                leases.renew(connection, LEASE, fence)
            stack = _Stack(workspace, name)
            if stack.bring(old, new):
                changed.append(name)
                told(name)
            else:
                already.append(name)
        with ledger.write((LEASE, fence)) as connection:
            audit.append(connection, actor(), "passphrase rotated", {"stacks": len(changed)})
    return Rekeyed(tuple(changed), tuple(already))


def _refuse_unfinished(left: list[runs.Run]) -> None:
    for run in left:
        if run.status is runs.Status.RUNNING:
            raise ConflictError(
                f"run {run.id} was interrupted and is not over",
                hint=f"`govcloud runs resume {run.id}` or `govcloud runs cancel {run.id}` first",
            )


def being_changed(folder: Path) -> bool:
    """Whether a change of the passphrase of the stack with this folder was begun and not ended."""
    return (folder / MARK).exists()


class _Stack:
    """One stack of the engine, as far as its passphrase goes."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        self._workspace, self._name = workspace, name
        short = name.removeprefix(f"{workspace.environment}.")
        self._folder = workspace.private / "stacks" / short
        self._settings = self._folder / f"Pulumi.{name}.yaml"

    def bring(self, old: bytes, new: bytes) -> bool:
        """To the new passphrase; whether that was still to do. Raises ``GovcloudError``."""
        _project(self._workspace, self._folder)
        salt = self._salt()
        if passphrase.fits(new, salt):
            self._agree(salt)
            return False
        if not passphrase.fits(old, salt):
            raise GovcloudError(
                f"the state of {self._name} is encrypted with neither of the two passphrases",
                hint="docs/secrets.md tells what can be done without it",
            )
        write_atomically(self._folder / MARK, b"")
        self._agree(salt, done=False)
        self._run(["stack", "change-secrets-provider", "passphrase"], old, new)
        self._agree(self._salt())
        return True

    def _salt(self) -> str:
        """The salt in the state, which is what counts."""
        told = self._run(["stack", "export"], b"")
        try:
            providers = json.loads(told)["deployment"]["secrets_providers"]
            return str(providers["state"]["salt"]) if providers["type"] == "passphrase" else ""
        except (ValueError, KeyError, TypeError):
            raise GovcloudError(f"the state of {self._name} is not encrypted with a passphrase") from None

    def _agree(self, salt: str, *, done: bool = True) -> None:
        """Let the settings have the state's salt: a kill between the two left them apart."""
        if passphrase.salt_of(self._settings) != salt:
            write_atomically(self._settings, f"encryptionsalt: {salt}\n".encode())
        if done:
            (self._folder / MARK).unlink(missing_ok=True)

    def _run(self, arguments: list[str], known: bytes, given: bytes = b"") -> str:
        return _run(self._workspace, self._folder, [*arguments, "--stack", self._name], known, given)


def _stacks(workspace: Workspace) -> list[str]:
    """The engine's stacks of this environment, by name."""
    folder = workspace.private / "stacks"
    _project(workspace, folder)
    try:
        told: list[Mapping[str, Any]] = json.loads(
            _run(workspace, folder, ["stack", "ls", "--json"], b"", b"")
        )
    finally:
        (folder / "Pulumi.yaml").unlink()
    names = [str(stack["name"]).rpartition("/")[2] for stack in told]
    return sorted(n for n in names if n.startswith(f"{workspace.environment}."))


def _project(workspace: Workspace, folder: Path) -> None:
    from .actuators.updating import write_project

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = workspace.state_url
    if state.startswith("file://"):
        Path(state.removeprefix("file://")).mkdir(mode=0o700, parents=True, exist_ok=True)
    write_project(folder, state)


def _run(workspace: Workspace, folder: Path, arguments: list[str], known: bytes, given: bytes) -> str:
    """The engine's answer. It reads ``known`` from a file in memory and ``given`` from a pipe."""
    binary = engine.required()
    with passphrase.in_memory(known) as (handle, place):
        done = subprocess.run(
            [str(binary), "--non-interactive", *arguments],
            cwd=folder,
            env={**os.environ, **engine.environment(workspace.private), **place},
            input=given,
            capture_output=True,
            pass_fds=(handle,),
        )
    if done.returncode:
        words = clean(done.stderr.decode(errors="replace")).strip()
        raise GovcloudError(f"the engine could not do `{' '.join(arguments)}`: {words}")
    return done.stdout.decode()
