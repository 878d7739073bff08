"""What the waves of a rollout say in the ledger: their claims, since when, and which of them were taken back.

A wave speaks as ``rollout:NAME/WAVE``. Its claims say `auto`; what is chosen is the allocator's to say.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ..addressing.forms import AUTO
from ..ledger.claims import ClaimRow
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..plan.stages import Asked
from .waves import Course, Wave

CLAIMANT = "rollout:"


class Saying(msgspec.Struct, frozen=True):
    """One claim of a wave of a rollout. ``since``, ``until``: seconds since the epoch; ``until`` 0: it still
    holds."""

    kind: str
    name: str
    wave: str
    since: float
    until: float = 0.0
    rollout: str = ""

    @property
    def subject(self) -> str:
        """``kind/name`` of the entry."""
        return f"{self.kind}/{self.name}"

    @property
    def key(self) -> Key:
        """(kind, name) of the entry."""
        return self.kind, self.name


def claimant(rollout: str, wave: str) -> str:
    """Who a wave speaks as."""
    return f"{CLAIMANT}{rollout}/{wave}"


def parts(name: str) -> tuple[str, str]:
    """(rollout, wave) of such a claimant; empty where it is none."""
    rollout, _, wave = name.removeprefix(CLAIMANT).partition("/")
    return (rollout, wave) if name.startswith(CLAIMANT) and wave else ("", "")


def sayings(connection: Connection, rollout: str) -> list[Saying]:
    """Every claim that waves of a rollout make or made, the oldest first."""
    return _sayings(connection, claimant(rollout, ""), "")


def standing(connection: Connection) -> list[Saying]:
    """Every claim that waves of any rollout make now, the oldest first: also of one that is not declared."""
    return _sayings(connection, CLAIMANT, "AND claim.until IS NULL ")


def _sayings(connection: Connection, prefix: str, only: str) -> list[Saying]:
    rows = connection.rows(
        "SELECT claim.kind, claim.name, claim.claimant, begun.at, ended.at FROM claim "
        "JOIN revision AS begun ON begun.number = claim.since "
        "LEFT JOIN revision AS ended ON ended.number = claim.until "
        f"WHERE substr(claim.claimant, 1, :length) = :prefix {only}"
        "ORDER BY claim.since, claim.kind, claim.name",
        prefix=prefix,
        length=len(prefix),
    )
    found = []
    for kind, name, by, since, until in rows:
        rollout, wave = parts(by)
        found.append(Saying(kind, name, wave, float(since), float(until or 0.0), rollout))
    return found


def begin(course: Course, wave: Wave, said: Iterable[Saying], has: Iterable[str]) -> Asked:
    """What a wave begins to say: `auto` for each member that has no IPv6 address yet.

    ``has``: the members that have one, which their files say or a wave has said. Carrying a wave out again
    says nothing new.
    """
    standing = {one.key for one in said if not one.until}
    there = set(has)
    rows = []
    for subject in wave.members:
        member = course.members[subject]
        if member.field and subject not in there and member.key not in standing:
            fields = {member.field: AUTO}
            rows.append(ClaimRow(member.kind, member.name, claimant(course.name, wave.name), 0, fields))
    return Asked(said=tuple(rows))


def end(rollout: str, wave: str, said: Iterable[Saying]) -> Asked:
    """What a wave says no longer when it is taken back."""
    mine = [one for one in said if one.wave == wave and not one.until]
    return Asked(ended=tuple((one.kind, one.name, claimant(rollout, wave)) for one in mine))
