"""Count answers at a fixed rate from inside a host: ``python -m govcloud.run.meter``.

The first line of stdin is the order::

    {"streams": [{"name", "address", "version"}], "interval_ms": 20, "wait_ms": 1000}

Each stream is numbered ICMP echo requests to one address, one every ``interval_ms``. A request without an
answer after ``wait_ms`` is lost. Once the first requests have left, the line ``{"ready": true}`` is
written. Every further line of stdin asks for a report: ``look`` (it goes on), or ``stop`` (it sends no
more, waits for what is under way, reports and ends). When stdin ends, so does the program: it never
outlives whoever started it. A report is one line, ``{"streams": [{…}], "stalled_ms"}``, in the order's
order::

    name         as ordered
    sent         requests whose fate is known; those under way are not among them
    received     of these, answered in time
    lost         of these, not answered
    gaps         [{"start", "end", "lost", "open"}]: runs of lost requests. ``start`` is when the last
                 answered request before it left, ``end`` when the first answered one after it left; an
                 ``open`` gap has none yet, and its end is when the last request of known fate left
    first_loss   when the first lost request left; null where none is lost
    last_loss    the same of the last one
    answering    whether the newest request of known fate was answered
    last_answer  when the newest answered request left; null where none was
    rtt_ms       {"min", "median", "max"} of the answered ones; null where none was
    refused      what the system said when a request could not even leave; "" where all could

Times are seconds of the machine's monotonic clock, which all namespaces share, so times of several
sources, and of whoever cuts a line between them, can be compared. ``stalled_ms`` is the longest time
between two rounds of requests: where it is far above the interval the machine was busy, and gaps are
less exact by as much. The program imports nothing of ours.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
# The header of an echo, then what tells our packets from everybody's: token, stream, number.
HEADER = struct.Struct("!BBHHH")
BODY = struct.Struct("!8sHI")
# Linux: option of a raw ICMP socket that says which types are let through (linux/icmp.h, RFC 3542).
FILTER = 1
# Bytes that wait for a process that the machine has not got round to.
BUFFER = 1 << 20


class Stream:
    """Requests to one address: those under way by number, and what became of all others.

    What has had its time is counted once and forgotten: a watch of hours costs no more than one of seconds.
    """

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.name: str = order["name"]
        self.version: int = order["version"]
        self.goal = (order["address"], 0)
        self.refused = ""
        # (when it left, when its answer came or 0), in order; the first one's number.
        self._waiting: deque[tuple[float, float]] = deque()
        self._first = 0
        self._newest: float | None = None
        self._received = 0
        self._gaps: list[dict[str, Any]] = []
        self._losses: tuple[float, float] | None = None
        self._last_answer: float | None = None
        # How many answers took so many microseconds.
        self._times: Counter[int] = Counter()

    @property
    def number(self) -> int:
        """The number of the next request."""
        return self._first + len(self._waiting)

    @property
    def under_way(self) -> int:
        """Requests whose fate has not been counted."""
        return len(self._waiting)

    def left(self, at: float) -> None:
        """The next request has left."""
        self._waiting.append((at, 0.0))

    def answered(self, number: int, at: float) -> None:
        """The answer to a request has come; a second one, or one that is too late to count, is nothing."""
        place = number - self._first
        if 0 <= place < len(self._waiting) and not self._waiting[place][1]:
            self._waiting[place] = (self._waiting[place][0], at)

    def settle(self, until: float, wait_s: float) -> None:
        """Count the requests that left at ``until`` or before: they have had their time."""
        while self._waiting and self._waiting[0][0] <= until:
            sent, answered = self._waiting.popleft()
            self._first += 1
            hole = self._gaps[-1] if self._gaps and self._gaps[-1]["open"] else None
            if 0 < answered - sent <= wait_s:
                self._received += 1
                self._last_answer = sent
                self._times[round((answered - sent) * 1e6)] += 1
                if hole:
                    hole |= {"end": sent, "open": False}
            else:
                if hole is None:
                    start = sent if self._newest is None else self._newest
                    hole = {"start": start, "end": sent, "lost": 0, "open": True}
                    self._gaps.append(hole)
                hole |= {"end": sent, "lost": hole["lost"] + 1}
                self._losses = (self._losses[0] if self._losses else sent, sent)
            self._newest = sent

    def report(self, now: float, wait_s: float) -> dict[str, Any]:
        """What is known of the requests that have had their time."""
        self.settle(now - wait_s, wait_s)
        first, last = self._losses or (None, None)
        return {
            "name": self.name,
            "sent": self._first,
            "received": self._received,
            "lost": self._first - self._received,
            "gaps": self._gaps,
            "first_loss": first,
            "last_loss": last,
            "answering": self._newest is not None and self._newest == self._last_answer,
            "last_answer": self._last_answer,
            "rtt_ms": _spread(self._times),
            "refused": self.refused,
        }


def _spread(times: Counter[int]) -> dict[str, float] | None:
    if not times:
        return None
    each, middle, before = sorted(times.items()), [], 0
    total = times.total()
    # The one in the middle, or the two around it.
    places = ((total - 1) // 2, total // 2)
    for time_us, many in each:
        middle += [time_us for place in places if before <= place < before + many]
        before += many
    figures = {"min": each[0][0], "median": sum(middle) / 2, "max": each[-1][0]}
    return {name: round(figure / 1000, 3) for name, figure in figures.items()}


class Meter:
    """All streams of one source, with a socket for each version of IP that is asked for."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.interval = order["interval_ms"] / 1000
        self.wait = order["wait_ms"] / 1000
        self.streams = [Stream(s) for s in order["streams"]]
        self.sockets = {v: _socket(v) for v in sorted({s.version for s in self.streams})}
        self.stalled = 0.0
        self._token = os.urandom(8)
        self._identity = int.from_bytes(os.urandom(2), "big")
        self._round = 0.0

    def send(self) -> None:
        """One request of each stream."""
        now = time.monotonic()
        if self._round:
            self.stalled = max(self.stalled, now - self._round)
        self._round = now
        for index, stream in enumerate(self.streams):
            stream.settle(now - self.wait, self.wait)
            packet = self._packet(stream.version, index, stream.number)
            stream.left(time.monotonic())
            try:
                self.sockets[stream.version].sendto(packet, stream.goal)
            except OSError as error:
                # No route is no reason to end: that is what is measured. The request counts as lost.
                stream.refused = error.strerror or str(error)

    def _packet(self, version: int, index: int, number: int) -> bytes:
        body = BODY.pack(self._token, index, number)
        kind, sequence = ECHO_REQUEST[version], number & 0xFFFF
        # The system fills in the sum of ICMPv6, for it knows the source address.
        check = _sum(HEADER.pack(kind, 0, 0, self._identity, sequence) + body) if version == 4 else 0
        return HEADER.pack(kind, 0, check, self._identity, sequence) + body

    def receive(self, version: int) -> None:
        """All answers that have come."""
        sock = self.sockets[version]
        while True:
            try:
                packet = sock.recv(2048)
            except BlockingIOError:
                return
            except OSError:
                # An error that an earlier request met; that request stays unanswered.
                continue
            self._take(packet, version, time.monotonic())

    def _take(self, packet: bytes, version: int, now: float) -> None:
        start = (packet[0] & 15) * 4 if version == 4 else 0
        if len(packet) < start + HEADER.size + BODY.size or packet[start] != ECHO_REPLY[version]:
            return
        token, index, number = BODY.unpack_from(packet, start + HEADER.size)
        if token != self._token:
            return
        self.streams[index].answered(number, now)

    def report(self, now: float) -> str:
        """A report as of ``now``, as a line."""
        streams = [stream.report(now, self.wait) for stream in self.streams]
        return json.dumps({"streams": streams, "stalled_ms": round(self.stalled * 1000, 1)})

    def run(self, orders: int) -> None:
        """Send, receive and report as told on the file descriptor ``orders``."""
        says, ready = b"", False
        due = time.monotonic()
        stop = False
        while not stop:
            now = time.monotonic()
            if now >= due:
                self.send()
                # After a stall it goes on at its rate; a burst would measure something else.
                due = max(due + self.interval, now)
                if not ready:
                    _say('{"ready": true}')
                    ready = True
            waiting: list[int | socket.socket] = [orders, *self.sockets.values()]
            found, _, _ = select.select(waiting, [], [], max(0.0, due - time.monotonic()))
            for version, sock in self.sockets.items():
                if sock in found:
                    self.receive(version)
            if orders in found:
                part = os.read(orders, 4096)
                if not part:
                    return
                *lines, says = (says + part).split(b"\n")
                for line in lines:
                    if line.strip() == b"look":
                        _say(self.report(time.monotonic()))
                    stop = stop or line.strip() == b"stop"
        self._drain()
        # All that were sent have had their time.
        _say(self.report(time.monotonic()))

    def _drain(self) -> None:
        end = time.monotonic() + self.wait
        while (left := end - time.monotonic()) > 0:
            found, _, _ = select.select(list(self.sockets.values()), [], [], left)
            for version, sock in self.sockets.items():
                if sock in found:
                    self.receive(version)


def _socket(version: int) -> socket.socket:
    family, protocol, level = {
        4: (socket.AF_INET, socket.IPPROTO_ICMP, 255),
        6: (socket.AF_INET6, socket.IPPROTO_ICMPV6, socket.IPPROTO_ICMPV6),
    }[version]
    sock = socket.socket(family, socket.SOCK_RAW, protocol)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    # A set bit is a type that is kept away.
    bits = (1 << (32 if version == 4 else 256)) - 1 & ~(1 << ECHO_REPLY[version])
    if version == 4:
        sock.setsockopt(level, FILTER, struct.pack("=I", bits))
    else:
        words = [bits >> (32 * i) & 0xFFFFFFFF for i in range(8)]
        sock.setsockopt(level, FILTER, struct.pack("=8I", *words))
    return sock


def _sum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of bytes."""
    words: tuple[int, ...] = struct.unpack(f"!{len(data) // 2}H", data)
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _order() -> dict[str, Any]:
    # Byte by byte up to the line's end: what follows is read from the descriptor as it comes.
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    order: dict[str, Any] = json.loads(line)
    return order


def main() -> int:
    """Read the order, then measure until told to stop."""
    try:
        Meter(_order()).run(0)
    except BrokenPipeError:
        # Whoever asked has gone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
