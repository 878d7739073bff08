"""Which hosts a member lives on, and which members a run has brought to their hosts and which not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ..ledger import building
from ..ledger.connection import Connection
from ..model.application import Endpoint
from ..model.catalogue import Catalogue
from ..model.network import DnsZone, Link, Network
from ..plan.stacking import host_digests
from ..plan.stages import Plan, Play


def hosts_of(catalogue: Catalogue, subject: str) -> tuple[str, ...]:
    """The hosts whose configuration says that a member has IPv6: both ends of a link, a network's gateway.

    A name is on the servers of its zone.
    """
    kind, _, name = subject.partition("/")
    if kind == "link":
        link = catalogue.get(Link, name)
        return (link.a, link.b)
    if kind == "network":
        return (catalogue.get(Network, name).gateway,)
    if kind == "dns_zone":
        return tuple(catalogue.get(DnsZone, name).servers)
    if kind == "endpoint":
        endpoint = catalogue.get(Endpoint, name)
        return (endpoint.instance, *catalogue.get(DnsZone, endpoint.dns_zone).servers)
    return (name,)


class Reached(msgspec.Struct, frozen=True):
    """Members whose hosts are all configured, and the others with the hosts that are not.

    ``others``: hosts of nobody in the wave that the plan did not get done, such as who only asks its names.
    """

    done: tuple[str, ...]
    not_done: Mapping[str, tuple[str, ...]]
    others: tuple[str, ...] = ()


def reached(connection: Connection, catalogue: Catalogue, plan: Plan, members: Iterable[str]) -> Reached:
    """Which members have all that a plan was to bring them. Hosts that it has no play for need none."""
    wanted: dict[str, str] = {}
    for stage in plan.stages:
        if isinstance(stage, Play):
            wanted |= stage.inputs
    has = host_digests(wanted, building.all_applied(connection))
    left = {host for host, digest in wanted.items() if has[host] != digest}
    done, not_done = [], dict[str, tuple[str, ...]]()
    for subject in members:
        mine = tuple(dict.fromkeys(host for host in hosts_of(catalogue, subject) if host in left))
        if mine:
            not_done[subject] = mine
        else:
            done.append(subject)
    others = left.difference(*not_done.values())
    return Reached(tuple(done), not_done, tuple(sorted(others)))
