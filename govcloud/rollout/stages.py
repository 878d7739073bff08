"""The stages of a member on its way to IPv6, and the checks whose evidence says that it has reached them.

Evidence is a row of the ledger with the member as its subject and ``ipv6/CHECK`` as its name. `ipv6 verify`
measures and writes them; whoever plans, refuses and tells how far it is reads them. Nobody says "done".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Stage = Literal["addressed", "backbone", "access", "dns", "service", "verified", "ipv6_only"]
Check = Literal[
    "reach",
    "neighbour",
    "aaaa",
    "delegation",
    "answer",
    "tcp",
    "http",
    "success",
    "content",
    "links",
    "delay",
    "nat64",
    "dns64",
]

# In the order in which a member goes through those that it needs.
STAGES: tuple[Stage, ...] = (
    "addressed",
    "backbone",
    "access",
    "dns",
    "service",
    "verified",
    "ipv6_only",
)
STAGE_WORDS: Mapping[str, str] = {
    "open": "no IPv6 yet",
    "addressed": "addressed",
    "backbone": "backbone dual stack",
    "access": "access dual stack",
    "dns": "in the DNS",
    "service": "service listening",
    "verified": "verified",
    "ipv6_only": "IPv6 only",
}

# What evidence of each check is; a row's ``ok`` says whether it was good by the thresholds of its time.
CHECK_WORDS: Mapping[Check, str] = {
    "reach": "answers over IPv6, in per cent of the tries",
    "neighbour": "its ends know each other by OSPFv3",
    "aaaa": "its name has the AAAA records that the ledger says, and no other",
    "delegation": "every name server of the zone can be had over IPv6 alone, in per cent of them",
    "answer": "answers questions for the zone over IPv6, in per cent of the tries",
    "tcp": "takes TCP connections over IPv6, in per cent of the tries",
    "http": "its page is served over IPv6",
    "success": "pages that came over IPv6, in per cent of the tries",
    "content": "the same content over IPv4 and IPv6",
    "links": "what its page links to is reached over IPv6 too",
    "delay": "the delay ratio (v6 - v4) / v4",
    "nat64": "reaches what has IPv4 alone, through NAT64",
    "dns64": "names of what has IPv4 alone have AAAA records of the NAT64 prefix",
}

# Kind of member -> the checks that stand for each of the stages it goes through. ``addressed`` is read in
# the ledger (it has its addresses), ``verified`` is all of them, good and young enough. Of a node, `access`
# or `backbone` is left out by its role; of a server the service, where it is no name server (``members.py``).
CHECKS: Mapping[str, Mapping[Stage, tuple[Check, ...]]] = {
    "node": {"backbone": ("reach",), "access": ("reach",)},
    "link": {"backbone": ("reach", "neighbour"), "access": ("reach", "neighbour")},
    "network": {"access": ("reach",)},
    "server": {"access": ("reach",), "dns": ("aaaa",), "service": ("answer",)},
    "instance": {"access": ("reach",), "dns": ("aaaa",)},
    "dns_zone": {"dns": ("delegation",)},
    "endpoint": {
        "dns": ("aaaa",),
        "service": ("tcp", "http"),
        "verified": ("success", "content", "links", "delay"),
    },
}
# What a machine without IPv4 has to show on top of that.
IPV6_ONLY: tuple[Check, ...] = ("nat64", "dns64")

PREFIX = "ipv6/"
# Where evidence says which addresses its member had when it was measured.
AT = "addresses"


def evidence_name(check: str) -> str:
    """The name of the evidence of a check, as ``ipv6/reach``."""
    return PREFIX + check


def check_of(name: str) -> str:
    """The check that a piece of evidence is about; empty where it is about something else."""
    return name.removeprefix(PREFIX) if name.startswith(PREFIX) else ""
