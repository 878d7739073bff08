"""What commands lead a device from the configuration that it has to the one that the ledger writes.

hier_config reads both as trees and works out the difference; here stands what is particular to us. The
ledger owns what it names: the interfaces, processes, instances and lists of the rendered configuration, and
in them the commands that its templates write. Everything else that a device says (users, SSH, quality of
service, a management port) is not the ledger's, and is left alone.
"""

from __future__ import annotations

import ipaddress
import re
import textwrap
from collections.abc import Iterable, Iterator

from hier_config import HConfig, HConfigChild, WorkflowRemediation, get_hconfig
from hier_config.models import IdempotentCommandsRule, MatchRule, NegationSubRule, OrderingRule
from hier_config.platforms.driver_base import HConfigDriverBase
from hier_config.platforms.hp_comware5.driver import HConfigDriverHPComware5
from hier_config.platforms.huawei_vrp.driver import HConfigDriverHuaweiVrp

from ..errors import InputError, Problem

_DRIVERS: dict[str, type[HConfigDriverBase]] = {
    "huawei_vrp": HConfigDriverHuaweiVrp,
    "h3c_comware": HConfigDriverHPComware5,
}
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
# Commands of an interface that the ledger's templates write: one of each, and a new one takes its place.
_SINGLE = (
    "description ",
    "ospf network-type ",
    "ospf cost ",
    "ospf timer hello ",
    "ospf timer dead ",
    "ospfv3 network-type ",
    "ospfv3 cost ",
    "ospfv3 timer hello ",
    "ospfv3 timer dead ",
    "ip binding vpn-instance ",
)
# The same, of which there may be several.
_MANY = (
    "shutdown",
    "ip address ",
    "ipv6 enable",
    "ipv6 address ",
    "ospf enable ",
    "ospf 1 area ",
    "ospfv3 1 area ",
    "traffic-filter ",
    "packet-filter ",
)
_PROCESS_SINGLE = ("router-id ", "maximum load-balancing ")
_PROCESS = (
    *_PROCESS_SINGLE,
    "silent-interface ",
    "area 0.0.0.0",
    "import-route static route-policy borders",
    "default-route-advertise",
)
# Lists of prefixes that processes tell of: a line each.
_LISTED = re.compile(r"((?:ip ip-prefix|ip ipv6-prefix|ip prefix-list|ipv6 prefix-list) borders) index \d+ ")
_PRIMARY = r"^(ip address) \S+ \S+$"
# Beside hier_config's ordinary weight of 500.
LAST = 900
# Views: what is entered, and left again with `quit`.
_VIEW = re.compile(r"(interface|ospf|ospfv3|area|ip vpn-instance|ipv[46]-family|acl|route-policy) ?")
_BINDING = "ip binding vpn-instance "
_INTERFACE = re.compile(r"^(\s*(?:undo )?(?:interface|silent-interface) )(\S.*?)\s*$")
_RULE = re.compile(r"^(\s*rule \d+ (?:permit|deny) \S+)(.*)$")
_PARTS = [
    re.compile(rf"\b{end}{what}")
    for end in ("source", "destination")
    for what in (r"(?!-port) \S+(?: (?:0|\d+\.\d+\.\d+\.\d+))?", r"-port eq \S+")
]
# Names of ports that devices show in place of numbers.
_PORTS = {"ftp": "21", "ssh": "22", "telnet": "23", "smtp": "25", "dns": "53", "domain": "53", "www": "80"}
_V6 = re.compile(r"^(\s*(?:undo )?ipv6 address )(\S+)/(\d+)(.*)$")


def commands(platform: str, running: str, wanted: str) -> list[str]:
    """What to type in the system view, line by line; nothing where all is as wanted.

    ``running``: what the device shows of itself; ``wanted``: what was rendered for it. Raises ``InputError``
    for a platform whose configurations cannot be read.
    """
    now, then = read(platform, running), read(platform, wanted)
    _keep_owned(now, then)
    _enter_again(now, then)
    left = WorkflowRemediation(now, then).remediation_config
    return [*_processes(now, then), *_typed(left.children)]


