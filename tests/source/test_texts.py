"""Encodings: what Chinese editors and Excel write is read, and nothing is read as what it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from govcloud.source.texts import BadText, conflicts, text_of, utf8_of

from .helpers import BASE, faults, make, only_fault, said

TABLE = "标识,机柜,名称,虚构\nweb-1,r1,海口数据中心的服务器,是\nweb-2,r1,第二台,\n"
YAML = "profiles:\n  p: {title: 海口数据中心，一期}\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_tables_and_yaml_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    workspace = make(tmp_path, a_yaml=BASE, servers_csv=TABLE.encode(encoding), p_yaml=YAML.encode(encoding))
    entries = said(workspace)
    assert entries["server", "web-1"] == {"rack": "r1", "title": "海口数据中心的服务器", "invented": True}
    assert entries["profile", "p"] == {"title": "海口数据中心，一期"}


def test_unicode_text_of_excel_has_tabs(tmp_path: Path) -> None:
    table = TABLE.replace(",", "\t").replace("\n", "\r\n")
    workspace = make(tmp_path, a_yaml=BASE, servers_csv=table.encode("utf-16"))
    assert said(workspace)["server", "web-2"] == {"rack": "r1", "title": "第二台"}
    wrong = table.replace("web-2\tr1", "web-2\tr9").encode("utf-16")
    assert only_fault(make(tmp_path, servers_csv=wrong)).startswith(
        "servers.csv:3:7: server/web-2: `rack`: no"
    )
    # In UTF-8 a comma is what is expected, and said.
    assert "columns are separated by commas" in only_fault(make(tmp_path, servers_csv=table))


@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
def test_lines_and_columns_count_characters(tmp_path: Path, encoding: str) -> None:
    table = "标识,名称,机柜\nweb-1,海口的服务器,r1\nweb-2,三亚的服务器,r9\n".encode(encoding)
    workspace = make(tmp_path, a_yaml=BASE, servers_csv=table)
    assert only_fault(workspace).startswith("servers.csv:3:14: server/web-2: `rack`: no rack is called 'r9'")
    workspace = make(
        tmp_path, servers_csv="", p_yaml="profiles:\n  p: {title: 海口, 类型: 3}\n".encode(encoding)
    )
    assert only_fault(workspace).startswith("p.yaml:2:18: profile/p: no field is called '类型'")


CASES: dict[str, tuple[bytes, str]] = {
    "a damaged byte in UTF-8": (
        YAML.encode().replace("据".encode(), b"\xff"),
        "x.yaml:2:17: the file is not UTF-8 (save it as UTF-8)",
    ),
    "UTF-8 that was cut": (
        YAML.encode()[:-3],
        "x.yaml:2:22: the file is not UTF-8 (save it as UTF-8)",
    ),
    "a damaged byte in GBK": (
        (YAML + "  # 末尾").encode("gbk") + b"\xff\n",
        "x.yaml:3:7: the file is neither UTF-8 nor, from here on, GBK (save it as UTF-8)",
    ),
    "Latin letters": (
        "profiles: {p: {title: Zürich Orléans garçonéa}}".encode("latin-1"),
        "x.yaml:1:24: the file is not UTF-8 (save it as UTF-8)",
    ),
    "Big5": (
        "profiles: {p: {title: 政府資料中心與網路}}".encode("big5"),
        "x.yaml:1:23: the file is not UTF-8 (save it as UTF-8)",
    ),
    "Shift-JIS": (
        "profiles: {p: {title: データセンターのサーバ}}".encode("shift-jis"),
        "x.yaml:1:23: the file is not UTF-8 (save it as UTF-8)",
    ),
    "half a character of UTF-16": (
        "profiles: {}".encode("utf-16") + b"\x01",
        "x.yaml:1:13: the file begins as UTF-16 and does not go on so (save it as UTF-8)",
    ),
    "UTF-32": ("a: 1".encode("utf-32"), "x.yaml:1:1: the file is UTF-32, expected UTF-8 (save it as UTF-8)"),
    "a NUL in GBK": (
        "profiles: {p: {title: 海口的\0数据}}".encode("gbk"),
        "x.yaml:1:26: the file holds a NUL character; it is not text",
    ),
    "a NUL in UTF-16": (
        "a:\n  海\0口".encode("utf-16"),
        "x.yaml:2:4: the file holds a NUL character; it is not text",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_neither_is_told_with_its_place(tmp_path: Path, case: str) -> None:
    content, told = CASES[case]
    assert only_fault(make(tmp_path, x_yaml=content)) == told


HANZI = st.sampled_from("海口数据中心政务云服务器机房网络地区单位人员合同备份恢复省市县乡村")


@settings(max_examples=200, deadline=None)
@given(
    st.text(HANZI | st.sampled_from("abc ,:\n0（），。"), min_size=1, max_size=60),
    st.sampled_from(["gbk", "utf-16"]),
)
def test_what_is_written_in_an_encoding_is_read_back(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        # Signs alone prove nothing, nor do a few characters.
        assume(encoding == "utf-16" or sum("\u4e00" <= char < "\uff00" for char in text) > 3)
        assert utf8_of(data) == text.encode()


@settings(max_examples=200, deadline=None)
@given(st.text(HANZI, min_size=3, max_size=60), st.data())
def test_utf8_with_a_damaged_byte_is_never_read_as_something_else(text: str, data: st.DataObject) -> None:
    content = bytearray(text.encode())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(
        st.sampled_from([0xFF, 0x80, 0xC1, 0x41])
    )
    try:
        read = text_of(bytes(content))
    except BadText as error:
        assert error.place(bytes(content)) >= (1, 1)
    else:
        assert read.encode() == bytes(content)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_placed(content: bytes) -> None:
    try:
        assert isinstance(text_of(content), str)
    except BadText as error:
        line, column = error.place(content)
        assert line >= 1
        assert column >= 1


SIDES = "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> branch\n"


@pytest.mark.parametrize(
    ("name", "before", "line"),
    [
        ("a.yaml", "profiles:\n  p: {title: x}\n", "  q: {}"),
        ("a.yaml", 'profiles:\n  p:\n    title: "two\n', 'lines"'),
        ("profiles.csv", "name,title\np,x\n", "q,y"),
        ("a.yaml.j2", "profiles:\n  p: {title: x}\n", "  q: {}"),
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_merge_conflicts_are_named_and_nothing_else(
    tmp_path: Path, name: str, before: str, line: str, ends: str
) -> None:
    conflict = SIDES.format(line, line)
    text = (before + conflict + "\n" + conflict).replace("\n", ends)
    workspace = make(tmp_path)
    (tmp_path / name).write_bytes(text.encode())
    first = before.count("\n") + 1
    words = "a merge conflict is not resolved (keep what is right, and remove the marks of the conflict)"
    assert faults(workspace) == [f"{name}:{first}:1: {words}", f"{name}:{first + 6}:1: {words}"]


def test_marks_that_are_no_conflict_are_none(tmp_path: Path) -> None:
    text = "profiles:\n  p:\n    title: |\n      <<<<<<< HEAD\n      =======\n    note: <<<<<<< and =======\n"
    assert faults(make(tmp_path, a_yaml=text)) == []


@pytest.mark.timeout(20)
def test_marks_of_conflicts_cost_no_more_than_the_file_is_long() -> None:
    mark = b"x\n<<<<<<< a\n"
    assert conflicts(mark * 300_000) == []
    assert conflicts(mark * 300_000 + b"=======\n") == list(range(2, 600_001, 2))
