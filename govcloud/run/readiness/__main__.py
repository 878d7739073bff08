"""Measure what works over IPv6 from inside a host: ``python -m govcloud.run.readiness``.

Input: a line with a JSON list of orders, ``{"name", "kind", "tries", "args"}``; when stdin ends, so does the
program. Output: a line of JSON for each as soon as it is measured, in any order, so that whoever is
interrupted has what was measured until then::

    {"name", "ok", "value", "unit", "detail", "figures": {…}}

``ok``: nothing went wrong; whether a figure is good enough is for its reader to say. ``value`` is null where
nothing could be measured; ``detail`` says why something is not good. The kinds, with ``args`` and value:

    ping         address                                       answered, % of the tries
    aaaa         fqdn, expect, servers                         ms until all of them have answered
    delegation   domain, servers, parents                      servers that are right over IPv6, %
    answer       address, domain                               answered, % of the tries
    tcp          address, port                                 connected, % of the tries
    http         fqdn, port, servers, expect                   ms from the question to the last byte
    success      address, port, host                           whole pages, % of the tries
    content      address, address4, port, host, may_differ     differences of the pages
    delay        address, address4, port, host, ratio, floor_ms  (v6 - v4) / v4 of the medians
    links        address, port, host, servers, depth, most     links that are reached over IPv6, %
    address      interface, address                            1: this host has it
    without4     interface                                     1: this host has no IPv4 address there
    neighbour    interface, folder                             1: an OSPFv3 neighbour is full there

``servers`` are ``{"name", "v6", "v4"}``. A check whose first tries all fail gives up: the rest would.
The program starts once a source and imports nothing of ours but what measures beside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from ..measure import Figure
from . import names, pages, ways
from .tries import FAULTS, Args, said

# Kinds whose figure is a time that is compared: they are taken when nothing else is.
ALONE = ("delay",)
# Orders at once: more would slow each other down.
AT_ONCE = 4

KINDS: dict[str, Callable[[Args, int], Figure]] = {
    "ping": ways.echo,
    "aaaa": names.aaaa,
    "delegation": names.delegation,
    "answer": names.answer,
    "tcp": pages.tcp,
    "http": pages.page,
    "success": pages.success,
    "content": pages.content,
    "delay": pages.delay,
    "links": pages.links,
    "address": ways.address,
    "without4": ways.without4,
    "neighbour": ways.neighbour,
}


def measure(order: Mapping[str, Any]) -> dict[str, Any]:
    """One measurement; what goes wrong on the network is its finding."""
    try:
        figure = KINDS[order["kind"]](order["args"], order["tries"])
    except (*FAULTS, subprocess.TimeoutExpired) as error:
        figure = Figure(unit="", problem=said(error))
    return {
        "name": order["name"],
        "ok": not figure.problem,
        "value": None if figure.value is None else round(figure.value, 4),
        "unit": figure.unit,
        "detail": figure.problem or figure.remark,
        "figures": figure.more,
    }


def say(result: Mapping[str, Any]) -> None:
    """Write a result."""
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def end_with_stdin() -> None:
    """When nobody holds the other end of stdin any more, what is under way is of no use to anybody."""
    while os.read(0, 1):
        pass
    os._exit(1)


def main() -> int:
    """Read orders, measure, write each result as it comes."""
    orders = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=end_with_stdin, daemon=True).start()
    timed = [order for order in orders if order["kind"] in ALONE]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        others = [pool.submit(measure, order) for order in orders if order not in timed]
        for done in as_completed(others):
            say(done.result())
    for order in timed:
        say(measure(order))
    return 0


if __name__ == "__main__":
    sys.exit(main())
