"""What the lab makes is really there, and what it says is what is really there."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from govcloud.lab import process
from govcloud.lab.protocol import LabError

if TYPE_CHECKING:
    from conftest import Lab

pytestmark = pytest.mark.lab


def eventually(true: Callable[[], bool], seconds: float = 5) -> bool:
    """Wait for what the kernel does in its own time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


def addressed(lab: Lab, a: str, b: str) -> None:
    """Give the two ends of the link between two nodes addresses of both kinds."""
    for node, other, n in ((a, b, 0), (b, a, 1)):
        lab.run(node, "ip", "address", "add", f"10.9.9.{n}/31", "dev", f"to-{other}")
        lab.run(node, "ip", "address", "add", f"2001:db8::{n}/127", "dev", f"to-{other}")


def test_a_link_has_its_delay_and_changes_it_in_place(lab: Lab) -> None:
    lab.node("a")
    lab.node("b")
    made = lab.link("l", "a", "b", delay_ms=30)
    addressed(lab, "a", "b")
    least, lost = lab.ping("a", "10.9.9.1")
    assert lost == 0
    assert 60 <= least < 75
    changed = lab.client.update("Link", lab.identity("l"), {**made.properties, "delay_ms": 5}, 1)
    assert changed.properties["delay_ms"] == 5
    assert changed.birth == made.birth
    least, lost = lab.ping("a", "2001:db8::1")
    assert lost == 0
    assert 10 <= least < 25


def test_a_satellite_line_works(lab: Lab) -> None:
    lab.node("ship")
    lab.node("shore")
    lab.link("sat", "ship", "shore", bandwidth_mbps=4, delay_ms=270)
    addressed(lab, "ship", "shore")
    least, lost = lab.ping("ship", "10.9.9.1", count=8)
    assert lost == 0
    assert 540 <= least < 570


def test_a_link_has_its_bandwidth(lab: Lab) -> None:
    lab.node("a")
    lab.node("b")
    lab.link("l", "a", "b", bandwidth_mbps=8)
    addressed(lab, "a", "b")
    # 1 MB of full frames at 8 Mbit/s takes a second.
    begin = time.monotonic()
    lab.run("a", "ping", "-q", "-f", "-c", "700", "-s", "1400", "10.9.9.1")
    assert 0.8 < time.monotonic() - begin < 3


def test_a_node_is_told_with_its_addresses(lab: Lab) -> None:
    lab.node("a")
    lab.node("b")
    lab.link("l", "a", "b")
    addressed(lab, "a", "b")
    lab.run("a", "ip", "address", "add", "10.255.0.1/32", "dev", "lo")
    facts = lab.read("Node", "a").facts
    assert facts["addresses"] == {"lo": ["10.255.0.1/32"], "to-b": ["10.9.9.0/31", "2001:db8::/127"]}
    assert facts["interfaces"]["to-b"]["up"] is True
    assert facts["processes"] == 0
    assert lab.run("a", "hostname").stdout.strip() == "a"
    assert lab.run("a", "cat", "/proc/sys/net/ipv4/ip_forward").stdout.strip() == "1"
    assert '"uid": "a"' in lab.run("a", "cat", "/run/govcloud/identity").stdout


def test_files_of_a_node_are_its_own(lab: Lab) -> None:
    lab.node("a")
    lab.node("b")
    before = open("/etc/hosts").read()  # noqa: SIM115, PTH123
    lab.run("a", "sh", "-c", "echo 10.0.0.1 other > /etc/hosts; echo nameserver ::1 > /etc/resolv.conf")
    assert lab.run("a", "cat", "/etc/hosts").stdout == "10.0.0.1 other\n"
    assert "other" not in lab.run("b", "cat", "/etc/hosts").stdout
    assert lab.run("b", "cat", "/etc/resolv.conf").stdout == ""
    assert open("/etc/hosts").read() == before  # noqa: SIM115, PTH123


