"""Interfaces of the lab: veth pairs, bridges, and the rate and delay of links.

A link has a rate at both ends in the kernel. Its delay is the kernel's too where there is
``sch_netem``; else the lab's own delay line (``wire.py``) makes it.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import threading
from typing import Any

from . import process
from .helper import Helper
from .preflight import tool
from .protocol import LabError
from .space import Space

INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
FRAME = 1514  # bytes of a full frame


def check_interface(name: str) -> None:
    """Refuse a name that the kernel or `ip` would not take. Raises ``LabError``."""
    if not INTERFACE.fullmatch(name) or name == "lo":
        raise LabError(f"{name!r} cannot be an interface's name: 1 to 15 letters, digits, `_`, `.` and `-`")


def short(*words: str) -> str:
    """Ten hexadecimal characters that stand for some words, for names and addresses of interfaces."""
    return hashlib.blake2b("\0".join(words).encode(), digest_size=5).hexdigest()


def mac(*words: str) -> str:
    """A hardware address that stays the same when the interface is made anew."""
    digits = short(*words)
    return "02:" + ":".join(digits[i : i + 2] for i in range(0, 10, 2))


def port_name(object_id: str) -> str:
    """The interface at the gateway's bridge of a server or instance."""
    return f"p{short('port', object_id)}"


def rate_of(bandwidth_mbps: float) -> int:
    """Bits a second, a whole number of bytes as the kernel keeps it."""
    return max(8, round(bandwidth_mbps * 1e6 / 8) * 8)


