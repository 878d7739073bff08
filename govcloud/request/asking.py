"""From what somebody says on a command line, in a file or in a terminal to a form that can be submitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ..errors import InputError, Problem
from ..source import files, yamlfile
from ..source.texts import BadText
from ..source.words import Hints, shown
from .document import LARGEST, Document, Item
from .ground import Ground
from .parameters import NOBODY, Form, Wrong
from .templates import Template, unknown

# What the head of a form needs, and what each is.
HEAD = {
    "name": "a name for the request, of a-z, 0-9, `.`, `_` and `-`; what it makes begins with it",
    "unit": "the unit that asks (申请单位)",
    "applicant": "the person who asks (申请人)",
    "reason": "why it is needed (申请理由)",
}


@dataclass(frozen=True)
class Question:
    """What is asked in a terminal. ``default``: as it would be typed; empty: none."""

    name: str
    about: str
    takes: str
    choices: list[str]
    default: str
    required: bool


# Puts a question until the second argument takes the answer, and returns what that made of it.
Ask = Callable[[Question, Callable[[str], Any]], Any]


def template_named(templates: Mapping[str, Template], name: str) -> Template:
    """A template by its name. Raises ``InputError`` with the nearest."""
    if name not in templates:
        message, hint = unknown(templates, name)
        raise InputError([Problem(message, hint=hint)])
    return templates[name]


def options(form: Form, pairs: list[str]) -> dict[str, Any]:
    """Parameters of ``KEY=VALUE`` options. Raises ``InputError`` for those that are of another form."""
    out: dict[str, Any] = {}
    problems = []
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            problems.append(Problem(f"--set {shown(pair)} is not KEY=VALUE"))
        elif key.strip() in out:
            problems.append(Problem(f"--set {key.strip()} is said twice", hint="lists have commas: a,b"))
        else:
            key = key.strip()
            out[key] = form.read(key, text) if key in form.template.asked else text
    if problems:
        raise InputError(problems)
    return out


def parameters_in(path: Path) -> dict[str, Any]:
    """The parameters that a YAML file says, one a line. Raises ``InputError`` with every fault."""
    try:
        found = yamlfile.document(files.read(path.parent, path.name, LARGEST))
    except files.Unreadable as error:
        raise InputError([Problem(str(error), str(path))]) from None
    except BadText as error:
        raise InputError([Problem(error.message, str(path))]) from None
    problems = [Problem(f.message, str(path), f.line, f.column, f.hint) for f in found.faults]
    if not problems and not isinstance(found.value, dict | None):
        problems.append(Problem("expected a mapping of parameters", str(path), 1, 1, "`parameter: value`"))
    if problems:
        raise InputError(problems)
    return dict(found.value or {})


def head(said: Mapping[str, str], ground: Ground, ask: Ask | None) -> Document:
    """The head of a form. Raises ``InputError`` with everything that is missing and cannot be asked for."""
    known = {key: value for key, value in said.items() if value}
    problems = []
    for field, about in HEAD.items():
        if field in known:
            continue
        if ask is None:
            problems.append(Problem(f"the request's `{field}` is missing: {about}", hint=f"--{field}"))
        else:
            question = Question(field, about, "", [], "", True)
            known[field] = ask(question, lambda text, field=field: _headed(field, text, ground))  # type: ignore[misc]
    if problems:
        raise InputError(problems)
    try:
        return msgspec.convert(known, Document)
    except msgspec.ValidationError:
        wrong = [Problem(message, hint=f"--{name}") for name, message in _unfit(known)]
        raise InputError(wrong) from None


def _unfit(known: Mapping[str, str]) -> list[tuple[str, str]]:
    out = []
    for name, value in known.items():
        try:
            msgspec.convert({"name": "a", "unit": "", "applicant": "", name: value}, Document)
        except msgspec.ValidationError:
            takes = "a day as YYYY-MM-DD" if name in ("starts_on", "until") else HEAD.get(name, "a text")
            out.append((name, f"`{name}` {shown(value)}: expected {takes}"))
    return out


def _headed(field: str, text: str, ground: Ground) -> str:
    """An answer for the head of a form. Raises ``Wrong``."""
    text = text.strip()
    kind = {"unit": "unit", "applicant": "person"}.get(field)
    if kind and ground.get(kind, text) is None:
        raise Wrong(
            f"no {kind} is called {shown(text)}", Hints().did_you_mean(text, ground.table(kind).keys())
        )
    if field == "name" and _unfit({"name": text}):
        raise Wrong(f"{shown(text)} cannot be a name", "letters a-z, digits, `.`, `_` and `-`")
    return text


def item(
    name: str, form: Form, said: Mapping[str, Any], ask: Ask | None, *, everything: bool = False
) -> tuple[Item, dict[str, Any]]:
    """An item with what was said and answered, and the values of all parameters.

    ``everything``: ask for what has a default or may be left out as well. Raises ``InputError`` with
    everything that is missing or wrong.
    """
    said = dict(said)

    def answer(parameter: str, default: Any, values: Mapping[str, Any]) -> Any:
        if ask is None:
            return None
        required = form.template.asked[parameter].required
        needed = default is None and (required or form.several(parameter, values))
        if not needed and not everything:
            return None
        value = ask(_question(form, parameter, default, values), _taker(form, parameter, values))
        if value is not None:
            said[parameter] = value
        return value

    values, faults = form.filled(said, answer)
    if faults:
        raise InputError([Problem(f"{name}: {f.message}", hint=f.hint) for f in faults])
    order = [*form.template.asked]
    return Item(name, dict(sorted(said.items(), key=lambda pair: order.index(pair[0])))), values


def _question(form: Form, name: str, default: Any, values: Mapping[str, Any]) -> Question:
    parameter = form.template.asked[name]
    return Question(
        name=name,
        about=f"{parameter.zh}: {parameter.help}",
        takes=form.takes(name, values),
        choices=form.choices(name, values) if parameter.type in ("choice", "ref") else [],
        default=_typed(default),
        required=parameter.required,
    )


def _taker(form: Form, name: str, values: Mapping[str, Any]) -> Callable[[str], Any]:
    def take(text: str) -> Any:
        if not text.strip():
            if form.template.asked[name].required:
                raise Wrong("it has to be said")
            return None
        value = form.read(name, text.strip())
        return value if value == NOBODY else form.checked(name, value, values)

    return take


def _typed(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
