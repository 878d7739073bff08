"""`govcloud request apply`: an approved request is carried out as any change is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Exit
from .common import App, emit
from .guarding import order_options
from .redacting import redacted

if TYPE_CHECKING:
    from ..access import Identity
    from ..ledger import Ledger
    from ..plan.guards import Leave
    from ..run.runner import Outcome


@click.command()
@click.argument("name", metavar="NAME")
@order_options
@click.pass_obj
@redacted
def apply(app: App, name: str, out: Path | None, as_json: bool, yes: bool, leave: Leave) -> int:
    """Carry an approved request out, or go on with it.

    The plan is made again from the files as they were recorded. Where it would do something else than was
    decided on it is refused (5), shows what changed, and wants to be approved anew. One whose day has not
    come waits (6).
    """
    from ..access import enforce
    from ..ledger import open_ledger

    ledger = open_ledger(app.workspace)
    identity = enforce(app.workspace, ledger, "plan" if out else "apply")
    return carry_request(app, ledger, identity, name, out, as_json, yes, leave)


def carry_request(
    app: App,
    ledger: Ledger,
    identity: Identity,
    name: str,
    out: Path | None,
    as_json: bool,
    yes: bool,
    leave: Leave | None = None,
) -> int:
    """The same, for whoever may; gives the exit code. Errors as of ``carrying.admit`` and of a run."""
    from ..ledger import requests
    from ..request import carrying
    from ..request.submitting import plan_of
    from .asking import carry_or_write
    from .attending import of_asked

    with ledger.read() as connection:
        row = requests.get(connection, name)
        going = carrying.left(connection, row)
    if going is not None and out is None:
        code = resume(app, ledger, going.id, as_json, leave)
        return _told(ledger, name, as_json, code)
    row = carrying.settle(ledger, identity, name)
    if row.state == "active":
        # It is; or a process that was killed had not said so.
        return _told(ledger, name, as_json, int(Exit.OK))
    row, proposal = carrying.admit(app.workspace, ledger, identity, name)
    if not carrying.is_due(row):
        return _told(ledger, name, as_json, int(Exit.PARKED))
    with ledger.read() as connection:
        asked = plan_of(connection, row).asked
    order = of_asked(app.workspace, ledger, asked)
    code = carry_or_write(app, ledger, proposal, out, as_json, yes, leave, order)
    if out is not None:
        return code
    if proposal.plan.empty and code == Exit.OK:
        carrying.nothing_left(ledger, identity, name)
    return _told(ledger, name, as_json, code)


def resume(app: App, ledger: Ledger, run: str, as_json: bool, leave: Leave | None) -> int:
    """Go on with its run, with the plan as it was."""
    from ..plan.guards import NO_LEAVE
    from ..run import runner
    from .apply import sinks
    from .attending import attended, of_plan

    plan = runner.plan_of(ledger, run)
    order = of_plan(app.workspace, ledger, plan)
    how = {} if order is None else {"ended": order.ended}

    def go(began: Callable[[str], None]) -> Outcome:
        return runner.resume(
            app.workspace, ledger, run, sinks(as_json), leave=leave or NO_LEAVE, began=began, **how
        )

    return attended(app.workspace, ledger, plan, order, go, as_json)


def _told(ledger: Ledger, name: str, as_json: bool, code: int) -> int:
    """Say where it stands now, what is left and what to type; the exit code as it is."""
    from ..ledger import requests
    from ..request.reading import ends

    with ledger.read() as connection:
        row = requests.get(connection, name)
        open_ = list(ends(connection, row))
        owned = requests.owned(connection, name)
    if as_json:
        owns = [f"{kind}/{entry}" for kind, entry, _ in owned]
        emit({"event": "request", "request": name, "state": row.state, "run": row.run, "owns": owns,
              "open": open_}, as_line=True)  # fmt: skip
        return code
    click.echo(f"request {name} is {row.state}" + (f", with {len(owned)} entries" if owned else ""))
    for end in open_:
        next_ = f"; next: `govcloud {end.next}`" if end.next else ""
        click.echo(f"  {end.words}{next_}")
    return code
