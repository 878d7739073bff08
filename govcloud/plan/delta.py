"""What the files say otherwise than when their claims were recorded, and where a plan carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from .. import canonical
from ..ledger.claims import ClaimChanges, ClaimKey, ClaimRow, claims_by
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..source import FILES, Changes, Claim
from .stages import Plan, Record, Stage


@dataclass
class Delta:
    """Claims that change, the entries they are about, and the sources' digests as the ledger has them."""

    claims: ClaimChanges = field(default_factory=ClaimChanges)
    touched: set[Key] = field(default_factory=set)
    before: dict[str, str] = field(default_factory=dict)

    def with_claims(self, said: tuple[ClaimRow, ...], ended: tuple[ClaimKey, ...]) -> Delta:
        """The same with claims that are no file's, as they begin and end."""
        claims = msgspec.structs.replace(
            self.claims, said=self.claims.said + said, ended=self.claims.ended + ended
        )
        touched = self.touched | {row.key for row in said} | {key[:2] for key in ended}
        return Delta(claims, touched, self.before)


def find(connection: Connection, prefix: str, changes: Changes, known: Mapping[str, str]) -> Delta:
    """Compare the claims of files that changed with those in the ledger.

    ``prefix``: what the workspace's claimants begin with. ``known``: recorded digest by path.
    """
    wanted = {(c.kind, c.name, prefix + c.claimant.removeprefix(FILES)): c for c in changes.claims}
    said: list[ClaimRow] = []
    ended: list[ClaimKey] = []
    moved: list[tuple[str, str, str, int]] = []
    paths = [*changes.changed, *changes.removed]
    for key, line, text in claims_by(connection, [prefix + path for path in paths]):
        new = wanted.pop(key, None)
        if new is None:
            ended.append(key)
        elif canonical.encode(new.fields).decode() != text:
            said.append(_row(key, new))
        elif new.line != line:
            moved.append((*key, new.line))
    said += [_row(key, claim) for key, claim in wanted.items()]
    # A file may be looked at though its content is as it was recorded.
    differ = [path for path in paths if changes.files.get(path, "") != known.get(path, "")]
    sources = {prefix + path: changes.files.get(path, "") for path in differ}
    return Delta(
        ClaimChanges(tuple(said), (), tuple(ended), tuple(moved), sources),
        {row.key for row in said} | {key[:2] for key in ended},
        {prefix + path: known.get(path, "") for path in differ},
    )


def _row(key: ClaimKey, claim: Claim) -> ClaimRow:
    return ClaimRow(*key, claim.line, claim.fields)


def carried(plan: Plan, delta: Delta) -> Plan:
    """The plan with the claims in its first Record, or beside its stages where it has none.

    All of them change at once, together with what their files held: whatever becomes of the run, the
    files are compared with what was last read of them. What is left to withdraw then is claimed by
    nobody, and found by looking at everything (``record``).
    """
    base = msgspec.structs.replace(plan.base, sources=delta.before)
    first = next((stage for stage in plan.stages if isinstance(stage, Record)), None)
    if first is None:
        return msgspec.structs.replace(plan, claims=delta.claims, base=base)
    carrier = msgspec.structs.replace(first, claims=_brief(delta.claims, first))
    stages: tuple[Stage, ...] = tuple(carrier if stage is first else stage for stage in plan.stages)
    return msgspec.structs.replace(plan, stages=stages, base=base)


def _brief(claims: ClaimChanges, record: Record) -> ClaimChanges:
    """Without the fields of claims that say all that the Record accepts of their entry."""
    accepted = {(c.kind, c.name): c.fields for c in record.changes}
    whole = [row for row in claims.said if row.key in accepted and row.fields == accepted[row.key]]
    if not whole:
        return claims
    brief = {row.claim_key for row in whole}
    return ClaimChanges(
        tuple(row for row in claims.said if row.claim_key not in brief),
        tuple((*row.claim_key, row.line) for row in whole),
        claims.ended,
        claims.moved,
        claims.sources,
    )
