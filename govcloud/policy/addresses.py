"""What addresses must be to each other: both versions of IP side by side, a device managed over either."""

from __future__ import annotations

from collections.abc import Iterator

from ..addressing import judging
from .base import Breach, Case
from .registry import rule

ITSELF = "the ledger: addresses of both versions (001:L240, IPv6改造)"


@rule(
    "net-pairs",
    "flag",
    *("prefix.prefix", "prefix.pairs_with", "prefix.holder", "prefix.role", "prefix.status"),
    sentence="prefix in use for a LAN: none of the other version of IP stands beside it → flag",
    source=ITSELF,
)
def prefixes_are_paired(case: Case) -> Iterator[Breach]:
    """Prefixes of IPv4 and IPv6 stand in pairs, of one holder; networks without IPv6 are N-17's."""
    for found in judging.unpaired(case.catalogue):
        if found.kind == "prefix":
            cure = found.hint or "`pairs_with` names the one of the other version"
            yield Breach(f"prefix/{found.name}", found.message, found.field or "pairs_with", (), cure)


@rule(
    "net-management",
    "flag",
    *("node.management4", "node.management6", "node.loopback4", "node.loopback6", "interface.type"),
    sentence="node: no management address, and no loopback, in one of the versions of IP → flag",
    source=ITSELF,
)
def devices_are_managed_over_both(case: Case) -> Iterator[Breach]:
    """A device has a management address in each version of IP; its loopback counts as one."""
    for found in judging.without_management(case.catalogue):
        yield Breach(f"node/{found.name}", found.message, found.field, (), found.hint)
