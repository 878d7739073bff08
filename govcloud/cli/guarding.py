"""What commands share that may go past a guard: their options, the verdict above a plan, the question."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import DeniedError, InputError, Problem
from .common import json_option, plan_out_option, yes_option

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..ledger.connection import Connection
    from ..plan.guards import Leave, Verdict
    from ..plan.stages import Plan
    from ..workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])


def leave_options(function: F) -> F:
    """``--confirm``, ``--emergency`` and ``--reason``, passed as ``leave``."""

    @click.option(
        "--confirm", metavar="TEXT", help="Say that a plan beyond its limits is meant, in its words."
    )
    @click.option("--emergency", is_flag=True, help="At once, past limits and freezes; approved afterwards.")
    @click.option("--reason", metavar="TEXT", help="Why it is an emergency.")
    @wraps(function)
    def wrapped(
        *arguments: Any, confirm: str | None, emergency: bool, reason: str | None, **options: Any
    ) -> Any:
        from ..plan.guards import Leave

        if emergency != bool(reason and reason.strip()):
            words = "--emergency needs --reason TEXT" if emergency else "--reason goes with --emergency"
            raise InputError([Problem(words)], hint="it is told until somebody else has approved it")
        return function(*arguments, leave=Leave(confirm or "", reason or ""), **options)

    return wrapped  # type: ignore[return-value]


def order_options(function: F) -> F:
    """What makes a plan and carries it out, or writes it: ``out``, ``as_json``, ``yes`` and ``leave``."""
    return plan_out_option(json_option(yes_option(leave_options(function))))


def verdict_on(workspace: Workspace, ledger: Ledger, plan: Plan) -> Verdict:
    """What stands against a plan, for whoever runs this process."""
    from ..access import Identity, who
    from ..plan.guards import judge

    # A plan of nothing asks nobody who they are.
    actor = Identity("", "", "os") if plan.empty else who(workspace, ledger)
    with ledger.read() as connection:
        return judge(connection, plan, actor)


def for_reader(workspace: Workspace, ledger: Ledger, verdict: Verdict, plan: Plan) -> Verdict:
    """The verdict on a plan as this process's reader may see it."""
    from ..access import read_roles, who
    from ..access.sight import sees_all
    from ..plan.guards.telling import veiled
    from ..plan.veil import hidden_in

    if not (verdict.beyond or verdict.frozen or verdict.held):
        return verdict
    with ledger.read() as connection:
        if not read_roles(connection).inforce or sees_all(connection, who(workspace, ledger).person):
            return verdict
        hidden = hidden_in(connection, plan)
    return veiled(verdict, hidden.names.__contains__) if hidden.names else verdict


def ask_leave(workspace: Workspace, ledger: Ledger, plan: Plan, leave: Leave, *, quiet: bool) -> Leave:
    """What lets a plan go on past its guards, asked of the person at the terminal where that does.

    ``quiet``: there is nobody to ask. Raises ``DeniedError`` with what to type.
    """
    from ..notify.courier import courier
    from ..plan.guards import Leave, admit
    from ..plan.guards.judging import refusal
    from ..plan.ruling import refuse
    from ..run.guarding import known, written_down
    from .plan import for_reader as visible

    identity = known(workspace, ledger, leave)
    with written_down(workspace, ledger, identity, plan):
        # Without the names of what its reader may not see.
        refuse(visible(workspace, ledger, plan), emergency=bool(leave.emergency))
    try:
        with ledger.read() as connection:
            admit(connection, plan, identity, leave)
    except DeniedError:
        verdict = verdict_on(workspace, ledger, plan)
        askable = verdict.phrase and verdict.needs == "confirmation" and not (verdict.frozen or verdict.held)
        if quiet or leave.confirmed or not askable or not sys.stdin.isatty():
            with courier(workspace, ledger), written_down(workspace, ledger, identity, plan):
                # Without the names of what its reader may not see.
                raise refusal(for_reader(workspace, ledger, verdict, plan), plan, leave) from None
        typed = click.prompt(f'\nType "{verdict.phrase}" if this is meant', default="", show_default=False)
        leave = Leave(typed)
        with written_down(workspace, ledger, identity, plan), ledger.read() as connection:
            admit(connection, plan, identity, leave)
    return leave


def guards_of(connection: Connection, run: str) -> dict[str, Any]:
    """What let a run go past its guards, and the emergency that it was: ``clearances``, ``emergency``."""
    from ..ledger import clearances

    emergency = next(iter(clearances.emergencies(connection, run=run)), None)
    return {"clearances": clearances.of(connection, run), "emergency": emergency}


def show_guards(guards: dict[str, Any]) -> None:
    """Tell it to people; nothing where nothing stood against the run."""
    from rich.text import Text

    from ..plan.guards.telling import emergency_words, passed_words
    from .common import console
    from .tables import print_line

    out = console()
    for one in guards["clearances"]:
        print_line(out, Text(f"  {passed_words(one)}"), 2)
    emergency = guards["emergency"]
    if emergency is not None and emergency.state == "approved":
        print_line(out, Text(f"  the emergency was approved by {emergency.approved_by}", "green"), 2)
    elif emergency is not None:
        print_line(out, Text(emergency_words(emergency), "yellow"))
