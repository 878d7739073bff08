"""`govcloud request approve`, `reject` and `overdue`: what people decide, stage by stage."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DeniedError, Exit, InputError, Problem
from .common import App, console, emit, json_option, unwatched, yes_option
from .redacting import redacted

if TYPE_CHECKING:
    from ..access import Identity
    from ..ledger import Ledger
    from ..ledger.approvals import Approval
    from ..plan.guards.standing import Standing

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--reason", default="", metavar="TEXT", help="Why; it is signed with the rest.")
@click.option("--key", metavar="KEY", help="The private key, its .pub with ssh-agent, or SHA256:…")
@click.option("--for", "giver", default="", metavar="PERSON", help="For whom, by a delegation of theirs.")
@click.option("--message-out", type=FILE, help="Write what is to be signed, for a key on another machine.")
@click.option(
    "--signature",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A signature that was made elsewhere over FILE of --message-out, which stands beside it.",
)
@yes_option
@json_option
@click.pass_obj
@redacted
def approve(
    app: App,
    name: str,
    reason: str,
    key: str | None,
    giver: str,
    message_out: Path | None,
    signature: Path | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Sign what a request would do, for the stage of its chain that is open.

    The plan is shown first; what cannot be shown to you is not signed.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..notify.courier import courier
    from ..request import deciding

    if message_out is not None and signature is not None:
        raise InputError([Problem("--message-out and --signature are two steps, one after the other")])
    ledger = open_ledger(app.workspace)
    identity = enforce(app.workspace, ledger, "plan" if signature is not None else "approve")
    _show(app, ledger, name, as_json)
    given: Approval | None
    if signature is not None:
        given = _from_files(ledger, signature, identity)
    else:
        given = _signed(app, ledger, identity, name, reason, key, giver, message_out, yes, as_json)
    if given is None:
        return int(Exit.OK)
    with courier(app.workspace, ledger):
        standing = deciding.decide(app.workspace, ledger, name, given, identity.account)
    _tell(given, standing, as_json)
    return int(Exit.OK)


def _show(app: App, ledger: Ledger, name: str, as_json: bool) -> None:
    """Show the plan that is signed. Raises ``DeniedError`` where its reader may not see all of it."""
    from ..ledger import requests
    from ..request.submitting import plan_of
    from . import guarding
    from .plan import for_reader, show

    with ledger.read() as connection:
        plan = plan_of(connection, requests.get(connection, name))
    visible = for_reader(app.workspace, ledger, plan, keeping=True)
    if not as_json:
        verdict = guarding.verdict_on(app.workspace, ledger, plan)
        verdict = guarding.for_reader(app.workspace, ledger, verdict, plan)
        with unwatched():
            show(visible, verdict)


def _signed(
    app: App,
    ledger: Ledger,
    identity: Identity,
    name: str,
    reason: str,
    key: str | None,
    giver: str,
    message_out: Path | None,
    yes: bool,
    as_json: bool,
) -> Approval | None:
    """The signature of this person; None where only its message is written."""
    from ..ledger import approvals
    from ..plan.guards import approving
    from ..request import deciding
    from .plan import write

    if not identity.person:
        raise DeniedError(
            f"you are {identity.account}, whom no accepted person names: nobody would know who signed",
            hint="a person with your account, a token or a key has to be accepted first: docs/access.md",
        )
    with ledger.read() as connection:
        draft = deciding.draft(connection, identity.person, identity.account, name, reason, giver)
    if message_out is not None:
        write(message_out, draft.message)
        namespace = approvals.NAMESPACE
        click.echo(f"written to {message_out}: `ssh-keygen -Y sign -n {namespace} -f KEY {message_out}`,")
        click.echo(f"then `govcloud request approve {name} --signature {message_out}.sig`")
        return None
    signer = approving.signer_for(app.workspace, ledger, identity.person, key)
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise DeniedError("nobody is there to sign", hint="`--yes` says so beforehand")
        if not click.confirm(f"\nSign this as {identity.person}?"):
            raise DeniedError("not signed")
    return approvals.sealed(draft.approval, draft.message, signer)


def _from_files(ledger: Ledger, signature: Path, identity: Identity) -> Approval:
    """The approval that a signature made elsewhere is, with the message beside it. Raises ``InputError``."""
    from ..request import deciding
    from ..signatures import BadSignature

    beside = signature.with_suffix("")
    try:
        message, text = beside.read_bytes(), signature.read_text(errors="replace")
    except OSError as error:
        place = error.filename or str(beside)
        raise InputError(
            [Problem(error.strerror or str(error), str(place))],
            hint="the message stands beside it, without `.sig`: `ssh-keygen -Y sign` leaves them so",
        ) from None
    try:
        with ledger.read() as connection:
            return deciding.made_elsewhere(connection, message, text, identity.account).approval
    except BadSignature as error:
        # Not one that is wrong: none.
        raise InputError(
            [Problem(error.message, str(signature))],
            hint="`ssh-keygen -Y sign` writes one beside the message",
        ) from None


def _tell(given: Approval, standing: Standing, as_json: bool) -> None:
    from ..ledger.approvals import id_of
    from ..plan.guards import telling
    from ..plan.guards.questions import subject_of

    subject = subject_of(given)
    assert subject is not None
    if as_json:
        emit(
            {
                "approval": id_of(given.signature),
                "person": given.person,
                "for": subject.giver,
                "key": given.key,
                "stage": subject.stage,
                **telling.standing_document(standing),
            }
        )
        return
    for_whom = f" for {subject.giver}" if subject.giver else ""
    click.echo(
        f"signed: {id_of(given.signature)}, stage {subject.stage} of request {standing.request}, "
        f"by {given.person}{for_whom} with {given.key}"
    )
    step = standing.open
    if step is None:
        click.echo(f"request {standing.request} is approved; `govcloud request apply {standing.request}`")
    else:
        click.echo(f"next: {telling.step_words(step)}")


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--reason", required=True, metavar="TEXT", help="Why: whoever asked reads it.")
@json_option
@click.pass_obj
@redacted
def reject(app: App, name: str, reason: str, as_json: bool) -> int:
    """Say no to a request, with the reason: what was held for it is free again."""
    from ..access import enforce
    from ..ledger import open_ledger
    from ..request import deciding

    ledger = open_ledger(app.workspace)
    identity = enforce(app.workspace, ledger, "approve")
    row = deciding.reject(ledger, identity, name, reason)
    if as_json:
        emit({"request": row, "reason": reason.strip()})
    else:
        click.echo(f"request {row.name} is rejected: {reason.strip()}")
    return int(Exit.OK)


@click.command()
@json_option
@click.pass_obj
@redacted
def overdue(app: App, as_json: bool) -> int:
    """Decisions that are late, and to whom they went up. Exits with 3 where there are any."""
    from ..ledger import open_ledger
    from ..notify.courier import courier
    from ..plan.guards import telling
    from ..request import deciding

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        found = [
            (row, standing)
            for row, standing in deciding.waiting(connection)
            if standing.open is not None and standing.open.state == "overdue"
        ]
    if found and app.workspace.settings.notify:
        with courier(app.workspace, ledger), ledger.write() as connection:
            for row, standing in found:
                deciding.tell(connection, app.workspace, row, standing)
    if as_json:
        emit([_late(row.unit, standing) for row, standing in found])
    elif not found:
        click.echo("No decision is late.")
    else:
        from .tables import print_table

        rows = []
        for row, standing in found:
            one = _late(row.unit, standing)
            may, up = ", ".join(one["may"]) or "nobody", ", ".join(one["up"])
            due = telling.last_day(one["due"])
            rows.append((row.name, one["stage"], due, str(one["late"]), may, up))
        heads = ("request", "stage", "due", "late (days)", "who may", "went up to")
        print_table(console(), heads, rows, right=("late (days)",))
    return int(Exit.CHANGES if found else Exit.OK)


def _late(unit: str, standing: Standing) -> dict[str, Any]:
    step = standing.open
    assert step is not None
    return {
        "request": standing.request,
        "unit": unit,
        "stage": step.stage.name,
        "opened": step.opened,
        "due": step.due,
        "late": step.late,
        "may": [one.person for one in step.may],
        "up": list(step.up),
    }
