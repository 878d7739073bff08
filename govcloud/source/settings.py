"""Files that hold no entries (``govcloud.yaml``, a request), read as the sources are: every fault with its
place, and what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from ..errors import InputError, Problem
from . import files
from .claims import Fault, Locator
from .explain import explain
from .texts import CONFLICT, BadText, conflicts
from .words import Hints, one_of, shown
from .yamlfile import Document, document

T = TypeVar("T", bound=msgspec.Struct)


def read(path: Path, form: type[T], version: int, distinct: Sequence[str] = ()) -> T:
    """One settings file as ``form``. Raises ``InputError`` with every fault and its place.

    Lists in ``distinct`` name nothing twice. A file of a newer ``version`` is refused before anything
    else of it is judged.
    """
    return located(path, form, version, distinct)[0]


def located(
    path: Path,
    form: type[T],
    version: int,
    distinct: Sequence[str] = (),
    largest: int = files.LARGEST,
    what: str = "setting",
) -> tuple[T, Locator]:
    """The same with what tells where each of its values stands; a file of more bytes is not read.

    ``what``: how one of its keys is called in messages.
    """
    try:
        data = files.read(path.parent, path.name, largest)
        if lines := conflicts(data):
            raise InputError([Problem(CONFLICT[0], path.name, line, 1, CONFLICT[1]) for line in lines])
        found = document(data)
    except files.Unreadable as error:
        raise InputError([Problem(str(error), path.name)]) from None
    except BadText as error:
        raise InputError([Problem(error.message, path.name, *error.place(data), error.hint)]) from None
    said = found.value.get("version") if isinstance(found.value, dict) else None
    if isinstance(said, int) and said > version:
        words = f"`version` is {said}, which a newer release writes; this one reads {version}"
        raise InputError([Problem(words, path.name)], hint="use that release, or the newest")
    if not found.faults:
        try:
            settings = msgspec.convert(found.value, form)
            if not any(_repeated(getattr(settings, name)) for name in distinct):
                return settings, found.locate
        except msgspec.ValidationError:
            pass
    problems = [_formal(fault, found, path.name) for fault in found.faults]
    if found.value is not None or not problems:
        problems += _meant(found, form, path.name, distinct, what)
    raise InputError(sorted(problems, key=lambda p: (p.line, p.column)))


def _repeated(names: Sequence[str]) -> list[int]:
    """Where a list says once more what it said before."""
    return [index for index, name in enumerate(names) if name in names[:index]]


def _formal(fault: Fault, found: Document, path: str) -> Problem:
    """A fault of the file's form; of two settings that are one the place of the first is told too."""
    message, hint = fault.message, fault.hint
    if fault.twice:
        message += f"; first in line {found.locate(fault.path, 0, True).line}"
        hint = "remove one of the two"
    return Problem(message, path, fault.line, fault.column, hint)


def _meant(
    found: Document, form: type[T], path: str, distinct: Sequence[str], what: str
) -> Iterator[Problem]:
    """What is wrong with the settings themselves."""
    value = {} if found.value is None else found.value
    if not isinstance(value, dict):
        message = f"expected a mapping of {what}s, got {shown(value)}"
        yield Problem(message, path, 1, 1, f"each stands on a line of its own as `{what}: value`")
        return
    yield from _fields(found, form, value, path, distinct, (), what)


def _fields(
    found: Document,
    form: type[msgspec.Struct],
    value: dict[Any, Any],
    path: str,
    distinct: Sequence[str],
    at: tuple[str | int, ...],
    what: str,
) -> Iterator[Problem]:
    """What is wrong with one mapping of settings: the file's, or an item's of a list in it."""
    hints = Hints()
    types: dict[str, Any] = get_type_hints(form, include_extras=True)
    every = f"{what}s: {one_of(list(types))}"
    meant = set()
    wrong = False
    for name, one in value.items():
        if name not in types:
            if at or name not in found.odd_keys:
                meant.add(hints.nearest(name, types.keys()))
                spot = found.locate((*at, name), 0, True)
                hint = hints.did_you_mean(name, types.keys(), otherwise=every)
                yield Problem(f"no {what} is called {shown(name)}", path, spot.line, spot.column, hint)
                wrong = True
            continue
        try:
            msgspec.convert(one, types[name])
        except msgspec.ValidationError as error:
            wrong = True
            yield from _wrong(found, types[name], one, str(error), path, (*at, name), what)
            continue
        for index in _repeated(one) if name in distinct else ():
            spot = found.locate((*at, name, index), 0, False)
            message = f"`{name}` names {shown(one[index])} twice"
            yield Problem(message, path, spot.line, spot.column, "remove one")
    place = (1, 1)
    if at:
        whole = found.locate(at, 0, False)
        place = (whole.line, whole.column)
    for field in msgspec.structs.fields(form):
        # What is written almost right is not called missing as well.
        if field.required and field.name not in value and field.name not in meant:
            wrong = True
            yield Problem(f"`{field.name}` is missing", path, *place, f"write `{field.name}: …`")
    if at and not wrong:
        try:
            msgspec.convert(value, form)
        except msgspec.ValidationError as error:
            # Each is right by itself, and they do not go together: the form's own words.
            yield Problem(str(error).partition(" - at `$")[0], path, *place)


def _wrong(
    found: Document, type_: Any, value: Any, engine: str, path: str, at: tuple[str | int, ...], what: str
) -> Iterator[Problem]:
    """What is wrong with one value, as deep down as it is."""
    inner = _struct_of(type_)
    if inner is not None and isinstance(value, list):
        yield from _items(found, inner, value, path, at, what)
        return
    values = get_args(type_)[1] if get_origin(type_) is dict and isinstance(value, dict) else None
    if isinstance(values, type) and issubclass(values, msgspec.Struct):
        for name, one in value.items():
            if isinstance(one, dict):
                yield from _fields(found, values, one, path, (), (*at, name), what)
            else:
                spot = found.locate((*at, name), 0, False)
                message = f"`{name}`: expected a mapping of {what}s, got {shown(one)}"
                yield Problem(message, path, spot.line, spot.column)
        return
    if values is not None and get_origin(values) is dict:
        for name, one in value.items():
            try:
                msgspec.convert(one, values)
            except msgspec.ValidationError as error:
                yield from _wrong(found, values, one, str(error), path, (*at, name), what)
        return
    for index, message, hint in explain(type_, value, engine, Hints()):
        spot = found.locate(at if index is None else (*at, index), 0, False)
        yield Problem(f"`{at[-1]}`: {message}", path, spot.line, spot.column, hint)


def _struct_of(type_: Any) -> type[msgspec.Struct] | None:
    """What a list of structs is a list of; None for other types."""
    inner = get_args(type_)[0] if get_origin(type_) is list else None
    return inner if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else None


def _items(
    found: Document,
    form: type[msgspec.Struct],
    items: list[Any],
    path: str,
    at: tuple[str | int, ...],
    what: str,
) -> Iterator[Problem]:
    """What is wrong with the items of a list of settings."""
    for index, one in enumerate(items):
        if isinstance(one, dict):
            yield from _fields(found, form, one, path, (), (*at, index), what)
        else:
            spot = found.locate((*at, index), 0, False)
            message = f"`{at[-1]}`: expected a mapping of {what}s, got {shown(one)}"
            yield Problem(message, path, spot.line, spot.column)
