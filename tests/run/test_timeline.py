"""The timeline of a run: every attempt, true after a kill, drawn on a terminal and as a picture."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from govcloud.ledger.legs import Attempt, Leg
from govcloud.ledger.runs import Run, StageRow, Status
from govcloud.report.timeline import Axis, Span, Timeline, draw, duration
from govcloud.report.timeline_svg import svg
from tests.store_province import Province, province, records

Cli = Callable[..., Any]
GOVCLOUD = Path(sys.executable).with_name("govcloud")
SVG = "{http://www.w3.org/2000/svg}"
BEGAN = 1_800_000_000.0


def until(what: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    assert what(), f"not so within {seconds} s"


def killed(place: Province, when: Callable[[], Any]) -> None:
    """Begin an apply and kill it, as an operator's power cut does."""
    process = subprocess.Popen(
        [str(GOVCLOUD), "apply", "--yes"],
        cwd=place.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(when)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not place.processes(), 20)


def test_a_run_that_was_killed_and_resumed_shows_both_attempts(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=3).slow(1000)
    place.tables["nodes"]["r1"]["title"] = "海口核心路由器"
    killed(place.write(), lambda: len(place.rows()) == 3)
    (run,) = cli("runs", "list", "--json", cwd=place.root).json
    # Nobody is at work: what has no end was interrupted, when it was last heard of.
    before = cli("runs", "show", run["id"], "--json", cwd=place.root).json["timeline"]
    (cut,) = next(lane for lane in before["lanes"] if lane["kind"] == "stack")["bars"]
    assert cut["status"] == "interrupted"
    assert cli("runs", "resume", run["id"], cwd=place.root).code == 0
    shown = cli("runs", "show", run["id"], "--json", cwd=place.root).json
    line = shown["timeline"]
    assert [leg["status"] for leg in line["legs"]] == ["interrupted", "done"]
    lanes = {lane["stage"]: lane for lane in line["lanes"]}
    first, second = lanes["stack:network-1"]["bars"]
    assert (first["status"], second["status"]) == ("interrupted", "done")
    assert first["start"] == cut["start"]
    assert first["end"] == cut["end"]
    # The kill came between its beginning and its resumption, and nothing is drawn in between.
    assert first["start"] <= first["end"] <= line["legs"][0]["end"] <= line["legs"][1]["start"]
    assert line["legs"][1]["start"] <= second["ready"] <= second["start"] <= second["end"] <= line["seconds"]
    (record,) = lanes["record"]["bars"]
    assert record["status"] == "done"
    assert record["end"] <= first["ready"]
    assert sorted(lanes["stack:network-1"]["subjects"]) == [
        "link/r1-r2",
        "link/r2-r3",
        "node/r1",
        "node/r2",
        "node/r3",
    ]
    drawn = cli("runs", "show", run["id"], "--timeline", cwd=place.root).out
    row = next(text for text in drawn.splitlines() if text.startswith("stack:network-1"))
    assert row.index("░") < row.index("┊") < row.index("█")
    assert cli("runs", "show", run["id"], "--svg", "line.svg", cwd=place.root).out == ""
    picture = (place.root / "line.svg").read_text(encoding="utf-8")
    titles = [one.text or "" for one in ET.fromstring(picture).iter(f"{SVG}title")]
    assert any("attempt 1: interrupted" in text for text in titles)
    assert any("attempt 2: done" in text for text in titles)
    assert any("node/r1 海口核心路由器" in text for text in titles)
    assert any("nobody was at work" in text for text in titles)


def test_stages_that_run_at_once_stand_beside_each_other(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=1).edge().slow(300).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    line = cli("runs", "show", "2", "--json", cwd=place.root).json["timeline"]
    bars = {lane["stage"]: lane["bars"][0] for lane in line["lanes"]}
    cloud, hall, network = (bars[f"stack:{n}-1"] for n in ("cloud", "datacentre", "network"))
    assert network["end"] <= cloud["ready"]
    assert max(cloud["start"], hall["start"]) < min(cloud["end"], hall["end"])


def test_a_failed_attempt_keeps_its_words(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=1).write()
    place.store.mkdir(parents=True)
    assert cli("apply", "--yes", cwd=place.root).code == 1
    place.store.rmdir()
    assert cli("runs", "resume", "2", cwd=place.root).code == 0
    stages = cli("runs", "show", "2", "--json", cwd=place.root).json["timeline"]["lanes"]
    first, second = next(lane for lane in stages if lane["stage"] == "stack:network-1")["bars"]
    assert (first["status"], second["status"]) == ("failed", "done")
    assert "unable to open database file" in first["words"] or "directory" in first["words"]
    assert "(attempt 2)" in cli("runs", "show", "2", cwd=place.root).out


