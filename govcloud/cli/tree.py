"""`govcloud tree`: the ledger by place, by unit, by network, by application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError, Problem
from .common import App, console, emit, json_option, nearest
from .completing import complete_root
from .viewing import cell, counted, entry_named, open_view

if TYPE_CHECKING:
    from rich.text import Text

    from ..ledger.browsing import Seen, View
    from ..report.tree import Branch

# What leads from a branch to those on it, each four cells wide.
FORK, END, GUIDE, BLANK = "├── ", "└── ", "│   ", "    "
SHAPES = ("place", "unit", "network", "application")


@click.command()
@click.argument("shape", type=click.Choice(SHAPES))
@click.argument("root", required=False, shell_complete=complete_root)
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Levels below the top.")
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Entries of one kind below another.",
)
@json_option
@click.pass_obj
def tree(app: App, shape: str, root: str | None, depth: int | None, most: int, as_json: bool) -> None:
    """Draw the ledger as a tree, from ROOT down or whole; what is not drawn is counted.

    \b
    place        region, site, room, rack, server; clouds and nodes at their sites
    unit         units with people, applications, cloud projects and what else is theirs
    network      zone, node, network, machines; links and circuits at their nodes
    application  components, endpoints, machines, data, what it needs and who needs it
    """
    from ..report import tree as trees

    with open_view(app) as view:
        starts = [_root(view, shape, root)] if root else trees.tops(view, trees.SHAPES[shape])
        grown = trees.grow(view, shape, starts, depth=depth, most=most)
    if as_json:
        emit(grown)
        return
    top = trees.SHAPES[shape].top
    if not grown.branches:
        click.echo(f"No {top} is accepted: this tree has no top.")
        return
    from rich.text import Text

    out = console()
    for branch in grown.branches:
        for start, under, line in _lines(branch, "", ""):
            # In a pipe lines are as long as they are; on a terminal they go on under their guides.
            room = max(20, out.width - len(start) - len(GUIDE)) if out.is_terminal else line.cell_len
            for number, part in enumerate(line.wrap(out, room) if line.cell_len > room else [line]):
                part.rstrip()
                out.print(Text(under if number else start, "dim").append_text(part))
    if grown.more:
        out.print(f"… and {counted(grown.more, top)} more; --most shows more of them", markup=False)


def _root(view: View, shape: str, word: str) -> Seen:
    """An entry that the tree may begin with, by its name alone or as ``KIND/NAME``."""
    from ..report.tree import SHAPES as KNOWN

    kinds = list(KNOWN[shape].ways)
    if "/" in word:
        entry = entry_named(view, word)
        if entry.kind not in kinds:
            message = f"nothing stands beneath a {entry.kind} in the tree by {shape}"
            raise InputError([Problem(message)], hint="tops may be: " + ", ".join(kinds))
        return entry
    called = view.called(word, kinds)
    # What the tree is made of comes first; the same name may be an endpoint's too.
    called = [key for key in called if key[0] == KNOWN[shape].top] or called
    if len(called) > 1:
        several = ", ".join(f"{kind}/{name}" for kind, name in called)
        raise InputError([Problem(f"{word!r} is the name of several")], hint=f"say which: {several}")
    if not called:
        near = {name: kind for kind in reversed(kinds) for name in view.names(kind, word[:2], 2000)}
        guess = nearest(word, near)
        hint = f"did you mean {near[guess]}/{guess}?" if guess else f"tops may be: {', '.join(kinds)}"
        raise InputError([Problem(f"the tree by {shape} has no {word!r}")], hint=hint)
    found = view.find(*called[0])
    assert found is not None
    return found


def _lines(branch: Branch, start: str, under: str) -> Iterator[tuple[str, str, Text]]:
    """(guides, guides under it, line) of a branch, then of all that hangs on it."""
    from rich.text import Text

    yield start, under + (GUIDE if branch.children else ""), _line(branch)
    # Where nothing is drawn the line has already counted all.
    more = branch.more if branch.children else {}
    last = len(branch.children) - 1
    for number, child in enumerate(branch.children):
        ends = number == last and not more
        yield from _lines(child, under + (END if ends else FORK), under + (BLANK if ends else GUIDE))
    if more:
        left = ", ".join(counted(n, kind) for kind, n in more.items())
        yield under + END, under + BLANK, Text(f"… and {left}", "dim")


def _line(branch: Branch) -> Text:
    from rich.text import Text

    from .tables import harmless

    parts: list[Any] = []
    if branch.label:
        parts += [(branch.label, "italic"), " "]
    parts += [(f"{branch.kind}/", "dim"), (branch.name, "bold")]
    if branch.title:
        parts += ["  ", branch.title]
    if branch.brief:
        parts += ["  ", (" ".join(cell(value) for value in branch.brief.values()), "cyan")]
    if branch.repeated:
        parts += ["  ", ("(see above)", "dim")]
    elif branch.beneath:
        parts += ["  ", ("· " + ", ".join(counted(n, k) for k, n in branch.beneath.items()), "dim")]
    return harmless(Text.assemble(*parts))
