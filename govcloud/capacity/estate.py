"""Servers that carry instances, with what is left of them, and instances with what they need: out of entries.

Amounts are whole numbers: vCPUs, MiB of memory, GiB of disk. What entries do not say bounds nothing: a server
whose disk is 0 has its disks elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ..model.application import Application
from ..model.catalogue import Catalogue
from ..model.cloud import Cloud, Flavor, Instance, Project
from ..model.datacentre import Rack, Room, Server
from ..model.recovery import Protection
from ..policy.hosting import UNBOUNDED, Placement, capacity_of

__all__ = ["UNBOUNDED", "Estate", "Group", "Host", "Item", "need_of"]
RESOURCES = ("vcpu", "memory", "disk")
# What two things that stay apart never share, from narrow to wide.
DOMAINS = ("server", "room", "site")


@dataclass(frozen=True)
class Host:
    """A server of a cloud. ``level``: graded protection of its pool, 0 where none was determined; ``total``:
    what it can give in all."""

    name: str
    cloud: str
    site: str
    room: str
    level: int
    total: tuple[int, ...]

    def within(self, domain: str) -> str:
        """The server, room or site that it is, or is in."""
        return {"server": self.name, "room": self.room, "site": self.site}[domain]


@dataclass(frozen=True)
class Group:
    """Instances of which no two share a server, a room or a site; ``why``: the entry that says so."""

    domain: str
    members: frozenset[str]
    why: str


@dataclass(frozen=True)
class Item:
    """What stands on one server: an instance, or several that stand together (``names``). ``level``,
    ``least``: the highest and the lowest of their levels of graded protection."""

    names: tuple[str, ...]
    cloud: str
    need: tuple[int, ...]
    level: int
    least: int

    @property
    def name(self) -> str:
        """The first of its instances, by name."""
        return self.names[0]


@dataclass
class Estate:
    """All of it: hosts by name, items that wait for a server, what stands where."""

    hosts: dict[str, Host] = field(default_factory=dict)
    free: dict[str, list[int]] = field(default_factory=dict)
    standing: dict[str, str] = field(default_factory=dict)
    carries: dict[str, set[str]] = field(default_factory=dict)
    waiting: list[Item] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    apart: dict[str, list[Group]] = field(default_factory=dict)
    mates: dict[str, frozenset[str]] = field(default_factory=dict)
    # Sites of instances that stand on no server that is known: those of their clouds.
    sited: dict[str, str] = field(default_factory=dict)
    # Of each instance by itself: what it needs, and its level of graded protection.
    needs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)
    # Servers that instances which wait say themselves: there and nowhere else.
    given: dict[str, str] = field(default_factory=dict)
    own_pool_from: int = 4

    @classmethod
    def of(cls, catalogue: Catalogue, numbers: Placement, only: Iterable[str] | None = None) -> Estate:
        """``only``: these wait, those that say a server for just that one; else all without a server, in
        clouds that have servers."""
        made = cls(own_pool_from=numbers.own_pool_from)
        made._hosts(catalogue, numbers)
        instances = {n: i for n, i in catalogue.all(Instance).items() if i.status != "retired"}
        made._apart(catalogue, instances)
        made.needs = needs = {name: need_of(catalogue, instance) for name, instance in instances.items()}
        made.levels = {name: _level(catalogue, instance) for name, instance in instances.items()}
        wanted = instances.keys() if only is None else set(only)
        if only is not None:
            made.given = {n: i.server for n, i in instances.items() if n in wanted and i.server in made.hosts}
        for name, instance in instances.items():
            if instance.server in made.hosts and name not in made.given:
                made.stand((name,), needs[name], instance.server)
        clouds = {host.cloud for host in made.hosts.values()}
        for name, instance in instances.items():
            cloud = catalogue.get(Project, instance.project).cloud
            if cloud not in clouds:
                made.sited[name] = catalogue.get(Cloud, cloud).site
        asked = {n: i for n, i in instances.items() if n in wanted and (not i.server or n in made.given)}
        for names in made._together(asked, instances):
            first = instances[names[0]]
            cloud = catalogue.get(Project, first.project).cloud
            if cloud in clouds or only is not None:
                made.waiting.append(made.item(names, cloud))
        return made

    def item(self, names: tuple[str, ...], cloud: str) -> Item:
        """Instances that wait, as one."""
        need = tuple(map(sum, zip(*(self.needs[name] for name in names), strict=True)))
        levels = [self.levels[name] for name in names]
        return Item(names, cloud, need, max(levels), min(levels))

    def copy(self) -> Estate:
        """One on which something can be tried."""
        return replace(
            self,
            free={name: list(free) for name, free in self.free.items()},
            standing=dict(self.standing),
            carries={name: set(those) for name, those in self.carries.items()},
        )

    def _hosts(self, catalogue: Catalogue, numbers: Placement) -> None:
        clouds = catalogue.all(Cloud)
        for name, server in sorted(catalogue.all(Server).items()):
            if not server.cloud or server.status not in ("running", "rebuilding"):
                continue
            rack = catalogue.get(Rack, server.rack)
            room = catalogue.get(Room, rack.room)
            # What is declared for no pool is common: it carries all that needs no pool of its own.
            level = server.pool or min(clouds[server.cloud].mlps, numbers.own_pool_from - 1)
            total = capacity_of(server, numbers)
            self.hosts[name] = Host(name, server.cloud, room.site, rack.room, level, total)
            self.free[name] = list(total)
            self.carries[name] = set()

    def _apart(self, catalogue: Catalogue, instances: Mapping[str, Instance]) -> None:
        spread: dict[str, set[str]] = {}
        for name, instance in instances.items():
            for other in instance.apart_from:
                if other in instances and other != name:
                    self._group("server", {name, other}, f"instance/{name}")
            if instance.application:
                spread.setdefault(instance.application, set()).add(name)
        for application, members in sorted(spread.items()):
            word = catalogue.get(Application, application).spread
            if word != "any" and len(members) > 1:
                self._group(word, members, f"application/{application}")
        for name, protection in sorted(catalogue.all(Protection).items()):
            pair = {protection.primary, protection.standby}
            if len(pair) == 2 and pair <= instances.keys():
                self._group("site", pair, f"protection/{name}")

    def _group(self, domain: str, members: set[str], why: str) -> None:
        group = Group(domain, frozenset(members), why)
        self.groups.append(group)
        for member in sorted(members):
            self.apart.setdefault(member, []).append(group)

    def _together(
        self, asked: Mapping[str, Instance], instances: Mapping[str, Instance]
    ) -> Iterator[tuple[str, ...]]:
        """What stands together of those that are asked for; ``mates``: everybody with whom one stands."""
        linked: dict[str, set[str]] = {}
        for name, instance in instances.items():
            for other in instance.together_with:
                if other in instances and other != name:
                    linked.setdefault(name, set()).add(other)
                    linked.setdefault(other, set()).add(name)
        seen: set[str] = set()
        for name in sorted(asked.keys() | linked.keys()):
            if name in seen:
                continue
            part, front = {name}, [name]
            while front:
                more = linked.get(front.pop(), set()) - part
                part |= more
                front += more
            if len(part) > 1:
                self.mates |= dict.fromkeys(part, frozenset(part))
            seen |= part
            if part & asked.keys():
                yield tuple(sorted(part & asked.keys()))

    # -- what stands where ----------------------------------------------------------------------

    def stand(self, names: Iterable[str], need: Iterable[int], host: str) -> None:
        """Let instances stand on a server, whether or not there is room."""
        for name in names:
            self.standing[name] = host
            self.carries[host].add(name)
        free = self.free[host]
        for row, much in enumerate(need):
            free[row] -= much

    def admits(self, host: Host, item: Item) -> bool:
        """Whether an item's cloud and level of protection go with a server's pool."""
        if host.cloud != item.cloud:
            return False
        own = item.level >= self.own_pool_from
        # Whoever is below it stands in no such pool, with whomever it must stand.
        if own != (item.least >= self.own_pool_from) or own != (host.level >= self.own_pool_from):
            return False
        return not host.level or item.level <= host.level

    def roomy(self, host: Host, item: Item) -> bool:
        """Whether there is room for it."""
        return all(much <= room for much, room in zip(item.need, self.free[host.name], strict=True))

    def clashing(self, host: Host, item: Item) -> Group | None:
        """The group that keeps an item off a server: somebody of it is there (or in its room, its site), or
        two of it would stand together."""
        for name in item.names:
            for group in self.apart.get(name, ()):
                if len(item.names) > 1 and len(group.members.intersection(item.names)) > 1:
                    return group
                place = host.within(group.domain)
                for other in group.members:
                    if other != name and self.place_of(other, group.domain) == place:
                        return group
        return None

    def place_of(self, instance: str, domain: str) -> str:
        """The server, room or site where an instance stands; empty where that is not known."""
        host = self.standing.get(instance)
        if host is not None:
            return self.hosts[host].within(domain)
        return self.sited.get(instance, "") if domain == "site" else ""

    def bound_to(self, item: Item) -> set[str]:
        """Servers that it says itself, and on which somebody stands with whom it must stand."""
        given = {self.given[name] for name in item.names if name in self.given} if self.given else set()
        if not self.mates:
            return given
        mates = {mate for name in item.names for mate in self.mates.get(name, ())}
        return given | {self.standing[mate] for mate in mates if mate in self.standing}


def need_of(catalogue: Catalogue, instance: Instance) -> tuple[int, ...]:
    """What an instance takes of a server: vCPUs, MiB, GiB of its root disk."""
    flavor = catalogue.get(Flavor, instance.flavor)
    return flavor.vcpus, flavor.memory_mib, flavor.disk_gib


def _level(catalogue: Catalogue, instance: Instance) -> int:
    return catalogue.get(Application, instance.application).mlps if instance.application else 0
