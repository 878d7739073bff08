"""`govcloud approve`: a second person's signature; `govcloud approvals`: what was signed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DeniedError, Exit, InputError, Problem
from .common import App, console, emit, json_option, unwatched, yes_option

if TYPE_CHECKING:
    from ..ledger import Ledger
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
@click.argument("id", required=False, metavar="[ID]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write ID.message and ID.sig into this folder, for `ssh-keygen -Y verify`.",
)
@click.option(
    "--allowed-signers",
    "signers",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the accepted keys with their days to this file, as OpenSSH reads them.",
)
@json_option
@click.pass_obj
def approvals(app: App, id: str | None, out: Path | None, signers: Path | None, as_json: bool) -> None:
    """List what was signed, the newest first, and whether it counts; or one, and what has changed since."""
    from ..ledger import approvals as table
    from ..ledger import open_ledger
    from ..plan.guards import approving, proving
    from ..plan.guards.telling import when
    from .plan import write

    if out is not None and id is None:
        raise InputError([Problem("--out goes with the ID of an approval")], hint="`govcloud approvals`")
    ledger = open_ledger(app.workspace)
    if signers is not None:
        with ledger.read() as connection:
            lines = list(proving.allowed_signers(connection))
        write(signers, "".join(f"{line}\n" for line in lines).encode())
        if not as_json:
            click.echo(f"{len(lines)} keys written to {signers}")
        if id is None:
            return
    with ledger.read() as connection:
        chosen = [table.get(connection, id)] if id is not None else table.of(connection)
        found = [(one, approving.state(connection, one)) for one in chosen]
        message = table.message(connection, chosen[0]) if id is not None else b""
    if id is not None:
        _one(app, ledger, *found[0], out, message, as_json)
        return
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


def _one(
    app: App, ledger: Ledger, one: Approval, state: str, out: Path | None, message: bytes, as_json: bool
) -> None:
    """Tell one approval, with what would happen otherwise now; write its files where somebody wants them."""
    from rich.text import Text

    from ..plan.guards.telling import when
    from .plan import write
    from .tables import print_line

    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write(out / f"{one.id}.message", message)
        write(out / f"{one.id}.sig", one.signature.encode())
    changed = _changed(app, ledger, one) if not one.spent and one.revoked is None else []
    if as_json:
        emit(_document(one, state) | {"changed": changed})
        return
    screen = console()
    what = one.subject or f"effect {one.effect}"
    print_line(screen, Text(f"{one.id}  {what}, by {one.person} with {one.key}, {when(one.at)}: {state}"))
    for line in changed:
        print_line(screen, Text(f"  since then: {line}", "yellow"))
    if out is not None:
        click.echo(f"written to {out}: {one.id}.message and {one.id}.sig")


def _changed(app: App, ledger: Ledger, one: Approval) -> list[str]:
    """What the plan of now would do otherwise than what was signed, a line each, as its reader may see it."""
    from ..ledger import requests
    from ..plan.gather import propose
    from ..plan.guards import approving
    from ..plan.guards.questions import subject_of
    from ..plan.stages import decode
    from ..request.comparing import differences
    from .plan import for_reader

    subject = subject_of(one)
    if one.purpose != "effect":
        return []
    with ledger.read() as connection:
        before = approving.signed_plan(connection, one)
        row = requests.find(connection, subject.request) if subject is not None else None
        after = decode(requests.paper(connection, row.plan)) if row is not None else None
    if before is None or (subject is not None and after is None):
        return []
    if after is None:
        after = propose(app.workspace, ledger, destroy=before.destroy, asked=before.asked).plan
    if after.effect == before.effect:
        return []
    return differences(for_reader(app.workspace, ledger, before), for_reader(app.workspace, ledger, after))


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
