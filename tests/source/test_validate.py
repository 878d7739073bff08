"""``govcloud validate`` as users type it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .helpers import BASE, make

Cli = Callable[..., Any]


def test_all_well_in_a_sentence(tmp_path: Path, cli: Cli) -> None:
    make(tmp_path, a_yaml=BASE, servers_csv="name,rack\nweb-1,r1\n")
    done = cli("validate")
    assert done.code == 0, done
    assert done.out.startswith("2 files, 11 entries of 9 kinds: all well (")


def test_every_problem_and_exit_code_2(tmp_path: Path, cli: Cli) -> None:
    make(tmp_path / "w", a_yaml=BASE.replace("r1", "r-1"), servers_csv="name,rack\nweb-1,r-1\nweb_,r-9\n")
    done = cli("-C", tmp_path / "w", "validate")
    assert done.code == 2
    assert done.out == ""
    assert done.err == (
        "error: servers.csv:3:1: 'web_' cannot be a name ('web' would do: at most 63 of a-z, 0-9, `.`, "
        "`_` and `-`, with a letter or digit at both ends)\n"
        "error: servers.csv:3:6: server/web_: `rack`: no rack is called 'r-9' (did you mean 'r-1'?)\n"
        "2 problems in the input; nothing was written\n"
    )


def test_json(tmp_path: Path, cli: Cli) -> None:
    make(tmp_path, a_yaml=BASE)
    done = cli("validate", "--json")
    assert done.code == 0
    assert done.json["files"] == 1
    assert done.json["entries"] == 10
    assert done.json["problems"] == []
    make(tmp_path, b_yaml="roomz: {}")
    done = cli("validate", "--json")
    assert done.code == 2
    assert done.json["problems"] == [
        {
            "path": "b.yaml",
            "line": 1,
            "column": 1,
            "message": "no kind is called 'roomz'",
            "hint": "did you mean 'rooms'?",
        }
    ]


def test_notes_tell_what_was_left_out(tmp_path: Path, cli: Cli) -> None:
    make(tmp_path / "w")
    (tmp_path / "w" / "x.yaml").symlink_to("/etc/hostname")
    done = cli("validate", cwd=tmp_path / "w")
    assert done.code == 0
    assert done.out.startswith("note: x.yaml: a link that leads out of the workspace; not read\n0 files,")


def test_outside_of_a_workspace(tmp_path: Path, cli: Cli) -> None:
    done = cli("-C", tmp_path, "validate")
    assert done.code == 2
    assert "no govcloud.yaml in" in done.err


def test_reading_needs_neither_database_nor_engine(tmp_path: Path) -> None:
    make(tmp_path, a_yaml=BASE)
    code = (
        "import sys; import govcloud.source as s; light = set(sys.modules)\n"
        "from govcloud.workspace import open_workspace\n"
        "s.merge(s.load(open_workspace(sys.argv[1])).claims)\n"
        "print(sorted({'sqlalchemy', 'pulumi', 'ansible', 'dbos', 'rapidfuzz'} & set(sys.modules)))\n"
        "print(sorted({'yaml', 'msgspec'} & light))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n[]\n"
