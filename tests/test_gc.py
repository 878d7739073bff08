"""`govcloud gc` as people type it: what would go, what goes, what never does, and who may."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_province import Province, province, records

Cli = Callable[..., Any]
DAY = 86400.0
# Everything that may go, goes at once.
NOW = {
    f"{name}_days": 0
    for name in ("evidence", "observations", "logs", "plans", "runs", "engine", "cache")
} | {"keep_runs": 1}  # fmt: skip


def kept(place: Province, **values: float) -> Province:
    """What the workspace's files say of how long things are kept."""
    place.tables["profiles"] = {"retention": {"values": values}}
    return place


def classes(document: Any) -> dict[str, Any]:
    return {c["name"]: c for c in document["classes"] if c["rows"] or c["files"]}


def old(place: Province, folder: str, days: float) -> None:
    """Let files look as if nobody had touched them for so long."""
    at = time.time() - days * DAY
    for path in (place.private / folder).rglob("*"):
        if path.is_file():
            os.utime(path, (at, at))


def state(place: Province) -> dict[str, bytes]:
    """The engine's state itself."""
    folder = place.private / "state" / ".pulumi" / "stacks"
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_what_is_old_goes_and_the_province_stands_as_before(cli: Cli, tmp_path: Path) -> None:
    place = kept(province(tmp_path, nodes=2), **NOW).write()
    for role in ("core", "access", "border"):
        place.tables["nodes"]["r2"]["role"] = role
        assert cli("apply", "--yes", cwd=place.write().root).code == 0
    assert cli("drift", cwd=place.root).code == 0
    old(place, "cache", 1)
    # Of an engine that still kept logs.
    (place.private / "pulumi" / "former-logs").mkdir()
    (place.private / "pulumi" / "former-logs" / "one.log").write_text("created")
    objects, before = place.objects(), state(place)
    past = [place.ledger(f"select * from {t} order by id") for t in ("accepted", "claim")]
    trail = place.ledger("select * from audit order by seq")

    told = cli("gc", "--dry-run", "--json")
    assert told.code == 0, told
    foreseen = classes(told.json)
    assert {"runs", "plans", "logs", "engine", "engine logs", "segments", "cache"} <= foreseen.keys()
    assert place.ledger("select * from audit order by seq") == trail
    assert len(cli("runs", "list", "--json").json) == 3

    done = cli("gc", "--yes", "--json")
    assert done.code == 0, done
    assert not done.json["dry_run"]
    assert {n: (c["rows"], c["files"]) for n, c in classes(done.json).items()} == {
        n: (c["rows"], c["files"]) for n, c in foreseen.items()
    }
    assert done.json["compacted"]["after"] <= done.json["compacted"]["before"]

    assert [r["status"] for r in cli("runs", "list", "--json").json] == ["done"]
    assert state(place) == before
    assert [place.ledger(f"select * from {t} order by id") for t in ("accepted", "claim")] == past
    assert place.ledger("select * from audit order by seq")[: len(trail)] == trail
    log = cli("audit", "log", "--json").json
    assert [row["action"] for row in log[-2:]] == ["gc started", "gc done"]
    assert log[-2]["data"]["policy"]["keep_runs"] == 1
    assert log[-1]["data"]["runs"]["rows"] == foreseen["runs"]["rows"]
    assert cli("audit", "verify").code == 0
    assert place.objects() == objects
    assert cli("plan", "--detailed-exitcode").code == 0
    # The newest of the engine's history stays for each stack.
    left = sorted((place.private / "state" / ".pulumi" / "history").rglob("*.history.json"))
    assert len(left) == 1
    place.tables["nodes"]["r1"]["role"] = "border"
    assert cli("apply", "--yes", cwd=place.write().root).code == 0
    assert place.objects()["Node/r1"].properties["role"] == "border"


def test_a_run_that_is_not_over_goes_on_after_gc(cli: Cli, tmp_path: Path) -> None:
    """Its plan, its program and its segment are there, however old it is."""
    place = kept(province(tmp_path, nodes=3), **NOW).write()
    place.tables["nodes"]["r3"]["target"] = "nowhere-yet"
    place.tables["targets"]["nowhere-yet"] = {"driver": "store", "path": "/proc/no/such.db"}
    failed = cli("apply", "--yes", cwd=place.write().root)
    assert failed.code == 1, failed
    run = cli("runs", "list", "--json").json[0]
    assert run["status"] == "failed"
    intents = place.ledger("select * from intent order by object")
    assert intents
    for number in range(2):
        done = cli("gc", "--yes", "--json")
        assert done.code == 0, (number, done)
        assert not {"runs", "plans", "logs", "segments"} & classes(done.json).keys()
    assert place.ledger("select * from intent order by object") == intents
    again = cli("runs", "resume", run["id"])
    # What stood against it still does; that it was tried shows that nothing is missing.
    assert again.code == 1, again
    assert "stack:network-1" in again.out
    assert cli("runs", "show", run["id"], "--json").json["run"]["segment"] == 2
    assert cli("runs", "cancel", run["id"]).code == 0
    assert "runs" not in classes(cli("gc", "--dry-run", "--json").json), "its intents are open"


def test_nothing_is_old_enough(cli: Cli, tmp_path: Path) -> None:
    place = records(tmp_path).write()
    assert cli("gc", "--dry-run").out == "Nothing is old enough to go.\n"
    assert not place.private.exists(), "a workspace without a ledger stays without one"
    assert cli("apply", "--yes").code == 0
    trail = place.ledger("select count(*) from audit")
    assert cli("gc", "--yes").out == "Nothing is old enough to go.\n"
    assert place.ledger("select count(*) from audit") == trail


