"""Measure from inside a host: ``python -m govcloud.run.measure``, probes on stdin, results on stdout.

Input: a JSON list of ``plan.probes.ProbeSpec``, or ``{"probes": […], "names": {address: host}}``; the
names only make a wrong way readable. Output: a JSON list of results in the same order::

    {"name", "ok", "value", "unit", "detail", "path": [addresses], "nodes": [names], "figures": {…}}

``value`` is null where nothing could be measured. Units: reach, dns, http ms; copy s (its age).
The program starts once a source, so it imports only what it needs, and of ours one small file. Every way and
every figure gives up after five seconds at most.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dns.exception
import dns.flags
import dns.message
import dns.rdatatype

# Loaded now, else the first answer would be charged for it.
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
from icmplib import (
    ICMPLibError,
    ICMPRequest,
    ICMPSocketError,
    ICMPv4Socket,
    ICMPv6Socket,
    TimeoutExceeded,
    ping,
)

from .visiting import visit

# A satellite hop is 0.54 s there and back, so each wait outlasts two of them; and each sum of waits
# stays under five seconds.
PING_WAIT_S = 1.4
PING_GAP_S = 0.05
TRACE_ROUND_S = 1.4
TRACE_ROUNDS = 3
DNS_WAIT_S = 1.4
DNS_SERVERS = 2
HTTP_WAIT_S = 2.0
BODY_LIMIT = 1 << 20

MAX_HOPS = 32
TRACES_AT_ONCE = 64
FIGURES_AT_ONCE = 4
# ICMP types: echo reply; "I will not pass it on".
ECHO_REPLY = {4: 0, 6: 129}
UNREACHABLE = {4: 3, 6: 1}

Spec = Mapping[str, Any]


class Failed(Exception):
    """A probe that did not get what it should; the message says why."""


@dataclass(frozen=True)
class Trace:
    """The way to an address: who answered at each distance (None: nobody), and how it ended."""

    hops: list[str | None]
    reached: bool
    remark: str = ""


@dataclass
class Figure:
    """What a probe measured; ``problem`` is empty when it is as it should be."""

    value: float | None = None
    unit: str = "ms"
    problem: str = ""
    remark: str = ""
    more: dict[str, Any] = field(default_factory=dict)


def trace(address: str, version: int) -> Trace:
    """Follow the way to an address: one echo request for each distance, all at once.

    Distances that stay silent are asked again, so that a packet lost on the way is no hop lost.
    """
    kind = ICMPv4Socket if version == 4 else ICMPv6Socket
    identity = int.from_bytes(os.urandom(2), "big")
    answers: dict[int, tuple[str, int]] = {}
    try:
        with kind(privileged=True) as sock:
            for round_ in range(TRACE_ROUNDS):
                for distance in range(1, _end(answers, address, version) + 1):
                    if distance not in answers:
                        sequence = round_ * 256 + distance
                        sock.send(ICMPRequest(address, identity, sequence, ttl=distance))
                _collect(sock, identity, answers, address, version)
                if _complete(answers, address, version):
                    break
    except ICMPSocketError as error:
        return Trace([], False, f"the source cannot send: {error}")
    end = _end(answers, address, version)
    if end in answers and answers[end][1] == ECHO_REPLY[version]:
        return Trace([_from(answers, d) for d in range(1, end)], True)
    last = max((d for d in answers if d <= end), default=0)
    refused = last and answers[last][1] == UNREACHABLE[version]
    hops = [_from(answers, d) for d in range(1, last + 1)]
    return Trace(hops, False, "which knows no way on" if refused else "")


def _collect(
    sock: Any, identity: int, answers: dict[int, tuple[str, int]], address: str, version: int
) -> None:
    limit = time.monotonic() + TRACE_ROUND_S
    while not _complete(answers, address, version):
        left = limit - time.monotonic()
        if left <= 0:
            return
        try:
            reply = sock.receive(None, left)
        except TimeoutExceeded:
            return
        if reply.id == identity:
            answers.setdefault(reply.sequence % 256, (reply.source, reply.type))


def _end(answers: Mapping[int, tuple[str, int]], address: str, version: int) -> int:
    """The distance at which the way ended: the target answered, or somebody refused."""
    final = (ECHO_REPLY[version], UNREACHABLE[version])
    return min((d for d, (_, kind) in answers.items() if kind in final), default=MAX_HOPS)


def _complete(answers: Mapping[int, tuple[str, int]], address: str, version: int) -> bool:
    end = _end(answers, address, version)
    return end in answers and all(d in answers for d in range(1, end))


def _from(answers: Mapping[int, tuple[str, int]], distance: int) -> str | None:
    return answers[distance][0] if distance in answers else None


def judge(found: Trace, spec: Spec, names: Mapping[str, str]) -> tuple[list[str], str]:
    """(routers crossed by name, what is wrong with the way: "" when it is the declared one)."""
    owners = dict(names)
    for node, addresses in spec["args"]["hops"]:
        owners.update(dict.fromkeys(addresses, node))
    crossed = ["?" if hop is None else owners.get(hop, hop) for hop in found.hops]
    wanted: list[str] = spec["path"]
    way = " > ".join(crossed)
    if not found.reached:
        if not crossed:
            return crossed, found.remark or f"stopped at {spec['source']}: no router answered"
        off = "" if crossed == wanted[: len(crossed)] else f" on another way: {way}"
        remark = f", {found.remark}" if found.remark else ""
        return crossed, f"stopped after {crossed[-1]}{remark}{off}"
    if crossed == wanted:
        return crossed, ""
    agree = len(crossed) == len(wanted) and all(c in ("?", w) for c, w in zip(crossed, wanted, strict=True))
    if agree:
        silent = ", ".join(w for c, w in zip(crossed, wanted, strict=True) if c == "?")
        return crossed, f"no answer from {silent}, so the way is not proved"
    return crossed, f"took another way: {way or 'directly'}, not {' > '.join(wanted) or 'directly'}"


def probe_reach(spec: Spec) -> Figure:
    """Median round trip of a few echo requests, ms; any loss is a fault."""
    args = spec["args"]
    host = ping(
        args["address"],
        count=args["count"],
        interval=PING_GAP_S,
        timeout=PING_WAIT_S,
        # The library's own numbering is not made for threads.
        id=int.from_bytes(os.urandom(2), "big"),
        privileged=True,
    )
    loss = 1 - len(host.rtts) / args["count"]
    figure = Figure(more={"loss": round(loss, 3), "sent": args["count"]})
    if host.rtts:
        figure.value = statistics.median(host.rtts)
    if loss:
        figure.problem = f"{len(host.rtts)} of {args['count']} echoes came back"
    return figure


def ask(servers: Sequence[str], fqdn: str, version: int) -> tuple[list[str], str]:
    """(addresses of a name, the server that gave them), asked over one IP version. Raises ``Failed``."""
    kind = dns.rdatatype.A if version == 4 else dns.rdatatype.AAAA
    if not servers:
        raise Failed(f"no name server has an IPv{version} address")
    faults = []
    for server in servers[:DNS_SERVERS]:
        query = dns.message.make_query(fqdn, kind)
        try:
            answer = exchange(query, server, version)
        except (OSError, dns.exception.DNSException) as error:
            faults.append(f"{server}: {error or type(error).__name__}")
            continue
        found = [rdata.address for rrset in answer.answer if rrset.rdtype == kind for rdata in rrset]
        if found:
            return found, server
        faults.append(f"{server}: {dns.rcode.to_text(answer.rcode())}, no {kind.name} of {fqdn}")
    raise Failed("name servers: " + "; ".join(faults))


def exchange(query: dns.message.Message, server: str, version: int) -> dns.message.Message:
    """One question over UDP. (dns.query would do, but takes as long to import as all else here.)"""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    limit = time.monotonic() + DNS_WAIT_S
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((server, 53))
        sock.send(query.to_wire())
        while (left := limit - time.monotonic()) > 0:
            sock.settimeout(left)
            answer = dns.message.from_wire(sock.recv(4096))
            if query.is_response(answer):
                return answer
    raise TimeoutError("timed out")


def probe_dns(spec: Spec) -> Figure:
    """Time until a name server has given the name's address, ms."""
    args = spec["args"]
    begun = time.monotonic()
    found, server = ask(args["servers"], args["fqdn"], spec["ip_version"])
    figure = Figure(value=(time.monotonic() - begun) * 1000, more={"server": server, "answer": found})
    if sorted(found) != sorted(args["expect"]):
        figure.problem = f"{args['fqdn']} is {', '.join(found)}, not {', '.join(args['expect'])}"
    return figure


