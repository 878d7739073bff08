"""What was measured, kept as evidence: what, when, by which run, the figure and its unit."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import msgspec

from .. import canonical
from .connection import Connection, matching


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
    connection.run("DELETE FROM evidence WHERE run = :run AND stage = :stage", run=run, stage=stage)
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
    connection.insert("evidence", values)


def of(connection: Connection, subject: str | None = None, run: str | None = None) -> list[Evidence]:
    """Evidence by subject or run, newest first."""
    where, values = matching(subject=subject, run=run)
    rows = connection.rows(
        "SELECT subject, name, ok, value, unit, detail, run, stage, at "
        f"FROM evidence{where} ORDER BY at DESC, id",
        **values,
    )
    return [
        Evidence(of_what, name, bool(ok), value, unit, msgspec.json.decode(detail), by, stage, at)
        for of_what, name, ok, value, unit, detail, by, stage, at in rows
    ]


def newest_good(connection: Connection) -> dict[str, str]:
    """Digest of what was measured (``detail["spec"]``) by probe, where the newest figure is good."""
    # Details are long, and nearly all of them are of what was measured again since: they are not read.
    rows = connection.rows(
        "SELECT name, detail FROM evidence WHERE ok AND id IN (SELECT id FROM (SELECT id, "
        "row_number() OVER (PARTITION BY name ORDER BY at DESC, id DESC) AS place FROM evidence) AS f "
        "WHERE place = 1)"
    )
    return {name: msgspec.json.decode(detail).get("spec", "") for name, detail in rows}
