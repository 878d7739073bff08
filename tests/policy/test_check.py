"""``govcloud check`` as it is typed: findings and places, exit codes, broken input, what others say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from govcloud.policy import decided
from govcloud.policy.standing import lacking
from tests.stories.people import granted

Cli = Callable[..., Any]
# The rules of the network: of a few nodes and lines they can all be kept.
NETWORK = [word for id in decided() if id.startswith(("N-", "net-")) for word in ("--rule", id)]


def node(region: str, role: str, number: int) -> dict[str, Any]:
    """A node of the extranet, with a loopback of either version."""
    loopbacks = {"loopback4": f"192.0.2.{number}", "loopback6": f"2001:db8::{number}"}
    return {"region": region, "zone": "extranet", "role": role, **loopbacks}


# A core, a town on two lines, and its station.
BASE: dict[str, Any] = {
    "regions": {
        "hainan": {"level": "province", "code": "460000"},
        "boao": {"level": "town", "parent": "hainan"},
    },
    "zones": {"extranet": {"role": "extranet"}},
    "nodes": {
        "core": node("hainan", "core", 1),
        "spare": node("hainan", "core", 2),
        "boao": node("boao", "access", 3),
    },
    "links": {
        "data": {
            "a": "core",
            "b": "boao",
            "a_interface": "boao",
            "b_interface": "core",
            "plane": "data",
            "bandwidth_mbps": 100,
            "ipv6": "2001:db8:0:1::/127",
        },
        "video": {
            "a": "spare",
            "b": "boao",
            "a_interface": "boao",
            "b_interface": "spare",
            "plane": "video",
            "bandwidth_mbps": 100,
            "ipv6": "2001:db8:0:2::/127",
        },
        "core": {
            "a": "core",
            "b": "spare",
            "a_interface": "spare",
            "b_interface": "core",
            "bandwidth_mbps": 1000,
            "ipv6": "2001:db8:0:3::/127",
        },
    },
    "exits": {
        f"exit-{n}": {"role": "province", "direction": n, "node": node}
        for n, node in (("east", "core"), ("west", "spare"), ("north", "boao"))
    },
}


def workspace(root: Path, **tables: dict[str, Any]) -> Path:
    root.mkdir(exist_ok=True)
    (root / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n", encoding="utf-8")
    base = {kind: dict(table) for kind, table in BASE.items()}
    for kind, table in tables.items():
        base[kind] = base.get(kind, {}) | table
    (root / "net.yaml").write_text(yaml.safe_dump(base, allow_unicode=True, sort_keys=False), "utf-8")
    return root


def line_of(root: Path, text: str, nth: int = 0) -> int:
    lines = (root / "net.yaml").read_text(encoding="utf-8").splitlines()
    return [n for n, line in enumerate(lines, 1) if text in line][nth]


def test_a_net_that_keeps_the_rules_has_no_findings(cli: Cli, tmp_path: Path) -> None:
    root = workspace(tmp_path / "w")
    done = cli("check", *NETWORK, "--as-of", "2026-11-01", cwd=root)
    assert (done.code, done.err) == (0, ""), done
    assert done.out == "as of 2026-11-01: no findings\n"
    assert not (root / ".govcloud" / "ledger.db").exists()


def test_findings_have_entry_field_place_source_way_and_cure(cli: Cli, tmp_path: Path) -> None:
    slow = {**BASE["links"]["video"], "bandwidth_mbps": 30, "path": ["old-road"]}
    root = workspace(
        tmp_path / "w", links={"video": slow, "data": {**BASE["links"]["data"], "path": ["old-road"]}}
    )
    done = cli("check", *NETWORK, "--json", "--as-of", "2026-11-01", cwd=root)
    assert done.code == 4, done
    assert done.json["as_of"] == "2026-11-01"
    (finding,) = done.json["findings"]
    assert finding == {
        "rule": "N-15",
        "verdict": "deny",
        "strength": "flat",
        "entry": "region/boao",
        "field": "",
        "path": "net.yaml",
        "line": line_of(root, "  boao:"),
        "message": "its two lines do not back each other up: both run in duct/old-road",
        "witness": ["node/spare", "link/video", "node/boao", "region/boao", "link/data"],
        "source": "001:L240 [互为备份]",
        "cure": "lead one of them another way",
        "waiver": "",
        "waived": None,
    }
    text = cli("check", "--rule", "N-15", "--as-of", "2026-11-01", cwd=root)
    assert text.code == 4
    assert f"  denied  region/boao: {finding['message']}  net.yaml:{finding['line']}" in text.out
    way = "node/spare link/video node/boao region/boao link/data"
    assert f"      by {way}\n      cure: lead one of them another way\n" in text.out
    # The same finding of a slow line, at its field.
    both = {k: {**BASE["links"][k], "bandwidth_mbps": 30} for k in ("data", "video")}
    root = workspace(tmp_path / "slow", links=both)
    (slow_one, *_) = cli("check", "--json", "--rule", "N-11", cwd=root).json["findings"]
    assert (slow_one["entry"], slow_one["field"]) == ("link/video", "bandwidth_mbps")
    assert slow_one["line"] == line_of(root, "bandwidth_mbps: 30", 1)


def test_a_day_decides_what_is_due(cli: Cli, tmp_path: Path) -> None:
    root = workspace(tmp_path / "w", exits={"exit-north": {"role": "province", "direction": "east"}})
    assert cli("check", "--rule", "N-21", "--as-of", "2019-12-31", cwd=root).code == 0
    assert cli("check", "--rule", "N-21", "--as-of", "2020-01-01", cwd=root).code == 3
    wrong = cli("check", "--as-of", "2026-02-30", cwd=root)
    assert wrong.code == 2 and "no day of the calendar" in wrong.err


def test_flags_alone_stop_nothing(cli: Cli, tmp_path: Path) -> None:
    bare = {k: v for k, v in BASE["nodes"]["boao"].items() if k != "loopback6"}
    root = workspace(tmp_path / "w", nodes={"boao": bare})
    done = cli("check", *NETWORK, cwd=root)
    assert done.code == 0, done
    assert "node/boao: a node of the extranet without an IPv6 address" in done.out
    assert "2 findings: 2 flagged" in done.out


def test_a_rule_that_nobody_knows(cli: Cli, tmp_path: Path) -> None:
    root = workspace(tmp_path / "w", private_networks={"mobile": {"type": "mobile", "acquisition": "own"}})
    done = cli("check", "--rule", "N-15", "--rule", "N-77", cwd=root)
    assert done.code == 2
    assert "N-77 is no rule" in done.err
    # What is judged and does not count as decided tells what it finds all the same.
    assert "N-18" in lacking()
    told = cli("check", "--rule", "N-18", "--json", cwd=root)
    assert told.code == 4 and {one["rule"] for one in told.json["findings"]} == {"N-18"}


BROKEN = [
    ({"links": {"data": {**BASE["links"]["data"], "b": "baoo"}}}, "`b`: no node is called 'baoo'", "b: baoo"),
    ({"nodes": {"boao": {**BASE["nodes"]["boao"], "platform": "vpr"}}}, "'vpr'", "platform: vpr"),
    ({"links": {"data": {**BASE["links"]["data"], "plane": "voice"}}}, "'voice'", "plane: voice"),
    ({"links": {"data": {**BASE["links"]["data"], "b": "core"}}}, "core", "b: core"),
]


@pytest.mark.parametrize(("tables", "words", "at"), BROKEN, ids=["nowhere", "platform", "plane", "itself"])
def test_broken_input_is_told_with_its_place(
    cli: Cli, tmp_path: Path, tables: dict[str, Any], words: str, at: str
) -> None:
    root = workspace(tmp_path / "w", **tables)
    done = cli("check", cwd=root)
    assert done.code == 2, done
    assert words in done.err and f"net.yaml:{line_of(root, at)}" in done.err


def test_two_sides_that_do_not_fit_are_findings(cli: Cli, tmp_path: Path) -> None:
    root = workspace(
        tmp_path / "w",
        zones={"water": {"role": "private"}},
        nodes={
            "water": {"region": "boao", "zone": "water", "role": "border"},
            "boao": {**BASE["nodes"]["boao"], "vendor": "Huawai"},
        },
        links={
            "water": {
                "a": "boao",
                "b": "water",
                "a_interface": "water",
                "b_interface": "boao",
                "bandwidth_mbps": 100,
            }
        },
        interfaces={
            "near": {"device": "node/core", "port": "boao", "mtu": 9000},
            "far": {"device": "node/boao", "port": "core"},
        },
        circuits={
            "one": {"zone": "extranet", "backs_up": "two", "ipv6": "confirmed"},
            "two": {"zone": "extranet", "line": "video", "ipv6": "confirmed"},
        },
    )
    only = [
        word for rule in ("net-ends", "net-zones", "net-backing", "net-platform") for word in ("--rule", rule)
    ]
    done = cli("check", "--json", *only, cwd=root)
    assert done.code == 4, done
    told = {f["rule"]: (f["entry"], f["field"], f["message"]) for f in done.json["findings"]}
    assert told == {
        "net-ends": ("interface/far", "mtu", "its ends differ in MTU: 9000 at core, 1500 at boao"),
        "net-zones": (
            "link/water",
            "a",
            "joins zone/extranet and zone/water, and no boundary or exchange is declared there",
        ),
        "net-backing": ("circuit/one", "backs_up", "backs up circuit/two, which backs up none"),
        "net-platform": ("node/boao", "vendor", "nobody knows how to configure devices of Huawai"),
    }


def test_what_the_ledger_says_beside_the_files_is_judged_too(cli: Cli, tmp_path: Path) -> None:
    root = workspace(tmp_path / "w")
    assert cli("apply", "--yes", cwd=root).code == 0
    network = {"type": "mobile", "acquisition": "own"}
    granted(root, "7", {("private_network", "own-mobile"): network})
    done = cli("check", "--json", "--rule", "N-18", cwd=root)
    assert done.code == 4, done
    (finding,) = done.json["findings"]
    assert (finding["entry"], finding["path"], finding["line"]) == ("private_network/own-mobile", "", 0)


def test_what_a_reader_may_not_see_is_not_told(cli: Cli, tmp_path: Path) -> None:
    root = workspace(
        tmp_path / "w",
        units={"office": {"region": "hainan"}},
        persons={"li": {"unit": "office", "duty": "staff", "accounts": ["nobody-here"]}},
        roles={"chief": {"permissions": ["read_classified", "apply", "administer"], "persons": ["li"]}},
    )
    assert cli("apply", "--yes", cwd=root).code == 0
    secret = {"type": "mobile", "acquisition": "own", "classified": True}
    granted(root, "7", {("private_network", "hidden-mobile"): secret})
    done = cli("check", "--rule", "N-18", cwd=root)
    assert done.code == 0 and "hidden-mobile" not in done.out + done.err, done
