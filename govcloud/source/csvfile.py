"""CSV tables: one kind a file, one entry a row, headers in English or Chinese.

Cells become values by their field's type here; whether a value is allowed is judged later, in the
same way for every format.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Annotated, Any, Literal, get_args, get_origin

from ..model import PLURALS, fields
from .claims import Draft, Fault, Locator, Path, Spot, Table
from .files import plural_of
from .texts import is_utf16, text_of
from .words import Hints, one_of, shown

NAME_HEADERS = ("name", "标识")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}").fullmatch
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?").fullmatch
_BOOLEANS = {"true": True, "false": False, "是": True, "否": False}
# A row becomes a list of cells; this bounds what one row can take.
LONGEST_LINE = 1024 * 1024
MOST_COLUMNS = 1_000
# What one table may take of memory: some 2 GB.
MOST_ROWS = 2_000_000
MOST_CELLS = 20_000_000
# Written before what a spreadsheet would take for a formula; one more where the text itself begins so.
_GUARDED = re.compile(r"'+[=+\-@]").match
_BRACKETS = re.compile(r"\([^()]*\)$")

Cell = Callable[[str], Any]


def integer_cell(cell: str) -> Any:
    """A cell as a whole number, or as it is."""
    return int(cell) if _INTEGER(cell) else cell


def number_cell(cell: str) -> Any:
    """A cell as a number, or as it is."""
    return float(cell) if _FLOAT(cell) else cell


def _boolean(cell: str) -> Any:
    return _BOOLEANS.get(cell.lower(), cell)


def cell_reader(type_: Any) -> Cell | None:
    """How a cell becomes a value of a type; None where the text itself is the value.

    A cell that does not fit is left as it is, for the judgement that follows. Raises ``TypeError``
    for a type that has no form in a table.
    """
    if get_origin(type_) is Annotated:
        type_ = get_args(type_)[0]
    if type_ is str:
        return None
    if type_ is bool:
        return _boolean
    if type_ is int:
        return integer_cell
    if type_ is float:
        return number_cell
    origin = get_origin(type_)
    if origin is Literal:
        return integer_cell if all(isinstance(v, int) for v in get_args(type_)) else None
    if origin is list:
        (inner,) = get_args(type_)
        one = cell_reader(inner)

        def split(cell: str) -> list[Any]:
            parts = [p for part in cell.replace("；", ";").split(";") if (p := part.strip())]
            return [one(p) for p in parts] if one else parts

        return split
    raise TypeError(type_)


def plain_header(text: str) -> str:
    """A header as it is compared: full-width brackets, spaces and case make no difference."""
    return text.strip().replace("（", "(").replace("）", ")").replace(" ", "").lower()


def headers_of(kind: str) -> dict[str, str]:
    """Every header that a field may stand under -> the field's name; titles may leave their unit out."""
    out: dict[str, str] = {}
    for info in fields(kind).values():
        title = plain_header(info.doc.zh)
        for header in (_BRACKETS.sub("", title), title):
            if header:
                out.setdefault(header, info.name)
    for info in fields(kind).values():
        out[info.name] = info.name
    return out


class Columns:
    """Which field each column holds, and how its cells are read; the first column is the name."""

    MOST = MOST_COLUMNS

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.fields: list[str | None] = []
        self.readers: list[Cell | None] = []

    def take(self, header: list[str], line: int, draft: Draft, hints: Hints) -> bool:
        """Understand the header row; False where the rows below cannot be read at all."""
        known = headers_of(self.kind)
        infos = fields(self.kind)
        if len(header) > MOST_COLUMNS:
            message = f"{len(header)} columns, expected at most {MOST_COLUMNS}"
            draft.faults.append(Fault(message, line=line, column=1))
            return False
        first = header[0].strip() if header else ""
        if first.lower() not in NAME_HEADERS:
            hint = "columns are separated by commas" if re.search("[;\t|，]", first) else ""
            draft.faults.append(
                Fault(f"the first column is {shown(first)}, expected 'name'", hint, line=line, column=1)
            )
            return False
        for number, text in enumerate(header[1:], 1):
            field = known.get(plain_header(text))
            reader: Cell | None = None
            # The locator reads -N as "the cell in column N of that line".
            way: Path = (-number,)
            if not text.strip():
                field = None
            elif field is None:
                choices = [*infos, *(i.doc.zh for i in infos.values())]
                hint = hints.did_you_mean(text.strip(), choices, otherwise=f"fields: {one_of(list(infos))}")
                draft.faults.append(
                    Fault(f"no field of {self.kind} is called {shown(text.strip())}", hint, way, line=line)
                )
            elif field in self.fields:
                draft.faults.append(Fault(f"two columns hold `{field}`", "remove one", way, line=line))
                field = None
            else:
                try:
                    reader = cell_reader(infos[field].type)
                except TypeError:
                    message = f"`{field}` is a mapping and has no form in a table"
                    draft.faults.append(Fault(message, "write it in YAML", way, line=line))
                    field = None
            self.fields.append(field)
            self.readers.append(reader)
        return True


