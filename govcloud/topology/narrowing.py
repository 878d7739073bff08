"""A part of what a cut does: for some places, and for one of the two lines."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from ..model.catalogue import Catalogue
from .cutting import CutOff, Moved, Outcome
from .demands import behind
from .net import Net, Plane


def narrowed(
    found: Outcome, net: Net, catalogue: Catalogue, places: Collection[str], line: Plane | None
) -> Outcome:
    """What of an outcome concerns these places (none: all) and this line (None: both).

    Flows concern a place where one of their ends stands behind a router that it hangs on; a line, where
    they belong on it. Raises ``KeyError`` for a place that is not in the net.
    """
    if line is not None:
        found = msgspec.structs.replace(
            found,
            lines=[loss for loss in found.lines if loss.line == line],
            broken=[one for one in found.broken if one.line == line],
            moved=[one for one in found.moved if one.line == line],
        )
    if not places:
        return found
    routers = {net.nodes[h.node] for place in places for h in net.places[place].hangs}
    hung = {key: net.nodes[h.node] for key, h in behind(catalogue, net).items()}

    def mine(key: str) -> bool:
        return hung.get(key, key) in routers

    def concerned(one: Moved) -> bool:
        return mine(one.start) or mine(one.goal)

    def part(one: CutOff) -> CutOff:
        return msgspec.structs.replace(
            one,
            nodes=[key for key in one.nodes if key in routers],
            networks=[key for key in one.networks if mine(key)],
            machines=[key for key in one.machines if mine(key)],
            places=[key for key in one.places if key in places],
            exits=[],
            parts=[part for part in one.parts if routers & set(part)],
        )

    losses = [
        msgspec.structs.replace(
            loss,
            carried=[key for key in loss.carried if key in places],
            cut_off=[key for key in loss.cut_off if key in places],
        )
        for loss in found.lines
    ]
    off = [part(one) for one in found.cut_off]
    return msgspec.structs.replace(
        found,
        cut_off=[one for one in off if one.nodes or one.networks or one.machines or one.places],
        lines=[loss for loss in losses if loss.carried or loss.cut_off],
        broken=[one for one in found.broken if concerned(one)],
        moved=[one for one in found.moved if concerned(one)],
        exposed=[one for one in found.exposed if one.place in places],
    )
