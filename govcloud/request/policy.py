"""The numbers that requests go by: ``profile/request-limits`` of the accepted revision, or the defaults."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..ledger import entries
from ..ledger.connection import Connection
from ..model.catalogue import Catalogue
from ..policy import Case
from ..policy.pools import UNITS

ENTRY = ("profile", "request-limits")


class Policy(msgspec.Struct, frozen=True):
    """``clock_back_s``: how far a machine's clock may be behind the ledger's newest event, seconds.

    ``most``: how much one request may ask for of each measure of ``policy.pools``; more is a slip of the
    keyboard.
    """

    clock_back_s: float
    most: Mapping[str, float]


def policy(connection: Connection) -> Policy:
    """What is accepted (docs/check.md: how a profile says it). Raises ``InputError`` for unknown keys."""
    known = {key: entry.fields for key, entry in entries.among(connection, [ENTRY]).items()}
    values = Case(Catalogue.of(known)).values(ENTRY[1])
    most = {name: float(values[name]) for name in UNITS if name in values}
    return Policy(float(values["clock_back_s"]), most)
