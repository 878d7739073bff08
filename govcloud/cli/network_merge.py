"""`govcloud network merge`: a private network becomes part of the one: plan, run, verify, undo, status."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, InputError, Problem
from ..printable import visible
from .common import App, console, emit, json_option
from .guarding import order_options

if TYPE_CHECKING:
    from rich.console import Console

    from ..ledger import Ledger
    from ..ledger.evidence import Evidence
    from ..merge.planning import MergePlan
    from ..plan.guards import Leave
    from ..plan.stages import Asked

SIGNS = {"open": "[green]✓[/green]", "shut": "[red]✗[/red]", "noted": "[yellow]![/yellow]"}
# Overlaps that are shown; --json has all.
SHOWN = 12


@click.group()
def merge() -> None:
    """A private network becomes part of the one (业务专网整合): plan, run, verify, undo, status."""


@merge.command("plan")
@click.argument("name", metavar="NAME")
@click.option("--markdown", is_flag=True, help="The dated migration plan as a document.")
@json_option
@click.pass_obj
def plan_command(app: App, name: str, markdown: bool, as_json: bool) -> int:
    """Tell what overlaps, what is done about it and why, what crosses the boundary, and the steps.

    From what is accepted. Exits with 4 while it is not decided whether NAME is classified, with 3 while
    anything else stands against the merge.
    """
    from datetime import date

    from ..access import enforce, require_sight_of_all
    from ..ledger import open_ledger
    from ..merge import document, planning
    from ..merge.gates import gates, require_open
    from ..merge.reading import read_world

    if markdown and as_json:
        raise InputError([Problem("expected --markdown or --json, not both")])
    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan")
    # What overlaps, what crosses and what is renumbered name each other.
    require_sight_of_all(app.workspace, ledger)
    world = read_world(app.workspace, ledger)
    require_open(gates(world, name, date.today()), only=("N-02",))
    made = planning.plan(world, name, date.today())
    if as_json:
        emit(document.as_json(made))
    elif markdown:
        click.echo(document.markdown(made, world))
    else:
        _show_plan(console(), made)
    return int(Exit.OK if made.ready else Exit.CHANGES)


@merge.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@order_options
@click.pass_obj
def run(app: App, names: tuple[str, ...], out: Path | None, as_json: bool, yes: bool, leave: Leave) -> int:
    """Carry merges out by one plan as any other, then prove isolation and service.

    Denied (4) while a rule's gate is shut: classification, boundary, security review. Exits with 3 where
    the proof is not good.
    """
    from datetime import date

    from ..access import enforce, require_sight_of_all
    from ..ledger import open_ledger
    from ..merge.gates import gates, require_open
    from ..merge.order import asked
    from ..merge.reading import read_world

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan" if out else "apply")
    require_sight_of_all(app.workspace, ledger)
    world = read_world(app.workspace, ledger)
    names = tuple(dict.fromkeys(names))
    require_open([gate for name in names for gate in gates(world, name, date.today())])
    return _carry(app, ledger, names, asked(world, *names), out, as_json, yes, leave, service=True)


@merge.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@order_options
@click.pass_obj
def undo(app: App, names: tuple[str, ...], out: Path | None, as_json: bool, yes: bool, leave: Leave) -> int:
    """End merges: links, translations, tables and filters go, and each host is as it was before.

    Afterwards it is proved that nothing crosses any more.
    """
    from ..access import enforce, require_sight_of_all
    from ..ledger import open_ledger
    from ..merge.order import ended
    from ..merge.reading import read_world

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan" if out else "apply")
    require_sight_of_all(app.workspace, ledger)
    world = read_world(app.workspace, ledger)
    names = tuple(dict.fromkeys(names))
    for name in names:
        world.find(name)
    strange = [name for name in names if name not in world.standing]
    if strange:
        words = "is not merged, so there is nothing to undo"
        raise InputError([Problem(f"private_network/{name} {words}") for name in strange])
    return _carry(app, ledger, names, ended(world, *names), out, as_json, yes, leave, service=False)


@merge.command()
@click.argument("name", metavar="NAME")
@json_option
@click.pass_obj
def verify(app: App, name: str, as_json: bool) -> int:
    """Measure isolation and service now, and keep the figures as evidence. Exits with 3 where any is bad."""
    from ..access import enforce, require_sight_of_all
    from ..ledger import open_ledger

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    require_sight_of_all(app.workspace, ledger)
    return _prove(app, ledger, name, as_json, service=True, as_line=False)


@merge.command()
@click.argument("name", metavar="[NAME]", required=False)
@json_option
@click.pass_obj
def status(app: App, name: str | None, as_json: bool) -> int:
    """Tell of each private network whether it is classified, merged, and proved, and since when."""
    from ..access import enforce
    from ..ledger import open_ledger
    from ..merge.reading import read_world
    from ..merge.standing import standing

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan")
    world = read_world(app.workspace, ledger)
    names = [name] if name else list(world.networks)
    for one in names:
        world.find(one)
    rows = standing(ledger, world, names)
    if as_json:
        emit({"networks": rows})
    else:
        _show_status(console(), rows, alone=bool(name))
    return int(Exit.OK)


def _carry(
    app: App,
    ledger: Ledger,
    names: tuple[str, ...],
    order: Asked,
    out: Path | None,
    as_json: bool,
    yes: bool,
    leave: Leave,
    *,
    service: bool,
) -> int:
    from ..plan.gather import propose
    from .asking import carry_or_write

    proposal = propose(app.workspace, ledger, asked=order)
    if service:
        from ..merge.vouching import judge

        judge(app.workspace, ledger, proposal.plan, names)
    code = carry_or_write(app, ledger, proposal, out, as_json, yes, leave)
    if out is not None or code != Exit.OK:
        return code
    codes = [_prove(app, ledger, name, as_json, service=service, as_line=True) for name in names]
    return max(codes)


def _prove(app: App, ledger: Ledger, name: str, as_json: bool, *, service: bool, as_line: bool) -> int:
    """Measure a private network and tell; the exit code."""
    from ..merge.proving import prove
    from ..merge.reading import read_world

    began = time.monotonic()
    world = read_world(app.workspace, ledger)
    world.find(name)
    rows = prove(app.workspace, ledger, world, name, service=service)
    seconds = time.monotonic() - began
    bad = sum(1 for row in rows if not row.ok)
    # Without a single try nothing is proved either.
    proved = not bad and any(row.detail["kind"] == "isolated" for row in rows)
    if as_json:
        proof = {"proof": name, "bad": bad, "seconds": round(seconds, 3), "rows": [_row(r) for r in rows]}
        emit(proof, as_line=as_line)
    else:
        _show_proof(console(), name, rows, seconds)
        if bad and service and name in world.standing:
            next_step = f"`govcloud network merge undo {name}` takes the merge back"
            console().print(f"next: {next_step}", markup=False)
    return int(Exit.OK if proved else Exit.CHANGES)


def _row(row: Evidence) -> dict[str, Any]:
    detail = row.detail
    return {"name": row.name, "kind": detail["kind"], "ok": row.ok, "reason": detail["reason"]}


def _show_plan(out: Console, made: MergePlan) -> None:
    from .tables import print_table

    def say(text: str = "", *, markup: bool = False) -> None:
        out.print(visible(text) if not markup else text, markup=markup)

    title = f"{made.title} ({made.name})" if made.title != made.name else made.name
    say(f"{title}: {'classified' if made.classified else 'not classified'}, into {made.into or '?'}")
    say("\n[bold]Decisions[/bold]", markup=True)
    for gate in made.gates:
        words = visible(f"{gate.rule} {gate.about}: {gate.words}").replace("[", "\\[")
        say(f"{SIGNS[gate.state]} {words}", markup=True)
        for line in gate.write.splitlines():
            say(f"      {line}")
    say("\n[bold]Overlaps[/bold]", markup=True)
    rows = [
        [str(o.own.prefix), o.own.holder, str(o.other.prefix), o.other.holder, o.other.what]
        for o in made.overlaps
    ]
    if rows:
        print_table(out, ["PREFIX", "OF", "MEETS", "OF", "WHAT"], rows[:SHOWN])
        if len(rows) > SHOWN:
            say(f"and {len(rows) - SHOWN} more; --json has all")
    else:
        say("none")
    choice = made.choice
    if choice.decided:
        say(f"what is done: {choice.decided}: {choice.reason}")
        for inside, outside in made.outside:
            say(f"  {inside} is seen as {outside}")
    else:
        say(f"not decided; proposed: {choice.proposed}: {choice.because}")
        for option in choice.options:
            fits = "" if option.fits else " (does not fit)"
            say(f"  {option.choice}{fits}")
            for sign, words in [("+", w) for w in option.pro] + [("-", w) for w in option.contra]:
                say(f"    {sign} {words}")
        say("write:")
        for line in choice.write.splitlines():
            say(f"      {line}")
    for entry, old, new in made.renumber:
        say(f"  {entry}: {old} becomes {new}, in its file")
    say("\n[bold]Flows across the boundary[/bold]", markup=True)
    flows = [
        [c.flow, c.direction, c.start, c.endpoint, f"{c.seen}:{c.port}" if ":" not in c.seen else c.seen]
        for c in made.crossings
    ]
    if flows:
        print_table(out, ["FLOW", "", "FROM", "TO", "ASKED AT"], flows)
    else:
        say("none is declared")
    say("\n[bold]Steps[/bold]", markup=True)
    for step in made.steps:
        say(f"{step.number}. {step.title}: {step.how}")
        say(f"   undo: {step.undo}")
    say()
    for words in made.missing:
        say(f"missing: {words}")
    if made.ready:
        say(f"ready: `govcloud network merge run {made.name}`")
    else:
        say("not ready")


def _show_proof(out: Console, name: str, rows: list[Evidence], seconds: float) -> None:
    from rich.markup import escape

    if not rows:
        out.print("not proved: no machine of it, or of the others, is built, so nothing could be tried")
        return
    for kind, words in (("service", "what must get through"), ("isolated", "what must not get through")):
        some = [row for row in rows if row.detail["kind"] == kind]
        good = sum(1 for row in some if row.ok)
        if some:
            colour = "green" if good == len(some) else "red"
            out.print(f"[{colour}]{words}: {good} of {len(some)} as it should be[/{colour}]")
        for row in some:
            if kind == "service" and row.ok:
                figure = f"{row.value:.2f} {row.unit}" if row.value is not None else ""
                out.print(f"  ✓ {escape(visible(row.detail['flow'])):28} {figure}")
            elif not row.ok:
                reason = escape(visible(str(row.detail["reason"])))
                out.print(f"  [red]✗[/red] {escape(visible(row.name.removeprefix(name + '/')))}: {reason}")
    bad = sum(1 for row in rows if not row.ok)
    words = f"{bad} of {len(rows)} not proved" if bad else f"{len(rows)} proved"
    if not any(row.detail["kind"] == "isolated" for row in rows):
        words += "; isolation is not: no machine to try it from or to is built"
    out.print(f"{words}, {seconds:.1f} s; kept as evidence of private_network/{escape(name)}")


def _show_status(out: Console, rows: list[dict[str, Any]], *, alone: bool) -> None:
    from .tables import print_table

    heads = ["NETWORK", "DECIDED", "INTO", "OVERLAP", "MERGED", "PROOF"]
    table = []
    for row in rows:
        proof = row["proof"]
        words = f"{proof['good']} of {proof['measured']} good, {proof['at']}" if proof else "none"
        if proof and not proof["holds"]:
            words = f"not proved since ({words})"
        decided = "no" if row["decided_on"] == "" else f"{row['classification']}, {row['decided_on']}"
        merged = row["merged_at"] or ("yes" if row["merged"] else "no")
        table.append([row["name"], decided, row["into"], row["overlap"], merged, words])
    if not rows:
        out.print("no private network is accepted")
        return
    print_table(out, heads, table)
    if alone:
        for claim in rows[0]["claims"]:
            out.print(f"  {visible(claim)}", markup=False)
        for reason in rows[0]["bad"]:
            out.print(f"  ✗ {visible(reason)}", markup=False)
