"""``python -m tests.source.torture FIRST COUNT``: mutate files and read them, within bounds.

Each number is one file: a file of the corpus, or one without fault, changed in a few places; the same
number is the same file on every machine. One line of JSON is written for each. Whatever is no
``InputError`` and no success ends the process with a traceback, and so does memory beyond the bound.
"""

from __future__ import annotations

import io
import json
import random
import resource
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from govcloud.errors import InputError
from govcloud.source import load

from .helpers import BASE, make
from .test_excel import NAME, book
from .test_properties import CSV_PIECES, YAML_PIECES
from .test_templates import SITES, TEMPLATE

MEMORY = 3 * 1024**3
CSV_SAMPLE = "name,机柜,名称,虚构\nweb-1,r1,海口数据中心的服务器,是\nweb-2,r1,第二台服务器,否\n"
GOOD: dict[str, bytes] = {
    "x.yaml": BASE.replace("regions:", "profiles: {p: {values: {a: 1, b: [1, 2]}}}\nregions:").encode(),
    "servers.csv": CSV_SAMPLE.encode(),
    "servers-gbk.csv": CSV_SAMPLE.encode("gbk"),
    "servers-utf16.csv": CSV_SAMPLE.encode("utf-16"),
    "x.xlsx": book(profiles=[*NAME, ["b", 42.0], ["c", True], ["d", "=1"]]),
    "x.yaml.j2": TEMPLATE.encode(),
}
TEMPLATE_PIECES = [
    *("{{", "}}", "{%", "%}", "{#", "#}", " for x in ", " endfor ", " if ", " endif ", " set x = ", "x"),
    *("range(", ")", "|join", "|list", "|tojson", "|int", "~", "*", "**", "+", "%", "loop", ".index", "_"),
    *("table('data/sites.csv')", "[0]", "['name']", ".name", "10**9", "namespace(", "'a'", "\n", ":", "  "),
    *(" macro m(x) ", " endmacro ", "m(1)", "recursive", "-", "__class__", "|attr('x')", "|map(", "self"),
]


def corpus() -> list[tuple[str, bytes]]:
    """Every file that is mutated: those without fault as often as the others."""
    folder = Path(__file__).parent / "corpus"
    bad = [(path.name, path.read_bytes()) for path in sorted(folder.iterdir()) if path.suffix != ".tsv"]
    return bad + [*GOOD.items()] * (len(bad) // len(GOOD))


def pieces_for(name: str) -> list[bytes]:
    """What is put into a file of this name."""
    if name.endswith(".j2"):
        return [piece.encode() for piece in TEMPLATE_PIECES + YAML_PIECES[:20]]
    pieces = CSV_PIECES if name.endswith(".csv") else YAML_PIECES
    return [piece.encode("utf-8", "replace") for piece in pieces]


def mutate(name: str, data: bytes, dice: random.Random) -> bytes:
    """A few changes; in a workbook now and then inside one of its parts."""
    if name.endswith(".xlsx") and dice.random() < 0.7:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                parts = {part: archive.read(part) for part in archive.namelist()}
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
            parts = {}
        if parts:
            chosen = dice.choice(sorted(parts))
            parts[chosen] = changed(parts[chosen], [b"<", b">", b'"', b"/", b"9", b"&amp;", b"<c/>"], dice)
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as archive:
                for part, content in parts.items():
                    archive.writestr(part, content)
            return out.getvalue()
    return changed(data, pieces_for(name), dice)


def changed(data: bytes, pieces: list[bytes], dice: random.Random) -> bytes:
    """Bytes with one to six changes."""
    for _ in range(dice.randint(1, 6)):
        at = dice.randint(0, len(data))
        to = min(len(data), at + dice.choice([0, 1, 1, 4, 16]))
        match dice.randrange(6):
            case 0:
                data = data[:at] + dice.choice(pieces) + data[to:]
            case 1:
                data = data[:at] + data[to:]
            case 2:
                data = data[:at] + dice.randbytes(dice.randint(1, 3)) + data[to:]
            case 3:
                data = data[:at] + data[at : at + 40] * dice.randint(1, 20) + data[to:]
            case 4:
                data = data[:at] + dice.choice(pieces) * dice.randint(1, 200) + data[at:]
            case _:
                data = data[: max(at, 1)]
    return data


def case(number: int, files: list[tuple[str, bytes]]) -> dict[str, object]:
    """Read the file of a number; how long it took, and how many faults were told."""
    dice = random.Random(number)
    name, data = dice.choice(files)
    content = mutate(name, data, dice)
    with tempfile.TemporaryDirectory() as folder:
        workspace = make(Path(folder))
        # A file without fault brings its own province.
        if name != "x.yaml":
            (workspace.root / "base.yaml").write_text(BASE)
        (workspace.root / "data").mkdir()
        (workspace.root / "data" / "sites.csv").write_text(SITES)
        (workspace.root / name).write_bytes(content)
        started = time.perf_counter()
        told = 0
        try:
            load(workspace)
        except InputError as error:
            told = len(error.problems)
            for problem in error.problems:
                assert problem.message, problem
                assert len(str(problem)) < 3_000, problem
                str(problem).encode()
        return {"number": number, "name": name, "faults": told, "seconds": time.perf_counter() - started}


def main() -> None:
    """Read the files of these numbers."""
    first, count = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    files = corpus()
    for number in range(first, first + count):
        print(json.dumps(case(number, files)), flush=True)


if __name__ == "__main__":
    main()
