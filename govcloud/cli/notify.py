"""`govcloud notify`: who was told what, whether it got there, and trying again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..errors import Exit, InputError, Problem
from .common import App, console, emit, json_option, nearest

if TYPE_CHECKING:
    from rich.text import Text

    from ..channels import Channel
    from ..ledger import Ledger
    from ..ledger.outbox import Delivery, Notice
    from ..notify.delivery import Sent

COLOURS = {"sent": "green", "waiting": "yellow", "refused": "red", "given up": "red"}


@click.group()
def notify() -> None:
    """What people were told by webhook and mail, and whether it got there."""


@notify.command("list")
@click.option("--limit", type=click.IntRange(1, 10000), default=20, show_default=True, help="How many.")
@json_option
@click.pass_obj
def list_(app: App, limit: int, as_json: bool) -> None:
    """The newest notices, newest first, and for each channel how far they got."""
    from ..access import sight
    from ..ledger import open_ledger, outbox
    from ..notify.messages import cut
    from ..notify.veil import Veil

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        veil = Veil(connection, sight(app.workspace, ledger, connection))
        # What a receiver answered may hold what it was sent.
        found = [
            (
                n,
                cut(veil.body(n.body)),
                [msgspec.structs.replace(one, words=veil.text(one.words)) for one in d],
            )
            for n, d in outbox.recent(connection, limit)
        ]
    if as_json:
        emit([_document(*one) for one in found])
        return
    if not found:
        click.echo("Nobody was told anything yet.")
        return
    from .tables import print_table

    rows: list[list[str | Text]] = []
    for notice, body, deliveries in found:
        for delivery in deliveries:
            how = f"{delivery.words} (tried {delivery.attempts} times)" if delivery.attempts > 1 else ""
            status, words = _coloured(delivery.status), how or delivery.words
            rows.append([_when(notice.at), notice.event, delivery.channel, status, body["title"], words])
    print_table(console(), ("when", "event", "channel", "status", "what", "how it went"), rows)


@notify.command()
@click.argument("channels", nargs=-1, metavar="[CHANNEL]...")
@json_option
@click.pass_obj
def test(app: App, channels: tuple[str, ...], as_json: bool) -> int:
    """Send a message to every channel, or to those named, and tell what they said."""
    from ..access import enforce
    from ..ledger import open_ledger
    from ..notify import messages
    from ..notify.delivery import deliver_one

    wanted = _channels(app, channels)
    ledger = open_ledger(app.workspace, create=True)
    identity = enforce(app.workspace, ledger, "apply")
    sent = []
    for channel in wanted:
        with ledger.write() as connection:
            notice = messages.test(connection, channel.name, str(identity))
        sent += deliver_one(app.workspace, ledger, channel, notice.id)
    return _tell(sent, as_json, "")


@notify.command()
@click.option("--all", "everything", is_flag=True, help="Also what was refused or given up, and at once.")
@json_option
@click.pass_obj
def retry(app: App, everything: bool, as_json: bool) -> int:
    """Send what is due and has not got there; a timer may run this every few minutes.

    It also tells of a run whose process died, and of an emergency that is not approved in its time.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..notify.delivery import deliver, tell_of_emergencies, tell_of_the_dead

    wanted = _channels(app, ())
    ledger = open_ledger(app.workspace, create=True)
    enforce(app.workspace, ledger, "apply")
    tell_of_the_dead(app.workspace, ledger)
    tell_of_emergencies(app.workspace, ledger)
    sent = [s for channel in wanted for s in deliver(app.workspace, ledger, channel, everything=everything)]
    return _tell(sent, as_json, _left(ledger))


def _channels(app: App, names: tuple[str, ...]) -> list[Channel]:
    """The channels of these names, or all. Raises ``InputError``."""
    known = {channel.name: channel for channel in app.workspace.settings.notify}
    if not known:
        raise InputError(
            [Problem("no channel is set up: `notify` in govcloud.yaml names them")],
            hint="see docs/notifications.md",
        )
    problems = []
    for name in names:
        if name not in known:
            guess = nearest(name, known)
            hint = f"did you mean {guess}?" if guess else f"channels: {', '.join(known)}"
            problems.append(Problem(f"no channel is called {name!r}", hint=hint))
    if problems:
        raise InputError(problems)
    return [known[name] for name in dict.fromkeys(names)] or list(known.values())


def _tell(sent: list[Sent], as_json: bool, left: str) -> int:
    if as_json:
        emit(sent)
    else:
        for one in sent:
            console().print(_line(one))
        if not sent:
            click.echo("Nothing is due.")
        if left:
            click.echo(left)
    return int(Exit.OK if all(one.status == "sent" for one in sent) else Exit.FAILED)


def _line(one: Sent) -> Text:
    from rich.text import Text

    return Text.assemble(f"{one.channel}: ", _coloured(one.status), f"  {one.words}  ", (one.notice, "dim"))


def _left(ledger: Ledger) -> str:
    from ..ledger import outbox

    with ledger.read() as connection:
        left = outbox.left(connection)
    return ", ".join(f"{count} {status}" for status, count in sorted(left.items()))


def _document(notice: Notice, body: dict[str, Any], deliveries: list[Delivery]) -> dict[str, Any]:
    told = {"id": notice.id, "event": notice.event, "run": notice.run, "at": notice.at, **body}
    return {**told, "deliveries": deliveries}


def _coloured(status: str) -> Text:
    from rich.text import Text

    return Text(status, COLOURS.get(status, "white"))


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
