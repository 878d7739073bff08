"""Which fields reality may win: the accepted entry ``profile/drift`` says it, or a default does."""

from __future__ import annotations

from ..errors import InputError, Problem
from ..ledger import entries
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..model import fields
from ..model.resources import TYPES

ENTRY: Key = ("profile", "drift")
# What a line really delivers is the carrier's word. What a thing is for (a role, a name, where it hangs)
# is decided by people, who write it themselves.
DEFAULT = ("link.bandwidth_mbps", "link.delay_ms")


def choices() -> dict[str, str]:
    """What may be listed: ``kind.field`` of every property that changes in place and that its entry says."""
    return {
        f"{t.kind}.{p.name}": t.name
        for t in TYPES.values()
        for p in t.properties
        if not p.immutable and p.name != "name" and p.name in fields(t.kind)
    }


def may_win(connection: Connection) -> frozenset[str]:
    """``kind.field`` of what reality may win. Raises ``InputError`` where the entry says what is none."""
    entry = entries.among(connection, [ENTRY]).get(ENTRY)
    values = entry.fields.get("values", {}) if entry else {}
    known = choices()
    unknown = sorted(set(values) - {"accept"})
    problems = [Problem(f"profile/drift: `{name}` is no value of it; `accept` is") for name in unknown]
    wanted = values.get("accept", list(DEFAULT))
    if not isinstance(wanted, list):
        problems.append(Problem("profile/drift: `accept` should be a list of kind.field"))
        wanted = []
    problems += [
        Problem(f"profile/drift: `accept` lists {word!r}, which reality can never win")
        for word in wanted
        if word not in known
    ]
    if problems:
        raise InputError(problems, hint=f"it may list {', '.join(known)}; put the file right and apply it")
    return frozenset(wanted)
