"""Evidence holds for the address that it was measured at."""

from __future__ import annotations

from govcloud.ledger.evidence import Evidence
from govcloud.rollout.progress import Progress, progress
from govcloud.rollout.reading import rollouts, typed
from govcloud.rollout.stages import evidence_name
from govcloud.run.ipv6policy import Ipv6Policy
from tests.rollout.city import entries, planner

NOW = 2_000_000_000.0
FIELDS = {"node/qionghai": "loopback6", "instance/hall-1": "ipv6"}


def found(subject: str, check: str, *, now: str, then: str, behind: str = "") -> Progress:
    """How far a member is that has one address now (or what is behind it), and was good at another."""
    known = entries()
    kind, _, name = (behind or subject).partition("/")
    if now:
        known[kind, name] = known[kind, name] | {FIELDS[behind or subject]: now}
    detail = {"reason": "", "addresses": [then]}
    rows = [Evidence(subject, evidence_name(check), True, 100.0, "%", detail, at=NOW - 5)]
    plan = planner(known)
    course = plan.course("city-ipv6", rollouts(plan.ground.catalogue)["city-ipv6"])
    return progress(course, typed(known), rows, (), Ipv6Policy(), NOW)[subject]


def test_evidence_holds_for_the_address_that_it_was_measured_at() -> None:
    assert found("node/qionghai", "reach", now="3fff:46f::1", then="3fff:46f::1").state == "done"
    other = found("node/qionghai", "reach", now="3fff:46f::2", then="3fff:46f::1")
    assert (other.state, other.stage, other.lets_pass) == ("under way", "addressed", False)
    assert other.why == "not measured since its address changed: reach"
    # Without any address it went back, whatever it had been.
    gone = found("node/qionghai", "reach", now="", then="3fff:46f::1")
    assert (gone.state, gone.why) == ("regressed", "it has no IPv6 address any more")


def test_a_service_has_the_address_of_the_machine_behind_it() -> None:
    for then, status in (("3fff:46f::1", "good"), ("3fff:46f::2", "none")):
        how_far = found("endpoint/hall", "aaaa", now="3fff:46f::1", then=then, behind="instance/hall-1")
        assert {proof.check: proof.status for proof in how_far.proofs}["aaaa"] == status
