"""`govcloud demo`: a small province, from nothing to nothing."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from ..errors import Exit, GovcloudError
from .common import console, emit, json_option

CHAPTERS = ("base",)
RESULT = "demo.json"


@click.command()
@click.argument("chapters", nargs=-1, type=click.Choice(CHAPTERS))
@click.option("--keep", is_flag=True, help="Leave the province up, and say where it is.")
@json_option
def demo(chapters: tuple[str, ...], keep: bool, as_json: bool) -> int:
    """Build the sample province in a lab, measure it, break it, heal it, and take it down.

    Writes demo.json in the current directory. Without CHAPTER: all of them.
    """
    from ..demo import base
    from ..files import write_atomically

    del chapters  # there is one so far
    # With --json the figures alone come on standard output; what goes on is told beside them.
    out = console(stderr=as_json)
    figures = base.play(out, keep=keep)
    write_atomically(Path(RESULT), msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n", 0o644)
    if as_json:
        emit(figures)
    good = sum(1 for p in figures.probes if p["ok"])
    out.print(
        f"\n[bold]{figures.nodes} nodes, {good} of {len(figures.probes)} probes good, "
        f"{figures.replan_changes} changes when planned again, {figures.drift_found} drifted, "
        f"{figures.drift_left} left after healing, {len(figures.leftovers)} leftovers, "
        f"{figures.seconds:.0f} s.[/bold]  [dim]{RESULT}[/dim]"
    )
    for left in figures.leftovers:
        out.print(f"[red]left behind: {left}[/red]")
    if not figures.good:
        raise GovcloudError("the demonstration did not come out as it should", hint=f"see {RESULT}")
    return int(Exit.OK)
