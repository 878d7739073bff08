"""How much may go in one plan before somebody has to say so: the limits, their defaults and their reasons.

The accepted entries ``profile/limits`` and ``profile/emergency`` say values by name; what they leave out
has its default. None of the defaults is from a document: each says why it is what it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ...errors import InputError, Problem
from ...ledger.connection import Connection
from ...ledger.entries import Key, among

LIMITS: Key = ("profile", "limits")
EMERGENCY: Key = ("profile", "emergency")
# What a plan beyond a limit needs: the typed phrase or a signature; or nothing less than a signature.
NEEDS = ("confirmation", "signature")


class Number(msgspec.Struct, frozen=True):
    """One number of the policy. ``reason``: why its default is what it is; all of them are invented."""

    name: str
    default: float
    means: str
    reason: str
    most: float = 1e9


NUMBERS = (
    Number(
        "objects",
        24,
        "objects that one plan may delete or make anew",
        "a plan lists so many by name; of more it tells the number",
    ),
    Number(
        "objects_percent",
        20,
        "percent of all objects that are built",
        "one in five is more than a change, whatever its number",
        100,
    ),
    Number(
        "entries",
        100,
        "entries that one plan may withdraw",
        "a table's worth: entries come back by `revert`, so more than of objects",
    ),
    Number("entries_percent", 20, "percent of all accepted entries", "as with objects", 100),
    Number("percent_from", 10, "from so many on, percentages count", "one of three objects is no disaster"),
    Number("site_percent", 80, "percent of a site", "what is left of a site then serves nobody", 100),
    Number("site_from", 5, "sites with so many entries or objects count", "an empty hall is no site at work"),
)
HOURS = (
    Number(
        "approve_within_h",
        24,
        "hours until an emergency has to be approved",
        "by the next working shift somebody else has seen it",
        24 * 366,
    ),
)


class Limits(msgspec.Struct, frozen=True):
    """The limits in force. ``said``: those that the accepted entry says; ``faults``: values of it that are
    none, in whose place the defaults hold."""

    objects: float = 24
    objects_percent: float = 20
    entries: float = 100
    entries_percent: float = 20
    percent_from: float = 10
    site_percent: float = 80
    site_from: float = 5
    # Patterns of kind/name, `*` for any text: of these none goes unnoticed.
    protected: tuple[str, ...] = ()
    needs: str = NEEDS[0]
    said: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class Emergencies(msgspec.Struct, frozen=True):
    """What holds for emergency changes."""

    approve_within_h: float = 24
    said: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def limits(connection: Connection) -> Limits:
    """The limits of the accepted revision."""
    return msgspec.convert(_read(connection, LIMITS), Limits)


def emergencies(connection: Connection) -> Emergencies:
    """What the accepted revision says of emergency changes."""
    return msgspec.convert(_read(connection, EMERGENCY), Emergencies)


def _read(connection: Connection, key: Key) -> dict[str, Any]:
    entry = among(connection, [key]).get(key)
    values: Mapping[str, Any] = entry.fields.get("values", {}) if entry else {}
    # A value that is none cannot be refused here: the plan that cures it must be possible.
    wrong = {name: words for name, value in values.items() if (words := _fault(key, name, value))}
    good = {name: value for name, value in values.items() if name not in wrong}
    faults = [f"{'/'.join(key)}: {words}; the default holds" for words in wrong.values()]
    return {**good, "said": list(good), "faults": faults}


def check_proposed(changes: Iterable[Any]) -> None:
    """Raises ``InputError`` where changes of entries would accept limits that are none."""
    problems = [
        Problem(f"{'/'.join(key)}: {words}", hint="docs/guards.md lists them")
        for change in changes
        if (key := (change.kind, change.name)) in (LIMITS, EMERGENCY) and change.verb != "delete"
        for name, value in change.fields.get("values", {}).items()
        if (words := _fault(key, name, value))
    ]
    if problems:
        raise InputError(problems)


def _fault(key: Key, name: str, value: object) -> str:
    """What is wrong with one value; empty where it is good."""
    if key == LIMITS and name == "needs":
        return "" if value in NEEDS else f"`needs` should be {' or '.join(NEEDS)}, not {value!r}"
    if key == LIMITS and name == "protected":
        good = isinstance(value, list) and all(isinstance(p, str) and "/" in p for p in value)
        return "" if good else "`protected` should be a list of patterns of KIND/NAME, such as node/core-*"
    known = {number.name: number for number in (NUMBERS if key == LIMITS else HOURS)}
    if name not in known:
        from rapidfuzz import process

        names = [*known, *(("needs", "protected") if key == LIMITS else ())]
        near = process.extractOne(name, names, score_cutoff=60)
        return f"`{name}` is no value that we know" + (f"; did you mean `{near[0]}`?" if near else "")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return f"`{name}` should be a number, not {value!r}"
    if not 0 <= value <= known[name].most:
        return f"`{name}` should be 0 to {known[name].most:g}, not {value}"
    return ""
