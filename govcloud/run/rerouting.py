"""A cut made for real in the lab, and what the simulation said of it, held against each other.

Pairs of hosts ask each other throughout (``run.meter``): before, while the cut stands, and after. The time
to reroute is the gap in their answers. The way each pair really takes is followed hop by hop, before and
afterwards: of several ways of the same cost routers may have chosen another one than the simulation.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from ..access import actor
from ..errors import GovcloudError
from ..ledger import Ledger, audit, evidence, leases
from ..ledger.evidence import Evidence
from ..model.catalogue import Catalogue
from ..plan.probes import ProbeSpec
from ..plan.wiring import address_owners
from ..topology import Net
from ..topology.ways import Way, Ways
from ..workspace import Workspace
from . import cutting, probing
from .context import LEASE
from .metering import Count, Gap, Meters, Report, Stream
from .pacing import Pace, pace
from .pairing import Pair
from .reach import Reach

NO_RUN = ""
# Seconds between two looks at the meters.
LOOK = 0.25


class Seen(msgspec.Struct, frozen=True):
    """What became of one pair.

    ``expected``: kept, moved or lost, by the simulation; ``answered``: whether it answered in the end while
    the cut stood; ``gap_ms`` and ``lost``: the longest run of lost requests that the cut brought, and all
    of them; ``back_gap_ms`` and ``back_lost``: the same of putting back. ``way``: routers crossed while
    the cut stood; ``expected_way``: by the simulation. ``agrees``, else ``why``. ``took``: what was
    seen of it: lost, moved (it answered again after a gap, or crossed other hops than before) or kept (it
    was not on what was cut).
    """

    name: str
    subject: str
    source: str
    target: str
    family: int
    expected: Literal["kept", "moved", "lost"]
    answered: bool
    gap_ms: float
    lost: int
    back_gap_ms: float
    back_lost: int
    expected_way: list[str]
    way: list[str]
    agrees: bool
    why: str
    took: Literal["kept", "moved", "lost"]


class Experiment(msgspec.Struct, frozen=True):
    """A cut that was made, measured and put back.

    ``reroute_s``: the longest gap of a pair that was seen to take another way; None where none was.
    ``silent_before``: pairs that did not answer before anything was cut; they are not compared.
    ``restored``: whether everybody answered as before in the end; ``not_back``: who did not. ``stalled_ms``:
    the longest pause of a meter, which gaps may be wrong by. ``held_s``: how long the cut stood.
    """

    cut: list[str]
    silent: bool
    routing: str
    seen: list[Seen]
    silent_before: list[str]
    reroute_s: float | None
    held_s: float
    restored: bool
    not_back: list[str]
    stalled_ms: float

    @property
    def disagreements(self) -> list[Seen]:
        """Pairs of which simulation and lab say otherwise."""
        return [one for one in self.seen if not one.agrees]


def experiment(
    workspace: Workspace,
    ledger: Ledger,
    catalogue: Catalogue,
    cut: Sequence[str],
    pairs: Sequence[Pair],
    *,
    ends: Mapping[str, Sequence[str] | None],
    net: Net,
    routing: str,
    silent: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> Experiment:
    """Cut, measure, put back, and keep what was seen as evidence.

    ``ends``: interfaces by node; ``told`` hears what is being done. Takes the environment's lease for all
    of it. Raises ``ConflictError`` where a run is at work, and ``GovcloudError`` where nobody answers even
    before the cut, or something could not be put back.
    """
    numbers = pace(catalogue)
    names = address_owners(catalogue)
    with leases.held(ledger, LEASE) as fence, leases.renewed(ledger, LEASE, fence):
        former = cutting.put_back(workspace, ledger)
        if former is not None:
            told(f"a former cut was still written down, and is put back: {', '.join(former.entries)}")
        reach = Reach(workspace)
        streams = [Stream(p.name, p.source, p.target, p.address, p.family) for p in pairs]
        how = {"interval_ms": numbers.interval_ms, "wait_ms": numbers.wait_ms}
        with Meters(reach, streams, **how) as meters:
            work = _Work(reach, meters, numbers, list(pairs), net, names, told)
            work.baseline()
            with cutting.held(ledger, fence, reach, cut, ends, silent=silent) as ready:
                work.cut(ready.cut())
            work.back()
            found = work.result(meters.stop(), cut, silent, routing)
        with ledger.write((LEASE, fence)) as connection:
            stage = "cut/" + "+".join(cut)
            evidence.keep(connection, NO_RUN, stage, _evidence(found, stage))
            words = {
                "cut": list(cut),
                "reroute_s": found.reroute_s,
                "disagreements": len(found.disagreements),
                "restored": found.restored,
            }
            audit.append(connection, actor(), "cut measured", words)
    return found


class _Trace(msgspec.Struct, frozen=True):
    """Routers that were crossed, as keys, and the addresses that answered: by them links beside each other
    are told apart."""

    nodes: list[str]
    addresses: list[str]

    @classmethod
    def of(cls, detail: Mapping[str, Any]) -> _Trace:
        return cls([f"node/{name}" for name in detail["path"]], list(detail["addresses"]))


class _Work:
    """One experiment, step by step."""

    def __init__(
        self,
        reach: Reach,
        meters: Meters,
        numbers: Pace,
        pairs: list[Pair],
        net: Net,
        names: Mapping[str, str],
        told: Callable[[str], None],
    ) -> None:
        self._reach, self._meters, self._numbers, self._names = reach, meters, numbers, names
        self._all, self._pairs, self._net, self._told = pairs, pairs, net, told
        self._began = self._ended = 0.0
        self._answered: dict[str, bool] = {}
        # Routers that pairs cross before the cut and while it stands, and the addresses that answered.
        self._first: dict[str, _Trace] = {}
        self._ways: dict[str, _Trace] = {}
        self._not_back: list[str] = []

    def baseline(self) -> None:
        """See who answers before anything is done; who does not is not compared."""
        wait = self._numbers.before_s + self._numbers.wait_ms / 1000
        self._told(f"{len(self._all)} pairs ask each other for {wait:.0f} s before anything is cut")
        time.sleep(wait)
        counts = self._meters.look().counts
        self._pairs = [pair for pair in self._all if counts[pair.name].answering]
        if not self._pairs:
            raise GovcloudError(
                "nobody answers anybody even before the cut; nothing was cut",
                hint="`govcloud drift` and `govcloud probe` tell what is wrong, `govcloud apply` heals it",
            )
        self._first = self._follow({p.name: p.before for p in self._pairs if p.expected == "moved"}, 0)

    def cut(self, moment: float) -> None:
        """See what becomes of everybody while the cut stands."""
        self._began = moment
        wanted = [pair.name for pair in self._pairs if pair.expected != "lost"]
        self._told("cut; waiting for everybody who has another way")
        n = self._numbers
        counts = self._settle(moment, wanted, at_least=n.hold_s, at_most=n.patience_s).counts
        self._answered = {p.name: _answers(counts[p.name], moment) for p in self._pairs}
        new = {p.name: p.after for p in self._pairs if p.expected == "moved" and self._answered[p.name]}
        self._ways = self._follow({n: way for n, way in new.items() if way}, self._numbers.hold_s)

    def back(self) -> None:
        """Wait until everybody answers as before, by the way of before."""
        self._ended = time.monotonic()
        self._told("put back; waiting until all is as before")
        names = [pair.name for pair in self._pairs]
        counts = self._settle(self._ended, names, at_least=0, at_most=self._numbers.back_s).counts
        old = {pair.name: pair.before for pair in self._pairs if pair.expected != "kept"}
        ways = self._follow(old, self._numbers.back_s)
        pairs = {pair.name: pair for pair in self._pairs}
        late = {name for name, way in ways.items() if not self._fits(pairs[name], way.nodes, old[name])}
        self._not_back = [n for n in names if n in late or not _answers(counts[n], self._ended)]

    def _settle(self, since: float, wanted: Iterable[str], *, at_least: float, at_most: float) -> Report:
        """Look until all that are wanted answer, or patience is over."""
        names = list(wanted)
        # What left at the last moment has had its time, too.
        wait = self._numbers.wait_ms / 1000
        time.sleep(at_least + wait)
        end = since + at_most + wait
        while True:
            report = self._meters.look()
            if all(_answers(report.counts[name], since) for name in names) or time.monotonic() >= end:
                return report
            time.sleep(LOOK)

    def _follow(self, ways: Mapping[str, Way], patience_s: float) -> dict[str, _Trace]:
        """The routers that pairs really cross; looked at again until all are those of ``ways``."""
        pairs = {pair.name: pair for pair in self._pairs}
        specs = [_spec(pairs[name], way) for name, way in ways.items()]
        seen: dict[str, _Trace] = {}
        end = time.monotonic() + patience_s
        while specs:
            rows = probing.take(
                self._reach,
                specs,
                self._names,
                parallel=8,
                patience_s=0,
                stop=threading.Event(),
                told=lambda _good: None,
            )
            seen |= {row.name: _Trace.of(row.detail) for row in rows}
            specs = [s for s in specs if not self._fits(pairs[s.name], seen[s.name].nodes, ways[s.name])]
            if time.monotonic() >= end:
                break
            if specs:
                time.sleep(LOOK)
        return seen

    def _fits(self, pair: Pair, seen: list[str], wanted: Way) -> bool:
        """Whether a way that was seen is the wanted one, or another of the same cost."""
        if seen == pair.hops(wanted):
            return True
        return Ways(self._net.view(family=pair.family)).cost_of(pair.whole(seen)) == wanted.cost

    def result(self, report: Report, cut: Sequence[str], silent: bool, routing: str) -> Experiment:
        """Everything that was seen, with what the simulation said."""
        dynamic = routing != "static"
        seen = [self._seen(pair, report.counts[pair.name], dynamic) for pair in self._pairs]
        gaps = [one.gap_ms for one in seen if one.took == "moved"]
        compared = {pair.name for pair in self._pairs}
        return Experiment(
            list(cut),
            silent,
            routing,
            seen,
            [pair.name for pair in self._all if pair.name not in compared],
            round(max(gaps) / 1000, 3) if gaps else None,
            round(self._ended - self._began, 3),
            not self._not_back,
            self._not_back,
            report.stalled_ms,
        )

    def _seen(self, pair: Pair, count: Count, dynamic: bool) -> Seen:
        during = [g for g in count.gaps if g.end >= self._began and g.start < self._ended]
        after = [g for g in count.gaps if g.start >= self._ended]
        answered = self._answered[pair.name]
        first, then = self._first.get(pair.name), self._ways.get(pair.name)
        way = then.nodes if then is not None else []
        # Where nobody looks for another way, a gap is a gap and no more.
        moved = dynamic and bool(during or (first and then and first != then))
        why = ""
        if answered and pair.expected == "lost":
            why = "the simulation knows no way, and it answers"
        elif not answered and pair.expected != "lost":
            why = "the simulation knows a way, and it does not answer"
        elif pair.after and pair.name in self._ways and not self._fits(pair, way, pair.after):
            why = "it takes another way than the simulation says"
        return Seen(
            pair.name,
            pair.subject,
            pair.source,
            pair.target,
            pair.family,
            pair.expected,
            answered,
            _longest(during),
            sum(gap.lost for gap in during),
            _longest(after),
            sum(gap.lost for gap in after),
            list(pair.after.nodes) if pair.after else [],
            way,
            not why,
            why,
            ("moved" if moved else "kept") if answered else "lost",
        )


def _answers(count: Count, since: float) -> bool:
    return count.answering and count.last_answer is not None and count.last_answer > since


def _longest(gaps: Iterable[Gap]) -> float:
    return round(max((gap.ms for gap in gaps), default=0.0), 1)


def _spec(pair: Pair, way: Way) -> ProbeSpec:
    """The probe that follows a pair's way."""
    return ProbeSpec(
        name=pair.name,
        subject=pair.subject,
        kind="reach",
        source=pair.source,
        target=pair.target,
        ip_version=pair.family,
        path=[key.partition("/")[2] for key in pair.hops(way)],
        args={"host": pair.target, "address": pair.address, "hops": [], "count": 1},
    )


