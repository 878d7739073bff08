"""The form that a person fills in: a YAML file with items, each made from a template of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ..errors import InputError, Problem
from ..model.base import NAME_PATTERN, Day, is_date
from ..source import settings
from ..source.claims import Locator

# The format of a request's file.
VERSION = 1
# A form is typed by a person; what is larger is something else.
LARGEST = 512 * 1024
FOLDER = "requests"

Way = tuple[str | int, ...]


class Item(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One thing that is asked for: a template of the catalogue with its parameters."""

    template: str
    parameters: dict[str, Any] = {}


# `dict`: a document that was read from a file remembers where its values stand, beside its fields.
class Document(
    msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True, dict=True
):
    """A request as its file says it. ``entries``: what no template makes, as in a file of the ledger
    (plural kind, name, fields). ``changes``: the same for fields of entries that are there; ``retires``:
    those that go, as ``kind/name``. ``until``: the last day of the lease, empty where it is for good."""

    name: Annotated[
        str,
        msgspec.Meta(
            pattern=NAME_PATTERN,
            description="a name of at most 63 of a-z, 0-9, `.`, `_` and `-`, a letter or digit at both ends",
        ),
    ]
    unit: str
    applicant: str
    title: str = ""
    reason: str = ""
    items: list[Item] = []
    entries: dict[str, dict[str, dict[str, Any]]] = {}
    changes: dict[str, dict[str, dict[str, Any]]] = {}
    retires: list[str] = []
    starts_on: Day = ""
    until: Day = ""
    programme: str = ""
    version: int = VERSION


def read(path: Path) -> Document:
    """The request of a file. Raises ``InputError`` with every fault of its form, each with its place."""
    try:
        form, locate = settings.located(path, Document, VERSION, largest=LARGEST, what="field")
    except InputError as error:
        # Files of requests lie anywhere: they are told as they were named.
        raise InputError([replace(p, path=str(path)) for p in error.problems], hint=error.hint) from None
    msgspec.structs.force_setattr(form, "_read", (str(path), locate))
    if wrong := [problem(form, (field,), message) for field, message in _days(form)]:
        raise InputError(wrong)
    return form


def _days(form: Document) -> Iterator[tuple[str, str]]:
    """(field, message) of days that are in no calendar, and of an end before its beginning."""
    days = {"starts_on": form.starts_on, "until": form.until}
    wrong = {field: f"`{field}`: no calendar has {day}" for field, day in days.items() if not is_date(day)}
    yield from wrong.items()
    if not wrong and form.until and form.until < form.starts_on:
        yield "until", f"`until`: {form.until} is before `starts_on`, {form.starts_on}"


def problem(document: Document, way: Way, message: str, hint: str = "", *, on_key: bool = False) -> Problem:
    """Something wrong with a part of a document (``("items", 0, "parameters", "count")``), with its place
    where the document was read from a file."""
    origin: tuple[str, Locator] | None = getattr(document, "_read", None)
    if origin is None:
        return Problem(message, hint=hint)
    path, locate = origin
    spot = locate(way, 0, on_key)
    return Problem(message, path, spot.line, spot.column, hint)
