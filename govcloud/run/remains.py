"""What runs leave behind in the workspace's private folder, and which of it nobody needs any more.

The engine's state itself (``stacks/``, its locks) is never looked at; of its backups and its history the
newest of each stack stay, however old they are.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..engine import FORMER_LOGS
from ..ledger.pruning import Tally
from ..ledger.retention import Policy
from ..workspace import Workspace

# The engine names its backups and its history by the time, in ns since the epoch.
_STAMP = re.compile(r"[.-](\d{19})\.[a-z.]+$")
# Endings of a segment of the workflow engine; one of any other kind goes on.
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
# Segments that are taken out at once.
PIECE = 500


@dataclass(frozen=True)
class Remains:
    """One class of files, or of rows in the workflow engine's file, with a way to take it away."""

    name: str
    limit: str
    files: list[Path] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)
    bytes: int = 0
    note: str = ""

    @property
    def tally(self) -> Tally:
        """As the ledger's classes are told."""
        return Tally(self.name, self.limit, len(self.segments), len(self.files), self.bytes, self.note)


def find(workspace: Workspace, policy: Policy, standing: Iterable[str], *, now: float) -> list[Remains]:
    """What could go. ``standing``: runs that are not over; ``now``: seconds since the epoch."""
    private = workspace.private
    kept = set(standing)
    engine = policy.before("engine_days", now)
    return [
        _engine(workspace, engine),
        _files("engine logs", "logs_days", private / "pulumi" / FORMER_LOGS, policy.before("logs_days", now)),
        _segments(private / "workflows.db", engine, kept),
        _plays(private / "plays", kept),
        _files("cache", "cache_days", private / "cache", policy.before("cache_days", now)),
    ]


def remove(workspace: Workspace, remains: Remains, alive: Callable[[], None]) -> Tally:
    """Take it away; ``alive`` is called in between, and may raise to stop. Safe to repeat.

    What cannot be removed stays, and the note says why.
    """
    gone = size = 0
    note = remains.note
    for path in remains.files:
        alive()
        try:
            length = _size(path)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        except FileNotFoundError:
            continue  # somebody else tidies too: the cache does so by itself
        except OSError as error:
            note = f"{path.relative_to(workspace.private)}: {error.strerror or error}"
            continue
        gone, size = gone + 1, size + length
    rows = 0
    for start in range(0, len(remains.segments), PIECE):
        alive()
        rows += _forget(workspace.private / "workflows.db", remains.segments[start : start + PIECE])
    size += remains.bytes if rows else 0
    return Tally(remains.name, remains.limit, rows, gone, size, note)


# -- files --------------------------------------------------------------------------------------------


def _size(path: Path) -> int:
    if path.is_dir() and not path.is_symlink():
        return sum(p.lstat().st_size for p in path.rglob("*") if not p.is_dir())
    return path.lstat().st_size


def _below(folder: Path) -> Iterator[Path]:
    """Plain files at any depth; links are neither followed nor told."""
    for where, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(where, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _files(name: str, limit: str, folder: Path, before: float) -> Remains:
    files = [path for path in _below(folder) if path.stat().st_mtime < before]
    return Remains(name, limit, files, bytes=sum(map(_size, files)))


def _engine(workspace: Workspace, before: float) -> Remains:
    """The engine's backups and history, where its state is in the private folder."""
    name, limit = "engine", "engine_days"
    state = workspace.state_url
    folder = Path(state.removeprefix("file://"))
    if not state.startswith("file://") or not folder.is_relative_to(workspace.private):
        return Remains(name, limit, note="the state stands elsewhere: its backups are not ours to prune")
    old: list[Path] = []
    for part in ("backups", "history"):
        by_stack: dict[Path, dict[int, list[Path]]] = {}
        for path in _below(folder / ".pulumi" / part):
            stamp = _STAMP.search(path.name)
            if stamp:
                by_stack.setdefault(path.parent, {}).setdefault(int(stamp[1]), []).append(path)
        for by_time in by_stack.values():
            for stamp_ns in sorted(by_time)[:-1]:
                if stamp_ns / 1e9 < before:
                    old += by_time[stamp_ns]
    return Remains(name, limit, old, bytes=sum(map(_size, old)))


def _plays(folder: Path, standing: set[str]) -> Remains:
    """What a play that was killed left; one that ends tidies up after itself."""
    left = [path for path in sorted(folder.glob("*")) if path.name not in standing]
    return Remains("plays", "", left, bytes=sum(map(_size, left)))


# -- the workflow engine's rows -----------------------------------------------------------------------


def _segments(path: Path, before: float, standing: set[str]) -> Remains:
    name, limit = "segments", "engine_days"
    if not path.exists():
        return Remains(name, limit)
    import sqlite3

    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            marks = ", ".join("?" * len(_ENDED))
            rows = connection.execute(
                f"SELECT workflow_uuid FROM workflow_status WHERE updated_at < ? AND status IN ({marks})",
                (before * 1000, *_ENDED),
            ).fetchall()
            every = connection.execute("SELECT count(*) FROM workflow_status").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        return Remains(name, limit, note=f"workflows.db is left as it is: {error}")
    # RUN.SEGMENT, or RUN.SEGMENT.STAGE
    found = [workflow for (workflow,) in rows if workflow.partition(".")[0] not in standing]
    share = path.stat().st_size * len(found) // max(every, 1)
    return Remains(name, limit, segments=found, bytes=share)


def _forget(path: Path, segments: list[str]) -> int:
    """Let the workflow engine take its own rows out: they stand in several tables of its."""
    from dbos import DBOSClient

    client = DBOSClient(system_database_url=f"sqlite:///{path}")
    try:
        client.delete_workflows(segments)
    finally:
        client.destroy()
    return len(segments)
