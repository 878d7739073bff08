"""Addresses that nodes change in what passes (kind translation), as variables for the plays.

``translations(catalogue)`` gives each node that translates its variable ``govcloud_translation``:

- ``nat``: [{name, version (4 or 6), inside, outside, private (interfaces that look inside)}]: prefix for
  prefix, both ways. What comes in from elsewhere for ``outside`` goes to the address of the same place
  in ``inside``; what leaves ``inside`` for elsewhere carries that of ``outside``. Without interfaces that
  look inside (no private_network), addresses alone decide.
- ``nat64``: [{name, device, prefix (a /96), pool (IPv4), address4}]: RFC 6146 by TAYGA, which answers
  to ``address4``, the first address of the pool.
- ``ruleset``: the table ``inet govcloud_nat`` as text for ``nft -f``.
- ``announce``: prefixes of both that routing must bring to the node, sorted.

``Seen`` answers what the address of a machine is for those who look at it from a given node: filters,
names and probes need the address that is in the packets there. Whoever adds an entry of the kind (a merge
does) needs nothing else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ..errors import InputError, Problem
from ..model.catalogue import Catalogue
from ..model.lines import Translation
from ..model.network import Network
from .sides import members, on_linux, private_interfaces, quoted
from .wiring import IPNetwork, bare, parse_prefix

TABLE = "govcloud_nat"


@dataclass(frozen=True)
class Nat:
    """One translation at a built node, its prefixes read."""

    name: str
    node: str
    type: str
    inside: IPNetwork
    outside: IPNetwork
    private_network: str
    routers: frozenset[str]  # members of that network
    private: tuple[str, ...]  # interfaces of the node that look inside

    def out(self, address: str) -> str:
        """The outside address that stands for an inside one (type nat)."""
        return _shift(address, self.inside, self.outside)


def _shift(address: str, inside: IPNetwork, outside: IPNetwork) -> str:
    place = int(ipaddress.ip_address(address)) - int(inside.network_address)
    return str(type(outside.network_address)(int(outside.network_address) + place))


def read_translations(catalogue: Catalogue) -> list[Nat]:
    """The translations at built Linux nodes, by name. Raises ``InputError`` where one cannot be read."""
    out = []
    table = sorted(catalogue.all(Translation).items())
    if not table:
        return []
    able = set(on_linux(catalogue, (entry.node for _, entry in table)))
    for name, entry in table:
        if entry.node not in able:
            continue
        where = f"translation/{name}"
        inside, outside = parse_prefix(entry.inside, where), parse_prefix(entry.outside, where)
        if entry.type == "nat" and (inside.version, inside.prefixlen) != (outside.version, outside.prefixlen):
            raise InputError([Problem(f"{where}: {inside} and {outside} are not of the same length")])
        if entry.type == "nat64" and (inside.version, inside.prefixlen, outside.version) != (6, 96, 4):
            raise InputError([Problem(f"{where}: NAT64 takes a /96 of IPv6 inside and IPv4 outside")])
        routers = members(catalogue, entry.private_network)
        private = private_interfaces(catalogue, entry.node, entry.private_network, routers)
        out.append(
            Nat(
                name,
                entry.node,
                entry.type,
                inside,
                outside,
                entry.private_network,
                routers,
                tuple(private) if entry.private_network else (),
            )
        )
    return out


def translations(catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    """``govcloud_translation`` of each node that translates, by host. Raises ``InputError``."""
    by_node: dict[str, list[Nat]] = {}
    for one in read_translations(catalogue):
        by_node.setdefault(one.node, []).append(one)
    return {node: _variables(found) for node, found in sorted(by_node.items())}


def announced(found: list[Nat]) -> dict[str, list[IPNetwork]]:
    """The prefixes that routing must bring to each node: what is outside, and the /96 of NAT64."""
    out: dict[str, list[IPNetwork]] = {}
    for one in found:
        out.setdefault(one.node, []).append(one.outside)
        if one.type == "nat64":
            out[one.node].append(one.inside)
    return out


def _variables(found: list[Nat]) -> dict[str, Any]:
    nat = [
        {
            "name": one.name,
            "version": one.inside.version,
            "inside": str(one.inside),
            "outside": str(one.outside),
            "private": list(one.private),
        }
        for one in found
        if one.type == "nat"
    ]
    nat64 = [
        {
            "name": one.name,
            "device": f"nat64-{number}",
            "prefix": str(one.inside),
            "pool": str(one.outside),
            "address4": str(one.outside[1]),
        }
        for number, one in enumerate(one for one in found if one.type == "nat64")
    ]
    prefixes = [p for at in announced(found).values() for p in at]
    return {
        "nat": nat,
        "nat64": nat64,
        "ruleset": ruleset(nat),
        "announce": [str(p) for p in sorted(prefixes, key=lambda p: (p.version, p))],
    }


def ruleset(nat: list[dict[str, Any]]) -> str:
    """The table ``inet govcloud_nat`` for these translations, as nft lists it."""
    inwards, outwards = [], []
    for one in nat:
        family = "ip" if one["version"] == 4 else "ip6"
        inside, outside, about = one["inside"], one["outside"], f'comment "translation/{one["name"]}"'
        coming = leaving = ""
        if one["private"]:
            names = quoted(one["private"])
            coming, leaving = f"iifname != {names} ", f"iifname {names} oifname != {names} "
        inwards.append(
            f"{coming}{family} daddr {outside} "
            f"dnat {family} prefix to {family} daddr map {{ {outside} : {inside} }} {about}"
        )
        within = f"{family} saddr {inside}" + ("" if one["private"] else f" {family} daddr != {inside}")
        outwards.append(
            f"{leaving}{within} snat {family} prefix to {family} saddr map {{ {inside} : {outside} }} {about}"
        )
    lines = [f"table inet {TABLE} {{"]
    for chain, hook, rules in (("dstnat", "prerouting", inwards), ("srcnat", "postrouting", outwards)):
        lines.append(f"\tchain {chain} {{")
        lines.append(f"\t\ttype nat hook {hook} priority {chain}; policy accept;")
        lines += [f"\t\t{rule}" for rule in rules]
        lines.append("\t}")
    return "\n".join([*lines, "}", ""])


class Seen:
    """What the addresses of machines are, for those who look from somewhere else."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.found = read_translations(catalogue)

    def address(self, router: str, address: str, at: str) -> str:
        """The address in packets at node ``at``, of a machine behind ``router`` with this address.

        Inside, and at the node that translates, it is the machine's own; elsewhere what stands for it.
        """
        nat = self.nat_of(router, address, at)
        if nat is None or at in (nat.node, router) or at in nat.routers:
            return bare(address)
        return nat.out(bare(address))

    def nat_of(self, router: str, address: str, at: str = "") -> Nat | None:
        """The translation (type nat) that a machine behind this router is inside of.

        Of several, as a private network with two borders has, the one at node ``at``; else the first.
        """
        if not address:
            return None
        number = ipaddress.ip_address(bare(address))
        for one in sorted(self.found, key=lambda one: one.node != at):
            if one.type != "nat" or number not in one.inside:
                continue
            if router in one.routers or (not one.private_network and router == one.node):
                return one
            # A shared router that has an edge of the private network.
            if router == one.node and self._at_edge(one, number):
                return one
        return None

    def nat64_of(self, router: str) -> list[Nat]:
        """The NAT64s that are for machines behind this router: its private network's, and everybody's."""
        return [
            one
            for one in self.found
            if one.type == "nat64" and (not one.private_network or router in (*one.routers, one.node))
        ]

    def crossing(self, router: str, address: str, at: str, within: bool, side: Collection[str]) -> str:
        """The address at boundary node ``at``, on whose private side the routers ``side`` are.

        ``within``: the machine stands on that side. Packets are translated before they come to ``at``
        where the node that translates is on the machine's own side, and behind it where that is on the
        other.
        """
        nat = self.nat_of(router, address, at)
        if nat is None or nat.node == at or within != (nat.node in side):
            return bare(address)
        return nat.out(bare(address))

    def _at_edge(self, nat: Nat, number: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        for edge in self._catalogue.all(Network).values():
            if edge.gateway == nat.node and edge.interface in nat.private:
                prefixes = [parse_prefix(p, "network") for p in (edge.ipv4, edge.ipv6) if p]
                if any(number in p for p in prefixes):
                    return True
        return False


def embedded(prefix: IPNetwork, ipv4: str) -> str:
    """The IPv6 address that stands for an IPv4 one in a /96 (RFC 6052, section 2.2)."""
    return str(ipaddress.IPv6Address(int(prefix.network_address) + int(ipaddress.IPv4Address(ipv4))))
