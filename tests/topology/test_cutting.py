"""What a cut does, by the graph library, against a model that removes things and looks again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govcloud.model import KINDS
from govcloud.model.catalogue import Catalogue
from govcloud.model.network import Link, Node
from govcloud.topology import Net
from govcloud.topology.cutting import lost_line, outcome
from govcloud.topology.narrowing import narrowed
from govcloud.topology.singles import singles

PLANES = {"data": {"data"}, "video": {"video"}, "both": {"data", "video"}}


def catalogue_of(tables: dict[str, dict[str, dict[str, Any]]]) -> Catalogue:
    return Catalogue(
        {
            kind: {name: msgspec.convert(fields, KINDS[kind]) for name, fields in table.items()}
            for kind, table in tables.items()
        }
    )


def world(
    size: int, roots: Iterable[int], links: list[dict[str, Any]], flows: list[dict[str, Any]]
) -> Catalogue:
    """Routers ``n0`` and so on, each with a region, a network and two machines; links and flows as told."""
    names = [f"n{i}" for i in range(size)]
    core = {f"n{i}" for i in roots}
    machine = {"ipv4": "10.0.0.9", "ipv6": "3fff::9"}
    return catalogue_of(
        {
            "zone": {"z": {"role": "extranet"}},
            "region": {f"r-{n}": {"level": "town"} for n in names},
            "node": {
                n: {
                    "region": f"r-{n}",
                    "zone": "z",
                    "role": "core" if n in core else "access",
                    "loopback4": "10.255.0.1",
                    "loopback6": "3fff::1",
                }
                for n in names
            },
            "link": {
                f"l{i}": {
                    "a": f"n{one['a']}",
                    "b": f"n{one['b']}",
                    "a_interface": f"l{i}",
                    "b_interface": f"l{i}",
                    "bandwidth_mbps": one.get("mbps", 100),
                    "delay_ms": one.get("delay", 1),
                    "cost": one["cost"],
                    "plane": one["plane"],
                    "ipv4": "10.1.0.0/31" if 4 in one["families"] else "",
                    "ipv6": "3fff:1::/127" if 6 in one["families"] else "",
                    "path": one.get("path", []),
                }
                for i, one in enumerate(links)
            },
            "network": {
                f"lan-{n}": {"gateway": n, "interface": "lan", "ipv4": "10.0.0.0/24", "ipv6": "3fff::/64"}
                for n in names
            },
            "server": {f"desk-{n}": {"rack": "r", "network": f"lan-{n}", **machine} for n in names},
            "instance": {
                f"app-{n}": {"project": "p", "flavor": "f", "image": "i", "network": f"lan-{n}", **machine}
                for n in names
            },
            "endpoint": {
                f"e-{n}": {"application": "a", "instance": f"app-{n}", "dns_zone": "d", "host": n}
                for n in names
            },
            "flow": {
                f"f{i}": {
                    "start": f"server/desk-n{one['a']}",
                    "endpoint": f"e-n{one['b']}",
                    "content": one.get("content", "data"),
                    "bandwidth_mbps": one.get("mbps", 0),
                }
                for i, one in enumerate(flows)
            },
        }
    )


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Catalogue, list[str]]:
    size = draw(st.integers(2, 7))
    ends = st.integers(0, size - 1)
    link = st.fixed_dictionaries(
        {
            "a": ends,
            "b": ends,
            "cost": st.integers(1, 4),
            "plane": st.sampled_from(["data", "video", "both"]),
            "families": st.sampled_from([(4,), (6,), (4, 6)]),
        }
    ).filter(lambda one: one["a"] != one["b"])
    links = draw(st.lists(link, max_size=12))
    roots = draw(st.sets(ends, min_size=1, max_size=2))
    flow = st.fixed_dictionaries({"a": ends, "b": ends})
    flows = draw(st.lists(flow, max_size=5))
    keys = [f"link/l{i}" for i in range(len(links))] + [f"node/n{i}" for i in range(size)]
    cut = draw(st.lists(st.sampled_from(keys), min_size=1, max_size=3, unique=True))
    return world(size, roots, links, flows), cut


class Naive:
    """The model: dictionaries, and a search that begins anew each time."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.links = dict(catalogue.all(Link))
        self.nodes = sorted(catalogue.table("node"))
        self.roots = [n for n in self.nodes if catalogue.table("node")[n].role == "core"]  # type: ignore[attr-defined]

    def edges(self, plane: str, family: int, cut: Iterable[str]) -> Iterator[tuple[str, str, int]]:
        gone = set(cut)
        for name, link in self.links.items():
            if {f"link/{name}", f"node/{link.a}", f"node/{link.b}"} & gone:
                continue
            if plane and plane not in PLANES[link.plane]:
                continue
            if family and not (link.ipv4 if family == 4 else link.ipv6):
                continue
            yield link.a, link.b, link.cost
            yield link.b, link.a, link.cost

    def costs(self, start: str, plane: str, family: int, cut: Iterable[str]) -> dict[str, int]:
        """Cheapest costs from a node, by relaxing until nothing changes."""
        cut = set(cut)
        found = {} if f"node/{start}" in cut else {start: 0}
        for _ in self.nodes:
            for a, b, cost in self.edges(plane, family, cut):
                if a in found:
                    found[b] = min(found.get(b, found[a] + cost), found[a] + cost)
        return found

    def served(self, plane: str, family: int, cut: Iterable[str]) -> set[str]:
        cut = list(cut)
        return {n for root in self.roots for n in self.costs(root, plane, family, cut)}


