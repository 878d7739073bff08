"""How a catalogue becomes a net: planes, families, places and what they hang on, groups, ways, losses."""

from __future__ import annotations

from typing import Any

import pytest

from govcloud.model.catalogue import Catalogue
from govcloud.topology import V4, V6, Net

NODE = {"region": "hainan", "zone": "extranet", "role": "access"}


def link(a: str, b: str, **said: Any) -> dict[str, Any]:
    return {
        "a": a,
        "b": b,
        "a_interface": f"to-{b}",
        "b_interface": f"to-{a}",
        "bandwidth_mbps": 1000,
        **said,
    }


# Two core nodes, a city on a data and a video line of different ducts, a town behind it.
BASE: dict[str, dict[str, Any]] = {
    "zone": {"extranet": {"role": "extranet"}, "water": {"role": "private"}},
    "region": {
        "hainan": {"level": "province"},
        "qionghai": {"level": "city", "parent": "hainan"},
        "boao": {"level": "town", "parent": "qionghai"},
    },
    "node": {
        "core-1": {**NODE, "role": "core"},
        "core-2": {**NODE, "role": "core"},
        "city": {**NODE, "region": "qionghai", "loopback4": "10.0.0.3", "loopback6": "2001:db8::3"},
        "town": {**NODE, "region": "boao"},
        "water": {**NODE, "zone": "water"},
    },
    "link": {
        "core": link("core-1", "core-2", ipv4="10.1.0.0/31"),
        "data": link(
            "core-1", "city", plane="data", path=["rail"], ipv4="10.1.0.2/31", ipv6="2001:db8:1::/127"
        ),
        "video": link("core-2", "city", plane="video", path=["road"], ipv4="10.1.0.4/31", cost=5),
        "town": link("city", "town", ipv4="10.1.0.6/31", carrier="east", circuit="lease"),
        "spare": link("city", "town", cost=90, ipv4="10.1.0.8/31", carrier="east", path=["road"]),
    },
    "circuit": {"lease": {"zone": "extranet"}},
    "site": {"hall": {"region": "boao", "role": "office"}, "school": {"region": "boao", "role": "office"}},
    "room": {"hall": {"site": "hall"}},
    "rack": {"hall": {"room": "hall"}},
    "network": {"desks": {"gateway": "town", "interface": "lan", "ipv4": "10.2.0.0/24"}},
    "server": {"desk": {"rack": "hall", "network": "desks"}},
    "exit": {
        "east": {"role": "province", "node": "core-1"},
        "old": {"role": "province", "node": "core-1", "status": "retired"},
    },
}


def net(**more: dict[str, dict[str, Any]]) -> Net:
    entries = {kind: dict(table) for kind, table in BASE.items()}
    for kind, table in more.items():
        entries[kind] = entries.get(kind, {}) | table
    return Net.of(catalogue(entries))


def catalogue(entries: dict[str, dict[str, Any]]) -> Catalogue:
    flat = {(kind, name): fields for kind, table in entries.items() for name, fields in table.items()}
    return Catalogue.of(flat)


def test_a_plane_and_a_family_see_their_own_links() -> None:
    here = net()
    names = lambda view: {here.edges[n].entry for n in view.edges}  # noqa: E731
    assert names(here.view("data")) == {"link/core", "link/data", "link/town", "link/spare"}
    assert names(here.view("video")) == {"link/core", "link/video", "link/town", "link/spare"}
    assert names(here.view(family=6)) == {"link/data"}
    assert names(here.view("video", 6)) == set()
    assert here.view("data") is here.view("data")
    assert here.families[here.index["node/city"]] == V4 | V6


