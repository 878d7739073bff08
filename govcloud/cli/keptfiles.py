"""`govcloud runs files` and `restore`: files of hosts exactly as they were before a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import Exit, InputError, Problem
from .common import App, console, emit, json_option, yes_option
from .completing import complete_run
from .guarding import leave_options

if TYPE_CHECKING:
    from ..ledger.keptfiles import KeptFile
    from ..plan.guards import Leave


@click.command()
@click.argument("run", shell_complete=complete_run)
@click.option("--host", metavar="NAME", help="Only of this host.")
@json_option
@click.pass_obj
def files(app: App, run: str, host: str | None, as_json: bool) -> None:
    """Files of hosts that RUN changed, as they were before it. RUN: its id, or how it begins."""
    from ..access import sight
    from ..ledger import keptfiles, open_ledger, runs

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        found = runs.get(connection, run)
        hidden = sight(app.workspace, ledger, connection)
        uids = keptfiles.uids_of(connection, found.id) if hidden else {}
        kept = keptfiles.of_run(connection, found.id, host=host)
    kept = [file for file in kept if uids.get(file.host) not in hidden]
    if as_json:
        emit({"run": found.id, "files": [_document(file) for file in kept]})
        return
    if not kept:
        of = f" of {host}" if host else ""
        click.echo(f"Nothing is kept of run {found.id}{of}: it changed no file of a host.")
        return
    from .tables import print_table

    rows = [(f.host, f.path, *_state(f)) for f in kept]
    print_table(console(), ("host", "file", "before", "mode", "owner", "bytes"), rows, right=("bytes",))


def _document(file: KeptFile) -> dict[str, object]:
    return {
        "host": file.host,
        "path": file.path,
        "there": file.there,
        "kept": not file.left_out,
        "left_out": file.left_out,
        "mode": f"{file.mode:04o}",
        "owner": file.owner,
        "group": file.group,
        "size": file.size,
        "digest": file.digest,
    }


def _state(file: KeptFile) -> tuple[str, str, str, str]:
    if not file.there:
        return ("not there", "", "", "")
    what = f"not kept: {file.left_out}" if file.left_out else "kept"
    return (what, f"{file.mode:04o}", f"{file.owner}:{file.group}", str(file.size))


@click.command()
@click.argument("run", shell_complete=complete_run)
@click.option("--host", "hosts", metavar="NAME", multiple=True, help="A host; may be given again.")
@click.option("--path", "paths", metavar="FILE", multiple=True, help="Only this file; may be given again.")
@click.option("--all", "every", is_flag=True, help="All hosts of the run.")
@json_option
@yes_option
@leave_options
@click.pass_obj
def restore(
    app: App,
    run: str,
    hosts: tuple[str, ...],
    paths: tuple[str, ...],
    every: bool,
    as_json: bool,
    yes: bool,
    leave: Leave,
) -> int:
    """Put files of hosts back exactly as they were before RUN, and start anew what reads them.

    A run of its own, which keeps what it replaces. The hosts are then not as declared: `plan` says so,
    and `apply` configures them again.
    """
    from ..access import enforce, require_sight_of_all
    from ..ledger import open_ledger
    from ..plan.restoring import restoring
    from .apply import carry

    if every == bool(hosts):
        raise InputError(
            [Problem("name the hosts with --host, or --all" if not every else "either --host or --all")]
        )
    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    # Files name what is in them, and faults name files.
    require_sight_of_all(app.workspace, ledger)
    found = restoring(app.workspace, ledger, run, hosts, paths)
    for file in found.left:
        click.echo(f"warning: {file.host}:{file.path} stays: {file.left_out}, so it was not kept", err=True)
    code = carry(app.workspace, ledger, found.proposal, as_json, yes, leave)
    if code == Exit.OK and not as_json:
        click.echo("these hosts are not as declared now; `govcloud apply` configures them again")
    return code