def read(data: bytes, path: str, hints: Hints) -> Draft:
    """The entries of a CSV file as they are written, with the faults of its form."""
    plural = plural_of(path)
    kind = PLURALS.get(plural)
    draft = Draft()
    text = text_of(data)
    if (line := longest_line(text)) > 0:
        draft.unreadable = True
        draft.faults.append(Fault(f"the line is longer than {LONGEST_LINE} characters", line=line, column=1))
        return draft
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter_of(data, text))
    line, before = 1, 0
    try:
        for header in reader:
            line, before = before + 1, reader.line_num
            if any(cell.strip() for cell in header):
                break
        else:
            return draft  # an empty file
        if kind is None:
            hint = hints.did_you_mean(plural, PLURALS.keys(), otherwise=f"kinds: {one_of(sorted(PLURALS))}")
            draft.faults.append(Fault(f"no kind is called {shown(plural)}: the file's name says it", hint))
            draft.strangers.update(row[0].strip() for row in reader if row)
            return draft
        columns = Columns(kind)
        if not columns.take(header, line, draft, hints):
            draft.unreadable = True
            return draft
        table = Table(kind, plural)
        draft.tables.append(table)
        _read_rows(_plain(reader, text), before, columns, table, draft)
    except csv.Error as error:
        draft.unreadable = True
        draft.faults.append(_not_csv(error, before + 1))
    return draft


def unguarded(cell: str) -> str:
    """A cell without the apostrophe that keeps spreadsheets from reading a formula (``'=1+1``)."""
    text = cell.strip()
    return text[1:] if _GUARDED(text) else text


