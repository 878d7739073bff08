"""A run's timeline as a picture: SVG without scripts or links, that follows the reader's light or dark."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Mapping
from html import escape

from ..printable import visible
from .timeline import Axis, Bar, Lane, Timeline, duration

WIDTH, LEFT, RIGHT, TOP, ROW, BAR = 1040, 270, 30, 92, 34, 18
FOOT = 64
LEAST = 3.0
# Subjects that a stage's title names.
NAMED = 12
# Each colour on light and on dark paper. Not as variables: half of the programs that draw SVG know none.
PALETTE = {
    ".paper": ("fill", "#ffffff", "#0d1117"),
    "text": ("fill", "#1f2328", "#e6edf3"),
    ".faint": ("fill", "#59636e", "#9198a1"),
    ".band": ("fill", "#f6f8fa", "#151b23"),
    ".line": ("stroke", "#d1d9e0", "#3d444d"),
    ".pause": ("fill", "#d1d9e0", "#3d444d"),
    ".waited": ("stroke", "#8c959f", "#767e88"),
    ".done": ("fill", "#1a7f37", "#3fb950"),
    ".failed": ("fill", "#cf222e", "#f85149"),
    ".stopped": ("fill", "#9a6700", "#d29922"),
    ".interrupted": ("fill", "#8250df", "#ab7df8"),
    ".running": ("fill", "#0969da", "#4493f8"),
    ".mark": ("fill", "#ffffff", "#0d1117"),
}
FONTS = (
    "system-ui",
    "Segoe UI",
    "Noto Sans",
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "sans-serif",
)
# Told apart without colours as well.
MARKS = {"done": "✓", "failed": "✗", "stopped": "■", "interrupted": "⚡", "running": "…"}
WORDS = {
    "done": "done",
    "failed": "failed",
    "stopped": "stopped",
    "interrupted": "interrupted",
    "running": "at work",
}


def _style() -> str:
    light = [f"{name} {{ {what}: {colour} }}" for name, (what, colour, _) in PALETTE.items()]
    dark = [f"{name} {{ {what}: {colour} }}" for name, (what, _, colour) in PALETTE.items()]
    fonts = ", ".join(name if name in ("system-ui", "sans-serif") else f'"{name}"' for name in FONTS)
    rules = [
        f"text {{ font-family: {fonts}; font-size: 13px }}",
        ".head { font-size: 17px; font-weight: 600 } .name { font-weight: 600 } .faint { font-size: 11px }",
        ".pause { opacity: .55 } .waited { stroke-width: 2; stroke-dasharray: 2 4 }",
        ".mark { font-size: 11px; font-weight: 700 }",
        *light,
        f"@media (prefers-color-scheme: dark) {{ {' '.join(dark)} }}",
    ]
    return "\n".join(rules)


def svg(line: Timeline, heading: str, under: str, titles: Mapping[str, str]) -> str:
    """The picture. ``heading``, ``under``: two lines above it; ``titles``: of subjects, by ``kind/name``."""
    axis = Axis(line)
    bottom = TOP + ROW * len(line.lanes)
    height = bottom + FOOT
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escaped(heading)}</title>",
        f"<style>{_style()}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
        f'<text class="head" x="20" y="32">{escaped(cut(heading, 100))}</text>',
        f'<text class="faint" x="20" y="52">{escaped(cut(under, 150))}</text>',
    ]
    for number in range(0, len(line.lanes), 2):
        out.append(f'<rect class="band" x="0" y="{TOP + ROW * number}" width="{WIDTH}" height="{ROW}"/>')
    out += _scale(axis, bottom)
    out += _pauses(axis, line, bottom)
    for number, lane in enumerate(line.lanes):
        out += _lane(axis, lane, TOP + ROW * number, titles)
    out += _legend(line, bottom + 42)
    return "\n".join([*out, "</svg>", ""])


def _x(axis: Axis, moment: float) -> float:
    return LEFT + axis.at(moment) * (WIDTH - LEFT - RIGHT)


def _scale(axis: Axis, bottom: int) -> list[str]:
    out, free = [], 0.0
    for moment in axis.ticks(8):
        x = _x(axis, moment)
        out.append(f'<line class="line" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{bottom}"/>')
        if x >= free:
            words = duration(moment) if moment else "0"
            out.append(f'<text class="faint" x="{x:.1f}" y="{TOP - 12}" text-anchor="middle">{words}</text>')
            free = x + 60
    return out


def _pauses(axis: Axis, line: Timeline, bottom: int) -> list[str]:
    """Bands where nobody was at work, each with how long, and how the leg before it ended."""
    ends = {span.end: span for span in line.legs}
    out = []
    for start, end in axis.pauses:
        x, to = _x(axis, start), _x(axis, end)
        before = ends.get(start)
        how = f"{before.status} on {before.host}; " if before else ""
        words = f"{how}nobody was at work for {duration(end - start)}"
        out.append(
            f'<g><title>{escaped(words)}</title><rect class="pause" x="{x:.1f}" y="{TOP - 6}" '
            f'width="{to - x:.1f}" height="{bottom - TOP + 6}"/><text class="faint" x="{(x + to) / 2:.1f}" '
            f'y="{bottom + 16}" text-anchor="middle">{escaped(duration(end - start))}</text></g>'
        )
    return out


def _lane(axis: Axis, lane: Lane, y: int, titles: Mapping[str, str]) -> list[str]:
    """A stage: its name on the left, each of its attempts as a bar with a title."""
    about = f"{lane.stage}: {lane.title}"
    named = [f"{s} {titles[s]}" if titles.get(s) else s for s in lane.subjects[:NAMED]]
    if len(lane.subjects) > NAMED:
        named.append(f"and {len(lane.subjects) - NAMED} more")
    whole = "\n".join([about, *named])
    name, title = escaped(cut(lane.stage, 32)), escaped(cut(lane.title, 42))
    out = [
        f"<g><title>{escaped(whole)}</title>",
        f'<text class="name" x="20" y="{y + 15}">{name}</text>',
        f'<text class="faint" x="20" y="{y + 28}">{title}</text></g>',
    ]
    for bar in lane.bars:
        out += _bar(axis, bar, y + (ROW - BAR) // 2, about)
    return out


def _bar(axis: Axis, bar: Bar, y: int, about: str) -> list[str]:
    x = _x(axis, bar.start)
    width = max(LEAST, _x(axis, bar.end) - x)
    out = []
    if bar.start > bar.ready:
        at = f'x1="{_x(axis, bar.ready):.1f}" y1="{y + BAR / 2}" x2="{x:.1f}" y2="{y + BAR / 2}"'
        out.append(f'<line class="waited" {at}/>')
    status = bar.status if bar.status in WORDS else "stopped"
    ran, waited = duration(bar.end - bar.start), duration(bar.start - bar.ready)
    lines = [
        about,
        f"attempt {bar.attempt}: {WORDS[status]}, ran {ran}, waited {waited}",
        f"from {duration(bar.start)} to {duration(bar.end)} after the beginning",
        bar.words,
    ]
    title = escaped("\n".join(one for one in lines if one))
    rect = f'<rect class="{status}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3"/>'
    mark, words = "", MARKS[status]
    if width >= 16:
        took = f" {duration(bar.end - bar.start)}" if width >= 70 else ""
        mark = f'<text class="mark" x="{x + 5:.1f}" y="{y + 13}">{words}{took}</text>'
    out.append(f"<g><title>{title}</title>{rect}{mark}</g>")
    return out


def _legend(line: Timeline, y: int) -> list[str]:
    there = {bar.status for lane in line.lanes for bar in lane.bars}
    out, x = [], 20
    for status in (s for s in WORDS if s in there):
        out.append(f'<rect class="{status}" x="{x}" y="{y - 10}" width="12" height="12" rx="2"/>')
        out.append(f'<text class="faint" x="{x + 18}" y="{y}">{MARKS[status]} {WORDS[status]}</text>')
        x += 110
    out.append(f'<line class="waited" x1="{x}" y1="{y - 4}" x2="{x + 26}" y2="{y - 4}"/>')
    out.append(f'<text class="faint" x="{x + 34}" y="{y}">waited for its turn</text>')
    if len(line.legs) > 1:
        x += 160
        out.append(f'<rect class="pause" x="{x}" y="{y - 10}" width="12" height="12"/>')
        out.append(f'<text class="faint" x="{x + 18}" y="{y}">nobody was at work</text>')
    return out


def heading(environment: str, run: str, status: str, line: Timeline) -> tuple[str, str]:
    """The two lines above the picture."""
    began = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(line.began))
    hosts = ", ".join(dict.fromkeys(f"{span.actor}" for span in line.legs))
    parts = f"in {len(line.legs)} parts, " if len(line.legs) > 1 else ""
    return f"{environment}: run {run}, {status}", f"{began}, {parts}{duration(line.seconds)}, by {hosts}"


def cut(text: str, most: int) -> str:
    """A text of at most so many columns; a Chinese character is two of them."""
    room, out = most, ""
    for character in visible(text):
        room -= 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if room < 1:
            return f"{out}…"
        out += character
    return out


def escaped(text: str) -> str:
    """Anything as text of XML: nothing in it opens a tag, and what XML cannot hold is not in it."""
    return escape(visible(text, keep="\n").replace("\ufffe", "").replace("\uffff", ""))
