"""Numbers in profiles are judged before they are accepted, not when something first goes by them.

``profile/plays``, ``guards`` and ``emergency`` are judged where the plan goes by them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import InputError, Problem
from ..ledger.entries import Key
from ..run import ipv6policy, pacing
from ..source import Loaded
from ..source.claims import Finding
from ..source.merging import Saying, join
from . import advertising, allocating, devices, ruling

_Faults = Callable[[Mapping[str, Any]], list[tuple[str, str]]]
JUDGES: Mapping[Key, _Faults] = {
    ipv6policy.ENTRY: ipv6policy.faults,
    pacing.ENTRY: pacing.faults,
    allocating.PROFILE: allocating.faults,
    ("profile", advertising.PROFILE): advertising.faults,
    ("profile", devices.PROFILE): devices.faults,
    ruling.POLICY: ruling.faults,
}


def findings(proposed: Mapping[Key, Mapping[str, Any]]) -> list[Finding]:
    """What is wrong with the numbers of these entries; ``proposed``: fields by (kind, name)."""
    return [
        Finding(*key, "values", words, hint)
        for key, faults in JUDGES.items()
        for words, hint in faults(proposed.get(key, {}).get("values", {}))
    ]


def check_files(loaded: Loaded, others: Iterable[Saying]) -> None:
    """Judge the profiles that files declare. ``others``: what is said elsewhere of entries.

    Raises ``InputError`` with every fault and its place.
    """
    if not loaded.counts.get("profile"):
        return
    mine = [one for one in (*loaded.claims, *others) if (one.kind, one.name) in JUDGES]
    merged, _ = join(mine, layers=loaded.layers)
    problems: list[Problem] = [loaded.problem(one) for one in findings(merged)]
    if problems:
        raise InputError(problems)
