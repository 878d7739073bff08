"""Modules keep files as they were before a run, and put them back byte for byte."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_playbooks import LIBRARY, call

from govcloud.run.playing.files import kept_in, to_restore

MODULES = ("lab_service", "resolv_conf", "kept_files")
START, END = "# -- files as they were", "# -- of this module alone"
SECRET = "hunter2-canary"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.call("demo", state="absent", stop_s=0.2)


class Host:
    """A folder that the modules take for a host's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "root"
        self.run = "run-1"
        self.known: dict[str, list[str]] = {}

    @property
    def keep(self) -> dict[str, Any]:
        return {"folder": str(self.root / ".kept"), "run": self.run, "known": self.known, "most": 1000}

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        return call("lab_service", self.folder, name=name, root=str(self.root), keep=self.keep, **arguments)

    def serve(self, *files: dict[str, Any], **arguments: Any) -> dict[str, Any]:
        """A service with files, and a daemon that reads the first."""
        daemon = {"name": "idle", "argv": ["sleep", "60"], "files": [files[0]["name"]]}
        return self.call("demo", files=list(files), daemons=[daemon], **arguments)

    def put_back(self, told: list[dict[str, Any]]) -> dict[str, Any]:
        """What a restore does with what was told of this run."""
        files = [(file, content) for run, file, content in kept_in("h", {"kept": told}) if run == self.run]
        self.run = "restore"
        (one,) = to_restore(files, str(self.root))
        return self.call(one["name"], state="restored", restore=one["files"])

    def seen(self) -> dict[str, tuple[str, int, int, int]]:
        """SHA-256, mode and owner of every file of the service, but what daemons write themselves."""
        out = {}
        for path in (self.root / "demo").glob("*.conf"):
            about = path.stat()
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            out[path.name] = (digest, about.st_mode & 0o7777, about.st_uid, about.st_gid)
        return out

    def pid(self) -> int:
        record = json.loads((self.root / "demo" / ".daemons.json").read_text())
        return int(record["idle"]["pid"])


def paths(told: dict[str, Any]) -> list[str]:
    return sorted(Path(one["path"]).name for one in told["kept"])


def test_all_modules_keep_files_in_the_same_way() -> None:
    blocks = {name: (LIBRARY / f"{name}.py").read_text() for name in MODULES}
    parts = {text[text.index(START) : text.index(END)] for text in blocks.values()}
    assert len(parts) == 1 and len(parts.pop()) > 2000


# Sizes below the limit that the host is told; any bytes, also such as are no text.
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.sampled_from([0o644, 0o755, 0o664, 0o444, 0o4711 | 0o044]))
def test_any_file_comes_back_byte_for_byte(host: Host, content: bytes, mode: int) -> None:
    host.call("demo", state="absent", stop_s=0.2)
    host.run, host.known = f"run-{time.time_ns()}", {}
    path = host.root / "demo" / "a.conf"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    os.chown(path, os.getuid(), os.getgid())
    path.chmod(mode)
    before = host.seen()
    told = host.serve({"name": "a.conf", "content": "as declared\n"}, {"name": "b.conf", "content": "new\n"})
    assert set(host.seen()) == {"a.conf", "b.conf"} and host.seen() != before
    first = [one for one in told["kept"] if one["run"] == host.run]
    host.put_back(first)
    assert host.seen() == before, "and what was not there is not there"


def test_line_ends_of_another_system_are_a_difference(host: Host) -> None:
    path = host.root / "demo" / "a.conf"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"one\r\n")
    assert host.serve({"name": "a.conf", "content": "one\n"})["changed"]
    assert path.read_bytes() == b"one\n"


def test_a_restore_starts_anew_what_reads_the_file_and_ends_what_cannot(host: Host) -> None:
    host.serve({"name": "a.conf", "content": "one\n"})
    host.run = "run-2"
    told = host.serve({"name": "a.conf", "content": "two\n"})
    pid = host.pid()
    (kept,) = [one for one in told["kept"] if one["run"] == "run-2"]
    assert base64.b64decode(kept["content"]) == b"one\n"
    back = host.put_back([kept])
    assert [(d["what"], d["state"]) for d in back["differences"]] == [("file", "changed")]
    assert host.pid() != pid
    # Once more: it is as it should be, and nothing starts again.
    pid = host.pid()
    host.run = "run-2"
    assert not host.put_back([kept])["changed"] and host.pid() == pid
    # Before the first run there was no file, so there can be no daemon.
    host.run = "run-1"
    gone = {"run": "run-1", "path": kept["path"], "there": False}
    assert host.put_back([gone])["changed"]
    assert json.loads((host.root / "demo" / ".daemons.json").read_text()) == {}
    assert host.seen() == {}
    # The next play puts all in order.
    host.run = "run-3"
    assert host.serve({"name": "a.conf", "content": "two\n"})["changed"] and host.pid()


