"""Where a member stands by its evidence: properties of histories, against a naive reading of them."""

from __future__ import annotations

import ipaddress

import pytest
from chain import chain, changed
from hypothesis import given
from hypothesis import strategies as st

from govcloud.errors import InputError
from govcloud.ledger.evidence import Evidence
from govcloud.model.datacentre import Server
from govcloud.rollout.history import DAY, Standing, standing, standings
from govcloud.rollout.orders import sources, synthesised
from govcloud.run import ipv6policy

CHECKS = ["aaaa", "tcp", "http"]
MEMBER, OTHER = "endpoint/hall", "endpoint/portal"
NOW = 1000 * DAY
DAYS = 30.0

rows = st.builds(
    lambda subject, check, ok, age: Evidence(
        subject, f"ipv6/{check}", ok, 1.0, "", {"reason": "" if ok else "gone"}, at=NOW - age
    ),
    st.sampled_from([MEMBER, MEMBER, OTHER]),
    st.sampled_from([*CHECKS, "delay"]),
    st.booleans(),
    # Whole hours, each at most once in a history: what is newest is never in doubt.
    st.integers(0, 24 * 90).map(lambda hours: hours * 3600.0),
)
histories = st.lists(rows, max_size=30, unique_by=lambda row: row.at)


def of(history: list[Evidence], now: float = NOW) -> Standing:
    return standing(MEMBER, CHECKS, history, now=now, days=DAYS)


@given(histories)
def test_each_proof_is_what_reading_the_history_in_order_comes_to(history: list[Evidence]) -> None:
    for proof in of(history).proofs:
        last, ever = None, False
        for row in sorted(history, key=lambda row: row.at):
            if row.subject == MEMBER and row.name == f"ipv6/{proof.check}":
                last, ever = row, ever or row.ok
        if last is None:
            assert proof.status == "none" and not proof.regressed
            continue
        assert proof.at == last.at and proof.regressed == (ever and not last.ok)
        young = NOW - last.at <= DAYS * DAY
        assert proof.status == ("bad" if not last.ok else "good" if young else "old")
        assert bool(proof.why) == (not last.ok)


@given(histories)
def test_a_member_is_one_of_verified_gone_back_and_neither_and_never_two(history: list[Evidence]) -> None:
    found = of(history)
    assert not (found.verified and (found.regressed or found.old))
    assert found.verified == all(p.status == "good" for p in found.proofs)
    assert [p.check for p in found.proofs] == CHECKS


@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_evidence_of_others_change_nothing(
    history: list[Evidence], chance: object
) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert of(shuffled) == of(history)
    assert of([row for row in history if row.subject == MEMBER]) == of(history)
    many = standings({MEMBER: CHECKS, OTHER: CHECKS}, history, now=NOW, days=DAYS)
    assert many[MEMBER] == of(history)


@given(histories)
def test_good_figures_now_end_every_doubt_and_time_alone_makes_nobody_go_back(
    history: list[Evidence],
) -> None:
    fresh = [Evidence(MEMBER, f"ipv6/{check}", True, 1.0, "", {}, at=NOW + 1) for check in CHECKS]
    assert of(history + fresh, NOW + 2).verified
    later = of(history, NOW + 365 * DAY)
    assert [p.check for p in later.regressed] == [p.check for p in of(history).regressed]
    assert not later.verified


@given(st.ip_addresses(v=4), st.sampled_from(["64:ff9b::/96", "2001:db8:64::/96"]))
def test_an_ipv4_address_in_a_nat64_prefix_is_its_last_four_octets(
    address: ipaddress.IPv4Address, prefix: str
) -> None:
    found = ipaddress.IPv6Address(synthesised(prefix, str(address)))
    assert found in ipaddress.IPv6Network(prefix) and found.packed[12:] == address.packed


def test_who_measures_is_of_the_scope_and_one_of_outside() -> None:
    everybody = {"desk", "dns-1", "app-1", "app-dr", "r1", "r2", "r3", "r4"}
    scope = {"server/desk", "instance/app-1", "network/lan", "node/r1"}
    found = sources(chain(), scope, everybody, 1)
    # A desk before the machine that serves; outside a machine before a router.
    assert found.inside == ("desk",) and found.outside == "app-dr"
    assert found.but("desk") == ("app-dr",)
    alone = sources(chain(), scope | {"instance/app-dr", "server/dns-1"}, everybody, 5)
    assert set(alone.inside) == {"desk", "app-1", "app-dr", "dns-1"} and alone.outside == "r2"
    # Who has no IPv6 cannot measure it, and neither can who is not there.
    old = changed(chain(), ("desk", Server(rack="k", network="lan", ipv4="10.1.0.10", target="lab")))
    assert sources(old, scope, everybody - {"app-1", "app-dr"}, 2).inside == ()


def test_the_numbers_are_judged_all_at_once() -> None:
    assert ipv6policy.of({"tries": 5, "delay_ratio": 0.5}).tries == 5
    with pytest.raises(InputError) as caught:
        ipv6policy.of({"tries": 0, "delay_ratio": "much", "speed": 3, "headers_may_differ": "date"})
    said = [str(problem) for problem in caught.value.problems]
    assert len(said) == 4 and "a whole number, 1 to 10000, not 0" in said[0]
    assert "`speed` is nothing that is measured by" in said[2]