@settings(max_examples=120, deadline=None)
@given(worlds())
def test_a_cut_does_what_removing_does(made: tuple[Catalogue, list[str]]) -> None:
    catalogue, cut = made
    net, naive = Net.of(catalogue), Naive(catalogue)
    found = outcome(net, catalogue, cut)
    dead = {key.removeprefix("node/") for key in cut}
    off = {one.family: one for one in found.cut_off}
    for family in (4, 6):
        lost = naive.served("", family, []) - naive.served("", family, cut)
        told = off.get(family)
        assert set(told.nodes if told else []) == {f"node/{n}" for n in lost - dead}
        assert set(told.places if told else []) == {f"region/r-{n}" for n in lost}
        assert set(told.networks if told else []) == {f"network/lan-{n}" for n in lost}
        assert len(told.machines if told else []) == 2 * len(lost)
        reach = {n: frozenset(naive.costs(n, "", family, cut)) for n in naive.nodes}
        whole = {n: frozenset(naive.costs(n, "", family, [])) for n in naive.nodes}
        for part in told.parts if told else []:
            names = [key.removeprefix("node/") for key in part]
            # A part is a piece of its own now, and was no whole before.
            assert all(reach[n] == frozenset(names) and whole[n] > reach[n] for n in names)
        roots = set(naive.roots) - dead
        expected = []
        for every in set(whole.values()):
            pieces = {reach[n] for n in every - dead}
            if every in pieces:
                continue
            ordered = sorted(pieces, key=lambda p: (-len(p & roots), -len(p), min(p)))
            # One part is the main one; none is where all core nodes are gone.
            headless = every & set(naive.roots) and not every & roots
            expected += ordered[0 if headless else 1 :]
        parts = told.parts if told else []
        assert sorted(parts) == sorted(sorted(f"node/{n}" for n in p) for p in expected)
        for plane in ("data", "video"):
            gone = naive.served(plane, family, []) - naive.served(plane, family, cut)
            rest = naive.served("", family, cut)
            (loss,) = [x for x in found.lines if (x.line, x.family) == (plane, family)] or [None]
            assert set(loss.carried if loss else []) == {f"region/r-{n}" for n in gone & rest}
            assert set(loss.cut_off if loss else []) == {f"region/r-{n}" for n in gone - rest}


