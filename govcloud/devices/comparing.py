"""What commands lead a device from the configuration that it has to the one that the ledger writes.

hier_config reads both as trees and works out the difference; here stands what is particular to us. The
ledger owns what it names: the interfaces, processes, instances and lists of the rendered configuration, and
in them the commands that its templates write. Everything else that a device says (users, SSH, quality of
service, a management port) is not the ledger's, and is left alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from hier_config import HConfig, HConfigChild, WorkflowRemediation, get_hconfig
from hier_config.models import IdempotentCommandsRule, MatchRule, NegationSubRule
from hier_config.platforms.driver_base import HConfigDriverBase
from hier_config.platforms.hp_comware5.driver import HConfigDriverHPComware5
from hier_config.platforms.huawei_vrp.driver import HConfigDriverHuaweiVrp

from ..errors import InputError, Problem
from .spelling import canonical

_DRIVERS: dict[str, type[HConfigDriverBase]] = {
    "huawei_vrp": HConfigDriverHuaweiVrp,
    "h3c_comware": HConfigDriverHPComware5,
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
    "mtu ",
    "vlan-type ",
)
# Of these the ledger owns what it says; where it says nothing, the device's own stays.
_WHERE_SAID = ("mtu ", "vlan-type ")
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
# Views: what is entered, and left again with `quit`.
_VIEW = re.compile(r"(interface|ospf|ospfv3|area|ip vpn-instance|ipv[46]-family|acl|route-policy) ?")
_DENY = re.compile(r"rule \d+ deny ")
# What the lists of boundaries say of themselves.
_OURS = ("description boundary/", "description private_network/")
_LIST = re.compile(r"acl (ipv6 )?(?:number|advanced) (\d+)$")
_FILTERS = (
    re.compile(r"traffic-filter (?P<way>in|out)bound (?P<six>ipv6 )?acl (?P<list>\d+)$"),
    re.compile(r"packet-filter (?P<six>ipv6 )?(?P<list>\d+) (?P<way>in|out)bound$"),
)
_INSTANCE = ("route-distinguisher ", "vpn-target ")
_BINDING = "ip binding vpn-instance "


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
    return get_hconfig(own, canonical(platform, text))


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
    yield NegationSubRule(
        match_rules=(MatchRule(startswith="ip vpn-instance "), MatchRule(startswith="route-distinguisher ")),
        search=r"^(undo route-distinguisher) .*",
        replace=r"\1",
    )
    for kind in ("acl ", "acl ipv6 "):
        yield NegationSubRule(
            match_rules=(MatchRule(startswith=kind), MatchRule(startswith="rule ")),
            search=r"^undo rule (\d+) .*",
            replace=r"undo rule \1",
        )


# -- what is the ledger's -------------------------------------------------------------------------------


def _keep_owned(now: HConfig, then: HConfig) -> None:
    """Take out of what a device has whatever is not the ledger's to change."""
    named = {_head(child.text): child for child in then.children}
    routes = {key for child in then.children if (key := _route(child.text))}
    ntp = any(child.text.startswith("ntp-service ") for child in then.children)
    ours = {key for tree in (now, then) for key in _own_lists(tree)}
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
        elif text.startswith("interface "):
            _keep_port(child, named[text], ours)
        elif text.startswith(("ospf 1", "ospfv3 1")):
            _keep_process(child)
        elif text.startswith("ip vpn-instance "):
            _keep_instance(child, named[text])


def _keep_port(port: HConfigChild, wanted: HConfigChild, ours: Collection[tuple[bool, str]]) -> None:
    said = [start for start in _WHERE_SAID if wanted.get_child(startswith=start) is None]
    ways = {(f[0][0], f[1]) for c in wanted.children if (f := _filter(c.text))}
    for child in tuple(port.children):
        found = _filter(child.text)
        if not child.text.startswith((*_SINGLE, *_MANY)) or child.text.startswith(tuple(said)):
            child.delete()
        elif found is not None:
            # Somebody else's filter goes only where ours takes its place.
            if found[0] not in ours and (found[0][0], found[1]) not in ways:
                child.delete()
        elif child.text.startswith(("traffic-filter ", "packet-filter ")):
            child.delete()


