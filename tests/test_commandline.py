"""The command line as people type it: help, wrong words, JSON, pipes, and what a command may import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_province import Province, province

from govcloud.cli.main import COMMANDS
from govcloud.ledger import evidence, open_ledger
from govcloud.ledger.evidence import Evidence
from govcloud.workspace import open_workspace

Cli = Callable[..., Any]
GOVCLOUD = Path(sys.executable).with_name("govcloud")
pytestmark = pytest.mark.xdist_group("commandline")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Province:
    """A province that is built, looked at and measured, for tests that only read."""
    made = province(tmp_path_factory.mktemp("built"), nodes=2)
    made.tables["nodes"]["r2"] |= {"role": "access", "title": "二号", "invented": True}
    made.write()
    for command in (["apply", "--yes"], ["drift"]):
        subprocess.run([str(GOVCLOUD), *command], cwd=made.root, check=True, capture_output=True)
    ledger = open_ledger(open_workspace(str(made.root)))
    with ledger.write() as connection:
        rows = [
            Evidence("node/r1", "r1/reach/4", True, 1.25, "ms", {}),
            Evidence("node/r1", "r1/http/4", False, None, "", {"reason": "no answer"}),
        ]
        evidence.keep(connection, "run-1", "probe", rows)
    ledger.close()
    return made


SUBCOMMANDS = [
    *([name] for name in COMMANDS),
    *(["runs", name] for name in ("list", "show", "resume", "cancel")),
    *(
        ["audit", name]
        for name in ("verify", "log", "epoch", "compare", "quarantine", "rotate-key", "trust", "key")
    ),
    *(["lab", name] for name in ("up", "down", "status", "exec", "shell")),
]


def test_every_command_has_help(cli: Cli) -> None:
    for command in SUBCOMMANDS:
        result = cli(*command, "--help")
        assert result.code == 0, result
        assert result.out.startswith(f"Usage: govcloud {' '.join(command)}")
    for flag in ("-h", "--help"):
        text = cli(flag).out
        assert all(name in text for name in COMMANDS)
    assert cli("--version").out.strip().startswith("govcloud, version")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["aply"], "Did you mean 'apply'?"),
        (["drfit", "--json"], "Did you mean 'drift'?"),
        (["ls", "nod"], "did you mean node"),
        (["ls", "node", "rol=core"], "did you mean role=…?"),
        (["ls", "node", "role"], "should be FIELD=VALUE"),
        (["show", "node/r11"], "did you mean node/r1?"),
        (["show", "nodee/r1"], "did you mean node?"),
        (["show", "r1"], "node/r1?"),
        (["runs", "show", "1999"], "there is no run '1999'"),
        (["runs", "resume", "1999"], "`govcloud runs list` shows them"),
        (["runs", "cancel", "1999"], "there is no run '1999'"),
        (["plan", "--frob"], "No such option"),
        (["-C", "nowhere", "plan"], "no govcloud.yaml in nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_word_is_told_with_the_nearest(
    cli: Cli, place: Province, arguments: list[str], words: str
) -> None:
    result = cli(*arguments, cwd=place.root)
    assert result.code == 2, result
    assert words in result.err


@pytest.mark.parametrize(
    "command",
    ["ls", "plan", "apply", "destroy", "drift", "validate", "inventory", "runs list", "audit verify"],
)
def test_outside_a_workspace_it_says_how_to_make_one(cli: Cli, command: str) -> None:
    result = cli(*command.split())
    assert result.code == 2, result
    assert "no govcloud.yaml here or in any folder above" in result.err
    assert "govcloud init DIR" in result.err


def test_ls_counts_and_filters(cli: Cli, place: Province) -> None:
    def names(*arguments: str) -> list[str]:
        return [e["name"] for e in cli("ls", *arguments, "--json", cwd=place.root).json]

    assert cli("ls", "--json", cwd=place.root).json == {
        "link": 1,
        "node": 2,
        "region": 1,
        "target": 1,
        "zone": 1,
    }
    assert names("node") == names("nodes") == names("网络节点") == ["r1", "r2"]
    assert names("node", "role=access") == names("node", "invented=true") == ["r2"]
    assert names("node", "role=core", "zone=extranet") == ["r1"]
    # A field that is not said has its default.
    assert names("node", "invented=false") == ["r1"]
    assert names("link", "medium=fibre") == ["r1-r2"]
    # Figures as people write them.
    assert names("link", "bandwidth_mbps=100") == ["r1-r2"]
    assert names("node", "stack=network-1", "name=r1") == ["r1"]
    assert names("node", "role=border") == []
    text = cli("ls", "node", cwd=place.root).out
    assert "二号" in text
    assert "No node is accepted" in cli("ls", "node", "role=border", cwd=place.root).out


def test_show_tells_all_that_is_known(cli: Cli, place: Province) -> None:
    document = cli("show", "node/r1", "--json", cwd=place.root).json
    assert document["fields"]["role"] == "core"
    line = place.line_of("r1:")
    assert [(c["claimant"], c["line"]) for c in document["claims"]] == [("file:base.yaml", line)]
    assert [a["scope"] for a in document["applied"]] == ["stack:network-1"]
    assert [o["status"] for o in document["observed"]] == ["present"]
    assert document["referred_by"] == ["link/r1-r2"]
    assert {(e["name"], e["ok"]) for e in document["evidence"]} == {
        ("r1/reach/4", True),
        ("r1/http/4", False),
    }
    text = cli("show", "node/r1", cwd=place.root).out
    for words in (
        "node/r1",
        document["uid"],
        f"base.yaml:{line}",
        "stack:network-1",
        "present",
        "link/r1-r2",
    ):
        assert words in text
    assert "1.25 ms" in text
    assert "no answer" in text


@pytest.mark.parametrize(
    "command",
    [
        "ls",
        "ls node",
        "show node/r1",
        "plan",
        "validate",
        "runs list",
        "drift",
        "audit verify",
        "inventory --list",
    ],
)
def test_json_is_json(cli: Cli, place: Province, command: str) -> None:
    result = cli(*command.split(), "--json", cwd=place.root)
    assert result.code == 0, result
    assert result.json is not None
    assert result.err == ""


def test_every_command_takes_json() -> None:
    """All but those whose output is another program's (docs/first-steps.md)."""
    import click

    from govcloud.cli.main import govcloud

    def leaves(group: click.Group, path: tuple[str, ...]) -> list[tuple[str, click.Command]]:
        context = click.Context(group)
        found = []
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                found += leaves(command, (*path, name))
            else:
                found.append((" ".join((*path, name)), command))
        return found

    assert isinstance(govcloud, click.Group)
    without = {name for name, c in leaves(govcloud, ()) if not any("--json" in p.opts for p in c.params)}
    assert without == {"lab exec", "lab shell"}


