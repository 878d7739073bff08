"""``govcloud generate``: a mass of invented entries beside a sample's hand-written ones."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import click

from ..errors import InputError, Problem
from .common import App, console, emit, json_option, nearest
from .completing import complete_mass
from .progress import shown

# Where the mass goes in a workspace.
MASS = "mass"


@click.command()
@click.argument("sample", shell_complete=complete_mass)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another mass.")
@click.option("--entries", type=int, metavar="N", help="So many entries, up to 1,000,000.")
@click.option("--scale", type=float, metavar="X", help="X times the size that the distributions state.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Instead of mass/ in the workspace."
)
@click.option(
    "--distributions",
    "other",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw from FILE, not from what ships.",
)
@click.option("--force", is_flag=True, help="Replace what an earlier run wrote into the folder.")
@json_option
@click.pass_obj
def generate(
    app: App,
    sample: str,
    seed: int,
    entries: int | None,
    scale: float | None,
    out: Path | None,
    other: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write the mass of SAMPLE as CSV tables: cities, rooms, servers, applications, dependencies.

    Every entry says `invented` and its seed. The same seed, size and version write the same bytes.
    """
    from .. import generate as room

    _known(sample, room.shipped())
    if entries is not None and scale is not None:
        raise InputError([Problem("--entries and --scale are two ways to say one thing; take one")])
    spec, data = room.distributions(sample, other)
    folder = out if out is not None else app.workspace.root / MASS
    wanted = _wanted(entries, scale, room.default_entries(spec))
    started = time.perf_counter()
    with shown("writing entries", "putting them in place", quiet=as_json) as tell:
        progress = _counted(tell, wanted)
        made = room.make(spec, data, folder, seed=seed, entries=wanted, force=force, progress=progress)
    seconds = time.perf_counter() - started
    if as_json:
        emit(
            {
                "folder": str(folder.absolute()),
                "sample": spec.sample,
                "seed": seed,
                "entries": made.entries,
                "kinds": made.kinds,
                "files": made.files,
            }
        )
        return
    near = os.path.relpath(folder)
    where = folder if near.startswith("..") else near
    text = f"{where}: {made.entries:,} entries in {made.files:,} files, seed {seed} ({seconds:.1f} s)"
    console().print(text, markup=False)
    if out is None:
        at = f" -C {shlex.quote(app.directory)}" if app.directory else ""
        console().print(f"next: govcloud{at} validate, then govcloud{at} apply", markup=False)


def _known(sample: str, known: list[str]) -> None:
    if sample not in known:
        guess = nearest(sample, known)
        mean = f"did you mean {guess!r}?" if guess else f"there is: {', '.join(known)}"
        raise InputError([Problem(f"nothing is generated for {sample!r}", hint=mean)])


def _wanted(entries: int | None, scale: float | None, default: int) -> int:
    if entries is not None:
        return entries
    if scale is None:
        return default
    if not 0 < scale <= 1000:
        raise InputError([Problem(f"--scale {scale:g}: expected more than 0, at most 1000")])
    return round(default * scale)


def _counted(tell: Callable[[int, int], None] | None, entries: int) -> Callable[[int], None] | None:
    """What is told of each file's entries, from what is told of all."""
    if tell is None:
        return None
    done = 0

    def more(count: int) -> None:
        nonlocal done
        done += count
        tell(done, entries)

    return more
