"""What a run tells while it goes on: small frozen values, fanned out to sinks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from ..secrets import redaction


class RunStarted(msgspec.Struct, frozen=True, tag="run_started", tag_field="event"):
    """A run begins or goes on. ``stages``: (id, kind, title, status)."""

    run: str
    title: str
    stages: tuple[tuple[str, str, str, str], ...]


class StageStarted(msgspec.Struct, frozen=True, tag="stage_started", tag_field="event"):
    """A stage begins. ``total``: how many things it has to do, 0 where that is not known."""

    stage: str
    title: str
    total: int


class StageProgress(msgspec.Struct, frozen=True, tag="stage_progress", tag_field="event"):
    """One thing of a stage is done."""

    stage: str
    done: int
    total: int
    what: str


class Note(msgspec.Struct, frozen=True, tag="note", tag_field="event"):
    """A sentence worth telling; ``level`` is info, warning or error."""

    stage: str
    text: str
    level: str = "info"


class StageEnded(msgspec.Struct, frozen=True, tag="stage_ended", tag_field="event"):
    """A stage is over. ``seconds``: how long it took."""

    stage: str
    status: str
    seconds: float
    detail: dict[str, Any]


class RunEnded(msgspec.Struct, frozen=True, tag="run_ended", tag_field="event"):
    """The run, or this segment of it, is over. ``hint``: what to type next, if anything."""

    run: str
    status: str
    seconds: float
    hint: str = ""


Event = RunStarted | StageStarted | StageProgress | Note | StageEnded | RunEnded


class Sink(Protocol):
    """Somebody who watches a run. Called from several threads, one call at a time."""

    def handle(self, event: Event) -> None:
        """Take one event."""
        ...

    def close(self) -> None:
        """The run is over or has failed; give back the terminal."""
        ...


def _clean(event: Event) -> Event:
    """The event without any secret that this process knows: engines may say what they were handed.

    Only words are searched. Ids, titles, statuses, levels are ours, and a secret may be a word like `done`.
    """
    if not redaction.active():
        return event
    match event:
        case Note():
            return msgspec.structs.replace(event, text=redaction.clean(event.text))
        case StageProgress():
            return msgspec.structs.replace(event, what=redaction.clean(event.what))
        case StageEnded():
            return msgspec.structs.replace(event, detail=redaction.clean_detail(event.detail))
        case RunStarted() | StageStarted() | RunEnded():
            return event


class Bus:
    """Hands each event to every sink, one at a time.

    A sink that fails (its reader went away) is let go: who watches never decides how a run ends.
    """

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._sinks = list(sinks)
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Hand one event to all."""
        event = _clean(event)
        with self._lock:
            for sink in list(self._sinks):
                try:
                    sink.handle(event)
                except Exception:
                    self._sinks.remove(sink)

    def close(self) -> None:
        """Close every sink."""
        with self._lock:
            for sink in self._sinks:
                with suppress(OSError):
                    sink.close()
