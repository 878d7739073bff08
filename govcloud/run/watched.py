"""What a watch saw, and what it is worth as evidence: plain values and functions of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import msgspec

from ..ledger.evidence import Evidence
from ..ledger.legs import Attempt
from ..plan.probes import ProbeSpec
from ..plan.wiring import IPVersion

# The name of the evidence of a whole watch; that of a pair has the pair's name behind it.
LOST = "watch/lost"
# So many gaps of a pair stand in its evidence, the longest ones.
GAPS = 20


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to watch: from the host ``source`` to an address, by one version of IP.

    ``target``: what people call the other end. With a ``port``: pages of the service there, which the request
    calls ``host``; with a ``question``: the name server there is asked for that name; else echoes.
    """

    source: str
    target: str
    address: str
    version: IPVersion
    port: int = 0
    host: str = ""
    question: str = ""
    # Of the certificate that the pages are to be shown with, in PEM; empty: plain HTTP.
    chain: str = ""

    @property
    def kind(self) -> Literal["echo", "http", "dns"]:
        """What is asked for."""
        return "http" if self.port else "dns" if self.question else "echo"

    @property
    def name(self) -> str:
        """Unique among the pairs of a watch."""
        more = {"http": f":{self.port}", "dns": f":{self.address}", "echo": ""}[self.kind]
        return f"{self.source}>{self.target}/{self.kind}{more}/{self.version}"


def pairs_of(specs: Iterable[ProbeSpec]) -> list[Pair]:
    """What runs already, by the probes of the accepted flows: echoes where they measure whether somebody is
    reached, pages where they measure HTTP, questions to each name server where names; each pair once."""
    found: dict[str, Pair] = {}
    for spec in specs:
        args, about = (
            spec.args,
            partial(Pair, source=spec.source, target=spec.target, version=spec.ip_version),
        )
        pairs: list[Pair] = []
        if spec.kind == "dns":
            pairs = [about(address=at, question=args["fqdn"]) for at in args["servers"]]
        elif spec.kind == "http" and args["address"]:
            chain = args.get("chain", "")
            pairs = [about(address=args["address"], port=args["port"], host=args["fqdn"], chain=chain)]
        elif spec.kind == "reach" and args["address"]:
            pairs = [about(address=args["address"])]
        for pair in pairs:
            found.setdefault(pair.name, pair)
    return list(found.values())