def _evidence(found: Experiment, stage: str) -> list[Evidence]:
    """What is kept: the whole, then each flow and each pair that the cut touched. Values are seconds."""
    subject = next((key for key in found.cut if key.startswith(("link/", "node/"))), found.cut[0])
    whole: dict[str, Any] = {
        "cut": found.cut,
        "silent": found.silent,
        "routing": found.routing,
        "pairs": len(found.seen),
        "moved": sum(1 for one in found.seen if one.took == "moved"),
        "cut_off": sum(1 for one in found.seen if one.expected == "lost"),
        "disagreements": [one.name for one in found.disagreements],
        "restored": found.restored,
        "held_s": found.held_s,
        "stalled_ms": found.stalled_ms,
        "unit_of_value": "seconds to reroute, the longest of all pairs",
    }
    good = found.restored and not found.disagreements
    rows = [Evidence(subject, stage, good, found.reroute_s, "s", whole, at=time.time())]
    for one in found.seen:
        if one.expected == "kept" and one.agrees and not (one.subject or one.lost):
            continue
        detail = {
            "source": one.source,
            "target": one.target,
            "ip_version": one.family,
            "flow": one.subject,
            "simulated": one.expected,
            "simulated_path": one.expected_way,
            "answered": one.answered,
            "seen": one.took,
            "path": one.way,
            "lost": one.lost,
            "reason": one.why,
        }
        # Who was not on the cut has no time to reroute, not one of nought.
        gap = None if one.took == "kept" else round(one.gap_ms / 1000, 3)
        rows.append(Evidence(subject, f"{stage}/{one.name}", one.agrees, gap, "s", detail, at=time.time()))
    return rows
