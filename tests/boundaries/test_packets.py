"""A boundary, NAT and NAT64 on real hosts: what is declared passes both ways, and nothing else does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from govcloud.lab.client import LabClient
from govcloud.workspace import open_workspace
from tests.boundaries import packets, world
from tests.province.place import Place, place

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("boundaries"), pytest.mark.timeout(600)]

Question = tuple[str, str, str, int]  # from, protocol, address, port
# A port on which something answers, and that no flow is for.
OTHER = 7777
SERVING = ("desk-in", "desk-out", "app-in", "app-out", "old-out", "gate")
OLD = "2001:db8:64::10.1.0.12"

# As the other side sees them.
DECLARED: list[Question] = [
    ("desk-in", "tcp", "10.1.0.11", 80),
    ("desk-in", "tcp", "2001:db8:1::11", 80),
    ("desk-in", "echo", "10.1.0.11", 0),
    ("desk-in", "echo", "2001:db8:1::11", 0),
    ("desk6-in", "tcp", "2001:db8:1::11", 80),
    ("desk6-in", "echo", OLD, 0),
    ("desk-out", "tcp", "10.60.0.11", 8080),
    ("desk-out", "tcp", "2001:db8:2::11", 8080),
    # Names are asked of the name server on the other side.
    ("desk-in", "tcp", "10.1.0.10", 53),
    ("desk-in", "tcp", "2001:db8:1::10", 53),
    # Who has IPv6 alone asks where records are made up for it.
    ("desk6-in", "tcp", world.DNS64, 53),
]
# Answered where there is no boundary, and by nobody where there is one.
UNDECLARED: list[Question] = [
    # another port, by each protocol and family, both ways
    *[("desk-in", p, a, OTHER) for p in ("tcp", "udp") for a in ("10.1.0.11", "2001:db8:1::11")],
    *[("desk-out", p, a, OTHER) for p in ("tcp", "udp") for a in ("10.60.0.11", "2001:db8:2::11")],
    ("desk-out", "tcp", "10.60.0.11", 9090),
    ("desk-out", "tcp", "2001:db8:2::11", 9090),
    # another host, at either end
    ("desk-in", "tcp", "10.1.0.10", OTHER),
    ("desk-in", "tcp", "10.1.0.12", 80),
    ("app-in", "tcp", "10.1.0.11", 80),
    ("app-in", "tcp", "2001:db8:1::11", 80),
    ("app-out", "tcp", "10.60.0.11", 8080),
    ("app-out", "tcp", "2001:db8:2::11", 8080),
    # the other direction
    ("app-out", "tcp", "10.60.0.10", OTHER),
    ("app-out", "echo", "10.60.0.10", 0),
    ("app-out", "echo", "2001:db8:2::10", 0),
    # echoes where reaching is not measured
    ("desk-out", "echo", "10.60.0.11", 0),
    ("desk-out", "echo", "2001:db8:2::11", 0),
    ("desk6-in", "echo", "2001:db8:1::11", 0),
    # nobody else has anything to ask there
    ("desk-in", "tcp", world.DNS64, 53),
    # through NAT64: another protocol, and another host
    ("desk6-in", "tcp", OLD, 80),
    ("desk6-in", "udp", OLD, OTHER),
    ("desk6-in", "echo", "2001:db8:64::10.1.0.11", 0),
    # the border node itself, from the private side
    *[("desk-in", p, a, OTHER) for p in ("tcp", "udp") for a in ("10.254.0.4", "2001:db8:fe:2::")],
]
# Not across the boundary, or what a neighbour may always do.
FREE: list[Question] = [
    ("desk-in", "tcp", "10.2.0.11", 9090),
    ("desk-out", "tcp", "10.1.0.11", OTHER),
    ("desk-in", "echo", "10.255.0.2", 0),
    ("desk-in", "echo", "2001:db8:ff::2", 0),
    ("desk-out", "tcp", "10.255.0.2", OTHER),
    ("desk-out", "udp", "2001:db8:fe:1::1", OTHER),
]


class Hosts:
    """The lab's hosts, and packets between them."""

    def __init__(self, where: Place) -> None:
        self.where = where
        workspace = open_workspace(str(where.root))
        self._client = LabClient(workspace.root, workspace.environment)
        self._pids = where.pids()

    def argv(self, host: str, *words: str) -> list[str]:
        here = [sys.executable, "-IS", str(Path(packets.__file__)), *words]
        return [*self._client.exec_argv(self._pids[host]), *here]

    def answered(self, questions: list[Question]) -> dict[Question, bool]:
        """Which questions are answered, all hosts at once."""
        by_host: dict[str, list[Question]] = {}
        for question in questions:
            by_host.setdefault(question[0], []).append(question)
        asking = {}
        for host, those in by_host.items():
            process = subprocess.Popen(
                self.argv(host, "send"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            assert process.stdin is not None
            process.stdin.write(json.dumps([q[1:] for q in those]))
            process.stdin.close()
            asking[host] = process
        out: dict[Question, bool] = {}
        for host, process in asking.items():
            assert process.stdout is not None
            out |= dict(zip(by_host[host], json.loads(process.stdout.read()), strict=True))
            process.wait()
        return out

    def not_answered(self, questions: list[Question]) -> list[Question]:
        return [q for q, there in self.answered(questions).items() if not there]

    def get_through(self, questions: list[Question]) -> list[Question]:
        return [q for q, there in self.answered(questions).items() if there]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    """The world with its boundary and translations, built, and somebody on every other port."""
    with place() as where, ExitStack() as ends:
        where.type("init", str(where.root), "--environment", "boundaries")
        world.write(where.root, world.tables())
        where.type("lab", "up")
        where.type("apply", "--yes")
        found = Hosts(where)
        for host in SERVING:
            process = subprocess.Popen(
                found.argv(host, "serve", str(OTHER)), stdout=subprocess.PIPE, text=True
            )
            ends.callback(process.wait)
            ends.callback(process.kill)
            assert process.stdout is not None and process.stdout.readline() == "serving\n"
        yield found


def test_what_is_declared_passes_and_nothing_else_does(hosts: Hosts) -> None:
    assert hosts.not_answered(DECLARED + FREE) == []
    assert hosts.get_through(UNDECLARED) == []


def test_every_flow_that_crosses_is_measured_good(hosts: Hosts) -> None:
    for flow in world.tables()["boundaries"]["health"]["flows"]:
        measured = hosts.where.ask("show", f"flow/{flow}")["evidence"]
        assert measured and all(one["ok"] for one in measured), measured
    # Errors of ICMP that belong to a flow come back: every hop has said that it is there.
    (reach,) = [
        e for e in hosts.where.ask("show", "flow/in-portal")["evidence"] if e["name"].endswith("reach/6")
    ]
    assert reach["detail"]["path"] == ["inner", "gate", "core"]


def test_what_was_dropped_is_counted(hosts: Hosts) -> None:
    before = dropped(hosts, "in-health")
    assert hosts.get_through([("desk-out", "udp", "10.60.0.11", OTHER)]) == []
    assert dropped(hosts, "in-health") == before + 1


def dropped(hosts: Hosts, chain: str) -> int:
    """Packets that the last rule of a chain has dropped."""
    listed = json.loads(hosts.where.on("gate", "nft", "-j", "list", "chain", "inet", "govcloud", chain).out)
    last = [r["rule"] for r in listed["nftables"] if "rule" in r][-1]["expr"]
    assert "drop" in last[-1]
    return int(last[0]["counter"]["packets"])


def test_a_rule_changed_by_hand_is_put_right_and_a_flow_that_is_taken_away_is_stopped(hosts: Hosts) -> None:
    where, strange = hosts.where, ("desk-in", "tcp", "2001:db8:1::11", OTHER)
    for chain in ("out-health", "in-health"):
        where.on("gate", "nft", "insert", "rule", "inet", "govcloud", chain, "return")
    assert hosts.get_through([strange]) == [strange]
    (found,) = where.ask("drift", expect=3)["findings"]
    rules = found["fields"]["rules of inet govcloud"]
    assert (found["subject"], rules["seen"]) == ("node/gate", "changed by hand")
    said = world.tables()
    del said["flows"]["out-records"]
    said["boundaries"]["health"]["flows"].remove("out-records")
    world.write(where.root, said)
    (seen,) = where.ask("preview", "gate")["hosts"]
    assert [task["task"] for task in seen["tasks"]] == ["What may cross the boundaries"]
    # A preview changes nothing.
    assert hosts.get_through([strange]) == [strange]
    where.type("apply", "--yes")
    taken = [q for q in DECLARED if q[3] == 8080]
    assert hosts.get_through([*UNDECLARED, *taken]) == []
    assert hosts.not_answered([q for q in DECLARED if q not in taken] + FREE) == []
    assert where.ask("drift")["findings"] == []


# With the host's own resolver: what a name stands for, where its page is opened, and the page.
OPEN = """
import http.client, json, socket, sys
found = socket.getaddrinfo(sys.argv[1], 80, type=socket.SOCK_STREAM)
asked = http.client.HTTPConnection(sys.argv[1], timeout=10)
asked.request("GET", "/")
at, page = asked.sock.getpeername()[0], asked.getresponse()
print(json.dumps([sorted(one[4][0] for one in found), at, page.status, page.read().decode()]))
"""


def opened(hosts: Hosts, host: str, name: str) -> tuple[list[str], str, int, str]:
    told = hosts.where.on(host, sys.executable, "-IS", "-c", OPEN, name).out
    addresses, at, status, text = json.loads(told)
    return addresses, at, status, text


def last_stage(hosts: Hosts, expect: int) -> dict[str, dict[str, Any]]:
    measured = hosts.where.ask("ipv6", "verify", "six", expect=expect)["checks"]
    return {one["check"]: one for one in measured if one["check"] in ("nat64", "dns64")}


def test_a_machine_with_ipv6_alone_opens_by_name_what_has_ipv4_alone(hosts: Hosts) -> None:
    addresses, at, status, text = opened(hosts, "desk6-out", "old.gov.example")
    assert (addresses, at) == (["10.1.0.12", "2001:db8:64::a01:c"], "2001:db8:64::a01:c")
    assert status == 200 and "old" in text
    # What has IPv6 is reached by it, not through NAT64.
    addresses, at, status, _ = opened(hosts, "desk6-out", "portal.gov.example")
    assert (addresses, at, status) == (["10.1.0.11", "2001:db8:1::11"], "2001:db8:1::11", 200)
    # Everybody else is told what there is.
    addresses, at, status, _ = opened(hosts, "desk-out", "old.gov.example")
    assert (addresses, at, status) == (["10.1.0.12"], "10.1.0.12", 200)
    found = last_stage(hosts, 0)
    assert {check: one["ok"] for check, one in found.items()} == {"nat64": True, "dns64": True}
    # It answers there, and asks and opens from its own address.
    told = hosts.where.on("desk-out", "ip", "-6", "route", "get", "2001:db8:2::11").out
    assert " src 2001:db8:1::10 " in told


def test_without_a_boundary_nothing_crosses(hosts: Hosts) -> None:
    said = world.tables()
    # Nobody waits for what cannot come.
    del said["boundaries"], said["flows"]
    world.write(hosts.where.root, said)
    hosts.where.type("apply", "--yes")
    assert hosts.get_through(DECLARED + UNDECLARED) == []
    assert hosts.not_answered([q for q in FREE if q[0] == "desk-out" or q[2] == "10.2.0.11"]) == []
    assert hosts.where.on("gate", "nft", "list", "ruleset").out == ""
    found = hosts.where.ask("network", "boundary", expect=3)
    assert found["boundaries"] == [] and "link/gate-inner leads out" in found["findings"][0]
    assert hosts.where.ask("drift")["findings"] == []


def test_without_private_network_and_translation_all_is_as_before(hosts: Hosts) -> None:
    said = world.tables()
    del said["boundaries"], said["translations"], said["private_networks"], said["dns_zones"]["gov"]["dns64"]
    # By NAT64 there is no way any more.
    del said["flows"]["in6-old"]
    world.write(hosts.where.root, said)
    hosts.where.type("apply", "--yes")
    direct = {q: (q[0], q[1], q[2].replace("10.60.", "10.2."), q[3]) for q in DECLARED + UNDECLARED + FREE}
    gone = [q for q in direct if q[2].startswith("2001:db8:64:") or q[2] == world.DNS64]
    open_now = [direct[q] for q in direct if q not in gone]
    assert hosts.not_answered(open_now) == []
    for node in ("gate", "inner", "core"):
        assert hosts.where.on(node, "nft", "list", "ruleset").out == ""
        assert "nat64" not in hosts.where.on(node, "ip", "-brief", "address").out
    assert world.DNS64 not in hosts.where.on("desk-out", "ip", "-brief", "address").out
    assert hosts.where.ask("drift")["findings"] == []
    # And a machine with IPv6 alone does not reach what has IPv4 alone any more.
    found = last_stage(hosts, 3)
    assert not any(one["ok"] for one in found.values()), found
    assert all("there is no NAT64" in one["reason"] for one in found.values()), found
