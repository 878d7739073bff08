"""A vault for tests: KV version 2 and AppRole over HTTP, as HashiCorp's API documentation has them.

It answers with the paths, codes and bodies that a Vault 1.14 gave when the same tests were run on it.
``GOVCLOUD_TEST_VAULT="ADDRESS TOKEN"`` (a `vault server -dev` or `bao server -dev`, with its root token) runs
them on a real one as well.
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Vault:
    """Where a vault is and how to be its administrator."""

    address: str
    root: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request as the administrator."""
        request = urllib.request.Request(
            f"{self.address}/v1/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"X-Vault-Token": self.root},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            data = answer.read()
        return json.loads(data) if data else {}

    def prepare(self) -> tuple[str, str, str]:
        """A KV engine of its own, a policy to read it, an AppRole: (mount, role id, secret id)."""
        name = f"kv-{secrets.token_hex(4)}"
        self.call("POST", f"sys/mounts/{name}", {"type": "kv", "options": {"version": "2"}})
        policy = {"policy": f'path "{name}/data/*" {{ capabilities = ["read"] }}'}
        self.call("PUT", f"sys/policies/acl/{name}", policy)
        if "approle/" not in self.call("GET", "sys/auth")["data"]:
            self.call("POST", "sys/auth/approle", {"type": "approle"})
        self.call("POST", f"auth/approle/role/{name}", {"token_policies": name, "token_ttl": "60s"})
        role = self.call("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"]
        secret = self.call("POST", f"auth/approle/role/{name}/secret-id", {})["data"]["secret_id"]
        return name, role, secret

    def token(self, policy: str) -> str:
        """A token that may do what a policy says."""
        made = self.call("POST", "auth/token/create", {"policies": [policy]})
        return str(made["auth"]["client_token"])


@dataclass
class _State:
    root: str = field(default_factory=lambda: f"root-{secrets.token_hex(8)}")
    mounts: dict[str, dict[str, list[dict[str, Any] | None]]] = field(default_factory=dict)
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Token -> the mount that its policy lets it read.
    tokens: dict[str, str] = field(default_factory=dict)
    approle: bool = False
    sealed: bool = False
    slow: threading.Event | None = None


class _Handler(BaseHTTPRequestHandler):
    state: _State

    def log_message(self, *_: object) -> None:
        """Nothing is told."""

    def _answer(self, code: int, body: Any = None) -> None:
        data = json.dumps(body).encode() if body is not None else b""
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _fail(self, code: int, *words: str) -> None:
        self._answer(code, {"errors": list(words)})

    def _handle(self) -> None:
        state = self.state
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        if state.slow is not None:
            state.slow.wait(30)
        if state.sealed:
            return self._fail(503, "Vault is sealed")
        path, _, query = self.path.removeprefix("/v1/").partition("?")
        parts = path.split("/")
        if path == "auth/approle/login":
            return self._log_in(body)
        token = self.headers.get("X-Vault-Token", "")
        if path == "auth/token/revoke-self" and token in state.tokens:
            del state.tokens[token]
            return self._answer(204)
        if token == state.root:
            return self._administer(parts, body, query)
        may = state.tokens.get(token)
        if may is None:
            return self._fail(403, "permission denied")
        if parts[:2] != [may, "data"] or self.command != "GET":
            return self._fail(403, "1 error occurred:\n\t* permission denied\n\n")
        return self._read(may, "/".join(parts[2:]), query)

    do_GET = do_POST = do_PUT = do_DELETE = _handle

    def _log_in(self, body: dict[str, str]) -> None:
        for name, role in self.state.roles.items():
            if role["role_id"] == body.get("role_id") and body.get("secret_id") in role["secret_ids"]:
                token = f"hvs.{secrets.token_urlsafe(24)}"
                self.state.tokens[token] = name
                auth = {"client_token": token, "policies": ["default", name], "lease_duration": 60}
                return self._answer(200, {"auth": auth, "data": None})
        return self._fail(400, "invalid role or secret ID")

    def _read(self, mount: str, path: str, query: str) -> None:
        versions = self.state.mounts[mount].get(path)
        if versions is None:
            return self._fail(404)
        number = int(query.removeprefix("version=") or 0) or len(versions)
        if number > len(versions):
            return self._fail(404)
        data = versions[number - 1]
        deleted = "" if data is not None else "2026-01-01T00:00:00Z"
        metadata = {"version": number, "destroyed": False, "deletion_time": deleted}
        code = 200 if data is not None else 404
        return self._answer(code, {"data": {"data": data, "metadata": metadata}})

    def _administer(self, parts: list[str], body: dict[str, Any], query: str) -> None:
        state = self.state
        match [self.command, *parts]:
            case ["POST", "sys", "mounts", name]:
                state.mounts[name] = {}
                return self._answer(204)
            case ["GET", "sys", "auth"]:
                return self._answer(200, {"data": {"approle/": {}} if state.approle else {"token/": {}}})
            case ["POST", "sys", "auth", "approle"]:
                state.approle = True
                return self._answer(204)
            case ["PUT", "sys", "policies", "acl", _]:
                return self._answer(204)
            case ["POST", "auth", "approle", "role", name]:
                state.roles[name] = {"role_id": secrets.token_hex(16), "secret_ids": []}
                return self._answer(204)
            case ["GET", "auth", "approle", "role", name, "role-id"]:
                return self._answer(200, {"data": {"role_id": state.roles[name]["role_id"]}})
            case ["POST", "auth", "approle", "role", name, "secret-id"]:
                made = secrets.token_hex(16)
                state.roles[name]["secret_ids"].append(made)
                return self._answer(200, {"data": {"secret_id": made}})
            case ["POST", "auth", "token", "create"]:
                token = f"hvs.{secrets.token_urlsafe(24)}"
                state.tokens[token] = body["policies"][0]
                return self._answer(200, {"auth": {"client_token": token}})
            case ["POST" | "PUT", mount, "data", *rest]:
                versions = state.mounts[mount].setdefault("/".join(rest), [])
                versions.append(body["data"])
                return self._answer(200, {"data": {"version": len(versions)}})
            case ["DELETE", mount, "data", *rest]:
                state.mounts[mount]["/".join(rest)][-1] = None
                return self._answer(204)
            case ["GET", mount, "data", *rest]:
                return self._read(mount, "/".join(rest), query)
        return self._fail(404, "no handler for route")


@contextmanager
def vault(context: ssl.SSLContext | None = None) -> Iterator[tuple[Vault, _State]]:
    """A vault of our own, and what it knows; with ``context`` over HTTPS."""
    state = _State()
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    scheme = "https" if context else "http"
    try:
        yield Vault(f"{scheme}://127.0.0.1:{server.server_port}", state.root), state
    finally:
        if state.slow is not None:
            state.slow.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def any_vault(which: str) -> Iterator[Vault]:
    """Our own, or the real one that the environment names."""
    if which == "real":
        address, token = os.environ["GOVCLOUD_TEST_VAULT"].split()
        yield Vault(address, token)
        return
    with vault() as (made, _):
        yield made


VAULTS = ["ours", *(["real"] if os.environ.get("GOVCLOUD_TEST_VAULT") else [])]
