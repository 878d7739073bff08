"""Which signatures over an effect count for somebody who would carry it out: verified at each use."""

from __future__ import annotations

import msgspec

from ...access import Identity, Ring, Roles, read_ring, read_roles
from ...access.identity import persons
from ...errors import GovcloudError
from ...ledger import approvals
from ...ledger.approvals import Approval
from ...ledger.clearances import now
from ...ledger.connection import Connection
from ..builder import effect_of
from ..stages import Plan, signed_effect
from .needing import policy
from .questions import subject_of
from .standing import key_fault


class Signed(msgspec.Struct, frozen=True):
    """A signature over an effect; ``void``: in a sentence why it does not count, empty where it does."""

    approval: Approval
    void: str = ""


def true_effect(plan: Plan) -> str:
    """The effect of what a plan says, whatever it says its effect is."""
    effect = effect_of(list(plan.stages), version=plan.version)
    return signed_effect(effect, plan.pins, plan.asked, plan.ruling)


def signed(connection: Connection, plan: Plan, actor: Identity) -> list[Signed]:
    """The signatures over a plan's effect, and whether each counts for this actor.

    Revoked and spent ones are left out: they are history.
    """
    found = [
        one
        for one in approvals.of(connection, effect=plan.effect, purpose=approvals.EFFECT)
        # What is signed for a stage of a request counts there, and nowhere else.
        if one.revoked is None and not one.spent and subject_of(one) is None
    ]
    if not found:
        return []
    if true_effect(plan) != plan.effect:
        return [Signed(one, "the plan does something else than its effect says") for one in found]
    ring = read_ring(connection)
    roles = read_roles(connection)
    accounts = accounts_of(connection)
    return [
        Signed(one, void(connection, one, ring, roles) or own(one.person, one.account, actor, accounts))
        for one in found
    ]


def void(connection: Connection, one: Approval, ring: Ring, roles: Roles) -> str:
    """Why a signature counts for nobody by what is accepted now; empty where it counts.

    ``ring``: all keys that are accepted. A key has to be good when it signed, and may be over since.
    """
    if why := key_fault(connection, ring, one):
        return why
    if one.at > now(connection) + policy(connection).clock_s:
        return "it says that it was signed at a time that is to come"
    if not roles.may(one.person, "approve"):
        return f"{one.person} has not `approve` any more"
    try:
        approvals.check(connection, one, [one.public])
    except GovcloudError as error:
        return error.message
    return ""


def accounts_of(connection: Connection) -> dict[str, frozenset[str]]:
    """The accounts of each accepted person."""
    return {name: frozenset(fields.get("accounts", ())) for name, fields in persons(connection, '"accounts"')}


def own(person: str, account: str, actor: Identity, accounts: dict[str, frozenset[str]]) -> str:
    """Why somebody's signature is no second one beside this actor; empty where it is one.

    Whom a token or a key tells is who they are, also where several work in one account. Whom nothing
    tells is their account, and whoever's account that is.
    """
    if actor.person:
        return f"{person} is who carries it out" if person == actor.person else ""
    theirs = accounts.get(person, frozenset())
    if account == actor.account or {actor.account, actor.account.partition("@")[0]} & theirs:
        return f"{person} signed in the account that carries it out, {actor.account}"
    return ""
