"""What was measured, kept as evidence: what, when, by which run, the figure and its unit."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select

from .. import canonical
from .schema import evidence


class Evidence(msgspec.Struct, frozen=True):
    """One measured fact about ``subject`` (kind/name). ``at``: seconds since the epoch."""

    subject: str
    name: str
    ok: bool
    value: float | None
    unit: str
    detail: dict[str, Any]
    run: str = ""
    stage: str = ""
    at: float = 0.0


def keep(connection: Connection, run: str, stage: str, rows: Iterable[Evidence]) -> None:
    """Keep what a stage measured; a stage that runs again replaces what it kept before."""
    connection.execute(delete(evidence).where(evidence.c.run == run, evidence.c.stage == stage))
    values = [
        {
            "run": run,
            "stage": stage,
            "subject": r.subject,
            "name": r.name,
            "ok": r.ok,
            "value": r.value,
            "unit": r.unit,
            "detail": canonical.encode(r.detail).decode(),
            "at": r.at or time.time(),
        }
        for r in rows
    ]
    if values:
        connection.execute(insert(evidence), values)


def of(connection: Connection, subject: str | None = None, run: str | None = None) -> list[Evidence]:
    """Evidence by subject or run, newest first."""
    query = select(evidence).order_by(evidence.c.at.desc(), evidence.c.id)
    if subject is not None:
        query = query.where(evidence.c.subject == subject)
    if run is not None:
        query = query.where(evidence.c.run == run)
    return [
        Evidence(
            r.subject, r.name, r.ok, r.value, r.unit, msgspec.json.decode(r.detail), r.run, r.stage, r.at
        )
        for r in connection.execute(query)
    ]
