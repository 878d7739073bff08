"""Durable segments on DBOS: a workflow from one wait to the next, a child workflow a stage.

Rows in the ledger are the truth: a stage that the ledger calls done is not done again, whatever
DBOS remembers. DBOS brings the bookkeeping that survives a kill: which stages were started, which
ended, in which order. Every process has its own executor id, so nobody touches a live one's work;
a dead one's is taken over by ``carry`` when the caller holds the lease. Inputs are ids, never
objects and never secrets.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager
from graphlib import TopologicalSorter
from typing import Any

from dbos import DBOS, SetWorkflowID

from ..files import make_private
from ..ledger import runs
from ..ledger.runs import Status
from ..workspace import Workspace
from .context import RunContext
from .performing import perform

# Pinned: by default it is a digest of the source, and an upgrade would strand what is pending.
VERSION = "1"
# A workflow that has not come to its end.
GOING = ["PENDING", "ENQUEUED"]
# Seconds between two looks at whether a stage has ended; and between those of DBOS at what is sent to
# workflows, which is what its end waits for.
POLL = 0.05
LISTEN = 0.1

_contexts: dict[str, RunContext] = {}
_slots: dict[str, threading.BoundedSemaphore] = {}

Graph = Sequence[tuple[str, Sequence[str]]]


@DBOS.step(name="govcloud.carry")
def _carry(run: str, stage: str) -> str:
    return perform(_contexts[run], stage)


@DBOS.workflow(name="govcloud.stage")
def _stage(run: str, stage: str) -> str:
    with _slots[run]:
        return _carry(run, stage)


@DBOS.workflow(name="govcloud.segment")
def _segment(run: str, number: int, graph: list[list[Any]]) -> str:
    """Start each stage when what it needs is done; after a failure start no more."""
    sorter: TopologicalSorter[str] = TopologicalSorter(dict(map(tuple, graph)))
    sorter.prepare()
    prefix = f"{run}.{number}."
    going: dict[str, Any] = {}
    worst = Status.DONE
    while going or (worst is Status.DONE and sorter.is_active()):
        if worst is Status.DONE:
            for stage in sorter.get_ready():
                with SetWorkflowID(prefix + stage):
                    handle = DBOS.start_workflow(_stage, run, stage)
                going[handle.workflow_id] = handle
        ended = DBOS.wait_first(list(going.values()), polling_interval_sec=POLL)
        del going[ended.workflow_id]
        status = Status(ended.get_result())
        if status is Status.DONE:
            sorter.done(ended.workflow_id.removeprefix(prefix))
        elif worst is not Status.FAILED:
            worst = status
    return str(worst)


@contextmanager
def _engine(workspace: Workspace):  # type: ignore[no-untyped-def]
    """DBOS for this process, on a file of the workspace wherever the ledger is.

    It carries a segment within one process; where a run stands is in the ledger, for every machine.
    """
    logging.getLogger("dbos").setLevel(logging.CRITICAL)
    path = workspace.private / "workflows.db"
    make_private(path)
    url = f"sqlite:///{path}"
    DBOS(
        config={
            "name": "govcloud",
            "system_database_url": url,
            "application_version": VERSION,
            "executor_id": f"{os.getpid()}-{time.time_ns()}",
            "log_level": "CRITICAL",
            "enable_otlp": False,
            "notification_listener_polling_interval_sec": LISTEN,
        }
    )
    DBOS.launch()
    try:
        yield
    finally:
        DBOS.destroy()


def _open_segment(context: RunContext, number: int) -> int:
    """The first segment from ``number`` on that has not come to its end, written to the run."""
    while True:
        status = DBOS.get_workflow_status(f"{context.run}.{number}")
        if status is None or status.status in GOING:
            break
        # It ended, but its process died before the ledger heard of it.
        number += 1
    with context.write() as connection:
        runs.set_status(connection, context.run, Status.RUNNING, segment=number)
    return number


def carry(context: RunContext, number: int, graph: Graph) -> Status:
    """Carry one segment to its end, or on from where a dead process left it."""
    _contexts[context.run] = context
    _slots[context.run] = threading.BoundedSemaphore(context.workspace.settings.parallel)
    plain = [[s, list(needs)] for s, needs in graph]
    try:
        with _engine(context.workspace):
            number = _open_segment(context, number)
            workflow = f"{context.run}.{number}"
            left = DBOS.list_workflows(workflow_id_prefix=workflow, status=GOING)
            for one in left:
                # Ours by the lease: its former process is proven dead or silent for too long.
                DBOS.resume_workflow(one.workflow_id)
            if any(one.workflow_id == workflow for one in left):
                handle: Any = DBOS.retrieve_workflow(workflow)
            else:
                with SetWorkflowID(workflow):
                    handle = DBOS.start_workflow(_segment, context.run, number, plain)
            return Status(handle.get_result(polling_interval_sec=POLL))
    finally:
        del _contexts[context.run], _slots[context.run]
