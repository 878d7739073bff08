"""What a run tells: every sink hears it, and none decides how the run ends."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from govcloud.plan.stages import Base, Plan
from govcloud.run import runner
from govcloud.run.context import RunContext
from govcloud.run.events import (
    Bus,
    Event,
    Note,
    RunEnded,
    RunStarted,
    StageEnded,
    StageProgress,
    StageStarted,
)
from govcloud.run.sinks import JsonLines, Lines
from govcloud.workspace import Settings, Workspace

STORY: list[Event] = [
    RunStarted("r", "build", (("record", "record", "record 1", "pending"),)),
    StageStarted("record", "record 1 new entry", 1),
    StageProgress("record", 1, 1, "revision 1"),
    Note("record", "an old lock was removed"),
    StageEnded("record", "failed", 1.25, {"error": "one\ntwo", "not_done": [f"node/n{i}" for i in range(9)]}),
    RunEnded("r", "failed", 2.0, "govcloud runs resume r"),
]


class Broken:
    """A sink whose reader went away."""

    def __init__(self) -> None:
        self.heard = 0

    def handle(self, event: Event) -> None:
        self.heard += 1
        raise BrokenPipeError

    def close(self) -> None:
        raise BrokenPipeError


def test_lines_for_people() -> None:
    out = io.StringIO()
    bus = Bus([Lines(out)])
    for event in STORY:
        bus(event)
    bus.close()
    said = out.getvalue()
    assert "revision 1" not in said  # single objects are not worth a line
    for words in (
        "record: failed in 1.2 s",
        "one",
        "two",
        "not done: node/n0",
        "and 3 more",
        "info: an old lock was removed",
        "next: govcloud runs resume r",
    ):
        assert words in said


def test_json_lines_for_programs() -> None:
    out = io.StringIO()
    bus = Bus([JsonLines(out)])
    for event in STORY:
        bus(event)
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [e["event"] for e in events] == [
        "run_started",
        "stage_started",
        "stage_progress",
        "note",
        "stage_ended",
        "run_ended",
    ]
    assert events[4]["detail"]["error"] == "one\ntwo"


def test_a_sink_that_fails_is_let_go_and_the_others_hear_on() -> None:
    broken, out = Broken(), io.StringIO()
    bus = Bus([broken, JsonLines(out)])
    for event in STORY:
        bus(event)
    bus.close()
    assert broken.heard == 1
    assert len(out.getvalue().splitlines()) == len(STORY)


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    workspace = Workspace(tmp_path, Settings(environment="tiny"))
    plan = Plan(environment="tiny", title="t", stages=(), effect="e", base=Base({}, {}))
    nothing: Any = None
    return RunContext(workspace, nothing, "r", "me", plan, 1, Bus())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_ask_the_run_to_stop_and_are_given_back(context: RunContext, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with runner._signals(context):
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)  # somebody impatient
        assert context.stop.wait(5)
    assert signal.getsignal(number) is before


def test_under_nohup_a_closed_terminal_stops_nothing(context: RunContext) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with runner._signals(context):
            os.kill(os.getpid(), signal.SIGHUP)
            assert not context.stop.wait(0.2)
    finally:
        signal.signal(signal.SIGHUP, before)
