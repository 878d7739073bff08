"""Sinks: plain lines, JSON lines, and a live view on a terminal."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

import msgspec

from .events import Event, Note, RunEnded, RunStarted, StageEnded, StageProgress, StageStarted

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# Cells of the live view that are neither title nor words: mark, seconds, and what is between.
FIXED = 12
MARKS = {"done": "✓", "failed": "✗", "stopped": "■", "running": "…", "pending": " "}
COLOURS = {"done": "green", "failed": "red", "stopped": "yellow", "running": "cyan", "pending": "dim"}


class JsonLines:
    """One JSON object a line, for programs."""

    def __init__(self, out: IO[str] | None = None) -> None:
        self._out = out or sys.stdout

    def handle(self, event: Event) -> None:
        """Write one line."""
        self._out.write(msgspec.json.encode(event).decode() + "\n")
        self._out.flush()

    def close(self) -> None:
        """Nothing is held."""


class Lines:
    """A sentence for each stage, for logs and pipes."""

    def __init__(self, out: IO[str] | None = None) -> None:
        self._out = out or sys.stdout

    def handle(self, event: Event) -> None:
        """Write what is worth a line; single objects are not."""
        match event:
            case RunStarted():
                count = len(event.stages)
                self._line(f"run {event.run}: {count} stage{'s' if count != 1 else ''}")
            case StageStarted():
                self._line(f"  {event.stage}: {event.title}")
            case StageEnded():
                self._line(f"  {event.stage}: {event.status} in {event.seconds:.1f} s{_outcome(event)}")
            case Note():
                self._line(f"  {event.level}: {event.text}")
            case RunEnded():
                self._line(f"run {event.run}: {event.status} in {event.seconds:.1f} s")
                if event.hint:
                    self._line(f"next: {event.hint}")
            case StageProgress():
                pass

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()

    def close(self) -> None:
        """Nothing is held."""


def _outcome(event: StageEnded) -> str:
    error = event.detail.get("error")
    if not error:
        words = event.detail.get("words")
        return f": {words}" if words else ""
    lines = "".join(f"\n      {line}" for line in str(error).splitlines())
    return lines + "".join(f"\n      {line}" for line in trouble(event.detail))


def trouble(detail: Mapping[str, Any], most: int = 6) -> list[str]:
    """What was done, what was not, and what cures it, of a stage that did not get to its end; a line each."""
    lines = []
    for words, key in (("done", "done"), ("not done", "not_done")):
        if names := detail.get(key):
            lines.append(f"{words}: {_some(names, most)}")
    if detail.get("hint"):
        lines.append(f"hint: {detail['hint']}")
    return lines


def _some(names: list[str], most: int) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


class Live:
    """All stages of the run at once, each with its progress, on a terminal."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live as RichLive

        self._console = console
        self._stages: dict[str, tuple[str, str]] = {}  # id -> (title, status)
        self._progress: dict[str, tuple[int, int, str]] = {}
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._over = False
        self._live = RichLive(get_renderable=self._render, console=console, refresh_per_second=8)
        self._live.start()

    def handle(self, event: Event) -> None:
        """Take the event in; the view is drawn on its own clock."""
        match event:
            case RunStarted():
                self._stages = {s: (title, status) for s, _, title, status in event.stages}
            case StageStarted():
                self._set(event.stage, "running")
                self._began[event.stage] = time.monotonic()
                self._progress[event.stage] = (0, event.total, "")
            case StageProgress():
                self._progress[event.stage] = (event.done, event.total, event.what)
            case StageEnded():
                self._set(event.stage, event.status)
                self._took[event.stage] = event.seconds
                error = event.detail.get("error")
                if error:
                    self._console.print(f"[red]{event.stage}[/red]{_escape(_outcome(event))}")
                elif event.detail.get("words"):
                    self._progress[event.stage] = (0, 0, str(event.detail["words"]))
            case Note():
                colour = {"warning": "yellow", "error": "red"}.get(event.level, "dim")
                self._console.print(f"[{colour}]{_escape(event.text)}[/{colour}]")
            case RunEnded():
                self.close()
                colour = COLOURS.get(event.status, "white")
                self._console.print(
                    f"[{colour}]{MARKS.get(event.status, ' ')} run {event.run} {event.status}[/{colour}] "
                    f"in {event.seconds:.1f} s"
                )
                if event.hint:
                    self._console.print(f"next: [bold]{event.hint}[/bold]")

    def _set(self, stage: str, status: str) -> None:
        self._stages[stage] = (self._stages.get(stage, (stage, ""))[0], status)

    def _render(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        room = self._console.width
        rows = list(self._stages.items())
        hidden = self._hidden(len(rows))
        if hidden:
            rows = [(s, t) for s, t in rows if t[1] in ("running", "failed", "stopped")]
        widest = max((Text(title).cell_len for _, (title, _) in rows), default=0)
        titles = min(widest, max(20, (room - FIXED) * 3 // 4))
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(width=1)
        table.add_column(width=titles, no_wrap=True, overflow="ellipsis")
        table.add_column(width=7, no_wrap=True, justify="right")
        table.add_column(width=max(0, room - FIXED - titles), no_wrap=True, overflow="ellipsis")
        for stage, (title, status) in rows:
            done, total, what = self._progress.get(stage, (0, 0, ""))
            words = Text(what, "dim")
            if status == "running":
                words = Text.assemble(*_bar(done, total, 16 if room > 100 else 10), " ", words)
            seconds = self._took.get(stage)
            if seconds is None and stage in self._began:
                seconds = time.monotonic() - self._began[stage]
            took = f"{seconds:.1f} s" if seconds is not None else ""
            colour = COLOURS[status]
            table.add_row(Text(MARKS[status], colour), Text(title, colour), took, words)
        if hidden:
            table.add_row("", Text(self._counts(), "dim"))
        return table

    def _hidden(self, count: int) -> bool:
        """More stages than lines: those at work are shown, the others counted, until the end."""
        return not self._over and count > self._console.height - 4

    def _counts(self) -> str:
        counts = Counter(status for _, status in self._stages.values())
        return ", ".join(f"{counts[s]} {s}" for s in ("done", "pending") if counts[s])

    def close(self) -> None:
        """Draw once more and give back the terminal."""
        self._over = True
        if self._live.is_started:
            self._live.stop()


def _bar(done: int, total: int, width: int) -> list[tuple[str, str]]:
    """What is done and what is left; where nobody knows how much there is, a dash that wanders."""
    if total:
        full = min(width, done * width // total)
        return [("━" * full, "cyan"), ("━" * (width - full), "bright_black")]
    dash = width // 4
    at = int(time.monotonic() * 8) % (width - dash + 1)
    return [("━" * at, "bright_black"), ("━" * dash, "cyan"), ("━" * (width - dash - at), "bright_black")]


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
