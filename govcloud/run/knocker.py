"""Ask for pages and names at a fixed rate from inside a host: ``python -m govcloud.run.knocker``.

A service that is started anew is away for a moment in which its machine still answers echoes; this sees
it. It is spoken to as ``run.meter`` is: the first line of stdin is the order::

    {"streams": [{"name", "address", "version", "port", "host", "question", "chain"}],
     "interval_ms": 250, "wait_ms": 1000}

then ``look`` and ``stop``, each answered by a report of one line; it ends when stdin does. Of each stream a
page of ``host`` (with a ``chain`` over TLS, held to it) is asked for every ``interval_ms`` on a connection of
its own, or, with a ``question``, the addresses of that name, and the next one only when that one has ended.
A request is answered when a whole page came with a status below 400, or an address, in ``wait_ms``. The
report is the meter's (``sent``, ``lost``, ``gaps``, …, times of the monotonic clock, s), and ``refused`` is
what the last failure said. The program imports nothing of ours but what measures beside it.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA

from .measure import exchange
from .meter import Stream
from .visiting import visit


class Caller:
    """Requests to one service, one after another."""

    def __init__(self, order: Mapping[str, Any], interval: float, wait: float) -> None:
        self.stream = Stream(order)
        self._port, self._host = int(order["port"]), str(order["host"])
        self._chain = str(order.get("chain", ""))
        self._question = str(order.get("question", ""))
        self._interval, self._wait = interval, wait
        self._lock = threading.Lock()

    def call(self) -> None:
        """One request; what goes wrong is told by the report."""
        stream = self.stream
        sent = time.monotonic()
        try:
            words = self._name() if self._question else self._page()
        except (OSError, http.client.HTTPException, dns.exception.DNSException) as error:
            words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        with self._lock:
            # Written when its fate is known: requests under way are not in a report.
            stream.left(sent)
            if not words:
                stream.answered(stream.number - 1, time.monotonic())
            stream.refused = words or stream.refused

    def _name(self) -> str:
        """Ask for the addresses of a name; what is wrong with the answer."""
        version = self.stream.version
        kind = dns.rdatatype.A if version == 4 else dns.rdatatype.AAAA
        answer = exchange(dns.message.make_query(self._question, kind), self.stream.goal[0], version)
        if answer.rcode() != dns.rcode.NOERROR or not answer.answer:
            return f"{dns.rcode.to_text(answer.rcode())}, no {kind.name} of {self._question}"
        return ""

    def _page(self) -> str:
        """Ask for a page; what is wrong with the answer."""
        connection = visit(self.stream.goal[0], self._port, self._host, chain=self._chain, wait_s=self._wait)
        try:
            connection.request("GET", "/", headers={"Host": self._host, "Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            return f"HTTP {answer.status}" if answer.status >= http.client.BAD_REQUEST else ""
        finally:
            connection.close()

    def go_on(self, over: threading.Event) -> None:
        """Ask at the rate until it is over."""
        due = time.monotonic()
        while not over.is_set():
            self.call()
            due = max(due + self._interval, time.monotonic())
            over.wait(due - time.monotonic())

    def report(self) -> dict[str, Any]:
        """As the meter's, of all requests that have ended."""
        with self._lock:
            # Nothing that is here is under way: all of it counts.
            return self.stream.report(float("inf"), self._wait)


def main() -> int:
    """Read the order, then ask until told to stop."""
    order = json.loads(sys.stdin.readline())
    interval, wait = order["interval_ms"] / 1000, order["wait_ms"] / 1000
    callers = [Caller(stream, interval, wait) for stream in order["streams"]]
    over = threading.Event()
    threads = [threading.Thread(target=caller.go_on, args=(over,), daemon=True) for caller in callers]
    for thread in threads:
        thread.start()

    def say(document: object) -> None:
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()

    def report() -> None:
        say({"streams": [caller.report() for caller in callers], "stalled_ms": 0.0})

    try:
        say({"ready": True})
        for line in sys.stdin:
            if line.strip() == "look":
                report()
            elif line.strip() == "stop":
                over.set()
                for thread in threads:
                    thread.join(2 * wait + interval)
                report()
                break
    except BrokenPipeError:
        # Whoever asked has gone.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
