"""`govcloud approve`: a second person's signature; `govcloud approvals`: what was signed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ..errors import DeniedError, Exit, InputError, Problem
from .common import App, console, emit, json_option, unwatched, yes_option

if TYPE_CHECKING:
    from ..ledger.approvals import Approval


@click.command()
@click.argument("target", required=False, metavar="[PLANFILE|RUN|EFFECT]")
@click.option("--reason", default="", metavar="TEXT", help="Why; it is signed with the rest.")
@click.option("--key", metavar="KEY", help="The private key, its .pub with ssh-agent, or SHA256:…")
@click.option("--revoke", metavar="ID", help="Take a signature back instead.")
@yes_option
@json_option
@click.pass_obj
def approve(
    app: App, target: str | None, reason: str, key: str | None, revoke: str | None, yes: bool, as_json: bool
) -> int:
    """Sign that a plan may be carried out by somebody else, or that an emergency was one.

    What is signed is the plan's effect: the same effect keeps the signature, any other voids it.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..plan.guards import approving
    from .plan import for_reader, show

    if (target is None) == (revoke is None):
        raise InputError(
            [Problem("expected either what is to be signed or --revoke ID")],
            hint="`govcloud approvals` lists what was signed",
        )
    ledger = open_ledger(app.workspace)
    if revoke is not None:
        identity = enforce(app.workspace, ledger, "approve")
        _told(approving.revoke(ledger, identity, revoke, reason), "revoked", as_json)
        return int(Exit.OK)
    assert target is not None
    identity = enforce(app.workspace, ledger, "approve")
    if not identity.person:
        raise DeniedError(
            f"you are {identity.account}, whom no accepted person names: nobody would know who signed",
            hint="a person with your account, a token or a key has to be accepted first: docs/access.md",
        )
    matter = approving.find(app.workspace, ledger, target)
    # Nobody signs what they may not see.
    visible = for_reader(app.workspace, ledger, matter.plan, keeping=True)
    signer = approving.signer_for(app.workspace, ledger, identity.person, key)
    if not as_json:
        with unwatched():
            show(visible)
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise DeniedError("nobody is there to sign", hint="`--yes` says so beforehand")
        if not click.confirm(f"\nSign this as {identity.person}?"):
            raise DeniedError("not signed")
    _told(approving.sign(ledger, identity, matter, signer, reason), "signed", as_json)
    return int(Exit.OK)


def _told(one: Approval, what: str, as_json: bool) -> None:
    if as_json:
        emit(_document(one, ""))
        return
    about = f"run {one.subject}" if one.subject else f"effect {one.effect}"
    click.echo(f"{what}: {one.id}, {about}, by {one.person} with {one.key}")


@click.command()
@json_option
@click.pass_obj
def approvals(app: App, as_json: bool) -> None:
    """List what was signed, the newest first, and whether it counts."""
    from ..ledger import approvals as table
    from ..ledger import open_ledger
    from ..plan.guards import approving
    from ..plan.guards.telling import when

    with open_ledger(app.workspace).read() as connection:
        found = [(one, approving.state(connection, one)) for one in table.of(connection)]
    if as_json:
        emit([_document(one, state) for one, state in found])
        return
    if not found:
        click.echo("Nothing was signed yet.")
        return
    from .tables import print_table

    rows = [
        (one.id, one.subject or f"effect {one.effect[:12]}", one.person, when(one.at), state, one.note)
        for one, state in found
    ]
    print_table(console(), ("id", "what", "by", "when", "state", "reason"), rows)


def _document(one: Approval, state: str) -> dict[str, Any]:
    document = {
        "id": one.id,
        "purpose": one.purpose,
        "subject": one.subject,
        "effect": one.effect,
        "person": one.person,
        "account": one.account,
        "key": one.key,
        "at": one.at,
        "note": one.note,
        "signature": one.signature,
        "revoked": one.revoked,
        "spent": one.spent,
    }
    return document | ({"state": state} if state else {})
