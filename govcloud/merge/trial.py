"""Try to get through, from inside a host: ``python -m govcloud.merge.trial``, tries on stdin, answers out.

Input: ``{"wait_s": 1.0, "tries": [{"name", "address", "port"}]}``; port 0: an echo alone. Output, in the same
order: ``[{"name", "echo": bool, "tcp": "open" | "refused" | "silent" | "unreachable" | ""}]``. The program
imports nothing of ours.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

from icmplib import ICMPLibError, ping

AT_ONCE = 64
ECHOES = 2
GAP_S = 0.05


def echo(address: str, wait_s: float) -> bool:
    """Whether an echo came back."""
    try:
        # The library's own numbering is not made for threads.
        number = int.from_bytes(os.urandom(2), "big")
        found = ping(address, count=ECHOES, interval=GAP_S, timeout=wait_s, id=number, privileged=True)
    except (ICMPLibError, OSError):
        return False
    return bool(found.rtts)


def connect(address: str, port: int, wait_s: float) -> str:
    """How a TCP connection ended: open, refused, silent, unreachable."""
    try:
        socket.create_connection((address, port), timeout=wait_s).close()
    except TimeoutError:
        return "silent"
    except OSError as error:
        return "refused" if error.errno == errno.ECONNREFUSED else "unreachable"
    return "open"


def main() -> int:
    """Read tries, make them all at once, write what came of them."""
    order = json.load(sys.stdin)
    wait = float(order["wait_s"])
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        made = [
            (
                one["name"],
                pool.submit(echo, one["address"], wait),
                pool.submit(connect, one["address"], one["port"], wait) if one["port"] else None,
            )
            for one in order["tries"]
        ]
        found = [
            {"name": name, "echo": heard.result(), "tcp": tcp.result() if tcp else ""}
            for name, heard, tcp in made
        ]
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
