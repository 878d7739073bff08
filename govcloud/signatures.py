"""Signatures in OpenSSH's format (SSHSIG, PROTOCOL.sshsig): made here or by ``ssh-keygen -Y sign``.

One format for the heads of the audit trail, for challenges and for approvals, so that ``ssh-keygen -Y
verify`` reads all of them without this program. Ed25519 is signed and verified in this process (the
library ``cryptography``, imported when it is needed); for every other type of key ``ssh-keygen`` is asked.
Public keys are texts as in ``authorized_keys``: ``ssh-ed25519 AAAA… comment``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import struct
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .errors import GovcloudError
from .system import which

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MAGIC = b"SSHSIG"
ED25519 = "ssh-ed25519"
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
# Seconds that ssh-keygen may take; a key on a token waits for a finger.
PATIENCE = 60


class BadSignature(GovcloudError):
    """The signature is not one of this message by one of these keys."""


class NoSigner(GovcloudError):
    """There is no private key to sign with, or it cannot be used now."""


class Signer(Protocol):
    """Somebody who holds a private key."""

    @property
    def public(self) -> str:
        """The public key, as in ``authorized_keys``."""
        ...

    def sign(self, message: bytes, namespace: str) -> bytes:
        """The SSHSIG blob over ``message``. Raises ``NoSigner``."""
        ...


def key_blob(public: str) -> bytes:
    """The bytes of a public key. Raises ``ValueError`` where the text is none."""
    words = public.split()
    if len(words) < 2:
        raise ValueError(f"{public[:40]!r} is no public key: it should read `ssh-ed25519 AAAA…`")
    try:
        blob = base64.b64decode(words[1], validate=True)
        kind, _ = _string(blob)
    except (binascii.Error, struct.error, ValueError):
        raise ValueError(f"{public[:40]!r} is no public key: its second word is not base64 of one") from None
    if kind != words[0].encode():
        raise ValueError(f"{public[:40]!r} is no public key: its two words name different types")
    return blob


def fingerprint(public: str) -> str:
    """``SHA256:…``, as ``ssh-keygen -l`` prints it. Raises ``ValueError``."""
    return blob_fingerprint(key_blob(public))


def blob_fingerprint(blob: bytes) -> str:
    """The fingerprint of a public key's bytes."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def bare(public: str) -> str:
    """A public key without its comment. Raises ``ValueError``."""
    key_blob(public)
    return " ".join(public.split()[:2])


def armour(blob: bytes) -> str:
    """An SSHSIG blob as the text that ``ssh-keygen`` writes and reads."""
    text = base64.b64encode(blob).decode()
    lines = [text[n : n + 70] for n in range(0, len(text), 70)]
    return "\n".join([BEGIN, *lines, END, ""])


def unarmour(text: str) -> bytes:
    """The SSHSIG blob of such a text. Raises ``BadSignature``."""
    lines = [line.strip() for line in text.strip().splitlines()]
    if len(lines) < 3 or lines[0] != BEGIN or lines[-1] != END:
        raise BadSignature(f"not an SSH signature: it should begin with {BEGIN}")
    try:
        return base64.b64decode("".join(lines[1:-1]), validate=True)
    except binascii.Error:
        raise BadSignature("not an SSH signature: its lines are not base64") from None


# -- the blob -------------------------------------------------------------------------------------


