"""Filters of entries as people type them: ``FIELD=VALUE``, ``FIELD!=VALUE``, ``FIELD~TEXT``, names.

The ledger finds what may fit (``View.listing``), and ``fits`` says exactly whether it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args, get_origin

import msgspec

from ..errors import InputError, Problem
from ..ledger.browsing import Says, Seen, View, Where, json_like, like
from ..model import FieldInfo, fields
from .nearest import nearest

# Of an entry but not among its fields.
OF_ENTRY = ("name", "uid", "stack")
_FORM = re.compile(r"([^=!~]+?)\s*(!=|=|~)(.*)", re.DOTALL)


class Filter(msgspec.Struct, frozen=True):
    """One condition. ``field``: a field of the kind, or one of ``OF_ENTRY``."""

    field: str
    sign: Literal["=", "!=", "~"]
    value: str


class Filters(msgspec.Struct, frozen=True):
    """Conditions on the entries of a kind, all of which must hold; ``names``: globs, one of which must."""

    kind: str
    conditions: tuple[Filter, ...] = ()
    names: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.conditions or self.names)

    def fits(self, entry: Seen, stack: str | None = None) -> bool:
        """Whether an entry is one of those; ``stack``: the one it stands in."""
        if self.names and not any(fnmatchcase(entry.name, glob) for glob in self.names):
            return False
        return all(_holds(entry, one, stack) for one in self.conditions)


def read(kind: str, texts: Sequence[str]) -> Filters:
    """What is typed after a kind. Raises ``InputError`` with the nearest field or value."""
    conditions: list[Filter] = []
    names: list[str] = []
    problems: list[Problem] = []
    for text in texts:
        found = _FORM.fullmatch(text)
        known = _named_fields(kind)
        if found is None and text not in known:
            names.append(text)
            continue
        field = known.get(found[1]) if found else None
        if found is None or field is None:
            problems.append(_unread(kind, text, found[1] if found else text))
            continue
        sign, value = found[2], found[3]
        if problem := _impossible(kind, field, sign, value):
            problems.append(problem)
        conditions.append(Filter(field, sign, value))  # type: ignore[arg-type]
    if problems:
        # One sentence with its hint after it; several with theirs in brackets.
        if len(problems) == 1:
            only = problems[0]
            raise InputError([Problem(only.message)], hint=only.hint)
        raise InputError(problems)
    return Filters(kind, tuple(conditions), tuple(names))


def field_named(kind: str, word: str) -> str:
    """A field by its name or its Chinese title. Raises ``InputError`` with the nearest."""
    found = _named_fields(kind).get(word)
    if found is None:
        known = [*OF_ENTRY, *fields(kind)]
        guess = nearest(word, known)
        hint = f"did you mean {guess}?" if guess else "fields: " + ", ".join(known)
        raise InputError([Problem(f"{kind} has no field {word!r}")], hint=hint)
    return found


def select(view: View, filters: Filters, *, most: int | None = None, at: int | None = None) -> Iterator[Seen]:
    """The entries that fit, by name; ``most``: how many of them at the most; ``at``: of that revision."""
    cut = most if at is None and exact(filters) else None
    found = _fitting(view, filters, view.listing(where(filters), most=cut, at=at))
    for number, entry in enumerate(found):
        if number == most:
            return
        yield entry


def pages(view: View, filters: Filters) -> Iterator[Seen]:
    """As ``select``, without holding more than a page of them in memory."""
    return _fitting(view, filters, view.pages(where(filters)))


def _fitting(view: View, filters: Filters, found: Iterator[Seen]) -> Iterator[Seen]:
    if not any(one.field == "stack" for one in filters.conditions):
        return (entry for entry in found if filters.fits(entry))
    entries = list(found)
    stacks = view.identities(entry.uid for entry in entries)
    return (entry for entry in entries if filters.fits(entry, stacks[entry.uid][1]))


def where(filters: Filters) -> Where:
    """What a database can look for: all that fits is among what it finds."""
    refers: list[tuple[str, tuple[str, ...], str]] = []
    says: list[Says] = []
    names = [_glob_like(glob) for glob in filters.names]
    infos = fields(filters.kind)
    for one in filters.conditions:
        if one.field == "name" and one.sign == "=" and not names:
            names = [like(one.value)]
        if one.field in OF_ENTRY:
            continue
        info = infos[one.field]
        if info.ref is not None and one.sign == "=" and one.value:
            refers.append((one.field, *_target(info, one.value)))
        elif (part := _part(info, one, infos)) is not None:
            says.append(part)
    return Where(kind=filters.kind, names=tuple(names), refers=tuple(refers), says=tuple(says))


def exact(filters: Filters) -> bool:
    """Whether a database finds nothing but what fits."""
    infos = fields(filters.kind)
    return not any("[" in glob for glob in filters.names) and all(
        (one.field == "name" and one.sign == "=" and not filters.names)
        or (one.field in infos and infos[one.field].ref is not None and one.sign == "=" and one.value != "")
        for one in filters.conditions
    )


def _named_fields(kind: str) -> dict[str, str]:
    titles = {info.doc.zh: name for name, info in fields(kind).items()}
    return {**titles, **{name: name for name in (*fields(kind), *OF_ENTRY)}}


def _unread(kind: str, text: str, word: str) -> Problem:
    known = [*fields(kind), *OF_ENTRY]
    guess = nearest(word, known)
    hint = f"did you mean {guess}=…?" if guess else "fields: " + ", ".join(known)
    return Problem(f"{text!r} should be FIELD=VALUE with a field of {kind}", hint=hint)


def _impossible(kind: str, field: str, sign: str, value: str) -> Problem | None:
    """A value that the field cannot have."""
    info = fields(kind).get(field)
    if info is None or sign == "~" or not value:
        return None
    type_ = get_args(info.type)[0] if info.many else info.type
    if get_origin(type_) is Literal:
        choices = [str(choice) for choice in get_args(type_)]
        if value not in choices:
            guess = nearest(value, choices)
            hint = f"did you mean {guess}?" if guess else "one of: " + ", ".join(choices)
            return Problem(f"{field} of {kind} is never {value!r}", hint=hint)
    if type_ in (int, float) and _number(value) is None:
        return Problem(f"{field} of {kind} is a number, {value!r} is none")
    return None


def _glob_like(glob: str) -> str:
    """A LIKE pattern that fits whatever the glob fits (a set of characters is any character)."""
    text = re.sub(r"\[!?\]?[^\]]*\]", "?", glob)
    return like(text).replace("*", "%").replace("?", "_")


def _target(info: FieldInfo, value: str) -> tuple[tuple[str, ...], str]:
    assert info.ref is not None
    kind, slash, name = value.partition("/")
    if slash:
        return (kind,), name
    # Where there are several kinds, a bare name means whichever of them bears it.
    return info.ref.kinds, value


def _part(info: FieldInfo, one: Filter, infos: dict[str, FieldInfo]) -> Says | None:
    """How the JSON text of what fits looks; None where that says too little."""
    key = json_like(info.name)
    if one.sign == "~":
        return Says((json_like(one.value),)) if one.value and info.type is not bool else None
    if one.sign != "=" or not one.value:
        return None
    type_ = get_args(info.type)[0] if info.many else info.type
    text = _json_form(type_, one.value)
    if text is None:
        return None
    part = f'"{key}":[%{text}' if info.many else f'"{key}":{text}'
    if not _fits_value(info.default, one.value):
        return Says((part,))
    # What is not said has its default; within a mapping, the same key would mean something else.
    if any(get_origin(i.type) is dict for i in infos.values()):
        return None
    return Says((part,), lacks=f'"{key}":')


def _json_form(type_: Any, value: str) -> str | None:
    """How a value begins in JSON, as a LIKE pattern."""
    if type_ is bool:
        return value.lower() if value.lower() in ("true", "false") else None
    if type_ in (int, float) or (get_origin(type_) is Literal and isinstance(get_args(type_)[0], int)):
        number = _number(value)
        if number is None:
            return None
        text = repr(int(number) if number.is_integer() else number)
        # Very large and very small figures are written in more than one way.
        return None if "e" in text or abs(number) >= 1e15 else text
    return f'"{json_like(value)}"'


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number - number == 0 else None


def _holds(entry: Seen, one: Filter, stack: str | None) -> bool:
    if one.field in OF_ENTRY:
        held: Any = stack or "" if one.field == "stack" else getattr(entry, one.field)
    else:
        held = entry.get(one.field)
    if one.sign == "~":
        return _contains(held, one.value.lower())
    several = one.field not in OF_ENTRY and len(_kinds(entry.kind, one.field)) > 1
    fits = _fits_value(held, one.value) or (several and "/" not in one.value and _bare(held, one.value))
    return fits if one.sign == "=" else not fits


def _kinds(kind: str, field: str) -> tuple[str, ...]:
    ref = fields(kind)[field].ref
    return ref.kinds if ref else ()


def _bare(held: Any, name: str) -> bool:
    values = held if isinstance(held, list) else [held]
    return any(str(value).partition("/")[2] == name for value in values)


def _contains(held: Any, text: str) -> bool:
    if isinstance(held, list):
        return any(_contains(value, text) for value in held)
    if isinstance(held, dict):
        return any(_contains(part, text) for item in held.items() for part in item)
    return text in (str(held).lower() if held is not None else "")


def _fits_value(held: Any, value: str) -> bool:
    if isinstance(held, bool):
        return str(held).lower() == value.lower()
    if isinstance(held, list):
        return any(_fits_value(one, value) for one in held) if held or value else not value
    if isinstance(held, int | float):
        return held == _number(value)
    if held is None or held == {}:
        return value == ""
    return str(held) == value
