"""`govcloud preview`: what the plan's play would change on each host, asked of the hosts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..errors import Exit, InputError, Problem
from .common import App, console, emit, json_option, nearest, unwatched

if TYPE_CHECKING:
    from rich.console import Console

    from ..run.playing.preview import HostPreview, TaskChange

# Lines of a file's difference that are shown, unless all are asked for.
LINES = 40


@click.command()
@click.argument("hosts", nargs=-1, metavar="[HOST]…")
@click.option("--full", is_flag=True, help="Show all lines of long differences.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 3 when a host would change.")
@json_option
@click.pass_obj
def preview(app: App, hosts: tuple[str, ...], full: bool, detailed_exitcode: bool, as_json: bool) -> int:
    """Show which tasks and files the plan's play would change on hosts as they are now.

    The plan is made as by `plan`, then Ansible looks in check mode: nothing is changed, on hosts or in the
    ledger. Hosts that are not built yet are named. What only its owner may read is not shown.
    """
    from ..access import enforce, require_sight_of_all
    from ..ledger import open_ledger
    from ..plan.gather import propose
    from ..plan.stages import Play
    from ..run.playing.preview import preview as look
    from .progress import reading

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan")
    # Files of hosts name what is in them.
    require_sight_of_all(app.workspace, ledger)
    with reading(quiet=as_json) as progress:
        proposal = propose(app.workspace, ledger, progress=progress)
    played = [h for s in proposal.plan.stages if isinstance(s, Play) for h in s.inputs]
    _refuse_unknown(hosts, played)
    found = look(app.workspace, ledger, proposal, hosts)
    with unwatched():
        if as_json:
            emit({"hosts": found, "counts": _counts(found)})
        else:
            _show(found, full)
        sys.stdout.flush()
    changing = any(one.status != "same" for one in found)
    return int(Exit.CHANGES if detailed_exitcode and changing else Exit.OK)


def _refuse_unknown(hosts: tuple[str, ...], played: list[str]) -> None:
    problems = []
    for host in sorted(set(hosts) - set(played)):
        near = nearest(host, played)
        hint = f"did you mean {near}?" if near else "`govcloud plan` shows the hosts of the play"
        problems.append(Problem(f"the plan configures no host {host!r}", hint=hint))
    if problems:
        raise InputError(problems)


def _counts(found: list[HostPreview]) -> dict[str, int]:
    known = ("changes", "same", "not_there", "unknown")
    return {status: sum(1 for one in found if one.status == status) for status in known}


def _show(found: list[HostPreview], full: bool) -> None:
    from rich.text import Text

    from .tables import print_line

    out = console()
    if not found:
        out.print("Nothing to preview: the plan configures no host.")
        return
    for one in found:
        if one.status in ("changes", "unknown"):
            print_line(out, Text(one.host, "bold"))
        for task in one.tasks:
            _show_task(out, task, full)
        if one.status == "unknown":
            print_line(out, Text(f"  cannot be told: {one.words}", "yellow"), 4)
    for status, words in (("same", "would stay as they are"), ("not_there", "are not built yet")):
        names = [one.host for one in found if one.status == status]
        if names:
            print_line(out, Text(f"{len(names)} of {len(found)} hosts {words}: {', '.join(names)}"), 2)


def _show_task(out: Console, task: TaskChange, full: bool) -> None:
    from rich.text import Text

    from .tables import print_line

    print_line(out, Text(f"  {task.task}"), 4)
    shown_below = {file.path for file in task.files}
    for one in task.differences:
        if one.get("value") not in shown_below:
            words = f"    {one.get('state')}: {one.get('what')} {one.get('where')} {one.get('value')}"
            print_line(out, Text(words, "dim"), 6)
    for file in task.files:
        print_line(out, Text(f"    {file.path}", "cyan"), 6)
        shown = file.lines if full else file.lines[:LINES]
        for line in shown:
            style = {"+": "green", "-": "red", "@": "dim"}.get(line[:1], "")
            print_line(out, Text(f"      {line}", style), 8)
        if len(shown) < len(file.lines):
            print_line(out, Text(f"      … {len(file.lines) - len(shown)} lines more: --full", "dim"), 8)
