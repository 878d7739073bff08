"""The round of a day by the command line, on each store: the same commands, the same answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from store_province import province, records

from tests.stores import only_postgresql

Cli = Callable[..., Any]


def test_a_day_of_records(cli: Cli, tmp_path: Path, store: str) -> None:
    assert cli("init", ".").code == 0
    files = records(tmp_path, ledger=store).write()
    assert cli("ls", "--json").json == {}
    assert cli("runs", "list", "--json").json == []
    assert cli("plan", "--detailed-exitcode").code == 3
    first = cli("apply", "--yes")
    assert first.code == 0 and "done" in first.out, first
    assert cli("plan", "--detailed-exitcode").code == 0
    assert cli("ls", "--json").json == {"region": 2, "zone": 1}

    uid = cli("show", "region/there", "--json").json["uid"]
    files.tables["regions"]["there"]["title"] = "三亚市 'x' %s :name \\ \t$1"
    files.tables["regions"]["third"] = {"level": "city", "parent": "here"}
    del files.tables["zones"]["extranet"]
    files.write()
    planned = cli("plan", "--json").json
    assert cli("apply", "--yes", "--json").code == 0
    assert planned["effect"] == cli("runs", "list", "--json").json[0]["effect"]
    shown = cli("show", "region/there", "--json").json
    assert (shown["uid"], shown["fields"]["title"]) == (uid, "三亚市 'x' %s :name \\ \t$1")
    assert cli("ls", "--json").json == {"region": 3}

    ids = [run["id"] for run in cli("runs", "list", "--json").json]
    assert len(ids) == 2
    run = cli("runs", "show", ids[0], "--json").json
    assert run["run"]["status"] == "done"
    assert {stage["status"] for stage in run["stages"]} == {"done"}
    assert cli("runs", "resume", ids[0]).code == 2
    assert cli("drift").code == 0
    assert cli("audit", "verify").code == 0
    assert cli("plan", "--detailed-exitcode").code == 0


@only_postgresql  # on SQLite all of tests/run does
def test_a_day_of_building(cli: Cli, tmp_path: Path, store: str) -> None:
    """With an engine: built, something lost behind our back, seen, healed, taken down."""
    place = province(tmp_path, nodes=2, ledger=store).write()
    assert cli("apply", "--yes").code == 0
    assert set(place.objects()) == place.wanted()
    assert cli("drift").code == 0
    place.remove("Link/r1-r2")
    seen = cli("drift", "--json")
    assert seen.code == 3 and "r1-r2" in seen.out, seen
    assert cli("apply", "--yes").code == 0
    assert set(place.objects()) == place.wanted()
    assert cli("destroy", "--confirm", "destroy everything in tiny").code == 0
    assert place.objects() == {}
    assert cli("audit", "verify").code == 0
    assert len(cli("runs", "list", "--json").json) == 3
