"""Single points of failure, against a model that takes each thing away and looks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govcloud.model.catalogue import Catalogue
from govcloud.model.network import Link, Node, Zone
from govcloud.model.organisation import Region
from govcloud.topology import Net, groups
from govcloud.topology.cuts import Cuts


def net_of(roles: list[str], pairs: list[tuple[int, int, str, tuple[str, ...]]], regions: list[int]) -> Net:
    """A net of nodes with these roles; ``regions``: the region of each node; links with plane and ducts."""
    nodes = {
        f"n{i}": Node(region=f"r{regions[i]}", zone="extranet", role=role)  # type: ignore[arg-type]
        for i, role in enumerate(roles)
    }
    links = {
        f"l{i}": Link(
            a=f"n{a}",
            b=f"n{b}",
            a_interface=f"x{i}",
            b_interface=f"y{i}",
            bandwidth_mbps=1,
            plane=plane,  # type: ignore[arg-type]
            path=list(ducts),
        )
        for i, (a, b, plane, ducts) in enumerate(pairs)
    }
    return Net.of(
        Catalogue(
            {
                "zone": {"extranet": Zone(role="extranet")},
                "region": {f"r{r}": Region(level="town") for r in set(regions)},
                "node": nodes,
                "link": links,
            }
        )
    )


@st.composite
def nets(draw: st.DrawFn) -> Net:
    size = draw(st.integers(1, 9))
    number = st.integers(0, size - 1)
    pairs = draw(
        st.lists(
            st.tuples(
                number,
                number,
                st.sampled_from(["both", "data", "video"]),
                st.sets(st.sampled_from("abc"), max_size=2).map(lambda s: tuple(sorted(s))),
            ),
            max_size=14,
        )
    )
    roles = draw(st.lists(st.sampled_from(["core", "access", "access"]), min_size=size, max_size=size))
    regions = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))
    return net_of(roles, pairs, regions)


@given(nets(), st.sampled_from([None, "data", "video"]))
def test_what_cuts_is_what_is_missed_when_it_is_gone(net: Net, plane: object) -> None:
    view, cuts = net.view(plane), net.cuts(plane)  # type: ignore[arg-type]
    entries = [*net.nodes, *(e.entry for e in net.edges)]
    for key, place in net.places.items():
        found = set(cuts.of(key))
        if not view.serves(key):
            assert not found
            continue
        reached = {h.node for h in place.hangs if h.node in view.numbers}
        own = {net.nodes[n] for n in reached} if len(reached) == 1 else set()
        missed = {e for e in entries if not net.view(plane, cut={e}).serves(key)}  # type: ignore[arg-type]
        assert found == missed - own
        assert cuts.of(key, 1) == cuts.of(key)[:1]
        groups = {g for g, members in net.groups.items() if len(members) > 1}
        lost = {g for g in groups if not net.view(plane, cut={g}).serves(key)}  # type: ignore[arg-type]
        assert set(cuts.groups_of(key)) == lost


@given(nets())
def test_very_large_groups_are_looked_at_whole_and_say_the_same(net: Net) -> None:
    found = {key: Cuts(net.view()).groups_of(key) for key in net.places}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "PIECES", 0)
        assert {key: Cuts(net.view()).groups_of(key) for key in net.places} == found


def test_a_duct_costs_what_it_cuts_off_and_no_look_at_the_whole_net(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    monkeypatch.setattr(Cuts, "_missed", lambda _self, _numbers, block: looked.append(block) or [])
    towns = 300
    pairs = [(0, 1, "both", ()), (0, 2, "both", ())]
    for town in range(towns):
        # Every second town has each of its two links in a duct of its own.
        ducts = (f"d{town}", f"d{town}" if town % 2 else f"e{town}")
        pairs += [(1 + end, 3 + town, "both", (ducts[end],)) for end in (0, 1)]
    net = net_of(["core", *["access"] * (towns + 2)], pairs, [0, 0, 0, *range(1, towns + 1)])
    cuts = net.cuts()
    for town in range(towns):
        assert cuts.groups_of(f"region/r{town + 1}") == ([f"duct/d{town}"] if town % 2 else [])
    assert not looked


@given(nets())
def test_points_cut_some_node_off(net: Net) -> None:
    before = net.view().reached()
    expected = {
        e
        for e in [*net.nodes, *(edge.entry for edge in net.edges)]
        if before - net.view(cut={e}).reached() - {e}
    }
    assert set(net.cuts().points()) == expected


@given(nets(), st.integers(1, 4), st.data())
def test_ways_without_a_common_edge_are_as_many_as_cuts_allow(
    net: Net, ways: int, data: st.DataObject
) -> None:
    from itertools import combinations

    start, goal = data.draw(st.sampled_from(net.nodes)), data.draw(st.sampled_from(net.nodes))
    links = [e.entry for e in net.edges]
    # Menger: so many ways there are if no fewer edges, taken away, leave none.
    survives = all(
        start == goal or goal in net.view(cut=set(gone)).reached(start)
        for few in range(ways)
        for gone in combinations(links, few)
        if few <= 2
    )
    if ways <= 3:
        assert net.view().disjoint(start, goal, ways) == survives
    elif not survives:
        assert not net.view().disjoint(start, goal, ways)
