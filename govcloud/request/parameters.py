"""Parameters of a template: what they take, what they are where nobody says, what is wrong with a value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import InputError
from ..model import NAME_PATTERN
from ..model.base import is_date
from ..model.words import with_article
from ..printable import STEERING
from ..source.words import Hints, one_of, shown
from .document import Document
from .filling import worth
from .ground import Ground
from .templates import PART, Parameter, Template

# What would begin an expression wherever a text is rendered once more: in plays, in a template of a site.
BRACES = re.compile(r"\{\{|\{%|\{#|\$\{")
_NAME = re.compile(NAME_PATTERN)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# What is said where no entry is meant, though one would fit.
NOBODY = "-"
# Entries that are named where one of them is meant.
MOST_CHOICES = 12
# Values of one parameter that is a list.
MOST_MANY = 100
_SORTS = {
    "name": "a name of a-z, 0-9, `.`, `_` and `-`",
    "integer": "a whole number",
    "number": "a number",
    "text": "a text of one line",
    "boolean": "true or false",
    "day": "a day as YYYY-MM-DD",
}
_TRUTH = {"true": True, "yes": True, "是": True, "false": False, "no": False, "否": False}


Ask = Callable[[str, Any, Mapping[str, Any]], Any]


class Wrong(Exception):
    """A value that a parameter does not take; the message says what it takes."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class _Undecided(Exception):
    """A default that hangs on a parameter with a fault."""


@dataclass(frozen=True)
class Fault:
    """Something wrong with a parameter (or, empty, with the item as a whole)."""

    parameter: str
    message: str
    hint: str = ""
    missing: bool = False


def unsafe(text: str) -> str:
    """Why a text must not stand in a request; empty where it may."""
    if found := BRACES.search(text):
        return f"`{found[0]}` begins an expression; nothing in a request is one"
    for character in text:
        if unicodedata.category(character) in STEERING:
            return f"it holds a character that is not to be seen (U+{ord(character):04X})"
    return ""


