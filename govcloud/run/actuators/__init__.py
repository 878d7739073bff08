"""One module a kind of stage: each brings its stage to its end and says what came of it."""

from __future__ import annotations

from typing import Any

from ...plan.stages import Move, Play, Probe, Record, SiteStack, Stack, Stage
from ..context import RunContext


def actuate(stage: Stage, context: RunContext) -> dict[str, Any]:
    """Carry out a stage; returns what it has to say, as plain data.

    Raises ``Stopped`` or ``StageFailed``. Engines are imported only by the stage that needs them.
    """
    match stage:
        case Record():
            from .record import record

            return record(stage, context)
        case Stack():
            from .stack import build

            return build(stage, context)
        case Move():
            from .move import move

            return move(stage, context)
        case SiteStack():
            from .site import build_site

            return build_site(stage, context)
        case Play():
            from .play import play

            return play(stage, context)
        case Probe():
            from .probe import measure

            return measure(stage, context)
