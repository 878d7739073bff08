"""The mass: a province's ledger of any size, bulk in CSV, that is recorded and not built.

Fourteen cities; of a hundred entries about 45 are servers, 42 virtual machines, 8 applications' own
(each with an endpoint and two dependencies), the rest what those stand in. A thousand rows a file. The
figures are invented and the same each time.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

PER_FILE = 1000
PER_RACK = 20
RACKS_PER_ROOM = 10
# As many rows as the filter of `ls-100k` leaves.
PER_NETWORK = 100
PER_APPLICATION = 50

CITIES = {
    "shenyang": "沈阳市",
    "dalian": "大连市",
    "anshan": "鞍山市",
    "fushun": "抚顺市",
    "benxi": "本溪市",
    "dandong": "丹东市",
    "jinzhou": "锦州市",
    "yingkou": "营口市",
    "fuxin": "阜新市",
    "liaoyang": "辽阳市",
    "panjin": "盘锦市",
    "tieling": "铁岭市",
    "chaoyang": "朝阳市",
    "huludao": "葫芦岛市",
}
FIELDS = {
    "insurance": "社会保险业务系统",
    "water": "水利监测平台",
    "health": "卫生健康信息平台",
    "education": "教育考试服务系统",
    "transport": "交通运输监管系统",
    "archive": "电子档案系统",
    "housing": "住房公积金系统",
}
# What a person would look for, with hits in any size.
WORDS = {"Chinese": "沈阳 社会保险", "English": "shenyang insurance"}
# An application that needs others and is needed by others.
APPLICATION = "yingkou-insurance-00007"
NETWORK = "net-00000"

DUTIES = ("principal", "information_officer", "business_manager")
_ZONES = "dns_zones:\n  liaoning-gov: {domain: ln.example, servers: [srv-000000]}\n"
_VENDORS = ("浪潮", "华为", "新华三", "中科曙光")
Row = dict[str, str]


@dataclass(frozen=True)
class Shape:
    """How many there are of each kind in a province of about so many entries."""

    applications: int
    instances: int
    servers: int

    @property
    def networks(self) -> int:
        """Networks of ``PER_NETWORK`` machines."""
        return -(-self.instances // PER_NETWORK)

    @property
    def racks(self) -> int:
        """Racks of ``PER_RACK`` servers."""
        return -(-self.servers // PER_RACK)

    @property
    def rooms(self) -> int:
        """Rooms of ``RACKS_PER_ROOM`` racks."""
        return -(-self.racks // RACKS_PER_ROOM)

    @classmethod
    def of(cls, entries: int) -> Shape:
        """The shape of ``entries`` entries, within a few that the base takes."""
        applications = max(2, entries // PER_APPLICATION)
        instances = max(PER_NETWORK, entries * 42 // 100)
        left = entries - 4 * applications - instances - instances // PER_NETWORK
        # A server takes a twentieth of a rack, and a two-hundredth of a room.
        return cls(applications, instances, max(PER_RACK, left * 200 // 211))


def write(folder: Path, entries: int) -> None:
    """A workspace of about ``entries`` entries, with no target: recorded, not built."""
    shape = Shape.of(entries)
    folder.mkdir(parents=True)
    (folder / "govcloud.yaml").write_text("version: 1\nenvironment: bench\n", encoding="utf-8")
    (folder / "base.yaml").write_text(f"{_base()}{_ZONES}", encoding="utf-8")
    for kind, rows in (
        ("rooms", _rooms(shape)),
        ("racks", _racks(shape)),
        ("servers", servers(0, shape.servers)),
        ("networks", _networks(shape)),
        ("instances", _instances(shape)),
        ("applications", _applications(shape)),
        ("endpoints", _endpoints(shape)),
        ("dependencies", _dependencies(shape)),
    ):
        _tables(folder / kind, kind, rows)


def empty(folder: Path, servers: int) -> None:
    """A workspace of the places for so many servers, and no server."""
    shape = Shape(0, 0, servers)
    folder.mkdir(parents=True)
    (folder / "govcloud.yaml").write_text("version: 1\nenvironment: bench\n", encoding="utf-8")
    (folder / "base.yaml").write_text(_base(), encoding="utf-8")
    _tables(folder / "rooms", "rooms", _rooms(shape))
    _tables(folder / "racks", "racks", _racks(shape))


def add_servers(folder: Path, count: int, racks: int, turn: int = 1) -> None:
    """One CSV file of new servers, others in each turn, spread over so many racks that are there."""
    rows = servers(turn * 10_000_000, count)
    path = folder / f"new-{turn}" / "servers.csv"
    _table(path, ({**row, "rack": _rack(n % racks)} for n, row in enumerate(rows)))


def touch(folder: Path) -> None:
    """Change one file without changing what it says."""
    with (folder / "servers" / "servers-000.csv").open("a", encoding="utf-8") as file:
        file.write("\n")


def change_one(folder: Path, turn: int = 1) -> None:
    """Say of the first server another name in each turn."""
    path = folder / "servers" / "servers-000.csv"
    head, first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
    cells = first.split(",")
    cells[1] = f"换新的服务器 {turn}"
    path.write_text("".join([head, ",".join(cells), *rest]), encoding="utf-8")


def _base() -> str:
    lines = ["regions:", "  liaoning: {level: province, title: 辽宁省}"]
    lines += [f"  {c}: {{parent: liaoning, level: city, title: {t}}}" for c, t in CITIES.items()]
    lines += ["units:"]
    lines += [f"  {c}-bureau: {{region: {c}, title: {t}政务服务和数据局}}" for c, t in CITIES.items()]
    lines += ["persons:"]
    lines += [f"  {c}-{d.replace('_', '-')}: {{unit: {c}-bureau, duty: {d}}}" for c in CITIES for d in DUTIES]
    lines += ["zones:", "  extranet: {role: extranet}", "sites:"]
    lines += [f"  {c}-centre: {{region: {c}, role: datacentre, title: {t}机房}}" for c, t in CITIES.items()]
    lines += ["clouds:", *(f"  {c}-cloud: {{site: {c}-centre}}" for c in CITIES)]
    lines += ["projects:", *(f"  {c}-project: {{cloud: {c}-cloud, unit: {c}-bureau}}" for c in CITIES)]
    lines += ["nodes:"]
    lines += [
        f"  {c}-border: {{region: {c}, zone: extranet, role: border, site: {c}-centre}}" for c in CITIES
    ]
    lines += ["images:", "  linux: {os: Linux}"]
    lines += ["flavors:", "  small: {vcpus: 2, memory_mib: 4096}", "  large: {vcpus: 8, memory_mib: 16384}"]
    return "\n".join(lines) + "\n"


def _city(number: int) -> str:
    return tuple(CITIES)[number % len(CITIES)]


def _rack(number: int) -> str:
    return f"rack-{number:06}"


def _application(number: int) -> str:
    return f"{_city(number)}-{tuple(FIELDS)[number // len(CITIES) % len(FIELDS)]}-{number:05}"


def _rooms(shape: Shape) -> Iterator[Row]:
    for n in range(shape.rooms):
        yield {
            "name": f"room-{n:05}",
            "title": f"{CITIES[_city(n)]}第{n}机房",
            "site": f"{_city(n)}-centre",
            "unit": f"{_city(n)}-bureau",
            "area_m2": str(120 + n % 80),
        }


def _racks(shape: Shape) -> Iterator[Row]:
    for n in range(shape.racks):
        yield {"name": _rack(n), "room": f"room-{n // RACKS_PER_ROOM:05}", "units": "42", "power_kw": "6"}


def servers(first: int, count: int) -> Iterator[Row]:
    """Rows of servers, twelve columns each, numbered from ``first``."""
    for n in range(first, first + count):
        vendor = _VENDORS[n % len(_VENDORS)]
        yield {
            "name": f"srv-{n:06}",
            "title": f"{vendor}服务器 {n}",
            "rack": _rack(n // PER_RACK),
            "unit": f"{_city(n // PER_RACK // RACKS_PER_ROOM)}-bureau",
            "status": "running",
            "position": str(1 + 2 * (n % PER_RACK)),
            "height": "2",
            "cores": str((32, 48, 64)[n % 3]),
            "memory_gib": str((256, 384, 512)[n % 3]),
            "vendor": vendor,
            "serial": f"SN{n:09}",
            "bought_on": f"{2016 + n % 9}-{1 + n % 12:02}",
        }


def _networks(shape: Shape) -> Iterator[Row]:
    for n in range(shape.networks):
        yield {
            "name": f"net-{n:05}",
            "gateway": f"{_city(n)}-border",
            "interface": f"vlan{n}",
            "ipv4": f"10.{n // 256}.{n % 256}.0/24",
            "cloud": f"{_city(n)}-cloud",
        }


def _instances(shape: Shape) -> Iterator[Row]:
    for n in range(shape.instances):
        # Those of an application are neighbours, and in its city as far as its network is.
        network, host = divmod(n, PER_NETWORK)
        yield {
            "name": f"vm-{n:06}",
            "title": f"{CITIES[_city(network)]}云主机 {n}",
            "project": f"{_city(network)}-project",
            "flavor": ("small", "large")[n % 5 == 0],
            "image": "linux",
            "network": f"net-{network:05}",
            "ipv4": f"10.{network // 256}.{network % 256}.{host + 4}",
            "application": _application(n * shape.applications // shape.instances),
            "status": "running",
        }


def _applications(shape: Shape) -> Iterator[Row]:
    for n in range(shape.applications):
        field = tuple(FIELDS)[n // len(CITIES) % len(FIELDS)]
        yield {
            "name": _application(n),
            "title": f"{CITIES[_city(n)]}{FIELDS[field]} {n}",
            "unit": f"{_city(n)}-bureau",
            "cloud": f"{_city(n)}-cloud",
            "status": "running",
            "mlps": str(2 + n % 2),
            "scope": "cross_department",
        }


def _endpoints(shape: Shape) -> Iterator[Row]:
    for n in range(shape.applications):
        yield {
            "name": f"{_application(n)}-web",
            "application": _application(n),
            "instance": f"vm-{-(-n * shape.instances // shape.applications):06}",
            "dns_zone": "liaoning-gov",
            "host": f"app{n}",
            "port": "443",
        }


def _dependencies(shape: Shape) -> Iterator[Row]:
    # On earlier ones alone, so that no circle comes about; the first two of all need nobody.
    for n in range(2, shape.applications):
        for number, other in enumerate((n // 2, n // 2 - 1)):
            strength = ("hard", "soft")[number]
            yield {
                "name": f"{_application(n)}-needs-{number}",
                "application": _application(n),
                "needs": _application(other),
                "strength": strength,
            }


def _tables(folder: Path, kind: str, rows: Iterator[Row]) -> None:
    number = 0
    while page := list(islice(rows, PER_FILE)):
        _table(folder / f"{kind}-{number:03}.csv", page)
        number += 1


def _table(path: Path, rows: Iterable[Row]) -> None:
    path.parent.mkdir(exist_ok=True)
    rest = iter(rows)
    first = next(rest)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rest)
