"""What a plan needs that somebody signs, by the environment's policy, and what of it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ...access import Identity
from ...access.roles import after
from ...errors import InputError, Problem
from ...ledger import requests
from ...ledger.clearances import now
from ...ledger.connection import Connection
from ...ledger.requests import Row
from ..stages import EntryChange, Plan
from . import needing
from .needing import Needs
from .questions import asked_in, question, templates_of
from .signing import Signed, accounts_of, own, true_effect
from .standing import Desk, Standing

# Where a request stands that is carried out once its chain has decided; and after that.
DECIDED = frozenset({"submitted", "approved", "scheduled", "failed"})
IN_USE = frozenset({"applied", "active", "expiring", "stopped"})


class Needed(msgspec.Struct, frozen=True):
    """What a plan needs: ``policy`` says which plans do; ``requests``: the chains of those that it carries
    out; ``lacks``: in a sentence what is not there, empty where all is."""

    policy: Needs
    requests: tuple[Standing, ...] = ()
    lacks: str = ""


def needed(connection: Connection, plan: Plan, actor: Identity, signed: Iterable[Signed]) -> Needed | None:
    """What a plan needs for this actor to carry it out; None where it needs nothing.

    ``signed``: the signatures over it that are not of a chain.
    """
    policy = needing.policy(connection)
    if policy.needs == "none":
        return None
    names = asked_in(plan)
    said = {row.claimant for row in plan.asked.said}
    standings: list[Standing] = []
    lacks: list[str] = []
    desk = Desk(connection) if names else None
    for name in names:
        row = requests.find(connection, name)
        if desk is None or (row is not None and row.claimant not in said):
            # It only gives back what it has.
            continue
        if row is None or row.state not in DECIDED | IN_USE:
            where = f"is {row.state}" if row else "was never submitted"
            lacks.append(f"request {name} {where}")
        elif row.state in DECIDED:
            standing = _decided(connection, desk, row, plan)
            standings.append(standing)
            lacks += _lacks(connection, standing, actor)
    if names and true_effect(plan) != plan.effect:
        lacks.append("the plan does something else than its effect says")
    if standings or lacks:
        return Needed(policy.needs, tuple(standings), "; ".join(lacks))
    if policy.needs != "all" or not needing.begun(connection):
        return None
    there = list(signed)
    if any(not one.void for one in there):
        return Needed("all")
    return Needed("all", lacks="every plan is signed here by somebody else, and this one is not")


def _decided(connection: Connection, desk: Desk, row: Row, plan: Plan) -> Standing:
    return desk.standing(question(connection, row, plan, templates_of(connection, row)))


def _lacks(connection: Connection, standing: Standing, actor: Identity) -> Iterator[str]:
    step = standing.open
    if step is not None:
        done = sum(1 for one in standing.steps if one.state == "done")
        rest = step.stage.count - len(step.signed)
        many = f" {rest} signatures" if rest > 1 else ""
        yield (
            f"request {standing.request} waits for{many} stage {step.stage.name} "
            f"({done} of {len(standing.steps)} stages are done)"
        )
    accounts = accounts_of(connection)
    for step in standing.steps:
        for one in step.signed:
            for person in (one.approval.person, one.giver):
                if person and (why := own(person, one.approval.account, actor, accounts)):
                    yield f"nobody carries out what they signed: {why}"


def check_proposed(connection: Connection, changes: Iterable[EntryChange]) -> None:
    """Raises ``InputError`` where every plan is signed, and a plan leaves nobody who could."""
    listed = [change for change in changes if change.kind in ("role", "person")]
    if not listed or needing.policy(connection).needs != "all" or not needing.begun(connection):
        return
    from ...access.keyring import keys_of

    proposed = after(connection, listed)
    may = {
        person
        for kind, _, fields in proposed
        if kind == "role" and "approve" in fields.get("permissions", ())
        for person in fields.get("persons", ())
    }
    time_now = now(connection)
    if not any(
        kind == "person" and name in may and any(not key.fault(time_now) for key in keys_of(name, fields))
        for kind, name, fields in proposed
    ):
        raise InputError(
            [Problem("this plan is refused: it leaves nobody with a key who may approve")],
            hint="every plan is signed here: let somebody else have `approve` and `ssh_keys` first",
        )
