"""`govcloud network whatif` as it is typed, where nothing is cut for real."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.test_json_keys import first, keys_of

Cli = Callable[..., Any]
WHATIF = ("network", "whatif", "--files")


LOOPBACKS = {"city": "10.3.0.1", "east": "10.3.0.2", "west": "10.3.0.3"}
NODE = {"zone": "z", "role": "access"}
MACHINE = {"project": "p", "flavor": "f", "image": "i"}


def link(a: str, b: str, plane: str, cost: int, mbps: int, number: int) -> dict[str, Any]:
    ends = {"a": a, "b": b, "a_interface": f"{b}-{number}", "b_interface": f"{a}-{number}"}
    return {**ends, "plane": plane, "cost": cost, "bandwidth_mbps": mbps, "ipv4": f"10.2.0.{2 * number}/31"}


#   core ==== city --- east      trunk-data and trunk-video, then a ring of three
#               \       |
#                \---- west
TABLES: dict[str, dict[str, Any]] = {
    "regions": {n: {"level": "town"} for n in ("core", "city", "east", "west")},
    "units": {"bureau": {"region": "core"}},
    "zones": {"z": {"role": "extranet"}},
    "sites": {"dc": {"region": "core", "role": "datacentre"}},
    "rooms": {"room": {"site": "dc"}},
    "racks": {"rack": {"room": "room"}},
    "nodes": {
        "core": {**NODE, "region": "core", "role": "core", "loopback4": "10.3.0.9"},
        **{n: {**NODE, "region": n, "loopback4": a} for n, a in LOOPBACKS.items()},
    },
    "links": {
        "trunk-data": link("core", "city", "data", 10, 1000, 1),
        "trunk-video": link("core", "city", "video", 20, 1000, 2),
        "city-east": link("city", "east", "both", 5, 1000, 3),
        "city-west": link("city", "west", "both", 5, 100, 4),
        "east-west": link("east", "west", "both", 10, 100, 5),
    },
    "networks": {
        "app": {"gateway": "core", "interface": "app", "ipv4": "10.1.0.0/24", "cloud": "c"},
        "east": {"gateway": "east", "interface": "lan", "ipv4": "10.0.1.0/24"},
        "west": {"gateway": "west", "interface": "lan", "ipv4": "10.0.2.0/24"},
    },
    "servers": {
        "dns": {"rack": "rack", "network": "app", "ipv4": "10.1.0.53"},
        "east-desk": {"rack": "rack", "network": "east", "ipv4": "10.0.1.9"},
        "west-desk": {"rack": "rack", "network": "west", "ipv4": "10.0.2.9"},
    },
    "clouds": {"c": {"site": "dc"}},
    "projects": {"p": {"cloud": "c", "unit": "bureau"}},
    "flavors": {"f": {"vcpus": 1, "memory_mib": 1, "disk_gib": 1}},
    "images": {"i": {"os": "linux"}},
    "instances": {"web": {**MACHINE, "network": "app", "ipv4": "10.1.0.9"}},
    "dns_zones": {"d": {"domain": "gov.example", "servers": ["dns"]}},
    "applications": {"a": {"unit": "bureau"}},
    "endpoints": {"e": {"application": "a", "instance": "web", "dns_zone": "d", "host": "www"}},
    "flows": {
        "east-web": {"start": "server/east-desk", "endpoint": "e", "ip_versions": [4], "bandwidth_mbps": 50},
        "meeting": {
            "start": "server/west-desk",
            "endpoint": "e",
            "ip_versions": [4],
            "bandwidth_mbps": 80,
            "content": "video_conference",
        },
    },
}


def write(root: Path, **changes: dict[str, Any]) -> Path:
    """A workspace with the tables, and more entries in some of them."""
    root.mkdir(exist_ok=True)
    tables = {**TABLES, **{name: {**TABLES.get(name, {}), **more} for name, more in changes.items()}}
    (root / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    (root / "base.yaml").write_text(json.dumps(tables))
    return root


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("whatif"))


def keys_fit(written: dict[str, Any], command: str) -> None:
    wanted = keys_of(command)
    assert set(written) == set(wanted)
    for key, within in wanted.items():
        if within:
            assert set(first(written[key])) == within, key


def test_a_cut(cli: Cli, city: Path) -> None:
    done = cli(*WHATIF, "--cut", "link/city-east", "--json", cwd=city)
    assert done.code == 0, done
    found = done.json
    (moved,) = found["moved"]
    assert (moved["subject"], moved["family"], moved["line"]) == ("flow/east-web", 4, "data")
    assert moved["after"]["nodes"] == ["node/east", "node/west", "node/city", "node/core"]
    assert (moved["before"]["cost"], moved["after"]["cost"], moved["after"]["bandwidth_mbps"]) == (
        15,
        25,
        100,
    )
    (load,) = found["overloaded"]
    assert (load["link"], load["before_mbps"], load["after_mbps"]) == ("link/city-west", 80, 130)
    assert {one["place"] for one in found["exposed"]} == {"region/east", "region/west"}
    assert found["measured"] is None and found["cut_off"] == [] and found["untouched"] == 1

    words = cli(*WHATIF, "--cut", "link/city-east", cwd=city).out
    assert "nobody is cut off" in words
    assert "link/city-west carries 100 Mbit/s and would have to carry 130 (before: 80)" in words
    assert "east > city > core → east > west > city > core" in words


def test_keys_are_those_of_the_table(cli: Cli, city: Path) -> None:
    node = cli(*WHATIF, "--cut", "node/city", "--json", cwd=city).json
    link = cli(*WHATIF, "--cut", "link/city-east", "--json", cwd=city).json
    # What is empty in the one is filled by the other.
    keys_fit({key: node[key] or link[key] for key in node}, "network whatif --cut KIND/NAME")
    keys_fit(cli(*WHATIF, "--each", "node", "--json", cwd=city).json, "network whatif --each link")
    keys_fit(cli(*WHATIF, "--line", "data", "--json", cwd=city).json, "network whatif --line data")
    keys_fit(cli("network", "whatif", "--restore", "--json", cwd=city).json, "network whatif --restore")


def test_a_node_takes_what_hangs_on_it(cli: Cli, city: Path) -> None:
    found = cli(*WHATIF, "--cut", "node/city", "--json", cwd=city).json
    (off,) = found["cut_off"]
    assert (off["family"], off["nodes"]) == (4, ["node/east", "node/west"])
    assert off["parts"] == [["node/east", "node/west"]]
    assert off["machines"] == ["server/east-desk", "server/west-desk"]
    assert [one["subject"] for one in found["broken"]] == ["flow/east-web", "flow/meeting"]
    mine = cli(*WHATIF, "--cut", "node/city", "--site", "east", "--line", "data", "--json", cwd=city).json
    assert mine["cut_off"][0]["places"] == ["region/east"]
    assert [(one["line"], one["cut_off"]) for one in mine["lines"]] == [("data", ["region/east"])]
    assert [one["subject"] for one in mine["broken"]] == ["flow/east-web"]


def test_each(cli: Cli, city: Path) -> None:
    found = cli(*WHATIF, "--each", "node", "--most", "1", "--json", cwd=city).json
    (worst,) = found["singles"]
    assert (worst["entry"], worst["broken"], worst["places6"]) == ("node/core", 2, 0)
    assert (found["harmful"], found["more"]) == (4, 3)
    words = cli(*WHATIF, "--each", "link", cwd=city).out
    assert "no link alone cuts anybody off" in words


def test_a_whole_line(cli: Cli, city: Path, tmp_path: Path) -> None:
    done = cli(*WHATIF, "--line", "data", "--site", "region/east", "--json", cwd=city)
    (fate,) = done.json["places"]
    assert done.code == 0 and fate["state"] == "carried" and fate["shared"] == ["node/city", "node/core"]
    assert fate["way"]["links"] == ["link/city-east", "link/trunk-video"]
    only = {"trunk-video": {**TABLES["links"]["trunk-video"], "plane": "data"}}
    done = cli(*WHATIF, "--line", "data", cwd=write(tmp_path / "only", links=only))
    assert done.code == 3, done
    assert "3 places would be cut off without the data line: region/city, region/east" in done.out


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ([], "nothing to ask"),
        (["--cut", "link/trunk-dta"], "did you mean link/trunk-data?"),
        (["--cut", "link/none-of-it", "--cut", "node/nor-this"], "node/nor-this is not in the net"),
        (["--line", "data", "--site", "atlantis"], "atlantis hangs on no node"),
        (["--each", "link", "--cut", "link/trunk-data"], "not with --cut"),
        (["--line", "data", "--measure"], "needs to know what to cut"),
        (["--line", "data", "--silent", "--yes"], "--silent goes with --measure"),
        (["--restore", "--line", "data"], "goes alone"),
    ],
)
def test_what_cannot_be_asked(cli: Cli, city: Path, typed: list[str], words: str) -> None:
    done = cli("network", "whatif", *typed, *([] if "--restore" in typed else ["--files"]), cwd=city)
    assert done.code == 2 and words in done.err, done


def test_what_a_reader_may_not_see_is_not_named(cli: Cli, tmp_path: Path) -> None:
    boss = {"persons": ["li"], "permissions": ["administer", "read_classified", "apply"]}
    write(
        tmp_path,
        persons={"li": {"unit": "bureau", "duty": "staff", "accounts": ["somebody-else"]}},
        roles={"boss": boss},
        zones={"z": {"role": "intranet"}},
        flows={"meeting": {**TABLES["flows"]["meeting"], "classified": True}},
    )
    done = cli("apply", "--yes")
    assert done.code == 0, done
    found = cli("network", "whatif", "--cut", "link/city-west", "--json")
    assert found.code == 0, found
    (moved,) = found.json["moved"]
    assert moved["subject"] == "(classified)" and "meeting" not in found.out
    # Nor guessed, where a name is nearly typed right.
    from govcloud.cli import network_whatif
    from govcloud.errors import InputError
    from govcloud.model.catalogue import Catalogue
    from govcloud.model.network import Node
    from govcloud.topology import Net

    nodes = Catalogue({"node": {"bunker": Node(region="r", zone="z", role="access")}})
    with pytest.raises(InputError) as told:
        network_whatif._outcome(nodes, Net.of(nodes), ("node/bunkre",), [], None, frozenset({"node/bunker"}))
    assert "bunker" not in (told.value.problems[0].hint or "")
    refused = cli("network", "whatif", "--cut", "link/city-west", "--measure", "--yes")
    assert refused.code == 4 and "`apply` is missing" in refused.err
