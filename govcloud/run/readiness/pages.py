"""Pages over IPv6: whether they come, are the same as over IPv4, and as fast; and where their links lead."""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import statistics
import time
from collections.abc import Sequence
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from ..measure import BODY_LIMIT, HTTP_WAIT_S, Failed, Figure
from .names import addresses
from .tries import Args, said, share

TCP_WAIT_S = 2.0
# How often more the tries are made where the delay looks too long.
AGAIN = 2


class Page:
    """An answer of a web server."""

    def __init__(self, status: int, headers: Sequence[tuple[str, str]], body: bytes, ms: float) -> None:
        self.status, self.headers, self.body, self.ms = status, headers, body, ms

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def get(address: str, port: int, path: str, host: str) -> Page:
    """A page from one address. Raises ``OSError``, ``HTTPException``."""
    begun = time.monotonic()
    connection = http.client.HTTPConnection(address, port, timeout=HTTP_WAIT_S)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(BODY_LIMIT)
        return Page(answer.status, answer.getheaders(), body, (time.monotonic() - begun) * 1000)
    finally:
        connection.close()


def tcp(args: Args, tries: int) -> Figure:
    """TCP connections."""

    def once() -> float:
        begun = time.monotonic()
        with socket.create_connection((args["address"], args["port"]), timeout=TCP_WAIT_S):
            return (time.monotonic() - begun) * 1000

    return share(tries, once)


def page(args: Args, _tries: int) -> Figure:
    """A page as a visitor with IPv6 gets it: the name, then its address, then the page."""
    begun = time.monotonic()
    found, server = addresses(args["servers"], args["fqdn"])
    if sorted(found) != sorted(args["expect"]):
        raise Failed(f"{args['fqdn']} is {', '.join(found)}, not {', '.join(args['expect']) or 'any'}")
    got = get(found[0], args["port"], "/", args["fqdn"])
    figure = Figure((time.monotonic() - begun) * 1000, "ms")
    figure.more = {"status": got.status, "bytes": len(got.body), "server": server}
    if got.status != http.client.OK:
        figure.problem = f"HTTP {got.status}"
    return figure


def success(args: Args, tries: int) -> Figure:
    """Whole pages."""

    def once() -> float:
        got = get(args["address"], args["port"], "/", args["host"])
        if got.status != http.client.OK:
            raise Failed(f"HTTP {got.status}")
        return got.ms

    return share(tries, once)


def content(args: Args, _tries: int) -> Figure:
    """The same page over both versions of IP: status, body, and headers but those that may differ."""
    if not args["address4"]:
        return Figure(0, "differences", remark="there is no IPv4 to compare with")
    old = get(args["address4"], args["port"], "/", args["host"])
    new = get(args["address"], args["port"], "/", args["host"])
    may = set(args["may_differ"])
    found, ignored = [], []
    if old.status != new.status:
        found.append(f"HTTP {old.status} over IPv4, {new.status} over IPv6")
    if old.digest != new.digest:
        found.append(f"the body: {len(old.body)} and {len(new.body)} bytes, of other SHA-256")
    a, b = _fields(old), _fields(new)
    for name in sorted(a.keys() | b.keys()):
        if a.get(name) != b.get(name):
            if name in may:
                ignored.append(name)
            else:
                found.append(f"the header {name}: {a.get(name, 'none')} and {b.get(name, 'none')}")
    more = {"sha256_v4": old.digest, "sha256_v6": new.digest, "headers_differ": ignored}
    figure = Figure(float(len(found)), "differences", more=more)
    figure.problem = "over IPv6 it is another page: " + "; ".join(found) if found else ""
    return figure


def _fields(got: Page) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, value in got.headers:
        key = name.lower()
        out[key] = f"{out[key]}, {value}" if key in out else value
    return out


def delay(args: Args, tries: int) -> Figure:
    """How much longer a page takes over IPv6, as a share of what it takes over IPv4; taken in turn.

    What looks too slow is measured ``AGAIN`` times more before anybody is told: it may have been the machine.
    """
    if not args["address4"]:
        return Figure(0, "", remark="there is no IPv4 to compare with")
    pairs: list[tuple[float, float]] = []
    for _ in range(1 + AGAIN):
        for _ in range(tries):
            old = get(args["address4"], args["port"], "/", args["host"]).ms
            pairs.append((old, get(args["address"], args["port"], "/", args["host"]).ms))
        figure = _compared(pairs)
        assert figure.value is not None
        if figure.value <= args["ratio"] or figure.more["slower_ms"] <= args["floor_ms"]:
            break
    return figure


def _compared(pairs: Sequence[tuple[float, float]]) -> Figure:
    old, new = (statistics.median(times) for times in zip(*pairs, strict=True))
    # Three quarters of the pairs, each taken one after the other, are slower by this at least.
    slower = sorted(b - a for a, b in pairs)[len(pairs) // 4]
    more = {
        "v4_ms": round(old, 3),
        "v6_ms": round(new, 3),
        "slower_ms": round(slower, 3),
        "pairs": len(pairs),
    }
    return Figure((new - old) / old, "", more=more)


class _Links(HTMLParser):
    """The addresses that a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"a": "href", "link": "href", "img": "src", "script": "src", "iframe": "src", "area": "href"}
        for name, value in attrs:
            if value and wanted.get(tag) == name:
                self.found.append(value)


def links(args: Args, _tries: int) -> Figure:
    """Follow the links of a page over IPv6, of its own host some clicks deep, of others one."""
    top = f"http://{args['host']}:{args['port']}/"
    known: dict[str, str] = {}  # url -> why it is not reached; "" where it is
    layer = [top]
    for depth in range(int(args["depth"]) + 1):
        following: list[str] = []
        for url in layer:
            if url in known or len(known) > args["most"]:
                continue
            body, known[url] = _reached(url, args)
            if not known[url] and depth < args["depth"] and urlsplit(url).hostname == args["host"]:
                parser = _Links()
                parser.feed(body.decode("utf-8", "replace"))
                absolute = (urljoin(url, one).partition("#")[0] for one in parser.found)
                following += [one for one in absolute if one.startswith("http://")]
        layer = following
    if known[top]:
        raise Failed(f"the page itself: {known[top]}")
    below = {url: why for url, why in known.items() if url != top}
    bad = {url: why for url, why in below.items() if why}
    value = 100.0 if not below else (len(below) - len(bad)) / len(below) * 100
    figure = Figure(value, "%", more={"links": len(below), "unreached": sorted(bad)[:20]})
    if bad:
        url, why = next(iter(sorted(bad.items())))
        figure.problem = f"{len(bad)} of {len(below)} links are not reached over IPv6, such as {url}: {why}"
    elif not below:
        figure.remark = "the page has no links"
    return figure


def _reached(url: str, args: Args) -> tuple[bytes, str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        if host == args["host"]:
            at = args["address"]
        elif re.fullmatch(r"[0-9.]+", host):
            raise Failed("it is an IPv4 address")
        else:
            at = host if ":" in host else addresses(args["servers"], host)[0][0]
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        got = get(at, parts.port or 80, path, host)
    except (Failed, OSError, http.client.HTTPException, ValueError) as error:
        return b"", said(error)
    return got.body, "" if got.status < http.client.BAD_REQUEST else f"HTTP {got.status}"
