"""A plan file that speaks for a request says what was submitted, or it is refused."""

from __future__ import annotations

from typing import Any

from ..access import Identity, who
from ..errors import ConflictError, DeniedError, InputError, Problem
from ..ledger import Ledger, requests
from ..ledger.claims import ClaimKey
from ..ledger.connection import Connection
from ..ledger.requests import CLAIMANT, Row
from ..plan.stages import Asked, Plan
from ..workspace import Workspace
from . import states
from .carrying import READY, asked_now, names, refuse_undue, release_claims, standing, undecided
from .changing import beside
from .leasing import (
    IN_USE,
    refuse_beyond,
    refuse_early,
    refuse_held,
    refuse_needed,
    refuse_stopped_on,
    refuse_untaken,
    refuse_until,
    same_order,
)
from .submitting import plan_of


def vouch(workspace: Workspace, ledger: Ledger, asked: Asked) -> None:
    """Hold an order against the requests as they stand now.

    Raises ``InputError`` where it says anything else than was submitted, ``DeniedError`` where a request is
    not approved, ``ConflictError`` where its state does not allow it.
    """
    identity = who(workspace, ledger)
    with ledger.read() as connection:
        _vouch_changes(connection, asked)
        for name in names(asked):
            claimant = CLAIMANT + name
            said = {row.claim_key: row.fields for row in asked.said if row.claimant == claimant}
            ended = {key for key in asked.ended if key[2] == claimant}
            row = requests.find(connection, name)
            if row is None:
                raise InputError([Problem(f"the plan speaks for request {name!r}, which nobody submitted")])
            if strange := ended - set(requests.owned(connection, name)):
                kind, entry, _ = min(strange)
                raise ConflictError(f"request {name} says nothing of {kind}/{entry} any more")
            state = states.state_of(row)
            if not said:
                if (state, "release") not in states.TRANSITIONS:
                    states.after(state, "release", name)
                refuse_early(connection, row)
                refuse_held(connection, name)
                refuse_needed(connection, name)
                continue
            if state in IN_USE:
                _vouch_lease(connection, identity, row, said, ended)
                continue
            plan = plan_of(connection, row)
            if said != {r.claim_key: r.fields for r in plan.asked.said if r.claimant == claimant}:
                raise InputError(
                    [Problem(f"the plan says something else for request {name} than was submitted")],
                    hint=f"`govcloud request apply {name} --out FILE` writes a true one",
                )
            if state == "submitted" and (why := undecided(connection, identity, row, plan)):
                raise DeniedError(
                    f"request {name} is not approved: {why}", hint=f"`govcloud request show {name}`"
                )
            if state not in READY and state != "submitted":
                states.after(state, "begin", name)
            refuse_undue(row)


def _vouch_changes(connection: Connection, asked: Asked) -> None:
    """Raises where what an order says of others' entries is not what its requests change, or take back.

    ``InputError`` for what none of them says; ``ConflictError`` where those entries are not as they were,
    ``DeniedError`` where they cannot be taken back.
    """
    speaking = names(asked)
    begins = {row.claimant for row in asked.said}
    said: dict[ClaimKey, Any] = {}
    ended: set[ClaimKey] = set()
    for name in speaking:
        row = requests.find(connection, name)
        if row is None:
            continue
        if row.claimant not in begins:
            order = release_claims(connection, name)
        elif states.state_of(row) in IN_USE:
            continue
        else:
            order = plan_of(connection, row).asked
            if not standing(connection, order):
                order = asked_now(connection, row)
        more, less = beside(order, speaking)
        said |= more
        ended |= less
    if beside(asked, speaking) != (said, ended):
        raise InputError(
            [Problem("the plan says something else of entries that are there than its requests change")],
            hint="`govcloud request apply NAME --out FILE` or `request release` writes a true one",
        )


def _vouch_lease(
    connection: Connection, identity: Identity, row: Row, said: dict[Any, Any], ended: set[ClaimKey]
) -> None:
    """Raises where what a plan says of a request in use is no order that its commands would give."""
    order = None if ended else same_order(connection, row.name, said)
    if order is None:
        raise InputError(
            [Problem(f"the plan says something of request {row.name} that no order of its life says")],
            hint="`govcloud request renew`, `transfer` and `release` write true ones with `--out FILE`",
        )
    own = said["request", row.name, row.claimant]
    if order == "stop":
        refuse_stopped_on(str(own["stopped_on"]))
        refuse_held(connection, row.name)
        refuse_needed(connection, row.name)
    elif order == "renew":
        refuse_until(row, str(own.get("until", "")))
    elif order == "transfer":
        unit = str(own["unit"])
        refuse_untaken(connection, identity, row, unit)


def judge(workspace: Workspace, ledger: Ledger, plan: Plan) -> None:
    """Raises ``DeniedError`` where a plan prolongs a lease beyond what is given without a signature."""
    identity = who(workspace, ledger)
    said = {row.claim_key: row.fields for row in plan.asked.said}
    with ledger.read() as connection:
        for name in names(plan.asked):
            row, fields = requests.find(connection, name), said.get(("request", name, CLAIMANT + name))
            if row is None or not fields or states.state_of(row) not in IN_USE:
                continue
            until = str(fields.get("until", ""))
            if until and until != row.until:
                refuse_beyond(connection, identity, row, until, plan)
