"""Only what differs from the ledger's memory is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from govcloud.errors import InputError
from govcloud.source import load, read_changes, reading

from .helpers import lay, loaded, make


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the files that were parsed, as they are."""
    seen: list[str] = []
    real = reading.parse

    def parse(data: bytes, path: str, *rest: object, **more: object) -> object:
        seen.append(path)
        return real(data, path, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "parse", parse)
    return seen


def test_new_changed_removed_and_untouched(tmp_path: Path, parsed: list[str]) -> None:
    workspace = make(
        tmp_path,
        a_yaml="profiles: {a: {}}",
        b_yaml="profiles: {b: {title: x}}",
        c_yaml="profiles: {c: {}}",
    )
    everything = read_changes(workspace, {})
    assert everything.changed == ["a.yaml", "b.yaml", "c.yaml"]
    assert everything.files == load(workspace).files
    assert everything.claims == load(workspace).claims
    known = dict(everything.files)
    nothing = read_changes(workspace, known)
    assert (nothing.changed, nothing.removed, nothing.claims) == ([], [], [])
    parsed.clear()
    (tmp_path / "b.yaml").write_text("profiles: {b: {title: y}, b2: {}}")
    (tmp_path / "c.yaml").unlink()
    (tmp_path / "d.yaml").write_text("profiles: {d: {}}")
    some = read_changes(workspace, known)
    assert some.changed == ["b.yaml", "d.yaml"]
    assert some.removed == ["c.yaml"]
    assert [(c.name, c.fields, c.claimant) for c in some.claims] == [
        ("b", {"title": "y"}, "file:b.yaml"),
        ("b2", {}, "file:b.yaml"),
        ("d", {}, "file:d.yaml"),
    ]
    assert some.files == loaded(workspace).files
    assert parsed == ["b.yaml", "d.yaml"]
    # What was read once is known by its content, also to whoever reads everything.
    parsed.clear()
    assert read_changes(workspace, known) == some
    loaded(workspace)
    assert parsed == []


def test_every_fault_of_what_changed_is_told_and_none_of_the_rest(tmp_path: Path) -> None:
    workspace = make(
        tmp_path, a_yaml="profiles: {A: {}}", b_yaml="profils: {}", c_yaml="profiles: {c: {x: 1}}"
    )
    known = {"c.yaml": load_digest(tmp_path / "c.yaml")}
    with pytest.raises(InputError) as caught:
        read_changes(workspace, known)
    assert [problem.path for problem in caught.value.problems] == ["a.yaml", "b.yaml"]


def load_digest(path: Path) -> str:
    from govcloud import canonical

    return canonical.digest_bytes(path.read_bytes())


def test_references_are_not_judged(tmp_path: Path) -> None:
    workspace = make(tmp_path, a_yaml="rooms: {r: {site: nowhere}}")
    assert read_changes(workspace, {}).claims[0].fields == {"site": "nowhere"}


def test_files_of_a_layer_that_is_no_longer_in_force_are_removed(tmp_path: Path) -> None:
    with_layer = lay(
        tmp_path, "x", a_yaml="profiles: {a: {title: t}}", x__a_yaml="profiles: {a: {title: $delete}}"
    )
    known = read_changes(with_layer, {}).files
    assert sorted(known) == ["a.yaml", "layers/x/a.yaml"]
    without = read_changes(lay(tmp_path, ""), known)
    assert without.removed == ["layers/x/a.yaml"]
    assert [str(note) for note in without.notes] == [
        "layers/x: `layers` in govcloud.yaml does not name this layer; not read"
    ]
