"""The passphrase of the engine's state: where it comes from, and how a child gets it.

A file in memory (memfd) that only the engine inherits: nothing on disk, nothing in its environment. The
engine reads it by ``PULUMI_CONFIG_PASSPHRASE_FILE`` as often as it likes.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..references import Reference
from ..workspace import Workspace
from .resolving import Resolver, Unresolved, withdraw

VARIABLE = "PULUMI_CONFIG_PASSPHRASE"
FILE_VARIABLE = "PULUMI_CONFIG_PASSPHRASE_FILE"
# The engine's own: PBKDF2 with SHA-256, AES-256 in GCM over a known word.
_ROUNDS, _KEY_BYTES, _WORD = 1_000_000, 32, b"pulumi"


def current(workspace: Workspace, resolver: Resolver) -> bytes:
    """The passphrase: of the settings, else of the engine's usual variables, else empty.

    Raises ``Unresolved``.
    """
    # Whether it counts or not: no child inherits it.
    withdraw(VARIABLE)
    named = workspace.settings.secrets.passphrase
    found = resolver.value(named) if named is not None else _usual(workspace, resolver)
    if found != found.strip():
        # The engine reads it so from a file, and would take the two for different ones.
        raise Unresolved("the passphrase of the state begins or ends with white space")
    return found


def former(workspace: Workspace, resolver: Resolver) -> bytes | None:
    """What it was, while it is being changed: as the settings say. None where they say nothing.

    Raises ``Unresolved``.
    """
    named = workspace.settings.secrets.former_passphrase
    return resolver.value(named) if named is not None else None


def _usual(workspace: Workspace, resolver: Resolver) -> bytes:
    try:
        return resolver.value(Reference(origin="env", variable=VARIABLE))
    except Unresolved:
        # Not set, or set to nothing, which is a passphrase to the engine.
        pass
    place = os.environ.get(FILE_VARIABLE)
    if not place:
        return b""
    return resolver.value(Reference(origin="file", path=str(Path(place).absolute())))


@contextmanager
def in_memory(passphrase: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """(the handle that the engine must inherit, its environment) while the block lasts."""
    handle = os.memfd_create("passphrase", os.MFD_CLOEXEC)
    try:
        os.write(handle, passphrase)
        yield handle, {FILE_VARIABLE: f"/dev/fd/{handle}"}
    finally:
        os.close(handle)


def salt_of(settings: Path) -> str:
    """The salt in a stack's settings file; empty where there is none."""
    import yaml

    try:
        found = yaml.safe_load(settings.read_bytes())
    except (OSError, yaml.YAMLError):
        return ""
    return str(found.get("encryptionsalt", "")) if isinstance(found, dict) else ""


def fits(passphrase: bytes, salt: str) -> bool:
    """Whether a stack was encrypted with it. ``salt``: the stack's, ``v1:SALT:v1:NONCE:TEXT`` in base64.

    Takes a quarter of a second. Raises ``ValueError`` where it is not such a salt.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    version, at, inner, nonce, text = salt.split(":")
    if version != "v1" or inner != "v1":
        raise ValueError("a salt of a version that we do not know")
    key = hashlib.pbkdf2_hmac("sha256", passphrase, base64.b64decode(at), _ROUNDS, _KEY_BYTES)
    try:
        return AESGCM(key).decrypt(base64.b64decode(nonce), base64.b64decode(text), None) == _WORD
    except InvalidTag:
        return False
