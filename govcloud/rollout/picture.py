"""A rollout as a picture: SVG without scripts or links, that follows the reader's light or dark.

Waves have colours in their order, from blue to orange; what is verified is full, what is under way is pale,
what is open is grey, what went back is red. A dashed line says how much is due today.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from ..report.timeline_svg import FONTS, PALETTE, cut, escaped
from .board import NO_WAVE, Board, Row, Target
from .progress import State

WIDTH, SIDE = 1040, 28
# Bars: where they begin and end, the height of a row and of its bar.
LEFT, RIGHT, ROW, BAR = 236, 904, 30, 16
# The course of time on top.
CHART_TOP, CHART_HEIGHT = 112, 132
GROUP = 44
# The colours of the first wave, of the last, and between them; no red, which says that something went back.
RAMP = ((47, 98, 173), (42, 150, 160), (94, 171, 120), (205, 173, 72), (222, 134, 66))
LEGEND_WAVES = 12
STATES: tuple[tuple[State, str], ...] = (
    ("done", "已验证 verified"),
    ("under way", "推进中 under way"),
    ("stale", "证据过期 stale"),
    ("regressed", "退化 went back"),
    ("open", "未开始 open"),
)
TODAY = ("stroke", "#1f2328", "#e6edf3")
# Where a day and a share (per cent) stand in the picture.
_X = Callable[[date], float]
_Y = Callable[[float], float]
_OPACITY: dict[State, str] = {"done": "1", "under way": ".38", "stale": ".38"}


def svg(board: Board) -> str:
    """The picture of a rollout."""
    body, bottom = _groups(board, CHART_TOP + CHART_HEIGHT + 62)
    height = bottom + 62
    share = board.whole.share
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escaped(board.title)}: {share:.0f} %</title>",
        f"<style>{_style()}</style>",
        _hatches(),
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="10"/>',
        *_head(board),
        *_course(board),
        *body,
        *_legend(board, bottom + 18),
    ]
    return "\n".join([*out, "</svg>", ""])


def _style() -> str:
    fonts = ", ".join(name if name in ("system-ui", "sans-serif") else f'"{name}"' for name in FONTS)
    used = ("paper", "faint", "band", "line", "pause")
    kept = {n: v for n, v in PALETTE.items() if n == "text" or n.lstrip(".") in used}
    kept |= {
        ".back": PALETTE[".failed"],
        ".steps": PALETTE[".waited"],
        ".todayline": ("stroke", "#1f2328", "#e6edf3"),
    }
    light = [f"{name} {{ {what}: {colour} }}" for name, (what, colour, _) in kept.items()]
    dark = [f"{name} {{ {what}: {colour} }}" for name, (what, _, colour) in kept.items()]
    return "\n".join(
        [
            f"text {{ font-family: {fonts}; font-size: 13px }}",
            ".head { font-size: 19px; font-weight: 600 } .faint { font-size: 11.5px }",
            ".group { font-size: 12.5px; font-weight: 600; letter-spacing: .04em }",
            ".share { font-size: 46px; font-weight: 600 } .due { stroke-dasharray: 3 3; stroke-width: 1.5 }",
            ".steps { fill: none; stroke-width: 2 } .todayline { stroke-width: 1.5 } .pause { opacity: .55 }",
            *light,
            f"@media (prefers-color-scheme: dark) {{ {' '.join(dark)} }}",
        ]
    )


def _hatches() -> str:
    """Stripes over what went back and over stale evidence: told apart without colours as well."""
    return (
        '<defs><pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="2" height="6" fill="#ffffff" fill-opacity=".55"/>'
        "</pattern></defs>"
    )


def _head(board: Board) -> list[str]:
    whole = board.whole
    done, total = whole.of("done"), whole.total
    under = f"{board.environment} · {board.today.isoformat()} · {total} 个对象 members"
    back = whole.of("regressed")
    if back:
        under += f" · {back} 个退化 went back"
    said = f"{done} / {total} 已验证 verified{_against(board)}"
    return [
        f'<text class="head" x="{SIDE}" y="40">{escaped(cut(board.title, 72))}</text>',
        f'<text class="faint" x="{SIDE}" y="62">{escaped(cut(under, 140))}</text>',
        f'<text class="share" x="{WIDTH - SIDE}" y="56" text-anchor="end">{whole.share:.0f}%</text>',
        f'<text class="faint" x="{WIDTH - SIDE}" y="76" text-anchor="end">{said}</text>',
    ]


def _against(board: Board) -> str:
    if board.due is None:
        return ""
    missing = board.due - board.whole.share
    if missing > 0:
        return f" · 落后 {missing:.0f} 个百分点 behind the {board.due:g} % due"
    return f" · 达到应完成的 {board.due:g}% as due"


# -- the course of time: what is due when, and where it stands today ----------------------------------------


def _course(board: Board) -> list[str]:
    if not board.targets:
        return []
    days = [board.today, *(target.day for target in board.targets)]
    first, last = min([board.starts or board.today, *days]), max(days)
    span = max(1, (last - first).days)
    left, right = SIDE + 44, WIDTH - SIDE - 64
    bottom = CHART_TOP + CHART_HEIGHT

    def x(day: date) -> float:
        return left + (day - first).days / span * (right - left)

    def y(share: float) -> float:
        return bottom - share / 100 * CHART_HEIGHT

    out = []
    for share in (0, 50, 100):
        out.append(f'<line class="line" x1="{left}" y1="{y(share):.1f}" x2="{right}" y2="{y(share):.1f}"/>')
        out.append(
            f'<text class="faint" x="{left - 8}" y="{y(share) + 4:.1f}" text-anchor="end">{share}%</text>'
        )
    out.append(_steps(board.targets, x(first), x, y))
    free = -1.0
    for target in board.targets:
        at, words = x(target.day), f"{target.said} · {target.share:g}%"
        out.append(f'<circle class="faint" cx="{at:.1f}" cy="{y(target.share):.1f}" r="3.5"/>')
        if at - 40 >= free:
            anchor = "end" if at > right - 30 else "middle"
            out.append(
                f'<text class="faint" x="{at:.1f}" y="{bottom + 18}" text-anchor="{anchor}">'
                f"{escaped(words)}</text>"
            )
            free = at + 50
    return [*out, *_today(board, x(board.today), y, right)]


def _steps(targets: list[Target], start: float, x: _X, y: _Y) -> str:
    """What is due: nothing until the first target, then so much until the next."""
    points, share = [(start, 0.0)], 0.0
    for target in targets:
        points += [(x(target.day), share), (x(target.day), target.share)]
        share = target.share
    path = " L ".join(f"{at:.1f} {y(part):.1f}" for at, part in points)
    return f'<path class="steps" d="M {path}"/>'


def _today(board: Board, at: float, y: _Y, right: float) -> list[str]:
    """A column of today, of as many parts as there are waves, and its height in words."""
    out = [f'<line class="todayline" x1="{at:.1f}" y1="{y(116):.1f}" x2="{at:.1f}" y2="{y(0):.1f}"/>']
    height = 0.0
    for number in [*range(len(board.waves)), NO_WAVE]:
        part = board.whole.counts.get((number, "done"), 0) / max(1, board.whole.total) * 100
        if part:
            out.append(
                f'<rect x="{at - 6:.1f}" y="{y(height + part):.1f}" width="12" '
                f'height="{y(height) - y(height + part):.1f}" fill="{_colour(number, len(board.waves))}"/>'
            )
            height += part
    anchor, x = ("end", at - 12) if at > right - 150 else ("start", at + 12)
    out.append(
        f'<text class="group" x="{x:.1f}" y="{y(108):.1f}" text-anchor="{anchor}">'
        f"今天 today {board.whole.share:.0f}%</text>"
    )
    return out


# -- shares by wave, level, city, unit ----------------------------------------------------------------------


def _groups(board: Board, top: int) -> tuple[list[str], int]:
    out: list[str] = []
    if not board.targets:
        top = CHART_TOP
    y = top
    for heading, rows in board.groups:
        out.append(f'<text class="group" x="{SIDE}" y="{y}">{escaped(heading)}</text>')
        y += 12
        for number, row in enumerate(rows):
            if number % 2 == 0:
                out.append(
                    f'<rect class="band" x="{SIDE - 8}" y="{y}" width="{WIDTH - 2 * SIDE + 16}" '
                    f'height="{ROW}" rx="4"/>'
                )
            out += _row(row, y, len(board.waves))
            y += ROW
        if board.due is not None and rows:
            x = LEFT + board.due / 100 * (RIGHT - LEFT)
            out.append(
                f'<line class="todayline due" x1="{x:.1f}" y1="{y - ROW * len(rows) - 4}" x2="{x:.1f}" '
                f'y2="{y + 2}"/>'
            )
        y += GROUP
    return out, y - GROUP + 12


def _row(row: Row, y: int, waves: int) -> list[str]:
    words = ", ".join(f"{name.split()[0]} {row.of(state)}" for state, name in STATES if row.of(state))
    middle = y + ROW / 2
    place = f'x="{LEFT}" y="{middle - BAR / 2:.1f}" width="{RIGHT - LEFT}" height="{BAR}"'
    out = [
        f"<g><title>{escaped(f'{row.title}: {words}')}</title>",
        f'<text x="{SIDE}" y="{middle + 4.5:.1f}">{escaped(cut(row.title, 26))}</text>',
        f'<rect class="pause" {place} rx="3"/>',
    ]
    x = float(LEFT)
    for state, _ in STATES:
        if state == "open":
            continue
        for number in [*range(waves), NO_WAVE]:
            count = row.counts.get((number, state), 0)
            if count:
                width = count / row.total * (RIGHT - LEFT)
                out += _part(x, middle - BAR / 2, width, state, _colour(number, waves))
                x += width
    out.append(
        f'<text x="{RIGHT + 52}" y="{middle + 4.5:.1f}" text-anchor="end">{row.share:.0f}%</text>'
        f'<text class="faint" x="{WIDTH - SIDE}" y="{middle + 4:.1f}" text-anchor="end">'
        f"{row.of('done')}/{row.total}</text></g>"
    )
    return out


def _part(x: float, y: float, width: float, state: State, colour: str) -> list[str]:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(1.0, width - 1):.1f}" height="{BAR}"'
    if state == "regressed":
        return [f'<rect class="back" {place}/>', f'<rect fill="url(#stripes)" {place}/>']
    out = [f'<rect {place} fill="{colour}" fill-opacity="{_OPACITY[state]}"/>']
    return [*out, f'<rect fill="url(#stripes)" {place}/>'] if state == "stale" else out


def _legend(board: Board, y: int) -> list[str]:
    """States on one line, waves on the next."""
    out, x = [], float(SIDE)
    neutral = _colour(0, 1)
    for state, name in STATES:
        if state == "open":
            out.append(f'<rect class="pause" x="{x:.0f}" y="{y - 10}" width="22" height="12"/>')
        else:
            out += [
                part.replace(f'height="{BAR}"', 'height="12"')
                for part in _part(x, y - 10, 22, state, neutral)
            ]
        out.append(f'<text class="faint" x="{x + 29:.0f}" y="{y}">{escaped(name)}</text>')
        x += 150
    if board.due is not None:
        out.append(
            f'<line class="todayline due" x1="{x + 8:.0f}" y1="{y - 11}" x2="{x + 8:.0f}" y2="{y + 3}"/>'
        )
        out.append(f'<text class="faint" x="{x + 18:.0f}" y="{y}">今日应完成 due today {board.due:g}%</text>')
    x, y = float(SIDE), y + 24
    for number, wave in enumerate(board.waves[:LEGEND_WAVES]):
        colour = _colour(number, len(board.waves))
        out.append(f'<rect x="{x:.0f}" y="{y - 10}" width="12" height="12" rx="2" fill="{colour}"/>')
        name = cut(wave, 14)
        out.append(f'<text class="faint" x="{x + 18:.0f}" y="{y}">{escaped(name)}</text>')
        x += 34 + 7.2 * len(name)
    if len(board.waves) > LEGEND_WAVES:
        more = len(board.waves) - LEGEND_WAVES
        out.append(f'<text class="faint" x="{x:.0f}" y="{y}">… {more} more</text>')
    return out


def _colour(number: int, waves: int) -> str:
    """The colour of a wave: its place between blue and orange; grey for what is in none."""
    if number == NO_WAVE:
        return "#7d8590"
    place = number / (waves - 1) * (len(RAMP) - 1) if waves > 1 else 0.0
    low = min(int(place), len(RAMP) - 2)
    parts = (round(a + (b - a) * (place - low)) for a, b in zip(RAMP[low], RAMP[low + 1], strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)
