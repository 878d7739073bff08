"""A run's timeline on a terminal: a row a stage, bars beside each other; readable without colours too."""

from __future__ import annotations

from rich.text import Text

from ..printable import visible
from .timeline import Axis, Bar, Timeline, duration

# What stands in a cell, by how the attempt ended; before it the time for which it waited.
CELLS = {"done": "█", "running": "▶", "failed": "▒", "stopped": "▒", "interrupted": "░"}
COLOURS = {"done": "green", "running": "cyan", "failed": "red", "stopped": "yellow", "interrupted": "magenta"}
WAITED, PAUSED = "·", "┊"
LEGEND = "█ done  ▒ failed or stopped  ░ interrupted  · waited for its turn  ┊ nobody was at work"
LEAST, LONGEST = 20, 34


def rows(line: Timeline, width: int) -> list[Text]:
    """The picture in lines of at most ``width`` cells."""
    axis = Axis(line)
    names = min(LONGEST, max([len(visible(lane.stage)) for lane in line.lanes], default=0))
    times = max([len(duration(lane.ran)) for lane in line.lanes], default=0)
    room = max(LEAST, width - names - times - 4)
    out = []
    for lane in line.lanes:
        name = Text(visible(lane.stage))
        name.truncate(names, overflow="ellipsis", pad=True)
        cells = _cells(axis, lane.bars, room)
        took = duration(lane.ran) if lane.bars else ""
        out.append(Text.assemble((name.plain, "bold"), " ", cells, " ", f"{took:>{times}}"))
    out.append(Text(" " * (names + 1) + _scale(axis, room), "dim"))
    if any(lane.bars for lane in line.lanes):
        out.append(Text(" " * (names + 1) + LEGEND, "dim"))
    return out


def _cells(axis: Axis, bars: tuple[Bar, ...], room: int) -> Text:
    painted: list[tuple[str, str]] = [(" ", "")] * room
    for start, end in axis.pauses:
        for n in _between(axis, start, end, room):
            painted[n] = (PAUSED, "dim")
    for bar in bars:
        for n in _between(axis, bar.ready, bar.start, room):
            painted[n] = (WAITED, "dim")
    for bar in bars:
        for n in _between(axis, bar.start, bar.end, room):
            painted[n] = (CELLS.get(bar.status, "█"), COLOURS.get(bar.status, ""))
    return Text.assemble(*painted)


def _between(axis: Axis, start: float, end: float, room: int) -> range:
    first = min(room - 1, int(axis.at(start) * room))
    # However short, it is there to be seen.
    return range(first, max(first + 1, round(axis.at(end) * room)))


def _scale(axis: Axis, room: int) -> str:
    line = [" "] * (room + 12)
    free = 0
    for moment in axis.ticks(max(2, room // 16)):
        at, words = int(axis.at(moment) * room), duration(moment) if moment else "0"
        if at >= free and at + len(words) <= len(line):
            line[at : at + len(words)] = words
            free = at + len(words) + 2
    return "".join(line).rstrip()
