"""What changed in the files since the ledger last recorded them: only that is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import Problem
from ..workspace import Workspace
from .claims import Claim, claims_of
from .reading import Reading, collector_paused


@dataclass(frozen=True)
class Changes:
    """The files of now beside those of then.

    ``files``: digest by path of all files (as in ``Loaded.files``); ``removed``: paths that are no more;
    ``claims``: all that the files in ``changed`` say, those that are new or have another digest;
    ``notes``: what was left out, and why. Paths are sorted.
    """

    files: dict[str, str]
    removed: list[str]
    claims: list[Claim]
    changed: list[str]
    notes: list[Problem]


def read_changes(workspace: Workspace, known: Mapping[str, str], *, only: str = "") -> Changes:
    """Read the files that differ from ``known``, which is the digest by path as it was recorded.

    ``only``: look at this one alone, whatever else changed.
    Every file is found and its digest taken; only those that differ are parsed, or fetched from the
    cache. Raises ``InputError`` with every fault of those. How entries fit together is not judged.
    """
    with collector_paused():
        reading = Reading(workspace)
        reading.scan()
        changed = [
            path
            for path, digest in reading.digests.items()
            if known.get(path) != digest and path == (only or path)
        ]
        claims: list[Claim] = []
        for path in changed:
            claims += claims_of(path, reading.file(path).blocks)
        reading.cache.prune()
    if reading.problems:
        raise reading.complain()
    removed = sorted(path for path in known if path not in reading.digests and path == (only or path))
    return Changes(dict(reading.digests), removed, claims, changed, reading.notes)
