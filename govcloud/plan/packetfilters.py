"""The boundaries at a device as lists of rules that VRP and Comware read.

The same flows as in the lab's nftables (``boundaries``), by a filter that remembers nothing: each flow's
answers need a rule of their own, and TCP's are known by their flags. Applied at the interfaces that look
towards the private network: ``in`` is what comes from it, ``out`` what goes to it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .boundaries import Post, Rule
from .wiring import IPVersion

# Advanced lists are 3000 to 3999 on both systems; which of them are ours is a matter of taste.
FIRST_LIST, LAST_LIST = 3900, 3999
# Between two rules, so that people see the order (both systems' own step).
STEP = 5
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
    """Both lists of each boundary and IP version: {number, version, way (in, out), interfaces, rules}.

    ``ospf``: interfaces where OSPF runs. Raises ``ValueError`` for more boundaries than there are lists.
    """
    speaking = set(ospf)
    out: list[dict[str, Any]] = []
    number = FIRST_LIST
    for post in posts:
        if number + 1 > LAST_LIST:
            raise ValueError(f"more than {(LAST_LIST - FIRST_LIST + 1) // 2} boundaries at one device")
        hello = bool(speaking.intersection(post.interfaces))
        versions: tuple[IPVersion, ...] = (4, 6)
        for version in versions:
            for at, way in enumerate(("in", "out")):
                said = [_spelled(one, platform) for one in _rules(post.rules, version, way, platform, hello)]
                out.append(
                    {
                        "number": number + at,
                        "version": version,
                        "way": way,
                        "title": post.title,
                        "interfaces": list(post.interfaces),
                        "rules": [f"rule {STEP * n} {text}" for n, text in enumerate(said, 1)],
                    }
                )
        number += 2
    return out


def _rules(rules: Iterable[Rule], version: IPVersion, way: str, platform: str, ospf: bool) -> Iterator[str]:
    family = "ip" if version == 4 else "ipv6"
    if ospf:
        yield "permit ospf"
    yield from (f"permit {one}" for one in ALWAYS[version])
    for rule in rules:
        if rule.version == version:
            asks = rule.direction == ("out" if way == "in" else "in")
            yield "permit " + (_asked(rule) if asks else _answered(rule, platform))
    yield f"deny {family}"


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
