"""`govcloud init`, `govcloud doctor`, and where shipped files are found."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from govcloud import share, system
from govcloud.workspace import Settings, Workspace, open_workspace

Cli = Callable[..., Any]


def test_a_workspace_from_a_sample_is_complete(cli: Cli, tmp_path: Path) -> None:
    result = cli("init", "here", "--sample", "hainan")
    assert result.code == 0, result
    root = tmp_path / "here"
    assert open_workspace(str(root)).environment == "hainan"
    for name in ("stacks", "playbooks"):
        assert share.files(root / name) == share.files(share.shipped(name))
    sample = share.samples()["hainan"]
    for path in share.files(sample.folder):
        assert (root / path).read_bytes() == (sample.folder / path).read_bytes()
    assert ".govcloud/" in (root / ".gitignore").read_text()
    assert "govcloud -C here plan" in result.out
    assert sample.title in result.out


def test_json_tells_the_same(cli: Cli, tmp_path: Path) -> None:
    document = cli("init", "w", "--sample", "hainan", "--environment", "test-1", "--json").json
    assert document["environment"] == "test-1"
    assert document["sample"] == "hainan"
    there = sorted(str(p.relative_to(tmp_path / "w")) for p in (tmp_path / "w").rglob("*") if p.is_file())
    assert document["files"] == there
    assert document["next"][0] == "govcloud -C w validate"
    # The sample's settings keep their comments and the rest of their lines.
    assert (tmp_path / "w" / "govcloud.yaml").read_text().startswith("#")


def test_an_empty_workspace_in_the_current_folder(cli: Cli, tmp_path: Path) -> None:
    result = cli("init")
    assert result.code == 0, result
    assert open_workspace(str(tmp_path)).environment == "lab"
    assert "  govcloud plan" in result.out
    assert (tmp_path / "stacks" / "network.py").is_file()


def test_nothing_is_overwritten_and_nothing_is_written(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    mine = tmp_path / "stacks" / "network.py"
    mine.write_text("# mine\n")
    result = cli("init", "--sample", "hainan")
    assert result.code == 2
    assert "stacks/network.py already there" in result.err
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [mine]
    assert mine.read_text() == "# mine\n"


def test_a_second_init_is_refused_with_the_names(cli: Cli) -> None:
    assert cli("init", "w").code == 0
    again = cli("init", "w")
    assert again.code == 2
    assert "govcloud.yaml" in again.err or "more already there" in again.err


def test_an_unknown_sample_lists_those_there_are(cli: Cli, tmp_path: Path) -> None:
    result = cli("init", "w", "--sample", "hianan")
    assert result.code == 2
    assert "did you mean 'hainan'?" in result.err
    assert share.samples()["hainan"].title in result.err
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("name", ["Upper", "1st", "a b", "x" * 40, ""])
def test_an_environment_that_is_no_name(cli: Cli, tmp_path: Path, name: str) -> None:
    result = cli("init", "w", "--environment", name)
    assert result.code == 2
    assert "expected a small letter" in result.err
    assert not (tmp_path / "w").exists()


def test_a_file_where_the_folder_should_be(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "w").write_text("")
    result = cli("init", "w/deeper")
    assert result.code == 2
    assert "is a file" in result.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir(mode=0o500)
    result = cli("init", "w")
    assert result.code == 1
    assert "nothing is left of it" in result.err


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from govcloud.cli import workspace as command
    from govcloud.errors import GovcloudError

    copied: list[Path] = []

    def full(source: Path, target: Path) -> None:
        if len(copied) == 3:
            raise OSError(28, "No space left on device", str(target))
        copied.append(target)
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr(command.shutil, "copyfile", full)
    with pytest.raises(GovcloudError, match="No space left"):
        command.init.callback(str(tmp_path / "w"), "hainan", None, False)  # type: ignore[misc]
    assert copied
    assert list(tmp_path.iterdir()) == []


# -- where shipped files are found ------------------------------------------------------------------


def test_a_workspaces_own_copies_win(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, Settings(environment="x"))
    assert share.stacks_dir(workspace) == share.shipped("stacks") == share.stacks_dir()
    (tmp_path / "stacks").mkdir()
    assert share.stacks_dir(workspace) == tmp_path / "stacks"
    assert share.playbooks_dir(workspace) == share.shipped("playbooks")


def test_samples_have_titles() -> None:
    assert all(s.title and s.title != s.name for s in share.samples().values())


# -- doctor -----------------------------------------------------------------------------------------


def test_doctor_lists_everything(cli: Cli) -> None:
    document = cli("doctor", "--json").json
    names = {check["name"] for check in document["checks"]}
    assert {"Python", "iproute2", "Pulumi engine", "Go", "Ansible", "community.docker", "disk"} <= names
    assert set(document["checks"][0]) == {"name", "ok", "required", "detail", "cure"}
    assert cli("doctor", "--json").code == (0 if document["ok"] else 1)


def test_doctor_tells_what_is_missing_and_the_cure(cli: Cli, own_cache: Path, tmp_path: Path) -> None:
    """Without an engine: exit 1, the sentence, the one command, and nothing else with --missing."""
    env = {"XDG_CACHE_HOME": str(own_cache.parent), "PATH": "/usr/bin:/bin"}
    result = cli("doctor", "--missing", env=env)
    assert result.code == 1, result
    assert "Pulumi engine" in result.out
    assert "-m govcloud.engine" in result.out
    assert "community.docker" not in result.out


def test_doctor_looks_at_the_workspaces_lab_and_at_its_faults(cli: Cli, tmp_path: Path) -> None:
    cli("init", "w")
    checks = {c["name"]: c for c in cli("-C", "w", "doctor", "--json").json["checks"]}
    assert "not running" in checks["lab agent"]["detail"]
    (tmp_path / "w" / "govcloud.yaml").write_text("version: 1\nenvironmint: x\n")
    checks = {c["name"]: c for c in json.loads(cli("-C", "w", "doctor", "--json").out)["checks"]}
    assert not checks["workspace"]["ok"] and "environmint" in checks["workspace"]["detail"]


def test_one_command_for_all_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = {"tc", "ip", "vtysh"}
    monkeypatch.setattr(system, "which", lambda c: None if c in absent | {"dnf"} else f"/bin/{c}")
    lacking = system.missing()
    assert {t.command for t in lacking} == absent
    monkeypatch.setattr(system.os, "geteuid", lambda: 1000)
    assert system.cure(lacking) == (
        "sudo apt-get update; sudo apt-get install -y --no-install-recommends iproute2 frr"
    )
    monkeypatch.setattr(system.os, "geteuid", lambda: 0)
    assert system.install_command(["frr"], "dnf") == "dnf install -y frr"
    assert system.cure([]) == ""
