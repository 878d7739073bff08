"""Bytes of a file -> text: UTF-8 first, then what Chinese editors and Excel write (GBK, UTF-16)."""

from __future__ import annotations

import re
from collections import Counter

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_UTF32_MARKS = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
# Punctuation, full-width forms and signs: every encoding of East Asia has them, so they prove nothing.
_SIGNS = re.compile("[\u00a0-\u00bf\u2000-\u27ff\u3000-\u303f\uff00-\uffef]")

_CONFLICT = re.compile(rb"^(?:\xef\xbb\xbf)?<<<<<<< ", re.MULTILINE)
_SIDES = b"\n======="
CONFLICT = ("a merge conflict is not resolved", "keep what is right, and remove the marks of the conflict")


class BadText(Exception):
    """Bytes that are not text: message, offset of the first bad byte, hint, and how to count up to it."""

    def __init__(self, message: str, offset: int, hint: str = "", encoding: str = "utf-8") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint
        self.encoding = encoding

    def place(self, data: bytes) -> tuple[int, int]:
        """Line and column (in characters, from 1) of the bad byte."""
        mark = _mark_of(data, self.encoding)
        before = data[mark : max(self.offset, mark)].decode(self.encoding, "replace")
        return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def text_of(data: bytes) -> str:
    """Decode a file, without its byte order mark. Raises ``BadText``."""
    return _read(data)[0]


def parts_of(data: bytes) -> tuple[bytes, str, str]:
    """(byte order mark, text, encoding) of a file, to write it again as it was. Raises ``BadText``."""
    text, encoding = _read(data)
    return data[: _mark_of(data, encoding)], text, encoding


def utf8_of(data: bytes) -> bytes:
    """A file as UTF-8 without byte order mark. Raises ``BadText``."""
    text, encoding = _read(data)
    return data[_mark_of(data, encoding) :] if encoding == "utf-8" else text.encode()


def is_utf16(data: bytes) -> bool:
    """Whether the file has the mark of UTF-16, in which Excel writes its "Unicode text"."""
    return data.startswith(_UTF16_MARKS)


def _read(data: bytes) -> tuple[str, str]:
    """(text, its encoding as Python calls it)."""
    if data.startswith(_UTF32_MARKS):
        raise BadText("the file is UTF-32, expected UTF-8", 0, "save it as UTF-8")
    encoding = "utf-8"
    if data.startswith(_UTF16_MARKS):
        encoding = "utf-16-le" if data.startswith(b"\xff\xfe") else "utf-16-be"
    try:
        text = data[_mark_of(data, encoding) :].decode(encoding)
    except UnicodeDecodeError as error:
        at = _mark_of(data, encoding) + error.start
        if encoding != "utf-8":
            message = "the file begins as UTF-16 and does not go on so"
            raise BadText(message, at, "save it as UTF-8", encoding) from None
        if not _is_chinese(data):
            raise _not_text(data, at) from None
        encoding = "gb18030"
        text = data.decode(encoding)
    if "\0" in text:
        at = _mark_of(data, encoding) + len(text[: text.index("\0")].encode(encoding))
        raise BadText("the file holds a NUL character; it is not text", at, encoding=encoding)
    return text, encoding


def conflicts(data: bytes) -> list[int]:
    """The lines of a text file where git began a merge conflict that nobody resolved."""
    if b"<<<<<<< " not in data:
        return []
    # A mark with the line between two sides behind it; lines are counted once, however many marks.
    lines, line, counted = [], 1, 0
    for mark in _CONFLICT.finditer(data, 0, max(data.rfind(_SIDES), 0)):
        line += data.count(b"\n", counted, mark.start())
        counted = mark.start()
        lines.append(line)
    return lines


def names_in(data: bytes) -> set[str]:
    """Everything in a file that may be a name, however broken the file is."""
    if data.startswith(_UTF16_MARKS):
        data = data.replace(b"\0", b"")
    text = data.decode("latin-1")  # names are ASCII, which looks the same in UTF-8 and GBK
    found = set(re.findall(r"[a-z0-9][a-z0-9._-]*", text))
    return found | {word.rstrip("._-") for word in found}


def _mark_of(data: bytes, encoding: str) -> int:
    if encoding.startswith("utf-16"):
        return 2
    return 3 if data.startswith(_UTF8_MARK) else 0


def _not_text(data: bytes, offset: int) -> BadText:
    """The one fault of a file that is neither: where the encoding that comes nearer stops."""
    try:
        data.decode("gb18030")
    except UnicodeDecodeError as error:
        if error.start > offset and _looks_chinese(data[: error.start].decode("gb18030")):
            message = "the file is neither UTF-8 nor, from here on, GBK"
            return BadText(message, error.start, "save it as UTF-8", "gb18030")
    return BadText("the file is not UTF-8", offset, "save it as UTF-8")


def _is_chinese(data: bytes) -> bool:
    """Whether a file that is not UTF-8 is GBK (GB 18030), beyond reasonable doubt.

    Almost any bytes can be read as GBK: a UTF-8 file with one damaged byte, or an accented letter of
    another alphabet. So what comes out must be mostly characters of GB 2312, the everyday ones.
    """
    if data.startswith(_UTF8_MARK):
        return False
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return False
    # By chance some bytes of GBK are letters of UTF-8 too, but hardly ever everyday ones.
    damaged = data.decode("utf-8", "replace")
    return damaged.count("\ufffd") > 2 * _everyday(damaged)[0] and _looks_chinese(text)


def _looks_chinese(text: str) -> bool:
    everyday, others = _everyday(text)
    return everyday > 0 and everyday >= 2 * others


def _everyday(text: str) -> tuple[int, int]:
    """How many characters are everyday Chinese, and how many are neither that nor ASCII nor signs."""
    everyday = others = 0
    for char, count in Counter(_SIGNS.sub("", text)).items():
        if char.isascii():
            continue
        if "\u4e00" <= char <= "\u9fff" and _in_gb2312(char):
            everyday += count
        else:
            others += count
    return everyday, others


def _in_gb2312(char: str) -> bool:
    try:
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