def read(platform: str, text: str) -> HConfig:
    """A configuration as a tree, with names and addresses as the device itself writes them.

    Raises ``InputError`` for a platform that there is no reader for.
    """
    driver = _DRIVERS.get(platform)
    if driver is None:
        raise InputError(
            [Problem(f"no running configuration of {platform} can be compared")],
            hint="for a linux node `govcloud preview NODE` asks the node itself",
        )
    own = driver()
    own.rules.idempotent_commands.extend(_idempotent())
    own.rules.negation_sub.extend(_negations())
    # With it go the addresses: whatever else is undone comes before.
    last = (MatchRule(startswith="interface "), MatchRule(equals="undo ipv6 enable"))
    own.rules.ordering.append(OrderingRule(match_rules=last, weight=LAST))
    return get_hconfig(own, _canonical(platform, text))


def _idempotent() -> Iterator[IdempotentCommandsRule]:
    inside = MatchRule(startswith="interface ")
    yield IdempotentCommandsRule(match_rules=(MatchRule(startswith="sysname "),))
    yield IdempotentCommandsRule(match_rules=(MatchRule(startswith="ospf 1"),))
    for start in _SINGLE:
        yield IdempotentCommandsRule(match_rules=(inside, MatchRule(startswith=start)))
    # The first address; those that are `sub` stand beside each other.
    yield IdempotentCommandsRule(match_rules=(inside, MatchRule(re_search=_PRIMARY)))
    for process in ("ospf 1", "ospfv3 1"):
        for start in _PROCESS_SINGLE:
            rules = (MatchRule(startswith=process), MatchRule(startswith=start))
            yield IdempotentCommandsRule(match_rules=rules)


def _negations() -> Iterator[NegationSubRule]:
    """`undo` takes the command without its value."""
    inside = MatchRule(startswith="interface ")
    for start in _SINGLE:
        words = re.escape(start.strip())
        yield NegationSubRule(
            match_rules=(inside, MatchRule(startswith=start)),
            search=f"^undo {words} .*",
            replace=f"undo {start.strip()}",
        )
    for process in ("ospf 1", "ospfv3 1"):
        for start in _PROCESS_SINGLE:
            yield NegationSubRule(
                match_rules=(MatchRule(startswith=process), MatchRule(startswith=start)),
                search=f"^undo {start.strip()} .*",
                replace=f"undo {start.strip()}",
            )
    yield NegationSubRule(
        match_rules=(MatchRule(re_search=_LISTED.pattern),),
        search=r"^(undo .* index \d+) .*",
        replace=r"\1",
    )
    for kind in ("acl ", "acl ipv6 "):
        yield NegationSubRule(
            match_rules=(MatchRule(startswith=kind), MatchRule(startswith="rule ")),
            search=r"^undo rule (\d+) .*",
            replace=r"undo rule \1",
        )


# -- as the device writes it ----------------------------------------------------------------------------


def _canonical(platform: str, text: str) -> str:
    """The text with every block at the margin, long names of interfaces, addresses in one spelling."""
    out: list[str] = []
    for block in re.split(r"(?m)^[#!].*$", text.replace("\r", "")):
        lines = [line for line in block.split("\n") if line.strip() not in ("", "#", "return")]
        # Single commands of Comware are one blank in, and belong to nothing.
        for line in textwrap.dedent("\n".join(lines)).split("\n"):
            out.append(_line(platform, line))
    return "\n".join(line for line in out if line) + "\n"


def _line(platform: str, line: str) -> str:
    if found := _INTERFACE.match(line):
        return found[1] + long_name(platform, found[2])
    if _RULE.match(line):
        return _rule(line)
    if found := _V6.match(line):
        try:
            return f"{found[1]}{str(ipaddress.IPv6Address(found[2])).upper()}/{found[3]}{found[4]}"
        except ValueError:
            return line
    return line


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


