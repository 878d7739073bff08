"""The lab's own delay line, for kernels without ``sch_netem``.

Where the kernel cannot delay packets, a link is two veth pairs whose far ends lie in the keeper's
network namespace, and this helper carries frames between those ends, each after the link's delay.
The rate is still the kernel's (a token bucket at each node's end). Loss of signal at one end is
passed on to the other, as on a real line, and so is the removal of an end.

It is asked by lines of JSON: ``add`` (id, a, b, delay_us), ``set`` (id, delay_us), ``remove`` (id),
``list``. All times inside are nanoseconds of the monotonic clock.
"""

from __future__ import annotations

import ctypes
import heapq
import itertools
import json
import os
import select
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import Any

from . import netlink

SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
ETH_P_ALL = 0x0003
FRAME = 1 << 17  # the largest frame with its offload header
IN_FLIGHT = 32 << 20  # bytes on the way in one direction; beyond it frames are dropped
BURST = 64  # frames taken from one end before the others get their turn

_libc = ctypes.CDLL(None, use_errno=True)


class End:
    """One end of a line: its socket, its interface, and the end that frames go to."""

    other: End

    def __init__(self, line: Line, name: str) -> None:
        self.line = line
        self.name = name
        self.index = socket.if_nametoindex(name)
        self.in_flight = 0
        # Offloaded frames (large, checksum not yet made) keep their header and stay correct.
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        self.socket.bind((name, ETH_P_ALL))

    def give(self, frame: bytes) -> None:
        """Put a frame on the interface; a full or dead line drops it."""
        with suppress(OSError):
            self.socket.send(frame)


class Line:
    """A line between two interfaces, with its one-way delay."""

    def __init__(self, a: str, b: str, delay_us: int) -> None:
        self.delay = delay_us * 1000
        self.a = End(self, a)
        try:
            self.b = End(self, b)
        except OSError:
            self.a.socket.close()
            raise
        self.a.other, self.b.other = self.b, self.a

    @property
    def ends(self) -> tuple[End, End]:
        return self.a, self.b


class Exchange:
    """All lines of the lab, and the frames on their way."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self.by_socket: dict[int, End] = {}
        self.by_index: dict[int, End] = {}
        self.flight: list[tuple[int, int, End, bytes]] = []
        self.count = itertools.count()
        self.poll = select.epoll()
        self.events = netlink.open_socket(groups=1)
        self.route = netlink.open_socket()
        self.route.setblocking(False)
        self.timer = _libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        self.due = 0
        for handle in (0, self.events.fileno(), self.timer):
            self.poll.register(handle, select.EPOLLIN)

    def run(self) -> None:
        """Carry frames until standard input ends."""
        asked = b""
        while True:
            for handle, _ in self.poll.poll():
                end = self.by_socket.get(handle)
                if end is not None:
                    self._take(end)
                elif handle == self.timer:
                    os.read(self.timer, 8)
                    self.due = 0
                elif handle == self.events.fileno():
                    self._hear()
                elif handle == 0:
                    data = os.read(0, 1 << 16)
                    if not data:
                        return
                    *lines, asked = (asked + data).split(b"\n")
                    for line in lines:
                        self._answer(json.loads(line))
            self._deliver()

    def _take(self, end: End) -> None:
        now = time.monotonic_ns()
        for _ in range(BURST):
            try:
                frame = end.socket.recv(FRAME)
            except OSError:  # nothing left, or the interface went down
                return
            if not end.line.delay:
                end.other.give(frame)
            elif end.in_flight + len(frame) <= IN_FLIGHT:
                end.in_flight += len(frame)
                heapq.heappush(self.flight, (now + end.line.delay, next(self.count), end, frame))

    def _deliver(self) -> None:
        now = time.monotonic_ns()
        while self.flight and self.flight[0][0] <= now:
            _, _, end, frame = heapq.heappop(self.flight)
            end.in_flight -= len(frame)
            end.other.give(frame)
        if self.flight and self.flight[0][0] != self.due:
            self.due = self.flight[0][0]
            # struct itimerspec: no interval, and the absolute time of the first frame.
            when = struct.pack("=qqqq", 0, 0, self.due // 1_000_000_000, self.due % 1_000_000_000)
            _libc.timerfd_settime(self.timer, 1, when, None)

    def _hear(self) -> None:
        """Pass loss of signal and removal at one end on to the other."""
        try:
            data = self.events.recv(1 << 18)
        except OSError:  # events were lost: look at everything
            for line in self.lines.values():
                self._match(line)
            return
        touched: set[str] = set()
        for kind, _, body in netlink.messages(data):
            end = self.by_index.get(netlink.parse_link(body)["index"])
            if end is None:
                continue
            name = next(name for name, line in self.lines.items() if line is end.line)
            if kind == netlink.RTM_DELLINK:
                other = end.other.index
                self._forget(name)
                netlink.remove(self.route, other)
            else:
                touched.add(name)
        for name in touched & set(self.lines):
            self._match(self.lines[name])

    def _match(self, line: Line) -> None:
        with suppress(BlockingIOError):
            while True:  # complaints about interfaces that vanished meanwhile
                self.route.recv(1 << 16)
        with netlink.open_socket() as route:
            states = {link["index"]: link for link in netlink.links(route)}
        for end in line.ends:
            here, there = states.get(end.index), states.get(end.other.index)
            if here and there and here["up"] and here["carrier"] != there["up"]:
                netlink.set_up(self.route, end.other.index, here["carrier"])
                there["up"] = here["carrier"]

    def _forget(self, name: str) -> None:
        line = self.lines.pop(name, None)
        if line is None:
            return
        for end in line.ends:
            self.by_socket.pop(end.socket.fileno(), None)
            self.by_index.pop(end.index, None)
            end.socket.close()  # leaves epoll by itself

    def _answer(self, request: dict[str, Any]) -> None:
        answer: dict[str, Any] = {}
        operation, name = request["op"], request.get("id", "")
        try:
            if operation == "add":
                self._forget(name)
                line = Line(request["a"], request["b"], request["delay_us"])
                self.lines[name] = line
                for end in line.ends:
                    self.by_socket[end.socket.fileno()] = end
                    self.by_index[end.index] = end
                    self.poll.register(end.socket.fileno(), select.EPOLLIN)
                self._match(line)
            elif operation == "set" and name in self.lines:
                self.lines[name].delay = request["delay_us"] * 1000
            elif operation == "set":
                answer["error"] = f"no line {name}"
            elif operation == "remove":
                self._forget(name)
            elif operation == "list":
                answer["lines"] = {name: line.delay // 1000 for name, line in self.lines.items()}
        except OSError as error:
            answer["error"] = f"{operation} {name}: {error.strerror or error}"
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Carry frames until standard input ends."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)  # delays stay near their figure on a busy machine
    Exchange().run()


if __name__ == "__main__":
    main()
