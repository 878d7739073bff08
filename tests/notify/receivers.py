"""Real receivers on loopback: an HTTP server and a small SMTP server, sound or broken as wanted."""

from __future__ import annotations

import email
import email.message
import email.policy
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Post:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Hook:
    """An HTTP server; ``code`` and ``wait_s`` may be changed while it runs."""

    url: str = ""
    code: int = 200
    wait_s: float = 0.0
    # Seconds between two bytes of the answer: each piece comes in time, and the whole never.
    drip_s: float = 0.0
    says: bytes = b"we are closed"
    posts: list[Post] = field(default_factory=list)


@contextmanager
def hook(
    code: int = 200,
    wait_s: float = 0.0,
    drip_s: float = 0.0,
    port: int = 0,
    says: bytes = b"we are closed",
) -> Iterator[Hook]:
    """A server that keeps what is posted to it."""
    kept = Hook(code=code, wait_s=wait_s, drip_s=drip_s, says=says)
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept.posts.append(Post(self.path, headers, body))
            over.wait(kept.wait_s)
            if kept.drip_s:
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":
                    if over.wait(kept.drip_s):
                        return
                    self.wfile.write(bytes([byte]))
                return
            self.send_response(kept.code)
            if 300 <= kept.code < 400:
                self.send_header("Location", f"{kept.url}/elsewhere")
            self.end_headers()
            if kept.code >= 400:
                self.wfile.write(kept.says)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class PostOffice:
    """An SMTP server: what it took, as messages with their envelopes; whom it does not know."""

    port: int = 0
    unknown: set[str] = field(default_factory=set)
    busy: bool = False
    letters: list[tuple[str, list[str], email.message.EmailMessage]] = field(default_factory=list)


@contextmanager
def post_office() -> Iterator[PostOffice]:
    """The commands of RFC 5321 that a client needs, and no more."""
    kept = PostOffice()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def handle(self) -> None:
            self.say("220 here")
            sender, recipients = "", list[str]()
            while line := self.rfile.readline():
                word, _, rest = line.decode().strip().partition(" ")
                address = rest.partition("<")[2].partition(">")[0]
                match word.upper():
                    case "EHLO" | "HELO":
                        self.say("250-here")
                        self.say("250 8BITMIME")
                    case "MAIL":
                        sender, recipients = address, []
                        self.say("451 come back later" if kept.busy else "250 ok")
                    case "RCPT":
                        known = address not in kept.unknown
                        recipients += [address] if known else []
                        self.say("250 ok" if known else "550 nobody of that name")
                    case "DATA":
                        self.say("354 go on")
                        data = b""
                        while (part := self.rfile.readline()) != b".\r\n":
                            data += part[1:] if part.startswith(b".") else part
                        letter = email.message_from_bytes(data, policy=email.policy.default)
                        kept.letters.append((sender, recipients, letter))
                        self.say("250 kept")
                    case "QUIT":
                        self.say("221 bye")
                        return
                    case "RSET" | "NOOP":
                        self.say("250 ok")
                    case _:
                        self.say("502 no")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        kept.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()


def until(what: list[object], count: int, seconds: float = 20) -> None:
    """Wait until so many have come."""
    end = time.monotonic() + seconds
    while len(what) < count and time.monotonic() < end:
        time.sleep(0.02)
    assert len(what) >= count, f"{len(what)} of {count} came"
