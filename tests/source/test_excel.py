"""Excel workbooks: what cells become, where faults are told, and what no workbook may do."""

from __future__ import annotations

import datetime
import io
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from govcloud.source import load
from govcloud.source import workbook as workbook_module
from govcloud.source.workbook import MOST_BYTES
from tests.conftest import Result

from .helpers import BASE, faults, lay, loaded, make, merged, only_fault, said

Rows = list[list[Any]]
SHEET = "xl/worksheets/sheet1.xml"
HEADER = ["标识", "机柜", "名称", "虚构"]


def book(edit: Callable[[openpyxl.Workbook], None] | None = None, **sheets: Rows) -> bytes:
    """A workbook; ``servers_a=[…]`` is the sheet ``servers-a``."""
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for name, rows in sheets.items():
        sheet = made.create_sheet(name.replace("_", "-"))
        for row in rows:
            sheet.append(row)
    if edit is not None:
        edit(made)
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def changed(data: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """A workbook with other bytes in one of its parts."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as archive,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as copy,
    ):
        for name in archive.namelist():
            content = archive.read(name)
            if name == part:
                assert old in content, content[:2000]
                content = content.replace(old, new)
            copy.writestr(name, content)
    return out.getvalue()


def test_sheets_are_kinds_and_cells_are_values(tmp_path: Path) -> None:
    rows: Rows = [
        HEADER,
        ["web-1", "r1", "一号", True],
        [],
        [None, "  ", None, None],
        ["web-2", "r1", 460100.0, "是"],
        ["web-3", "r1", datetime.datetime(2026, 1, 31), False],
        ["web-4", "r1", datetime.datetime(2026, 1, 31, 10, 30), None],
        [110, "r1", 0.5, None],
    ]
    data = book(
        服务器_海口=rows,
        racks=[["name", "room", "高度(U)"], ["r2", "hall", 42.0], ["r3", "hall", "47"]],
        room=[["name", "site"], ["hall-2", "dc"]],
    )
    entries = said(make(tmp_path, a_yaml=BASE, anything_xlsx=data))
    assert {name: fields for (kind, name), fields in entries.items() if kind == "server"} == {
        "web-1": {"rack": "r1", "title": "一号", "invented": True},
        "web-2": {"rack": "r1", "title": "460100", "invented": True},
        "web-3": {"rack": "r1", "title": "2026-01-31", "invented": False},
        "web-4": {"rack": "r1", "title": "2026-01-31T10:30:00"},
        "110": {"rack": "r1", "title": "0.5"},
    }
    assert entries["rack", "r2"] == {"room": "hall", "units": 42}
    assert entries["rack", "r3"] == {"room": "hall", "units": 47}
    assert entries["room", "hall-2"] == {"site": "dc"}


def test_places_name_sheet_row_and_column(tmp_path: Path) -> None:
    data = book(
        servers_a=[HEADER, ["web-1", "r1"], ["web-2", "r9", "x", "perhaps"]],
        servers_b=[[None], HEADER, ["web-1", "r1"], ["Web 4", "r1", None, None, "note"], [None, "r1"]],
    )
    workspace = make(tmp_path, a_yaml=BASE, s_xlsx=data)
    assert faults(workspace) == [
        "s.xlsx[servers-a]:3:2: server/web-2: `rack`: no rack is called 'r9'",
        ("s.xlsx[servers-a]:3:4: server/web-2: `invented`: expected true or false, got the text 'perhaps'"),
        (
            "s.xlsx[servers-b]:3:2: `rack` of server/web-1 is said by s.xlsx:2 too "
            "(a field has one owner: remove it from one of the two)"
        ),
        (
            "s.xlsx[servers-b]:4:1: 'Web 4' cannot be a name ('web-4' would do: at most 63 of a-z, 0-9, `.`, "
            "`_` and `-`, with a letter or digit at both ends)"
        ),
        "s.xlsx[servers-b]:4:5: a cell beyond the 4 columns of the header",
        "s.xlsx[servers-b]:5:1: the row has no name (the first cell names the entry)",
    ]
    files = load(make(tmp_path / "w", a_yaml=BASE, s_xlsx=book(servers=[HEADER, ["web-1", "r1", "x"]])))
    place = files.position("server", "web-1", "title")
    assert (place.path, place.line, place.column) == ("s.xlsx[servers]", 2, 3)


def hide(made: openpyxl.Workbook) -> None:
    made.worksheets[0].sheet_state = "hidden"
    made.create_sheet("zones")


def merge_cells(made: openpyxl.Workbook) -> None:
    made.worksheets[0].merge_cells("B2:B3")


def only_a_chart(made: openpyxl.Workbook) -> None:
    made.create_chartsheet("servers")


DAMAGED = "x.xlsx: the file is damaged, or no workbook (open it in Excel and save it anew)"
NAME = [["name", "title"], ["a", "x"]]
WRONG: dict[str, tuple[bytes, str]] = {
    "no such kind": (
        book(profils=NAME),
        (
            "x.xlsx[profils]:1:1: no kind is called 'profils': the sheet's name says it "
            "(did you mean 'profiles'?)"
        ),
    ),
    "no such field": (
        book(profiles=[["name", "titel"], ["a", "x"]]),
        "x.xlsx[profiles]:1:2: no field of profile is called 'titel' (did you mean 'title'?)",
    ),
    "two columns of a field": (
        book(profiles=[["name", "title", "名称"]]),
        "x.xlsx[profiles]:1:3: two columns hold `title` (remove one)",
    ),
    "no name first": (
        book(profiles=[["title"], ["x"]]),
        "x.xlsx[profiles]:1:1: the first column is 'title', expected 'name'",
    ),
    "a hidden sheet": (
        book(hide, profiles=NAME),
        "x.xlsx[profiles]:1:1: the sheet is hidden (show it, remove it, or begin its name with `#`)",
    ),
    "merged cells": (
        book(merge_cells, profiles=[["name", "title"], ["a", "x"], ["b", None]]),
        "x.xlsx[profiles]:2:2: the cells B2:B3 are merged, expected one value in each (take them apart)",
    ),
    "a formula that nobody calculated": (
        book(profiles=[["name", "title"], ["a", "=1+1"]]),
        (
            "x.xlsx[profiles]:2:2: profile/a: `title`: the formula has no value "
            "(open the workbook in Excel and save it, or write the value)"
        ),
    ),
    "an error": (
        book(profiles=[["name", "title"], ["a", "#REF!"]]),
        "x.xlsx[profiles]:2:2: profile/a: `title`: the cell holds the error #REF! (mend the formula)",
    ),
    "too many digits": (
        book(profiles=[["name", "title"], ["a", 460100199001011234]]),
        (
            "x.xlsx[profiles]:2:2: profile/a: `title`: Excel keeps only 15 digits of a number "
            "(format the cell as text, and write it again)"
        ),
    ),
    "a truth value for a text": (
        book(profiles=[["name", "title"], ["a", True]]),
        "x.xlsx[profiles]:2:2: profile/a: `title`: expected a text, got true (write it in quotes)",
    ),
    "twice": (
        book(profiles=[["name"], ["a"], ["a"]]),
        (
            "x.xlsx[profiles]:3:1: profile 'a' stands in this file twice; first in line 2 "
            "(remove one of the two)"
        ),
    ),
    "a very long cell": (
        changed(book(profiles=[["name", "title"], ["a", "XYZ"]]), SHEET, b"XYZ", b"X" * 140_000),
        "x.xlsx[profiles]:2:2: profile/a: `title`: a cell is longer than 131072 characters",
    ),
    "nothing": (b"", DAMAGED),
    "a text": (b"name,title\n", DAMAGED),
    "an old workbook": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        "x.xlsx: this is Excel's old format (.xls) under another name (save it as .xlsx)",
    ),
    "an encrypted workbook": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        "x.xlsx: the workbook is encrypted (save it without a password)",
    ),
    "cut off": (
        book(profiles=NAME)[:2000],
        DAMAGED,
    ),
    "a document type": (
        changed(
            book(profiles=NAME),
            "xl/workbook.xml",
            b"<workbook",
            b'<!DOCTYPE w [<!ENTITY a "b">]><workbook',
        ),
        "x.xlsx: xl/workbook.xml in it has a document type, as no workbook has",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong(tmp_path: Path, case: str) -> None:
    content, told = WRONG[case]
    assert only_fault(make(tmp_path, x_xlsx=content)) == told


def test_a_formula_with_its_value_is_the_value(tmp_path: Path) -> None:
    data = book(profiles=[["name", "title"], ["a", "=1+1"], ["b", '=""']])
    data = changed(data, SHEET, b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>")
    data = changed(data, SHEET, b'><f>""</f><v />', b' t="str"><f>""</f><v></v>')
    assert said(make(tmp_path, x_xlsx=data)) == {("profile", "a"): {"title": "2"}, ("profile", "b"): {}}


def test_sheets_for_people_and_hidden_lists_are_not_read(tmp_path: Path) -> None:
    def edit(made: openpyxl.Workbook) -> None:
        made["lists"].sheet_state = "hidden"
        made.create_sheet("Sheet2")
        made.create_sheet("#说明").append(["anything", "at all"])

    data = book(edit, profiles=NAME, lists=[["a"], ["b"]])
    (tmp_path / "~$x.xlsx").write_bytes(b"somebody has it open")
    assert list(said(make(tmp_path, x_xlsx=data))) == [("profile", "a")]


def test_references_into_a_workbook_that_cannot_be_read_are_not_wrong(tmp_path: Path) -> None:
    workspace = make(tmp_path, a_yaml="rooms: {r: {site: there}}", x_xlsx=b"PK damaged")
    assert only_fault(workspace).startswith("x.xlsx: the file is damaged")


def test_workbooks_are_cached_and_overlay(tmp_path: Path) -> None:
    workspace = lay(tmp_path, "x", a_yaml="profiles: {a: {title: t, values: {v: 1}}}")
    (tmp_path / "layers" / "x").mkdir(parents=True)
    (tmp_path / "layers" / "x" / "p.xlsx").write_bytes(book(profiles=[["name", "title"], ["a", "$delete"]]))
    for _ in range(2):
        assert merged(workspace) == {("profile", "a"): {"values": {"v": 1}}}
    base = make(tmp_path / "w", x_xlsx=book(profiles=[["name", "title"], ["a", "$delete"]]))
    assert "`$delete` removes what a lower layer says" in only_fault(base)


@pytest.mark.timeout(60)
def test_a_small_file_that_unfolds_to_a_large_one(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = changed(book(profiles=NAME), SHEET, b"</worksheet>", b" " * MOST_BYTES + b"</worksheet>")
    assert len(data) < 1 << 20
    assert only_fault(make(tmp_path, x_xlsx=data)) == (
        "x.xlsx: it unfolds to more than 256 MiB (large tables are CSV files)"
    )
    # Most of it is the test's own: it made the bomb.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 3 * 256 * 1024


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b'<row r="2"', b'<row r="9999999999"', "sheet 'profiles' has a row 9999999999"),
        (b'r="B2"', b'r="XFD2"', "a cell beyond the 2 columns of the header"),
        (b'r="B2"', b'r="ZZZZZZZZ2"', "x.xlsx: not a workbook that can be read: "),
        (b't="inlineStr"', b't="q"', ""),
        (
            b't="inlineStr">',
            b't="s"><v>99999</v>',
            "not a workbook that can be read: list index out of range",
        ),
        (b"<sheetData>", b"<sheetData>" + b"<x>" * 100_000, "x.xlsx: not a workbook that can be read: "),
        (b"</sheetData>", b"", "x.xlsx: not a workbook that can be read: mismatched tag"),
    ],
)
def test_sheets_that_lie(tmp_path: Path, old: bytes, new: bytes, told: str) -> None:
    data = changed(book(profiles=NAME), SHEET, old, new)
    found = faults(make(tmp_path, x_xlsx=data))
    assert any(told in fault for fault in found) or not told


def test_too_many_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_module, "MOST_ELEMENTS", 1000)
    workspace = make(tmp_path, x_xlsx=book(profiles=[["name"], *([f"p{n}"] for n in range(500))]))
    assert only_fault(workspace) == (
        "x.xlsx: it has more cells than a workbook may have here (large tables are CSV files)"
    )


def test_the_command_line_reads_workbooks(tmp_path: Path, cli: Callable[..., Result]) -> None:
    make(tmp_path, a_yaml=BASE, x_xlsx=book(servers=[HEADER, ["web-1", "r1"], ["web-2", "r1"]]))
    assert cli("validate", "--json", cwd=tmp_path).json["kinds"]["server"] == 2
    make(tmp_path, x_xlsx=book(servers=[HEADER, ["web-1", "r9"]]))
    problem = cli("validate", "--json", cwd=tmp_path).json["problems"][0]
    assert (problem["path"], problem["line"], problem["column"]) == ("x.xlsx[servers]", 2, 2)


def test_what_a_workbook_says_is_what_the_same_table_says(tmp_path: Path) -> None:
    rows: Rows = [[*HEADER], *([f"s{n}", "r1", f"第{n}台", "是" if n % 2 else None] for n in range(300))]
    one = said(make(tmp_path / "x", a_yaml=BASE, servers_xlsx=book(servers=rows)))
    text = "\n".join(",".join(cell or "" for cell in row) for row in rows)
    assert one == said(make(tmp_path / "c", a_yaml=BASE, servers_csv=text))
    assert len(loaded(make(tmp_path / "x")).claims) == len(one)
