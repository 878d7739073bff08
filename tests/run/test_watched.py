"""What a watch comes to: nothing lost is good, nothing watched is not."""

from __future__ import annotations

import pytest

from govcloud.run.watched import LOST, Pair, Result, Watched, from_sources, rows

PAIRS = [Pair(source="desk", target=name, address="192.0.2.1", version=4) for name in ("hall", "later")]


def result(*flows: Watched) -> Result:
    return Result(flows=list(flows), began=1.0, ended=2.0)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (result(), "nothing was watched: no accepted flow measures what would have to go on"),
        (
            result(*(Watched(pair=pair, silent=True) for pair in PAIRS)),
            "nothing was watched: none of 2 flows answered when the watch began",
        ),
    ],
    ids=["no flow", "all silent"],
)
def test_a_watch_of_nothing_is_not_good(seen: Result, words: str) -> None:
    total = rows("rollout/north", seen)[0]
    assert (total.name, total.ok, total.value) == (LOST, False, None)
    assert not seen.ok and seen.document()["ok"] is False
    assert seen.nothing == total.detail["reason"] == words


def test_one_that_answered_is_enough() -> None:
    seen = result(Watched(pair=PAIRS[0], sent=9), Watched(pair=PAIRS[1], silent=True))
    total = rows("rollout/north", seen)[0]
    assert seen.ok and not seen.nothing and (total.ok, total.value, total.detail["reason"]) == (True, 0, "")


def pair(source: str, target: str) -> Pair:
    return Pair(source=source, target=target, address="192.0.2.1", version=4)


def test_of_too_many_sources_those_stay_that_see_the_most_and_the_rest_is_told() -> None:
    pairs = [
        *(pair("a", target) for target in "xy"),
        *(pair("b", target) for target in "xyz"),
        *(pair("c", target) for target in "xy"),
        pair("d", "w"),
    ]
    assert from_sources(pairs, 4) == (pairs, [])
    kept, left = from_sources(pairs, 2)
    # b sees what a and c see, so d is worth more than they are.
    assert {p.source for p in kept} == {"b", "d"} and {p.source for p in left} == {"a", "c"}
    assert {p.target for p in kept} == set("wxyz") and len(kept) + len(left) == len(pairs)
    seen = Result(
        flows=[Watched(pair=p, sent=1) for p in kept], began=1.0, ended=2.0, left_out=[p.name for p in left]
    )
    total = rows("rollout/north", seen)[0]
    assert total.ok and total.detail["left_out"] == [p.name for p in left]
    assert total.detail["remark"] == (
        "4 flows more, from 2 other sources, were not watched (`watch_sources` of profile/ipv6)"
    )
