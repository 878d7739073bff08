"""Waivers as they show at what they are for: of which rule, why, by whose leave, until when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from ..ledger.browsing import Seen


def documents(waivers: Iterable[Seen], today: date) -> list[dict[str, Any]]:
    """``{name, rule, reason, granted_by, document, starts_on, ends_on, holds}`` each, by rule and name.

    ``holds``: whether it lets anything pass on the day.
    """
    out = []
    for one in waivers:
        said = {
            key: str(one.fields.get(key) or "")
            for key in ("rule", "reason", "granted_by", "document", "starts_on", "ends_on")
        }
        day = today.isoformat()
        holds = bool(said["reason"] and said["granted_by"] and said["starts_on"] <= day <= said["ends_on"])
        out.append({"name": one.name, **said, "holds": holds})
    return sorted(out, key=lambda row: (row["rule"], row["name"]))


def words(waiver: dict[str, Any]) -> str:
    """``N-05 by waiver/x until 2026-12-31, granted by wu-jing: why``; of one that does not hold, that too."""
    until = f" until {waiver['ends_on']}" if waiver["ends_on"] else ""
    granted = f", granted by {waiver['granted_by']}" if waiver["granted_by"] else ""
    over = "" if waiver["holds"] else " (lets nothing pass now)"
    return f"{waiver['rule']} by waiver/{waiver['name']}{until}{granted}{over}: {waiver['reason']}"
