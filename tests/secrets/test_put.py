"""The program that puts files of secrets on a host, alone: no file is another one's temporary."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parents[2] / "playbooks/roles/secrets/files/put.py"


def put(root: Path, **files: str) -> dict[str, Any]:
    """Let the host have these files, ``__`` for a slash and ``_`` for a dot, and no others."""
    order = {
        "root": str(root),
        "check": False,
        "files": [
            {
                "path": name.replace("__", "/").replace("_", "."),
                "owner": "",
                "content": base64.b64encode(content.encode()).decode(),
            }
            for name, content in files.items()
        ],
    }
    done = subprocess.run(
        [sys.executable, PROGRAM], input=json.dumps(order), capture_output=True, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def lying(root: Path) -> dict[str, str]:
    return {
        str(file.relative_to(root)): file.read_text()
        for file in root.rglob("*")
        if file.is_file() and file.name != "secrets.json"
    }


def test_a_file_may_be_called_as_another_with_new_at_its_end(tmp_path: Path) -> None:
    first = put(tmp_path, a__b_new="of b.new", a__b="of b")
    assert sorted(first["written"]) == ["a/b", "a/b.new"]
    assert lying(tmp_path) == {"a/b": "of b", "a/b.new": "of b.new"}
    # A new value of one leaves the other, and so does taking it away.
    assert put(tmp_path, a__b="changed", a__b_new="of b.new")["written"] == ["a/b"]
    assert lying(tmp_path) == {"a/b": "changed", "a/b.new": "of b.new"}
    assert put(tmp_path, a__b_new="of b.new")["removed"] == ["a/b"]
    assert lying(tmp_path) == {"a/b.new": "of b.new"}
    assert not put(tmp_path, a__b_new="of b.new")["changed"]


def test_what_a_killed_one_left_is_taken_away_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path, a__b="of b", c__d="of d")
    for left in (".govcloud-put-1", "a/.govcloud-put-2", "c/.govcloud-put-3"):
        (tmp_path / left).write_text("half of it")
    (tmp_path / "a/.theirs").write_text("kept")
    (tmp_path / "a/b.new").write_text("kept")
    put(tmp_path, a__b="changed")
    assert lying(tmp_path) == {"a/b": "changed", "a/.theirs": "kept", "a/b.new": "kept"}
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o600
