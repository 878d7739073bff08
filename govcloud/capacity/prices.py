"""What a size of instance costs: ``profile/prices``, the same that requests are priced by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import InputError, Problem
from ..model.catalogue import Catalogue
from ..model.cloud import Flavor
from ..model.policy import Profile

# What the profile says beside prices.
_WORDS = frozenset({"currency", "per"})


class Prices(msgspec.Struct, frozen=True):
    """Prices of flavors (``flavor/NAME``) and of measures, in a currency, for a period; none: not known."""

    currency: str = ""
    per: str = ""
    of: Mapping[str, float] = {}

    def flavor(self, name: str, flavor: Flavor) -> float:
        """What one instance of a flavor costs: its own price, else that of what it has."""
        own = self.of.get(f"flavor/{name}")
        if own is not None:
            return own
        measures = ("vcpus", "memory_mib", "disk_gib")
        parts = [self.of.get(m, 0.0) * float(getattr(flavor, m)) for m in measures]
        return sum(parts) + self.of.get("instances", 0.0)


def prices(catalogue: Catalogue) -> Prices:
    """As the profile says. Raises ``InputError`` where a price is no number."""
    profile = catalogue.all(Profile).get("prices")
    values = profile.values if profile else {}
    return Prices(str(values.get("currency", "")), str(values.get("per", "")), numbers(values))


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """The prices that a profile's values are. Raises ``InputError`` where one is no number."""
    problems = [
        Problem(f"profile/prices: `{name}` is {value!r}, expected a number that is not negative")
        for name, value in values.items()
        if name not in _WORDS and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0)
    ]
    if problems:
        raise InputError(problems, hint="docs/requests.md has its keys")
    return {name: float(value) for name, value in values.items() if name not in _WORDS}
