"""``python -m benchmarks [NAME …] [--quick]``: measure, show a table, write ``bench.json``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from . import accepting, applying, browsing, planning
from .fixtures import Fixtures
from .frame import Failure, Figure

GROUPS = (browsing, planning, applying, accepting)
BENCHMARKS = {name: measure for group in GROUPS for name, measure in group.BENCHMARKS.items()}


def main() -> int:
    """Returns 1 where a benchmark could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"which: {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="fewer turns, and without the slowest peers")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    console = Console(stderr=True, highlight=False)
    figures: list[Figure] = []
    failed = False
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="govcloud-bench-") as folder:
        fixtures = Fixtures(Path(folder), quick=options.quick, tell=console.print)
        for name in options.names or BENCHMARKS:
            console.print(f"{name} …", style="bold")
            try:
                figures += BENCHMARKS[name](fixtures)
            except Failure as failure:
                failed = True
                console.print(f"{name}: {failure}", style="red", markup=False)
    Path("bench.json").write_text(json.dumps([f.document() for f in figures], indent=1) + "\n")
    _show(figures)
    console.print(f"{time.monotonic() - began:.0f} s; written to bench.json")
    return int(failed)


def _show(figures: list[Figure]) -> None:
    table = Table(title="A ratio above 1: govcloud is ahead", box=None, title_justify="left")
    for column in ("benchmark", "govcloud", "peer", "peer's", "ratio", "note"):
        table.add_column(column, justify="right" if column in ("govcloud", "peer's", "ratio") else "left")
    for one in figures:
        table.add_row(
            one.name,
            f"{one.value:,.3g} {one.unit}" if one.value < 1000 else f"{one.value:,.0f} {one.unit}",
            one.peer,
            "" if one.peer_value is None else f"{one.peer_value:.3g} {one.unit}",
            "" if one.ratio is None else f"{one.ratio:.1f}",
            one.note,
        )
    Console(highlight=False, width=None if sys.stdout.isatty() else 180).print(table)


if __name__ == "__main__":
    sys.exit(main())
