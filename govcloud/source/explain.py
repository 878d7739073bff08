"""What a field expects and what it got, in a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from .words import Hints, one_of, shown

_NAMES: dict[Any, str] = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}

# Wrong items of one list that are told; where so many are, the rest is most likely of the same sort.
MOST_ITEMS = 20


def explain(type_: Any, value: Any, engine: str, hints: Hints) -> Iterator[tuple[int | str | None, str, str]]:
    """(index in a list or None, message, hint) for each thing wrong with a field's value."""
    bare, limits = _take_apart(type_)
    if get_origin(bare) is list and isinstance(value, list):
        (inner,) = get_args(bare)
        found = 0
        for index, one in enumerate(value):
            if not _fits(inner, one):
                found += 1
                yield index, *_sentence(inner, one, engine, hints)
                if found == MOST_ITEMS:
                    yield None, f"{found} items of the list are wrong; the rest of it is not looked at", ""
                    return
        if found:
            return
    yield None, *_sentence(bare if not limits else type_, value, engine, hints)


def expected(type_: Any) -> str:
    """What a type takes: ``a whole number from 1 to 4``, ``one of fibre, microwave``."""
    bare, limits = _take_apart(type_)
    origin = get_origin(bare) or bare
    if origin is Literal:
        return f"one of {one_of(get_args(bare))}"
    if origin is list:
        return f"a list, each of it {expected(get_args(bare)[0])}"
    if origin is dict:
        return "a mapping"
    # A pattern says nothing to people; a field that has one says in words what it wants.
    for meta in limits:
        if meta.pattern is not None and meta.description:
            return meta.description
    # What a pattern means is understood by more people than the pattern.
    meanings = [meta.description for meta in limits if meta.pattern and meta.description]
    if meanings:
        return meanings[0]
    return f"{_NAMES.get(bare, 'another value')}{_range(limits)}"


def _range(limits: list[msgspec.Meta]) -> str:
    parts = []
    for meta in limits:
        if meta.pattern is not None:
            parts.append(f"of the form {meta.pattern}")
        for word, length in (("at least", meta.min_length), ("at most", meta.max_length)):
            if length is not None:
                parts.append(f"of {word} {length} characters")
        if meta.ge is not None and meta.le is not None:
            parts.append(f"from {meta.ge} to {meta.le}")
            continue
        for sign, bound in ((">=", meta.ge), (">", meta.gt), ("<=", meta.le), ("<", meta.lt)):
            if bound is not None:
                parts.append(f"{sign} {bound}")
    return " " + " and ".join(parts) if parts else ""


def _sentence(type_: Any, value: Any, engine: str, hints: Hints) -> tuple[str, str]:
    bare, limits = _take_apart(type_)
    message = f"expected {expected(type_)}, got {_kind_of(value)}"
    if get_origin(bare) is Literal and isinstance(value, str):
        words = [w for w in get_args(bare) if isinstance(w, str)]
        return message, hints.did_you_mean(value, words) if words else ""
    if bare is str and value is None:
        return message, "leave the line out where nothing is to be said"
    if bare is str and isinstance(value, int | float):
        return message, "write it in quotes"
    if bare is int and isinstance(value, float) and not limits and value.is_integer():
        return message, f"write {int(value)}"
    if get_origin(bare) is list and isinstance(value, str):
        return message, "write it in brackets: [a, b]"
    if isinstance(value, float) and not math.isfinite(value):
        return message, ""
    if _fits(type_, value):
        # What looks right was refused deeper down: the engine's own words are the only ones there are.
        return engine, ""
    return message, ""


def _kind_of(value: Any) -> str:
    text = shown(value)
    if isinstance(value, str):
        return f"the text {text}"
    if isinstance(value, bool | int | float):
        return text
    return text


def _fits(type_: Any, value: Any) -> bool:
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError:
        return False
    return True


def _take_apart(type_: Any) -> tuple[Any, list[msgspec.Meta]]:
    if get_origin(type_) is Annotated:
        bare, *notes = get_args(type_)
        return bare, [n for n in notes if isinstance(n, msgspec.Meta)]
    return type_, []
