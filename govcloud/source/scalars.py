"""What a plain scalar of YAML means: nothing, a truth value, a number, or the text that it is."""

from __future__ import annotations

import math
import re
from typing import Any

from .words import shown

_NUMBER = re.compile(
    r"(?P<integer>[-+]?(?:0|[1-9][0-9]*))"
    r"|(?P<fraction>[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?)"
    r"|(?P<endless>[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN))"
).fullmatch
_WORDS: dict[str, Any] = {"": None, "~": None}
for _value, _spellings in ((None, "null"), (True, "true yes on"), (False, "false no off")):
    for _word in _spellings.split():
        _WORDS |= {_word: _value, _word.capitalize(): _value, _word.upper(): _value}
# What a plain text may start with and still be something else than a text.
SPECIAL = frozenset("~nNtTyYoOfF0123456789+-.")


def plain(text: str) -> Any:
    """What a plain scalar means. Raises ``ValueError`` with a sentence for what JSON cannot hold."""
    if text in _WORDS:
        return _WORDS[text]
    match = _NUMBER(text)
    if match is None:
        # Dates, 010, 0x1f, 1_000, 1e3 and 12:30 too: what one version of YAML calls a number and another
        # a text is a text here, as it is written.
        return text
    if match.lastgroup == "integer":
        if len(text) > 19 or not -(2**63) <= int(text) < 2**63:
            raise ValueError(f"the number {shown(text)} is too large")
        return int(text)
    value = float(text) if match.lastgroup == "fraction" else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{shown(text)} is not a number that can be kept")
    return value


def plain_key(text: str) -> Any:
    """Like ``plain``; a number that is too large is a number all the same."""
    try:
        return plain(text)
    except ValueError:
        return 0