def test_a_run_that_was_given_up_ends_when_it_was_last_heard_of(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, nodes=3).slow(1000).write()
    killed(place, lambda: len(place.rows()) == 3)
    time.sleep(1.5)
    assert cli("runs", "cancel", "2", cwd=place.root).code == 0
    line = cli("runs", "show", "2", "--json", cwd=place.root).json["timeline"]
    (leg,) = line["legs"]
    assert leg["status"] == "interrupted"
    run = cli("runs", "list", "--json", cwd=place.root).json[0]
    assert leg["end"] < run["ended"] - run["started"] - 1


def test_a_run_of_a_former_release_has_its_last_times(cli: Cli, tmp_path: Path) -> None:
    place = records(tmp_path).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    import sqlite3

    with sqlite3.connect(place.private / "ledger.db") as connection:
        connection.execute("delete from leg")
        connection.execute("delete from attempt")
    line = cli("runs", "show", "2", "--json", cwd=place.root).json["timeline"]
    assert len(line["legs"]) == 1
    assert [len(lane["bars"]) for lane in line["lanes"]] == [1]
    assert "█" in cli("runs", "show", "2", "--timeline", cwd=place.root).out


def some(words: str) -> Timeline:
    """A timeline in which everything that others wrote is ``words``."""
    run = Run("r", Status.FAILED, "", "", words, words, 1, BEGAN, BEGAN + 5)
    rows = [StageRow("r", words, 0, "stack", words, Status.FAILED, 1, BEGAN, BEGAN + 5, {})]
    legs = [Leg("r", 1, words, words, "failed", BEGAN, BEGAN + 5, BEGAN + 5)]
    attempts = [Attempt("r", words, 1, 1, "failed", BEGAN + 1, BEGAN + 5, words)]
    return draw(run, rows, legs, attempts, {}, {words: (words,)}, now=None)


@given(st.text(max_size=60))
def test_no_words_break_the_picture(words: str) -> None:
    picture = svg(some(words), words, words, {words: words})
    tree = ET.fromstring(picture)
    assert {one.tag for one in tree.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "style", "rect", "text", "line", "g")
    }


def spans(draw_: st.DrawFn) -> Timeline:
    cuts = sorted(draw_(st.lists(st.floats(0, 1e6), min_size=2, max_size=8, unique=True)))
    legs = tuple(Span(a, b, "done", "", "") for a, b in zip(cuts[::2], cuts[1::2], strict=False))
    return Timeline(BEGAN, cuts[-1], legs, ())


@given(st.composite(spans)(), st.lists(st.floats(0, 1e6), min_size=2, max_size=6))
def test_later_is_never_drawn_before_earlier(line: Timeline, moments: list[float]) -> None:
    axis = Axis(line)
    drawn = [axis.at(moment) for moment in sorted(moments)]
    assert drawn == sorted(drawn)
    assert all(0 <= one <= 1 for one in drawn)
    assert axis.at(line.seconds) > 0.999
    assert all(0 <= tick <= line.seconds for tick in axis.ticks(8))


def test_a_pause_of_a_night_leaves_room_for_the_work() -> None:
    legs = (Span(0, 10, "interrupted", "", ""), Span(40_000, 40_010, "done", "", ""))
    axis = Axis(Timeline(BEGAN, 40_010, legs, ()))
    assert axis.at(10) > 0.4
    assert 0.05 < axis.at(40_000) - axis.at(10) < 0.1
    assert axis.pauses == [(10, 40_000)]
    assert not [tick for tick in axis.ticks(8) if 10 < tick < 40_000]


def test_durations_are_read_at_a_glance() -> None:
    told = [duration(s) for s in (0, 0.44, 9.99, 59.4, 59.6, 61, 3599.9, 7500)]
    assert told == ["0.0 s", "0.4 s", "10.0 s", "59 s", "1 min 0 s", "1 min 1 s", "1 h 0 min", "2 h 5 min"]


def test_the_timeline_is_plain_data() -> None:
    line = some("x")
    assert msgspec.json.decode(msgspec.json.encode(line), type=Timeline) == line
