"""A mass of entries that no document lists, drawn from stated distributions by a seed.

``make`` writes them as tables; the same seed, size and file of distributions give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from . import ground, living
from .amounts import PlaceTotals, default_entries, divide, least_entries, totals
from .here import Here, Table
from .spec import FOLDER, Spec, read_spec, shipped
from .writing import Progress, Writing, replace

__all__ = ["Made", "Progress", "default_entries", "distributions", "least_entries", "make", "shipped"]


@dataclass(frozen=True)
class Made:
    """What was written: where, entries by kind, files."""

    folder: Path
    seed: int
    entries: int
    kinds: dict[str, int]
    files: int


def distributions(sample: str, other: Path | None = None) -> tuple[Spec, bytes]:
    """The file for a sample, or ``other`` in its place. Raises ``InputError``."""
    return read_spec(other or FOLDER / f"{sample}.yaml")


def make(
    spec: Spec,
    data: bytes,
    folder: Path,
    *,
    seed: int,
    entries: int,
    force: bool = False,
    progress: Progress | None = None,
) -> Made:
    """Write ``entries`` entries into ``folder``, whole or not at all.

    ``data`` are the bytes that ``spec`` was read from; the folder keeps their digest. ``progress`` is
    called with the number of entries written since the last call. Raises ``InputError`` for a size or
    a folder that will not do, ``ConflictError`` where generated files were changed by hand.
    """
    all_ = totals(spec, entries)
    places = divide(spec, all_, seed)
    result: list[Writing] = []

    def write(root: Path) -> None:
        writing = Writing(root, f"generated seed={seed}", progress)
        for where, tables in _tables(spec, seed, places):
            writing.write(where, tables)
        told = {
            "program": __version__,
            "sample": spec.sample,
            "seed": seed,
            "entries": entries,
            "distributions": hashlib.sha256(data).hexdigest(),
        }
        writing.finish(told)
        result.append(writing)

    replace(folder, write, force)
    kinds = dict(sorted(result[0].kinds.items()))
    return Made(folder, seed, sum(kinds.values()), kinds, len(result[0].digests) + 1)


def _tables(spec: Spec, seed: int, places: list[PlaceTotals]) -> Iterator[tuple[str, Iterator[Table]]]:
    """Folders and their tables. Rows are made as they are written, so memory holds one place at most."""
    for place in places:
        here = Here(spec, seed, place, len(places))
        if place.place.top:
            yield place.name, living.shared(here)
        homes = living.Homes(here)
        yield place.name, ground.tables(here, homes)
        yield place.name, living.tables(here, homes)