@settings(max_examples=120, deadline=None)
@given(worlds())
def test_flows_break_move_or_stay(made: tuple[Catalogue, list[str]]) -> None:
    catalogue, cut = made
    net, naive = Net.of(catalogue), Naive(catalogue)
    found = outcome(net, catalogue, cut)
    told = {(one.subject, one.family): one for one in [*found.broken, *found.moved]}
    counted = 0
    for (name, flow), family in itertools.product(catalogue.table("flow").items(), (4, 6)):
        a, b = flow.start.removeprefix("server/desk-"), flow.endpoint.removeprefix("e-")  # type: ignore[attr-defined]
        before, after = naive.costs(a, "", family, []).get(b), naive.costs(a, "", family, cut).get(b)
        one = told.get((f"flow/{name}", family))
        if before is None:
            assert one is None
            continue
        counted += 1
        if one is None:
            # Its way stands, so it costs what it did.
            assert after == before
            continue
        assert (one.before.cost, one.after.cost if one.after else None) == (before, after)
        assert one.before.entries & set(cut) or any(n in cut for n in one.before.nodes)
        if one.after:
            assert not one.after.entries & set(cut)
            walk = zip(one.after.nodes, one.after.links, one.after.nodes[1:], strict=False)
            for start, link, end in walk:
                entry = naive.links[link.removeprefix("link/")]
                assert {start, end} == {f"node/{entry.a}", f"node/{entry.b}"}
    assert counted == len(found.broken) + len(found.moved) + found.untouched


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_each_alone_is_what_one_after_another_is(made: tuple[Catalogue, list[str]]) -> None:
    catalogue, _ = made
    net = Net.of(catalogue)
    for kind, keys in (("link", net.edge_index), ("node", net.index)):
        rows = {row.entry: row for row in singles(net, catalogue, kind)}  # type: ignore[arg-type]
        for key in keys:
            alone, row = outcome(net, catalogue, [key]), rows.get(key)
            off = {one.family: len(one.places) for one in alone.cut_off}
            places = (row.places4, row.places6) if row else (0, 0)
            assert places == (off.get(4, 0), off.get(6, 0))
            lost = {line: set[str]() for line in ("data", "video")}
            for line in lost:
                before, after = net.view(line), net.view(line, cut=[key])  # type: ignore[arg-type]
                lost[line] = {p for p in net.places if before.serves(p) and not after.serves(p)}
            assert ((row.data, row.video) if row else (0, 0)) == (len(lost["data"]), len(lost["video"]))
            assert (row.broken if row else 0) == len(alone.broken)
            assert (row.moved if row else 0) == len(alone.moved)


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_who_has_no_spare_way_any_more(made: tuple[Catalogue, list[str]]) -> None:
    catalogue, cut = made
    net, naive = Net.of(catalogue), Naive(catalogue)
    told = {one.place: set(one.by) for one in outcome(net, catalogue, cut).exposed}
    links = [f"link/{name}" for name in naive.links]
    for node in naive.nodes:
        if node not in naive.served("", 0, cut):
            continue
        alone = {
            link
            for link in links
            if node not in naive.served("", 0, [*cut, link]) and node in naive.served("", 0, [link])
        }
        assert {key for key in told.get(f"region/r-{node}", ()) if key.startswith("link/")} == alone


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_a_whole_line_fails(made: tuple[Catalogue, list[str]]) -> None:
    catalogue, _ = made
    net, naive = Net.of(catalogue), Naive(catalogue)
    fates = {(one.place, one.family): one for one in lost_line(net, "data")}
    for node, family in itertools.product(naive.nodes, (4, 6)):
        data, video = (node in naive.served(line, family, []) for line in ("data", "video"))
        one = fates.get((f"region/r-{node}", family))
        if not (data or video):
            assert one is None
            continue
        assert one is not None
        assert (one.has, one.other) == (data, video)
        assert one.state == ("unaffected" if not data else "carried" if video else "cut_off")
        if video:
            best = min(
                c[node] for root in naive.roots if node in (c := naive.costs(root, "video", family, []))
            )
            assert one.way is not None and one.way.cost == best


