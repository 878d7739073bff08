"""How patiently people are told: numbers of the accepted entry ``profile/notifying``, or these."""

from __future__ import annotations

import math

import msgspec

from ..errors import InputError, Problem
from ..ledger.connection import Connection
from ..ledger.entries import Key, among

ENTRY: Key = ("profile", "notifying")


class Patience(msgspec.Struct, frozen=True):
    """Seconds, but ``give_up_h`` in hours. All invented; receivers of webhooks ask for answers in 5 to 30 s.

    ``timeout_s``: for an answer. ``first_wait_s``: before the second try; each next wait is twice as long,
    ``longest_wait_s`` at most. ``give_up_h``: after which nothing is tried any more. ``linger_s``: for which
    a run that is over waits for what it has to tell.
    """

    timeout_s: float = 10
    first_wait_s: float = 30
    longest_wait_s: float = 3600
    give_up_h: float = 72
    linger_s: float = 3

    def wait(self, attempts: int) -> float:
        """Seconds until the next try, after so many."""
        return min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(attempts - 1, 60))


def patience(connection: Connection) -> Patience:
    """The numbers as accepted now. Raises ``InputError`` with every value that is none."""
    entry = among(connection, [ENTRY]).get(ENTRY)
    values = entry.fields.get("values", {}) if entry else {}
    known = Patience.__struct_fields__
    faults = []
    for name, value in values.items():
        if name not in known:
            faults.append(f"`{name}` is no number that we know: they are {', '.join(known)}")
        elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            faults.append(f"`{name}` should be a number, not {value!r}")
        elif not 0 <= value <= 1e7 or (name == "timeout_s" and not value):
            faults.append(f"`{name}` should be more than 0 and at most 10000000, not {value}")
    if faults:
        raise InputError(
            [Problem(f"{'/'.join(ENTRY)}: {fault}") for fault in faults],
            hint="this is the accepted revision: put the file right and apply it",
        )
    return Patience(**{name: float(value) for name, value in values.items()})
