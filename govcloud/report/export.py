"""Tables to take away: CSV, Excel and JSON that read back as the same entries.

What has no form in a table (a mapping, a list whose items hold a semicolon, blanks around a text …)
is written whole as YAML beside it, so that nothing is lost. Everything goes out a page at a time.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from .. import canonical
from ..errors import InputError, Problem
from ..files import opened_atomically
from ..ledger.browsing import Seen, View
from ..model import KINDS, FieldInfo, fields
from ..source.csvfile import NAME_HEADERS, cell_reader, headers_of
from .filters import Filters, pages

Language = Literal["en", "zh"]
# A cell that begins so is a formula to a spreadsheet; an apostrophe before it makes it a text, and the
# reader of CSV files takes that away again (``source.csvfile.unguarded``).
FORMULA = re.compile(r"'*[=+\-@]").match
# Characters: what the reader takes of a cell and of a line, with room for the other cells and for quotes.
LONGEST_CELL, LONGEST_ROW = 100_000, 400_000
# What Excel takes: characters of a cell, rows of a sheet, digits of a figure.
EXCEL_CELL, EXCEL_ROWS, EXCEL_DIGITS = 32_767, 1_048_576, 15
_NOT_AS_IT_IS = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_EXPONENT = re.compile(rb"[0-9]e[-+0-9]")
# Not texts in a workbook: what XML or openpyxl cannot write, what it unescapes, Excel's words for errors.
_NOT_EXCEL = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_|\A#[A-Z0-9/]+[!?]?\Z")


class Written(msgspec.Struct, frozen=True):
    """A file that was written, and how many entries of which kind are in it."""

    path: str
    kind: str
    entries: int


class Table:
    """The columns of a kind, and how an entry becomes a row of them; the first column is the name."""

    def __init__(self, view: View, kind: str, language: Language = "en") -> None:
        used = view.fields_used(kind, list(fields(kind)))
        self.kind = kind
        self.columns: list[tuple[FieldInfo, Any]] = []
        for name in used:
            try:
                self.columns.append((fields(kind)[name], cell_reader(fields(kind)[name].type)))
            except TypeError:
                # A mapping: entries that say it go whole into YAML.
                continue
        self.known = {info.name for info, _ in self.columns}
        self.header = [NAME_HEADERS[1] if language == "zh" else NAME_HEADERS[0]]
        self.header += [_header(kind, info, language) for info, _ in self.columns]

    def texts(self, entry: Seen) -> list[str] | None:
        """The cells of an entry as texts; None where reading them would give something else."""
        said = entry.fields
        if not said.keys() <= self.known:
            return None
        out = [entry.name]
        for info, reader in self.columns:
            text = _text(said[info.name], reader) if info.name in said else ""
            if text is None:
                return None
            out.append(text)
        return out if sum(map(len, out)) <= LONGEST_ROW else None


def _header(kind: str, info: FieldInfo, language: Language) -> str:
    title = info.doc.zh
    plain = title.strip().replace("（", "(").replace("）", ")").replace(" ", "").lower()
    # Two fields of one title: the second keeps its English name.
    return title if language == "zh" and headers_of(kind).get(plain) == info.name else info.name


def _text(value: Any, reader: Any) -> str | None:
    """A value as a cell that reads back as it; None where no text does."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, list):
        text = ";".join(str(one) for one in value)
    elif isinstance(value, int | float):
        text = repr(value)
    else:
        return None
    if not text or text != text.strip() or "\r" in text or "\0" in text or len(text) > LONGEST_CELL:
        return None
    read = reader(text) if reader else text
    return text if read == value and type(read) is type(value) else None


def guarded(text: str, value: Any) -> str:
    """A cell that no spreadsheet takes for a formula; a figure is none, however it begins."""
    return f"'{text}" if not isinstance(value, int | float) and FORMULA(text) else text


# -- CSV ----------------------------------------------------------------------------------------------


