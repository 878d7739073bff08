"""Entries held against each other: references, addresses, names, rings, owners."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from govcloud.errors import InputError
from govcloud.model import KINDS
from govcloud.model.catalogue import Catalogue
from govcloud.model.network import Network
from govcloud.source import Claim, check, load, merge

from .helpers import BASE, faults, loaded, make, only_fault, said

LINK = "links:\n  l: {a: core, b: edge, a_interface: eth0, b_interface: eth0, bandwidth_mbps: 10, "
SERVER = "servers:\n  s: {rack: r1, network: lan, "

# What is added to a province that is whole, and the one problem of it.
WRONG = {
    "no such entry": (
        "rooms:\n  x: {site: cd}",
        "a.yaml:2:13: room/x: `site`: no site is called 'cd'",
    ),
    "a day that no calendar has": (
        "sites:\n  x: {region: haikou, role: office, catalogued_on: 2026-02-30}",
        "a.yaml:2:52: site/x: `catalogued_on`: no calendar has 2026-02-30",
    ),
    "a leap day in another year": (
        "servers:\n  x: {rack: r1, bought_on: 2023-02-29}",
        "a.yaml:2:28: server/x: `bought_on`: no calendar has 2023-02-29",
    ),
    "the year nought": (
        "servers:\n  x: {rack: r1, bought_on: 0000-01}",
        "a.yaml:2:28: server/x: `bought_on`: no calendar has 0000-01",
    ),
    "an offset that no clock has": (
        "freezes:\n  x: {starts_at: 2026-01-01T10:00+99:00, ends_at: 2026-01-01T11:00Z}",
        "a.yaml:2:18: freeze/x: `starts_at`: no calendar has 2026-01-01T10:00+99:00",
    ),
    "none of the kind": (
        "applications:\n  x: {unit: bureau}\nclouds:\n  c: {site: dc, target: lab}",
        "a.yaml:4:25: cloud/c: `target`: no target is called 'lab' (the files have no targets at all)",
    ),
    "missing field": (
        "rooms:\n  ok: {site: dc}\n  x: {title: y}",
        "a.yaml:3:3: room/x: `site` is missing (站点: The site it is in.)",
    ),
    "empty field": (
        "rooms:\n  x: {site: ''}",
        "a.yaml:2:13: room/x: `site` is empty (站点: The site it is in.)",
    ),
    "bits behind the length": (
        LINK + "ipv4: 10.9.0.1/31}",
        "a.yaml:2:89: link/l: `ipv4`: '10.9.0.1/31' has bits behind its length (the prefix is 10.9.0.0/31)",
    ),
    "room for one": (
        LINK + "ipv6: 'fd00::1/128'}",
        "a.yaml:2:89: link/l: `ipv6`: 'fd00::1/128' has room for one address, expected at least two",
    ),
    "no prefix": (
        LINK + "ipv4: 10.9.0.0}",
        "a.yaml:2:89: link/l: `ipv4`: expected an IPv4 prefix like 10.1.0.0/24, got '10.9.0.0'",
    ),
    "the other version": (
        SERVER + "ipv4: 'fd00:1::5'}",
        "a.yaml:2:37: server/s: `ipv4`: expected an IPv4 address like 10.1.0.2, got 'fd00:1::5'",
    ),
    "address with length": (
        "nodes:\n  n: {region: haikou, zone: extranet, role: access, loopback4: 10.0.0.9/32}",
        (
            "a.yaml:2:64: node/n: `loopback4`: expected an IPv4 address like 10.1.0.2, got '10.0.0.9/32' "
            "(write it without its length)"
        ),
    ),
    "outside of the network": (
        SERVER + "ipv4: 10.2.0.5}",
        "a.yaml:2:37: server/s: `ipv4`: 10.2.0.5 is not in 10.1.0.0/24, the prefix of network lan",
    ),
    "address of the network": (
        SERVER + "ipv6: 'fd00:1::'}",
        "a.yaml:2:37: server/s: `ipv6`: fd00:1:: stands for all of fd00:1::/64, no machine can have it",
    ),
    "broadcast": (
        SERVER + "ipv4: 10.1.0.255}",
        "a.yaml:2:37: server/s: `ipv4`: 10.1.0.255 stands for all of 10.1.0.0/24, no machine can have it",
    ),
    "the gateway's address": (
        SERVER + "ipv4: 10.1.0.1}",
        "a.yaml:2:37: server/s: `ipv4`: 10.1.0.1 is already that of network/lan (its gateway)",
    ),
    "an address twice": (
        SERVER + "ipv6: 'fd00:1::5'}\n  t: {rack: r1, network: lan, ipv6: 'fd00:1:0:0::0005'}",
        "a.yaml:3:37: server/t: `ipv6`: fd00:1::5 is already that of server/s",
    ),
    "an address of a link's end": (
        LINK + "ipv4: 10.0.0.0/31}",
        "a.yaml:2:89: link/l: `ipv4`: 10.0.0.1 is already that of node/core",
    ),
    "a host's name twice": (
        "servers:\n  core: {rack: r1}",
        (
            "a.yaml:2:3: server/core: a host is called 'core' already: node/core "
            "(nodes, servers and instances share one space of names)"
        ),
    ),
    "a long interface": (
        "networks:\n  n: {gateway: core, interface: interface-sixteen}",
        "a.yaml:2:33: network/n: `interface`: 'interface-sixteen' has 17 bytes, expected at most 15",
    ),
    "a bad interface": (
        "networks:\n  n: {gateway: core, interface: eth0/1}",
        (
            "a.yaml:2:33: network/n: `interface`: 'eth0/1' cannot be the name of an interface "
            "(no spaces, quotes, braces, or any of / : * ; # $ \\, and not `lo`)"
        ),
    ),
    "an interface twice": (
        "networks:\n  n: {gateway: edge, interface: eth1}",
        (
            "base.yaml:13:35: network/lan: `interface`: interface 'eth1' of node edge is already used "
            "by network/n"
        ),
    ),
    "a link to itself": (
        "links:\n  l: {a: core, b: core, a_interface: x, b_interface: y, bandwidth_mbps: 1}",
        "a.yaml:2:19: link/l: `b`: both ends of the link are node core",
    ),
    "a ring of regions": (
        (
            "regions:\n  a: {level: city, parent: c}\n  b: {level: city, parent: a}\n"
            "  c: {level: city, parent: b}\n  d: {level: city, parent: c}"
        ),
        "a.yaml:2:28: region/a: `parent` goes in a circle: a -> c -> b -> a",
    ),
    "a reference of several kinds": (
        (
            "endpoints: {e: {application: x, instance: y, dns_zone: z, host: h}}\nflows:\n"
            "  f: {start: core, endpoint: e}"
        ),
        (
            "a.yaml:3:14: flow/f: `start`: 'core' should be node/NAME or server/NAME or instance/NAME "
            "(did you mean 'node/core'?)"
        ),
    ),
    "a wrong name of several kinds": (
        "flows:\n  f: {start: node/cor, endpoint: e}",
        "a.yaml:2:14: flow/f: `start`: no node is called 'cor' (did you mean 'node/core'?)",
    ),
    "a wrong name in a list": (
        "flows:\n  f:\n    start: node/core\n    endpoint: e\n    path:\n      - core\n      - egde\n",
        "a.yaml:7:9: flow/f: `path`: no node is called 'egde' (did you mean 'edge'?)",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, case: str) -> None:
    text, expected = WRONG[case]
    found = faults(make(tmp_path, base_yaml=BASE, a_yaml=text))
    # Flows need a whole cloud; what is missing of it is not what is looked at.
    about = [f for f in found if not any(k in f for k in ("`endpoint`", "endpoint/"))]
    assert about == [expected]


def test_one_address_in_two_zones_is_fine(tmp_path: Path) -> None:
    other = (
        "zones: {private: {role: private}}\n"
        "nodes: {far: {region: haikou, zone: private, role: access, loopback4: 10.0.0.1}}\n"
    )
    assert faults(make(tmp_path, base_yaml=BASE, a_yaml=other)) == []


def test_two_files_may_say_different_fields_of_one_entry(tmp_path: Path) -> None:
    workspace = make(
        tmp_path, base_yaml=BASE, a_yaml="rooms: {x: {site: dc}}", b_yaml="rooms: {x: {area_m2: 5}}"
    )
    files = loaded(workspace)
    assert merge(files.claims)["room", "x"] == {"site": "dc", "area_m2": 5.0}
    assert files.position("room", "x", "area_m2").path == "b.yaml"
    assert files.counts["room"] == 2


@pytest.mark.parametrize("value", ["dc", "other"])
def test_two_claimants_of_one_field_are_named_both(tmp_path: Path, value: str) -> None:
    workspace = make(
        tmp_path,
        base_yaml=BASE + "  # end\n",
        a_yaml="\nrooms: {x: {site: dc, title: t}}",
        rooms_csv=f"name,area_m2,site,title\nx,1,{value},t\n",
    )
    assert faults(workspace)[0] == (
        f"rooms.csv:2:{4 + len(value) + 2}: `title`, `site` of room/x are said by a.yaml:2 too "
        "(a field has one owner: remove it from one of the two)"
    )


def test_claims_from_elsewhere_are_merged_and_named(tmp_path: Path) -> None:
    request = Claim("room", "hall", {"site": "dc", "title": "x"}, "request:R-1")
    files = loaded(make(tmp_path, a_yaml=BASE))
    with pytest.raises(InputError) as caught:
        merge(files.claims, [request])
    assert str(caught.value.problems[0]).startswith(
        "a.yaml:7: `site` of room/hall is said by request:R-1 too"
    )


def test_files_may_refer_to_what_somebody_else_holds(tmp_path: Path) -> None:
    workspace = make(tmp_path, base_yaml=BASE, a_yaml="rooms: {x: {site: asked}, y: {title: t}}")
    assert len(faults(workspace)) == 2
    others = [
        Claim("site", "asked", {"region": "haikou", "role": "office"}, "request:R-1"),
        Claim("room", "y", {"site": "dc"}, "request:R-2"),
    ]
    files = load(workspace, others=others)
    assert files.counts["room"] == 3
    assert "asked" not in {c.name for c in files.claims}
    catalogue = check(merge(files.claims, others), files)
    assert catalogue.find("site", "asked") is not None
    assert len(faults(workspace)) == 2  # the verdict with others is not remembered for the files alone


def test_check_gives_typed_entries_with_defaults(tmp_path: Path) -> None:
    files = loaded(make(tmp_path, a_yaml=BASE))
    catalogue = check(merge(files.claims), files)
    assert catalogue.all(Network)["lan"].cloud == ""


def test_check_judges_what_no_file_said() -> None:
    proposed = {
        ("region", "x"): {"level": "cty", "colour": 1},
        ("regoin", "y"): {},
        ("rack", "z"): {},
    }
    with pytest.raises(InputError) as caught:
        check(proposed)
    assert [p.message for p in caught.value.problems] == [
        "region/x: `level`: expected one of province, city, county, town or village, got the text 'cty'",
        "region/x: no field is called 'colour'",
        "regoin/y: no kind is called 'regoin'",
        "rack/z: `room` is missing",
    ]


def test_the_position_of_entries_and_fields(tmp_path: Path) -> None:
    files = loaded(make(tmp_path, a_yaml=BASE))
    entry = files.position("network", "lan")
    assert (entry.path, entry.line, entry.column) == ("a.yaml", 13, 3)
    assert files.position("network", "lan", "interface").column == 35
    assert files.position("network", "lan", "cloud").column == 3  # not said: where the entry is
    assert files.position("network", "nowhere").path == ""


def test_many_wrong_names_do_not_take_long(tmp_path: Path) -> None:
    rows = "".join(f"s{n},rack-{n}\n" for n in range(3_000))
    racks = "".join(f"rack.{n},hall\n" for n in range(20_000))
    workspace = make(
        tmp_path, base_yaml=BASE, servers_csv="name,rack\n" + rows, racks_csv="name,room\n" + racks
    )
    found = faults(workspace)
    assert len(found) == 3_000
    assert "did you mean" in found[0]


def test_nothing_is_a_whole_workspace(tmp_path: Path) -> None:
    assert said(make(tmp_path)) == {}
    assert only_fault(make(tmp_path, a_yaml="rooms: {x: {site: y}}"))


def test_a_wrong_field_hides_no_missing_one(tmp_path: Path) -> None:
    """Every fault of an entry is told in one run; a field that is only misspelt is not missing too."""
    text = "links:\n  x: {a: 1, b: n, a_interface: e0, bandwith_mbps: 3}\nnodes:\n  n: {zone: 5, region: r}\n"
    found = faults(make(tmp_path, a_yaml=text))
    assert any("`b_interface` is missing" in f for f in found)
    assert any("`role` is missing" in f for f in found)
    assert any("did you mean 'bandwidth_mbps'?" in f for f in found)
    assert not any("`bandwidth_mbps` is missing" in f or "`zone` is missing" in f for f in found)


def test_checks_read_the_kinds_that_they_say_and_no_others() -> None:
    """The others are not kept while a million entries are judged, so a check would not see them."""
    from govcloud.source.checks import CHECKS, READ

    asked: set[str] = set()

    class Spy(Catalogue):
        def all(self, cls: Any) -> Any:
            asked.add(cls.KIND)
            return super().all(cls)

        def table(self, kind: str) -> Any:
            asked.add(kind)
            return super().table(kind)

        def find(self, kind: str, name: str) -> Any:
            asked.add(kind)
            return super().find(kind, name)

    node = msgspec.convert({"region": "r", "zone": "z", "role": "core"}, KINDS["node"])
    network = msgspec.convert({"gateway": "n", "interface": "x", "ipv4": "10.0.0.0/24"}, KINDS["network"])
    said = {"application": "a", "instance": "i", "dns_zone": "z", "host": "www", "certificate": "c"}
    endpoint = msgspec.convert(said, KINDS["endpoint"])
    tables = {"node": {"n": node}, "network": {"w": network}, "endpoint": {"e": endpoint}}
    for name, holder in (("p", "private_network/x"), ("q", "region/r")):
        said = {"prefix": "10.0.0.0/8", "vrf": "v", "holder": holder}
        tables.setdefault("prefix", {})[name] = msgspec.convert(said, KINDS["prefix"])
    for one in CHECKS:
        list(one(Spy(tables)))
    assert asked == READ
