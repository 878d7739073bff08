"""`govcloud export`: the ledger as tables to take away."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import GovcloudError, InputError, Problem
from .common import App, emit, json_option
from .completing import complete_filter, complete_kind
from .viewing import kind_named, open_view

if TYPE_CHECKING:
    from ..ledger.browsing import View
    from ..report.export import Written
    from ..report.filters import Filters

Options = dict[str, Any]


@click.command()
@click.argument("form", type=click.Choice(["csv", "xlsx", "json"]))
@click.argument("kinds", nargs=-1, metavar="[KIND]...", shell_complete=complete_kind)
@click.option("--out", metavar="PATH", type=click.Path(path_type=Path), help="csv: a folder; else a file.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="FIELD=VALUE",
    shell_complete=complete_filter,
    help="As in ls.",
)
@click.option(
    "--headers", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="csv, xlsx: columns."
)
@click.option("--bom", is_flag=True, help="csv: begin with the mark by which Excel knows UTF-8.")
@json_option
@click.pass_obj
def export(
    app: App,
    form: str,
    kinds: tuple[str, ...],
    out: Path | None,
    filters: tuple[str, ...],
    headers: str,
    bom: bool,
    as_json: bool,
) -> None:
    """Write the accepted entries of these KINDs, or of all, so that they read back the same.

    CSV of one kind and JSON go to standard output unless --out is given. --json tells what was written.
    """
    from ..report import export as exporting

    names = [kind_named(kind) for kind in kinds]
    if out is None and (form == "xlsx" or (form == "csv" and len(names) != 1)):
        what = "a workbook is a file" if form == "xlsx" else "there is a table for each kind"
        hint = "--out FILE.xlsx says where" if form == "xlsx" else "--out DIR says where; one KIND needs none"
        raise InputError([Problem(f"{what}: --out is missing")], hint=hint)
    if out is None and as_json:
        raise InputError([Problem("--json tells what was written, and wants --out")])
    with open_view(app) as view:
        wanted = list(exporting.wanted(dict.fromkeys(names) or exporting.all_kinds(view), filters))
        if out is None:
            _to_stdout(view, form, wanted, {"language": headers, "bom": bom})
            return
        written = _to_files(view, form, wanted, out, {"language": headers, "bom": bom})
    if as_json:
        emit({"files": written})
        return
    for one in written:
        click.echo(f"{one.path}: {one.entries:,} of {one.kind}")
    if not written:
        click.echo("The ledger is empty: nothing was written.")


def _to_files(view: View, form: str, wanted: list[Filters], out: Path, options: Options) -> list[Written]:
    from ..report import export as exporting

    if not wanted:
        return []
    if form == "csv":
        if out.exists() and not out.is_dir():
            raise InputError([Problem("is a file; CSV tables go into a folder", str(out))])
        return exporting.csv_files(view, wanted, out, **options)
    if out.is_dir():
        raise InputError([Problem(f"is a folder; {form} goes into one file", str(out))])
    if form == "xlsx":
        if out.suffix.lower() != ".xlsx":
            raise InputError([Problem("a workbook's name ends with .xlsx", str(out))])
        return exporting.workbook(view, wanted, out, language=options["language"])
    from ..files import opened_atomically

    out.parent.mkdir(parents=True, exist_ok=True)
    with opened_atomically(out, 0o644) as file:
        counts = exporting.json_to(view, wanted, file)
    return [exporting.Written(str(out), kind, count) for kind, count in counts.items()]


def _to_stdout(view: View, form: str, wanted: list[Filters], options: Options) -> None:
    from ..report import export as exporting

    sys.stdout.flush()
    # Not closed at the end: others write there too.
    with open(os.dup(sys.stdout.fileno()), "wb") as file:  # noqa: PTH123
        if form == "json":
            exporting.json_to(view, wanted, file)
            return
        rest = exporting.Rest()
        exporting.csv_to(view, wanted[0], file, rest, **options)
    if rest:
        kind = wanted[0].kind
        raise GovcloudError(
            f"{len(rest)} of {kind} have no form in a table and were left out",
            hint=f"`govcloud export csv {kind} --out DIR` writes them beside it, as YAML",
        )
