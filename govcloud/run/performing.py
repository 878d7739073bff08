"""Carrying out one stage, whoever orders it: its rows in the ledger, its events, its errors in sentences."""

from __future__ import annotations

import time
import traceback

from ..errors import GovcloudError
from ..ledger import runs
from ..ledger.runs import Status
from ..secrets import redaction
from . import guarding
from .actuators import actuate
from .advice import advise
from .context import RunContext, StageFailed, Stopped
from .events import Note, StageEnded, StageStarted


def perform(context: RunContext, stage_id: str) -> str:
    """Carry out one stage and write down how it ended; safe to repeat. Returns its status."""
    with context.ledger.read() as connection:
        row = next(r for r in runs.stages(connection, context.run) if r.id == stage_id)
    if row.status is Status.DONE:
        return str(Status.DONE)
    if context.stop.is_set():
        return str(Status.STOPPED)
    if words := guarding.stands_against(context.ledger, context.plan, context.run):
        return _stopped(context, stage_id, words)
    stage = context.stage(stage_id)
    began = time.monotonic()
    with context.write() as connection:
        runs.begin_stage(connection, context.run, stage_id)
    context.bus(StageStarted(stage_id, stage.title, len(getattr(stage, "changes", ()))))
    status, detail = Status.DONE, {}
    try:
        detail = actuate(stage, context)
    except Stopped as stopped:
        status, detail = Status.STOPPED, {"error": stopped.message, **stopped.detail}
    except StageFailed as failed:
        status = Status.STOPPED if context.stop.is_set() else Status.FAILED
        detail = {"error": failed.message, **failed.detail}
    except GovcloudError as error:
        status, detail = Status.FAILED, {"error": error.message, "hint": error.hint}
    except Exception as error:
        # A defect of ours or of an engine's SDK: the run ends in order, and the trace is kept.
        words = f"unexpected {type(error).__name__}: {error}"
        status, detail = Status.FAILED, {"error": words, "traceback": traceback.format_exc()}
    if status is Status.FAILED:
        detail = advise(detail)
    # An engine may say a secret that it was handed, or a target that it was sent one.
    detail = redaction.clean_detail(detail)
    if not context.lost:
        with context.write() as connection:
            row = next(r for r in runs.stages(connection, context.run) if r.id == stage_id)
            if row.status is Status.DONE and status is not Status.DONE:
                # Its transaction got there after all; only the answer was lost.
                status, detail = Status.DONE, row.detail
            else:
                runs.end_stage(connection, context.run, stage_id, status, detail)
    context.bus(StageEnded(stage_id, str(status), time.monotonic() - began, detail))
    return str(status)


def _stopped(context: RunContext, stage_id: str, words: str) -> str:
    """A stage is not begun, for something stands against it by now; what runs beside it goes on."""
    with context.write() as connection:
        runs.end_stage(connection, context.run, stage_id, Status.STOPPED, {"error": words})
    context.bus(Note(stage_id, words, "warning"))
    return str(Status.STOPPED)
