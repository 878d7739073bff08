"""What stands somewhere: units, sites, rooms, racks, servers, storage, and the network between them."""

from __future__ import annotations

from collections.abc import Iterator

from .here import Here, Row, Table, dotted, number, said
from .living import Homes
from .sharing import share_out


def tables(here: Here, homes: Homes) -> Iterator[Table]:
    """The tables of a place, each entry after those that it refers to."""
    yield Table("unit", ("region", "level", "parent"), _units(here))
    yield Table("site", ("region", "role", "unit", "level"), _sites(here))
    yield Table("node", ("region", "zone", "role", "site", "loopback4", "loopback6"), _nodes(here))
    ends = ("a", "b", "a_interface", "b_interface", "bandwidth_mbps", "length_km", "ipv4", "ipv6")
    yield Table("link", ends, _links(here))
    yield Table("network", ("gateway", "interface", "ipv4", "ipv6", "site", "cloud"), _networks(here))
    yield Table("room", ("site", "area_m2", "unit", "status", "grade"), _rooms(here))
    yield Table("rack", ("room", "power_kw"), _racks(here))
    machine = ("rack", "network", "ipv4", "ipv6", "unit", "application", "status", "position", "height")
    what = ("cores", "memory_gib", "disk_gib", "bought_on", "trusted")
    yield Table("server", (*machine, *what), _servers(here, homes))
    yield Table("storage", ("site", "type", "capacity_tb", "used_tb", "unit"), _storages(here))


def _units(here: Here) -> Iterator[Row]:
    place = here.totals.place
    for n, level in enumerate(here.unit_levels):
        yield here.unit(n), f"{here.title}单位{n:04}", place.region, level, place.unit


def _sites(here: Here) -> Iterator[Row]:
    levels, region = here.unit_levels, here.totals.place.region
    for n in range(here.totals.sites):
        level = levels[n % len(levels)]
        yield here.site(n), f"{here.title}机房站点{n:04}", region, "office", here.unit(n), level


def _nodes(here: Here) -> Iterator[Row]:
    place, zone = here.totals.place, here.spec.joins.zone
    role = "core" if place.top else "aggregation"
    yield here.core, f"{here.title}核心路由器", place.region, zone, role, place.centre, *here.loopbacks(-1)
    for n in range(here.totals.sites):
        title = f"{here.title}接入路由器{n:04}"
        yield here.router(n), title, place.region, zone, "access", here.site(n), *here.loopbacks(n)


def _links(here: Here) -> Iterator[Row]:
    laws = here.spec.laws
    random = here.random("links")
    pick = laws.link_mbps.picker(random)
    fastest = max(laws.link_mbps.of, key=float)
    if not here.totals.place.top:
        top = here.spec.places[here.spec.top].short
        km = number(laws.link_km.draw(random), 1)
        name, title = f"{here.short}-trunk", f"{here.title}至省核心干线"
        yield name, title, here.core, f"{top}-core", "up", here.short, fastest, km, *here.ends(-1)
    for n in range(here.totals.sites):
        title = f"{here.title}接入线路{n:04}"
        km = number(laws.link_km.draw(random), 1)
        ends = (here.router(n), here.core, "up", f"site-{n:05}")
        yield f"{here.short}-link-{n:04}", title, *ends, pick(), km, *here.ends(n)


def _networks(here: Here) -> Iterator[Row]:
    rooms = len(here.totals.room_servers)
    for n in range(here.totals.networks):
        prefixes = f"{dotted(here.network4(n))}/24", f"{here.network6(n)}/64"
        name = f"{here.short}-net-{n:05}"
        if n >= rooms:
            title = f"{here.title}云项目网段{n - rooms:04}"
            yield name, title, here.core, f"proj-{n - rooms:05}", *prefixes, "", here.cloud
        else:
            site = here.site_of_room(n)
            gateway = here.core if site < 0 else here.router(site)
            title = f"{here.title}机房网段{n:04}"
            yield name, title, gateway, f"room-{n:05}", *prefixes, here.site_name(site), ""


def _rooms(here: Here) -> Iterator[Row]:
    random = here.random("rooms")
    status, grade = here.spec.laws.room_status.picker(random), here.spec.laws.room_grade.picker(random)
    for n, area in enumerate(here.totals.room_area):
        site = here.site_of_room(n)
        where = here.site_name(site), area, here.unit_of_site(site)
        yield here.room(n), f"{here.title}机房{n:04}", *where, status(), grade()


def _racks(here: Here) -> Iterator[Row]:
    random, law = here.random("racks"), here.spec.laws.rack_power_kw
    n = 0
    for room, count in enumerate(here.totals.room_racks):
        for _ in range(count):
            yield here.rack(n), f"{here.title}机柜{n:05}", here.room(room), number(law.draw(random), 1)
            n += 1


def _servers(here: Here, homes: Homes) -> Iterator[Row]:
    laws, random = here.spec.laws, here.random("servers")
    status, bought = laws.server_status.picker(random), laws.server_bought.picker(random)
    cores, memory = laws.server_cores.picker(random), laws.server_memory_gib.picker(random)
    trusted = laws.server_trusted.picker(random)
    n = first_rack = 0
    for room, count in enumerate(here.totals.room_servers):
        racks = here.totals.room_racks[room]
        site = here.site_of_room(room)
        unit, near = here.unit_of_site(site), homes.at_site.get(site, ())
        base4, base6 = here.network4(room), here.network6(room)
        network = f"{here.short}-net-{room:05}"
        for j in range(count):
            application = ""
            if near and laws.server_with_application.draw(random):
                application = here.application(near[random.randrange(len(near))])
            yield (
                *(here.server(n), f"{here.title}服务器{n:06}", here.rack(first_rack + j % racks), network),
                *(dotted(base4 + 2 + j), f"{base6}{2 + j:x}", unit, application),
                # What carries the city's cloud is in use.
                "running" if site < 0 else status(),
                *(1 + 2 * (j // racks), 2, cores(), memory(), number(laws.server_disk_gib.draw(random))),
                *(said(bought()), trusted()),
            )
            n += 1
        first_rack += racks


def _storages(here: Here) -> Iterator[Row]:
    count = here.totals.storages
    if not count:
        return
    laws, random = here.spec.laws, here.random("storages")
    kind = laws.storage_type.picker(random)
    weights = [laws.storage_tb.draw(random) + 1e-3 for _ in range(count)]
    for n, size in enumerate(share_out(here.totals.storage_tb, weights, 1)):
        # The first stands in the data centre, where there is one.
        site = -1 if n == 0 and here.totals.centre_rooms else random.randrange(here.totals.sites)
        used = number(size * min(1.0, laws.storage_used.draw(random)), 1)
        title = f"{here.title}存储{n:04}"
        where = here.site_name(site), kind(), size, used, here.unit_of_site(site)
        yield f"{here.short}-sto-{n:04}", title, *where
