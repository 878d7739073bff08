"""`govcloud component list`: what the business middle platform offers (业务中台服务清单)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .common import App, console, emit, json_option
from .viewing import open_view

if TYPE_CHECKING:
    from ..request.components import Found

# Users that are named; of more, the number.
MOST_USERS = 3


@click.command()
@click.option("--type", "type_", default="", metavar="TYPE", help="Of one type, as identity, seal, payment.")
@click.option(
    "--all", "everything", is_flag=True, help="Those that are planned, retired or not offered, too."
)
@json_option
@click.pass_obj
def list(app: App, type_: str, everything: bool, as_json: bool) -> None:
    """Components that anybody may use, and who uses them."""
    from ..request.components import components

    refuse_type(type_)
    with open_view(app, quiet=as_json) as view:
        found = components(view, type=type_, everything=everything)
    if as_json:
        emit({"components": [document(one) for one in found]})
        return
    tell(found, [])


def refuse_type(name: str) -> None:
    """Raises ``InputError`` for a type that no component can have, with the nearest."""
    from typing import get_args

    from ..errors import InputError, Problem
    from ..model import fields
    from .common import nearest

    types = get_args(fields("component")["type"].type)
    if name and name not in types:
        near = nearest(name, types)
        hint = f"did you mean {near}?" if near else f"types: {', '.join(types)}"
        raise InputError([Problem(f"no type of component is called {name!r}", hint=hint)])


def document(one: Found) -> dict[str, Any]:
    """A component as ``--json`` writes it."""
    entry = one.entry
    said = {key: entry.get(key) for key in ("title", "type", "unit", "application", "interface", "version")}
    state = {"offered": bool(entry.get("offered")), "status": entry.get("status"), "users": [*one.users]}
    return {"name": entry.name, **said, **state}


def tell(found: Sequence[Found], by: Sequence[str]) -> None:
    """A table of components; ``by``: a column more, in their order."""
    from .tables import print_table

    if not found:
        click.echo("no component")
        return
    rows = []
    for number, one in enumerate(found):
        entry = one.entry
        users = ", ".join(one.users[:MOST_USERS])
        users += f" and {len(one.users) - MOST_USERS} more" if len(one.users) > MOST_USERS else ""
        state = str(entry.get("status")) if entry.get("offered") else f"{entry.get('status')}, not offered"
        row = [entry.name, entry.title, str(entry.get("type")), str(entry.get("unit")), state]
        rows.append([*row, *([by[number]] if by else []), users, str(entry.get("interface"))])
    heads = ["component", "", "type", "unit", "status", *(["fits"] if by else []), "used by", "interface"]
    print_table(console(), heads, rows)
