"""`govcloud state`: the engine's state and the ledger against what stands, and together again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, InputError, Problem
from .common import App, console, emit, json_option, yes_option
from .guarding import ask_leave, leave_options

if TYPE_CHECKING:
    from ..plan.guards import Leave
    from ..run.rebuilding import Findings


@click.group()
def state() -> None:
    """Check and rebuild what the engine knows; take back what a restored ledger has forgotten."""


@state.command()
@click.option("--stack", metavar="STACK", help="Only this one.")
@json_option
@click.pass_obj
def check(app: App, stack: str | None, as_json: bool) -> int:
    """Hold the engine's state, the ledger and what stands against each other. Changes nothing.

    Exits with 3 where they do not agree.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..run.rebuilding import look

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan")
    found = look(app.workspace, ledger, stack)
    if as_json:
        emit(document(found))
    else:
        _show(found)
    return int(Exit.CHANGES if found.wrong else Exit.OK)


@state.command()
@click.option("--stack", metavar="STACK", help="Only this one.")
@json_option
@yes_option
@leave_options
@click.pass_obj
def rebuild(app: App, stack: str | None, as_json: bool, yes: bool, leave: Leave) -> int:
    """Let engine and ledger know what stands, by its identity. No object is touched.

    What is newer than a restored ledger is taken in where its entry is known; of the rest it is told, and
    nobody sweeps it until files declare it again.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..run.rebuilding import bring_together, look, planned, put_aside
    from .apply import ask, carry, tell_nothing

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    found = look(app.workspace, ledger, stack)
    if not found.wrong:
        tell_nothing(as_json, "The engine's state, the ledger and what stands agree.")
        return int(Exit.OK)
    if not as_json:
        _show(found)
    judged = planned(app.workspace, ledger, found, every=True).plan
    if leave.emergency and planned(app.workspace, ledger, found).plan.empty:
        # Without a run there is nothing that somebody could approve afterwards.
        raise InputError([Problem("nothing is to be run here that could be an emergency")])
    leave = ask_leave(app.workspace, ledger, judged, leave, quiet=as_json)
    if not yes:
        ask(as_json)
    bring_together(app.workspace, ledger, found, judged, leave)
    for path in put_aside(app.workspace, ledger, found):
        click.echo(f"the state that cannot be read is kept as {path}", err=True)
    proposal = planned(app.workspace, ledger, found)
    if proposal.plan.empty:
        tell_nothing(as_json, "The ledger is brought to what stands.")
        return int(Exit.OK)
    return carry(app.workspace, ledger, proposal, as_json, True, leave)


def document(found: Findings) -> dict[str, Any]:
    """As JSON: agrees, stacks, taken, newer, older, token, fence."""
    return {
        "agrees": not found.wrong,
        "stacks": found.stacks,
        "taken": found.taken,
        "newer": found.newer,
        "older": found.older,
        "token": found.token,
        "fence": found.fence,
    }


def _show(found: Findings) -> None:
    from rich.text import Text

    from .tables import print_line

    out = console()
    if found.older:
        words = (
            f"the ledger is older than what stands: its newest run had token {found.token}, a target has "
            f"seen {found.fence}; no run can build until `govcloud state rebuild`"
        )
        print_line(out, Text(words, "yellow"))
    for one in found.stacks:
        if not one.wrong:
            continue
        what = "cannot be read" if one.unreadable else "is lost" if one.lost else "differs"
        print_line(out, Text(f"{one.stack}: its state {what}", "bold"))
        for what, names in (
            ("built, and the engine does not know it", one.unknown),
            ("the engine knows it, and the ledger does not", one.surplus),
        ):
            for name in names:
                print_line(out, Text(f"  {name}: {what}"))
    for stray in found.taken:
        words = f"{stray.subject}: {stray.object} stands, and the ledger does not know it is built"
        print_line(out, Text(words))
    for stray in found.newer:
        name = f"{stray.type.lower()} {stray.name} ({stray.object} at {stray.target})"
        print_line(out, Text(f"{name} is newer than the ledger: kept, until files declare it", "blue"))
    if not found.wrong:
        count = len(found.stacks)
        out.print(f"{count} stack{'s' if count != 1 else ''}: the engine, the ledger and what stands agree.")
