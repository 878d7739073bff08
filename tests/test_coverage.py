"""The samples hold every row of the documents they come from, and each entry cites its row truly.

The rows are those of the documents' own list, `source_rows.csv` of each inventory; where the list stands
beside the project that they were taken from (`../shared/facts.md`), they are compared with its tables.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import msgspec
import pytest

from govcloud.model import KINDS, Entry
from govcloud.source import load
from govcloud.workspace import open_workspace

ROOT = Path(__file__).parents[1]
INVENTORY = ROOT / "inventory"
FACTS = ROOT.parent / "shared" / "facts.md"

# Rows that each sample holds, by document; together 388.
ROWS = {
    "hainan": {"000": 125, "001": 106, "003": 65},
    "hubei": {"002": 33},
    "liaoning": {"004": 59},
}
# Lines of each document, as `grep -n` counts them.
LINES = {"000": 103, "001": 390, "002": 61, "003": 289, "004": 73}
# Words of source_rows.csv, and the columns they are called in Chinese.
COLUMNS = {"标识": "name", "文件": "document", "行号": "line", "标签": "tag", "原文": "text"}
TAGS = {"[BASE]": "base", "[BASE][APP]": "base_app", "[APP]": "app"}

PLACE = re.compile(r"(\d{3}):L(\d+)")
# Public facts that no document of ours has to say: the codes of places.
STANDARD = "GB/T 2260"
ROW = re.compile(r"S(\d{3})-(\d{3})")
# Bodies and persons come from a row by being named in it; a row that is about a thing needs the thing.
NAMED_IN = {"unit", "person"}

samples = pytest.mark.parametrize("name", sorted(ROWS))


@dataclass(frozen=True)
class Row:
    """A row of a document: where it stands there, what it is of, what it names."""

    document: str
    lines: frozenset[int]
    tag: str
    text: str


@dataclass(frozen=True)
class Sample:
    """An inventory read from its files: its list of rows, and its entries by kind and name."""

    rows: dict[str, Row]
    entries: dict[tuple[str, str], Entry]

    def citing(self) -> Iterator[tuple[str, Entry, set[str]]]:
        """Entries with the rows that they name."""
        for (kind, name), entry in self.entries.items():
            if kind != "source_row" and (named := {m[0] for m in ROW.finditer(entry.source)}):
                yield f"{kind}/{name}", entry, named


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    return {
        name: read_sample(name, tmp_path_factory.mktemp("samples"))
        for name in ROWS
        if (INVENTORY / name).is_dir()
    }


def copy(name: str, where: Path) -> Path:
    # Reading a workspace leaves a cache in it, and the samples ship as they stand.
    return shutil.copytree(INVENTORY / name, where / name, ignore=shutil.ignore_patterns(".govcloud"))


def read_sample(name: str, where: Path) -> Sample:
    fields: dict[tuple[str, str], dict[str, object]] = defaultdict(dict)
    for claim in load(open_workspace(str(copy(name, where)))).claims:
        fields[claim.kind, claim.name].update(claim.fields)
    with (INVENTORY / name / "source_rows.csv").open(encoding="utf-8", newline="") as file:
        table = [{COLUMNS.get(k, k): v for k, v in row.items()} for row in csv.DictReader(file)]
    rows = {r["name"].upper(): Row(r["document"], lines(r["line"]), r["tag"], r["text"]) for r in table}
    return Sample(rows, {key: msgspec.convert(values, KINDS[key[0]]) for key, values in fields.items()})


def lines(text: str) -> frozenset[int]:
    return frozenset(int(part) for part in text.split(","))


def test_the_samples_are_there() -> None:
    missing = [name for name in sorted(ROWS) if not (INVENTORY / name / "source_rows.csv").is_file()]
    assert missing == []
    held = {folder.name for folder in INVENTORY.iterdir() if (folder / "source_rows.csv").is_file()}
    assert held == set(ROWS), "an inventory with rows of its own is to be counted here"


@samples
def test_rows_of_each_document(name: str, read: dict[str, Sample]) -> None:
    rows = read[name].rows
    assert Counter(row.document for row in rows.values()) == ROWS[name]
    for id_, row in rows.items():
        assert ROW.fullmatch(id_) and id_[1:4] == row.document, id_
        assert row.lines and all(1 <= line <= LINES[row.document] for line in row.lines), id_
        assert row.text and row.tag in TAGS.values(), id_
    numbered: dict[str, list[int]] = defaultdict(list)
    for id_ in rows:
        numbered[id_[1:4]].append(int(id_[5:]))
    assert {d: sorted(n) for d, n in numbered.items()} == {
        d: list(range(1, count + 1)) for d, count in ROWS[name].items()
    }


def test_three_hundred_and_eighty_eight_rows(read: dict[str, Sample]) -> None:
    every = [id_ for sample in read.values() for id_ in sample.rows]
    assert len(every) == len(set(every)) == sum(sum(counts.values()) for counts in ROWS.values()) == 388


@samples
def test_coverage_misses_nothing(name: str, tmp_path: Path, cli) -> None:
    found = cli("-C", str(copy(name, tmp_path)), "ls", "--coverage", "--files", "--json").json
    assert found["missing"] == []
    assert len(found["rows"]) == sum(ROWS[name].values())
    assert min(found["rows"].values()) >= 1


@samples
def test_entries_cite_rows_that_are_there_at_their_lines(name: str, read: dict[str, Sample]) -> None:
    sample = read[name]
    for entry, stated, named in sample.citing():
        assert named <= sample.rows.keys(), f"{entry}: {named - sample.rows.keys()} is no row"
        places = {(m[1], int(m[2])) for m in PLACE.finditer(stated.source)}
        for id_ in named:
            row = sample.rows[id_]
            at = {line for document, line in places if document == row.document}
            assert at & row.lines, f"{entry}: {stated.source}: {id_} stands in {sorted(row.lines)}"


@samples
def test_every_entry_says_where_it_comes_from(name: str, read: dict[str, Sample]) -> None:
    for (kind, entry_name), entry in read[name].entries.items():
        if kind == "source_row":
            continue  # It is a place in a document by its own fields.
        where = f"{kind}/{entry_name}: {entry.source!r}"
        assert entry.source or entry.invented, where
        if cited := re.sub(STANDARD, "", entry.source).strip("; "):
            words = re.split(r"[;\s]+", cited)
            assert all(PLACE.fullmatch(word) or ROW.fullmatch(word) for word in words), where
            places = list(PLACE.finditer(cited))
            assert places and all(1 <= int(m[2]) <= LINES[m[1]] for m in places), where
            assert {m[1] for m in places} <= ROWS[name].keys(), f"{where}: a document of another sample"


@samples
def test_each_row_has_a_thing_of_its_own(name: str, read: dict[str, Sample]) -> None:
    """A unit that leads it does not stand for a row, unless the row names just that unit."""
    sample = read[name]
    held: dict[str, list[str]] = defaultdict(list)
    bodies: dict[str, list[str]] = defaultdict(list)
    for entry, stated, named in sample.citing():
        for id_ in named:
            if entry.partition("/")[0] not in NAMED_IN:
                held[id_].append(entry)
            else:
                bodies[id_] += [stated.title, *stated.aliases]
    left = {
        id_: row.text
        for id_, row in sample.rows.items()
        if not held[id_] and not any(title and title in row.text for title in bodies[id_])
    }
    assert left == {}


@samples
def test_each_name_of_a_row_has_an_entry(name: str, read: dict[str, Sample]) -> None:
    """Names that a row parts by `/` are known again in an entry of the row: its title, an alias, its note."""
    sample = read[name]
    said: dict[str, list[str]] = defaultdict(list)
    for _, stated, named in sample.citing():
        for id_ in named:
            said[id_] += [stated.title, *stated.aliases, stated.note]
    silent = []
    for id_, row in sample.rows.items():
        for part in re.sub(r"〔[^〕]*〕", "", row.text).split(" / "):
            # A list (甲、乙等库) is parted into things, so each of its words is looked for by itself.
            words = [bare(word) for word in re.split(r"[、和/]|等(?!级)", part)]
            silent += [
                (id_, part, word)
                for word in words
                if word and not any(like(word, text) for text in said[id_])
            ]
    assert silent == []


def bare(text: str) -> str:
    """Without quotes, brackets and blanks, which documents set one way and titles another."""
    return re.sub("[“”\"'‘’() \uff08\uff09]", "", text)


def like(word: str, text: str) -> bool:
    """Whether two fifths of a name or more stand in a text in one piece (三大基础数据库, 人口基础数据库)."""
    text = bare(text)
    piece = SequenceMatcher(None, word, text, autojunk=False).find_longest_match()
    return 5 * piece.size >= 2 * len(word)


@samples
def test_nothing_of_the_documents_is_built(name: str, read: dict[str, Sample]) -> None:
    """What has a target is the lab's, invented in its figures; the rest is recorded."""
    built = [key for key, e in read[name].entries.items() if getattr(e, "target", "") and not e.invented]
    assert built == []
    if name != "hainan":
        assert not [key for key in read[name].entries if key[0] == "target"]


@samples
def test_names_are_unique_as_titles_where_kinds_are_the_same(name: str, read: dict[str, Sample]) -> None:
    """Two entries of one kind and one title would be one thing told twice."""
    titles: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (kind, entry_name), entry in read[name].entries.items():
        if kind != "source_row" and entry.title:
            titles[kind, entry.title].append(entry_name)
    assert {key: names for key, names in titles.items() if len(names) > 1} == {}


@pytest.mark.skipif(not FACTS.is_file(), reason="the tables that the rows were taken from are not here")
def test_the_rows_are_those_of_the_tables(read: dict[str, Sample]) -> None:
    """Beside what is counted above: ids, documents, lines, tags and names, one by one."""
    tables: dict[str, Row] = {}
    for line in FACTS.read_text(encoding="utf-8").splitlines():
        if re.match(r"\| S\d{3}-\d{3} \|", line):
            id_, tag, text, *_, at = (cell.strip() for cell in line.strip("|").split(" | "))
            tables[id_] = Row(id_[1:4], lines(at.strip(" |")), TAGS[tag], text)
    assert {id_: row for sample in read.values() for id_, row in sample.rows.items()} == tables
