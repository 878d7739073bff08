"""The meter and the holder of a cut, each in a network namespace of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.lab

# Two ends of a line in one namespace, with a hand-set route of either family by way of it.
MAKE = """
ip link set lo up
ip link add x type veth peer name y && ip link set x up && ip link set y up
sysctl -qw net.ipv6.conf.x.accept_dad=0 net.ipv6.conf.x.keep_addr_on_down=0
ip address add 192.0.2.1/24 dev x && ip -6 address add 2001:db8::1/64 dev x nodad
ip route add 198.51.100.0/24 via 192.0.2.9 proto 171
ip -6 route add 2001:db8:9::/48 via 2001:db8::9 metric 7
echo up && exec sleep infinity
"""


class Space:
    """A network namespace; ``enter`` is what a command in it starts with."""

    def __init__(self) -> None:
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        self.process = subprocess.Popen(
            ["unshare", *user, "--net", "--", "sh", "-ec", MAKE], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None and self.process.stdout.readline() == "up\n"
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.enter = ["nsenter", f"--target={self.process.pid}", *user, "--net", "--"]

    def run(self, *argv: str) -> str:
        done = subprocess.run([*self.enter, *argv], capture_output=True, text=True)
        assert done.returncode == 0, done
        return done.stdout

    def start(self, program: str, order: Any) -> Started:
        return Started([*self.enter, sys.executable, "-m", f"govcloud.run.{program}"], order)

    def kept(self) -> list[str]:
        """What a cut takes away: addresses and routes by hand, as the system lists them."""
        lines = self.run("ip", "-oneline", "address", "show", "dev", "x", "scope", "global").splitlines()
        lines += self.run("ip", "route").splitlines() + self.run("ip", "-6", "route").splitlines()
        return sorted(" ".join(line.split()) for line in lines if "fe80" not in line)

    def up(self, name: str) -> bool:
        return "UP" in json.loads(self.run("ip", "-json", "link", "show", name))[0]["flags"]


class Started:
    """A program that takes orders a line, and answers a line."""

    def __init__(self, argv: list[str], order: Any) -> None:
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.say(json.dumps(order))

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def let_go(self) -> Any:
        """Close its input, and the last that it says."""
        out, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return json.loads(out) if out else None


@pytest.fixture
def space() -> Iterator[Space]:
    made = Space()
    yield made
    made.process.kill()
    made.process.communicate()


def order(*streams: tuple[str, int]) -> dict[str, Any]:
    listed = [{"name": f"s{n}", "address": a, "version": v} for n, (a, v) in enumerate(streams)]
    return {"streams": listed, "interval_ms": 10, "wait_ms": 100}


def counted(meter: Started, what: str, sent: int) -> list[dict[str, Any]]:
    """What the meter says once so many of each stream have had their time."""
    while True:
        meter.say(what)
        streams: list[dict[str, Any]] = meter.answer()["streams"]
        if all(one["sent"] >= sent for one in streams):
            return streams


def test_answers_are_counted_and_a_hole_is_a_gap(space: Space) -> None:
    meter = space.start("meter", order(("192.0.2.1", 4), ("2001:db8::1", 6), ("203.0.113.1", 4)))
    assert meter.answer() == {"ready": True}
    four, six, nowhere = counted(meter, "look", 5)
    for good in (four, six):
        assert good["lost"] == 0 and good["gaps"] == [] and good["answering"]
        assert good["received"] == good["sent"] and good["rtt_ms"]["min"] >= 0
    assert nowhere["received"] == 0 and "unreachable" in nowhere["refused"]
    assert nowhere["last_answer"] is None and nowhere["gaps"][0]["open"]

    space.run("ip", "address", "delete", "192.0.2.1/24", "dev", "x")
    while counted(meter, "look", 5)[0]["answering"]:
        pass
    space.run("ip", "address", "add", "192.0.2.1/24", "dev", "x")
    while not counted(meter, "look", 5)[0]["answering"]:
        pass
    four, six, nowhere = counted(meter, "stop", 5)
    (gap,) = four["gaps"]
    assert not gap["open"] and gap["lost"] == four["lost"] == four["sent"] - four["received"] > 0
    # From the last answered request to the next: longer than the lost ones alone.
    assert gap["start"] < four["first_loss"] <= four["last_loss"] < gap["end"] <= four["last_answer"]
    assert six["lost"] == 0 and six["answering"]
    assert meter.let_go() is None


def test_a_meter_ends_with_whoever_asked(space: Space) -> None:
    meter = space.start("meter", order(("192.0.2.1", 4)))
    assert meter.answer() == {"ready": True}
    meter.let_go()


@pytest.mark.parametrize("end", ["mend", "eof", "signal"])
@pytest.mark.parametrize("silent", [False, True])
def test_what_was_cut_is_put_back_however_it_ends(space: Space, end: str, silent: bool) -> None:
    before = space.kept()
    holder = space.start("sever", {"interfaces": ["x"], "silent": silent, "state": None})
    state = holder.answer()["state"]
    assert state["interfaces"]["x"]["up"] and space.up("x")
    assert len(state["routes"]["-4"]) == 1 and len(state["routes"]["-6"]) == 1
    holder.say("cut")
    assert holder.answer()["cut"] > 0
    if silent:
        assert space.up("x") and "drop" in space.run("nft", "list", "ruleset")
    else:
        assert not space.up("x") and space.kept() != before
    if end == "mend":
        holder.say("mend")
    elif end == "signal":
        # nsenter becomes the program: it enters no process namespace here.
        holder.process.send_signal(signal.SIGTERM)
    assert holder.let_go()["left"] == []
    assert space.up("x") and space.kept() == before
    assert space.run("nft", "list", "ruleset") == ""


def test_a_killed_holder_is_made_good_by_what_was_written_down(space: Space) -> None:
    before = space.kept()
    holder = space.start("sever", {"interfaces": None, "silent": False, "state": None})
    state = holder.answer()["state"]
    assert sorted(state["interfaces"]) == ["x", "y"]
    holder.say("cut")
    holder.answer()
    holder.process.kill()
    holder.process.communicate()
    assert not space.up("x") and not space.up("y")
    # Twice: to repeat it changes nothing.
    for _ in range(2):
        assert space.start("sever", {"state": state}).let_go()["left"] == []
        assert space.up("x") and space.up("y") and space.kept() == before


def test_an_interface_that_is_gone_is_told(space: Space) -> None:
    holder = space.start("sever", {"interfaces": ["x"], "silent": False, "state": None})
    state = holder.answer()["state"]
    holder.let_go()
    space.run("ip", "link", "delete", "x")
    assert "the interface x is gone" in space.start("sever", {"state": state}).let_go()["left"]
