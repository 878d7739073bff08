"""Where the word `auto` may stand, and who then asks for what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .forms import AUTO

# Kind -> field -> version of IP (0: as the prefix's plan says).
FIELDS: dict[str, dict[str, int]] = {
    "prefix": {"prefix": 0},
    "network": {"ipv4": 4, "ipv6": 6},
    "link": {"ipv4": 4, "ipv6": 6},
    "node": {"loopback4": 4, "loopback6": 6},
    "server": {"ipv4": 4, "ipv6": 6},
    "instance": {"ipv4": 4, "ipv6": 6},
    "load_balancer": {"ipv4": 4, "ipv6": 6},
}
# Those that are given an address in their network's prefix.
MACHINES = ("server", "instance", "load_balancer")
# Who the ledger's claims of what was chosen are from.
ALLOCATOR = "allocator"


def wishes(kind: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """The fields of an entry that say `auto` where that may be said."""
    for field in FIELDS.get(kind, ()):
        if fields.get(field) == AUTO:
            yield field
