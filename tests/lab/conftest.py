"""A lab of a test's own: its own workspace and agent, so that tests run side by side."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from govcloud.lab import control
from govcloud.lab.client import LabClient
from govcloud.lab.leftovers import leftovers
from govcloud.model.resources import Identity, RealObject
from govcloud.workspace import Workspace, open_workspace

ENVIRONMENT = "lab"


class Lab:
    """A running lab and short ways to fill it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.client = LabClient(workspace.root, ENVIRONMENT)

    def up(self) -> control.Outcome:
        return control.up(self.workspace.root, ENVIRONMENT)

    def down(self) -> control.Outcome:
        self.client.close()
        return control.down(self.workspace.root, ENVIRONMENT)

    def identity(self, uid: str, incarnation: int = 1) -> Identity:
        return Identity(ENVIRONMENT, uid, incarnation)

    def node(self, name: str) -> RealObject:
        return self.client.create("Node", self.identity(name), {"name": name, "role": "core"}, 1)

    def link(self, uid: str, a: str, b: str, /, **changes: Any) -> RealObject:
        properties = {
            "name": uid,
            "a": f"{a}.1",
            "b": f"{b}.1",
            "a_interface": f"to-{b}",
            "b_interface": f"to-{a}",
            "bandwidth_mbps": 100,
            "delay_ms": 0,
            **changes,
        }
        return self.client.create("Link", self.identity(uid), properties, 1)

    def network(self, gateway: str) -> RealObject:
        properties = {"name": f"{gateway}-lan", "gateway": f"{gateway}.1", "interface": "lan0"}
        return self.client.create("Network", self.identity(f"{gateway}-lan"), properties, 1)

    def server(self, name: str, network: str) -> RealObject:
        return self.client.create("Server", self.identity(name), {"name": name, "network": f"{network}.1"}, 1)

    def read(self, type: str, uid: str) -> RealObject | None:
        return self.client.read(type, self.identity(uid))

    def pid(self, name: str) -> int:
        found = next(n for n in self.client.nodes() if n.properties["name"] == name)
        return int(found.facts["pid"])

    def run(self, node: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a node; its failure fails the test."""
        argv = [*self.client.exec_argv(self.pid(node)), *command]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def ping(self, node: str, address: str, count: int = 5) -> tuple[float, int]:
        """Least round trip in ms, and how many answers were lost."""
        command = ["ping", "-q", "-n", "-c", str(count), "-i", "0.2", "-W", "3", address]
        out = self.run(node, *command).stdout
        lost = count - int(out.split(" received")[0].split()[-1])
        return float(out.rsplit("=", 1)[1].split("/")[0]), lost


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with settings alone."""
    (tmp_path / "govcloud.yaml").write_text(f"version: 1\nenvironment: {ENVIRONMENT}\n")
    return open_workspace(str(tmp_path))


@pytest.fixture
def down_lab(workspace: Workspace) -> Iterator[Lab]:
    """A lab that is not up yet; afterwards nothing of it may be left."""
    made = Lab(workspace)
    try:
        yield made
    finally:
        made.down()
        assert leftovers(workspace) == []


@pytest.fixture
def lab(down_lab: Lab) -> Lab:
    """A lab that is up."""
    down_lab.up()
    return down_lab
