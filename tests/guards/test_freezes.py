"""Freezes: what they reach, that no proposal lifts them, and that a running run stops for one."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from govcloud.ledger import audit, clearances, open_ledger
from govcloud.plan.gather import propose
from govcloud.plan.guards.freezes import moment, standing_against
from govcloud.workspace import open_workspace
from tests.access.office import Office
from tests.conftest import GOVCLOUD
from tests.guards.conftest import Hall
from tests.store_province import province

HOUR = 3600


def at(hours: float) -> str:
    """A time so many hours from now."""
    moment = datetime.now().astimezone() + timedelta(hours=hours)
    return moment.isoformat(timespec="seconds")


def freeze(hall: Hall, name: str, *subjects: str, starts: float = -1, ends: float = 1) -> None:
    """Write a freeze into the files, and have it accepted by itself."""
    fields: dict[str, Any] = {"starts_at": at(starts), "ends_at": at(ends), "reason": "exams"}
    hall.tables["freezes"][name] = fields | ({"subjects": list(subjects)} if subjects else {})
    done = hall.apply("--yes")
    assert done.code == 0, done


def change(hall: Hall) -> None:
    """Change one server."""
    hall.tables["servers"]["s3"]["title"] = f"changed {time.time_ns()}"


@pytest.mark.parametrize(
    "subjects",
    [
        [],
        ["server/s3"],
        ["room/room"],
        ["site/hall"],
        ["region/here"],
        ["unit/owner"],
        ["unit/bureau", "site/hall"],
    ],
)
def test_what_belongs_to_a_frozen_thing_is_frozen(hall: Hall, subjects: list[str]) -> None:
    hall.tables["units"]["owner"] = {"region": "here"}
    hall.tables["servers"]["s3"]["unit"] = "owner"
    assert hall.apply("--yes").code == 0
    freeze(hall, "exams", *subjects)
    change(hall)
    refused = hall.apply("--yes")
    assert refused.code == 4, refused
    until = hall.tables["freezes"]["exams"]["ends_at"]
    assert f"frozen by freeze/exams until {until} (exams): server/s3" in refused.err
    assert [f["freeze"] for f in hall.plan()["guards"]["frozen"]] == ["exams"]
    shown = hall.run("plan").out
    assert shown.index("frozen by") < shown.index("1. record")
    assert "> **frozen by" in hall.run("plan", "--markdown").out


@pytest.mark.parametrize("subject", ["server/s4", "unit/bureau", "site/other", "region/elsewhere"])
def test_what_does_not_belong_to_it_is_not(hall: Hall, subject: str) -> None:
    hall.tables["regions"]["elsewhere"] = {"level": "city"}
    hall.tables["sites"]["other"] = {"region": "elsewhere", "role": "datacentre"}
    assert hall.apply("--yes").code == 0
    freeze(hall, "exams", subject)
    change(hall)
    assert hall.plan()["guards"]["frozen"] == []
    assert hall.apply("--yes").code == 0


@pytest.mark.parametrize(("starts", "ends"), [(1, 2), (-2, -1)])
def test_before_and_after_it_nothing_is_frozen(hall: Hall, starts: float, ends: float) -> None:
    freeze(hall, "exams", starts=starts, ends=ends)
    change(hall)
    assert hall.apply("--yes").code == 0


@pytest.mark.parametrize("how", ["removed", "ended", "renamed", "narrowed"])
def test_a_proposal_does_not_lift_the_freeze_that_stops_it(hall: Hall, how: str) -> None:
    freeze(hall, "exams")
    freezes = hall.tables["freezes"]
    if how == "removed":
        del freezes["exams"]
    elif how == "ended":
        freezes["exams"]["ends_at"] = at(-0.5)
    elif how == "renamed":
        freezes["other"] = freezes.pop("exams") | {"was": "exams", "ends_at": at(-0.5)}
    else:
        freezes["exams"]["subjects"] = ["region/here"]
        freezes["exams"]["starts_at"] = at(0.5)
    before = {**hall.tables["servers"]["s3"]}
    change(hall)
    refused = hall.apply("--yes")
    assert refused.code == 4, refused
    assert "frozen by freeze/exams" in refused.err
    # By itself it is lifted, and then it is gone.
    hall.tables["servers"]["s3"] = before
    assert hall.apply("--yes").code == 0
    change(hall)
    assert hall.apply("--yes").code == 0


def test_who_moves_something_in_or_out_touches_what_is_frozen(hall: Hall) -> None:
    hall.tables["sites"]["other"] = {"region": "here", "role": "datacentre"}
    hall.tables["rooms"]["annexe"] = {"site": "other"}
    hall.tables["racks"]["spare"] = {"room": "annexe"}
    assert hall.apply("--yes").code == 0
    freeze(hall, "exams", "site/other")
    hall.tables["servers"]["s3"]["rack"] = "spare"
    assert hall.apply("--yes").code == 4
    del hall.tables["servers"]["s3"]
    hall.tables["servers"]["new"] = {"rack": "spare"}
    assert hall.plan()["guards"]["frozen"][0]["subjects"] == ["server/new"]


def test_a_plan_does_not_bring_the_freeze_that_would_stop_it_half_way(hall: Hall) -> None:
    hall.tables["freezes"]["exams"] = {"starts_at": at(-1), "ends_at": at(1)}
    change(hall)
    refused = hall.apply("--yes")
    assert refused.code == 4, refused
    assert "frozen by freeze/exams" in refused.err


def test_a_clock_that_is_set_back_ends_nothing_early(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    """A freeze that has begun, by the trail's newest row, holds on though the clock says it is to come."""
    freeze(hall, "exams")
    change(hall)
    hall.office.write()
    workspace = open_workspace(str(hall.office.root))
    ledger = open_ledger(workspace)
    real = time.time()
    monkeypatch.setattr(time, "time", lambda: real - 5 * HOUR)
    with ledger.write() as connection:
        # What is written down under the wrong clock does not help either.
        audit.append(connection, "somebody", "looked", {})
    plan = propose(workspace, ledger).plan
    with ledger.read() as connection:
        assert clearances.now(connection) > real - HOUR
        assert [f.freeze for f in standing_against(connection, plan)] == ["exams"]


