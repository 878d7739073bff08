"""The register of rules, and how a case is judged by them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeVar

from ..errors import InputError, Problem
from ..model.base import Entry
from ..model.rules import rules as rows
from .base import Breach, Case, Finding, Verdict

# A rule over the whole case, and one that looks at a single entry of a kind: (case, name, entry).
Judge = Callable[[Case], Iterator[Breach]]
One = Callable[[Case, str, Any], Iterator[Breach]]
F = TypeVar("F", bound=Callable[..., Iterator[Breach]])

# The files of this room that hold rules; each is imported when somebody judges or asks for the register.
HOMES = (
    *("isolation", "lines", "coverage", "private", "elements", "shape", "addresses"),
    *("clouds", "supply", "centres", "building", "quality", "recovering", "grading", "promises"),
    *("security", "projects"),
    *("entrances", "reusing", "consolidating", "exchanging", "sharing", "duties"),
    *("protecting", "supervising", "duplicating", "funding", "evaluating", "waivers", "quotas", "hosting"),
)
# What may be departed from with a waiver: 原则上, and where the rule's own words say so.
WAIVABLE = frozenset({"in_principle"})
# What places, nets and verdicts are made of, whatever the rule.
READ = frozenset(
    {
        *("region", "unit", "site", "zone", "vrf", "node", "interface", "link", "network"),
        *("circuit", "exit", "private_network", "boundary", "exchange"),
        *("room", "rack", "server", "cloud", "instance", "endpoint", "profile", "review", "waiver"),
    }
)
# What ``Case.net`` and what is made of it (``crossings``, ``lines``, ``access``) read, whoever asks.
NET: Mapping[str, frozenset[str]] = {
    "region": frozenset({"level", "parent", "code"}),
    "unit": frozenset({"region", "type", "level", "parent"}),
    "site": frozenset({"region", "role", "status", "unit", "level"}),
    "room": frozenset({"site"}),
    "rack": frozenset({"room"}),
    "server": frozenset({"rack", "network", "unit"}),
    "cloud": frozenset({"site"}),
    "instance": frozenset({"network"}),
    "endpoint": frozenset({"application", "instance"}),
    "zone": frozenset({"role", "within"}),
    "vrf": frozenset({"zone"}),
    "node": frozenset({"region", "zone", "role", "site", "loopback4", "loopback6"}),
    "interface": frozenset({"device", "port", "vrf", "network", "enabled"}),
    "link": frozenset(
        {
            *("a", "b", "a_interface", "b_interface", "bandwidth_mbps", "delay_ms", "ipv4", "ipv6"),
            *("cost", "circuit", "plane", "carrier", "path"),
        }
    ),
    "network": frozenset({"gateway", "ipv4", "ipv6", "site", "cloud", "vrf"}),
    "circuit": frozenset(
        {"zone", "line", "region", "site", "unit", "node", "status", "ipv6", "bandwidth_mbps"}
    ),
    "exit": frozenset({"role", "node", "circuits", "status", "zone"}),
    "private_network": frozenset({"zone", "status", "nodes", "connects_to", "exchange", "regions"}),
    "boundary": frozenset({"private_network", "zone", "nodes"}),
    "exchange": frozenset({"role", "zones", "site", "status", "application", "private_networks"}),
}
# A rule that reads none of these asks for no net (``Case.net``, ``crossings``, ``lines``, ``access``).
NETTED = frozenset(
    {"zone", "vrf", "node", "interface", "link", "circuit", "exit", "private_network", "boundary"}
)
# Evidence names what it is about.
EVIDENCE = ("review.subject", "inspection.subject", "evaluation.subject")
_DOCUMENT = re.compile(r"\b(\d{3}):L\d+")


@dataclass(frozen=True)
class Check:
    """A rule that is decided: by which function, from which fields (``kind.field``), with which verdict.

    ``documents``: those that state it; empty: it binds everywhere (it is of the ledger itself, or of a
    national standard). ``waivable``: a ``waiver`` entry may let a breach pass. ``each``: the kind whose
    entries it judges one by one (``one``), each by itself, what it names and what names it; None: it looks
    at everything at once.
    """

    id: str
    verdict: Verdict
    reads: tuple[str, ...]
    whole: Judge | None
    strength: str
    source: str
    sentence: str
    documents: frozenset[str]
    waivable: bool
    each: type[Entry] | None = None
    one: One | None = None
    # Of a rule of one entry: fields (`kind.field`) by which it finds those that name something.
    back: frozenset[str] = frozenset()

    @cached_property
    def net(self) -> bool:
        """Whether it may ask for the net: a rule over everything that reads of what nets are made of."""
        return self.each is None and not NETTED.isdisjoint(self.by_kind)

    @cached_property
    def fields(self) -> frozenset[str]:
        """What it reads, as ``kind.field``."""
        return frozenset(self.reads)

    @cached_property
    def by_kind(self) -> Mapping[str, frozenset[str]]:
        """The fields that it reads, by kind."""
        out: dict[str, set[str]] = {}
        for one in self.reads:
            kind, _, field = one.partition(".")
            out.setdefault(kind, set()).add(field)
        return {kind: frozenset(names) for kind, names in out.items()}

    def judge(self, case: Case) -> Iterator[Breach]:
        """Every breach of it in a case."""
        if self.whole is not None:
            former, case.netless = case.netless, not self.net
            try:
                yield from self.whole(case)
            finally:
                case.netless = former
        elif self.each is not None:
            yield from self.over(case, case.catalogue.all(self.each).items())

    def over(self, case: Case, entries: Iterable[tuple[str, Any]]) -> Iterator[Breach]:
        """Every breach in these entries of its kind; of a rule that looks at single ones."""
        one = self.one
        assert one is not None
        former, case.back = case.back, self.back
        try:
            for name, entry in entries:
                yield from one(case, name, entry)
        finally:
            case.back = former

    def binds(self, case: Case) -> bool:
        """Whether a document that states it binds in the case's province."""
        return not self.documents or bool(self.documents & case.binding)


