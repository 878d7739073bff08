"""Taking out of the ledger what nobody needs any more: old figures, sights, logs, runs and plans.

What is history stays whatever the policy says: the audit trail, claims, what was accepted, revisions.
So does all that a run needs which is not over, or that an open intent came from; the newest figure of
each probe, and its newest good one. Each class is one transaction, so an interrupted pruning has taken
some classes away whole, and others not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ..errors import GovcloudError
from . import leases, refused, requests
from .connection import Connection
from .retention import Policy
from .runs import OVER
from .store import Ledger

Fence = tuple[str, int]


class Tally(msgspec.Struct, frozen=True):
    """What goes of one class: rows or files, and their bytes. ``note``: why something stays all the same."""

    name: str
    limit: str
    rows: int = 0
    files: int = 0
    bytes: int = 0
    note: str = ""

    def __bool__(self) -> bool:
        return bool(self.rows or self.files)


_OVER = ", ".join(f"'{status}'" for status in sorted(OVER))
# Runs of which all must stay: they may be resumed, or somebody has to sweep what they set out to make.
_NEEDED = f"SELECT id FROM run WHERE status NOT IN ({_OVER}) UNION SELECT run FROM intent"
_ENDED = f"coalesce(ended, started) < :{{}} AND id NOT IN ({_NEEDED})"
_NEWEST = "SELECT id FROM run ORDER BY started DESC, id DESC LIMIT :keep_runs"
_OLD_FILES = f"at < :files_days AND run NOT IN ({_NEEDED})"
_OLD_RUNS = f"SELECT id FROM run WHERE {_ENDED.format('runs_days')} AND id NOT IN ({_NEWEST})"

_OLD_NOTICES = "at < :logs_days AND id NOT IN (SELECT notice FROM delivery WHERE status = 'waiting')"


def _last_of_each(condition: str = "") -> str:
    """Ids of the newest figure of every probe, of all or of those that fulfil a condition."""
    place = "row_number() OVER (PARTITION BY subject, name ORDER BY at DESC, id DESC)"
    return f"SELECT id FROM (SELECT id, {place} AS place FROM evidence{condition}) AS f WHERE place = 1"


@dataclass(frozen=True)
class _Rows:
    """A class of rows: those of ``table`` that fulfil ``condition``, whose words are ``limit`` and others.

    ``texts``: columns whose bytes count. ``change``: what is done to them, where they do not go whole.
    ``parts``: rows of another table that go with them (table, condition, texts).
    """

    name: str
    limit: str
    table: str
    condition: str
    texts: tuple[str, ...]
    change: str = ""
    parts: tuple[tuple[str, str, tuple[str, ...]], ...] = ()


_CLASSES = (
    _Rows(
        "evidence",
        "evidence_days",
        "evidence",
        f"at < :evidence_days AND run NOT IN ({_NEEDED}) AND id NOT IN ({_last_of_each()}) "
        f"AND id NOT IN ({_last_of_each(' WHERE ok')})",
        ("run", "stage", "subject", "name", "unit", "detail"),
    ),
    # What was seen amiss is the reason of a plan, until an engine has mended it.
    _Rows(
        "observations",
        "observations_days",
        "observed",
        "at < :observations_days AND status IN ('present', 'unmanaged') "
        "AND object NOT IN (SELECT object FROM intent)",
        ("object", "uid", "target", "status", "detail"),
    ),
    _Rows(
        "facts",
        "observations_days",
        "host_fact",
        "at < :observations_days AND uid NOT IN (SELECT uid FROM entry WHERE until IS NULL)",
        ("uid", "host", "run", "facts"),
    ),
    # Their bytes go with what no run needs.
    _Rows(
        "files",
        "files_days",
        "kept_file",
        _OLD_FILES,
        ("run", "host", "path", "uid", "digest", "left_out"),
    ),
    _Rows(
        "runs",
        "runs_days",
        "run",
        f"id IN ({_OLD_RUNS})",
        ("id", "title", "actor", "plan", "effect", "status"),
        parts=(
            ("stage", f"run IN ({_OLD_RUNS})", ("run", "id", "title", "detail")),
            ("attempt", f"run IN ({_OLD_RUNS})", ("run", "stage", "words")),
            ("leg", f"run IN ({_OLD_RUNS})", ("run", "actor", "host")),
        ),
    ),
    # What somebody still has to be told stays, however old it is.
    _Rows(
        "notices",
        "logs_days",
        "notice",
        _OLD_NOTICES,
        ("id", "event", "run", "body"),
        parts=(("delivery", f"notice IN (SELECT id FROM notice WHERE {_OLD_NOTICES})", ("notice", "words")),),
    ),
    _Rows(
        "logs",
        "logs_days",
        "stage",
        f"detail <> '{{}}' AND run IN (SELECT id FROM run WHERE {_ENDED.format('logs_days')}) "
        f"AND run NOT IN ({_OLD_RUNS})",
        ("detail",),
        change="detail = '{}'",
    ),
)


def survey(connection: Connection, policy: Policy, *, now: float, octets: str) -> list[Tally]:
    """What pruning would take away, by class. ``now``: seconds since the epoch; ``octets``: ``octets_of``."""
    found = [_count(connection, one, policy, now, octets) for one in _CLASSES]
    return [*found, _blobs(connection, policy, now)[0]]


def prune(
    ledger: Ledger,
    policy: Policy,
    fence: Fence,
    *,
    now: float,
    octets: str,
    told: Callable[[Tally], None] = lambda _: None,
) -> list[Tally]:
    """Take it away; ``told`` hears of each class when it is gone.

    Raises ``ConflictError`` where somebody took the lease over: what is gone by then is gone whole.
    """
    out = []
    steps = [*(_step(one, policy, now, octets) for one in _CLASSES), _blob_step(policy, now)]
    for step in steps:
        with ledger.write(fence) as connection:
            tally = step(connection)
            # The write lock has kept others from taking the lease for as long as this took.
            leases.renew(connection, *fence)
        out.append(tally)
        told(tally)
    return out


def octets_of(url: str) -> str:
    """The size in bytes of a text, in the words of a ledger's database; ``{}`` stands for the column."""
    return "length(CAST({} AS BLOB))" if url.startswith("sqlite") else "octet_length({})"


