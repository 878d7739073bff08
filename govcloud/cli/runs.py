"""`govcloud runs`: what was done, what was not, and going on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from .common import App, console, emit, json_option
from .completing import complete_run
from .guarding import guards_of, leave_options, show_guards
from .keptfiles import files, restore
from .undo import undo

if TYPE_CHECKING:
    from rich.text import Text

    from ..ledger.clearances import State
    from ..ledger.evidence import Evidence
    from ..ledger.runs import Run, StageRow
    from ..plan.guards import Leave
    from ..report.timeline import Timeline
    from ..run.runner import Outcome


# A stage that waited for a shorter time did not wait for anybody.
WORTH_TELLING_S = 0.5


@click.group()
def runs() -> None:
    """List, show, resume, cancel or undo runs."""


@runs.command("list")
@json_option
@click.pass_obj
def list_(app: App, as_json: bool) -> None:
    """The newest runs, newest first."""
    from ..ledger import clearances, open_ledger
    from ..ledger import runs as table

    with open_ledger(app.workspace).read() as connection:
        found = table.recent(connection)
        waiting = {one.run: one.state for one in clearances.emergencies(connection, waiting=True)}
    if as_json:
        emit([{**msgspec.structs.asdict(r), "emergency": waiting.get(r.id)} for r in found])
        return
    if not found:
        click.echo("No run yet.")
        return
    from .tables import print_table

    rows = [
        (r.id, _coloured(r.status), _marked(r, waiting), _when(r.started), _took(r), r.actor) for r in found
    ]
    print_table(console(), ("run", "status", "what", "started", "took", "by"), rows, right=("took",))


def _marked(run: Run, waiting: dict[str, State]) -> str:
    """What a run is, and whether it is an emergency that nobody has approved."""
    return f"{run.title} (emergency, approval {waiting[run.id]})" if run.id in waiting else run.title


@runs.command()
@click.argument("run", shell_complete=complete_run)
@json_option
@click.option("--timeline", "drawn", is_flag=True, help="Draw what ran beside what.")
@click.option(
    "--svg",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write the timeline as a picture; - is standard output.",
)
@click.pass_obj
def show(app: App, run: str, as_json: bool, drawn: bool, file: Path | None) -> None:
    """A run's stages: what was done, what was not, what to type next. RUN: its id, or how it begins."""
    from ..access import sight
    from ..ledger import evidence, open_ledger
    from ..ledger import runs as table
    from ..report.timeline import timeline

    ledger = open_ledger(app.workspace)
    with ledger.read() as connection:
        found = table.get(connection, run)
        stages = table.stages(connection, found.id)
        measured = evidence.of(connection, run=found.id)
        line, titles = timeline(connection, found, sight(app.workspace, ledger, connection))
        guards = guards_of(connection, found.id)
    if file is not None:
        _draw(app.workspace.environment, found, line, titles, file)
        if not as_json and not drawn:
            return
    if as_json:
        emit({"run": found, "stages": stages, "evidence": measured, "timeline": line, **guards})
        return
    _show(found, stages, measured, line)
    show_guards(guards)
    if drawn:
        from ..report.timeline_text import rows

        out = console()
        for row in rows(line, out.width if out.is_terminal else 100):
            out.print(row, no_wrap=True, crop=False)


def _draw(environment: str, found: Run, line: Timeline, titles: dict[str, str], file: Path) -> None:
    """Write the picture, whole or not at all."""
    from ..files import write_atomically
    from ..report import timeline_svg

    heads = timeline_svg.heading(environment, found.id, str(found.status), line)
    picture = timeline_svg.svg(line, *heads, titles)
    if str(file) == "-":
        click.echo(picture, nl=False)
    else:
        write_atomically(file, picture.encode(), 0o644)