def test_servers_of_a_network_talk(lab: Lab) -> None:
    lab.node("gw")
    assert lab.network("gw").facts["ports"] == 0
    for n, name in enumerate(("web", "db")):
        lab.server(name, "gw-lan")
        lab.run(name, "ip", "address", "add", f"10.1.0.{n + 2}/24", "dev", "eth0")
    assert lab.read("Network", "gw-lan").facts["ports"] == 2
    assert lab.ping("web", "10.1.0.3", count=2)[1] == 0
    assert lab.run("web", "cat", "/proc/sys/net/ipv4/ip_forward").stdout.strip() == "0"


def test_drift_by_hand_is_seen(lab: Lab) -> None:
    lab.node("a")
    lab.node("b")
    lab.link("l", "a", "b", bandwidth_mbps=10)
    lab.run("a", "ip", "link", "set", "to-b", "down")
    assert lab.read("Link", "l").facts["up"] is False
    lab.run("a", "ip", "link", "set", "to-b", "up")
    assert lab.read("Link", "l").facts["up"] is True
    shape = ["tc", "qdisc", "replace", "dev", "to-a", "root", "tbf", "rate", "5mbit"]
    lab.run("b", *shape, "burst", "5000", "limit", "50000")
    assert lab.read("Link", "l").properties["bandwidth_mbps"] == 5
    lab.link("l", "a", "b", bandwidth_mbps=10)  # adopts, and brings it into line
    assert lab.read("Link", "l").properties["bandwidth_mbps"] == 10
    lab.run("a", "hostname", "mallory")
    assert lab.read("Node", "a").properties["name"] == "mallory"


def test_a_link_cut_by_hand_is_gone_and_can_be_made_again(lab: Lab) -> None:
    lab.node("a")
    lab.node("b")
    first = lab.link("l", "a", "b", delay_ms=1)
    lab.run("a", "ip", "link", "delete", "to-b")
    assert lab.read("Link", "l") is None
    assert lab.client.list("Link") == []
    again = lab.link("l", "a", "b", delay_ms=1)
    assert again.birth != first.birth
    addressed(lab, "a", "b")
    assert lab.ping("a", "10.9.9.1", count=2)[1] == 0
    assert eventually(lambda: lab.client.list("Interface") == [])


def test_a_line_that_is_down_at_one_end_has_no_signal_at_the_other(lab: Lab) -> None:
    lab.node("a")
    lab.node("b")
    lab.link("l", "a", "b", delay_ms=1)

    def carrier() -> bool:
        return bool(lab.read("Node", "b").facts["interfaces"]["to-a"]["carrier"])

    assert carrier()
    lab.run("a", "ip", "link", "set", "to-b", "down")
    assert eventually(lambda: not carrier())
    lab.run("a", "ip", "link", "set", "to-b", "up")
    assert eventually(carrier)


def test_what_is_made_by_hand_is_shown_and_not_touched(lab: Lab) -> None:
    lab.node("a")
    lab.node("b")
    lab.run("a", "ip", "link", "add", "mine", "type", "bridge")
    (found,) = lab.client.list("Interface")
    assert found.identity is None
    assert found.properties == {"node": "a.1", "interface": "mine"}
    with pytest.raises(LabError, match="made by hand"):
        lab.link("l", "a", "b", a_interface="mine")
    lab.run("a", "ip", "link", "show", "mine")
    assert lab.client.list("Link") == []


def test_a_node_killed_by_hand_is_gone_with_its_links(lab: Lab) -> None:
    lab.node("a")
    lab.node("b")
    lab.network("a")
    lab.server("web", "a-lan")
    lab.link("l", "a", "b", delay_ms=1)
    first = lab.read("Node", "a")
    assert first is not None
    os.kill(first.facts["pid"], signal.SIGKILL)
    assert eventually(lambda: lab.read("Node", "a") is None)
    names = {(item.type, item.properties["name"]) for item in lab.client.list()}
    assert names == {("Node", "b")}
    again = lab.node("a")
    assert again.birth != first.birth
    lab.network("a")
    lab.link("l", "a", "b", delay_ms=1)
    assert lab.server("web", "a-lan").facts["interfaces"]["eth0"]["carrier"]
    addressed(lab, "a", "b")
    assert lab.ping("a", "10.9.9.1", count=2)[1] == 0


