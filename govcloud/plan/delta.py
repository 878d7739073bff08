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
from .stages import Base, Plan, Record, Stage


@dataclass
class Delta:
    """Claims that change, the entries they are about, and the sources' digests as the ledger has them."""

    claims: ClaimChanges = field(default_factory=ClaimChanges)
    touched: set[Key] = field(default_factory=set)
    before: dict[str, str] = field(default_factory=dict)

    def with_pins(self, said: tuple[ClaimRow, ...], ended: tuple[ClaimKey, ...]) -> Delta:
        """The same with claims of pins that begin and end."""
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
    """The plan with the claims in its Records, or beside them where it has none.

    What is withdrawn from the ledger goes on being claimed until then: whatever happens in between,
    the next plan finds the same difference.
    """
    base = Base(plan.base.entries, plan.base.stacks, plan.base.hosts, delta.before)
    records = [stage for stage in plan.stages if isinstance(stage, Record)]
    if not records:
        return msgspec.structs.replace(plan, claims=delta.claims, base=base)
    now, late = _parts(delta.claims, records)
    # The first Record carries what can be said at once, the last what ends with its entry.
    parts = {records[0].id: now} if len(records) == 1 else {records[0].id: now, records[1].id: late}
    stages: list[Stage] = [
        msgspec.structs.replace(stage, claims=_brief(parts[stage.id], stage))
        if isinstance(stage, Record)
        else stage
        for stage in plan.stages
    ]
    return msgspec.structs.replace(plan, stages=tuple(stages), base=base)


def _parts(claims: ClaimChanges, records: list[Record]) -> tuple[ClaimChanges, ClaimChanges]:
    if len(records) == 1:
        return claims, ClaimChanges()
    withdrawn = {(c.kind, c.name) for c in records[1].changes}
    ended = tuple(key for key in claims.ended if key[:2] in withdrawn)
    files = {key[2] for key in ended}
    now = ClaimChanges(
        claims.said,
        (),
        tuple(key for key in claims.ended if key[:2] not in withdrawn),
        claims.moved,
        {c: digest for c, digest in claims.sources.items() if c not in files},
    )
    late = {c: digest for c, digest in claims.sources.items() if c in files}
    return now, ClaimChanges(ended=ended, sources=late)


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
