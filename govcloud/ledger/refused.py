"""Plans that were refused for want of a signature, or were signed: kept for a while, so that others see what
to sign, and what has changed since.

A plan about single objects cannot be made again from an effect, as that of the files can. What is kept is a
blob, which the row of the audit trail that tells of it names.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from .connection import Connection

# What the row of the audit trail calls the plan's digest.
PLAN = "plan"


class _Refusal(msgspec.Struct, frozen=True):
    plan: str = ""
    effect: str = ""


def plans(
    connection: Connection, effect: str = "", *, since: float = 0.0, signed: bool = False
) -> Iterator[str]:
    """Digests of the refused plans, the newest first. ``effect``: how theirs begins; ``since``: seconds
    since 1970; ``signed``: those that were signed as well."""
    actions = "'denied', 'approved'" if signed else "'denied'"
    statement = f"SELECT data FROM audit WHERE at >= :since AND action IN ({actions}) ORDER BY seq DESC"
    rows = connection.rows(statement, since=since)
    seen = set()
    for (data,) in rows:
        one = msgspec.json.decode(data, type=_Refusal)
        if one.plan and one.plan not in seen and one.effect.startswith(effect):
            seen.add(one.plan)
            yield one.plan
