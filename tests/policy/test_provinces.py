"""The same entries in two provinces: Hainan merges the data centres of cities, Liaoning builds them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from govcloud.policy import judge
from tests.policy.samples import Changes, case

Cli = Callable[..., Any]
GOVERNMENT = {"region": "some-city", "type": "government", "level": "city"}
CITY: Changes = {"region/some-city": {"level": "city"}, "unit/city-government": GOVERNMENT}
NEW = {
    "region": "some-city",
    "role": "datacentre",
    "scope": "government",
    "level": "city",
    "unit": "city-government",
}
CENTRE: Changes = {"site/city-centre": {**NEW, "status": "planned"}}
STANDING: Changes = {"site/city-centre": {**NEW, "status": "running"}}
RECOVERY: Changes = {"site/city-recovery": {**NEW, "role": "recovery", "status": "planned"}}


@pytest.mark.parametrize(
    ("entries", "hainan", "liaoning"),
    [
        (CENTRE, {"D-02": "deny"}, {}),
        (STANDING, {"D-05": "flag"}, {}),
        (RECOVERY, {"R-01": "deny"}, {"R-02": "deny"}),
    ],
    ids=["a new data centre", "a data centre that stands", "a recovery centre"],
)
def test_the_same_entry_gets_another_verdict(
    entries: Changes, hainan: dict[str, str], liaoning: dict[str, str]
) -> None:
    (subject,) = entries
    for province, expected in (("hainan", hainan), ("liaoning", liaoning)):
        here = case(province, ("site/*", "unit/*"), CITY, entries)
        found = {
            f.rule: f.verdict for f in judge(here) if f.subject == subject and f.rule[:2] in ("D-", "R-")
        }
        assert expected.items() <= found.items(), province
        # What the one province forbids, the other has no word against.
        others = (hainan.keys() | liaoning.keys()) - expected.keys()
        assert not others & found.keys(), province


def test_a_line_says_which_province_it_is(cli: Cli, tmp_path: Path) -> None:
    entries = {
        "units": {"city-government": GOVERNMENT},
        "sites": {"city-centre": {**NEW, "status": "planned"}},
    }
    told: dict[str, tuple[int, list[str]]] = {}
    for name, code in (("hainan", "460000"), ("liaoning", "210000")):
        root = tmp_path / name
        root.mkdir()
        (root / "govcloud.yaml").write_text("version: 1\nenvironment: tiny\n", encoding="utf-8")
        (root / "entries.yaml").write_text(yaml.safe_dump(entries), encoding="utf-8")
        regions = {
            "here": {"level": "province", "code": code},
            "some-city": {"level": "city", "parent": "here"},
        }
        (root / "province.yaml").write_text(yaml.safe_dump({"regions": regions}), encoding="utf-8")
        done = cli("check", "--json", "--as-of", "2026-11-01", cwd=root)
        assert "findings" in done.json, done
        about = [f["rule"] for f in done.json["findings"] if f["entry"] == "site/city-centre"]
        told[name] = (done.code, [rule for rule in about if rule[:2] == "D-"])
    assert told["hainan"] == (4, ["D-02"])
    assert told["liaoning"][0] != 4 and told["liaoning"][1] == []