def test_what_was_before_a_run_stays_however_often_the_run_goes_on(host: Host) -> None:
    host.serve({"name": "a.conf", "content": "one\n"})
    host.run = "run-2"
    host.serve({"name": "a.conf", "content": "two\n"})
    # The process that heard of it died, and so did the next one; the run goes on with other files.
    again = host.serve({"name": "a.conf", "content": "three\n"})
    (kept,) = [one for one in again["kept"] if one["run"] == "run-2"]
    assert base64.b64decode(kept["content"]) == b"one\n"


def test_a_host_forgets_what_the_ledger_has_and_nothing_else(host: Host) -> None:
    first = host.serve({"name": "a.conf", "content": "one\n"}, {"name": "b.conf", "content": "x\n"})
    assert paths(first) == ["a.conf", "b.conf"]
    a = str(host.root / "demo" / "a.conf")
    host.run, host.known = "run-2", {"run-1": [a]}
    told = host.serve({"name": "a.conf", "content": "one\n"}, {"name": "b.conf", "content": "x\n"})
    assert not told["changed"] and paths(told) == ["b.conf"]
    host.run, host.known = "run-3", {"run-1": [a, str(host.root / "demo" / "b.conf")]}
    host.serve({"name": "a.conf", "content": "one\n"}, {"name": "b.conf", "content": "x\n"})
    assert list((host.root / ".kept").iterdir()) == []


def test_a_secret_is_neither_kept_nor_shown(host: Host) -> None:
    host.serve({"name": "a.conf", "content": f"key={SECRET}\n", "mode": "0600"})
    host.run = "run-2"
    # Declared open from now on: what was there is a secret all the same.
    files = ({"name": "a.conf", "content": "open\n"}, {"name": "b.conf", "content": SECRET, "secret": True})
    looked = host.serve(*files, _ansible_check_mode=True, _ansible_diff=True)
    told = host.serve(*files, _ansible_diff=True)
    host.run = "run-3"
    more = host.serve(
        {"name": "a.conf", "content": "open\n"}, {"name": "b.conf", "content": "1", "secret": True}
    )
    for answer in (looked, told, more):
        assert SECRET not in json.dumps(answer)
        assert base64.b64encode(SECRET.encode()).decode()[:-4] not in json.dumps(answer)
    assert {one["left_out"] for one in told["kept"] if one["run"] == "run-2" and one["there"]} == {
        "holds a secret"
    }
    assert [one["left_out"] for one in more["kept"] if one["run"] == "run-3"] == ["holds a secret"]
    for path in (host.root / ".kept").rglob("*"):
        assert path.is_dir() or SECRET not in path.read_text()


def test_a_large_file_is_named_and_not_kept(host: Host) -> None:
    host.serve({"name": "a.conf", "content": "x" * 1001})
    host.run = "run-2"
    told = host.serve({"name": "a.conf", "content": "small\n"})
    assert [o["left_out"] for o in told["kept"] if o["run"] == "run-2"] == ["larger than 1000 bytes"]


def test_a_check_and_plain_ansible_keep_nothing(host: Host) -> None:
    host.serve({"name": "a.conf", "content": "one\n"}, _ansible_check_mode=True)
    host.run = ""
    assert host.serve({"name": "a.conf", "content": "one\n"})["kept"] == []
    assert not (host.root / ".kept").exists()


def test_what_failed_tells_what_it_had_kept(host: Host) -> None:
    host.serve({"name": "a.conf", "content": "one\n"})
    host.run = "run-2"
    daemon = {"name": "idle", "argv": ["false"]}
    told = host.call("demo", files=[{"name": "a.conf", "content": "two\n"}], daemons=[daemon])
    assert told["failed"]
    assert "a.conf" in [Path(o["path"]).name for o in told["kept"] if o["run"] == "run-2"]


def test_a_service_that_goes_leaves_its_files_behind_to_be_put_back(host: Host) -> None:
    host.serve({"name": "a.conf", "content": "one\n"})
    before = host.seen()
    host.run = "run-2"
    told = host.call("demo", state="absent", stop_s=0.2)
    host.put_back([one for one in told["kept"] if one["run"] == "run-2"])
    assert host.seen() == before


def test_a_sites_own_playbook_keeps_what_it_names(host: Host, tmp_path: Path) -> None:
    there = tmp_path / "x.conf"
    there.write_bytes(b"\xff\r\n")
    told = call("kept_files", tmp_path, paths=[str(there), str(tmp_path / "y.conf")], keep=host.keep)
    assert not told["changed"]
    found = {f.path: (f.there, content) for _, f, content in kept_in("h", told)}
    assert found == {str(there): (True, b"\xff\r\n"), str(tmp_path / "y.conf"): (False, b"")}


@pytest.mark.parametrize(
    "raw", [None, "x", [1], [{"run": "r"}], [{"run": "r", "path": "p", "there": True, "content": "%"}]]
)
def test_what_is_told_in_another_way_is_nothing(raw: Any) -> None:
    assert kept_in("h", {"kept": raw}) == []
