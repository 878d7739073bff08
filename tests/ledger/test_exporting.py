"""What is exported reads back as the same entries, whatever stands in them."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from govcloud.ledger import Ledger, open_ledger
from govcloud.ledger.browsing import View
from govcloud.model import KINDS
from govcloud.report import export
from govcloud.report.filters import Filters
from govcloud.source import load
from govcloud.workspace import Settings, Workspace
from tests.browsing import PROVINCE, Tables, record
from tests.stores import only_sqlite

# Whatever spreadsheets, CSV and YAML have a meaning for.
AWKWARD = [
    "=1+1", "+86 898", "-1层机房", "@home", "'=quoted", "''-twice", "'plain", "a,b", 'a"b', "a;b", "a；b",
    "two\nlines", "carriage\rreturn", "\ttab", " blanks ", "null", "yes", "007", "1e5", "2026-11-22", "12:30",
    "#REF!", "_x0041_", "，全角", "🏛", "~", "{}", "a: b", "# c", "\\n", "'", '"', "true", "是",
    "a\x7fb", "a\x85b", "a\u2028b", "a\x9bb",
]  # fmt: skip
texts = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), min_size=1, max_size=12
    ),
)
names = st.from_regex(r"\A[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?\Z")
finite = st.floats(min_value=0, max_value=1e18, allow_nan=False, allow_infinity=False)
servers = st.dictionaries(
    names,
    st.fixed_dictionaries(
        {"rack": st.just("r")},
        optional={
            "title": texts,
            "note": texts,
            "invented": st.booleans(),
            "position": st.integers(1, 40),
            "memory_gib": finite.filter(lambda f: f > 0),
        },
    ),
    min_size=1,
    max_size=6,
)
units = st.dictionaries(
    names,
    st.fixed_dictionaries({"region": st.just("here")}, optional={"aliases": st.lists(texts, max_size=3)}),
    max_size=3,
)
profiles = st.dictionaries(
    names,
    st.fixed_dictionaries(
        {"values": st.dictionaries(texts, st.one_of(texts, st.integers(0, 99), st.lists(texts)), max_size=3)}
    ),
    max_size=2,
)
tables = st.fixed_dictionaries({"server": servers, "unit": units, "profile": profiles})
BASE: Tables = {
    "region": {"here": {"level": "province"}},
    "site": {"s": {"region": "here", "role": "office"}},
    "room": {"m": {"site": "s"}},
    "rack": {"r": {"room": "m"}},
}


def canonical(tables: Tables) -> Tables:
    """Fields as their kinds keep them."""
    return {
        kind: {name: msgspec.to_builtins(msgspec.convert(f, KINDS[kind])) for name, f in table.items()}
        for kind, table in tables.items()
        if table
    }


def read_back(folder: Path) -> Tables:
    """What the files in a folder say, as a workspace's."""
    (folder / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    loaded = load(Workspace(folder, Settings(environment="tiny")))
    assert not loaded.notes
    out: Tables = {}
    for claim in loaded.claims:
        out.setdefault(claim.kind, {})[claim.name] = dict(claim.fields or {})
    return out


def kept(ledger: Ledger) -> Tables:
    """What the ledger has, decoded without the code that is tried."""
    out: Tables = {}
    with ledger.read() as connection:
        for kind, name, text in connection.rows(
            "SELECT kind, name, fields FROM accepted WHERE until IS NULL"
        ):
            out.setdefault(kind, {})[name] = json.loads(text)
    return out


def write(view: View, form: str, folder: Path, language: str = "en") -> list[export.Written]:
    wanted = list(export.wanted(export.all_kinds(view), []))
    if form == "csv":
        return export.csv_files(view, wanted, folder, language=language)  # type: ignore[arg-type]
    if form == "xlsx":
        return export.workbook(view, wanted, folder / "all.xlsx", language=language)  # type: ignore[arg-type]
    folder.mkdir()
    with (folder / "all.yaml").open("wb") as file:
        export.json_to(view, wanted, file)
    return []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "out"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_a_province_reads_back_the_same(ledger: Ledger, place: Path, form: str, language: str) -> None:
    record(ledger, PROVINCE)
    with ledger.read() as connection:
        written = write(View(connection), form, place, language)
    back = read_back(place)
    assert back == kept(ledger)
    if form != "json":
        assert sum(one.entries for one in written) == sum(map(len, back.values()))


@only_sqlite
@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
@settings(
    max_examples=12,
    deadline=None,
    # Each example takes a ledger of its own; making it smaller would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(some=tables)
def test_whatever_reads_back_the_same(
    some: dict[str, Any], form: str, tmp_path_factory: pytest.TempPathFactory, store: str
) -> None:
    folder = tmp_path_factory.mktemp("round")
    made = open_ledger(Workspace(folder, Settings(environment="tiny", ledger=store)), create=True)
    try:
        record(made, BASE | canonical(some))
        with made.read() as connection:
            write(View(connection), form, folder / "out")
        assert read_back(folder / "out") == kept(made)
    finally:
        made.close()
        shutil.rmtree(folder)


def test_no_cell_is_a_formula(ledger: Ledger, place: Path) -> None:
    titles = {f"s{n}": {"rack": "r", "title": text} for n, text in enumerate(AWKWARD)}
    record(ledger, BASE | {"server": titles})
    with ledger.read() as connection:
        view = View(connection)
        rest = export.Rest()
        file = io.BytesIO()
        export.csv_to(view, Filters("server"), file, rest, language="en", bom=True)
        export.workbook(view, [Filters("server")], place / "all.xlsx")
    assert file.getvalue().startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(file.getvalue().decode("utf-8-sig"), newline="")))
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert "'=1+1" in cells
    sheet = load_workbook(place / "all.xlsx")["servers"]
    types = {cell.value: cell.data_type for row in sheet for cell in row}
    assert types["=1+1"] == "s"
    assert "f" not in types.values()


def test_what_has_no_form_in_a_table_stands_beside_it(ledger: Ledger, place: Path) -> None:
    record(ledger, BASE | {"server": {"odd": {"rack": "r", "title": " blanks "}, "even": {"rack": "r"}}})
    with ledger.read() as connection:
        view = View(connection)
        written = export.csv_files(view, [Filters("server")], place)
        assert [(Path(w.path).name, w.entries) for w in written] == [("servers.csv", 1), ("rest.yaml", 1)]
    record(ledger, {"server": {"odd": {"rack": "r", "title": "blanks"}}})
    with ledger.read() as connection:
        export.csv_files(View(connection), [Filters("server")], place)
    # What a former export left beside does not say it twice.
    assert [path.name for path in place.iterdir()] == ["servers.csv"]
