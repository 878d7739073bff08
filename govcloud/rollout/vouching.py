"""A plan file that speaks for a rollout says what its commands would say now, or it is refused."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ..errors import InputError, Problem
from ..ledger import Ledger
from ..plan.stages import Asked
from ..workspace import Workspace
from .returning import returned
from .said import CLAIMANT, parts
from .situation import begin, situation


def vouch(workspace: Workspace, ledger: Ledger, asked: Asked) -> None:
    """Hold a plan file's order against the rollouts as they are accepted now.

    Raises ``InputError`` where it says anything else than its waves would, ``DeniedError`` where a wave must
    wait or carries another.
    """
    said = [row for row in asked.said if row.claimant.startswith(CLAIMANT)]
    ended = [key for key in asked.ended if key[2].startswith(CLAIMANT)]
    for claimant in dict.fromkeys([*(row.claimant for row in said), *(key[2] for key in ended)]):
        rollout, wave = parts(claimant)
        if not wave:
            raise InputError([Problem(f"the plan file speaks for {claimant!r}, which is no wave")])
        begins = [row for row in said if row.claimant == claimant]
        ends = [key for key in ended if key[2] == claimant]
        if begins and ends:
            raise InputError([Problem(f"the plan file begins wave {wave} of {rollout} and takes it back")])
        with ledger.read() as connection:
            if begins:
                _, own = begin(situation(connection, rollout, now=time.time()), wave)
            else:
                _, own = returned(connection, rollout, wave)
        _same(rollout, wave, {r.key: r.fields for r in begins}, {r.key: r.fields for r in own.said})
        _same(rollout, wave, dict.fromkeys(k[:2] for k in ends), dict.fromkeys(k[:2] for k in own.ended))


def _same(
    rollout: str, wave: str, given: dict[tuple[str, str], object], own: dict[tuple[str, str], object]
) -> None:
    if given == own:
        return
    other = sorted(
        "/".join(key) for key in given.keys() | own.keys() if given.get(key, ()) != own.get(key, ())
    )
    raise InputError(
        [
            Problem(
                f"the plan file says something of {_listed(other)} that wave {wave} of {rollout} would not"
            )
        ],
        hint=f"`govcloud ipv6 run {rollout} {wave} --out FILE` writes it anew",
    )


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
