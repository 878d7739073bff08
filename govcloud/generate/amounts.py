"""How many entries of each kind, in which place: exactly as many as were asked for.

Everything is decided here, before the first row is written; the rows then only fill it in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from random import Random

from ..errors import InputError, Problem
from .laws import Amount
from .sharing import share_out
from .spec import Place, Spec

MOST_ENTRIES = 1_000_000
# A rack has 42 units and a server takes two; a network is a /24, whose first address is the gateway's.
SERVERS_PER_RACK = 20
HOSTS_PER_NETWORK = 250
# With a site come its router and the link upward, with a room its network, with a project network and quota.
_WITH = {"site": 3, "room": 2, "project": 3}
_KINDS = (
    *("unit", "site", "room", "rack", "server", "storage", "application", "dependency"),
    *("project", "instance", "volume", "endpoint"),
)


def stream(seed: int, place: str, what: str) -> Random:
    """Random numbers of their own for each place and kind: more of one does not shift another."""
    return Random(f"{seed}/{place}/{what}")


@dataclass(frozen=True)
class Totals:
    """Entries of each kind over all places, and sums that are no entries."""

    scale: float
    kinds: dict[str, int]
    area_m2: int
    storage_tb: int
    centre_area_m2: int
    centre_servers: int
    centre_applications: int
    province_units: int


@dataclass(frozen=True)
class PlaceTotals:
    """What one place has. Rooms of its data centre come first in ``rooms_*``, then those of its sites."""

    name: str
    place: Place
    number: int  # of the place, from 0
    first_network: int  # numbers that run through all places
    first_site: int
    centre_rooms: int
    room_sites: list[int]  # of each room outside the centre, the number of its site
    room_servers: list[int]
    room_racks: list[int]
    room_area: list[int]
    units: int
    sites: int
    storages: int
    storage_tb: int
    applications: int
    hosted: int
    dependencies: int
    projects: list[int]  # instances of each
    volumes: int
    endpoints: int

    @property
    def networks(self) -> int:
        """Networks of the place: one a room, one a project."""
        return len(self.room_servers) + len(self.projects)


def fixed_entries(spec: Spec) -> int:
    """Entries that are there at any size: flavors, images, clouds, domains, the trunk of the places."""
    return len(spec.flavors) + len(spec.images) + 2 * len(spec.centres) + 2 * len(spec.places) - 1


def _least(spec: Spec) -> dict[str, int]:
    places, centres = len(spec.places), len(spec.centres)
    return {
        **dict.fromkeys(_KINDS, 1),
        **dict.fromkeys(("unit", "site", "application"), places),
        **dict.fromkeys(("room", "rack", "server"), places + centres),
        **dict.fromkeys(("project", "instance"), centres),
    }


def _at(spec: Spec, scale: float) -> dict[str, int]:
    least = _least(spec)
    return {k: max(least[k], int(getattr(spec.counts, k).count * scale)) for k in _KINDS}


def _entries(spec: Spec, kinds: dict[str, int]) -> int:
    return fixed_entries(spec) + sum(n * _WITH.get(k, 1) for k, n in kinds.items())


def default_entries(spec: Spec) -> int:
    """Entries at the size that the file describes."""
    return _entries(spec, _at(spec, 1.0))


def least_entries(spec: Spec) -> int:
    """The fewest with which every place has something."""
    return _entries(spec, _at(spec, 0.0))


def totals(spec: Spec, entries: int) -> Totals:
    """Entries of each kind so that they are ``entries`` in all. Raises ``InputError`` out of bounds."""
    least = least_entries(spec)
    if not least <= entries <= MOST_ENTRIES:
        message = f"{entries:,} entries: expected {least:,} to {MOST_ENTRIES:,}"
        raise InputError([Problem(message)], hint="--entries or --scale asks for another size")
    scale = _scale(spec, entries)
    kinds = _at(spec, scale)
    # What rounding leaves is a few; they are servers, which are most.
    kinds["server"] += entries - _entries(spec, kinds)
    counts, centres = spec.counts, len(spec.centres)

    def part(name: str, whole: str, least: int) -> int:
        """A part of a whole, in the same proportion as the file has them."""
        share: float = getattr(counts, name).count / getattr(counts, whole).count
        return min(kinds[whole], max(least, round(kinds[whole] * share)))

    return Totals(
        scale=scale,
        kinds=kinds,
        area_m2=max(kinds["room"], _scaled(counts.area_m2.count, scale)),
        storage_tb=max(kinds["storage"], _scaled(counts.storage_tb.count, scale)),
        centre_area_m2=max(centres, _scaled(counts.centre_area_m2.count, scale)),
        centre_servers=part("centre_servers", "server", centres),
        centre_applications=part("centre_applications", "application", centres),
        province_units=part("province_units", "unit", 1),
    )


def _scale(spec: Spec, entries: int) -> float:
    if entries == default_entries(spec):
        return 1.0
    low, high = 0.0, 2.0 * MOST_ENTRIES
    for _ in range(80):
        middle = (low + high) / 2
        if _entries(spec, _at(spec, middle)) <= entries:
            low = middle
        else:
            high = middle
    return low


def _scaled(count: int, scale: float) -> int:
    return round(count * scale)


def divide(spec: Spec, all_: Totals, seed: int) -> list[PlaceTotals]:
    """The totals divided among places, rooms and projects. Raises ``InputError`` where they do not fit."""
    try:
        return _Divided(spec, all_, seed).places()
    except ValueError as error:
        raise InputError(
            [Problem(f"the counts do not fit together at this size: {error}")],
            hint="more racks for the servers, more rooms than sites, more projects for the instances",
        ) from None


class _Divided:
    def __init__(self, spec: Spec, all_: Totals, seed: int) -> None:
        self.spec, self.all, self.seed = spec, all_, seed
        self.names = list(spec.places)
        self.weights = [place.weight for place in spec.places.values()]
        self.centres = [name in spec.centres for name in self.names]

    def _over_places(self, kind: str, least: int | list[int] = 0) -> list[int]:
        return share_out(self.all.kinds[kind], self.weights, least)

    def _over_centres(self, total: int, least: int = 0, most: list[int] | None = None) -> list[int]:
        """Parts for the places whose data centre houses machines; none for the others."""
        weights = [w for w, there in zip(self.weights, self.centres, strict=True) if there]
        high = None if most is None else [m for m, there in zip(most, self.centres, strict=True) if there]
        parts = iter(share_out(total, weights, least, high))
        return [next(parts) if there else 0 for there in self.centres]

    def places(self) -> list[PlaceTotals]:
        spec, all_ = self.spec, self.all
        kinds = all_.kinds
        in_centres = max(len(spec.centres), round(len(spec.centres) * all_.scale))
        in_centres = min(in_centres, kinds["room"] - kinds["site"], all_.centre_servers)
        centre_rooms = self._over_centres(in_centres, 1)
        sites = self._over_places("site", 1)
        rooms = share_out(kinds["room"] - in_centres, self.weights, sites)
        racks, servers, areas = self._rooms(centre_rooms, rooms)
        applications = self._over_places("application", 1)
        hosted = self._over_centres(all_.centre_applications, 1, applications)
        projects = self._over_centres(kinds["project"], 1)
        instances = self._instances(projects)
        units = self._units()
        storages = self._over_places("storage")
        of_storages = [all_.storage_tb if s else 0 for s in storages]
        storage_tb = share_out(all_.storage_tb, [float(s) for s in storages], storages, of_storages)
        dependencies = self._dependencies(applications)
        volumes = self._over_centres(kinds["volume"])
        endpoints = self._over_centres(kinds["endpoint"])
        networks = [c + r + p for c, r, p in zip(centre_rooms, rooms, projects, strict=True)]
        first_networks = [0, *accumulate(networks)]
        first_sites = [0, *accumulate(sites)]
        self._fits(first_networks[-1], networks, first_sites[-1])
        return [
            PlaceTotals(
                name=name,
                place=spec.places[name],
                number=n,
                first_network=first_networks[n],
                first_site=first_sites[n],
                centre_rooms=centre_rooms[n],
                room_sites=self._sites(name, sites[n], rooms[n]),
                room_servers=servers[n],
                room_racks=racks[n],
                room_area=areas[n],
                units=units[n],
                sites=sites[n],
                storages=storages[n],
                storage_tb=storage_tb[n],
                applications=applications[n],
                hosted=hosted[n],
                dependencies=dependencies[n],
                projects=instances[n],
                volumes=volumes[n],
                endpoints=endpoints[n],
            )
            for n, name in enumerate(self.names)
        ]

    def _units(self) -> list[int]:
        total, top = self.all.kinds["unit"], self.names.index(self.spec.top)
        if len(self.names) == 1:
            return [total]
        province = min(self.all.province_units, total - (len(self.names) - 1))
        others = [w for n, w in enumerate(self.weights) if n != top]
        parts = share_out(total - province, others, 1)
        return [*parts[:top], province, *parts[top:]]

    def _draws(self, name: str, what: str, law: Amount, count: int) -> list[float]:
        """Weights of ``count`` things; none is quite 0, so that what must be divided can be."""
        random = stream(self.seed, name, what)
        return [law.draw(random) + 1e-3 for _ in range(count)]

    def _sites(self, name: str, sites: int, rooms: int) -> list[int]:
        """The site of each room: one room a site, and the others anywhere."""
        random = stream(self.seed, name, "sites of rooms")
        return sorted([*range(sites), *(random.randrange(sites) for _ in range(rooms - sites))])

    def _rooms(
        self, centre_rooms: list[int], rooms: list[int]
    ) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
        """Racks, servers and square metres of each room of each place, those of the centres first."""
        laws, all_ = self.spec.laws, self.all
        weights: list[float] = []
        for name, count in zip(self.names, rooms, strict=True):
            weights += self._draws(name, "servers of rooms", laws.room_servers, count)
        inside: list[float] = [1.0] * sum(centre_rooms)
        centre_racks = max(len(inside), -(-all_.centre_servers // SERVERS_PER_RACK) + len(inside))
        centre_racks = min(centre_racks, all_.kinds["rack"] - len(weights))
        racks_in = share_out(centre_racks, inside, 1)
        racks_out = share_out(all_.kinds["rack"] - centre_racks, weights, 1)
        servers_in = share_out(all_.centre_servers, inside, 1, _room_for(racks_in))
        outside = all_.kinds["server"] - all_.centre_servers
        servers_out = share_out(outside, weights, 0, _room_for(racks_out, laws.room_servers.most))
        area_in = share_out(all_.centre_area_m2, inside, 1)
        areas: list[float] = []
        for name, count in zip(self.names, rooms, strict=True):
            areas += self._draws(name, "areas of rooms", laws.room_area_m2, count)
        area_out = share_out(max(len(weights), all_.area_m2 - all_.centre_area_m2), areas, 1)
        join = partial(_joined, centre_rooms, rooms)
        return join(racks_in, racks_out), join(servers_in, servers_out), join(area_in, area_out)

    def _instances(self, projects: list[int]) -> list[list[int]]:
        weights: list[float] = []
        for name, count in zip(self.names, projects, strict=True):
            weights += self._draws(name, "instances of projects", self.spec.laws.project_instances, count)
        # Each place has one at least, for its endpoints and volumes to be at.
        least = [int(p == 0) for count in projects for p in range(count)]
        parts = iter(share_out(self.all.kinds["instance"], weights, least, HOSTS_PER_NETWORK))
        return [[next(parts) for _ in range(count)] for count in projects]

    def _dependencies(self, applications: list[int]) -> list[int]:
        most = self.spec.laws.dependencies.most
        hubs = len(self.spec.joins.hubs)
        room = [_capacity(count, hubs, most) for count in applications]
        weights = [float(a) for a in applications]
        return share_out(self.all.kinds["dependency"], weights, 0, room)

    def _fits(self, networks: int, of_places: list[int], sites: int) -> None:
        spaces = self.spec.spaces.parsed()
        there = {
            "networks4": (networks, spaces["networks4"].num_addresses >> 8),
            "networks6": (max(of_places), 1 << 16),
            "loopbacks4": (sites + 2 * len(self.names), spaces["loopbacks4"].num_addresses - 1),
            "links4": (sites + len(self.names), spaces["links4"].num_addresses >> 1),
        }
        for name, (wanted, most) in there.items():
            if wanted > most:
                raise ValueError(f"{wanted:,} of {name}, and there are {most:,}")


def _room_for(racks: list[int], most: float = HOSTS_PER_NETWORK) -> list[int]:
    return [int(min(most, HOSTS_PER_NETWORK, SERVERS_PER_RACK * count)) for count in racks]


def _capacity(applications: int, hubs: int, most: int) -> int:
    """Dependencies that so many applications can have, the n-th on those before it and on the hubs."""
    return sum(min(most, hubs + n) for n in range(min(applications, most))) + most * max(
        0, applications - most
    )


def _joined(
    centre_rooms: list[int], rooms: list[int], inside: list[int], outside: list[int]
) -> list[list[int]]:
    first, second = iter(inside), iter(outside)
    return [
        [next(first) for _ in range(c)] + [next(second) for _ in range(r)]
        for c, r in zip(centre_rooms, rooms, strict=True)
    ]
