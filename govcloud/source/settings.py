"""``govcloud.yaml``, read as the sources are: every fault with its place, and what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from ..errors import InputError, Problem
from . import files
from .claims import Fault
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
    try:
        data = files.read(path.parent, path.name)
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
                return settings
        except msgspec.ValidationError:
            pass
    problems = [_formal(fault, found, path.name) for fault in found.faults]
    if found.value is not None or not problems:
        problems += _meant(found, form, path.name, distinct)
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


def _meant(found: Document, form: type[T], path: str, distinct: Sequence[str]) -> Iterator[Problem]:
    """What is wrong with the settings themselves."""
    hints = Hints()
    types: dict[str, Any] = get_type_hints(form, include_extras=True)
    every = f"settings: {one_of(list(types))}"
    value = {} if found.value is None else found.value
    if not isinstance(value, dict):
        message = f"expected a mapping of settings, got {shown(value)}"
        yield Problem(message, path, 1, 1, "each stands on a line of its own as `setting: value`")
        return
    meant = set()
    for name, one in value.items():
        if name not in types:
            if name not in found.odd_keys:
                meant.add(hints.nearest(name, types.keys()))
                spot = found.locate((name,), 0, True)
                hint = hints.did_you_mean(name, types.keys(), otherwise=every)
                yield Problem(f"no setting is called {shown(name)}", path, spot.line, spot.column, hint)
            continue
        try:
            msgspec.convert(one, types[name])
        except msgspec.ValidationError as error:
            for index, message, hint in explain(types[name], one, str(error), hints):
                spot = found.locate((name,) if index is None else (name, index), 0, False)
                yield Problem(f"`{name}`: {message}", path, spot.line, spot.column, hint)
            continue
        for index in _repeated(one) if name in distinct else ():
            spot = found.locate((name, index), 0, False)
            message = f"`{name}` names {shown(one[index])} twice"
            yield Problem(message, path, spot.line, spot.column, "remove one")
    for field in msgspec.structs.fields(form):
        # What is written almost right is not called missing as well.
        if field.required and field.name not in value and field.name not in meant:
            yield Problem(f"`{field.name}` is missing", path, 1, 1, f"write `{field.name}: …`")