def _show(found: Run, stages: list[StageRow], measured: list[Evidence], line: Timeline) -> None:
    from rich.text import Text

    from ..ledger import runs as table
    from ..report.timeline import duration
    from ..run.advice import next_step
    from .tables import print_line

    out = console()
    took = f", took {_took(found)}" if found.ended else ""
    begun = f"  by {found.actor}, {_when(found.started)}{took}"
    print_line(out, Text.assemble((found.id, "bold"), "  ", _coloured(found.status), begun))
    print_line(out, Text(found.title, "dim"))
    lanes = {lane.stage: lane for lane in line.lanes}
    for stage in stages:
        lane = lanes[stage.id]
        seconds = f"{lane.ran:.1f} s" if lane.bars else ""
        status = _coloured(stage.status)
        status.pad_right(max(0, 8 - status.cell_len))
        again = f" (attempt {stage.attempt})" if stage.attempt > 1 else ""
        waited = f", waited {duration(lane.waited)}" if lane.waited >= WORTH_TELLING_S else ""
        words = f": {stage.detail['words']}" if stage.detail.get("words") else ""
        title = f"  {stage.title}{words}{again}{waited}"
        text = Text.assemble("  ", status, f"{seconds:>8}  ", (stage.id, "bold"), title)
        print_line(out, text, 20)
        for trouble in _trouble(stage):
            print_line(out, Text(f"{'':20}{trouble}"), 22)
    if measured:
        good = sum(1 for e in measured if e.ok)
        out.print(f"  evidence: {good} of {len(measured)} probes ok")
    if found.status not in table.OVER:
        # The same command as the terminal told at the run's end.
        step = next_step(found.id, (s.detail for s in stages if s.status == "failed"))
        resumes = step.endswith(found.id)
        words = " goes on with it," if resumes else ", when it is mended; this run would fail again,"
        out.print(f"next: [bold]{step}[/bold]{words}")
        out.print(f"      [bold]govcloud runs cancel {found.id}[/bold] gives it up")


@runs.command()
@click.argument("run", shell_complete=complete_run)
@json_option
@leave_options
@click.pass_obj
def resume(app: App, run: str, as_json: bool, leave: Leave) -> int:
    """Go on with a run that failed, was stopped or died, with the plan as it was."""
    from ..access import enforce
    from ..ledger import open_ledger
    from ..run import runner
    from .apply import sinks
    from .attending import attended, of_plan

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    plan = runner.plan_of(ledger, run)

    order = of_plan(app.workspace, ledger, plan)
    how = {} if order is None else {"ended": order.ended}

    def go(began: Callable[[str], None]) -> Outcome:
        return runner.resume(app.workspace, ledger, run, sinks(as_json), leave=leave, began=began, **how)

    return attended(app.workspace, ledger, plan, order, go, as_json)


@runs.command()
@click.argument("run", shell_complete=complete_run)
@json_option
@click.pass_obj
def cancel(app: App, run: str, as_json: bool) -> None:
    """Give a run up. What it built stays; the next plan starts from there."""
    from ..access import enforce
    from ..ledger import open_ledger
    from ..run import runner

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    found = runner.cancel(app.workspace, ledger, run)
    if as_json:
        from ..ledger import clearances

        with ledger.read() as connection:
            waiting = clearances.emergencies(connection, run=found.id, waiting=True)
        state = next((one.state for one in waiting), None)
        emit({**msgspec.structs.asdict(found), "emergency": state})
    else:
        click.echo(f"run {found.id} is cancelled; `govcloud plan` shows what is left to do")


runs.add_command(undo)


runs.add_command(files)
runs.add_command(restore)


def _trouble(stage: StageRow) -> list[str]:
    from ..run.sinks import trouble

    lines = str(stage.detail.get("error", "")).splitlines()
    return lines + trouble(stage.detail, 8) if stage.status in ("failed", "stopped") else lines


def _coloured(status: str) -> Text:
    from rich.text import Text

    from ..run.sinks import COLOURS

    return Text(str(status), COLOURS.get(str(status), "white"))


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _took(run: Run) -> str:
    return f"{run.ended - run.started:.1f} s" if run.ended else ""
