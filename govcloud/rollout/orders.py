"""What has to be measured for each check of a member, from where: plain orders for ``run.readiness``."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import msgspec

from ..model.application import Endpoint
from ..model.catalogue import Catalogue
from ..model.cloud import Instance
from ..model.datacentre import Server
from ..model.lines import PrivateNetwork
from ..model.network import DnsZone, Network, Node, Zone
from ..plan.dns64 import Dns64
from ..plan.hosts import service_name
from ..plan.sides import members as routers_of
from ..plan.tls import shown
from ..plan.wiring import (
    EDGE_INTERFACE,
    bare,
    built_instances,
    built_nodes,
    built_servers,
    gateway_address,
    wires,
)
from ..run.ipv6policy import Ipv6Policy
from ..run.reach import ROOT
from .members import Member

# Where the routing daemons of a node listen (playbooks: govcloud_frr_folder).
DAEMONS = f"{ROOT}/frr"


# (source, kind, args), or why there is nothing to measure; one that begins with "ok: " is good all the same.
_Said = tuple[str, str, dict[str, Any]] | str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement in one host, for one check of one member. ``name`` is unique; as ``run.readiness``."""

    name: str
    member: str
    check: str
    source: str
    kind: str
    tries: int
    args: dict[str, Any]


class Unmeasurable(msgspec.Struct, frozen=True, kw_only=True):
    """A check that can be judged without measuring: ``ok`` is what it comes to, ``why`` says so."""

    member: str
    check: str
    ok: bool
    why: str


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """The hosts that measure: machines of the scope with IPv6, and one host outside it."""

    inside: tuple[str, ...]
    outside: str = ""

    def but(self, host: str) -> tuple[str, ...]:
        """All of them but one: nobody measures itself."""
        return tuple(one for one in (*self.inside, self.outside) if one and one != host)


def sources(catalogue: Catalogue, members: Collection[str], there: Collection[str], most: int) -> Sources:
    """Choose who measures. ``members``: of the rollout, as ``kind/name``; ``there``: hosts that run.

    Inside up to ``most`` machines with IPv6, of as many networks as there are, first those that serve
    nothing. Outside a machine, else a router. Private networks have no part in it.
    """
    machines: dict[str, Server | Instance] = {**built_servers(catalogue), **built_instances(catalogue)}
    private = {name for name, zone in catalogue.all(Zone).items() if zone.role == "private"}
    nodes = built_nodes(catalogue)
    networks = catalogue.all(Network)

    def usable(name: str) -> bool:
        machine = machines[name]
        if name not in there or not machine.ipv6 or not machine.network:
            return False
        network = networks[machine.network]
        return bool(network.ipv6) and catalogue.get(Node, network.gateway).zone not in private

    serving = {endpoint.instance for endpoint in catalogue.all(Endpoint).values()}
    serving |= {server for zone in catalogue.all(DnsZone).values() for server in zone.servers}

    def ranked(names: Iterable[str]) -> list[str]:
        # One of each network before a second of any; who has both versions of IP can compare them.
        seen: dict[str, int] = {}
        out = []
        for name in sorted(names, key=lambda n: (n in serving, not machines[n].ipv4, n)):
            number = seen[machines[name].network] = seen.get(machines[name].network, -1) + 1
            out.append((name in serving, number, not machines[name].ipv4, name))
        return [name for *_, name in sorted(out)]

    able = [name for name in machines if usable(name)]
    inside = [name for name in able if f"{machines[name].KIND}/{name}" in members]
    outside = ranked(set(able) - set(inside))
    routers = sorted(
        name
        for name, node in nodes.items()
        if f"node/{name}" not in members and node.loopback6 and name in there and node.zone not in private
    )
    return Sources(inside=tuple(ranked(inside)[:most]), outside=next(iter([*outside, *routers]), ""))


