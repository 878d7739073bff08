"""`govcloud runs`: what was done, what was not, and going on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from .common import App, console, emit, json_option

if TYPE_CHECKING:
    from ..ledger.runs import Run, StageRow


@click.group()
def runs() -> None:
    """List, show, resume or cancel runs."""


@runs.command("list")
@json_option
@click.pass_obj
def list_(app: App, as_json: bool) -> None:
    """The newest runs, newest first."""
    from ..ledger import open_ledger
    from ..ledger import runs as table

    with open_ledger(app.workspace).read() as connection:
        found = table.recent(connection)
    if as_json:
        emit(found)
        return
    if not found:
        click.echo("No run yet.")
        return
    from rich.table import Column, Table

    # Ids are for typing again, so they are never cut short.
    fixed = [Column(name, no_wrap=True) for name in ("run", "status")]
    shown = Table(*fixed, "by", Column("started", no_wrap=True), "took", "what", box=None)
    for run in found:
        shown.add_row(run.id, _coloured(run.status), run.actor, _when(run.started), _took(run), run.title)
    console().print(shown)


@runs.command()
@click.argument("run")
@json_option
@click.pass_obj
def show(app: App, run: str, as_json: bool) -> None:
    """A run's stages: what was done, what was not, what to type next. RUN: its id, or how it begins."""
    from ..ledger import evidence, open_ledger
    from ..ledger import runs as table

    with open_ledger(app.workspace).read() as connection:
        found = table.get(connection, run)
        stages = table.stages(connection, found.id)
        measured = evidence.of(connection, run=found.id)
    if as_json:
        emit({"run": found, "stages": stages, "evidence": measured})
        return
    out = console()
    out.print(f"[bold]{found.id}[/bold]  {_coloured(found.status)}  by {found.actor}, {_when(found.started)}")
    out.print(found.title, style="dim", markup=False)
    for stage in stages:
        took = f"{stage.ended - stage.started:.1f} s" if stage.started and stage.ended else ""
        again = f" (attempt {stage.attempt})" if stage.attempt > 1 else ""
        out.print(f"  {_coloured(stage.status):24} {stage.id}: {stage.title}{again}  [dim]{took}[/dim]")
        for line in _words(stage):
            out.print(f"      {line}", markup=False)
    if measured:
        good = sum(1 for e in measured if e.ok)
        out.print(f"  evidence: {good} of {len(measured)} probes ok")
    if found.status not in table.OVER:
        out.print(f"next: [bold]govcloud runs resume {found.id}[/bold] or [bold]runs cancel[/bold]")


@runs.command()
@click.argument("run")
@json_option
@click.pass_obj
def resume(app: App, run: str, as_json: bool) -> int:
    """Go on with a run that failed, was stopped or died, with the plan as it was."""
    from ..ledger import open_ledger
    from ..run import runner
    from .apply import sinks

    ledger = open_ledger(app.workspace)
    return int(runner.resume(app.workspace, ledger, run, sinks(as_json)).exit_code)


@runs.command()
@click.argument("run")
@json_option
@click.pass_obj
def cancel(app: App, run: str, as_json: bool) -> None:
    """Give a run up. What it built stays; the next plan starts from there."""
    from ..ledger import open_ledger
    from ..run import runner

    found = runner.cancel(app.workspace, open_ledger(app.workspace), run)
    if as_json:
        emit(found)
    else:
        click.echo(f"run {found.id} is cancelled; `govcloud plan` shows what is left to do")


def _words(stage: StageRow) -> list[str]:
    detail = stage.detail
    lines = str(detail.get("error", "")).splitlines()
    if detail.get("not_done"):
        lines.append("not done: " + ", ".join(detail["not_done"][:8]))
    if detail.get("words"):
        lines.append(str(detail["words"]))
    return lines


def _coloured(status: str) -> str:
    from ..run.sinks import COLOURS

    colour = COLOURS.get(str(status), "white")
    return f"[{colour}]{status}[/{colour}]"


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _took(run: Run) -> str:
    return f"{run.ended - run.started:.1f} s" if run.ended else ""