# -- what is the ledger's -------------------------------------------------------------------------------


def _keep_owned(now: HConfig, then: HConfig) -> None:
    """Take out of what a device has whatever is not the ledger's to change."""
    named = {_head(child.text) for child in then.children}
    routes = {key for child in then.children if (key := _route(child.text))}
    ntp = any(child.text.startswith("ntp-service ") for child in then.children)
    for child in tuple(now.children):
        text = child.text
        if _route(text):
            if _route(text) not in routes:
                child.delete()
        elif text.startswith("ntp-service "):
            # Servers that the ledger says; how the clock is kept otherwise is the device's.
            if not ntp or ("unicast-server" not in text and text not in named):
                child.delete()
        elif _head(text) not in named:
            child.delete()
        else:
            _keep_inside(child)


def _keep_inside(section: HConfigChild) -> None:
    own: tuple[str, ...] | None = None
    if section.text.startswith("interface "):
        own = (*_SINGLE, *_MANY)
    elif section.text.startswith(("ospf 1", "ospfv3 1")):
        own = _PROCESS
    if own is None:
        return
    for child in tuple(section.children):
        if not child.text.startswith(own):
            child.delete()
        elif child.text.startswith("area "):
            for one in tuple(child.children):
                one.delete()


def _head(text: str) -> str:
    """What a line is about: a section without its arguments, a command without its value."""
    for process in ("ospf 1", "ospfv3 1"):
        if text == process or text.startswith(process + " "):
            return process
    if found := _LISTED.match(text):
        return found[1]
    return "sysname" if text.startswith("sysname ") else text


def _route(text: str) -> tuple[str, ...]:
    """(family, prefix, length) of a static route; empty for anything else, and for one of an instance."""
    words = text.split()
    if len(words) < 5 or words[1] != "route-static" or words[2] == "vpn-instance":
        return ()
    length = words[3]
    if words[0] == "ip" and "." in length:
        length = str(ipaddress.IPv4Network(f"0.0.0.0/{length}").prefixlen)
    return words[0], words[2].upper(), length


def _enter_again(now: HConfig, then: HConfig) -> None:
    """An interface that goes to another instance loses its addresses at once: all of it is entered again."""
    for wanted in then.children:
        if not wanted.text.startswith("interface "):
            continue
        mine = now.get_child(equals=wanted.text)
        if mine is None or _bound(mine) == _bound(wanted):
            continue
        for child in tuple(mine.children):
            if not child.text.startswith((_BINDING, "description ", "shutdown")):
                child.delete()


def _bound(interface: HConfigChild) -> str:
    found = interface.get_child(startswith=_BINDING)
    return found.text if found is not None else ""


# -- what to type ---------------------------------------------------------------------------------------


def _processes(now: HConfig, then: HConfig) -> Iterator[str]:
    """Processes that are not there yet come first: interfaces name them, and they name interfaces."""
    for process in ("ospf 1", "ospfv3 1"):
        wanted = then.get_child(re_search=f"^{process}( |$)")
        if wanted is None or now.get_child(re_search=f"^{process}( |$)") is not None:
            continue
        yield wanted.text
        yield from (f" {c.text}" for c in wanted.children if c.text.startswith("router-id "))
        yield "quit"


def _typed(children: Iterable[HConfigChild], depth: int = 0) -> Iterator[str]:
    for child in sorted(children):
        yield " " * depth + child.text
        if child.children or (_VIEW.match(child.text) and not _is_setting(child)):
            yield from _typed(child.children, depth + 1)
            yield " " * depth + "quit"


def _is_setting(child: HConfigChild) -> bool:
    """Whether a line that begins like a view is a setting of the interface that it stands in."""
    return child.depth() > 1 and child.text.startswith(("ospf", "ospfv3"))
