"""How far each member is, by the evidence in the ledger: done, under way, open, stale, or gone back.

Evidence counts from when its member got IPv6 by a wave, and from when a wave was last taken back, and for the
address that it was measured at: what was measured before was another thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from ..ledger.connection import Connection
from ..ledger.evidence import Evidence
from ..model.catalogue import Catalogue
from ..model.change import Rollout
from ..model.network import DnsZone
from ..run.ipv6policy import Ipv6Policy
from .history import Proof, Standing, standing
from .members import Member, has_ipv6, ipv6_of
from .said import Saying
from .stages import AT, CHECKS, IPV6_ONLY, PREFIX, Stage
from .waves import Course

State = Literal["open", "under way", "done", "stale", "regressed"]
STATES: tuple[State, ...] = ("done", "under way", "open", "stale", "regressed")


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one member is.

    ``stage``: the last that it has reached (``open``: none). ``proofs``: one for each check that it needs.
    ``why``: what is to be known of a state that is neither done nor open. ``explained``: what the rollout
    says of why it went back.
    """

    member: Member
    wave: str
    state: State
    stage: Stage | Literal["open"]
    proofs: tuple[Proof, ...]
    why: str = ""
    explained: str = ""

    @property
    def lets_pass(self) -> bool:
        """Whether the next wave may go on as far as this one is concerned."""
        return self.state == "done" or (self.state == "regressed" and bool(self.explained))


def proving(connection: Connection) -> list[Evidence]:
    """Of each check of each member the newest evidence, and the newest that was good."""
    rows = connection.rows(
        "SELECT e.subject, e.name, e.ok, e.value, e.unit, e.detail, e.run, e.stage, e.at "
        "FROM evidence e JOIN ("
        "SELECT subject, name, MAX(at) AS newest, MAX(CASE WHEN ok THEN at ELSE 0 END) AS good "
        "FROM evidence WHERE substr(name, 1, :length) = :prefix GROUP BY subject, name"
        ") g ON g.subject = e.subject AND g.name = e.name AND (e.at = g.newest OR (e.ok AND e.at = g.good)) "
        "ORDER BY e.at DESC, e.id",
        prefix=PREFIX,
        length=len(PREFIX),
    )
    return [
        Evidence(of, name, bool(ok), value, unit, msgspec.json.decode(detail), run, stage, at)
        for of, name, ok, value, unit, detail, run, stage, at in rows
    ]


def reasons_since(connection: Connection, rollout: str) -> dict[str, float]:
    """Since when a rollout gives its reason for a member: s since the epoch by ``kind/name``."""
    rows = connection.rows(
        "SELECT a.fields, r.at FROM accepted a JOIN revision r ON r.number = a.since "
        "WHERE a.kind = 'rollout' AND a.name = :name ORDER BY a.since",
        name=rollout,
    )
    before: dict[str, str] = {}
    since: dict[str, float] = {}
    for fields, at in rows:
        given = msgspec.json.decode(fields).get("explained", {})
        since = {s: since[s] if before.get(s) == words else float(at) for s, words in given.items()}
        before = given
    return since


def numbers(policy: Ipv6Policy, rollout: Rollout) -> Ipv6Policy:
    """The thresholds of a rollout: what it says itself, else what ``profile/ipv6`` says."""
    own = {
        "tries": rollout.tries,
        "success_percent": rollout.success_percent,
        "delay_ratio": rollout.delay_ratio,
        "evidence_days": rollout.evidence_days,
    }
    return msgspec.structs.replace(policy, **{name: value for name, value in own.items() if value})


