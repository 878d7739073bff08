"""The Pulumi engine: the order in which it is looked for, damage, and the verified build."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from govcloud import engine
from govcloud.engine import build, go, onpath, recipe, store
from govcloud.errors import GovcloudError

SILENT: list[str] = []


def script(folder: Path, body: str, name: str = "pulumi") -> Path:
    """An executable shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def path(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets PATH to these folders and the system's own."""

    def put(*folders: Path) -> None:
        monkeypatch.setenv("PATH", os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"]))

    put()
    return put


def keep_fake(version: str = f"v{recipe.VERSION}") -> Path:
    """A script in the place of a built engine, recorded like one."""
    store.private(store.home())
    return store.keep(script(store.home(), f"echo {version}", "build-fake"))


# -- on PATH ----------------------------------------------------------------------------------------


def test_fitting_engine_on_path_comes_before_the_cache(path: Callable[..., None], tmp_path: Path) -> None:
    keep_fake()
    mine = script(tmp_path / "a", "echo v3.300.1")
    path(tmp_path / "a")
    found = engine.locate()
    assert found == engine.Engine(mine, "3.300.1", "PATH")
    said: list[str] = []
    assert engine.ensure(said.append) == mine
    assert said == [f"Pulumi engine: {mine} 3.300.1, from PATH"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("echo v3.254.9", "it is 3.254.9; 3.x from 3.255.0 on will do"),
        ("echo v4.0.0", "it is 4.0.0; 3.x from 3.255.0 on will do"),
        ("echo something else", "it told no version"),
        ("echo 'command not found' >&2; exit 127", "failed (127): command not found"),
        ("sleep 60", "no answer"),
    ],
)
def test_unfit_engine_is_passed_over_with_its_reason(
    path: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    monkeypatch.setattr(onpath, "PATIENCE", 0.5)
    kept = keep_fake()
    script(tmp_path / "a", body)
    path(tmp_path / "a")
    said: list[str] = []
    assert engine.ensure(said.append) == kept
    assert reason in said[0]
    assert "from the cache" in said[1]
    assert any(reason in fault for fault in engine.faults())


def test_an_older_one_in_front_does_not_hide_a_fitting_one(path: Callable[..., None], tmp_path: Path) -> None:
    script(tmp_path / "a", "echo v3.100.0")
    good = script(tmp_path / "b", "echo v3.255.0")
    path(tmp_path / "a", tmp_path / "b")
    assert engine.find() == good


def test_an_engine_is_asked_for_its_version_once(path: Callable[..., None], tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    mine = script(tmp_path / "a", f"echo x >> {asked}; echo v3.255.0")
    path(tmp_path / "a")
    for _ in range(3):
        assert engine.find() == mine
    assert asked.read_text() == "x\n"
    # Another file in its place is another engine.
    script(tmp_path / "a", f"echo x >> {asked}; echo v3.1.0 # older")
    assert engine.find() is None
    assert asked.read_text() == "x\nx\n"


def test_damaged_memory_of_versions_is_no_obstacle(path: Callable[..., None], tmp_path: Path) -> None:
    mine = script(tmp_path / "a", "echo v3.255.0")
    path(tmp_path / "a")
    store.private(store.home())
    (store.home() / "on-path.json").write_text("{not json")
    assert engine.find() == mine


# -- in the cache -----------------------------------------------------------------------------------


def test_nothing_there_is_none(path: Callable[..., None]) -> None:
    assert engine.find() is None
    assert engine.faults() == []


def test_cache_is_for_its_owner_alone_and_quick(path: Callable[..., None]) -> None:
    kept = keep_fake()
    assert engine.find() == kept
    assert (store.home().stat().st_mode & 0o777) == 0o700
    started = time.perf_counter()
    for _ in range(20):
        engine.find()
    assert (time.perf_counter() - started) / 20 < 0.01


@pytest.mark.parametrize("damage", ["content", "same size and time", "length", "record", "mode", "writable"])
def test_damage_in_the_cache_is_noticed_and_built_again(
    path: Callable[..., None], monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    kept = keep_fake()
    before = kept.stat()
    text = kept.read_text()
    if damage == "content":
        kept.write_text(text.replace("echo", "3cho"))
    elif damage == "same size and time":
        kept.write_text(text.replace("echo", "3cho"))
        os.utime(kept, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif damage == "length":
        kept.write_text(text[:5])
    elif damage == "record":
        (kept.parent.parent / "pulumi.json").write_text("")
    elif damage == "mode":
        kept.chmod(0o644)
    else:
        kept.chmod(0o777)
    built: list[str] = []
    monkeypatch.setattr(build, "build", lambda report, progress: built.append("built") or keep_fake())
    if damage != "same size and time":
        assert engine.find() is None
    said: list[str] = []
    assert engine.ensure(said.append) == kept
    assert built == ["built"]
    assert "is not used" in said[0]
    assert engine.find() == kept


def test_a_new_date_alone_is_no_damage(path: Callable[..., None]) -> None:
    kept = keep_fake()
    os.utime(kept)
    assert engine.find() == kept


def test_two_builds_do_not_race(path: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the lock and finds the work done."""
    code = (
        "import sys, time\n"
        "from govcloud.engine import store\n"
        "with store.lock(print):\n"
        "    print('held', flush=True); time.sleep(1)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        said: list[str] = []
        with store.lock(said.append):
            assert other.wait(timeout=20) == 0
    assert said == ["another build of the engine is under way; waiting for it"]


def test_environment_keeps_the_engine_to_the_workspace(tmp_path: Path) -> None:
    variables = engine.environment(tmp_path / ".govcloud")
    home = Path(variables["PULUMI_HOME"])
    assert home.is_dir() and home.is_relative_to(tmp_path) and home.stat().st_mode & 0o777 == 0o700
    assert variables["PULUMI_SKIP_CHECKPOINTS"] == "true"
    assert variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert variables["PULUMI_SKIP_UPDATE_CHECK"] == "1"


def test_this_machines_engine_runs() -> None:
    """Set-up has put one here; it is the version that the stacks are run with."""
    found = engine.locate()
    assert found, "`make setup` has not put an engine here"
    done = subprocess.run([str(found.path), "version"], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == f"v{found.version}"


# -- the recipe -------------------------------------------------------------------------------------


def test_recipe_says_one_version_everywhere() -> None:
    text = (recipe.folder() / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{recipe.VERSION}" in text
    assert f"v{recipe.VERSION}" in recipe.LDFLAGS
    assert recipe.dotted(recipe.OLDEST) == recipe.VERSION
    # Every module that is asked for has both its checksums.
    sums = (recipe.folder() / "go.sum").read_text()
    for line in text.splitlines():
        if line.startswith("\t"):
            name, version = line.split()[:2]
            assert f"{name} {version}/go.mod h1:" in sums
    assert "--hash=sha256:" in (recipe.folder() / "go.txt").read_text()


@pytest.mark.parametrize("answer", ["go1.20.1", "", "nonsense"])
def test_an_unfit_go_is_passed_over(
    path: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    script(tmp_path / "bin", f"echo '{answer}'", "go")
    path(tmp_path / "bin")
    fetched = go.Go(Path("/fetched/go"), (1, 27, 3), ours=True)
    monkeypatch.setattr(go, "_fetch", lambda report: fetched)
    assert go.toolchain(SILENT.append) == fetched


def test_a_fitting_go_is_used(path: Callable[..., None], tmp_path: Path) -> None:
    mine = script(tmp_path / "bin", "echo go1.30", "go")
    path(tmp_path / "bin")
    assert go.toolchain(SILENT.append) == go.Go(mine, (1, 30), ours=False)


def test_fetching_go_asks_for_its_hash_and_fails_in_a_sentence(
    path: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "said"
    monkeypatch.delenv("UV", raising=False)
    script(tmp_path / "bin", f'echo "$@" > {said}; echo "no route to the index" >&2; exit 2', "uv")
    path(tmp_path / "bin")
    with pytest.raises(GovcloudError, match="no route to the index") as caught:
        go.toolchain(SILENT.append)
    assert "--require-hashes" in said.read_text()
    assert "govcloud.engine" in caught.value.hint
    assert not list(store.home().glob("go/.toolchain*"))


def test_build_passes_the_sites_settings_on_and_forces_verification(
    path: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `go` that only writes down how it was called, then makes an engine."""
    log = tmp_path / "log"
    fake = f"""
[ "$1" = env ] && echo go1.30 && exit
echo "$@" >> {log}
echo "GOPROXY=$GOPROXY GOFLAGS=$GOFLAGS GOOS=$GOOS GOWORK=$GOWORK" >> {log}
ls go.mod go.sum >/dev/null || exit 9
while [ $# -gt 0 ]; do
    [ "$1" = -o ] && printf '#!/bin/sh\\necho v{recipe.VERSION}\\n' > "$2" && chmod 755 "$2"
    shift
done
exit 0
"""
    script(tmp_path / "bin", fake, "go")
    path(tmp_path / "bin")
    monkeypatch.setenv("GOPROXY", "https://modules.example.gov")
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    monkeypatch.setenv("GOOS", "plan9")
    said: list[str] = []
    kept = engine.ensure(said.append)
    assert kept == store.binary() and engine.find() == kept
    calls = log.read_text().splitlines()
    assert len([line for line in calls if "-mod=readonly" in line]) == 2
    assert recipe.LDFLAGS in log.read_text()
    # GOFLAGS stays the site's, but the command line outranks it.
    assert calls[1] == "GOPROXY=https://modules.example.gov GOFLAGS=-mod=mod GOOS= GOWORK=off"
    assert not list(store.home().glob("build-*"))


def test_wrong_binary_is_not_kept(path: Callable[..., None], tmp_path: Path) -> None:
    fake = """
[ "$1" = env ] && echo go1.30 && exit
while [ $# -gt 0 ]; do
    [ "$1" = -o ] && printf '#!/bin/sh\\necho v1\\n' > "$2" && chmod 755 "$2"
    shift
done
exit 0
"""
    script(tmp_path / "bin", fake, "go")
    path(tmp_path / "bin")
    with pytest.raises(GovcloudError, match=r"answers 'v1' instead of v3\.255\.0"):
        engine.ensure(SILENT.append)
    assert store.state() == "absent"


def test_the_module_says_it_in_sentences(own_cache: Path, tmp_path: Path) -> None:
    """`python -m govcloud.engine` where nothing can be had: no traceback, what to do, not 0."""
    script(tmp_path / "bin", "echo no network >&2; exit 2", "uv")
    done = subprocess.run(
        [sys.executable, "-m", "govcloud.engine"],
        env=os.environ | {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "UV": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if shutil.which("go", path="/usr/bin:/bin"):
        pytest.skip("this machine has a Go in /usr/bin")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "no network" in done.stderr and "hint: " in done.stderr
