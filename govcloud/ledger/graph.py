"""Finding accepted entries by what they refer to and what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..addressing.blocks import Block
from .among import rows_among
from .connection import Connection
from .entries import Key, names_by_kind
from .marks import span

# The sign before ``until`` keeps SQLite from walking all living rows by the index that begins with it.


def referrers(connection: Connection, keys: Iterable[Key]) -> set[Key]:
    """(kind, name) of the accepted entries of now that refer to one of these."""
    statement = (
        "SELECT DISTINCT accepted.kind, accepted.name FROM reference "
        "JOIN accepted ON accepted.uid = reference.uid AND +accepted.until IS NULL "
        "WHERE reference.kind = :kind AND reference.name IN :among"
    )
    return {
        (of_kind, of_name)
        for kind, names in names_by_kind(keys).items()
        for of_kind, of_name in rows_among(connection, statement, names, kind=kind)
    }


def references_to(connection: Connection, keys: Iterable[Key]) -> Iterator[tuple[str, Key, str, str]]:
    """Each reference to one of these, of the accepted entries of now.

    (uid, (kind, name)) of who refers, by which field, and the kind of what it refers to.
    """
    statement = (
        "SELECT accepted.uid, accepted.kind, accepted.name, reference.field FROM reference "
        "JOIN accepted ON accepted.uid = reference.uid AND +accepted.until IS NULL "
        "WHERE reference.kind = :kind AND reference.name IN :among"
    )
    for kind, names in names_by_kind(keys).items():
        for uid, own, name, field in rows_among(connection, statement, names, kind=kind):
            yield uid, (own, name), field, kind


def holders(connection: Connection, addresses: Iterable[str]) -> set[Key]:
    """(kind, name) of the accepted entries of now that hold one of these (as ``marks`` writes them)."""
    statement = (
        "SELECT DISTINCT accepted.kind, accepted.name FROM address "
        "JOIN accepted ON accepted.uid = address.uid AND +accepted.until IS NULL "
        "WHERE address.address IN :among"
    )
    return {(kind, name) for kind, name in rows_among(connection, statement, addresses)}


def overlapping(connection: Connection, blocks: Iterable[Block]) -> set[Key]:
    """(kind, name) of the accepted entries of now with a prefix in one of these, or that one lies in.

    Prefixes, networks and links of every zone and routing table.
    """
    wanted = set(blocks)
    # What a prefix lies in begins where it does, cut to each shorter length.
    around = {span(block.widened(length)) for block in wanted for length in range(block.length + 1)}
    found = holders(connection, around)
    for block in wanted:
        rows = connection.rows(
            "SELECT DISTINCT accepted.kind, accepted.name FROM address "
            "JOIN accepted ON accepted.uid = address.uid AND +accepted.until IS NULL "
            "WHERE address.address >= :first AND address.address <= :last",
            first=span(block),
            last=span(Block(block.version, block.high, 999)),
        )
        found |= {(kind, name) for kind, name in rows}
    return found


def kind_names(connection: Connection, kind: str) -> list[str]:
    """Names of a kind's accepted entries of now."""
    rows = connection.rows("SELECT name FROM accepted WHERE until IS NULL AND kind = :kind", kind=kind)
    return [name for (name,) in rows]
