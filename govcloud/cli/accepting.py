"""`govcloud drift --accept`: the diff of the files, the question, and what stays as it was."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..errors import DeniedError, Exit
from .common import App, console, emit, unwatched

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..plan.guards import Leave
    from ..run.accepting import Acceptance
    from ..run.drift import Report


def accept(
    app: App,
    ledger: Ledger,
    report: Report,
    wanted: Sequence[str],
    *,
    withdrawn: bool,
    as_json: bool,
    yes: bool,
    confirm: str = "",
) -> int:
    """Take over what may be taken over, after showing it and asking. Returns the exit code."""
    from ..plan.guards import Leave
    from ..run.accepting import consider, take_over
    from .revert import keys_of

    subjects = ["/".join(key) for key in keys_of(wanted)]
    found = consider(app.workspace, ledger, report, subjects, withdrawn=withdrawn)
    if not as_json:
        with unwatched():
            _show(found)
    if found.accepted:
        leave = _ask_leave(app, ledger, found, Leave(confirm), as_json)
        if not yes and not leave.confirmed:
            _ask(as_json)
        take_over(app.workspace, ledger, found, leave)
    if as_json:
        emit(document(found))
    elif found.accepted:
        count = len(found.accepted)
        click.echo(f"{count} taken over; `govcloud plan` shows what is left to record")
    elif not found.refused:
        click.echo("Nothing to take over: all is as it should be.")
    return int(Exit.CHANGES if found.refused else Exit.OK)


def document(found: Acceptance) -> dict[str, Any]:
    """What was taken over and what was not, as JSON: accepted, refused, files, diff."""
    return {
        "accepted": found.accepted,
        "refused": found.refused,
        "files": sorted(found.files),
        "diff": found.diff(),
    }


def _show(found: Acceptance) -> None:
    from rich.text import Text

    from .tables import print_line

    out = console()
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in found.diff().splitlines():
        print_line(out, Text(line, styles.get(line[:1], "")))
    for one in found.refused:
        what = f"{one.subject} {one.field}"
        print_line(out, Text.assemble((f"not taken over: {what}", "yellow"), f"  {one.owner}: {one.reason}"))


def _ask_leave(app: App, ledger: Ledger, found: Acceptance, leave: Leave, as_json: bool) -> Leave:
    """What lets it go on past guards, which judge it as they do a plan. Raises ``DeniedError``."""
    from ..access import who
    from ..plan.guards import NO_LEAVE
    from ..run.overtaking import as_plan, only_unseen, pass_guards
    from .guarding import ask_leave

    plan, identity = as_plan(app.workspace, ledger, found), who(app.workspace, ledger)
    with ledger.read() as connection:
        alone = only_unseen(connection, plan, identity, found.unseen)
    given = ask_leave(app.workspace, ledger, plan, NO_LEAVE if alone else leave, quiet=as_json)
    leave = leave if alone else given
    with ledger.read() as connection:
        pass_guards(connection, plan, identity, leave, found.unseen)
    return leave


def _ask(as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        raise DeniedError("nobody is there to confirm the change", hint="`--yes` confirms it beforehand")
    if not click.confirm("\nWrite this into the files?"):
        raise DeniedError("not confirmed; nothing was written")
