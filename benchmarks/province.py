"""The mass: the sample liaoning with generated entries of any number, recorded and not built.

The program's own generator writes it, the same bytes for the same seed; beside it stand a few entries
of known number: a hundred servers of one unit, for the filter of ``ls-100k``, and places for new servers.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import govcloud

INVENTORY = Path(govcloud.__file__).parents[1] / "inventory"
SAMPLE = "liaoning"
SEED = 1
PER_RACK = 20
RACKS_PER_ROOM = 10
HUNDRED = 100
UNIT = "bench-hundred"
# What a person would look for, in Chinese and in English, anywhere in an entry.
WORDS = {"Chinese": "沈阳市 业务系统", "English": "online approval"}
# The application of the sample that most others need.
HUB = "online-approval"

_BASE = """\
units:
  bench-hundred: {region: shenyang, title: 百台服务器单位}
sites:
  bench-centre: {region: shenyang, role: datacentre}
"""
# What the base refers to, where the sample is not there.
_REGION = "regions:\n  shenyang: {level: city}\n"
# Of the generated files, the one that is touched.
_TOUCHED = Path("mass", "shenyang", "servers-001.csv")
Row = dict[str, str]


def start(folder: Path) -> None:
    """The sample, to which the generator adds, and beside it the entries of known number."""
    shutil.copytree(INVENTORY / SAMPLE, folder)
    _table(folder / "bench" / "servers.csv", ({**r, "unit": UNIT} for r in _servers("hundred", HUNDRED)))


def empty(folder: Path) -> None:
    """A workspace without the sample."""
    folder.mkdir(parents=True)
    (folder / "govcloud.yaml").write_text("version: 1\nenvironment: bench\n", encoding="utf-8")
    (folder / "region.yaml").write_text(_REGION, encoding="utf-8")


def add_places(folder: Path, servers: int) -> None:
    """Racks for so many servers, in rooms of a site of their own."""
    racks = max(servers, HUNDRED) // PER_RACK
    rooms = [
        {"name": f"bench-room-{n:03}", "site": "bench-centre"} for n in range(racks // RACKS_PER_ROOM + 1)
    ]
    _table(folder / "bench" / "rooms.csv", rooms)
    _table(
        folder / "bench" / "racks.csv",
        ({"name": _rack(n), "room": f"bench-room-{n // RACKS_PER_ROOM:03}"} for n in range(racks)),
    )
    (folder / "bench" / "base.yaml").write_text(_BASE, encoding="utf-8")


def add_servers(folder: Path, count: int, turn: int) -> None:
    """One CSV file of new servers, others in each turn, in the racks of ``add_places``."""
    _table(folder / f"new-{turn}" / "servers.csv", _servers(f"new-{turn}", count))


def touch(folder: Path) -> None:
    """Change one file, a thousand servers at full size, without changing what it says."""
    with (folder / _TOUCHED).open("a", encoding="utf-8") as file:
        file.write("\n")


def change_one(folder: Path, turn: int) -> None:
    """Say of one server in that file that it has another name, another in each turn."""
    path = folder / _TOUCHED
    head, first, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
    column = head.split(",").index("名称")
    cells = first.split(",")
    cells[column] = f"换新的服务器{turn}"
    path.write_text("".join([head, ",".join(cells), *rest]), encoding="utf-8")


def application(folder: Path) -> str:
    """A generated application that has machines and endpoints."""
    path = min((folder / "mass").glob("*/endpoints-*.csv"))
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.DictReader(file))["应用"]


def _rack(number: int) -> str:
    return f"bench-rack-{number:04}"


def _servers(name: str, count: int) -> Iterator[Row]:
    for n in range(count):
        yield {
            "name": f"bench-{name}-{n:05}",
            "title": f"新购服务器 {n}",
            "rack": _rack(n // PER_RACK),
            "status": "running",
            "position": str(1 + 2 * (n % PER_RACK)),
            "height": "2",
            "cores": str((32, 48, 64)[n % 3]),
            "memory_gib": str((256, 384, 512)[n % 3]),
            "vendor": ("浪潮", "华为", "新华三", "中科曙光")[n % 4],
            "model": f"R{n % 7}",
            "serial": f"SN-{name}-{n:06}",
            "bought_on": f"{2016 + n % 9}-{1 + n % 12:02}",
        }


def _table(path: Path, rows: Iterable[Row]) -> None:
    path.parent.mkdir(exist_ok=True)
    rest = iter(rows)
    first = next(rest)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rest)
