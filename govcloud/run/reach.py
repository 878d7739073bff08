"""How hosts are reached: connection variables for Ansible, argument lists for commands inside."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..lab.client import LabClient
from ..model.resources import RealObject
from ..workspace import Workspace

CONNECTION = "community.docker.nsenter"
# The variable of a host that says how it is reached, where it is none of the lab's.
OWN = "ansible_connection"
# The folder on a host of everything that plays put there (playbooks: govcloud_root).
ROOT = "/run/govcloud"
# Where modules travel to. Plain Ansible would take the home folder, which a host shares with this machine.
REMOTE_TMP = f"{ROOT}/ansible"


class Reach:
    """The lab's hosts of one workspace, as they are now, and devices, which bring their own way there."""

    def __init__(self, workspace: Workspace, hosts: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """``hosts``: of a plan (groups and variables); where all of them are devices, no lab is needed."""
        self._devices = frozenset(h for h, known in (hosts or {}).items() if OWN in known["vars"])
        self._client = None
        nodes: list[RealObject] = []
        if not hosts or self._devices != hosts.keys():
            self._client = LabClient(workspace.root, workspace.environment)
            nodes = self._client.nodes()
        self._pids: dict[str, int] = {str(n.properties["name"]): int(n.facts["pid"]) for n in nodes}
        self._births: dict[str, str] = {str(n.properties["name"]): n.birth for n in nodes}

    @property
    def prefix(self) -> list[str]:
        """What a program that enters nodes must be started with; empty for root."""
        return self._client.prefix() if self._client else []

    @property
    def marker(self) -> dict[str, str]:
        """Environment for what is started in the lab."""
        return self._client.marker if self._client else {}

    def birth(self, host: str) -> str:
        """What changes whenever the host is made anew; of a device nobody knows.

        Raises ``KeyError`` for one that is not there.
        """
        return "" if host in self._devices else self._births[host]

    def missing(self, hosts: Iterable[str]) -> list[str]:
        """Those of ``hosts`` that are not there; whether a device is, only asking it can tell."""
        return sorted(set(hosts) - set(self._pids) - self._devices)

    def connection(self, host: str) -> dict[str, Any]:
        """Ansible's connection variables. Raises ``KeyError`` for a host that is not there."""
        if host in self._devices:
            # What a device is sent is made on this machine.
            return {"ansible_python_interpreter": sys.executable}
        return {
            "ansible_connection": CONNECTION,
            "ansible_nsenter_pid": self._pids[host],
            "ansible_python_interpreter": sys.executable,
            "ansible_remote_tmp": REMOTE_TMP,
        }

    def connections(self) -> dict[str, dict[str, Any]]:
        """Connection variables of every host that is there."""
        return {host: self.connection(host) for host in (*self._pids, *sorted(self._devices))}

    def command(self, host: str, argv: list[str]) -> list[str]:
        """``argv`` as it runs inside a host of the lab. Raises ``KeyError`` for one that is not there."""
        if self._client is None:
            raise KeyError(host)
        return [*self._client.exec_argv(self._pids[host]), *argv]


def static_inventory(hosts: Mapping[str, Mapping[str, Any]], reach: Reach) -> dict[str, Any]:
    """Hosts of a plan (groups and variables) as an inventory in Ansible's YAML form."""
    children: dict[str, dict[str, Any]] = {}
    for host, variables in hosts.items():
        for group in variables["groups"]:
            children.setdefault(group, {"hosts": {}})["hosts"][host] = None
    table = {host: {**variables["vars"], **reach.connection(host)} for host, variables in hosts.items()}
    return {"all": {"hosts": table, "children": children}}


def ansible_playbook() -> str:
    """The ``ansible-playbook`` of this installation."""
    return str(Path(sys.executable).parent / "ansible-playbook")
