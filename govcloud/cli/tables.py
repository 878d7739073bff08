"""Tables and long lines for people: on a terminal nothing breaks in mid-word, in a pipe nothing is cut."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, overload

from ..printable import visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

# Cells between two columns, and the least that is worth showing of a column that must be cut.
GAP, LEAST = 2, 6
# A column longer than this gives room to the ones after it, where a terminal is narrow.
LONG = 22


def print_table(
    out: Console,
    heads: Sequence[str],
    rows: Sequence[Sequence[str | Text]],
    *,
    right: Collection[str] = (),
) -> None:
    """Print rows under their heads; ``right`` names columns that are aligned to the right.

    On a terminal the first column is whole (names are there to be copied), long ones after it are
    cut, and those for which no room is left are named under the table. In a pipe all is whole.
    """
    from rich.text import Text

    rows = [[harmless(cell) for cell in row] for row in rows]
    widths = [max([_cells(head), *(_cells(row[n]) for row in rows)]) for n, head in enumerate(heads)]
    shown = _fit(widths, [len(h) for h in heads], out.width) if out.is_terminal else widths
    out.print(_line([Text(h, "bold") for h in heads], shown, heads, right))
    for row in rows:
        if any(isinstance(cell, Text) for cell in row):
            out.print(_line([c if isinstance(c, Text) else Text(c) for c in row], shown, heads, right))
        else:
            # Rich takes a tenth of a millisecond a line; a hundred thousand lines must not take ten seconds.
            out.file.write(_plain_line(row, shown, heads, right))  # type: ignore[arg-type]
    left = heads[len(shown) :]
    if left:
        words = f"no room here for: {', '.join(left)}; a wider terminal or --json shows them"
        print_line(out, Text(words, "dim"))


@overload
def harmless(cell: str) -> str: ...


@overload
def harmless(cell: Text) -> Text: ...


def harmless(cell: str | Text) -> str | Text:
    """A cell or a line in which what would steer the terminal is written out, with its styles in place."""
    if isinstance(cell, str):
        return visible(cell)
    if cell.plain.isprintable():
        return cell
    from rich.text import Span, Text

    parts = [visible(c) for c in cell.plain]
    at = [0, *accumulate(map(len, parts))]
    spans = [Span(at[s.start], at[min(s.end, len(parts))], s.style) for s in cell.spans]
    return Text("".join(parts), style=cell.style, spans=spans)


def _fit(widths: Sequence[int], heads: Sequence[int], room: int) -> list[int]:
    """Widths of the columns that are shown, from the left."""
    if sum(widths) + GAP * (len(widths) - 1) <= room:
        return list(widths)
    shown = [widths[0]]
    for width, head in zip(widths[1:], heads[1:], strict=True):
        left = room - sum(shown) - GAP * len(shown)
        wanted = min(width, max(LONG, head))
        if wanted > left and left < max(LEAST, head):
            break
        shown.append(min(wanted, left))
    return shown


def _cells(cell: str | Text) -> int:
    """How wide a cell is on a terminal; Chinese characters take two places."""
    from rich.cells import cell_len

    text = cell if isinstance(cell, str) else cell.plain
    return len(text) if text.isascii() else cell_len(text)


def _plain_line(
    cells: Sequence[str], widths: Sequence[int], heads: Sequence[str], right: Collection[str]
) -> str:
    """As ``_line``, of cells that have no style."""
    from rich.cells import set_cell_size

    parts = []
    for number, width in enumerate(widths):
        cell = cells[number]
        # As Text.truncate: what is cut ends with an ellipsis; a line break would not be cut.
        size = _cells(cell)
        if size > width:
            cell = set_cell_size(cell, width - 1) + "…"
        blank = " " * (width - _cells(cell))
        parts.append(blank + cell if heads[number] in right else cell + blank)
    return (" " * GAP).join(parts).rstrip() + "\n"


def _line(cells: Sequence[Text], widths: Sequence[int], heads: Sequence[str], right: Collection[str]) -> Text:
    from rich.text import Text

    line = Text()
    for number, width in enumerate(widths):
        cell = cells[number].copy()
        cell.truncate(width, overflow="ellipsis")
        blank = " " * (width - cell.cell_len)
        if number:
            line.append(" " * GAP)
        if heads[number] in right:
            line.append(blank)
            line.append_text(cell)
        else:
            line.append_text(cell)
            line.append(blank)
    line.rstrip()
    return line


def print_line(out: Console, line: Text, indent: int | None = None) -> None:
    """Print one line; where a terminal is too narrow, go on under its beginning, between words.

    ``indent``: where (in cells) the lines after the first begin; by default two further in than the first.
    """
    line = harmless(line)
    if not out.is_terminal or line.cell_len <= out.width:
        out.print(line)
        return
    from rich.text import Text

    if indent is None:
        indent = len(line.plain) - len(line.plain.lstrip()) + 2
    # Chinese characters take two cells: so many characters come before the indent.
    ends = list(accumulate(map(_cells, line.plain)))
    before = sum(end <= indent for end in ends)
    head, rest = line[:before], line[before:]
    for number, part in enumerate(rest.wrap(out, max(20, out.width - indent))):
        part.rstrip()
        out.print((head if number == 0 else Text(" " * indent)) + part)
