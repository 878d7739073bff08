"""A configuration as the device itself spells it: names of interfaces, addresses, parts of rules."""

from __future__ import annotations

import ipaddress
import re
import textwrap

# Short names of interfaces that people write, and what the device itself shows.
_LONG: dict[str, dict[str, str]] = {
    "huawei_vrp": {"ge": "GigabitEthernet", "eth": "Ethernet", "loop": "LoopBack"},
    "h3c_comware": {
        "ge": "GigabitEthernet",
        "xge": "Ten-GigabitEthernet",
        "fge": "FortyGigE",
        "hge": "HundredGigE",
        "bagg": "Bridge-Aggregation",
        "ragg": "Route-Aggregation",
        "loop": "LoopBack",
    },
}
_INTERFACE = re.compile(r"^(\s*(?:undo )?(?:interface|silent-interface) )(\S.*?)\s*$")
_RULE = re.compile(r"^(\s*rule \d+ (?:permit|deny) \S+)(.*)$")
_PARTS = [
    re.compile(rf"\b{end}{what}")
    # The dotted form first: `0.0.0.255` begins like the `0` of a single address.
    for what in (r"(?!-port) \S+(?: (?:\d+\.\d+\.\d+\.\d+|0)(?!\S))?", r"-port eq \S+")
    for end in ("source", "destination")
]
# Names of ports that devices show in place of numbers.
_PORTS = {"ftp": "21", "ssh": "22", "telnet": "23", "smtp": "25", "dns": "53", "domain": "53", "www": "80"}
_V6 = re.compile(r"^(\s*(?:undo )?ipv6 address )(\S+)/(\d+)(.*)$")
_ROUTE = re.compile(r"^((?:undo )?ip(?:v6)? route-static) (\S+) (\S+) (\S+)$")
# Devices show the targets of an instance in one line.
_TARGETS = re.compile(r"^(\s*vpn-target)((?: [\d.]+:\d+)+) (\S+)$")


def canonical(platform: str, text: str) -> str:
    """The text with every block at the margin, long names of interfaces, addresses in one spelling."""
    out: list[str] = []
    for block in re.split(r"(?m)^[#!].*$", text.replace("\r", "")):
        lines = [line for line in block.split("\n") if line.strip() not in ("", "#", "return")]
        # Single commands of Comware are one blank in, and belong to nothing.
        for line in textwrap.dedent("\n".join(lines)).split("\n"):
            if targets := _TARGETS.match(line):
                out += [f"{targets[1]} {one} {targets[3]}" for one in targets[2].split()]
            else:
                out.append(_line(platform, line))
    return "\n".join(line for line in out if line) + "\n"


def _line(platform: str, line: str) -> str:
    if found := _INTERFACE.match(line):
        return found[1] + long_name(platform, found[2])
    if _RULE.match(line):
        return _rule(line)
    if found := _ROUTE.match(line):
        try:
            return _route(platform, found)
        except ValueError:
            return line
    if found := _V6.match(line):
        try:
            return f"{found[1]}{str(ipaddress.IPv6Address(found[2])).upper()}/{found[3]}{found[4]}"
        except ValueError:
            return line
    return line


def _route(platform: str, found: re.Match[str]) -> str:
    """A route with its length as the system shows it: VRP as a mask (IPv4), Comware as a number.

    Raises ``ValueError`` for what is none.
    """
    network = ipaddress.ip_network(f"{found[2]}/{found[3]}")
    via = str(ipaddress.ip_address(found[4])).upper()
    dotted = network.version == 4 and platform == "huawei_vrp"
    length = str(network.netmask) if dotted else str(network.prefixlen)
    return f"{found[1]} {str(network.network_address).upper()} {length} {via}"


def _rule(line: str) -> str:
    """A rule of a list with its parts in one order, and ports as numbers: devices show both as they like."""
    found = _RULE.match(line)
    if found is None:
        return line
    rest, parts = found[2], []
    for part in _PARTS:
        if one := part.search(rest):
            words = one[0].split()
            parts.append(" ".join([*words[:-1], _PORTS.get(words[-1], words[-1]).upper()]))
            rest = rest[: one.start()] + rest[one.end() :]
    return " ".join([found[1], *parts, *rest.split()])


def long_name(platform: str, interface: str) -> str:
    """An interface by the name that the device shows: ``GE0/1/0`` as ``GigabitEthernet0/1/0``."""
    found = re.fullmatch(r"([A-Za-z-]+) ?(\d.*)", interface)
    if found is None:
        return interface
    return _LONG[platform].get(found[1].lower(), found[1]) + found[2]
