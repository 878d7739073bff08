"""Measuring: probes run inside their sources, and what comes back turned into evidence.

The stage of a run and the command `probe` share this, so that both mean the same by "good".
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from ..ledger.evidence import Evidence
from ..plan.probes import ProbeSpec, spec_digest
from .reach import Reach

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


def take(
    reach: Reach,
    specs: Sequence[ProbeSpec],
    names: Mapping[str, str],
    *,
    parallel: int,
    patience_s: float,
    stop: threading.Event,
    told: Callable[[int], None],
) -> list[Evidence]:
    """Measure; what is bad is tried again until ``patience_s`` is over. The last figure of each probe.

    ``names``: host by address, to make a way readable. ``told`` hears how many are good after each round.
    """
    deadline = time.monotonic() + patience_s
    results: dict[str, Result] = {}
    waiting = list(specs)
    with ThreadPoolExecutor(parallel) as pool:
        while waiting:
            for found in pool.map(lambda batch: _batch(reach, batch, names), _by_source(waiting)):
                results |= found
            waiting = [s for s in waiting if not results[s.name].ok]
            told(len(specs) - len(waiting))
            if not waiting or time.monotonic() >= deadline or stop.wait(PAUSE):
                break
    return [_evidence(spec, results[spec.name]) for spec in specs]


def _evidence(spec: ProbeSpec, result: Result) -> Evidence:
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
            "spec": spec_digest(spec),
        },
        at=time.time(),
    )


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
        return {s.name: Result(s.name, False, detail=f"{source}: {reason}") for s in specs}
    return {r.name: r for r in msgspec.json.decode(done.stdout, type=list[Result])}
