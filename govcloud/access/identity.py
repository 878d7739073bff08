"""Who is at the keyboard: a person of the accepted revision, told by token, SSH key or system account.

What is given counts: a token or a key that is nobody's is refused, and never passed over in favour of the
account. All three are checked on this machine, offline.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import pwd
import secrets
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..errors import DeniedError, InputError, Problem
from ..ledger import Ledger, audit, clearances
from ..ledger.connection import Connection
from ..secrets.resolving import taken
from ..workspace import Workspace
from .asof import rows_of

TOKEN, TOKEN_FILE, SSH_KEY = "GOVCLOUD_TOKEN", "GOVCLOUD_TOKEN_FILE", "GOVCLOUD_SSH_KEY"
NAMESPACE = "govcloud-identity"
# Bytes that a token may have; whoever names a disk as token's file should not wait for it.
LONGEST = 4096


class Identity(msgspec.Struct, frozen=True):
    """Who somebody is taken for. ``person``: name of an accepted person, empty where it is none of them.

    ``account``: the system's user, ``name@host``; ``how``: what told the person; ``key``: fingerprint of
    the SSH key that was shown.
    """

    person: str
    account: str
    how: Literal["os", "token", "ssh"]
    key: str = ""

    def __str__(self) -> str:
        return f"{self.person} ({self.account})" if self.person else self.account


# Who runs this process, by ledger: a token may come through a pipe, and a key ask for a finger.
_known: dict[str, Identity] = {}
_latest: list[Identity] = []


def actor() -> str:
    """Who runs this process, as the audit trail names them: the person where it is known, and the account."""
    return str(_latest[-1]) if _latest else account()


def account() -> str:
    """``name@host`` of the process's real user, whatever its environment says."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # A container may run us as a user that nobody has written down.
        name = f"uid-{os.getuid()}"
    return f"{name}@{socket.gethostname()}"


def who(workspace: Workspace, ledger: Ledger) -> Identity:
    """Who runs this process, asked once.

    Raises ``DeniedError`` where a token or a key is nobody's, ``InputError`` where it cannot be read.
    """
    place = workspace.ledger_url
    if place not in _known:
        with ledger.read() as connection:
            _known[place] = _find(connection, workspace)
    if _latest[-1:] != [_known[place]]:
        _latest.append(_known[place])
    return _known[place]


def forget() -> None:
    """Ask again: for processes that act for several people, and for tests."""
    _known.clear()
    _latest.clear()


def _find(connection: Connection, workspace: Workspace) -> Identity:
    token = _token()
    if token is not None:
        return _by_token(connection, token)
    if wanted := os.environ.get(SSH_KEY):
        return _by_key(connection, wanted, workspace.root)
    return _by_account(connection)


def _token() -> bytes | None:
    """The token, without the line's end; no child inherits it, and nobody reads it in /proc."""
    place, given = os.environ.get(TOKEN_FILE), taken(TOKEN)
    if given is not None:
        return _checked(given, TOKEN)
    if not place:
        return None
    try:
        if place == "-":
            return _checked(sys.stdin.buffer.readline(LONGEST), "standard input")
        with Path(place).open("rb") as file:
            return _checked(file.read(LONGEST), place)
    except OSError as error:
        raise InputError(
            [Problem(error.strerror or str(error), place)], hint=f"{TOKEN_FILE} names it"
        ) from None


def _checked(token: bytes, place: str) -> bytes:
    token = token.strip()
    if not token:
        raise InputError([Problem("there is no token in it", place)])
    return token


def _by_token(connection: Connection, token: bytes) -> Identity:
    digest = hashlib.sha256(token).hexdigest()
    found = ""
    # All are compared, each in constant time: how long it takes tells nothing about any of them.
    for name, fields in persons(connection, '"token_digest"'):
        if hmac.compare_digest(str(fields.get("token_digest", "")), digest):
            found = name
    if not found:
        raise DeniedError("the token is nobody's", hint="its SHA-256 belongs in `token_digest` of a person")
    return Identity(found, account(), "token")


def _by_key(connection: Connection, wanted: str, root: Path) -> Identity:
    from .. import signatures

    key = signatures.SshKey(wanted, root)
    name = signatures.fingerprint(key.public)
    found = [p for p, public in keys(connection) if signatures.fingerprint(public) == name]
    if len(found) != 1:
        whose = f"it is of {' and '.join(found)} at once" if found else "it is nobody's"
        raise DeniedError(f"the key {name} tells no person: {whose}", hint="see `ssh_keys` of the persons")
    # Whoever holds the private key can sign what nobody has signed before.
    challenge = b"govcloud identity\n" + audit.ledger_id(connection).encode() + secrets.token_bytes(32)
    signatures.verify(challenge, NAMESPACE, key.sign(challenge, NAMESPACE), [key.public])
    return Identity(found[0], account(), "ssh", name)


def _by_account(connection: Connection) -> Identity:
    here = account()
    name = here.partition("@")[0]
    found = [
        person
        for person, fields in persons(connection, '"accounts"')
        if {name, here} & set(fields.get("accounts", ()))
    ]
    if len(found) > 1:
        raise DeniedError(
            f"the account {here} belongs to {' and '.join(sorted(found))} at once",
            hint="an account is of one person; shared accounts tell nobody from another",
        )
    return Identity(found[0] if found else "", here, "os")


def persons(connection: Connection, holding: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, fields) of the accepted persons whose JSON holds a text."""
    return rows_of(connection, "person", holding=holding)


def keys(connection: Connection) -> Iterator[tuple[str, str]]:
    """(person, public key) of every accepted key that is good now; one that is no public key, whose days
    are over or to come, or that is revoked is left out."""
    from .keyring import read_ring

    time_now = clearances.now(connection)
    for key in read_ring(connection):
        if not key.fault(time_now):
            yield key.person, key.public