class _Unguarded:
    """The rows of a reader, every cell without its guard."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def __iter__(self) -> Iterator[list[str]]:
        return ([unguarded(cell) for cell in row] for row in self._reader)

    @property
    def line_num(self) -> int:
        """Lines read so far."""
        number: int = self._reader.line_num
        return number


def _plain(reader: Any, text: str) -> Any:
    """The reader itself, but where the file has an apostrophe: few have, and every cell costs."""
    return _Unguarded(reader) if "'" in text else reader


def delimiter_of(data: bytes, text: str) -> str:
    """A comma, or the tab that Excel puts between the cells of its "Unicode text"."""
    return "\t" if is_utf16(data) and "\t" in text.lstrip().partition("\n")[0] else ","


def longest_line(text: str) -> int:
    """The number of the first line that is too long to be a row; 0 where there is none."""
    if len(text) <= LONGEST_LINE:
        return 0
    lines = enumerate(io.StringIO(text, newline=""), 1)
    return next((number for number, line in lines if len(line) > LONGEST_LINE), 0)


def _not_csv(error: csv.Error, line: int) -> Fault:
    text = str(error)
    if "field larger" in text:
        return Fault(f"a cell is longer than {csv.field_size_limit()} characters", "", line=line, column=1)
    if "unexpected end" in text:
        return Fault("a quote opens in this row and never closes", "", line=line, column=1)
    return Fault(f"not CSV: {text}", 'a quote in a cell is written twice: ""', line=line, column=1)


# Texts of cells that were read lately: what a million rows say alike is held once.
_lately: dict[str, str] = {}
MOST_LATELY = 50_000


def _read_rows(reader: Any, before: int, columns: Columns, table: Table, draft: Draft) -> None:
    names, raws, lines = table.names, table.raws, table.lines
    fields_, readers = columns.fields, columns.readers
    wanted = [(n, f, r) for n, (f, r) in enumerate(zip(fields_, readers, strict=True), 1) if f]
    texts = [(n, f) for n, f, r in wanted if r is None]
    others = [(n, f, r) for n, f, r in wanted if r is not None]
    width = len(fields_) + 1
    blank = [""] * width
    cells = 0
    alike = _lately.setdefault
    for row in reader:
        if len(_lately) > MOST_LATELY:
            _lately.clear()
        line, before = before + 1, reader.line_num
        count = len(row)
        if count < width:
            row = row + blank[count:]
        elif count > width and any(cell.strip() for cell in row[width:]):
            draft.faults.append(
                Fault(
                    f"the row has {count} cells, the header {width}",
                    "a comma in a text needs quotes around the cell",
                    (-width,),
                    line=line,
                )
            )
            draft.broken.add((table.kind, row[0].strip()))
        name = row[0].strip()
        if not name:
            if any(cell.strip() for cell in row):
                draft.faults.append(
                    Fault("the row has no name", "the first cell names the entry", line=line, column=1)
                )
            continue
        raw: dict[str, Any] = {f: alike(text, text) for n, f in texts if (text := row[n].strip())}
        for n, f, convert in others:
            if text := row[n].strip():
                raw[f] = convert(text)
        names.append(name)
        raws.append(raw)
        lines.append(line)
        cells += len(raw)
        if cells > MOST_CELLS or len(names) > MOST_ROWS:
            message = f"more than {MOST_ROWS:,} rows or {MOST_CELLS:,} cells in one table"
            draft.faults.append(Fault(message, "split the file", line=line, column=1))
            draft.unreadable = True
            return


def locator(data: bytes, path: str) -> Locator:
    """Finds the column of a cell in the line that a fault names."""
    text = text_of(data)
    cells = partial(_cells, text, delimiter_of(data, text))
    kind = PLURALS.get(plural_of(path), "")
    starts = [0, *(m.end() for m in re.finditer(r"\r\n|\r|\n", text))]
    columns: dict[str, int] = {}
    row_of = lru_cache(maxsize=1)(lambda line: cells(starts[line - 1]))
    header_line = next(
        (n for n, s in enumerate(starts, 1) if any(cell.strip() for cell, _, _ in cells(s))), 1
    )
    if kind:
        known = headers_of(kind)
        for number, (cell, _, _) in enumerate(cells(starts[header_line - 1])):
            if field := known.get(plain_header(cell)):
                columns.setdefault(field, number)

    def locate(way: Path, line: int, on_key: bool) -> Spot:
        if not 0 < line <= len(starts):
            return Spot(1, 1)
        number = 0
        if way and isinstance(way[0], int):
            number = -way[0]
        elif len(way) > 2:
            number = columns.get(str(way[2]), 0)
        place = Spot(line, 1)
        for index, (_, at_line, at_column) in enumerate(row_of(line)):
            if index == number:
                place = Spot(line + at_line, at_column)
                break
        return place

    return locate


def _cells(text: str, delimiter: str, start: int) -> list[tuple[str, int, int]]:
    """The cells of the row at an offset: (raw text, lines below the row's first, column from 1)."""
    out: list[tuple[str, int, int]] = []
    end = text.find("\n", start)
    row = (text[start:end] if end >= 0 else text[start:]).removesuffix("\r")
    if '"' not in row and "\r" not in row:
        # Most are, and a place in a table is asked for by the ten thousand.
        column = 1
        for cell in row.split(delimiter):
            out.append((cell, 0, column))
            column += len(cell) + 1
        return out
    cell_start, line, line_start, quoted = start, 0, start, False
    place = (0, 1)
    position, ends = start, delimiter + "\r\n"
    while position < len(text):
        char = text[position]
        if char == '"':
            quoted = not quoted
        elif char == "\n" and quoted:
            line, line_start = line + 1, position + 1
        elif not quoted and char in ends:
            out.append((text[cell_start:position].strip('"'), *place))
            if char != delimiter:
                return out
            cell_start, place = position + 1, (line, position + 2 - line_start)
        position += 1
    out.append((text[cell_start:position].strip('"'), *place))
    return out
