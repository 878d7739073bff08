"""What a run's timeline is made of: its legs (a process each) and each time that a stage was begun.

A leg that ended without saying so was interrupted: it and what it had begun are given the time of its
last sign of life, when somebody goes on with the run or gives it up.
"""

from __future__ import annotations

import socket
import time

import msgspec

from .connection import Connection

RUNNING, INTERRUPTED = "running", "interrupted"
# Words of an attempt are for a picture's title; the stage's own row has all of them.
WORDS = 400


class Leg(msgspec.Struct, frozen=True):
    """A process that carried a run; times are seconds since the epoch. ``alive``: its last sign of life."""

    run: str
    number: int
    actor: str
    host: str
    status: str
    started: float
    alive: float
    ended: float | None


class Attempt(msgspec.Struct, frozen=True):
    """One time that a stage was begun. ``status``: as of stages, or ``interrupted``."""

    run: str
    stage: str
    number: int
    leg: int
    status: str
    started: float
    ended: float | None
    words: str


def begin(connection: Connection, run: str, actor: str) -> int:
    """A process takes a run in hand; returns the leg's number. One before it that did not end is closed."""
    interrupt(connection, run)
    number = _newest(connection, run) + 1
    now = time.time()
    leg = Leg(run, number, actor, socket.gethostname(), RUNNING, now, now, None)
    connection.insert("leg", [msgspec.structs.asdict(leg)])
    return number


def alive(connection: Connection, run: str) -> None:
    """A sign of life of the run's process."""
    connection.run(
        "UPDATE leg SET alive = :now WHERE run = :run AND status = :running",
        run=run,
        running=RUNNING,
        now=time.time(),
    )


def end(connection: Connection, run: str, status: str) -> None:
    """The process has come to the end of its leg."""
    connection.run(
        "UPDATE leg SET status = :status, alive = :now, ended = :now WHERE run = :run AND status = :running",
        run=run,
        status=status,
        running=RUNNING,
        now=time.time(),
    )


def interrupt(connection: Connection, run: str) -> None:
    """A leg that is not over has nobody any more: it ended, with what it had begun, when last heard of."""
    last = connection.scalar(
        "SELECT alive FROM leg WHERE run = :run AND status = :running", run=run, running=RUNNING
    )
    for table in ("attempt", "leg"):
        connection.run(
            # It may have begun a stage after its last sign of life.
            f"UPDATE {table} SET status = :interrupted, "
            "ended = CASE WHEN started > :last THEN started ELSE :last END "
            "WHERE run = :run AND status = :running",
            run=run,
            interrupted=INTERRUPTED,
            running=RUNNING,
            last=last or 0.0,
        )


def begin_attempt(connection: Connection, run: str, stage: str) -> None:
    """A stage is begun (again). One that was left open has nobody any more."""
    now = time.time()
    connection.run(
        "UPDATE attempt SET status = :interrupted, ended = :now "
        "WHERE run = :run AND stage = :stage AND status = :running",
        run=run,
        stage=stage,
        interrupted=INTERRUPTED,
        running=RUNNING,
        now=now,
    )
    number = connection.scalar(
        "SELECT max(number) FROM attempt WHERE run = :run AND stage = :stage", run=run, stage=stage
    )
    attempt = Attempt(run, stage, (number or 0) + 1, _newest(connection, run), RUNNING, now, None, "")
    connection.insert("attempt", [msgspec.structs.asdict(attempt)])
    alive(connection, run)


def end_attempt(connection: Connection, run: str, stage: str, status: str, words: str) -> None:
    """A stage has come to its end."""
    connection.run(
        "UPDATE attempt SET status = :status, ended = :now, words = :words "
        "WHERE run = :run AND stage = :stage AND status = :running",
        run=run,
        stage=stage,
        status=status,
        running=RUNNING,
        now=time.time(),
        words=words[:WORDS],
    )


def legs(connection: Connection, run: str) -> list[Leg]:
    """A run's legs in their order; none of a run that a former release began."""
    rows = connection.rows(
        "SELECT run, number, actor, host, status, started, alive, ended FROM leg "
        "WHERE run = :run ORDER BY number",
        run=run,
    )
    return [Leg(*row) for row in rows]


def between(connection: Connection, start: float, end: float) -> list[str]:
    """Runs that somebody carried at any time between two moments (seconds since the epoch), newest first."""
    rows = connection.rows(
        "SELECT run FROM leg WHERE started <= :end AND coalesce(ended, :end) >= :start ORDER BY started DESC",
        start=start,
        end=end,
    )
    return list(dict.fromkeys(run for (run,) in rows))


def attempts(connection: Connection, run: str) -> list[Attempt]:
    """Each time that a stage of the run was begun, oldest first."""
    rows = connection.rows(
        "SELECT run, stage, number, leg, status, started, ended, words FROM attempt "
        "WHERE run = :run ORDER BY started, stage, number",
        run=run,
    )
    return [Attempt(*row) for row in rows]


def _newest(connection: Connection, run: str) -> int:
    return connection.scalar("SELECT max(number) FROM leg WHERE run = :run", run=run) or 0
