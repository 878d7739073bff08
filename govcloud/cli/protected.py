"""`govcloud ls --protected`: the protection catalogue, with level, duty holder and emergency plan."""

from __future__ import annotations

import click

from .common import App, console, emit
from .viewing import cell, open_view


def show_protected(app: App, *, as_json: bool) -> None:
    """List what is protected above the rest (000:L91), and what is lacking of it."""
    from datetime import date

    from ..report import protected

    with open_view(app) as view:
        found = protected.catalogue(view, date.today())
    if as_json:
        emit(found)
        return
    if not found:
        click.echo("Nothing accepted is network infrastructure, an important system or key data.")
        return
    from .tables import print_table

    rows = [
        (one.entry, one.title, one.sort, cell(one.grade or ""), one.person, one.since, one.plan)
        for one in found
    ]
    columns = ("entry", "名称", "sort", "grade", "duty holder", "since", "emergency plan")
    print_table(console(), columns, rows, right=("grade",))
    whole = sum(bool(one.since and one.person and one.grade and one.plan) for one in found)
    click.echo(f"{len(found):,} protected, {whole:,} of them with day, level, duty holder and emergency plan")