def test_an_unplugged_server_is_gone_and_plugged_in_again_with_another_birth(lab: Lab) -> None:
    lab.node("gw")
    lab.network("gw")
    first = lab.server("web", "gw-lan")
    lab.run("web", "ip", "link", "delete", "eth0")
    assert lab.read("Server", "web") is None
    again = lab.server("web", "gw-lan")
    assert again.facts["pid"] == first.facts["pid"]
    assert again.birth != first.birth


def test_deleting_a_node_takes_its_links_along(lab: Lab) -> None:
    lab.node("a")
    lab.node("b")
    lab.link("l", "a", "b", delay_ms=1)
    lab.client.delete("Node", lab.identity("a"), 1)
    assert [(i.type, i.properties.get("name")) for i in lab.client.list()] == [("Node", "b")]
    lab.client.delete("Link", lab.identity("l"), 1)
    lab.node("a")
    lab.link("other", "a", "b")  # the interfaces are free again


def test_host_names_are_unique(lab: Lab) -> None:
    lab.node("a")
    with pytest.raises(LabError, match=r"name 'a' is taken by node a \(a\.1\)"):
        lab.client.create("Node", lab.identity("z"), {"name": "a", "role": "core"}, 1)
    lab.node("b")
    with pytest.raises(LabError, match="is taken"):
        lab.client.update("Node", lab.identity("b"), {"name": "a", "role": "core"}, 1)
    renamed = lab.client.update("Node", lab.identity("b"), {"name": "c", "role": "border"}, 1)
    assert renamed.properties == {"name": "c", "role": "border"}
    assert lab.run("c", "hostname").stdout.strip() == "c"


def test_two_links_cannot_have_one_interface(lab: Lab) -> None:
    for name in "abc":
        lab.node(name)
    lab.link("l", "a", "b")
    with pytest.raises(LabError, match=r"to-b belongs to link l"):
        lab.link("m", "a", "c", a_interface="to-b")
    assert lab.read("Link", "l") is not None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"a_interface": "a/b"}, "cannot be an interface's name"),
        ({"a_interface": "x" * 16}, "cannot be an interface's name"),
        ({"b_interface": "to b; reboot"}, "cannot be an interface's name"),
        ({"bandwidth_mbps": 0}, "bandwidth_mbps must be"),
        ({"delay_ms": -1}, "delay_ms must be"),
        ({"b": "a.1"}, "both ends are the same"),
        ({"colour": "red"}, "'colour' is not a property"),
        ({"b": "nobody.1"}, "node nobody.1, is not there"),
        ({"bandwidth_mbps": "fast"}, "must be a number"),
    ],
)
def test_wrong_properties_are_refused_in_a_sentence(lab: Lab, changes: dict[str, object], words: str) -> None:
    lab.node("a")
    lab.node("b")
    with pytest.raises(LabError, match=words):
        lab.link("l", "a", "b", **changes)
    assert lab.client.list("Interface") == []


def test_thirty_nodes_and_forty_links_are_listed_quickly(lab: Lab) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: lab.node(f"n{n}"), range(30)))
        list(
            pool.map(
                lambda n: lab.link(
                    f"l{n}",
                    f"n{n % 30}",
                    f"n{(n + 1 + n // 30) % 30}",
                    a_interface=f"a{n}",
                    b_interface=f"b{n}",
                ),
                range(40),
            )
        )
    begin = time.monotonic()
    found = lab.client.list()
    assert time.monotonic() - begin < 1
    assert len(found) == 70
    assert all(process.identify(i.facts["pid"]) for i in found if i.type == "Node")
