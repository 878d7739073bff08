"""What a change of entries brings about and what it cures, without judging everything that there is.

A rule of one entry is asked about those entries alone that a change touches: whatever can read it, by the
references that the rule says it reads (``reads``) and looks back by (``back``). A rule over everything is
asked where an entry changes in a field that it reads. Both are asked of the entries before and after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from ..ledger.entries import Key
from ..model.base import Entry, fields
from ..model.catalogue import split_ref
from .base import Case, Finding, tables
from .registry import NET, Check, finding

Fields = Mapping[str, Any]
# Who refers, by which field, to which of some keys; before or after the change.
Referring = Callable[[Collection[Key]], Iterable[tuple[Key, str, Key]]]
# What is known already of a rule over everything before the change; None: nothing.
Known = Callable[[Check], list[Finding] | None]
# Of these any change counts for a rule that reads a field: `Case.reviewed` and its like read what they need.
EVIDENCE = frozenset({"review", "inspection", "evaluation"})
# Where a change touches more entries than this, a rule is asked of all of its kind.
MOST = 2000


class Change(NamedTuple):
    """Fields of an entry before and after; None: it is not there."""

    before: Fields | None
    after: Fields | None

    def of(self, names: Collection[str]) -> bool:
        """Whether one of these fields changes; it does where the entry comes or goes."""
        if self.before is None or self.after is None:
            return True
        before, after = self.before, self.after
        return any(before.get(name) != after.get(name) for name in names)


class Compared(NamedTuple):
    """Findings that are there only after a change, and those that were there only before it."""

    new: list[Finding]
    cured: list[Finding]


class Again(NamedTuple):
    """A rule that was asked again: about which entries of its kind (None: all), and what it found."""

    check: Check
    names: Collection[str] | None
    gone: list[Finding]
    come: list[Finding]


def compare(
    before: Case,
    after: Case,
    changes: Mapping[Key, Change],
    referring: Referring,
    checks: Iterable[Check],
    *,
    renamed: Mapping[str, str] | None = None,
    known: Known = lambda _check: None,
) -> Compared:
    """What a change brings about and cures. ``renamed``: new ``kind/name`` of entries by the former one.

    A finding counts as the same where rule, verdict and entry are: its field, and a figure in its words, may
    change.
    """
    asked = list(ask_again(before, after, changes, referring, checks, known=known))
    gone = [one for each in asked for one in each.gone]
    come = [one for each in asked for one in each.come]
    return difference(gone, come, renamed or {})


def ask_again(
    before: Case,
    after: Case,
    changes: Mapping[Key, Change],
    referring: Referring,
    checks: Iterable[Check],
    *,
    known: Known = lambda _check: None,
) -> Iterator[Again]:
    """Each rule that a change concerns, and what it finds of what it was asked about, before and after."""
    ways = _Ways(referring)
    by_kind: dict[str, list[tuple[Key, Change]]] = {}
    for key, change in changes.items():
        by_kind.setdefault(key[0], []).append((key, change))
    # Numbers of the policy are read by whoever likes, unless those that are accepted decide; a waiver changes
    # what is said of findings.
    everything = after.accepted is None and any(
        kind == "profile" and name in tables() for kind, name in changes
    )
    waived = {
        said["rule"]
        for (kind, _), change in changes.items()
        for said in change
        if kind == "waiver" and said is not None and said.get("rule")
    }
    for check in checks:
        names: Collection[str] | None = None
        if not (everything or check.id in waived):
            names = touched(check, before, after, by_kind, ways)
            if names is not None and not names:
                continue
        gone = known(check) if names is None else None
        if gone is None:
            gone = _judged(check, before, names) if check.binds(before) else []
        yield Again(check, names, gone, _judged(check, after, names) if check.binds(after) else [])


def touched(
    check: Check, before: Case, after: Case, changes: Mapping[str, list[tuple[Key, Change]]], ways: _Ways
) -> Collection[str] | None:
    """Names of the entries that a rule is to be asked about; None: all, empty: none.

    ``changes``: by the kind of what changes.
    """
    triggers = (
        key
        for kind, those in changes.items()
        if (names := _read_of(check, kind)) is not None
        for key, change in those
        if kind in EVIDENCE or change.of(names)
    )
    if check.each is None:
        return None if any(True for _ in triggers) else ()
    seen = set(islice(triggers, MOST + 1))
    if not seen:
        return ()
    fresh = set(seen)
    while fresh:
        if len(seen) > MOST:
            return None
        news = {who for who, field in ways.to(fresh) if f"{who[0]}.{field}" in check.fields}
        for kind, name in fresh:
            for case in (before, after):
                news |= _named(case.catalogue.find(kind, name), kind, check.back)
        fresh = news - seen
        seen |= fresh
    return {name for kind, name in seen if kind == check.each.KIND}


def _read_of(check: Check, kind: str) -> frozenset[str] | None:
    """The fields of a kind that a rule reads; None: none, and it does not matter what comes and goes."""
    names = check.by_kind.get(kind)
    if check.each is None and check.net and kind in NET:
        return (names or frozenset()) | NET[kind]
    if check.each is not None and kind == check.each.KIND:
        return names or frozenset()
    return names


def _named(entry: Entry | None, kind: str, back: Collection[str]) -> set[Key]:
    """What an entry names by these fields (``kind.field``)."""
    out: set[Key] = set()
    for by in back:
        of_kind, _, field = by.partition(".")
        if entry is not None and of_kind == kind and (said := getattr(entry, field)):
            info = fields(kind)[field]
            assert info.ref is not None
            out |= {split_ref(info.ref, one) for one in (said if info.many else (said,))}
    return out


class _Ways:
    """Who refers to what, each key asked for once."""

    def __init__(self, referring: Referring) -> None:
        self._referring = referring
        self._known: dict[Key, list[tuple[Key, str]]] = {}

    def to(self, keys: Collection[Key]) -> Iterator[tuple[Key, str]]:
        """Who refers to these, and by which field."""
        fresh = [key for key in keys if key not in self._known]
        if fresh:
            self._known |= {key: [] for key in fresh}
            for who, field, key in self._referring(fresh):
                self._known[key].append((who, field))
        for key in keys:
            yield from self._known[key]


def _judged(check: Check, case: Case, names: Collection[str] | None) -> list[Finding]:
    if names is None:
        return [finding(check, case, breach) for breach in check.judge(case)]
    assert check.each is not None
    table = case.catalogue.all(check.each)
    those = [(name, entry) for name in sorted(names) if (entry := table.get(name)) is not None]
    return [finding(check, case, breach) for breach in check.over(case, those)]


def difference(gone: list[Finding], come: list[Finding], renamed: Mapping[str, str]) -> Compared:
    """What is there only after a change, and only before it, of findings of the same rules on both sides."""

    def of(one: Finding, subject: str) -> tuple[str, str, str, bool]:
        return one.rule, one.verdict, subject, bool(one.waiver)

    former = [(of(one, renamed.get(one.subject, one.subject)), one) for one in gone]
    newer = [(of(one, one.subject), one) for one in come]
    return Compared(_beyond(newer, former), _beyond(former, newer))


def _beyond(ones: list[tuple[Any, Finding]], others: list[tuple[Any, Finding]]) -> list[Finding]:
    """Findings of which there are more than among the others; those of other fields and words first."""
    excess = Counter(key for key, _ in ones)
    excess.subtract(key for key, _ in others)
    if not any(count > 0 for count in excess.values()):
        return []
    words = {(key, one.field, one.message) for key, one in others}
    known_fields = {(key, one.field) for key, one in others}

    def likeness(said: tuple[Any, Finding]) -> int:
        key, one = said
        return ((key, one.field) in known_fields) + ((key, one.field, one.message) in words)

    out = []
    for key, one in sorted(ones, key=likeness):
        if excess[key] > 0:
            excess[key] -= 1
            out.append(one)
    return sorted(out, key=lambda one: (one.rule, one.subject, one.field, one.message))
