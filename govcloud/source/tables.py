"""Tables that templates read: any columns, every cell a text."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from .. import canonical
from . import files
from .csvfile import LONGEST_LINE, MOST_COLUMNS, delimiter_of, longest_line
from .texts import BadText, text_of

# What the tables of one workspace may take of memory: half a gigabyte.
MOST_CELLS = 4_000_000


class BadTable(Exception):
    """A table that cannot be read; the message says which, where and why."""


class Row(dict[str, str]):
    """A row of a table: cells by the header of their column."""


class Tables:
    """The tables below a workspace, each read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._digests: dict[str, str] = {}
        self._rows: dict[str, list[Row]] = {}
        self._cells = 0

    def digest(self, path: str) -> str:
        """Of a table's content; empty where there is nothing that can be read."""
        known = self._digests.get(path)
        if known is None:
            try:
                known = canonical.digest_bytes(self._bytes(path))
            except BadTable:
                known = ""
            self._digests[path] = known
        return known

    def rows(self, path: str) -> list[Row]:
        """A table's rows. Raises ``BadTable``."""
        if path not in self._rows:
            data = self._bytes(path)
            self._digests[path] = canonical.digest_bytes(data)
            self._rows[path] = self._parse(data, path)
        return self._rows[path]

    def _bytes(self, path: str) -> bytes:
        parts = path.split("/")
        if any(part in ("", ".", "..") or part.startswith(".") or "\\" in part for part in parts):
            raise BadTable(f"the table {path!r}: expected a path below the workspace, like data/sites.csv")
        if not path.lower().endswith(".csv") or not path.isprintable():
            raise BadTable(f"the table {path!r}: expected a CSV file")
        base = os.path.realpath(self._root)
        if not os.path.realpath(os.path.join(base, path)).startswith(base + os.sep):
            raise BadTable(f"the table {path} is a link that leads out of the workspace")
        try:
            return files.read(self._root, path)
        except files.Unreadable as error:
            raise BadTable(f"the table {path}: {error}") from None

    def _parse(self, data: bytes, path: str) -> list[Row]:
        try:
            text = text_of(data)
        except BadText as error:
            line, column = error.place(data)
            raise BadTable(f"the table {path}:{line}:{column}: {error.message}") from None
        if (line := longest_line(text)) > 0:
            raise BadTable(f"the table {path}:{line}: the line is longer than {LONGEST_LINE} characters")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter_of(data, text))
        rows: list[Row] = []
        header: list[str] = []
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if not header:
                    header = self._header(cells, path, reader.line_num)
                    continue
                if any(cell.strip() for cell in cells[len(header) :]):
                    counts = f"the row has {len(cells)} cells, the header {len(header)}"
                    raise BadTable(f"the table {path}:{reader.line_num}: {counts}")
                cells += [""] * (len(header) - len(cells))
                rows.append(Row((name, cells[n].strip()) for n, name in enumerate(header) if name))
                self._cells += len(header)
                if self._cells > MOST_CELLS:
                    raise BadTable(f"the table {path}: more than {MOST_CELLS:,} cells in all tables together")
        except csv.Error as error:
            raise BadTable(f"the table {path}:{reader.line_num}: not CSV: {error}") from None
        return rows

    @staticmethod
    def _header(cells: list[str], path: str, line: int) -> list[str]:
        header = [cell.strip() for cell in cells]
        if len(header) > MOST_COLUMNS:
            raise BadTable(f"the table {path}:{line}: {len(header)} columns, expected at most {MOST_COLUMNS}")
        named = [name for name in header if name]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise BadTable(f"the table {path}:{line}: two columns are called {twice!r}")
        return header