_register: dict[str, Check] = {}


def documents_in(source: str) -> frozenset[str]:
    """The documents that a rule's source names."""
    return frozenset(_DOCUMENT.findall(source))


def rule(
    id: str,
    verdict: Verdict,
    *reads: str,
    each: type[Entry] | None = None,
    back: Collection[str] = (),
    sentence: str = "",
    source: str = "",
    waivable: bool = False,
) -> Callable[[F], F]:
    """Register a function as the rule ``id``: a row of ``model.rules``, whose words and strength it has.

    With ``each`` it is called as ``(case, name, entry)`` for every entry of that kind, and may read of others
    only what ``Case`` offers for that; without, as ``(case)``, and may read everything, the net only where
    it reads of what nets are made of (``NETTED``). ``reads``: every field that it reads, of whatever entry,
    as ``kind.field``: a change of others does not ask it again.
    ``back``: the references by which an ``each`` rule looks who names something (``Case.named_by``); those
    of reviews, inspections and evaluations go without saying where it reads these kinds. A rule that is no
    row there says its own ``sentence`` and ``source``.
    """

    def register(judge: F) -> F:
        row = rows().get(id)
        kinds = {field.partition(".")[0] for field in reads}
        _register[id] = Check(
            id=id,
            verdict=verdict,
            reads=reads,
            whole=None if each else judge,
            strength=row.strength if row else "flat",
            source=row.source if row else source,
            sentence=row.sentence if row else sentence,
            documents=documents_in(row.source) if row else frozenset(),
            waivable=waivable or (row is not None and row.strength in WAIVABLE),
            each=each,
            back=frozenset(back) | {by for by in EVIDENCE if by.partition(".")[0] in kinds},
            one=judge if each else None,
        )
        return judge

    return register


@cache
def _loaded() -> dict[str, Check]:
    for home in HOMES:
        importlib.import_module(f".{home}", __package__)
    return {id: _register[id] for id in sorted(_register)}


def decided() -> Mapping[str, Check]:
    """Every rule that is decided, by its id, sorted."""
    return _loaded()


def chosen(only: Collection[str]) -> list[Check]:
    """The rules of these ids, all where none is named. Raises ``InputError`` for ids that are not decided."""
    known = _loaded()
    problems = []
    for id in only:
        if id not in known:
            what = "is not decided by the program yet" if id in rows() else "is no rule"
            problems.append(Problem(f"{id} {what}"))
    if problems:
        raise InputError(problems, hint=f"rules: {', '.join(known)}")
    return [known[id] for id in known if not only or id in only]


def read(checks: Iterable[Check]) -> frozenset[str]:
    """The kinds that these rules read, and those that every graph and verdict is made of."""
    return READ | {field.partition(".")[0] for check in checks for field in check.reads}


def judge(case: Case, only: Collection[str] = ()) -> list[Finding]:
    """Everything that is wrong in a case, rule by rule; rules that do not bind there are left out.

    A rule that is named in ``only`` binds wherever it is asked for. Raises ``InputError`` for an unknown id.
    """
    checks = [check for check in chosen(only) if only or check.binds(case)]
    return [finding(check, case, breach) for check in checks for breach in check.judge(case)]


def finding(check: Check, case: Case, breach: Breach) -> Finding:
    """A breach of a rule as it is told, with the waiver that lets it pass."""
    return Finding(
        rule=check.id,
        verdict=breach.verdict or check.verdict,
        strength=check.strength,
        source=check.source,
        subject=breach.subject,
        message=breach.message,
        field=breach.field,
        witness=breach.witness,
        cure=breach.cure,
        waiver=case.waiver(check.id, breach.subject) if check.waivable else "",
    )
