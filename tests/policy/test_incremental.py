"""Asking only what a change touches finds what asking everything finds; and rules read what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.model.base import KINDS, fields
from govcloud.model.catalogue import Catalogue
from govcloud.plan.lookup import ChangedCatalogue, MemoryCatalogue
from govcloud.policy import Case, decided, selftest
from govcloud.policy.base import BINDS
from govcloud.policy.comparing import Change, ask_again
from govcloud.policy.registry import NET, finding
from govcloud.policy.samples import stock

AS_OF = date(2026, 11, 1)
SAMPLES = ("hainan", "hubei", "liaoning", "qionghai")
Key = tuple[str, str]
Entries = dict[Key, Mapping[str, Any]]


@cache
def entries(name: str) -> Entries:
    return {
        (kind, at): said for key, said in stock(name).fields.items() for kind, _, at in [key.partition("/")]
    }


@cache
def evidence() -> list[tuple[str, dict[str, Any]]]:
    """Entries of the rules' own examples that are added to a sample: reviews, budgets, waivers and so on."""
    out = []
    for examples in selftest.shipped().values():
        for one in examples:
            added = {**one.group.add, **one.laid.add}
            out += [(f"{one.group.sample}:{key}", dict(said)) for key, said in added.items() if said]
    return out


def judged(case: Case) -> Counter[Any]:
    return Counter(finding(c, case, b) for c in decided().values() for b in c.judge(case))


@cache
def before(name: str) -> tuple[MemoryCatalogue, Counter[Any]]:
    catalogue = MemoryCatalogue(entries(name))
    return catalogue, judged(Case(catalogue, AS_OF, frozenset(BINDS)))


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, dict[Key, Mapping[str, Any] | None]]:
    """Some entries of a sample said otherwise, taken away, copied, or added as the examples do."""
    name = draw(st.sampled_from(SAMPLES))
    known = entries(name)
    keys = sorted(known)
    out: dict[Key, Mapping[str, Any] | None] = {}
    for _ in range(draw(st.integers(1, 3))):
        # Kinds with few entries are as likely as those with many.
        kind = draw(st.sampled_from(sorted({kind for kind, _ in keys})))
        key = draw(st.sampled_from([key for key in keys if key[0] == kind]))
        said = dict(known[key])
        how = draw(st.sampled_from(("take", "drop", "set", "copy", "add")))
        if how == "take":
            out[key] = None
        elif how == "drop":
            needed = {f.name for f in msgspec.structs.fields(KINDS[kind]) if f.required}
            may = sorted(said.keys() - needed)
            out[key] = {f: v for f, v in said.items() if not may or f != draw(st.sampled_from(may))}
        elif how == "set":
            # What another entry of the kind says there, so that it is a value that somebody would write.
            other = known[draw(st.sampled_from([key for key in keys if key[0] == kind]))]
            if other:
                field = draw(st.sampled_from(sorted(other)))
                out[key] = said | {field: other[field]}
        elif how == "copy":
            out[kind, f"{key[1]}-copy"] = said
        else:
            mine = [one for one in evidence() if one[0].startswith(f"{name}:")]
            if mine:
                label, added = draw(st.sampled_from(mine))
                to_kind, _, at = label.partition(":")[2].partition("/")
                out[to_kind, at] = {**known.get((to_kind, at), {}), **added}
    return name, out


@settings(max_examples=60, deadline=None)
@given(changes())
def test_what_a_change_touches_is_enough(drawn: tuple[str, dict[Key, Mapping[str, Any] | None]]) -> None:
    name, changed = drawn
    known = entries(name)
    below, found = before(name)
    above = ChangedCatalogue(below, changed)
    after = dict(known)
    for key, said in changed.items():
        if said is None:
            after.pop(key, None)
        else:
            after[key] = said
    full = judged(Case(MemoryCatalogue(after), AS_OF, frozenset(BINDS)))
    asked = list(
        ask_again(
            Case(below, AS_OF, frozenset(BINDS)),
            Case(above, AS_OF, frozenset(BINDS)),
            {key: Change(known.get(key), said) for key, said in changed.items()},
            lambda keys: [*below.referring(keys), *above.referring(keys)],
            decided().values(),
        )
    )
    gone = Counter(one for each in asked for one in each.gone)
    come = Counter(one for each in asked for one in each.come)
    assert gone <= found, "what is taken away was never found"
    assert found - gone + come == full


def _traced(seen: set[str], on: list[bool]) -> dict[str, Any]:
    """Each kind's struct, which notes in ``seen`` what is read of it while ``on``."""

    def one(cls: Any) -> Any:
        names, kind = frozenset(fields(cls.KIND)), cls.KIND

        def read(self: Any, name: str) -> Any:
            if on and name in names:
                seen.add(f"{kind}.{name}")
            return object.__getattribute__(self, name)

        space = {"__getattribute__": read, "KIND": kind}
        return type(cls)(f"Traced{cls.__name__}", (cls,), space, kw_only=True)

    return {kind: one(cls) for kind, cls in KINDS.items()}


@cache
def read_by_rules() -> dict[str, set[str]]:
    """The fields that each rule read in its own examples and in the samples, without the net's."""
    seen: set[str] = set()
    on: list[bool] = []
    traced = _traced(seen, on)
    out: dict[str, set[str]] = {id: set() for id in decided()}

    def look(case: Case, ids: list[str]) -> None:
        tables: dict[str, dict[str, Any]] = {}
        for kind, name, entry in case.catalogue:
            said = {field: getattr(entry, field) for field in entry.__struct_fields__}
            tables.setdefault(kind, {})[name] = traced[kind](**said)
        case = Case(Catalogue(tables), case.as_of, case.documents)
        # The net is the net's to read; what it reads is held below.
        for made in (case.net, case.crossings.zones, case.net.places, case.lines, case.crossings.joints):
            assert made is not None
        for id in ids:
            seen.clear()
            on.append(True)
            list(decided()[id].judge(case))
            on.clear()
            out[id] |= seen

    for name in SAMPLES:
        look(Case(MemoryCatalogue(entries(name)), AS_OF, frozenset(BINDS)), list(decided()))
    for id, examples in selftest.shipped().items():
        for one in examples:
            look(one.case(), [id])
    return out


@pytest.mark.parametrize("id", list(decided()))
def test_a_rule_reads_what_it_says(id: str) -> None:
    """So that a change of a field that it does not name need not ask it again."""
    check = decided()[id]
    said = set(check.reads) | {"profile.values"}
    said |= {f"{kind}.{field}" for kind in ("review", "inspection", "evaluation") if kind in check.by_kind
             for field in fields(kind)}  # fmt: skip
    if check.each is None:
        said |= {f"{kind}.{field}" for kind, names in NET.items() for field in names}
    assert read_by_rules()[id] - said == set()


def test_the_net_reads_what_is_said_of_it() -> None:
    seen: set[str] = set()
    on: list[bool] = [True]
    traced = _traced(seen, on)
    for name in SAMPLES:
        tables: dict[str, dict[str, Any]] = {}
        for (kind, at), said in entries(name).items():
            tables.setdefault(kind, {})[at] = msgspec.convert(said, traced[kind])
        case = Case(Catalogue(tables), AS_OF)
        crossings = case.crossings
        crossings.ways("intranet", "extranet")
        made = (
            crossings.exchanging,
            list(crossings.touching()),
            case.net.places,
            case.lines,
            case.access(None),
        )
        assert made[3] is not None
    assert seen - {f"{kind}.{field}" for kind, names in NET.items() for field in names} == set()
