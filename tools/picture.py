"""The picture in the README: a real run of the demo on a terminal, cut to two screens, as SVG.

`.venv/bin/python tools/picture.py` runs the demo on a pseudo-terminal of 110 columns (about two
minutes) and writes docs/demo.svg. `--record FILE` keeps what the terminal got; `--from FILE` draws
such a record again without a run.
"""

from __future__ import annotations

import argparse
import fcntl
import html
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 110, 40
PICTURE = Path(__file__).parent.parent / "docs" / "demo.svg"
# What moves the cursor in what Rich writes: up so many lines, and wipe a line. Colours stay in the text.
MOVE = re.compile(r"\x1b\[(\d*)A|\x1b\[2K|\x1b\[\?25[lh]|\r|\n")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# A piece of text in Rich's SVG: where it begins, how long it is, what it says.
RUN = re.compile(r'(<text class="[^"]*" x=")([\d.]+)("[^>]*? textLength=")([\d.]+)("[^>]*>)([^<]*)</text>')
SPACE = "&#160;"
SKIPPED = "[dim]  …[/dim]"

Record = list[tuple[float, str]]  # (seconds since the start, what came)


def record() -> Record:
    """Run the demo on a pseudo-terminal; what came, and when."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    program = str(Path(sys.executable).parent / "govcloud")
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    came: Record = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(
            [program, "demo"], cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        waiting = b""
        while True:
            try:
                waiting += os.read(ours, 65536)
            except OSError:  # the other end is closed: the program has ended
                break
            # A character may be cut in two; its rest comes next.
            text = waiting.decode(errors="ignore")
            if text.encode() == waiting:
                came.append((round(time.monotonic() - began, 2), text))
                waiting = b""
        if child.wait() != 0:
            sys.exit(f"the demo ended with {child.returncode}")
    return came


class Screen:
    """As much of a terminal as Rich's live view needs: lines, up, wipe."""

    def __init__(self) -> None:
        self.lines: list[str] = [""]
        self.row = 0

    def feed(self, text: str) -> None:
        """Take what came."""
        start = 0
        for found in MOVE.finditer(text):
            self.lines[self.row] += text[start : found.start()]
            start = found.end()
            token = found.group()
            if token == "\n":
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            elif token.endswith("A"):
                self.row = max(0, self.row - int(found.group(1) or 1))
            elif token.endswith("2K"):
                self.lines[self.row] = ""
        self.lines[self.row] += text[start:]


def plain(line: str) -> str:
    """A line without its colours."""
    return COLOUR.sub("", line)


def at_work(came: Record) -> list[str]:
    """The lines of the first apply in the middle of configuring, the third quarter of that stage."""
    screen, moments = Screen(), []
    for _, text in came:
        screen.feed(text)
        tail = screen.lines[-12:]
        if any(plain(line).startswith("… configure") for line in tail):
            moments.append(list(screen.lines))
        elif moments:
            break
    if not moments:
        sys.exit("no moment was found at which hosts were being configured")
    return moments[len(moments) * 3 // 4]


def position(lines: list[str], *beginnings: str, after: int = 0) -> int:
    """The first line from ``after`` on that begins so, without its colours."""
    for number in range(after, len(lines)):
        if plain(lines[number]).startswith(beginnings):
            return number
    sys.exit(f"the demo shows no line {beginnings[0]!r}")


def cut(came: Record) -> list[str | None]:
    """The lines of the picture; None where some are left out."""
    work = at_work(came)
    screen = Screen()
    for _, text in came:
        screen.feed(text)
    whole = screen.lines
    out: list[str | None] = []
    begin = position(work, "$ govcloud apply")
    stage = position(work, "1. record", after=begin)
    total = position(work, "249 entries to record", after=begin)
    out += [*work[begin - 1 : begin + 1], None, *work[stage : stage + 4], None, work[total]]
    out += [line for line in work[total + 2 :] if plain(line).strip()]
    out += [None]
    measured = position(whole, "▌ Measured")
    out += whole[measured : position(whole, "▌", after=measured + 1)]
    broken = position(whole, "▌ Somebody", after=measured)
    healing = position(whole, "▌ Healing", after=broken)
    out += whole[broken:healing]
    again = position(whole, "$ govcloud apply", after=healing)
    over = position(whole, "✓ record", "✓ build", after=again)
    out += [*whole[healing : again + 1], None]
    probes = position(whole, "$ govcloud probe", after=over)
    out += [*whole[over : probes + 1], None]
    good = position(whole, "6 probes good", after=probes)
    out += whole[good : position(whole, "▌", after=good)]
    while out and not plain(out[-1] or "").strip():
        out.pop()
    return out


def draw(lines: list[str | None], place: Path) -> None:
    """Write the lines as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False)
    decoder = AnsiDecoder()
    for line in lines:
        if line is None:
            console.print(SKIPPED)
        else:
            text = decoder.decode_line(line) if line else Text("")
            console.print(text, soft_wrap=True)
    console.save_svg(str(place), title="govcloud demo")
    # Fonts come from the reader's machine: a picture in a repository loads nothing from elsewhere.
    svg = place.read_text(encoding="utf-8")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "DejaVu Sans Mono")
    # Some viewers drop the spaces that a text begins with, so the text begins further right instead.
    svg = RUN.sub(_indented, svg)
    place.write_text(svg, encoding="utf-8")


def _indented(found: re.Match[str]) -> str:
    head, x, middle, length, tail, text = found.groups()
    words = re.sub(rf"^(?:{SPACE})+", "", text.rstrip("\n"))
    blank = text[: len(text) - len(words)].count(SPACE)
    if not words:
        return ""
    cell = float(length) / (text.count(SPACE) + len(html.unescape(text.replace(SPACE, ""))))
    at, size = float(x) + blank * cell, float(length) - blank * cell
    return f"{head}{at:g}{middle}{size:g}{tail}{words}</text>"


def main() -> None:
    """Run or read, cut, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--record", type=Path, help="keep what the terminal got in this file")
    parser.add_argument("--from", dest="source", type=Path, help="draw this record again, without a run")
    parser.add_argument("--out", type=Path, default=PICTURE, help="the picture (docs/demo.svg)")
    options = parser.parse_args()
    came: Record = json.loads(options.source.read_text()) if options.source else record()
    if options.record:
        options.record.write_text(json.dumps(came))
    draw(cut(came), options.out)
    print(f"{options.out}: {options.out.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
