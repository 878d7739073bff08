"""Which rows of the source documents have entries: counted by what ``source`` says of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from ..ledger.browsing import View

if TYPE_CHECKING:
    from ..source.loaded import Loaded

# A row as sources name it: `000:L4 S000-003`; one that is written wrong is found too, and is no row.
ROW = re.compile(r"\bS\d+-\d+\b")
# Entries of this kind are the rows that should be covered; their names are the rows in lower case.
LISTED = "source_row"
_SOURCE = re.compile(r'"source":"((?:[^"\\]|\\.)*)"')


class Coverage(msgspec.Struct, frozen=True):
    """Entries by source row, the rows that are listed and have none, how many entries name a row, and the
    rows that are named and not listed, where any is listed."""

    rows: dict[str, int]
    missing: Sequence[str]
    entries: int
    unknown: Sequence[str] = ()


def of_ledger(view: View) -> Coverage:
    """Count what is accepted now; nothing is decoded."""
    listed = view.names(LISTED, most=100_000)
    found = (_SOURCE.search(text) for kind, text in view.texts(('"source":"%s',)) if kind != LISTED)
    return _counted((match[1] for match in found if match), listed)


def of_files(loaded: Loaded) -> Coverage:
    """Count what a workspace's files say. Raises ``InputError`` where they cannot be read."""
    listed: set[str] = set()
    sources: dict[tuple[str, str], str] = {}
    for claim in loaded.claims:
        if claim.kind == LISTED:
            listed.add(claim.name)
        elif claim.fields and isinstance(source := claim.fields.get("source"), str):
            sources[claim.kind, claim.name] = source
    return _counted(sources.values(), listed)


def _counted(sources: Iterable[str], listed: Iterable[str]) -> Coverage:
    rows: Counter[str] = Counter()
    entries = 0
    for source in sources:
        named = set(ROW.findall(source))
        rows.update(named)
        entries += bool(named)
    known = {name.upper() for name in listed}
    missing = sorted(known - rows.keys())
    unknown = sorted(rows.keys() - known) if known else []
    return Coverage(dict(sorted(rows.items())), missing, entries, unknown)
