"""What the planner reads, gathered once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import Problem
from ..ledger.building import Applied, AppliedKey, Intent, Observed
from ..ledger.entries import Accepted, Key
from ..model.catalogue import Catalogue
from ..source.claims import Place
from .delivering import Versions
from .playbooks import Parts


@dataclass(kw_only=True)
class Inputs:
    """All that a plan reads.

    ``proposed``: fields by (kind, name), already checked; ``accepted``: what is accepted of these, and
    what would be withdrawn. ``catalogue``: of the proposed, those that have to do with what is built.
    """

    environment: str
    programs: Mapping[str, str]  # digest by domain
    playbook: str
    stack_size: int
    routing: Literal["ospf", "static"] = "static"
    accepted: Mapping[Key, Accepted] = field(default_factory=dict)
    proposed: Mapping[Key, dict[str, Any]] = field(default_factory=dict)
    catalogue: Catalogue = field(default_factory=lambda: Catalogue({}))
    # What is accepted that has to do with what is built, worked out where hosts change; None: as proposed.
    before: Callable[[], Catalogue] | None = None
    # How many entries have borne the names of the new ones.
    former: Mapping[Key, int] = field(default_factory=dict)
    # Uids of the accepted targets by name and by former name: what was built keeps the name of its target.
    targets: Mapping[str, str] = field(default_factory=dict)
    # The stack of every accepted entry that has one, by uid.
    homes: Mapping[str, str] = field(default_factory=dict)
    applied: Mapping[AppliedKey, Applied] = field(default_factory=dict)
    observed: list[Observed] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    patience_s: float = 30.0
    # What is known of the secrets that go to hosts, by name.
    versions: Versions = field(default_factory=dict)
    # Uids of entries whose objects are to be made anew though they could stay.
    rebuild: frozenset[str] = frozenset()
    # Digest of what was measured, by probe, where the newest figure was good.
    proven: Mapping[str, str] = field(default_factory=dict)
    # Where an entry's field (kind, name, field) stands in the files.
    place: Callable[[str, str, str], Place] = lambda *_: Place()

    # What of the playbooks each host depends on; None: on all of them.
    parts: Parts | None = None

    def playbook_for(self, host: str, groups: Collection[str]) -> str:
        """Digest of what a host depends on of the playbooks."""
        return self.parts.digest(host, groups) if self.parts else self.playbook

    def problem(self, message: str, key: Key, field: str, hint: str = "") -> Problem:
        """Something wrong with an entry's field, with its place."""
        place = self.place(*key, field)
        return Problem(message, place.path, place.line, place.column, hint)
