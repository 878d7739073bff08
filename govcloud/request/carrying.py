"""Carrying a request out: the plan is made again, held against what was decided, and its run writes down
where the request stands.

However it is carried out (by its own command, by a plan file, by going on with its run), the same functions
are called: ``vouching`` asks before, ``begun`` and ``ended`` write down. What a killed process left unsaid is
said when somebody types the command again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress

from ..access import Identity
from ..capacity.accounts import reserve
from ..errors import ConflictError, DeniedError, InputError
from ..ledger import Ledger, requests, runs
from ..ledger.claims import claims_on
from ..ledger.connection import Connection
from ..ledger.requests import CLAIMANT, Row
from ..ledger.runs import OVER, Run, Status
from ..plan import stages
from ..plan.gather import NOTHING_ASKED, Proposal, propose
from ..plan.guards.needed import needed
from ..plan.stages import Asked, Plan
from ..plan.veil import for_person
from ..workspace import Workspace
from . import changing, states
from .comparing import differences
from .settling import follow
from .states import State
from .submitting import paper_of, plan_of, promised
from .unbuilt import refuse_unbuilt

# From these a request is carried out, once it is approved.
READY: frozenset[State] = frozenset({"approved", "scheduled", "failed"})


def names(asked: Asked) -> list[str]:
    """The requests that an order speaks for."""
    return requests.speakers([*(row.claim_key for row in asked.said), *asked.ended])


def left(connection: Connection, row: Row) -> Run | None:
    """The run that set out to carry a request out and is not over, if there is one."""
    found = [run for run in runs.unfinished(connection) if run.effect == row.effect]
    return found[-1] if found else None


def standing(connection: Connection, asked: Asked) -> bool:
    """Whether all that an order says is accepted already: its Record is done.

    What it changes of others' entries went with its own, and may have become something else since.
    """
    speaks = {CLAIMANT + name for name in names(asked)}
    own = [row for row in asked.said if row.claimant in speaks]
    known = {row.claim_key: row.fields for row in claims_on(connection, {row.key for row in own})}
    return bool(own) and all(known.get(row.claim_key) == row.fields for row in own)


def asked_now(connection: Connection, row: Row) -> Asked:
    """What a request says, by the ledger of now. Raises ``ConflictError`` where what it changes is not as it
    was when it was submitted."""
    paper = paper_of(connection, row)
    return changing.asked_now(connection, paper.document, paper.changed, plan_of(connection, row).asked)


def again(workspace: Workspace, ledger: Ledger, row: Row) -> Proposal:
    """The plan of a request as it is now; of what is left to build where its entries are accepted already."""
    with ledger.read() as connection:
        done = standing(connection, plan_of(connection, row).asked)
        asked = NOTHING_ASKED if done else asked_now(connection, row)
    return propose(workspace, ledger, asked=asked, recorded=True)


def admit(
    workspace: Workspace, ledger: Ledger, identity: Identity, name: str, *, today: str = ""
) -> tuple[Row, Proposal]:
    """A request that may be carried out now, and its plan. Holds what it needs, where that was let go.

    Raises ``ConflictError`` where something else would happen than was decided (the signatures are void
    then, and the new plan is what is decided on), where what would is others' work, or its state does not
    allow it, ``DeniedError`` where it is not approved or a pool has no room.
    """
    with ledger.read() as connection:
        row = requests.get(connection, name)
        state = states.state_of(row)
        if state not in READY and state != "submitted":
            states.after(state, "begin", name)
        done = standing(connection, plan_of(connection, row).asked)
    proposal = again(workspace, ledger, row)
    if not done and proposal.plan.effect != row.effect:
        refuse_unbuilt(workspace, ledger, name, proposal.plan)
        raise _voided(ledger, identity, row, proposal.plan)
    with ledger.write() as connection:
        states.clock(connection)
        # Planning took its time: somebody may have taken it back or submitted another meanwhile.
        known = requests.get(connection, name)
        states.refuse_anew(known, row)
        row, state = known, states.state_of(known)
        if state not in READY and state != "submitted":
            states.after(state, "begin", name)
        if state == "submitted":
            row = _approved(connection, identity, row, proposal.plan)
        if not done:
            hold(connection, name, proposal.plan.asked)
        if states.state_of(row) == "approved" and not is_due(row, today):
            row = states.move(connection, identity, row, "schedule")
    return row, proposal


def hold(connection: Connection, name: str, asked: Asked) -> None:
    """Hold what a request's entries need that are not accepted yet: it may have been let go since.

    Raises ``DeniedError`` where there is no room (any more).
    """
    others = {CLAIMANT + one for one in names(asked)} - {CLAIMANT + name}
    said = changing.entries_of(asked, apart_from=others)
    given = promised(name, plan_of(connection, requests.get(connection, name)))
    _, lacking = reserve(connection, name, said, requests.newest(connection), given)
    if lacking:
        words = "; ".join(one.message for one in lacking)
        raise DeniedError(f"request {name}: {words}", hint="`govcloud capacity usage` shows who has what")


def hold_all(ledger: Ledger, asked: Asked) -> None:
    """Before requests are carried out by whatever door: hold what they need. Safe to repeat.

    Raises ``DeniedError`` where there is no room (any more), or before their day.
    """
    with ledger.write() as connection:
        for name in names(asked):
            row = requests.find(connection, name)
            if row is not None and states.state_of(row) in (*READY, "submitted"):
                refuse_undue(row)
                hold(connection, name, asked)


def is_due(row: Row, today: str = "") -> bool:
    """Whether the day has come on which it may begin. ``today``: as YYYY-MM-DD, of this machine if empty."""
    return row.starts_on <= (today or time.strftime("%Y-%m-%d"))


def refuse_undue(row: Row) -> None:
    """Raises ``DeniedError`` before the day on which a request may begin."""
    if not is_due(row):
        raise DeniedError(
            f"request {row.name} begins on {row.starts_on}: nothing of it is built before",
            hint=f"`govcloud request apply {row.name}` writes down that it waits; "
            "`govcloud tick` carries it out on its day",
        )


def _approved(connection: Connection, identity: Identity, row: Row, plan: Plan) -> Row:
    """The request, approved where nobody's signature is wanted or one that counts is there.

    Raises ``DeniedError``.
    """
    if why := undecided(connection, identity, row, plan):
        raise DeniedError(
            f"request {row.name} is not approved: {why}",
            hint=f"`govcloud request approve {row.name}` by whoever is next; "
            f"`govcloud request show {row.name}` tells who",
        )
    return states.move(connection, identity, row, "approve", note="as the policy wants it", by_rule=True)


def undecided(connection: Connection, identity: Identity, row: Row, plan: Plan) -> str:
    """Why a request is not decided on yet, in words; empty where it may be carried out."""
    found = needed(connection, plan, identity, ())
    return found.lacks if found is not None else ""


def _voided(ledger: Ledger, identity: Identity, row: Row, plan: Plan) -> ConflictError:
    """What was decided on would not happen any more: the new plan takes its place, unsigned."""
    with ledger.write() as connection:
        before = plan_of(connection, row)
        # By name only what whoever carries it out may read.
        words = differences(*(for_person(connection, identity.person, one) for one in (before, plan)))
        failed = states.state_of(row) == "failed"
        digest = requests.put_paper(connection, stages.encode(plan))
        states.move(
            connection,
            identity,
            row,
            "void",
            note="something else would happen",
            data={"was": row.effect, "effect": plan.effect},
            plan=digest,
            effect=plan.effect,
        )
        # What the new plan gives it is promised from now on. For one that failed nothing was held any more;
        # where another has too little room now, what it held stays, and carrying it out tells what lacks.
        with nullcontext() if failed else suppress(DeniedError):
            hold(connection, row.name, plan.asked)
    told = "\n  ".join(words)
    return ConflictError(
        f"request {row.name} would do something else than was decided on (effect {row.effect[:8]} became "
        f"{plan.effect[:8]}); its signatures are void:\n  {told}",
        hint=f"`govcloud request show {row.name}` shows the new plan; it wants to be approved anew",
    )


# -- what its run writes down -----------------------------------------------------------------------


def begun(ledger: Ledger, identity: Identity, asked: Asked, run: str) -> None:
    """A run set out to carry requests out. Safe to repeat.

    Raises ``ConflictError`` where one was taken back in the moment before the run was written down.
    """
    begins = {row.claimant for row in asked.said}
    with ledger.write() as connection:
        for name in names(asked):
            row = _as_approved(connection, identity, requests.find(connection, name), asked)
            if row is not None and row.claimant in begins and states.state_of(row) in states.CLOSED:
                raise ConflictError(
                    f"request {name} is {row.state}: run {run} began a moment too late, and did nothing",
                    hint=f"`govcloud runs cancel {run}` gives it up",
                )
            if row is not None and states.state_of(row) in READY and row.run != run:
                states.move(connection, identity, row, "begin", data={"run": run}, by_rule=True, run=run)


def ended(connection: Connection, identity: Identity, asked: Asked, run: str, status: Status) -> None:
    """How a run ended, in the transaction that says so: what it built is in use, or it failed.

    One that was stopped is as it was: going on with its run is all that it needs.
    """
    begins = {row.claimant for row in asked.said}
    for name in names(asked):
        row = _as_approved(connection, identity, requests.find(connection, name), asked)
        if row is None:
            continue
        state, data = states.state_of(row), {"run": run}
        if row.claimant in begins and state in READY:
            if status is Status.DONE:
                in_use(connection, identity, row, run)
            elif status is Status.FAILED:
                states.move(connection, identity, row, "fail", data=data, by_rule=True, run=run)
        elif status is Status.DONE:
            follow(connection, identity, row, run)


def _as_approved(connection: Connection, identity: Identity, row: Row | None, asked: Asked) -> Row | None:
    """Nobody's signature was wanted where a run carries out what is only submitted: it was let in."""
    if (
        row is None
        or states.state_of(row) != "submitted"
        or not any(one.claimant == row.claimant for one in asked.said)
    ):
        return row
    return states.move(connection, identity, row, "approve", note="as the policy wants it", by_rule=True)


