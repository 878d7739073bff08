"""Texts that others wrote, made safe to show: what would steer a terminal is written out instead of sent."""

from __future__ import annotations

import re
import unicodedata

# Controls (C0, DEL, C1), formats (among them what turns the direction of writing), halves of
# surrogates, and the separators of lines and paragraphs.
STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# As Python and JSON write them.
SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str, *, keep: str = "") -> str:
    """A text in one line that shows as it is and steers nothing; every sink of foreign texts uses it.

    What a terminal or a reader would obey (escape sequences, line breaks, marks of direction) is written
    as ``\\n``, ``\\x1b`` or ``\\u202e``. Letters of any script stay, also those too new for Python to know,
    and blanks of any width. ``keep``: characters that may stay, such as a line's end.
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep else shown(c) for c in text)


def shown(character: str) -> str:
    """One character as ``visible`` shows it."""
    if character.isprintable() or unicodedata.category(character) not in STEERING:
        return character
    code = ord(character)
    return SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def fence(text: str) -> str:
    """A Markdown fence that nothing in the text can close: longer than its longest run of backticks."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(3, longest + 1)
