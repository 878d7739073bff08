"""A site's own rules: entries of kind ``rule``, judged as those that ship are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from ..errors import InputError, Problem
from ..model import KINDS
from ..model.base import Entry, Ref
from ..model.catalogue import Catalogue, split_ref
from ..model.policy import Rule
from ..source.expressions import (
    EVIDENCE,
    TODAY,
    BadExpression,
    Expression,
    Sentence,
    blank,
    bounded,
    read,
    roots,
    sentence,
)
from .base import Breach, Case, Finding
from .registry import Check, decided, finding
from .standing import lacking

# Places that others may name too: the strength of rules that a site made for itself.
STRENGTH = "site"


class _Read(NamedTuple):
    """A rule as it is judged."""

    when: Expression | None
    holds: Expression
    message: Sentence
    cure: Sentence

    @property
    def uses(self) -> dict[str, frozenset[str]]:
        out: dict[str, frozenset[str]] = {}
        for part in self:
            for root, names in (part.uses if part else {}).items():
                out[root] = out.get(root, frozenset()) | names
        return out


def own(catalogue: Catalogue) -> dict[str, Check]:
    """The rules of the site's own, by id, sorted. Raises ``InputError`` where one cannot be judged."""
    problems: list[Problem] = []
    out: dict[str, Check] = {}
    for name, rule in sorted(catalogue.all(Rule).items()):
        try:
            out[name] = _check(name, rule)
        except BadExpression as error:
            problems.append(Problem(f"rule/{name}: {error}", hint=error.hint))
    if problems:
        raise InputError(problems)
    return out


def asked(catalogue: Catalogue, only: Collection[str] = ()) -> list[Check]:
    """The rules that ship and the site's own; of these ids, where some are named. Raises ``InputError``."""
    known = {**decided(), **own(catalogue)}
    problems = []
    for id in only:
        if id not in known:
            lacks = lacking().get(id)
            problems.append(Problem(f"{id} is not decided: {lacks}" if lacks else f"{id} is no rule"))
    if problems:
        raise InputError(problems, hint="`govcloud check --coverage` lists the rules")
    return [check for id, check in known.items() if not only or id in only]


def found_by(checks: Iterable[Check], case: Case) -> list[Finding]:
    """What these rules find, rule by rule, with the waivers."""
    return [finding(check, case, breach) for check in checks for breach in check.judge(case)]


def _check(name: str, rule: Rule) -> Check:
    if rule.each not in KINDS:
        raise BadExpression(f"no kind is called {rule.each!r}")
    read_ = _reading(rule.each, rule.when, rule.holds, rule.message, rule.cure)
    uses = read_.uses
    reads, back = _reads(rule.each, uses)
    one = _Judge(rule, name, read_, uses)
    return Check(
        id=name,
        verdict=rule.verdict,
        reads=reads,
        whole=None,
        strength=STRENGTH,
        source=rule.source or f"rule/{name}",
        sentence=rule.title or f"{rule.each}: {rule.holds}",
        documents=frozenset(),
        waivable=rule.waivable,
        each=KINDS[rule.each],
        one=one,
        back=back,
    )


@lru_cache(maxsize=1024)
def _reading(kind: str, when: str, holds: str, message: str, cure: str) -> _Read:
    return _Read(
        read(when, kind) if when else None, read(holds, kind), sentence(message, kind), sentence(cure, kind)
    )


