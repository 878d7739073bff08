"""Keeping known values out of words: what engines say, events, logs, the ledger.

Every value that this process has fetched is known here. A value does not go into any argument of ours;
this is for what engines, commands and targets say about it on their own.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

T = TypeVar("T")

MARK = "(secret)"
# Shorter ones stand in words by chance; of several lines each counts from this length on.
SHORTEST = 4
LINE = 8

# Of what a stage has to say: which of its objects and hosts. They come from the plan, not from an engine.
NAMES = frozenset({"done", "not_done", "failed", "unreachable", "untouched", "changed", "batches"})

_forms: set[str] = set()
_pattern: re.Pattern[str] | None = None


def keep_out(value: bytes) -> None:
    """From now on ``clean`` takes this value out, in the forms in which programs write it."""
    global _pattern
    whole = value.strip()
    lines = [line.strip() for line in whole.splitlines()]
    parts = {whole, *(line for line in lines if len(line) >= LINE)}
    news = {form for part in parts if len(part) >= SHORTEST for form in _written(part)} - _forms
    if news:
        _forms.update(news)
        # Longest first: a value may stand in another one's form.
        _pattern = re.compile("|".join(re.escape(f) for f in sorted(_forms, key=lambda f: (-len(f), f))))


def active() -> bool:
    """Whether there is anything to keep out."""
    return _pattern is not None


def _written(value: bytes) -> set[str]:
    """A value as programs write it: as it is, quoted, in base64 and hex, also within more."""
    text = value.decode("utf-8", "replace")
    quoted = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    encoded = {value.hex(), value.hex().upper(), quote(text, safe="")}
    for whole in (base64.b64encode(value).decode().rstrip("="), *_within(value)):
        encoded |= {whole, whole.replace("+", "-").replace("/", "_")}
    return {text, repr(value)[2:-1], *quoted, *encoded}


def _within(value: bytes) -> Iterator[str]:
    """What is always the same of a value's base64 where it stands in the middle (``user:password``)."""
    for before in range(3):
        written = base64.b64encode(b"\0" * before + value).decode()
        sure = written[4 if before else 0 : -4 if (before + len(value)) % 3 else None]
        if len(sure) >= LINE:
            yield sure


def clean(data: T) -> T:
    """The same data, with every known value in its texts replaced; goes into lists, maps and tuples.

    Keys of maps stay: they are the program's own, and a value may be a word like `title`.
    """
    if _pattern is None:
        return data
    cleaned: T = _clean(data, _pattern)
    return cleaned


def clean_detail(detail: Mapping[str, Any]) -> dict[str, Any]:
    """What a stage has to say, with its words cleaned; the names in it are the plan's own, and stay."""
    return {k: v if k in NAMES else clean(v) for k, v in detail.items()}


def _clean(data: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(data, str):
        return pattern.sub(MARK, data)
    if isinstance(data, dict):
        return {k: _clean(v, pattern) for k, v in data.items()}
    if isinstance(data, list):
        return [_clean(one, pattern) for one in data]
    if isinstance(data, tuple):
        return tuple(_clean(one, pattern) for one in data)
    return data
