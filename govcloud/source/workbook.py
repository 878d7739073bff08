"""Excel workbooks, opened with care: sheets as rows of values, whatever the bytes are.

openpyxl reads them. What it is given is looked at before, so that neither a small file that unfolds
to a large one nor a document type takes memory or time.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser

# What the parts that are read may unfold to, and the elements of XML in all of them: a table of some
# 200,000 rows; larger ones are CSV.
MOST_BYTES = 256 * 1024 * 1024
MOST_ELEMENTS = 8_000_000
MOST_PARTS = 2_000
# Excel's own bound.
MOST_ROWS = 1_048_576
_CHUNK = 1 << 20

_ANEW = "open it in Excel and save it anew"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_ERRORS = frozenset({"#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#N/A", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"})


class NotAWorkbook(Exception):
    """A file that cannot be read as a workbook: message and hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Fruitless:
    """A cell that holds no value: an error, or a formula that nobody has calculated."""

    message: str
    hint: str


@dataclass
class Sheet:
    """A sheet. Rows come as (number from 1, {column from 1: value}), empty ones left out.

    ``merged`` is complete when all rows have been read: (first row, first column, as Excel writes it).
    """

    name: str
    hidden: bool
    rows: Iterator[tuple[int, dict[int, Any]]]
    merged: list[tuple[int, int, str]] = field(default_factory=list)


def sheets(data: bytes) -> Iterator[Sheet]:
    """The sheets of a workbook, each to be read before the next. Raises ``NotAWorkbook``.

    So do the rows: damage may come to light late.
    """
    if data.startswith(_OLE):
        if _ENCRYPTED in data:
            raise NotAWorkbook("the workbook is encrypted", "save it without a password")
        raise NotAWorkbook("this is Excel's old format (.xls) under another name", "save it as .xlsx")
    with _sentences(), warnings.catch_warnings(), zipfile.ZipFile(io.BytesIO(data)) as archive:
        warnings.simplefilter("ignore")  # of features that hold no cells
        _look(archive)
        yield from _read(data)


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except NotAWorkbook:
        raise
    except MemoryError:
        raise NotAWorkbook("the workbook takes more memory than there is", "split it") from None
    except (zipfile.BadZipFile, EOFError):
        raise NotAWorkbook("the file is damaged, or no workbook", _ANEW) from None
    except Exception as error:  # openpyxl raises whatever it stumbles over
        words = " ".join(str(error).split())[:200] or type(error).__name__
        raise NotAWorkbook(f"not a workbook that can be read: {words}", _ANEW) from None


def _look(archive: zipfile.ZipFile) -> None:
    """Refuse what would unfold to too much, and XML with a document type."""
    parts = archive.infolist()
    if len(parts) > MOST_PARTS:
        raise NotAWorkbook(f"more than {MOST_PARTS:,} parts; this is no table")
    names = {part.filename for part in parts}
    if "[Content_Types].xml" not in names or len(names) != len(parts):
        raise NotAWorkbook("an archive, but no workbook", "save it as .xlsx")
    read = [part for part in parts if part.filename.endswith((".xml", ".rels"))]
    # The sizes are those that the archive declares; it is never read beyond them.
    if sum(part.file_size for part in read) > MOST_BYTES:
        raise NotAWorkbook(f"it unfolds to more than {MOST_BYTES >> 20} MiB", "large tables are CSV files")
    elements = 0
    for part in read:
        if part.flag_bits & 1:
            raise NotAWorkbook("the workbook is encrypted", "save it without a password")
        last = b""
        with archive.open(part) as file:
            while chunk := file.read(_CHUNK):
                if not last and b"\0" in chunk[:4]:
                    raise NotAWorkbook(f"{part.filename} in it is not UTF-8", _ANEW)
                elements += chunk.count(b"<")
                if b"<!" in last + chunk and re.search(rb"<!(?:DOCTYPE|ENTITY)", last + chunk):
                    raise NotAWorkbook(f"{part.filename} in it has a document type, as no workbook has")
                last = chunk[-16:]
    if elements > MOST_ELEMENTS:
        raise NotAWorkbook("it has more cells than a workbook may have here", "large tables are CSV files")


def _read(data: bytes) -> Iterator[Sheet]:
    # The steps of openpyxl's own reader but one: that looks for the size of each sheet by reading it.
    reader = ExcelReader(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    reader.read_manifest()
    reader.read_strings()
    reader.read_workbook()
    apply_stylesheet(reader.archive, reader.wb)
    for sheet, relation in reader.parser.find_sheets():
        if "chartsheet" in relation.Type:
            continue
        if relation.target not in reader.valid_files:
            raise NotAWorkbook(f"the sheet {sheet.name!r} is missing in it", _ANEW)
        found = Sheet(sheet.name, sheet.state != "visible", iter(()))
        found.rows = _rows(reader, relation.target, found)
        yield found


def _rows(reader: Any, part: str, sheet: Sheet) -> Iterator[tuple[int, dict[int, Any]]]:
    book = reader.wb
    with _sentences(), reader.archive.open(part) as source:
        parser = _Parser(
            source,
            reader.shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        for number, cells in parser.parse():
            if not 0 < number <= MOST_ROWS:
                raise NotAWorkbook(f"sheet {sheet.name!r} has a row {number}", _ANEW)
            row = {cell["column"]: cell["value"] for cell in cells if cell["value"] is not None}
            if row:
                yield number, row
        merged = getattr(parser, "merged_cells", None)
        for one in merged.mergeCell if merged is not None else ():
            sheet.merged.append((one.min_row, one.min_col, one.ref))


class _Parser(WorkSheetParser):
    """Tells cells without a value from those that are empty."""

    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        if cell["value"] is None:
            # A formula whose value is the empty text says that it is a text, and has an empty value.
            calculated = element.get("t") == "str" and element.find(VALUE_TAG) is not None
            if element.find(FORMULA_TAG) is not None and not calculated:
                hint = "open the workbook in Excel and save it, or write the value"
                cell["value"] = Fruitless("the formula has no value", hint)
        elif cell["data_type"] == "e" or (type(cell["value"]) is str and cell["value"] in _ERRORS):
            cell["value"] = Fruitless(f"the cell holds the error {cell['value']}", "mend the formula")
        return cell