# -- the command --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["end", "files", "narrowed"])
def test_somebody_elses_freeze_is_not_lifted_by_whom_it_stops(hall: Hall, how: str) -> None:
    hall.office.write()
    words = ["--everything", "--to", at(1), "--reason", "exams"]
    assert hall.run("freeze", "add", "exams", *words, by="chief").code == 0
    file = hall.office.root / "freezes" / "exams.yaml"
    text = file.read_text()
    command = ["apply", "--yes"]
    if how == "end":
        command = ["freeze", "end", "exams"]
    elif how == "files":
        file.unlink()
    else:
        file.write_text(text + "    subjects: [server/s4]\n")
    refused = hall.run(*command)
    assert refused.code == 4, refused
    assert "freeze/exams, which chief declared" in refused.err
    assert hall.run("freeze", "--json").json[0]["state"] == "in force"
    assert hall.run(*command, by="medic" if how == "end" else "chief").code == 0


def test_freeze_is_typed_and_ended(hall: Hall) -> None:
    change(hall)
    hall.office.write()
    # Whatever else stands in the files, broken or not, only the freeze is recorded.
    (hall.office.root / "broken.yaml").write_text("servers: {bad: {rack: nowhere}}\n")
    added = hall.run("freeze", "add", "exams", "--subject", "site/hall", "--to", at(1), "--reason", "exams")
    assert added.code == 0, added
    (hall.office.root / "broken.yaml").unlink()
    (listed,) = hall.run("freeze", "--json").json
    assert (listed["name"], listed["state"], listed["subjects"]) == ("exams", "in force", ["site/hall"])
    assert hall.run("show", "freeze/exams").code == 0
    assert "s3" not in str([r["data"] for r in hall.office.log() if r["action"] == "record"][-1])
    assert hall.apply("--yes").code == 4
    ended = hall.run("freeze", "end", "exams")
    assert ended.code == 0, ended
    assert hall.run("freeze", "--json").json == []
    assert hall.apply("--yes").code == 0
    assert [r["action"] for r in hall.office.log() if r["action"] == "freeze"] == ["freeze"] * 2
    assert hall.run("plan").out.endswith("what the files say.\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--to", "2030-01-01T00:00"], "expected either --subject"),
        (["--everything", "--to", "2030-01-01"], "should say a time as well"),
        (["--everything", "--to", "soon"], "should read 2026-11-22T08:00"),
        (["--everything", "--to", "2020-01-01T00:00"], "is not after"),
        (["--subject", "site/hal", "--to", "2030-01-01T00:00"], "hall"),
        (["--everything", "--to", "9999-12-31T23:59-05:00"], "should be of the years 1971 to 9998"),
        (["--everything", "--from", "0001-01-01T00:00", "--to", "2030-01-01T00:00"], "--from '0001-01-01"),
    ],
)
def test_a_freeze_that_is_none_leaves_nothing(hall: Hall, arguments: list[str], told: str) -> None:
    refused = hall.run("freeze", "add", "x", *arguments, "--reason", "why")
    assert refused.code == 2, refused
    assert told in refused.err
    assert not (hall.office.root / "freezes" / "x.yaml").exists()
    assert hall.run("freeze", "--json").json == []


