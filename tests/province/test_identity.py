"""Replacement and moves in the real lab: what is there by the agent's list and the machine's own processes.

Nothing of the lab can stand beside its former self, so it makes way first, with all that stands on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from govcloud.lab.client import LabClient
from tests.province.place import Place, place

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("province-identity"), pytest.mark.timeout(600)]

FILES: dict[str, dict[str, dict[str, Any]]] = {
    "targets": {"lab": {"driver": "lab", "routing": "static"}},
    "regions": {"here": {"level": "province"}},
    "units": {"bureau": {"region": "here"}},
    "zones": {"extranet": {"role": "extranet"}},
    "sites": {
        "hall": {"region": "here", "role": "datacentre"},
        "refuge": {"region": "here", "role": "recovery"},
    },
    "nodes": {"core": {"region": "here", "zone": "extranet", "role": "core", "target": "lab"}},
    "clouds": {"sky": {"site": "hall", "target": "lab"}, "shelter": {"site": "refuge", "target": "lab"}},
    "projects": {"p": {"cloud": "sky", "unit": "bureau"}, "spare": {"cloud": "shelter", "unit": "bureau"}},
    "flavors": {"small": {"vcpus": 1, "memory_mib": 512}},
    "images": {"linux": {"os": "Linux"}, "other": {"os": "Other"}},
    "networks": {"app": {"gateway": "core", "interface": "app", "site": "hall", "ipv4": "10.8.0.0/24"}},
    "instances": {
        "vm": {
            "project": "p",
            "flavor": "small",
            "image": "linux",
            "network": "app",
            "ipv4": "10.8.0.10",
        }
    },
}


@pytest.fixture
def workspace() -> Iterator[Place]:
    with place() as where:
        where.type("init", str(where.root), "--environment", "small")
        write(where, FILES)
        where.type("lab", "up")
        where.type("apply", "--yes")
        yield where


def write(where: Place, tables: dict[str, dict[str, dict[str, Any]]]) -> None:
    # JSON is YAML.
    (where.root / "base.yaml").write_text(json.dumps(tables, ensure_ascii=False, indent=1))


def there(where: Place) -> dict[str, tuple[int, str]]:
    """Incarnation and birth of what the agent has, by ``Type/name``; fails where one is there twice."""
    client = LabClient(where.root, "small")
    out: dict[str, tuple[int, str]] = {}
    try:
        for real in client.list():
            if real.identity is not None:
                key = f"{real.type}/{real.properties['name']}"
                assert key not in out, f"{key} is there twice"
                out[key] = (real.identity.incarnation, real.birth)
    finally:
        client.close()
    return out


def as_wanted(where: Place) -> dict[str, tuple[int, str]]:
    assert "Nothing to do" in where.type("plan", "--detailed-exitcode").out
    assert where.ask("drift")["findings"] == []
    assert where.hostnames() == ["core", "vm"]
    where.on("vm", "ping", "-c", "1", "-W", "2", "10.8.0.1")
    found = there(where)
    assert set(found) == {"Node/core", "Network/app", "Instance/vm"}
    return found


def test_what_is_made_anew_makes_way_first_and_what_is_handed_over_is_not_touched(workspace: Place) -> None:
    tables = json.loads(json.dumps(FILES))
    before = as_wanted(workspace)

    # Its owner changes, so its stack does.
    tables["instances"]["vm"]["project"] = "spare"
    write(workspace, tables)
    plan = workspace.ask("plan")
    assert [s["kind"] for s in plan["stages"]][:2] == ["record", "move"]
    assert not [s for s in plan["stages"] if s["kind"] == "stack"]
    workspace.type("apply", "--yes")
    assert as_wanted(workspace) == before

    # Another interface for its network, and what stands in it is made anew with it.
    tables["networks"]["app"]["interface"] = "app2"
    write(workspace, tables)
    stages = [s["id"] for s in workspace.ask("plan")["stages"]]
    clear = ["clear:recovery-1", "clear:datacentre-1"]
    assert stages[:5] == ["record", *clear, "stack:datacentre-1", "stack:recovery-1"]
    workspace.type("apply", "--yes")
    after = as_wanted(workspace)
    assert after["Node/core"] == before["Node/core"]
    for key in ("Network/app", "Instance/vm"):
        assert after[key][0] == 2
        assert after[key][1] != before[key][1]
