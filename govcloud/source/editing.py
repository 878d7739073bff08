"""Edits of declarative files in place: one value, or one entry, and not a byte beside it.

What comes out is read again by the reader that reads such files, and must say what the file said, but
for the change; otherwise nothing comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..model import KINDS
from .claims import Draft, Key
from .files import is_template
from .readers import reader_of
from .texts import BadText, parts_of
from .words import Hints


class CannotEdit(Exception):
    """Why a file cannot be changed in place, in words that go on after ``PATH:``."""


class Edit(NamedTuple):
    """One change: a field's new value, or (``field`` empty) the end of the entry."""

    kind: str
    name: str
    field: str = ""
    value: Any = None


def plain(value: Any) -> Any:
    """A number as people write it: 7 and not 7.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def why_not(path: str) -> str:
    """Why a file of this name is never edited; empty where it may be."""
    if is_template(path):
        return "a template says it: change the template, or what it reads"
    if path.lower().endswith(".xlsx"):
        return "a workbook says it: change the cell in Excel"
    return ""


def edited(data: bytes, path: str, edits: Iterable[Edit]) -> bytes:
    """The bytes of a YAML or CSV file with the edits made. Raises ``CannotEdit``."""
    if reason := why_not(path):
        raise CannotEdit(reason)
    try:
        mark, text, encoding = parts_of(data)
    except BadText as error:
        raise CannotEdit(error.message) from None
    for edit in edits:
        new = _once(text, data, path, edit)
        before, after = (_meaning(mark + words.encode(encoding), path) for words in (text, new))
        _check(before, after, edit)
        text = new
    return mark + text.encode(encoding)


def with_entry(data: bytes, path: str, kind: str, name: str, fields: Mapping[str, Any]) -> bytes:
    """The bytes of a YAML or CSV file with one entry more. Raises ``CannotEdit``."""
    if reason := why_not(path):
        raise CannotEdit(reason)
    try:
        mark, text, encoding = parts_of(data)
    except BadText as error:
        raise CannotEdit(error.message) from None
    before = _meaning(data, path) if data else {}
    if (kind, name) in before:
        raise CannotEdit(f"{kind}/{name} stands there already")
    if path.lower().endswith(".csv"):
        from . import csvedit
        from .csvfile import delimiter_of

        new = csvedit.add_entry(text, kind, delimiter_of(data, text), name, fields)
    else:
        from . import yamledit

        new = yamledit.add_entry(text, KINDS[kind].PLURAL, name, fields)
    after = _meaning(mark + new.encode(encoding), path)
    said = after.pop((kind, name), None)
    if after != before or said is None or {k: plain(v) for k, v in said.items()} != dict(fields):
        raise CannotEdit("it would not say the same any more")
    return mark + new.encode(encoding)


def _once(text: str, data: bytes, path: str, edit: Edit) -> str:
    if path.lower().endswith(".csv"):
        from . import csvedit
        from .csvfile import delimiter_of

        delimiter = delimiter_of(data, text)
        if edit.field:
            return csvedit.set_value(text, edit.kind, delimiter, edit.name, edit.field, edit.value)
        return csvedit.remove_entry(text, delimiter, edit.name)
    from . import yamledit

    plural = KINDS[edit.kind].PLURAL
    if edit.field:
        return yamledit.set_value(text, plural, edit.name, edit.field, edit.value)
    return yamledit.remove_entry(text, plural, edit.name)


def _meaning(data: bytes, path: str) -> dict[Key, dict[str, Any]]:
    try:
        draft: Draft = reader_of(path).read(data, path, Hints())
    except BadText as error:
        raise CannotEdit(error.message) from None
    if draft.faults:
        raise CannotEdit(f"the file would not be read any more: {draft.faults[0].message}")
    return {
        (table.kind, name): raw
        for table in draft.tables
        for name, raw in zip(table.names, table.raws, strict=True)
    }


def _check(before: dict[Key, dict[str, Any]], after: dict[Key, dict[str, Any]], edit: Edit) -> None:
    """Raises ``CannotEdit`` where the edit did anything else than it should."""
    key = (edit.kind, edit.name)
    wanted = dict(before)
    if not edit.field:
        wanted.pop(key, None)
    else:
        wanted[key] = before.get(key, {}) | {edit.field: after.get(key, {}).get(edit.field)}
        got = after.get(key, {}).get(edit.field)
        if plain(got) != plain(edit.value):
            raise CannotEdit(f"`{edit.field}` would become {got!r} instead of {edit.value!r}")
    if after != wanted:
        others = sorted("/".join(k) for k in {*after, *wanted} if after.get(k) != wanted.get(k))
        raise CannotEdit(f"the same words stand for {', '.join(others[:3])} too: change it by hand")
