"""Changing a cell in the text of a CSV table, or taking a row out; every other byte stays."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from .csvfile import headers_of, plain_header
from .editing import CannotEdit, plain

Cell = tuple[int, int]  # where a cell begins and ends in the text


def set_value(text: str, kind: str, delimiter: str, name: str, field: str, value: Any) -> str:
    """The text with one cell of an entry's row at another value."""
    rows = _rows(text, delimiter)
    known = headers_of(kind)
    header = next((cells for _, cells, words in rows if any(words)), [])
    columns = [known.get(plain_header(_word(text, cell))) for cell in header]
    if field not in columns:
        raise CannotEdit(f"the table has no column for `{field}`: add one by hand")
    cells = _row(text, delimiter, name)
    number = columns.index(field)
    new = _written(value, delimiter)
    if number >= len(cells):
        end = cells[-1][1]
        return text[:end] + delimiter * (number - len(cells) + 1) + new + text[end:]
    begin, end = cells[number]
    return text[:begin] + new + text[end:]


def add_entry(text: str, kind: str, delimiter: str, name: str, fields: Mapping[str, Any]) -> str:
    """The text with one row more at the end."""
    known = headers_of(kind)
    header = next((words for _, _, words in _rows(text, delimiter) if any(words)), [])
    columns = [known.get(plain_header(word)) for word in header]
    if lacks := [f"`{field}`" for field in fields if field not in columns]:
        raise CannotEdit(f"the table has no column for {', '.join(lacks)}")
    # The name comes first.
    rest = (_written(fields[c], delimiter) if c and c in fields else "" for c in columns[1:])
    cells = [_written(name, delimiter), *rest]
    newline = "\r\n" if "\r\n" in text else "\n"
    return (text if text.endswith(("\n", "\r")) else text + newline) + delimiter.join(cells) + newline


def remove_entry(text: str, delimiter: str, name: str) -> str:
    """The text without an entry's row."""
    for (begin, end), _, words in _rows(text, delimiter):
        if words and words[0] == name:
            return text[:begin] + text[end:]
    raise CannotEdit(f"no row is called {name!r}")


def _row(text: str, delimiter: str, name: str) -> list[Cell]:
    for _, cells, words in _rows(text, delimiter):
        if words and words[0] == name:
            return cells
    raise CannotEdit(f"no row is called {name!r}")


def _rows(text: str, delimiter: str) -> Iterator[tuple[Cell, list[Cell], list[str]]]:
    """Each row: its stretch with the line's end, its cells, and their words."""
    begin, cells, start, quoted = 0, list[Cell](), 0, False
    at = 0
    while at < len(text):
        char = text[at]
        if char == '"':
            quoted = not quoted
        elif not quoted and char == delimiter:
            cells.append((start, at))
            start = at + 1
        elif not quoted and char in "\r\n":
            cells.append((start, at))
            at += 1 if text[at : at + 2] == "\r\n" else 0
            yield (begin, at + 1), cells, [_word(text, cell) for cell in cells]
            begin = start = at + 1
            cells = []
        at += 1
    if begin < len(text):
        cells.append((start, len(text)))
        yield (begin, len(text)), cells, [_word(text, cell) for cell in cells]


def _word(text: str, cell: Cell) -> str:
    words = text[cell[0] : cell[1]].strip()
    return words[1:-1].replace('""', '"') if len(words) > 1 and words[0] == words[-1] == '"' else words


def _written(value: Any, delimiter: str) -> str:
    """A value as the table has it: quoted where it must be, a list with semicolons."""
    value = plain(value)
    if isinstance(value, list):
        value = ";".join(map(str, value))
    elif isinstance(value, bool):
        value = "true" if value else "false"
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow([value])
    return out.getvalue()
