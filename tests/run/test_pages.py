"""What counts as a page and as a link over IPv6: whole ones, and all that are there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from govcloud.run.measure import BODY_LIMIT
from govcloud.run.readiness import __main__ as readiness
from govcloud.run.readiness import pages

HERE = "127.0.0.1"
HOST = "www.gov.example"


@contextmanager
def server(said: bytes) -> Iterator[int]:
    """A server that says these bytes to whoever asks, then closes; its port."""
    with socket.create_server((HERE, 0)) as sock:

        def serve() -> None:
            while True:
                try:
                    peer, _ = sock.accept()
                except OSError:
                    return
                with peer:
                    if peer.recv(4096):
                        peer.sendall(said)

        threading.Thread(target=serve, daemon=True).start()
        yield sock.getsockname()[1]
        # Else the thread stays in accept.
        sock.shutdown(socket.SHUT_RDWR)


def page(body: bytes, *headers: str) -> bytes:
    lines = "".join(f"{one}\r\n" for one in ("HTTP/1.1 200 OK", *headers))
    return lines.encode() + b"\r\n" + body


def whole(body: bytes) -> bytes:
    return page(body, f"Content-Length: {len(body)}")


def measured(kind: str, port: int, **more: Any) -> dict[str, Any]:
    args = {"address": HERE, "port": port, "host": HOST} | more
    return readiness.measure({"name": kind, "kind": kind, "tries": 4, "args": args})


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (page(b"short", "Content-Length: 100000"), "the page ends after 5 of 100000 bytes"),
        (page(b"5\r\nshort\r\n", "Transfer-Encoding: chunked"), "before its last chunk, after 5 bytes"),
        (page(b"ff\r\nshort", "Transfer-Encoding: chunked"), "before its last chunk, after 5 bytes"),
    ],
    ids=["length", "no last chunk", "within a chunk"],
)
def test_a_page_that_is_cut_short_is_none(said: bytes, words: str) -> None:
    with server(said) as port:
        found = measured("success", port)
        assert found["value"] == 0 and words in found["detail"], found
        for kind in ("content", "links"):
            more = {"address4": HERE, "may_differ": [], "servers": [], "depth": 1, "most": 5}
            found = measured(kind, port, **more)
            assert found["value"] is None and words in found["detail"], found


@pytest.mark.parametrize(
    "said",
    [whole(b"all"), page(b"all"), page(b"3\r\nall\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), whole(b"")],
    ids=["length", "until it closes", "chunks", "empty"],
)
def test_a_whole_page_is_one(said: bytes) -> None:
    with server(said) as port:
        found = measured("success", port)
    assert found["value"] == 100 and found["ok"], found


def test_pages_that_differ_at_their_end_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = b"x" * (BODY_LIMIT + 10)
    sizes = {}
    with server(whole(begin + b"a")) as old, server(whole(begin + b"b")) as new:
        for name, port in (("old", old), ("new", new)):
            sizes[name] = pages.get(HERE, port, "/", HOST)
        # A link's page is not read to its end.
        part = pages.get(HERE, new, "/", HOST, beginning=True)
    assert sizes["old"].digest != sizes["new"].digest
    assert {one.size for one in sizes.values()} == {BODY_LIMIT + 11} and len(sizes["old"].body) == BODY_LIMIT
    assert BODY_LIMIT <= part.size < BODY_LIMIT + pages.PIECE
    monkeypatch.setattr(pages, "PAGE_LIMIT", BODY_LIMIT)
    with server(whole(begin)) as port:
        assert "longer than 1 MiB" in measured("success", port)["detail"]


def linked(port: int, *, most: int = 50) -> dict[str, Any]:
    return measured("links", port, servers=[], depth=2, most=most)


def test_links_that_are_not_followed_are_told() -> None:
    body = "".join(f'<a href="/{number}">n</a>' for number in range(9))
    with server(whole(body.encode())) as port:
        found = linked(port, most=5)
        assert (found["value"], found["figures"]["links"], found["figures"]["not_followed"]) == (100, 5, 4)
        assert found["detail"] == "4 links more were not followed (`links_most` is 5)"
        assert linked(port)["detail"] == "" and linked(port)["figures"]["not_followed"] == 0


def test_links_of_https_need_a_server_over_ipv6_and_one_to_an_ipv4_address_is_bad() -> None:
    with server(b"") as secure:
        body = (
            f'<a href="HTTPS://{HOST}:{secure}/law">law</a> <a href="https://192.0.2.9/">old</a>'
            '<a href="https://[::ffff:192.0.2.9]/">mapped</a> <a href="http://[nowhere]/">wrong</a>'
            '<a href="mailto:a@b">mail</a> <a href="javascript:x()">script</a>'
        )
        with server(whole(body.encode())) as port:
            found = linked(port)
    assert (found["value"], found["figures"]["links"]) == (25, 4), found
    assert not any(HOST in url for url in found["figures"]["unreached"])
    assert "3 of 4 links are not reached over IPv6, such as http://[nowhere]/" in found["detail"]
    with server(b"") as gone:
        pass
    with server(whole(f'<a href="https://{HOST}:{gone}/">x</a>'.encode())) as port:
        assert "refused" in linked(port)["detail"]
