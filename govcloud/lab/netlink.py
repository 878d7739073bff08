"""The little of rtnetlink that the lab reads and writes: links, addresses, queueing disciplines.

Starting `ip` and `tc` in each of many nodes takes seconds; asking the kernel takes milliseconds.
Only the standard library is used, so the helpers that run inside namespaces start quickly.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWQDISC, RTM_GETQDISC = 36, 38
NLMSG_ERROR, NLMSG_DONE = 2, 3
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
DUMP_INTERRUPTED = 0x10
IFF_UP, IFF_LOWER_UP = 0x1, 0x10000
TC_ROOT = 0xFFFFFFFF

_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_QDISC = struct.Struct("=BxxxiIII")

_libc = ctypes.CDLL(None, use_errno=True)


def enter(pid: int, kind: str) -> None:
    """Move this thread into a namespace (``net``, ``uts``) of a process. Raises ``OSError``."""
    handle = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter_opened(handle, f"/proc/{pid}/ns/{kind}")
    finally:
        os.close(handle)


def enter_opened(handle: int, name: str) -> None:
    """Move this thread into an opened namespace; ``name`` is for the error. Raises ``OSError``."""
    if _libc.setns(handle, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


def open_socket(groups: int = 0) -> socket.socket:
    """A route socket in the current network namespace; ``groups`` are the events it hears."""
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    opened.bind((0, groups))
    return opened


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Cut what was received into (type, flags, body)."""
    offset = 0
    while offset + 16 <= len(data):
        length, kind, flags, _, _ = _HEADER.unpack_from(data, offset)
        yield kind, flags, data[offset + 16 : offset + length]
        offset += (length + 3) & ~3


def attributes(data: bytes) -> dict[int, bytes]:
    """Type-length-value attributes by type; of a repeated one, the last."""
    found: dict[int, bytes] = {}
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def _dump(route: socket.socket, kind: int, body: bytes) -> list[bytes]:
    """All objects of a kind; asked again where the kernel says that they changed meanwhile."""
    for _ in range(5):
        route.send(_HEADER.pack(16 + len(body), kind, REQUEST | DUMP, 1, 0) + body)
        found: list[bytes] = []
        changed, more = False, True
        while more:
            for answer, flags, rest in messages(route.recv(1 << 18)):
                changed = changed or bool(flags & DUMP_INTERRUPTED)
                if answer == NLMSG_DONE:
                    more = False
                elif answer == NLMSG_ERROR:
                    number = -struct.unpack_from("=i", rest)[0]
                    raise OSError(number, os.strerror(number))
                else:
                    found.append(rest)
        if not changed:
            break
    return found


def _text(value: bytes | None) -> str:
    return value.rstrip(b"\0").decode(errors="replace") if value else ""


def _number(value: bytes | None) -> int:
    return struct.unpack("=I", value)[0] if value and len(value) == 4 else 0


def parse_link(body: bytes) -> dict[str, Any]:
    """One link: index, name, up, carrier, alias, master's index, kind."""
    _, _, index, flags, _ = _LINK.unpack_from(body)
    found = attributes(body[16:])
    info = attributes(found.get(18, b""))
    return {
        "index": index,
        "name": _text(found.get(3)),
        "up": bool(flags & IFF_UP),
        "carrier": bool(flags & IFF_LOWER_UP),
        "alias": _text(found.get(20)),
        "master": _number(found.get(10)),
        "kind": _text(info.get(1)),
    }


def links(route: socket.socket) -> list[dict[str, Any]]:
    """Every interface of the namespace."""
    return [parse_link(body) for body in _dump(route, RTM_GETLINK, _LINK.pack(0, 0, 0, 0, 0))]


def addresses(route: socket.socket) -> dict[int, list[str]]:
    """Addresses with prefix lengths by interface index, link-local and loopback ones left out."""
    found: dict[int, list[str]] = {}
    for body in _dump(route, RTM_GETADDR, _ADDRESS.pack(0, 0, 0, 0, 0)):
        family, length, _, _, index = _ADDRESS.unpack_from(body)
        values = attributes(body[8:])
        raw = values.get(2) or values.get(1) or b""  # the local one; the other end's on point-to-point
        if (family, len(raw)) not in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
            continue
        hidden = (
            raw[0] == 127 or raw[:2] == b"\xa9\xfe"
            if family == socket.AF_INET
            else raw == b"\0" * 15 + b"\x01" or (raw[0] == 0xFE and raw[1] & 0xC0 == 0x80)
        )
        if not hidden:
            found.setdefault(index, []).append(f"{socket.inet_ntop(family, raw)}/{length}")
    return found


def qdiscs(route: socket.socket) -> dict[int, dict[str, Any]]:
    """The root queueing discipline by interface index: kind, rate (bit/s), delay (microseconds)."""
    found: dict[int, dict[str, Any]] = {}
    for body in _dump(route, RTM_GETQDISC, _QDISC.pack(0, 0, 0, 0, 0)):
        _, index, _, over, _ = _QDISC.unpack_from(body)
        if over != TC_ROOT:
            continue
        values = attributes(body[20:])
        kind, options = _text(values.get(1)), values.get(2, b"")
        rate, delay = 0, 0.0
        if kind == "tbf":
            rate = _tbf(attributes(options))
        elif kind == "netem":
            rate, delay = _netem(options)
        found[index] = {"kind": kind, "rate": rate * 8, "delay": delay}
    return found


def _tbf(options: dict[int, bytes]) -> int:
    """Rate in bytes a second."""
    if len(options.get(4, b"")) == 8:
        return int(struct.unpack("=Q", options[4])[0])
    return int(struct.unpack_from("=I", options[1], 8)[0]) if len(options.get(1, b"")) >= 12 else 0


def _netem(options: bytes) -> tuple[int, float]:
    """Rate in bytes a second and delay in microseconds."""
    ticks = struct.unpack_from("=I", options)[0] if len(options) >= 24 else 0
    values = attributes(options[24:])
    delay = ticks * 0.064  # one tick of the packet scheduler is 64 ns
    if len(values.get(10, b"")) == 8:
        delay = struct.unpack("=q", values[10])[0] / 1000
    if len(values.get(8, b"")) == 8:
        return int(struct.unpack("=Q", values[8])[0]), delay
    return _number(values.get(6, b"")[:4]), delay


def set_up(route: socket.socket, index: int, up: bool) -> None:
    """Ask for an interface to be set up or down; not waited for."""
    body = _LINK.pack(0, 0, index, IFF_UP if up else 0, IFF_UP)
    route.send(_HEADER.pack(16 + len(body), RTM_NEWLINK, REQUEST, 1, 0) + body)


def remove(route: socket.socket, index: int) -> None:
    """Ask for an interface to be removed; not waited for."""
    body = _LINK.pack(0, 0, index, 0, 0)
    route.send(_HEADER.pack(16 + len(body), RTM_DELLINK, REQUEST, 1, 0) + body)
