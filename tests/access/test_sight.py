"""What is classified is left out for those who may not read it: the entry, what belongs to it, its past."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from govcloud.access import Identity, hidden_uids
from govcloud.ledger import open_ledger
from govcloud.workspace import open_workspace
from tests.access.office import Office


@pytest.fixture
def secrets(locked: Office) -> Office:
    """A classified application with a component, one made out of that, and a programme that lists it."""
    locked.tables["applications"] = {
        "portal": {"unit": "bureau", "title": "门户"},
        "vault": {"unit": "bureau", "title": "保密系统", "classified": True},
    }
    locked.tables["components"] = {
        "seal": {"type": "seal", "unit": "bureau", "application": "vault"},
        "login": {"type": "identity", "unit": "bureau", "application": "portal"},
    }
    locked.tables["programmes"] = {
        "phase-one": {"unit": "bureau", "applications": ["portal", "vault"]},
        "phase-two": {"unit": "bureau", "applications": ["portal"]},
    }
    done = locked.apply(by="admin")
    assert done.code == 0, done
    return locked


def names(office: Office, kind: str, by: str, *more: str) -> list[str]:
    return [e["name"] for e in office.run("ls", kind, "--json", *more, by=by).json]


def test_lists_leave_it_out_and_say_how_many(secrets: Office) -> None:
    assert names(secrets, "application", "reader") == ["portal"]
    assert names(secrets, "component", "reader") == ["login"]
    assert names(secrets, "programme", "reader") == ["phase-two"]
    assert names(secrets, "application", "admin") == ["portal", "vault"]
    result = secrets.run("ls", by="reader")
    assert "3 entries are classified and left out" in result.err
    assert secrets.run("ls", "--json", by="reader").json["application"] == 1
    assert "left out" not in secrets.run("ls", by="admin").err


def test_nothing_that_reads_gives_it_away(secrets: Office) -> None:
    for command in (
        ["ls", "application"],
        ["ls", "programme"],
        ["show", "application/portal"],
        ["show", "unit/bureau", "--json"],
        ["search", "bureau"],
        ["tree", "unit"],
        ["history"],
        ["diff", "1", "2"],
        ["portrait", "portal"],
    ):
        text = secrets.run(*command, by="reader").out
        assert "vault" not in text, command
        assert "保密" not in text, command
    assert secrets.run("search", "保密", "--json", by="reader").json["total"] == 0


def test_asking_for_it_by_name_is_refused_and_written_down(secrets: Office) -> None:
    for subject in ("application/vault", "component/seal", "programme/phase-one"):
        result = secrets.run("show", subject, by="reader")
        assert result.code == 4, result
        assert f"{subject} is classified, or belongs to what is: `read_classified` is missing" in result.err
        assert "admin could" in result.err
    assert [r["action"] for r in secrets.log()[-3:]] == ["denied"] * 3
    assert secrets.run("show", "application/vault", by="admin").code == 0
    assert secrets.run("show", "application/vault2", by="reader").code == 2


def test_it_has_no_past_either(secrets: Office) -> None:
    """Neither what was classified once and is not now, nor what is withdrawn, with what belonged to it."""
    del secrets.tables["applications"]["vault"]
    del secrets.tables["components"]["seal"]
    secrets.tables["programmes"]["phase-one"]["applications"] = ["portal"]
    assert secrets.apply(by="admin").code == 0
    assert names(secrets, "application", "reader", "--as-of", "2") == ["portal"]
    assert names(secrets, "component", "reader", "--as-of", "2") == ["login"]
    assert names(secrets, "component", "admin", "--as-of", "2") == ["login", "seal"]


def test_what_shows_all_or_nothing_shows_nothing(secrets: Office) -> None:
    assert secrets.run("inventory", "--list", by="reader").code == 4
    assert secrets.run("inventory", "--list", by="admin").code == 0


def test_without_roles_nothing_is_hidden_and_nobody_is_asked(office: Office) -> None:
    office.tables["applications"]["vault"] = {"unit": "bureau", "classified": True}
    assert office.apply().code == 0
    assert names(office, "application", "") == ["vault"]
    # A wrong token does not matter where nothing depends on who it is.
    assert office.run("ls", env={"GOVCLOUD_TOKEN": "wrong"}).code == 0


def test_with_nothing_classified_nothing_is_hidden(locked: Office) -> None:
    with open_ledger(open_workspace(str(locked.root))).read() as connection:
        assert hidden_uids(connection, Identity("", "x@y", "os")) == frozenset()


def test_a_reader_imports_nothing_heavy(secrets: Office) -> None:
    code = (
        "import sys, json; from govcloud.cli.main import main\n"
        "try: main(['ls', 'application', '--json'])\n"
        "except SystemExit: sys.stderr.write(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=secrets.root,
        env=os.environ | {"GOVCLOUD_TOKEN": "reader-secret"},
        capture_output=True,
        text=True,
    )
    modules = set(json.loads(done.stderr.splitlines()[-1]))
    assert modules & {"cryptography", "sqlalchemy", "alembic", "pulumi", "dbos"} == set()


def test_a_plan_tells_what_would_happen_and_not_to_what(secrets: Office, tmp_path: Path) -> None:
    """Somebody with other files plans: what they would take away is counted, not named nor shown."""
    file = tmp_path / "taken.plan"
    del secrets.tables["applications"]["vault"]
    del secrets.tables["components"]["seal"]
    del secrets.tables["programmes"]["phase-one"]
    secrets.tables["units"]["bureau"]["title"] = "某局"
    secrets.write()
    for command in (["plan"], ["plan", "--markdown"], ["plan", "--json"]):
        result = secrets.run(*command, by="planner")
        assert result.code == 0, result
        for word in ("vault", "seal", "保密系统", "phase-one"):
            assert word not in result.out, (command, word)
        assert "某局" in result.out
        assert "(classified)" in result.out
    refused = secrets.run("plan", "--out", file, by="planner")
    assert refused.code == 4, refused
    assert "`read_classified` is missing" in refused.err
    assert not file.exists()
    assert "application/vault" in secrets.run("plan", by="admin").out
