"""`govcloud revert`: towards an accepted past, by a plan with pins; and the way back to the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import InputError, Problem
from .common import App
from .completing import complete_entry
from .guarding import order_options

if TYPE_CHECKING:
    from ..ledger import Ledger
    from ..plan.guards import Leave
    from ..plan.stages import PinChanges


@click.command()
@click.argument("revision", required=False, metavar="[REV]")
@click.option(
    "--only",
    multiple=True,
    metavar="KIND/NAME",
    shell_complete=complete_entry,
    help="Only this entry; may be given again.",
)
@click.option("--release", is_flag=True, help="Let the files speak again: end the pins.")
@order_options
@click.pass_obj
def revert(
    app: App,
    revision: str | None,
    only: tuple[str, ...],
    release: bool,
    out: Path | None,
    as_json: bool,
    yes: bool,
    leave: Leave,
) -> int:
    """Bring entries back to what they were at REV, and pin them there until the files agree.

    A new plan like any other: it is shown, asked about and carried out. What changed after REV is
    pinned, or only the entries named. `--release` without REV ends pins.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..ledger.history import resolve
    from ..plan import pins

    if (revision is None) != release:
        raise InputError(
            [Problem("expected either a revision to go back to or --release")],
            hint="`govcloud history` lists revisions",
        )
    keys = keys_of(only)
    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "plan" if out else "apply")
    with ledger.read() as connection:
        if revision is None:
            change = pins.release(connection, keys)
        else:
            change = pins.towards(connection, resolve(connection, revision), keys)
    return carry_pins(app, ledger, change, out, as_json, yes, leave)


def keys_of(subjects: Sequence[str]) -> list[tuple[str, str]]:
    """(kind, name) of each ``--only KIND/NAME``. Raises ``InputError``."""
    from .viewing import kind_named

    keys = []
    for subject in subjects:
        kind, slash, name = subject.partition("/")
        if not slash:
            raise InputError([Problem(f"--only: {subject!r} should be KIND/NAME")])
        keys.append((kind_named(kind), name))
    return keys


def carry_pins(
    app: App,
    ledger: Ledger,
    change: PinChanges,
    out: Path | None,
    as_json: bool,
    yes: bool,
    leave: Leave | None = None,
) -> int:
    """Plan with pins; write the plan to ``out`` or carry it out. Returns the exit code."""
    from ..plan.gather import propose
    from .asking import carry_or_write

    return carry_or_write(app, ledger, propose(app.workspace, ledger, pins=change), out, as_json, yes, leave)
