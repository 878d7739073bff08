"""`govcloud ipv6 rollback`: a wave is taken back, and every host is as it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import App
from .guarding import order_options
from .redacting import redacted

if TYPE_CHECKING:
    from ..plan.guards import Leave


@click.command("rollback")
@click.argument("rollout", metavar="ROLLOUT")
@click.argument("wave", metavar="WAVE")
@order_options
@click.pass_obj
@redacted
def rollback(
    app: App, rollout: str, wave: str, out: Path | None, as_json: bool, yes: bool, leave: Leave
) -> int:
    """Take a wave back: its members lose what it gave them, and every file is as it was, byte for byte.

    Denied (4) while a wave stands on it, of this or another rollout. WAVE may be one that its file does not
    declare any more. What runs over IPv4 is watched all the time; exits with 3 where
    a packet of it was lost. What was chosen rests, and is the same when the wave is run again.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..plan.gather import propose
    from ..rollout.returning import returned
    from .asking import carry_or_write
    from .ipv6_run import carry

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan" if out else "apply")
    with ledger.read() as connection:
        chosen, asked = returned(connection, rollout, wave)
    proposal = propose(app.workspace, ledger, asked=asked)
    if out is not None:
        return carry_or_write(app, ledger, proposal, out, as_json, yes, leave)
    return int(carry(app, ledger, rollout, chosen, proposal, as_json, yes, leave, back=True))
