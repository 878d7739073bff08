"""In which order hosts are configured: a few canaries, then batches, and when it stops.

The accepted entry ``profile/plays`` says it; what it leaves out has its default. All of it is decided here
and stands in the plan, so what is shown and signed is what is run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ..errors import InputError
from .hosts import PLAY_GROUPS, HostVars
from .inputs import Inputs

ENTRY = ("profile", "plays")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")


class PlayPolicy(msgspec.Struct, frozen=True):
    """The numbers of ``profile/plays``; the defaults are invented.

    Up to ``whole`` hosts that run already are configured in one go, and so is everything that runs nothing
    yet. Of more, ``canaries`` hosts come first, then ``batches``: hosts, or per cent of all of the play, the
    last one again until all are done (as Ansible's ``serial``). A canary that fails stops the play; so does a
    batch of which more than ``stop_percent`` per cent failed. Files over ``keep_kib`` KiB are not kept.
    """

    whole: int = 50
    canaries: int = 3
    batches: tuple[int | str, ...] = ("10%", "50%", "100%")
    stop_percent: float = 20
    keep_kib: int = 256


class Batches(msgspec.Struct, frozen=True):
    """``hosts`` in order, batch by batch (empty: all in one go); how many of the first are canaries."""

    hosts: tuple[tuple[str, ...], ...] = ()
    canaries: int = 0
    stop_percent: float = 100


def policy(inputs: Inputs) -> PlayPolicy:
    """The numbers as accepted. Raises ``InputError`` where the proposed ones are none: so they never are."""
    proposed = inputs.proposed.get(ENTRY, {}).get("values", {})
    wrong = _faults(proposed)
    if wrong:
        raise InputError(
            [inputs.problem(f"profile/plays: {words}", ENTRY, "values", hint) for words, hint in wrong]
        )
    accepted = inputs.accepted.get(ENTRY)
    values = accepted.fields.get("values", {}) if accepted else {}
    # What an older release has accepted is taken where it can be.
    known = {name: value for name, value in values.items() if not _faults({name: value})}
    if "batches" in known:
        known["batches"] = tuple(known["batches"])
    return PlayPolicy(**known)


def _faults(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    out = []
    for name, value in values.items():
        if name not in PlayPolicy.__struct_fields__:
            known = ", ".join(PlayPolicy.__struct_fields__)
            out.append((f"`{name}` is nothing that plays know", f"they know {known}"))
        elif name == "batches":
            if not isinstance(value, list) or not value or not all(map(_is_size, value)):
                hint = 'for example `batches: [1, "10%", "50%", "100%"]`'
                out.append(("`batches` should be a list of hosts and of shares above 0 %", hint))
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            out.append((f"`{name}` should be a number, not {value!r}", ""))
        elif name == "stop_percent":
            if not 0 <= value <= 100:
                out.append((f"`stop_percent` should be 0 to 100, not {value}", ""))
        elif value != int(value) or not 0 <= value < 10**6:
            out.append((f"`{name}` should be a whole number, 0 or more, not {value}", ""))
    return out


def _is_size(value: object) -> bool:
    if isinstance(value, str):
        found = _SHARE.fullmatch(value)
        return found is not None and 0 < float(found[1]) <= 100
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def batches(hosts: Mapping[str, HostVars], standing: Collection[str], numbers: PlayPolicy) -> Batches:
    """How these hosts are taken. ``standing``: those of them that were configured before.

    A batch has of every role, zone and site its share; equal hosts give equal batches.
    """
    if len(standing) <= numbers.whole:
        return Batches()
    canaries = _canaries({name: hosts[name] for name in hosts if name in standing}, int(numbers.canaries))
    rest = _spread({name: host for name, host in hosts.items() if name not in set(canaries)})
    cut = [tuple(canaries)] if canaries else []
    cut += _cut(rest, numbers.batches, len(hosts))
    return Batches(tuple(cut), len(canaries), numbers.stop_percent)


def _role(host: HostVars) -> tuple[str, ...]:
    """What a play does there."""
    return tuple(g for g in PLAY_GROUPS if g in host.groups)


def _place(host: HostVars) -> tuple[str, ...]:
    """Where it stands and what it is for: its zone, site and, of a router, its role in the network."""
    return tuple(sorted(g for g in host.groups if g not in PLAY_GROUPS))


def _canaries(hosts: Mapping[str, HostVars], count: int) -> list[str]:
    """One of each role in turn, the role of most hosts first, and each time from a place not had yet."""
    by_role: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(hosts):
        by_role.setdefault(_role(hosts[name]), []).append(name)
    order = sorted(by_role, key=lambda role: (-len(by_role[role]), role))
    taken: list[str] = []
    had: dict[tuple[str, ...], int] = {}
    while len(taken) < min(count, len(hosts)):
        for role in order:
            left = by_role[role]
            if not left or len(taken) == count:
                continue
            one = min(left, key=lambda name: (had.get(_place(hosts[name]), 0), name))
            left.remove(one)
            had[_place(hosts[one])] = had.get(_place(hosts[one]), 0) + 1
            taken.append(one)
    return taken


def _spread(hosts: Mapping[str, HostVars]) -> list[str]:
    """In an order of which every stretch has of each role and place what is its share."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for name in sorted(hosts):
        alike.setdefault((_role(hosts[name]), _place(hosts[name])), []).append(name)
    places = ((n + 0.5) / len(names) for names in alike.values() for n in range(len(names)))
    named = (name for names in alike.values() for name in names)
    return [name for _, name in sorted(zip(places, named, strict=True))]


def _cut(names: Sequence[str], sizes: Sequence[int | str], whole: int) -> Iterable[tuple[str, ...]]:
    at = number = 0
    while at < len(names):
        size = sizes[min(number, len(sizes) - 1)]
        if isinstance(size, str):
            share = _SHARE.fullmatch(size)
            assert share is not None
            size = max(1, int(whole * float(share[1]) / 100))
        yield tuple(names[at : at + size])
        at, number = at + size, number + 1
