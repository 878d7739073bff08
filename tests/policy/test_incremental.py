"""Asking only what a change touches finds what asking everything finds; and rules read what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.ledger import entries as entry_rows
from govcloud.ledger import open_ledger
from govcloud.ledger.connection import Connection
from govcloud.model.base import KINDS, fields
from govcloud.model.catalogue import Catalogue
from govcloud.plan import remembering
from govcloud.plan.lookup import ChangedCatalogue, LedgerCatalogue
from govcloud.policy import Case, decided, selftest
from govcloud.policy.base import BINDS
from govcloud.policy.comparing import Change, ask_again
from govcloud.policy.registry import NET, finding
from govcloud.policy.samples import stock
from govcloud.workspace import Settings, Workspace, open_workspace
from tests.store_province import records

AS_OF = date(2026, 11, 1)
SAMPLES = ("hainan", "hubei", "liaoning", "qionghai")
Key = tuple[str, str]
Ledgers = Callable[[str], Connection]
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


class Accepted(NamedTuple):
    """An entry as a ledger takes it."""

    uid: str
    kind: str
    name: str
    fields: dict[str, Any]
    incarnation: int = 1
    stack: str | None = None


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledgers]:
    """Of each sample, a ledger that accepted it."""
    with ExitStack() as open_for_long:

        @cache
        def of(name: str) -> Connection:
            made = Workspace(tmp_path_factory.mktemp(name), Settings(environment=name))
            ledger = open_ledger(made, create=True)
            open_for_long.callback(ledger.close)
            known = [
                Accepted(f"{kind}.{at}", kind, at, dict(said)) for (kind, at), said in entries(name).items()
            ]
            with ledger.write() as connection:
                number = entry_rows.open_revision(connection, actor="", run=None, commit=None, message="")
                entry_rows.accept(connection, number, known)
            return open_for_long.enter_context(ledger.read())

        yield of


@cache
def found_in(ledgers: Ledgers, name: str) -> Counter[Any]:
    return judged(Case(LedgerCatalogue(ledgers(name)), AS_OF, frozenset(BINDS), lenient=True))


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


@settings(max_examples=40, deadline=None)
@given(changes())
def test_what_a_change_touches_is_enough(
    ledgers: Ledgers, drawn: tuple[str, dict[Key, Mapping[str, Any] | None]]
) -> None:
    """Asked of the ledger itself, as the gate and `check` ask it, held against a judgement of all."""
    name, changed = drawn
    known, found = entries(name), found_in(ledgers, name)
    below = LedgerCatalogue(ledgers(name))
    full = judged(Case(ChangedCatalogue(below, changed), AS_OF, frozenset(BINDS), lenient=True))
    # Once more afresh, so that what is asked is fetched as it is asked for.
    below = LedgerCatalogue(ledgers(name))
    above = ChangedCatalogue(below, changed)
    asked = list(
        ask_again(
            Case(below, AS_OF, frozenset(BINDS), lenient=True),
            Case(above, AS_OF, frozenset(BINDS), lenient=True),
            {key: Change(known.get(key), said) for key, said in changed.items()},
            lambda keys: [*below.referring(keys), *above.referring(keys)],
            decided().values(),
        )
    )
    gone = Counter(one for each in asked for one in each.gone)
    come = Counter(one for each in asked for one in each.come)
    assert gone <= found, "what is taken away was never found"
    assert found - gone + come == full


def test_what_comes_asks_only_the_rules_that_read_its_kind(ledgers: Ledgers) -> None:
    """A person is nothing to a rule of sites, and a server nothing to one that asks for no net."""
    below = LedgerCatalogue(ledgers("hainan"))

    def asked(key: Key, said: Mapping[str, Any]) -> set[str]:
        above = ChangedCatalogue(below, {key: said})
        cases = (
            Case(below, AS_OF, frozenset(BINDS), lenient=True),
            Case(above, AS_OF, frozenset(BINDS), lenient=True),
        )
        again = ask_again(*cases, {key: Change(None, said)}, below.referring, decided().values())
        return {one.check.id for one in again if one.check.each is None}

    unit, rack = (next(n for k, n in entries("hainan") if k == kind) for kind in ("unit", "rack"))
    whole = {id: c for id, c in decided().items() if c.each is None}
    person = asked(("person", "new"), {"unit": unit, "duty": "principal"})
    assert person == {id for id, c in whole.items() if "person" in c.by_kind}
    server = asked(("server", "new"), {"rack": rack})
    assert {id for id, c in whole.items() if "node" in c.by_kind} <= server
    assert server.isdisjoint({"C-03", "D-01", "D-02", "D-03", "R-01", "R-02", "R-10"})


def test_a_waiver_is_asked_again_where_its_rule_may_not_be_waived_any_more(ledgers: Ledgers) -> None:
    below = LedgerCatalogue(ledgers("hainan"))
    easy = {"each": "node", "holds": "true", "message": "no", "cure": "none", "waivable": True}
    strict = easy | {"waivable": False}
    waiver = {"rule": "local-names", "subjects": ["node/none"], "reason": "old", "granted_by": "wu"}
    key, at = ("rule", "local-names"), ("waiver", "names")
    cases = [Case(ChangedCatalogue(below, {key: said, at: waiver}), AS_OF) for said in (easy, strict)]
    (again,) = ask_again(
        cases[0], cases[1], {key: Change(easy, strict)}, lambda _keys: (), [decided()["waiver"]]
    )
    assert [one.field for one in again.come if one not in again.gone] == ["rule"]


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
        look(Case(Catalogue.of(entries(name)), AS_OF, frozenset(BINDS)), list(decided()))
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


# -- the memory of `check` ---------------------------------------------------------------------------


def told(cli: Callable[..., Any], root: Path, *, afresh: bool = False) -> list[tuple[str, ...]]:
    """All findings of a check, with their places, sorted."""
    if afresh:
        (root / ".govcloud" / "cache" / "findings.msgpack").unlink(missing_ok=True)
    found = cli("check", "--json").json["findings"]
    return sorted(tuple(str(value) for value in one.values()) for one in found)


def quick(root: Path) -> bool:
    workspace = open_workspace(str(root))
    ledger = open_ledger(workspace)
    with ledger.read() as connection:
        return remembering.quickly(workspace, ledger, connection, date.today()) is not None


def test_a_check_goes_by_what_it_remembers(cli: Callable[..., Any], tmp_path: Path) -> None:
    """It finds what judging everything finds: after a change, what was applied since, and a second change."""
    made = records(tmp_path)
    made.tables["regions"] = {"hainan": {"level": "province", "code": "460000"}}
    made.tables["zones"] = {"extranet": {"role": "extranet"}, "intranet": {"role": "intranet"}}
    made.tables["applications"] = {"archive": {"classified": True, "zones": ["extranet"], "mlps": 3}}
    made.tables["profiles"] = {"rules": {"values": {"gate": "none"}, "invented": True}}
    made.write()
    assert cli("apply", "--yes").code == 0
    first = told(cli, tmp_path)
    assert first and quick(tmp_path) and told(cli, tmp_path) == first
    made.tables["applications"]["archive"] |= {"mlps": 4, "zones": ["intranet"]}
    made.tables["applications"]["register"] = {"classified": True, "zones": ["extranet"]}
    made.write()
    assert quick(tmp_path)
    second = told(cli, tmp_path)
    assert second != first
    # Beside a change nothing is remembered of it.
    assert told(cli, tmp_path, afresh=True) == second and quick(tmp_path)
    assert cli("apply", "--yes").code == 0
    # What was accepted since is laid over it, backwards and forwards.
    assert quick(tmp_path) and told(cli, tmp_path) == second
    del made.tables["applications"]["archive"]
    made.tables["waivers"] = {}
    made.write()
    third = told(cli, tmp_path)
    assert quick(tmp_path) and third == told(cli, tmp_path, afresh=True) != second
    # Faults are told by whoever reads everything.
    made.tables["applications"]["register"]["zones"] = ["nowhere"]
    made.write()
    assert not quick(tmp_path) and cli("check").code == 2
