"""The numbers by which a cut is made and measured: the accepted entry ``profile/whatif``, or a default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import InputError, Problem
from ..ledger.entries import Key
from ..model.catalogue import Catalogue
from ..model.policy import Profile

ENTRY: Key = ("profile", "whatif")


class Pace(msgspec.Struct, frozen=True):
    """The numbers of ``profile/whatif``; the defaults are invented.

    A request every ``interval_ms``, lost after ``wait_ms``; ``before_s`` of them before the cut. The cut
    stands ``hold_s`` at least and, until everybody answers whom the simulation says so of, ``patience_s``
    at most. Then everything may take ``back_s`` to be as before: routers that lost a neighbour take their
    time to trust it again. ``pairs``: how many ask each other at most.
    """

    interval_ms: float = 20
    wait_ms: float = 1000
    before_s: float = 2
    hold_s: float = 3
    patience_s: float = 30
    back_s: float = 60
    pairs: int = 24


def faults(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what is wrong, a hint) of each value of ``profile/whatif`` that cannot be taken."""
    out = []
    for name, value in values.items():
        if name not in Pace.__struct_fields__:
            hint = f"it knows {', '.join(Pace.__struct_fields__)}"
            out.append((f"`{name}` is nothing that a cut knows", hint))
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            out.append((f"`{name}` should be a number, not {value!r}", ""))
        elif value <= 0 or (name == "pairs" and value != int(value)):
            out.append((f"`{name}` should be above 0, not {value!r}", ""))
    return out


def pace(catalogue: Catalogue) -> Pace:
    """The numbers as accepted. Raises ``InputError`` for what is no such number."""
    profile = catalogue.all(Profile).get(ENTRY[1])
    values = profile.values if profile else {}
    if wrong := faults(values):
        raise InputError([Problem(f"{'/'.join(ENTRY)}: {words}", hint=hint) for words, hint in wrong])
    return msgspec.convert(values, Pace, strict=False)
