"""`govcloud tick`: what is due by the clock, for cron: each thing for itself, and a list at the end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..errors import DeniedError, Exit, GovcloudError, InputError, Problem
from ..printable import visible
from .common import App, console, emit, json_option, yes_option
from .redacting import redacted

if TYPE_CHECKING:
    from ..access import Identity
    from ..ledger import Ledger
    from ..request.ticking import Due

ONE_AT_A_TIME = "tick"
# How each came out, and the exit code that it asks for; of several the first here.
FAILED, WAITS, DONE, KEPT = "failed", "waits", "done", "kept"


class Done(msgspec.Struct, frozen=True):
    """What became of one thing. ``words``: why it was due; ``why``: why it was not done; ``next``: what to
    type for it."""

    what: str
    request: str
    status: str
    words: str
    why: str = ""
    next: str = ""


@click.command()
@click.option("--dry-run", is_flag=True, help="Tell what is due; do nothing.")
@click.option("--as-of", metavar="DAY", default="", help="With --dry-run: what would be due on this day.")
@json_option
@yes_option
@click.pass_obj
@redacted
def tick(app: App, dry_run: bool, as_of: str, as_json: bool, yes: bool) -> int:
    """Do what is due: begin what was scheduled, remind, expire, stop and destroy what ended, tell people.

    Made for cron: without a terminal nothing is asked. Each thing is done for itself, and what fails keeps
    nothing else from being done. Exits with 1 where something failed, with 6 where something waits for a
    person (a limit, a freeze, a signature), with 5 where another tick is at work; --dry-run with 3 where
    something is due.
    """
    from ..access import enforce
    from ..ledger import leases, open_ledger
    from ..request import states, ticking

    if as_of and not dry_run:
        raise InputError([Problem("--as-of goes with --dry-run: what is done is done today")])
    _refuse_day(as_of)
    ledger = open_ledger(app.workspace)
    identity = enforce(app.workspace, ledger, "plan" if dry_run else "apply")
    with ledger.read() as connection:
        states.clock(connection)
        found = ticking.due(connection, as_of)
    if dry_run:
        return _show_due(found, as_json)
    if found and not yes and not as_json and sys.stdin.isatty():
        _show_due(found, as_json)
        if not click.confirm("\nDo this?"):
            raise DeniedError("not confirmed; nothing was done")
    with leases.held(ledger, ONE_AT_A_TIME) as fence, leases.renewed(ledger, ONE_AT_A_TIME, fence):
        # Somebody else's tick may have done it meanwhile.
        with ledger.read() as connection:
            found = ticking.due(connection)
        every = [_one(app, ledger, identity, one, as_json) for one in found]
        done = [one for one in every if one is not None]
        told = ticking.tell(ledger, app.workspace)
    sent = _deliver(app, ledger)
    return _show_done(done, told, sent, as_json)


def _refuse_day(text: str) -> None:
    from ..model.base import is_date

    if text and (len(text) != len("2000-01-01") or not is_date(text)):
        raise InputError([Problem(f"--as-of {text!r} is no day: write it as 2027-06-30")])


def _one(app: App, ledger: Ledger, identity: Identity, one: Due, as_json: bool) -> Done | None:
    """Do one thing; what goes wrong with it is told, and stands in nobody's way. None where it is not due
    any more."""
    from ..request.ticking import NotDue

    if one.what == "kept":
        return Done(one.what, one.request, KEPT, one.words)
    status, why, hint = DONE, "", ""
    try:
        code = _do(app, ledger, identity, one, as_json)
        if code == Exit.DENIED or code == Exit.PARKED:
            status = WAITS
        elif code != Exit.OK:
            status, why = FAILED, "its run failed; `govcloud runs list` tells which"
    except NotDue:
        return None
    except DeniedError as error:
        status, why, hint = WAITS, error.message, error.hint
    except GovcloudError as error:
        status, why, hint = FAILED, error.message, error.hint
        if isinstance(error, InputError):
            why = "; ".join(str(problem) for problem in error.problems)
    if status == DONE:
        return Done(one.what, one.request, status, one.words)
    return Done(one.what, one.request, status, one.words, why, hint or (one.next and f"govcloud {one.next}"))


def _do(app: App, ledger: Ledger, identity: Identity, one: Due, as_json: bool) -> int:
    from ..ledger import requests
    from ..plan.gather import NOTHING_ASKED
    from ..request import leasing, ticking
    from .lease_orders import give
    from .request_apply import carry_request

    if one.what == "remind":
        ticking.remind(ledger, app.workspace, identity, one)
        return int(Exit.OK)
    if one.what == "expire":
        ticking.expire(ledger, identity, one)
        return int(Exit.OK)
    if one.what == "carry":
        with ledger.read() as connection:
            ticking.still(connection, one)
        return carry_request(app, ledger, identity, one.request, None, as_json, True)
    name = one.request

    def judge() -> None:
        with ledger.read() as connection:
            ticking.still(connection, one)

    with ledger.read() as connection:
        ticking.still(connection, one)
        row = requests.get(connection, name)
        if one.what == "finish":
            asked = NOTHING_ASKED
        elif one.what == "release":
            asked = leasing.giving_back(connection, name)
        elif one.what == "stop":
            leasing.refuse_needed(connection, name)
            asked = leasing.saying(connection, name, stopped_on=leasing.today_of())
        elif one.what == "transfer":
            asked = leasing.saying(connection, name, unit=one.data["unit"])
        else:
            back = "" if row.state == "stopped" else None
            leasing.refuse_until(row, one.data["until"])
            asked = leasing.saying(connection, name, until=one.data["until"], stopped_on=back)
    return give(app, ledger, identity, row, asked, None, as_json, True, judge=judge)


def _deliver(app: App, ledger: Ledger) -> dict[str, int]:
    """Send what waits in the outbox; how many by how it went."""
    from ..notify.delivery import deliver

    out: dict[str, int] = {}
    for channel in app.workspace.settings.notify:
        for sent in deliver(app.workspace, ledger, channel):
            out[sent.status] = out.get(sent.status, 0) + 1
    return out


def _show_due(found: list[Due], as_json: bool) -> int:
    from .tables import print_table

    if as_json:
        emit({"due": found})
    elif not found:
        click.echo("Nothing is due.")
    else:
        rows = [(one.what, one.request, one.words, one.next and f"govcloud {one.next}") for one in found]
        print_table(console(), ("what", "request", "why", "by hand"), rows)
    return int(Exit.CHANGES if any(one.what != "kept" for one in found) else Exit.OK)


def _show_done(done: list[Done], told: int, sent: dict[str, int], as_json: bool) -> int:
    statuses = {one.status for one in done}
    code = Exit.FAILED if FAILED in statuses else Exit.PARKED if WAITS in statuses else Exit.OK
    if as_json:
        rows: list[dict[str, Any]] = [msgspec.to_builtins(one) for one in done]
        emit(
            {"event": "tick", "done": rows, "told": told, "sent": sent, "exit_code": int(code)}, as_line=True
        )
        return int(code)
    if not done:
        click.echo("Nothing was due.")
    for one in done:
        mark = {DONE: "✓", KEPT: "-"}.get(one.status, "✗")
        why = f": {one.why}" if one.why else ""
        click.echo(visible(f"{mark} {one.what} {one.request}: {one.words}{why}"))
        if one.next:
            click.echo(visible(f"  next: {one.next}"))
    notices = [f"{count} {status}" for status, count in sorted(sent.items())]
    if notices:
        click.echo(f"notices: {', '.join(notices)}")
    return int(code)
