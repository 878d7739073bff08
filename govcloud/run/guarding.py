"""Guards at the door of every run: what lets it begin or go on is asked with the lease in hand, and kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from ..access import Identity, require, who
from ..errors import DeniedError, GovcloudError
from ..ledger import Ledger, approvals, audit, clearances, refused, runs
from ..ledger.connection import Connection
from ..ledger.runs import Status
from ..notify import messages
from ..plan import ruling, stages
from ..plan.guards import Leave, Pass, admit, emergencies
from ..plan.guards.freezes import standing_against
from ..plan.guards.judging import frozen_words
from ..plan.stages import Plan
from ..workspace import Workspace


def known(workspace: Workspace, ledger: Ledger, leave: Leave) -> Identity:
    """Who carries a run out; for an emergency they need the permission. Raises ``DeniedError``."""
    identity = who(workspace, ledger)
    if leave.emergency:
        require(ledger, identity, "emergency", "an emergency goes past limits, freezes and signatures")
    return identity


@contextmanager
def written_down(workspace: Workspace, ledger: Ledger, identity: Identity, plan: Plan) -> Iterator[None]:
    """What the guards refuse inside goes into the audit trail; who could sign for it is told, and finds the
    plan in the ledger."""
    try:
        yield
    except DeniedError as error:
        if not ledger.is_there:
            raise
        data = {"permission": "guards", "effect": plan.effect, "why": error.message}
        try:
            with ledger.write() as connection:
                if f"approve {plan.effect[:12]}" in error.hint:
                    data[refused.PLAN] = runs.put_blob(connection, stages.encode(plan))
                audit.append(connection, str(identity), "denied", data)
                if error.hint.startswith("`govcloud approve"):
                    messages.gate(
                        connection,
                        workspace,
                        [plan.effect],
                        title="a plan waits for somebody else's signature",
                        words=[f"{plan.title}, by {identity}", error.message],
                        next=f"govcloud approve {plan.effect[:12]}",
                    )
        except GovcloudError as unwritten:
            # It is refused all the same.
            error.hint = f"{error.hint}; that it was refused could not be written down: {unwritten.message}"
        raise


def let_in(
    connection: Connection,
    plan: Plan,
    identity: Identity,
    leave: Leave,
    run: str,
    *,
    done: Collection[str] = (),
    resumed: bool = False,
) -> None:
    """Refuse a run that the rules or a guard stand against, or write down why it may go on, in its
    transaction. What the rules say of a run that is resumed is asked again, of what is left of it.

    Raises ``DeniedError``.
    """
    # Beside the plan, not in it: what was signed is the plan as it was made.
    of_now = ruling.judged(connection, plan, done) if resumed or plan.ruling is None else plan
    ruling.refuse(of_now, emergency=bool(leave.emergency))
    passed = admit(connection, plan, identity, leave, run=run if resumed else "", done=done)
    if passed.how is not None:
        _keep(connection, plan, identity, leave, run, passed)


def _keep(
    connection: Connection, plan: Plan, identity: Identity, leave: Leave, run: str, passed: Pass
) -> None:
    assert passed.how is not None
    clearances.keep(connection, run, passed.how, str(identity), passed.detail)
    told = {"run": run, "effect": plan.effect, "how": passed.how, **passed.detail}
    if leave.emergency and not clearances.emergencies(connection, run=run):
        made = clearances.declare(
            connection,
            run=run,
            effect=plan.effect,
            person=identity.person,
            account=identity.account,
            reason=leave.emergency,
            hours=emergencies(connection).approve_within_h,
        )
        told["due"] = made.due
    audit.append(connection, str(identity), "guards passed", told)


def stands_against(ledger: Ledger, plan: Plan, run: str) -> str:
    """The freeze that has begun and forbids what is left of a run, in a sentence; empty where none does.

    An emergency goes on: it passed the freezes when it began.
    """
    with ledger.read() as connection:
        if any(one.how == "emergency" for one in clearances.of(connection, run)):
            return ""
        done = over(connection, run)
        found = standing_against(connection, plan, done)
    return frozen_words(found[0]) if found else ""


def over(connection: Connection, run: str) -> set[str]:
    """The stages of a run that are done."""
    return {row.id for row in runs.stages(connection, run) if row.status is Status.DONE}


def ended(connection: Connection, plan: Plan, run: str, status: Status) -> None:
    """At the end of a run: what was signed for its effect counts for no other, once it is done."""
    if status is Status.DONE:
        approvals.spend(connection, plan.effect, run)
