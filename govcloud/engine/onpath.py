"""A ``pulumi`` that the machine already has: is it one that will do?

Asking a binary for its version costs a third of a second, so the answer is remembered for as long
as the file stays the same: a day, as a version manager's shim may lead elsewhere tomorrow; an hour
where it gave no answer at all.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .recipe import MAJOR, OLDEST, dotted, numbers
from .store import home, private, write

# A healthy engine answers in under a second; a loaded machine gets ten.
PATIENCE = 10.0
DAY, HOUR = 86_400.0, 3_600.0


@dataclass(frozen=True)
class Found:
    """A ``pulumi`` on PATH: its version, or why it will not do."""

    path: Path
    version: tuple[int, ...]
    fault: str

    @property
    def fits(self) -> bool:
        """Whether it may be used."""
        return not self.fault


def search() -> list[Found]:
    """Every ``pulumi`` on PATH, in its order, up to the first that fits."""
    result: list[Found] = []
    memory = _recall()
    before = json.dumps(memory)
    for entry in os.get_exec_path():
        path = Path(entry or ".") / "pulumi"
        if not path.is_file() or not os.access(path, os.X_OK):
            continue
        found = _judge(path.absolute(), memory)
        result.append(found)
        if found.fits:
            break
    if json.dumps(memory) != before:
        _remember(memory)
    return result


def _judge(path: Path, memory: dict[str, Any]) -> Found:
    status = path.stat()
    mark = [status.st_size, status.st_mtime_ns, status.st_ino]
    known = memory.get(str(path))
    if not (isinstance(known, dict) and known.get("mark") == mark and _fresh(known)):
        version, words = _ask(path)
        known = {"mark": mark, "version": list(version), "words": words, "at": time.time()}
        memory[str(path)] = known
    version = tuple(known["version"])
    return Found(path, version, _fault(version, str(known["words"])))


def _fresh(known: dict[str, Any]) -> bool:
    age = time.time() - float(known.get("at", 0))
    return 0 <= age < (DAY if known.get("version") else HOUR)


def _fault(version: tuple[int, ...], words: str) -> str:
    if not version:
        return words or "it told no version"
    if version[0] != MAJOR or version < OLDEST:
        return f"it is {dotted(version)}; {MAJOR}.x from {dotted(OLDEST)} on will do"
    return ""


def _ask(path: Path) -> tuple[tuple[int, ...], str]:
    """Run ``pulumi version``: the version, or nothing and why."""
    try:
        # It writes a log even for this, which must not stay in the user's home.
        with tempfile.TemporaryDirectory(prefix="govcloud-", ignore_cleanup_errors=True) as folder:
            done = subprocess.run(
                [str(path), "version"],
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=PATIENCE,
                env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "1", "PULUMI_HOME": folder},
            )
    except subprocess.TimeoutExpired:
        return (), f"it gave no answer to `pulumi version` in {PATIENCE:.0f} s"
    except OSError as error:
        return (), f"it does not start: {error.strerror}"
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no words"]
        return (), f"`pulumi version` failed ({done.returncode}): {last[0]}"
    return numbers(done.stdout), "it told no version"


def _memory_path() -> Path:
    return home() / "on-path.json"


def _recall() -> dict[str, Any]:
    try:
        memory = json.loads(_memory_path().read_text())
    except (OSError, ValueError):
        return {}
    return memory if isinstance(memory, dict) else {}


def _remember(memory: dict[str, Any]) -> None:
    # Only a saving of time: where the cache cannot be written, the next call asks again.
    try:
        private(home())
        write(_memory_path(), json.dumps(memory, indent=2) + "\n")
    except OSError:
        return
