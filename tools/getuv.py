"""uv, the installer of the locked dependencies: on PATH, kept from an earlier set-up, or fetched."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from packages import Stop

# The first whose lock files carry what ours does.
OLDEST = (0, 8, 0)
PINS = Path(__file__).with_name("uv.txt")


def cache() -> Path:
    """The program's cache folder; the same that ``platformdirs`` gives to the program itself."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "govcloud"


def _kept() -> Path:
    found = re.search(r"^uv==(\S+)", PINS.read_text(), re.MULTILINE)
    assert found, "tools/uv.txt names no version"
    return cache() / f"uv-{found[1]}" / "bin" / "uv"


def _fits(path: str | Path) -> bool:
    try:
        done = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", done.stdout)
    return done.returncode == 0 and found is not None and tuple(map(int, found.groups())) >= OLDEST


def present() -> str | None:
    """A uv that will do and is there already."""
    for path in (shutil.which("uv"), _kept()):
        if path and _fits(path):
            return str(path)
    return None


def lacks() -> list[str]:
    """The system packages without which uv cannot be fetched."""
    if _has("pip") or _has("ensurepip"):
        return []
    return ["python3-venv"] if shutil.which("apt-get") else ["python3-pip"]


def _has(module: str) -> bool:
    # Debian leaves an ensurepip behind that lacks its wheels and says so only when it is run.
    if module == "ensurepip":
        probe = [sys.executable, "-c", "import ensurepip; ensurepip.version()"]
        return subprocess.run(probe, capture_output=True).returncode == 0
    return importlib.util.find_spec(module) is not None


def fetch() -> str:
    """Install the pinned uv into the cache, its hash checked. Raises ``Stop``."""
    kept = _kept()
    place = kept.parent.parent
    near = place.with_name(f".{place.name}-{os.getpid()}")
    cache().mkdir(parents=True, exist_ok=True)
    try:
        python = sys.executable
        if not _has("pip"):
            _run([python, "-m", "venv", str(near / "venv")])
            python = str(near / "venv" / "bin" / "python")
        target = near / "uv"
        options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
        options += ["--only-binary", ":all:", "--require-hashes", "--target", str(target)]
        _run([python, "-m", "pip", "install", *options, "-r", str(PINS)])
        shutil.rmtree(place, ignore_errors=True)
        os.replace(target, place)
    finally:
        shutil.rmtree(near, ignore_errors=True)
    if not _fits(kept):
        raise Stop(f"uv was fetched but does not run here: {kept}")
    return str(kept)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    if done.returncode:
        words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-6:])
        raise Stop(
            f"uv is not on PATH and could not be fetched:\n{words}\n"
            "Check the network to the Python package index (pip's own settings name a mirror), or install uv."
        )
