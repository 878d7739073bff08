"""Where a member stands by its evidence alone: good, bad, too old, never measured; and whether it went back.

Pure functions of the rows that the ledger has. What a member has to show is not theirs to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from ..ledger.evidence import Evidence
from .stages import check_of

DAY = 86400.0
ProofStatus = Literal["good", "bad", "old", "none"]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What the evidence of one check comes to.

    ``status``: of the newest figure; ``old`` where it was good and is older than it may be. ``at``: when it
    was taken, ``good_at``: when it was good for the last time (s since the epoch, 0: never). ``why``: what
    is not good. ``regressed``: it was good once, and the newest figure is not.
    """

    check: str
    status: ProofStatus
    at: float = 0.0
    good_at: float = 0.0
    value: float | None = None
    unit: str = ""
    why: str = ""
    regressed: bool = False


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A member by its evidence: a proof for each check that it needs, in the order of these."""

    member: str
    proofs: tuple[Proof, ...]

    @property
    def verified(self) -> bool:
        """Every check is good, and young enough."""
        return bool(self.proofs) and all(proof.status == "good" for proof in self.proofs)

    @property
    def regressed(self) -> tuple[Proof, ...]:
        """Checks that were good and are not any more."""
        return tuple(proof for proof in self.proofs if proof.regressed)

    @property
    def old(self) -> tuple[Proof, ...]:
        """Checks whose good figures have become too old: they have to be measured again."""
        return tuple(proof for proof in self.proofs if proof.status == "old")

    @property
    def age_s(self) -> float | None:
        """When the oldest of the newest figures was taken, s since the epoch; None where one is missing."""
        if not self.proofs or any(proof.status == "none" for proof in self.proofs):
            return None
        return min(proof.at for proof in self.proofs)


def standing(
    member: str, checks: Iterable[str], rows: Iterable[Evidence], *, now: float, days: float
) -> Standing:
    """Where a member stands. ``rows``: evidence of any age and order, also of others and of other things.

    ``now``: s since the epoch; ``days``: how old a figure may be. Of two figures of one moment the one that
    stands first in ``rows`` counts as the newer, as ``ledger.evidence.of`` gives them.
    """
    mine: dict[str, list[Evidence]] = {}
    for row in rows:
        if row.subject == member and (check := check_of(row.name)):
            mine.setdefault(check, []).append(row)
    return Standing(
        member=member, proofs=tuple(_proof(check, mine.get(check, []), now, days) for check in checks)
    )


def standings(
    checks: Mapping[str, Collection[str]], rows: Iterable[Evidence], *, now: float, days: float
) -> dict[str, Standing]:
    """The same of many members at once; ``checks``: of each, by ``kind/name``."""
    by_member: dict[str, list[Evidence]] = {member: [] for member in checks}
    for row in rows:
        if row.subject in by_member:
            by_member[row.subject].append(row)
    return {m: standing(m, checks[m], found, now=now, days=days) for m, found in by_member.items()}


def _proof(check: str, rows: Sequence[Evidence], now: float, days: float) -> Proof:
    if not rows:
        return Proof(check=check, status="none")
    newest = max(rows, key=lambda row: row.at)
    good_at = max((row.at for row in rows if row.ok), default=0.0)
    status: ProofStatus = "bad"
    if newest.ok:
        status = "good" if now - newest.at <= days * DAY else "old"
    return Proof(
        check=check,
        status=status,
        at=newest.at,
        good_at=good_at,
        value=newest.value,
        unit=newest.unit,
        why="" if newest.ok else str(newest.detail.get("reason") or "not good"),
        regressed=not newest.ok and good_at > 0,
    )
