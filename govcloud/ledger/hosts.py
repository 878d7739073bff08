"""What the ledger knows of hosts themselves: which run configured them, what they said of themselves."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .. import canonical
from . import building
from .among import rows_among
from .building import Applied
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


def standing(connection: Connection, uids: Iterable[str]) -> list[Applied]:
    """What hosts of these uids were last configured with, under whatever names."""
    asked = (
        "SELECT scope, uid, incarnation, digest, inputs FROM applied "
        "WHERE uid IN :among AND substr(scope, 1, 5) = 'host:'"
    )
    rows = rows_among(connection, asked, uids)
    return [
        Applied(scope, uid, number, digest, msgspec.json.decode(inputs))
        for scope, uid, number, digest, inputs in rows
    ]


def unsettle(connection: Connection, run: str, begun: Iterable[Applied]) -> None:
    """Before a run touches hosts: what they have is in doubt, so the next plan configures them at any rate.

    ``begun``: by host, with the secrets that may now come to lie there beside those it is known to have.
    What else is known of a host stays; of one of which nothing is known the secrets alone are.
    """
    doubt = canonical.digest(["being configured", run])
    coming = {row.uid: row for row in begun}
    known = standing(connection, coming)
    rows = []
    for row in known:
        held = {**coming[row.uid].inputs.get("secrets", {}), **row.inputs.get("secrets", {})}
        told = "secrets" in row.inputs or "secrets" in coming[row.uid].inputs
        inputs = {**row.inputs, "secrets": held} if told else row.inputs
        rows.append(msgspec.structs.replace(row, digest=doubt, inputs=inputs))
    new = coming.keys() - {row.uid for row in known}
    rows += [
        msgspec.structs.replace(coming[uid], digest=doubt)
        for uid in sorted(new)
        if coming[uid].inputs.get("secrets")
    ]
    building.set_applied(connection, run, rows)


def set_configured(connection: Connection, run: str, rows: Iterable[Applied]) -> None:
    """Hosts are configured: what was known of them, also under former names, is replaced."""
    new = {row.uid: row for row in rows}
    for old in standing(connection, new):
        if old.scope != new[old.uid].scope:
            building.forget_applied(connection, old.scope, [old.uid])
    building.set_applied(connection, run, new.values())


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
