"""`govcloud adopt`: something that stands at a target becomes an entry's object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import Exit, InputError, Problem
from .common import App, console, emit, json_option, yes_option
from .completing import complete_entry
from .guarding import leave_options

if TYPE_CHECKING:
    from ..plan.guards import Leave
    from ..run.single import Candidate


@click.command()
@click.argument("subjects", nargs=-1, required=True, metavar="KIND/NAME...", shell_complete=complete_entry)
@click.option("--object", "handle", metavar="ID", help="Which object, by the id that `drift` tells.")
@json_option
@yes_option
@leave_options
@click.pass_obj
def adopt(
    app: App, subjects: tuple[str, ...], handle: str | None, as_json: bool, yes: bool, leave: Leave
) -> int:
    """Take over objects that nobody manages as those of entries: our identity is written on them.

    A plan of these objects alone, shown, asked about and carried out. What cannot be changed of an object
    must be what the entry says; what can is brought in line. Without --object it is the one of the
    entry's name.
    """
    from ..access import enforce
    from ..ledger import open_ledger
    from ..run.single import adoption
    from .apply import carry
    from .revert import keys_of

    keys = keys_of(subjects)
    if handle is not None and len(keys) > 1:
        raise InputError([Problem("--object names the object of one entry; several are given")])
    ledger = open_ledger(app.workspace)
    enforce(app.workspace, ledger, "apply")
    found = adoption(app.workspace, ledger, keys, handle)
    if found.proposal is None:
        if as_json:
            emit({"candidates": found.candidates})
        else:
            for subject, candidates in found.candidates.items():
                _show(subject, candidates)
        return int(Exit.INPUT)
    return carry(app.workspace, ledger, found.proposal, as_json, yes, leave)


def _show(subject: str, candidates: list[Candidate]) -> None:
    from .tables import print_table

    out = console()
    out.print(f"Which one is {subject}? `govcloud adopt {subject} --object ID`", markup=False)
    rows = []
    for one in sorted(candidates, key=lambda c: (bool(c.differs), c.name, c.object)):
        differs = "; ".join(f"{n}: {v['seen']!r}, not {v['wanted']!r}" for n, v in one.differs.items())
        rows.append((one.object, one.name, one.target, differs or "it fits"))
    print_table(out, ("object", "name", "target", "what cannot be changed"), rows)
