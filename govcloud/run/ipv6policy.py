"""The numbers by which IPv6 is measured and watched: the accepted entry ``profile/ipv6``, or a default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import InputError, Problem
from ..ledger import entries
from ..ledger.connection import Connection
from ..ledger.entries import Key

ENTRY: Key = ("profile", "ipv6")

# Headers that say when and by which way an answer came, not what it is (RFC 9110, 6.6.1 Date, 7.6.3 Via;
# RFC 9111, 5.1 Age), and what servers draw anew for each answer.
HEADERS = ("age", "connection", "date", "etag", "expires", "set-cookie", "via", "x-request-id")


class Ipv6Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of ``profile/ipv6``; where no source is named, the default is invented.

    ``tries``: how often each check is tried. ``success_percent``: the share of them that must succeed.
    ``delay_ratio``: highest (v6 - v4) / v4, and ``delay_floor_ms``: three quarters of the tries must be
    slower by more than this, for the noise of a busy machine is not the network's. ``evidence_days``: how
    long what was measured counts. ``sources``: from how many machines of the scope, beside one outside it,
    each member is measured. ``link_depth``: how many clicks from the page links are followed (二级、三级链接,
    which public figures of IPv6 support count), and ``links_most``: how many at most.
    ``headers_may_differ``: header fields that are not compared. ``watch_ms``: time between two echoes of a
    watch; ``watch_wait_ms``: when one counts as lost; ``watch_http_ms``: time between requests for a page;
    ``watch_sources``: from how many hosts at most, for each runs two programs all the time.
    """

    tries: int = 10
    success_percent: float = 100
    delay_ratio: float = 0.2
    delay_floor_ms: float = 2
    evidence_days: float = 30
    sources: int = 2
    link_depth: int = 2
    links_most: int = 50
    headers_may_differ: tuple[str, ...] = HEADERS
    watch_ms: float = 20
    watch_wait_ms: float = 1000
    watch_http_ms: float = 250
    watch_sources: int = 24


# Lowest and highest value, and whether it is a whole number.
_BOUNDS: Mapping[str, tuple[float, float, bool]] = {
    "tries": (1, 10_000, True),
    "success_percent": (0, 100, False),
    "delay_ratio": (0, 100, False),
    "delay_floor_ms": (0, 10_000, False),
    "evidence_days": (0, 36_500, False),
    "sources": (1, 100, True),
    "link_depth": (0, 5, True),
    "links_most": (0, 10_000, True),
    "watch_ms": (5, 60_000, False),
    "watch_wait_ms": (10, 60_000, False),
    "watch_http_ms": (20, 60_000, False),
    "watch_sources": (1, 1_000, True),
}


def faults(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what is wrong, a hint) of each value of ``profile/ipv6`` that cannot be taken."""
    out = []
    for name, value in values.items():
        if name == "headers_may_differ":
            if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
                out.append((f"`{name}` should be a list of header fields", "for example `[date, via]`"))
        elif name not in _BOUNDS:
            known = ", ".join(Ipv6Policy.__struct_fields__)
            out.append((f"`{name}` is nothing that is measured by", f"it may say {known}"))
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            out.append((f"`{name}` should be a number, not {value!r}", ""))
        else:
            least, most, whole = _BOUNDS[name]
            if not least <= value <= most or (whole and value != int(value)):
                sort = "a whole number" if whole else "a number"
                out.append((f"`{name}` should be {sort}, {least:g} to {most:g}, not {value}", ""))
    return out


def policy(connection: Connection) -> Ipv6Policy:
    """The numbers as accepted now. Raises ``InputError`` with every value that is none."""
    entry = entries.among(connection, [ENTRY]).get(ENTRY)
    return of(entry.fields.get("values", {}) if entry else {})


def of(values: Mapping[str, Any]) -> Ipv6Policy:
    """The numbers of such an entry. Raises ``InputError`` with every value that is none."""
    if wrong := faults(values):
        raise InputError(
            [Problem(f"{'/'.join(ENTRY)}: {words}", hint=hint) for words, hint in wrong],
            hint="put the file right and apply it, then try again",
        )
    known = dict(values)
    if "headers_may_differ" in known:
        known["headers_may_differ"] = tuple(name.lower() for name in known["headers_may_differ"])
    for name, (_, _, whole) in _BOUNDS.items():
        if name in known:
            known[name] = int(known[name]) if whole else float(known[name])
    return Ipv6Policy(**known)
