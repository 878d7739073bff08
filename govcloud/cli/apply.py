"""`govcloud apply` and `govcloud destroy`: plans carried out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..errors import ConflictError, DeniedError, Exit, InputError, Problem
from . import guarding
from .common import App, console, json_option, unwatched, yes_option
from .guarding import leave_options

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..plan.gather import Proposal
    from ..plan.guards import Leave
    from ..plan.stages import Plan
    from ..run.events import Sink
    from ..run.runner import Outcome
    from ..workspace import Workspace
    from .attending import Order


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@json_option
@yes_option
@leave_options
@click.pass_obj
def apply(app: App, file: Path | None, as_json: bool, yes: bool, leave: Leave) -> int:
    """Carry out the plan of the files, or of FILE: record, build, configure, measure.

    A plan file is held against the ledger first: where its base has moved, the plan is made again,
    and goes on only if it would do the same. A plan beyond its limits wants more than --yes.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..plan.gather import NO_PINS, NOTHING_ASKED, propose, read_plan
    from ..plan.pins import vouch
    from .asking import check_rollouts
    from .progress import reading

    given = read_plan(file) if file is not None else None
    destroying = given is not None and given.destroy
    # A missing ledger is made only for a run: faulty files and refused plans leave nothing behind.
    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    pins = given.pins if given is not None else NO_PINS
    asked = given.asked if given is not None else NOTHING_ASKED
    if pins:
        with ledger.read() as connection:
            vouch(connection, pins)
    if asked:
        from .asking import vouch_asked

        vouch_asked(app.workspace, ledger, asked)
    with reading(quiet=as_json) as progress:
        proposal = propose(
            app.workspace,
            ledger,
            destroy=destroying,
            pins=pins,
            asked=asked,
            recorded=given is not None and given.recorded,
            progress=progress,
        )
    check_rollouts(ledger, proposal.plan)
    if given is not None:
        _same_effect(app.workspace, ledger, given, proposal, file)
    if asked:
        from .asking import judge_asked

        judge_asked(app.workspace, ledger, proposal.plan)
    return carry(app.workspace, ledger, proposal, as_json, yes, leave)


@click.command()
@json_option
@yes_option
@leave_options
@click.pass_obj
def destroy(app: App, as_json: bool, yes: bool, leave: Leave) -> int:
    """Take down everything that was built, users before what they use. The ledger keeps its entries."""
    from ..access import enforce
    from ..ledger import open_ledger
    from ..plan.gather import propose

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    proposal = propose(app.workspace, ledger, destroy=True)
    return carry(app.workspace, ledger, proposal, as_json, yes, leave)


def _same_effect(
    workspace: Workspace, ledger: Ledger, given: Plan, proposal: Proposal, file: Path | None
) -> None:
    """Raises ``ConflictError`` where the plan file no longer says what would happen."""
    from ..plan.gather import still_based
    from ..plan.guards.signing import true_effect

    if given.environment != workspace.environment:
        raise InputError(
            [Problem(f"the plan is for {given.environment}, this is {workspace.environment}", str(file))]
        )
    # A file of an older format is held against what that format calls the effect.
    if given.effect == true_effect(msgspec.structs.replace(proposal.plan, version=given.version)):
        return
    moved = "the ledger has moved" if not still_based(given, ledger) else "the files have changed"
    raise ConflictError(
        f"{moved} since {file} was made, and applying now would do something else: "
        f"effect {given.effect[:8]} became {proposal.plan.effect[:8]}",
        hint="`govcloud plan --out FILE` shows and writes the new one",
    )


