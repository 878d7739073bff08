"""Identities given and taken in the lab: nothing of an object changes but whose it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Lab

pytestmark = pytest.mark.lab
Cli = Callable[..., Any]


def test_a_line_goes_on_under_another_identity(lab: Lab) -> None:
    lab.node("a")
    lab.node("b")
    made = lab.link("l", "a", "b", delay_ms=30)
    for node, other, n in (("a", "b", 0), ("b", "a", 1)):
        lab.run(node, "ip", "address", "add", f"10.9.9.{n}/31", "dev", f"to-{other}")
    lab.client.release("Link", lab.identity("l"), 1)
    assert lab.read("Link", "l") is None
    adopted = lab.client.adopt("Link", "l.1", lab.identity("m", 2), made.properties, 1)
    assert (adopted.birth, adopted.properties) == (made.birth, made.properties)
    assert lab.ping("a", "10.9.9.1", count=3)[0] >= 60
    lab.client.update("Link", lab.identity("m", 2), {**made.properties, "delay_ms": 5}, 1)
    assert lab.ping("a", "10.9.9.1", count=3)[0] < 40
    lab.client.delete("Link", lab.identity("m", 2), 1)
    assert "to-b" not in lab.run("a", "ip", "-br", "link").stdout


def test_a_node_shows_whose_it_is(lab: Lab) -> None:
    lab.node("a")
    said = lab.run("a", "cat", "/run/govcloud/identity").stdout
    assert json.loads(said)["uid"] == "a"
    lab.client.release("Node", lab.identity("a"), 1)
    assert json.loads(lab.run("a", "cat", "/run/govcloud/identity").stdout) == {}
    lab.client.adopt("Node", "a.1", lab.identity("x", 3), {"name": "a", "role": "core"}, 1)
    said = json.loads(lab.run("a", "cat", "/run/govcloud/identity").stdout)
    assert (said["uid"], said["incarnation"]) == ("x", 3)


def test_a_bridge_made_by_hand_becomes_a_network(lab: Lab) -> None:
    lab.node("a")
    lab.run("a", "ip", "link", "add", "lan0", "up", "type", "bridge")
    (found,) = [o for o in lab.client.list() if o.identity is None]
    assert found.type == "Interface" and found.facts["could_be"]["type"] == "Network"
    wanted = {"name": "lan", "gateway": "a.1", "interface": "lan0"}
    adopted = lab.client.adopt("Network", found.handle, lab.identity("n"), wanted, 1)
    assert adopted.birth == found.birth
    lab.server("web", "n")
    assert [o for o in lab.client.list() if o.identity is None] == []
    assert lab.client.update("Network", lab.identity("n"), wanted, 1).properties == wanted


def test_forgotten_and_adopted_by_the_program(cli: Cli, lab: Lab) -> None:
    """A router leaves our hands and comes back: same processes, same line, and configured."""
    root = lab.workspace.root
    common = {"region": "here", "zone": "extranet", "role": "core", "target": "lab"}
    tables = {
        "targets": {"lab": {"driver": "lab", "routing": "static"}},
        "regions": {"here": {"level": "province"}},
        "zones": {"extranet": {"role": "extranet"}},
        "nodes": {"r1": common, "r2": common},
        "links": {
            "r1-r2": {
                "a": "r1",
                "b": "r2",
                "a_interface": "to-r2",
                "b_interface": "to-r1",
                "bandwidth_mbps": 9,
            }
        },
    }
    (root / "base.yaml").write_text(yaml.safe_dump(tables))
    assert cli("apply", "--yes", cwd=root).code == 0
    before = {o.properties["name"]: o.birth for o in lab.client.list()}
    assert cli("forget", "node/r2", "link/r1-r2", "--yes", cwd=root).code == 0
    loose = {o.properties["name"] for o in lab.client.list() if o.identity is None}
    assert loose == {"r2", "r1-r2"}
    failed = cli("apply", "--yes", cwd=root)
    assert failed.code == 1 and "govcloud adopt node/r2" in failed.out, failed
    done = cli("adopt", "node/r2", "link/r1-r2", "--yes", cwd=root)
    assert done.code == 0, done
    found = lab.client.list()
    assert all(o.identity is not None for o in found)
    assert {o.properties["name"]: o.birth for o in found} == before
    assert cli("plan", "--detailed-exitcode", cwd=root).code == 0
