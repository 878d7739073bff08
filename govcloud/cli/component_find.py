"""`govcloud component find`: is it there already, what somebody is about to build?"""

from __future__ import annotations

import click

from ..errors import Exit
from .common import App, emit, json_option
from .component_list import document, refuse_type, tell
from .viewing import open_view


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="WORDS...")
@click.option("--type", "type_", default="", metavar="TYPE", help="Of one type, as identity, seal, payment.")
@click.option(
    "--all", "everything", is_flag=True, help="Those that are planned, retired or not offered, too."
)
@json_option
@click.pass_obj
def find(app: App, words: tuple[str, ...], type_: str, everything: bool, as_json: bool) -> int:
    """Components that fit the words, by their titles, other names and what their type is for.

    Nothing that fits ends with code 1: a script can tell.
    """
    from ..request.components import find as look

    refuse_type(type_)
    with open_view(app, quiet=as_json) as view:
        found = look(view, words, type=type_, everything=everything)
    if as_json:
        emit({"components": [document(one) | {"score": one.score, "by": one.by} for one in found]})
    else:
        tell(found, [f"{one.score:.0f} % {', '.join(one.by)}" for one in found])
        if found:
            click.echo(f"next: govcloud component reuse {found[0].entry.name} --application NAME")
    return int(Exit.OK if found else Exit.FAILED)
