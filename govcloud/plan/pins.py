"""Pins: what an entry was at a revision, held against the files until they say the same.

A pin is a claim (``pin:REVISION``) that stands for its whole entry, or says that there is none. It ends by
itself in the plan in which the other claimants agree with it, or when it is released.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ..addressing.wishes import ALLOCATOR, wishes
from ..errors import InputError, Problem
from ..ledger import entries, history
from ..ledger.claims import ClaimKey, ClaimRow
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..source import merge
from ..source.answers import answer
from ..source.layers import PINS
from ..source.merging import Saying
from .stages import PinChanges


@dataclass(frozen=True)
class Pinned:
    """What entries are with pins in force, and how the pins' claims change."""

    merged: dict[Key, dict[str, Any]]
    said: tuple[ClaimRow, ...]
    ended: tuple[ClaimKey, ...]
    # What the allocator's claims stand for, by entry and field.
    answers: dict[Key, dict[str, Any]]


def standing(connection: Connection) -> list[ClaimRow]:
    """The pins of now."""
    # The character after the colon ends the range, so that the index on claimants serves.
    rows = connection.rows(
        "SELECT kind, name, claimant, line, fields FROM claim "
        "WHERE claimant >= :first AND claimant < :last AND +until IS NULL ORDER BY kind, name",
        first=PINS,
        last=PINS[:-1] + chr(ord(PINS[-1]) + 1),
    )
    return [
        ClaimRow(kind, name, claimant, line, msgspec.json.decode(text))
        for kind, name, claimant, line, text in rows
    ]


def in_force(
    claims: Iterable[Saying], known: Iterable[ClaimRow], change: PinChanges, layers: Sequence[str]
) -> Pinned:
    """Merge claims that are no pins, and lay the pins over them. Raises ``InputError`` as ``merge`` does."""
    rows = list(claims)
    given = {(row.kind, row.name): row.fields or {} for row in rows if row.claimant == ALLOCATOR}
    merged = merge((row for row in rows if row.claimant != ALLOCATOR), layers=layers)
    ended = list(change.ended)
    pins: dict[Key, ClaimRow] = {}
    for row in known:
        if row.claim_key not in change.ended:
            pins[row.key] = row
    new = {row.key: row for row in change.said}
    # A new pin takes the place of an older one.
    ended += [
        row.claim_key for key, row in pins.items() if key in new and row.claim_key != new[key].claim_key
    ]
    _refuse_heirs(merged, pins | new)
    said: list[ClaimRow] = []
    beneath: dict[Key, dict[str, Any]] = {}
    for key, row in (pins | new).items():
        under, chosen = merged.get(key), given.get(key, {})
        answered = {of: chosen[of] for of in wishes(key[0], under or {}) if of in chosen}
        if _agree(key[0], under and {**under, **answered}, row.fields):
            if key in pins:
                ended.append(pins[key].claim_key)
            continue
        if key in new:
            said.append(row)
        if answered:
            beneath[key] = answered
        if row.fields is None:
            merged.pop(key, None)
        else:
            merged[key] = row.fields
    # Judged by what is in force: a machine's address by its network's prefix as that is pinned.
    answers = answer(merged, given) | beneath
    return Pinned(merged, tuple(said), tuple(dict.fromkeys(ended)), answers)


def _refuse_heirs(merged: Mapping[Key, Mapping[str, Any]], pins: Mapping[Key, ClaimRow]) -> None:
    """Raises ``InputError`` where the files go on with an entry under another name that a pin holds."""
    problems = [
        Problem(f"{kind}/{name} says `was: {was}`, and {kind}/{was} is held by {pins[kind, was].claimant}")
        for (kind, name), fields in (merged.items() if pins else ())
        if (was := fields.get("was"))
        and (pin := pins.get((kind, was)))
        and pin.fields is not None
        # A pin that gives the former name back says so itself.
        and not ((own := pins.get((kind, name))) and own.fields is None)
    ]
    if problems:
        raise InputError(problems, hint="`govcloud revert --release --only KIND/NAME` first, then rename")


