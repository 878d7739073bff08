"""What a stack program is given: the stack's resources, and how to declare them to the engine.

A program is a file in ``stacks/`` with a function ``program(slice)``. It decides order and
options; the values come from the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pulumi

from ..model.resources import TYPES
from ..plan.stages import Resource


class Slice:
    """One stack's part of the ledger."""

    def __init__(self, stack: str, resources: Iterable[Resource]) -> None:
        self.stack = stack
        self._resources = list(resources)
        self._declared: dict[str, pulumi.CustomResource] = {}

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types, in order of reference."""
        return [r for r in self._resources if r.type in types]

    def left_out(self) -> list[Resource]:
        """Resources that the program has not declared."""
        return [r for r in self._resources if r.object_id not in self._declared]

    def declare(self, resource: Resource, **options: Any) -> pulumi.CustomResource:
        """Declare a resource to the engine; ``options`` are Pulumi's ``ResourceOptions``.

        A reference to an object of this stack becomes the engine's own output, so that it orders
        creation and deletion; one to another stack's object is the id from the ledger.
        """
        kind = TYPES[resource.type]
        values: dict[str, Any] = {}
        for prop in kind.properties:
            value = resource.inputs.get(prop.name)
            if prop.reference and value in self._declared:
                value = self._declared[value].id
            values[prop.name] = value
        values |= {"uid": resource.uid, "incarnation": resource.incarnation, "target": resource.target}
        made = pulumi.CustomResource(
            kind.token, resource.uid, values, pulumi.ResourceOptions(**options) if options else None
        )
        self._declared[resource.object_id] = made
        return made
