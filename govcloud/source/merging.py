"""Claims of all sources -> what each entry says, field by field; no field has two owners.

Within one layer a field has one owner. A higher layer's claim is laid over the lower ones, and a pin
stands for its whole entry (``layers``). The word `auto` is a wish, which the allocator's claim answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..addressing.wishes import ALLOCATOR
from ..errors import InputError, Problem
from ..model import KINDS
from ..model import fields as fields_of
from .answers import answer
from .claims import FILES, Key, Place, path_of
from .layers import DELETE, PINS, layer_of, overlay, removes
from .words import Hints, shown

Answers = dict[Key, dict[str, Any]]


class Saying(Protocol):
    """What a claim of any source has: an entry's fields, and who says them.

    Only a pin's fields may be None: it says that there is no such entry.
    """

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def fields(self) -> dict[str, Any] | None: ...
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
        entry = f"{claim.kind}/{claim.name}"
        hint = "a field has one owner: remove it from one of the two"
        if self.fields == [DELETE]:
            return self._told(*self._removal(entry), place)
        what = f"{', '.join(f'`{field}`' for field in self.fields)} of {entry}"
        said = "is said" if len(self.fields) == 1 else "are said"
        if not claim.claimant.startswith(FILES):
            return Problem(f"{what} {said} by {_place(self.other)} and by {claim.claimant}", hint=hint)
        return self._told(f"{what} {said} by {_place(self.other)} too", hint, place)

    def _removal(self, entry: str) -> tuple[str, str]:
        other = _place(self.other)
        if not removes(self.other.fields or {}):
            return f"{entry} is said by {other}", "what no file says, no file can remove"
        if removes(self.claim.fields or {}):
            return f"{entry} is removed by {other} too", "remove it once"
        return f"{entry} is removed by {other}", "a layer either removes an entry or says something of it"

    def _told(self, message: str, hint: str, place: Place | None) -> Problem:
        place = place or Place(self.claim.claimant.removeprefix(FILES), self.claim.line)
        return Problem(message, place.path, place.line, place.column, hint)


@dataclass(frozen=True)
class NotThere:
    """A layer's claim removes an entry or a field that no lower layer says."""

    claim: Saying
    # The field that is told as the place; the marker itself where the whole entry is meant.
    fields: list[str]
    message: str
    hint: str = ""

    def problem(self, place: Place | None = None) -> Problem:
        """In a sentence; ``place``: where the marker stands."""
        place = place or Place(self.claim.claimant.removeprefix(FILES), self.claim.line)
        return Problem(self.message, place.path, place.line, place.column, self.hint)


def merge(
    *sources: Iterable[Saying], layers: Sequence[str] = (), answers: Answers | None = None
) -> dict[Key, dict[str, Any]]:
    """Fields by (kind, name), of all claims of all sources; ``layers`` in rising rank.

    Raises ``InputError`` naming both where two claimants of one layer say the same field, be it with
    equal values: later one of them would change alone. An entry with one claimant shares its dict.
    """
    merged, conflicts = join(*sources, layers=layers, answers=answers)
    if conflicts:
        raise InputError([conflict.problem() for conflict in conflicts])
    return merged


# In place of a rank: the claims of the allocator say nothing where nobody wishes.
_ANSWERS = -2


def join(
    *sources: Iterable[Saying], layers: Sequence[str] = (), answers: Answers | None = None
) -> tuple[dict[Key, dict[str, Any]], list[Conflict | NotThere]]:
    """Like ``merge``, with what is wrong returned; of two claimants the first one's value is kept.

    Files of layers that are not in ``layers`` say nothing. What others than files say (a request, an
    order) is no layer's to change. A pin's fields are the whole entry; None: there is no such entry.
    What the allocator says stands where a field says `auto` and nowhere else; ``answers`` gathers it.
    """
    merged: dict[Key, dict[str, Any]] = {}
    first: dict[Key, Saying] = {}
    shared: dict[Key, list[Saying]] = {}
    raised: dict[Key, list[tuple[int, Saying]]] = {}
    pins: dict[Key, dict[str, Any] | None] = {}
    given: dict[Key, dict[str, Any]] = {}
    ranks: dict[str, int] = {ALLOCATOR: _ANSWERS}
    for source in sources:
        for claim in source:
            key = (claim.kind, claim.name)
            rank = ranks.get(claim.claimant)
            if rank is None:
                rank = ranks[claim.claimant] = layer_of(claim.claimant, layers)
            if rank:
                if claim.claimant.startswith(PINS):
                    pins[key] = claim.fields
                elif rank == _ANSWERS:
                    given[key] = claim.fields or {}
                elif rank > 0:
                    raised.setdefault(key, []).append((rank, claim))
                continue
            said = claim.fields
            if said is None:
                said = {}
            if key not in merged:
                merged[key] = said
                first[key] = claim
                continue
            shared.setdefault(key, [first[key]]).append(claim)
            merged[key] = {**said, **merged[key]}
    found: list[Conflict | NotThere] = []
    for several in shared.values():
        found += _conflicts(several)
    if raised:
        base = {key: shared.get(key) or [first[key]] for key in raised if key in first}
        found += _Raising(merged, base).run(raised)
    for key, whole in pins.items():
        if whole is None:
            merged.pop(key, None)
        else:
            merged[key] = whole
    if given:
        answered = answer(merged, given)
        if answers is not None:
            answers |= answered
    return merged, found