def _agree(kind: str, said: Mapping[str, Any] | None, pinned: Mapping[str, Any] | None) -> bool:
    if said is None or pinned is None:
        return said is pinned
    # An `auto` that nothing answers yet gets what the entry has: that of the pin.
    answered = {of: pinned[of] for of in wishes(kind, said) if pinned.get(of)}
    # How an entry was once called is no part of what it is.
    now, then = ({k: v for k, v in fields.items() if k != "was"} for fields in ({**said, **answered}, pinned))
    return now == then


def towards(connection: Connection, revision: int, only: Sequence[Key] = ()) -> PinChanges:
    """Pins that bring what changed after a revision back to what it was, or ``only`` these entries of it.

    Raises ``InputError`` where one of ``only`` was not there then and is not there now.
    """
    last = entries.last_revision(connection)
    uids = history.touched(connection, revision, last)
    then = history.state(connection, revision, uids)
    now = history.state(connection, last, uids)
    if only:
        _refuse_unknown(connection, revision, last, only)
        uids = {uid for uid in uids if any(uid in at and at[uid][:2] in only for at in (then, now))}
    _refuse_taken(then, now, uids)
    rows: dict[Key, ClaimRow] = {}
    claimant = f"{PINS}{revision}"
    for uid in sorted(uids & now.keys()):
        kind, name, _ = now[uid]
        if uid not in then or then[uid][1] != name:
            rows[kind, name] = ClaimRow(kind, name, claimant, 0, None)
    for uid in sorted(uids & then.keys()):
        kind, name, was = then[uid]
        if uid in now and now[uid] == then[uid]:
            continue
        fields = dict(was)
        if uid in now and now[uid][1] != name:
            fields["was"] = now[uid][1]
        rows[kind, name] = ClaimRow(kind, name, claimant, 0, fields)
    return PinChanges(tuple(rows[key] for key in sorted(rows)))


def _refuse_taken(then: history.State, now: history.State, uids: set[str]) -> None:
    """Raises ``InputError`` where an entry is called otherwise by now, and its former name is another's."""
    bearers = {now[uid][:2]: uid for uid in uids & now.keys()}
    problems = []
    for uid in sorted(uids & then.keys() & now.keys()):
        kind, was, _ = then[uid]
        name = now[uid][1]
        if name != was and bearers.get((kind, was), uid) != uid:
            problems.append(
                Problem(f"{kind}/{was} of then is {kind}/{name} now, and {kind}/{was} is another entry")
            )
    if problems:
        raise InputError(problems, hint="rename the later one first, or leave both out with --only")


def vouch(connection: Connection, change: PinChanges) -> None:
    """Raises ``InputError`` where pins that come from a file are not what the ledger's past says."""
    wrong = []
    for row in change.said:
        number = row.claimant.removeprefix(PINS)
        known: tuple[ClaimRow, ...] = ()
        if row.claimant.startswith(PINS) and number.isdecimal():
            known = towards(connection, int(number), [row.key]).said
        if row not in known:
            wrong.append("/".join(row.key))
    wrong += ["/".join(key[:2]) for key in change.ended if not key[2].startswith(PINS)]
    if wrong:
        raise InputError(
            [Problem(f"{subject}: its pin is not what the ledger was at that revision") for subject in wrong],
            hint="make the plan again: `govcloud revert`",
        )


def _refuse_unknown(connection: Connection, revision: int, last: int, wanted: Sequence[Key]) -> None:
    problems = [
        Problem(f"no {kind} was called {name!r} at revision {revision}, and none is now")
        for kind, name in sorted(wanted)
        if not any(history.entry_at(connection, at, kind, name) for at in (revision, last))
    ]
    if problems:
        raise InputError(problems, hint="`govcloud diff REV` lists what changed since")


def release(connection: Connection, only: Sequence[Key] = ()) -> PinChanges:
    """The end of all pins, or of those on ``only`` these entries.

    Raises ``InputError`` where one of ``only`` is not pinned.
    """
    known = standing(connection)
    pinned = {row.key for row in known}
    problems = [Problem(f"{kind}/{name} is not pinned") for kind, name in only if (kind, name) not in pinned]
    if problems:
        raise InputError(problems, hint="`govcloud plan` tells which entries are")
    return PinChanges(ended=tuple(row.claim_key for row in known if not only or row.key in only))
