"""`govcloud audit`: the chain of what was done."""

from __future__ import annotations

import click

from ..errors import Exit
from .common import App, console, emit, json_option


@click.group()
def audit() -> None:
    """Check the chain of what was done."""


@audit.command()
@json_option
@click.pass_obj
def verify(app: App, as_json: bool) -> int:
    """Follow the chain from its first row to the anchor outside the database; exit 1 where it breaks."""
    from ..ledger import audit as chain
    from ..ledger import open_ledger

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        rows, wrong = chain.verify(connection, ledger.anchor)
    if as_json:
        emit({"rows": rows, "ok": not wrong, "wrong": wrong})
    else:
        out = console()
        for sentence in wrong:
            out.print(f"[red]{sentence}[/red]")
        if not wrong:
            out.print(f"{rows} rows: the chain holds.")
    return int(Exit.FAILED if wrong else Exit.OK)
