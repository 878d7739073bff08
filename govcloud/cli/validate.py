"""``govcloud validate``: read the files and tell every fault in them."""

from __future__ import annotations

import time

import click

from .common import App, console, emit, json_option


@click.command()
@json_option
@click.pass_obj
def validate(app: App, as_json: bool) -> None:
    """Read every file of the workspace and tell every fault in them.

    What others say (requests, other workspaces) is taken from the ledger, where there is one. Nothing
    is written but the cache of what was read. Exit code 2 where something is wrong.
    """
    from ..ledger import open_ledger
    from ..ledger.claims import claims
    from ..source import load
    from .progress import reading

    started = time.perf_counter()
    with open_ledger(app.workspace).read() as connection:
        others = claims(connection, apart_from=app.workspace.claimants)
    with reading(quiet=as_json) as progress:
        loaded = load(app.workspace, others=others, progress=progress)
    if loaded.counts.get("rollout") or any(row.claimant.startswith("rollout:") for row in others):
        from ..rollout.reading import check_files

        check_files(loaded, others)
    if loaded.counts.get("profile"):
        from ..plan.profiles import check_files as check_profiles

        check_profiles(loaded, others)
    seconds = time.perf_counter() - started
    entries = sum(loaded.counts.values())
    if as_json:
        emit(
            {
                "files": len(loaded.files),
                "entries": entries,
                "kinds": loaded.counts,
                "notes": [{"path": n.path, "message": n.message} for n in loaded.notes],
                "problems": [],
            }
        )
        return
    out = console()
    for note in loaded.notes:
        out.print(f"note: {note}", markup=False)
    out.print(
        f"{_count(len(loaded.files), 'file')}, {_count(entries, 'entry', 'entries')} "
        f"of {_count(len(loaded.counts), 'kind')}: all well ({seconds:.2f} s)",
        markup=False,
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
