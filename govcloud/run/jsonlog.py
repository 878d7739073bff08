"""The log of runs: one JSON object a line, in a file that its owner alone may read.

The same events that every sink gets. Python's own library puts the file aside when it is full and keeps a
few of these.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import msgspec

from ..workspace import Workspace
from .events import Event, Note, RunEnded, RunStarted, Sink, StageEnded, StageProgress, StageStarted

MIB = 1024 * 1024
BAD = {"failed": "error", "stopped": "warning", "cancelled": "warning"}


class _File(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        # Also the one after a rotation: never for a moment readable by others.
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchmod(handle, 0o600)
        return TextIOWrapper(os.fdopen(handle, "ab"), encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:
        # The library would write a traceback to the terminal; the bus lets a sink go that fails.
        error = sys.exc_info()[1]
        raise error or OSError("the log cannot be written")


class JsonLog:
    """A sink that appends to a file, which is put aside at so many ``bytes``; ``files`` of those are kept."""

    def __init__(self, path: Path, bytes: int, files: int) -> None:
        self._file = _File(path, maxBytes=bytes, backupCount=files, encoding="utf-8")
        self._run = ""

    def handle(self, event: Event) -> None:
        """Write one line. Raises ``OSError`` where it cannot be written."""
        if isinstance(event, RunStarted):
            self._run = event.run
        line = json.dumps(line_of(self._run, event, datetime.now(UTC)), ensure_ascii=False)
        self._file.handle(logging.LogRecord("govcloud", logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        """The file is closed; another run appends to it."""
        self._file.close()


def line_of(run: str, event: Event, at: datetime) -> dict[str, Any]:
    """A line: time (UTC), level, run, stage, event, words, and what else the event has."""
    data: dict[str, Any] = msgspec.to_builtins(event)
    level, words = _told(event)
    for name in ("run", "stage", "event", "text", "level"):
        data.pop(name, None)
    head = {
        "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "run": run,
        "stage": getattr(event, "stage", ""),
        "event": event.__struct_config__.tag,
        "words": words,
    }
    return head | data


def _told(event: Event) -> tuple[str, str]:
    """(level, words) of an event."""
    match event:
        case RunStarted():
            return "info", event.title
        case StageStarted():
            return "info", event.title
        case StageProgress():
            return "debug", event.what
        case Note():
            return event.level, event.text
        case StageEnded():
            return BAD.get(event.status, "info"), str(
                event.detail.get("error") or event.detail.get("words") or ""
            )
        case RunEnded():
            return BAD.get(
                event.status, "info"
            ), f"{event.status}; next: {event.hint}" if event.hint else event.status


def own_sinks(workspace: Workspace) -> list[Sink]:
    """What the settings ask for beside what the command shows: the log, where there is one.

    Raises ``OSError`` where the file cannot be opened: somebody who wants a log is told before the run.
    """
    settings = workspace.settings
    if not settings.log:
        return []
    path = workspace.root / Path(settings.log).expanduser()
    return [JsonLog(path, settings.log_mib * MIB, settings.log_files)]
