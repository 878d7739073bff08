"""Addresses, neighbours, and whether the other end answers."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import struct
import subprocess
import time
from pathlib import Path

from icmplib import ping

from ..measure import PING_GAP_S, PING_WAIT_S, Failed, Figure
from .tries import Args, share

NEIGHBOUR_WAIT_S = 5.0
# linux/sockios.h: the (first) IPv4 address of an interface.
SIOCGIFADDR = 0x8915


def echo(args: Args, tries: int) -> Figure:
    """Echo requests, one by one."""

    def once() -> float:
        host = ping(
            args["address"],
            count=1,
            timeout=PING_WAIT_S,
            id=int.from_bytes(os.urandom(2), "big"),
            privileged=True,
        )
        if not host.rtts:
            raise Failed(f"{args['address']} does not answer")
        time.sleep(PING_GAP_S)
        return float(host.rtts[0])

    return share(tries, once)


def address(args: Args, _tries: int) -> Figure:
    """Whether this host has an address on an interface, and may use it."""
    wanted = socket.inet_pton(socket.AF_INET6, args["address"]).hex()
    try:
        lines = Path("/proc/net/if_inet6").read_text().splitlines()
    except FileNotFoundError:
        raise Failed("this host knows no IPv6") from None
    found = {(words[0], words[5]): int(words[4], 16) for words in map(str.split, lines)}
    flags = found.get((wanted, args["interface"]))
    if flags is None:
        raise Failed(f"{args['interface']} has not {args['address']}")
    # linux/if_addr.h: IFA_F_DADFAILED, IFA_F_TENTATIVE.
    if flags & (0x08 | 0x40):
        raise Failed(
            f"{args['address']} on {args['interface']} is another machine's, too, or not checked yet"
        )
    return Figure(value=1, unit="")


def without4(args: Args, _tries: int) -> Figure:
    """Whether an interface of this host has no IPv4 address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            found = fcntl.ioctl(sock, SIOCGIFADDR, struct.pack("256s", args["interface"].encode()))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                return Figure(value=1, unit="")
            raise
    raise Failed(f"{args['interface']} still has {socket.inet_ntoa(found[20:24])}")


def neighbour(args: Args, _tries: int) -> Figure:
    """Whether OSPFv3 has a full neighbour on an interface."""
    argv = ["vtysh", "--vty_socket", args["folder"], "-d", "ospf6d", "-c", "show ipv6 ospf6 neighbor json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=NEIGHBOUR_WAIT_S, check=False)
    try:
        known = json.loads(done.stdout)["neighbors"]
    except (ValueError, KeyError):
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(f"ospf6d tells no neighbours: {words[-1] if words else 'it does not run'}") from None
    ours = [one for one in known if one.get("interfaceName") == args["interface"]]
    if not ours:
        raise Failed(f"no OSPFv3 neighbour on {args['interface']}")
    state = ours[0].get("state", "")
    if state != "Full":
        raise Failed(f"the OSPFv3 neighbour on {args['interface']} is {state}, not Full")
    return Figure(value=1, unit="", more={"neighbour": ours[0].get("neighborId", "")})
