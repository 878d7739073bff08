"""What this user lets run to fetch a secret, and which vault may have their token.

Whoever reviews a change runs `plan` on it, and must not run with it what its author likes. So a command runs
only when the same is accepted in the ledger, or when this user has allowed it. What `govcloud.yaml` names is
accepted nowhere: there the user alone allows, a command, or a vault together with who logs in.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from ..errors import GovcloudError
from ..files import write_atomically
from ..references import Reference, SecretSettings, VaultSettings
from .versions import folder

# A command, or a vault's address with all that says who logs in there.
What = Reference | VaultSettings


def _file(environment: str) -> Path:
    return folder(environment) / "allowed-commands"


def mark_of(name: str, reference: What) -> str:
    """What is kept of what is allowed for a secret or a setting."""
    return hashlib.sha256(name.encode() + b"\0" + msgspec.json.encode(reference)).hexdigest()


def is_allowed(environment: str, name: str, reference: What) -> bool:
    """Whether this user has allowed it. Raises ``Unresolved`` where there is no home."""
    try:
        return mark_of(name, reference) in _file(environment).read_text().split()
    except OSError:
        return False


def allow(environment: str, name: str, reference: What) -> None:
    """Let it run from now on. Raises ``GovcloudError`` where that cannot be kept."""
    file = _file(environment)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = file.read_text().split() if file.exists() else []
        write_atomically(file, "".join(f"{m}\n" for m in {*known, mark_of(name, reference)}).encode())
    except OSError as error:
        raise GovcloudError(f"{file}: {error.strerror}") from None


def to_allow(settings: SecretSettings) -> dict[str, What]:
    """What of `secrets:` in `govcloud.yaml` must be allowed, by the name that `secrets allow` takes."""
    found: dict[str, What] = {
        f"secrets.{name}": reference
        for name, reference in settings.references().items()
        # Those of the vault are allowed with its address.
        if reference.origin == "command" and not name.startswith("vault.")
    }
    return found | ({"secrets.vault": settings.vault} if settings.vault is not None else {})
