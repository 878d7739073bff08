"""What README and docs show is what the program says: their commands are run, their links followed.

A fenced block of language `console` follows a comment that names where it is run:

- `<!-- with: nothing -->` an empty folder; `hainan` the sample, not applied; `lab` the sample as the
  demo leaves it, applied in a lab; `checkout` the repository. A page has one such folder, and its
  blocks run in it one after the other. `tiny` is a workspace of the page's own `file` blocks.
- `<!-- file: NAME -->` before a block writes its text to that file of the page's `tiny` workspace.
- `<!-- with: demo -->`: nothing is run; what is shown stands in this order in what the demo wrote; so for
  `demo-request` and its chapter `request`.

Lines after `$ …` are what the command writes. A line `…` stands for any lines, `…` within one for
any text. A block without a comment fails the test, so that none is left out by accident.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from govcloud.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BIN = Path(sys.executable).parent
FENCE = re.compile(r"^(?:<!-- (?P<what>with|file): (?P<name>\S+) -->\n)?```(?P<language>\w*)\n", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ANY = "…"


@dataclass(frozen=True)
class Block:
    """A fenced block: its page and line, its language, the comment before it, its lines."""

    page: str
    line: int
    language: str
    what: str
    name: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """Each command with the lines that are shown after it."""
        command, shown = "", []
        for line in self.lines:
            if line.startswith("$ "):
                if command:
                    yield command, shown
                command, shown = line[2:], []
            else:
                shown.append(line)
        yield command, shown


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    out, at = [], 0
    while found := FENCE.search(text, at):
        at = text.index("\n```", found.end() - 1) + 4
        lines = text[found.end() : at - 4].splitlines()
        number = text.count("\n", 0, found.end()) + 1
        name = str(page.relative_to(ROOT))
        what, about = found["what"] or "", found["name"] or ""
        out.append(Block(name, number, found["language"], what, about, tuple(lines)))
    return out


ALL = [block for page in PAGES for block in blocks(page)]
CONSOLE = [block for block in ALL if block.language == "console"]


def fits(line: str, pattern: str) -> bool:
    """A line as shown, where `…` stands for any text."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split(ANY))), line) is not None


def explains(shown: Sequence[str], real: Sequence[str]) -> bool:
    """Whether the real lines are the ones shown, where a line `…` stands for any lines."""
    # reach: how many of the real lines may have been used up by what was shown so far.
    reach = {0}
    for pattern in shown:
        if pattern.strip() == ANY:
            reach = set(range(min(reach), len(real) + 1))
        else:
            reach = {n + 1 for n in reach if n < len(real) and fits(real[n], pattern)}
        if not reach:
            return False
    return len(real) in reach


def run(command: str, where: Path) -> list[str]:
    """What a command line writes, standard error among it, as in a shell whose output is no terminal."""
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR", "MAKEFLAGS")}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=where,
        env=environment | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    return [line.rstrip() for line in done.stdout.rstrip().splitlines()]


def check(block: Block, where: Path) -> None:
    for command, shown in block.commands():
        real = run(command, where)
        wanted = [line.rstrip() for line in shown]
        assert explains(wanted, real), "\n".join(
            [f"{block.page}:{block.line}: $ {command}", "-- shown", *wanted, "-- real", *real]
        )


def play(page: str, name: str, where: Path) -> None:
    """The blocks of a page that run in one kind of folder, in their order."""
    for block in ALL:
        if block.page != page:
            continue
        if block.what == "file" and name == "tiny":
            place = where / block.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(block.text, encoding="utf-8")
        elif block.language == "console" and (block.what, block.name) == ("with", name):
            check(block, where)


def pages_with(*names: str) -> list[tuple[str, str]]:
    return sorted({(b.page, b.name) for b in CONSOLE if b.what == "with" and b.name in names})


FOLDERS: dict[str, Callable[[Path], Path]] = {}


def folder(name: str) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    def keep(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
        FOLDERS[name] = make
        return make

    return keep


@folder("nothing")
@folder("tiny")
def empty(tmp: Path) -> Path:
    return tmp


@folder("checkout")
def checkout(tmp: Path) -> Path:
    return ROOT


@folder("hainan")
def hainan(tmp: Path) -> Path:
    run("govcloud init . --sample hainan", tmp)
    return tmp


@pytest.mark.parametrize(("page", "name"), pages_with(*FOLDERS))
def test_pages_show_what_is_printed(page: str, name: str, tmp_path: Path) -> None:
    play(page, name, FOLDERS[name](tmp_path))


@dataclass(frozen=True)
class Demo:
    """What the demo wrote, and the workspace it left up."""

    lines: list[str]
    workspace: Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One run of the demo, for all that is shown of it and of its province."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "tmp").mkdir()
    lines = run(f"TMPDIR={folder}/tmp govcloud demo base --keep", folder)
    kept = [found[1] for line in lines if (found := re.search(r"Kept for you: cd (\S+?);", line))]
    assert kept, "\n".join(lines)
    try:
        yield Demo(lines, Path(kept[0]))
    finally:
        run("govcloud lab down", Path(kept[0]))


@pytest.mark.lab
@pytest.mark.xdist_group("docs-lab")
@pytest.mark.timeout(600)
class TestProvince:
    """What is shown of the demo and of the sample in the lab."""

    @pytest.mark.parametrize("block", [b for b in CONSOLE if b.name == "demo"], ids=lambda b: b.page)
    def test_demo(self, block: Block, demo: Demo) -> None:
        shown = [line.rstrip() for line in block.lines if not line.startswith("$ make")]
        assert explains(shown, demo.lines), "\n".join(["-- shown", *shown, "-- real", *demo.lines])

    @pytest.mark.parametrize(("page", "name"), pages_with("lab"))
    def test_pages_show_what_is_printed(self, page: str, name: str, demo: Demo) -> None:
        play(page, name, demo.workspace)


@pytest.mark.lab
@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", [b for b in CONSOLE if b.name == "demo-request"], ids=lambda b: b.page)
def test_the_chapter_of_a_request(block: Block, tmp_path: Path) -> None:
    real = run(f"TMPDIR={tmp_path} govcloud demo request", tmp_path)
    shown = [line.rstrip() for line in block.lines if not line.startswith("$ make")]
    assert explains(shown, real), "\n".join(["-- shown", *shown, "-- real", *real])


def test_every_block_is_run() -> None:
    known = {*FOLDERS, "lab", "demo", "demo-request"}
    loose = [f"{b.page}:{b.line}" for b in CONSOLE if b.what != "with" or b.name not in known]
    assert not loose, "blocks without `<!-- with: … -->`"


def test_links_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            place, _, mark = target.partition("#")
            if "://" in target:
                continue
            other = (page.parent / place) if place else page
            if not other.exists() or (mark and mark not in anchors(other)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in PAGES if p.parent.name == "docs" and p.name not in index] == ["README.md"]


def test_every_command_is_told_of() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in COMMANDS if f"govcloud {name}" not in text] == []


def test_every_exit_code_is_told_of() -> None:
    from govcloud.errors import Exit

    text = (ROOT / "docs" / "plan-and-apply.md").read_text(encoding="utf-8")
    assert [code for code in Exit if f"| {int(code)} |" not in text] == []


def test_what_fits() -> None:
    assert explains(["a", "…", "d 1.2 …"], ["a", "b", "c", "d 1.2 s"])
    assert explains(["…"], [])
    assert not explains(["a", "…"], ["b"])
    assert not explains(["a"], ["a", "b"])
