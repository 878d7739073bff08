"""Every rule of the documents is decided and shown by examples, or says what it lacks."""

from __future__ import annotations

from pathlib import Path

from govcloud.model.rules import rules as rows
from govcloud.policy import decided
from govcloud.policy.base import OPEN, tables
from govcloud.policy.selftest import shipped
from govcloud.policy.standing import lacking, standings


def test_every_rule_is_decided_or_says_what_it_lacks() -> None:
    assert len(rows()) == 119
    ids, lacks = set(decided()) & set(rows()), set(lacking())
    assert sorted(set(rows()) - ids - lacks) == [], "neither decided nor in lacking.toml"
    # What is judged and lacks something is told, and does not count.
    assert {one.id for one in standings() if one.decided} == ids - lacks
    assert sorted(lacks - set(rows())) == [], "in lacking.toml, and no rule of the documents"
    assert all(sentence.strip() for sentence in lacking().values())


def test_every_rule_that_is_decided_has_a_case_that_passes_and_one_that_fails() -> None:
    examples = shipped()
    without = []
    for id, check in decided().items():
        mine = examples.get(id, [])
        # What passes only because the rule does not bind there shows nothing.
        if not any(e.passes and check.binds(e.case()) for e in mine):
            without.append(f"{id}: none passes")
        if all(e.passes for e in mine):
            without.append(f"{id}: none fails")
    assert without == []


def test_the_standing_of_a_rule_is_that_of_its_row_and_of_what_decides_it() -> None:
    table = {standing.id: standing for standing in standings()}
    assert list(table) == list(rows())
    n22 = table["N-22"]
    assert (n22.decided, n22.lacks, n22.provinces) == (True, "", ("Liaoning",))
    assert n22.reads == decided()["N-22"].reads and n22.source == rows()["N-22"].source
    for id, sentence in lacking().items():
        assert (table[id].decided, table[id].lacks) == (False, sentence)


def test_the_page_has_every_number_that_a_province_may_change() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "check.md").read_text(encoding="utf-8").splitlines()
    for name, values in tables().items():
        (row,) = [line for line in lines if line.startswith(f"| `{name}` |")]
        keys = set() if name in OPEN else {*values} - {"source", "invented"}
        assert [key for key in sorted(keys) if f"`{key}`" not in row] == [], name
