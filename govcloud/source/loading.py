"""The files of a workspace as one whole, with everything that is wrong with them told at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .. import canonical
from ..errors import InputError, Problem
from ..model.catalogue import Catalogue
from ..workspace import Workspace
from .cache import Passed
from .claims import Claim, Key, claims_of
from .judging import Known, examine
from .loaded import Loaded
from .merging import Conflict, Saying, join, left_over
from .reading import Reading, collector_paused

Progress = Callable[[int, int], None]


def load(workspace: Workspace, *, others: Iterable[Saying] = (), progress: Progress | None = None) -> Loaded:
    """Read every declarative file of a workspace.

    Raises ``InputError`` with every problem of every file, sorted by file and line. ``others`` are
    claims from elsewhere (the ledger's) that entries of the files may refer to or complete; then the
    entries are judged together. ``progress`` is called with (files done, files in all).
    """
    with collector_paused():
        return _Load(workspace, list(others), progress).run()


class _Load:
    def __init__(self, workspace: Workspace, others: list[Saying], progress: Progress | None) -> None:
        self.reading = Reading(workspace)
        self.others = others
        self.progress = progress

    def run(self) -> Loaded:
        reading = self.reading
        reading.scan()
        if not reading.problems and not self.others:
            verdict = reading.cache.passed(self._set())
            if verdict is not None:
                # Nothing changed since all was well: the claims are fetched only if somebody asks.
                return self._loaded(verdict.counts, self._again)
        return self._judge(*self._parse())

    def _loaded(self, counts: Mapping[str, int], fetch: Callable[[], list[Claim]]) -> Loaded:
        reading = self.reading
        return Loaded(reading.root, reading.digests, counts, reading.notes, fetch, reading.layers)

    def _set(self) -> str:
        return canonical.digest([self.reading.layers, self.reading.digests])

    def _parse(self) -> tuple[list[Claim], Known]:
        reading = self.reading
        claims: list[Claim] = []
        broken: set[Key] = set()
        told: dict[Key, set[str]] = {}
        strangers: set[str] = set()
        paths = list(reading.digests)
        for number, path in enumerate(paths):
            parsed = reading.file(path)
            claims += claims_of(path, parsed.blocks)
            broken |= parsed.draft.broken
            for key, named in parsed.draft.told.items():
                told.setdefault(key, set()).update(named)
            strangers |= parsed.draft.strangers
            if self.progress is not None:
                self.progress(number + 1, len(paths))
        return claims, Known(broken, told, strangers, not reading.unreadable, reading.hints)

    def _judge(self, claims: list[Claim], known: Known) -> Loaded:
        reading = self.reading
        ended = {id(claim) for claim in left_over(claims, self.others)}
        others = [claim for claim in self.others if id(claim) not in ended]
        merged, conflicts = join(claims, others, layers=reading.layers)
        if not known.complete or known.strangers:
            # What a layer removes may stand in what could not be read.
            conflicts = [c for c in conflicts if isinstance(c, Conflict)]
        _, findings = examine(merged, known, keep=False)
        own = merged if not self.others else {key for c in claims if (key := (c.kind, c.name)) in merged}
        counts = Counter(kind for kind, _ in own)
        loaded = self._loaded(counts, lambda: claims)
        fine = not (reading.problems or conflicts or findings)
        if fine and not self.others:
            reading.cache.keep_passed(self._set(), Passed(dict(counts)))
        reading.cache.prune()
        if fine:
            return loaded
        reading.problems += [c.problem(loaded.place_of(c.claim, c.fields[0])) for c in conflicts]
        reading.problems += [loaded.problem(finding) for finding in findings]
        raise reading.complain()

    def _again(self) -> list[Claim]:
        with collector_paused():
            before = dict(self.reading.digests)
            claims, _ = self._parse()
            if self.reading.problems:
                raise self.reading.complain()
            if self.reading.digests != before:
                raise InputError([Problem("files changed while they were being read")], hint="try again")
            return claims


def check(proposed: Mapping[Key, Mapping[str, Any]], loaded: Loaded | None = None) -> Catalogue:
    """Merged fields by (kind, name) as typed entries.

    Raises ``InputError`` with everything wrong with them as a whole: fields that are missing,
    references to nothing, addresses, names. Where ``loaded`` says the field, its place is told.
    """
    with collector_paused():
        catalogue, findings = examine(proposed)
    if findings:
        if loaded is None:
            loaded = Loaded.nothing()
        raise InputError(sorted(map(loaded.problem, findings), key=lambda p: (p.path, p.line, p.column)))
    return catalogue
