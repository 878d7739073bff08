"""Fetching the value that a reference names: from the environment, a file, a command, or a vault."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec

from ..errors import GovcloudError
from ..references import Reference, VaultSettings
from ..workspace import Workspace
from . import redaction

# Nobody's password is longer; a whole file given by mistake is told.
LARGEST = 256 * 1024


# A source that takes ten minutes is one that hangs.
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=600)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a source may take, seconds: ``profile/secrets`` says it, else these (invented)."""

    command_timeout_s: _Seconds = 20.0
    vault_timeout_s: _Seconds = 10.0


class Unresolved(GovcloudError):
    """A value cannot be had. The message names the source, never a value."""


# What was taken out of this process's environment, so that no child inherits it; and what pipes gave,
# which can be read once.
_taken: dict[str, bytes] = {}
_pipes: dict[Path, bytes] = {}


class Resolver:
    """Fetches values for one workspace; each is fetched once and kept in memory."""

    def __init__(self, workspace: Workspace, limits: Limits | None = None) -> None:
        self._root = workspace.root
        self._environment = workspace.environment
        self._settings = workspace.settings.secrets
        self._vault: VaultSettings | None = workspace.settings.secrets.vault
        self._limits = limits or Limits()
        self._known: dict[bytes, bytes | Unresolved] = {}

    def value(self, reference: Reference) -> bytes:
        """The value, which from now on is kept out of all that this process writes.

        Raises ``Unresolved``.
        """
        key = msgspec.json.encode(reference)
        if key not in self._known:
            try:
                found = self._fetch(reference)
                redaction.keep_out(found)
                self._known[key] = found
            except Unresolved as error:
                self._known[key] = error
        known = self._known[key]
        if isinstance(known, Unresolved):
            raise known
        return known

    def _fetch(self, reference: Reference) -> bytes:
        if fault := reference.fault():
            raise Unresolved(fault)
        match reference.origin:
            case "env":
                found = _environment(reference.variable)
            case "file":
                found = _ended(read_private(self._root / Path(reference.path).expanduser()), reference)
            case "command":
                self._refuse_setting(reference)
                found = _ended(self._command(reference.command), reference)
            case "vault":
                found = self._from_vault(reference)
        if not found:
            raise Unresolved(f"{reference.words()}: it is empty")
        return found

    def _refuse_setting(self, reference: Reference | VaultSettings) -> None:
        """Raises ``Unresolved`` for what `govcloud.yaml` names and this user has not allowed.

        What entries name is judged by ``plan.fetching``, which knows what is accepted.
        """
        # Late: it needs what is here.
        from .allowing import is_allowed, to_allow

        for name, one in to_allow(self._settings).items():
            if one == reference and not is_allowed(self._environment, name, one):
                what = "vault" if isinstance(one, VaultSettings) else "command"
                raise Unresolved(
                    f"the {what} that `{name}` of govcloud.yaml names is a new one",
                    hint=f"look at it, then `govcloud secrets allow {name}`",
                )

    def _command(self, command: list[str]) -> bytes:
        limit = self._limits.command_timeout_s
        try:
            process = subprocess.Popen(
                command,
                cwd=self._root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise Unresolved(f"command {command[0]}: {error.strerror}") from None
        try:
            out, words = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Unresolved(
                f"command {command[0]} took more than {limit:g} s",
                hint="`command_timeout_s` of profile/secrets gives it longer",
            ) from None
        # Whatever it wrote may be the value, also where it failed.
        redaction.keep_out(out.strip())
        if process.returncode:
            said = words.decode(errors="replace").strip().splitlines()
            last = f": {said[-1]}" if said else ""
            raise Unresolved(
                redaction.clean(f"command {command[0]} ended with code {process.returncode}{last}")
            )
        if len(out) > LARGEST:
            raise Unresolved(f"command {command[0]} wrote more than {LARGEST // 1024} KiB")
        return out

    def _from_vault(self, reference: Reference) -> bytes:
        if self._vault is None:
            raise Unresolved(
                f"{reference.words()}: no vault is configured",
                hint="`secrets.vault` in govcloud.yaml says where it is (docs/secrets.md)",
            )
        self._refuse_setting(self._vault)
        # Late: the client is for those who have a vault.
        from .vault import read

        return read(self._vault, reference, self._root, self.value, self._limits.vault_timeout_s)


def withdraw(name: str) -> None:
    """Take a variable out of this process's environment, and so of every child's; it stays known here."""
    encoded = os.fsencode(name)
    if encoded in os.environb:
        _wipe(encoded)
        _taken[name] = os.environb.pop(encoded)


def taken(name: str) -> bytes | None:
    """What a variable held, for whoever asks first; this process is without it afterwards."""
    withdraw(name)
    return _taken.pop(name, None)


def _wipe(name: bytes) -> None:
    """Overwrite the value where the kernel shows it to others: in what this process was started with.

    A child that has been forked and not yet become another program shows the same.
    """
    import ctypes

    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    place = libc.getenv(name)
    if place:
        ctypes.memset(place, ord("-"), len(ctypes.string_at(place)))


def _environment(name: str) -> bytes:
    """A variable's value; afterwards this process is without it."""
    withdraw(name)
    if name not in _taken:
        raise Unresolved(f"env {name}: the variable is not set")
    return _taken[name]


def read_private(path: Path) -> bytes:
    """What stands in a file or pipe that nobody but its owner may read.

    Raises ``Unresolved`` where others may, where it belongs to somebody else than this user or root, and
    where it cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unresolved(f"file {path}: {error.strerror}") from None
    try:
        about = os.fstat(handle)
        _refuse_open(path, about)
        if path in _pipes:
            return _pipes[path]
        with os.fdopen(handle, "rb", closefd=False) as file:
            found = file.read(LARGEST + 1)
        if stat.S_ISFIFO(about.st_mode):
            _pipes[path] = found
    except OSError as error:
        raise Unresolved(f"file {path}: {error.strerror}") from None
    finally:
        os.close(handle)
    if len(found) > LARGEST:
        raise Unresolved(f"file {path}: it has more than {LARGEST // 1024} KiB")
    return found


def _refuse_open(path: Path, about: os.stat_result) -> None:
    """Raises ``Unresolved`` where it is no file, or not one's own alone."""
    if not (stat.S_ISREG(about.st_mode) or stat.S_ISFIFO(about.st_mode)):
        raise Unresolved(f"file {path}: it is neither a file nor a pipe")
    if about.st_uid not in (os.geteuid(), 0):
        raise Unresolved(f"file {path}: it belongs to user {about.st_uid}")
    if about.st_mode & 0o077:
        mode = stat.S_IMODE(about.st_mode)
        raise Unresolved(f"file {path}: others may read it (mode {mode:04o})", hint=f"chmod 600 {path}")


def _ended(found: bytes, reference: Reference) -> bytes:
    """Without the line break that editors and commands put at the end."""
    if reference.exact or not found.endswith(b"\n"):
        return found
    return found[:-2] if found.endswith(b"\r\n") else found[:-1]
