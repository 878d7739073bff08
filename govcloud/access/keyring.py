"""Whose key is whose, from when to when, and which were revoked: by what is accepted at a revision.

A key is good on the days of ``key_dates``, by this machine's calendar, and always where they say nothing. A
key in ``revoked_keys`` is not its owner's alone from that day on: it tells nobody who somebody is, signs
nothing any more, and what it signed from then on counts for nothing, whatever time the signature says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import msgspec

from ..ledger.connection import Connection
from ..signatures import bare, fingerprint
from .asof import rows_of

ALWAYS = -math.inf, math.inf


class Key(msgspec.Struct, frozen=True):
    """A person's accepted public key. ``begins``, ``ends``, ``revoked``: seconds since 1970; the key is good
    from ``begins`` to before ``ends``, and nobody's own from ``revoked`` on (None: it is not revoked)."""

    person: str
    public: str
    begins: float = -math.inf
    ends: float = math.inf
    revoked: float | None = None

    @property
    def name(self) -> str:
        """The fingerprint."""
        return fingerprint(self.public)

    def fault(self, at: float) -> str:
        """Why it signs nothing at a time, in a few words; empty where it does."""
        if self.revoked is not None and at >= self.revoked:
            return "is revoked" if self.revoked == -math.inf else f"is revoked from {day_of(self.revoked)} on"
        if at < self.begins:
            return f"is good from {day_of(self.begins)} on"
        return f"was good until {day_of(self.ends - 1)}" if at >= self.ends else ""


class Ring:
    """All keys that are accepted at a revision (None: now)."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._by_public: dict[str, list[Key]] = {}
        for key in keys:
            self._by_public.setdefault(key.public, []).append(key)

    def __iter__(self) -> Iterator[Key]:
        for held in self._by_public.values():
            yield from held

    def fault(self, person: str, public: str, at: float, kept: float | None = None) -> str:
        """Why this key of a person signed nothing at a time; empty where it did.

        ``kept``: when the ledger kept the signature, which its signer cannot choose; None: not known.
        """
        name = fingerprint(public)
        held = self._by_public.get(public, [])
        whose = sorted({key.person for key in held})
        if person not in whose:
            return f"{name} is no accepted key of {person} any more"
        if len(whose) > 1:
            return f"{name} is the key of {' and '.join(whose)} at once"
        for key in held:
            why = key.fault(at)
            if not why and key.revoked is not None and kept is not None and kept >= key.revoked:
                why = f"is revoked from {day_of(key.revoked)} on, and the signature came after that"
            if why:
                return f"{name} of {person} {why}"
        return ""


def read_ring(connection: Connection, revision: int | None = None) -> Ring:
    """The keys that are accepted at a revision (None: now)."""
    return Ring(
        key
        for name, fields in rows_of(connection, "person", revision, '"ssh_keys"')
        for key in keys_of(name, fields)
    )


def keys_of(person: str, fields: Mapping[str, Any]) -> Iterator[Key]:
    """The keys of a person's entry; one that is no public key opens nothing, and `validate` tells it."""
    dates, revoked = fields.get("key_dates") or {}, fields.get("revoked_keys") or {}
    for text in fields.get("ssh_keys", ()):
        try:
            public = bare(text)
        except ValueError:
            continue
        name = fingerprint(public)
        begins, ends = span(dates.get(name, "/"))
        yield Key(person, public, begins, ends, _revoked(revoked[name]) if name in revoked else None)


def _revoked(text: str) -> float:
    try:
        return start_of(text) if text else -math.inf
    except ValueError:
        # What says no day says that it is revoked.
        return -math.inf


def span(text: str) -> tuple[float, float]:
    """The seconds since 1970 of ``FIRST/LAST``: from the first day's beginning to the last day's end.

    Days that are none let nothing through: ``validate`` told whoever wrote them.
    """
    first, _, last = text.partition("/")
    try:
        begins = start_of(first) if first else -math.inf
        ends = start_of(last, 1) if last else math.inf
    except ValueError:
        return math.inf, -math.inf
    return begins, ends


def start_of(day: str, later: int = 0) -> float:
    """When a day (or one so many days later) begins here, seconds since 1970. Raises ``ValueError``."""
    try:
        found = date.fromisoformat(day) + timedelta(days=later)
        return _midnight(found)
    except OverflowError:
        raise ValueError(f"{day} is out of reach") from None


def _midnight(day: date) -> float:
    from datetime import datetime, time

    return datetime.combine(day, time()).timestamp()


def day_of(at: float) -> str:
    """The day of a time, by this machine's calendar; a time without an end or beginning has no day."""
    if math.isinf(at):
        return "the beginning" if at < 0 else "the end"
    return date.fromtimestamp(at).isoformat()
