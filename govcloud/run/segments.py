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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from graphlib import TopologicalSorter
from typing import Any

from dbos import DBOS, SetWorkflowID
from sqlalchemy.exc import SQLAlchemyError

from ..errors import GovcloudError
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
# Seconds that DBOS may take to write down the end of a segment.
WRITTEN = 5.0

Graph = Sequence[tuple[str, Sequence[str]]]


class _Going:
    """One segment in this process.

    What DBOS cannot write down it does not tell either: a full disk would let the segment wait for ever for
    a stage that has ended. So how the segment ends is told from here.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.slots = threading.BoundedSemaphore(context.workspace.settings.parallel)
        self.over = threading.Event()
        self.status = Status.FAILED
        self.error: BaseException | None = None
        self._busy = 0
        self._idle = threading.Condition()

    def broken(self, error: BaseException) -> None:
        """Something went wrong that is no stage's failure: what is under way stops, nothing more begins."""
        self.error = self.error or error
        self.context.stop.set()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While a stage is carried out."""
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def rest(self) -> None:
        """Wait until no stage is carried out any more: the lease is given back after this."""
        with self._idle:
            self._idle.wait_for(lambda: not self._busy)


_going: dict[str, _Going] = {}


@DBOS.step(name="govcloud.carry")
def _carry(run: str, stage: str) -> str:
    with _going[run].at_work():
        return perform(_going[run].context, stage)


@DBOS.workflow(name="govcloud.stage")
def _stage(run: str, stage: str) -> str:
    with _going[run].slots:
        try:
            return _carry(run, stage)
        except Exception as error:
            _going[run].broken(error)
            raise


@DBOS.workflow(name="govcloud.segment")
def _segment(run: str, number: int, graph: list[list[Any]]) -> str:
    """Start each stage when what it needs is done; after a failure start no more."""
    going = _going[run]
    try:
        going.status = _in_order(run, number, graph)
    except Exception as error:
        going.broken(error)
        raise
    finally:
        going.over.set()
    return str(going.status)


def _in_order(run: str, number: int, graph: list[list[Any]]) -> Status:
    sorter: TopologicalSorter[str] = TopologicalSorter(dict(map(tuple, graph)))
    sorter.prepare()
    prefix = f"{run}.{number}."
    under_way: dict[str, Any] = {}
    worst = Status.DONE
    while under_way or (worst is Status.DONE and sorter.is_active()):
        if worst is Status.DONE:
            for stage in sorter.get_ready():
                with SetWorkflowID(prefix + stage):
                    handle = DBOS.start_workflow(_stage, run, stage)
                under_way[handle.workflow_id] = handle
        # The name under which DBOS keeps its own way of waiting, which former releases used.
        ended = DBOS.run_step({"name": "DBOS.waitFirst"}, _first, run, list(under_way))
        status = Status(under_way.pop(ended).get_result())
        if status is Status.DONE:
            sorter.done(ended.removeprefix(prefix))
        elif worst is not Status.FAILED:
            worst = status
    return worst


def _first(run: str, workflows: list[str]) -> str:
    """The first of these that comes to its end. Raises what went wrong in one that could not say so."""
    while True:
        if (error := _going[run].error) is not None:
            raise error
        for workflow in workflows:
            status = DBOS.get_workflow_status(workflow)
            if status is not None and status.status not in GOING:
                return workflow
        time.sleep(POLL)


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
    """Carry one segment to its end, or on from where a dead process left it.

    Raises ``GovcloudError`` where it cannot be written down how it goes.
    """
    going = _going[context.run] = _Going(context)
    plain = [[s, list(needs)] for s, needs in graph]
    try:
        with _engine(context.workspace):
            number = _open_segment(context, number)
            workflow = f"{context.run}.{number}"
            left = DBOS.list_workflows(workflow_id_prefix=workflow, status=GOING)
            for one in left:
                # Ours by the lease: its former process is proven dead or silent for too long.
                DBOS.resume_workflow(one.workflow_id)
            if all(one.workflow_id != workflow for one in left):
                with SetWorkflowID(workflow):
                    DBOS.start_workflow(_segment, context.run, number, plain)
            going.over.wait()
            if going.error is not None:
                going.rest()
                raise going.error
            _written(workflow)
            return going.status
    except SQLAlchemyError as error:
        raise _told(error) from error
    finally:
        del _going[context.run]


def _written(workflow: str) -> None:
    """Let DBOS write down how a segment ended. Where it cannot, the ledger has it all the same."""
    end = time.monotonic() + WRITTEN
    with suppress(SQLAlchemyError):
        while time.monotonic() < end:
            status = DBOS.get_workflow_status(workflow)
            if status is None or status.status not in GOING:
                return
            time.sleep(POLL)


def _told(error: SQLAlchemyError) -> GovcloudError:
    """What DBOS could not do with its file, as a sentence."""
    words = str(getattr(error, "orig", None) or error).partition("\n")[0]
    full = "full" in words
    return GovcloudError(
        f"{'the disk is full: ' if full else ''}the run's own notes, .govcloud/workflows.db, "
        f"cannot be written ({words})",
        hint="make room (`df -h`; `govcloud gc --dry-run` tells what may go)" if full else "",
    )
