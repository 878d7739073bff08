"""Entries of a kind as accepted at a revision: who could do what then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ..ledger.connection import Connection

# An accepted row is valid from its revision ``since`` to before its revision ``until``.
_THEN = "since <= :revision AND (until IS NULL OR until > :revision)"


def rows_of(
    connection: Connection, kind: str, revision: int | None = None, holding: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, fields) of the entries of a kind at a revision (None: now), by name.

    ``holding``: only those whose JSON holds this text.
    """
    when = "until IS NULL" if revision is None else _THEN
    values: dict[str, Any] = {} if revision is None else {"revision": revision}
    rows = connection.rows(
        f"SELECT name, fields FROM accepted WHERE {when} AND kind = :kind "
        "AND (:holding = '' OR replace(fields, :holding, '') <> fields) ORDER BY name",
        kind=kind,
        holding=holding,
        **values,
    )
    for name, fields in rows:
        yield name, msgspec.json.decode(fields)