def _step(one: _Rows, policy: Policy, now: float, octets: str) -> Callable[[Connection], Tally]:
    def step(connection: Connection) -> Tally:
        tally = _count(connection, one, policy, now, octets)
        if tally:
            values = _values(policy, now)
            for table, condition, _ in one.parts:
                _run(connection, f"DELETE FROM {table} WHERE {condition}", values)
            change = f"UPDATE {one.table} SET {one.change}" if one.change else f"DELETE FROM {one.table}"
            _run(connection, f"{change} WHERE {one.condition}", values)
        return tally

    return step


def _values(policy: Policy, now: float) -> dict[str, Any]:
    """What the statements name: a time for each limit of days, the number of runs."""
    days = {name: policy.before(name, now) for name in policy.values if name.endswith("_days")}
    return days | {"keep_runs": int(policy.values["keep_runs"])}


def _run(connection: Connection, statement: str, values: dict[str, Any]) -> None:
    connection.run(statement, **_named(statement, values))


def _named(statement: str, values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if f":{name}" in statement}


def _count(connection: Connection, one: _Rows, policy: Policy, now: float, octets: str) -> Tally:
    values = _values(policy, now)
    rows = size = 0
    for table, condition, texts in ((one.table, one.condition, one.texts), *one.parts):
        bytes_of = " + ".join(f"coalesce({octets.format(text)}, 0)" for text in texts)
        statement = f"SELECT count(*), coalesce(sum({bytes_of}), 0) FROM {table} WHERE {condition}"
        row = connection.row(statement, **_named(statement, values))
        count, octet = row or (0, 0)
        rows, size = rows + int(count), size + int(octet)
    return Tally(one.name, one.limit, rows=rows, bytes=size)