def test_the_policy_is_the_accepted_one(cli: Cli, tmp_path: Path) -> None:
    """What a file says counts when it is accepted, and not before."""
    place = records(tmp_path).write()
    assert cli("apply", "--yes").code == 0
    kept(place, runs_days=0, keep_runs=0, plans_days=0).write()
    document = cli("gc", "--dry-run", "--json").json
    assert classes(document) == {}
    first = {limit["name"]: limit for limit in document["policy"]}
    assert (first["runs_days"]["from"], first["runs_days"]["source"]) == ("default", "invented")
    assert "网络安全法" in first["logs_days"]["source"]
    assert cli("apply", "--yes").code == 0
    document = cli("gc", "--dry-run", "--json").json
    # Two runs, each with a stage, an attempt of it, and a leg.
    assert classes(document)["runs"]["rows"] == 8
    assert {p["name"]: p["from"] for p in document["policy"]}["runs_days"] == "profile/retention"
    text = cli("gc", "--dry-run").out
    assert "0 days, the newest 0 (profile/retention)" in text
    assert text.endswith("would go; nothing was written.\n")


def test_a_policy_that_cannot_be_read_names_its_line(cli: Cli, tmp_path: Path) -> None:
    place = kept(records(tmp_path), run_days=3).write()
    assert cli("apply", "--yes").code == 0
    refused = cli("gc", "--dry-run")
    assert refused.code == 2, refused
    line = place.line_of("retention")
    words = f"base.yaml:{line}: profile/retention: `run_days` is no limit that we know"
    assert words in refused.err
    assert "did you mean `runs_days`?" in refused.err


def test_nobody_is_there_to_confirm(cli: Cli, tmp_path: Path) -> None:
    kept(records(tmp_path), runs_days=0, keep_runs=0).write()
    assert cli("apply", "--yes").code == 0
    refused = cli("gc")
    assert refused.code == 4, refused
    assert "--yes" in refused.err
    assert len(cli("runs", "list", "--json").json) == 1


HOLD = """
import sys, time
from pathlib import Path
from govcloud.ledger import leases, open_ledger
from govcloud.workspace import open_workspace
ledger = open_ledger(open_workspace(sys.argv[1]))
with leases.held(ledger, "run"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_gc_does_not_race_a_run(cli: Cli, tmp_path: Path) -> None:
    kept(records(tmp_path), runs_days=0, keep_runs=0).write()
    assert cli("apply", "--yes").code == 0
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        refused = cli("gc", "--yes")
        assert refused.code == 5, refused
        assert f"held by process {holder.pid}" in refused.err
        assert cli("gc", "--dry-run").code == 0, "looking disturbs nobody"
    finally:
        holder.communicate("")
    assert cli("gc", "--yes").code == 0
    assert cli("runs", "list", "--json").json == []


def test_what_a_killed_play_left_goes_unless_its_run_goes_on(cli: Cli, tmp_path: Path) -> None:
    place = records(tmp_path).write()
    assert cli("apply", "--yes").code == 0
    run = cli("runs", "list", "--json").json[0]["id"]
    left = place.private / "plays" / run / "project"
    left.mkdir(parents=True)
    (left / "site.yml").write_text("[]\n")
    elsewhere = tmp_path / "precious"
    elsewhere.write_text("not ours")
    (left / "link").symlink_to(elsewhere)
    place_of_other = place.private / "cache" / "link"
    place_of_other.parent.mkdir(exist_ok=True)
    place_of_other.symlink_to(elsewhere)
    os.utime(elsewhere, (0, 0))
    assert classes(cli("gc", "--dry-run", "--json").json)["plays"]["files"] == 1
    assert cli("gc", "--yes").code == 0
    assert list((place.private / "plays").iterdir()) == []
    assert elsewhere.read_text() == "not ours" and place_of_other.is_symlink()


def test_only_an_administrator_prunes(cli: Cli, tmp_path: Path) -> None:
    import hashlib

    place = kept(records(tmp_path), runs_days=0, keep_runs=0)
    place.tables["units"] = {"bureau": {"region": "here"}}
    place.tables["persons"] = {
        name: {
            "unit": "bureau",
            "duty": "staff",
            "token_digest": hashlib.sha256(f"{name}-secret".encode()).hexdigest(),
        }
        for name in ("boss", "clerk")
    }
    place.tables["roles"] = {
        "all": {"permissions": ["administer", "apply", "plan"], "persons": ["boss"]},
        "some": {"permissions": ["apply", "plan"], "persons": ["clerk"]},
    }
    place.write()
    assert cli("apply", "--yes").code == 0
    refused = cli("gc", "--yes", env={"GOVCLOUD_TOKEN": "clerk-secret"})
    assert refused.code == 4, refused
    assert "`administer` is missing" in refused.err
    assert len(cli("runs", "list", "--json").json) == 1
    assert cli("gc", "--yes", env={"GOVCLOUD_TOKEN": "boss-secret"}).code == 0


@pytest.mark.parametrize("command", ["gc"])
def test_what_it_needs_is_loaded_only_when_it_runs(command: str) -> None:
    program = (
        "import sys, govcloud.cli.main, govcloud.cli.gc; "
        "print([m for m in ('dbos', 'pulumi', 'ansible_runner', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
