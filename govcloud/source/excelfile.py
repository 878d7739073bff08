"""Excel workbooks: a sheet a kind, one entry a row, headers as in CSV tables.

A cell becomes the text that a CSV file would hold, and that becomes a value by its field's type; only
a truth value of Excel stays what it is.
"""

from __future__ import annotations

import datetime
from typing import Any

from ..model import KINDS, PLURALS
from .claims import Draft, Fault, Locator, Path, Spot, Table
from .csvfile import MOST_CELLS, Cell, Columns, number_cell
from .files import plural_of
from .words import Hints, one_of, shown
from .workbook import Fruitless, NotAWorkbook, Sheet, sheets

# As in CSV.
LONGEST_CELL = 131_072
# Beyond this Excel keeps no digit of a number.
_DIGITS = 10**15
# Sheets for people.
_NOTES = "#"


def read(data: bytes, path: str, hints: Hints) -> Draft:
    """The entries of a workbook as they are written, with the faults of its form."""
    draft = Draft()
    try:
        for sheet in sheets(data):
            _read_sheet(sheet, draft, hints)
    except NotAWorkbook as error:
        draft.faults.append(Fault(str(error), error.hint))
        draft.unreadable = draft.opaque = True
    return draft


def kind_of(name: str) -> str | None:
    """The kind that a sheet's name says: plural, singular or Chinese title, and ``-anything``."""
    word = plural_of(name.strip())
    by_title = {cls.ZH: kind for kind, cls in KINDS.items()}
    return PLURALS.get(word.lower()) or (word.lower() if word.lower() in KINDS else by_title.get(word))


def _read_sheet(sheet: Sheet, draft: Draft, hints: Hints) -> None:
    kind = kind_of(sheet.name)
    if sheet.name.startswith(_NOTES) or (sheet.hidden and kind is None):
        return
    rows = sheet.rows
    line, header = next(rows, (0, {}))
    if not line:
        return
    if kind is None:
        choices = [*PLURALS, *(cls.ZH for cls in KINDS.values())]
        otherwise = f"a sheet for people is called `#…`; kinds: {one_of(sorted(PLURALS))}"
        hint = hints.did_you_mean(plural_of(sheet.name), choices, otherwise=otherwise)
        message = f"no kind is called {shown(plural_of(sheet.name))}: the sheet's name says it"
        draft.faults.append(Fault(message, hint, line=1, column=1, part=sheet.name))
        draft.strangers.update(str(row[1]).strip() for _, row in rows if 1 in row)
        return
    if sheet.hidden:
        hint = "show it, remove it, or begin its name with `#`"
        draft.faults.append(Fault("the sheet is hidden", hint, line=1, column=1, part=sheet.name))
    columns = _columns(kind, line, header, sheet, draft, hints)
    if columns is None:
        draft.unreadable = True
        return
    table = Table(kind, KINDS[kind].PLURAL, part=sheet.name)
    table.columns = {name: number for number, name in enumerate(columns.fields, 2) if name}
    draft.tables.append(table)
    _read_rows(sheet, columns, table, draft)
    for row, column, ref in sheet.merged:
        message = f"the cells {ref} are merged, expected one value in each"
        draft.faults.append(Fault(message, "take them apart", line=row, column=column, part=sheet.name))


def _columns(
    kind: str, line: int, header: dict[int, Any], sheet: Sheet, draft: Draft, hints: Hints
) -> Columns | None:
    columns = Columns(kind)
    found = Draft()
    # One more than is allowed is enough to say so.
    texts = [_text(header.get(number, "")) for number in range(1, min(max(header), Columns.MOST + 1) + 1)]
    good = columns.take(texts, line, found, hints)
    for fault in found.faults:
        way = fault.path
        column = 1 - way[0] if way and isinstance(way[0], int) else 1
        draft.faults.append(Fault(fault.message, fault.hint, line=line, column=column, part=sheet.name))
    return columns if good else None


def _read_rows(sheet: Sheet, columns: Columns, table: Table, draft: Draft) -> None:
    width = len(columns.fields) + 1
    cells = 0
    for line, row in sheet.rows:
        name = _text(row.get(1, "")).strip()

        def tell(column: int, message: str, hint: str = "", at: int = line) -> None:
            draft.faults.append(Fault(message, hint, line=at, column=column, part=table.part))

        if not name:
            if any(_text(value).strip() for value in row.values()):
                tell(1, "the row has no name", "the first cell names the entry")
            continue
        raw: dict[str, Any] = {}
        for column, value in row.items():
            if column == 1:
                continue
            if column > width:
                if _text(value).strip():
                    tell(column, f"a cell beyond the {width} columns of the header")
                    draft.broken.add((table.kind, name))
                continue
            field = columns.fields[column - 2]
            if field is None:
                continue
            wrong = _take(raw, field, value, columns.readers[column - 2])
            if wrong is not None:
                tell(column, f"{table.kind}/{name}: `{field}`: {wrong[0]}", wrong[1])
                draft.told.setdefault((table.kind, name), set()).add(field)
        table.names.append(name)
        table.raws.append(raw)
        table.lines.append(line)
        cells += len(raw)
        if cells > MOST_CELLS:
            tell(1, f"more than {MOST_CELLS:,} cells in one table", "large tables are CSV files")
            draft.unreadable = True
            return


def _take(raw: dict[str, Any], field: str, value: Any, reader: Cell | None) -> tuple[str, str] | None:
    """Put a cell's value among the fields; (message, hint) where it cannot be one."""
    if isinstance(value, Fruitless):
        return value.message, value.hint
    if isinstance(value, bool):
        raw[field] = value
        return None
    if isinstance(value, int | float) and abs(value) >= _DIGITS and reader is not number_cell:
        return "Excel keeps only 15 digits of a number", "format the cell as text, and write it again"
    if isinstance(value, float) and value.is_integer() and reader is not number_cell:
        value = int(value)
    text = _text(value).strip()
    if len(text) > LONGEST_CELL:
        return f"a cell is longer than {LONGEST_CELL} characters", ""
    if text:
        raw[field] = reader(text) if reader else text
    return None


def _text(value: Any) -> str:
    """A value as a CSV file would hold it; dates as ISO 8601 writes them."""
    if isinstance(value, str):
        return value
    if isinstance(value, Fruitless):
        return "?"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        # Excel has no dates of their own: midnight is how it writes one.
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(timespec="seconds")
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def locator(data: bytes, path: str) -> Locator:
    """Reads the workbook once more, and knows the sheet of each entry."""
    tables = read(data, path, Hints(0)).tables
    known: dict[tuple[str, str], list[tuple[int, Table]]] = {}
    for table in tables:
        for name, line in zip(table.names, table.lines, strict=True):
            known.setdefault((table.plural, name), []).append((line, table))

    def locate(way: Path, line: int, on_key: bool) -> Spot:
        found = known.get((str(way[0]), str(way[1])), []) if len(way) > 1 else []
        if not found:
            return Spot(line, 0)
        row, table = next((one for one in found if one[0] == line), found[0])
        column = table.columns.get(str(way[2]), 1) if len(way) > 2 else 1
        return Spot(row, column, table.part)

    return locate
