"""What the planner reads, gathered once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..ledger.building import Applied, Intent, Observed
from ..ledger.entries import Accepted, Key
from ..model.catalogue import Catalogue


@dataclass
class Inputs:
    """All that a plan reads. ``proposed``: fields by (kind, name), already checked."""

    environment: str
    accepted: Mapping[Key, Accepted]
    applied: Mapping[tuple[str, str], Applied]
    observed: list[Observed]
    intents: list[Intent]
    former: Mapping[Key, int]
    proposed: Mapping[Key, dict[str, Any]]
    catalogue: Catalogue
    programs: Mapping[str, str]  # digest by domain
    playbook: str
    routing: Literal["ospf", "static"]
    stack_size: int
    claims: tuple[dict[str, Any], ...] = ()
    commit: str = ""
    patience_s: float = 30.0
    # Digest of what was measured, by probe, where the newest figure was good.
    proven: Mapping[str, str] = field(default_factory=dict)
