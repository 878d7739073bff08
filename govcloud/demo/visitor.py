"""A visitor in the lab: ``python -m govcloud.demo.visitor HOST PORT CHAINFILE`` asks for a page over IPv6.

The name is looked up as every program of the host does it; the page is asked for over TLS, held to the chain.
Prints ``{"status", "address"}`` as JSON.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

from ..run.visiting import visit

WAIT_S = 5.0


def main() -> None:
    """Ask once."""
    host, port, chain = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]).read_text(encoding="ascii")
    found = socket.getaddrinfo(host, port, socket.AF_INET6, socket.SOCK_STREAM)
    address = str(found[0][4][0])
    connection = visit(address, port, host, chain=chain, wait_s=WAIT_S)
    try:
        connection.request("GET", "/", headers={"Host": host, "Connection": "close"})
        answer = connection.getresponse()
        answer.read()
        print(json.dumps({"status": answer.status, "address": address}))
    finally:
        connection.close()


if __name__ == "__main__":
    main()