def _packed(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _string(data: bytes) -> tuple[bytes, bytes]:
    """The first string, and what comes after it. Raises ``ValueError``."""
    (length,) = struct.unpack_from(">I", data)
    if 4 + length > len(data):
        raise ValueError("cut off")
    return data[4 : 4 + length], data[4 + length :]


def _signed_data(message: bytes, namespace: str, algorithm: bytes) -> bytes:
    """The bytes that the key signs."""
    digest = hashlib.new(algorithm.decode(), message).digest()
    return MAGIC + _packed(namespace.encode(), b"", algorithm, digest)


class _Blob:
    """The parts of an SSHSIG blob. Raises ``BadSignature`` where it is none."""

    def __init__(self, blob: bytes) -> None:
        try:
            if blob[:6] != MAGIC or struct.unpack_from(">I", blob, 6) != (1,):
                raise ValueError
            self.key, rest = _string(blob[10:])
            namespace, rest = _string(rest)
            _reserved, rest = _string(rest)
            self.algorithm, rest = _string(rest)
            signature, rest = _string(rest)
            kind, tail = _string(signature)
            self.signature, over = _string(tail) if kind == ED25519.encode() else (b"", b"")
            self.kind, self.namespace = kind.decode("ascii"), namespace.decode("utf-8")
            if rest or over or self.algorithm not in (b"sha256", b"sha512"):
                raise ValueError
        except (ValueError, struct.error, IndexError):
            raise BadSignature("not an SSH signature") from None


def signer_of(blob: bytes) -> str:
    """The fingerprint of the key that a signature says it is by; nothing is verified."""
    return blob_fingerprint(_Blob(blob).key)


def public_of(blob: bytes) -> str:
    """The public key that a signature says it is by; nothing is verified."""
    key = _Blob(blob).key
    return f"{_string(key)[0].decode(errors='replace')} {base64.b64encode(key).decode()}"


def verify(message: bytes, namespace: str, blob: bytes, allowed: Iterable[str]) -> str:
    """The one public key of ``allowed`` that made the signature.

    ``namespace`` keeps a signature given for one purpose from counting for another. Raises
    ``BadSignature`` where the key is not among them, the namespace is another, or the message is.
    """
    parts = _Blob(blob)
    public = next((p for p in allowed if key_blob(p) == parts.key), None)
    if public is None:
        raise BadSignature(f"signed by {blob_fingerprint(parts.key)}, which is none of the keys asked for")
    if parts.namespace != namespace:
        raise BadSignature(f"signed for {parts.namespace!r}, not for {namespace!r}")
    if parts.kind == ED25519:
        _verify_here(parts, message, namespace)
    else:
        _verify_there(message, namespace, blob, public)
    return public


def _verify_here(parts: _Blob, message: bytes, namespace: str) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        kind, rest = _string(parts.key)
        raw, over = _string(rest)
        if kind != ED25519.encode() or over:
            raise ValueError
        key = Ed25519PublicKey.from_public_bytes(raw)
        key.verify(parts.signature, _signed_data(message, namespace, parts.algorithm))
    except (InvalidSignature, ValueError, struct.error):
        raise BadSignature("the signature does not fit what it should have signed") from None


def _verify_there(message: bytes, namespace: str, blob: bytes, public: str) -> None:
    """By ``ssh-keygen -Y verify``, for keys that are not Ed25519: RSA, ECDSA, and those on a token."""
    with tempfile.TemporaryDirectory(prefix="govcloud-") as folder:
        signers, signature = Path(folder, "signers"), Path(folder, "signature")
        signers.write_text(f"signer {bare(public)}\n")
        signature.write_text(armour(blob))
        done = _ssh_keygen(
            ["-Y", "verify", "-f", str(signers), "-I", "signer", "-n", namespace, "-s", str(signature)],
            message,
        )
    if done.returncode != 0:
        raise BadSignature("the signature does not fit what it should have signed")


def _ssh_keygen(arguments: list[str], message: bytes) -> subprocess.CompletedProcess[bytes]:
    program = which("ssh-keygen")
    if program is None:
        raise NoSigner("there is no ssh-keygen on this machine", hint="install the OpenSSH client")
    try:
        # A session of its own has no terminal: a question for a passphrase fails instead of waiting.
        return subprocess.run(
            [program, *arguments],
            input=message,
            capture_output=True,
            check=False,
            timeout=PATIENCE,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise NoSigner(f"ssh-keygen did not answer in {PATIENCE} s") from None


# -- who signs ------------------------------------------------------------------------------------


class OwnKey:
    """An Ed25519 key held in this process."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        self._key = key
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._blob = _packed(ED25519.encode(), raw)

    @property
    def public(self) -> str:
        """The public key."""
        return f"{ED25519} {base64.b64encode(self._blob).decode()}"

    def sign(self, message: bytes, namespace: str) -> bytes:
        """The SSHSIG blob over ``message``."""
        value = self._key.sign(_signed_data(message, namespace, b"sha512"))
        signature = _packed(ED25519.encode(), value)
        return (
            MAGIC + struct.pack(">I", 1) + _packed(self._blob, namespace.encode(), b"", b"sha512", signature)
        )


class SshKey:
    """A key that ``ssh-keygen -Y sign`` signs with: a private key's file, or one that ssh-agent holds."""

    def __init__(self, wanted: str, root: Path) -> None:
        """``wanted``: a file (relative to ``root``; with ``.pub`` the agent holds the private part), or a
        fingerprint ``SHA256:…`` of a key in the agent. Raises ``NoSigner``."""
        self._file: Path | None = None
        if wanted.startswith("SHA256:"):
            self._public = _from_agent(wanted)
            return
        path = root / Path(wanted).expanduser()
        beside = path if path.suffix == ".pub" else path.with_name(path.name + ".pub")
        if not path.is_file():
            raise NoSigner(f"there is no key {wanted}", hint="name a private key, its .pub, or SHA256:…")
        if beside.is_file():
            text = beside.read_text(errors="replace")
        else:
            done = _ssh_keygen(["-y", "-f", str(path)], b"")
            if done.returncode != 0:
                raise NoSigner(
                    f"{wanted} cannot be read as a private key without its passphrase",
                    hint=f"put {path.name}.pub beside it and the key into ssh-agent: `ssh-add {path}`",
                )
            text = done.stdout.decode(errors="replace")
        try:
            self._public = bare(text)
        except ValueError as error:
            raise NoSigner(f"{beside.name}: {error}") from None
        self._file = path

    @property
    def public(self) -> str:
        """The public key."""
        return self._public

    def sign(self, message: bytes, namespace: str) -> bytes:
        """The SSHSIG blob over ``message``. Raises ``NoSigner``."""
        if self._file is not None:
            return self._sign(self._file, message, namespace)
        with tempfile.TemporaryDirectory(prefix="govcloud-") as folder:
            file = Path(folder, "key.pub")
            file.write_text(self._public + "\n")
            return self._sign(file, message, namespace)

    def _sign(self, file: Path, message: bytes, namespace: str) -> bytes:
        done = _ssh_keygen(["-q", "-Y", "sign", "-f", str(file), "-n", namespace], message)
        if done.returncode != 0:
            words = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
            raise NoSigner(
                f"ssh-keygen could not sign with {fingerprint(self._public)}: {words}",
                hint="is the key in ssh-agent? `ssh-add -l` lists what is",
            )
        return unarmour(done.stdout.decode())


def _from_agent(wanted: str) -> str:
    """The public key with this fingerprint that ssh-agent holds. Raises ``NoSigner``."""
    program = which("ssh-add")
    if program is None or not os.environ.get("SSH_AUTH_SOCK"):
        raise NoSigner(
            f"{wanted} should be in ssh-agent, and none is running here", hint="`ssh-agent`, `ssh-add`"
        )
    done = subprocess.run([program, "-L"], capture_output=True, text=True, check=False, timeout=PATIENCE)
    for line in done.stdout.splitlines():
        try:
            if fingerprint(line) == wanted:
                return bare(line)
        except ValueError:
            continue
    raise NoSigner(f"ssh-agent does not hold {wanted}", hint="`ssh-add -l` lists what it holds")
