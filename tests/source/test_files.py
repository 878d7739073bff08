"""Which files are read, and what is never followed or waited for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from govcloud.source import files as source_files
from govcloud.source import load
from tests.conftest import Result

from .helpers import faults, loaded, make, only_fault, said


def names(root: Path) -> set[str]:
    return {name for _, name in said(make(root))}


def test_any_layout_but_not_programs_and_hidden_folders(tmp_path: Path) -> None:
    for folder in ("a/b", "stacks", "playbooks", "a/stacks", ".git", ".govcloud", "a/.x"):
        (tmp_path / folder).mkdir(parents=True)
        name = folder.replace("/", "-").replace(".", "hidden")
        (tmp_path / folder / "x.yml").write_text(f"profiles: {{{name}: {{}}}}")
    (tmp_path / "a" / "Y.YAML").write_text("profiles: {upper: {}}")
    (tmp_path / "a" / "notes.txt").write_text("not read")
    (tmp_path / ".hidden.yaml").write_text("nonsense: [")
    assert names(tmp_path) == {"a-b", "a-stacks", "upper"}


def test_whether_a_file_would_be_read_is_known_before_it_is_there(tmp_path: Path) -> None:
    layers = ["city"]
    places = [
        f"{folder}{name}"
        for folder in ("", "a/", "stacks/", "requests/", "requests/templates/", "a/requests/", "data/",
                       "a/data/", ".git/", "a/.x/", "layers/", "layers/city/", "layers/other/",
                       "layers/city/data/", "layers/city/stacks/")
        for name in ("x.yaml", "Y.CSV", "x.yaml.j2", "x.txt", "govcloud.yaml", ".x.yaml", "~$x.yaml")
    ]  # fmt: skip
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    found = set(source_files.discover(tmp_path, layers).paths)
    assert {place for place in places if source_files.reads(place, layers)} == found
    assert "a/x.yaml" in found and "requests/x.yaml" not in found


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.yaml").write_text("profiles: {stolen: {}}")
    workspace = make(tmp_path / "w", a_yaml="profiles: {own: {}}")
    (tmp_path / "w" / "link.yaml").symlink_to(outside / "x.yaml")
    (tmp_path / "w" / "folder").symlink_to(outside)
    (tmp_path / "w" / "ring").symlink_to(tmp_path / "w")
    files = loaded(workspace)
    assert {c.name for c in files.claims} == {"own"}
    assert [str(note) for note in files.notes] == [
        "link.yaml: a link that leads out of the workspace; not read"
    ]


def test_links_inside_show_a_file_once(tmp_path: Path) -> None:
    # The way in which Kubernetes mounts a ConfigMap, and a plain link to a file that is read anyway.
    workspace = make(tmp_path, a_yaml="profiles: {a: {}}")
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "b.yaml").write_text("profiles: {b: {}}")
    (tmp_path / "b.yaml").symlink_to("..data/b.yaml")
    (tmp_path / "c.yaml").symlink_to("a.yaml")
    assert sorted(loaded(workspace).files) == ["a.yaml", "b.yaml"]


def test_links_that_lead_nowhere_are_faults(tmp_path: Path) -> None:
    # A note would not do: the entries that such a link showed before would be withdrawn.
    workspace = make(tmp_path, a_yaml="profiles: {own: {}}")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling.yaml").symlink_to("nowhere.yaml")
    (tmp_path / "itself.csv").symlink_to("itself.csv")
    (tmp_path / "one.yml").symlink_to("other.yml")
    (tmp_path / "other.yml").symlink_to("one.yml")
    (tmp_path / "shelf.yaml").symlink_to("folder")
    mend = "(mend the link, or remove it)"
    assert faults(workspace) == [
        f"dangling.yaml: a link to a file that is not there {mend}",
        f"itself.csv: a link that leads to itself {mend}",
        f"one.yml: a link that leads to itself {mend}",
        f"other.yml: a link that leads to itself {mend}",
        f"shelf.yaml: a link to what is no file {mend}",
    ]


def test_a_link_that_lost_its_file_withdraws_nothing(tmp_path: Path, cli: Callable[..., Result]) -> None:
    make(tmp_path, b_txt="profiles: {b: {}}")
    (tmp_path / "b.yaml").symlink_to("b.txt")
    assert cli("validate", cwd=tmp_path).code == 0
    (tmp_path / "b.txt").unlink()
    done = cli("plan", cwd=tmp_path)
    assert done.code == 2
    assert "b.yaml: a link to a file that is not there" in done.err


def test_what_looks_like_a_table_and_is_not_read_is_noted(tmp_path: Path) -> None:
    workspace = make(tmp_path, a_yaml="profiles: {own: {}}")
    (tmp_path / "data").mkdir()
    (tmp_path / "sub").mkdir()
    for name in ("racks.XLS", "sub/old.xls", "a.xlsm", "racks.csv.j2", "data/x.ods", "play.yml.j2x", "n.txt"):
        (tmp_path / name).write_bytes(b"whatever")
    (tmp_path / "t.tsv").symlink_to("a.yaml")
    files = loaded(workspace)
    assert list(files.files) == ["a.yaml"]
    assert [str(note) for note in files.notes] == [
        "racks.csv.j2: files that end with .csv.j2 are not read; a template writes YAML: NAME.yaml.j2",
        "t.tsv: files that end with .tsv are not read; save it as .csv",
        "racks.XLS: files that end with .xls are not read (nor 1 more); save it as .xlsx",
        "a.xlsm: files that end with .xlsm are not read; save it as .xlsx",
    ]


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    workspace = make(tmp_path)
    os.mkfifo(tmp_path / "a.yaml")
    assert loaded(workspace).files == {}
    with pytest.raises(source_files.Unreadable):
        source_files.read(tmp_path, "a.yaml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_and_folders_that_cannot_be_read_by_their_mode(tmp_path: Path) -> None:
    workspace = make(tmp_path, a_yaml="profiles: {}")
    (tmp_path / "a.yaml").chmod(0)
    assert only_fault(workspace) == "a.yaml: the file cannot be read: permission denied"


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make(tmp_path, a_yaml="profiles: {}", b_yaml="rooms: {r: {site: s}}")
    opened = os.open

    def refuse(path: str, *rest: int, **more: int) -> int:
        if str(path).endswith("a.yaml"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    # What the other file refers to may stand in the one that nobody can read.
    assert only_fault(workspace) == "a.yaml: the file cannot be read: permission denied"


def test_folders_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make(tmp_path)
    (tmp_path / "sub").mkdir()
    listed = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert only_fault(workspace) == "sub: the folder cannot be read: permission denied"


def test_files_beyond_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make(tmp_path, a_yaml="profiles: {}\n" + "#" * (1 << 20))
    monkeypatch.setattr(source_files, "LARGEST", 1 << 20)
    assert only_fault(workspace) == "a.yaml: the file is larger than 1 MiB; split it"


@pytest.mark.parametrize("name", [b"\xff.yaml", b"a\nb.yaml"])
def test_names_of_files_that_cannot_be_shown(tmp_path: Path, name: bytes) -> None:
    workspace = make(tmp_path)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("profiles: {}")
    fault = only_fault(workspace)
    assert fault.endswith("the file's name has characters that cannot be shown; rename it")
    assert fault.isprintable()
    fault.encode()


def test_chinese_names_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "海口").mkdir()
    (tmp_path / "海口" / "档案.yaml").write_text("profiles: {p: {}}")
    assert loaded(make(tmp_path)).claims[0].claimant == "file:海口/档案.yaml"


def test_progress_tells_files_done_of_all(tmp_path: Path) -> None:
    workspace = make(tmp_path, a_yaml="", b_yaml="", c_yaml="")
    told: list[tuple[int, int]] = []
    load(workspace, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]
