"""Waiting for a ledger whose server does not answer: a short outage ends no run.

How long is the accepted policy's to say, ``profile/running`` with ``outage_s``. Only the beginning of a
transaction is waited for: one that was begun and lost is told as it is. Nobody else can take a run's lease
while the server is away, and when it is back the token tells whether somebody was quicker.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from ..errors import GovcloudError, InputError, Problem
from .connection import Connection
from .entries import Key, among

ENTRY: Key = ("profile", "running")
OUTAGE = "outage_s"
# Invented: a server that starts anew takes seconds, one that fails over a minute or less.
DEFAULT = 90.0
# A day; who expects more has another plan.
LONGEST = 86400.0
# Seconds between two tries.
AGAIN = 0.5


class Unreachable(GovcloudError):
    """The ledger's server does not answer, or went away; nothing was written."""


def outage_s(connection: Connection) -> float:
    """Seconds that a run waits for its ledger. Raises ``InputError`` where the policy says what is none."""
    entry = among(connection, [ENTRY]).get(ENTRY)
    values = entry.fields.get("values", {}) if entry else {}
    faults = [Problem(f"profile/running: `{n}` is no value of it") for n in values if n != OUTAGE]
    value = values.get(OUTAGE, DEFAULT)
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not 0 <= value <= LONGEST:
        words = f"profile/running: `{OUTAGE}` should be 0 to {LONGEST:.0f} seconds, not {value!r}"
        faults.append(Problem(words))
    if faults:
        raise InputError(faults, hint=f"it may say `{OUTAGE}`; put the file right and apply it")
    return float(value)


class Patience:
    """How long to wait, when to stop waiting, and whom to tell. For all threads of a run."""

    def __init__(self, seconds: float, stop: threading.Event, tell: Callable[[str], None]) -> None:
        self._seconds, self._stop, self._tell = seconds, stop, tell
        self._away = threading.Event()

    def again(self, since: float, error: Unreachable) -> bool:
        """Wait a little and say whether to try again; ``since``: the first try (monotonic, s)."""
        left = since + self._seconds - time.monotonic()
        if left <= 0 or self._stop.is_set():
            return False
        if not self._away.is_set():
            self._away.set()
            self._tell(f"{error.message}; the run waits for it, for up to {self._seconds:.0f} s")
        self._stop.wait(min(AGAIN, left))
        return True

    def well(self) -> None:
        """It answers."""
        if self._away.is_set():
            self._away.clear()
            self._tell("the ledger's server answers again")
