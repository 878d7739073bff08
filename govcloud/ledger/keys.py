"""The keys of the audit trail: whose signature a head bears, and whom this user trusts.

Both are in the user's configuration folder, outside of workspace and database. Keys are of one ledger:
two environments share none.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..errors import GovcloudError
from ..files import write_atomically
from ..signatures import NoSigner, OwnKey, Signer, SshKey, bare

PASSPHRASE = "GOVCLOUD_AUDIT_PASSPHRASE_FILE"


def folder(ledger: str) -> Path:
    """The user's folder for one ledger's trail, made where it is missing (mode 0700).

    Raises ``NoSigner`` where there is no home to put it in.
    """
    import platformdirs

    try:
        place = platformdirs.user_config_path("govcloud") / "audit" / ledger
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise NoSigner(
            f"there is no place for the key of the audit trail: {error}",
            hint="set XDG_CONFIG_HOME to a folder of yours, or `audit_key:` in govcloud.yaml",
        ) from None
    return place


def known_folder(ledger: str) -> Path | None:
    """The same folder for those who only read; None where there is none."""
    import platformdirs

    try:
        place = platformdirs.user_config_path("govcloud") / "audit" / ledger
    except RuntimeError:
        return None
    return place if ledger and place.is_dir() else None


def signer(wanted: str, root: Path, ledger: str) -> Signer:
    """Who signs: the key that ``audit_key`` names, else this user's own for this ledger.

    Raises ``NoSigner``.
    """
    if wanted:
        return SshKey(wanted, root)
    file = folder(ledger) / "key"
    if not file.exists():
        _generate(file)
    return _load(file)


def renew(ledger: str) -> OwnKey:
    """A new key of this user, not yet the one that signs; ``adopt`` makes it so."""
    file = folder(ledger) / "key.new"
    file.unlink(missing_ok=True)
    _generate(file)
    return _load(file)


def waiting(ledger: str) -> str:
    """The public part of a key that ``renew`` made and nobody adopted; empty where there is none."""
    file = folder(ledger) / "key.new"
    return _load(file).public if file.exists() else ""


def adopt(ledger: str) -> None:
    """The key of ``renew`` signs from now on. The former one is gone: it must sign nothing more."""
    place = folder(ledger)
    os.replace(place / "key.new", place / "key")


def forget(main: Path) -> None:
    """Remove this user's key, pins and copies for the ledger whose heads file it is: it is no more."""
    import json
    import shutil

    try:
        name = str(json.loads(main.read_text().partition("\n")[0])["ledger"])
    except (OSError, ValueError, KeyError, TypeError):
        return  # Without heads there is nothing of it.
    place = known_folder(name) if name.isalnum() else None
    if place is not None:
        shutil.rmtree(place)


def _generate(file: Path) -> None:
    """Make a key, for its owner alone; encrypted where a passphrase is given."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    secret = _passphrase()
    content = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption(),
    )
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".key.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.link(temporary, file)
    except FileExistsError:
        return  # Another process was faster; its key is as good.
    finally:
        Path(temporary).unlink()


def _load(file: Path) -> OwnKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = file.read_bytes()
    locked = b"ENCRYPTED" in content[:80]
    try:
        key = load_pem_private_key(content, _passphrase() if locked else None)
    except (ValueError, TypeError):
        words = f"is {PASSPHRASE} set, and to the right file?" if locked else f"the file is {file}"
        raise NoSigner("the key of the audit trail cannot be read", hint=words) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise NoSigner(f"the key of the audit trail is not an Ed25519 key: {file}")
    return OwnKey(key)


def _passphrase() -> bytes | None:
    """What stands in the file (or pipe) that the environment names; read once a process: it may be a pipe."""
    place = os.environ.get(PASSPHRASE)
    if not place:
        return None
    try:
        secret = Path(place).read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise NoSigner(f"{PASSPHRASE} names a file that cannot be read: {error.strerror}") from None
    if not secret:
        raise NoSigner(f"{PASSPHRASE} names an empty file")
    return secret


# -- whom this user trusts ------------------------------------------------------------------------


def trusted(ledger: str) -> list[str]:
    """The public keys that this user has pinned for a ledger; none where nothing is pinned."""
    place = known_folder(ledger)
    file = place / "trusted" if place else None
    return read_public(file) if file and file.exists() else []


def trust(ledger: str, *public: str, instead_of: str = "") -> None:
    """Pin public keys in this user's configuration, as ``known_hosts`` does for hosts."""
    known = trusted(ledger)
    wanted = [p for p in known if not instead_of or p != bare(instead_of)]
    wanted += [bare(p) for p in public if bare(p) not in wanted]
    if wanted != known:
        write_atomically(folder(ledger) / "trusted", "".join(f"{p}\n" for p in wanted).encode())


def read_public(file: Path) -> list[str]:
    """The public keys in a file, one a line. Raises ``GovcloudError`` where it holds none."""
    try:
        lines = [line.strip() for line in file.read_text(errors="replace").splitlines()]
        keys = [bare(line) for line in lines if line and not line.startswith("#")]
    except OSError as error:
        raise GovcloudError(f"{file}: {error.strerror}") from None
    except ValueError as error:
        raise GovcloudError(f"{file}: {error}") from None
    if not keys:
        raise GovcloudError(f"{file}: there is no public key in it")
    return keys
