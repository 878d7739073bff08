"""Runs and their stages: the rows here are the truth of what was done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

from .. import canonical
from ..errors import InputError, Problem
from . import legs
from .connection import Connection, Row


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


RUN = "SELECT id, status, plan, effect, title, actor, segment, started, ended FROM run"


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
    if connection.row("SELECT digest FROM blob WHERE digest = :digest", digest=digest) is None:
        connection.insert("blob", [{"digest": digest, "content": content}])
    return digest


def get_blob(connection: Connection, digest: str) -> bytes:
    """Bytes by digest. Raises ``KeyError`` where the ledger has none."""
    content = connection.scalar("SELECT content FROM blob WHERE digest = :digest", digest=digest)
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
    connection.insert(
        "run",
        [
            {
                "id": id,
                "status": Status.RUNNING,
                "plan": plan,
                "effect": effect,
                "title": title,
                "actor": actor,
                "started": time.time(),
            }
        ],
    )
    connection.insert(
        "stage",
        [
            {"run": id, "id": s, "position": n, "kind": kind, "title": words, "status": Status.PENDING}
            for n, (s, kind, words) in enumerate(stages)
        ],
    )


def get(connection: Connection, id: str) -> Run:
    """A run by its id or the unique beginning of it. Raises ``InputError`` where there is none."""
    rows = connection.rows(f"{RUN} WHERE substr(id, 1, :length) = :id", id=id, length=len(id))
    exact = [r for r in rows if r[0] == id] or rows
    if len(exact) != 1:
        what = "there is no run" if not rows else "several runs are called"
        raise InputError([Problem(f"{what} {id!r}")], hint="`govcloud runs list` shows them")
    return _run(exact[0])


def recent(connection: Connection, limit: int = 50) -> list[Run]:
    """The newest runs, newest first."""
    return [_run(r) for r in connection.rows(f"{RUN} ORDER BY started DESC LIMIT :limit", limit=limit)]


def unfinished(connection: Connection) -> list[Run]:
    """Runs that are neither done nor cancelled, oldest first."""
    return [r for r in map(_run, connection.rows(f"{RUN} ORDER BY started")) if r.status not in OVER]


def stages(connection: Connection, id: str) -> list[StageRow]:
    """A run's stages in their order."""
    decode = msgspec.json.decode
    rows = connection.rows(
        "SELECT run, id, position, kind, title, status, attempt, started, ended, detail "
        "FROM stage WHERE run = :id ORDER BY position",
        id=id,
    )
    return [
        StageRow(run, stage_id, n, kind, title, Status(status), attempt, started, ended, decode(detail))
        for run, stage_id, n, kind, title, status, attempt, started, ended, detail in rows
    ]


def begin_stage(connection: Connection, id: str, stage_id: str) -> None:
    """A stage starts (again)."""
    connection.run(
        "UPDATE stage SET status = :status, attempt = attempt + 1, started = :now, ended = NULL, "
        "detail = '{}' WHERE run = :run AND id = :id",
        run=id,
        id=stage_id,
        status=Status.RUNNING,
        now=time.time(),
    )
    legs.begin_attempt(connection, id, stage_id)


def end_stage(connection: Connection, id: str, stage_id: str, status: Status, detail: dict[str, Any]) -> None:
    """A stage ends with what it has to say."""
    connection.run(
        "UPDATE stage SET status = :status, ended = :now, detail = :detail WHERE run = :run AND id = :id",
        run=id,
        id=stage_id,
        status=status,
        now=time.time(),
        detail=canonical.encode(detail).decode(),
    )
    legs.end_attempt(connection, id, stage_id, status, str(detail.get("error") or detail.get("words") or ""))


def set_status(connection: Connection, id: str, status: Status, *, segment: int | None = None) -> None:
    """The run's status; one that is not running gets its end time."""
    ended = None if status is Status.RUNNING else time.time()
    connection.run(
        "UPDATE run SET status = :status, ended = :ended WHERE id = :id", id=id, status=status, ended=ended
    )
    if ended is not None:
        legs.end(connection, id, status)
    if segment is not None:
        connection.run("UPDATE run SET segment = :segment WHERE id = :id", id=id, segment=segment)


def give_up(connection: Connection, id: str) -> None:
    """The run is cancelled; a stage that its dead process left running was stopped."""
    connection.run(
        "UPDATE stage SET status = :stopped, ended = :now WHERE run = :run AND status = :running",
        run=id,
        running=Status.RUNNING,
        stopped=Status.STOPPED,
        now=time.time(),
    )
    legs.interrupt(connection, id)
    set_status(connection, id, Status.CANCELLED)


def reopen(connection: Connection, id: str) -> None:
    """Before a resume: stages that did not get to their end are pending again."""
    connection.run(
        "UPDATE stage SET status = :pending, ended = NULL WHERE run = :run AND status <> :done",
        run=id,
        pending=Status.PENDING,
        done=Status.DONE,
    )


def _run(row: Row) -> Run:
    id, status, *rest = row
    return Run(id, Status(status), *rest)