def test_places_hang_on_their_nodes_networks_and_circuits() -> None:
    circuits = {
        "school": {"zone": "extranet", "line": "video", "site": "school", "node": "city"},
        "school-data": {"zone": "extranet", "site": "school"},
        "planned": {"zone": "extranet", "unit": "ministry", "node": "city", "status": "planned"},
    }
    here = net(circuit=circuits)
    hall = here.places["site/hall"]
    assert [(here.nodes[h.node], h.entry, h.own, h.families) for h in hall.hangs] == [
        ("node/town", "network/desks", True, V4)
    ]
    school = here.places["site/school"]
    assert [(here.nodes[h.node], h.entry, h.own) for h in school.hangs] == [
        ("node/city", "circuit/school", False)
    ]
    assert school.circuits == ("school", "school-data") and school.sort == "office"
    assert "unit/ministry" not in here.places
    assert here.places["region/boao"].sort == "town"
    assert "exit/east" in here.places and "exit/old" not in here.places
    assert not here.view("data").serves("site/school") and here.view("video").serves("site/school")
    assert "site/school" in here.view("data").unserved()


def test_a_circuit_that_is_a_places_only_line_cuts_it_off() -> None:
    here = net(circuit={"school": {"zone": "extranet", "line": "video", "site": "school", "node": "city"}})
    assert here.cuts().of("site/school") == ["circuit/school", "node/city"]
    assert here.lost({"circuit/school"}) == ["site/school"]


def test_what_is_cut_may_be_a_link_a_node_or_what_several_share() -> None:
    here = net()
    behind = ["region/boao", "site/hall"]
    assert here.lost({"link/town"}) == []
    assert here.lost({"circuit/lease"}) == []
    assert here.lost({"link/town", "link/spare"}) == behind
    assert here.lost({"carrier/east"}) == behind
    assert here.lost({"node/city"}) == [*behind[:1], "region/qionghai", *behind[1:]]
    assert here.lost({"duct/road"}) == []
    assert here.lost({"duct/road"}, plane="video") == [*behind[:1], "region/qionghai", *behind[1:]]
    with pytest.raises(KeyError, match="link/nowhere"):
        here.view(cut={"link/nowhere"})


def test_a_place_without_a_core_node_is_served_by_nobody() -> None:
    here = net(node={n: {**NODE} for n in ("core-1", "core-2")})
    assert here.view().reached() == set()
    assert here.cuts().points() == [] and here.cuts().of("region/boao") == []
    assert here.view().reached("node/town") == {f"node/{n}" for n in ("core-1", "core-2", "city", "town")}


def test_ways_are_told_with_the_links_between() -> None:
    view = net().view()
    assert view.path("node/core-1", "site/hall") == [
        *("node/core-1", "link/data", "node/city", "link/town", "node/town", "site/hall")
    ]
    assert view.path("node/core-1", "node/city", by_cost=True) == ["node/core-1", "link/data", "node/city"]
    assert view.path("node/core-1", "node/water") == []
    assert view.path("node/city", "node/city") == ["node/city"]
    way = view.to_root("site/hall")
    assert way[0] in ("node/core-1", "node/core-2")
    assert way[2:] == ["node/city", "link/town", "node/town", "site/hall"]
    assert view.to_root("site/hall", 1) == ["...", "node/city", "link/town", "node/town", "site/hall"]
    assert view.to_root("node/water") == []
    assert view.disjoint("node/core-1", "node/town", 2) and not view.disjoint("node/core-1", "node/town", 3)


def test_zones_bound_a_view() -> None:
    here = net(link={"leak": link("town", "water")})
    assert "node/water" in here.view().reached()
    assert "node/water" not in here.view(zones={"extranet"}).reached()


def test_a_link_without_two_ends_is_no_edge() -> None:
    here = net(link={"nowhere": link("city", "atlantis"), "ring": link("city", "city")})
    assert {"link/nowhere", "link/ring"}.isdisjoint(here.edge_index)


def test_a_link_that_carries_nothing_is_no_edge() -> None:
    here = net(
        circuit={"lease": {"zone": "extranet", "status": "planned"}},
        interface={"shut": {"device": "node/core-2", "port": "to-city", "enabled": False}},
    )
    assert here.edge_index.keys() == {"link/core", "link/data", "link/spare"}
    # Of two ways one is left.
    assert here.cuts().of("region/qionghai") == ["link/data", "node/core-1"]
    other: dict[str, dict[str, Any]] = {
        "circuit": {"lease": {"zone": "extranet", "status": "rebuilding"}},
        "interface": {"shut": {"device": "node/core-2", "port": "elsewhere", "enabled": False}},
    }
    assert net(**other).edge_index == net().edge_index