def probe_http(spec: Spec) -> Figure:
    """Time from the question for the name to the last byte of the page, ms."""
    args = spec["args"]
    begun = time.monotonic()
    found, _server = ask(args["servers"], args["fqdn"], spec["ip_version"])
    if found[0] not in args["expect"]:
        raise Failed(f"{args['fqdn']} is {found[0]}, not {', '.join(args['expect'])}")
    status, body = fetch(found[0], args["port"], "/", args["fqdn"], args.get("chain", ""))
    figure = Figure(value=(time.monotonic() - begun) * 1000, more={"status": status})
    page = body.decode("utf-8", "replace")
    absent = [word for word in args["words"] if word not in page]
    if status != http.client.OK:
        figure.problem = f"HTTP {status}"
    elif absent:
        figure.problem = f"the page does not name {', '.join(absent)}"
    return figure


def fetch(address: str, port: int, path: str, host: str, chain: str = "") -> tuple[int, bytes]:
    """(status, body) of a page from one address; with a ``chain`` over TLS, and held to it."""
    connection = visit(address, port, host, chain=chain, wait_s=HTTP_WAIT_S)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read(BODY_LIMIT)
    finally:
        connection.close()


def probe_copy(spec: Spec) -> Figure:
    """Age of the copy kept on this host, s: at most the RPO, and equal to what the primary has."""
    args = spec["args"]
    if not args["url"]:
        raise Failed(f"{spec['target']} offers no content of {args['application']}: no endpoint names it")
    try:
        note = json.loads(Path(args["file"]).read_bytes())
    except FileNotFoundError:
        raise Failed(f"no copy of {args['application']} has arrived yet") from None
    age = max(0.0, time.time() - note["fetched_at"])
    figure = Figure(value=age, unit="s", more={"sha256": note["sha256"], "rpo_s": args["rpo_s"]})
    if age > args["rpo_s"]:
        figure.problem = f"the copy is {age:.1f} s old, {args['rpo_s']:g} s are allowed"
        return figure
    url = urlsplit(args["url"])
    try:
        host = args.get("host_name") or url.netloc
        status, body = fetch(url.hostname or "", url.port or 80, url.path, host, args.get("chain", ""))
    except (OSError, http.client.HTTPException) as error:
        figure.problem = f"the primary cannot be compared: {error}"
        return figure
    if status != http.client.OK:
        figure.problem = f"the primary answers HTTP {status}"
    elif hashlib.sha256(body).hexdigest() != note["sha256"]:
        figure.problem = "the primary's content is another than the copy's"
    return figure


