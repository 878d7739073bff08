"""Serve an instance's applications over IPv4 and IPv6: `serve.py services.json`.

GET / is the page of the application that the Host header names; GET /content/APPLICATION is its
content, the part that a standby copies. The content is data, not configuration: it is made once, when
there is none (a standby that takes over finds its copy there), and never written by a play again.
"""

import json
import os
import socket
import ssl
import sys
import threading
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = """<!doctype html>
<html lang="zh"><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1>
<p>应用 {application}</p><p>主管单位 {unit}</p><p>主机 {instance}</p>
"""


class Server(ThreadingHTTPServer):
    """One port, both IP versions where the kernel has both."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port, services, instance, data, root):
        self.services, self.instance, self.data = services, instance, data
        self.context = tls_context(services[0].get("tls"), root)
        self.address_family = socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET
        super().__init__(("::" if socket.has_ipv6 else "", port), Handler)

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.instance, self.server_address[1]

    def finish_request(self, request, client_address):
        """In the thread of its own that a visitor has: a slow handshake keeps nobody waiting."""
        if self.context is not None:
            request.settimeout(Handler.timeout)
            request = self.context.wrap_socket(request, server_side=True)
        try:
            super().finish_request(request, client_address)
        finally:
            if self.context is not None:
                self.shutdown_request(request)

    def handle_error(self, request, client_address):
        """Nothing of visitors who go away, or whose handshake is none; the rest as ever."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def tls_context(tls, root):
    """What a port shows: the chain as it was given, and the key from the file that only its owner reads."""
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(Path(root) / "web" / tls["chain"], Path(root) / tls["key"])
    return context


class Handler(BaseHTTPRequestHandler):
    """Pages and content."""

    timeout = 10

    def do_GET(self):
        if self.path.startswith("/content/"):
            self.send_content(self.path.removeprefix("/content/"))
        elif self.path == "/":
            self.send_page()
        else:
            self.answer(404, "text/plain; charset=utf-8", b"not here\n")

    def send_page(self):
        """The page of the application named by Host; with one on the port, that one."""
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        services = self.server.services
        named = [s for s in services if s["fqdn"] == host] or (services if len(services) == 1 else [])
        if not named:
            names = "\n".join(s["fqdn"] for s in services)
            self.answer(421, "text/plain; charset=utf-8", f"served here:\n{names}\n".encode())
            return
        fields = {k: escape(str(named[0][k])) for k in ("title", "application", "unit")}
        page = PAGE.format(instance=escape(self.server.instance), **fields)
        self.answer(200, "text/html; charset=utf-8", page.encode())

    def send_content(self, application):
        if application not in {s["application"] for s in self.server.services}:
            self.answer(404, "text/plain; charset=utf-8", b"no such application\n")
            return
        content = content_path(self.server.data, application).read_bytes()
        self.answer(200, "application/json", content)

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Nothing: a probe every second would fill the memory that the log stands in."""


def content_path(data, application):
    """The file of an application's content."""
    return Path(data) / f"{application}.json"


def first_content(data, service):
    """Make an application's content where there is none."""
    path = content_path(data, service["application"])
    if path.exists():
        return
    content = {key: service[key] for key in ("application", "title", "unit")} | {"records": []}
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(content, ensure_ascii=False, sort_keys=True), encoding="utf-8")
    os.replace(new, path)


def main():
    config = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(config["data"]).mkdir(parents=True, exist_ok=True)
    for service in config["services"]:
        first_content(config["data"], service)
    servers = []
    for port in sorted({s["port"] for s in config["services"]}):
        served = [s for s in config["services"] if s["port"] == port]
        try:
            servers.append(Server(port, served, config["instance"], config["data"], config["root"]))
        except OSError as error:
            names = ", ".join(s["application"] for s in served)
            sys.exit(f"cannot listen on port {port} for {names}: {error.strerror or error}")
    Path(config["ready"]).write_text("listening\n", encoding="utf-8")
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
