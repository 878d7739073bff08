"""Every store gives the same answers, and new tables are what the migrations make."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govcloud.errors import GovcloudError
from govcloud.ledger import Ledger, building, entries, evidence, leases, open_ledger, runs, store
from govcloud.ledger.building import Applied, Intent, Observed
from govcloud.ledger.claims import ClaimChanges, ClaimRow, change_claims, claims
from govcloud.ledger.evidence import Evidence
from govcloud.ledger.leases import Holder
from govcloud.ledger.pgstatements import at_once, translated
from govcloud.ledger.runs import Status
from govcloud.plan.stages import EntryChange
from govcloud.workspace import Workspace


def test_entries_and_claims(ledger: Ledger) -> None:
    changes = [EntryChange("create", u, "node", u, 1, None, {"role": "core"}) for u in ("a", "b")]
    with ledger.write() as connection:
        entries.open_revision(connection, actor="me", run=None, commit="c", message="")
        entries.accept(connection, 1, changes)
        entries.accept(connection, 1, changes)
        entries.withdraw(connection, 2, ["b"])
        row = ClaimRow("node", "a", "file:x", 3, {"role": "core"})
        gone, pin = ClaimRow("node", "b", "file:x", 4, {}), ClaimRow("node", "a", "pin:1", 0, {})
        change_claims(connection, 1, ClaimChanges((row, gone)))
        change_claims(connection, 2, ClaimChanges((pin,), ended=(gone.claim_key,)))
    with ledger.read() as connection:
        assert {k: e.fields for k, e in entries.current(connection, kind="node").items()} == {
            ("node", "a"): {"role": "core"}
        }
        assert entries.current(connection, kind="link") == {}
        assert entries.former_names(connection, [("node", "a"), ("node", "b")]) == {
            ("node", "a"): 1,
            ("node", "b"): 1,
        }
        assert len(claims(connection)) == 2
        assert claims(connection, apart_from="pin:") == [row]
        assert claims(connection, of=("node", "b")) == []
        assert entries.last_commit(connection) == "c"


def test_what_is_built_seen_and_measured(ledger: Ledger) -> None:
    built = Applied("stack:x", "a", 1, "d", {"n": 1})
    seen = Observed("a.1", "a", "t", "missing", {})
    sent = Intent("a.1", "x", "Node", "t", {}, "r")
    with ledger.write() as connection:
        for _ in range(2):
            building.set_applied(connection, "r", [built])
            building.replace_observed(connection, ["t"], [seen])
            building.add_intents(connection, [sent])
            evidence.keep(connection, "r", "s", [Evidence("node/a", "ping", True, 1.5, "ms", {})])
    with ledger.read() as connection:
        assert building.all_applied(connection, uid="a") == {("stack:x", "a", 1): built}
        assert building.all_applied(connection, uid="b") == {}
        assert [o.object for o in building.all_observed(connection, uid="a", deviating=True)] == ["a.1"]
        assert building.intents(connection, "x") == [sent]
        assert building.intents(connection, "y") == []
        (measured,) = evidence.of(connection, "node/a", "r")
        assert (measured.ok, measured.value) == (True, 1.5)


def test_runs_and_leases(ledger: Ledger) -> None:
    with ledger.write() as connection:
        assert leases.take(connection, "run", Holder.me()) == 1
        assert leases.take(connection, "run", Holder.me()) == 2
        digest = runs.put_blob(connection, b"\0plan")
        runs.create(connection, id="r", plan=digest, effect="", title="", actor="", stages=[("s", "k", "")])
        runs.begin_stage(connection, "r", "s")
    with ledger.write(("run", 2)) as connection:
        assert runs.get_blob(connection, digest) == b"\0plan"
        (stage,) = runs.stages(connection, "r")
        assert (stage.status, stage.attempt) == (Status.RUNNING, 1)


def test_a_failure_takes_back_what_was_written(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.write() as connection:
        runs.put_blob(connection, b"x")
        raise RuntimeError
    with ledger.read() as connection:
        assert connection.scalar("SELECT count(*) FROM blob") == 0


def test_a_failed_statement_does_not_pass_for_a_written_one(ledger: Ledger) -> None:
    """A statement that failed and was caught: nothing before it may be told as written and be gone."""
    try:
        with ledger.write() as connection:
            runs.put_blob(connection, b"x")
            with contextlib.suppress(Exception):
                connection.run("INSERT INTO nowhere VALUES (1)")
    except GovcloudError as error:
        assert "a statement before had failed" in error.message
        written = 0
    else:
        written = 1
    with ledger.read() as connection:
        assert connection.scalar("SELECT count(*) FROM blob") == written


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("SELECT a FROM t WHERE b = :b AND c = :c_2", "SELECT a FROM t WHERE b = %(b)s AND c = %(c_2)s"),
        (
            "SELECT ':a', a::text, \":a\", 'it''s :b' -- :c\n, :d",
            "SELECT ':a', a::text, \":a\", 'it''s :b' -- :c\n, %(d)s",
        ),
        ("SELECT 7 % 4, '100%', :a::int", "SELECT 7 %% 4, '100%%', %(a)s::int"),
        ("SELECT '12:30:00', x[1:2]", "SELECT '12:30:00', x[1:2]"),
    ],
)
def test_statements_in_the_words_of_psycopg(statement: str, wanted: str) -> None:
    assert translated(statement) == wanted


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("INSERT INTO t VALUES (:a)", [{"a": 1}]),
        ("UPDATE t SET b = :b WHERE a = :a OR c = :a", [{"a": 1, "b": 1}]),
        ("UPDATE t SET b = :b WHERE a <> :a", [{"a": 1, "b": 1}]),
        ("UPDATE t SET b = :b WHERE a >= :a", [{"a": 1, "b": 1}]),
        ("UPDATE t SET b = :b WHERE a = :a", [{"a": 1, "b": 1}, {"a": 1, "b": 2}]),
        ("UPDATE t SET b = :b WHERE a = :a", [{"a": 1, "b": 1}, {"a": 2, "b": "x"}]),
        ("UPDATE t SET b = :b WHERE a = :a", [{"a": 1, "b": None}]),
        ("DELETE FROM t WHERE a IN (SELECT a FROM u WHERE b = :b)", [{"b": 1}]),
        ("DELETE FROM t WHERE a = :a", []),
    ],
)
def test_what_is_not_done_at_once(statement: str, values: list[dict[str, Any]]) -> None:
    """Where order or kind could count, each is a statement of its own."""
    assert at_once(statement, values) is None


KEYS = st.integers(0, 60)
WORD = st.none() | st.sampled_from(["", "x", "y", "'", "名 %s :a", "\\"])


@given(
    rows=st.dictionaries(KEYS, WORD, max_size=60),
    changes=st.lists(st.tuples(KEYS, WORD), max_size=60),
    gone=st.lists(KEYS, max_size=60),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_many_changes_are_what_one_after_the_other_makes(
    ledger: Ledger, rows: dict[int, Any], changes: list[tuple[int, Any]], gone: list[int]
) -> None:
    """At once or not, with a key twice or not: as a dictionary does it."""
    common = {"kind": "k", "claimant": "c", "line": 1, "fields": "{}", "since": 1}
    with ledger.write() as connection:
        connection.run("DELETE FROM claim")
        connection.insert("claim", [common | {"name": str(n), "fields": w or ""} for n, w in rows.items()])
        connection.run_many(
            "UPDATE claim SET fields = :word, line = :line WHERE kind = 'k' AND name = :name",
            [{"name": str(n), "word": w or "", "line": n} for n, w in changes],
        )
        connection.run_many("DELETE FROM claim WHERE name = :name", [{"name": str(n)} for n in gone])
        found = connection.rows("SELECT name, fields, line FROM claim")
    wanted = {n: (w or "", 1) for n, w in rows.items()}
    wanted |= {n: (w or "", n) for n, w in changes if n in rows}
    assert {int(n): (w, line) for n, w, line in found} == {n: v for n, v in wanted.items() if n not in gone}


# PostgreSQL's texts hold no NUL; the ledger's own texts are JSON, which writes it in letters.
TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "unit": st.text(TEXT, max_size=16),
                "value": st.none() | st.floats(allow_nan=False),
                "ok": st.booleans(),
                "at": st.floats(0, 4e9),
            }
        ),
        min_size=1,
        max_size=40,
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_put_in_comes_out(ledger: Ledger, rows: list[dict[str, Any]]) -> None:
    """One by one or by the thousand, with tabs, backslashes and Chinese in it; figures to the last bit."""
    common = {"run": "r", "stage": "s", "subject": "k/n", "name": "名称", "detail": "{}"}
    with ledger.write() as connection:
        connection.run("DELETE FROM evidence")
        connection.insert("evidence", [common | row for row in rows])
        found = connection.rows("SELECT unit, value, ok, at FROM evidence ORDER BY id")
    assert [(u, v, bool(ok), at) for u, v, ok, at in found] == [
        (row["unit"], row["value"], row["ok"], row["at"]) for row in rows
    ]


def _tables(url: str) -> dict[str, object]:
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    found = sqlalchemy.inspect(engine)
    tables: dict[str, object] = {
        name: (
            [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in found.get_columns(name)],
            found.get_pk_constraint(name)["constrained_columns"],
            sorted((i["name"] or "", i["column_names"], i["unique"]) for i in found.get_indexes(name)),
        )
        for name in found.get_table_names()
        if name != "alembic_version"
    }
    engine.dispose()
    return tables


def test_new_tables_are_what_the_migrations_make(
    ledger: Ledger, workspace: Workspace, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """From the first schema on, step by step, on the database that the ledger is on."""
    if workspace.ledger_url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path / 'migrated.db'}"
    else:
        url = request.getfixturevalue("second_database")
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, store.SCHEMA_HEAD)
    engine.dispose()
    assert _tables(workspace.ledger_url) == _tables(url)
    # And a later command finds nothing to do.
    open_ledger(workspace).close()


def test_tables_of_the_first_schema_are_brought_to_the_newest(workspace: Workspace) -> None:
    """Opening does it, whatever the database, and what was in them is still there."""
    workspace.prepare()
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    engine = sqlalchemy.create_engine(workspace.ledger_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql("INSERT INTO setting VALUES ('environment', 'tiny'), ('layers', '')")
        connection.exec_driver_sql("INSERT INTO setting VALUES ('state', 'file://.govcloud/state')")
        connection.exec_driver_sql("INSERT INTO blob VALUES ('d', 'x')")
    engine.dispose()
    opened = open_ledger(workspace)
    with opened.read() as connection:
        assert connection.scalar("SELECT version_num FROM alembic_version") == store.SCHEMA_HEAD
        assert connection.scalar("SELECT count(*) FROM quarantine") == 0
        assert connection.scalar("SELECT digest FROM blob") == "d"
    opened.close()


def test_ten_thousand_rows_are_written_changed_and_taken_away_within_a_second_each(ledger: Ledger) -> None:
    rows = [{"uid": f"{n:016x}", "kind": "server", "name": f"server-{n}", "since": 1} for n in range(10_000)]
    whole = [row | {"fields": "{}", "digest": "d" * 32} for row in rows]
    ends = [{"uid": row["uid"], "until": 2} for row in rows]
    # The best of three: what counts is what it costs, not who else is at work on this machine.
    took: list[dict[str, float]] = [{}, {}, {}]
    for one in took:
        with ledger.write() as connection:
            for what, action in (
                ("insert", lambda c: c.insert("accepted", whole)),
                ("replace", lambda c: c.replace("entry", ["uid"], rows)),
                ("update", lambda c: c.run_many("UPDATE accepted SET until = :until WHERE uid = :uid", ends)),
                ("delete", lambda c: c.run_many("DELETE FROM accepted WHERE uid = :uid", ends)),
            ):
                started = time.perf_counter()
                action(connection)
                one[what] = time.perf_counter() - started
    assert not [what for what in took[0] if min(one[what] for one in took) > 1], took


def test_reading_needs_no_sqlalchemy(ledger: Ledger, workspace: Workspace) -> None:
    program = (
        "import sys; from pathlib import Path; from govcloud.ledger import entries, open_ledger;"
        "from govcloud.workspace import Settings, Workspace;"
        "settings = Settings(environment='tiny', ledger=sys.argv[2]);"
        "w = Workspace(Path(sys.argv[1]), settings);\n"
        "with open_ledger(w).read() as c: entries.current(c)\n"
        "sys.exit('sqlalchemy' in sys.modules)"
    )
    argv = [sys.executable, "-c", program, str(workspace.root), workspace.settings.ledger]
    assert subprocess.run(argv, check=False).returncode == 0
