"""Declarations by the engine's SDK, for stack programs that want more of it than to declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from ...model.resources import TYPES
from ...plan.stages import Resource
from ..slice import Slice, engine_name


class SdkSlice(Slice):
    """What ``declare`` returns is the SDK's own resource, with all that can be done with one."""

    def _declare(
        self, resource: Resource, values: dict[str, Any], options: Mapping[str, Any]
    ) -> pulumi.CustomResource:
        said = {n: v.id if isinstance(v, pulumi.CustomResource) else v for n, v in values.items()}
        return pulumi.CustomResource(
            TYPES[resource.type].token,
            engine_name(resource),
            said,
            pulumi.ResourceOptions(**options) if options else None,
        )
