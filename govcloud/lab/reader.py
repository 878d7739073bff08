"""A helper inside the lab that reads what is really there in many nodes at once.

The agent starts it in the lab's user namespace, where it may enter the nodes' namespaces, and asks
it by lines of JSON: ``{"nodes": [pid, …]}`` gives for each pid its hostname, interfaces, addresses
and queueing disciplines, or null where the process has gone.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from . import netlink


def look(pid: int) -> dict[str, Any] | None:
    """What stands in the namespaces of one process; None when it has gone."""
    try:
        netlink.enter(pid, "net")
        netlink.enter(pid, "uts")
    except (FileNotFoundError, ProcessLookupError):
        return None
    with netlink.open_socket() as route:
        links = netlink.links(route)
        addresses = netlink.addresses(route)
        qdiscs = netlink.qdiscs(route)
    for link in links:
        link["addresses"] = addresses.get(link["index"], [])
        link["qdisc"] = qdiscs.get(link["index"])
    return {"hostname": os.uname().nodename, "links": links}


def main() -> None:
    """Answer until standard input ends."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = {"nodes": {str(pid): look(pid) for pid in json.loads(line)["nodes"]}}
        except OSError as error:
            answer = {"error": f"{error.filename or 'netlink'}: {error.strerror}"}
        # Back home: a namespace lives as long as anybody is in it, and with a node's its cables.
        netlink.enter_opened(home, "the lab's network namespace")
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
