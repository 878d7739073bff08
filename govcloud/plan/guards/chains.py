"""Which stages decide on a request: chains are entries of the accepted revision, and several may fit.

A pure choice: from the chains, and from what is asked, how much and of which level. Of several chains that
fit the stages are joined in the chains' order, each stage once. Where none fits, one signature of anybody who
may approve decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from ...access.asof import rows_of
from ...ledger.connection import Connection
from .measuring import Measure

CHAIN, STAGE = "approval_chain", "approval_stage"
# Entries by whose change another could decide.
KINDS = frozenset({CHAIN, STAGE})
# Several of what is asked for may be bounded; one that is reached is enough.
BOUNDS = {
    "vcpus_from": "vcpus",
    "memory_gib_from": "memory_gib",
    "instances_from": "instances",
    "yuan_from": "yuan",
    "disk_gib_from": "disk_gib",
}


class Stage(msgspec.Struct, frozen=True):
    """A stage as accepted (``model.policy.ApprovalStage``); ``of`` is anybody where no chain fits."""

    name: str
    title: str = ""
    of: Literal["unit", "parent", "management", "named", "anybody"] = "unit"
    unit: str = ""
    duty: str = "any"
    role: str = ""
    count: int = 1
    days: int = 0
    late_to: Literal["parent", "next"] = "parent"


class Chain(msgspec.Struct, frozen=True):
    """A chain as accepted (``model.policy.ApprovalChain``)."""

    name: str
    order: int
    stages: tuple[str, ...]
    types: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    classified: bool = False
    mlps_from: int = 0
    vcpus_from: float = 0
    memory_gib_from: float = 0
    instances_from: float = 0
    yuan_from: float = 0
    disk_gib_from: float = 0

    @property
    def bounded(self) -> bool:
        """Whether it asks how much it is."""
        return any(getattr(self, field) for field in BOUNDS)

    def fits(self, environment: str, type: str, templates: Iterable[str], found: Measure) -> bool:
        """Whether it is for such a request."""
        bounds = [(limit, name) for field, name in BOUNDS.items() if (limit := getattr(self, field))]
        return (
            (not self.environments or environment in self.environments)
            and (not self.types or type in self.types)
            and (not self.templates or not set(self.templates).isdisjoint(templates))
            and (not self.kinds or not found.kinds.isdisjoint(self.kinds))
            and (found.classified or not self.classified)
            and found.mlps >= self.mlps_from
            and (not bounds or any(getattr(found, name) >= limit for limit, name in bounds))
        )


# What decides where no chain fits.
DEFAULT = Stage("approval", of="anybody")


def read(connection: Connection, revision: int | None = None) -> tuple[list[Chain], dict[str, Stage]]:
    """The chains and the stages that are accepted at a revision (None: now)."""
    chains = [
        msgspec.convert(_known(Chain, name, f), Chain) for name, f in rows_of(connection, CHAIN, revision)
    ]
    found = rows_of(connection, STAGE, revision)
    return chains, {name: msgspec.convert(_known(Stage, name, f), Stage) for name, f in found}


def _known(form: type[msgspec.Struct], name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name} | {field: fields[field] for field in form.__struct_fields__[1:] if field in fields}


def choose(
    chains: Iterable[Chain],
    stages: Mapping[str, Stage],
    *,
    environment: str,
    type: str,
    templates: Iterable[str],
    found: Measure,
) -> list[Stage]:
    """The stages that decide on a request, in their order; never none."""
    named = list(templates)
    fitting = sorted(
        (c for c in chains if c.fits(environment, type, named, found)), key=lambda c: (c.order, c.name)
    )
    names = dict.fromkeys(name for chain in fitting for name in chain.stages)
    return [stages[name] for name in names if name in stages] or [DEFAULT]
