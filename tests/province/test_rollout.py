"""A city comes to IPv6 wave by wave while its IPv4 is watched; a town does not answer; all of it goes back.

The sample's city with one of its four towns and without the private networks. What the manual page shows of a
rollout is what this world says.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from govcloud.run.reach import Reach
from govcloud.workspace import open_workspace
from tests.province.place import Place, place
from tests.test_docs import ROOT, blocks, explains

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("province-rollout"), pytest.mark.timeout(900)]

GONE = ("jiaji", "tanmen", "zhongyuan", "health", "water")
# Files that the plays write, with what is in them; what a host has of addresses and of routes that are set.
LOOK = (
    "find /run/govcloud /etc/resolv.conf -type f ! -path '*/.kept/*' ! -path '*/ansible/*' ! -name '*.log' "
    "! -name '*.pid' ! -name .daemons.json -exec sha256sum {} + | sort -k2; ip -o addr show scope global | "
    "sed 's/^[0-9]*: //' | sort; ip -4 route | sort; ip -6 route show proto 171 | sort"
)


def smaller(root: Path) -> None:
    """Take out of the sample what these tests do not need."""
    gone = re.compile(rf"^({'|'.join(GONE)}|\w+-({'|'.join(GONE)}))(-|$)")
    (root / "private.yaml").unlink()
    for path in root.glob("**/*.yaml"):
        tables = yaml.safe_load(path.read_text())
        if path.parent.name in ("playbooks", "stacks") or not isinstance(tables, dict) or "version" in tables:
            continue
        for table in tables.values():
            for name in [name for name in table if gone.match(name)]:
                del table[name]
        path.write_text(yaml.safe_dump(tables, allow_unicode=True, sort_keys=False))
    for path in (root / "network").glob("*.csv"):
        lines = [line for line in path.read_text().splitlines() if not re.search("|".join(GONE), line)]
        path.write_text("\n".join(lines) + "\n")
    rollouts = yaml.safe_load((root / "rollouts.yaml").read_text())
    rollouts["rollouts"]["city-ipv6"]["waves"][2] = {"towns": ["region/boao"]}
    (root / "rollouts.yaml").write_text(yaml.safe_dump(rollouts, allow_unicode=True, sort_keys=False))


@pytest.fixture(scope="module")
def city() -> Iterator[Place]:
    with place() as where:
        where.type("init", str(where.root), "--sample", "qionghai")
        smaller(where.root)
        where.type("lab", "up")
        where.type("apply", "--yes")
        yield where


def looks(where: Place) -> dict[str, str]:
    """What stands on every host."""
    hosts = [node["name"] for node in where.ask("lab", "status")["nodes"]]
    reach = Reach(open_workspace(str(where.root)))
    return {
        host: subprocess.run(
            reach.command(host, ["sh", "-c", LOOK]), env=where.env, capture_output=True, check=True, text=True
        ).stdout
        for host in hosts
    }


def wave(where: Place, *words: str, expect: int = 0) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a wave's command says of it, and all that it says."""
    told = where.type("ipv6", *words, "--yes", "--json", expect=expect).out
    lines = [json.loads(line) for line in told.splitlines()]
    return next(line for line in lines if line.get("event") == "wave"), lines


def test_a_city_goes_to_ipv6_and_back_and_no_packet_is_lost(city: Place) -> None:
    said = [city.type("ipv6", "plan").out, city.type("ipv6", "run", "city-ipv6", "trunk", "--yes").out]
    assert "✓ 0 of " in said[1] and "3 of 3 members verified" in said[1]
    first, _ = wave(city, "run", "city-ipv6", "city")
    assert first["lost"] == 0 and first["sent"] > 100 and not any(flow["broken"] for flow in first["flows"])
    before = looks(city)

    # A town does not answer: the wave stops, and says who is done and who is not.
    city.on("boao", "sh", "-c", "rm -rf /run/govcloud/ansible; echo x > /run/govcloud/ansible")
    stopped = city.type("ipv6", "run", "city-ipv6", "towns", "--yes", expect=1)
    said.append(stopped.out)
    assert "not done: node/boao (waits for boao)" in stopped.out and "✓ 0 of " in stopped.out
    assert "  done: server/boao-desk" in stopped.out
    waits = city.type("ipv6", "run", "city-ipv6", "services", "--yes", expect=4)
    said.append(waits.err)
    assert "wave towns is not verified" in waits.err
    city.on("boao", "rm", "/run/govcloud/ansible")
    resumed = city.type("runs", "resume", city.ask("runs", "list")[0]["id"]).out
    assert "✓ 0 of " in resumed and "`govcloud ipv6 verify city-ipv6 --wave towns` measures" in resumed
    # The same command again finds nothing to do, and measures.
    told = city.type("ipv6", "run", "city-ipv6", "towns", "--yes").out
    assert told.startswith("Nothing to do.") and "4 of 4 members verified" in told

    last = city.type("ipv6", "run", "city-ipv6", "services", "--yes").out
    said.append(last)
    assert "✓ endpoint/hall" in last and "✓ 0 of " in last
    said.append(city.type("ipv6", "status", "--svg", "city.svg").out)
    assert "<svg" in (city.root / "city.svg").read_text()
    page = city.on("boao-desk", "getent", "ahostsv6", "hall.qionghai.example")
    assert "3fff:461:" in page.out

    # Somebody takes an address away by hand: it went back, and is found.
    has = next(a for a in city.on("boao-desk", "ip", "-6", "-o", "addr").out.split() if a.startswith("3fff:"))
    city.on("boao-desk", "ip", "addr", "del", has, "dev", "eth0")
    assert city.ask("ipv6", "verify", "city-ipv6", "server/boao-desk", expect=3)["regressed"] == [
        "server/boao-desk"
    ]
    said.append(city.type("ipv6", "status", expect=3).out)

    said.append(city.type("ipv6", "rollback", "city-ipv6", "towns", "--yes", expect=4).err)
    for name in ("services", "towns"):
        back, _ = wave(city, "rollback", "city-ipv6", name)
        assert back["lost"] == 0 and not back["not_configured"] and back["sent"] > 100
    assert looks(city) == before, "byte for byte"
    told = {one["member"]: one["state"] for one in city.ask("ipv6", "status")["each"]}
    still = {"link/trunk-data", "node/qionghai", "link/trunk-video", "network/city-app", "server/dns-city"}
    # The zone's servers both have IPv6 without the last wave.
    assert {subject for subject, state in told.items() if state == "done"} == still | {"dns_zone/qionghai"}
    assert set(told.values()) == {"done", "open"}
    shown_by_the_manual(said)


def shown_by_the_manual(said: list[str]) -> None:
    """What docs/network.md shows as said by a rollout was said, block by block."""
    shown = [b for b in blocks(ROOT / "docs" / "network.md") if b.language == "text"]
    assert shown
    real = [line for one in said for line in one.splitlines()]
    for block in shown:
        assert explains(["…", *block.lines, "…"], real), f"{block.page}:{block.line}"
