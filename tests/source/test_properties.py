"""For all files: nothing but claims or a list of problems; what is written is read back."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from govcloud.addressing.forms import Misread, packed, read_prefix
from govcloud.errors import InputError
from govcloud.model import KINDS, fields
from govcloud.model.base import FieldInfo
from govcloud.report.export import guarded
from govcloud.source import Loaded, load
from govcloud.source.loaded import place_faults
from govcloud.source.reading import parse
from govcloud.source.words import Hints

from .helpers import make

FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def workspace_with(name: str, content: bytes) -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as folder:
        yield make(Path(folder), **{name: content})


def loads_or_complains(name: str, content: bytes) -> None:
    with workspace_with(name, content) as workspace:
        try:
            result = load(workspace)
        except InputError as error:
            assert error.problems
            for problem in error.problems:
                assert problem.message
                assert len(str(problem)) < 2_000
                str(problem).encode()
        else:
            assert isinstance(result, Loaded)
            assert [c.claimant for c in result.claims] == ["file:" + name.replace("_", ".")] * len(
                result.claims
            )


# Bytes that look a little like what a file holds, so that more than the first one matters.
YAML_PIECES = [
    *("servers", "regions", "profiles", "web-1", "level", "city", "title", "values", ": ", ":", "- ", "-"),
    *(
        "\n",
        "\n  ",
        "\n    ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&a ",
        "*a",
        "<<: ",
        "!!int ",
        "!x ",
        "|\n",
        ">-\n",
        "? ",
    ),
    *(
        "'",
        '"',
        '"\\0"',
        '"\\ud800"',
        "#",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "\t",
        "1",
        "1e999",
        ".nan",
        "on",
        "~",
    ),
    *("\ufeff", "\x85", "\u2028", "海口", "\r", "\x07", "010", "9" * 30, "=", "@", "`"),
]
CSV_PIECES = [
    *(
        "name",
        "rack",
        "机柜",
        "title",
        "虚构",
        "ipv4",
        "web-1",
        "r1",
        ",",
        ",",
        ",",
        "\n",
        "\r\n",
        "\r",
        '"',
        '""',
    ),
    *(" ", ";", "是", "\ufeff", "10.0.0.1", "\x85", "\u2028", "\x1c", "海口", "\t", "1e999", "nan", "=cmd()"),
]


def joined(pieces: list[str]) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(pieces), max_size=40).map(lambda p: "".join(p).encode())


@FEW
@given(st.binary(max_size=300))
def test_any_bytes_as_yaml(content: bytes) -> None:
    loads_or_complains("a_yaml", content)


@MANY
@given(joined(YAML_PIECES))
def test_almost_yaml(content: bytes) -> None:
    loads_or_complains("a_yaml", content)


@FEW
@given(st.binary(max_size=300))
def test_any_bytes_as_csv(content: bytes) -> None:
    loads_or_complains("servers_csv", content)


@MANY
@given(joined(CSV_PIECES), st.booleans())
def test_almost_csv(content: bytes, headed: bool) -> None:
    loads_or_complains(
        "servers_csv", (b"name,rack,title,\xe8\x99\x9a\xe6\x9e\x84\n" if headed else b"") + content
    )


@MANY
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["servers", "regions", "x", "level", "title", "1"]) | st.integers(),
                inner,
                max_size=4,
            )
        ),
        max_leaves=25,
    )
)
def test_any_value_as_yaml(value: Any) -> None:
    loads_or_complains("a_yaml", yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "replace"))


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,10}[a-z0-9])?", fullmatch=True)
# Texts without line ends and control characters, which both formats keep as they are.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cn"], exclude_characters="\ufeff;；"),
    max_size=20,
).map(lambda t: " ".join(t.split()))


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values that fit a field's type and limits."""
    metas: list[msgspec.Meta] = []
    if get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
        metas = [n for n in notes if isinstance(n, msgspec.Meta)]
    low = next(
        (m.ge if m.ge is not None else m.gt + 1 for m in metas if m.ge is not None or m.gt is not None), None
    )
    high = next((m.le for m in metas if m.le is not None), None)
    origin = get_origin(hint)
    if origin is Literal:
        return st.sampled_from(get_args(hint))
    if origin is list:
        return st.lists(values_of(get_args(hint)[0]).filter(bool), min_size=1, max_size=4)
    if hint is bool:
        return st.booleans()
    if hint is int:
        return st.integers(low if low is not None else -(10**17), high if high is not None else 10**17)
    if hint is float:
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    assert hint is str, hint
    if pattern := next((m.pattern for m in metas if m.pattern), ""):
        return st.from_regex(pattern, fullmatch=True).filter(lambda text: text == text.strip() != "")
    return TEXTS.filter(bool).filter(lambda text: text != "$delete")


