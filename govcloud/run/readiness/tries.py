"""Trying something several times: how often it succeeds, and why it does not."""

from __future__ import annotations

import http.client
import statistics
from collections.abc import Callable, Mapping
from typing import Any

import dns.exception
from icmplib import ICMPLibError

from ..measure import Failed, Figure

# Tries that fail from the beginning until the others are not made.
GIVE_UP = 3
# What the network does to a try.
FAULTS = (Failed, OSError, ICMPLibError, dns.exception.DNSException, http.client.HTTPException)

Args = Mapping[str, Any]


def share(tries: int, once: Callable[[], float]) -> Figure:
    """The share of tries that succeed, per cent, and the median of what they return (ms)."""
    times: list[float] = []
    faults: list[str] = []
    made = 0
    while made < tries:
        made += 1
        try:
            times.append(once())
        except (
            Failed,
            OSError,
            ICMPLibError,
            dns.exception.DNSException,
            http.client.HTTPException,
        ) as error:
            faults.append(said(error))
            if not times and made >= GIVE_UP:
                break
    figure = Figure(value=len(times) / tries * 100, unit="%", more={"tries": tries, "made": made})
    if times:
        figure.more["ms"] = round(statistics.median(times), 3)
    if faults:
        often = max(set(faults), key=faults.count)
        gave_up = f", gave up after {made}" if made < tries else ""
        figure.problem = f"{len(times)} of {tries} tries succeeded{gave_up}: {often}"
    return figure


def said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
