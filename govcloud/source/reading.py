"""The files of a workspace one by one: bytes, digests, what each says, by way of the cache."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .. import canonical
from ..errors import InputError, Problem
from ..workspace import Workspace
from . import files
from .cache import Cache
from .claims import MOST_FAULTS, Block, Draft, Fault, TooMany
from .layers import layer_in
from .loaded import place_faults
from .readers import form_of, reader_of
from .tables import Tables
from .texts import CONFLICT, BadText, conflicts, names_in
from .words import Hints

if TYPE_CHECKING:
    from .templatefile import Rendered


@dataclass
class Parsed:
    """One file's good entries, and what is wrong with the rest."""

    blocks: list[Block] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    draft: Draft = field(default_factory=Draft)
    # What the faults are about, where it is not the file itself.
    rendered: Rendered | None = None


class Reading:
    """One pass over a workspace's files. What is wrong gathers in ``problems``.

    ``digests``: of each file that could be read, by path; ``notes``: what was left out, and why.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.root = workspace.root
        self.layers = tuple(workspace.settings.layers)
        self.cache = Cache(workspace)
        self.hints = Hints()
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.digests: dict[str, str] = {}
        self._tables = Tables(self.root)
        self._read_tables: set[str] = set()
        # Whether something is there that could not be read at all.
        self.unreadable = False

    def scan(self) -> None:
        """Find every file and take its digest."""
        found = files.discover(self.root, self.layers)
        self.problems += found.problems
        self.notes += found.notes
        self.unreadable = bool(found.problems)
        for path in found.paths:
            data = self._bytes(path)
            if data is not None:
                self.digests[path] = self._digest(path, data)
        unread = [path for path in found.data if path not in self._read_tables]
        if unread:
            message = "stands among the tables for templates, and no template reads it"
            more = f" (nor {len(unread) - 1} more)" if len(unread) > 1 else ""
            self.notes.append(Problem(message + more, files.ascii_(unread[0])))

    def _digest(self, path: str, data: bytes) -> str:
        """Of all that a file's meaning depends on: a template's tables too."""
        digest = canonical.digest_bytes(data)
        if not files.is_template(path):
            return digest
        tables = self.cache.tables(digest)
        if tables is None:
            from .templatefile import tables_in

            tables = tables_in(data)
            self.cache.keep_tables(digest, tables)
        self._read_tables.update(tables)
        return canonical.digest([digest, {table: self._tables.digest(table) for table in tables}])

    def file(self, path: str) -> Parsed:
        """What a file says, from the cache where it is known by its content."""
        known = self.cache.blocks(self.digests[path], form_of(path))
        if known is not None:
            return Parsed(known)
        data = self._bytes(path)
        if data is None:
            return Parsed()
        parsed = parse(data, path, self.hints, self._tables)
        # The file may have been written anew since its digest was taken; what is read now counts.
        self.digests[path] = self._digest(path, data)
        self.unreadable |= parsed.draft.opaque
        if parsed.faults:
            rendered = parsed.rendered
            problems = place_faults(rendered.data if rendered else data, path, parsed.faults)
            self.problems += [rendered.told(p) for p in problems] if rendered else problems
        else:
            self.cache.keep_blocks(self.digests[path], form_of(path), parsed.blocks)
        return parsed

    def complain(self) -> InputError:
        """All problems as one error, sorted by file and line."""
        return InputError(sorted(set(self.problems), key=lambda p: (p.path, p.line, p.column, p.message)))

    def _bytes(self, path: str) -> bytes | None:
        try:
            return files.read(self.root, path)
        except files.Unreadable as error:
            self.problems.append(Problem(str(error), path))
            self.unreadable = True
            self.digests.pop(path, None)
            return None


def parse(data: bytes, path: str, hints: Hints, tables: Tables | None = None) -> Parsed:
    """One file's entries and faults; the faults' places are worked out by whoever tells them.

    ``tables``: those that a template may read.
    """
    from .convert import convert_draft

    rendered: Rendered | None = None
    if data[:2] != b"PK" and (lines := conflicts(data)[:MOST_FAULTS]):
        # What a reader would say of the marks (an indentation, a name) leads nobody to the cause.
        faults = [Fault(*CONFLICT, line=line, column=1) for line in lines]
        return Parsed([], faults, Draft(strangers=names_in(data), opaque=files.is_template(path)))
    try:
        if files.is_template(path):
            from . import templatefile

            draft, rendered = templatefile.read(data, path, hints, (tables or Tables(Path())).rows)
        else:
            draft = reader_of(path).read(data, path, hints)
        blocks = convert_draft(draft, hints, layered=bool(layer_in(path)))
    except TooMany as many:
        last = Fault(f"{many}; the rest is not told")
        draft = Draft(strangers=names_in(data), opaque=data[:2] == b"PK" or files.is_template(path))
        return Parsed([], [*many.faults, last], draft, rendered)
    except BadText as error:
        line, column = error.place(data)
        fault = Fault(error.message, error.hint, line=line, column=column)
        return Parsed([], [fault], Draft(strangers=names_in(data)))
    if draft.unreadable and not draft.opaque:
        # A reference to one of its entries is not wrong because of what is wrong here.
        draft.strangers |= names_in(rendered.data if rendered else data)
    if rendered:
        for block in blocks:
            block.lines = [rendered.origin(line) for line in block.lines]
    return Parsed(blocks, draft.faults, draft, rendered)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without the search for rings: among hundreds of thousands of dicts that stay, a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
