"""A cloud that is only recorded: servers of two sites, flavors, and the instances that a test wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from govcloud.model import PLURALS
from govcloud.model.catalogue import Catalogue

Tables = dict[str, dict[str, dict[str, Any]]]


def sky(instances: dict[str, dict[str, Any]] | None = None, **more: dict[str, dict[str, Any]]) -> Tables:
    """Tables of a cloud with servers h1 and h2 at the hall, h3 in the cave; ``more``: further entries by
    plural, laid over these."""
    server = {"cloud": "sky", "cores": 16, "memory_gib": 64}
    tables: Tables = {
        "regions": {"here": {"level": "province"}},
        "units": {"bureau": {"region": "here"}, "office": {"region": "here"}},
        "persons": {"li": {"unit": "bureau", "duty": "business_manager"}},
        "zones": {"extranet": {"role": "extranet"}},
        "nodes": {"r1": {"region": "here", "zone": "extranet", "role": "core"}},
        "sites": {one: {"region": "here", "role": "datacentre"} for one in ("hall", "cave")},
        "rooms": {"hall-1": {"site": "hall"}, "hall-2": {"site": "hall"}, "cave-1": {"site": "cave"}},
        "racks": {"a": {"room": "hall-1"}, "b": {"room": "hall-2"}, "c": {"room": "cave-1"}},
        "networks": {"app": {"gateway": "r1", "interface": "app", "cloud": "sky"}},
        "clouds": {"sky": {"site": "hall", "mlps": 3}},
        "projects": {"p": {"cloud": "sky", "unit": "bureau"}, "q": {"cloud": "sky", "unit": "office"}},
        "flavors": {
            "small": {"vcpus": 2, "memory_mib": 4096, "disk_gib": 40},
            "medium": {"vcpus": 4, "memory_mib": 8192, "disk_gib": 80},
            "large": {"vcpus": 8, "memory_mib": 32768, "disk_gib": 200},
        },
        "images": {"linux": {"os": "Linux"}},
        "servers": {
            "h1": {"rack": "a", **server},
            "h2": {"rack": "b", **server},
            "h3": {"rack": "c", **server},
        },
        "applications": {},
        "instances": {},
    }
    for plural, table in more.items():
        tables[plural] = tables.get(plural, {}) | table
    common = {"project": "p", "flavor": "small", "image": "linux", "network": "app"}
    tables["instances"] = {name: common | fields for name, fields in (instances or {}).items()}
    return tables


def catalogue(tables: Tables) -> Catalogue:
    """The entries, typed."""
    return Catalogue.of(
        {(PLURALS[plural], n): f for plural, table in tables.items() for n, f in table.items()}
    )


def write(folder: Path, tables: Tables) -> Path:
    """A workspace of them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    kept = {plural: table for plural, table in tables.items() if table}
    (folder / "base.yaml").write_text(yaml.safe_dump(kept, sort_keys=False))
    return folder
