"""The small province through the command line: built, cut, broken by hand, healed, lost, taken down."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.province import small
from tests.province.place import Machine, Place, machine, until

PING = ["ansible", "-i", "inventory.sh", "all", "-m", "ansible.builtin.ping", "-o"]
# All of it goes: that wants more than --yes.
MEANT = ("--confirm", "destroy everything in small")

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("province-small"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def before() -> Machine:
    """The machine before anything is built. First of all, by the order of fixtures."""
    return machine()


@pytest.fixture(scope="module", autouse=True)
def _looked_before(before: Machine) -> Iterator[None]:
    yield


def evidence(where: Place, entry: str) -> list[dict[str, Any]]:
    return where.ask("show", entry)["evidence"]


def test_every_probe_is_good_and_its_figure_can_be_shown(province: Place) -> None:
    shown = evidence(province, f"flow/{small.FLOW}")
    kinds = {f"{small.FLOW}/{kind}/{version}" for kind in ("reach", "dns", "http") for version in (4, 6)}
    assert {e["name"] for e in shown} == kinds
    for one in shown:
        assert one["ok"], one
        assert one["detail"]["path"] == small.PATH
        # Five lines of 1 ms, there and back.
        assert one["value"] >= 10 and one["unit"] == "ms", one
    copies = evidence(province, "protection/portal")
    assert {e["name"] for e in copies} == {"portal/copy/4", "portal/copy/6"}
    assert all(e["ok"] and 0 <= e["value"] <= 30 and e["unit"] == "s" for e in copies), copies
    words = province.type("show", f"flow/{small.FLOW}").out
    assert f"✓ {small.FLOW}/http/6" in words


def test_planned_again_nothing_is_to_do(province: Place) -> None:
    assert "Nothing to do" in province.type("plan", "--detailed-exitcode").out
    assert province.ask("plan")["changes"] == 0
    assert "Nothing to do" in province.type("apply", "--yes").out
    assert province.hostnames() == sorted(small.HOSTS)


# Of a whole province each line is cut in test_hainan; here one at each end of the way, all of them in a soak.
@pytest.mark.parametrize(
    "link",
    [
        small.LINKS[0],
        small.LINKS[-1],
        *(pytest.param(one, marks=pytest.mark.soak) for one in small.LINKS[1:-1]),
    ],
)
def test_without_any_line_of_its_way_every_probe_of_a_flow_fails(
    province: Place, link: str, routing: str
) -> None:
    a, b = link.split("-")
    # At one end or the other: a cut is noticed at both.
    end, other = (a, b) if small.LINKS.index(link) % 2 else (b, a)
    province.on(end, "ip", "link", "set", f"to-{other}", "down")

    def all_bad() -> list[str]:
        measured = province.ask("probe", small.FLOW, expect=3)
        assert measured["bad"] == len(measured["probes"]) == 6
        for one in measured["probes"]:
            assert not one["ok"] and one["detail"]["reason"], one
        return [one["detail"]["reason"] for one in measured["probes"]]

    reasons = all_bad()
    if link in small.ROUND and routing == "ospf":
        # The routers find the other way, and arriving by it is a failure as well.
        assert until(20, lambda: all("took another way" in reason for reason in all_bad()))
    else:
        assert not any("took another way" in reason for reason in reasons)
    bad = [e["name"] for e in evidence(province, f"flow/{small.FLOW}") if not e["ok"]]
    assert len(bad) == 6
    province.on(end, "ip", "link", "set", f"to-{other}", "up")
    if routing == "static":
        province.type("drift", expect=(0, 3))
        province.type("apply", "--yes")
    assert province.ask("probe", small.FLOW, "--wait", "30")["bad"] == 0


def test_what_hands_change_is_found_with_its_owner_and_healed_and_nothing_else(province: Place) -> None:
    pids = province.pids()
    line = "tc qdisc replace dev to-border root tbf rate 5mbit burst 15000 latency 200ms"
    province.on("core", *line.split())
    province.on("city", "ip", "link", "set", "to-core", "down")
    province.on("town", "ip", "address", "delete", "10.254.0.2/31", "dev", "to-county")
    province.on("desk", "ip", "address", "add", "10.1.0.99/24", "dev", "eth0")
    province.on("border", "ip", "link", "add", "by-hand", "type", "bridge")

    report = province.ask("drift", expect=3)
    found = {finding["subject"]: finding for finding in report["findings"]}
    assert report["deviations"] == 4 and set(found) == {
        *("link/core-border", "node/city", "node/town", "server/desk", "border by-hand")
    }
    assert found.pop("border by-hand")["status"] == "unmanaged"
    assert {f["status"] for f in found.values()} == {"changed"}
    # Each field with the line of the file that says what it should be.
    fields = {(s, name): field for s, f in found.items() for name, field in f["fields"].items()}
    line_of = functools.partial(small.line_of, province.root)
    owners = {key: field["owner"] for key, field in fields.items() if key[1] != "delay_ms"}
    assert owners == {
        ("link/core-border", "bandwidth_mbps"): line_of("link/core-border"),
        ("node/city", "state of to-core"): line_of("link/city-core"),
        ("node/town", "addresses of to-county"): line_of("link/town-county"),
        ("server/desk", "addresses of eth0"): line_of("server/desk"),
    }
    rate = fields["link/core-border", "bandwidth_mbps"]
    assert (rate["wanted"], rate["seen"]) == (100, 5)
    words = province.type("drift", expect=3).out
    assert f"state of to-core: should be up, is down  {owners['node/city', 'state of to-core']}" in words

    stages = {stage["id"]: stage for stage in province.ask("plan")["stages"]}
    changes = [(c["verb"], c["subject"]) for c in stages["stack:network-1"]["changes"]]
    assert changes == [("heal", "link/core-border")]
    assert sorted(stages["play"]["hosts"]) == ["city", "desk", "town"]
    province.type("apply", "--yes")

    report = province.ask("drift")
    assert [f["subject"] for f in report["findings"]] == ["border by-hand"]
    assert province.pids() == pids
    assert "by-hand" in province.on("border", "ip", "link", "show", "by-hand").out
    province.on("border", "ip", "link", "delete", "by-hand")
    assert all(e["ok"] for e in evidence(province, f"flow/{small.FLOW}"))


def test_a_dead_node_and_a_lost_line_are_built_again_and_all_others_stay(province: Place) -> None:
    pids = province.pids()
    os.kill(pids["city"], signal.SIGKILL)
    province.on("village", "ip", "link", "delete", "to-town")
    report = province.ask("drift", expect=3)
    missing = {f["subject"]: f["owner"] for f in report["findings"] if f["status"] == "missing"}
    # With the router go its lines, its network, and the machine that was plugged into it.
    assert set(missing) == {
        *("node/city", "link/county-city", "link/city-core", "link/village-town"),
        *("network/dr", "instance/app-dr"),
    }
    for subject, owner in missing.items():
        assert owner == small.line_of(province.root, subject)
    bad = province.ask("probe", expect=3)
    assert bad["bad"] == len(bad["probes"])

    province.type("apply", "--yes")
    assert province.ask("drift")["findings"] == []
    assert province.ask("probe")["bad"] == 0
    now = province.pids()
    assert {name for name in now if now[name] != pids[name]} <= {"city", "app-dr"}
    assert now["city"] != pids["city"]
    assert province.hostnames() == sorted(small.HOSTS)


def test_plain_ansible_reaches_every_host(province: Place) -> None:
    said = province.run(
        *province.lab_prefix(), "ansible", "-i", "inventory.sh", "all", "-m", "ansible.builtin.ping", "-o"
    )
    assert sorted(w.split()[0] for w in said.out.splitlines() if "SUCCESS" in w) == sorted(small.HOSTS)
    listed = province.run("ansible-inventory", "-i", "inventory.sh", "--graph", "dns_servers").out
    assert "dns-1" in listed


def test_a_lost_lab_is_told_in_a_sentence_and_built_again(province: Place) -> None:
    os.kill(province.ask("lab", "status")["pid"], signal.SIGKILL)
    assert until(10, lambda: not province.hostnames())
    for command in (["apply", "--yes"], ["probe"], ["drift"], ["destroy", *MEANT]):
        failed = province.type(*command, expect=1)
        assert failed.err == "error: the lab is not up; `govcloud lab up` starts it\n"
    assert "the lab is not up" in province.type("lab", "status").out
    # A new lab is empty, and the ledger hears of it: no drift has to be asked for.
    assert "20 objects that were built before are gone" in province.type("lab", "up").out
    province.type("plan", "--detailed-exitcode", expect=3)
    province.type("apply", "--yes")
    assert province.ask("drift")["findings"] == []
    assert province.hostnames() == sorted(small.HOSTS)
    assert province.ask("probe")["bad"] == 0


def test_after_destroy_and_down_nothing_is_left(province: Place, before: Machine) -> None:
    assert MEANT[1] in province.type("destroy", "--yes", expect=4).err
    province.type("destroy", *MEANT)
    status = province.ask("lab", "status")
    assert status["up"] and status["nodes"] == status["links"] == []
    assert province.hostnames() == []
    assert len(province.ask("ls", "node")) == len(small.ROUTERS)
    assert "Nothing to do" in province.type("destroy", "--yes").out
    province.type("lab", "down")
    assert province.traces(before) == []
    # What is kept lies in the workspace, closed to others.
    assert (province.root / ".govcloud").stat().st_mode & 0o077 == 0
    assert "the chain holds" in province.type("audit", "verify").out
