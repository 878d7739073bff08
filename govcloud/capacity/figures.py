"""Numbers that capacity goes by: entries ``profile/placement``, ``profile/capacity-review``,
``profile/prices``.

What a profile does not say has the value that stands here; all of them are invented, for no document of the
provinces names one (001:L242 asks for checks "regularly" and for "dynamic tuning", without a figure).
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec

from ..errors import InputError, Problem
from ..model.catalogue import Catalogue
from ..model.policy import Profile

_Ratio = Annotated[float, msgspec.Meta(gt=0, le=64)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=100)]
_Least = Annotated[int, msgspec.Meta(ge=1)]


class Placement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How servers are filled. ``vcpu_per_core``: virtual CPUs that a core carries; ``*_kept_percent``: share
    of a server that stays for its own system; ``own_pool_from``: level of graded protection from which
    systems stand on servers of their own (GB/T 22239, a resource pool of its own); ``prefer``: the fewest
    servers, or an even load."""

    vcpu_per_core: _Ratio = 4.0
    memory_kept_percent: _Share = 10.0
    disk_kept_percent: _Share = 10.0
    own_pool_from: Annotated[int, msgspec.Meta(ge=1, le=5)] = 4
    prefer: Literal["fewest", "even"] = "fewest"


class Review(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an instance counts as idle, oversized or overloaded.

    Use is looked at at a percentile of its samples. ``idle``: CPU and network-less work stay under the
    bounds; ``oversized``: what is used, with ``headroom_percent`` on top, fits a smaller flavor;
    ``overloaded``: at least one of both is over its bound. ``samples``, ``days``: fewer say nothing;
    ``first_h``: hours after its first sample or start that are left out.
    """

    percentile: Annotated[float, msgspec.Meta(gt=0, lt=100)] = 95.0
    idle_cpu_percent: _Share = 5.0
    idle_memory_percent: _Share = 20.0
    over_cpu_percent: _Share = 90.0
    over_memory_percent: _Share = 90.0
    headroom_percent: Annotated[float, msgspec.Meta(ge=0, le=500)] = 30.0
    samples: _Least = 288
    days: Annotated[float, msgspec.Meta(ge=0)] = 7.0
    first_h: Annotated[float, msgspec.Meta(ge=0)] = 2.0
    rows: _Least = 50_000_000
    bytes: _Least = 64 * 1024 * 1024
    seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 30.0


class Prices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a year of something costs, yuan."""

    vcpu_yuan: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    memory_gib_yuan: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    disk_gib_yuan: Annotated[float, msgspec.Meta(ge=0)] = 0.0


F = TypeVar("F", Placement, Review, Prices)
NAMES: dict[type[msgspec.Struct], str] = {
    Placement: "placement",
    Review: "capacity-review",
    Prices: "prices",
}


def figures(cls: type[F], catalogue: Catalogue) -> F:
    """The numbers as the profile says them. Raises ``InputError`` for a key or a value that is none."""
    name = NAMES[cls]
    profile = catalogue.all(Profile).get(name)
    try:
        return msgspec.convert(profile.values if profile else {}, cls)
    except msgspec.ValidationError as error:
        raise InputError(
            [Problem(f"profile/{name}: {error}")],
            hint=f"docs/capacity.md has the keys: {', '.join(cls.__struct_fields__)}",
        ) from None