@pytest.mark.parametrize("name", ["a/b/c", "../esc", "Exams", ""])
def test_a_freeze_has_a_name_as_entries_have(office: Office, name: str) -> None:
    words = ["--everything", "--to", at(1), "--reason", "why"]
    refused = office.run("freeze", "add", name, *words)
    assert refused.code == 2, refused
    assert f"{name!r} is no name of an entry" in refused.err
    assert not list(office.root.parent.rglob("esc.yaml"))


def test_before_the_first_apply_there_is_nothing_to_freeze(office: Office) -> None:
    refused = office.run("freeze", "add", "x", "--everything", "--to", at(1), "--reason", "why")
    assert refused.code == 2, refused
    assert "nothing is accepted here yet" in refused.err
    assert not (office.root / "freezes").exists()


@pytest.mark.parametrize("text", ["0001-01-01T00:00", "9999-12-31T23:59", "9999-12-31T23:59-05:00"])
@pytest.mark.parametrize("zone", ["UTC-14", "UTC+12"])
def test_a_freeze_in_the_files_may_last_for_all_times(
    monkeypatch: pytest.MonkeyPatch, text: str, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert (moment(text) > time.time()) is text.startswith("9999")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_who_may_not_apply_may_not_freeze(hall: Hall) -> None:
    for words in (["add", "x", "--everything", "--to", at(1), "--reason", "why"], ["end", "x"]):
        assert hall.run("freeze", *words, by="deputy").code == 4


# -- a run that is at work ----------------------------------------------------------------------------


@pytest.fixture
def working(tmp_path: Path) -> Iterator[tuple[Any, subprocess.Popen[str]]]:
    """A run in the middle of a slow stage, with others to come."""
    place = province(tmp_path / "place", nodes=3).slow(700).edge().write()
    process = subprocess.Popen(
        [str(GOVCLOUD), "apply", "--yes"],
        cwd=place.root,
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield place, process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_a_run_at_work_stops_before_its_next_stage(
    working: tuple[Any, subprocess.Popen[str]], cli: Callable[..., Any]
) -> None:
    place, process = working
    while not place.rows():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    added = cli("freeze", "add", "now", "--everything", "--to", at(1), "--reason", "storm", cwd=place.root)
    assert added.code == 0, added
    out, _ = process.communicate(timeout=200)
    assert process.returncode == 1, out
    assert "frozen by freeze/now" in out
    run = cli("runs", "list", "--json", cwd=place.root).json[0]
    assert run["status"] == "stopped"
    stages = cli("runs", "show", run["id"], "--json", cwd=place.root).json["stages"]
    # What was under way came to its end, what came after was not begun.
    assert {s["status"] for s in stages} >= {"done", "stopped"}
    assert all(s["attempt"] == 0 for s in stages if s["status"] != "done")
    refused = cli("runs", "resume", run["id"], cwd=place.root)
    assert refused.code == 4, refused
    assert "storm" in refused.err
    assert cli("freeze", "end", "now", cwd=place.root).code == 0
    assert cli("runs", "resume", run["id"], cwd=place.root).code == 0
    assert set(place.objects()) >= place.wanted()
