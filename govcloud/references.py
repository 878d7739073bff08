"""Where a secret's value is kept: what stands in files, ledger and settings instead of the value."""

from __future__ import annotations

from typing import Literal

import msgspec

from .errors import InputError, Problem

Origin = Literal["env", "file", "command", "vault"]
# What each origin must say.
NEEDED: dict[str, str] = {"env": "variable", "file": "path", "command": "command", "vault": "path"}


class Reference(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One place to fetch a value from.

    ``env``: ``variable`` of the environment. ``file``: ``path``, relative to the workspace, `~` the home
    folder; nobody else may read it. ``command``: an argument list whose standard output is the value; no
    shell. ``vault``: ``key`` of the secret ``path`` of a KV engine of version 2 mounted at ``mount``, in its
    ``version`` (0: the newest). Of files and commands a line break at the end is no part of the value,
    unless ``exact``.
    """

    origin: Origin
    variable: str = ""
    path: str = ""
    command: list[str] = []
    mount: str = "secret"
    key: str = "value"
    version: int = 0
    exact: bool = False

    def fault(self) -> str:
        """What is missing, in a few words; empty where nothing is."""
        needed = NEEDED[self.origin]
        return "" if getattr(self, needed) else f"`origin: {self.origin}` needs `{needed}`"

    def words(self) -> str:
        """Where the value is, for people; never the value."""
        match self.origin:
            case "env":
                return f"env {self.variable}"
            case "file":
                return f"file {self.path}"
            case "command":
                return f"command {self.command[0] if self.command else ''}"
            case "vault":
                at = f"#{self.version}" if self.version else ""
                return f"vault {self.mount}/{self.path}:{self.key}{at}"


class VaultSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """HashiCorp Vault or OpenBao: its address, the authority that signs its certificate, who logs in.

    Either ``token``, or ``role`` (an AppRole's id) with ``secret_id``. ``ca`` is relative to the workspace.
    """

    address: str
    ca: str = ""
    namespace: str = ""
    token: Reference | None = None
    role: str = ""
    secret_id: Reference | None = None
    # Where AppRole is mounted.
    login: str = "approle"


class SecretSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """``secrets:`` of ``govcloud.yaml``; each is a reference, never a value.

    ``passphrase`` encrypts the engine's state, ``former_passphrase`` is what it was until
    ``govcloud secrets rotate-passphrase`` is done. ``version_key`` makes the versions of secrets; without it
    there is one in the user's configuration.
    """

    passphrase: Reference | None = None
    former_passphrase: Reference | None = None
    version_key: Reference | None = None
    vault: VaultSettings | None = None

    def references(self) -> dict[str, Reference]:
        """Each by its name in the file."""
        known = {
            "passphrase": self.passphrase,
            "former_passphrase": self.former_passphrase,
            "version_key": self.version_key,
            "vault.token": self.vault.token if self.vault else None,
            "vault.secret_id": self.vault.secret_id if self.vault else None,
        }
        return {name: reference for name, reference in known.items() if reference is not None}


def check_settings(settings: SecretSettings, path: str) -> None:
    """Raises ``InputError`` where a reference does not say where its value is, or nobody could log in."""
    problems = []
    vault = settings.vault
    for name, reference in settings.references().items():
        if fault := reference.fault():
            problems.append(Problem(f"`secrets.{name}`: {fault}", path))
        elif reference.origin == "vault" and name.startswith("vault."):
            problems.append(Problem(f"`secrets.{name}` cannot be kept in the vault that it opens", path))
    if vault is not None and (vault.token is None) == (not vault.role or vault.secret_id is None):
        words = "`secrets.vault` needs either `token`, or `role` with `secret_id`"
        problems.append(Problem(words, path, hint="docs/secrets.md shows both"))
    if vault is not None and not _private(vault.address):
        words = "`secrets.vault.address` must be https://…: who listens on the way would have the token"
        problems.append(Problem(words, path, hint="http:// is for this machine alone, e.g. http://127.0.0.1"))
    if problems:
        raise InputError(problems)


def _private(address: str) -> bool:
    """Whether nobody on the way reads what is sent there: TLS, or this machine itself."""
    # Late: for those who have a vault.
    import ipaddress
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        if not host or "@" in address or "\\" in address:
            return False
        if parts.scheme == "https":
            return True
        return parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
