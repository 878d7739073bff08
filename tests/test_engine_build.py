"""The engine's build for real, by Go, of a module of three lines: go.sum must hold."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from govcloud import engine
from govcloud.engine import build, go, recipe, store
from govcloud.errors import GovcloudError

SILENT: list[str] = []


class Proxy:
    """A Go module proxy in a folder, with one small module, and a recipe that asks for it."""

    module, version = "example.com/tiny", "v1.0.0"

    def __init__(self, root: Path) -> None:
        self.folder = root / "proxy" / self.module / "@v"
        self.recipe = root / "recipe"
        self.folder.mkdir(parents=True)
        self.recipe.mkdir()
        mod = f"module {self.module}\n\ngo 1.21\n"
        files = {
            "go.mod": mod,
            "cmd/tiny/main.go": f'package main\n\nfunc main() {{ println2("v{recipe.VERSION}") }}\n',
            "cmd/tiny/print.go": 'package main\n\nimport "os"\n\n'
            'func println2(s string) { os.Stdout.WriteString(s + "\\n") }\n',
        }
        with zipfile.ZipFile(self.folder / f"{self.version}.zip", "w") as archive:
            for name, text in files.items():
                archive.writestr(f"{self.module}@{self.version}/{name}", text)
        (self.folder / f"{self.version}.mod").write_text(mod)
        (self.folder / f"{self.version}.info").write_text(json.dumps({"Version": self.version}))
        (self.recipe / "go.mod").write_text(
            f"module govcloud.local/engine\n\ngo 1.21\n\nrequire {self.module} {self.version}\n"
        )
        (self.recipe / "engine.go").write_text("package engine\n")
        names = {f"{self.module}@{self.version}/{name}": text for name, text in files.items()}
        self.sums = (
            f"{self.module} {self.version} {self.digest(names)}\n"
            f"{self.module} {self.version}/go.mod {self.digest({'go.mod': mod})}\n"
        )
        (self.recipe / "go.sum").write_text(self.sums)

    @staticmethod
    def digest(files: dict[str, str]) -> str:
        """Go's h1: the SHA-256 of the sorted list of SHA-256 and names."""
        lines = [
            f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in sorted(files.items())
        ]
        return "h1:" + base64.b64encode(hashlib.sha256("".join(lines).encode()).digest()).decode()


@pytest.fixture
def proxy(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    found = go.on_path()
    if found is None or found.version < (1, 21):
        pytest.skip("no Go on PATH; the flags are tested above")
    monkeypatch.setenv("PATH", os.pathsep.join([str(found.path.parent), "/usr/bin", "/bin"]))
    made = Proxy(tmp_path)
    monkeypatch.setattr(recipe, "folder", lambda: made.recipe)
    monkeypatch.setattr(build, "folder", lambda: made.recipe)
    monkeypatch.setattr(build, "PACKAGE", "example.com/tiny/cmd/tiny")
    monkeypatch.setattr(build, "toolchain", lambda report: found)
    # A module mirror of the site, named by the usual variables.
    monkeypatch.setenv("GOPROXY", f"file://{tmp_path}/proxy")
    monkeypatch.setenv("GOSUMDB", "off")
    monkeypatch.setenv("GOFLAGS", "-modcacherw")
    monkeypatch.setenv("GOPATH", str(tmp_path / "gopath"))
    # The standard library is compiled once for all of these, in the user's own cache of Go.
    monkeypatch.setenv("GOCACHE", str(Path.home() / ".cache" / "go-build"))
    return made


def test_build_from_a_module_mirror(proxy: Proxy) -> None:
    said: list[str] = []
    kept = engine.ensure(said.append)
    assert subprocess.run([str(kept)], capture_output=True, text=True).stdout == f"v{recipe.VERSION}\n"
    assert engine.find() == kept
    steps = [line for line in said if not line.startswith("  ")]
    assert ["fetching" in steps[0], "compiling" in steps[1], "built in" in steps[2]] == [True] * 3


@pytest.mark.parametrize("fault", ["changed line", "missing line", "module altered by the mirror"])
def test_a_module_that_go_sum_does_not_vouch_for_ends_the_build(proxy: Proxy, fault: str) -> None:
    sums = proxy.recipe / "go.sum"
    if fault == "changed line":
        sums.write_text(proxy.sums.replace(proxy.sums.split()[2], "h1:" + "A" * 43 + "="))
    elif fault == "missing line":
        sums.write_text("")
    else:
        archive = proxy.folder / f"{proxy.version}.zip"
        with zipfile.ZipFile(archive, "a") as file:
            file.writestr(f"{proxy.module}@{proxy.version}/evil.go", "package tiny\n")
    with pytest.raises(GovcloudError, match=r"checksum mismatch|missing go\.sum entry") as caught:
        engine.ensure(SILENT.append)
    assert "nothing was built" in caught.value.hint
    assert store.state() == "absent"
    assert not list(store.home().glob("build-*"))


def test_a_mirror_that_is_away_is_told_with_what_to_do(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:9")
    with pytest.raises(GovcloudError, match="refused") as caught:
        engine.ensure(SILENT.append)
    assert "GOPROXY" in caught.value.hint


def test_progress_goes_to_the_end(proxy: Proxy) -> None:
    seen: list[tuple[str, int, int]] = []
    engine.ensure(SILENT.append, lambda what, done, total: seen.append((what, done, total)))
    assert {what for what, _, _ in seen} == {"fetching modules", "compiling"}
    assert all(0 <= done <= total for _, done, total in seen)
    assert seen[-1][1] == seen[-1][2] > 10
