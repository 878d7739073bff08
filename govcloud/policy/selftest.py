"""The examples of the rules: cases that must pass and cases that must fail, and whether they do.

``examples/GROUP.yaml`` has those of the rules that ship, ``{id: group}`` or ``{id: [group, …]}``:

    C-02:
      sample: hainan                 # whose real entries the cases are made of
      entries: [application/hyb, review/*]   # with wildcards; regions, zones and profiles are always there
      as_of: 2026-11-01              # set, add, as_of: of all cases of the group
      passes:
        - {}                         # set: fields by entry (null takes one or an entry away), add: entries
      fails:
        - set: {application/hyb: {cloud: null}}
          about: application/hyb     # what must be found, as `kind/name` or `kind/name field`; a list: all
          verdict: deny              # where it is not the rule's own; says: a part of the finding's sentence
          also: [application/y]      # others about which something may be found, beside those

A case of a rule that ships that must fail says more than an entry (a field, ``says`` or ``witness``), finds
nothing about others, and what its changes name is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from ..errors import InputError, Problem
from ..model import fields
from ..model.catalogue import Catalogue, split_ref
from ..model.policy import Rule
from ..source import Key, Loaded
from ..source.claims import Locator, Path, Spot
from ..source.files import read as read_file
from ..source.words import Hints, one_of, shown
from ..source.yamlfile import document, locator
from .base import Case, Finding, Verdict
from .registry import HOMES, Check, decided, finding
from .samples import Stock, Wrong, day, stock

FOLDER = "govcloud/policy/examples"
# The day of an example that says none: the samples' reviews and dates are laid around it.
AS_OF = "2026-11-01"


class Passing(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is laid over a group's entries. ``why``: what the case shows, for its reader."""

    set: dict[str, dict[str, Any] | None] = {}
    add: dict[str, dict[str, Any]] = {}
    as_of: str = ""
    why: str = ""


class Failing(Passing, forbid_unknown_fields=True, kw_only=True):
    """The same, with what must be found (``kind/name`` or ``kind/name field``), and what it must be.

    ``says``: a part of the finding's sentence; ``witness``: the way that proves it; ``also``: other entries
    (``kind/name``) about which something is found as well.
    """

    about: str | list[str]
    verdict: Verdict | None = None
    says: str = ""
    witness: list[str] | None = None
    also: list[str] = []

    @property
    def subjects(self) -> list[str]:
        """Everything that must be found."""
        return [self.about] if isinstance(self.about, str) else self.about

    @property
    def vague(self) -> bool:
        """Whether anything that is found about an entry would do."""
        return not self.says and self.witness is None and any(" " not in one for one in self.subjects)


