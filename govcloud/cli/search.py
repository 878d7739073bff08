"""`govcloud search`: whatever contains these words, the best first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .common import App, console, emit, json_option
from .completing import complete_kind
from .viewing import kind_named, open_view

if TYPE_CHECKING:
    from rich.text import Text

    from ..report.search import Hit


@click.command()
@click.argument("text", nargs=-1, required=True)
@click.option("--kind", metavar="KIND", shell_complete=complete_kind, help="Only entries of this kind.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N")
@json_option
@click.pass_obj
def search(app: App, text: tuple[str, ...], kind: str | None, limit: int, as_json: bool) -> None:
    """Find entries that contain every word of TEXT, in Chinese or English, or hold the address it is.

    The name counts most, then how it begins, then the title, then any field.
    """
    from ..report import search as searching

    wanted = kind_named(kind) if kind else None
    with open_view(app) as view:
        found = searching.search(view, " ".join(text), kind=wanted, limit=limit)
    if as_json:
        emit(found)
        return
    if not found.hits:
        click.echo(f"Nothing contains {' and '.join(repr(word) for word in text)}, or is nearly so called.")
        return
    if found.alike:
        click.echo("Nothing contains that; nearly so called are:")
    from .tables import print_table

    rows = [(f"{hit.kind}/{hit.name}", hit.title, hit.reason, _why(hit)) for hit in found.hits]
    print_table(console(), ("entry", "title", "found by", "where"), rows)
    if found.total > len(found.hits):
        click.echo(f"… and {found.total - len(found.hits):,} more; --kind and more words narrow it down.")


def _why(hit: Hit) -> Text:
    from rich.text import Text

    line = Text()
    for number, match in enumerate(hit.matches):
        line.append("  " if number else "")
        line.append(f"{match.field}: ", "dim")
        line.append(match.text[: match.start])
        line.append(match.text[match.start : match.end], "bold yellow")
        line.append(match.text[match.end :])
    return line
