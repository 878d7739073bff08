"""The ledger as a whole: who may read it, what it is bound to, and writers at the same time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from govcloud.errors import ConflictError, GovcloudError, InputError
from govcloud.ledger import Ledger, audit, building, entries, open_ledger, runs
from govcloud.ledger import connection as shared
from govcloud.ledger.building import Applied, Intent, Observed
from govcloud.ledger.runs import Status
from govcloud.ledger.verifying import verify
from govcloud.workspace import Settings, Workspace
from tests.stores import only_sqlite

Cli = Callable[..., Any]


@only_sqlite
def test_only_its_owner_may_read_it(ledger: Ledger, workspace: Workspace) -> None:
    with ledger.write() as connection:
        audit.append(connection, "me", "x", {})
    assert workspace.private.stat().st_mode & 0o777 == 0o700
    files = [p for p in workspace.private.rglob("*") if p.is_file()]
    assert {"ledger.db", "audit-heads.jsonl"} <= {p.name for p in files}
    assert {p.name: oct(p.stat().st_mode & 0o777) for p in files} == {p.name: "0o600" for p in files}


def test_a_missing_ledger_is_empty_and_reading_makes_none(workspace: Workspace) -> None:
    ledger = open_ledger(workspace)
    with ledger.read() as connection:
        assert entries.current(connection) == {}
    assert list(workspace.root.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(environment="other"), "environment 'tiny', this workspace says 'other'"),
        (Settings(environment="tiny", layers=["base", "prod"]), "layers '', this workspace says 'base,prod'"),
        (Settings(environment="tiny", state="file://elsewhere"), "state 'file://.govcloud/state'"),
    ],
)
def test_what_it_is_bound_to(
    ledger: Ledger, tmp_path: Path, store: str, settings: Settings, words: str
) -> None:
    settings.ledger = store
    with pytest.raises(InputError) as error:
        open_ledger(Workspace(tmp_path, settings))
    assert [p for p in error.value.problems if words in p.message], error.value.problems
    assert "govcloud init" in error.value.hint


def test_writers_at_once_wait_for_each_other(ledger: Ledger, workspace: Workspace) -> None:
    """Each row follows the one before it: nobody read a head that another was about to move."""

    def write(number: int) -> None:
        own = open_ledger(workspace)
        for _ in range(10):
            with own.write() as connection:
                audit.append(connection, f"writer-{number}", "x", {})
        own.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    report = verify(ledger)
    assert (report.rows, report.wrong, report.unsigned) == (40, [], [])


def test_a_reader_sees_one_state_while_others_write(ledger: Ledger) -> None:
    with ledger.read() as connection:
        assert audit.head(connection)[0] == 0
        with ledger.write() as other:
            audit.append(other, "me", "x", {})
        assert audit.head(connection)[0] == 0
    with ledger.read() as connection:
        assert audit.head(connection)[0] == 1


FIRST = """
import sys
from pathlib import Path
from govcloud.ledger import open_ledger
from govcloud.workspace import Settings, Workspace
workspace = Workspace(Path(sys.argv[1]), Settings(environment="tiny", ledger=sys.argv[2]))
input()
open_ledger(workspace, create=True)
"""


def test_two_first_commands_at_once_make_one_ledger(tmp_path: Path, workspace: Workspace, store: str) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", FIRST, str(tmp_path), store],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [(process.communicate()[1], process.returncode) for process in both]
    assert ended == [("", 0)] * 3
    open_ledger(workspace).close()


def test_another_binding_between_looking_and_writing_is_seen(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that comes second finds what the first has bound, and neither fails."""
    from govcloud.ledger import store

    open_ledger(workspace, create=True).close()
    real, calls = store.settings, []

    def late(connection: Any) -> dict[str, str]:
        calls.append(1)
        return {} if len(calls) == 1 else real(connection)

    monkeypatch.setattr(store, "settings", late)
    open_ledger(workspace).close()
    calls.clear()
    with pytest.raises(InputError):
        workspace.settings.environment = "other"
        open_ledger(workspace)


@only_sqlite
def test_what_is_no_ledger_is_told_in_a_sentence(cli: Cli, workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "govcloud.yaml").write_text("environment: tiny\n")
    workspace.prepare()
    (workspace.private / "ledger.db").write_text("this is a letter, not a ledger\n" * 50)
    for command in (["ls"], ["plan"], ["apply", "--yes"], ["runs", "list"], ["audit", "verify"]):
        result = cli(*command)
        assert result.code == 1, result
        assert "error: the ledger cannot be used: file is not a database" in result.err