def _keep_process(process: HConfigChild) -> None:
    for child in tuple(process.children):
        if not child.text.startswith(_PROCESS):
            child.delete()
        elif child.text.startswith("area "):
            for one in tuple(child.children):
                one.delete()


def _keep_instance(mine: HConfigChild, wanted: HConfigChild) -> None:
    """Of an instance, or an address family in it, the distinguisher and the targets."""
    for child in tuple(mine.children):
        family = wanted.get_child(equals=child.text)
        if child.text.startswith(("ipv4-family", "ipv6-family")) and family is not None:
            _keep_instance(child, family)
        elif not child.text.startswith(_INSTANCE):
            child.delete()
    had, gets = (one.get_child(startswith=_INSTANCE[0]) for one in (mine, wanted))
    if had is not None and gets is None:
        had.delete()
    elif had is not None and gets is not None and had.text != gets.text and _is_family(mine):
        # On VRP the targets go with their distinguisher: all of them are entered again.
        for child in tuple(mine.get_children(startswith=_INSTANCE[1])):
            child.delete()


def _is_family(section: HConfigChild) -> bool:
    return section.text.startswith(("ipv4-family", "ipv6-family"))


def _own_lists(tree: HConfig) -> Iterator[tuple[bool, str]]:
    """(whether IPv6, number) of the lists that are a boundary's."""
    for section in tree.get_children(startswith="acl "):
        if (found := _LIST.match(section.text)) and section.get_child(startswith=_OURS) is not None:
            yield bool(found[1]), found[2]


def _filter(text: str) -> tuple[tuple[bool, str], str] | None:
    """((whether IPv6, number of the list), way) of a filter at an interface; None for anything else."""
    for pattern in _FILTERS:
        if found := pattern.match(text):
            return (bool(found["six"]), found["list"]), found["way"]
    return None


def _head(text: str) -> str:
    """What a line is about: a section without its arguments, a command without its value."""
    for process in ("ospf 1", "ospfv3 1"):
        if text == process or text.startswith(process + " "):
            return process
    if found := _LISTED.match(text):
        return found[1]
    return "sysname" if text.startswith("sysname ") else text


def _route(text: str) -> tuple[str, ...]:
    """(family, prefix, length) of a static route as the templates write it; empty for anything else.

    One of an instance, by an interface, or with a preference is somebody's own.
    """
    words = text.split()
    if len(words) != 5 or words[1] != "route-static":
        return ()
    try:
        network = ipaddress.ip_network(f"{words[2]}/{words[3]}")
        ipaddress.ip_address(words[4])
    except ValueError:
        return ()
    return words[0], str(network.network_address).upper(), str(network.prefixlen)


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
    for child in _in_order(list(children)):
        yield " " * depth + child.text
        if child.children or (_VIEW.match(child.text) and not _is_setting(child)):
            yield from _typed(child.children, depth + 1)
            yield " " * depth + "quit"


def _in_order(children: Sequence[HConfigChild]) -> list[HConfigChild]:
    """Lines of one view as they may follow each other: what a refused line leaves behind lets nothing pass.

    Commonly what is undone comes before what is added, each in its own order.
    """
    added = {number for c in children if (number := _number(c.text))}
    gone = {_number(c.text.removeprefix("undo ")) for c in children if c.text.startswith("undo rule ")}

    def rank(child: HConfigChild) -> int:
        text = child.text
        if text.startswith("undo "):
            # A new rule or route stands before an old one goes; with the same number it cannot.
            rule = _number(text.removeprefix("undo "))
            if (rule and rule not in added) or text.startswith(("undo ip route-", "undo ipv6 route-")):
                return 9
            # The addresses go with it: whatever else is undone comes before.
            if text == "undo ipv6 enable":
                return 8
            # The first address goes when no other is left; a distinguisher takes its targets along.
            return 0 if text.endswith(" sub") or text.startswith("undo vpn-target ") else 1
        if _DENY.match(text):
            return 2 if _number(text) in gone else 0
        return 3

    return sorted(children, key=rank)


def _number(text: str) -> str:
    """The number of a list's rule; empty for anything else."""
    found = re.match(r"rule (\d+)\b", text)
    return found[1] if found else ""


def _is_setting(child: HConfigChild) -> bool:
    """Whether a line that begins like a view is a setting of the interface that it stands in."""
    return child.depth() > 1 and child.text.startswith(("ospf", "ospfv3"))
