"""``python -m benchmarks [NAME …] [--quick]``: measure, show a table, write ``bench.json``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from . import accepting, addressing, applying, browsing, cutting, judging, placing, planning, playing, reading
from .fixtures import TINY, Fixtures, Sizes
from .frame import Failure, Figure

GROUPS = (browsing, planning, applying, playing, accepting, reading, addressing, judging, cutting, placing)
BENCHMARKS = {name: measure for group in GROUPS for name, measure in group.BENCHMARKS.items()}
# What a quick run leaves out unless it is named: the million, minutes and gigabytes; a lab of fifty hosts.
HUGE = ("cold-1m", "plan-noop-1m", "play-50")


def main() -> int:
    """Returns 1 where a benchmark could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"which: {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="fewer turns, and without what is slowest")
    parser.add_argument("--tiny", action="store_true", help="of tiny size: a proof that it runs, no figures")
    words = "draw by this seed what is drawn at random (placement-20k); may be repeated"
    parser.add_argument("--seed", type=int, action="append", dest="seeds", metavar="N", help=words)
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    console = Console(stderr=True, highlight=False)
    names = options.names or [n for n in BENCHMARKS if n not in HUGE or not options.quick]
    if options.quick:
        left_out = [n for n in HUGE if n not in names]
        text = "plain Pulumi on 1,000 and 5,000 objects, Terraform's plan with refresh on 1,000, "
        text += "Terraform's applies of 5,000"
        console.print(f"a quick run leaves out {', '.join([*left_out, text])}")
    figures: list[Figure] = []
    failed = False
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="govcloud-bench-") as folder:
        sizes = TINY if options.tiny else Sizes()
        fixtures = Fixtures(Path(folder), sizes=sizes, quick=options.quick, tell=console.print)
        if options.seeds:
            fixtures.seeds = options.seeds
        for name in names:
            console.print(f"{name} …", style="bold")
            try:
                figures += BENCHMARKS[name](fixtures)
            except Failure as failure:
                failed = True
                console.print(f"{name}: {failure}", style="red", markup=False)
    Path("bench.json").write_text(json.dumps([f.document() for f in figures], indent=1) + "\n")
    _show(figures, "Of tiny size: the names and targets do not hold" if options.tiny else "")
    console.print(f"{time.monotonic() - began:.0f} s; written to bench.json")
    return int(failed)


def _show(figures: Sequence[Figure], title: str) -> None:
    table = Table(title=title or "A ratio above 1: govcloud is ahead", box=None, title_justify="left")
    for column in ("benchmark", "govcloud", "target", "peer", "peer's", "ratio", "note"):
        right = column in ("govcloud", "target", "peer's", "ratio")
        table.add_column(column, justify="right" if right else "left")
    for one in figures:
        table.add_row(
            one.name,
            f"{one.value:.3g} {one.unit}",
            _goal(one),
            one.peer,
            "" if one.peer_value is None else f"{one.peer_value:.3g} {one.unit}",
            "" if one.ratio is None else f"{one.ratio:.1f}",
            one.note,
        )
    Console(highlight=False, width=None if sys.stdout.isatty() else 220).print(table)


def _goal(one: Figure) -> str:
    goals = [] if one.target is None else [f"< {one.target:g} {one.unit}"]
    if one.target_ratio is not None:
        goals.append(f"ratio {one.target_ratio:g}")
    return "" if one.met is None else f"{', '.join(goals)} {'met' if one.met else 'NOT MET'}"


if __name__ == "__main__":
    sys.exit(main())
