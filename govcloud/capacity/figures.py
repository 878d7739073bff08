"""Numbers that capacity goes by: entries ``profile/placement`` and ``profile/capacity-review``.

What a profile does not say has the value that stands here; all of them are invented, for no document of the
provinces names one (001:L242 asks for checks "regularly" and for "dynamic tuning", without a figure).
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec

from ..model.catalogue import Catalogue
from ..policy import hosting
from ..policy.hosting import Placement

__all__ = ["Placement", "Review", "figures"]
_Share = Annotated[float, msgspec.Meta(ge=0, le=100)]
_Least = Annotated[int, msgspec.Meta(ge=1)]


class Review(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an instance counts as idle, oversized or overloaded, and where samples of it come from.

    Use is looked at at a ``percentile`` of the samples. Idle: both stay under ``idle_*``; overloaded: one is
    over its ``over_*``; oversized: what is used, and ``headroom_percent`` of that on top, fits a smaller
    flavor. Fewer than ``samples``, or over less than ``days``, say nothing. Left out: ``first_h`` hours from
    an instance's first sample and from each start, freezes, and ``maintenance`` (texts as `Sun 02:00-06:00`
    or `daily 01:00-03:00`, this machine's time). The rest is for Prometheus: queries in PromQL, the label
    that names the instance and what its value is (``label_of``: the ``name``, or a host's name with a port,
    or the ``fqdn``, whose first part is the name), seconds between two samples, the secret that holds a
    ``token`` and the one ``address`` that it is sent to, and limits: seconds and bytes of an answer.
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
    maintenance: list[
        Annotated[str, msgspec.Meta(pattern=r"^(daily|Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d\d:\d\d-\d\d:\d\d$")]
    ] = []
    cpu_query: str = '100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])))'
    memory_query: str = "100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)"
    label: str = "instance"
    label_of: Literal["name", "fqdn"] = "name"
    step_s: Annotated[int, msgspec.Meta(ge=15, le=86400)] = 300
    token: str = ""
    address: str = ""
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=600)] = 30.0
    most_mib: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 64


F = TypeVar("F", Placement, Review)
NAMES: dict[type[msgspec.Struct], str] = {
    Placement: "placement",
    Review: "capacity-review",
}


def figures(cls: type[F], catalogue: Catalogue) -> F:
    """The numbers as the profile says them. Raises ``InputError`` for a key or a value that is none."""
    return hosting.figures(cls, NAMES[cls], catalogue)
