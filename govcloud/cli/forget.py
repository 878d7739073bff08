"""`govcloud forget`: objects stay, and the ledger and the engine's state let go of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import Exit
from .common import App, json_option, yes_option
from .completing import complete_entry
from .guarding import leave_options

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..plan.guards import Leave
    from ..workspace import Workspace


@click.command()
@click.argument("subjects", nargs=-1, required=True, metavar="KIND/NAME...", shell_complete=complete_entry)
@json_option
@yes_option
@leave_options
@click.pass_obj
def forget(app: App, subjects: tuple[str, ...], as_json: bool, yes: bool, leave: Leave) -> int:
    """Let go of what is built of entries: the objects stay as they are and become nobody's.

    Our identity is taken off them, so that no run touches them again. The entries stay in the files and
    in the ledger; what the next plan would do about them is told.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..run.single import letting_go
    from .apply import carry
    from .revert import keys_of

    keys = keys_of(subjects)
    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    proposal = letting_go(app.workspace, ledger, keys)
    code = carry(app.workspace, ledger, proposal, as_json, yes, leave)
    if code == Exit.OK and not as_json:
        for key in keys:
            click.echo(_afterwards(app.workspace, ledger, key))
    return code


def _afterwards(workspace: Workspace, ledger: Ledger, key: tuple[str, str]) -> str:
    """Who still claims an entry, and what the next plan makes of that."""
    from ..ledger.claims import claims
    from ..source.claims import path_of

    subject = "/".join(key)
    with ledger.read() as connection:
        rows = claims(connection, of=key)
    places = [f"{path_of(r.claimant) or r.claimant}:{r.line}".removesuffix(":0") for r in rows]
    if not places:
        return f"{subject}: nobody claims it any more; the next plan does nothing about it"
    return (
        f"{subject} is still said by {', '.join(places)}: the next plan would create it and meet this "
        f"object; take it out of there, or `govcloud adopt {subject}`"
    )
