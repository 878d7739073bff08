"""Claims of all sources -> what each entry says, field by field; no field has two owners."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import InputError, Problem
from .claims import FILES, Key, Place


class Saying(Protocol):
    """What a claim of any source has: an entry's fields, and who says them."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def fields(self) -> dict[str, Any]: ...
    @property
    def claimant(self) -> str: ...
    @property
    def line(self) -> int: ...


@dataclass(frozen=True)
class Conflict:
    """Fields that a claim says although another claim of the same entry says them too."""

    claim: Saying
    other: Saying
    fields: list[str]

    def problem(self, place: Place | None = None) -> Problem:
        """In a sentence that names both; ``place``: where the claim says the first of the fields."""
        claim = self.claim
        what = f"{', '.join(f'`{field}`' for field in self.fields)} of {claim.kind}/{claim.name}"
        said = "is said" if len(self.fields) == 1 else "are said"
        hint = "a field has one owner: remove it from one of the two"
        if not claim.claimant.startswith(FILES):
            return Problem(f"{what} {said} by {_place(self.other)} and by {claim.claimant}", hint=hint)
        place = place or Place(claim.claimant.removeprefix(FILES), claim.line)
        message = f"{what} {said} by {_place(self.other)} too"
        return Problem(message, place.path, place.line, place.column, hint)


def merge(*sources: Iterable[Saying]) -> dict[Key, dict[str, Any]]:
    """Fields by (kind, name), of all claims of all sources.

    Raises ``InputError`` naming both where two claimants say the same field, be it with equal
    values: later one of them would change alone. An entry with one claimant shares its dict.
    """
    merged, conflicts = join(*sources)
    if conflicts:
        raise InputError([conflict.problem() for conflict in conflicts])
    return merged


def join(*sources: Iterable[Saying]) -> tuple[dict[Key, dict[str, Any]], list[Conflict]]:
    """Like ``merge``, with the conflicts returned; the first claimant's value is kept."""
    merged: dict[Key, dict[str, Any]] = {}
    first: dict[Key, Saying] = {}
    shared: dict[Key, list[Saying]] = {}
    for source in sources:
        for claim in source:
            key = (claim.kind, claim.name)
            if key not in merged:
                merged[key] = claim.fields
                first[key] = claim
                continue
            shared.setdefault(key, [first[key]]).append(claim)
            merged[key] = {**claim.fields, **merged[key]}
    return merged, [conflict for several in shared.values() for conflict in _conflicts(several)]


def _conflicts(claims: list[Saying]) -> Iterator[Conflict]:
    owners: dict[str, int] = {}
    for number, claim in enumerate(claims):
        contested: dict[int, list[str]] = {}
        for field in claim.fields:
            owner = owners.setdefault(field, number)
            if owner != number:
                contested.setdefault(owner, []).append(field)
        for owner, fields in contested.items():
            yield Conflict(claim, claims[owner], fields)


def _place(claim: Saying) -> str:
    if not claim.claimant.startswith(FILES):
        return claim.claimant
    path = claim.claimant.removeprefix(FILES)
    return f"{path}:{claim.line}" if claim.line else path
