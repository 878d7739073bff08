"""The version of a secret: a keyed digest that says whether its value is another one, and nothing else.

Without the key nobody can try values against it. The key is not beside the ledger: ``version_key`` of the
settings says where, else this user has one of their own for the environment. A version names its key, so that
one made with another key is told from one of another value.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from ..errors import GovcloudError
from ..files import write_atomically
from ..workspace import Workspace
from .resolving import Resolver, Unresolved, read_private

KEY_BYTES = 32
# A key of one's own choosing is at least so long, bytes: shorter ones could be guessed with the versions.
LEAST = 16


def folder(environment: str) -> Path:
    """This user's own folder for an environment's secrets. Raises ``Unresolved`` where there is no home."""
    import platformdirs

    try:
        return platformdirs.user_config_path("govcloud") / "secrets" / environment
    except RuntimeError as error:
        raise Unresolved(
            f"there is no place for the key of versions: {error}",
            hint="set XDG_CONFIG_HOME, or `secrets.version_key` in govcloud.yaml",
        ) from None


def key_file(environment: str) -> Path:
    """Where this user's key for an environment is. Raises ``Unresolved`` where there is no home."""
    return folder(environment) / "version-key"


def version_key(workspace: Workspace, resolver: Resolver) -> bytes:
    """The key; made where this user has none and no other is named. Raises ``Unresolved``."""
    named = workspace.settings.secrets.version_key
    if named is not None:
        found = resolver.value(named)
        if len(found) < LEAST:
            raise Unresolved(f"the key of versions, {named.words()}, has less than {LEAST} bytes")
        return found
    file = key_file(workspace.environment)
    if not file.exists():
        _make(file)
    found = read_private(file)
    if len(found) != KEY_BYTES:
        raise Unresolved(f"{file} is not a key of versions", hint="remove it; a new one is made")
    return found


def renew(environment: str) -> None:
    """A new key in the place of the old one: every version is a new one then. Raises ``GovcloudError``."""
    file = key_file(environment)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(file, os.urandom(KEY_BYTES))
    except OSError as error:
        raise GovcloudError(f"{file}: {error.strerror}") from None


def _make(file: Path) -> None:
    """The first key; where another process is faster, its key is as good."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        near = file.with_name(f".{file.name}.{os.getpid()}")
        write_atomically(near, os.urandom(KEY_BYTES))
        try:
            os.link(near, file)
        except FileExistsError:
            return
        finally:
            near.unlink()
    except OSError as error:
        raise Unresolved(
            f"the key of versions cannot be kept in {file.parent}: {error.strerror}",
            hint="set XDG_CONFIG_HOME, or `secrets.version_key` in govcloud.yaml",
        ) from None


def key_name(key: bytes) -> str:
    """Which key it is, in eight letters."""
    return hmac.new(key, b"govcloud key of versions", hashlib.sha256).hexdigest()[:8]


def version_of(key: bytes, name: str, value: bytes) -> str:
    """``KEY:DIGEST``. The name goes in, so that two secrets of one value do not look alike."""
    digest = hmac.new(key, f"govcloud secret {name}\0".encode() + value, hashlib.sha256)
    return f"{key_name(key)}:{digest.hexdigest()}"


def same_key(one: str, other: str) -> bool:
    """Whether two versions can be compared: they were made with the same key."""
    return one.partition(":")[0] == other.partition(":")[0]