def carry(
    workspace: Workspace,
    ledger: Ledger,
    proposal: Proposal,
    as_json: bool,
    yes: bool,
    leave: Leave | None = None,
    order: Order | None = None,
) -> int:
    """Show a plan, ask, carry it out; returns the exit code. Where nothing is to do only claims are kept.

    ``leave``: what its caller says to go past guards. ``order``: what it carries out, where that says more
    than the plan itself. Raises ``DeniedError`` where one stands against it.
    """
    from ..access import check_changes, who
    from ..ledger import open_ledger
    from ..plan.guards import NO_LEAVE
    from ..plan.guards.lifting import check_lifting
    from ..plan.stages import Record
    from ..run.ready import check_reachable
    from ..run.runner import keep, start
    from .attending import attended, of_plan

    plan = proposal.plan
    changes = [c for s in plan.stages if isinstance(s, Record) for c in s.changes]
    check_changes(ledger, who(workspace, ledger), changes)
    check_lifting(ledger, who(workspace, ledger), changes)
    if plan.empty:
        # What the ledger calls built is nowhere while the lab is down.
        check_reachable(workspace, ledger, plan)
        keep(workspace, ledger, plan)
        tell_nothing(as_json)
        return int(Exit.OK)
    if not as_json:
        from .plan import for_reader, show

        verdict = guarding.verdict_on(workspace, ledger, plan)
        verdict = guarding.for_reader(workspace, ledger, verdict, plan)
        with unwatched():
            show(for_reader(workspace, ledger, plan), verdict)
    leave = guarding.ask_leave(workspace, ledger, plan, leave or NO_LEAVE, quiet=as_json)
    if not yes and not leave.confirmed:
        ask(as_json)
    _warn_uncommitted(workspace, plan)
    ledger = open_ledger(workspace, create=True)
    order = order or of_plan(workspace, ledger, plan)
    how: dict[str, Any] = {} if order is None else {"ended": order.ended}
    urgent = bool(leave.emergency)
    if not urgent:
        _refuse_held(ledger, plan)

    def judge() -> None:
        if order is not None:
            order.judge()
        if not urgent:
            _refuse_held(ledger, plan)

    def go(began: Callable[[str], None]) -> Outcome:
        shown = sinks(as_json)
        return start(
            workspace, ledger, plan, proposal.blobs, shown, leave=leave, judge=judge, began=began, **how
        )

    return attended(workspace, ledger, plan, order, go, as_json)


def _refuse_held(ledger: Ledger, plan: Plan) -> None:
    """Raises ``DeniedError`` where a plan would take what is held for requests that it does not carry out."""
    from ..capacity.accounts import refuse_held
    from ..plan.guards.questions import asked_in
    from ..plan.stages import Record

    changes = [c for s in plan.stages if isinstance(s, Record) for c in s.changes]
    changed = {(c.kind, c.name): None if c.verb == "delete" else c.fields for c in changes}
    with ledger.read() as connection:
        refuse_held(connection, changed, asked_in(plan))


def _warn_uncommitted(workspace: Workspace, plan: Plan) -> None:
    """Say that colleagues cannot tell files which are in no commit from files that were taken away."""
    from ..plan.lineage import uncommitted

    files = uncommitted(workspace.root) if plan.commit and not plan.destroy else []
    if files:
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        click.echo(
            f"warning: {', '.join(files[:3])}{more} not as in commit {plan.commit[:10]}: "
            "commit and push, or a colleague's next plan takes this back",
            err=True,
        )


def tell_nothing(as_json: bool, words: str = "Nothing to do.") -> None:
    """As a run of nothing ends: an event, or a sentence."""
    if as_json:
        from ..run.events import RunEnded
        from ..run.sinks import JsonLines

        JsonLines().handle(RunEnded("", "done", 0.0))
    else:
        click.echo(words)


def ask(as_json: bool) -> None:
    """Ask a person; a pipe must say --yes itself."""
    if as_json or not sys.stdin.isatty():
        raise DeniedError("nobody is there to confirm the plan", hint="`--yes` confirms it beforehand")
    if not click.confirm("\nDo this?"):
        raise DeniedError("not confirmed; nothing was done")


def sinks(as_json: bool) -> list[Sink]:
    """How a run is shown: JSON lines, a live view on a terminal, plain lines elsewhere."""
    from ..run.sinks import JsonLines, Lines, Live

    if as_json:
        return [JsonLines()]
    if sys.stdout.isatty():
        return [Live(console())]
    return [Lines()]