def in_use(connection: Connection, identity: Identity, row: Row, run: str) -> Row:
    """A request that is carried out: its entries take what was held for it."""
    if states.state_of(row) == "scheduled":
        row = states.move(connection, identity, row, "begin", data={"run": run}, by_rule=True, run=run)
    row = states.move(connection, identity, row, "apply", data={"run": run}, by_rule=True, run=run)
    requests.let_go(connection, row.name)
    return states.move(connection, identity, row, "activate", by_rule=True)


def settle(ledger: Ledger, identity: Identity, name: str) -> Row:
    """Write down what a killed process could not, or who gave its run up did not: that its run is over.

    Safe to repeat; what takes a request on calls it first. Raises ``InputError`` where there is none.
    """
    with ledger.read() as connection:
        row = requests.get(connection, name)
        over = _over(connection, row)
    if over is None:
        return row
    with ledger.write() as connection:
        row = requests.get(connection, name)
        over = _over(connection, row)
        if over is Status.DONE and standing(connection, plan_of(connection, row).asked):
            return in_use(connection, identity, row, row.run)
        if over is Status.CANCELLED and states.state_of(row) == "approved":
            return states.move(connection, identity, row, "fail", data={"run": row.run}, by_rule=True)
        return row


def _over(connection: Connection, row: Row) -> Status | None:
    """How the run of a request ended that is not said to be carried out; None where none did."""
    if states.state_of(row) not in READY or not row.run:
        return None
    run = _known(connection, row.run)
    return run.status if run is not None and run.status in OVER else None


def nothing_left(ledger: Ledger, identity: Identity, name: str) -> Row:
    """All that a request says is accepted and built, whoever built the last of it: it is in use."""
    with ledger.write() as connection:
        row = requests.get(connection, name)
        if states.state_of(row) in READY and standing(connection, plan_of(connection, row).asked):
            return in_use(connection, identity, row, row.run)
        return row


def _known(connection: Connection, id: str) -> Run | None:
    try:
        return runs.get(connection, id)
    except InputError:
        # Pruned since.
        return None


# -- giving back ------------------------------------------------------------------------------------


def release_claims(connection: Connection, name: str, keys: Iterable[tuple[str, str]] = ()) -> Asked:
    """The order that ends what a request says: of these entries (kind, name), or of all that it owns, its
    own entry among them; then what it changed of others' is taken back.

    Raises ``DeniedError`` where that cannot be.
    """
    wanted = set(keys)
    owned = requests.owned(connection, name)
    if wanted:
        return Asked(ended=tuple(key for key in owned if key[:2] in wanted))
    row = requests.find(connection, name)
    back = Asked()
    if row is not None and owned:
        back = changing.taken_back(connection, name, paper_of(connection, row).changed)
    return Asked(back.said, (*owned, *back.ended))
