"""A workspace of the release before this one goes on with this one: ledger, runs, plan file, what is built.

And what a newer release wrote is refused, in a sentence that says so, with nothing touched.
"""

from __future__ import annotations

import json
import sqlite3
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_province import records

from govcloud import canonical
from govcloud.ledger import marks, open_ledger
from govcloud.ledger.audit import Row
from govcloud.workspace import open_workspace

Cli = Callable[..., Any]
RELEASES = sorted(Path(__file__).parent.glob("releases/*.tar.gz"))
DERIVED = ("reference", "address")
INTERRUPTED = "20261122-190000-dead"


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A workspace as a former release left it: two runs, a rename, one server not yet recorded."""
    place = tmp_path / "old"
    with tarfile.open(request.param) as archive:
        archive.extractall(place, filter="data")
    return place


def interrupt(place: Path, plan: bytes, *, done: tuple[str, ...] = ()) -> None:
    """Leave a run as the former release leaves it when it is killed: its rows, its lease, its trace."""
    document = json.loads(plan)
    digest = canonical.digest_bytes(plan)
    now = time.time() - 3600
    with sqlite3.connect(place / ".govcloud" / "ledger.db") as ledger:
        ledger.execute("insert or ignore into blob values (?, ?)", (digest, plan))
        ledger.execute(
            "insert into run (id, status, plan, effect, title, actor, segment, started) "
            "values (?, 'running', ?, ?, ?, 'root@ops', 1, ?)",
            (INTERRUPTED, digest, document["effect"], document["title"], now),
        )
        for number, stage in enumerate(document["stages"]):
            status = "done" if stage["id"] in done else "running"
            ledger.execute(
                "insert into stage (run, id, position, kind, title, status, attempt, started) "
                "values (?, ?, ?, ?, ?, ?, 1, ?)",
                (INTERRUPTED, stage["id"], number, stage["stage"], stage["title"], status, now),
            )
        gone = json.dumps(["ops/another-boot", 4242, 1.0])
        ledger.execute("update lease set holder = ?, token = token + 1, expires = ?", (gone, now + 20))
        seq, previous = ledger.execute("select seq, hash from audit order by seq desc limit 1").fetchone()
        data = canonical.encode({"run": INTERRUPTED, "effect": document["effect"]}).decode()
        row = Row(seq + 1, 1, now, "root@ops", "run started", data, previous, "")
        row = row._replace(hash=row.true_hash())
        ledger.execute("insert into audit values (?, ?, ?, ?, ?, ?, ?, ?)", row)
    head = {"hash": row.hash, "seq": row.seq}
    (place / ".govcloud" / "audit-head.json").write_text(json.dumps(head))


def second_plan(place: Path) -> bytes:
    """The plan of the release's second run: a Record and a Stack, with its program in the ledger."""
    with sqlite3.connect(place / ".govcloud" / "ledger.db") as ledger:
        row = ledger.execute(
            "select content from blob join run on run.plan = blob.digest order by started desc limit 1"
        ).fetchone()
    return bytes(row[0])


def test_there_is_a_former_release() -> None:
    assert RELEASES


def test_what_was_recorded_is_read(cli: Cli, old: Path) -> None:
    assert cli("ls", "--json", cwd=old).json["server"] == 2
    shown = cli("show", "instance/www-1", "--json", cwd=old).json
    assert (shown["uid"], shown["incarnation"]) == ("411fd54151e6dc89", 1)
    assert cli("show", "rack/r1", "--json", cwd=old).json["referred_by"] == ["server/srv-1", "server/srv-2"]
    assert cli("audit", "verify", cwd=old).code == 0
    assert len(cli("runs", "list", "--json", cwd=old).json) == 2


def test_its_past_is_told(cli: Cli, old: Path) -> None:
    """What only this release asks for was kept by that one."""
    assert [r["number"] for r in cli("history", "--json", cwd=old).json] == [2, 1]
    changes = cli("diff", "1", "--json", cwd=old).json["changes"]
    assert {(c["verb"], c["kind"], c["name"]) for c in changes} >= {("renamed", "instance", "www-1")}
    blamed = {f["field"]: f for f in cli("blame", "instance/www-1", "--json", cwd=old).json["fields"]}
    assert blamed["title"]["owner"]["claimant"] == "file:base.yaml"
    assert (blamed["was"]["since"]["number"], blamed["title"]["since"]["number"]) == (2, 1)


