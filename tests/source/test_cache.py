"""Files that did not change are not read again, and nothing wrong is ever remembered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from govcloud.errors import InputError
from govcloud.source import cache as cache_module
from govcloud.source import load, reading

from .helpers import BASE, faults, loaded, make, said


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the files that were parsed, as they are."""
    seen: list[str] = []
    real = reading.parse

    def parse(data: bytes, path: str, *rest: object) -> object:
        seen.append(path)
        return real(data, path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "parse", parse)
    return seen


def cached(root: Path) -> list[Path]:
    return sorted((root / ".govcloud" / "cache" / "source").iterdir())


def test_only_what_changed_is_parsed_again(tmp_path: Path, parsed: list[str]) -> None:
    workspace = make(tmp_path, a_yaml=BASE, servers_csv="name,rack\nweb-1,r1\n")
    first = loaded(workspace)
    assert sorted(parsed) == ["a.yaml", "servers.csv"]
    parsed.clear()
    again = loaded(workspace)
    assert again.claims == first.claims
    assert again.counts == first.counts
    assert again.digest == first.digest
    assert parsed == []
    (tmp_path / "servers.csv").write_text("name,rack\nweb-2,r1\n")
    assert ("server", "web-2") in said(workspace)
    assert parsed == ["servers.csv"]


def test_the_same_content_under_another_name_means_something_else(tmp_path: Path) -> None:
    workspace = make(tmp_path, profiles_csv="name,title\na,b\n", targets_csv="name,driver\nt,lab\n")
    assert loaded(workspace).counts == {"profile": 1, "target": 1}
    os.replace(tmp_path / "profiles.csv", tmp_path / "zones.csv")
    assert faults(workspace) == [
        (
            "zones.csv:2:1: zone/a: `role` is missing "
            "(类型: What the zone is; intranet and extranet are physically apart.)"
        )
    ]


def test_a_change_of_same_size_and_time_is_seen(tmp_path: Path) -> None:
    workspace = make(tmp_path, a_yaml="profiles: {a: {}}")
    loaded(workspace)
    status = (tmp_path / "a.yaml").stat()
    (tmp_path / "a.yaml").write_text("profiles: {b: {}}")
    os.utime(tmp_path / "a.yaml", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert list(said(workspace)) == [("profile", "b")]


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_damaged_files_are_ignored_and_written_anew(
    tmp_path: Path, parsed: list[str], damage: bytes | None
) -> None:
    workspace = make(tmp_path, a_yaml=BASE)
    first = loaded(workspace).claims
    good = {path: path.read_bytes() for path in cached(tmp_path)}
    for path, content in good.items():
        # None: one bit in the middle is turned.
        middle = len(content) // 2
        turned = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes(turned if damage is None else damage)
    parsed.clear()
    assert loaded(workspace).claims == first
    assert parsed == ["a.yaml"]
    assert {path: path.read_bytes() for path in cached(tmp_path)} == good


def test_a_cache_that_vanishes_between_loading_and_asking(tmp_path: Path, parsed: list[str]) -> None:
    workspace = make(tmp_path, a_yaml=BASE)
    first = loaded(workspace).claims
    again = loaded(workspace)
    for path in cached(tmp_path):
        path.unlink()
    assert again.claims == first


def test_a_file_that_changes_between_loading_and_asking(tmp_path: Path) -> None:
    workspace = make(tmp_path, a_yaml=BASE)
    loaded(workspace)
    again = loaded(workspace)
    for path in cached(tmp_path):
        path.unlink()
    (tmp_path / "a.yaml").write_text("profiles: {}")
    with pytest.raises(InputError) as caught:
        _ = again.claims
    assert "changed while they were being read" in str(caught.value.problems[0])


def test_files_with_faults_are_not_remembered(tmp_path: Path, parsed: list[str]) -> None:
    workspace = make(tmp_path, a_yaml="rooms: {x: {site: nowhere}}", b_yaml="profiles: {p: 1}")
    before = faults(workspace)
    parsed.clear()
    assert faults(workspace) == before
    assert parsed == ["b.yaml"]  # the other one is fine by itself


def test_another_version_of_the_program_reads_anew(
    tmp_path: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make(tmp_path, a_yaml=BASE)
    loaded(workspace)
    parsed.clear()
    monkeypatch.setattr(cache_module, "__version__", "999")
    loaded(workspace)
    assert parsed == ["a.yaml"]


def test_the_folder_is_pruned_but_not_of_what_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "MOST_FILES", 4)
    for number in range(8):
        loaded(make(tmp_path, a_yaml=f"profiles: {{p{number}: {{}}}}"))
    assert len(cached(tmp_path)) <= 6
    monkeypatch.setattr(cache_module, "MOST_BYTES", 1)
    workspace = make(tmp_path, a_yaml="profiles: {last: {}}")
    loaded(workspace)
    assert len(cached(tmp_path)) == 2


def test_the_cache_is_private(tmp_path: Path) -> None:
    loaded(make(tmp_path, a_yaml=BASE))
    assert all(path.stat().st_mode & 0o077 == 0 for path in [tmp_path / ".govcloud", *cached(tmp_path)])


def test_a_workspace_that_cannot_be_written_is_read_all_the_same(tmp_path: Path) -> None:
    workspace = make(tmp_path, a_yaml=BASE)
    (tmp_path / ".govcloud").write_text("in the way")
    assert len(load(workspace).claims) == 10
    assert (tmp_path / ".govcloud").read_text() == "in the way"