def ring() -> Catalogue:
    """A core n0 and a ring n0-n1-n2-n0; the way by n2 is narrow."""
    both = {"plane": "both", "families": (4, 6)}
    links = [
        {"a": 0, "b": 1, "cost": 1, "mbps": 100, "delay": 0.1, "path": ["street"], **both},
        {"a": 1, "b": 2, "cost": 5, "mbps": 10, "delay": 2, **both},
        {"a": 2, "b": 0, "cost": 5, "mbps": 10, "delay": 3, "path": ["street"], **both},
    ]
    flows = [{"a": 1, "b": 0, "mbps": 8}, {"a": 2, "b": 0, "mbps": 4, "content": "video_conference"}]
    return world(3, [0], links, flows)


def test_the_new_way_and_what_it_costs() -> None:
    catalogue = ring()
    found = outcome(Net.of(catalogue), catalogue, ["link/l0"])
    moved = next(one for one in found.moved if one.family == 6)
    assert moved.after is not None
    assert moved.before.nodes == ("node/n1", "node/n0")
    assert moved.after.nodes == ("node/n1", "node/n2", "node/n0")
    assert (moved.after.cost, moved.after.bandwidth_mbps, moved.delay_ms) == (10, 10, 4.9)
    # Both flows count once each, although they have a way over either family: 12 Mbit/s on 10.
    (load,) = found.overloaded
    assert (load.link, load.before_mbps, load.after_mbps) == ("link/l2", 4, 12)
    assert load.flows == ["flow/f0", "flow/f1"]
    assert {key for one in found.exposed for key in one.by} >= {"link/l2"}
    assert not found.harmless


def test_a_duct_takes_all_that_runs_in_it() -> None:
    catalogue = ring()
    found = outcome(Net.of(catalogue), catalogue, ["duct/street"])
    assert [one.nodes for one in found.cut_off] == [["node/n1", "node/n2"]] * 2
    assert [one.parts for one in found.cut_off] == [[["node/n1", "node/n2"]]] * 2
    assert {one.subject for one in found.broken} == {"flow/f0", "flow/f1"}


def test_core_nodes_that_lose_each_other_are_parts() -> None:
    pairs = [("core1", "core2"), ("core1", "a"), ("core2", "b")]
    roles = {"core1": "core", "core2": "core", "a": "access", "b": "access"}
    catalogue = Catalogue(
        {
            "node": {n: Node(region="r", zone="z", role=role) for n, role in roles.items()},  # type: ignore[arg-type]
            "link": {
                f"l{i}": Link(
                    a=a, b=b, a_interface="x", b_interface="y", bandwidth_mbps=1, ipv4=f"10.0.0.{2 * i}/31"
                )
                for i, (a, b) in enumerate(pairs)
            },
        }
    )
    found = outcome(Net.of(catalogue), catalogue, ["link/l0"])
    (one,) = found.cut_off
    assert (one.family, one.nodes, one.parts) == (4, [], [["node/b", "node/core2"]])
    assert not found.harmless


def test_only_what_concerns_a_place_or_a_line() -> None:
    catalogue = ring()
    net = Net.of(catalogue)
    found = outcome(net, catalogue, ["duct/street"])
    mine = narrowed(found, net, catalogue, ["region/r-n1"], "video")
    assert [one.nodes for one in mine.cut_off] == [["node/n1"]] * 2
    assert [one.line for one in mine.lines] == ["video", "video"]
    # The flow of n1 belongs on the data line, and that on the video line is of n2.
    assert mine.broken == []


def test_what_is_not_in_the_net() -> None:
    catalogue = ring()
    with pytest.raises(KeyError, match="link/l9"):
        outcome(Net.of(catalogue), catalogue, ["link/l9"])
