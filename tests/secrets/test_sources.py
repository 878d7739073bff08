"""Where values come from: what is taken, and what is refused with a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from govcloud.references import Reference, SecretSettings
from govcloud.secrets.resolving import Limits, Resolver, Unresolved
from govcloud.secrets.versions import key_file, renew, same_key, version_key, version_of
from govcloud.workspace import Settings, Workspace


def resolver(root: Path, limits: Limits | None = None) -> Resolver:
    return Resolver(Workspace(root, Settings(environment="sources")), limits)


def private(path: Path, content: bytes) -> Path:
    path.touch(0o600)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "exact", "value"),
    [
        (b"word\n", False, b"word"),
        (b"word\r\n", False, b"word"),
        (b"word\n\n", False, b"word\n"),
        (b"word\n", True, b"word\n"),
        (b"\x00\xff\n", True, b"\x00\xff\n"),
    ],
)
def test_a_file_with_or_without_its_last_line_break(
    tmp_path: Path, content: bytes, exact: bool, value: bytes
) -> None:
    private(tmp_path / "f", content)
    assert resolver(tmp_path).value(Reference(origin="file", path="f", exact=exact)) == value


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = private(tmp_path / "f", b"word")
    for mode in (0o640, 0o604, 0o660, 0o601):
        file.chmod(mode)
        with pytest.raises(Unresolved, match=f"others may read it .mode {mode:04o}") as told:
            resolver(tmp_path).value(Reference(origin="file", path="f"))
        assert told.value.hint.startswith("chmod 600")
    # What counts is the file, not the link to it.
    file.chmod(0o644)
    (tmp_path / "link").symlink_to("f")
    with pytest.raises(Unresolved, match="others may read it"):
        resolver(tmp_path).value(Reference(origin="file", path="link"))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    private(tmp_path / "empty", b"\n")
    private(tmp_path / "big", b"x" * (256 * 1024 + 1))
    for path, words in (
        ("folder", "neither a file nor a pipe"),
        ("nowhere", "No such file"),
        ("empty", "it is empty"),
        ("big", "more than 256 KiB"),
    ):
        with pytest.raises(Unresolved, match=words):
            resolver(tmp_path).value(Reference(origin="file", path=path))


def test_a_pipe_gives_what_is_written_to_it(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"word\n")
    os.close(writing)
    one = resolver(tmp_path)
    reference = Reference(origin="file", path=f"/dev/fd/{reading}")
    # Once for this process: a pipe cannot be read again.
    assert [one.value(reference), resolver(tmp_path).value(reference)] == [b"word", b"word"]
    os.close(reading)


def test_a_command_is_a_list_and_no_shell(tmp_path: Path) -> None:
    one = resolver(tmp_path)
    value = one.value(Reference(origin="command", command=["printf", "%s", "$HOME; echo `id`"]))
    assert value == b"$HOME; echo `id`"
    script = "import sys; print('hidden-value'); sys.exit('hidden-value is not for you')"
    with pytest.raises(Unresolved) as told:
        one.value(Reference(origin="command", command=[sys.executable, "-c", script]))
    assert "ended with code 1: (secret) is not for you" in told.value.message
    with pytest.raises(Unresolved, match="No such file"):
        one.value(Reference(origin="command", command=["no-such-program"]))


def test_a_command_that_hangs_is_ended_with_all_that_it_began(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    command = ["sh", "-c", f"sleep 300 & echo $! > {note}; wait"]
    with pytest.raises(Unresolved, match=r"took more than 0\.5 s"):
        resolver(tmp_path, Limits(command_timeout_s=0.5)).value(Reference(origin="command", command=command))
    status = Path(f"/proc/{note.read_text().strip()}/stat")
    assert not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_variable_is_withdrawn_from_where_others_see_it(tmp_path: Path) -> None:
    script = f"""
import subprocess
from pathlib import Path
from govcloud.references import Reference
from govcloud.secrets.resolving import Resolver, Unresolved
from govcloud.workspace import Settings, Workspace
one = Resolver(Workspace(Path({str(tmp_path)!r}), Settings(environment="sources")))
assert b"hidden-value" in Path("/proc/self/environ").read_bytes()
assert one.value(Reference(origin="env", variable="WORD")) == b"hidden-value"
assert b"hidden-value" not in Path("/proc/self/environ").read_bytes()
assert "hidden-value" not in subprocess.run(["env"], capture_output=True, text=True).stdout
again = Resolver(Workspace(Path({str(tmp_path)!r}), Settings(environment="sources")))
assert again.value(Reference(origin="env", variable="WORD")) == b"hidden-value"
try:
    one.value(Reference(origin="env", variable="NOTHING"))
except Unresolved as error:
    print(error.message)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"WORD": "hidden-value"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "env NOTHING: the variable is not set\n", done.stderr


def test_a_version_tells_values_apart_and_nothing_else(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, Settings(environment="versions"))
    key = version_key(workspace, Resolver(workspace))
    assert key == version_key(workspace, Resolver(workspace)) and len(key) == 32
    assert key_file("versions").stat().st_mode & 0o777 == 0o600
    one = version_of(key, "db", b"word")
    assert one == version_of(key, "db", b"word")
    assert len({one, version_of(key, "db", b"word2"), version_of(key, "web", b"word")}) == 3
    # The name and the value cannot run into each other.
    assert version_of(key, "a", b"bc") != version_of(key, "ab", b"c")
    renew("versions")
    other = version_of(version_key(workspace, Resolver(workspace)), "db", b"word")
    assert other != one and not same_key(one, other)
    key_file("versions").chmod(0o644)
    with pytest.raises(Unresolved, match="others may read it"):
        version_key(workspace, Resolver(workspace))


def test_a_named_key_of_versions_is_shared_and_long_enough(tmp_path: Path) -> None:
    named = SecretSettings(version_key=Reference(origin="file", path="key"))
    workspace = Workspace(tmp_path, Settings(environment="versions", secrets=named))
    private(tmp_path / "key", b"too short")
    with pytest.raises(Unresolved, match="less than 16 bytes"):
        version_key(workspace, Resolver(workspace))
    private(tmp_path / "key", b"k" * 32)
    assert version_key(workspace, Resolver(workspace)) == b"k" * 32
