"""Expressions of a site's own rules: CEL, read once, held against the kind that they are about.

What one sees: ``entry`` with the fields of the kind and its ``name``; what each of its references names,
under the field's name (``unit.level``; a list, of those that name several); ``evidence`` and ``inspected``,
the last day of a passed review that counts and of an inspection, by type; ``today``. What is not there is
blank: texts are empty, numbers 0. It reaches nothing else: no files, no clock, no other entries. The engine
cannot be interrupted, so how much work an expression can be is bounded before it runs: by its length, by two
walks over a list, by a few regular expressions (of linear time) outside of walks, and by ``MOST_WORK``.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

from ..model import KINDS, fields
from ..model.base import FieldInfo
from ..model.words import with_article
from .words import Hints, one_of, shown

LONGEST = 1000
# Two lists that are walked inside of each other are a product; three would be a power too many.
WALKS = 2
# The most items of a list, and characters of a text, that an expression is asked about.
MOST_ITEMS = 1000
MOST_TEXT = 1 << 16
# Making the automaton of a regular expression takes up to 0.15 s, each time anew.
MOST_MATCHES = 4
# The most values that an expression may touch; one takes about 25 ns, a character a hundredth of it.
MOST_WORK = 50_000_000
CHARACTERS_OF_A_VALUE = 64
# (What reviews and inspections are called here, the kind that they are entries of.)
EVIDENCE: Mapping[str, str] = {"evidence": "review", "inspected": "inspection"}
TODAY = "today"
# A day for fields and evidence where none is known: arithmetic with days works on it.
BLANK_DAY = "2000-01-01"

_TEXTS = re.compile(
    r"""[rR]?\"\"\".*?\"\"\"|[rR]?'''.*?'''|[rR]"[^"\n]*"|[rR]'[^'\n]*'"""
    r"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|//[^\n]*""",
    re.DOTALL,
)
_CHAIN = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?:\s*\.\s*([A-Za-z_]\w*)(\s*\()?)?")
_WALK = re.compile(r"\.\s*(all|exists|exists_one|existsOne|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
# What makes a walk, wherever it stands: no text, comment or line break hides one from being counted.
_WALKS = re.compile(r"\b(all|exists|exists_one|existsOne|map|filter)\b")
_MAKERS = re.compile(r"\b(map|filter)\b")
_NAMES = re.compile(r"[A-Za-z_]\w*")
_BLANKS = re.compile(r"\{([^{}]*)\}")


class BadExpression(Exception):
    """An expression or a sentence that cannot be meant so. ``hint``: what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Expression:
    """An expression over entries of a kind. ``uses``: the fields that it reads, by what it reads them of."""

    text: str
    kind: str
    uses: Mapping[str, frozenset[str]]
    _program: Any
    # How many walks it has; 0: its length bounds it, as it does every expression's parts.
    _walks: int

    def value(self, variables: Mapping[str, Any]) -> bool:
        """Whether it is true. Raises ``BadExpression`` where it cannot be worked out, or is no yes or no."""
        if self._walks:
            self._bound(variables)
        return _truth(self._program, variables)

    def _bound(self, variables: Mapping[str, Any]) -> None:
        """Refuse what could be too much work: every name touched in every step of every walk."""
        weight, longest = 1, 1
        for name in self.uses:
            here, most = _weight(variables.get(name))
            weight, longest = weight + here, max(longest, most)
        # Lists grow by `+` and stand in the text itself; what `map` makes is copied with every item.
        grown = 1 + self.text.count("+")
        steps = longest * grown + self.text.count(",")
        power = self._walks + bool(_MAKERS.search(self.text))
        work: int = steps**power * len(_NAMES.findall(self.text)) * grown * (weight + len(self.text))
        if work > MOST_WORK:
            raise BadExpression("too much to walk over", "fewer walks, or shorter lists")


@dataclass(frozen=True)
class Sentence:
    """A sentence with blanks: texts and (of what, field) in turn."""

    parts: tuple[str | tuple[str, str], ...]

    @property
    def uses(self) -> dict[str, frozenset[str]]:
        """The fields that it reads, by what it reads them of."""
        out: dict[str, set[str]] = {}
        for part in self.parts:
            if isinstance(part, tuple):
                out.setdefault(part[0], set()).add(part[1])
        return {root: frozenset(names) for root, names in out.items()}

    def filled(self, variables: Mapping[str, Any]) -> str:
        """With what the entry says in its blanks; what is long is cut."""
        return "".join(p if isinstance(p, str) else _words(variables[p[0]].get(p[1], "")) for p in self.parts)


def roots(kind: str) -> dict[str, tuple[tuple[str, ...], bool]]:
    """What expressions over a kind may name: the kinds that each may be of, and whether it is a list."""
    out: dict[str, tuple[tuple[str, ...], bool]] = {}
    for info in fields(kind).values():
        if info.ref is not None:
            out[info.name] = (info.ref.kinds, info.many)
    return {**out, "entry": ((kind,), False)}


@lru_cache(maxsize=1024)
def read(text: str, kind: str) -> Expression:
    """An expression over entries of a kind, compiled. Raises ``BadExpression``."""
    if len(text) > LONGEST:
        raise BadExpression(f"has {len(text)} characters, of at most {LONGEST}", "make two rules of it")
    try:
        program = _cel().compile(text)
    except ValueError as error:
        raise BadExpression(
            _parser_words(str(error)), "an expression in CEL, e.g. `entry.title != ''`"
        ) from None
    bare = _TEXTS.sub(lambda found: " " if found[0].startswith("//") else "''", text)
    walked = [name for _, name in _WALK.findall(bare)]
    walks = len(_WALKS.findall(text))
    if walks > WALKS:
        raise BadExpression(f"walks over {walks} lists, of at most {WALKS}", "make two rules of it")
    if len(_MAKERS.findall(text)) > 1:
        # Each makes a list; the one within the other would make as many as there are items.
        raise BadExpression("makes more than one list with `map` or `filter`", "`all` and `exists` make none")
    matches = text.count("matches")
    if matches > MOST_MATCHES or (matches and walks):
        where = "in a walk, of none" if walks else f"{matches} times, of at most {MOST_MATCHES}"
        raise BadExpression(f"`matches` {where}", "`contains`, `startsWith` and `endsWith`, or two rules")
    known = roots(kind)
    for name in walked:
        if name in {*known, *EVIDENCE, TODAY}:
            raise BadExpression(
                f"{shown(name)} means something already", "call what is walked over otherwise"
            )
    for name in program.variables():
        if name not in {*known, *EVIDENCE, TODAY, *walked}:
            hint = Hints().did_you_mean(
                name, known, otherwise=f"there are {one_of([*known, *EVIDENCE, TODAY])}"
            )
            raise BadExpression(f"nothing is called {shown(name)} here", hint)
    expression = Expression(text, kind, _uses(bare, kind), program, walks)
    _try(expression)
    return expression


def sentence(text: str, kind: str) -> Sentence:
    """A sentence with blanks as ``{entry.name}``. Raises ``BadExpression``."""
    parts: list[str | tuple[str, str]] = []
    for number, part in enumerate(_BLANKS.split(text)):
        if number % 2 == 0:
            if set("{}") & set(part):
                raise BadExpression("a brace stands alone", "a blank is `{entry.FIELD}`")
            parts.append(part)
            continue
        root, dot, field = part.strip().partition(".")
        known = {name: kinds for name, (kinds, many) in roots(kind).items() if not many}
        if not dot or root not in known:
            hint = f"a blank is `{{entry.FIELD}}`, or one of {one_of(sorted(known))} with a field of it"
            raise BadExpression(f"nothing is called {shown(part)} here", hint)
        _check_field(root, known[root], field)
        parts.append((root, field))
    return Sentence(tuple(parts))


def blank(kind: str) -> dict[str, Any]:
    """The fields of an entry that is not there, with its name."""
    return dict(_blank(kind))


def bounded(value: Any) -> Any:
    """A field's value as an expression sees it. Raises ``BadExpression`` for one that has no bound."""
    if isinstance(value, list | dict) and len(value) > MOST_ITEMS:
        raise BadExpression(f"a list of {len(value)} items, of at most {MOST_ITEMS}")
    texts = (value,) if isinstance(value, str) else value if isinstance(value, list | dict) else ()
    size = sum(len(one) for one in texts if isinstance(one, str))
    if size > MOST_TEXT:
        raise BadExpression(f"a text of {size} characters, of at most {MOST_TEXT}")
    return value


def _weight(value: Any) -> tuple[int, int]:
    """(How many values there are in one, characters counted in bundles; the length of its longest list.)"""
    if isinstance(value, str):
        return 1 + len(value) // CHARACTERS_OF_A_VALUE, 1
    if not isinstance(value, list | dict):
        return 1, 1
    weight, longest = 1, len(value)
    for one in value.values() if isinstance(value, dict) else value:
        here, most = _weight(one)
        weight, longest = weight + here, max(longest, most)
    return weight, longest


def types_of(evidence: str) -> tuple[str, ...]:
    """The types of reviews (``evidence``) or of inspections (``inspected``)."""
    words: tuple[str, ...] = get_args(fields(EVIDENCE[evidence])["type"].type)
    return words


def _uses(bare: str, kind: str) -> dict[str, frozenset[str]]:
    known = roots(kind)
    out: dict[str, set[str]] = {}
    for found in _CHAIN.finditer(bare):
        root, field, call = found.groups()
        if root in EVIDENCE:
            if field is None or call:
                raise BadExpression(
                    f"say which type of {root} is meant", f"e.g. `{root}.{types_of(root)[0]}`"
                )
            if field not in types_of(root):
                hint = Hints().did_you_mean(field, types_of(root), otherwise=one_of(types_of(root)))
                raise BadExpression(f"no {EVIDENCE[root]} is of type {shown(field)}", hint)
        elif root in known:
            kinds, many = known[root]
            if many:
                out.setdefault(root, set())
                continue
            if field is None or call:
                raise BadExpression(f"say which field of {root} is meant", f"e.g. `{root}.name`")
            _check_field(root, kinds, field)
        else:
            continue
        out.setdefault(root, set()).add(field)
    return {root: frozenset(names) for root, names in out.items()}


def _check_field(root: str, kinds: tuple[str, ...], field: str) -> None:
    if field != "name" and not any(field in fields(kind) for kind in kinds):
        known = [name for kind in kinds for name in fields(kind)]
        which = with_article(kinds[0]) if len(kinds) == 1 else f"any of {one_of(kinds)}"
        hint = Hints().did_you_mean(field, known, otherwise=f"fields: {one_of(sorted(set(known)))}")
        raise BadExpression(f"`{root}` is {which}, which has no field {shown(field)}", hint)


def _try(expression: Expression) -> None:
    """Work it out over blank entries: what does not fit together in type shows there already."""
    variables: dict[str, Any] = {TODAY: BLANK_DAY}
    for name, (kinds, many) in roots(expression.kind).items():
        one = {field: value for kind in kinds for field, value in _blank(kind).items()}
        variables[name] = [one] if many else one
    for name in EVIDENCE:
        variables[name] = dict.fromkeys(types_of(name), BLANK_DAY)
    try:
        expression.value(variables)
    except BadExpression as error:
        # What depends on values (a number that is no number, the fifth of three) may fit where it counts.
        if isinstance(error.__cause__, IndexError | ValueError | ArithmeticError):
            return
        if isinstance(error.__cause__, RuntimeError) and "Undefined" not in str(error):
            if "'matches'" not in str(error.__cause__):
                return
        raise


def _truth(program: Any, variables: Mapping[str, Any]) -> bool:
    try:
        value = program.execute(dict(variables))
    except (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError) as error:
        raise BadExpression(_engine_words(error), "docs/check.md says what an expression sees") from error
    if value is True or value is False:
        return bool(value)
    raise BadExpression(f"comes to {shown(value)}, expected true or false")


def _engine_words(error: Exception) -> str:
    words = " ".join(str(error).partition(" CEL does not coerce")[0].split())
    if isinstance(error, KeyError):
        return f"no field is called {words}"
    words = words.removesuffix(" Check function arguments and their types.")
    return words.partition(". Check that the variable")[0].removesuffix(".")


def _parser_words(words: str) -> str:
    found = re.search(r"ERROR: <input>:(\d+):(\d+): (.*)", words)
    if found is None:
        return "cannot be read"
    line, column, what = found.groups()
    what = what.removeprefix("Syntax error: ").partition(" expecting ")[0]
    return f"cannot be read at {'' if line == '1' else f'line {line}, '}character {column}: {what}"


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 200 else text[:199] + "…"


@cache
def _blank(kind: str) -> dict[str, Any]:
    return {"name": "", **{name: _blank_value(info) for name, info in fields(KINDS[kind].KIND).items()}}


def _blank_value(info: FieldInfo) -> Any:
    if info.dated:
        return BLANK_DAY
    origin = get_origin(info.type) or info.type
    if origin is Literal:
        return info.default if isinstance(info.default, str) else get_args(info.type)[0]
    if origin is list:
        return [""] if get_args(info.type)[0] is str else []
    blanks: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False, dict: {}}
    return blanks.get(origin, "")


@cache
def _cel() -> ModuleType:
    # The package's own __init__ loads its command line (a prompt, colours) as well, a third of a second; its
    # engine is this one module. Under its own name, so that whoever imports the package gets the same one.
    if (known := sys.modules.get("cel.cel")) is not None:
        return known
    package = importlib.util.find_spec("cel")
    where = package.submodule_search_locations if package else None
    spec = importlib.machinery.PathFinder.find_spec("cel.cel", where)
    assert spec is not None and spec.loader is not None, "cel is installed with the program"
    module = importlib.util.module_from_spec(spec)
    sys.modules["cel.cel"] = module
    spec.loader.exec_module(module)
    return module
