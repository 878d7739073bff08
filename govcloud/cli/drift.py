"""`govcloud drift`: reality against the ledger."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ..errors import Exit, InputError, Problem
from .common import App, console, emit, json_option
from .completing import complete_entry

if TYPE_CHECKING:
    from ..run.drift import Report

SIGNS = {
    "missing": ("-", "red"),
    "changed": ("~", "yellow"),
    "extra": ("+", "magenta"),
    "unmanaged": ("?", "dim"),
    "newer": ("*", "blue"),
}


@click.command()
@click.argument("subjects", nargs=-1, metavar="[KIND/NAME]...", shell_complete=complete_entry)
@click.option("--accept", is_flag=True, help="Write what is seen into the files, where their owner may.")
@click.option("--withdrawn", is_flag=True, help="With --accept: take what is missing out of its file.")
@json_option
@click.option("--yes", "-y", is_flag=True, help="With --accept: do not ask.")
@click.option("--confirm", metavar="TEXT", help="With --accept: that what is beyond limits is meant.")
@click.pass_obj
def drift(
    app: App,
    subjects: tuple[str, ...],
    accept: bool,
    withdrawn: bool,
    as_json: bool,
    yes: bool,
    confirm: str | None,
) -> int:
    """Look at everything that was built and tell what is missing, extra or changed.

    Exits with 3 when something is. The next `plan` shows how `apply` would heal it. `--accept` takes
    reality over instead: of the entries named, or of all. What reality may win is policy.
    """
    if not accept and (subjects or withdrawn or yes or confirm):
        raise InputError([Problem("KIND/NAME, --withdrawn, --yes and --confirm go with --accept")])
    from ..access import enforce
    from ..ledger import open_ledger
    from ..notify.courier import courier
    from ..run.drift import look

    began = time.monotonic()
    ledger = open_ledger(app.workspace, create=True)
    enforce(app.workspace, ledger, "apply")
    with courier(app.workspace, ledger):
        report = look(app.workspace, ledger)
    if accept:
        from .accepting import accept as take_over

        how = {"withdrawn": withdrawn, "as_json": as_json, "yes": yes}
        return take_over(app, ledger, report, subjects, confirm=confirm or "", **how)
    if as_json:
        emit(
            {
                "checked": report.checked,
                "deviations": report.deviations,
                "seconds": round(time.monotonic() - began, 3),
                "findings": report.findings,
            }
        )
    else:
        _show(report, time.monotonic() - began)
    return int(Exit.CHANGES if report.deviations else Exit.OK)


def _show(report: Report, seconds: float) -> None:
    from rich.text import Text

    from .tables import print_line

    out = console()
    for finding in report.findings:
        sign, colour = SIGNS[finding.status]
        subject = Text(f"{sign} {finding.status:9} {finding.subject}", colour)
        where = finding.owner or (finding.object if finding.status in ("unmanaged", "newer") else "")
        print_line(out, Text.assemble(subject, (f"  {where}".rstrip(), "dim")))
        for name, field in finding.fields.items():
            claimed = f"  {field['owner']}" if field["owner"] not in ("", finding.owner) else ""
            words = f"      {name}: should be {_words(field['wanted'])}, is {_words(field['seen'])}"
            print_line(out, Text.assemble(words, (claimed, "dim")))
    if not report.deviations:
        out.print(f"{report.checked} objects looked at in {seconds:.1f} s: all as it should be.")
    else:
        out.print(
            f"{report.checked} objects looked at in {seconds:.1f} s, {report.deviations} not as they "
            "should be; [bold]govcloud apply[/bold] heals."
        )


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "unknown" if value is None else str(value)
