"""The engine in the user's cache: where it lies, how it gets there, whether it is still whole.

    <cache>/govcloud/engine/<key>/bin/pulumi      the binary, 0755
    <cache>/govcloud/engine/<key>/pulumi.json     its size, time and SHA-256

``bin`` is there because Pulumi's Automation API takes a folder and looks for ``bin/pulumi`` in it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from ..files import write_atomically
from .recipe import VERSION, key


def home() -> Path:
    """The folder of everything that this package caches."""
    return Path(platformdirs.user_cache_dir("govcloud")) / "engine"


def binary() -> Path:
    """Where the cached engine lies, or would."""
    return home() / key() / "bin" / "pulumi"


def _record_path() -> Path:
    return home() / key() / "pulumi.json"


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state(*, thorough: bool = False) -> str:
    """``whole``, ``absent``, or a sentence that says what is wrong with the cached engine.

    The quick look compares size and time with the record and costs microseconds; the thorough one,
    and any difference in time, reads the file and compares its digest.
    """
    path = binary()
    try:
        status = path.stat()
    except OSError:
        return "absent"
    try:
        record: dict[str, Any] = json.loads(_record_path().read_text())
        size, when, wanted = int(record["size"]), int(record["mtime_ns"]), str(record["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return "it has no readable record beside it"
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
        return "somebody else may write to it"
    if not status.st_mode & 0o100:
        return "it may not be executed"
    if status.st_size != size:
        return f"it has {status.st_size} bytes instead of {size}"
    if (thorough or status.st_mtime_ns != when) and digest(path) != wanted:
        return "its content is not what was recorded"
    return "whole"


def keep(built: Path) -> Path:
    """Move a built engine into the cache, in one step, with its record. Returns where it lies."""
    path = binary()
    private(path.parent)
    os.chmod(built, 0o755)
    if built.stat().st_dev != path.parent.stat().st_dev:
        near = path.parent / f".pulumi-{os.getpid()}"
        shutil.copy2(built, near)
        built.unlink()
        built = near
    status = built.stat()
    record = {
        "version": VERSION,
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": digest(built),
    }
    # Binary first: a record without its binary would be nothing, the reverse is found and rebuilt.
    os.replace(built, path)
    write(_record_path(), json.dumps(record, indent=2) + "\n")
    return path


def write(path: Path, text: str) -> None:
    """Write a small file so that readers see the old content or the new, never half."""
    write_atomically(path, text.encode(), 0o644)


def private(path: Path) -> Path:
    """Make a folder of the cache, and those above it, for its owner alone."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
    return path


@contextmanager
def lock(report: Callable[[str], None]) -> Iterator[None]:
    """Hold the cache alone, so that two builds do not race. The kernel frees it at any death."""
    private(home())
    with (home() / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another build of the engine is under way; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sweep() -> None:
    """Remove what a killed build left behind. Call it with the lock held."""
    for left in home().glob("build-*"):
        shutil.rmtree(left)
