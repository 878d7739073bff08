"""Revisions: the list of them with what each did, and how people name one.

A revision is named by its number, ``HEAD``, ``HEAD~2``, a time (``@2026-11-22T10:00``,
``@{2 hours ago}``), the id of the run that made it, or the beginning of its commit.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any

import msgspec

from ..errors import InputError, Problem
from .connection import Connection, matching

FORMS = (
    "a revision is a number, HEAD, HEAD~2, @2026-11-22, @2026-11-22T10:00, @{2 hours ago}, "
    "a run's id or the beginning of a commit; `govcloud history` lists them"
)
# Fewer characters than these are no beginning of a commit or of a run's id.
SHORTEST = 4

_NUMBER = re.compile(r"[0-9]{1,15}")
_HEAD = re.compile(r"(?:HEAD|@)(?:~([0-9]{0,15}))?")
_AGO = re.compile(r"([0-9]{1,9}) *(second|minute|hour|day|week)s? +ago")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_COLUMNS = "number, at, actor, run, git_commit, message, workspace"


class Revision(msgspec.Struct, frozen=True):
    """A revision as the ledger has it. ``at``: seconds since the epoch."""

    number: int
    at: float
    actor: str
    run: str | None
    git_commit: str | None
    message: str
    workspace: str


class Counted(msgspec.Struct, frozen=True):
    """A revision, and how many entries it created, changed (or renamed) and withdrew."""

    revision: Revision
    created: int
    changed: int
    withdrawn: int


# The state before the first revision: the ledger was empty.
EMPTY = Revision(0, 0.0, "", None, None, "", "")


def of(connection: Connection, numbers: set[int]) -> dict[int, Revision]:
    """Revisions by number; 0 is the empty ledger before the first."""
    from .among import rows_among

    found = rows_among(connection, f"SELECT {_COLUMNS} FROM revision WHERE number IN :among", sorted(numbers))
    known = {row[0]: Revision(*row) for row in found}
    return known | {0: EMPTY} if 0 in numbers else known


def listed(
    connection: Connection, *, limit: int | None = None, since: int = 0, actor: str | None = None
) -> list[Counted]:
    """Revisions after ``since``, newest first, at most ``limit``; of everybody or of one actor."""
    where, values = matching("number > :since", actor=actor)
    cut = "" if limit is None else f" LIMIT {int(limit)}"
    rows = connection.rows(
        f"SELECT {_COLUMNS} FROM revision{where} ORDER BY number DESC{cut}", since=since, **values
    )
    if not rows:
        return []
    begun, ended, went_on, same = _counts(connection, rows[-1][0], rows[0][0])
    return [
        Counted(
            Revision(*row),
            begun.get(n, 0) - went_on.get(n, 0),
            went_on.get(n, 0) - same.get(n, 0),
            ended.get(n, 0) - went_on.get(n, 0),
        )
        for row in rows
        for n in (row[0],)
    ]


def _counts(connection: Connection, low: int, high: int) -> tuple[dict[int, int], ...]:
    """By revision: rows that begin, that end, that go on from another, and of these the equal ones.

    A row that begins and ends in one revision was never valid and counts for nothing.
    """
    begun = connection.rows(
        "SELECT since, count(*) FROM accepted WHERE since BETWEEN :low AND :high "
        "AND coalesce(until, since + 1) > since GROUP BY since",
        low=low,
        high=high,
    )
    ended = connection.rows(
        "SELECT until, count(*) FROM accepted WHERE until BETWEEN :low AND :high AND until > since "
        "GROUP BY until",
        low=low,
        high=high,
    )
    # CROSS JOIN and the sign tell SQLite where to begin, and to go on by the uid: a revision may begin
    # every row there is.
    pairs = connection.rows(
        "SELECT old.until, count(*), sum(CASE WHEN old.digest = new.digest THEN 1 ELSE 0 END) "
        "FROM accepted AS old CROSS JOIN accepted AS new "
        "WHERE old.until BETWEEN :low AND :high AND old.until > old.since AND new.uid = old.uid "
        "AND +new.since = old.until AND coalesce(new.until, new.since + 1) > new.since GROUP BY old.until",
        low=low,
        high=high,
    )
    went_on = {number: count for number, count, _ in pairs}
    same = {number: equal for number, _, equal in pairs}
    return dict(begun), dict(ended), went_on, same


def actors(connection: Connection) -> list[str]:
    """Everybody who made a revision."""
    return [actor for (actor,) in connection.rows("SELECT DISTINCT actor FROM revision ORDER BY actor")]


def when(at: float) -> str:
    """A time as people read it, in the time zone of this machine."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def resolve(connection: Connection, text: str) -> int:
    """The number of the revision that ``text`` names; 0 is the empty ledger before the first.

    A time means the state at that moment: the newest revision not later. A date is its first moment,
    and what names no zone is in the time zone of this machine. A run or a commit means its newest
    revision. Raises ``InputError`` where nothing or more than one thing is called so.
    """
    text = text.strip()
    newest = connection.row(f"SELECT {_COLUMNS} FROM revision ORDER BY number DESC LIMIT 1")
    head = Revision(*newest) if newest else EMPTY
    if found := _HEAD.fullmatch(text):
        back = 0 if found[1] is None else int(found[1] or 1)
        if back > head.number:
            raise _unknown(text, head)
        return head.number - back
    if text.startswith("@"):
        return _at(connection, text, head)
    if _NUMBER.fullmatch(text) and int(text) <= head.number:
        return int(text)
    return _by_beginning(connection, text, head)


