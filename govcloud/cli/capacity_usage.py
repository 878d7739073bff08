"""`govcloud capacity usage`: quota, reserved, used and measured, by unit, cloud, site or project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from ..errors import Exit
from .capacity_entries import Seen, entries_of
from .capacity_samples import Measures, measures, samples_options, told_unknown
from .common import App, console, emit, json_option
from .redacting import redacted

if TYPE_CHECKING:
    from rich.text import Text

    from ..capacity.usage import By, Line

# Cells of a bar.
WIDTH = 20


@click.command()
@click.option(
    "--by", type=click.Choice(["unit", "cloud", "site", "project"]), default="cloud", show_default=True,
    help="Of whom.",
)  # fmt: skip
@samples_options
@json_option
@click.pass_obj
@redacted
def usage(
    app: App, by: str, samples: Path | None, prometheus: str | None, period: float | None, as_json: bool
) -> int:
    """Who may have how much (quota), is promised it (reserved), has it (used), and puts it to work
    (measured).

    Quota, used and reserved are as accepted; measured is the mean of samples, from a CSV file or a
    Prometheus.
    """
    from ..capacity.usage import lines, worth_telling
    from ..ledger import open_ledger

    seen = entries_of(app)
    found = measures(app, seen, samples, prometheus, period)
    with open_ledger(app.workspace).read() as connection:
        every = lines(connection, seen.catalogue, cast("By", by), found.used if found else None)
    told = [one for one in worth_telling(every) if _may_tell(seen, one)]
    if as_json:
        emit(_document(by, told, found))
    else:
        _show(told, found)
    return int(Exit.OK)


def _may_tell(seen: Seen, line: Line) -> bool:
    kind, _, name = line.subject.partition("/")
    return seen.may_tell(name, kind)


def _document(by: str, told: list[Line], found: Measures | None) -> dict[str, object]:
    return {
        "by": by,
        "lines": [
            {
                "subject": one.subject,
                "measure": one.measure,
                "quota": one.limit,
                "reserved": one.reserved,
                "used": one.used,
                "measured": None if one.measured is None else round(one.measured, 3),
                "free": one.free,
            }
            for one in told
        ],
        "samples": found.document if found else "",
        "unknown": sorted(found.unknown.names) if found else [],
    }


def _show(told: list[Line], found: Measures | None) -> None:
    from rich.text import Text

    from ..policy.pools import told as amount
    from .tables import print_line, print_table

    out = console()
    if not told:
        out.print("nothing is bounded, used or held")
        return
    rows: list[tuple[str | Text, ...]] = []
    before = ""
    for one in told:
        free = "" if one.free is None else amount(one.free, one.measure)
        measured = "" if one.measured is None else amount(round(one.measured, 1), one.measure)
        rows.append(
            (
                one.subject if one.subject != before else "",
                one.measure,
                "no bound" if one.limit is None else amount(one.limit, one.measure),
                amount(one.used, one.measure),
                amount(one.reserved, one.measure) if one.reserved else "",
                measured,
                free,
                _bar(one),
            )
        )
        before = one.subject
    heads = ("of", "what", "quota", "used", "reserved", "measured", "free", "")
    print_table(out, heads, rows, right=("quota", "used", "reserved", "measured", "free"))
    print_line(out, Text("  █ used  ▒ reserved  · free", "dim"))
    if found is not None:
        print_line(out, Text(f"  measured: {found.document}", "dim"))
        if words := told_unknown(found.unknown):
            print_line(out, Text(f"  {words}", "dim"))


def _bar(line: Line) -> Text:
    """Used, reserved and free as parts of the quota; of what has no bound there is none to draw."""
    from rich.text import Text

    if not line.limit:
        return Text("")
    used = min(WIDTH, round(WIDTH * line.used / line.limit))
    # What there is, is seen.
    used = max(used, 1) if line.used else used
    held = min(WIDTH - used, max(round(WIDTH * line.reserved / line.limit), 1 if line.reserved else 0))
    share = (line.used + line.reserved) / line.limit
    colour = "red" if share > 1 else "yellow" if share > 0.9 else "green"
    return Text.assemble(
        ("█" * used, colour), ("▒" * held, colour), ("·" * (WIDTH - used - held), "dim"), f" {share:.0%}"
    )