def test_a_writer_that_never_ends_is_told_of(
    ledger: Ledger, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "PATIENCE", 0.05)
    other = open_ledger(workspace)
    with (
        ledger.write(),
        pytest.raises(ConflictError, match="somebody else is writing"),
        other.write(),
    ):
        pass
    other.close()


def applied(uid: str, scope: str = "stack:network-1") -> Applied:
    return Applied(scope, uid, 1, "d", {"type": "Node"})


def test_what_is_built_is_known_by_scope_and_entry(ledger: Ledger) -> None:
    with ledger.write() as connection:
        building.set_applied(connection, "r", [applied("a"), applied("b"), applied("a", "host:a")])
        building.set_applied(connection, "r", [applied("a")])
        building.forget_applied(connection, "stack:network-1", ["b"])
        building.forget_applied(connection, "host:a")
        assert building.all_applied(connection) == {("stack:network-1", "a", 1): applied("a")}


def test_a_sight_of_one_target_replaces_only_what_was_seen_there(ledger: Ledger) -> None:
    def seen(object: str, target: str, status: str = "present") -> Observed:
        return Observed(object, object[0], target, status, {})

    with ledger.write() as connection:
        building.replace_observed(connection, ["x", "y"], [seen("a.1", "x"), seen("b.1", "y", "missing")])
        building.replace_observed(connection, ["x"], [seen("c.1", "x", "extra")])
        assert [o.object for o in building.all_observed(connection)] == ["b.1", "c.1"]
        building.forget_observed(connection, ["b"])
        assert [o.object for o in building.all_observed(connection, deviating=True)] == ["c.1"]
        assert building.all_observed(connection, uid="b") == []


def test_intents_stand_until_their_stack_is_settled(ledger: Ledger) -> None:
    def intent(object: str, stack: str) -> Intent:
        return Intent(object, stack, "Node", "shelf", {}, "r")

    with ledger.write() as connection:
        building.add_intents(connection, [intent("a.1", "network-1"), intent("b.1", "cloud-1")])
        building.add_intents(connection, [intent("a.1", "network-1")])
        building.settle_intents(connection, "cloud-1", ["a.1", "b.1", "c.1"])
        assert [i.object for i in building.intents(connection)] == ["a.1"]


def test_a_run_is_found_by_the_beginning_of_its_id(ledger: Ledger) -> None:
    with ledger.write() as connection:
        for id in ("20260101-a", "20260101-b", "20260101-b2", "2026_"):
            runs.create(
                connection, id=id, plan="p", effect="e", title="t", actor="me", stages=[("s", "k", "t")]
            )
        assert runs.get(connection, "20260101-a").status is Status.RUNNING
        assert runs.get(connection, "20260101-b").id == "20260101-b"  # exact before longer ones
        assert runs.get(connection, "2026_").id == "2026_"
        for wrong, words in (("20260101", "several runs"), ("1999", "there is no run")):
            with pytest.raises(InputError) as error:
                runs.get(connection, wrong)
            assert words in error.value.problems[0].message


def test_giving_up_a_run_leaves_no_stage_running(ledger: Ledger) -> None:
    with ledger.write() as connection:
        names = [("a", "record", "t"), ("b", "stack", "t"), ("c", "stack", "t")]
        runs.create(connection, id="r", plan="p", effect="e", title="t", actor="me", stages=names)
        runs.begin_stage(connection, "r", "a")
        runs.end_stage(connection, "r", "a", Status.DONE, {})
        runs.begin_stage(connection, "r", "b")
        runs.give_up(connection, "r")
        assert [str(s.status) for s in runs.stages(connection, "r")] == ["done", "stopped", "pending"]
        assert runs.unfinished(connection) == []


def test_errors_inside_a_transaction_pass_as_they_are(ledger: Ledger) -> None:
    with pytest.raises(GovcloudError, match="my own"), ledger.write():
        raise GovcloudError("my own")


def test_a_ledger_of_a_newer_release_is_told_so(workspace: Workspace) -> None:
    """Its tables may mean what this release does not know."""
    ledger = open_ledger(workspace, create=True)
    with ledger.write() as connection:
        connection.run("UPDATE alembic_version SET version_num = '9999'")
    ledger.close()
    with pytest.raises(GovcloudError, match="written by a newer release"):
        open_ledger(workspace)


@pytest.mark.parametrize("url", ["mysql://me:secret@db/ledger", "postgresql+asyncpg://me:secret@db/l", "x"])
@only_sqlite
def test_another_database_is_refused_in_a_sentence(workspace: Workspace, url: str) -> None:
    workspace.settings.ledger = url
    with pytest.raises(InputError) as refused:
        open_ledger(workspace)
    assert "is no database that we know" in str(refused.value.problems[0])
    assert "secret" not in f"{refused.value.problems} {refused.value.hint}"