def from_sources(pairs: Iterable[Pair], most: int) -> tuple[list[Pair], list[Pair]]:
    """The pairs that are watched where ``most`` hosts may be sources, and the others.

    The sources that see the most of what no other one does come first, so nothing that is asked for is left
    out while another source is there twice.
    """
    pairs, by = list(pairs), dict[str, list[Pair]]()
    for pair in pairs:
        by.setdefault(pair.source, []).append(pair)
    waiting = {source: {(p.target, p.address, p.kind, p.port) for p in mine} for source, mine in by.items()}
    kept: list[str] = []
    while waiting and len(kept) < most:
        best = min(waiting, key=lambda source: (-len(waiting[source]), -len(by[source]), source))
        seen = waiting.pop(best)
        kept.append(best)
        waiting = {source: goals - seen for source, goals in waiting.items()}
    return [p for p in pairs if p.source in kept], [p for p in pairs if p.source not in kept]


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Requests in a row that were not answered. ``start``, ``end``: when the last answered one before it and
    the first answered one after it left, seconds since the epoch; ``open``: there was none after it.
    ``stages``: those of the run that were under way meanwhile; where none was, the two it fell between.
    """

    start: float
    end: float
    lost: int
    open: bool = False
    stages: list[str] = []

    @property
    def seconds(self) -> float:
        """How long nothing came."""
        return self.end - self.start


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one pair.

    ``silent``: it did not answer when the watch began, so there was nothing to lose. ``broken``: why it was
    not watched to the end. ``refused``: the last thing that the system or the service said.
    """

    pair: Pair
    sent: int = 0
    lost: int = 0
    gaps: list[Gap] = []
    rtt_ms: float | None = None
    silent: bool = False
    broken: str = ""
    refused: str = ""

    @property
    def longest_ms(self) -> float:
        """The longest time without an answer, ms; 0 where nothing was lost."""
        return max((gap.seconds for gap in self.gaps), default=0.0) * 1000

    @property
    def ok(self) -> bool:
        """Nothing was lost of what had answered, and it was watched to the end; of what is silent nothing is
        known (see ``silent``), which is no fault of the run."""
        return self.silent or (not self.lost and not self.broken)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a watch saw. ``began``, ``ended``: seconds since the epoch. ``stalled_ms``: the longest time in
    which the machine let a program not measure. ``run``: the run that was watched, "" where none was found.
    ``cut_short``: whoever watched was killed, so this is only what had been seen until then. ``left_out``:
    names of the pairs that were not watched, for there were more sources than may be.
    """

    flows: list[Watched]
    began: float
    ended: float
    stalled_ms: float = 0.0
    run: str = ""
    cut_short: bool = False
    left_out: list[str] = []

    @property
    def rest(self) -> str:
        """A sentence of what was not watched; empty where everything was."""
        if not self.left_out:
            return ""
        sources = len({name.partition(">")[0] for name in self.left_out})
        return (
            f"{len(self.left_out)} flows more, from {sources} other sources, were not watched "
            f"(`watch_sources` of profile/ipv6)"
        )

    @property
    def sent(self) -> int:
        """Requests whose fate is known, of all pairs that answered at the beginning."""
        return sum(flow.sent for flow in self.flows if not flow.silent)

    @property
    def lost(self) -> int:
        """Requests that were not answered, of all pairs that answered at the beginning."""
        return sum(flow.lost for flow in self.flows if not flow.silent)

    @property
    def longest_ms(self) -> float:
        """The longest time that any of these pairs was without an answer, ms."""
        return max((flow.longest_ms for flow in self.flows if not flow.silent), default=0.0)

    @property
    def nothing(self) -> str:
        """Why nothing was watched; empty where something was."""
        if not self.flows:
            return "nothing was watched: no accepted flow measures what would have to go on"
        if all(flow.silent for flow in self.flows):
            return f"nothing was watched: none of {len(self.flows)} flows answered when the watch began"
        return ""

    @property
    def ok(self) -> bool:
        """Something was watched, to the end, and nothing of it was lost."""
        return not self.nothing and not self.cut_short and all(flow.ok for flow in self.flows)

    def document(self) -> dict[str, Any]:
        """For ``--json``: totals, then each pair as its evidence has it."""
        return {
            "sent": self.sent,
            "lost": self.lost,
            "longest_gap_ms": round(self.longest_ms, 1),
            "stalled_ms": self.stalled_ms,
            "ok": self.ok,
            "run": self.run,
            "began": self.began,
            "ended": self.ended,
            "cut_short": self.cut_short,
            "left_out": self.left_out,
            "flows": [{"name": flow.pair.name, "ok": flow.ok, **_detail(flow)} for flow in self.flows],
        }


def flow_of(
    pair: Pair, report: Mapping[str, Any], *, since: float, offset: float, silent: bool, broken: str
) -> Watched:
    """A pair by the last report of its program (``run.meter``); none of it where there is no report.

    ``since``: when the watch began, on the report's clock; what was lost before counts for nothing.
    ``offset``: what makes seconds since the epoch of that clock.
    """
    gaps = [
        Gap(start=g["start"] + offset, end=g["end"] + offset, lost=g["lost"], open=g["open"])
        for g in report.get("gaps", ())
        if g["end"] > since or g["open"]
    ]
    return Watched(
        pair=pair,
        sent=report.get("sent", 0),
        lost=sum(gap.lost for gap in gaps),
        gaps=gaps,
        rtt_ms=(report.get("rtt_ms") or {}).get("median"),
        silent=silent,
        broken=broken,
        refused=report.get("refused", ""),
    )


def placed(flows: Iterable[Watched], attempts: Sequence[Attempt], ended: float) -> list[Watched]:
    """The same with the stages of a run that each gap fell into. ``ended``: of the watch, for open stages."""
    return [
        msgspec.structs.replace(
            flow,
            gaps=[msgspec.structs.replace(g, stages=_during(g, attempts, ended)) for g in flow.gaps],
        )
        for flow in flows
    ]


def _during(gap: Gap, attempts: Sequence[Attempt], ended: float) -> list[str]:
    inside = [a.stage for a in attempts if a.started <= gap.end and (a.ended or ended) >= gap.start]
    if inside:
        return list(dict.fromkeys(inside))
    before = [a for a in attempts if (a.ended or ended) < gap.start]
    after = [a for a in attempts if a.started > gap.end]
    around = [max(before, key=lambda a: a.ended or ended).stage] if before else []
    return around + ([min(after, key=lambda a: a.started).stage] if after else [])


def rows(subject: str, result: Result) -> list[Evidence]:
    """Evidence of a watch: one row in all, then one for each pair. The goal is 0 (lost)."""
    bad = [flow for flow in result.flows if not flow.ok]
    why = f"{result.lost} of {result.sent} requests were not answered" if result.lost else result.nothing
    if result.cut_short:
        why = "; ".join(w for w in (why, "whoever watched was killed before the end") if w)
    broken = [flow.pair.name for flow in bad if flow.broken]
    if broken:
        why = "; ".join(w for w in (why, f"not watched to the end: {', '.join(broken)}") if w)
    summary = Evidence(
        subject,
        LOST,
        result.ok,
        None if result.nothing else float(result.lost),
        "requests",
        {
            "reason": why,
            "sent": result.sent,
            "lost": result.lost,
            "longest_gap_ms": round(result.longest_ms, 1),
            "stalled_ms": result.stalled_ms,
            "pairs": len(result.flows),
            "silent": [flow.pair.name for flow in result.flows if flow.silent],
            "bad": [flow.pair.name for flow in bad],
            "began": result.began,
            "ended": result.ended,
            "cut_short": result.cut_short,
            "left_out": result.left_out,
            "remark": result.rest,
        },
        at=result.ended,
    )
    return [summary, *(_row(subject, flow, result.ended) for flow in result.flows)]


def _row(subject: str, flow: Watched, at: float) -> Evidence:
    value = None if flow.silent else float(flow.lost)
    return Evidence(subject, f"{LOST}/{flow.pair.name}", flow.ok, value, "requests", _detail(flow), at=at)


def _detail(flow: Watched) -> dict[str, Any]:
    pair = flow.pair
    longest = sorted(flow.gaps, key=lambda gap: -gap.seconds)[:GAPS]
    return {
        "reason": _why(flow),
        "source": pair.source,
        "target": pair.target,
        "address": pair.address,
        "ip_version": pair.version,
        "kind": pair.kind,
        "sent": flow.sent,
        "lost": flow.lost,
        "longest_gap_ms": round(flow.longest_ms, 1),
        "rtt_ms": flow.rtt_ms,
        "silent": flow.silent,
        "gaps": [
            {
                "start": round(gap.start, 3),
                "end": round(gap.end, 3),
                "lost": gap.lost,
                "open": gap.open,
                "stages": gap.stages,
            }
            for gap in sorted(longest, key=lambda gap: gap.start)
        ],
    }


def _why(flow: Watched) -> str:
    if flow.silent:
        return "did not answer when the watch began: nothing there to lose"
    words = []
    if flow.lost:
        stages = list(dict.fromkeys(stage for gap in flow.gaps for stage in gap.stages))
        when = f", around {', '.join(stages)}" if stages else ""
        said = f" ({flow.refused})" if flow.refused else ""
        words.append(
            f"{flow.lost} of {flow.sent} not answered, for {flow.longest_ms:.0f} ms at most{when}{said}"
        )
    if flow.broken:
        words.append(f"not watched to the end: {flow.broken}")
    return "; ".join(words)
