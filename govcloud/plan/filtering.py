"""What border nodes filter and translate, as variables for the plays: pure over the catalogue.

``filtering`` adds to the variables of hosts:

- ``govcloud_boundary``: ``boundaries`` (names of those that the node stands on) and ``ruleset``, the table
  ``inet govcloud`` as text for ``nft -f`` (see ``boundaries`` for what may cross).
- ``govcloud_translation`` (see ``translating``): what a node translates. Its prefixes go into the node's
  ``govcloud_routing`` too, so that the others learn the way there.

The table filters what passes between the interfaces towards a private network and all others, whatever these
are called: an interface that nobody knows of is outside. Answers pass where what they answer may. Of ICMP
errors those pass that belong to a connection (RFC 4890, section 4.3: too big, unreachable, time exceeded,
parameter problem). To the node itself the private side may send what routers and neighbours say to each other
(section 4.4: neighbour discovery, multicast listeners, OSPF where it runs), echo requests, and answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from .. import system
from ..errors import Problem
from ..model.catalogue import Catalogue
from ..model.lines import Boundary, PrivateNetwork, Translation
from ..model.network import Node
from ..model.policy import Target
from .boundaries import Ground, Post, Rule
from .sides import on_linux, quoted
from .translating import translations

TABLE = "govcloud"
# The kernel keeps 128 bytes for a comment, one of them a zero.
COMMENT_BYTES = 127
OSPF = 89  # its number as a protocol over IP (RFC 2328, appendix A.1)
ANSWERS = "ct state established ct direction reply"
ERRORS = "ct state related meta l4proto { icmp, ipv6-icmp } counter return"
# Neighbours are one hop away, and nobody from further off can pretend to be one (RFC 4861, section 7.1).
NEIGHBOURS = (
    "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } "
    "ip6 hoplimit 255 counter return"
)
LISTENERS = (
    "icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } "
    "counter return"
)


def filtering(catalogue: Catalogue, hosts: Mapping[str, MutableMapping[str, Any]]) -> None:
    """Add to the variables of each host what it filters and translates.

    ``hosts``: variables by host; routers have their ``govcloud_routing`` already. Raises ``InputError``
    where a translation cannot be read.
    """
    for name, found in translations(catalogue).items():
        hosts[name]["govcloud_translation"] = found
        _announce(hosts[name]["govcloud_routing"], found)
    for name, posts in posts_by_node(catalogue).items():
        hosts[name]["govcloud_boundary"] = {
            "boundaries": [post.boundary for post in posts if post.boundary],
            "ruleset": ruleset(posts, _routed(hosts[name]["govcloud_routing"])),
        }


def posts_by_node(catalogue: Catalogue) -> dict[str, list[Post]]:
    """What each border node lets pass, by node, its private networks in the order of their names.

    Who has links out of a private network that no boundary stands on lets nothing pass there.
    """
    return Ground(catalogue).posts if catalogue.all(PrivateNetwork) else {}


def _announce(routing: MutableMapping[str, Any], found: Mapping[str, Any]) -> None:
    """Have a routing daemon tell of a node's translations; ``routes`` works static routes out with them.

    A daemon tells only of prefixes to which there is a route. To the prefixes of NAT64 there is one by its
    device; what is for another prefix is translated before a route is looked for, so its may lead nowhere.
    """
    if routing["backend"] != "ospf":
        return
    border = routing.setdefault("border", {"exports": [], "default": False})
    border["exports"] = [*border["exports"], *(p for p in found["announce"] if p not in border["exports"])]
    there = {route["prefix"] for route in routing["static"]}
    held = dict.fromkeys(one["outside"] for one in found["nat"] if one["outside"] not in there)
    routing["static"] = [*routing["static"], *({"prefix": p, "via": "blackhole"} for p in held)]


def _routed(routing: Mapping[str, Any]) -> set[str]:
    """Interfaces on which a routing daemon talks to neighbours."""
    return {i["name"] for i in routing.get("interfaces", ()) if not i["passive"]}


def ruleset(posts: Iterable[Post], routed: Collection[str]) -> str:
    """The table ``inet govcloud`` of one node. ``routed``: interfaces on which OSPF has neighbours."""
    posts = list(posts)
    forward, to_itself, chains = [], [], []
    for post in posts:
        name = post.private_network
        if not post.boundary:
            ends = quoted(post.interfaces)
            forward += [f"iifname {ends} counter drop", f"oifname {ends} counter drop"]
            # Who looks after the private network's own router comes from outside.
            to_itself += [] if post.outward else [f"iifname {ends} jump self-{name}"]
        elif post.interfaces:
            private = quoted(post.interfaces)
            forward.append(f"iifname {private} oifname != {private} jump out-{name}")
            forward.append(f"iifname != {private} oifname {private} jump in-{name}")
            to_itself.append(f"iifname {private} jump self-{name}")
        for direction in ("out", "in") if post.boundary else ():
            chains.append((f"{direction}-{name}", list(_crossing(post.rules, direction))))
        if not post.outward:
            speaking = sorted(set(post.interfaces) & set(routed))
            chains.append((f"self-{name}", list(_to_itself(speaking))))
    lines = [f"table inet {TABLE} {{"]
    lines += _chain("forward", ["type filter hook forward priority filter; policy accept;", *forward])
    lines += _chain("input", ["type filter hook input priority filter; policy accept;", *to_itself])
    for chain, said in chains:
        lines += _chain(chain, said)
    return "\n".join([*lines, "}", ""])


def _chain(name: str, rules: Iterable[str]) -> list[str]:
    return [f"\tchain {name} {{", *(f"\t\t{rule}" for rule in rules), "\t}"]


def _crossing(rules: Mapping[Rule, list[str]], direction: str) -> Iterator[str]:
    """The chain of one direction: what returns passes here, and is still to pass other boundaries."""
    if rules:
        yield "ct state invalid counter drop"
        yield ERRORS
    for rule, flows in rules.items():
        # What answers is held to its rule too: a flow that is no longer declared ends at once, both ways,
        # whatever was begun of it.
        said = match(rule) if rule.direction == direction else f"{ANSWERS} {match(rule, answers=True)}"
        yield f'{said} counter return comment "{_comment(flows)}"'
    yield "counter drop"


def _to_itself(routed: Collection[str]) -> Iterator[str]:
    yield f"{ANSWERS} counter return"
    yield ERRORS
    if routed:
        yield f"iifname {quoted(routed)} meta l4proto {OSPF} counter return"
    yield NEIGHBOURS
    yield LISTENERS
    yield "icmp type echo-request counter return"
    yield "icmpv6 type echo-request counter return"
    yield "counter drop"


def match(rule: Rule, *, answers: bool = False) -> str:
    """A rule, or what answers it, as nft reads it, without what becomes of the packet."""
    family = "ip" if rule.version == 4 else "ip6"
    source, destination = (rule.destination, rule.source) if answers else (rule.source, rule.destination)
    ends = f"{family} saddr {source} {family} daddr {destination}"
    if rule.protocol == "echo":
        what = "echo-reply" if answers else "echo-request"
        return f"{ends} {'icmp' if rule.version == 4 else 'icmpv6'} type {what}"
    return f"{ends} {rule.protocol} {'sport' if answers else 'dport'} {rule.port}"


def _comment(flows: Iterable[str]) -> str:
    text = ", ".join(f"flow/{name}" for name in flows)
    if len(text.encode()) > COMMENT_BYTES:
        text = text.encode()[: COMMENT_BYTES - 3].decode(errors="ignore") + "…"
    return text


def tools_missing(catalogue: Catalogue) -> list[Problem]:
    """What this machine lacks to keep boundaries and translate in a lab, one fault for each program."""
    labs = {name for name, target in catalogue.all(Target).items() if target.driver == "lab"}
    wanted: dict[str, str] = {}
    users = [(f"boundary/{n}", "nft", b.nodes) for n, b in sorted(catalogue.all(Boundary).items())]
    closed = Ground(catalogue).closed_posts if catalogue.all(PrivateNetwork) else []
    users += [(post.title, "nft", [post.node]) for post in closed]
    for name, entry in sorted(catalogue.all(Translation).items()):
        users.append((f"translation/{name}", "nft", [entry.node]))
        users += [(f"translation/{name}", "tayga", [entry.node])] if entry.type == "nat64" else []
    for user, program, nodes in users:
        if any(catalogue.get(Node, node).target in labs for node in on_linux(catalogue, nodes)):
            wanted.setdefault(program, user)
    out = []
    for program, user in wanted.items():
        if system.which(program) is None:
            tools = [tool for tool in system.TOOLS if tool.command == program]
            out.append(
                Problem(f"{user} needs `{program}`, which is not on this machine", hint=system.cure(tools))
            )
    return out