def nested(info: FieldInfo) -> bool:
    """Whether a field holds names with values, for which a table has no cells."""
    return dict in (get_origin(info.type), *map(get_origin, get_args(info.type)))


def entries_of(kind: str) -> st.SearchStrategy[dict[str, dict[str, Any]]]:
    hints = get_type_hints(KINDS[kind], include_extras=True)
    plain = {n: values_of(hints[n]) for n, i in fields(kind).items() if not nested(i)}
    return st.dictionaries(NAMES, st.fixed_dictionaries({}, optional=plain), min_size=1, max_size=4)


TABLES = st.sampled_from(sorted(KINDS)).flatmap(lambda kind: st.tuples(st.just(kind), entries_of(kind)))


def read_back(content: bytes, path: str) -> dict[str, dict[str, Any]]:
    parsed = parse(content, path, Hints())
    assert [str(p) for p in place_faults(content, path, parsed.faults)] == []
    return {n: f for block in parsed.blocks for n, f in zip(block.names, block.fields, strict=True)}


@MANY
@given(TABLES, st.booleans())
def test_what_is_written_as_yaml_is_read_back(table: tuple[str, Any], flow: bool) -> None:
    kind, entries = table
    document = {KINDS[kind].PLURAL: entries}
    text = yaml.safe_dump(document, allow_unicode=True, default_flow_style=flow, sort_keys=False)
    assert read_back(text.encode(), "a.yaml") == entries


@MANY
@given(TABLES, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_as_csv_is_read_back(table: tuple[str, Any], chinese: bool, end: str) -> None:
    kind, entries = table
    known = [i for i in fields(kind).values() if not nested(i)]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=end)
    writer.writerow(["标识" if chinese else "name", *(i.doc.zh if chinese else i.name for i in known)])
    for name, said in entries.items():
        writer.writerow([name, *(cell(said.get(i.name), chinese) for i in known)])
    data = buffer.getvalue().encode("utf-8-sig" if chinese else "utf-8")
    assert read_back(data, f"x/{KINDS[kind].PLURAL}-1.csv") == entries


def cell(value: Any, chinese: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return ("是" if value else "否") if chinese else str(value).lower()
    if isinstance(value, list):
        return guarded(";".join(map(str, value)), value)
    return repr(value) if isinstance(value, float) else guarded(str(value), value)


@MANY
@given(st.ip_addresses(v=6) | st.ip_addresses(v=4), st.integers(0, 128))
def test_prefixes_are_those_of_the_standard_library(address: Any, length: int) -> None:
    import ipaddress

    bits = address.max_prefixlen
    assert packed(str(address), address.version) == address.packed
    network = ipaddress.ip_network(f"{address}/{min(length, bits)}", strict=False)
    try:
        prefix = read_prefix(str(network), address.version)
    except Misread:
        assert network.prefixlen == bits
    else:
        assert (prefix.low, prefix.high) == (network[0].packed, network[-1].packed)
        if network.network_address != address:
            try:
                read_prefix(f"{address}/{network.prefixlen}", address.version)
            except Misread as wrong:
                assert str(network) in wrong.hint
            else:
                raise AssertionError(address)


@FEW
@given(st.text(max_size=45) | st.from_regex(r"[0-9a-f:./]{1,20}", fullmatch=True), st.sampled_from([4, 6]))
def test_any_text_as_a_prefix(text: str, version: int) -> None:
    try:
        prefix = read_prefix(text, version)
    except Misread as wrong:
        assert str(wrong)
    else:
        assert prefix.low < prefix.high
