"""The rules: the whole command over 100,000 entries, after one file changed, and over 100,000 links.

The entries are a province's, generated; all rules that bind there are asked of them. The net is drawn by
seed: two core nodes, rings under rings, ends on one link, ends whose two links run in one duct, cross
links, ducts that several links share. Its files are CSV tables. The peer of the graph is networkx, in the
same process asked for the nodes and links whose loss cuts somebody off; both have to name the same.
"""

from __future__ import annotations

import csv
import json
import os
import random
import statistics
import subprocess
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from govcloud.model.catalogue import Catalogue
from govcloud.model.network import Link, Node, Zone
from govcloud.policy import decided
from govcloud.topology import Net

from . import province
from .fixtures import Fixtures
from .frame import Failure, Figure, compare

CHECK_S = 10.0
# Of a province's entries, all rules; and after a change of one file.
ALL_S, ONE_S = 3.0, 0.5
# What `check` ends with where a target is missed, and where something is denied.
FOUND = (3, 4)
# Nodes of a ring; of a hundred rings so many are ends instead, on one link each, or on two in one duct.
RING, ALONE, TWINS = (4, 8), 3, 15
Row = tuple[str, ...]


@cache
def drawn(count: int) -> tuple[list[Row], list[Row], list[Row]]:
    """Regions, nodes and links as rows of tables; ``count`` links, or a ring more."""
    draw = random.Random(11)
    regions: list[Row] = [("hainan", "province", "", "460000")]
    nodes: list[Row] = [(f"n{i}", "hainan", "extranet", "core", f"2001:db8::{i + 1:x}") for i in (0, 1)]
    links: list[Row] = []

    def link(a: str, b: str, within: str = "") -> None:
        n = len(links)
        plane = draw.choice(("both", "both", "data", "video"))
        duct = f"duct-{n}" if draw.random() < 0.9 else f"shared-{draw.randrange(1 + count // 50)}"
        duct = within or duct
        prefix = f"2001:db8:1{n >> 16:x}:{n & 0xFFFF:x}::/127"
        mbps = str(draw.choice((50, 100, 1000)))
        links.append((f"l{n}", a, b, f"p{n}a", f"p{n}b", mbps, prefix, plane, duct))

    link("n0", "n1")
    level = ["n0", "n1"]
    names = iter(("city", "county", "town", "village"))
    sort = next(names)
    while len(links) < count:
        below: list[str] = []
        for parent in level:
            ring = []
            for _ in range(draw.randint(*RING)):
                name = f"n{len(nodes)}"
                regions.append((f"r{len(nodes)}", sort, "hainan", ""))
                loopback = f"2001:db8:ffff:{len(nodes) >> 16:x}:{len(nodes) & 0xFFFF:x}::1"
                nodes.append((name, f"r{len(nodes)}", "extranet", "access", loopback))
                ring.append(name)
            ends = draw.randrange(100)
            if ends < ALONE:
                for one in ring:
                    link(parent, one)
            elif ends < ALONE + TWINS:
                for one in ring:
                    for up in (parent, draw.choice(level)):
                        link(up, one, f"twins-{one}")
            else:
                for a, b in zip([parent, *ring], [*ring, draw.choice(level)], strict=True):
                    link(a, b)
            link(draw.choice(ring), draw.choice(level))
            below += ring
            if len(links) >= count:
                break
        level, sort = below, next(names, "village")
    links = [row for row in links if row[1] != row[2]]
    return regions, nodes, links


def written(folder: Path, count: int) -> Path:
    """A workspace of the net's tables, in a folder that is not there yet."""
    regions, nodes, links = drawn(count)
    folder.mkdir()
    (folder / "govcloud.yaml").write_text("version: 1\nenvironment: bench\n", encoding="utf-8")
    (folder / "zones.yaml").write_text("zones: {extranet: {role: extranet}}\n", encoding="utf-8")
    heads = {
        "regions": "name,level,parent,code",
        "nodes": "name,region,zone,role,loopback6",
        "links": "name,a,b,a_interface,b_interface,bandwidth_mbps,ipv6,plane,path",
    }
    for table, rows in (("regions", regions), ("nodes", nodes), ("links", links)):
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(heads[table].split(","))
            writer.writerows(rows)
    return folder


