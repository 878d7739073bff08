"""Probe: figures measured inside the hosts, again and again until all are good or patience ends."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from ...ledger import entries, evidence
from ...ledger.evidence import Evidence
from ...plan.gather import accepted_catalogue
from ...plan.probes import ProbeSpec
from ...plan.stages import Probe
from ...plan.wiring import address_owners
from ..context import RunContext, StageFailed, Stopped
from ..events import Note, StageProgress
from ..reach import Reach

# Seconds that one batch of a source may take: every probe in it has its own, shorter limit.
BATCH = 60.0
# Seconds between two tries of what has not been good yet.
PAUSE = 1.0


class Result(msgspec.Struct, frozen=True):
    """What ``run.measure`` says of one probe.

    ``path``: addresses of the hops; ``nodes``: the same as names; ``figures``: whatever else it saw.
    """

    name: str
    ok: bool
    value: float | None = None
    unit: str = ""
    detail: str = ""
    path: list[str] = []
    nodes: list[str] = []
    figures: dict[str, Any] = {}


def measure(stage: Probe, context: RunContext) -> dict[str, Any]:
    """Measure everything, keep the last figure of each probe; a probe that stays bad fails the stage."""
    specs = [msgspec.convert(p, ProbeSpec) for p in stage.probes]
    with context.ledger.read() as connection:
        names = address_owners(accepted_catalogue(entries.current(connection)))
    results = _take(Reach(context.workspace), specs, names, stage, context)
    rows = [to_evidence(spec, results[spec.name]) for spec in specs if spec.name in results]
    with context.write() as connection:
        evidence.keep(connection, context.run, stage.id, rows)
    bad = [r for r in rows if not r.ok]
    if context.stop.is_set():
        raise Stopped(f"stopped; {len(rows) - len(bad)} of {len(specs)} probes were good")
    detail = {"good": len(rows) - len(bad), "probes": len(specs)}
    if bad:
        words = "\n".join(f"{r.name}: {r.detail.get('reason') or 'not good'}" for r in bad)
        raise StageFailed(words, {**detail, "failed": [r.name for r in bad]})
    return {**detail, "words": f"{len(rows)} probes good"}


def to_evidence(spec: ProbeSpec, result: Result) -> Evidence:
    """A figure with what it is about."""
    return Evidence(
        spec.subject,
        spec.name,
        result.ok,
        result.value,
        result.unit,
        {
            "reason": result.detail,
            "source": spec.source,
            "target": spec.target,
            "ip_version": spec.ip_version,
            "path": result.nodes,
            "addresses": result.path,
            **result.figures,
            "kind": spec.kind,
        },
        at=time.time(),
    )


def _take(
    reach: Reach, specs: Sequence[ProbeSpec], names: Mapping[str, str], stage: Probe, context: RunContext
) -> dict[str, Result]:
    """The last result of each probe by name; bad ones are tried again until patience is over."""
    deadline = time.monotonic() + stage.patience_s
    results: dict[str, Result] = {}
    waiting = list(specs)
    told = False
    with ThreadPoolExecutor(context.workspace.settings.parallel) as pool:
        while waiting:
            for found in pool.map(lambda batch: _batch(reach, batch, names), _by_source(waiting)):
                results |= found
            waiting = [s for s in waiting if not results[s.name].ok]
            good = len(specs) - len(waiting)
            context.bus(StageProgress(stage.id, good, len(specs), f"{good} good"))
            if not waiting or context.stop.is_set() or time.monotonic() >= deadline:
                break
            if not told:
                told = True
                words = f"{len(waiting)} probes are not good yet; trying for up to {stage.patience_s:.0f} s"
                context.bus(Note(stage.id, words))
            time.sleep(PAUSE)
    return results


def _by_source(specs: Sequence[ProbeSpec]) -> list[list[ProbeSpec]]:
    groups: dict[str, list[ProbeSpec]] = {}
    for spec in specs:
        groups.setdefault(spec.source, []).append(spec)
    return list(groups.values())


def _batch(reach: Reach, specs: list[ProbeSpec], names: Mapping[str, str]) -> Mapping[str, Result]:
    """Run one source's probes inside it."""
    source = specs[0].source
    if reach.missing([source]):
        return {s.name: Result(s.name, False, detail=f"{source} is not there") for s in specs}
    argv = reach.command(source, [sys.executable, "-m", "govcloud.run.measure"])
    order = msgspec.json.encode({"probes": specs, "names": names})
    try:
        done = subprocess.run(argv, input=order, capture_output=True, timeout=BATCH, check=False)
    except subprocess.TimeoutExpired:
        return {s.name: Result(s.name, False, detail=f"no answer within {BATCH:.0f} s") for s in specs}
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        reason = words[-1] if words else f"ended with {done.returncode}"
        return {s.name: Result(s.name, False, detail=reason) for s in specs}
    return {r.name: r for r in msgspec.json.decode(done.stdout, type=list[Result])}
