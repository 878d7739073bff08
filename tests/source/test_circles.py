"""What must come to an end does: trees, and orders in which things come after each other."""

from __future__ import annotations

from typing import Any

import pytest

from govcloud.model import KINDS, fields
from govcloud.source.checks import ORDERS, TREES
from govcloud.source.judging import examine

# Required besides the field in question.
MORE: dict[str, dict[str, Any]] = {
    "region": {"level": "city"},
    "unit": {"region": "r"},
    "zone": {"role": "extranet"},
    "prefix": {"prefix": "10.0.0.0/8"},
    "site": {"region": "r", "role": "datacentre"},
    "cloud": {"site": "s"},
    "wave": {"order": 1, "moves": []},
    "hotline": {"number": "12345"},
}


def findings(kind: str, field: str, ways: dict[str, Any]) -> list[str]:
    proposed: dict[tuple[str, str], dict[str, Any]] = {
        ("region", "r"): {"level": "province"},
        ("site", "s"): {"region": "r", "role": "datacentre"},
    }
    proposed |= {(kind, name): MORE.get(kind, {}) | ({field: to} if to else {}) for name, to in ways.items()}
    return [f.message for f in examine(proposed)[1] if "circle" in f.message]


@pytest.mark.parametrize(("kind", "field"), TREES)
def test_a_tree_has_no_circle(kind: str, field: str) -> None:
    assert fields(kind)[field].ref is not None
    assert findings(kind, field, {"x": "y", "y": "z", "z": ""}) == []
    assert findings(kind, field, {"x": "x"}) == [f"`{field}` goes in a circle: x -> x"]
    assert findings(kind, field, {"w": "x", "x": "y", "y": "z", "z": "x"}) == [
        f"`{field}` goes in a circle: x -> y -> z -> x"
    ]


@pytest.mark.parametrize(("kind", "field"), ORDERS)
def test_an_order_has_no_circle(kind: str, field: str) -> None:
    assert findings(kind, field, {"x": ["y", "z"], "y": ["z"], "z": []}) == []
    (told,) = findings(kind, field, {"x": ["y"], "y": ["z"], "z": ["x"], "w": ["x"]})
    assert told in {
        f"`{field}` goes in a circle: {ring}"
        for ring in ("x -> y -> z -> x", "y -> z -> x -> y", "z -> x -> y -> z")
    }


def test_every_field_that_leads_to_its_own_kind_is_judged_or_known_not_to_be() -> None:
    """A new one must be thought about."""
    free = {
        ("application", "platforms"),
        ("application", "docked_with"),
        ("review", "with_reviews"),
        ("circuit", "backs_up"),
        ("unit", "members"),
        ("unit", "leading_group"),
        ("dataset", "same_as"),
        ("prefix", "pairs_with"),
        ("instance", "apart_from"),
        ("instance", "together_with"),
    }
    found = {(k, f.name) for k in KINDS for f in fields(k).values() if f.ref and f.ref.kinds == (k,)}
    assert found == {*TREES, *ORDERS} | free
