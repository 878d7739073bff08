"""Edits in place: what was asked for changes, and not a byte beside it."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcloud.source.editing import CannotEdit, Edit, edited

YAML = """\
# The lines of the town.
links:
  a-b:   # the first
    a: a
    b: 'b'
    bandwidth_mbps: 100   # as ordered
    delay_ms: &slow 3

  # about the next one
  b-c: {a: b, b: c, bandwidth_mbps: 1000, delay_ms: *slow}
  c-d:
    a: c
    b: d
# the end
zones:
  extranet: {role: extranet}
"""


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True))
    return [line.rstrip("\n") for line in lines if line[0] in "+-"]


def link(name: str, field: str = "", value: object = None) -> Edit:
    return Edit("link", name, field, value)


@pytest.mark.parametrize(
    ("edit", "lines"),
    [
        (
            link("a-b", "bandwidth_mbps", 7.0),
            ["-     bandwidth_mbps: 100   # as ordered", "+     bandwidth_mbps: 7   # as ordered"],
        ),
        (
            link("b-c", "bandwidth_mbps", 2.5),
            [
                "-   b-c: {a: b, b: c, bandwidth_mbps: 1000, delay_ms: *slow}",
                "+   b-c: {a: b, b: c, bandwidth_mbps: 2.5, delay_ms: *slow}",
            ],
        ),
        (link("c-d", "delay_ms", 9), ["+     delay_ms: 9"]),
        (link("a-b", "title", "骨干: 一"), ["+     title: '骨干: 一'"]),
        (
            link("b-c", "title", "a, b}"),
            [
                "-   b-c: {a: b, b: c, bandwidth_mbps: 1000, delay_ms: *slow}",
                "+   b-c: {a: b, b: c, bandwidth_mbps: 1000, delay_ms: *slow, title: 'a, b}'}",
            ],
        ),
        (link("c-d"), ["-   c-d:", "-     a: c", "-     b: d"]),
        (link("b-c"), ["-   b-c: {a: b, b: c, bandwidth_mbps: 1000, delay_ms: *slow}"]),
        (Edit("zone", "extranet"), ["- zones:", "-   extranet: {role: extranet}"]),
    ],
)
def test_yaml(edit: Edit, lines: list[str]) -> None:
    after = edited(YAML.encode(), "links.yaml", [edit]).decode()
    assert changed_lines(YAML, after) == lines


@pytest.mark.parametrize(
    "words", ["|\n      one\n      # two\n", "'one\n      # two'\n", "|+\n      # two\n\n"]
)
@pytest.mark.parametrize(
    "after", ["", "  # about the next one\n  b: {code: '2'}\n", "# the end\nzones: {}\n"]
)
def test_a_line_of_a_text_that_looks_like_a_comment_goes_with_its_entry(words: str, after: str) -> None:
    before = "regions:\n  z: {code: '0'}\n"
    text = f"{before}  a:\n    title: {words}{after}"
    left = edited(text.encode(), "regions.yaml", [Edit("region", "a")]).decode()
    assert [line for line in left.splitlines() if line] == f"{before}{after}".splitlines()


def test_what_others_share_is_refused() -> None:
    for edit in (link("b-c", "delay_ms", 9), link("a-b", "delay_ms", 9), link("x-y", "delay_ms", 9)):
        with pytest.raises(CannotEdit):
            edited(YAML.encode(), "links.yaml", [edit])


def test_csv_keeps_quotes_line_ends_and_encoding() -> None:
    table = 'name,title,level\r\n"x",海南省,"province"\r\ny,三亚,city\r\n'
    data = table.encode("gb18030")
    after = edited(data, "regions.csv", [Edit("region", "y", "level", "county")])
    assert after == data.replace(b"city", b"county")
    after = edited(data, "regions.csv", [Edit("region", "x", "title", "a,b")])
    assert after.decode("gb18030") == table.replace("海南省", '"a,b"')
    after = edited(data, "regions.csv", [Edit("region", "x")])
    assert after.decode("gb18030") == "name,title,level\r\ny,三亚,city\r\n"
    marked = b"\xef\xbb\xbf" + table.encode()
    assert edited(marked, "regions.csv", [Edit("region", "y", "level", "county")]).startswith(b"\xef\xbb\xbf")


def test_a_short_row_is_filled_and_a_missing_column_is_refused() -> None:
    data = b"name,a,b,bandwidth_mbps\nx,a,b\n"
    assert (
        edited(data, "links.csv", [link("x", "bandwidth_mbps", 5.0)]) == b"name,a,b,bandwidth_mbps\nx,a,b,5\n"
    )
    with pytest.raises(CannotEdit, match="no column"):
        edited(data, "links.csv", [link("x", "delay_ms", 5)])


@pytest.mark.parametrize("path", ["links.yaml.j2", "links.xlsx", "links.csv.j2"])
def test_what_is_made_of_something_else_is_refused(path: str) -> None:
    with pytest.raises(CannotEdit):
        edited(b"links: {}\n", path, [link("x", "delay_ms", 5)])


TEXTS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=12)


@given(
    titles=st.lists(TEXTS, min_size=1, max_size=4),
    which=st.integers(0, 3),
    value=TEXTS.filter(lambda t: t.strip() == t and t != "$delete"),
    flow=st.booleans(),
)
def test_any_text_comes_to_stand_in_its_place_alone(
    titles: list[str], which: int, value: str, flow: bool
) -> None:
    import yaml

    table = {f"r{n}": {"level": "city", "title": title} for n, title in enumerate(titles)}
    text = yaml.safe_dump({"regions": table}, allow_unicode=True, default_flow_style=flow, width=999)
    name = f"r{which % len(titles)}"
    try:
        after = edited(text.encode(), "regions.yaml", [Edit("region", name, "title", value)])
    except CannotEdit:
        return  # refused is never wrong; what comes out must be right
    table[name]["title"] = value
    assert yaml.safe_load(after.decode()) == {"regions": table}
