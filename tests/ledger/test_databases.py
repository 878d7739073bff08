"""The two ways to a database give the same answers, and new tables are what the migrations make."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config

from govcloud.ledger import Ledger, building, entries, evidence, leases, open_ledger, runs, store
from govcloud.ledger.alchemy import Alchemy
from govcloud.ledger.building import Applied, Intent, Observed
from govcloud.ledger.entries import ClaimRow
from govcloud.ledger.evidence import Evidence
from govcloud.ledger.leases import Holder
from govcloud.ledger.runs import Status
from govcloud.plan.stages import EntryChange
from govcloud.workspace import Workspace


@pytest.fixture(params=["sqlite", "sqlalchemy"])
def either(request: pytest.FixtureRequest, ledger: Ledger, workspace: Workspace) -> Iterator[Ledger]:
    if request.param == "sqlite":
        yield ledger
        return
    database = Alchemy(workspace.ledger_url)
    yield Ledger(database, ledger.anchor)
    database.close()


def test_entries_and_claims(either: Ledger) -> None:
    changes = [EntryChange("create", u, "node", u, 1, None, {"role": "core"}) for u in ("a", "b")]
    with either.write() as connection:
        entries.open_revision(connection, actor="me", run=None, commit="c", message="")
        entries.accept(connection, 1, changes)
        entries.accept(connection, 1, changes)
        entries.withdraw(connection, 2, ["b"])
        row = ClaimRow("node", "a", "file:x", 3, {"role": "core"})
        entries.replace_claims(connection, 1, "file:", [row, ClaimRow("node", "b", "file:x", 4, {})])
        entries.replace_claims(connection, 2, "file:", [row])
        entries.replace_claims(connection, 2, "pin:", [ClaimRow("node", "a", "pin:1", 0, {})])
    with either.read() as connection:
        assert {k: e.fields for k, e in entries.current(connection, kind="node").items()} == {
            ("node", "a"): {"role": "core"}
        }
        assert entries.current(connection, kind="link") == {}
        assert entries.former_names(connection) == {("node", "a"): 1, ("node", "b"): 1}
        assert len(entries.claims(connection)) == 2
        assert entries.claims(connection, apart_from="pin:") == [row]
        assert entries.claims(connection, of=("node", "b")) == []
        assert entries.last_commit(connection) == "c"


def test_what_is_built_seen_and_measured(either: Ledger) -> None:
    built = Applied("stack:x", "a", 1, "d", {"n": 1})
    seen = Observed("a.1", "a", "t", "missing", {})
    sent = Intent("a.1", "x", "Node", "t", {}, "r")
    with either.write() as connection:
        for _ in range(2):
            building.set_applied(connection, "r", [built])
            building.replace_observed(connection, ["t"], [seen])
            building.add_intents(connection, [sent])
            evidence.keep(connection, "r", "s", [Evidence("node/a", "ping", True, 1.5, "ms", {})])
    with either.read() as connection:
        assert building.all_applied(connection, uid="a") == {("stack:x", "a"): built}
        assert building.all_applied(connection, uid="b") == {}
        assert [o.object for o in building.all_observed(connection, uid="a", deviating=True)] == ["a.1"]
        assert building.intents(connection, "x") == [sent]
        assert building.intents(connection, "y") == []
        (measured,) = evidence.of(connection, "node/a", "r")
        assert (measured.ok, measured.value) == (True, 1.5)


def test_runs_and_leases(either: Ledger) -> None:
    with either.write() as connection:
        assert leases.take(connection, "run", Holder.me()) == 1
        assert leases.take(connection, "run", Holder.me()) == 2
        digest = runs.put_blob(connection, b"\0plan")
        runs.create(connection, id="r", plan=digest, effect="", title="", actor="", stages=[("s", "k", "")])
        runs.begin_stage(connection, "r", "s")
    with either.write(("run", 2)) as connection:
        assert runs.get_blob(connection, digest) == b"\0plan"
        (stage,) = runs.stages(connection, "r")
        assert (stage.status, stage.attempt) == (Status.RUNNING, 1)


def test_a_failure_takes_back_what_was_written(either: Ledger) -> None:
    with pytest.raises(RuntimeError), either.write() as connection:
        runs.put_blob(connection, b"x")
        raise RuntimeError
    with either.read() as connection:
        assert connection.scalar("SELECT count(*) FROM blob") == 0


def _tables(url: str) -> dict[str, object]:
    engine = sqlalchemy.create_engine(url)
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
    ledger: Ledger, workspace: Workspace, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'migrated.db'}"
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, store.SCHEMA_HEAD)
    engine.dispose()
    assert _tables(workspace.ledger_url) == _tables(url)
    # And a later command finds nothing to do.
    open_ledger(workspace).close()


def test_reading_needs_no_sqlalchemy(ledger: Ledger, workspace: Workspace) -> None:
    program = (
        "import sys; from pathlib import Path; from govcloud.ledger import entries, open_ledger;"
        "from govcloud.workspace import Settings, Workspace;"
        f"w = Workspace(Path({str(workspace.root)!r}), Settings(environment='tiny'));\n"
        "with open_ledger(w).read() as c: entries.current(c)\n"
        "sys.exit('sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
