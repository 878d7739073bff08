"""A site's own stack: a program and a provider that are not ours, through the same plan, run and guards."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store_province import Province, province

Cli = Callable[..., Any]
PLUGIN = Path(__file__).with_name("pulumi_resource_notes.py")
PROGRAM = '''
import pulumi


def program(site):
    """A note on the board for each router that the ledger has."""
    for name, fields in site.entries("node").items():
        text = f"{fields.get('title') or name}: {site.values['greeting']}"
        board = site.values["board"]
        pulumi.CustomResource("notes:index:Note", name, {"path": f"{board}/{name}", "text": text})
'''
TWICE = "pulumi.CustomResource('notes:index:Note', 'a', {})"
STACK = {"name": "board", "entries": ["node"], "plugins": ["notes"]}


def site(root: Path, **more: Any) -> Province:
    """A province with a board of notes."""
    values = {"board": str(root / "board"), "greeting": "hello"}
    place = province(root, stacks=[STACK | {"values": values} | more])
    folder = root / "stacks"
    (folder / "plugins").mkdir(parents=True)
    for shipped in (Path(__file__).parents[2] / "stacks").glob("*.py"):
        (folder / shipped.name).write_bytes(shipped.read_bytes())
    (folder / "board.py").write_text(PROGRAM)
    plugin = folder / "plugins" / "pulumi-resource-notes"
    plugin.write_text(f"#!{sys.executable}\n{PLUGIN.read_text()}")
    plugin.chmod(0o755)
    return place


def board(root: Path) -> dict[str, str]:
    folder = root / "board"
    return {path.name: path.read_text() for path in folder.iterdir()} if folder.exists() else {}


def stage(cli: Cli, place: Province) -> dict[str, Any]:
    """The one stage of the site's own stack in the plan."""
    plan = cli("plan", "--json", cwd=place.root).json
    (found,) = [one for one in plan["stages"] if ":site." in one["id"]]
    assert isinstance(found, dict)
    return found


def verbs(one: dict[str, Any]) -> dict[str, str]:
    return {change["subject"].partition("/")[2]: change["verb"] for change in one["changes"]}


def test_a_site_builds_with_its_own_program_and_provider(cli: Cli, tmp_path: Path) -> None:
    place = site(tmp_path)
    place.tables["nodes"]["r1"]["title"] = "海口核心路由器"
    place.write()
    shown = cli("plan", cwd=place.root).out
    assert "stack:site.board: build site.board: 2 to create" in shown
    assert "+ site.board/r1" in shown
    assert "expand  after record, stack:network-1" in shown
    assert board(tmp_path) == {}
    done = cli("apply", "--yes", cwd=place.root)
    assert done.code == 0, done
    assert board(tmp_path) == {"r1": "海口核心路由器: hello", "r2": "r2: hello"}
    assert set(place.objects()) == place.wanted()
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
    # A changed entry changes what hangs on it, a new one makes one more, in the same plan.
    place.tables["nodes"]["r2"]["title"] = "三亚"
    place.node("r3").write()
    planned = stage(cli, place)
    assert verbs(planned) == {"r2": "update", "r3": "create"}
    (update,) = [c for c in planned["changes"] if c["verb"] == "update"]
    assert update["changes"] == [{"field": "text", "before": "r2: hello", "after": "三亚: hello"}]
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert board(tmp_path)["r2"] == "三亚: hello"
    assert board(tmp_path)["r3"] == "r3: hello"
    # What nobody declares any more goes, and nothing else.
    del place.tables["nodes"]["r3"]
    place.write()
    assert verbs(stage(cli, place)) == {"r3": "delete"}
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert set(board(tmp_path)) == {"r1", "r2"}
    assert cli("destroy", "--confirm", "destroy everything in tiny", cwd=place.root).code == 0
    assert board(tmp_path) == {}
    assert place.objects() == {}


def test_a_stack_that_the_settings_do_not_name_any_more_goes(cli: Cli, tmp_path: Path) -> None:
    place = site(tmp_path).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    place.settings["stacks"] = []
    place.write()
    assert stage(cli, place)["id"] == "contract:site.board"
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert board(tmp_path) == {}
    assert set(place.objects()) == place.wanted()
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0


def test_what_the_engine_would_make_anew_unannounced_is_refused(cli: Cli, tmp_path: Path) -> None:
    place = site(tmp_path).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    settings = place.settings["stacks"][0]
    settings["values"]["board"] = str(tmp_path / "other")
    place.write()
    assert verbs(stage(cli, place)) == {"r1": "update", "r2": "update"}
    refused = cli("apply", "--yes", cwd=place.root)
    assert refused.code == 1
    assert "the engine would do what the plan does not say: replace r1 (notes:index:Note)" in refused.out
    assert "`replace: [r1, r2]` of the stack says so" in refused.out
    assert set(board(tmp_path)) == {"r1", "r2"}
    assert not (tmp_path / "other").exists()
    settings["replace"] = ["r1", "r2"]
    place.write()
    assert verbs(stage(cli, place)) == {"r1": "replace", "r2": "replace"}
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert {path.name for path in (tmp_path / "other").iterdir()} == {"r1", "r2"}
    assert board(tmp_path) == {}


