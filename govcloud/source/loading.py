"""The files of a workspace, from bytes to claims, with everything that is wrong with them told at once."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .. import canonical
from ..errors import InputError, Problem
from ..model.catalogue import Catalogue
from ..workspace import Workspace
from . import files
from .cache import Cache, Passed
from .claims import Block, Claim, Draft, Fault, Key, TooMany, claims_of
from .judging import Known, examine
from .layers import layer_in
from .loaded import Loaded, place_faults
from .merging import Conflict, Saying, join
from .readers import form_of, reader_of
from .words import Hints

Progress = Callable[[int, int], None]


@dataclass
class _Parsed:
    """One file's good entries, and what is wrong with the rest."""

    blocks: list[Block] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    draft: Draft = field(default_factory=Draft)


def load(workspace: Workspace, *, others: Iterable[Saying] = (), progress: Progress | None = None) -> Loaded:
    """Read every declarative file of a workspace.

    Raises ``InputError`` with every problem of every file, sorted by file and line. ``others`` are
    claims from elsewhere (the ledger's) that entries of the files may refer to or complete; then the
    entries are judged together. ``progress`` is called with (files done, files in all).
    """
    with _collector_paused():
        return _Load(workspace, list(others), progress).run()


class _Load:
    def __init__(self, workspace: Workspace, others: list[Saying], progress: Progress | None) -> None:
        self.root = workspace.root
        self.layers = tuple(workspace.settings.layers)
        self.others = others
        self.progress = progress
        self.cache = Cache(workspace)
        self.hints = Hints()
        self.problems: list[Problem] = []
        self.digests: dict[str, str] = {}

    def run(self) -> Loaded:
        found = files.discover(self.root, self.layers)
        self.problems += found.problems
        self.unreadable = bool(found.problems)
        for path in found.paths:
            data = self._bytes(path)
            if data is not None:
                self.digests[path] = canonical.digest_bytes(data)
        if not self.problems and not self.others:
            verdict = self.cache.passed(self._set())
            if verdict is not None:
                # Nothing changed since all was well: the claims are fetched only if somebody asks.
                return Loaded(self.root, self.digests, verdict.counts, found.notes, self._again, self.layers)
        claims, known = self._parse()
        return self._judge(claims, known, found.notes)

    def _set(self) -> str:
        return canonical.digest([self.layers, self.digests])

    def _bytes(self, path: str) -> bytes | None:
        try:
            return files.read(self.root, path)
        except files.Unreadable as error:
            self.problems.append(Problem(str(error), path))
            self.unreadable = True
            self.digests.pop(path, None)
            return None

    def _parse(self) -> tuple[list[Claim], Known]:
        claims: list[Claim] = []
        broken: set[Key] = set()
        told: dict[Key, set[str]] = {}
        strangers: set[str] = set()
        paths = list(self.digests)
        for number, path in enumerate(paths):
            parsed = self._file(path)
            claims += claims_of(path, parsed.blocks)
            broken |= parsed.draft.broken
            for key, named in parsed.draft.told.items():
                told.setdefault(key, set()).update(named)
            strangers |= parsed.draft.strangers
            if self.progress is not None:
                self.progress(number + 1, len(paths))
        return claims, Known(broken, told, strangers, not self.unreadable, self.hints)

    def _file(self, path: str) -> _Parsed:
        known = self.cache.blocks(self.digests[path], form_of(path))
        if known is not None:
            return _Parsed(known)
        data = self._bytes(path)
        if data is None:
            return _Parsed()
        # The file may have been written anew since its digest was taken; what is read now counts.
        self.digests[path] = canonical.digest_bytes(data)
        parsed = parse(data, path, self.hints)
        if parsed.faults:
            self.problems += place_faults(data, path, parsed.faults)
        else:
            self.cache.keep_blocks(self.digests[path], form_of(path), parsed.blocks)
        return parsed

    def _judge(self, claims: list[Claim], known: Known, notes: list[Problem]) -> Loaded:
        merged, conflicts = join(claims, self.others, layers=self.layers)
        if not known.complete or known.strangers:
            # What a layer removes may stand in what could not be read.
            conflicts = [c for c in conflicts if isinstance(c, Conflict)]
        _, findings = examine(merged, known)
        own = merged if not self.others else {key for c in claims if (key := (c.kind, c.name)) in merged}
        counts = Counter(kind for kind, _ in own)
        loaded = Loaded(self.root, self.digests, dict(counts), notes, lambda: claims, self.layers)
        if not (self.problems or conflicts or findings):
            if not self.others:
                self.cache.keep_passed(self._set(), Passed(dict(counts)))
            self.cache.prune()
            return loaded
        self.cache.prune()
        self.problems += [c.problem(loaded.place_of(c.claim, c.fields[0])) for c in conflicts]
        self.problems += [loaded.problem(finding) for finding in findings]
        problems = sorted(set(self.problems), key=lambda p: (p.path, p.line, p.column, p.message))
        raise InputError(problems)

    def _again(self) -> list[Claim]:
        with _collector_paused():
            before = dict(self.digests)
            claims, _ = self._parse()
            if self.problems:
                raise InputError(self.problems)
            if self.digests != before:
                raise InputError([Problem("files changed while they were being read")], hint="try again")
            return claims


def parse(data: bytes, path: str, hints: Hints) -> _Parsed:
    """One file's entries and faults; the faults' places are worked out by whoever tells them."""
    from .convert import convert_draft

    try:
        draft = reader_of(path).read(data, path, hints)
        blocks = convert_draft(draft, hints, layered=bool(layer_in(path)))
    except TooMany as many:
        last = Fault(f"{many}; the rest is not told")
        return _Parsed([], [*many.faults, last], Draft(strangers=files.names_in(data)))
    except files.BadText as error:
        line, column = files.place_of_byte(data, error.offset)
        fault = Fault(error.message, error.hint, line=line, column=column)
        return _Parsed([], [fault], Draft(strangers=files.names_in(data)))
    if draft.unreadable:
        # A reference to one of its entries is not wrong because of what is wrong here.
        draft.strangers |= files.names_in(data)
    return _Parsed(blocks, draft.faults, draft)


def check(proposed: Mapping[Key, Mapping[str, Any]], loaded: Loaded | None = None) -> Catalogue:
    """Merged fields by (kind, name) as typed entries.

    Raises ``InputError`` with everything wrong with them as a whole: fields that are missing,
    references to nothing, addresses, names. Where ``loaded`` says the field, its place is told.
    """
    with _collector_paused():
        catalogue, findings = examine(proposed)
    if findings:
        if loaded is None:
            loaded = Loaded.nothing()
        raise InputError(sorted(map(loaded.problem, findings), key=lambda p: (p.path, p.line, p.column)))
    return catalogue


@contextmanager
def _collector_paused() -> Iterator[None]:
    # Hundreds of thousands of dicts that all stay: looking for rings among them is a third of the time.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