class Group(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Cases made of the same entries."""

    sample: str = ""
    entries: list[str] = []
    set: dict[str, dict[str, Any] | None] = {}
    add: dict[str, dict[str, Any]] = {}
    as_of: str = AS_OF
    passes: list[Passing] = []
    fails: list[Failing] = []


@dataclass(frozen=True)
class Example:
    """One case of a rule, where it is written, and what it must come to.

    ``own``: the entries of a site's own rule; None: those of a sample.
    """

    rule: str
    group: Group
    laid: Passing
    path: str
    line: int
    own: Stock | None = None

    @property
    def passes(self) -> bool:
        """Whether nothing may be found."""
        return not isinstance(self.laid, Failing)

    @property
    def id(self) -> str:
        """``C-02 passes``, as messages call it beside its place."""
        return f"{self.rule} {'passes' if self.passes else 'fails'}"

    def case(self) -> Case:
        """What is judged. Raises ``InputError`` with the example's place where it is wrong in itself."""
        try:
            entries = self.own or stock(self.group.sample)
            for part in (self.group, self.laid):
                self._there(entries, part)
            changes = (self.group.add, self.group.set, self.laid.add, self.laid.set)
            case = entries.case(self.group.entries, changes, day(self.laid.as_of or self.group.as_of))
            if self.own is None:
                _resolve(case, entries, changes)
            return case
        except Wrong as wrong:
            message = f"{self.id}: {wrong}"
            raise InputError([Problem(message, self.path, self.line, 0, wrong.hint)]) from None

    def _there(self, entries: Stock, part: Group | Passing) -> None:
        """What is set is there, what is added is not."""
        added = {**self.group.add, **self.laid.add}
        taken = entries.taken(self.group.entries)
        for key in part.set:
            # Numbers of the policy may be said whether a profile says them already or not.
            if key not in taken and key not in added and not key.startswith("profile/"):
                hint = f"`add` makes one, `entries` takes one of {entries.words}"
                raise Wrong(f"`set`: {shown(key)} is not among the entries", hint)
        for key in part.add:
            if key in taken:
                raise Wrong(f"`add`: {shown(key)} is there already", "`set` changes it")


def _resolve(case: Case, entries: Stock, changes: Iterable[Mapping[str, Mapping[str, Any] | None]]) -> None:
    """What the changes name is in the case, or at least among the entries that it is cut out of."""
    for key in {key: None for change in changes for key, said in change.items() if said}:
        kind, _, name = key.partition("/")
        entry = case.catalogue.find(kind, name)
        said = set().union(*(change.get(key) or () for change in changes))
        for field, info in fields(kind).items():
            if entry is None or info.ref is None or field not in said:
                continue
            value = getattr(entry, field)
            for one in value if info.many else [value] if value else []:
                there = "/".join(split_ref(info.ref, one))
                if case.catalogue.find(*split_ref(info.ref, one)) is None and there not in entries.fields:
                    raise Wrong(f"{key}: `{field}` names {there}, which is nowhere", "`add` makes one")


def hold(example: Example, check: Check | None = None) -> str:
    """Empty where the example holds; else what was found instead, in a sentence.

    ``check``: the rule, where it is not one of those that ship. Raises ``InputError`` where the example
    is wrong in itself.
    """
    case = example.case()
    check = check or decided().get(example.rule)
    if check is None:
        return "the rule is not decided"
    laid = example.laid
    found = [finding(check, case, breach) for breach in check.judge(case)] if check.binds(case) else []
    found = [one for one in found if not one.waiver]
    if not isinstance(laid, Failing):
        return f"found {_told(found)}" if found else ""
    if not check.binds(case):
        return f"the rule does not bind in the province of {example.group.sample or 'this ledger'}"
    for subject in laid.subjects:
        met = [f for f in found if _fits(f, laid, subject, laid.verdict or check.verdict)]
        if not met:
            expected = [f"{laid.verdict or check.verdict} about {subject}"]
            expected += [f"saying {laid.says!r}"] if laid.says else []
            expected += [f"by {' '.join(laid.witness)}"] if laid.witness else []
            return f"expected {' '.join(expected)}, found {_told(found)}"
        if example.own is None and not all(f.message and f.cure and f.source for f in met):
            return f"what was found of {subject} lacks a sentence, a cure or a source"
    said = {*(one.partition(" ")[0] for one in laid.subjects), *laid.also}
    if example.own is None and (others := [one for one in found if one.subject not in said]):
        return f"found beside {', '.join(laid.subjects)}: {_told(others)}"
    return ""


def _fits(finding: Finding, laid: Failing, subject: str, verdict: Verdict) -> bool:
    entry, _, field = subject.partition(" ")
    return (
        finding.subject == entry
        and (not field or finding.field == field)
        and finding.verdict == verdict
        and laid.says in finding.message
        and (laid.witness is None or tuple(laid.witness) == finding.witness)
    )


def _told(found: list[Finding]) -> str:
    if not found:
        return "nothing"
    told = [f"{f.verdict} about {f.subject}{f' `{f.field}`' if f.field else ''}: {f.message}" for f in found]
    return "; ".join(told[:3]) + (f"; and {len(told) - 3} more" if len(told) > 3 else "")


@cache
def shipped() -> Mapping[str, list[Example]]:
    """The examples of the rules that ship, by rule. Raises ``InputError`` with everything wrong in them."""
    out: dict[str, list[Example]] = {}
    problems: list[Problem] = []
    folder = files(__package__).joinpath("examples")
    for home in HOMES:
        source = folder.joinpath(f"{home}.yaml")
        if source.is_file():
            _read_file(f"{FOLDER}/{home}.yaml", source.read_bytes(), out, problems)
    if problems:
        raise InputError(problems)
    return out


def _read_file(path: str, data: bytes, out: dict[str, list[Example]], problems: list[Problem]) -> None:
    found = document(data)
    problems += [Problem(f.message, path, f.line, f.column, f.hint) for f in found.faults]
    if found.faults or found.value is None:
        return
    if not isinstance(found.value, dict):
        problems.append(Problem("expected a mapping of rules to their examples", path, 1, 1))
        return
    for rule, said in found.value.items():
        if rule not in decided():
            hint = Hints().did_you_mean(rule, decided().keys())
            problems.append(_at(found.locate, path, (rule,), f"no rule {shown(rule)} is decided", hint))
        for way, one in (
            [((rule, n), s) for n, s in enumerate(said)] if isinstance(said, list) else [((rule,), said)]
        ):
            examples, wrong = examples_of(rule, one, path, found.locate, way)
            out.setdefault(rule, []).extend(examples)
            problems += wrong


def examples_of(
    rule: str, said: Any, path: str, locate: Locator, way: Path, own: Stock | None = None
) -> tuple[list[Example], list[Problem]]:
    """The examples of one group as it is written at ``way``, and what is wrong with its form."""
    try:
        group = msgspec.convert(said, Group)
    except msgspec.ValidationError as error:
        return [], [_misread(str(error), path, locate, way)]
    problems = []
    if own is not None and group.sample:
        words = "examples of a site's own rule are made of its own entries"
        problems.append(_at(locate, path, (*way, "sample"), words, "take `sample` away"))
    if own is None and not group.sample:
        problems.append(_at(locate, path, way, f"{rule}: `sample` is missing", "e.g. `sample: hainan`"))
    out = []
    for word, cases in (("passes", group.passes), ("fails", group.fails)):
        for number, laid in enumerate(cases):
            line = locate((*way, word, number), 0, False).line
            if own is None and isinstance(laid, Failing) and laid.vague:
                words = f"{rule}: a case that must fail names a field, or has `says` or `witness`"
                problems.append(Problem(words, path, line, 0, "`says`: a part of the finding's sentence"))
            out.append(Example(rule, group, laid, path, line, own))
    return out, problems


def _misread(error: str, path: str, locate: Locator, way: Path) -> Problem:
    """The reader's words, at the place that they are about."""
    words, _, at = error.partition(" - at `$")
    steps: list[str | int] = []
    for field, index in re.findall(r"\.([\w-]+)|\[(\d+|\.\.\.)\]", at):
        if index == "...":
            break
        steps.append(field or int(index))
    hint = ""
    if unknown := re.search(r"unknown field `(.*)`", words):
        forms: dict[str, type[msgspec.Struct]] = {"passes": Passing, "fails": Failing}
        form = forms.get(str(steps[0]) if steps else "", Group)
        known = [field.name for field in msgspec.structs.fields(form)]
        steps.append(unknown[1])
        words = f"no setting is called {shown(unknown[1])}"
        hint = Hints().did_you_mean(unknown[1], known, otherwise=f"settings: {one_of(known)}")
    return _at(locate, path, (*way, *steps), words, hint)


def _at(locate: Locator, path: str, way: Path, message: str, hint: str = "") -> Problem:
    spot = locate(way, 0, True)
    return Problem(message, path, spot.line, spot.column, hint)


def of_site(
    catalogue: Catalogue, merged: Mapping[Key, Mapping[str, Any]], loaded: Loaded
) -> dict[str, list[Example]]:
    """The examples that a site's own rules bring, by rule; their cases are made of its own entries.

    ``catalogue`` has the rules, ``merged`` the fields of all entries. Raises ``InputError``.
    """
    out: dict[str, list[Example]] = {}
    problems: list[Problem] = []
    stock = Stock("", merged)
    for name, rule in sorted(catalogue.all(Rule).items()):
        if rule.examples:
            path, locate = _within(loaded, name)
            out[name], wrong = examples_of(name, dict(rule.examples), path, locate, (), stock)
            problems += wrong
    if problems:
        raise InputError(problems)
    return out


def _within(loaded: Loaded, name: str) -> tuple[str, Locator]:
    """The file that says the examples of a site's rule, and where in it each of them stands."""
    place = loaded.position("rule", name, "examples")
    whole: Locator | None = None
    if place.path.endswith((".yaml", ".yml")):
        whole = locator(read_file(loaded.root, place.path), place.path)

    def locate(way: Path, line: int, on_key: bool) -> Spot:
        if whole is None:
            return Spot(place.line, place.column)
        return whole((Rule.PLURAL, name, "examples", *way), line, on_key)

    return place.path, locate


def run(
    examples: Mapping[str, Sequence[Example]], checks: Mapping[str, Check]
) -> Iterator[tuple[Example, str]]:
    """Every example with what ``hold`` says of it; what is wrong in itself is told so too."""
    for rule, those in examples.items():
        for example in those:
            try:
                yield example, hold(example, checks.get(rule))
            except InputError as error:
                yield example, "; ".join(_wrong(example, problem) for problem in error.problems)


def _wrong(example: Example, problem: Problem) -> str:
    words = problem.message.removeprefix(f"{example.id}: ")
    return f"{words} ({problem.hint})" if problem.hint else words