def test_a_provider_that_fails_leaves_what_is_done_and_goes_on(cli: Cli, tmp_path: Path) -> None:
    place = site(tmp_path)
    program = tmp_path / "stacks" / "board.py"
    program.write_text(PROGRAM.replace("text})", 'text if name == "r1" else "refuse"})'))
    failed = cli("apply", "--yes", cwd=place.write().root)
    assert failed.code == 1
    assert "the notice board is full" in failed.out
    assert "not done: site.board/r2" in failed.out
    assert set(board(tmp_path)) == {"r1"}
    program.write_text(PROGRAM)
    assert verbs(stage(cli, place)) == {"r2": "create"}
    assert cli("apply", "--yes", cwd=place.root).code == 0
    assert set(board(tmp_path)) == {"r1", "r2"}
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0


def test_a_plugin_that_is_another_one_is_refused(cli: Cli, tmp_path: Path) -> None:
    place = site(tmp_path).write()
    assert cli("plan", "--out", "board.plan", cwd=place.root).code == 0
    plugin = tmp_path / "stacks" / "plugins" / "pulumi-resource-notes"
    plugin.write_text(plugin.read_text() + "\n# another\n")
    assert cli("apply", "board.plan", "--yes", cwd=place.root).code == 5
    assert board(tmp_path) == {}


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (
            "def program(site):\n    nonsense\n",
            "stacks/board.py:2: NameError: name 'nonsense' is not defined",
        ),
        ("def program(site)\n", "stacks/board.py:1: expected ':'"),
        ("import os\ndef program(site):\n    os._exit(3)\n", "the program ended at once"),
        (
            f"import pulumi\ndef program(site):\n    {TWICE}\n    {TWICE}\n",
            "notes:index:Note a is registered twice",
        ),
    ],
)
def test_a_wrong_program_is_told_with_its_place(cli: Cli, tmp_path: Path, program: str, words: str) -> None:
    place = site(tmp_path).write()
    (tmp_path / "stacks" / "board.py").write_text(program)
    done = cli("plan", cwd=place.root)
    assert done.code == 2
    assert words in done.err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"entries": ["nod"]}, "`stacks`: board asks for the kind 'nod', which is not there"),
        ({"entries": ["node/r9"]}, "`stacks`: board asks for node/r9, which is not there"),
        ({"plugins": ["random"]}, "board needs plugins/pulumi-resource-random in stacks/"),
        ({"name": "bord"}, "stacks/bord.py: No such file or directory"),
    ],
)
def test_what_is_not_there_is_told(cli: Cli, tmp_path: Path, more: dict[str, Any], words: str) -> None:
    place = site(tmp_path, **more).write()
    done = cli("plan", cwd=place.root)
    assert done.code == 2
    assert words in done.err


def test_the_plan_of_a_stack_without_changes_starts_no_program(cli: Cli, tmp_path: Path) -> None:
    place = site(tmp_path).write()
    program = tmp_path / "stacks" / "board.py"
    program.write_text("import pathlib\npathlib.Path('ran').write_text('x')\n" + PROGRAM)
    assert cli("apply", "--yes", cwd=place.root).code == 0
    (tmp_path / "ran").unlink()
    assert json.loads(cli("plan", "--json", cwd=place.root).out)["changes"] == 0
    assert not (tmp_path / "ran").exists()


def test_a_run_that_is_killed_while_a_site_builds_goes_on(cli: Cli, tmp_path: Path) -> None:
    place = site(tmp_path)
    place.settings["stacks"][0]["values"]["greeting"] = "slowly"
    program = PROGRAM.replace(
        "text})", "text}, pulumi.ResourceOptions(depends_on=made))\n        made = [note]"
    ).replace("        pulumi.CustomResource", "        note = pulumi.CustomResource")
    program = program.replace("    for name", "    made = []\n    for name")
    (tmp_path / "stacks" / "board.py").write_text(program)
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("govcloud")), "apply", "--yes"],
        cwd=place.write().root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: "r2" in board(tmp_path))
    process.kill()
    process.wait()
    until(lambda: not place.processes())
    # The engine had written down the first; the second may be there unknown, which is told.
    resumed = cli("runs", "resume", "2", cwd=place.root)
    assert resumed.code == 0, resumed
    assert "What it was just creating may be there unknown" in resumed.out
    assert board(tmp_path) == {"r1": "r1: slowly", "r2": "r2: slowly"}
    assert place.locks() == []
    assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
    assert cli("destroy", "--confirm", "destroy everything in tiny", cwd=place.root).code == 0
    assert board(tmp_path) == {}


def until(what: Callable[[], Any], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    assert what(), f"not so within {seconds} s"
