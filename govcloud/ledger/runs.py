"""Runs and their stages: the rows here are the truth of what was done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from .. import canonical
from ..errors import InputError, Problem
from .schema import blob, run, stage


class Status(StrEnum):
    """Where a run or a stage stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


# A run that is over cannot be resumed; its plan is history.
OVER = frozenset({Status.DONE, Status.CANCELLED})


class Run(msgspec.Struct, frozen=True):
    """A run as the ledger knows it; times are seconds since the epoch."""

    id: str
    status: Status
    plan: str
    effect: str
    title: str
    actor: str
    segment: int
    started: float
    ended: float | None


class StageRow(msgspec.Struct, frozen=True):
    """A stage of a run as the ledger knows it."""

    run: str
    id: str
    position: int
    kind: str
    title: str
    status: Status
    attempt: int
    started: float | None
    ended: float | None
    detail: dict[str, Any]


def put_blob(connection: Connection, content: bytes) -> str:
    """Keep bytes under their digest and return it."""
    digest = canonical.digest_bytes(content)
    known = connection.execute(select(blob.c.digest).where(blob.c.digest == digest)).first()
    if known is None:
        connection.execute(insert(blob).values(digest=digest, content=content))
    return digest


def get_blob(connection: Connection, digest: str) -> bytes:
    """Bytes by digest. Raises ``KeyError`` where the ledger has none."""
    content = connection.execute(select(blob.c.content).where(blob.c.digest == digest)).scalar()
    if content is None:
        raise KeyError(digest)
    return bytes(content)


def create(
    connection: Connection,
    *,
    id: str,
    plan: str,
    effect: str,
    title: str,
    actor: str,
    stages: Sequence[tuple[str, str, str]],
) -> None:
    """A new run with its stages (id, kind, title), all pending."""
    connection.execute(
        insert(run).values(
            id=id,
            status=Status.RUNNING,
            plan=plan,
            effect=effect,
            title=title,
            actor=actor,
            started=time.time(),
        )
    )
    if stages:
        connection.execute(
            insert(stage),
            [
                {"run": id, "id": s, "position": n, "kind": kind, "title": words, "status": Status.PENDING}
                for n, (s, kind, words) in enumerate(stages)
            ],
        )


def get(connection: Connection, id: str) -> Run:
    """A run by its id or the unique beginning of it. Raises ``InputError`` where there is none."""
    rows = connection.execute(select(run).where(run.c.id.startswith(id, autoescape=True))).all()
    exact = [r for r in rows if r.id == id] or rows
    if len(exact) != 1:
        what = "there is no run" if not rows else "several runs are called"
        raise InputError([Problem(f"{what} {id!r}")], hint="`govcloud runs list` shows them")
    return _run(exact[0])


def recent(connection: Connection, limit: int = 50) -> list[Run]:
    """The newest runs, newest first."""
    return [_run(r) for r in connection.execute(select(run).order_by(run.c.started.desc()).limit(limit))]


def unfinished(connection: Connection) -> list[Run]:
    """Runs that are neither done nor cancelled, oldest first."""
    rows = connection.execute(
        select(run).where(run.c.status.not_in([str(s) for s in OVER])).order_by(run.c.started)
    )
    return [_run(r) for r in rows]


def stages(connection: Connection, id: str) -> list[StageRow]:
    """A run's stages in their order."""
    rows = connection.execute(select(stage).where(stage.c.run == id).order_by(stage.c.position))
    return [
        StageRow(
            r.run,
            r.id,
            r.position,
            r.kind,
            r.title,
            Status(r.status),
            r.attempt,
            r.started,
            r.ended,
            msgspec.json.decode(r.detail),
        )
        for r in rows
    ]


def begin_stage(connection: Connection, id: str, stage_id: str) -> None:
    """A stage starts (again)."""
    connection.execute(
        update(stage)
        .where(stage.c.run == id, stage.c.id == stage_id)
        .values(
            status=Status.RUNNING, attempt=stage.c.attempt + 1, started=time.time(), ended=None, detail="{}"
        )
    )


def end_stage(connection: Connection, id: str, stage_id: str, status: Status, detail: dict[str, Any]) -> None:
    """A stage ends with what it has to say."""
    connection.execute(
        update(stage)
        .where(stage.c.run == id, stage.c.id == stage_id)
        .values(status=status, ended=time.time(), detail=canonical.encode(detail).decode())
    )


def set_status(connection: Connection, id: str, status: Status, *, segment: int | None = None) -> None:
    """The run's status; one that is not running gets its end time."""
    values: dict[str, Any] = {"status": status}
    values["ended"] = None if status is Status.RUNNING else time.time()
    if segment is not None:
        values["segment"] = segment
    connection.execute(update(run).where(run.c.id == id).values(**values))


def give_up(connection: Connection, id: str) -> None:
    """The run is cancelled; a stage that its dead process left running was stopped."""
    connection.execute(
        update(stage)
        .where(stage.c.run == id, stage.c.status == Status.RUNNING)
        .values(status=Status.STOPPED, ended=time.time())
    )
    set_status(connection, id, Status.CANCELLED)


def reopen(connection: Connection, id: str) -> None:
    """Before a resume: stages that did not get to their end are pending again."""
    connection.execute(
        update(stage)
        .where(stage.c.run == id, stage.c.status != Status.DONE)
        .values(status=Status.PENDING, ended=None)
    )


def _run(row: Any) -> Run:
    return Run(
        row.id,
        Status(row.status),
        row.plan,
        row.effect,
        row.title,
        row.actor,
        row.segment,
        row.started,
        row.ended,
    )
