"""Claims of all sources -> what each entry says, field by field; no field has two owners."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from ..errors import InputError, Problem
from .claims import FILES, Key


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


def merge(*sources: Iterable[Saying]) -> dict[Key, dict[str, Any]]:
    """Fields by (kind, name), of all claims of all sources.

    Raises ``InputError`` naming both where two claimants say the same field, be it with equal
    values: later one of them would change alone. An entry with one claimant shares its dict.
    """
    merged, problems = join(*sources)
    if problems:
        raise InputError(problems)
    return merged


def join(*sources: Iterable[Saying]) -> tuple[dict[Key, dict[str, Any]], list[Problem]]:
    """Like ``merge``, with the problems returned; the first claimant's value is kept."""
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
    return merged, [problem for several in shared.values() for problem in _conflicts(several)]


def _conflicts(claims: list[Saying]) -> Iterator[Problem]:
    owners: dict[str, int] = {}
    for number, claim in enumerate(claims):
        contested: dict[int, list[str]] = {}
        for field in claim.fields:
            owner = owners.setdefault(field, number)
            if owner != number:
                contested.setdefault(owner, []).append(field)
        for owner, fields in contested.items():
            yield _conflict(claim, claims[owner], fields)


def _conflict(claim: Saying, other: Saying, fields: list[str]) -> Problem:
    names = ", ".join(f"`{field}`" for field in fields)
    what = f"{names} of {claim.kind}/{claim.name}"
    said = "is said" if len(fields) == 1 else "are said"
    hint = "a field has one owner: remove it from one of the two"
    if claim.claimant.startswith(FILES):
        path = claim.claimant.removeprefix(FILES)
        message = f"{what} {said} by {_place(other)} too"
        return Problem(message, path, claim.line, 1 if claim.line else 0, hint)
    return Problem(f"{what} {said} by {_place(other)} and by {claim.claimant}", hint=hint)


def _place(claim: Saying) -> str:
    if not claim.claimant.startswith(FILES):
        return claim.claimant
    path = claim.claimant.removeprefix(FILES)
    return f"{path}:{claim.line}" if claim.line else path
