"""Run the site's playbook on a province of namespaces, and read what it says."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from namespaces import Province

from govcloud.plan.hosts import HostVars, inventory_document

ROOT = Path(__file__).parents[1]
PLAYBOOK = ROOT / "playbooks" / "site.yml"
# Beside the interpreter, which in a virtual environment is a link that must not be followed.
ANSIBLE = str(Path(sys.executable).parent / "ansible-playbook")


@dataclass
class Played:
    """What a run of the playbook came to."""

    code: int
    words: str
    changed: dict[str, int]
    differences: dict[str, list[dict[str, Any]]]

    @property
    def touched(self) -> set[str]:
        """Hosts that something changed on."""
        return {host for host, count in self.changed.items() if count}


def play(province: Province, hosts: dict[str, HostVars], folder: Path, *options: str) -> Played:
    """One run; ``folder`` holds the inventory and Ansible's own files."""
    document = inventory_document(hosts, province.connections())
    (folder / "inventory.json").write_text(json.dumps(document))
    script = folder / "inventory.sh"
    script.write_text(f"#!/bin/sh\ncat '{folder}/inventory.json'\n")
    script.chmod(0o755)
    settings = {
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
    }
    done = province.run(
        [ANSIBLE, "-i", str(script), "-f", "8", str(PLAYBOOK), *options],
        env=os.environ | settings,
        check=False,
    )
    words = done.stdout + done.stderr
    try:
        said = json.loads(done.stdout[done.stdout.index("{") :])
    except ValueError:
        return Played(done.returncode, words, {}, {})
    differences: dict[str, list[dict[str, Any]]] = {}
    for one in said["plays"]:
        for task in one["tasks"]:
            for host, result in task["hosts"].items():
                differences.setdefault(host, []).extend(result.get("differences", []))
    changed = {host: count["changed"] for host, count in said["stats"].items()}
    return Played(done.returncode, words, changed, differences)
