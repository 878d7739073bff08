"""Measuring now, at somebody's word: the accepted flows and protections, outside any run."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ..errors import InputError, Problem
from ..ledger import Ledger, evidence
from ..ledger.evidence import Evidence
from ..plan.builder import reachable_hosts
from ..plan.gather import built_catalogue, routing
from ..plan.probes import probes
from ..plan.wiring import address_owners
from ..workspace import Workspace
from .probing import take
from .reach import Reach

NO_RUN = ""


def measure_now(
    workspace: Workspace, ledger: Ledger, wanted: Sequence[str], *, patience_s: float
) -> list[Evidence]:
    """Measure what is ``wanted`` (``flow/x``, ``protection/x`` or a flow's name; none: everything).

    Keeps the figures as evidence in place of the former ones that no run took.
    Raises ``InputError`` for what is not accepted, ``LabDown`` where there is nothing to measure in.
    """
    with ledger.read() as connection:
        catalogue = built_catalogue(connection)
    hosts = reachable_hosts(catalogue, routing(catalogue))
    specs = [p for p in probes(catalogue) if p.source in hosts]
    chosen = _subjects(wanted, {p.subject for p in specs})
    specs = [p for p in specs if p.subject in chosen]
    if not specs:
        return []
    rows = take(
        Reach(workspace),
        specs,
        address_owners(catalogue),
        parallel=workspace.settings.parallel,
        patience_s=patience_s,
        stop=threading.Event(),
        told=lambda _good: None,
    )
    with ledger.write() as connection:
        for subject in sorted(chosen):
            evidence.keep(connection, NO_RUN, subject, [r for r in rows if r.subject == subject])
    return rows


def _subjects(wanted: Sequence[str], known: set[str]) -> set[str]:
    if not wanted:
        return known
    found = {word if "/" in word else f"flow/{word}" for word in wanted}
    unknown = sorted(found - known)
    if unknown:
        from rapidfuzz import process

        problems = []
        for word in unknown:
            near = process.extractOne(word, sorted(known), score_cutoff=60)
            hint = f"did you mean {near[0]}?" if near else ""
            problems.append(Problem(f"{word} is not accepted as something to measure", hint=hint))
        raise InputError(problems, hint="`govcloud ls flow` and `govcloud ls protection` list them")
    return found
