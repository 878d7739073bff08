"""A merge's plan file says what its order would say on the ledger as it is, or its end; nothing else."""

from __future__ import annotations

from datetime import date

from ..errors import InputError, Problem
from ..ledger import Ledger
from ..plan.stages import Asked
from ..workspace import Workspace
from .gates import gates, require_open
from .order import asked as wanted
from .order import ended
from .reading import CLAIMANT, read_world


def vouch(workspace: Workspace, ledger: Ledger, asked: Asked) -> None:
    """Raises ``InputError`` where claims of a merge are not those of `merge run` or `merge undo`.

    Raises ``DeniedError`` where a gate before the merge has been shut since.
    """
    claimants = {row.claimant for row in asked.said} | {key[2] for key in asked.ended}
    world = read_world(workspace, ledger)
    for claimant in sorted(one for one in claimants if one.startswith(CLAIMANT)):
        name = claimant.removeprefix(CLAIMANT)
        said = sorted((r for r in asked.said if r.claimant == claimant), key=lambda r: r.claim_key)
        over = sorted(key for key in asked.ended if key[2] == claimant)
        if not said and over and over == list(ended(world, name).ended):
            continue
        require_open(gates(world, name, date.today()))
        order = wanted(world, name)
        if said != list(order.said) or over != list(order.ended):
            raise InputError(
                [Problem(f"the plan file says of {claimant} what its order does not")],
                hint=f"make it again: `govcloud network merge run {name} --out FILE`",
            )
