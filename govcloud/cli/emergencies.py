"""`govcloud emergencies`: what was done at once, and who has approved it since."""

from __future__ import annotations

import click

from ..errors import Exit
from .common import App, console, emit, json_option


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also those that are approved.")
@json_option
@click.pass_obj
def emergencies(app: App, everything: bool, as_json: bool) -> int:
    """List emergency changes that wait for somebody's approval. Exits with 3 where there are any."""
    from ..ledger import clearances, open_ledger
    from ..plan.guards.telling import when

    with open_ledger(app.workspace).read() as connection:
        found = clearances.emergencies(connection)
    waiting = [one for one in found if one.state != "approved"]
    if not everything:
        found = waiting
    code = int(Exit.CHANGES if waiting else Exit.OK)
    if as_json:
        emit(found)
        return code
    if not found:
        click.echo("No emergency waits for approval.")
        return code
    from rich.text import Text

    from .tables import print_table

    colours = {"overdue": "red", "open": "yellow", "approved": "green"}
    rows = [
        (
            one.run,
            Text(f"approved by {one.approved_by}" if one.approved_by else one.state, colours[one.state]),
            one.person or one.account,
            when(one.at),
            when(one.due),
            one.reason,
        )
        for one in found
    ]
    print_table(console(), ("run", "state", "by", "at", "until", "reason"), rows)
    return code
