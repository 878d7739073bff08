"""The provider's schema in Pulumi's package format, made from the resource types."""

from __future__ import annotations

import json
from typing import Any

from .. import __version__
from ..model.resources import TYPES, ResourceType

# Every resource carries these beside its own properties.
IDENTITY: dict[str, tuple[str, str]] = {
    "uid": ("string", "The entry's uid in the ledger."),
    "incarnation": ("integer", "Counts how often the object was made anew."),
    "target": ("string", "The target that builds it."),
}


def _resource(kind: ResourceType) -> dict[str, Any]:
    inputs: dict[str, Any] = {
        name: {"type": type_, "description": doc, "willReplaceOnChanges": True}
        for name, (type_, doc) in IDENTITY.items()
    }
    for p in kind.properties:
        inputs[p.name] = {"type": p.type, "description": p.doc, "willReplaceOnChanges": p.immutable}
    required = [*IDENTITY, *(p.name for p in kind.properties if p.default is None)]
    return {
        "description": kind.doc,
        "properties": inputs,
        "inputProperties": inputs,
        "required": required,
        "requiredInputs": required,
    }


def package_schema() -> str:
    """The schema as JSON."""
    return json.dumps(
        {
            "name": "govcloud",
            "version": __version__,
            "description": "Objects of a province's e-government base, known by identity.",
            "resources": {t.token: _resource(t) for t in TYPES.values()},
        }
    )
