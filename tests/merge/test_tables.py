"""Routing tables of their own on a host: set, left alone, changed, taken away; in a network namespace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MODULE = Path(__file__).parents[2] / "playbooks" / "library" / "network_state.py"
# Runs the module once for each table of arguments, and shows after each what the kernel has.
INSIDE = """
import json, subprocess, sys
def sh(words): return subprocess.run(words, shell=True, capture_output=True, text=True, check=True).stdout
sh("ip link set lo up; ip link add one type veth peer name two; ip link set one up; ip link set two up")
sh("ip rule add from 192.0.2.1 lookup 77; ip route add 198.51.100.0/24 dev lo table 77")
for number, arguments in enumerate(json.load(sys.stdin)):
    path = f"{sys.argv[2]}/{number}.json"
    open(path, "w").write(json.dumps(arguments))
    done = subprocess.run([sys.executable, sys.argv[1], path], capture_output=True, text=True)
    seen = {"rules": sh("ip rule; ip -6 rule")}
    seen["routes"] = sh("ip route show table all; ip -6 route show table all")
    print(json.dumps(json.loads(done.stdout) | seen))
"""


def play(folder: Path, *tables: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the module says of each, with the rules and routes that are there afterwards."""
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    interfaces = [{"name": "one", "addresses": ["10.9.0.1/24"]}]
    orders = [{"interfaces": interfaces, "tables": some} for some in tables]
    argv = ["unshare", *own, "--net", "--", sys.executable, "-c", INSIDE, str(MODULE), str(folder)]
    done = subprocess.run(argv, input=json.dumps(orders), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(*routes: dict[str, str], interfaces: tuple[str, ...] = ("one",)) -> list[dict[str, Any]]:
    return [{"table": 1010, "interfaces": list(interfaces), "routes": list(routes)}]


THROW = {"prefix": "10.2.0.0/16", "type": "throw"}
VIA = {"prefix": "10.2.0.0/16", "via": "10.9.0.2"}
SHUT = ({"prefix": "0.0.0.0/0", "type": "unreachable"}, {"prefix": "::/0", "type": "unreachable"})


@pytest.mark.lab
def test_tables_are_brought_to_what_is_declared_and_others_left_alone(tmp_path: Path) -> None:
    first = table(THROW, *SHUT)
    set_, again, changed, less, gone, idle = play(
        tmp_path, first, first, table(VIA, *SHUT), table(*SHUT, interfaces=()), [], []
    )
    assert [r["changed"] for r in (set_, again, changed, less, gone, idle)] == [
        True,
        False,
        True,
        True,
        True,
        False,
    ]
    assert set_["rules"].count("iif one lookup 1010") == 2
    assert "throw 10.2.0.0/16 table 1010" in set_["routes"] and "unreachable default" in set_["routes"]
    assert "10.2.0.0/16 via 10.9.0.2 dev one table 1010" in changed["routes"]
    assert "throw" not in changed["routes"]
    assert "1010" not in less["rules"] and "10.2.0.0/16" not in less["routes"]
    assert "1010" not in gone["rules"] + gone["routes"]
    for seen in (set_, changed, gone):
        assert "from 192.0.2.1 lookup 77" in seen["rules"] and "198.51.100.0/24" in seen["routes"]
