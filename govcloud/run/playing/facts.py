"""What hosts say of themselves in a play: few things, from whatever tells facts.

The role `addresses` tells them beside its work (`ansible_local.govcloud`), so that no task is spent on
it; a site's own playbooks may gather facts as Ansible does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Our name of each, and Ansible's.
NAMES = {
    "kernel": "ansible_kernel",
    "distribution": "ansible_distribution",
    "distribution_version": "ansible_distribution_version",
    "architecture": "ansible_architecture",
    "cpus": "ansible_processor_vcpus",
    "memory_mib": "ansible_memtotal_mb",
    "python": "ansible_python_version",
}


def facts_in(result: Mapping[str, Any]) -> dict[str, Any]:
    """The facts in what a task came to, by our names; empty where it tells none."""
    told = result.get("ansible_facts")
    if not isinstance(told, Mapping):
        return {}
    local = told.get("ansible_local")
    own = local.get("govcloud") if isinstance(local, Mapping) else None
    if isinstance(own, Mapping):
        known = (*NAMES, "interfaces")
        return {name: own[name] for name in known if name in own}
    found = {name: told[theirs] for name, theirs in NAMES.items() if theirs in told}
    interfaces = {str(n): _addresses(told, str(n)) for n in told.get("ansible_interfaces", ())}
    return found | ({"interfaces": interfaces} if interfaces else {})


def _addresses(told: Mapping[str, Any], interface: str) -> list[str]:
    """Addresses with their lengths, as Ansible tells those of one interface."""
    about = told.get(f"ansible_{interface.replace('-', '_')}")
    if not isinstance(about, Mapping):
        return []
    first = about.get("ipv4") or {}
    four = [first, *about.get("ipv4_secondaries", ())]
    six = [a for a in about.get("ipv6", ()) if a.get("scope") == "global"]
    return [f"{a['address']}/{a['prefix']}" for a in (*four, *six) if a.get("address") and a.get("prefix")]
