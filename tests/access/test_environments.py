"""Intranet and extranet are two environments: nothing of the one is found in the other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govcloud.errors import InputError
from govcloud.ledger import audit, keys, open_ledger
from govcloud.workspace import Workspace, open_workspace

Cli = Callable[..., Any]
FILES = "targets:\n  shelf: {driver: store}\nregions:\n  here: {level: city}\n"


@pytest.fixture
def both(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> tuple[Workspace, Workspace]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = []
    for name in ("intranet", "extranet"):
        root = tmp_path / name
        root.mkdir()
        (root / "govcloud.yaml").write_text(f"version: 1\nenvironment: {name}\n")
        (root / "base.yaml").write_text(FILES)
        done = cli("apply", "--yes", cwd=root)
        assert done.code == 0, done
        made.append(open_workspace(str(root)))
    return made[0], made[1]


def test_they_share_nothing(both: tuple[Workspace, Workspace]) -> None:
    one, other = both
    assert one.ledger_url != other.ledger_url
    assert one.state_url != other.state_url
    assert one.private != other.private
    ids, public, uids = set(), set(), set()
    for workspace in both:
        ledger = open_ledger(workspace)
        with ledger.read() as connection:
            name = audit.ledger_id(connection)
            ids.add(name)
            public.add(ledger.outside.signs(name).public)
            uids |= {uid for (uid,) in connection.rows("SELECT uid FROM entry")}
        assert keys.trusted(name) == [ledger.outside.signs(name).public]
        assert keys.folder(name).name == name
        ledger.close()
    assert len(ids) == len(public) == 2
    # Even the same region is another entry there.
    assert len(uids) == 4
    # No file of the one is, or leads to, a file of the other; caches of parsed files included.
    inodes = [{p.stat().st_ino for p in w.private.rglob("*")} for w in both]
    assert inodes[0] & inodes[1] == set()
    assert not [p for w in both for p in w.private.rglob("*") if p.is_symlink()]


def test_the_ledger_of_the_one_is_refused_by_the_other(both: tuple[Workspace, Workspace], cli: Cli) -> None:
    one, other = both
    settings = (other.root / "govcloud.yaml").read_text()
    (other.root / "govcloud.yaml").write_text(f"{settings}ledger: {one.ledger_url}\n")
    with pytest.raises(InputError, match="problem"):
        open_ledger(open_workspace(str(other.root)))
    for command in (["ls"], ["plan"], ["apply", "--yes"], ["audit", "verify"], ["drift"]):
        result = cli(*command, cwd=other.root)
        assert result.code == 2, result
        assert "bound to environment 'intranet', this workspace says 'extranet'" in result.err
    # Nor is its file taken for our own.
    (other.root / "govcloud.yaml").write_text(settings)
    for file in other.private.glob("ledger.db*"):
        file.unlink()
    for file in one.private.glob("ledger.db*"):
        shutil.copy(file, other.private / file.name)
    assert "bound to environment 'intranet'" in cli("ls", cwd=other.root).err


def test_the_trail_of_the_one_is_no_copy_of_the_other(both: tuple[Workspace, Workspace], cli: Cli) -> None:
    one, other = both
    result = cli("audit", "compare", one.private / "ledger.db", cwd=other.root)
    assert result.code == 1, result
    assert "that is no copy of this ledger" in result.err
    shutil.copy(one.private / "audit-heads.jsonl", other.private / "audit-heads.jsonl")
    result = cli("audit", "verify", cwd=other.root)
    assert result.code == 1, result
    assert "another database was put in its place" in result.out
