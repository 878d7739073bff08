"""How each private network stands: decided, merged, proved."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ..ledger import Ledger, evidence
from ..ledger.connection import Connection
from ..ledger.evidence import Evidence
from .reading import CLAIMANT, World


def standing(ledger: Ledger, world: World, names: Iterable[str]) -> list[dict[str, Any]]:
    """One row a private network, with the documented keys of `network merge status --json`."""
    with ledger.read() as connection:
        return [_row(connection, world, name) for name in names]


def _row(connection: Connection, world: World, name: str) -> dict[str, Any]:
    own = world.find(name)
    claims = world.standing.get(name, [])
    rows = evidence.of(connection, f"private_network/{name}")
    proof = None
    if rows:
        good = sum(1 for row in rows if row.ok)
        # What was measured before its claims changed says nothing of what is now.
        holds = all(row.detail.get("order") == world.changed.get(name, 0) for row in rows)
        proof = {"measured": len(rows), "good": good, "at": _moment(max(row.at for row in rows))}
        proof |= {"holds": holds}
    decided = bool(own.classified_on and own.classified_by and own.classified_reason)
    return {
        "name": name,
        "title": own.title,
        "unit": own.unit,
        "classification": ("classified" if own.classified else "not classified") if decided else "undecided",
        "decided_on": own.classified_on if decided else "",
        "into": own.merges_into,
        "overlap": own.overlap,
        "merged": bool(claims),
        "merged_at": _since(connection, name) if claims else "",
        "joined": name in world.borders.joined,
        "claims": [world.told(*row.key) for row in claims],
        "proof": proof,
        "bad": [_told(world, row) for row in rows if not row.ok],
    }


def _told(world: World, row: Evidence) -> str:
    """What is bad, for a reader who may know of all; else that something is: sources and flows have names."""
    if world.hidden:
        return f"{row.subject}: something that not everybody may see is not as it should be"
    return f"{row.name}: {row.detail.get('reason', '')}"


def _since(connection: Connection, name: str) -> str:
    """When the order began: the revision of its first claim that holds."""
    found = connection.rows(
        "SELECT r.at FROM claim c JOIN revision r ON r.number = c.since "
        "WHERE c.claimant = :claimant AND c.until IS NULL ORDER BY c.since LIMIT 1",
        claimant=CLAIMANT + name,
    )
    return next((_moment(at) for (at,) in found), "")


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
