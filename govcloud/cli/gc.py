"""`govcloud gc`: what nobody needs any more goes, by the accepted policy; history and audit never do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from ..errors import DeniedError, Exit
from .common import App, console, emit, json_option, yes_option

if TYPE_CHECKING:
    from ..run.collecting import Collection


@click.command()
@click.option("--dry-run", is_flag=True, help="Tell what would go, and write nothing.")
@json_option
@yes_option
@click.pass_obj
def gc(app: App, dry_run: bool, as_json: bool, yes: bool) -> int:
    """Prune old figures, sights, logs, plans and runs, and what runs left behind.

    How long each is kept is policy: the accepted `profile/retention`, or the program's defaults. The
    audit trail, what was ever accepted and said, and all that something standing needs always stay.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..ledger.store import settings
    from ..run import collecting

    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "administer")
    found = collecting.survey(app.workspace, ledger)
    with ledger.read() as connection:
        there = bool(settings(connection))
    if dry_run or not (found and there):
        _tell(found, as_json, dry_run=True)
        return int(Exit.OK)
    if not yes:
        _ask(found, as_json)
    done = collecting.collect(app.workspace, ledger)
    _tell(done, as_json, dry_run=False)
    return int(Exit.OK)


def _ask(found: Collection, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        raise DeniedError("nobody is there to confirm it", hint="`--yes` confirms it beforehand")
    _table(found)
    if not click.confirm("\nTake this away?"):
        raise DeniedError("not confirmed; nothing was done")


def _tell(found: Collection, as_json: bool, *, dry_run: bool) -> None:
    if as_json:
        emit(_document(found, dry_run))
        return
    if not found:
        _notes(found)
        click.echo("Nothing is old enough to go.")
        return
    _table(found)
    total = f"{_count(found.rows, 'row')} and {_count(found.files, 'file')}, {_size(found.bytes)}"
    if dry_run:
        click.echo(f"{total} would go; nothing was written.")
        return
    click.echo(f"{total}: gone.")
    won = found.compacted.before - found.compacted.after
    if won > 0:
        before, after = _size(found.compacted.before), _size(found.compacted.after)
        click.echo(f"The databases' files: {before}, now {after}; {_size(won)} won.")


def _table(found: Collection) -> None:
    from .tables import print_table

    rows = [
        (t.name, _kept(found, t.limit), *(str(n or "") for n in (t.rows, t.files)), _size(t.bytes))
        for t in found.tallies
        if t
    ]
    heads = ("what", "kept for", "rows", "files", "size")
    print_table(console(), heads, rows, right=("rows", "files", "size"))
    _notes(found)


def _notes(found: Collection) -> None:
    for tally in found.tallies:
        if tally.note:
            click.echo(f"{tally.name}: {tally.note}")
    if found.compacted.note:
        click.echo(found.compacted.note)


def _kept(found: Collection, limit: str) -> str:
    if not limit:
        return "a run"
    who = "profile/retention" if limit in found.policy.said else "default"
    more = f", the newest {found.policy.values['keep_runs']:g}" if limit == "runs_days" else ""
    return f"{found.policy.values[limit]:g} days{more} ({who})"


def _document(found: Collection, dry_run: bool) -> dict[str, Any]:
    from ..ledger.retention import LIMITS

    said = found.policy.said
    return {
        "dry_run": dry_run,
        "policy": [
            {
                "name": limit.name,
                "value": found.policy.values[limit.name],
                "keeps": limit.keeps,
                "from": "profile/retention" if limit.name in said else "default",
                "source": "" if limit.name in said else limit.source,
            }
            for limit in LIMITS
        ],
        "classes": found.tallies,
        "rows": found.rows,
        "files": found.files,
        "bytes": found.bytes,
        "compacted": found.compacted,
    }


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _size(number: int) -> str:
    """Bytes as people read them."""
    size = float(number)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