def test_its_ledger_takes_requests(cli: Cli, old: Path) -> None:
    """It had no tables for them."""
    assert cli("request", "list", "--open", "--json", cwd=old).json == []
    with sqlite3.connect(old / ".govcloud" / "ledger.db") as ledger:
        assert ledger.execute("select version_num from alembic_version").fetchone() == ("0004",)
        for table in ("request", "request_event", "reservation"):
            assert ledger.execute(f"select count(*) from {table}").fetchone() == (0,)


def test_its_plan_is_carried_out_and_nothing_is_built_twice(cli: Cli, old: Path) -> None:
    done = cli("apply", "pending.json", "--yes", cwd=old)
    assert done.code == 0, done
    assert cli("ls", "server", "--json", cwd=old).json[-1]["name"] == "srv-3"
    after = cli("plan", "--detailed-exitcode", cwd=old)
    assert after.code == 0, after
    assert cli("audit", "verify", cwd=old).code == 0


def test_its_plan_is_refused_when_it_would_do_something_else(cli: Cli, old: Path) -> None:
    servers = old / "servers.csv"
    servers.write_text(servers.read_text().replace("srv-3", "srv-4"))
    refused = cli("apply", "pending.json", "--yes", cwd=old)
    assert refused.code == 5, refused
    assert "the files have changed since pending.json was made" in refused.err
    assert cli("ls", "--json", cwd=old).json["server"] == 2


def test_a_run_that_it_left_in_the_middle_is_finished(cli: Cli, old: Path) -> None:
    """Killed before its Record: nothing of it was there, and resume does what its plan says."""
    interrupt(old, (old / "pending.json").read_bytes())
    refused = cli("apply", "--yes", cwd=old)
    assert refused.code == 5, refused
    assert f"run {INTERRUPTED} was interrupted and is not over" in refused.err
    assert f"govcloud runs resume {INTERRUPTED}" in refused.err
    done = cli("runs", "resume", INTERRUPTED, cwd=old)
    assert done.code == 0, done
    assert cli("runs", "show", INTERRUPTED, "--json", cwd=old).json["run"]["status"] == "done"
    assert cli("show", "server/srv-3", cwd=old).code == 0
    assert cli("blame", "server/srv-3", "--json", cwd=old).json["fields"][0]["owner"]["claimant"] == (
        "file:servers.csv"
    )
    assert cli("plan", "--detailed-exitcode", cwd=old).code == 0
    assert cli("audit", "verify", cwd=old).code == 0


def test_a_stack_that_it_left_in_the_middle_is_finished_with_its_own_program(cli: Cli, old: Path) -> None:
    """Killed after its Record: the program is the one in the ledger, of that release."""
    # The ledger had not heard yet of what the engine did last.
    interrupt(old, second_plan(old), done=("record",))
    with sqlite3.connect(old / ".govcloud" / "ledger.db") as ledger:
        ledger.execute("update applied set digest = 'before' where uid = '411fd54151e6dc89'")
    before = objects(old)
    done = cli("runs", "resume", INTERRUPTED, cwd=old)
    assert done.code == 0, done
    assert objects(old) == before, "nothing is built twice"
    assert "srv-3" in cli("plan", cwd=old).out
    assert cli("apply", "pending.json", "--yes", cwd=old).code == 0
    assert cli("plan", "--detailed-exitcode", cwd=old).code == 0


def objects(place: Path) -> list[Any]:
    with sqlite3.connect(place / ".govcloud" / "store.db") as store:
        return store.execute("select * from object order by uid").fetchall()


def names(place: Path) -> dict[str, str]:
    """What the engine's states have: a resource's name by its object's id."""
    out = {}
    for path in (place / ".govcloud" / "state" / ".pulumi" / "stacks" / "govcloud").glob("*.json"):
        for resource in json.loads(path.read_text())["checkpoint"]["latest"]["resources"]:
            if resource["type"].startswith("govcloud:"):
                assert resource["id"] not in out, "an object is in one state, once"
                out[resource["id"]] = resource["urn"].rpartition("::")[2]
    return out


