"""Pages over IPv6: whether they come, are the same as over IPv4, and as fast; and where their links lead."""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import socket
import statistics
import time
from collections.abc import Sequence
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from ..measure import BODY_LIMIT, HTTP_WAIT_S, Failed, Figure
from ..visiting import visit
from .names import addresses
from .tries import Args, said, share

TCP_WAIT_S = 2.0
# How often more the tries are made where the delay looks too long.
AGAIN = 2
# A page has come whole by then, s, and is no longer than this, bytes: else somebody could send for ever.
PAGE_WAIT_S, PAGE_LIMIT = 10.0, 64 * BODY_LIMIT
PIECE = 1 << 16
PORTS = {"http": 80, "https": 443}


class Page:
    """An answer of a web server. ``body``: its beginning; ``size`` and ``digest`` (SHA-256) are of all that
    was read."""

    def __init__(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self.status, self.headers = status, headers
        self.body, self.size, self.digest, self.ms = b"", 0, "", 0.0


def get(address: str, port: int, path: str, host: str, *, chain: str = "", beginning: bool = False) -> Page:
    """A whole page from one address, or its first ``BODY_LIMIT`` bytes; with a ``chain`` over TLS.

    Raises ``OSError``, ``HTTPException``; ``Failed`` where it ends before its end, or does not end.
    """
    begun = time.monotonic()
    connection = visit(address, port, host, chain=chain, wait_s=HTTP_WAIT_S)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        answer = connection.getresponse()
        got = Page(answer.status, answer.getheaders())
        # Nothing has been read yet, so this is what was promised; None where it is sent in chunks.
        promised, digest = answer.length, hashlib.sha256()
        while not (beginning and got.size >= BODY_LIMIT):
            try:
                # What there is: a server that sends a byte a second is not waited for until a piece is full.
                piece = answer.read1(PIECE)
            except http.client.IncompleteRead:
                raise Failed(f"the page ends before its last chunk, after {got.size} bytes") from None
            if not piece:
                if promised is not None and got.size < promised:
                    raise Failed(f"the page ends after {got.size} of {promised} bytes")
                break
            digest.update(piece)
            got.size += len(piece)
            got.body += piece[: max(0, BODY_LIMIT - len(got.body))]
            if got.size > PAGE_LIMIT:
                raise Failed(f"the page is longer than {PAGE_LIMIT >> 20} MiB")
            if time.monotonic() - begun > PAGE_WAIT_S:
                raise Failed(f"the page is not whole after {PAGE_WAIT_S:g} s: {got.size} bytes have come")
        got.digest, got.ms = digest.hexdigest(), (time.monotonic() - begun) * 1000
        return got
    finally:
        connection.close()


def _front(args: Args, address: str, host: str) -> Page:
    """The first page of the service, as it is to be asked for."""
    return get(address, args["port"], "/", host, chain=args.get("chain", ""))


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
    got = _front(args, found[0], args["fqdn"])
    figure = Figure((time.monotonic() - begun) * 1000, "ms")
    figure.more = {"status": got.status, "bytes": got.size, "server": server}
    if got.status != http.client.OK:
        figure.problem = f"HTTP {got.status}"
    return figure


def success(args: Args, tries: int) -> Figure:
    """Whole pages."""

    def once() -> float:
        got = _front(args, args["address"], args["host"])
        if got.status != http.client.OK:
            raise Failed(f"HTTP {got.status}")
        return got.ms

    return share(tries, once)


def content(args: Args, _tries: int) -> Figure:
    """The same page over both versions of IP: status, body, and headers but those that may differ."""
    if not args["address4"]:
        return Figure(0, "differences", remark="there is no IPv4 to compare with")
    old = _front(args, args["address4"], args["host"])
    new = _front(args, args["address"], args["host"])
    may = set(args["may_differ"])
    found, ignored = [], []
    if old.status != new.status:
        found.append(f"HTTP {old.status} over IPv4, {new.status} over IPv6")
    if old.digest != new.digest:
        found.append(f"the body: {old.size} and {new.size} bytes, of other SHA-256")
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
            old = _front(args, args["address4"], args["host"]).ms
            pairs.append((old, _front(args, args["address"], args["host"]).ms))
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
    """Follow the links of a page over IPv6, of its own host some clicks deep, of others one.

    Of others' ``https`` the server has to take a connection; its certificate and its page are not looked
    at. What leads elsewhere than to a web page (mail, scripts) is no link. More than ``most`` are not
    followed.
    """
    scheme = "https" if args.get("chain") else "http"
    top = f"{scheme}://{args['host']}:{args['port']}/"
    known: dict[str, str] = {}  # url -> why it is not reached; "" where it is
    left: set[str] = set()
    layer = [top]
    for depth in range(int(args["depth"]) + 1):
        following: list[str] = []
        for url in layer:
            if url in known:
                continue
            if len(known) > args["most"]:
                left.add(url)
                continue
            body, known[url] = _reached(url, args)
            if not known[url] and depth < args["depth"] and urlsplit(url).hostname == args["host"]:
                following += _named(url, body)
        layer = following
    if known[top]:
        raise Failed(f"the page itself: {known[top]}")
    below = {url: why for url, why in known.items() if url != top}
    bad = {url: why for url, why in below.items() if why}
    value = 100.0 if not below else (len(below) - len(bad)) / len(below) * 100
    more = {"links": len(below), "unreached": sorted(bad)[:20], "not_followed": len(left)}
    figure = Figure(value, "%", more=more)
    rest = f"{len(left)} links more were not followed (`links_most` is {args['most']})" if left else ""
    if bad:
        url, why = next(iter(sorted(bad.items())))
        figure.problem = f"{len(bad)} of {len(below)} links are not reached over IPv6, such as {url}: {why}"
        figure.problem += f"; {rest}" if rest else ""
    else:
        figure.remark = rest or ("" if below else "the page has no links")
    return figure


def _named(url: str, body: bytes) -> list[str]:
    """The web pages that a page names."""
    parser = _Links()
    parser.feed(body.decode("utf-8", "replace"))
    out = []
    for one in parser.found:
        try:
            absolute = urljoin(url, one.strip()).partition("#")[0]
            if urlsplit(absolute).scheme in PORTS:
                out.append(absolute)
        except ValueError:
            # Such as http://[no-address]/: nobody gets there, which is told when it is tried.
            out.append(one)
    return out


def _reached(url: str, args: Args) -> tuple[bytes, str]:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or PORTS[parts.scheme]
        own = host == args["host"]
        at = args["address"] if own else _address(host, args)
        chain = args.get("chain", "") if own and parts.scheme == "https" else ""
        if parts.scheme == "https" and not chain:
            with socket.create_connection((at, port), timeout=TCP_WAIT_S):
                return b"", ""
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        got = get(at, port, path, host, chain=chain, beginning=True)
    except (Failed, OSError, http.client.HTTPException, ValueError) as error:
        return b"", said(error)
    return got.body, "" if got.status < http.client.BAD_REQUEST else f"HTTP {got.status}"


def _address(host: str, args: Args) -> str:
    """An IPv6 address of a host. Raises ``Failed``."""
    try:
        at = ipaddress.ip_address(host)
    except ValueError:
        return addresses(args["servers"], host)[0][0]
    if at.version == 4 or at.ipv4_mapped:
        raise Failed("it is an IPv4 address")
    return host
