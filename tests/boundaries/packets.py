"""Real packets from inside a host, and something that answers them: ``packets.py serve|send``.

``serve PORT…`` answers over TCP and UDP, IPv4 and IPv6, until it is ended. ``send`` reads a list of
[protocol, address, port] on stdin and writes whether each was answered, all tried at once. Only the
standard library: it runs in the lab's hosts.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

# Nothing here is further away than a few hops of one machine; what is dropped takes as long as this.
WAIT_S = 1.5


def serve(ports: list[int]) -> None:
    for port in ports:
        tcp = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        udp.bind(("::", port))
        threading.Thread(target=_answer_tcp, args=(tcp,)).start()
        threading.Thread(target=_answer_udp, args=(udp,)).start()
    print("serving", flush=True)


def _answer_tcp(listener: socket.socket) -> None:
    while True:
        there, _ = listener.accept()
        with there:
            there.sendall(b"here\n")


def _answer_udp(there: socket.socket) -> None:
    while True:
        _, who = there.recvfrom(100)
        there.sendto(b"here\n", who)


def attempt(question: tuple[str, str, int]) -> bool:
    """Whether one question is answered."""
    protocol, address, port = question
    if protocol == "echo":
        command = ["ping", "-n", "-c1", f"-W{WAIT_S}", address]
        return subprocess.run(command, capture_output=True).returncode == 0
    try:
        if protocol == "tcp":
            with socket.create_connection((address, port), WAIT_S):
                return True
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(WAIT_S)
            udp.connect((address, port))
            udp.send(b"there?\n")
            return bool(udp.recv(100))
    except OSError:
        return False


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve([int(port) for port in sys.argv[2:]])
    else:
        questions = json.load(sys.stdin)
        with ThreadPoolExecutor(len(questions) or 1) as pool:
            json.dump(list(pool.map(attempt, questions)), sys.stdout)