class Orders:
    """Works out the orders of a catalogue's members. ``routing``: what the routers run."""

    def __init__(
        self,
        catalogue: Catalogue,
        by: Sources,
        numbers: Ipv6Policy,
        *,
        there: Collection[str],
        routing: Literal["ospf", "static"],
    ) -> None:
        self._catalogue, self._by, self._numbers = catalogue, by, numbers
        self._there, self._routing = there, routing

    def of(self, members: Iterable[Member]) -> tuple[list[Order], list[Unmeasurable]]:
        """Orders of the members' checks, member by member, and the checks that need none."""
        orders: list[Order] = []
        judged: list[Unmeasurable] = []
        for member in members:
            for check in member.checks:
                found = list(self._check(member, check))
                for number, one in enumerate(found):
                    if isinstance(one, str):
                        judged.append(_unmeasurable(member, check, one))
                    else:
                        source, kind, args = one
                        orders.append(
                            Order(
                                name=f"{member.subject} {check} {source} {number}",
                                member=member.subject,
                                check=check,
                                source=source,
                                kind=kind,
                                tries=self._numbers.tries,
                                args=args,
                            )
                        )
        return orders, judged

    def _check(self, member: Member, check: str) -> Iterator[_Said]:
        match member.kind:
            case "node":
                yield from self._node(member.name)
            case "link":
                yield from self._link(member.name, check)
            case "network":
                yield from self._network(member.name)
            case "server" | "instance":
                yield from self._machine(member, check)
            case "dns_zone":
                yield from self._zone(member.name)
            case "endpoint":
                yield from self._endpoint(member.name, check)

    def _node(self, name: str) -> Iterator[_Said]:
        node = self._catalogue.get(Node, name)
        if not node.loopback6:
            yield "it has no IPv6 address of its own"
            return
        yield from self._from(self._by.but(name), "ping", {"address": bare(node.loopback6)})

    def _link(self, name: str, check: str) -> Iterator[_Said]:
        wire = self._wires.get(name)
        if wire is None:
            yield "one of its ends is not built"
        elif not wire.ipv6:
            yield "it has no IPv6 prefix"
        elif check == "reach":
            for near, far in ((wire.a, wire.b), (wire.b, wire.a)):
                yield from self._from([near.node], "ping", {"address": far.address(6)})
        elif self._routing == "static":
            yield "ok: the routes are static, so there are no neighbours to have"
        else:
            for end in (wire.a, wire.b):
                args = {"interface": end.interface, "folder": DAEMONS}
                yield from self._from([end.node], "neighbour", args)

    def _network(self, name: str) -> Iterator[_Said]:
        network = self._catalogue.get(Network, name)
        if not network.ipv6:
            yield "it has no IPv6 prefix"
            return
        # From a machine in it, which proves that one in it has an address and a way out.
        ours = [host for host in self._machines if self._machines[host].network == name]
        ours = [host for host in ours if self._machines[host].ipv6 and host in self._there]
        gateway = {"address": bare(gateway_address(network, 6, name))}
        yield from self._from(ours[:1] or self._by.but(network.gateway), "ping", gateway)

    def _machine(self, member: Member, check: str) -> Iterator[_Said]:
        machine, name = self._machines.get(member.name), member.name
        if machine is None:
            yield "it is not built"
        elif not machine.ipv6:
            yield "it has no IPv6 address"
        elif check == "reach":
            mine = {"interface": EDGE_INTERFACE, "address": bare(machine.ipv6)}
            yield from self._from([name], "address", mine)
            yield from self._from(self._by.but(name), "ping", {"address": bare(machine.ipv6)})
        elif check == "aaaa":
            yield from self._host_name(self._by.but(""), name, bare(machine.ipv6))
        elif check == "answer":
            for zone in self._catalogue.all(DnsZone).values():
                if name in zone.servers:
                    args = {"address": bare(machine.ipv6), "domain": zone.domain}
                    yield from self._from(self._by.but(name), "answer", args)
        else:
            yield from self._without4(name, machine, check)

    def _without4(self, name: str, machine: Server | Instance, check: str) -> Iterator[_Said]:
        """What a machine without IPv4 has to show: NAT64 and DNS64, to something that has IPv4 alone."""
        network = self._catalogue.get(Network, machine.network) if machine.network else None
        nat64 = self._dns64.in_force(network.gateway) if network else None
        old = {
            host: bare(m.ipv4)
            for host, m in self._machines.items()
            if m.ipv4 and not m.ipv6 and self._home(m) in ("", self._home(machine))
        }
        if check == "nat64":
            yield from self._from([name], "without4", {"interface": EDGE_INTERFACE})
        if not old:
            yield "ok: nothing has IPv4 alone any more"
            return
        if nat64 is None:
            yield f"there is no NAT64, and {len(old)} machines have IPv4 alone, such as {min(old)}"
            return
        # One in no private network before others: all see it by its own address.
        host = min(old, key=lambda name: (self._home(self._machines[name]), name))
        there = synthesised(str(nat64.inside), old[host])
        if check == "nat64":
            yield from self._from([name], "ping", {"address": there})
            return
        asked = [{"name": by, "v6": at, "v4": ""} for at, by in self._dns64.asked_by(machine).items()]
        if asked:
            yield from self._host_name([name], host, there, asked)
        elif machine.ipv4:
            yield "the ledger has an IPv4 address for it, so it asks the ordinary name servers"
        else:
            yield "no name server makes up records for it (`dns64` of a dns_zone)"

    def _home(self, machine: Server | Instance) -> str:
        """The private network that a machine is in: others see it by other addresses, or not at all."""
        gateway = self._catalogue.get(Network, machine.network).gateway if machine.network else ""
        return self._private.get(gateway, "")

    def _host_name(
        self, by: Sequence[str], host: str, expect: str, servers: list[dict[str, str]] | None = None
    ) -> Iterator[_Said]:
        """The AAAA record of a host, which is in the first zone under its own name; by all name servers."""
        zones = sorted(self._catalogue.all(DnsZone).items())
        if not zones:
            yield "there is no domain"
            return
        args = self._names(f"{host}.{zones[0][1].domain}", [expect])
        yield from self._from(by, "aaaa", args | ({"servers": servers} if servers else {}))

    def _zone(self, name: str) -> Iterator[_Said]:
        zones = self._catalogue.all(DnsZone)
        domain = zones[name].domain
        first = sorted(zones.items())[0][1].domain
        above = [zone for zone in zones.values() if domain.endswith(f".{zone.domain}")]
        parent = max(above, key=lambda zone: len(zone.domain), default=None)
        servers = [one | {"fqdn": f"{one['name']}.{first}"} for one in self._servers(zones[name])]
        args = {
            "domain": domain,
            "servers": servers,
            "parent": parent.domain if parent else "",
            "parents": self._servers(parent) if parent else [],
        }
        yield from self._from(self._by.but(""), "delegation", args)

    def _endpoint(self, name: str, check: str) -> Iterator[_Said]:
        endpoint = self._catalogue.get(Endpoint, name)
        machine = self._machines.get(endpoint.instance)
        if machine is None:
            yield f"{endpoint.instance}, which serves it, is not built"
            return
        if not machine.ipv6:
            yield f"{endpoint.instance}, which serves it, has no IPv6 address"
            return
        fqdn, at = service_name(endpoint, self._catalogue), bare(machine.ipv6)
        numbers = self._numbers
        certificate = shown(self._catalogue, endpoint)
        asked = {"port": endpoint.port, **({"chain": certificate.chain} if certificate else {})}
        service = {"address": at, "host": fqdn, **asked}
        more: Mapping[str, tuple[str, dict[str, Any]]] = {
            "aaaa": ("aaaa", self._names(fqdn, [at])),
            "tcp": ("tcp", service),
            "http": ("http", self._names(fqdn, [at]) | asked),
            "success": ("success", service),
            "content": ("content", service | {"may_differ": list(numbers.headers_may_differ)}),
            "delay": (
                "delay",
                service | {"ratio": numbers.delay_ratio, "floor_ms": numbers.delay_floor_ms},
            ),
            "links": (
                "links",
                service
                | {"servers": self._servers(), "depth": numbers.link_depth, "most": numbers.links_most},
            ),
        }
        if check not in more:
            yield f"nothing measures `{check}` of a service"
            return
        kind, args = more[check]
        by = self._by.but(endpoint.instance)
        if check in ("content", "delay"):
            for source in by:
                yield from self._from([source], kind, args | {"address4": self._old(source, machine)})
            if not by:
                yield from self._from([], kind, args)
            return
        yield from self._from(by, kind, args)

    # -- what they are made of ------------------------------------------------------------------------

    def _old(self, source: str, machine: Server | Instance) -> str:
        """The IPv4 address to compare with; empty where the source or the machine has none."""
        mine = self._machines.get(source)
        both = mine is None or mine.ipv4
        return bare(machine.ipv4) if both else ""

    def _from(self, hosts: Sequence[str], kind: str, args: dict[str, Any]) -> Iterator[_Said]:
        there = [host for host in hosts if host in self._there]
        if not there:
            named = f": {', '.join(hosts)} does not run" if hosts else ""
            yield f"nobody with IPv6 can measure it{named}"
        for host in there:
            yield host, kind, args

    def _names(self, fqdn: str, expect: list[str]) -> dict[str, Any]:
        return {"fqdn": fqdn, "expect": expect, "servers": self._servers()}

    def _servers(self, zone: DnsZone | None = None) -> list[dict[str, str]]:
        """Name servers that are built: of one zone, or of all."""
        zones = [zone] if zone else [z for _, z in sorted(self._catalogue.all(DnsZone).items())]
        built = built_servers(self._catalogue)
        names = list(dict.fromkeys(s for one in zones for s in one.servers if s in built))
        return [{"name": n, "v6": bare(built[n].ipv6), "v4": bare(built[n].ipv4)} for n in names]

    @cached_property
    def _dns64(self) -> Dns64:
        return Dns64(self._catalogue)

    @cached_property
    def _private(self) -> dict[str, str]:
        """The private network that a router is of."""
        table = self._catalogue.all(PrivateNetwork)
        return {node: name for name in table for node in routers_of(self._catalogue, name)}

    @cached_property
    def _machines(self) -> dict[str, Server | Instance]:
        return {**built_servers(self._catalogue), **built_instances(self._catalogue)}

    @cached_property
    def _wires(self) -> dict[str, Any]:
        return {wire.name: wire for wire in wires(self._catalogue)}


def synthesised(prefix: str, ipv4: str) -> str:
    """The IPv6 address that stands for an IPv4 address behind a NAT64 prefix of 96 bits (RFC 6052, 2.2)."""
    return str(ipaddress.IPv6Network(prefix)[int(ipaddress.IPv4Address(ipv4))])


def _unmeasurable(member: Member, check: str, why: str) -> Unmeasurable:
    ok = why.startswith("ok: ")
    return Unmeasurable(member=member.subject, check=check, ok=ok, why=why.removeprefix("ok: "))
