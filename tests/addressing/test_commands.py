"""Addresses by way of the command line: files, plan, apply, another machine, and `network addresses`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from govcloud.model import KINDS
from tests.addressing.town import base, network
from tests.conftest import GOVCLOUD, Result
from tests.store_province import Province, province

Cli = Callable[..., Result]


def tables() -> dict[str, dict[str, Any]]:
    files = base()
    files["network", "lan"] = network("east", ipv4="auto", ipv6="auto")
    out: dict[str, dict[str, Any]] = {}
    for (kind, name), fields in files.items():
        out.setdefault(KINDS[kind].PLURAL, {})[name] = fields
    return out


def write(root: Path, entries: dict[str, dict[str, Any]]) -> Path:
    root.mkdir(exist_ok=True)
    (root / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n")
    (root / "base.yaml").write_text(yaml.safe_dump(entries, sort_keys=False))
    return root


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recorded, with what `auto` was given; whoever changes it takes a copy."""
    root = write(tmp_path_factory.mktemp("addresses"), tables())
    subprocess.run([GOVCLOUD, "apply", "--yes"], cwd=root, check=True, capture_output=True)
    return root


def test_auto_is_well_before_there_is_a_ledger(cli: Cli, tmp_path: Path) -> None:
    root = write(tmp_path / "new", tables())
    assert "all well" in cli("validate", cwd=root).out


def test_what_was_chosen_is_shown_and_stays(cli: Cli, here: Path, tmp_path: Path) -> None:
    shown = cli("show", "network/lan", cwd=here).out
    assert "10.1.0.0/28" in shown
    assert "allocator" in shown
    assert cli("plan", "--detailed-exitcode", cwd=here).code == 0
    # Another machine with the same ledger.
    there = tmp_path / "there"
    shutil.copytree(here, there)
    (there / "base.yaml").write_text((here / "base.yaml").read_text() + "\n# another line\n")
    assert cli("plan", "--detailed-exitcode", cwd=there).code == 0


def test_the_tree_tells_whose_everything_is(cli: Cli, here: Path) -> None:
    plans = {
        one["plan"]: one["blocks"] for one in cli("network", "addresses", "tree", "--json", cwd=here).json
    }
    (block,) = plans["six"]
    assert (block["prefix"], block["unit"], block["size"]) == ("3fff:460::/28", "/64s", 1 << 36)
    by_name = {child["name"]: child for child in block["children"]}
    assert by_name["city"]["holder"] == "region/city"
    assert [child["name"] for child in by_name["city"]["children"]] == ["east", "west"]
    assert by_name["city"]["children"][0]["used"] == 1
    text = cli("network", "addresses", "tree", cwd=here).out
    assert "region/east  █░░░░░░░░░ < 0.1 % of 65,536 /64s" in text
    assert "links" not in cli("network", "addresses", "tree", "six", "--depth", "0", cwd=here).out


def test_what_is_free(cli: Cli, here: Path) -> None:
    (row,) = cli("network", "addresses", "free", "area", "--length", "28", "--json", cwd=here).json
    assert (row["first"], row["next"], row["count"]) == ("10.1.0.16/28", "10.1.128.0/28", 4095)
    assert cli("network", "addresses", "free", "four", "--length", "16", "--count", cwd=here).out == "255\n"
    written = cli("network", "addresses", "free", "10.1.4.0/22", "--length", "24", "--json", cwd=here).json
    assert [(one["first"], one["count"]) for one in written] == [("10.1.4.0/24", 4)]


def test_usage_in_64s_and_addresses(cli: Cli, here: Path) -> None:
    rows = {
        one["level"]: one
        for one in cli("network", "addresses", "usage", "--by", "level", "--json", cwd=here).json
    }
    assert (rows["area"]["used"], rows["area"]["size"], rows["area"]["unit"]) == (16, 65536, "addresses")
    assert (rows["town"]["used"], rows["town"]["size"]) == (1, 2 << 16)
    regions = cli("network", "addresses", "usage", "--by", "region", cwd=here).out
    assert "east" in regions
    total = cli("network", "addresses", "usage", "--by", "vrf", "--json", cwd=here).json
    assert {(one["vrf"], one["family"]) for one in total} == {("zone z", 4), ("zone z", 6)}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tree", "sx"], "did you mean six?"),
        (["free", "cty", "--length", "48"], "did you mean city?"),
        (["free", "area", "--length", "12"], "a /12 does not fit into 10.1.0.0/16"),
        (["free", "192.168.0.0/16", "--length", "24"], "lies in no address plan and no prefix"),
        (["free", "10.1.0.1/16", "--length", "24"], "has bits behind its length"),
        (["free", "area"], "--length"),
    ],
)
def test_a_wrong_word_is_told_with_the_nearest(
    cli: Cli, here: Path, arguments: list[str], words: str
) -> None:
    done = cli("network", "addresses", *arguments, cwd=here)
    assert done.code == 2
    assert words in done.err


def test_a_plan_too_small_is_told_at_its_place(cli: Cli, tmp_path: Path) -> None:
    entries = tables()
    entries["prefixes"]["area"]["prefix"] = "10.1.0.0/16"
    entries["networks"] |= {
        f"n{number}": network("west", ipv4="auto", interface=f"n{number}") for number in range(3)
    }
    entries["prefixes"]["small"] = {
        "prefix": "10.1.1.0/27",
        "plan": "four",
        "status": "container",
        "holder": "region/west",
    }
    done = cli("plan", cwd=write(tmp_path / "small", entries))
    assert done.code == 2
    assert "10.1.1.0/27 has no room: of 3 asked for (each a /28) 1 is lacking: network/n2" in done.err
    assert "base.yaml:" in done.err


def test_a_run_records_what_was_chosen_and_a_later_one_gives_it_back(cli: Cli, tmp_path: Path) -> None:
    made: Province = province(tmp_path / "shelf", nodes=2)
    (link,) = made.tables["links"]
    for name, entries in tables().items():
        if name in ("address_plans", "prefixes"):
            made.tables[name] = entries
    made.tables["regions"] |= tables()["regions"]
    for plan in made.tables["address_plans"].values():
        plan["zone"] = "extranet"
    for prefix in made.tables["prefixes"].values():
        prefix.pop("holder", None)
    # Nobody's prefixes serve everybody; two of a level are one too many to choose a parent from.
    made.tables["prefixes"]["east"]["parent"] = made.tables["prefixes"]["west"]["parent"] = "city"
    made.tables["links"][link]["ipv6"] = "auto"
    made.write()
    assert cli("apply", "--yes", cwd=made.root).code == 0
    given = "select fields from claim where claimant = 'allocator' and kind = 'link' and until is null"
    ((text,),) = made.ledger(given)
    prefix = json.loads(text)["ipv6"]
    accepted = "select fields from accepted where kind = 'link' and until is null"
    assert json.loads(made.ledger(accepted)[0][0])["ipv6"] == prefix
    assert prefix.endswith("/127")
    assert set(made.objects()) == made.wanted()
    del made.tables["links"][link]["ipv6"]
    made.write()
    assert cli("apply", "--yes", cwd=made.root).code == 0
    assert "ipv6" not in json.loads(made.ledger(accepted)[0][0])
    assert made.ledger(given) == []