def csv_to(
    view: View, filters: Filters, file: IO[bytes], rest: Rest, *, language: Language, bom: bool
) -> int:
    """Write a kind as CSV (UTF-8); returns how many entries. What has no form there goes into ``rest``."""
    table = Table(view, filters.kind, language)
    text = io.TextIOWrapper(file, "utf-8-sig" if bom else "utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.header)
    count = 0
    try:
        for entry in pages(view, filters):
            cells = table.texts(entry)
            if cells is None:
                rest.add(entry)
                continue
            said = (entry.fields.get(info.name) for info, _ in table.columns)
            writer.writerow([cells[0], *map(guarded, cells[1:], said)])
            count += 1
    finally:
        text.detach()
    return count


def csv_files(
    view: View, wanted: Sequence[Filters], folder: Path, *, language: Language = "en", bom: bool = False
) -> list[Written]:
    """A CSV file for each kind in a folder, and ``rest.yaml`` for what has no form there."""
    folder.mkdir(parents=True, exist_ok=True)
    rest, out = Rest(), []
    for filters in wanted:
        path = folder / f"{KINDS[filters.kind].PLURAL}.csv"
        with opened_atomically(path, 0o644) as file:
            count = csv_to(view, filters, file, rest, language=language, bom=bom)
        if count:
            out.append(Written(str(path), filters.kind, count))
        else:
            path.unlink()
    return out + rest.write(folder / "rest.yaml")


# -- Excel --------------------------------------------------------------------------------------------


def workbook(
    view: View, wanted: Sequence[Filters], path: Path, *, language: Language = "en"
) -> list[Written]:
    """A workbook with a sheet a kind, and beside it ``NAME.rest.yaml`` for what has no form there.

    Raises ``InputError`` where a kind has more entries than a sheet has rows.
    """
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    rest, out = Rest(), []
    for filters in wanted:
        table = Table(view, filters.kind, language)
        sheet = book.create_sheet(KINDS[filters.kind].PLURAL)
        # The head and the names stay in sight.
        sheet.freeze_panes = "B2"
        sheet.append(table.header)
        count = 0
        for entry in pages(view, filters):
            row = _excel_row(sheet, table, entry)
            if row is None:
                rest.add(entry)
                continue
            count += 1
            if count >= EXCEL_ROWS:
                message = f"a sheet has {EXCEL_ROWS:,} rows, and there are more entries of {filters.kind}"
                raise InputError([Problem(message)], hint="filter them, or `govcloud export csv`")
            sheet.append(row)
        out.append(Written(str(path), filters.kind, count))
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened_atomically(path, 0o644) as file:
        book.save(file)
    return out + rest.write(path.with_suffix(".rest.yaml"))


def _excel_row(sheet: Any, table: Table, entry: Seen) -> list[Any] | None:
    texts = table.texts(entry)
    if texts is None or any(len(t) > EXCEL_CELL or _NOT_EXCEL.search(t) for t in texts):
        return None
    row: list[Any] = [_excel_text(sheet, entry.name)]
    for (info, _), text in zip(table.columns, texts[1:], strict=True):
        value = entry.fields.get(info.name)
        # A figure with more digits than Excel keeps stays whole as a text, and reads back as a figure.
        figure = (isinstance(value, float) and float(f"{value:.{EXCEL_DIGITS}g}") == value) or (
            isinstance(value, int) and abs(value) < 10**EXCEL_DIGITS
        )
        row.append(value if figure else _excel_text(sheet, text) if text else None)
    return row


def _excel_text(sheet: Any, text: str) -> Any:
    """A text that stays one: openpyxl takes what begins with = for a formula."""
    if not FORMULA(text):
        return text
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell


# -- JSON and YAML ------------------------------------------------------------------------------------


def json_to(view: View, wanted: Sequence[Filters], file: IO[bytes]) -> dict[str, int]:
    """Write one document ``{plural: {name: fields}}``, a line an entry; returns how many of each kind.

    It is YAML too: under a name that ends with ``.yaml`` it is read as files are.
    """
    counts: dict[str, int] = {}
    file.write(b"{")
    for number, filters in enumerate(wanted):
        plural = KINDS[filters.kind].PLURAL
        file.write(f'{"," if number else ""}\n"{plural}": {{'.encode())
        for index, entry in enumerate(pages(view, filters)):
            file.write(b",\n  " if index else b"\n  ")
            file.write(b'"%b": %b' % (entry.name.encode(), _json(entry)))
            counts[filters.kind] = index + 1
        file.write(b"}")
    file.write(b"\n}\n")
    return counts


def _json(entry: Seen) -> bytes:
    """The fields as JSON that is YAML as well."""
    text = entry.text.encode()
    # The ledger's own text is good but for 1e16: a figure with an exponent is one in YAML with a point.
    if _EXPONENT.search(text):
        text = canonical.encode(_pointed(entry.fields))
    # And but for what JSON takes as it is and YAML does not, or takes for a line's end.
    return _NOT_AS_IT_IS.sub(lambda found: f"\\u{ord(found[0]):04x}", text.decode()).encode()


def _pointed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _pointed(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_pointed(held) for held in value]
    if isinstance(value, float) and "e" in (text := repr(value)):
        digits, _, power = text.partition("e")
        point = "" if "." in digits else ".0"
        return msgspec.Raw(f"{digits}{point}e{int(power):+03}".encode())
    return value


class Rest:
    """Entries that have no form in a table: written as YAML, a line each."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return sum(map(len, self.lines.values()))

    def add(self, entry: Seen) -> None:
        """Keep an entry for the YAML file."""
        # JSON is YAML in which nothing can be mistaken for something else.
        line = f'  "{entry.name}": {_json(entry).decode()}\n'
        self.lines.setdefault(entry.kind, []).append(line)

    def write(self, path: Path) -> list[Written]:
        """Write the file, if there is anything to write. One of a former export goes."""
        if not self.lines:
            path.unlink(missing_ok=True)
            return []
        with opened_atomically(path, 0o644) as file:
            for kind, lines in self.lines.items():
                file.write(f"{KINDS[kind].PLURAL}:\n".encode())
                file.writelines(line.encode() for line in lines)
        return [Written(str(path), kind, len(lines)) for kind, lines in self.lines.items()]


def all_kinds(view: View) -> list[str]:
    """Every kind that has entries, in the order of the model."""
    counts = view.counts()
    return [kind for kind in KINDS if kind in counts]


def wanted(kinds: Iterable[str], conditions: Sequence[str]) -> Iterator[Filters]:
    """The same conditions for each kind. Raises ``InputError`` where one has no such field."""
    from .filters import read

    return (read(kind, conditions) for kind in kinds)
