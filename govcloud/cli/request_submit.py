"""`govcloud request submit` and `withdraw`: a form is judged, held and frozen, or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit
from .common import App, console, emit, json_option, unwatched
from .redacting import redacted

if TYPE_CHECKING:
    from ..capacity.accounts import Account
    from ..ledger.requests import Row
    from ..request.changing import Changed
    from ..request.pricing import Costs
    from ..request.submitting import Submission


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="FILE")
@click.option("--replace", is_flag=True, help="In place of what was submitted; its signatures are void then.")
@click.option("--dry-run", is_flag=True, help="Show what it would do; submit nothing, hold nothing.")
@json_option
@click.pass_obj
@redacted
def submit(app: App, file: Path, replace: bool, dry_run: bool, as_json: bool) -> int:
    """Judge a request, hold what it needs, and freeze what would happen.

    What people decide on is the plan over the files as they were recorded: edits that nobody applied are no
    part of it. Denied (4) by a rule, or where a quota or a cloud has no room.
    """
    from ..access import enforce
    from ..ledger import open_ledger, requests
    from ..request import submitting
    from ..request.document import read

    # What a request stands on is accepted: where there is no ledger yet, there is no unit that could ask.
    ledger = open_ledger(app.workspace)
    identity = enforce(app.workspace, ledger, "plan")
    document = read(file)
    with ledger.read() as connection:
        known = requests.find(connection, document.name)
        submitting.refuse_again(connection, known, document, replace=replace)
    one = submitting.prepare(app.workspace, ledger, identity, document)
    row = None if dry_run else submitting.submit(app.workspace, ledger, identity, one, replace=replace)
    _tell(app, one, row, as_json)
    return int(Exit.OK)


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--reason", default="", metavar="TEXT", help="Why; it is written down.")
@json_option
@click.pass_obj
@redacted
def withdraw(app: App, name: str, reason: str, as_json: bool) -> int:
    """Take back what was submitted and not carried out: what was held for it is free again."""
    from ..access import who
    from ..ledger import open_ledger, requests
    from ..request import carrying, states
    from ..request.deciding import refuse_words

    refuse_words(reason, least=0)
    ledger = open_ledger(app.workspace)
    identity = who(app.workspace, ledger)
    carrying.settle(ledger, identity, name)
    with ledger.write() as connection:
        row = requests.get(connection, name)
        held = requests.held(connection, request=name)
        row = states.move(connection, identity, row, "withdraw", note=reason.strip())
    if as_json:
        emit({"request": row, "released": held})
        return int(Exit.OK)
    free = f"; {len(held)} reservations are free again" if held else ""
    click.echo(f"request {row.name} is withdrawn{free}")
    return int(Exit.OK)


def document_of(one: Submission, row: Row | None) -> dict[str, Any]:
    """The keys of ``--json`` beside the plan's (docs/requests.md)."""
    return {
        "request": row,
        "name": one.document.name,
        "unit": one.document.unit,
        "makes": one.made,
        "changes": one.changes.changed,
        "accounts": accounts_document(one.accounts),
        "costs": costs_document(one.costs),
    }


def accounts_document(found: list[Account]) -> list[dict[str, Any]]:
    """Each pool before and after; ``limit`` and ``free_after`` are null where there is no bound."""
    return [
        {
            "pool": a.pool,
            "limit": a.limit,
            "taken": a.taken,
            "held": a.held,
            "asked": a.asked,
            "free_after": None if a.free is None else a.free - a.asked,
        }
        for a in found
    ]


def costs_document(found: Costs) -> dict[str, Any]:
    """The prices that count, and their sum."""
    lines = [{"what": c.what, "amount": c.amount, "price": c.price, "sum": c.sum} for c in found.lines]
    return {"currency": found.currency, "per": found.per, "sum": found.sum, "lines": lines}


def _tell(app: App, one: Submission, row: Row | None, as_json: bool) -> None:
    from ..ledger import open_ledger
    from ..plan import explain
    from . import guarding
    from .plan import for_reader, show

    ledger = open_ledger(app.workspace)
    plan = for_reader(app.workspace, ledger, one.proposal.plan)
    if as_json:
        emit(document_of(one, row) | {"plan": explain.document(plan)})
        return
    whole = one.proposal.plan
    verdict = guarding.verdict_on(app.workspace, ledger, whole)
    verdict = guarding.for_reader(app.workspace, ledger, verdict, whole)
    with unwatched():
        show(plan, verdict)
        click.echo("")
        show_effects(one.made, one.accounts, one.costs, one.changes.changed)
    if row is None:
        click.echo("nothing was submitted; without --dry-run it is")
        return
    click.echo(f"submitted: request {row.name} (version {row.version}), effect {row.effect[:12]}")
    click.echo(f"next: `govcloud request show {row.name}` tells who decides on it")


def show_effects(
    made: dict[str, int], accounts: list[Account], costs: Costs, changed: Sequence[Changed] = ()
) -> None:
    """What is made and changed, what it takes of whose quota, and what it costs."""
    from rich.text import Text

    from ..policy.pools import parts, told
    from .tables import print_line, print_table

    out = console()
    print_line(out, Text("makes: " + ", ".join(f"{count} {kind}" for kind, count in made.items())), 7)
    for one in changed:
        of = f"which request {one.of} made" if one.of else "held against its file until that says so too"
        print_line(out, Text(f"changes: {one.words()}  ({of})"), 9)
    bounded = [a for a in accounts if a.limit is not None]
    rows = []
    for a in bounded:
        kind, name, measure = parts(a.pool)
        assert a.limit is not None and a.free is not None
        figures = (a.limit, a.taken, a.held, a.asked, a.free - a.asked)
        rows.append((f"{kind}/{name}", measure, *(told(value, measure) for value in figures)))
    if rows:
        heads = ("of", "measure", "limit", "taken", "held", "asked", "left")
        print_table(out, heads, rows, right=("limit", "taken", "held", "asked", "left"))
    unbounded = len(accounts) - len(bounded)
    if unbounded and not rows:
        click.echo("no quota and no capacity bounds what it takes")
    if costs.lines:
        per = f" a {costs.per}" if costs.per else ""
        parts_ = ", ".join(f"{c.amount:g} × {c.what} at {c.price:g}" for c in costs.lines)
        print_line(out, Text(f"costs: {costs.sum:,.2f} {costs.currency}{per} ({parts_})"), 7)
