"""How hosts are reached: connection variables for Ansible, argument lists for commands inside."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..lab.client import LabClient
from ..workspace import Workspace

CONNECTION = "community.docker.nsenter"
# The folder on a host of everything that plays put there (playbooks: govcloud_root).
ROOT = "/run/govcloud"
# Where modules travel to. Plain Ansible would take the home folder, which a host shares with this machine.
REMOTE_TMP = f"{ROOT}/ansible"


class Reach:
    """The lab's hosts of one workspace, as they are now."""

    def __init__(self, workspace: Workspace) -> None:
        self._client = LabClient(workspace.root, workspace.environment)
        nodes = self._client.nodes()
        self._pids: dict[str, int] = {str(n.properties["name"]): int(n.facts["pid"]) for n in nodes}
        self._births: dict[str, str] = {str(n.properties["name"]): n.birth for n in nodes}

    @property
    def prefix(self) -> list[str]:
        """What a program that enters nodes must be started with; empty for root."""
        return self._client.prefix()

    @property
    def marker(self) -> dict[str, str]:
        """Environment for what is started in the lab."""
        return self._client.marker

    def birth(self, host: str) -> str:
        """What changes whenever the host is made anew. Raises ``KeyError`` for one that is not there."""
        return self._births[host]

    def missing(self, hosts: Iterable[str]) -> list[str]:
        """Those of ``hosts`` that are not there."""
        return sorted(set(hosts) - set(self._pids))

    def connection(self, host: str) -> dict[str, Any]:
        """Ansible's connection variables. Raises ``KeyError`` for a host that is not there."""
        return {
            "ansible_connection": CONNECTION,
            "ansible_nsenter_pid": self._pids[host],
            "ansible_python_interpreter": sys.executable,
            "ansible_remote_tmp": REMOTE_TMP,
        }

    def connections(self) -> dict[str, dict[str, Any]]:
        """Connection variables of every host that is there."""
        return {host: self.connection(host) for host in self._pids}

    def command(self, host: str, argv: list[str]) -> list[str]:
        """``argv`` as it runs inside a host. Raises ``KeyError`` for a host that is not there."""
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
