"""What the meter counts as it goes is what one would count who had kept everything."""

from __future__ import annotations

import statistics
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.run.meter import Stream

STEP, WAIT = 0.02, 0.1
ORDER = {"name": "s", "version": 4, "address": "192.0.2.1"}
# When its answer comes, in steps after it left; None: never. Longer than the wait is too late.
FATES = st.lists(st.one_of(st.none(), st.sampled_from([0.1, 0.4, 0.7, 1.5, 3.5, 7.5])), max_size=60)


def counted(fates: list[float | None]) -> dict[str, Any]:
    """By walking over all requests."""
    sent = [1 + number * STEP for number in range(len(fates))]
    good = [fate is not None and fate * STEP <= WAIT for fate in fates]
    gaps: list[dict[str, Any]] = []
    for at, (left, fine) in enumerate(zip(sent, good, strict=True)):
        lost_before = at > 0 and not good[at - 1]
        if not fine and not lost_before:
            gaps.append({"start": sent[max(at - 1, 0)], "end": left, "lost": 0, "open": True})
        if not fine:
            gaps[-1] |= {"end": left, "lost": gaps[-1]["lost"] + 1}
        elif lost_before:
            gaps[-1] |= {"end": left, "open": False}
    lost = [left for left, fine in zip(sent, good, strict=True) if not fine]
    fine = [left for left in sent if left not in lost]
    times = [fate * STEP * 1000 for fate, one in zip(fates, good, strict=True) if one and fate]
    spread = {"min": min(times), "median": statistics.median(times), "max": max(times)} if times else None
    return {
        "name": "s",
        "sent": len(sent),
        "received": len(fine),
        "lost": len(lost),
        "gaps": gaps,
        "first_loss": lost[0] if lost else None,
        "last_loss": lost[-1] if lost else None,
        "answering": bool(good and good[-1]),
        "last_answer": fine[-1] if fine else None,
        "rtt_ms": spread and {name: round(figure, 3) for name, figure in spread.items()},
        "refused": "",
    }


@settings(max_examples=60, deadline=None)
@given(FATES, st.sets(st.integers(0, 60)))
def test_the_count_is_the_same_however_often_one_looks(fates: list[float | None], looks: set[int]) -> None:
    stream = Stream(ORDER)
    comes = sorted(
        (1 + (number + fate) * STEP, number) for number, fate in enumerate(fates) if fate is not None
    )
    for number in range(len(fates)):
        now = 1 + number * STEP
        while comes and comes[0][0] <= now:
            at, which = comes.pop(0)
            stream.answered(which, at)
        stream.settle(now - WAIT, WAIT)
        assert stream.number == number
        stream.left(now)
        if number in looks:
            stream.report(now, WAIT)
        # What is over is forgotten.
        assert stream.under_way <= WAIT / STEP + 1.5
    for at, which in comes:
        stream.answered(which, at)
    assert stream.report(1000.0, WAIT) == counted(fates)
    assert stream.under_way == 0


def test_a_second_answer_and_one_to_nothing_are_nothing() -> None:
    stream = Stream(ORDER)
    stream.left(1.0)
    for number, at in ((0, 1.01), (0, 1.02), (7, 1.01)):
        stream.answered(number, at)
    report = stream.report(2.0, WAIT)
    stream.answered(0, 2.0)
    assert (report["received"], report["rtt_ms"]["max"]) == (1, 10.0)
    assert stream.report(3.0, WAIT)["received"] == 1
