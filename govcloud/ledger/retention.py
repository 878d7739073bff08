"""How long what is no history is kept: the limits, their defaults, and what the ledger says of them.

An accepted entry ``profile/retention`` says values by name; what it leaves out has its default.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from ..errors import InputError, Problem
from .claims import claims
from .connection import Connection
from .entries import Key, among

ENTRY: Key = ("profile", "retention")
DAY = 86400.0
# The longest time that anybody may ask for, in days: beyond it dates end.
LONGEST = 36500


class Limit(msgspec.Struct, frozen=True):
    """One number of the policy. ``source``: the document that its default is from, or that it is invented."""

    name: str
    default: float
    keeps: str
    source: str


INVENTED = "invented"
LIMITS = (
    Limit("evidence_days", 365, "measured figures, beside the newest of each probe", INVENTED),
    Limit("observations_days", 90, "what was seen as it should be, or as somebody else's", INVENTED),
    # 184 days are the longest six months.
    Limit(
        "logs_days",
        184,
        "what the stages of finished runs said, what people were told, and the engine's logs",
        "《中华人民共和国网络安全法》第二十一条（三）: network logs, not less than six months",
    ),
    Limit("plans_days", 184, "plans of finished runs, with their programs and playbooks", INVENTED),
    Limit("runs_days", 730, "finished runs and their stages", INVENTED),
    Limit("keep_runs", 100, "runs, the newest ones, however old they are", INVENTED),
    Limit("files_days", 184, "files of hosts as they were before a run changed them", INVENTED),
    Limit("engine_days", 30, "the engine's backups and history, segments of finished runs", INVENTED),
    Limit("cache_days", 30, "what was computed once and can be computed again", INVENTED),
)


class Policy(msgspec.Struct, frozen=True):
    """Every limit's value by name; ``said``: those that the accepted entry says, not the program."""

    values: dict[str, float]
    said: tuple[str, ...] = ()

    def before(self, name: str, now: float) -> float:
        """Since when a ``…_days`` limit keeps: what is older goes. Seconds since the epoch."""
        return now - self.values[name] * DAY


DEFAULTS = Policy({limit.name: limit.default for limit in LIMITS})


def policy(connection: Connection) -> Policy:
    """The limits as accepted now. Raises ``InputError`` with every value that is none, and its file."""
    entry = among(connection, [ENTRY]).get(ENTRY)
    if entry is None:
        return DEFAULTS
    values = entry.fields.get("values", {})
    faults = [words for name, value in values.items() if (words := _fault(name, value, values))]
    if faults:
        place = _place(connection)
        raise InputError(
            [Problem(f"{'/'.join(ENTRY)}: {words}", *place, hint=hint) for words, hint in faults],
            hint="this is the accepted revision: put the file right and apply it, then try again",
        )
    return Policy(DEFAULTS.values | values, tuple(n for n in DEFAULTS.values if n in values))


def _fault(name: str, value: object, values: Mapping[str, object]) -> tuple[str, str] | None:
    """What is wrong with one value, and a hint."""
    if name not in DEFAULTS.values:
        from rapidfuzz import process

        left = [known for known in DEFAULTS.values if known not in values]
        near = process.extractOne(name, left, score_cutoff=60)
        hint = f"did you mean `{near[0]}`?" if near else f"the limits are {', '.join(DEFAULTS.values)}"
        return f"`{name}` is no limit that we know", hint
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return f"`{name}` should be a number, not {value!r}", ""
    if not 0 <= value <= LONGEST and name.endswith("_days"):
        return f"`{name}` should be 0 to {LONGEST} days, not {value}", ""
    if name == "keep_runs" and (value < 0 or value != int(value) or value > 10**9):
        return f"`{name}` should be a whole number of runs, 0 or more, not {value}", ""
    return None


def _place(connection: Connection) -> tuple[str, int]:
    """(path, line) of the file that says the values."""
    from ..source.claims import path_of

    for claim in claims(connection, of=ENTRY):
        if "values" in (claim.fields or ()) and path_of(claim.claimant):
            return path_of(claim.claimant), claim.line
    return "", 0
