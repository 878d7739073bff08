"""Two workspaces with names of their own feed one ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from store_province import Province, records

Cli = Callable[..., Any]


def two(tmp_path: Path) -> tuple[Province, Province]:
    shared = f"sqlite:///{tmp_path}/ledger.db"
    net = records(tmp_path / "net", workspace="network", ledger=shared).write()
    city = Province(
        tmp_path / "city",
        tables={"regions": {"town": {"level": "town", "parent": "there"}}},
        settings={"workspace": "city", "ledger": shared},
    ).write()
    return net, city


def test_each_says_its_own_and_withdraws_only_that(cli: Cli, tmp_path: Path) -> None:
    net, city = two(tmp_path)
    assert cli("apply", "--yes", cwd=net.root).code == 0
    assert cli("apply", "--yes", cwd=city.root).code == 0
    # Nothing of the other's is to do for either, whichever way it is planned.
    for place in (net, city):
        assert cli("plan", "--detailed-exitcode", cwd=place.root).code == 0
    owner = cli("show", "region/town", "--json", cwd=net.root).json["claims"][0]["claimant"]
    assert owner == "file@city:base.yaml"

    city.tables["regions"] = {"village": {"level": "village", "parent": "there"}}
    assert cli("apply", "--yes", cwd=city.write().root).code == 0
    found = {e["name"] for e in cli("ls", "region", "--json", cwd=net.root).json}
    assert found == {"here", "there", "village"}


def test_neither_takes_away_what_the_other_needs_nor_says_what_it_says(cli: Cli, tmp_path: Path) -> None:
    net, city = two(tmp_path)
    assert cli("apply", "--yes", cwd=net.root).code == 0
    assert cli("apply", "--yes", cwd=city.root).code == 0
    del net.tables["regions"]["there"]
    refused = cli("plan", cwd=net.write().root)
    assert refused.code == 2, refused
    assert "region/town: `parent`: no region is called 'there'" in refused.err
    city.tables["regions"]["here"] = {"level": "city"}
    refused = cli("plan", cwd=city.write().root)
    assert refused.code == 2, refused
    assert "`level` of region/here is said by base.yaml:2 of the workspace network too" in refused.err


def test_both_sign_one_trail_and_either_verifies_it(cli: Cli, tmp_path: Path) -> None:
    net, city = two(tmp_path)
    own = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    for number in range(2):
        for place in (net, city):
            place.tables["regions"][f"more-{place.root.name}-{number}"] = {"level": "city"}
            done = cli("apply", "--yes", cwd=place.write().root, env=own)
            assert done.code == 0 and "warning" not in done.err, done
            joins = number == 0 and place is city
            assert ("joined the audit trail at row 4\n" in done.err) is joins, done
    for place, other in ((net, city), (city, net)):
        done = cli("audit", "verify", "--strict", cwd=place.root, env=own)
        assert done.code == 0 and "warning" not in done.out, done
        report = cli("audit", "verify", "--json", cwd=place.root, env=own).json
        assert (report["ok"], report["wrong"], report["warnings"], report["rows"]) == (True, [], [], 13)
        assert [(w["joined"], w["rows"], w["own"]) for w in report["writers"]] == [
            (1, 6, place is net),
            (4, 7, place is city),
        ]
        assert other.root != place.root