class Wiring:
    """Makes and unmakes interfaces in the namespaces of one lab."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.netem = self._has_netem()
        self._lines: dict[str, dict[str, Any]] = {}
        self._lines_lock = threading.Lock()
        self.wire = Helper("wire", space.helper_prefix(), space.environment, self._known_lines)

    def _has_netem(self) -> bool:
        command = [*self.space.enter(self.space.keeper_pid, "--net"), tool("tc"), "qdisc", "add", "dev", "lo"]
        command += ["root", "netem", "delay", "1ms"]
        done = subprocess.run(command, capture_output=True, env=self.space.environment, check=False)
        if done.returncode == 0:
            self.space.run(self.space.keeper_pid, "tc", ["qdisc del dev lo root"], "the keeper")
        return done.returncode == 0

    def _known_lines(self) -> list[dict[str, Any]]:
        # A delay line that died and was started again is told what the former one carried.
        with self._lines_lock:
            return list(self._lines.values())

    def close(self) -> None:
        """End the delay line."""
        self.wire.close()

    # -- links ---------------------------------------------------------------------------------

    def connect(
        self, object_id: str, ends: tuple[tuple[int, str], tuple[int, str]], mbps: float, delay_ms: float
    ) -> None:
        """Make a link between (pid, interface) and (pid, interface), up and shaped."""
        (a_pid, a), (b_pid, b) = ends
        a_mac, b_mac = mac("a", object_id), mac("b", object_id)
        keeper, run = self.space.keeper_pid, self.space.run
        alias = self.space.alias(object_id)
        if self.netem:
            made = f"link add {a} netns {a_pid} address {a_mac} type veth "
            run(keeper, "ip", [made + f"peer name {b} netns {b_pid} address {b_mac}"], f"link {a}-{b}")
        else:
            far_a, far_b = far_ends(object_id)
            lines = []
            for pid, name, address, far in ((a_pid, a, a_mac, far_a), (b_pid, b, b_mac, far_b)):
                lines.append(f"link add {name} netns {pid} address {address} type veth peer name {far}")
                lines.append(f"link set {far} arp off up alias {alias}")
            run(keeper, "ip", lines, f"link {a}-{b}")
        for pid, name in ends:
            run(pid, "ip", [f"link set {name} up alias {alias}"], name)
        self.shape(object_id, ends, mbps, delay_ms)

    def shape(
        self, object_id: str, ends: tuple[tuple[int, str], tuple[int, str]], mbps: float, delay_ms: float
    ) -> None:
        """Set the rate (Mbit/s) and one-way delay (ms) of a link in place."""
        rate = rate_of(mbps)
        for pid, name in ends:
            self.space.run(pid, "tc", [self._discipline(name, rate, delay_ms)], f"rate of {name}")
        if self.netem:
            return
        far_a, far_b = far_ends(object_id)
        delay = round(delay_ms * 1000)
        with self._lines_lock:
            known = object_id in self._lines
        if known:
            self.wire.ask({"op": "set", "id": object_id, "delay_us": delay})
        line = {"op": "add", "id": object_id, "a": far_a, "b": far_b, "delay_us": delay}
        if not known:
            self.wire.ask(line)
        with self._lines_lock:
            self._lines[object_id] = line

    def _discipline(self, name: str, rate: int, delay_ms: float) -> str:
        a_second = rate // 8  # bytes
        if self.netem:
            # Room for what is on its way and a fifth of a second more, in packets of 500 bytes.
            packets = max(1000, round(a_second * (delay_ms / 1000 + 0.2) / 500))
            delay = f"delay {round(delay_ms * 1000)}us" if delay_ms else ""
            return f"qdisc replace dev {name} root netem {delay} rate {rate}bit limit {packets}"
        burst = max(2 * FRAME, min(a_second // 100, 64 << 20))
        queue = max(20 * FRAME, min(a_second // 5, 256 << 20))
        return f"qdisc replace dev {name} root tbf rate {rate}bit burst {burst} limit {burst + queue}"

    def delays(self) -> dict[str, float] | None:
        """Delay by link in ms as the delay line has it; None where the kernel delays."""
        if self.netem:
            return None
        with self._lines_lock:
            if not self._lines:
                return {}
        answer = self.wire.ask({"op": "list"})
        return {name: delay / 1000 for name, delay in answer["lines"].items()}

    def disconnect(self, object_id: str, ends: list[tuple[int, str]]) -> None:
        """Remove a link from the ends that are there (interfaces known to be ours)."""
        if not self.netem:
            with self._lines_lock:
                known = self._lines.pop(object_id, None)
            if known:
                self.wire.ask({"op": "remove", "id": object_id})
            ends = [(self.space.keeper_pid, far) for far in far_ends(object_id)] + ends
        for pid, name in ends:
            self.remove(pid, name)

    # -- networks and what stands in them ---------------------------------------------------------

    def bridge(self, object_id: str, pid: int, name: str) -> None:
        """Make a bridge in the gateway. No spanning tree: the ports forward at once."""
        made = f"link add {name} address {mac('bridge', object_id)} type bridge"
        lines = [f"{made} stp_state 0 forward_delay 0 mcast_snooping 0"]
        lines.append(f"link set {name} up alias {self.space.alias(object_id)}")
        self.space.run(pid, "ip", lines, f"bridge {name}")

    def plug(self, object_id: str, pid: int, gateway: int, bridge: str) -> None:
        """Give a server its eth0, plugged into the bridge of its network."""
        port, alias = port_name(object_id), self.space.alias(object_id)
        keeper = self.space.keeper_pid
        made = f"link add eth0 netns {pid} address {mac('eth0', object_id)} type veth "
        line = f"{made}peer name {port} netns {gateway} address {mac('port', object_id)}"
        self.space.run(keeper, "ip", [line], f"eth0 of {object_id}")
        self.space.run(gateway, "ip", [f"link set {port} master {bridge} up alias {alias}"], f"port {port}")
        self.space.run(pid, "ip", [f"link set eth0 up alias {alias}"], "eth0")

    def remove(self, pid: int, name: str) -> None:
        """Remove an interface; one that is gone, or went meanwhile, is success."""
        if name not in process.interfaces(pid):
            return
        try:
            self.space.run(pid, "ip", [f"link del {name}"], name)
        except LabError:
            if name in process.interfaces(pid):
                raise


def far_ends(object_id: str) -> tuple[str, str]:
    """Names of a link's far ends in the keeper's network namespace."""
    stem = f"w{short('wire', object_id)}"
    return f"{stem}a", f"{stem}b"
