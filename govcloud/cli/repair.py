"""`govcloud repair`: one object, looked at and brought in line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import Exit
from .common import App, json_option, yes_option
from .completing import complete_entry
from .guarding import leave_options

if TYPE_CHECKING:
    from ..plan.guards import Leave


@click.command()
@click.argument("subject", metavar="KIND/NAME", shell_complete=complete_entry)
@click.option("--rebuild", is_flag=True, help="Make it anew, and what stands on it, whatever it is like.")
@json_option
@yes_option
@leave_options
@click.pass_obj
def repair(app: App, subject: str, rebuild: bool, as_json: bool, yes: bool, leave: Leave) -> int:
    """Look at one entry's object and bring it in line with what is accepted, and nothing beside it.

    A plan of this object alone, shown, asked about and carried out. What the files say by now and what
    else is amiss waits for `apply`.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..run.single import repair as planned
    from .apply import carry, tell_nothing
    from .revert import keys_of

    (key,) = keys_of([subject])
    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    proposal = planned(app.workspace, ledger, key, rebuild=rebuild)
    if proposal.plan.empty:
        tell_nothing(as_json, f"{'/'.join(key)} is as it should be.")
        return int(Exit.OK)
    return carry(app.workspace, ledger, proposal, as_json, yes, leave)
