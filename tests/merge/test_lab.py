"""Three private networks with the same 10.0.0.0/16 become part of one net, and go again; real packets."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from govcloud.plan.gather import frr_installed
from tests.merge import town
from tests.province.place import Place, place

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("merge-lab"), pytest.mark.timeout(600)]

ROUTERS = ("city", "town", *(f"{name}-border" for name in town.PRIVATE))
# What a host is told to be, without logs, process ids and counters.
STATE = """
cd /run/govcloud && find . -type f ! -path './ansible/*' ! -path './.kept/*' ! -name '*.log' ! -name '*.pid' \
  ! -name '.daemons.json' ! -name '*.ready' | sort | xargs sha256sum
ip -4 -o address show scope global | sed 's/^[0-9]*: //'
ip -4 route show table all | grep -v 'proto ospf\\|table local' | sort
ip rule; ip -6 rule
nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*/counter/'
"""


def state(where: Place, hosts: tuple[str, ...]) -> dict[str, str]:
    """Files, addresses, routes and filters of hosts, as text."""
    return {host: where.on(host, "sh", "-c", STATE).out for host in hosts}


@pytest.fixture(scope="module")
def built() -> Iterator[Place]:
    """The town with its private networks apart."""
    with place() as where:
        where.type("init", str(where.root), "--environment", "town")
        town.write(where.root)
        where.type("lab", "up")
        where.type("apply", "--yes")
        yield where


@pytest.fixture(scope="module")
def before(built: Place) -> dict[str, str]:
    """The routers before anything is merged."""
    return state(built, ROUTERS)


def ping(where: Place, host: str, address: str) -> subprocess.Popen[str]:
    """Echoes from a host, twenty a second, until it is interrupted."""
    return subprocess.Popen(
        [
            "govcloud",
            "lab",
            "exec",
            host,
            "--",
            "sh",
            "-c",
            f"exec ping -i 0.05 -q {address} & read x; kill -INT $!; wait",
        ],
        cwd=where.root,
        env=where.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_plan_file_is_held_against_the_order(built: Place, before: dict[str, str]) -> None:
    file = built.root / "merge.plan"
    built.type("network", "merge", "run", "health", "--out", str(file))
    true = file.read_text()
    assert '"outside":"10.60.0.0/16"' in true and before
    file.write_text(true.replace('"outside":"10.60.0.0/16"', '"outside":"10.69.0.0/16"'))
    done = built.type("apply", str(file), "--yes", expect=2)
    assert "the plan file says of merge:health what its order does not" in done.err, done
    file.unlink()
    # What the files change beside it is no part of a merge, and gates are of what it ends in.
    tables = town.changed(health={"classified_on": None})
    del tables["boundaries"]["health"]
    town.write(built.root, tables)
    done = built.type("network", "merge", "run", "health", "--yes", expect=2)
    town.write(built.root)
    assert "boundary/health: the plan would delete as well" in done.err, done
    assert "private_network/health: the plan would update `classified_on`" in done.err


def test_merged_after_a_kill_nothing_blinks_and_only_what_is_declared_gets_through(
    built: Place, before: dict[str, str]
) -> None:
    assert before
    watch = ping(built, "town-desk", "10.20.1.11")
    order = ("network", "merge", "run", *town.PRIVATE, "--yes")
    code, _seconds = built.stop_in("play", signal.SIGKILL, *order)
    assert code == -signal.SIGKILL
    built.type("runs", "resume", built.ask("runs", "list")[0]["id"])
    # What is merged is not merged again: it is proved.
    lines = [json.loads(line) for line in built.type(*order, "--json").out.splitlines()]
    proofs = {line["proof"]: line for line in lines if "proof" in line}
    told, _ = watch.communicate("\n", timeout=30)
    found = re.search(r"(\d+) packets transmitted, (\d+) received", told)
    assert found and int(found[1]) > 20 and found[1] == found[2], told
    assert set(proofs) == set(town.PRIVATE)
    assert all(row["proof"]["holds"] for row in built.ask("network", "merge", "status")["networks"])
    kinds = {n: {(r["kind"], r["ok"]) for r in p["rows"]} for n, p in proofs.items()}
    assert kinds == {name: {("service", True), ("isolated", True)} for name in town.PRIVATE}, proofs
    served = {r["name"] for p in proofs.values() for r in p["rows"] if r["kind"] == "service"}
    assert {
        "health/service/health-levels",
        "water/service/water-records",
        "forest/service/forest-hall/nat64",
    } <= served
    # Both ways between two machines that have one and the same address of their own.
    tried = {r["name"] for r in proofs["health"]["rows"] if r["kind"] == "isolated"}
    assert {"health/isolated/health-desk>10.61.1.10:0", "health/isolated/water-desk>10.60.1.10:0"} <= tried


def test_the_one_net_learns_of_outside_prefixes_alone(built: Place) -> None:
    routes = built.on("town", "ip", "-4", "route", "show").out
    # A default route would lead there too where routes are worked out and not learned.
    wanted = {"10.60.0.0/16", "10.61.0.0/16"} if frr_installed() else set()
    assert wanted <= set(routes.split()), routes
    assert "10.0." not in routes, routes


def test_a_table_of_its_own_knows_what_is_declared_and_nothing_else(built: Place) -> None:
    words = "ip route get {} from 10.61.1.10 iif to-water".format
    assert "dev lan" in built.on("city", "sh", "-c", words("10.20.1.11")).out
    refused = built.type("lab", "exec", "city", "--", "sh", "-c", words("10.20.2.10"), expect=2)
    assert "unreachable" in refused.err or "No route" in refused.err, refused
    # For everybody else it is there.
    assert "to-town" in built.on("city", "ip", "route", "get", "10.20.2.10").out


def test_a_boundary_that_is_open_is_found(built: Place) -> None:
    table = "inet govcloud"
    built.on("health-border", "sh", "-c", f"nft list table {table} > /tmp/rules && nft delete table {table}")
    done = built.type("network", "merge", "verify", "health", expect=3)
    assert "10.60.1.10 answers town-desk an echo" in done.out, done
    built.on("health-border", "nft", "-f", "/tmp/rules")
    assert built.ask("network", "merge", "status", "health")["networks"][0]["bad"]


def test_undone_every_host_is_as_it_was(built: Place, before: dict[str, str]) -> None:
    built.type("network", "merge", "undo", *town.PRIVATE, "--yes")
    assert state(built, ROUTERS) == before
    rows = built.ask("network", "merge", "status")["networks"]
    assert not any(row["merged"] for row in rows) and all(row["proof"]["holds"] for row in rows)
    assert "Nothing to do" in built.type("plan", "--detailed-exitcode").out