def test_its_resources_get_their_new_names_and_no_object_is_made_anew(cli: Cli, old: Path) -> None:
    """There a resource was called by its entry alone; an object is known by its incarnation, too."""
    before = {row[1]: row for row in objects(old)}
    assert set(names(old).values()) == set(before)
    base = old / "base.yaml"
    base.write_text(base.read_text().replace("vcpus: 2", "vcpus: 4").replace("role: border", "role: core"))
    assert cli("apply", "--yes", cwd=old).code == 0
    after = {row[1]: row for row in objects(old)}
    # Uid, incarnation and birth are what they were.
    assert [(*row[:4], row[-1]) for row in after.values()] == [(*row[:4], row[-1]) for row in before.values()]
    assert names(old) == {f"{uid}.1": f"{uid}.1" for uid in after}
    assert cli("plan", "--detailed-exitcode", cwd=old).code == 0
    assert cli("drift", cwd=old).code == 0


def test_what_it_built_is_replaced_as_ours_is(cli: Cli, old: Path) -> None:
    """The former incarnation goes by its old name, after the next one is there."""
    births = {row[1]: row[-1] for row in objects(old)}
    base = old / "base.yaml"
    base.write_text(base.read_text().replace("interface: net0", "interface: net1"))
    done = cli("apply", "--yes", cwd=old)
    assert done.code == 0, done
    after = {row[1]: row for row in objects(old)}
    assert len(after) == len(objects(old)) == 3
    assert {row[2] for row in after.values() if row[3] in ("Network", "Instance")} == {2}
    assert [uid for uid, row in after.items() if births[uid] == row[-1]] == ["4e9fa6c61fdaa2be"]
    assert names(old) | {"4e9fa6c61fdaa2be.1": ""} == {
        f"{uid}.{row[2]}": f"{uid}.{row[2]}" for uid, row in after.items()
    } | {"4e9fa6c61fdaa2be.1": ""}
    assert cli("plan", "--detailed-exitcode", cwd=old).code == 0
    assert cli("drift", cwd=old).code == 0


def test_a_run_that_it_left_in_the_middle_is_given_up(cli: Cli, old: Path) -> None:
    interrupt(old, second_plan(old), done=("record",))
    told = cli("runs", "cancel", INTERRUPTED, cwd=old)
    assert told.code == 0, told
    assert told.out == f"run {INTERRUPTED} is cancelled; `govcloud plan` shows what is left to do\n"
    done = cli("apply", "pending.json", "--yes", cwd=old)
    assert done.code == 0, done
    assert cli("plan", "--detailed-exitcode", cwd=old).code == 0
    assert cli("audit", "verify", cwd=old).code == 0


def test_a_run_with_a_plan_that_cannot_be_read_is_given_up(cli: Cli, old: Path) -> None:
    """A newer release was tried, and left a run behind: told, not a traceback."""
    interrupt(old, second_plan(old).replace(b'"version":1', b'"version":7'), done=("record",))
    refused = cli("runs", "resume", INTERRUPTED, cwd=old)
    assert refused.code == 5, refused
    assert "the plan is of format 7, which a newer release writes; this one reads 1 to 3" in refused.err
    assert f"govcloud runs cancel {INTERRUPTED}" in refused.err
    assert cli("runs", "cancel", INTERRUPTED, cwd=old).code == 0
    assert cli("apply", "--yes", cwd=old).code == 0


@pytest.mark.parametrize("command", [["ls"], ["plan"], ["apply", "pending.json", "--yes"]])
def test_what_is_derived_is_as_if_made_anew(cli: Cli, old: Path, command: list[str]) -> None:
    """Whatever command came first, and whatever it changed."""
    assert cli(*command, cwd=old).code == 0
    ledger = open_ledger(open_workspace(str(old)))
    with ledger.read() as connection:
        found = {name: sorted(connection.rows(f"SELECT * FROM {name}")) for name in DERIVED}
    assert all(found.values())
    with ledger.write() as connection:
        marks.rebuild(connection)
    with ledger.read() as connection:
        anew = {name: sorted(connection.rows(f"SELECT * FROM {name}")) for name in DERIVED}
    ledger.close()
    assert found == anew


def test_what_it_left_is_pruned_as_ours_is(cli: Cli, old: Path) -> None:
    (old / "retention.yaml").write_text(
        "profiles: {retention: {values: {plans_days: 0, runs_days: 0, keep_runs: 1}}}\n"
    )
    assert cli("apply", "--yes", cwd=old).code == 0
    assert cli("gc", "--yes", cwd=old).code == 0
    assert len(cli("runs", "list", "--json", cwd=old).json) == 1
    assert cli("plan", "--detailed-exitcode", cwd=old).code == 0
    assert cli("audit", "verify", cwd=old).code == 0


