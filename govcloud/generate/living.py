"""What lives on the ground: applications, what they need, and the machines of the city clouds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from .here import TRUE, Here, Row, Table, dotted, number, said
from .sharing import share_out

# What a system of each type is called; of the others, 系统.
_WORDS = {
    "business": "业务系统",
    "office": "办公系统",
    "approval": "审批系统",
    "supervision": "监管系统",
    "service_platform": "服务平台",
    "portal": "门户网站",
    "data_platform": "数据平台",
    "database": "数据库",
    "monitoring": "监测系统",
    "emergency": "应急系统",
    "mail": "邮箱系统",
    "security": "安全系统",
}


class Homes:
    """Where the applications of a place are at home: on the city's cloud, or at their unit's site."""

    def __init__(self, here: Here) -> None:
        totals, laws = here.totals, here.spec.laws
        random = here.random("homes")
        bounds = list(accumulate(laws.unit_applications.draw(random) + 1e-3 for _ in range(totals.units)))
        last = totals.units - 1
        self.units = [
            min(last, bisect_right(bounds, random.random() * bounds[-1])) for _ in range(totals.applications)
        ]
        # The applications of each project of the city's cloud. Its units are those of the projects.
        self.of_project: list[list[int]] = [[] for _ in totals.projects]
        self.hosted: dict[int, int] = {}
        if totals.projects:
            for k, n in enumerate(sorted(random.sample(range(totals.applications), totals.hosted))):
                project = k % len(totals.projects)
                self.units[n] = project % totals.units
                self.hosted[n] = project
                self.of_project[project].append(n)
        self.at_site: dict[int, list[int]] = {}
        for n, unit in enumerate(self.units):
            if n not in self.hosted:
                self.at_site.setdefault(unit % totals.sites, []).append(n)


def tables(here: Here, homes: Homes) -> Iterator[Table]:
    """The tables of a place, each entry after those that it refers to."""
    what = ("unit", "status", "type", "field", "scope", "levels", "mlps", "classified", "important")
    where = ("zones", "cloud", "site", "exchanges", "opened_on", "user_count", "yearly_yuan")
    if here.totals.projects:
        yield Table("cloud", ("site", "unit", "role", "zone"), _clouds(here))
        yield Table("dns_zone", ("domain", "servers"), _dns_zones(here))
        yield Table("project", ("cloud", "unit"), _projects(here))
    yield Table("application", (*what, *where), _applications(here, homes))
    yield Table("dependency", ("application", "needs", "strength", "exchange"), _dependencies(here))
    if here.totals.projects:
        flavors = _flavors(here)
        most = ("project", "instances", "vcpus", "memory_mib", "disk_gib")
        yield Table("quota", most, _quotas(here, flavors))
        placed = ("project", "flavor", "image", "network", "ipv4", "ipv6", "application", "server", "status")
        used = ("cpu_percent", "memory_percent", "checked_on")
        yield Table("instance", (*placed, *used), _instances(here, homes, flavors))
        yield Table("volume", ("project", "instance", "size_gib", "used_percent"), _volumes(here))
        yield Table("endpoint", ("application", "instance", "dns_zone", "host"), _endpoints(here, homes))


def shared(here: Here) -> Iterator[Table]:
    """Flavors and images, which every cloud has."""
    flavors, images = here.spec.flavors, here.spec.images
    sizes = ((n, f"规格{n}", f.vcpus, f.memory_mib, f.disk_gib) for n, f in flavors.items())
    yield Table("flavor", ("vcpus", "memory_mib", "disk_gib"), sizes)
    yield Table("image", ("os", "version"), ((n, f"镜像{n}", i.os, i.version) for n, i in images.items()))


def _applications(here: Here, homes: Homes) -> Iterator[Row]:
    spec, laws, random = here.spec, here.spec.laws, here.random("applications")
    status, kind = laws.application_status.picker(random), laws.application_type.picker(random)
    field, scope = laws.application_field.picker(random), laws.application_scope.picker(random)
    mlps, opened = laws.application_mlps.picker(random), laws.application_opened.picker(random)
    levels = here.unit_levels
    for n, unit in enumerate(homes.units):
        state, type_, of = status(), kind(), field()
        hosted = n in homes.hosted
        # What is on the city's cloud is reached on the extranet.
        classified = laws.application_classified.draw(random) and not hosted
        important = laws.application_important.draw(random)
        exchange = spec.joins.exchange if laws.application_exchange.draw(random) else ""
        users, yuan = laws.application_users.draw(random), laws.application_yearly_yuan.draw(random)
        since = said(opened())
        if state in ("planned", "building"):
            since, users = "", 0.0
        # Where a planned one is built, nobody has decided: not in an office (004:L35).
        site = "" if state == "planned" else here.site(unit % here.totals.sites)
        yield (
            *(here.application(n), f"{here.title}{of}{_WORDS.get(type_, '系统')}{n:05}", here.unit(unit)),
            *(state, type_, of, scope(), levels[unit], said(mlps())),
            *(TRUE if classified else "", TRUE if important else ""),
            spec.joins.classified_zone if classified else spec.joins.zone,
            *((here.cloud, "") if hosted else ("", site)),
            *(exchange, since, number(users) or "", number(yuan / 1000) * 1000),
        )


def _dependencies(here: Here) -> Iterator[Row]:
    laws, hubs, count = here.spec.laws, here.spec.joins.hubs, here.totals.applications
    random = here.random("dependencies")
    strength, most = laws.dependency_strength.picker(random), laws.dependencies.most
    weights = [laws.dependencies.draw(random) + 1e-2 for _ in range(count)]
    # An application leans on the hubs of the province and on those before it, so nothing goes in a circle.
    room = [min(most, len(hubs) + n) for n in range(count)]
    made = 0
    for n, wanted in enumerate(share_out(here.totals.dependencies, weights, 0, room)):
        for needed in _needed(here, random, n, wanted):
            exchange = here.spec.joins.exchange if laws.dependency_by_exchange.draw(random) else ""
            name, title = f"{here.short}-dep-{made:06}", f"{here.title}依赖{made:06}"
            yield name, title, here.application(n), needed, strength(), exchange
            made += 1


def _needed(here: Here, random: Random, n: int, wanted: int) -> Iterator[str]:
    """``wanted`` different applications that the n-th needs."""
    laws, hubs = here.spec.laws, here.spec.joins.hubs
    taken: set[int] = set()  # hubs stand below 0
    tries = 8 * wanted
    while len(taken) < wanted:
        if tries:
            tries -= 1
            if n == 0 or laws.dependency_on_hub.draw(random):
                choice = -1 - laws.dependency_skew.draw(random, len(hubs))
            else:
                choice = laws.dependency_skew.draw(random, n)
            if choice in taken:
                continue
        else:
            choice = next(c for c in range(-len(hubs), n) if c not in taken)
        taken.add(choice)
        yield here.application(choice) if choice >= 0 else hubs[-1 - choice]


# -- the city's cloud ---------------------------------------------------------------------------------


def _clouds(here: Here) -> Iterator[Row]:
    place = here.totals.place
    yield here.cloud, f"{here.title}政务云", place.centre, place.unit, "city", here.spec.joins.zone


def _dns_zones(here: Here) -> Iterator[Row]:
    domain = f"{here.totals.place.region}.{here.spec.domain}"
    yield here.dns_zone, f"{here.title}域名区", domain, here.server(0)


def _projects(here: Here) -> Iterator[Row]:
    for n in range(len(here.totals.projects)):
        yield here.project(n), f"{here.title}云项目{n:04}", here.cloud, here.unit(n)


def _flavors(here: Here) -> list[str]:
    """The size of each instance of the place."""
    pick = here.spec.laws.instance_flavor.picker(here.random("flavors"))
    return [pick() for _ in range(sum(here.totals.projects))]


def _quotas(here: Here, flavors: list[str]) -> Iterator[Row]:
    """A project may take what its machines take, rounded up to the next eight."""
    first = 0
    for n, count in enumerate(here.totals.projects):
        sizes = [here.spec.flavors[name] for name in flavors[first : first + count]]
        first += count
        machines, vcpus = 8 * (count // 8 + 1), 8 * (sum(s.vcpus for s in sizes) // 8 + 1)
        memory, disk = sum(s.memory_mib for s in sizes), sum(s.disk_gib for s in sizes)
        title = f"{here.title}云项目配额{n:04}"
        yield f"{here.short}-quota-{n:04}", title, here.project(n), machines, vcpus, memory + 8192, disk + 100


def _instances(here: Here, homes: Homes, flavors: list[str]) -> Iterator[Row]:
    laws, random, totals = here.spec.laws, here.random("instances"), here.totals
    image, status = laws.instance_image.picker(random), laws.instance_status.picker(random)
    last, servers = date.fromisoformat(here.spec.day), here.centre_servers
    days = [(last - timedelta(days=d)).isoformat() for d in range(365)]
    rooms = len(totals.room_servers)
    n = 0
    for project, count in enumerate(totals.projects):
        base4, base6 = here.network4(rooms + project), here.network6(rooms + project)
        network = f"{here.short}-net-{rooms + project:05}"
        for j in range(count):
            cpu, memory = laws.instance_cpu_percent.draw(random), laws.instance_memory_percent.draw(random)
            yield (
                *(here.instance(n), f"{here.title}云主机{n:05}", here.project(project), flavors[n], image()),
                *(network, dotted(base4 + 2 + j), f"{base6}{2 + j:x}", _served(here, homes, project, j)),
                *(here.server(random.randrange(servers)), status()),
                *(number(min(100, cpu), 1), number(min(100, memory), 1), days[random.randrange(len(days))]),
            )
            n += 1


def _served(here: Here, homes: Homes, project: int, machine: int) -> str:
    """The application that a project's machine serves: its applications take turns."""
    own = homes.of_project[project]
    return here.application(own[machine % len(own)]) if own else ""


def _project_of(here: Here) -> list[tuple[int, int]]:
    """(project, machine in it) of each instance of the place."""
    return [(p, j) for p, count in enumerate(here.totals.projects) for j in range(count)]


def _volumes(here: Here) -> Iterator[Row]:
    laws, random = here.spec.laws, here.random("volumes")
    machines = _project_of(here)
    for n in range(here.totals.volumes):
        instance = n % len(machines)
        size, used = laws.volume_gib.draw(random), laws.volume_used_percent.draw(random)
        what = here.project(machines[instance][0]), here.instance(instance)
        title = f"{here.title}云硬盘{n:05}"
        yield f"{here.short}-vol-{n:05}", title, *what, max(1, round(size)), number(min(100, used), 1)


def _endpoints(here: Here, homes: Homes) -> Iterator[Row]:
    machines = [
        (n, application)
        for n, (project, j) in enumerate(_project_of(here))
        if (application := _served(here, homes, project, j))
    ]
    for n in range(here.totals.endpoints):
        instance, application = machines[n % len(machines)]
        title = f"{here.title}访问端点{n:05}"
        where = application, here.instance(instance), here.dns_zone, f"www{n:05}"
        yield f"{here.short}-ep-{n:05}", title, *where
