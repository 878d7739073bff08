"""Measuring a wave that was carried out a moment ago: routes need time to find each other."""

from __future__ import annotations

import time

import msgspec

from ..ledger import Ledger, entries
from ..plan.inputs import Inputs
from ..workspace import Workspace
from .measuring import Verified, verify_now

PROBING = ("profile", "probing")
# Seconds between two looks at what is not good yet.
PAUSE_S = 1.0


def verify_until_good(workspace: Workspace, ledger: Ledger, rollout: str, wave: str) -> Verified:
    """Measure a wave; what is not good is measured again, for as long as probes after an apply are patient.

    Every figure is kept as evidence; the last of each check is what is returned. Raises as ``verify_now``.
    """
    patience_s = _patience(ledger)
    limit = time.monotonic() + patience_s
    found = verify_now(workspace, ledger, rollout, wave=wave)
    rows = {(row.subject, row.name): row for row in found.rows}
    while time.monotonic() < limit:
        bad = list(dict.fromkeys(row.subject for row in rows.values() if not row.ok))
        if not bad:
            break
        time.sleep(PAUSE_S)
        again = verify_now(workspace, ledger, rollout, wave=wave, members=bad)
        rows |= {(row.subject, row.name): row for row in again.rows}
        found = msgspec.structs.replace(found, progress={**found.progress, **again.progress})
    return msgspec.structs.replace(found, rows=list(rows.values()))


def _patience(ledger: Ledger) -> float:
    """How long the probes of a plan are patient, seconds."""
    with ledger.read() as connection:
        entry = entries.among(connection, [PROBING]).get(PROBING)
    values = entry.fields.get("values", {}) if entry else {}
    return float(values.get("patience_s", Inputs.patience_s))
