"""A plan file that speaks for a request says what was submitted, or it is refused."""

from __future__ import annotations

from ..access import who
from ..errors import ConflictError, DeniedError, InputError, Problem
from ..ledger import Ledger, requests
from ..ledger.requests import CLAIMANT
from ..plan.stages import Asked
from ..workspace import Workspace
from . import states
from .carrying import READY, names, undecided
from .submitting import plan_of


def vouch(workspace: Workspace, ledger: Ledger, asked: Asked) -> None:
    """Hold an order against the requests as they stand now.

    Raises ``InputError`` where it says anything else than was submitted, ``DeniedError`` where a request is
    not approved, ``ConflictError`` where its state does not allow it.
    """
    identity = who(workspace, ledger)
    with ledger.read() as connection:
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
