"""A change asks again whoever it concerns: from one example of a rule to another, as if all were judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from itertools import permutations
from typing import Any

import msgspec
import pytest

from govcloud.ledger.entries import Key
from govcloud.model.catalogue import references, split_ref
from govcloud.model.rules import rules as rows
from govcloud.policy import Case, Finding, decided, judge
from govcloud.policy.comparing import Change, compare
from govcloud.policy.selftest import Example, shipped

Fields = dict[Key, dict[str, Any]]


def said(case: Case) -> Fields:
    """Fields of a case's entries."""
    return {(kind, name): msgspec.to_builtins(entry) for kind, name, entry in case.catalogue}


def referring(before: Fields, after: Fields) -> Any:
    """Who refers, by which field, to which of some keys, before or after."""
    known = [
        (key, info.name, split_ref(info.ref, value))
        for fields in (before, after)
        for key, table in fields.items()
        for info, value in references(key[0], table)
        if info.ref is not None
    ]

    def among(keys: Collection[Key]) -> list[tuple[Key, str, Key]]:
        wanted = set(keys)
        return [one for one in known if one[2] in wanted]

    return among


def pairs(examples: list[Example]) -> Iterator[tuple[Case, Case]]:
    """Cases of one group as of one day: from each to each other one."""
    cases = [(example.group, example.case()) for example in examples]
    for (group, before), (other, after) in permutations(cases, 2):
        if group is other and before.as_of == after.as_of:
            yield before, after


def what(findings: list[Finding]) -> Counter[tuple[str, ...]]:
    return Counter((f.rule, f.verdict, f.subject, f.waiver) for f in findings)


@pytest.mark.parametrize("rule", sorted(shipped().keys() & rows().keys()))
def test_a_change_asks_whoever_it_concerns(rule: str) -> None:
    check, asked = decided()[rule], 0
    for before, after in pairs(shipped()[rule]):
        old, new = said(before), said(after)
        changes = {k: Change(old.get(k), new.get(k)) for k in old | new if old.get(k) != new.get(k)}
        # A number of the policy asks everybody, which proves nothing.
        if any(kind == "profile" for kind, _ in changes):
            continue
        found = compare(before, after, changes, referring(old, new), [check])
        whole = [what(judge(case, [rule])) if check.binds(case) else Counter() for case in (before, after)]
        assert what(found.new) - what(found.cured) == whole[1] - whole[0]
        assert what(found.cured) - what(found.new) == whole[0] - whole[1]
        asked += 1
    assert asked
