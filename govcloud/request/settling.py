"""Where a request in use stands follows from what is accepted of it: written down once its run is done.

Whatever door a plan came by and whoever was killed meanwhile, the entries tell; so every word of this may be
said twice.
"""

from __future__ import annotations

from typing import Any

from ..access import Identity
from ..ledger import Ledger, requests
from ..ledger.claims import claims_on
from ..ledger.connection import Connection
from ..ledger.requests import CLAIMANT, Row
from . import states
from .states import Event

_USED = frozenset({"active", "expiring", "stopped"})


def steps(connection: Connection, row: Row) -> list[tuple[Event, dict[str, Any]]]:
    """The steps that what is accepted of a request has over its row, each with what becomes other of it."""
    state = states.state_of(row)
    if state not in _USED and state != "failed":
        return []
    if not requests.owned(connection, row.name):
        return [("release", {})]
    if state == "failed":
        return []
    rows = claims_on(connection, [("request", row.name)])
    own = next((r.fields for r in rows if r.claimant == CLAIMANT + row.name and r.fields), None)
    if own is None:
        return []
    out: list[tuple[Event, dict[str, Any]]] = []
    unit, until, stopped = str(own["unit"]), str(own.get("until", "")), bool(own.get("stopped_on"))
    if unit != row.unit and state != "stopped":
        out.append(("transfer", {"unit": unit}))
    if stopped and state != "stopped":
        out.append(("stop", {}))
    elif not stopped and (state == "stopped" or until != row.until):
        out.append(("renew", {"until": until}))
    return out


def follow(connection: Connection, identity: Identity, row: Row, run: str = "") -> Row:
    """Write them down, in the caller's transaction. Safe to repeat."""
    for event, changed in steps(connection, row):
        data = {**changed, **({"run": run} if run else {})}
        if event == "renew":
            # Whoever only brings it back has not made it longer.
            data["was"] = row.until
        row = states.move(connection, identity, row, event, data=data, by_rule=True, **changed)
    return row


def settle(ledger: Ledger, identity: Identity, name: str) -> Row:
    """Once nothing is left to build: write down where a request stands. Raises ``InputError`` for no such."""
    with ledger.write() as connection:
        return follow(connection, identity, requests.get(connection, name))