class Form:
    """The parameters of one item: what each takes, given those before it."""

    def __init__(self, template: Template, ground: Ground, document: Document) -> None:
        self.template, self.ground, self.document = template, ground, document
        self._hints = Hints()
        # By the name of a parameter that is a reference: the fields of what it names.
        self._of: dict[str, Any] = {}
        # Parameters with a fault that is told: what hangs on them is not told as well.
        self._faulty: set[str] = set()

    @cached_property
    def _request(self) -> dict[str, Any]:
        names = ("name", "unit", "applicant", "title", "reason", "starts_on", "until", "programme")
        return {name: getattr(self.document, name) for name in names}

    def variables(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What expressions know: parameters, what they name (``of``), the ``request``, an item's ``name``."""
        part = values.get(PART) or ""
        name = f"{self.document.name}-{part}" if part else self.document.name
        return {**values, "of": self._of, "request": self._request, "name": name}

    def filled(self, said: Mapping[str, Any], ask: Ask | None = None) -> tuple[dict[str, Any], list[Fault]]:
        """The value of every parameter, said or by default, and what is wrong; unknown ones are told too.

        ``ask`` is asked for what nobody said: with the parameter's name, its default and the values before
        it; it answers with a value as it is said, or None for the default.
        """
        faults = list(self._strangers(said))
        values: dict[str, Any] = {}
        for name, parameter in self.template.asked.items():
            try:
                value = self._value(name, said.get(name), values, ask)
                if value is None and parameter.required:
                    faults.append(self.missing(name, values))
            except _Undecided:
                value = None
            except Wrong as wrong:
                faults.append(Fault(name, f"`{name}`: {wrong}", wrong.hint))
                value = None
            self._faulty |= {fault.parameter for fault in faults}
            self.take(name, value, values)
        return values, faults

    def _value(self, name: str, said: Any, values: Mapping[str, Any], ask: Ask | None) -> Any:
        default = self.default(name, values) if said is None else None
        if said is None and ask is not None:
            said = ask(name, default, values)
        if said is None:
            if default is None and (several := self.several(name, values)):
                raise Wrong(f"several fit: {one_of(several)}", f"say which; `{NOBODY}` for none of them")
            return default
        parameter = self.template.asked[name]
        if said == NOBODY and parameter.type == "ref" and not parameter.required:
            return None
        return self.checked(name, said, values)

    def several(self, name: str, values: Mapping[str, Any]) -> list[str]:
        """The entries of which one has to be chosen, or none, where nothing says which."""
        parameter = self.template.asked[name]
        if not parameter.only or parameter.required or self._faulty:
            return []
        candidates = self.choices(name, values)
        return candidates if len(candidates) > 1 else []

    def take(self, name: str, value: Any, values: dict[str, Any]) -> None:
        """Let the value of a parameter be known to those behind it."""
        parameter = self.template.asked[name]
        values[name] = [] if value is None and parameter.many else value
        if parameter.type == "ref":
            self._of[name] = self._meant(parameter, value)

    def missing(self, name: str, values: Mapping[str, Any]) -> Fault:
        """What to say of a parameter that has to be said and is not."""
        parameter = self.template.asked[name]
        message = f"`{name}` is missing: {parameter.zh}, {self.takes(name, values)}"
        return Fault(name, message, parameter.help, missing=True)

    def _strangers(self, said: Mapping[str, Any]) -> Iterator[Fault]:
        known = self.template.asked
        for name in said:
            if name not in known:
                hint = self._hints.did_you_mean(name, known.keys(), otherwise=f"parameters: {one_of(known)}")
                yield Fault(name, f"no parameter is called {shown(name)}", hint)

    def _meant(self, parameter: Parameter, value: Any) -> Any:
        if parameter.many:
            return [self._whole(parameter, one) for one in value or ()]
        return self._whole(parameter, value) if value else {}

    def _whole(self, parameter: Parameter, value: str) -> dict[str, Any]:
        kind, name = self._target(parameter, value)
        return self.ground.whole(kind, name)

    @staticmethod
    def _target(parameter: Parameter, value: str) -> tuple[str, str]:
        if len(parameter.kinds) == 1:
            return parameter.kinds[0], value
        kind, _, name = value.partition("/")
        return kind, name

    def takes(self, name: str, values: Mapping[str, Any]) -> str:
        """What a parameter takes, in words, with its limits and its unit of measure."""
        parameter = self.template.asked[name]
        words = _SORTS.get(parameter.type, "")
        if parameter.type == "choice":
            words = f"one of {one_of(parameter.choices)}"
        elif parameter.type == "ref":
            kinds = parameter.kinds
            words = (
                f"name of {with_article(kinds[0])}" if len(kinds) == 1 else f"kind/name of {one_of(kinds)}"
            )
            candidates = self.choices(name, values)
            if len(candidates) <= MOST_CHOICES:
                words += f" ({', '.join(candidates) or 'there is none that fits'})"
        elif parameter.type in ("integer", "number"):
            words += _range(parameter)
        if parameter.measure:
            words += f", {parameter.measure}"
        return f"a list, each {words}" if parameter.many else words

    def choices(self, name: str, values: Mapping[str, Any]) -> list[str]:
        """What a parameter may be, where that is a list: words, or entries that fit, as they are written."""
        parameter = self.template.asked[name]
        if parameter.type == "choice":
            return parameter.choices
        if parameter.type == "boolean":
            return ["true", "false"]
        wanted = self._wanted(name, values)
        made = tuple(key for key in self.ground.made if key[0] in parameter.kinds)
        asked = (tuple(parameter.kinds), parameter.own and self.document.unit, repr(wanted), made)
        if asked not in self.ground.fitting:
            self.ground.fitting[asked] = self._fitting(parameter, wanted)
        return self.ground.fitting[asked]

    def _fitting(self, parameter: Parameter, wanted: Mapping[str, Any]) -> list[str]:
        one = len(parameter.kinds) == 1
        return [
            other if one else f"{kind}/{other}"
            for kind in parameter.kinds
            for other in self.ground.table(kind)
            if not self._unfit(parameter, kind, other, wanted)
        ]

    def default(self, name: str, values: Mapping[str, Any]) -> Any:
        """What a parameter is where nobody says it; None where that is not known. Raises ``Wrong``."""
        parameter = self.template.asked[name]
        value = parameter.default
        try:
            value = worth(self.template, ("parameters", name, "default"), value, self.variables(values))
        except InputError:
            if self._faulty:
                raise _Undecided from None
            raise
        if value not in (None, ""):
            return self.checked(name, value, values)
        candidates = self.choices(name, values) if parameter.only else []
        return candidates[0] if len(candidates) == 1 else None

    def checked(self, name: str, value: Any, values: Mapping[str, Any]) -> Any:
        """A value as the parameter takes it. Raises ``Wrong``."""
        parameter = self.template.asked[name]
        if not parameter.many:
            return self._one(name, parameter, value, values)
        if isinstance(value, str):
            raise Wrong(f"expected a list, got {shown(value)}", "write it in brackets: [a, b]")
        if not isinstance(value, list):
            raise Wrong(f"expected a list, got {shown(value)}")
        if len(value) > MOST_MANY:
            raise Wrong(f"expected at most {MOST_MANY} values, got {len(value)}")
        out = [self._one(name, parameter, one, values) for one in value]
        for number, one in enumerate(out):
            if one in out[:number]:
                raise Wrong(f"{shown(one)} stands there twice", "remove one")
        return out

    def _one(self, name: str, parameter: Parameter, value: Any, values: Mapping[str, Any]) -> Any:
        if parameter.type == "boolean":
            if not isinstance(value, bool):
                raise Wrong(f"expected true or false, got {shown(value)}")
            return value
        if parameter.type in ("integer", "number"):
            return self._number(parameter, value)
        if not isinstance(value, str):
            hint = "write it in quotes" if isinstance(value, int | float) else ""
            raise Wrong(f"expected {self.takes(name, values)}, got {shown(value)}", hint)
        if reason := unsafe(value):
            raise Wrong(f"{shown(value)}: {reason}", "write it in plain words")
        if parameter.type == "choice" and value not in parameter.choices:
            hint = self._hints.did_you_mean(value, parameter.choices)
            raise Wrong(f"expected one of {one_of(parameter.choices)}, got {shown(value)}", hint)
        if parameter.type == "name" and value and not _NAME.fullmatch(value):
            raise Wrong(f"{shown(value)} cannot be a name", "letters a-z, digits, `.`, `_` and `-`")
        if parameter.type == "day" and not (_DAY.fullmatch(value) and is_date(value)):
            raise Wrong(f"expected a day as YYYY-MM-DD, got {shown(value)}")
        if len(value) > parameter.most:
            raise Wrong(f"expected at most {parameter.most} characters, got {len(value)}")
        if parameter.type == "ref":
            self._refers(name, parameter, value, values)
        return value

    def _number(self, parameter: Parameter, value: Any) -> int | float:
        whole = parameter.type == "integer"
        fits = isinstance(value, int) or (
            not whole and isinstance(value, float) and abs(value) < float("inf")
        )
        if isinstance(value, bool) or not fits:
            raise Wrong(f"expected {_SORTS[parameter.type]}, got {shown(value)}")
        low, high = parameter.min, parameter.max
        if (low is not None and value < low) or (high is not None and value > high):
            raise Wrong(f"expected {_SORTS[parameter.type]}{_range(parameter)}, got {shown(value)}")
        return int(value) if whole else float(value)

    def _refers(self, name: str, parameter: Parameter, value: str, values: Mapping[str, Any]) -> None:
        kind, other = self._target(parameter, value)
        if kind not in parameter.kinds:
            kinds = one_of([f"{kind}/NAME" for kind in parameter.kinds])
            raise Wrong(f"expected {kinds}, got {shown(value)}")
        if self.ground.get(kind, other) is None:
            guess = self._hints.nearest(value, self.choices(name, values))
            hint = f"did you mean {guess!r}?" if guess else f"`govcloud ls {kind}` lists what there is"
            raise Wrong(f"no {kind} is called {shown(other)}", hint)
        if reason := self._unfit(parameter, kind, other, self._wanted(name, values)):
            candidates = self.choices(name, values)
            hint = f"these fit: {one_of(candidates)}" if candidates else "there is none that fits"
            raise Wrong(f"{kind}/{other} {reason}", hint)

    def _wanted(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the fields of the entry must be that a reference names."""
        known = self.variables(values)
        wanted = {}
        for field, value in self.template.asked[name].where.items():
            way = ("parameters", name, "where", field)
            try:
                value = worth(self.template, way, value, known)
            except InputError:
                if not self._faulty:
                    raise
                continue
            if value not in (None, ""):
                wanted[field] = value
        return wanted

    def _unfit(self, parameter: Parameter, kind: str, name: str, wanted: Mapping[str, Any]) -> str:
        """Why an entry is not what a reference wants; empty where it is."""
        fields = self.ground.whole(kind, name)
        unit = self.document.unit
        if parameter.own and unit and (owner := self.ground.owner(kind, fields)) != unit:
            return f"is of unit/{owner}" if owner else "is of no unit"
        for field, value in wanted.items():
            is_ = fields.get(field)
            fits = is_ in value if isinstance(value, list) else value == is_
            if not fits and field in fields:
                expected = one_of(value) if isinstance(value, list) else shown(value)
                return f"has `{field}` {shown(is_)}, expected {expected}"
        return ""

    def read(self, name: str, text: str) -> Any:
        """A value as it is typed in a terminal or behind ``--set``: lists with commas. Raises ``Wrong``."""
        parameter = self.template.asked[name]
        if parameter.many:
            return [_typed(parameter, one.strip()) for one in re.split("[,,、]", text) if one.strip()]
        return _typed(parameter, text)


def _typed(parameter: Parameter, text: str) -> Any:
    """A text as the type of the parameter has it; as it is where it does not fit, to be told so."""
    if parameter.type == "boolean":
        return _TRUTH.get(text.strip().lower(), text)
    if parameter.type in ("integer", "number"):
        cleaned = text.strip()
        if re.fullmatch(r"[+-]?\d{1,18}", cleaned):
            return int(cleaned)
        if re.fullmatch(r"[+-]?\d{1,18}\.\d{1,18}", cleaned):
            return float(cleaned)
    return text


def _range(parameter: Parameter) -> str:
    low, high = (f"{bound:g}" if bound is not None else "" for bound in (parameter.min, parameter.max))
    if low and high:
        return f" from {low} to {high}"
    return f" >= {low}" if low else f" <= {high}" if high else ""
