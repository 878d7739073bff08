"""Malformed files: a sentence with the place for each, and for whatever becomes of them by mutation.

``corpus/expected.tsv`` says what is told first of each file of ``corpus``, read beside a province that
is whole. What is too large to be kept is made here.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Result

from .helpers import BASE, faults, make

CORPUS = Path(__file__).parent / "corpus"
TABLE = "expected.tsv"
EXPECTED = dict(line.split("\t") for line in (CORPUS / TABLE).read_text("utf-8").splitlines())


def test_every_file_of_the_corpus_stands_in_the_table() -> None:
    assert {path.name for path in CORPUS.iterdir()} - {TABLE} == EXPECTED.keys()
    assert len(EXPECTED) >= 100


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", EXPECTED)
def test_malformed_files(tmp_path: Path, name: str) -> None:
    workspace = make(tmp_path, base_yaml=BASE)
    (tmp_path / name).write_bytes((CORPUS / name).read_bytes())
    found = faults(workspace)
    assert found
    assert found[0] == EXPECTED[name]
    for fault in found:
        assert fault.startswith(name)
        assert len(fault) < 2_000


def test_the_command_line_tells_all_of_them(tmp_path: Path, cli: Callable[..., Result]) -> None:
    make(tmp_path, base_yaml=BASE)
    for name in EXPECTED:
        # The slow one is told above.
        if not name.startswith("loop"):
            (tmp_path / name).write_bytes((CORPUS / name).read_bytes())
    done = cli("validate", "--json", cwd=tmp_path)
    assert done.code == 2
    told = {problem["path"].partition("[")[0] for problem in done.json["problems"]}
    assert len(EXPECTED.keys() - told) < 20  # what refers to nothing may refer to what is broken elsewhere


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


MEGA = 1 << 20
LARGE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a cell of 10 MB": (
        "regions.csv",
        lambda: b"name,level\nx," + b"c" * 10 * MEGA,
        "regions.csv:2:1: the line is longer than 1048576 characters",
    ),
    "a cell of 10 MB in many lines": (
        "regions.csv",
        lambda: b'name,level\nx,"' + b"city\n" * 2 * MEGA + b'"\n',
        "regions.csv:2:1: a cell is longer than 131072 characters",
    ),
    "a text of 10 MB": (
        "x.yaml",
        lambda: b"regions:\n  x: {level: " + b"c" * 10 * MEGA + b"}\n",
        (
            "x.yaml:2:14: region/x: `level`: expected one of province, city, county, town or village, got "
            "the text 'ccccccccccccccccccccccccccccccccccccc...'"
        ),
    ),
    "a key of 10 MB": (
        "x.yaml",
        lambda: b"? " + b"k" * 10 * MEGA + b"\n: {}\n",
        "x.yaml:1:3: no kind is called 'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk...' (kinds: ",
    ),
    "a million lists": (
        "x.yaml",
        lambda: b"profiles: {p: {title: [" + b"[]," * MEGA + b"]}}",
        "x.yaml:1:23: profile/p: `title`: expected a text, got a list",
    ),
    "two million and more values": (
        "x.yaml",
        lambda: b"profiles:\n  p:\n    aliases: [" + b"{}," * 4 * MEGA + b"]\n",
        "x.yaml:3:6000003: more than 2,000,000 values in one file (tables hold the mass: CSV)",
    ),
    "a million opening brackets": (
        "x.yaml",
        lambda: b"[" * MEGA,
        "x.yaml:1:34: nested deeper than 32 levels",
    ),
    "a hundred thousand wrong names": (
        "x.yaml",
        lambda: b"regions:\n" + b"".join(b"  X%d: {level: city}\n" % n for n in range(100_000)),
        "x.yaml: more than 10000 faults; the rest is not told",
    ),
    "a hundred thousand columns": (
        "regions.csv",
        lambda: b"name" + b",level" * 100_000,
        "regions.csv:1:1: 100001 columns, expected at most 1000",
    ),
    "a part of spaces": (
        "x.xlsx",
        lambda: zipped("[Content_Types].xml", b" " * 257 * MEGA),
        "x.xlsx: it unfolds to more than 256 MiB (large tables are CSV files)",
    ),
    "a template of 2 MB": (
        "x.yaml.j2",
        lambda: b"{{ 1 }}" * 300_000,
        "x.yaml.j2: the template is larger than 1 MiB (tables hold the mass)",
    ),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("case", LARGE)
def test_large_files(tmp_path: Path, case: str) -> None:
    name, content, told = LARGE[case]
    workspace = make(tmp_path, base_yaml=BASE)
    (tmp_path / name).write_bytes(content())
    assert any(fault.startswith(told) for fault in faults(workspace))


def test_a_list_of_which_all_is_wrong_is_told_by_its_first_items(tmp_path: Path) -> None:
    found = faults(make(tmp_path, a_yaml="profiles: {p: {aliases: [" + "1," * 500 + "]}}\n"))
    assert len(found) == 21
    wrong = "profile/p: `aliases`: expected a text, got 1 (write it in quotes)"
    rest = "profile/p: `aliases`: 20 items of the list are wrong; the rest of it is not looked at"
    assert found[:3] == [f"a.yaml:1:25: {rest}", f"a.yaml:1:26: {wrong}", f"a.yaml:1:28: {wrong}"]


def test_places_far_down_a_list_are_told_at_the_list(tmp_path: Path) -> None:
    text = "profiles: {p: {aliases: [" + "a," * 10_000 + "1]}}\n"
    (fault,) = faults(make(tmp_path, a_yaml=text))
    assert fault.startswith("a.yaml:1:16: profile/p: `aliases`: expected a text, got 1")


def torture(first: int, count: int, timeout: float) -> None:
    """Mutate and read so many files, in a process of its own with bounded memory and time."""
    command = [sys.executable, "-m", "tests.source.torture", str(first), str(count)]
    root = Path(__file__).parent.parent.parent
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=root)
    except subprocess.TimeoutExpired as late:
        last = (late.stdout or b"").decode().splitlines()[-1:]
        pytest.fail(f"a file is read for ever; the last before it: {last}")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"{lines[-1:]}\n{done.stderr[-3000:]}"
    told = [json.loads(line) for line in lines]
    assert len(told) == count
    assert max(case["seconds"] for case in told) < 20
    # Both ends are reached: what is still right after a change, and what is not.
    assert 0 < sum(case["faults"] > 0 for case in told) < count


@pytest.mark.timeout(280)
def test_mutated_files_are_read_or_told() -> None:
    torture(0, 200, timeout=250)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("part", range(10))
def test_ten_thousand_mutated_files(part: int) -> None:
    torture(1_000 * (part + 1), 1_000, timeout=3 * 3600)
