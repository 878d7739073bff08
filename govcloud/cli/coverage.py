"""`govcloud ls --coverage`: how many entries come from each row of the source documents."""

from __future__ import annotations

import click

from .common import App, console, emit
from .viewing import open_view


def show_coverage(app: App, *, files: bool, as_json: bool) -> None:
    """Count the accepted entries (``files``: those that the workspace's files say) by source row."""
    from ..report import coverage

    if files:
        from ..source import load

        found = coverage.of_files(load(app.workspace))
    else:
        with open_view(app) as view:
            found = coverage.of_ledger(view)
    if as_json:
        emit(found)
        return
    if not found.rows and not found.missing:
        click.echo("No entry names a row of a document in its `source`.")
        return
    from .tables import print_table

    rows = [(row, str(count)) for row, count in found.rows.items()]
    if rows:
        print_table(console(), ("row", "entries"), rows, right=("entries",))
    if found.missing:
        click.echo(f"without an entry: {', '.join(found.missing)}")
    if found.unknown:
        click.echo(f"named, and no row of the documents: {', '.join(found.unknown)}")
    entries = "1 entry" if found.entries == 1 else f"{found.entries:,} entries"
    click.echo(f"{entries} from {len(found.rows)} rows; {len(found.missing)} rows without one.")
