"""Failures before a run begins: ledger, server, files, lab. Nothing was done, and it is said."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from failing import sentence
from store_province import province

Cli = Callable[..., Any]


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield listener.getsockname()[1]


def test_a_template_with_a_fault(cli: Cli, tmp_path: Path) -> None:
    """File, line, and Jinja's words."""
    place = province(tmp_path, nodes=2).write()
    (tmp_path / "more.yaml.j2").write_text(
        "nodes:\n{% for i in range(3) %}\n  n{{ i }}: {region: here, zone: extranet, role: core}\n"
    )
    error, _ = sentence(cli("apply", "--yes", cwd=place.root), 2)
    assert error.startswith("more.yaml.j2:3: not a template: ")
    assert "endfor" in error


def test_a_damaged_ledger(cli: Cli, tmp_path: Path) -> None:
    """It is said what is damaged and what can be done."""
    place = province(tmp_path, nodes=2).write()
    assert cli("apply", "--yes", cwd=place.root).code == 0
    file = place.private / "ledger.db"
    for rest in ("ledger.db-wal", "ledger.db-shm"):
        (place.private / rest).unlink(missing_ok=True)
    content = bytearray(file.read_bytes())
    content[4096:8192] = b"x" * 4096
    file.write_bytes(content)
    error, hint = sentence(cli("plan", cwd=place.root), 1)
    assert "the ledger cannot be used" in error and "malformed" in error
    assert "copy" in hint


def test_a_server_that_does_not_answer(cli: Cli, tmp_path: Path, silent: int) -> None:
    """The wait has an end, and the sentence says whom it waited for."""
    place = province(tmp_path, nodes=2)
    place.settings["ledger"] = f"postgresql://u@127.0.0.1:{silent}/ledger"
    error, hint = sentence(cli("plan", cwd=place.write().root), 1)
    assert "the ledger's server cannot be reached" in error and "timeout" in error
    assert "see that it runs" in hint


def test_a_server_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    """Refused is not the same as silent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = province(tmp_path, nodes=2)
    place.settings["ledger"] = f"postgresql://u@127.0.0.1:{port}/ledger"
    error, hint = sentence(cli("apply", "--yes", cwd=place.write().root), 1)
    assert "Connection refused" in error
    assert "`ledger:` in govcloud.yaml" in hint


def test_a_lab_that_is_down(cli: Cli, tmp_path: Path) -> None:
    """Told before anything is recorded."""
    place = province(tmp_path, nodes=2)
    place.tables["targets"]["shelf"] = {"driver": "lab"}
    error, _ = sentence(cli("apply", "--yes", cwd=place.write().root), 1)
    assert error == "the lab is not up; `govcloud lab up` starts it"
    assert cli("runs", "list", "--json", cwd=place.root).json == []
