"""The provider's schema says what the resource types say."""

from __future__ import annotations

import json

import pytest

from govcloud.model.resources import TYPES
from govcloud.provider.schema import IDENTITY, package_schema


@pytest.mark.parametrize("type_name", TYPES)
def test_every_property_with_its_meaning_and_whether_it_replaces(type_name: str) -> None:
    kind = TYPES[type_name]
    resource = json.loads(package_schema())["resources"][f"govcloud:index:{type_name}"]
    inputs = resource["inputProperties"]
    assert set(inputs) == {p.name for p in kind.properties} | set(IDENTITY)
    for p in kind.properties:
        said = inputs[p.name]
        assert (said["type"], said["description"]) == (p.type, p.doc)
        assert said["willReplaceOnChanges"] is p.immutable
    assert all(inputs[name]["willReplaceOnChanges"] for name in IDENTITY)
    needed = {p.name for p in kind.properties if p.default is None} | set(IDENTITY)
    assert set(resource["requiredInputs"]) == needed
    assert set(resource["required"]) <= set(resource["properties"])


def test_the_package_holds_these_types_and_no_other() -> None:
    schema = json.loads(package_schema())
    assert schema["name"] == "govcloud"
    assert schema["version"]
    assert set(schema["resources"]) == {t.token for t in TYPES.values()}


@pytest.mark.parametrize("type_name", TYPES)
def test_references_lead_to_types(type_name: str) -> None:
    for p in TYPES[type_name].properties:
        assert all(t in TYPES for t in p.reference.split(",") if t)
        # What an object hangs on cannot change under it: the planner relies on that.
        assert p.immutable or not p.reference
