"""Commands that this user lets run to fetch a secret.

Whoever reviews a change runs `plan` on it, and must not run with it what its author likes. So a command runs
only when the same is accepted in the ledger, or when this user has allowed it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from ..errors import GovcloudError
from ..files import write_atomically
from ..references import Reference
from .versions import folder


def _file(environment: str) -> Path:
    return folder(environment) / "allowed-commands"


def mark_of(name: str, reference: Reference) -> str:
    """What is kept of a command that is allowed for a secret."""
    return hashlib.sha256(name.encode() + b"\0" + msgspec.json.encode(reference)).hexdigest()


def is_allowed(environment: str, name: str, reference: Reference) -> bool:
    """Whether this user has allowed it. Raises ``Unresolved`` where there is no home."""
    try:
        return mark_of(name, reference) in _file(environment).read_text().split()
    except OSError:
        return False


def allow(environment: str, name: str, reference: Reference) -> None:
    """Let it run from now on. Raises ``GovcloudError`` where that cannot be kept."""
    file = _file(environment)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = file.read_text().split() if file.exists() else []
        write_atomically(file, "".join(f"{m}\n" for m in {*known, mark_of(name, reference)}).encode())
    except OSError as error:
        raise GovcloudError(f"{file}: {error.strerror}") from None
