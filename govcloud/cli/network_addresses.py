"""`govcloud network addresses`: how address space is divided, what of it is free, how much is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError, Problem
from .common import App, console, emit, json_option, nearest, unwatched
from .viewing import cell, open_view

if TYPE_CHECKING:
    from rich.text import Text

    from ..addressing.blocks import Block
    from ..addressing.places import SpaceKey
    from ..addressing.usage import Division, Node
    from ..ledger.browsing import View

FORK, END, GUIDE, BLANK = "├── ", "└── ", "│   ", "    "
# Cells of a bar that shows how much is used.
BAR = 10
GROUPS = ("plan", "level", "region", "vrf")


@click.group()
def addresses() -> None:
    """Address space: the tree, what is free, how much is used."""


@addresses.command()
@click.argument("plan", required=False)
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Levels below a plan's block.")
@json_option
@click.pass_obj
def tree(app: App, plan: str | None, depth: int | None, as_json: bool) -> None:
    """Draw address plans with the prefixes in them: whose each is, and how much of it is used."""
    with open_view(app) as view:
        division, _ = _read(view)
    plans = division.plans()
    if plan is not None:
        if plan not in plans or not plan:
            raise _no_such(plan, [name for name in plans if name], "address_plan")
        plans = {plan: plans[plan]}
    if as_json:
        emit(
            [
                {"plan": name, "blocks": [_document(node, depth) for node in nodes]}
                for name, nodes in sorted(plans.items())
            ]
        )
        return
    from rich.text import Text

    from .tables import print_line

    out = console()
    with unwatched():
        if not plans:
            click.echo("No address plan and no prefix is accepted.")
        for name, nodes in sorted(plans.items()):
            print_line(out, Text(f"address_plan/{name}" if name else "no plan", "bold"))
            for number, node in enumerate(nodes):
                for line in _lines(node, "", number == len(nodes) - 1, depth):
                    print_line(out, line)


@addresses.command()
@click.argument("where", metavar="[PLAN|PREFIX]", required=False)
@click.option(
    "--length", type=click.IntRange(0, 128), required=True, metavar="N", help="Of the prefix wanted."
)
@click.option("--count", is_flag=True, help="Only how many there are.")
@json_option
@click.pass_obj
def free(app: App, where: str | None, length: int, count: bool, as_json: bool) -> None:
    """Find free prefixes of a length: in a plan, in a prefix by its name or as it is written, or anywhere.

    \b
    first   the lowest
    next    the one with most room to grow, which `auto` takes in a sparse plan
    """
    with open_view(app) as view:
        division, hidden = _read(view)
        occupied = _occupied(view, division)
    rows: list[dict[str, Any]] = []
    for plan, block, space in _blocks(division, where, hidden):
        if block.length > length or length > block.length_of_address:
            if where is not None:
                message = f"a /{length} does not fit into {block.text}"
                raise InputError(
                    [Problem(message)], hint=f"say --length {block.length} to {block.length_of_address}"
                )
            continue
        room = occupied.space(space, block)
        pool = (block.low, block.length)
        first, spread = room.first(pool, length), room.sparse(pool, length)
        rows.append(
            {
                "plan": plan,
                "block": block.text,
                "zone": space.zone,
                "vrf": space.vrf,
                "length": length,
                "first": None if first is None else block._replace(low=first, length=length).text,
                "next": None if spread is None else block._replace(low=spread, length=length).text,
                "count": room.room(pool, length),
            }
        )
    if as_json:
        emit(rows)
    elif count:
        click.echo(str(sum(row["count"] for row in rows)))
    elif not rows:
        click.echo("No address plan is accepted in which it fits." if where is None else "Nothing is free.")
    else:
        from .tables import print_table

        heads = ("plan", "block", "space", f"free /{length}", "first", "next")
        cells = [
            (
                row["plan"] or "-",
                row["block"],
                f"VRF {row['vrf']}" if row["vrf"] else row["zone"] or "-",
                f"{row['count']:,}",
                row["first"] or "-",
                row["next"] or "-",
            )
            for row in rows
        ]
        with unwatched():
            print_table(console(), heads, cells, right={f"free /{length}"})


@addresses.command()
@click.option("--by", type=click.Choice(GROUPS), default="plan", show_default=True, help="What a line is of.")
@json_option
@click.pass_obj
def usage(app: App, by: str, as_json: bool) -> None:
    """Tell how much of the address space is used: IPv6 in /64s, IPv4 in addresses."""
    from ..addressing.usage import rows_by

    with open_view(app) as view:
        division, _ = _read(view)
    rows = rows_by(division.plans(), by)
    if as_json:
        emit(
            [
                {
                    by: row.group,
                    "plan": row.plan,
                    "family": row.family,
                    "unit": row.unit,
                    "prefixes": row.prefixes,
                    "size": row.size,
                    "used": row.used,
                    "share": round(row.share, 6),
                }
                for row in rows
            ]
        )
        return
    if not rows:
        click.echo(f"No prefix is accepted that has a {by}.")
        return
    from .tables import print_table

    named = ("plan",) if by == "level" else ()
    heads = (by, *named, "IP", "prefixes", "size", "used", "", "share")
    cells = [
        (
            cell(row.group),
            *([cell(row.plan)] if named else []),
            f"v{row.family}",
            f"{row.prefixes:,}",
            f"{row.size:,} {row.unit}",
            f"{row.used:,}",
            _bar(row.share),
            _percent(row.share),
        )
        for row in rows
    ]
    with unwatched():
        print_table(console(), heads, cells, right={"prefixes", "size", "used", "share"})


# -- reading ----------------------------------------------------------------------------------------


def _read(view: View) -> tuple[Division, frozenset[tuple[str, str]]]:
    """Everything accepted that has to do with addresses. What a reader may not see counts all the same."""
    from ..addressing.occupancy import HELD
    from ..addressing.usage import Division
    from ..ledger import entries
    from ..plan.allocating import READ

    known: dict[tuple[str, str], Any] = {}
    unseen: set[tuple[str, str]] = set()
    for kind in {*READ, *HELD, "profile"}:
        for key, entry in entries.current(view.connection, kind=kind).items():
            known[key] = entry.fields
            if entry.uid in view.hidden:
                unseen.add(key)
    hidden = frozenset(unseen)
    return Division(known, hidden), hidden


def _occupied(view: View, division: Division) -> Any:
    """What nobody else may have, with what rests."""
    from ..addressing.occupancy import Occupancy
    from ..plan.allocating import resting

    occupied = Occupancy()
    occupied.add_entries(division.entries)
    occupied.add(resting(view.connection, division.entries))
    return occupied


def _blocks(
    division: Division, where: str | None, hidden: frozenset[tuple[str, str]]
) -> Iterator[tuple[str, Block, SpaceKey]]:
    """(plan, block, space) of what a word means: all plans, one, a prefix by name or as it is written."""
    plans = division.plans()
    names = {key[1] for key in division.entries if key[0] == "prefix" and key not in hidden}
    word = (where or "").removeprefix("address_plan/")
    if where is None or (word in plans and word):
        for plan in sorted(plans) if where is None else [word]:
            if plan:
                yield from ((plan, *division.at(node)) for node in plans[plan])
        return
    word = where.removeprefix("prefix/")
    if word in names:
        yield from ((node.plan, *division.at(node)) for node in division.walk() if node.name == word)
        return
    yield _written(division, where, [*(name for name in plans if name), *names])


def _written(division: Division, text: str, names: list[str]) -> tuple[str, Block, SpaceKey]:
    """A block as it is written, in the space of the narrowest plan or prefix that holds it."""
    from ..addressing.blocks import read_block
    from ..addressing.forms import Misread

    try:
        block = read_block(text)
    except Misread as wrong:
        if "/" in text and (":" in text or text[0].isdigit()):
            raise InputError([Problem(str(wrong))], hint=wrong.hint) from None
        raise _no_such(text, names, "address plan or prefix") from None
    around = [node for node in division.walk() if division.at(node)[0].holds(block)]
    spaces = {division.at(node)[1] for node in around}
    if not spaces:
        message = f"{block.text} lies in no address plan and no prefix"
        raise InputError([Problem(message)], hint="`govcloud network addresses tree` shows them")
    if len(spaces) > 1:
        several = ", ".join(f"{n.plan or n.name} ({division.at(n)[1].words})" for n in around)
        raise InputError([Problem(f"{block.text} lies in several")], hint=f"say which by its name: {several}")
    last = max(around, key=lambda node: division.at(node)[0].length)
    return last.plan, block, division.at(last)[1]


def _no_such(word: str, names: list[str], what: str) -> InputError:
    guess = nearest(word, names)
    hint = f"did you mean {guess}?" if guess else "`govcloud network addresses tree` shows them"
    return InputError([Problem(f"no {what.replace('_', ' ')} is called {word!r}")], hint=hint)


# -- showing ----------------------------------------------------------------------------------------


def _document(node: Node, depth: int | None) -> dict[str, Any]:
    from ..addressing.usage import UNIT

    below = None if depth is None else depth - 1
    return {
        "prefix": node.prefix,
        "name": node.name or None,
        "title": node.title,
        "family": node.family,
        "level": node.level,
        "role": node.role,
        "status": node.status,
        "holder": node.holder or None,
        "zone": node.zone,
        "vrf": node.vrf,
        "pairs_with": node.pairs_with or None,
        "unit": UNIT[node.family],
        "size": node.size,
        "used": node.used,
        "given": node.given,
        "children": [] if depth == 0 else [_document(child, below) for child in node.children],
    }


def _lines(node: Node, under: str, last: bool, depth: int | None) -> Iterator[Text]:
    from rich.text import Text

    line = Text(under + (END if last else FORK), "dim")
    line.append(node.prefix, "bold")
    words = [node.level, node.role if node.role not in ("", "lan") else "", node.holder or node.name]
    words += [node.status if node.status not in ("", "container", "active") else "", node.title]
    line.append("  " + " · ".join(word for word in words if word) if any(words) else "")
    line.append(f"  {_bar(node.share)} {_percent(node.share)}", "dim")
    line.append(f" of {_counted(node)}", "dim")
    yield line
    below = under + (BLANK if last else GUIDE)
    if depth == 0:
        if node.children:
            yield Text(f"{below}{END}… and {sum(1 for _ in _all(node)) - 1} more", "dim")
        return
    for number, child in enumerate(node.children):
        ends = number == len(node.children) - 1
        yield from _lines(child, below, ends, None if depth is None else depth - 1)


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _all(child)


def _counted(node: Node) -> str:
    if node.family == 6:
        return f"{node.size:,} /64" + ("s" if node.size != 1 else "")
    return f"{node.size:,} address" + ("es" if node.size != 1 else "")


def _bar(share: float) -> str:
    full = min(BAR, max(int(share * BAR), int(share > 0)))
    return "█" * full + "░" * (BAR - full)


def _percent(share: float) -> str:
    """Never 0 % where something is used, never 100 % where something is free."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{share:.1%}".replace("%", " %")
