"""The login of a store: whoever opens it for the first time with credentials closes it to all others.

As a real target would refuse a wrong password. The file keeps a salted scrypt of it, never the password.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3

SCHEMA = "create table if not exists login (one integer primary key check (one = 1), salt blob, digest blob)"
# RFC 7914's parameters for interactive logins: 16 MiB and some 50 ms.
_N, _R, _P = 2**14, 8, 1


def log_in(connection: sqlite3.Connection, credential: bytes | None) -> str:
    """Why the store does not let us in; empty where it does."""
    connection.execute(SCHEMA)
    row = connection.execute("select salt, digest from login").fetchone()
    if row is None:
        if credential is not None:
            salt = os.urandom(16)
            # Where another was faster, its password is the one that counts.
            connection.execute(
                "insert or ignore into login values (1, ?, ?)", (salt, _digest(credential, salt))
            )
            return log_in(connection, credential)
        return ""
    if credential is None:
        return "it wants credentials, and its target names none"
    salt, digest = row
    return "" if hmac.compare_digest(_digest(credential, salt), digest) else "wrong password"


def _digest(credential: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(credential, salt=salt, n=_N, r=_R, p=_P)