def left_over(files: Iterable[Saying], others: Iterable[Saying]) -> list[Saying]:
    """Claims of orders that complete an entry which no file says any more, and which are no entry alone.

    ``others``: what files do not say, and what files of other workspaces do.
    """
    others = list(others)
    orders = [o for o in others if not path_of(o.claimant) and not o.claimant.startswith((PINS, ALLOCATOR))]
    alone: dict[Key, list[Saying]] = {}
    for claim in orders:
        alone.setdefault((claim.kind, claim.name), []).append(claim)
    if alone:
        for claim in (*others, *files):
            if path_of(claim.claimant):
                alone.pop((claim.kind, claim.name), None)
    out: list[Saying] = []
    for (kind, _), claims in alone.items():
        needed = {info.name for info in fields_of(kind).values() if info.required} if kind in KINDS else set()
        if not needed <= {field for claim in claims for field in claim.fields or ()}:
            out += claims
    return out


class _Raising:
    """Lays the claims of layers over what the base says, layer by layer."""

    def __init__(self, merged: dict[Key, dict[str, Any]], base: dict[Key, list[Saying]]) -> None:
        self._merged = merged
        self._base = base
        self._hints = Hints()
        self._names: dict[str, list[str]] = {}

    def run(self, raised: dict[Key, list[tuple[int, Saying]]]) -> Iterator[Conflict | NotThere]:
        # What is not there is looked for among the names of all lower layers, so the lowest goes first.
        ranks = sorted({rank for several in raised.values() for rank, _ in several})
        for rank in ranks:
            self._names.clear()
            for key, several in raised.items():
                claims = [claim for at, claim in several if at == rank]
                if claims:
                    yield from _conflicts(claims)
                    yield from self._lay(key, claims)

    def _lay(self, key: Key, claims: list[Saying]) -> Iterator[Conflict | NotThere]:
        others = [claim for claim in self._base.get(key, ()) if not path_of(claim.claimant)]
        removing = next((claim for claim in claims if removes(claim.fields or {})), None)
        if removing is not None:
            if others:
                yield Conflict(removing, others[0], [DELETE])
            elif self._merged.pop(key, None) is None:
                yield self._no_entry(removing)
            return
        lower = self._merged.get(key, {})
        upper: dict[str, Any] = {}
        owner: dict[str, Saying] = {}
        for claim in claims:
            said = claim.fields or {}
            for other in others:
                contested = [field for field in said if field in (other.fields or ())]
                if contested:
                    yield Conflict(claim, other, contested)
                    said = {field: value for field, value in said.items() if field not in contested}
            for field, value in said.items():
                if owner.setdefault(field, claim) is claim:
                    upper[field] = value
        absent: list[tuple[str, ...]] = []
        self._merged[key] = overlay(lower, upper, absent)
        for way in absent:
            yield self._no_field(owner[way[0]], way, lower)

    def _no_entry(self, claim: Saying) -> NotThere:
        names = self._names.get(claim.kind)
        if names is None:
            names = self._names[claim.kind] = [name for kind, name in self._merged if kind == claim.kind]
        hint = self._hints.did_you_mean(claim.name, names, otherwise="remove it here too")
        message = f"no lower layer has a {claim.kind} called {shown(claim.name)} that could be removed"
        return NotThere(claim, [DELETE], message, hint)

    def _no_field(self, claim: Saying, way: tuple[str, ...], lower: dict[str, Any]) -> NotThere:
        there: Any = lower
        for step in way[:-1]:
            there = there.get(step) if isinstance(there, dict) else None
        keys = [str(key) for key in there] if isinstance(there, dict) else []
        hint = self._hints.did_you_mean(way[-1], keys, otherwise="remove it here too")
        message = f"{claim.kind}/{claim.name}: no lower layer says `{'.'.join(way)}` that could be removed"
        return NotThere(claim, [way[0]], message, hint)


def _conflicts(claims: list[Saying]) -> Iterator[Conflict]:
    owners: dict[str, int] = {}
    removing = next((number for number, claim in enumerate(claims) if removes(claim.fields or {})), None)
    for number, claim in enumerate(claims):
        contested: dict[int, list[str]] = {}
        for field in claim.fields or ():
            owner = owners.setdefault(field, number)
            if owner != number:
                contested.setdefault(owner, []).append(field)
        if removing is not None and number != removing and DELETE not in (claim.fields or ()):
            contested[removing] = [DELETE]
        for owner, fields in contested.items():
            one, other = claim, claims[owner]
            if other.claimant.startswith(FILES) and not one.claimant.startswith(FILES):
                # The place that is told is where somebody can do something about it: in the file.
                one, other = other, one
            yield Conflict(one, other, fields)


def _place(claim: Saying) -> str:
    path = path_of(claim.claimant)
    if not path:
        return claim.claimant
    place = f"{path}:{claim.line}" if claim.line else path
    if claim.claimant.startswith(FILES):
        return place
    workspace = claim.claimant.partition(":")[0].partition("@")[2]
    return f"{place} of the workspace {workspace}"
