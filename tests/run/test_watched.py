"""What a watch comes to: nothing lost is good, nothing watched is not."""

from __future__ import annotations

import pytest

from govcloud.run.watched import LOST, Pair, Result, Watched, rows

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
