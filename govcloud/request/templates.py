"""The catalogue: what can be asked for, each a YAML file with typed parameters and the entries that it makes.

Templates that ship with the program lie in ``catalogue/``; a workspace's own, in ``requests/templates/``,
are added to them, and one of the same name takes the place of the shipped one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..errors import InputError, Problem
from ..model import KINDS, NAME_PATTERN
from ..source import settings
from ..source.claims import Locator
from ..source.words import Hints, one_of, shown
from ..workspace import Workspace
from .document import FOLDER, LARGEST, Way

# The format of a template's file.
VERSION = 1
SHIPPED = Path(__file__).parent / "catalogue"
OWN = f"{FOLDER}/templates"
# What every template has besides its own: how the item is called beside others of the same request.
PART = "part"
# Words that a template's expressions know already.
TAKEN = frozenset({"name", "of", "request", "range", "table", "namespace", PART})

Sort = Literal["name", "integer", "number", "text", "choice", "boolean", "day", "ref"]


class Parameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that a template wants to know.

    ``zh``, ``help``: what it is, in Chinese and in an English sentence. ``measure``: its unit of measure.
    ``default``: a value, or an expression over the parameters before it. ``kinds``: of what a reference is.
    ``where``: what the fields of that entry must be; ``own``: it must belong to the unit that asks.
    ``only``: where one entry alone fits, it is the default. ``most``: characters of a text.
    """

    type: Sort
    zh: str
    help: str
    many: bool = False
    required: bool = False
    default: Any = None
    measure: str = ""
    min: float | None = None
    max: float | None = None
    most: int = 120
    choices: list[str] = []
    kinds: list[str] = []
    where: dict[str, Any] = {}
    own: bool = False
    only: bool = False


class Template(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True, omit_defaults=True
):
    """What can be asked for.

    ``entries``: plural kind, name, fields, as in a file of the ledger; texts in it are expressions of Jinja2.
    An entry may say ``for: x in EXPRESSION`` and ``if: EXPRESSION``.
    """

    zh: str
    en: str
    what: str
    parameters: dict[str, Parameter] = {}
    entries: dict[str, dict[str, dict[str, Any]]]
    version: int = VERSION

    @cached_property
    def asked(self) -> Mapping[str, Parameter]:
        """Every parameter; first the one that all templates have, for names hang on it."""
        part = Parameter(
            type="name",
            zh="分项名",
            help="What it is called beside other items of the same request; empty: as the request.",
        )
        return {PART: part, **self.parameters}

    @property
    def path(self) -> str:
        """The file that it was read from."""
        return _origin(self)[0]

    def problem(self, way: Way, message: str, hint: str = "", *, on_key: bool = False) -> Problem:
        """Something wrong with the template itself."""
        path, locate = _origin(self)
        spot = locate(way, 0, on_key)
        return Problem(message, path, spot.line, spot.column, hint)


def _origin(template: Template) -> tuple[str, Locator]:
    origin: tuple[str, Locator] = template._read  # type: ignore[attr-defined]
    return origin


def catalogue(workspace: Workspace) -> dict[str, Template]:
    """Every template by name, sorted. Raises ``InputError`` with every fault of every file."""
    return dict(sorted({**_shipped(), **_all_in(workspace.root / OWN, OWN)}.items()))


@cache
def _shipped() -> dict[str, Template]:
    return _all_in(SHIPPED, str(SHIPPED))


def _all_in(folder: Path, told: str) -> dict[str, Template]:
    out: dict[str, Template] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            out[path.stem] = _read(path, f"{told}/{path.name}")
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return out


def unknown(templates: Mapping[str, Template], name: str) -> tuple[str, str]:
    """What to say of a name that no template has, and the hint."""
    hint = Hints().did_you_mean(name, templates.keys(), otherwise=f"templates: {one_of(templates)}")
    return f"no template is called {shown(name)}", hint


def _read(path: Path, where: str) -> Template:
    try:
        template, locate = settings.located(path, Template, VERSION, largest=LARGEST, what="field")
    except InputError as error:
        raise InputError([replace(p, path=where) for p in error.problems]) from None
    msgspec.structs.force_setattr(template, "_read", (where, locate))
    problems = list(_faults(path.stem, template))
    if problems:
        raise InputError(problems)
    return template


def _faults(name: str, template: Template) -> Iterator[Problem]:
    """What is wrong with a template beyond its form."""
    if not re.fullmatch(NAME_PATTERN, name):
        yield template.problem((), f"the file's name is the template's, and {shown(name)} cannot be a name")
    plurals = {cls.PLURAL for cls in KINDS.values()}
    for plural in template.entries:
        if plural not in plurals:
            hint = Hints().did_you_mean(plural, plurals)
            message = f"no kind is called {shown(plural)}"
            yield template.problem(("entries", plural), message, hint, on_key=True)
    for key, parameter in template.parameters.items():
        way = ("parameters", key)
        if not key.isidentifier() or key in TAKEN:
            message = f"`{key}` cannot be a parameter: a word of letters, digits and `_`"
            hint = f"these are taken: {one_of(sorted(TAKEN))}"
            yield template.problem(way, message, hint, on_key=True)
        for kind in parameter.kinds:
            if kind not in KINDS:
                hint = Hints().did_you_mean(kind, KINDS.keys())
                yield template.problem((*way, "kinds"), f"no kind is called {shown(kind)}", hint)
        for field, sort in (("choices", "choice"), ("kinds", "ref")):
            if bool(getattr(parameter, field)) != (parameter.type == sort):
                message = f"`{key}`: `{field}` goes with the type {sort}, and only with it"
                yield template.problem(way, message, on_key=True)
