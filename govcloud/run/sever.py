"""Hold a cut inside a node for as long as somebody wants it: ``python -m govcloud.run.sever``.

The first line of stdin is the order::

    {"interfaces": ["to-core-2"], "silent": false, "state": null}

``interfaces``: null means all of the node but its loopback. ``silent``: frames are dropped and the lines
stay up, as where equipment in the middle of a leased line keeps its light on; otherwise the interfaces
are set down. The program answers with what it would have to put back, one line ``{"state": {…}}``, and has
touched nothing. The line ``cut`` cuts: ``{"cut": seconds}``. The line ``mend``, the end of stdin (whoever
asked has died), or a signal puts everything back: ``{"mended": seconds, "left": [what could not be]}``.

An order that holds a ``state`` of before puts that back at once; to do so again changes nothing.
Seconds are of the machine's monotonic clock. The program imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any

# The table of nftables that drops what passes, where the cut is silent; no other has this name.
TABLE = "govcloud_cut"
# Who set a route: what daemons and the kernel set, they set again.
THEIRS = ("kernel", "ospf", "bgp", "isis", "rip", "ripng", "eigrp", "zebra", "ra", "redirect", "babel")
# What `ip route show` says of a route's state, which `ip route add` does not take.
FLAGS = frozenset({"linkdown", "dead", "offload", "trap", "rt_offload", "rt_trap", "notify"})


class Ended(Exception):
    """A signal said that it is enough."""


def snapshot(interfaces: list[str] | None, silent: bool) -> dict[str, Any]:
    """What the cut will take away: state, addresses and hand-set routes of each interface.

    Raises ``RuntimeError`` for an interface that is not there.
    """
    found = {item["ifname"]: item for item in json.loads(_ip("-json", "address", "show") or "[]")}
    names = sorted(set(found) - {"lo"}) if interfaces is None else interfaces
    missing = [name for name in names if name not in found]
    if missing:
        raise RuntimeError(f"no interface {', '.join(missing)} here")
    return {
        "silent": silent,
        "interfaces": {
            name: {
                "up": "UP" in found[name]["flags"],
                "addresses": [
                    f"{info['local']}/{info['prefixlen']}"
                    for info in found[name]["addr_info"]
                    if info.get("scope") == "global"
                ],
            }
            for name in names
        },
        "routes": {family: _routes(family, names) for family in ("-4", "-6")},
    }


def _routes(family: str, names: list[str]) -> list[str]:
    """Hand-set routes by way of the interfaces, as `ip route add` takes them."""
    kept = []
    for line in _ip(family, "-oneline", "route", "show", "table", "all").splitlines():
        words = [word for word in line.replace("\\", " ").split() if word not in FLAGS]
        pairs = dict(itertools.pairwise(words))
        if words[0] in ("local", "broadcast", "multicast", "anycast") or pairs.get("proto") in THEIRS:
            continue
        if any(word == "dev" and after in names for word, after in itertools.pairwise(words)):
            kept.append(" ".join(words))
    return kept


def cut(state: Mapping[str, Any]) -> float:
    """Cut; the moment at which it was done."""
    names = [name for name, was in state["interfaces"].items() if was["up"]]
    if state["silent"]:
        _nft(_drop(names))
    else:
        _batch("-4", [f"link set dev {name} down" for name in names])
    return time.monotonic()


def _drop(names: list[str]) -> str:
    listed = ", ".join(json.dumps(name) for name in names)
    return (
        f"table inet {TABLE} {{\n"
        f"chain in {{ type filter hook prerouting priority -500; iifname {{ {listed} }} drop; }}\n"
        f"chain out {{ type filter hook postrouting priority 500; oifname {{ {listed} }} drop; }}\n}}\n"
    )


def mend(state: Mapping[str, Any]) -> list[str]:
    """Put everything back as it was; what could not be put back. Nothing to do is no error."""
    left: list[str] = []
    if state["silent"]:
        # Declared and deleted in one transaction: it need not be there.
        _nft(f"table inet {TABLE}\ndelete table inet {TABLE}\n")
        return left
    there = {item["ifname"]: item for item in json.loads(_ip("-json", "address", "show") or "[]")}
    for name, was in state["interfaces"].items():
        if name not in there:
            left.append(f"the interface {name} is gone")
            continue
        if was["up"]:
            left += _batch("-4", [f"link set dev {name} up"])
        known = {f"{info['local']}/{info['prefixlen']}" for info in there[name]["addr_info"]}
        missing = [a for a in was["addresses"] if a not in known]
        # It was in use a moment ago: nobody need ask whether another has it (RFC 4862, 5.4).
        left += _batch("-4", [f"address add {a} dev {name}" for a in missing if ":" not in a])
        left += _batch("-6", [f"address add {a} dev {name} nodad" for a in missing if ":" in a])
    for family, routes in state["routes"].items():
        names = list(state["interfaces"])
        present = set(_routes(family, names))
        left += _batch(family, [f"route replace {route}" for route in routes if route not in present])
    return left


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, env=_environment())
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _batch(family: str, commands: list[str]) -> list[str]:
    """Run commands of iproute2, each whatever became of the others; what they complained of."""
    if not commands:
        return []
    done = subprocess.run(
        ["ip", family, "-force", "-batch", "-"],
        input="\n".join(commands) + "\n",
        capture_output=True,
        text=True,
        env=_environment(),
    )
    return [line for line in done.stderr.splitlines() if not line.startswith("Command failed")]


def _nft(rules: str) -> None:
    try:
        done = subprocess.run(
            ["nft", "-f", "-"], input=rules, capture_output=True, text=True, env=_environment()
        )
    except FileNotFoundError:
        raise RuntimeError("no `nft` on this host: the package nftables brings it") from None
    if done.returncode:
        raise RuntimeError(f"nft: {done.stderr.strip()}")


def _environment() -> dict[str, str]:
    # The machines' PATH need not hold the places of system programs.
    return {**os.environ, "PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"}


def _say(document: Mapping[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody listens any more, and that is why it is put back.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Ended


def _hold(state: Mapping[str, Any]) -> None:
    """Cut when told, and wait until it is enough."""
    _say({"state": state})
    for line in sys.stdin:
        if line.strip() == "cut":
            _say({"cut": cut(state)})
        else:
            return


def main() -> int:
    """Read the order, cut, hold, mend."""
    order = json.loads(sys.stdin.readline())
    state = order["state"]
    try:
        if state is None:
            state = snapshot(order["interfaces"], order["silent"])
            signal.signal(signal.SIGTERM, _stop)
            signal.signal(signal.SIGHUP, _stop)
            with contextlib.suppress(Ended):
                _hold(state)
            # From here on nothing may come between.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        left = mend(state)
        _say({"mended": time.monotonic(), "left": left})
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