# -- what a newer release wrote -----------------------------------------------------------------------


def test_a_newer_plan_file_is_refused(cli: Cli, tmp_path: Path) -> None:
    records(tmp_path).write()
    assert cli("plan", "--out", "x.plan").code == 0
    plan = tmp_path / "x.plan"
    plan.write_bytes(plan.read_bytes().replace(b'"version":3', b'"version":4,"more":{"new":1}'))
    refused = cli("apply", "x.plan", "--yes")
    assert refused.code == 2, refused
    assert refused.err == (
        "error: x.plan: the plan is of format 4, which a newer release writes; this one reads 1 to 3\n"
        "hint: apply it with that release, or plan again\n"
    )
    assert not (tmp_path / ".govcloud" / "ledger.db").exists()


@pytest.mark.parametrize("command", [["ls"], ["plan"], ["apply", "--yes"], ["gc", "--yes"], ["runs", "list"]])
def test_a_newer_ledger_is_refused_by_every_command(cli: Cli, tmp_path: Path, command: list[str]) -> None:
    records(tmp_path).write()
    assert cli("apply", "--yes").code == 0
    with sqlite3.connect(tmp_path / ".govcloud" / "ledger.db") as ledger:
        ledger.execute("update alembic_version set version_num = '9999'")
    ledger.close()
    before = (tmp_path / ".govcloud" / "ledger.db").read_bytes()
    refused = cli(*command)
    assert refused.code == 1, refused
    words = "the ledger was written by a newer release: its tables are of version 9999, this one knows "
    assert words in refused.err
    assert "hint: use that release, or the newest" in refused.err
    assert (tmp_path / ".govcloud" / "ledger.db").read_bytes() == before


def test_newer_settings_are_refused(cli: Cli, tmp_path: Path) -> None:
    """Before anything else in them is judged: they may say what only that release knows."""
    (tmp_path / "govcloud.yaml").write_text("version: 2\nenvironment: tiny\nsites: {a: b}\n")
    refused = cli("plan")
    assert refused.code == 2, refused
    assert refused.err == (
        "error: govcloud.yaml: `version` is 2, which a newer release writes; this one reads 1\n"
        "hint: use that release, or the newest\n"
    )


def test_a_newer_heads_file_is_told(cli: Cli, tmp_path: Path) -> None:
    records(tmp_path).write()
    assert cli("apply", "--yes").code == 0
    heads = tmp_path / ".govcloud" / "audit-heads.jsonl"
    heads.write_bytes(heads.read_bytes().replace(b'"version":1', b'"version":2', 1))
    told = cli("audit", "verify")
    assert told.code == 1, told
    assert "audit-heads.jsonl:1 is of format 2, which a newer release writes; this one reads 1" in told.out


def test_a_newer_cache_is_as_good_as_none(cli: Cli, tmp_path: Path) -> None:
    records(tmp_path).write()
    assert cli("plan").code == 0
    cache = tmp_path / ".govcloud" / "cache" / "source"
    for file in cache.iterdir():
        file.write_bytes(b"of another release")
    assert cli("validate", "--json").code == 0
    assert cli("apply", "--yes").code == 0
    assert cli("ls", "--json").json == {"region": 2, "zone": 1}


def test_the_page_of_formats_names_the_versions_of_this_release() -> None:
    """Whoever raises a version tells what is read from then on."""
    from govcloud import workspace
    from govcloud.ledger import heads, store
    from govcloud.plan import stages
    from govcloud.run import segments
    from govcloud.source import cache

    page = (Path(__file__).parent.parent / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line[:2] == "| "
    ]
    told = {row[0]: row[2] for row in rows if len(row) == 5}
    for what, version in {
        "settings": workspace.VERSION,
        "ledger": store.SCHEMA_HEAD,
        "plan file, plan of a run": stages.FORMAT,
        "heads of the audit trail": heads.VERSION,
        "segments of a run": segments.VERSION,
        "caches": cache.FORMAT,
    }.items():
        assert told[what].split(",")[0] == str(version), what