def _at(connection: Connection, text: str, head: Revision) -> int:
    inner = text[1:]
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1].strip()
    now = time.time()
    try:
        if found := _AGO.fullmatch(inner):
            moment = now - int(found[1]) * _SECONDS[found[2]]
        else:
            moment = datetime.fromisoformat(inner).timestamp()
    except (ValueError, OverflowError, OSError):
        raise InputError([Problem(f"{text!r} is no time")], hint=FORMS) from None
    # The newest revision may have been made by a machine whose clock is ahead of this one's.
    if moment > max(now, head.at):
        raise InputError(
            [Problem(f"{text!r} has not come yet: here it is {when(now)}")],
            hint="HEAD is the newest revision",
        )
    number: int | None = connection.scalar("SELECT max(number) FROM revision WHERE at <= :at", at=moment)
    return number or 0


def _by_beginning(connection: Connection, text: str, head: Revision) -> int:
    if len(text) < SHORTEST:
        raise _unknown(text, head)
    values: dict[str, Any] = {"text": text.lower(), "length": len(text)}
    begins = "substr({0}, 1, CAST(:length AS INTEGER)) = :text"
    rows = connection.rows(
        " UNION ALL ".join(
            f"SELECT {column}, max(number) FROM revision WHERE {begins.format(column)} GROUP BY {column}"
            for column in ("run", "git_commit")
        ),
        **values,
    )
    exact = [row for row in rows if row[0] == text.lower()] or rows
    if len({number for _, number in exact}) == 1:
        return int(exact[0][1])
    if exact:
        names = ", ".join(sorted(name[:20] for name, _ in exact)[:4])
        raise InputError(
            [Problem(f"{text!r} begins several runs or commits: {names}")], hint="say more of it"
        )
    run = connection.row(f"SELECT id, started FROM run WHERE {begins.format('id')}", **values)
    if run is not None:
        before = connection.scalar("SELECT max(number) FROM revision WHERE at <= :at", at=run[1]) or 0
        raise InputError(
            [Problem(f"run {run[0]} accepted nothing, so it has no revision")],
            hint=f"revision {before} stood when it began",
        )
    raise _unknown(text, head)


def _unknown(text: str, head: Revision) -> InputError:
    """The error that says what is newest."""
    newest = (
        f"the newest is {head.number}, of {when(head.at)}"
        if head.number
        else "the ledger has none yet: `govcloud apply` makes the first"
    )
    return InputError([Problem(f"there is no revision {text!r}; {newest}")], hint=FORMS)