PROBES: dict[str, Callable[[Spec], Figure]] = {
    "reach": probe_reach,
    "dns": probe_dns,
    "http": probe_http,
    "copy": probe_copy,
}


def attempt(spec: Spec) -> Figure:
    """Run one probe; what goes wrong on the network is its finding."""
    if not spec["args"]["address"]:
        return Figure(problem=f"{spec['args']['host']} has no IPv{spec['ip_version']} address")
    try:
        return PROBES[spec["kind"]](spec)
    except (Failed, OSError, ICMPLibError, http.client.HTTPException) as error:
        return Figure(
            unit="s" if spec["kind"] == "copy" else "ms", problem=str(error) or type(error).__name__
        )


def measure(specs: Sequence[Spec], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Run the probes of this host: first every way, then the figures of what can be reached.

    A way is traced once for each address and shared by its probes. The figures are taken a few at a
    time, for they would slow each other down. Where no way leads there is nothing to time, except
    for a copy, whose age is known here.
    """
    if not specs:
        return []
    goals = sorted({_goal(s) for s in specs if s["args"]["address"] and _followed(s)})
    with ThreadPoolExecutor(max_workers=TRACES_AT_ONCE) as pool:
        traces = dict(zip(goals, pool.map(lambda goal: trace(*goal), goals), strict=True))

    def figure(spec: Spec) -> Figure:
        reached = _goal(spec) not in traces or traces[_goal(spec)].reached
        return attempt(spec) if reached or spec["kind"] == "copy" else Figure()

    with ThreadPoolExecutor(max_workers=FIGURES_AT_ONCE) as pool:
        figures = list(pool.map(figure, specs))
    nowhere = Trace([], False)
    return [
        result(spec, taken, traces.get(_goal(spec), nowhere), names)
        for spec, taken in zip(specs, figures, strict=True)
    ]


def _followed(spec: Spec) -> bool:
    """Whether the way is followed: not where a boundary or a translation lets nobody see it."""
    return bool(spec["args"].get("trace", True))


def _goal(spec: Spec) -> tuple[str, int]:
    return spec["args"]["address"], spec["ip_version"]


def result(spec: Spec, figure: Figure, found: Trace, names: Mapping[str, str]) -> dict[str, Any]:
    """A probe's result: good only when both the figure and the way are."""
    known = spec["args"]["address"] and _followed(spec)
    nodes, astray = judge(found, spec, names) if known else ([], "")
    return {
        "name": spec["name"],
        "ok": not figure.problem and not astray,
        "value": None if figure.value is None else round(figure.value, 3),
        "unit": figure.unit,
        "detail": "; ".join(p for p in (astray, figure.problem) if p),
        "path": [hop or "" for hop in found.hops],
        "nodes": nodes,
        "figures": figure.more,
    }


def main() -> int:
    """Read probes, measure, write results."""
    document = json.load(sys.stdin)
    specs, names = (document, {}) if isinstance(document, list) else (document["probes"], document["names"])
    json.dump(measure(specs, names), sys.stdout, ensure_ascii=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
