"""The log of runs: JSON lines in a private file, put aside when it is full; no log ever fails a run."""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from govcloud.run.events import Bus, Note, RunStarted, StageEnded, StageProgress
from govcloud.run.jsonlog import JsonLog
from govcloud.secrets import redaction
from tests import canary
from tests.store_province import province, records

Cli = Callable[..., Any]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_log_has_every_event_that_json_lines_have(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, log="logs/runs.jsonl").write()
    (tmp_path / "logs").mkdir()
    done = cli("apply", "--yes", "--json", cwd=place.root)
    assert done.code == 0
    shown = [json.loads(line) for line in done.out.splitlines()]
    kept = lines(tmp_path / "logs" / "runs.jsonl")
    assert [one["event"] for one in kept] == [one["event"] for one in shown]
    for line, event in zip(kept, shown, strict=True):
        assert list(line)[:6] == ["time", "level", "run", "stage", "event", "words"]
        assert line["run"] == shown[0]["run"]
        at = datetime.fromisoformat(line["time"])
        assert at.utcoffset() == timedelta(0)
        assert line["stage"] == event.get("stage", "")
    assert kept[-1]["words"] == "done"
    assert {one["level"] for one in kept} == {"info", "debug"}
    assert stat.S_IMODE((tmp_path / "logs" / "runs.jsonl").stat().st_mode) == 0o600


def test_the_option_names_a_file_from_where_one_stands(cli: Cli, tmp_path: Path) -> None:
    place = records(tmp_path / "ws").write()
    assert cli("-C", str(place.root), "--log", "here.jsonl", "apply", "--yes", cwd=tmp_path).code == 0
    assert lines(tmp_path / "here.jsonl")[-1]["event"] == "run_ended"


def test_a_failure_is_an_error_with_the_engines_words(cli: Cli, tmp_path: Path) -> None:
    place = province(tmp_path, log="runs.jsonl").write()
    place.store.mkdir(parents=True)
    assert cli("apply", "--yes", cwd=place.root).code == 1
    (bad,) = [
        one
        for one in lines(tmp_path / "runs.jsonl")
        if one["event"] == "stage_ended" and one["level"] != "info"
    ]
    assert bad["level"] == "error"
    assert bad["stage"] == "stack:network-1"
    assert bad["words"] == bad["detail"]["error"]


def test_a_log_that_cannot_be_opened_is_told_before_anything_is_done(cli: Cli, tmp_path: Path) -> None:
    place = records(tmp_path, log="nowhere/runs.jsonl").write()
    done = cli("apply", "--yes", cwd=place.root)
    assert done.code == 1
    assert "nowhere/runs.jsonl: No such file or directory" in done.err
    assert cli("runs", "list", cwd=place.root).out == "No run yet.\n"


def test_full_files_are_put_aside_and_stay_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        log = JsonLog(tmp_path / "log", bytes=400, files=2)
        for number in range(20):
            log.handle(Note("", f"sentence {number} 第{number}句"))
        log.close()
    finally:
        os.umask(before)
    found = sorted(tmp_path.iterdir())
    assert [path.name for path in found] == ["log", "log.1", "log.2"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    kept = [one["words"] for path in reversed(found) for one in lines(path)]
    assert kept == [f"sentence {n} 第{n}句" for n in range(20 - len(kept), 20)]


def test_a_log_that_fails_in_the_middle_is_let_go(tmp_path: Path) -> None:
    class Seen:
        def __init__(self) -> None:
            self.count = 0

        def handle(self, event: object) -> None:
            self.count += 1

        def close(self) -> None:
            return

    log, seen = JsonLog(Path("/dev/full"), bytes=10**9, files=1), Seen()
    bus = Bus([log, seen])
    for _ in range(3):
        bus(RunStarted("r", "t", ()))
    assert seen.count == 3


def test_the_log_has_a_canary_in_no_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_forms", set())
    monkeypatch.setattr(redaction, "_pattern", None)
    value = b'kanari"envogel~42?>'
    redaction.keep_out(value)
    said = [form.decode() for name, form in canary.forms(value).items() if "utf-16" not in name]
    said.append(f"Basic {base64.b64encode(b'govcloud:' + value).decode()}")
    bus = Bus([JsonLog(tmp_path / "log", bytes=10**6, files=1)])
    for words in said:
        bus(Note("stack:a", f"it said {words}", "warning"))
        bus(StageProgress("stack:a", 1, 2, f"made {words}"))
        detail = {"error": words, "hint": words, "traceback": f"x\n{words}\n", "deep": [{"a": (words,)}]}
        bus(StageEnded("stack:a", "failed", 1.0, detail))
    bus.close()
    assert len(lines(tmp_path / "log")) == 3 * len(said)
    assert canary.Searcher(value).in_tree(tmp_path) == {}
