"""The boundaries at a device as lists of rules that VRP and Comware read.

The same flows as in the lab's nftables (``boundaries``), by a filter that remembers nothing: each flow's
answers need a rule of their own, and TCP's are known by their flags. Applied at the interfaces that look
towards the private network: ``in`` is what comes from it, ``out`` what goes to it.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .boundaries import Post, Rule
from .wiring import IPVersion

# Advanced lists are 3000 to 3999 on both systems; which of them are ours is a matter of taste. Two each.
FIRST_LIST, LAST_LIST = 3500, 3999
# Rules keep their numbers whatever is added, so that nothing that stands is undone for it. First what always
# passes (by both systems' own step), then OSPF, then flows, and last what denies: below 65535 (Comware).
STEP = 5
OSPF_RULE = 100
FIRST_FLOW, LAST_FLOW = 1000, 64_999
DENY_RULE = 65_000
# What a router must hear from its neighbours, and what belongs to somebody else's packets (RFC 4890, 4.3).
ALWAYS: Mapping[IPVersion, Sequence[str]] = {
    4: (
        "icmp icmp-type fragmentneed-DFset",
        "icmp icmp-type host-unreachable",
        "icmp icmp-type net-unreachable",
        "icmp icmp-type port-unreachable",
        "icmp icmp-type ttl-exceeded",
    ),
    6: (
        "icmpv6 icmp6-type neighbor-solicitation",
        "icmpv6 icmp6-type neighbor-advertisement",
        "icmpv6 icmp6-type packet-too-big",
        "icmpv6 icmp6-type host-unreachable",
        "icmpv6 icmp6-type network-unreachable",
        "icmpv6 icmp6-type port-unreachable",
        "icmpv6 icmp6-type hop-limit-exceeded",
    ),
}
ESTABLISHED = {"huawei_vrp": "tcp-flag established", "h3c_comware": "established"}


def lists(posts: Iterable[Post], platform: str, ospf: Iterable[str]) -> list[dict[str, Any]]:
    """Both lists of each private network and IP version: {number, version, way (in, out), interfaces, rules}.

    ``ospf``: interfaces where OSPF runs. Raises ``ValueError`` for more of them than there are numbers.
    """
    speaking = set(ospf)
    found = {post.private_network: post for post in posts}
    out: list[dict[str, Any]] = []
    for name, pair in _numbered(found, (LAST_LIST - FIRST_LIST + 1) // 2, "boundaries").items():
        post = found[name]
        hello = bool(speaking.intersection(post.interfaces))
        versions: tuple[IPVersion, ...] = (4, 6)
        for version in versions:
            for at, way in enumerate(("in", "out")):
                rules = _rules(post.rules, version, way, platform, hello)
                out.append(
                    {
                        "number": FIRST_LIST + 2 * pair + at,
                        "version": version,
                        "way": way,
                        "title": post.title,
                        "interfaces": list(post.interfaces),
                        "rules": [f"rule {n} {_spelled(text, platform)}" for n, text in rules.items()],
                    }
                )
    return out


def _numbered(names: Iterable[str], count: int, what: str) -> dict[str, int]:
    """A number below ``count`` for each name, sorted by it; others that come or go seldom change it.

    It is worked out of the name; of two with the same, the later by name takes the next that is free.
    Raises ``ValueError`` for more names than numbers.
    """
    out: dict[str, int] = {}
    taken: set[int] = set()
    for name in sorted(set(names)):
        if len(taken) == count:
            raise ValueError(f"more than {count} {what} at one device")
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % count
        while number in taken:
            number = (number + 1) % count
        taken.add(number)
        out[name] = number
    return dict(sorted(out.items(), key=lambda item: item[1]))


def _rules(rules: Iterable[Rule], version: IPVersion, way: str, platform: str, ospf: bool) -> dict[int, str]:
    """The rules of one list by number. All that pass stand before the one that denies, in whatever order."""
    out = {STEP * n: f"permit {one}" for n, one in enumerate(ALWAYS[version], 1)}
    if ospf:
        out[OSPF_RULE] = "permit ospf"
    flows = [
        _asked(rule) if rule.direction == ("out" if way == "in" else "in") else _answered(rule, platform)
        for rule in rules
        if rule.version == version
    ]
    for text, number in _numbered(flows, LAST_FLOW - FIRST_FLOW + 1, "rules").items():
        out[FIRST_FLOW + number] = f"permit {text}"
    out[DENY_RULE] = "deny ip" if version == 4 else "deny ipv6"
    return out


def _spelled(text: str, platform: str) -> str:
    """The one word that the two systems spell in their own ways."""
    return text.replace("-DFset", "-dfset") if platform == "h3c_comware" else text


def _asked(rule: Rule) -> str:
    ends = f"source {_end(rule.source)} destination {_end(rule.destination)}"
    if rule.protocol == "echo":
        return f"{_icmp(rule)} {ends} {_type(rule)} {'echo' if rule.version == 4 else 'echo-request'}"
    return f"{rule.protocol} {ends} destination-port eq {rule.port}"


def _answered(rule: Rule, platform: str) -> str:
    ends = f"source {_end(rule.destination)} destination {_end(rule.source)}"
    if rule.protocol == "echo":
        return f"{_icmp(rule)} {ends} {_type(rule)} echo-reply"
    flags = f" {ESTABLISHED[platform]}" if rule.protocol == "tcp" else ""
    return f"{rule.protocol} {ends} source-port eq {rule.port}{flags}"


def _icmp(rule: Rule) -> str:
    return "icmp" if rule.version == 4 else "icmpv6"


def _type(rule: Rule) -> str:
    return "icmp-type" if rule.version == 4 else "icmp6-type"


def _end(address: str) -> str:
    """An address or a prefix: with a wildcard mask (IPv4), or with its length (IPv6)."""
    network = ipaddress.ip_network(address)
    if network.version == 6:
        return str(network).upper()
    mask = str(network.hostmask)
    return f"{network.network_address} {'0' if mask == '0.0.0.0' else mask}"
