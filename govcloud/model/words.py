"""Types in words, for people: ``a whole number from 1 to 4``, ``name of a region``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from .base import FieldInfo

_NAMES: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Any: "any value",
}


def type_words(info: FieldInfo) -> str:
    """What a field takes, in words; every word of an enumeration is there."""
    if info.ref is None:
        return _words(info.hint)
    kinds = info.ref.kinds
    one = f"name of {with_article(kinds[0])}" if len(kinds) == 1 else f"kind/name of {', '.join(kinds)}"
    return f"list, each the {one}" if info.many else one


def with_article(word: str) -> str:
    """``a node``, ``an exchange``; a unit and a user begin with a consonant to the ear."""
    return f"{'an' if word[0] in 'aeio' else 'a'} {word}"


def _words(hint: Any) -> str:
    limits: list[msgspec.Meta] = []
    if get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
        limits = [note for note in notes if isinstance(note, msgspec.Meta)]
    for limit in limits:
        # A pattern says nothing to people; a field that has one says in words what it wants.
        if limit.pattern is not None and limit.description:
            return limit.description
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(str(word) for word in inner)
    if origin is list:
        return f"list, each {_words(inner[0])}"
    if origin is dict:
        return f"mapping of {_words(inner[0])} to {_words(inner[1])}"
    return _NAMES[hint] + _range(limits)


def _range(limits: list[msgspec.Meta]) -> str:
    parts: list[str] = []
    for limit in limits:
        if limit.ge is not None and limit.le is not None:
            parts.append(f"from {limit.ge} to {limit.le}")
            continue
        signs = ((">=", limit.ge), (">", limit.gt), ("<=", limit.le), ("<", limit.lt))
        parts += [f"{sign} {bound}" for sign, bound in signs if bound is not None]
    return " " + " and ".join(parts) if parts else ""
