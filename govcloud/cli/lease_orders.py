"""Orders of a request's later life, carried out for whoever gives them: a person, or the clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Exit
from .common import App

if TYPE_CHECKING:
    from ..access import Identity
    from ..ledger import Ledger
    from ..ledger.requests import Row
    from ..plan.guards import Leave
    from ..plan.stages import Asked


def give(
    app: App,
    ledger: Ledger,
    identity: Identity,
    row: Row,
    asked: Asked,
    out: Path | None,
    as_json: bool,
    yes: bool,
    leave: Leave | None = None,
    *,
    judge: Callable[[], None] | None = None,
) -> int:
    """Carry an order out, or write its plan to ``out``; gives the exit code.

    A run of this request that was interrupted goes on first. Where all of it is accepted already only what is
    left to build is done. Then it is written down where the request stands. ``judge`` raises where the order
    is none any more; it is asked again when nobody else can change anything.
    """
    from ..plan.gather import NOTHING_ASKED, propose
    from ..request import leasing, settling
    from .asking import carry_or_write
    from .attending import of_asked
    from .request_apply import resume

    going = _left(ledger, row.name) if out is None else None
    if going is not None:
        code = resume(app, ledger, going, as_json, leave)
        if code != Exit.OK:
            return code
        settling.settle(ledger, identity, row.name)
        with ledger.read() as connection:
            if not (asked := leasing.rest(connection, asked)):
                return code
    order = of_asked(app.workspace, ledger, asked) if asked else None
    if order is not None:
        if judge is not None:
            order.judge = _both(judge, order.judge)
        # What stands in its way is told before a plan is made.
        order.judge()
    proposal = propose(app.workspace, ledger, asked=asked or NOTHING_ASKED, recorded=True)
    own = ("request", row.name, row.claimant)
    until = next(
        (str((r.fields or {}).get("until", "")) for r in asked.said if r.claim_key == own), row.until
    )
    if until != row.until and out is None:
        with ledger.read() as connection:
            leasing.refuse_beyond(connection, identity, row, until, proposal.plan)
    code = carry_or_write(app, ledger, proposal, out, as_json, yes, leave, order)
    if out is None and code == Exit.OK:
        settling.settle(ledger, identity, row.name)
    return code


def _both(first: Callable[[], object], then: Callable[[], object]) -> Callable[[], object]:
    def judge() -> None:
        first()
        then()

    return judge


def _left(ledger: Ledger, name: str) -> str | None:
    """The run that set out with an order of this request and is not over, if there is one."""
    from ..ledger import runs
    from ..request.carrying import names
    from ..run.runner import plan_of

    with ledger.read() as connection:
        found = [run.id for run in runs.unfinished(connection)]
    return next((run for run in found if name in names(plan_of(ledger, run).asked)), None)


def may_apply(ledger: Ledger, identity: Identity) -> bool:
    """Whether somebody carries plans out themselves."""
    from ..access import read_roles

    with ledger.read() as connection:
        return read_roles(connection).may(identity.person, "apply")
