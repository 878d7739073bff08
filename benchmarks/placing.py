"""20,000 instances on 2,000 servers: the whole command, and its servers beside first-fit decreasing and the
bound.

The cloud is drawn by seed: flavors of three shapes in shares of their own, three classes of servers, a pool
of its own for systems of level 4, systems whose instances stay apart. The peer, first-fit decreasing, places
the same instances one by one under the same constraints; it is given every order of the classes of servers,
and its best counts.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from itertools import permutations
from pathlib import Path
from typing import Any

from govcloud.capacity.estate import Estate, Host
from govcloud.capacity.figures import Placement
from govcloud.capacity.fitting import first_fit
from govcloud.model.catalogue import Catalogue

from .fixtures import Fixtures
from .frame import Failure, Figure, compare

PLACE_S = 10.0
# vCPUs, GiB of memory, GiB of disk.
FLAVORS = (
    *((1, 2, 20), (2, 4, 40), (2, 8, 40), (4, 8, 80), (4, 16, 80)),
    *((4, 32, 100), (8, 32, 200), (8, 64, 500), (16, 32, 200), (16, 128, 800)),
)
# Cores, GiB, GiB, and their share of the servers.
CLASSES = ((64, 512, 8000, 0.40), (96, 768, 16000, 0.35), (48, 1024, 12000, 0.25))
# Shares of instances of systems whose instances stay apart, and of level 4; of servers in the latter's pool.
APART, OWN, POOL = 0.10, 0.04, 0.10
ASKED = ("capacity", "place", "--files")
Row = tuple[Any, ...]


def servers_of(count: int) -> int:
    """A tenth as many servers as instances."""
    return max(8, count // 10)


def _tables(count: int, seed: int) -> dict[str, list[Row]]:
    draw = random.Random(seed)
    applications: list[Row] = [("name", "mlps", "spread"), ("plain", 2, "any"), ("strict", 4, "any")]
    instances: list[Row] = [("name", "project", "flavor", "image", "network", "application")]
    weights = [draw.random() for _ in FLAVORS]
    while len(instances) <= count:
        chance, size, system = draw.random(), 1, "plain"
        if chance < OWN:
            system = "strict"
        elif chance < OWN + APART / 4:
            # Four on the average share one system, so that a tenth of the instances are of such.
            size, system = draw.randint(2, 6), f"s{len(applications)}"
            applications.append((system, draw.choice((2, 3)), "server"))
        for _ in range(min(size, count + 1 - len(instances))):
            flavor = draw.choices(range(len(FLAVORS)), weights)[0]
            instances.append((f"i{len(instances)}", "p", f"f{flavor}", "linux", "app", system))
    servers: list[Row] = [("name", "rack", "cloud", "cores", "memory_gib", "disk_gib", "pool")]
    for at in range(servers_of(count)):
        cores, memory, disk, _ = draw.choices(CLASSES, [one[3] for one in CLASSES])[0]
        servers.append((f"h{at}", "rack", "sky", cores, memory, disk, 4 if draw.random() < POOL else ""))
    flavors = [("name", "vcpus", "memory_mib", "disk_gib")]
    flavors += [(f"f{at}", v, m * 1024, d) for at, (v, m, d) in enumerate(FLAVORS)]  # type: ignore[misc]
    return {"applications": applications, "instances": instances, "servers": servers, "flavors": flavors}


BASE = """regions: {here: {level: province, title: 本省}}
units: {bureau: {region: here}}
zones: {extranet: {role: extranet}}
nodes: {r1: {region: here, zone: extranet, role: core}}
sites: {hall: {region: here, role: datacentre}}
rooms: {room: {site: hall}}
racks: {rack: {room: room, units: 10000}}
networks: {app: {gateway: r1, interface: app, cloud: sky}}
clouds: {sky: {site: hall, mlps: 3}}
projects: {p: {cloud: sky, unit: bureau}}
images: {linux: {os: Linux}}
"""


def written(folder: Path, count: int, seed: int) -> Path:
    """A workspace whose instances wait."""
    folder.mkdir(parents=True)
    (folder / "govcloud.yaml").write_text("version: 1\nenvironment: bench\n")
    (folder / "base.yaml").write_text(BASE, encoding="utf-8")
    for plural, rows in _tables(count, seed).items():
        with (folder / f"{plural}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    return folder


def catalogue(count: int, seed: int) -> Catalogue:
    """The same entries, typed."""
    import yaml

    from govcloud.model import PLURALS

    known: dict[tuple[str, str], dict[str, Any]] = {}
    for plural, table in yaml.safe_load(BASE).items():
        known |= {(PLURALS[plural], name): fields for name, fields in table.items()}
    for plural, (heads, *rows) in _tables(count, seed).items():
        for row in rows:
            fields = {head: cell for head, cell in zip(heads[1:], row[1:], strict=True) if cell != ""}
            known[PLURALS[plural], row[0]] = fields
    return Catalogue.of(known)


def fewest_first_fit(entries: Catalogue) -> int:
    """Servers that first-fit decreasing needs, in the order of classes that serves it best. Raises
    ``Failure`` where no order places everything."""
    whole = Estate.of(entries, Placement())
    classes = sorted({host.total for host in whole.hosts.values()})
    used = []
    for sequence in permutations(classes):
        estate = whole.copy()
        hosts = sorted(estate.hosts.values(), key=lambda host: (sequence.index(host.total), host.name))
        if not first_fit(estate, hosts, estate.waiting):
            used.append(sum(1 for those in estate.carries.values() if those))
    if not used:
        raise Failure("first-fit decreasing places not everything, in no order of classes")
    return min(used)


def wrong(entries: Catalogue, where: dict[str, str]) -> Iterable[str]:
    """What is wrong with a placement, looked at anew."""
    estate = Estate.of(entries, Placement())
    for item in estate.waiting:
        host: Host | None = estate.hosts.get(where.get(item.name, ""))
        if host is None:
            yield f"{item.name} stands nowhere"
        elif not (estate.admits(host, item) and estate.roomy(host, item)) or estate.clashing(host, item):
            yield f"{item.name} may not stand on {host.name}"
        else:
            estate.stand(item.names, item.need, host.name)


def timed(fixtures: Fixtures) -> list[Figure]:
    """``capacity place`` of everything that waits, for several seeds."""
    count = fixtures.sizes.placed
    figures: list[Figure] = []
    for seed in fixtures.seeds:
        folder = written(fixtures.place(f"placing-{seed}"), count, seed)
        work = fixtures.govcloud(*ASKED, "--seed", str(seed), at=folder)
        note = f"seed {seed}: {count:,} instances on {servers_of(count):,} servers"
        figures += compare("placement-20k", work, [], fixtures.times(3), note, target=PLACE_S)
    return figures


def servers(fixtures: Fixtures) -> list[Figure]:
    """Servers that carry something then, for the same seeds; the placement is looked at anew."""
    count = fixtures.sizes.placed
    figures: list[Figure] = []
    for seed in fixtures.seeds:
        folder = written(fixtures.place(f"placed-{seed}"), count, seed)
        found = fixtures.ask(*ASKED, "--seed", str(seed), at=folder)
        entries = catalogue(count, seed)
        if faults := list(wrong(entries, found["where"])):
            raise Failure(f"seed {seed}: {'; '.join(faults[:3])}")
        (cloud,) = found["clouds"]
        peer, used = fewest_first_fit(entries), cloud["used"]
        note = f"seed {seed}: nobody can do with less than {cloud['least']}; by volume {cloud['volume']}"
        name = "placement-20k-servers"
        figures.append(Figure(name, used, "servers", "first-fit decreasing", peer, peer / used, note))
    return figures


BENCHMARKS = {"placement-20k": timed, "placement-20k-servers": servers}
