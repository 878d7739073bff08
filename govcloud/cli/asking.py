"""What commands share that carry out an order: a wave of a rollout, a merge of networks."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Exit, InputError, Problem
from . import guarding
from .common import App

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..plan.gather import Proposal
    from ..plan.guards import Leave
    from ..plan.stages import Asked, Plan
    from ..workspace import Workspace
    from .attending import Order

# What an order's claimants begin with -> the module whose ``vouch(workspace, ledger, asked)`` raises
# ``InputError`` where a plan file says what the order would not.
VOUCHERS = {
    "rollout:": "govcloud.rollout.vouching",
    "merge:": "govcloud.merge.vouching",
    "request:": "govcloud.request.vouching",
    # Of all orders only requests hold something against the files.
    "pin:": "govcloud.request.vouching",
}
# The same, for ``judge(workspace, ledger, plan)``: what a plan ends in.
JUDGES = {"merge:": "govcloud.merge.vouching", "request:": "govcloud.request.vouching"}


def vouch_asked(workspace: Workspace, ledger: Ledger, asked: Asked) -> None:
    """Raises ``InputError`` where the orders in a plan file are not what their own commands would say."""
    claimants = {row.claimant for row in asked.said} | {key[2] for key in asked.ended}
    modules = set()
    for claimant in sorted(claimants):
        prefix = claimant.partition(":")[0] + ":"
        if prefix not in VOUCHERS:
            raise InputError([Problem(f"the plan file speaks for {claimant!r}, which gives no orders")])
        modules.add(VOUCHERS[prefix])
    for module in sorted(modules):
        importlib.import_module(module).vouch(workspace, ledger, asked)


def judge_asked(workspace: Workspace, ledger: Ledger, plan: Plan) -> None:
    """Raises where a plan made again with a file's orders ends in what their commands would refuse."""
    for prefix in sorted({row.claimant.partition(":")[0] + ":" for row in plan.asked.said} & JUDGES.keys()):
        importlib.import_module(JUDGES[prefix]).judge(workspace, ledger, plan)


def check_rollouts(ledger: Ledger, plan: Plan) -> None:
    """Raises ``InputError`` where a plan would accept a rollout that nobody could carry out."""
    from ..plan.stages import Record

    changes = [c for stage in plan.stages if isinstance(stage, Record) for c in stage.changes]
    if any(change.kind == "rollout" for change in changes):
        from ..rollout.reading import check_plan

        check_plan(ledger, plan)


def carry_or_write(
    app: App,
    ledger: Ledger,
    proposal: Proposal,
    out: Path | None,
    as_json: bool,
    yes: bool,
    leave: Leave | None = None,
    order: Order | None = None,
) -> int:
    """Write a plan to ``out``, or carry it out, as ``apply.carry`` does. Returns the exit code."""
    from ..plan import explain, stages
    from ..plan.guards import telling
    from .apply import carry
    from .common import emit
    from .plan import for_reader, show, write

    if out is None:
        return carry(app.workspace, ledger, proposal, as_json, yes, leave, order)
    visible = for_reader(app.workspace, ledger, proposal.plan, keeping=True)
    verdict = guarding.verdict_on(app.workspace, ledger, proposal.plan)
    verdict = guarding.for_reader(app.workspace, ledger, verdict, proposal.plan)
    write(out, stages.encode(proposal.plan))
    if as_json:
        emit(explain.document(visible) | {"guards": telling.document(verdict)})
    else:
        show(visible, verdict)
        click.echo(f"written to {out}; `govcloud apply {out}` carries it out")
    return int(Exit.OK)
