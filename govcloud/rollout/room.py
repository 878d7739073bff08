"""Whether the address plans have room for all that the open waves of a rollout will ask for."""

from __future__ import annotations

from ..ledger import Ledger
from ..plan.gather import propose
from ..plan.stages import Asked
from ..workspace import Workspace
from . import said
from .members import has_ipv6
from .situation import Situation


def everything_asked(now: Situation) -> Asked:
    """What all waves together would still begin to say."""
    rows = [
        row
        for wave in now.course.waves
        for row in said.begin(
            now.course, wave, now.said, [s for s in wave.members if has_ipv6(now.catalogue, s)]
        ).said
    ]
    return Asked(said=tuple(rows))


def check_room(workspace: Workspace, ledger: Ledger, now: Situation) -> int:
    """Try to give addresses to every member that has none; returns how many that are. Writes nothing.

    Raises ``InputError`` with each that no plan has room for.
    """
    asked = everything_asked(now)
    if asked:
        propose(workspace, ledger, asked=asked)
    return len(asked.said)
