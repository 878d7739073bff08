"""Whether the filters of border nodes are as a play put them there: asked of the nodes themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from ..model.catalogue import Catalogue
from ..model.lines import Boundary, PrivateNetwork, Translation
from ..model.resources import RealObject
from ..plan import filtering, translating
from ..plan.hosts import HostVars
from ..share import PLAYBOOKS, shipped
from ..workspace import Workspace
from .reach import ROOT, Reach

# Tables of nftables, by the variable that declares each.
TABLES = {"govcloud_boundary": filtering.TABLE, "govcloud_translation": translating.TABLE}
# What is said of a table, before its name.
RULES = "rules of "


def concerned(catalogue: Catalogue) -> bool:
    """Whether any node may have such tables at all."""
    return bool(catalogue.all(Boundary) or catalogue.all(Translation) or catalogue.all(PrivateNetwork))


def changed_by_hand(workspace: Workspace, hosts: Mapping[str, HostVars]) -> dict[str, dict[str, Any]]:
    """{kind/name: {what: {wanted, seen}}} of hosts whose tables are gone, or not as a play left them.

    ``hosts``: those that were configured. Changes nothing. A host that is not there is left out.
    """
    wanted = [
        (host, said.entry, table, said.vars[variable]["ruleset"])
        for host, said in hosts.items()
        for variable, table in TABLES.items()
        if variable in said.vars
    ]
    if not wanted:
        return {}
    reach = Reach(workspace)
    gone = set(reach.missing(host for host, *_ in wanted))
    out: dict[str, dict[str, Any]] = {}
    for host, entry, table, ruleset in wanted:
        seen = "" if host in gone else _seen(reach, host, table, ruleset)
        if seen:
            out.setdefault(entry, {})[f"{RULES}inet {table}"] = {"wanted": "as declared", "seen": seen}
    return out


def devices(hosts: Mapping[str, HostVars]) -> frozenset[tuple[str, str]]:
    """(host, interface) of the devices that NAT64 makes for itself: nobody declares them as such."""
    return frozenset(
        (host, one["device"])
        for host, said in hosts.items()
        for one in said.vars.get("govcloud_translation", {}).get("nat64", ())
    )


def is_device(real: RealObject, known: frozenset[tuple[str, str]]) -> bool:
    """Whether something that was found without an identity is one of these devices."""
    return real.identity is None and (real.facts.get("node_name"), real.properties.get("interface")) in known


def _seen(reach: Reach, host: str, table: str, ruleset: str) -> str:
    """What is wrong with one table; "" where it is what a play put there."""
    module = shipped(PLAYBOOKS) / "library" / "nftables_state.py"
    question = {"table": table, "ruleset": ruleset, "root": ROOT, "_ansible_check_mode": True}
    argv = reach.command(host, [sys.executable, "-IS", str(module), "/dev/stdin"])
    done = subprocess.run(argv, input=json.dumps(question), capture_output=True, text=True)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return f"cannot be told: {done.stderr.strip() or 'no answer'}"
    if answer.get("failed"):
        return f"cannot be told: {answer['msg']}"
    for one in answer["differences"]:
        if one["state"] == "missing":
            return "not there"
        # What is declared otherwise by now is not for drift to tell: the next play brings it.
        if one["value"].endswith("by hand"):
            return "changed by hand"
    return ""
