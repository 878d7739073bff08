"""`govcloud probe`: measure now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ..errors import Exit
from .common import App, console, emit, json_option

if TYPE_CHECKING:
    from ..ledger.evidence import Evidence


@click.command()
@click.argument("flows", nargs=-1, metavar="[FLOW]...")
@click.option("--wait", type=click.FloatRange(min=0), default=0.0, help="Try again for so many seconds.")
@json_option
@click.pass_obj
def probe(app: App, flows: tuple[str, ...], wait: float, as_json: bool) -> int:
    """Measure the accepted flows and protections now, and keep the figures as evidence.

    FLOW: a flow's name, flow/NAME or protection/NAME; none means all. Exits with 3 when one is not good.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..run.manual import measure_now

    began = time.monotonic()
    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    rows = measure_now(app.workspace, ledger, flows, patience_s=wait)
    bad = sum(1 for r in rows if not r.ok)
    if as_json:
        emit({"probes": rows, "bad": bad, "seconds": round(time.monotonic() - began, 3)})
    else:
        _show(rows, bad, time.monotonic() - began)
    return int(Exit.CHANGES if bad else Exit.OK)


def _show(rows: list[Evidence], bad: int, seconds: float) -> None:
    from rich.markup import escape

    out = console()
    if not rows:
        out.print("Nothing to measure: no flow or protection is accepted whose start is built.")
        return
    for row in rows:
        figure = f"{row.value:.2f} {row.unit}" if row.value is not None else "–"
        mark = "[green]✓[/green]" if row.ok else "[red]✗[/red]"
        reason = "" if row.ok else f"  {escape(str(row.detail.get('reason') or 'not good'))}"
        out.print(f"{mark} {row.name:32} {figure:>12}{reason}")
    words = f"[red]{bad} of {len(rows)} probes not good[/red]" if bad else f"{len(rows)} probes good"
    out.print(f"{words}, {seconds:.1f} s; `govcloud show flow/NAME` has the ways they took")