def _reads(kind: str, uses: Mapping[str, frozenset[str]]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Every field that is read, as ``kind.field``, and the references by which evidence is found."""
    known = roots(kind)
    reads: set[str] = set()
    back: set[str] = set()
    for root, names in uses.items():
        if root in EVIDENCE:
            of = EVIDENCE[root]
            reads |= {f"{of}.{field}" for field in ("type", "subject", "date")}
            if root == "evidence":
                reads |= {f"{of}.{field}" for field in ("passed", "document", "valid_until")}
            back.add(f"{of}.subject")
            continue
        kinds, many = known[root]
        if root != "entry":
            reads.add(f"{kind}.{root}")
        for of in kinds:
            there = KINDS[of].__struct_fields__
            # Of each of a list all is seen: which fields the expression asks it for shows only then.
            reads |= {f"{of}.{field}" for field in (there if many else names) if field in there}
    return tuple(sorted(reads)), frozenset(back)


class _Judge:
    """Judges one entry after the other: what an expression sees is made of the fields that it reads."""

    def __init__(self, rule: Rule, name: str, read_: _Read, uses: Mapping[str, frozenset[str]]) -> None:
        self._rule, self._name, self._read = rule, name, read_
        known = roots(rule.each)
        self._fields = tuple(sorted(uses.get("entry", frozenset()) - {"name"}))
        # (field, kinds that it may name, whether it names several, fields of them)
        self._followed = [
            (root, known[root][0], known[root][1], tuple(sorted(names - {"name"})))
            for root, names in uses.items()
            if root in known and root != "entry"
        ]
        self._evidence = [(root, sorted(names)) for root, names in uses.items() if root in EVIDENCE]

    def __call__(self, case: Case, name: str, entry: Any) -> Iterator[Breach]:
        """The breach, where the entry does not keep the rule; one of another sort where nobody can tell."""
        subject = f"{self._rule.each}/{name}"
        try:
            seen = self._seen(case, name, entry, subject)
            if self._read.when is not None and not self._read.when.value(seen):
                return
            if self._read.holds.value(seen):
                return
        except BadExpression as error:
            yield Breach(
                subject,
                f"the rule cannot be decided here: {error}",
                cure=f"mend the expressions of rule/{self._name}, or what {subject} says",
                verdict="require",
            )
            return
        yield Breach(
            subject, self._read.message.filled(seen), self._rule.field, cure=self._read.cure.filled(seen)
        )

    def _seen(self, case: Case, name: str, entry: Any, subject: str) -> dict[str, Any]:
        seen: dict[str, Any] = {TODAY: case.as_of.isoformat(), "entry": _plain(name, entry, self._fields)}
        for root, kinds, many, names in self._followed:
            said = getattr(entry, root)
            if many:
                seen[root] = [_whole(*there) for one in bounded(said) if (there := _named(case, kinds, one))]
            else:
                there = _named(case, kinds, said)
                seen[root] = _plain(there[0], there[1], names) if there else _nothing(kinds)
        for root, types in self._evidence:
            find = _reviewed if root == "evidence" else _inspected
            seen[root] = {type: find(case, type, subject) for type in types}
        return seen


def _named(case: Case, kinds: tuple[str, ...], said: str) -> tuple[str, Entry] | None:
    """What a reference names, with its name; None where it names nothing that is there."""
    if not said:
        return None
    kind, name = split_ref(Ref(*kinds), said)
    entry = case.catalogue.find(kind, name)
    return (name, entry) if entry is not None else None


def _nothing(kinds: tuple[str, ...]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for kind in kinds:
        out |= blank(kind)
    return out


def _plain(name: str, entry: Entry, names: Iterable[str]) -> dict[str, Any]:
    """The fields, and the name, as the engine takes them."""
    out: dict[str, Any] = {"name": name}
    for field in names:
        # A reference of several kinds may lead to one that lacks a field; `has` asks for it.
        value = getattr(entry, field, None)
        if value is not None:
            plain = type(value) in (str, int, float, bool)
            out[field] = bounded(value if plain else msgspec.to_builtins(value))
    return out


def _whole(name: str, entry: Entry) -> dict[str, Any]:
    return _plain(name, entry, entry.__struct_fields__)


def _reviewed(case: Case, type: str, subject: str) -> str:
    """The day of the last passed review that counts; empty where none does."""
    if not case.reviewed(type, [subject]):
        return ""
    today = case.as_of.isoformat()
    held = (review for _, review in case.reviews(type, subject))
    return max((r.date for r in held if r.passed and r.document and r.date <= today), default="")


def _inspected(case: Case, type: str, subject: str) -> str:
    """The day of the last inspection; empty where there was none."""
    today = case.as_of.isoformat()
    return max((i.date for _, i in case.inspections(type, subject) if i.date <= today), default="")
