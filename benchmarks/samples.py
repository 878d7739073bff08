"""The work: a cloud of instances, written down for us, for Terraform and for plain Pulumi.

Every form says the same objects with the same values and references: one router, networks of at
most 250 instances behind it, and instances, ``count`` objects in all.
"""

from __future__ import annotations

import csv
import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PER_NETWORK = 250
PER_LAB_NETWORK = 25
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
    yield from _placed(shape(count)[1], PER_NETWORK)


def _placed(number: int, per_network: int) -> Iterator[dict[str, str]]:
    for index in range(number):
        network, host = divmod(index, per_network)
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


def lab(folder: Path, hosts: int, playbooks: Path) -> None:
    """A workspace of hosts in a lab, one router and instances behind it, with playbooks of its own."""
    folder.mkdir(parents=True)
    _write(folder / "govcloud.yaml", "version: 1\nenvironment: bench\n")
    base = _BASE.replace("store: {driver: store}", "store: {driver: lab, routing: static}")
    networks = 1 + (hosts - 2) // PER_LAB_NETWORK
    flavors = "".join(f"  {n}: {{vcpus: {v}, memory_mib: {m}}}\n" for n, (v, m) in FLAVORS.items())
    nets = "".join(
        f"  net-{n}: {{gateway: border, interface: net{n}, ipv4: 10.{n}.0.0/16, cloud: government}}\n"
        for n in range(networks)
    )
    _write(folder / "base.yaml", f"{base}flavors:\n{flavors}networks:\n{nets}")
    _table(folder / "instances.csv", list(_placed(hosts - 1, PER_LAB_NETWORK)))
    shutil.copytree(playbooks, folder / "playbooks", ignore=shutil.ignore_patterns("__pycache__"))


def set_kernel(folder: Path, setting: str, value: int) -> None:
    """Let the playbooks of a workspace set something on every host."""
    for name in ("all", "routers"):
        path = folder / "playbooks" / "group_vars" / f"{name}.yml"
        lines = [line for line in path.read_text().splitlines() if f"  {setting}:" not in line]
        lines.insert(lines.index("govcloud_sysctls:") + 1, f"  {setting}: {value}")
        _write(path, "\n".join(lines) + "\n")


def terraform(folder: Path, count: int) -> None:
    """The same objects as ``terraform_data``, one block each, references between them kept."""
    folder.mkdir(parents=True)
    _write(folder / "main.tf", "\n".join(_block(name, values) for name, values in _terraform(count)))


def terraform_state(folder: Path, count: int) -> None:
    """The state that an apply of ``terraform`` leaves, written without one: an apply of 5,000 takes long.

    Whoever uses it should see that a plan finds nothing to do.
    """
    ids: dict[str, str] = {}
    resources = []
    for name, values in _terraform(count):
        ids[name] = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
        said = {"name": name} | {k: ids[v.to] if isinstance(v, _Id) else v for k, v in values.items()}
        types = {k: "number" if isinstance(v, int) else "string" for k, v in sorted(said.items())}
        said_typed = {"value": said, "type": ["object", types]}
        attributes = {"id": ids[name], "input": said_typed, "output": said_typed, "triggers_replace": None}
        referred = sorted(_terraform_needs(values))
        instance = {"schema_version": 0, "attributes": attributes, "sensitive_attributes": []}
        resources.append(
            {
                "mode": "managed",
                "type": "terraform_data",
                "name": name,
                "provider": 'provider["terraform.io/builtin/terraform"]',
                "instances": [instance | ({"dependencies": referred} if referred else {})],
            }
        )
    state = {"version": 4, "terraform_version": "1.0.0", "serial": 1, "lineage": str(uuid.uuid4())}
    _write(folder / "terraform.tfstate", json.dumps(state | {"outputs": {}, "resources": resources}))


def terraform_enlarge_one(folder: Path) -> None:
    """The same change as ``enlarge_one``."""
    path = folder / "main.tf"
    text = path.read_text(encoding="utf-8")
    before, after = ("vcpus = 2\n", "vcpus = 8\n")
    if before not in text.split('"vm-00001"')[0]:
        before, after = after, before
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


@dataclass(frozen=True)
class _Id:
    """The id of another block."""

    to: str


def _terraform(count: int) -> Iterator[tuple[str, dict[str, str | int | _Id]]]:
    """(name, values) of every block."""
    networks, _ = shape(count)
    yield "border", {"role": "border"}
    for n in range(networks):
        yield f"net-{n}", {"gateway": _Id("border"), "interface": f"net{n}"}
    for row in instances(count):
        vcpus, memory = FLAVORS[row["flavor"]]
        values: dict[str, str | int | _Id] = {"network": _Id(row["network"]), "image": row["image"]}
        yield row["name"], values | {"vcpus": vcpus, "memory_mib": memory}


def _terraform_needs(values: dict[str, str | int | _Id]) -> set[str]:
    """What a block refers to, as a state names it: also what that refers to."""
    direct = {v.to for v in values.values() if isinstance(v, _Id)}
    return {f"terraform_data.{name}" for name in direct | ({"border"} if direct else set())}


def _block(name: str, values: dict[str, str | int | _Id]) -> str:
    said = {
        k: f"terraform_data.{v.to}.id" if isinstance(v, _Id) else json.dumps(v) for k, v in values.items()
    }
    lines = "".join(f"    {key} = {value}\n" for key, value in {"name": f'"{name}"', **said}.items())
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
