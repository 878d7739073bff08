"""Who says each field of an entry, and since which revision it has its value."""

from __future__ import annotations

from typing import Any

import msgspec

from . import revisions
from .claims import ClaimRow
from .connection import Connection
from .history import decoded, entry_at, rows_of
from .revisions import Revision


class Blamed(msgspec.Struct, frozen=True):
    """One field of an entry: who says it, and the revision since which it has this value.

    ``owner`` is the claim that counts (None: nobody says it now), ``under`` those that it outranks;
    ``pinned``: the owner is a pin, which holds the entry as it was until the files agree.
    """

    field: str
    value: Any
    owner: ClaimRow | None
    under: tuple[ClaimRow, ...]
    pinned: bool
    since: Revision


def claims_at(connection: Connection, revision: int, kind: str, name: str) -> list[ClaimRow]:
    """What everybody said of an entry at a revision.

    The line is where the words stood last: a claim that only moves within its file stays the same one.
    """
    columns = "kind, name, claimant, line, fields"
    rows = connection.rows(
        f"SELECT {columns} FROM claim "
        "WHERE until IS NULL AND kind = :kind AND name = :name AND since <= :number "
        f"UNION ALL SELECT {columns} FROM claim "
        "WHERE until > :number AND kind = :kind AND name = :name AND since <= :number",
        kind=kind,
        name=name,
        number=revision,
    )
    return [
        ClaimRow(kind, name, claimant, line, msgspec.json.decode(text))
        for kind, name, claimant, line, text in sorted(rows, key=lambda row: str(row[2]))
    ]


def blame(connection: Connection, kind: str, name: str, revision: int) -> list[Blamed] | None:
    """Each field of an entry as it stood at a revision, by field; None where there was no such entry."""
    found = entry_at(connection, revision, kind, name)
    if found is None:
        return None
    rows = rows_of(connection, found.uid, revision)
    fields = decoded(rows[-1][3])
    since = {field: int(rows[-1][5]) for field in fields}
    # Backwards through the versions that follow on each other, as long as the value is the same.
    open_fields = set(fields)
    for earlier, later in zip(reversed(rows[:-1]), reversed(rows), strict=False):
        if earlier[6] != later[5] or not open_fields:
            break
        past = decoded(earlier[3])
        open_fields = {f for f in open_fields if f in past and past[f] == fields[f]}
        since |= {field: int(earlier[5]) for field in open_fields}
    known = revisions.of(connection, set(since.values()))
    ranked = _ranked(connection, claims_at(connection, revision, kind, name))
    out = []
    for field, value in fields.items():
        said = [(pin, claim) for pin, claim in ranked if field in (claim.fields or ())]
        pinned, owner = said[0] if said else (False, None)
        under = tuple(claim for _, claim in said[1:])
        out.append(Blamed(field, value, owner, under, pinned, known[since[field]]))
    return out


def _ranked(connection: Connection, claims: list[ClaimRow]) -> list[tuple[bool, ClaimRow]]:
    """(whether it is a pin, claim) of those in force, the one that outranks the others first."""
    from ..source.layers import PINS, layer_of

    text = connection.scalar("SELECT value FROM setting WHERE key = 'layers'") or ""
    layers = [layer for layer in text.split(",") if layer]
    ranks = [(layer_of(claim.claimant, layers), claim) for claim in claims]
    ranks.sort(key=lambda pair: -pair[0])
    return [(claim.claimant.startswith(PINS), claim) for rank, claim in ranks if rank >= 0]