# -- content by digest --------------------------------------------------------------------------------


class _File(msgspec.Struct):
    digest: str = ""


class _Stage(msgspec.Struct):
    program: str = ""
    playbook: str = ""
    restore: dict[str, list[_File]] = {}


class _Plan(msgspec.Struct):
    stages: list[_Stage]


def _blob_step(policy: Policy, now: float) -> Callable[[Connection], Tally]:
    def step(connection: Connection) -> Tally:
        tally, digests = _blobs(connection, policy, now)
        gone = [{"digest": digest} for digest in digests]
        connection.run_many("DELETE FROM blob WHERE digest = :digest", gone)
        return tally

    return step


def _blobs(connection: Connection, policy: Policy, now: float) -> tuple[Tally, list[str]]:
    """Content that nobody needs: no plan of a run that is kept or that waits for a signature, no program or
    playbook of such a plan, no form and no plan of a request, and no file of a host.
    """
    statement = f"SELECT DISTINCT digest FROM kept_file WHERE NOT ({_OLD_FILES})"
    needed = {digest for (digest,) in connection.rows(statement, **_named(statement, _values(policy, now)))}
    needed |= set(refused.plans(connection, since=policy.before("plans_days", now), signed=True))
    needed |= set(requests.papers(connection))
    for run, digest in _plans_kept(connection, policy, now):
        if digest in needed:
            continue
        needed.add(digest)
        content = connection.scalar("SELECT content FROM blob WHERE digest = :digest", digest=digest)
        if content is None:
            continue
        try:
            stages = msgspec.json.decode(bytes(content), type=_Plan).stages
        except msgspec.MsgspecError:
            # Nobody can tell what it names, so nothing that it may name goes.
            return Tally(
                "plans", "plans_days", note=f"the plan of run {run} cannot be read: all are kept"
            ), []
        needed |= {name for stage in stages for name in (stage.program, stage.playbook) if name}
        needed |= {file.digest for stage in stages for files in stage.restore.values() for file in files}
    gone, size = [], 0
    for digest, length in connection.rows("SELECT digest, length(content) FROM blob ORDER BY digest"):
        if digest not in needed:
            gone.append(digest)
            size += int(length)
    return Tally("plans", "plans_days", rows=len(gone), bytes=size), gone


def _plans_kept(connection: Connection, policy: Policy, now: float) -> Iterator[tuple[str, str]]:
    """(run, digest of its plan) of every run whose plan is kept."""
    statement = (
        f"SELECT id, plan FROM run WHERE id NOT IN ({_OLD_RUNS}) "
        f"AND NOT (id IN (SELECT id FROM run WHERE {_ENDED.format('plans_days')}))"
    )
    yield from connection.rows(statement, **_named(statement, _values(policy, now)))


# -- room in the file ---------------------------------------------------------------------------------


class Compacted(msgspec.Struct, frozen=True):
    """What became of a database's file: its bytes before and after; ``note``: why it is as it was."""

    before: int = 0
    after: int = 0
    note: str = ""


# Making a file anew copies all of it; less than this share of free pages is not worth it, for they are
# used again.
WORTH = 0.1


def compact(path: Path) -> Compacted:
    """Give the free pages of a SQLite file back, where nobody else is at work in it.

    Never raises for want of a lock or of room: the file is then as it was, and ``note`` says so.
    """
    import sqlite3

    from .sqlite import told

    before = path.stat().st_size
    connection = sqlite3.connect(path, timeout=1, isolation_level=None)
    try:
        pages, free = (
            connection.execute(f"PRAGMA {n}").fetchone()[0] for n in ("page_count", "freelist_count")
        )
        if free < pages * WORTH:
            return Compacted(before, before)
        connection.execute("VACUUM")
        # What was written anew stands in the log beside the file until nobody reads the old one.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError as error:
        known: GovcloudError = told(error)
        return Compacted(before, before, f"the file keeps its size: {known.message}")
    finally:
        connection.close()
    return Compacted(before, path.stat().st_size)
