"""The samples that are one document each, hubei and liaoning: each row covered, each figure as it stands."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Result

from govcloud import share
from govcloud.model import fields
from govcloud.report import coverage
from govcloud.source import Loaded, load
from govcloud.workspace import open_workspace

Cli = Callable[..., Result]
Entries = dict[tuple[str, str], dict[str, Any]]

# Sample -> key of its document, rows, lines of the file as `grep -n` counts them.
DOCUMENTS = {"hubei": ("002", 33, 61), "liaoning": ("004", 59, 73)}
PLACES = {"hubei": 17, "liaoning": 14}
TOKEN = re.compile(r"(\d{3}):L(\d+)|(S\d{3}-\d{3})|GB/T 2260")


@pytest.fixture(scope="module", params=sorted(DOCUMENTS))
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Loaded]:
    # A copy, because reading a workspace leaves a cache in it, and the sample ships as it stands.
    name = str(request.param)
    root = tmp_path_factory.mktemp("sample") / name
    shutil.copytree(share.samples()[name].folder, root, ignore=shutil.ignore_patterns(".govcloud"))
    return name, load(open_workspace(str(root)))


def entries(loaded: Loaded) -> Entries:
    out: Entries = defaultdict(dict)
    for claim in loaded.claims:
        out[claim.kind, claim.name] |= claim.fields
    return out


@pytest.fixture(scope="module")
def liaoning(tmp_path_factory: pytest.TempPathFactory) -> Entries:
    root = tmp_path_factory.mktemp("liaoning") / "ln"
    shutil.copytree(share.samples()["liaoning"].folder, root, ignore=shutil.ignore_patterns(".govcloud"))
    return entries(load(open_workspace(str(root))))


# -- both samples -------------------------------------------------------------------------------------


def test_every_row_has_an_entry(sample: tuple[str, Loaded]) -> None:
    name, loaded = sample
    document, rows, _ = DOCUMENTS[name]
    found = coverage.of_files(loaded)
    assert found.missing == []
    assert sorted(found.rows) == [f"S{document}-{n:03}" for n in range(1, rows + 1)]


def test_rows_are_listed_with_their_lines(sample: tuple[str, Loaded]) -> None:
    name, loaded = sample
    document, rows, lines = DOCUMENTS[name]
    listed = {n: e for (kind, n), e in entries(loaded).items() if kind == "source_row"}
    assert len(listed) == rows
    for row, said in listed.items():
        assert row.startswith(f"s{document}-") and said["document"] == document
        assert all(1 <= int(line) <= lines for line in said["line"].split(","))


def test_entries_cite_the_lines_of_their_rows(sample: tuple[str, Loaded]) -> None:
    """Each cited line exists, and of each row that an entry names it cites a line."""
    name, loaded = sample
    document, _, last = DOCUMENTS[name]
    said = entries(loaded)
    for (kind, n), entry in said.items():
        source = entry.get("source", "")
        if kind == "source_row" or not source:
            continue
        assert TOKEN.sub("", source).strip() == "", f"{kind}/{n}: {source}"
        cited = {int(line) for key, line, _ in TOKEN.findall(source) if key == document}
        assert all(1 <= line <= last for line in cited)
        assert {key for key, _, _ in TOKEN.findall(source)} <= {document, ""}
        for row in (row for _, _, row in TOKEN.findall(source) if row):
            own = {int(line) for line in said["source_row", row.lower()]["line"].split(",")}
            assert cited & own, f"{kind}/{n}: {row} stands in {own}, cited are {cited}"


def test_every_entry_says_where_it_comes_from(sample: tuple[str, Loaded]) -> None:
    for (kind, name), entry in entries(sample[1]).items():
        if kind != "source_row":
            assert bool(entry.get("source")) != bool(entry.get("invented")), f"{kind}/{name}"
            assert re.search(r"[\u4e00-\u9fff]", entry["title"]), f"{kind}/{name}"


def test_what_is_inferred_is_said_or_defaulted(sample: tuple[str, Loaded]) -> None:
    """`inferred` names fields of the kind, and none that says nothing by default."""
    for (kind, name), entry in entries(sample[1]).items():
        for field in entry.get("inferred", []):
            assert field in entry or fields(kind)[field].default, f"{kind}/{name}: {field}"


def test_nothing_is_built(sample: tuple[str, Loaded]) -> None:
    assert not [key for key, entry in entries(sample[1]).items() if key[0] == "target" or entry.get("target")]


def test_places_have_their_codes(sample: tuple[str, Loaded]) -> None:
    name, loaded = sample
    regions = {n: e for (kind, n), e in entries(loaded).items() if kind == "region"}
    province = regions.pop(name)
    assert len(regions) == PLACES[name]
    assert {r["parent"] for r in regions.values()} == {name}
    codes = [r["code"] for r in regions.values()]
    assert len(set(codes)) == len(codes)
    assert {code[:2] for code in codes} == {province["code"][:2]}


def test_documents_have_no_figures_that_they_do_not_give() -> None:
    """002 gives none at all; so the sample has none."""
    folder = share.samples()["hubei"].folder
    texts = [p.read_text(encoding="utf-8") for p in folder.rglob("*.yaml")]
    assert not [text for text in texts if "figures:" in text or "_count:" in text]


# -- Liaoning's figures, and where they contradict each other ------------------------------------------


def test_three_counts_of_provincial_departments_stay(liaoning: Entries) -> None:
    counts = {
        name: entry["member_count"]
        for (kind, name), entry in liaoning.items()
        if kind == "unit" and name.startswith("departments-")
    }
    assert counts == {"departments-supervised": 37, "departments-mail": 49, "departments-websites": 53}


def test_counts_of_rooms_and_centres(liaoning: Entries) -> None:
    rooms = {
        "room_count": 500,
        "area_m2": 23_000,
        "server_count": 10_000,
        "storage_tb": 6_300,
        "application_count": 2_000,
    }
    assert rooms.items() <= liaoning["site", "machine-rooms"].items()
    centres = {"area_m2": 2_410, "server_count": 228, "unit_count": 95, "application_count": 313}
    assert centres.items() <= liaoning["site", "city-centres"].items()


def test_city_lists_differ_by_topic(liaoning: Entries) -> None:
    def cities(kind: str, suffix: str, **wanted: str) -> set[str]:
        names = [name for kind_, name in liaoning if kind_ == "region" and name != "liaoning"]
        there = {name: liaoning.get((kind, f"{name}-{suffix}")) for name in names}
        return {name for name, entry in there.items() if entry and wanted.items() <= entry.items()}

    started = cities("site", "dc")
    assert (len(started), len(cities("site", "dc", status="running"))) == (8, 5)
    websites, offices = cities("website", "sites"), cities("application", "office")
    assert (len(websites), len(offices)) == (7, 7)
    assert "dandong" in started - websites - offices
    assert "fushun" in (websites & offices) - started


def test_the_extranet_reaches_eleven_of_fourteen(liaoning: Entries) -> None:
    extranet = liaoning["zone", "extranet"]
    assert extranet["figures"] == {"cities_connected": 11, "cities": 14}
    assert extranet["due"] == "2017-12"


# -- the command line ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_recorded_and_covered(cli: Cli, name: str) -> None:
    assert cli("init", "w", "--sample", name).code == 0
    done = cli("-C", "w", "apply", "--yes")
    assert done.code == 0, done
    found = cli("-C", "w", "ls", "--coverage", "--json").json
    assert found["missing"] == [] and len(found["rows"]) == DOCUMENTS[name][1]
    assert "Nothing to do" in cli("-C", "w", "plan").out
