"""One place as the rows of its tables see it: its amounts, its names, its addresses, its random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import NamedTuple

from .amounts import PlaceTotals, stream
from .spec import NOTHING, Spec

Cell = str | int | float
Row = Sequence[Cell]
TRUE = "是"


class Table(NamedTuple):
    """The rows of one kind: which fields they have, after the name and the title."""

    kind: str
    fields: tuple[str, ...]
    rows: Iterator[Row]


@dataclass(frozen=True)
class Here:
    """A place and the whole it is part of."""

    spec: Spec
    seed: int
    totals: PlaceTotals
    count: int  # of places

    @property
    def short(self) -> str:
        """What the names of its entries begin with."""
        return self.totals.place.short

    @property
    def title(self) -> str:
        """What the titles of its entries begin with."""
        return self.totals.place.title

    def random(self, what: str) -> Random:
        """A stream of random numbers for one purpose."""
        return stream(self.seed, self.totals.name, what)

    @cached_property
    def unit_levels(self) -> list[str]:
        """The administrative level of each unit."""
        if self.totals.place.top:
            return ["province"] * self.totals.units
        pick = self.spec.laws.unit_level.picker(self.random("levels of units"))
        return [pick() for _ in range(self.totals.units)]

    # -- names ----------------------------------------------------------------------------------------

    @property
    def core(self) -> str:
        """The router where the lines of the place meet."""
        return f"{self.short}-core"

    def unit(self, n: int) -> str:
        """Names of entries, by their number in the place."""
        return f"{self.short}-unit-{n % self.totals.units:04}"

    def site(self, n: int) -> str:
        return f"{self.short}-site-{n:04}"

    def router(self, n: int) -> str:
        return f"{self.short}-gw-{n:04}"

    def room(self, n: int) -> str:
        return f"{self.short}-room-{n:04}"

    def rack(self, n: int) -> str:
        return f"{self.short}-rack-{n:05}"

    def server(self, n: int) -> str:
        return f"{self.short}-srv-{n:06}"

    def application(self, n: int) -> str:
        return f"{self.short}-app-{n:05}"

    def project(self, n: int) -> str:
        return f"{self.short}-proj-{n:04}"

    def instance(self, n: int) -> str:
        return f"{self.short}-vm-{n:05}"

    @property
    def cloud(self) -> str:
        """The cloud in the place's data centre."""
        return f"{self.short}-cloud"

    @property
    def dns_zone(self) -> str:
        return f"{self.short}-dns"

    # -- rooms ----------------------------------------------------------------------------------------

    def site_of_room(self, room: int) -> int:
        """The number of a room's site; -1 is the data centre."""
        inside = self.totals.centre_rooms
        return -1 if room < inside else self.totals.room_sites[room - inside]

    def unit_of_site(self, site: int) -> str:
        """The unit of a site; a data centre is the city's."""
        return self.totals.place.unit if site < 0 else self.unit(site)

    def site_name(self, site: int) -> str:
        """A site by number, the data centre among them."""
        return self.totals.place.centre if site < 0 else self.site(site)

    @property
    def centre_servers(self) -> int:
        """Servers in the data centre; they are the first of the place."""
        return sum(self.totals.room_servers[: self.totals.centre_rooms])

    # -- addresses ------------------------------------------------------------------------------------

    @cached_property
    def _spaces(self) -> dict[str, int]:
        return {name: int(p.network_address) for name, p in self.spec.spaces.parsed().items()}

    def network4(self, n: int) -> int:
        """The first address of the place's n-th network, a /24, as a number."""
        return self._spaces["networks4"] + (self.totals.first_network + n) * 256

    def network6(self, n: int) -> str:
        """The place's n-th network, a /64, up to its ``::``: the code of the place stands in it."""
        code = int(self.totals.place.code[2:], 16)
        return str(IPv6Address(self._spaces["networks6"] | code << 80 | n << 64))

    def loopbacks(self, router: int) -> tuple[str, str]:
        """Both addresses of a router: -1 is the core, others stand at the site of that number."""
        n = 1 + self._number(router)
        four, six = self._spaces["loopbacks4"] + n, self._spaces["loopbacks6"] + n
        return str(IPv4Address(four)), str(IPv6Address(six))

    def ends(self, router: int) -> tuple[str, str]:
        """Both prefixes of the link upward from a router."""
        n = 2 * self._number(router)
        first4, first6 = self._spaces["links4"] + n, self._spaces["links6"] + n
        return f"{IPv4Address(first4)}/31", f"{IPv6Address(first6)}/127"

    def _number(self, router: int) -> int:
        return self.totals.number if router < 0 else self.count + self.totals.first_site + router


def dotted(address: int) -> str:
    """An IPv4 address from its number, faster than ``ipaddress``."""
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


def said(value: str) -> str:
    """A drawn value as a cell: empty where nothing is said."""
    return "" if value == NOTHING else value


def number(value: float, digits: int = 0) -> Cell:
    """A drawn figure, rounded; whole where no digits are wanted."""
    return round(value, digits) if digits else round(value)
