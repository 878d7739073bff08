"""What a workspace's files say, and where each thing stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

from .. import canonical
from ..errors import Problem
from ..model import KINDS
from . import files
from .claims import FILES, Claim, Fault, Finding, Key, Locator, Place, path_in
from .claims import Path as Way
from .layers import layer_of
from .merging import Saying
from .readers import reader_of
from .texts import BadText


class Loaded:
    """The whole of a workspace's files.

    ``files``: digest by path. ``counts``: entries by kind. ``notes``: what was left out, and why.
    ``layers``: those in force, in rising rank; ``join`` wants them with the claims.
    Claims of unchanged files are fetched from the cache when they are first asked for.
    """

    def __init__(
        self,
        root: Path,
        files: Mapping[str, str],
        counts: Mapping[str, int],
        notes: list[Problem],
        fetch: Callable[[], list[Claim]],
        layers: Sequence[str] = (),
    ) -> None:
        self.root = root
        self.files = dict(files)
        self.counts = dict(counts)
        self.notes = notes
        self.layers = tuple(layers)
        self._fetch = fetch
        self._locators: dict[str, Locator | None] = {}

    @classmethod
    def nothing(cls) -> Loaded:
        """What no files say."""
        return cls(Path(), {}, {}, [], list)

    @cached_property
    def claims(self) -> list[Claim]:
        """Every claim of every file. Raises ``InputError`` where a file changed since it was loaded."""
        return self._fetch()

    @cached_property
    def digest(self) -> str:
        """Of all files together: equal as long as none of them changed."""
        return canonical.digest(self.files)

    @cached_property
    def _by_entry(self) -> dict[Key, list[Claim]]:
        out: dict[Key, list[Claim]] = {}
        for claim in self.claims:
            out.setdefault((claim.kind, claim.name), []).append(claim)
        return out

    def sayings(self, key: Key) -> list[Claim]:
        """What the files say of an entry."""
        return self._by_entry.get(key, [])

    def position(self, kind: str, name: str, field: str | None = None, item: int = -1) -> Place:
        """Where the entry, or its field's value, stands; an empty place where no file says the entry."""
        claims = self.sayings((kind, name))
        if not claims:
            return Place()
        # What the highest layer says is what counts; the lowest is where an entry is at home.
        rank = partial(_rank, layers=self.layers)
        sayings = [c for c in claims if field in c.fields]
        saying = max(sayings, key=rank) if sayings else min(claims, key=rank)
        return self.place_of(saying, field, item)

    def place_of(self, claim: Saying, field: str | None = None, item: int = -1) -> Place:
        """Where one claim says its entry or, if it does, a field; empty where it is no file's."""
        path = claim.claimant.removeprefix(FILES)
        if path == claim.claimant:
            return Place()
        if files.is_template(path):
            # What is written there is no entry yet; the line that wrote it is known.
            return Place(path, claim.line)
        locate = self._locator(path)
        if locate is None:
            return Place(path, claim.line, 1 if claim.line else 0)
        way: Way = (KINDS[claim.kind].PLURAL, claim.name)
        on_key = field is None or field not in (claim.fields or ())
        if field is not None and not on_key:
            way = (*way, field) if item < 0 else (*way, field, item)
        spot = locate(way, claim.line, on_key)
        return Place(path_in(path, spot.part), spot.line, spot.column)

    def problem(self, finding: Finding) -> Problem:
        """A finding with its place, and with the entry that it is about."""
        place = self.position(finding.kind, finding.name, finding.field or None, finding.item)
        message = f"{finding.kind}/{finding.name}: {finding.message}"
        return Problem(message, place.path, place.line, place.column, finding.hint)

    def _locator(self, path: str) -> Locator | None:
        if path not in self._locators:
            try:
                data = files.read(self.root, path)
                self._locators[path] = reader_of(path).locator(data, path)
            except (files.Unreadable, BadText):
                self._locators[path] = None
        return self._locators[path]


def _rank(claim: Claim, layers: Sequence[str]) -> int:
    return layer_of(claim.claimant, layers)


def place_faults(data: bytes, path: str, faults: list[Fault]) -> list[Problem]:
    """One file's faults with their places; the file is read once more only where it is needed."""
    locate: Locator | None = None
    problems: list[Problem] = []
    for fault in faults:
        line, column, part = fault.line, fault.column, fault.part
        first = ""
        if fault.path and (not column or fault.twice):
            locate = locate or reader_of(path).locator(data, path)
            spot = locate(fault.path, fault.line, fault.on_key)
            if fault.twice:
                first = f"; first in line {spot.line}"
            else:
                line, column, part = spot
        problems.append(Problem(fault.message + first, path_in(path, part), line, column, fault.hint))
    return problems
