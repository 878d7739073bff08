"""Refusing what somebody may not do, in a sentence, and writing down that it was refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import DeniedError, GovcloudError, InputError, Problem
from ..ledger import Ledger, audit
from ..workspace import Workspace
from .identity import Identity, who
from .roles import Permission, after, identities_changed, locks_out, read_roles
from .sight import hidden_uids

# So many of those who could are named.
MOST = 5


def enforce(workspace: Workspace, ledger: Ledger, permission: Permission) -> Identity:
    """Who runs this process, who must have a permission. The one line at the top of a command.

    Raises ``DeniedError``.
    """
    identity = who(workspace, ledger)
    require(ledger, identity, permission)
    return identity


def require(ledger: Ledger, identity: Identity, permission: Permission, what: str = "") -> None:
    """Refuse somebody who has not a permission by the accepted revision. ``what``: what this is.

    Raises ``DeniedError``; that it was refused is in the audit trail.
    """
    with ledger.read() as connection:
        roles = read_roles(connection)
    if roles.may(identity.person, permission):
        return
    able = roles.who_may(permission)
    could = ", ".join(able[:MOST]) + (f" and {len(able) - MOST} more" if len(able) > MOST else "")
    about = f" {what}:" if what else ""
    _refuse(
        ledger,
        identity,
        permission,
        f"{_taken_for(identity)};{about} `{permission}` is missing",
        f"{could} could" if could else "nobody has it: a role must give it first",
    )


def require_sight_of_all(workspace: Workspace, ledger: Ledger) -> None:
    """For what shows everything or nothing: refuse whoever may not see some entries.

    Raises ``DeniedError``.
    """
    with ledger.read() as connection:
        if not read_roles(connection).inforce:
            return
    identity = who(workspace, ledger)
    with ledger.read() as connection:
        hidden = hidden_uids(connection, identity)
    if hidden:
        require(ledger, identity, "read_classified", "this shows classified entries as well")


def check_changes(ledger: Ledger, identity: Identity, changes: Iterable[Any]) -> None:
    """Refuse changes of entries (``verb, uid, kind, name, fields``) that touch who may do what.

    Roles, delegations and what tells a person want ``administer``; nobody may lock everybody out.
    Raises ``DeniedError``, ``InputError``.
    """
    listed = [c for c in changes if c.kind in ("role", "delegation", "person")]
    if not listed:
        return
    with ledger.read() as connection:
        touched = identities_changed(connection, listed)
        inforce = read_roles(connection).inforce
        why = locks_out(after(connection, listed), inforce=inforce) if touched else ""
    if touched:
        named = ", ".join(touched[:MOST]) + (" …" if len(touched) > MOST else "")
        require(ledger, identity, "administer", f"this changes {named}")
    if why:
        raise InputError([Problem(f"this plan is refused: {why}")], hint="see docs/access.md")


def _taken_for(identity: Identity) -> str:
    if not identity.person:
        return f"you are {identity.account}, whom no accepted person names as an account"
    told = {"os": "by your account", "token": "by your token", "ssh": f"by the key {identity.key}"}
    return f"you are taken for {identity.person} ({told[identity.how]}, {identity.account})"


def _refuse(ledger: Ledger, identity: Identity, permission: str, words: str, hint: str) -> None:
    try:
        with ledger.write() as connection:
            data = {"permission": permission, "how": identity.how, "why": words}
            audit.append(connection, str(identity), "denied", data)
    except GovcloudError as error:
        # It is refused all the same.
        hint = f"{hint}; that it was refused could not be written down: {error.message}"
    raise DeniedError(words, hint=hint)