def command(fixtures: Fixtures) -> list[Figure]:
    """``check`` of the whole net by all rules, in a process of its own, its files read before."""
    folder = written(fixtures.place("net"), fixtures.sizes.large)
    _, nodes, links = drawn(fixtures.sizes.large)
    arguments = ("check", "--as-of", "2026-11-01")
    work = fixtures.govcloud(*arguments, at=folder, good=_ends(fixtures, folder, *arguments))
    note = f"{len(links):,} links, {len(nodes):,} nodes, all rules"
    return compare("check-net-100k", work, [], fixtures.times(3), note, target=CHECK_S)


def everything(fixtures: Fixtures) -> list[Figure]:
    """``check`` of a province's entries by all rules, in a process of its own, its files read before."""
    folder = fixtures.copy(fixtures.written(fixtures.sizes.large))
    work = fixtures.govcloud("check", at=folder, good=_ends(fixtures, folder, "check"))
    note = f"{fixtures.sizes.large:,} entries, {len(decided())} rules"
    return compare("check-100k", work, [], fixtures.times(5), note, target=ALL_S)


def one_file(fixtures: Fixtures) -> list[Figure]:
    """``check`` of the same entries, recorded, after one file of servers changed; another change each turn.

    It finds the same as one that remembers nothing, finding by finding.
    """
    folder = fixtures.copy(fixtures.recorded(fixtures.sizes.large))
    turns = iter(range(1, 1000))
    code = _ends(fixtures, folder, "check")
    work = fixtures.govcloud(
        "check", at=folder, before=lambda: province.change_one(folder, next(turns)), good=code
    )
    figures = compare("check-one-100k", work, [], fixtures.times(9), target=ONE_S)
    remembered = _findings(fixtures, folder)
    (folder / ".govcloud" / "cache" / "findings.msgpack").unlink()
    if remembered != _findings(fixtures, folder):
        raise Failure("what is remembered is not what is found")
    return figures


def _findings(fixtures: Fixtures, folder: Path) -> list[str]:
    done = _run(fixtures, folder, "check", "--json")
    return sorted(json.dumps(one) for one in json.loads(done.stdout)["findings"])


def _ends(fixtures: Fixtures, folder: Path, *arguments: str) -> int:
    """What a check ends with there: the sizes of a test deny nothing. Raises ``Failure``."""
    return _run(fixtures, folder, *arguments).returncode


def _run(fixtures: Fixtures, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    work = fixtures.govcloud(*arguments, at=folder)
    command = [str(part) for part in work.command]
    environment = os.environ | work.environment
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode not in FOUND:
        raise Failure(f"check ended with {done.returncode}:\n{done.stderr}")
    return done


def points(fixtures: Fixtures) -> list[Figure]:
    """Single points of failure, from the typed entries on, next to networkx from its own lists on."""
    import networkx as nx

    _, nodes, links = drawn(fixtures.sizes.large)
    typed = {n: Node(region=r, zone=z, role=role) for n, r, z, role, _ in nodes}  # type: ignore[arg-type]
    lines = {
        name: Link(a=a, b=b, a_interface=x, b_interface=y, bandwidth_mbps=float(mbps), path=[duct])
        for name, a, b, x, y, mbps, _, _, duct in links
    }
    catalogue = Catalogue({"zone": {"extranet": Zone(role="extranet")}, "node": typed, "link": lines})

    def ours() -> set[str]:
        return set(Net.of(catalogue).cuts().points())

    def theirs() -> set[str]:
        graph: Any = nx.MultiGraph()
        graph.add_edges_from((a, b, name) for name, a, b, *_ in links)
        # Who reaches one core node reaches them all.
        graph.add_edges_from(("top", n, f"top-{n}-{turn}") for n in ("n0", "n1") for turn in (1, 2))
        found = {f"node/{n}" for n in nx.articulation_points(graph) if n != "top"}
        for a, b in nx.bridges(graph):
            found |= {f"link/{key}" for key in graph[a][b]}
        return found

    times = fixtures.times(3)
    mine, found = _median(ours, times)
    other, answer = _median(theirs, times)
    if found != answer:
        raise Failure(f"{len(found ^ answer)} points are named by one of the two alone")
    note = f"{len(links):,} links; {len(found):,} nodes and links cut somebody off"
    peer = f"networkx {nx.__version__}, bridges and articulation points"
    return [Figure("check-net-points-100k", mine, "s", peer, other, other / mine, note)]


def _median(ask: Callable[[], set[str]], times: int) -> tuple[float, set[str]]:
    seconds = []
    answer: set[str] = set()
    for _ in range(times):
        began = time.perf_counter()
        answer = ask()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), answer


BENCHMARKS = {
    "check-100k": everything,
    "check-one-100k": one_file,
    "check-net-100k": command,
    "check-net-points-100k": points,
}
