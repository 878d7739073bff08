"""Claims: what each source says of each entry, since when, and what its files held at that time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from .. import canonical
from .among import rows_among
from .connection import Connection, matching
from .entries import Key, names_by_kind

# The setting that says by which checks everything accepted was judged, together with all claims.
CHECKED_KEY = "checked"
ClaimKey = tuple[str, str, str]  # (kind, name, claimant)


class ClaimRow(msgspec.Struct, frozen=True, gc=False):
    """What one claimant says of one entry. ``fields`` are None in a pin that says: not there."""

    kind: str
    name: str
    claimant: str
    line: int
    fields: dict[str, Any] | None

    @property
    def key(self) -> Key:
        """(kind, name) of the entry."""
        return self.kind, self.name

    @property
    def claim_key(self) -> ClaimKey:
        """(kind, name, claimant)."""
        return self.kind, self.name, self.claimant


class ClaimChanges(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the claims of some sources change.

    ``said``: claims that begin, or say something else than before. ``whole``: claims that begin and say
    all that is accepted of their entry, without saying it twice, with their lines. ``ended``: claims
    that are withdrawn. ``moved``: the same words on another line. ``sources``: digest of what each file
    holds by claimant, empty where the file is gone.
    """

    said: tuple[ClaimRow, ...] = ()
    whole: tuple[tuple[str, str, str, int], ...] = ()
    ended: tuple[ClaimKey, ...] = ()
    moved: tuple[tuple[str, str, str, int], ...] = ()
    sources: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.said or self.whole or self.ended or self.moved or self.sources)


# Written so that SQLite finds the row by its entry: a file has thousands of claims, an entry a few.
_THIS_CLAIMANT = "claimant || '' = :claimant"
_SELECT = "SELECT kind, name, claimant, line, fields FROM claim"


def _rows(rows: Iterable[tuple[Any, ...]]) -> Iterator[ClaimRow]:
    decode = msgspec.json.decode
    for kind, name, claimant, line, fields in rows:
        yield ClaimRow(kind, name, claimant, line, decode(fields))


def claims(connection: Connection, *, of: Key | None = None, apart_from: str = "") -> list[ClaimRow]:
    """Claims of now: of every claimant or of those that do not begin with ``apart_from``; ``of`` an entry."""
    conditions = ["until IS NULL"]
    values: dict[str, Any] = {}
    if apart_from:
        conditions.append("substr(claimant, 1, :length) <> :prefix")
        values = {"prefix": apart_from, "length": len(apart_from)}
    kind, name = of or (None, None)
    where, entry = matching(*conditions, kind=kind, name=name)
    return list(_rows(connection.rows(f"{_SELECT}{where}", **values, **entry)))


def claims_on(connection: Connection, keys: Iterable[Key]) -> list[ClaimRow]:
    """Claims of now on these entries, of every claimant."""
    by_kind = names_by_kind(keys)
    out: list[ClaimRow] = []
    for kind, names in by_kind.items():
        statement = f"{_SELECT} WHERE until IS NULL AND kind = :kind AND name IN :among"
        out += _rows(rows_among(connection, statement, names, kind=kind))
    return out


def claims_by(connection: Connection, claimants: Iterable[str]) -> Iterator[tuple[ClaimKey, int, str]]:
    """((kind, name, claimant), line, fields as canonical JSON) of the claims of now of these claimants."""
    statement = f"{_SELECT} WHERE claimant IN :among AND until IS NULL"
    for kind, name, claimant, line, fields in rows_among(connection, statement, claimants):
        yield (kind, name, claimant), line, fields


def sources(connection: Connection, prefix: str) -> dict[str, str]:
    """Digest of what each file held when its claims were recorded, by claimant."""
    rows = connection.rows(
        "SELECT claimant, digest FROM source WHERE substr(claimant, 1, :length) = :prefix",
        prefix=prefix,
        length=len(prefix),
    )
    return dict(rows)


def change_claims(
    connection: Connection,
    number: int,
    changes: ClaimChanges,
    accepted: dict[Key, dict[str, Any]] | None = None,
) -> None:
    """Make the changes from revision ``number`` on. ``accepted``: fields of the entries in ``whole``.

    Nobody else's claims are touched. Safe to repeat. Where a claim begins or ends, whoever does not write
    down anew that everything is checked (a Record does) leaves it to the next plan to look at everything.
    """
    begun = [(row.claim_key, row.line, row.fields) for row in changes.said]
    begun += [
        ((kind, name, claimant), line, (accepted or {})[kind, name])
        for kind, name, claimant, line in changes.whole
    ]
    over = [key for key, _, _ in begun] + list(changes.ended)
    connection.run_many(
        "UPDATE claim SET until = :number WHERE until IS NULL AND kind = :kind AND name = :name "
        f"AND {_THIS_CLAIMANT}",
        [_named(key) | {"number": number} for key in over],
    )
    connection.insert(
        "claim",
        (
            _named(key) | {"line": line, "fields": canonical.encode(fields).decode(), "since": number}
            for key, line, fields in begun
        ),
    )
    connection.run_many(
        "UPDATE claim SET line = :line WHERE until IS NULL AND kind = :kind AND name = :name "
        f"AND {_THIS_CLAIMANT}",
        [_named((kind, name, claimant)) | {"line": line} for kind, name, claimant, line in changes.moved],
    )
    if begun or changes.ended:
        connection.run("DELETE FROM setting WHERE key = :key", key=CHECKED_KEY)
    gone = [{"claimant": c} for c, digest in changes.sources.items() if not digest]
    connection.run_many("DELETE FROM source WHERE claimant = :claimant", gone)
    kept = ({"claimant": c, "digest": digest} for c, digest in changes.sources.items() if digest)
    connection.replace("source", ["claimant"], kept)


def _named(key: Sequence[str]) -> dict[str, Any]:
    return {"kind": key[0], "name": key[1], "claimant": key[2]}
