"""The sample's city as plain fields by kind and name, for tests that need neither ledger nor lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from govcloud.rollout.members import Ground
from govcloud.rollout.reading import typed
from govcloud.rollout.waves import Planner
from govcloud.source import load
from govcloud.source.merging import join
from govcloud.workspace import open_workspace

SAMPLE = Path(__file__).resolve().parents[2] / "inventory" / "qionghai"
Entries = dict[tuple[str, str], dict[str, Any]]


def entries() -> Entries:
    """What the sample's files say."""
    loaded = load(open_workspace(str(SAMPLE)))
    merged, wrong = join(loaded.claims, layers=loaded.layers)
    assert not wrong
    return merged


def planner(known: Entries) -> Planner:
    """A planner of these entries."""
    return Planner(Ground(typed(known)))


def net(tree: list[tuple[int, str]], extra: list[tuple[int, int, int]]) -> Entries:
    """A net: of each node after the first the one it hangs on and its role; more links with their costs."""
    known: Entries = {
        ("region", "home"): {"level": "province"},
        ("zone", "extranet"): {"role": "extranet"},
        ("node", "n0"): {"region": "home", "zone": "extranet", "role": "core"},
    }
    for number, (above, role) in enumerate(tree, 1):
        known["node", f"n{number}"] = {"region": "home", "zone": "extranet", "role": role}
        known["link", f"up{number}"] = _link(above % number, number, 10)
        network = {"gateway": f"n{number}", "interface": "lan", "ipv4": f"10.{number}.0.0/24"}
        known["network", f"lan{number}"] = network
    for number, (a, b, cost) in enumerate(extra):
        size = len(tree) + 1
        if a % size != b % size:
            known["link", f"more{number}"] = _link(a % size, b % size, cost)
    return known


def _link(a: int, b: int, cost: int) -> dict[str, Any]:
    ends = {"a": f"n{a}", "b": f"n{b}", "a_interface": f"to-{b}-{cost}", "b_interface": f"to-{a}-{cost}"}
    return ends | {"bandwidth_mbps": 100.0, "cost": cost}
