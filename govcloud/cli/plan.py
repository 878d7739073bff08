"""`govcloud plan`: what apply would do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Exit, InputError, Problem
from . import guarding
from .common import App, console, emit, json_option, unwatched

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..plan.guards import Verdict
    from ..plan.stages import Plan
    from ..workspace import Workspace


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan to FILE.")
@json_option
@click.option("--markdown", is_flag=True, help="Write Markdown, for a merge request.")
@click.option(
    "--detailed-exitcode",
    is_flag=True,
    help="Exit with 3 when there is something to do, 4 when rules deny it.",
)
@click.option("--full", is_flag=True, help="Show every entry, also of long lists.")
@click.option("--destroy", is_flag=True, help="Plan to take down everything that was built.")
@click.pass_obj
def plan(
    app: App,
    out: Path | None,
    as_json: bool,
    markdown: bool,
    detailed_exitcode: bool,
    full: bool,
    destroy: bool,
) -> int:
    """Show the difference between the files and what is accepted, built and seen.

    Changes nothing. `apply FILE` carries out a plan written with --out.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..plan import explain, stages
    from ..plan.gather import propose
    from ..plan.guards import telling
    from ..plan.ruling import refused
    from .asking import check_rollouts
    from .progress import reading

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan")
    with reading(quiet=as_json) as progress:
        proposal = propose(app.workspace, ledger, destroy=destroy, progress=progress)
    check_rollouts(ledger, proposal.plan)
    visible = for_reader(app.workspace, ledger, proposal.plan, keeping=out is not None)
    verdict = guarding.verdict_on(app.workspace, ledger, proposal.plan)
    verdict = guarding.for_reader(app.workspace, ledger, verdict, proposal.plan)
    if out is not None:
        write(out, stages.encode(proposal.plan))
    with unwatched():
        if as_json:
            emit(explain.document(visible) | {"guards": telling.document(verdict)})
        elif markdown:
            click.echo(explain.markdown(visible, above=telling.lines(verdict, visible.effect)))
        else:
            show(visible, verdict, full=full)
            if out is not None:
                click.echo(f"written to {out}; `govcloud apply {out}` carries it out")
        sys.stdout.flush()
    if detailed_exitcode and refused(proposal.plan):
        return int(Exit.DENIED)
    return int(Exit.CHANGES if detailed_exitcode and not proposal.plan.empty else Exit.OK)


def for_reader(workspace: Workspace, ledger: Ledger, plan: Plan, *, keeping: bool = False) -> Plan:
    """The plan as this process's reader may see it. ``keeping``: they will have the whole of it in a file.

    Raises ``DeniedError`` where that would show what they may not read.
    """
    from ..access import read_roles, require, who
    from ..access.sight import sees_all
    from ..plan.veil import hidden_in, touches, veiled

    with ledger.read() as connection:
        if not read_roles(connection).inforce or sees_all(connection, who(workspace, ledger).person):
            return plan
        hidden = hidden_in(connection, plan)
    if not hidden.uids:
        return plan
    if keeping and touches(plan, *hidden):
        what = "to keep a plan that touches classified entries"
        require(ledger, who(workspace, ledger), "read_classified", what)
    return veiled(plan, hidden.uids, hidden.names.__contains__)


def write(out: Path, content: bytes) -> None:
    """Write the plan file. Raises ``InputError`` where it cannot be written."""
    from ..files import write_atomically

    try:
        write_atomically(out, content)
    except OSError as error:
        raise InputError([Problem(error.strerror or str(error), str(out))]) from None


def show(plan: Plan, verdict: Verdict | None = None, *, full: bool = False) -> None:
    """Write a plan to the terminal, coloured like a diff; above it what stands against it."""
    from rich.text import Text

    from ..plan.explain import lines
    from ..plan.guards import telling
    from .tables import print_line

    out = console()
    above = telling.lines(verdict, plan.effect) if verdict is not None else ()
    for style, text in lines(plan, full=full, above=above):
        print_line(out, Text(text, style=style))
