"""What the ledger knows of hosts themselves: which run configured them, what they said of themselves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from .. import canonical
from .connection import Connection


class HostFacts(msgspec.Struct, frozen=True):
    """What a host said of itself in a run. ``at``: seconds since the epoch; ``values``: see docs/plays.md."""

    uid: str
    host: str
    run: str
    at: float
    values: dict[str, Any]


def configured_by(connection: Connection, run: str) -> dict[str, tuple[str, str]]:
    """The hosts that a run has configured: (digest of their inputs, birth of the host) by name."""
    rows = connection.rows(
        "SELECT scope, digest, inputs FROM applied WHERE run = :run AND substr(scope, 1, 5) = 'host:'",
        run=run,
    )
    decode = msgspec.json.decode
    return {
        scope.removeprefix("host:"): (digest, str(decode(inputs).get("birth", "")))
        for scope, digest, inputs in rows
    }


def set_facts(connection: Connection, run: str, found: Mapping[str, tuple[str, dict[str, Any]]]) -> None:
    """Keep what hosts said of themselves, (host, values) by uid, instead of what they said before."""
    now = time.time()
    rows = (
        {"uid": uid, "host": host, "run": run, "at": now, "facts": canonical.encode(values).decode()}
        for uid, (host, values) in found.items()
    )
    connection.replace("host_fact", ("uid",), rows)


def facts_of(connection: Connection, uid: str) -> HostFacts | None:
    """What the host of an entry last said of itself; None where it never did."""
    row = connection.row("SELECT uid, host, run, at, facts FROM host_fact WHERE uid = :uid", uid=uid)
    if row is None:
        return None
    found, host, run, at, values = row
    return HostFacts(found, host, run, at, msgspec.json.decode(values))
