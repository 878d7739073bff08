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
import statistics
import struct
import sys
import time
from array import array
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
    """Requests to one address, by number: when each left, and when its answer came."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.name: str = order["name"]
        self.version: int = order["version"]
        self.goal = (order["address"], 0)
        self.sent = array("d")
        self.answered = array("d")  # 0: not answered
        self.refused = ""

    def judged(self, until: float) -> int:
        """How many of the first requests left before ``until``."""
        # Sent in order, and all but the newest are old: look from the end.
        count = len(self.sent)
        while count and self.sent[count - 1] > until:
            count -= 1
        return count

    def report(self, now: float, wait_s: float) -> dict[str, Any]:
        """What is known of the requests that have had their time."""
        count = self.judged(now - wait_s)
        good = [0 < self.answered[i] - self.sent[i] <= wait_s for i in range(count)]
        lost = [i for i in range(count) if not good[i]]
        newest = next((i for i in range(count - 1, -1, -1) if good[i]), None)
        times = [(self.answered[i] - self.sent[i]) * 1000 for i in range(count) if good[i]]
        return {
            "name": self.name,
            "sent": count,
            "received": count - len(lost),
            "lost": len(lost),
            "gaps": self._gaps(good),
            "first_loss": self.sent[lost[0]] if lost else None,
            "last_loss": self.sent[lost[-1]] if lost else None,
            "answering": bool(good and good[-1]),
            "last_answer": None if newest is None else self.sent[newest],
            "rtt_ms": _spread(times),
            "refused": self.refused,
        }

    def _gaps(self, good: list[bool]) -> list[dict[str, Any]]:
        gaps: list[dict[str, Any]] = []
        first: int | None = None
        for i, fine in enumerate([*good, True]):
            if not fine and first is None:
                first = i
            elif fine and first is not None:
                end = min(i, len(good) - 1)
                start = self.sent[max(first - 1, 0)]
                more = {"lost": i - first, "open": i == len(good)}
                gaps.append({"start": start, "end": self.sent[end], **more})
                first = None
        return gaps


def _spread(times: list[float]) -> dict[str, float] | None:
    if not times:
        return None
    figures = {"min": min(times), "median": statistics.median(times), "max": max(times)}
    return {name: round(figure, 3) for name, figure in figures.items()}


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
            number = len(stream.sent)
            packet = self._packet(stream.version, index, number)
            stream.sent.append(time.monotonic())
            stream.answered.append(0.0)
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
        stream = self.streams[index]
        if not stream.answered[number]:
            stream.answered[number] = now

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
