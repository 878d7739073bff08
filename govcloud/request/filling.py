"""A template's body and its values -> entries.

The body is read as a tree first, and only then do its texts become expressions: whatever a value holds, it
stays the value of one field (or one name) and can neither open a mapping nor begin an expression. Rendering
the file as one text and reading the result as YAML would leave that to the quoting of every single place.

All expressions of a body are rendered at once, in the sandbox of the sources, into lines of JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import InputError, Problem
from ..model import PLURALS
from ..source.templatefile import Unfit, filled
from .templates import Template

_LOOP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*) in (.+)")
_ALONE = re.compile(r"\{\{((?:(?!\}\}|\{\{).)*)\}\}", re.DOTALL)
# Keys of an entry that are none of its fields: no kind can have fields of these names.
LOOP, CONDITION, EACH = "for", "if", "each"

Way = tuple[str | int, ...]


class Made(NamedTuple):
    """An entry that a template makes; fields that came out empty are left out."""

    kind: str
    name: str
    fields: dict[str, Any]


class _Unwritten(Exception):
    """A loop that is not written as one; holds its way."""


class _Source:
    """The text to be rendered, and which part of the template each of its lines comes from."""

    def __init__(self) -> None:
        self.lines: list[str] = ["["]
        self.ways: list[Way] = [()]

    def add(self, text: str, way: Way) -> None:
        for line in text.split("\n"):
            self.lines.append(line)
            self.ways.append(way)

    def value(self, value: Any, way: Way) -> None:
        """What a part of the body comes to, as JSON."""
        if isinstance(value, str):
            self.text(value, way)
        elif isinstance(value, dict):
            self.add("{", way)
            for key, one in value.items():
                self.add(f"{_quoted(key)}:", way)
                self.value(one, (*way, key))
                self.add(",", way)
            self.add('"":0}', way)
        elif isinstance(value, list):
            self.add("[", way)
            for number, one in enumerate(value):
                self.item(one, (*way, number))
            self.add("null]", way)
        else:
            self.add(_quoted(value), way)

    def item(self, one: Any, way: Way) -> None:
        """An item of a list, or (``for`` and ``each``) as many as a loop makes."""
        looped = isinstance(one, dict) and one.keys() == {LOOP, EACH}
        if looped:
            self.loop(one[LOOP], way)
        self.value(one[EACH] if looped else one, way)
        self.add(",{% endfor %}" if looped else ",", way)

    def loop(self, words: Any, way: Way) -> None:
        """The beginning of a loop. Raises ``_Unwritten`` where it is written otherwise."""
        loop = _LOOP.fullmatch(str(words))
        if loop is None:
            raise _Unwritten((*way, LOOP))
        self.add(f"{{% for {loop[1]} in {loop[2]} %}}", way)

    def text(self, text: str, way: Way) -> None:
        """A text; one that is a single expression has its value's type."""
        if "{" not in text:
            self.add(_quoted(text), way)
        elif alone := _ALONE.fullmatch(text.strip()):
            self.add(f"{{{{({alone[1]})|tojson}}}}", way)
        else:
            self.add(f"{{% set text_ %}}{text}{{% endset %}}{{{{ text_|tojson }}}}", way)


def _quoted(value: Any) -> str:
    """A constant as JSON that no template engine takes for something of its own."""
    return json.dumps(value).replace("{", "\\u007b").replace("}", "\\u007d")


def made(template: Template, values: Mapping[str, Any]) -> list[Made]:
    """The entries that a template makes of these values. Raises ``InputError`` where it cannot."""
    try:
        source = _source(template)
    except _Unwritten as error:
        message = f"`{LOOP}` is written as `{LOOP}: x in range(3)`"
        raise InputError([template.problem(error.args[0], message)]) from None
    try:
        rows = json.loads(filled("\n".join(source.lines), values))
    except Unfit as error:
        way = source.ways[error.line - 1] if 0 < error.line <= len(source.ways) else ()
        raise InputError([template.problem(way, str(error))]) from None
    except ValueError as error:
        message = f"what it writes is no value: {error}"
        raise InputError([Problem(message, template.path)]) from None
    return [Made(PLURALS[plural], str(name), _said(fields)) for plural, name, fields in rows[:-1]]


def _source(template: Template) -> _Source:
    source = _Source()
    for plural, table in template.entries.items():
        for name, body in table.items():
            way: Way = ("entries", plural, name)
            ends = ""
            if LOOP in body:
                source.loop(body[LOOP], way)
                ends = "{% endfor %}"
            if CONDITION in body:
                source.add(f"{{% if {body[CONDITION]} %}}", (*way, CONDITION))
                ends = "{% endif %}" + ends
            source.add(f"[{_quoted(plural)},", way)
            source.text(name, way)
            source.add(",", way)
            source.value({k: v for k, v in body.items() if k not in (LOOP, CONDITION)}, way)
            source.add(f"],{ends}", way)
    source.add("null]", ())
    return source


def worth(template: Template, way: Way, value: Any, values: Mapping[str, Any]) -> Any:
    """What a text of a template, or a list of them, comes to. Raises ``InputError``."""
    if "{" not in str(value):
        return value
    source = _Source()
    source.value(value, way)
    try:
        return _said(json.loads(filled("\n".join(source.lines), values) + ",null]")[0])
    except Unfit as error:
        raise InputError([template.problem(way, str(error))]) from None


def _said(value: Any) -> Any:
    """A value without the ends that the lists and mappings of the source have, and without what is empty."""
    if isinstance(value, dict):
        cleaned = {key: _said(one) for key, one in value.items() if key}
        return {key: one for key, one in cleaned.items() if one is not None and one not in ("", [], {})}
    if isinstance(value, list):
        return [_said(one) for one in value if one is not None]
    return value
