"""The web service over TLS, and those who ask it: probes and standbys, held to the chain that is shown."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from govcloud.demo.authority import issue
from govcloud.run.measure import fetch

ROLES = Path(__file__).parents[2] / "playbooks" / "roles"
HOST = "health.county.example"
OURS = issue(f"*.{HOST.partition('.')[2]}")
BODY = "卫生健康委"


def free_port() -> int:
    with socket.socket(socket.AF_INET6) as sock:
        sock.bind(("::1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The service of the role `web`, with a certificate."""
    root, port = tmp_path_factory.mktemp("web"), free_port()
    for folder in ("web", "tls", "data"):
        (root / folder).mkdir()
    (root / "web" / "county.pem").write_text(OURS.chain)
    (root / "tls" / "county.key").write_text(OURS.key)
    service = {"port": port, "fqdn": HOST, "application": "health", "title": "健康档案", "unit": BODY}
    service |= {"tls": {"chain": "county.pem", "key": "tls/county.key"}}
    config = {"instance": "web-1", "data": str(root / "data"), "root": str(root), "services": [service]}
    (root / "services.json").write_text(json.dumps(config | {"ready": str(root / "ready")}))
    argv = [sys.executable, "-IS", str(ROLES / "web" / "files" / "serve.py"), str(root / "services.json")]
    with subprocess.Popen(argv) as process:
        try:
            deadline = time.monotonic() + 20
            while not (root / "ready").exists():
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.02)
            yield port
        finally:
            process.kill()


def test_a_page_over_tls_is_held_to_its_chain_and_name(port: int) -> None:
    status, body = fetch("::1", port, "/", HOST, OURS.chain)
    assert status == 200 and BODY in body.decode()
    with pytest.raises(ssl.SSLCertVerificationError, match=r"not valid for 'other\.example'"):
        fetch("::1", port, "/", "other.example", OURS.chain)
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        fetch("::1", port, "/", HOST, issue(HOST).chain)


def test_a_visitor_who_says_nothing_keeps_nobody_waiting(port: int) -> None:
    with socket.create_connection(("::1", port)), socket.create_connection(("::1", port)):
        status, _ = fetch("::1", port, "/", HOST, OURS.chain)
    assert status == 200


def test_plain_words_at_a_port_with_tls_are_no_page(port: int) -> None:
    with pytest.raises(OSError):
        fetch("::1", port, "/", HOST)
    assert fetch("::1", port, "/", HOST, OURS.chain)[0] == 200


def test_a_standby_copies_over_tls_and_only_from_the_one_with_the_certificate(
    port: int, tmp_path: Path
) -> None:
    url = f"https://[::1]:{port}/content/health"
    one = {"application": "health", "urls": [url], "every_s": 60, "host_name": HOST, "chain": OURS.chain}
    other = one | {"application": "forged", "chain": issue(HOST).chain}
    config = tmp_path / "copies.json"
    config.write_text(json.dumps({"data": str(tmp_path / "data"), "copies": [one, other]}))
    argv = [sys.executable, "-IS", str(ROLES / "standby" / "files" / "keep_copies.py"), str(config)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        # Nothing is said of a copy that succeeds at once.
        complaint = process.stdout.readline()
        assert complaint.startswith("forged: ") and "certificate verify failed" in complaint
        copied = tmp_path / "data" / "health.json"
        deadline = time.monotonic() + 20
        while not copied.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate()
    assert json.loads(copied.read_text())["unit"] == BODY
    assert not (tmp_path / "data" / "forged.json").exists()
