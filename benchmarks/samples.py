"""The work: a cloud of instances, written down for us, for Terraform and for plain Pulumi.

Every form says the same objects with the same values and references: one router, networks of at
most 250 instances behind it, and instances, ``count`` objects in all.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PER_NETWORK = 250
# Instances a file: a province's files are many, and a change touches one.
PER_FILE = 100
FLAVORS = {"small": (2, 4096), "large": (8, 16384)}

_BASE = """\
targets:
  store: {driver: store}
regions:
  province: {level: province}
units:
  bureau: {region: province}
zones:
  extranet: {role: extranet}
sites:
  centre: {region: province, role: datacentre}
clouds:
  government: {site: centre, target: store}
projects:
  bureau: {cloud: government, unit: bureau}
images:
  linux: {os: Linux}
nodes:
  border: {region: province, zone: extranet, role: border, site: centre, target: store}
"""


def shape(count: int) -> tuple[int, int]:
    """(networks, instances) that make ``count`` objects together with the router."""
    networks = 1 + (count - 2) // (PER_NETWORK + 1)
    return networks, count - 1 - networks


def instances(count: int) -> Iterator[dict[str, str]]:
    """The instances' rows."""
    _, number = shape(count)
    for index in range(number):
        network, host = divmod(index, PER_NETWORK)
        yield {
            "name": f"vm-{index:05}",
            "title": f"云主机 {index}",
            "project": "bureau",
            "flavor": "small",
            "image": "linux",
            "network": f"net-{network}",
            "ipv4": f"10.{network}.0.{host + 4}",
        }


def workspace(folder: Path, count: int) -> None:
    """A workspace of ``count`` objects, built by the store driver."""
    folder.mkdir(parents=True)
    _write(folder / "govcloud.yaml", "version: 1\nenvironment: bench\n")
    networks, _ = shape(count)
    flavors = "".join(f"  {n}: {{vcpus: {v}, memory_mib: {m}}}\n" for n, (v, m) in FLAVORS.items())
    nets = "".join(
        f"  net-{n}: {{gateway: border, interface: net{n}, ipv4: 10.{n}.0.0/16, cloud: government}}\n"
        for n in range(networks)
    )
    _write(folder / "base.yaml", f"{_BASE}flavors:\n{flavors}networks:\n{nets}")
    rows = list(instances(count))
    for number, start in enumerate(range(0, len(rows), PER_FILE)):
        _table(folder / f"cloud-{number:03}" / "instances.csv", rows[start : start + PER_FILE])


def touch(folder: Path) -> None:
    """Change one file of a workspace without changing what it says."""
    with (folder / "cloud-000" / "instances.csv").open("a", encoding="utf-8") as file:
        file.write("\n")


def enlarge_one(folder: Path, index: int = 0) -> None:
    """Give one instance another flavor than it has."""
    path = folder / "cloud-000" / "instances.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    line = lines[index + 1]
    lines[index + 1] = (
        line.replace(",small,", ",large,") if ",small," in line else line.replace(",large,", ",small,")
    )
    path.write_text("".join(lines), encoding="utf-8")


def slow_down(folder: Path, delay_ms: int) -> None:
    """Let each call of the target take so long."""
    path = folder / "base.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("{driver: store}", f"{{driver: store, delay_ms: {delay_ms}}}"), "utf-8")


def servers(folder: Path, count: int) -> None:
    """A workspace of ``count`` servers in one CSV file, with no target: recorded, not built."""
    folder.mkdir(parents=True)
    _write(folder / "govcloud.yaml", "version: 1\nenvironment: bench\n")
    racks = "".join(f"  rack-{n:04}: {{room: hall}}\n" for n in range(count // 20 + 1))
    base = (
        "regions:\n  province: {level: province}\nunits:\n  bureau: {region: province}\n"
        "sites:\n  centre: {region: province, role: datacentre}\nrooms:\n  hall: {site: centre}\n"
    )
    _write(folder / "base.yaml", f"{base}racks:\n{racks}")
    _table(
        folder / "servers.csv",
        [
            {"name": f"srv-{n:06}", "title": f"服务器 {n}", "rack": f"rack-{n // 20:04}", "unit": "bureau"}
            for n in range(count)
        ],
    )


def terraform(folder: Path, count: int) -> None:
    """The same objects as ``terraform_data``, one block each, references between them kept."""
    folder.mkdir(parents=True)
    networks, _ = shape(count)
    blocks = [_block("border", {"role": '"border"'})]
    blocks += [
        _block(f"net-{n}", {"gateway": "terraform_data.border.id", "interface": f'"net{n}"'})
        for n in range(networks)
    ]
    for row in instances(count):
        vcpus, memory = FLAVORS[row["flavor"]]
        values = {"image": f'"{row["image"]}"', "vcpus": str(vcpus), "memory_mib": str(memory)}
        blocks.append(_block(row["name"], {"network": f"terraform_data.{row['network']}.id"} | values))
    _write(folder / "main.tf", "\n".join(blocks))


def terraform_enlarge_one(folder: Path) -> None:
    """The same change as ``enlarge_one``."""
    path = folder / "main.tf"
    text = path.read_text(encoding="utf-8")
    before, after = ("vcpus = 2\n", "vcpus = 8\n")
    if before not in text.split('"vm-00001"')[0]:
        before, after = after, before
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def _block(name: str, values: dict[str, str]) -> str:
    lines = "".join(f"    {key} = {value}\n" for key, value in {"name": f'"{name}"', **values}.items())
    return f'resource "terraform_data" "{name}" {{\n  input = {{\n{lines}  }}\n}}\n'


def plain(folder: Path, count: int, *, enlarged: bool = False) -> None:
    """The same objects for the program in ``plain.py``: types, identities, inputs, references by name."""
    folder.mkdir(parents=True, exist_ok=True)
    networks, _ = shape(count)
    objects: list[dict[str, Any]] = [{"type": "Node", "name": "border", "inputs": {"role": "border"}}]
    objects += [
        {
            "type": "Network",
            "name": f"net-{n}",
            "inputs": {"interface": f"net{n}"},
            "refs": {"gateway": "border"},
        }
        for n in range(networks)
    ]
    for index, row in enumerate(instances(count)):
        vcpus, memory = FLAVORS["large" if enlarged and index == 0 else row["flavor"]]
        inputs = {"image": row["image"], "vcpus": vcpus, "memory_mib": memory}
        objects.append(
            {"type": "Instance", "name": row["name"], "inputs": inputs, "refs": {"network": row["network"]}}
        )
    _write(folder / "objects.json", json.dumps(objects))


def _table(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