def progress(
    course: Course,
    catalogue: Catalogue,
    rows: Iterable[Evidence],
    said: Iterable[Saying],
    limits: Ipv6Policy,
    now: float,
    reasons: Mapping[str, float] | None = None,
) -> dict[str, Progress]:
    """How far every member of a rollout is, by ``kind/name``. ``now``: seconds since the epoch; ``reasons``:
    since when each is given (``reasons_since``)."""
    begun = _begun(catalogue, course, said)
    mine: dict[str, list[Evidence]] = {subject: [] for subject in course.members}
    has = {subject: has_ipv6(catalogue, subject) for subject in mine}
    addresses = {subject: ipv6_of(catalogue, subject) for subject in mine if has[subject]}
    moved: set[str] = set()
    for row in rows:
        if row.subject in mine and row.at >= begun.get(row.subject, 0.0):
            # Who has no address any more has gone back by what it had.
            if has[row.subject] and row.detail.get(AT, addresses[row.subject]) != addresses[row.subject]:
                moved.add(row.subject)
            else:
                mine[row.subject].append(row)
    return {
        subject: _progress(
            course,
            member,
            standing(subject, member.checks, mine[subject], now=now, days=limits.evidence_days),
            has[subject],
            subject in moved,
            (reasons or {}).get(subject, now),
        )
        for subject, member in course.members.items()
    }


def _begun(catalogue: Catalogue, course: Course, said: Iterable[Saying]) -> dict[str, float]:
    """Since when evidence counts, by ``kind/name``: of names and services as of the machines behind them."""
    out: dict[str, float] = {}
    for one in said:
        subject = f"{one.kind}/{one.name}"
        out[subject] = max(out.get(subject, 0.0), one.since, one.until)
    for subject in course.members:
        kind, _, name = subject.partition("/")
        behind: list[str] = []
        if kind == "dns_zone":
            behind = [f"server/{server}" for server in catalogue.get(DnsZone, name).servers]
        elif kind == "endpoint":
            behind = [by for by in course.carriage.carriers[subject] if by.startswith("instance/")]
        if behind:
            out[subject] = max(out.get(by, 0.0) for by in behind)
    return out


def _progress(
    course: Course, member: Member, proven: Standing, has: bool, moved: bool, reason_since: float
) -> Progress:
    was_done = all(proof.good_at for proof in proven.proofs)
    bad = [proof.check for proof in proven.proofs if proof.status == "bad"]
    state: State
    why = ""
    if not has:
        state = "regressed" if was_done else "open"
        why = "it has no IPv6 address any more" if was_done else ""
    elif proven.verified:
        state = "done"
    elif was_done and bad:
        reasons = "; ".join(dict.fromkeys(proof.why for proof in proven.regressed if proof.why))
        state, why = "regressed", f"{', '.join(bad)} was good and is not: {reasons}"
    elif was_done:
        state, why = "stale", f"the evidence of {', '.join(p.check for p in proven.old)} is too old"
    else:
        none = [proof.check for proof in proven.proofs if proof.status == "none"]
        state = "under way"
        since = " since its address changed" if moved else ""
        why = f"not good: {', '.join(bad)}" if bad else f"not measured{since}: {', '.join(none)}"
    explained = course.rollout.explained.get(member.subject, "") if state == "regressed" else ""
    if explained:
        # A reason is for one time that it went back: it ends when the member was good again.
        broken = [proof for proof in proven.proofs if proof.status == "bad"] if has else []
        again = [proof.good_at for proof in broken or proven.proofs]
        if (any if broken else all)(at > reason_since for at in again):
            why, explained = f"{why} (the reason that is given was for the time before)", ""
    return Progress(
        member=member,
        wave=course.wave_of(member.subject),
        state=state,
        stage=_stage(member, has, proven),
        proofs=proven.proofs,
        why=why,
        explained=explained,
    )


def _stage(member: Member, has: bool, proven: Standing) -> Stage | Literal["open"]:
    """The last stage that it has reached without leaving one out."""
    good = {proof.check for proof in proven.proofs if proof.status in ("good", "old")}
    young = {proof.check for proof in proven.proofs if proof.status == "good"}
    reached: Stage | Literal["open"] = "open"
    for stage in member.stages:
        if stage == "addressed":
            there = has
        elif stage == "verified":
            there = all(check in young for check in member.checks if check not in IPV6_ONLY)
        elif stage == "ipv6_only":
            there = all(check in young for check in IPV6_ONLY)
        else:
            there = all(check in good for check in CHECKS[member.kind][stage])
        if not there:
            break
        reached = stage
    return reached