def test_errors_as_json_too(cli: Cli, place: Province) -> None:
    document = cli("ls", "nod", "--json", cwd=place.root).json
    assert document["exit_code"] == 2
    assert document["problems"][0]["message"] == "there is no kind 'nod'"
    assert document["hint"].startswith("did you mean node")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["aply", "--json"], "Did you mean 'apply'?"),
        (["ls", "--json", "--frob"], "No such option"),
        (["search", "--json"], "Missing argument"),
        (["tree", "planet", "--json"], "is not one of"),
        (["apply", "--json", "--frob"], "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_usage_is_json_too(cli: Cli, tmp_path: Path, arguments: list[str], words: str) -> None:
    result = cli(*arguments)
    assert result.code == result.json["exit_code"] == 2
    assert words in result.json["problems"][0]["message"]
    assert "--help` tells what it takes" in result.json["hint"]
    assert words in result.err
    # Where results come a line each, so does the error.
    assert (result.out.count("\n") == 1) == (arguments[0] == "apply")


def test_json_that_is_said_to_another_program_is_not_ours(cli: Cli) -> None:
    assert cli("ls", "--frob", "--", "--json").out == ""


@pytest.mark.parametrize(
    "command", ["search", "show", "portrait", "history", "tree place", "blame", "ls node", "-C"]
)
def test_an_argument_that_is_no_text_is_refused(place: Province, command: str) -> None:
    for options in ([], ["--json"]):
        words = [str(GOVCLOUD), *command.split(), b"a\xff", *options]
        done = subprocess.run(words, cwd=place.root, capture_output=True)
        assert done.returncode == 2, done
        assert rb"the argument b'a\xff' is not UTF-8" in done.stderr
        assert bool(done.stdout) == bool(options)


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize(
    "command", ["ls", "ls node", "show node/r1", "tree network", "search 二号", "--help"]
)
def test_any_encoding_can_be_written(place: Province, command: str, encoding: str) -> None:
    def run(*options: str) -> str:
        words = [str(GOVCLOUD), *command.split(), *options]
        env = os.environ | {"PYTHONIOENCODING": encoding}
        done = subprocess.run(words, cwd=place.root, env=env, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
        # click takes ASCII for a mistake in the settings, and writes its own in UTF-8.
        return done.stdout.decode("utf-8" if encoding == "ascii" else encoding)

    text = run()
    if command == "ls node":
        assert ("二号" if encoding in ("gbk", "utf-8") else r"\u4e8c\u53f7") in text
    if command == "search 二号":
        # JSON loses nothing, whatever it is written in.
        assert json.loads(run("--json"))["hits"][0]["title"] == "二号"


def test_runs_are_listed_and_shown(cli: Cli, place: Province) -> None:
    run = cli("runs", "list", "--json", cwd=place.root).json[0]
    shown = cli("runs", "show", run["id"], cwd=place.root)
    assert run["id"] in cli("runs", "list", cwd=place.root).out
    assert "stack:network-1" in shown.out
    assert "done" in shown.out


@pytest.mark.parametrize("command", ["--help", "ls", "ls node", "show node/r1", "plan --json", "runs list"])
def test_a_reader_that_went_away_is_no_fault(place: Province, command: str) -> None:
    """As in `govcloud ls | head -1`, at its worst: nobody reads anything."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [str(GOVCLOUD), *command.split()],
            cwd=place.root,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 0


SPY = """
import json, sys
from govcloud.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    code = end.code or 0
sys.stderr.write(json.dumps([code, sorted({m.partition(".")[0] for m in sys.modules})]))
"""
ENGINES = {"pulumi", "ansible", "ansible_runner", "dbos", "grpc"}


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("--help", {"sqlalchemy", "rich", "yaml", "alembic", "psutil"}),
        ("ls --help", {"sqlalchemy"}),
        ("validate", {"sqlalchemy", "alembic"}),
        ("ls node", {"sqlalchemy", "alembic"}),
        ("show node/r1", {"sqlalchemy", "alembic"}),
        ("plan", {"sqlalchemy", "alembic"}),
        ("runs list", {"sqlalchemy", "alembic"}),
        ("drift", {"sqlalchemy", "alembic"}),
        ("audit verify", {"sqlalchemy", "alembic"}),
    ],
)
def test_who_only_reads_imports_no_engine(place: Province, command: str, more: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SPY, *command.split()], cwd=place.root, capture_output=True, text=True
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    assert set(modules) & (ENGINES | more) == set()


def test_a_defect_is_a_sentence_and_its_trace_a_private_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody at three in the morning gets a traceback; who mends it finds one."""
    import click

    from govcloud.cli.common import run_safely

    @click.command()
    def broken() -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run_safely(broken, []) == 1
    told = capsys.readouterr().err
    assert "ZeroDivisionError: of all things" in told
    assert "Traceback" not in told
    (trace,) = tmp_path.glob("govcloud-defect-*.log")
    assert str(trace) in told
    assert trace.stat().st_mode & 0o777 == 0o600
    assert "in broken" in trace.read_text()
