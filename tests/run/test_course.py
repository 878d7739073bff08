"""The course of a play: whom it reaches, where it stops, and that nobody is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcloud.plan.stages import Play
from govcloud.run.playing.ansible import Told
from govcloud.run.playing.course import Broken, Course


def stage(*batches: Sequence[str], canaries: int = 0, percent: float = 100) -> Play:
    hosts = [host for batch in batches for host in batch]
    return Play(
        id="play",
        title="configure",
        phase="expand",
        playbook="p",
        routing="static",
        inputs=dict.fromkeys(hosts, "d"),
        batches=tuple(map(tuple, batches)) if len(batches) > 1 else (),
        canaries=canaries,
        stop_percent=percent,
    )


class Ansible:
    """Some hosts fail, some are out of reach. As the real one, it ends early where a group fails whole."""

    def __init__(self, failing: set[str], unreachable: set[str], groups: Sequence[set[str]] = ()) -> None:
        self.failing, self.unreachable, self.groups = failing, unreachable, groups
        self.played: list[list[str]] = []

    def __call__(self, hosts: Sequence[str]) -> Told:
        self.played.append(list(hosts))
        told = Told(hosts, status="failed" if self.failing else "successful")
        told.unreachable = {h: "no answer" for h in hosts if h in self.unreachable}
        alive = [h for h in hosts if h not in told.unreachable]
        for group in self.groups:
            here = [h for h in alive if h in group]
            told.failed |= {h: "task: words" for h in here if h in self.failing}
            if here and all(h in self.failing for h in here):
                return told  # nobody came to the end
        told.failed |= {h: "task: words" for h in alive if h in self.failing}
        told.through = set(alive) - told.failed.keys()
        told.changed = set(told.through)
        return told


def run(play: Play, ansible: Any, done: Sequence[str] = (), absent: Sequence[str] = ()) -> Course:
    course = Course.of(play, done, absent)
    course.run(ansible, lambda _told: True)
    return course


def test_a_group_that_fails_whole_keeps_nobody_else_from_being_configured() -> None:
    ansible = Ansible({"dns"}, set(), [{"dns"}])
    course = run(stage(["app", "dns", "r1"]), ansible)
    assert ansible.played == [["app", "dns", "r1"], ["app", "r1"]]
    assert course.done == 2 and course.failed == {"dns": "task: words"} and not course.untouched
    assert course.words().splitlines() == ["2 of 3 hosts are configured, 1 failed", "dns: task: words"]


def test_a_canary_that_fails_stops_the_play() -> None:
    ansible = Ansible({"a"}, set())
    course = run(stage(["a", "b"], ["c"], ["d", "e"], canaries=2), ansible)
    assert ansible.played == [["a", "b"]]
    assert course.untouched == ["c", "d", "e"]
    assert "3 were not touched; stopped: the canary a failed" in course.words()
    told = course.document()
    assert told["not_done"] == ["a", "c", "d", "e"]
    assert [(b["done"], b["failed"], b["untouched"]) for b in told["batches"]] == [
        *((1, ["a"], 0), (0, [], 1), (0, [], 2))
    ]


def test_canaries_that_nobody_can_reach_say_nothing_so_the_play_stops() -> None:
    course = run(stage(["a"], ["b"], canaries=1), Ansible(set(), set()), absent=["a"])
    assert course.stopped == "no canary could be reached" and course.untouched == ["b"]


def test_out_of_reach_is_not_failed_and_stops_no_batch() -> None:
    course = run(stage(["a", "b"], ["c", "d"], percent=10), Ansible(set(), {"a"}), absent=["b"])
    assert course.done == 2 and not course.stopped
    assert set(course.unreachable) == {"a", "b"}


def test_a_resumed_play_does_the_rest_and_a_batch_is_measured_whole() -> None:
    play = stage(["a", "b", "c", "d"], ["e"], percent=25)
    ansible = Ansible({"d"}, set())
    course = run(play, ansible, done=["a", "b", "c"])
    # One of four, though of those that were left it is all.
    assert ansible.played == [["d"], ["e"]] and not course.stopped


def test_an_end_that_is_nobodys_fault_is_told_in_the_engines_words() -> None:
    def broken(hosts: Sequence[str]) -> Told:
        return Told(hosts, status="failed", words="ERROR! the playbook cannot be read")

    with pytest.raises(Broken, match="cannot be read"):
        run(stage(["a", "b"]), broken)


@given(st.integers(1, 30), st.integers(0, 4), st.floats(0, 100), st.data())
def test_every_host_is_configured_or_failed_or_out_of_reach_or_untouched(
    count: int, canaries: int, percent: float, data: st.DataObject
) -> None:
    hosts = [f"h{n:02}" for n in range(count)]
    some = st.sets(st.sampled_from(hosts))
    failing, unreachable, absent, done = (data.draw(some) for _ in range(4))
    groups = data.draw(st.lists(some, max_size=3))
    cuts = sorted(data.draw(st.sets(st.integers(1, count))))
    batches = [b for b in (hosts[a:z] for a, z in zip([0, *cuts], [*cuts, count], strict=True)) if b]
    play = stage(*batches, canaries=canaries, percent=percent)
    ansible = Ansible(failing, unreachable, groups)
    course = run(play, ansible, sorted(done - absent), sorted(absent))
    told = [*course.failed, *course.unreachable, *course.untouched]
    assert len(told) == len(set(told))
    assert course.done == count - len(told)
    played = [h for names in ansible.played for h in names]
    assert not set(played) & (absent | (done - absent)), "neither what is done nor what is not there"
    assert not set(played) & set(course.untouched)
    assert set(course.failed) <= failing
    if not course.stopped:
        assert not course.untouched
    # Resumed when all is well, it ends, and whoever was configured is left alone.
    well = Ansible(set(), set())
    before = {h for b in course.batches for h in b.done}
    again = run(play, well, sorted(before))
    assert again.done == count
    assert {h for names in well.played for h in names} == set(hosts) - before
