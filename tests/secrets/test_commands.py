"""`govcloud secrets …` as it is typed, on a workspace that only records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Result
from tests.store_province import TARGET, Province, province, records

Cli = Callable[..., Result]
VALUE = "cnry-5b1f20-of-the-commands"


@pytest.fixture
def recorded(tmp_path: Path, cli: Cli) -> Province:
    """Secrets of three origins, accepted."""
    made = records(tmp_path / "w")
    made.tables["secrets"] = {
        "in-file": {"origin": "file", "path": "value"},
        "by-command": {"origin": "command", "command": ["cat", "value"]},
        "in-env": {"origin": "env", "variable": "NOT_SET_ANYWHERE"},
    }
    made.write()
    value = made.root / "value"
    value.touch(0o600)
    value.write_text(f"{VALUE}\n")
    done = cli("apply", "--yes", cwd=made.root)
    assert done.code == 0, done
    return made


def test_list_says_where_and_check_says_whether(recorded: Province, cli: Cli) -> None:
    listed = cli("secrets", "list", "--json", cwd=recorded.root).json
    assert listed[0] == {"name": "by-command", "kept": "command cat", "files": [], "targets": []}
    checked = cli("secrets", "check", "--json", cwd=recorded.root)
    assert checked.code == 3
    assert {one["name"]: one["trouble"] for one in checked.json} == {
        "secret/by-command": "",
        "secret/in-env": "env NOT_SET_ANYWHERE: the variable is not set",
        "secret/in-file": "",
        "the key of versions": "",
        "the passphrase of the state": "",
    }
    assert VALUE not in checked.out
    there = cli("secrets", "check", cwd=recorded.root, env={"NOT_SET_ANYWHERE": "x" * 9})
    assert there.code == 0, there


def test_a_command_that_changed_must_be_allowed_again(recorded: Province, cli: Cli) -> None:
    fields = recorded.tables["secrets"]["by-command"]
    fields["command"] = ["cat", "./value"]
    recorded.write()
    unconfirmed = cli("secrets", "allow", "by-command", cwd=recorded.root)
    assert unconfirmed.code == 4 and "['cat', './value']" in unconfirmed.out
    done = cli("secrets", "allow", "by-command", "--yes", "--json", cwd=recorded.root)
    assert done.json == {"secret": "by-command", "command": ["cat", "./value"]}
    for name, words in (("in-file", "it runs no command"), ("nobody", "no secret is called 'nobody'")):
        refused = cli("secrets", "allow", name, cwd=recorded.root)
        assert refused.code == 2 and words in refused.err


def test_what_is_said_wrong_has_its_place(recorded: Province, cli: Cli) -> None:
    del recorded.tables["secrets"]["in-file"]["path"]
    recorded.write()
    told = cli("validate", cwd=recorded.root)
    assert told.code == 2
    assert f"base.yaml:{recorded.line_of('in-file')}" in told.err and "needs `path`" in told.err, told
    recorded.settings["secrets"] = {"passphrase": {"origin": "env"}, "vault": {"address": "https://v"}}
    recorded.write()
    told = cli("plan", cwd=recorded.root)
    assert told.code == 2
    assert "`secrets.passphrase`: `origin: env` needs `variable`" in told.err
    assert "`secrets.vault` needs either `token`, or `role` with `secret_id`" in told.err


def test_two_secrets_for_one_file_are_a_fault(recorded: Province, cli: Cli) -> None:
    recorded.node("gate", target="")
    one = {"secret": "in-file", "hosts": ["node/gate"], "path": "web/key"}
    recorded.tables["secret_files"] = {"a": one, "b": one | {"secret": "in-env"}}
    recorded.write()
    told = cli("validate", cwd=recorded.root)
    assert told.code == 2 and "web/key on node/gate is the file of secret_file/a already" in told.err, told
    for path in ("/etc/shadow", "../x/y", "key", "web/../../y"):
        recorded.tables["secret_files"] = {"a": one | {"path": path}}
        recorded.write()
        told = cli("validate", cwd=recorded.root)
        assert told.code == 2 and "secret_file" in told.err, (path, told)


def test_a_new_key_of_versions_is_in_the_audit_trail(recorded: Province, cli: Cli) -> None:
    assert cli("secrets", "rotate-version-key", "--json", cwd=recorded.root).json == {"renewed": True}
    log = cli("audit", "log", "--json", cwd=recorded.root).json
    assert "version key renewed" in str(log)


def test_no_command_sees_who_typed_it(recorded: Province, cli: Cli) -> None:
    """Neither in its own environment nor in that of the process that started it."""
    script = "{ env; tr '\\0' '\\n' < /proc/$PPID/environ; } > seen; echo the-value"
    recorded.tables["secrets"]["by-command"]["command"] = ["sh", "-c", script]
    recorded.write()
    token = "cnry-0d7e11-of-a-person"
    assert cli("secrets", "allow", "by-command", "--yes", cwd=recorded.root).code == 0
    assert cli("apply", "--yes", cwd=recorded.root).code == 0
    checked = cli("secrets", "check", "--json", cwd=recorded.root, env={"GOVCLOUD_TOKEN": token}, anew=True)
    assert {"name": "secret/by-command", "trouble": ""} in checked.json
    seen = (recorded.root / "seen").read_text()
    # What was started with is there, wiped; who asks for it has it still.
    assert "GOVCLOUD_TOKEN=---" in seen and token not in seen
    wrong = cli("whoami", cwd=recorded.root, env={"GOVCLOUD_TOKEN": token})
    assert wrong.code == 4 and "the token is nobody's" in wrong.err


def test_a_plan_runs_no_command_and_asks_no_vault_of_the_settings(tmp_path: Path, cli: Cli) -> None:
    made = province(tmp_path / "w")
    made.tables["targets"][TARGET]["credentials"] = "in-vault"
    host = f"node/{next(iter(made.tables['nodes']))}"
    made.tables["secrets"] = {"in-file": {"origin": "file", "path": "value"}}
    made.tables["secret_files"] = {"a": {"secret": "in-file", "hosts": [host], "path": "web/key"}}
    key = {"origin": "command", "command": ["sh", "-c", "touch ran; echo 0123456789abcdef"]}
    vault = {"address": "http://127.0.0.1:9", "token": {"origin": "command", "command": ["touch", "asked"]}}
    made.settings["secrets"] = {"version_key": key, "vault": vault}
    made.tables["secrets"]["in-vault"] = {"origin": "vault", "path": "x"}
    made.tables["secret_files"]["b"] = {"secret": "in-vault", "hosts": [host], "path": "web/other"}
    made.write()
    value = made.root / "value"
    value.touch(0o600)
    value.write_text(f"{VALUE}\n")
    marks = [made.root / "ran", made.root / "asked"]

    planned = cli("plan", cwd=made.root)
    assert planned.code == 0 and not any(mark.exists() for mark in marks), planned
    refused = cli("apply", "--yes", cwd=made.root)
    assert refused.code == 1 and "`secrets.vault` of govcloud.yaml names is a new one" in refused.err, refused
    assert "`govcloud secrets allow secrets.vault`" in refused.err and made.rows() == []
    checked = cli("secrets", "check", "--json", cwd=made.root)
    trouble = {one["name"]: one["trouble"] for one in checked.json}
    assert "`govcloud secrets allow secrets.version_key`" in trouble["the key of versions"]
    assert not any(mark.exists() for mark in marks)

    unconfirmed = cli("secrets", "allow", "secrets.vault", cwd=made.root)
    assert unconfirmed.code == 4
    assert "sends to http://127.0.0.1:9: what ['touch', 'asked'] writes" in unconfirmed.out
    done = cli("secrets", "allow", "secrets.version_key", "--yes", "--json", cwd=made.root)
    assert done.json == {"secret": "secrets.version_key", "command": key["command"]}
    checked = cli("secrets", "check", "--json", cwd=made.root)
    assert {"name": "the key of versions", "trouble": ""} in checked.json
    assert [mark.exists() for mark in marks] == [True, False]
    key["command"] = ["sh", "-c", "touch asked; echo 0123456789abcdef"]
    made.write()
    checked = cli("secrets", "check", "--json", cwd=made.root)
    assert "is a new one" in checked.out and not marks[1].exists()
