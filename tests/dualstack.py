"""A network namespace of a test's own with servers on made-up addresses: DNS and HTTP over IPv4 and IPv6.

Run as a program it is the servers; ``World`` starts it, and tells it what is to be served. Each address is
the namespace's own, so nothing outside is touched, and whatever breaks is broken for real.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NAMESPACES = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]


class World:
    """The namespace and its servers; a host of the kind that ``run.watching`` and verify know."""

    def __init__(self, addresses: Sequence[str]) -> None:
        root = os.geteuid() == 0
        user = [] if root else ["--user", "--map-root-user"]
        self._unshare = subprocess.Popen(
            ["unshare", *user, *NAMESPACES, "--", sys.executable, str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        holder = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children")
        assert self._answer() == "up"
        self._enter = ["nsenter", f"--target={holder.read_text().split()[0]}", "--net"]
        self._enter += [] if root else ["--user", "--preserve-credentials"]
        self.ip("link set lo up")
        # By the name that machines of the lab give their interface.
        self.ip("link add eth0 type bridge")
        self.ip("link set eth0 up")
        for address in addresses:
            version = 6 if ":" in address else 4
            more = "/128 dev eth0 nodad" if version == 6 else "/32 dev eth0"
            self.ip(f"-{version} address add {address}{more}")

    def _answer(self) -> str:
        assert self._unshare.stdout
        return self._unshare.stdout.readline().strip()

    def serve(self, **services: Any) -> None:
        """Serve exactly this from now on: ``dns=[…]``, ``http=[…]`` (see ``Servers``)."""
        assert self._unshare.stdin
        self._unshare.stdin.write(json.dumps(services) + "\n")
        self._unshare.stdin.flush()
        said = self._answer()
        assert said == "served", said

    def ip(self, words: str) -> None:
        subprocess.run([*self._enter, "ip", *words.split()], check=True)

    def nft(self, words: str) -> None:
        """Load rules of nftables, as text."""
        subprocess.run([*self._enter, "nft", "-f", "-"], input=words, text=True, check=True)

    # -- what run.reach.Reach has --------------------------------------------------------------------

    @property
    def marker(self) -> dict[str, str]:
        return {}

    def missing(self, hosts: Sequence[str]) -> list[str]:
        return [host for host in hosts if host.startswith("gone")]

    def command(self, host: str, argv: list[str]) -> list[str]:
        return [*self._enter, *argv]

    def close(self) -> None:
        self._unshare.kill()
        self._unshare.communicate()


@contextlib.contextmanager
def world(addresses: Sequence[str]) -> Iterator[World]:
    """A world that ends with the block."""
    made = World(addresses)
    try:
        yield made
    finally:
        made.close()


class Servers:
    """What is served now.

    ``http``: ``{"address", "port", "pages": {path: body}, "status", "headers", "delay_ms"}``;
    ``dns``: ``{"address", "records": [[name, type, value]], "silent", "lame"}``.
    """

    def __init__(self) -> None:
        self._http: dict[tuple[str, int], ThreadingHTTPServer] = {}
        self._dns: dict[str, tuple[socket.socket, threading.Thread]] = {}
        self.answers: dict[str, Any] = {}

    def serve(self, services: dict[str, Any]) -> None:
        pages = {(s["address"], s.get("port", 80)): s for s in services.get("http", ())}
        names = {s["address"]: s for s in services.get("dns", ())}
        for address in self._dns.keys() - names.keys():
            # Shut down first: a thread in recvfrom would keep it open. And before its answers go, or a
            # question would be taken and never answered.
            sock, thread = self._dns.pop(address)
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
            thread.join()
        self.answers = {"http": pages, "dns": names}
        for key in self._http.keys() - pages.keys():
            server = self._http.pop(key)
            server.shutdown()
            server.server_close()
        for key in pages.keys() - self._http.keys():
            self._http[key] = self._page_server(key)
        for address in names.keys() - self._dns.keys():
            self._dns[address] = self._name_server(address)

    def _page_server(self, key: tuple[str, int]) -> ThreadingHTTPServer:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                said = outer.answers["http"][key]
                time.sleep(said.get("delay_ms", 0) / 1000)
                body = said["pages"].get(self.path)
                self.send_response(said.get("status", 200) if body is not None else 404)
                for name, value in said.get("headers", {}).items():
                    self.send_header(name, value)
                text = (body or "").encode()
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in key[0] else socket.AF_INET
            daemon_threads = True

        server = Server(key, Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def _name_server(self, address: str) -> tuple[socket.socket, threading.Thread]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.bind((address, 53))
        thread = threading.Thread(target=self._answer_names, args=(address, sock), daemon=True)
        thread.start()
        return sock, thread

    def _answer_names(self, address: str, sock: socket.socket) -> None:
        import dns.flags
        import dns.message
        import dns.rrset

        while True:
            try:
                wire, whom = sock.recvfrom(4096)
            except OSError:
                return
            said = self.answers["dns"].get(address)
            if not wire or said is None:
                return
            if said.get("silent"):
                continue
            query = dns.message.from_wire(wire)
            answer = dns.message.make_response(query)
            question = query.question[0]
            asked = question.name.to_text(omit_final_dot=True)
            for name, kind, value in said["records"]:
                if name == asked and kind == dns.rdatatype.to_text(question.rdtype):
                    answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, value))
            if not said.get("lame"):
                answer.flags |= dns.flags.AA
            sock.sendto(answer.to_wire(), whom)


def main() -> None:
    """Serve what stdin says, a line at a time, until it ends."""
    print("up", flush=True)
    servers = Servers()
    for line in sys.stdin:
        try:
            servers.serve(json.loads(line))
        except OSError as error:
            print(error, flush=True)
        else:
            print("served", flush=True)


if __name__ == "__main__":
    main()
