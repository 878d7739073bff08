"""Cuts made for real: measured, held against the simulation, and put back whatever becomes of their maker.

core - left - hamlet
   \\     |
    \\- right
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from govcloud.ledger import open_ledger
from govcloud.ledger.store import settings
from govcloud.run.cutting import SETTING
from govcloud.workspace import open_workspace
from tests.province.place import Place, place, until

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("province-whatif"), pytest.mark.timeout(600)]

ROUTERS = ("core", "left", "right", "hamlet")
LINKS = {
    "core-left": ("core", "left", 10, "data"),
    "core-right": ("core", "right", 10, "video"),
    "left-right": ("left", "right", 15, "both"),
    "left-hamlet": ("left", "hamlet", 10, "both"),
}
TABLES = {
    "regions": {"here": {"level": "province"}},
    "units": {"bureau": {"region": "here"}},
    "targets": {"lab": {"driver": "lab", "routing": "ospf"}},
    "profiles": {
        "routing": {"values": {"ospf_hello_s": 1, "ospf_dead_s": 4}},
        "whatif": {"values": {"before_s": 0.5, "wait_ms": 500, "hold_s": 1, "pairs": 16}},
    },
    "zones": {"extranet": {"role": "extranet"}},
    "nodes": {
        name: {
            "region": "here",
            "zone": "extranet",
            "role": "core" if name == "core" else "access",
            "loopback4": f"10.255.0.{n}",
            "loopback6": f"3fff:0:0:{n}::1",
            "target": "lab",
        }
        for n, name in enumerate(ROUTERS, 1)
    },
    "links": {
        name: {
            "a": a,
            "b": b,
            "a_interface": f"to-{b}",
            "b_interface": f"to-{a}",
            "bandwidth_mbps": 100,
            "cost": cost,
            "plane": plane,
            "ipv4": f"10.254.0.{2 * n}/31",
            "ipv6": f"3fff:0:ff:{n}::/127",
        }
        for n, (name, (a, b, cost, plane)) in enumerate(LINKS.items(), 1)
    },
}
MOVED = "link/core-left"
# The ways to the two routers that are not next to the hamlet, over both families.
ASKED = "; ".join(
    f"ip -{version} route get {address}"
    for version, address in [(4, "10.255.0.1"), (6, "3fff:0:0:1::1"), (4, "10.255.0.3"), (6, "3fff:0:0:3::1")]
)
# And theirs back to it.
FAR = ("core", "right")
BACK = "ip -4 route get 10.255.0.4; ip -6 route get 3fff:0:0:4::1"


@pytest.fixture(scope="module")
def built() -> Iterator[Place]:
    """Four routers that find their ways by themselves."""
    with place() as where:
        where.type("init", str(where.root), "--environment", "ring")
        # JSON is YAML.
        (where.root / "ring.yaml").write_text(json.dumps(TABLES))
        where.type("lab", "up")
        where.type("apply", "--yes")
        yield where


@pytest.fixture
def ring(built: Place) -> Place:
    """The routers, when all of them know all ways."""

    def converged() -> bool:
        there = built.on("hamlet", "sh", "-c", f"{ASKED}; true").out.count("to-left") == 4
        return there and all(built.on(r, "sh", "-c", f"{BACK}; true").out.count("to-") == 2 for r in FAR)

    assert until(60, converged)
    return built


def state(where: Place) -> str:
    """Whether the core sees the line that is cut as up or down, by the kernel."""
    carrier = where.on("core", "cat", "/sys/class/net/to-left/carrier").out.strip()
    return "up" if carrier == "1" else "down"


def written(where: Place) -> bool:
    """Whether the ledger says that a cut stands."""
    with open_ledger(open_workspace(str(where.root))).read() as connection:
        return bool(settings(connection).get(SETTING))


def test_a_cut_is_measured_agrees_with_the_simulation_and_is_put_back(ring: Place) -> None:
    asked = ring.type("network", "whatif", "--cut", MOVED, "--measure", expect=1)
    assert "--yes cuts without asking" in asked.err
    found = ring.ask("network", "whatif", "--cut", MOVED, "--cut", "link/left-hamlet", "--measure", "--yes")
    assert [one["nodes"] for one in found["cut_off"]] == [["node/hamlet"]] * 2
    measured = found["measured"]
    assert measured["restored"] and not measured["not_back"] and not measured["silent_before"]
    assert written(ring) is False
    seen = {one["name"]: one for one in measured["seen"]}
    assert len(seen) == 12 and all(one["agrees"] for one in seen.values())
    for family in (4, 6):
        moved, lost = seen[f"core>left/{family}"], seen[f"core>hamlet/{family}"]
        assert (moved["expected"], moved["answered"], moved["way"]) == ("moved", True, ["node/right"])
        assert (lost["expected"], lost["answered"], lost["way"]) == ("lost", False, [])
        # Silent as long as the line was cut.
        assert lost["gap_ms"] >= measured["held_s"] * 1000 - 1
        assert seen[f"left>right/{family}"]["expected"] == "kept"
    assert 0 <= measured["reroute_s"] < measured["held_s"]
    assert ring.ask("drift")["findings"] == []

    kept = {one["name"]: one for one in ring.ask("show", MOVED)["evidence"]}
    whole = kept[f"cut/{MOVED}+link/left-hamlet"]
    assert whole["ok"] and whole["unit"] == "s" and whole["value"] == measured["reroute_s"]
    detail = kept[f"cut/{MOVED}+link/left-hamlet/core>left/6"]["detail"]
    assert (detail["simulated"], detail["answered"]) == ("moved", True)
    assert detail["simulated_path"] == ["node/core", "node/right", "node/left"]
    with open_ledger(open_workspace(str(ring.root))).read() as connection:
        told = [action for (action,) in connection.rows("SELECT action FROM audit ORDER BY seq")]
    assert told[-3:] == ["cut", "cut restored", "cut measured"]


@pytest.mark.parametrize("holders_too", [False, True])
def test_a_cut_does_not_outlive_its_maker(built: Place, holders_too: bool) -> None:
    typed = ["network", "whatif", "--cut", MOVED, "--measure", "--yes"]
    process = subprocess.Popen(
        ["govcloud", *typed], cwd=built.root, env=built.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    try:
        assert until(60, lambda: state(built) == "down")
        # It does not get round to putting anything back, however slow the machine is.
        process.send_signal(signal.SIGSTOP)
        # One at a time: nobody else cuts, and no run begins.
        assert "held by process" in built.type(*typed, expect=5).err
        if holders_too:
            for pid in built.processes("govcloud.run.sever"):
                os.kill(pid, signal.SIGSTOP)
    finally:
        process.kill()
        process.communicate()
    if holders_too:
        for pid in built.processes("govcloud.run.sever"):
            os.kill(pid, signal.SIGKILL)
        assert state(built) == "down"
    else:
        assert until(60, lambda: state(built) == "up")
    assert written(built)
    noted = built.type("network", "whatif", "--cut", MOVED)
    assert "network whatif --restore" in noted.err
    restored = built.ask("network", "whatif", "--restore")["restored"]
    assert restored == {
        "entries": [MOVED],
        "interfaces": ["left:to-core"],
        "gone": [],
        "left": [],
    }
    assert state(built) == "up" and not written(built)
    assert built.ask("network", "whatif", "--restore") == {"restored": None}
    assert built.ask("drift")["findings"] == []
