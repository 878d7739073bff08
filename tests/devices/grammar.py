"""The commands that templates write and plays type, line by line, from end to end.

hier_config reads indentation, and takes any line: that a line is whole is seen here. From the vendors'
manuals, as the templates are; what is not in here, the device of the tests refuses.
"""

from __future__ import annotations

import ipaddress
import re

# An argument, and what it must be.
_V4 = r"\d+\.\d+\.\d+\.\d+"
_V6 = r"[0-9A-F:.]*:[0-9A-F:.]*"
_N = r"\d+"
_PORT = r"[A-Za-z-]+\d+(?:/\d+)*(?:\.\d+)?"
_TARGET = rf"(?:{_N}|{_V4}):{_N}"
_FLOW = (
    rf"(?: source (?:{_V4} (?:0|{_V4})|{_V6}/{_N}) destination (?:{_V4} (?:0|{_V4})|{_V6}/{_N}))?"
    rf"(?: (?:source|destination)-port eq {_N})?"
    r"(?: icmp6?-type [A-Za-z-]+)?(?: tcp-flag established| established)?"
)
_COMMANDS = (
    r"sysname \S+",
    rf"interface {_PORT}",
    r"description [^?]{1,80}",
    r"shutdown",
    r"mtu \d+",
    r"vlan-type dot1q (?:vid )?\d+",
    r"ip vpn-instance \S+",
    r"ipv[46]-family",
    rf"route-distinguisher {_TARGET}",
    rf"vpn-target {_TARGET} (?:import|export)-extcommunity",
    r"ip binding vpn-instance \S+",
    r"ipv6 enable",
    rf"ip address {_V4} {_V4}(?: sub)?",
    rf"ipv6 address {_V6}/{_N}",
    r"ospf enable 1 area 0\.0\.0\.0",
    r"ospf(?:v3)? 1 area 0\.0\.0\.0",
    r"ospf(?:v3)? network-type p2p",
    rf"ospf(?:v3)? cost {_N}",
    rf"ospf(?:v3)? timer (?:hello|dead) {_N}",
    rf"ospf 1 router-id {_V4}",
    r"ospfv3 1",
    rf"router-id {_V4}",
    rf"silent-interface {_PORT}",
    rf"maximum load-balancing {_N}",
    r"area 0\.0\.0\.0",
    r"default-route-advertise",
    r"import-route static route-policy borders6?",
    rf"ip (?:ip-prefix|prefix-list) borders index {_N} permit {_V4} {_N}",
    rf"(?:ip ipv6-prefix|ipv6 prefix-list) borders index {_N} permit {_V6} {_N}",
    r"route-policy borders6? permit node 10",
    r"if-match (?:ip-prefix borders|ip(?:v6)? address prefix-list borders)",
    r"acl (?:ipv6 )?(?:number|advanced) \d{4}",
    rf"rule {_N} permit (?:tcp|udp|icmp|icmpv6|ospf){_FLOW}",
    rf"rule {_N} deny (?:ip|ipv6)",
    r"traffic-filter (?:in|out)bound (?:ipv6 )?acl \d{4}",
    r"packet-filter (?:ipv6 )?\d{4} (?:in|out)bound",
    rf"ip route-static {_V4} (?:{_V4}|{_N}) {_V4}",
    rf"ipv6 route-static {_V6} {_N} {_V6}",
    r"ntp-service enable",
    rf"ntp-service unicast-server (?:{_V4}|ipv6 {_V6})",
    rf"ntp-service ipv6 unicast-server {_V6}",
)
_COMMAND = re.compile("|".join(f"(?:{one})" for one in _COMMANDS))
# What `undo` takes without the value that it ends.
_SHORT = re.compile(
    r"rule \d+|description|mtu|vlan-type|ip binding vpn-instance|route-distinguisher|router-id"
    r"|maximum load-balancing|ospf(?:v3)? (?:cost|network-type|timer (?:hello|dead))"
    r"|(?:ip ip-prefix|ip ipv6-prefix|ip prefix-list|ipv6 prefix-list) borders index \d+"
)
_ADDRESS = re.compile(rf"(?<![\w:.]){_V4}(?![\w:.])|(?<![\w:.])(?:{_V6})(?![\w:.])")


def reads(line: str) -> bool:
    """Whether a line is one of the commands, or undoes one, and all addresses in it are addresses."""
    words = line.strip()
    if words in ("", "#", "quit", "return"):
        return True
    undone = words.removeprefix("undo ")
    if not _COMMAND.fullmatch(undone) and (undone == words or not _SHORT.fullmatch(undone)):
        return False
    if undone.startswith(("description ", "sysname ", "vpn-target ", "route-distinguisher ")):
        return True
    for one in _ADDRESS.findall(undone):
        try:
            ipaddress.ip_address(one)
        except ValueError:
            return False
    return True
