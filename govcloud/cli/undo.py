"""`govcloud runs undo`: a new plan towards what the entries of a run were before it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Exit
from .common import App
from .completing import complete_entry, complete_run
from .guarding import order_options

if TYPE_CHECKING:
    from ..plan.guards import Leave


@click.command()
@click.argument("run", shell_complete=complete_run)
@click.option(
    "--only",
    multiple=True,
    metavar="KIND/NAME",
    shell_complete=complete_entry,
    help="Only this entry; may be given again.",
)
@click.option("--force", is_flag=True, help="Also take back what later runs did to the same entries.")
@order_options
@click.pass_obj
def undo(
    app: App,
    run: str,
    only: tuple[str, ...],
    force: bool,
    out: Path | None,
    as_json: bool,
    yes: bool,
    leave: Leave,
) -> int:
    """Bring the entries that RUN touched back to what they were before it, by a plan with pins.

    A new plan like any other, as with `revert`: it is shown, asked about and carried out, and the pins
    end by themselves when the files agree. RUN: its id, or how it begins.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..plan.undoing import undoing
    from .revert import carry_pins, keys_of

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan" if out else "apply")
    with ledger.read() as connection:
        found = undoing(connection, run, keys_of(only), force=force)
    if not found.change:
        why = "they are as they were before it" if found.revision else "it touched no entry of the ledger"
        hint = "" if found.revision else "; what it built or took down is in `govcloud plan`"
        click.echo(f"nothing to undo of run {found.run.id}: {why}{hint}", err=as_json)
        return int(Exit.OK)
    if found.lost:
        names = ", ".join(found.lost[:6]) + (" …" if len(found.lost) > 6 else "")
        click.echo(
            f"warning: {names} went away or was made anew by that run: what was on it does not come back",
            err=True,
        )
    return carry_pins(app, ledger, found.change, out, as_json, yes, leave)
