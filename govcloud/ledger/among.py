"""Questions about many keys at once: an array, or ``… IN (…)`` in pieces that every database takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from .connection import Connection, Row

# Values a statement; each full piece has the same text, so a database prepares it once.
PIECE = 400


def rows_among(connection: Connection, statement: str, values: Iterable[Any], **more: Any) -> Iterator[Row]:
    """Every row of a statement that says ``IN :among``, for all the values; ``more`` are its other values."""
    if connection.arrays:
        # One question, whose plan knows how many values there are.
        whole = list(values)
        if whole:
            yield from connection.rows(statement.replace("IN :among", "= ANY(:among)"), among=whole, **more)
        return
    rest = iter(values)
    while piece := list(islice(rest, PIECE)):
        size = PIECE if len(piece) == PIECE else 1 << (len(piece) - 1).bit_length()
        # Repeating the last value changes nothing, and keeps the number of different texts small.
        piece += [piece[-1]] * (size - len(piece))
        names = {f"among{n}": value for n, value in enumerate(piece)}
        yield from connection.rows(_text(statement, size), **names, **more)


@cache
def _text(statement: str, size: int) -> str:
    return statement.replace("IN :among", f"IN ({', '.join(f':among{n}' for n in range(size))})")
