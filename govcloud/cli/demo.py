"""`govcloud demo`: a small province, from nothing to nothing, and what it can do; chapter by chapter."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click
import msgspec

from ..errors import Exit, GovcloudError
from .common import console, emit, json_option

# Each is a module of `govcloud.demo` whose `play` returns its figures. Those of the first stand in demo.json
# themselves, those of the others under their name.
CHAPTERS = ("base", "ipv6", "request")
RESULT = "demo.json"


@click.command()
@click.argument("chapters", nargs=-1, type=click.Choice(CHAPTERS))
@click.option("--keep", is_flag=True, help="Leave what was built up, and say where it is.")
@json_option
def demo(chapters: tuple[str, ...], keep: bool, as_json: bool) -> int:
    """Play CHAPTERS in a lab. base: build a small province, measure it, break it, heal it, take it down.
    ipv6: a city goes from IPv4 to both while a probe runs, then a trunk line is cut. request: a county asks
    for a web application with recovery, people sign, it is built, used and given back.

    Writes demo.json in the current directory. Without CHAPTERS: all of them.
    """
    from ..files import write_atomically

    # With --json the figures alone come on standard output; what goes on is told beside them.
    out = console(stderr=as_json)
    document: dict[str, Any] = {}
    endings = []
    for name in dict.fromkeys(chapters or CHAPTERS):
        figures = importlib.import_module(f"govcloud.demo.{name}").play(out, keep=keep)
        told = msgspec.to_builtins(figures)
        document |= told if name == CHAPTERS[0] else {name: told}
        endings.append(figures)
        write_atomically(Path(RESULT), msgspec.json.format(msgspec.json.encode(document)) + b"\n", 0o644)
    if as_json:
        emit(document)
    out.print()
    for figures in endings:
        out.print(f"[bold]{figures.sentence()}[/bold]  [dim]{RESULT}[/dim]")
        for left in figures.leftovers:
            out.print(f"[red]left behind: {left}[/red]")
    if not all(figures.good for figures in endings):
        raise GovcloudError("the demonstration did not come out as it should", hint=f"see {RESULT}")
    return int(Exit.OK)
