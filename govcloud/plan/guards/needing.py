"""Which plans need signatures: the environment's policy, by the accepted revision.

``profile/approvals`` says it (``needs``: all plans, those that carry out requests, or none). Where
``govcloud.yaml`` said ``production: true`` it is all, whatever the profile says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import msgspec

from ...access import read_ring, read_roles
from ...errors import InputError, Problem
from ...ledger.clearances import now
from ...ledger.connection import Connection
from ...ledger.entries import Key, among
from ...ledger.store import PRODUCTION, settings

ENTRY: Key = ("profile", "approvals")
Needs = Literal["all", "requests", "none"]


class Policy(msgspec.Struct, frozen=True):
    """What holds for signatures. ``production``: bound at init, so that no proposal lowers it.

    ``days``: working days for a stage: 5, as cloud requests are decided elsewhere (Beihai; standards.md).
    ``clock_s``: how far the time of a signature may be off the ledger's, seconds: 300, what Kerberos lets
    clocks differ (RFC 4120, 8.2). ``faults``: values that are none, in whose place the defaults hold.
    """

    needs: Needs = "requests"
    days: int = 5
    clock_s: float = 300
    production: bool = False
    faults: tuple[str, ...] = ()


def policy(connection: Connection) -> Policy:
    """What the accepted revision says."""
    entry = among(connection, [ENTRY]).get(ENTRY)
    values: Mapping[str, Any] = entry.fields.get("values", {}) if entry else {}
    wrong = {name: words for name, value in values.items() if (words := _fault(name, value))}
    good = {name: value for name, value in values.items() if name not in wrong}
    faults = tuple(f"{'/'.join(ENTRY)}: {words}; the default holds" for words in wrong.values())
    production = settings(connection).get(PRODUCTION) == "yes"
    if production:
        good["needs"] = "all"
    return msgspec.convert({**good, "production": production, "faults": faults}, Policy)


def begun(connection: Connection) -> bool:
    """Whether somebody can sign: until then a ledger that wants all plans signed is still being begun.

    Somebody with a key that is good and a role that lets them approve; or somebody has approved before.
    """
    if connection.scalar("SELECT 1 FROM approval LIMIT 1"):
        return True
    roles = read_roles(connection)
    if not roles.inforce:
        return False
    time_now = now(connection)
    return any(roles.may(k.person, "approve") and not k.fault(time_now) for k in read_ring(connection))


def check_proposed(connection: Connection, changes: Iterable[Any]) -> None:
    """Raises ``InputError`` where changes of entries would accept values that are none, or lower what a
    production environment is bound to."""
    listed = [c for c in changes if (c.kind, c.name) == ENTRY and c.verb != "delete"]
    if not listed:
        return
    production = policy(connection).production
    problems = []
    for change in listed:
        for name, value in change.fields.get("values", {}).items():
            if words := _fault(name, value):
                problems.append(Problem(f"{'/'.join(ENTRY)}: {words}", hint="docs/approvals.md lists them"))
            elif name == "needs" and production and value != "all":
                words = f"`needs: {value}` would lower what this production environment is bound to: all"
                problems.append(Problem(f"{'/'.join(ENTRY)}: {words}", hint="take `needs` out"))
    if problems:
        raise InputError(problems)


def _fault(name: str, value: object) -> str:
    """What is wrong with one value; empty where it is good."""
    if name == "needs":
        words = get_args(Needs)
        return (
            ""
            if value in words
            else f"`needs` should be {', '.join(words[:-1])} or {words[-1]}, not {value!r}"
        )
    bounds = {"days": (1, 250), "clock_s": (0, 3600)}
    if name not in bounds:
        return f"`{name}` is no value that we know: they are needs, {', '.join(bounds)}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return f"`{name}` should be a number, not {value!r}"
    least, most = bounds[name]
    if not least <= value <= most or (name == "days" and value != int(value)):
        return f"`{name}` should be {least} to {most}, not {value}"
    return ""
