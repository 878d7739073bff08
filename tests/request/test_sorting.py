"""Of which type a request is, and that in no sample one type of request is decided on by fewer stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml

from govcloud.ledger.entries import Key
from govcloud.model import KINDS
from govcloud.plan.guards.chains import Chain, Stage, choose
from govcloud.plan.guards.measuring import Measure
from govcloud.request.sorting import type_of

INVENTORY = Path(__file__).parents[2] / "inventory"
THERE: dict[Key, dict[str, Any]] = {
    ("site", "city"): {"role": "datacentre"},
    ("site", "centre"): {"role": "recovery"},
    ("cloud", "near"): {"site": "city"},
    ("cloud", "far"): {"site": "centre"},
    ("cloud", "spare"): {"site": "city", "role": "recovery"},
    ("storage", "tapes"): {"site": "centre"},
    **{("project", name): {"cloud": name} for name in ("near", "far", "spare")},
    **{("instance", name): {"project": name} for name in ("near", "far", "spare")},
}


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("backup", {"subject": "volume/disk", "site": "city"}, "resources"),
        ("backup", {"subject": "volume/disk"}, "resources"),
        ("backup", {"subject": "volume/disk", "site": "centre"}, "recovery"),
        ("backup", {"subject": "volume/disk", "storage": "tapes"}, "recovery"),
        ("protection", {"standby": "near"}, "resources"),
        ("protection", {"standby": "far"}, "recovery"),
        ("protection", {"standby": "spare"}, "recovery"),
        ("circuit", {}, "access"),
        ("dependency", {}, "component"),
    ],
)
def test_recovery_is_what_stands_at_a_recovery_site(kind: str, fields: dict[str, Any], expected: str) -> None:
    made = {(kind, "new"): fields}
    assert type_of(made, made, lambda kind, name: THERE.get((kind, name))) == expected
    # What becomes so by a change is as what is made so.
    changed = type_of({}, made, lambda kind, name: THERE.get((kind, name)))
    assert (changed == "recovery") == (expected == "recovery")


@pytest.mark.parametrize("sample", ["hainan", "qionghai", "lingao"])
def test_no_type_of_request_has_fewer_stages(sample: str) -> None:
    """Whatever small thing somebody asks for, the unit's own people never decide alone."""
    policy = yaml.safe_load((INVENTORY / sample / "policy.yaml").read_text())
    stages = {
        name: Stage(name, of=said.get("of", "unit")) for name, said in policy["approval_stages"].items()
    }
    known = Chain.__struct_fields__
    chains = [
        Chain(name, **{f: v for f, v in said.items() if f in known})
        for name, said in policy["approval_chains"].items()
    ]
    hints = get_type_hints(KINDS["request"], include_extras=False)
    for type_ in get_args(hints["type"]):
        found = choose(chains, stages, environment="", type=type_, templates=[], found=Measure())
        assert len(found) >= 2, type_
        assert any(stage.of != "unit" for stage in found), type_
