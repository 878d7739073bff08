"""What people are told, event by event: built from the ledger's rows, in the transaction that it tells of.

A body has a title, sentences, the names of entries and objects concerned, and what to type next. Names
stand apart, and sentences are checked, because not every channel may hear everything (``veil``).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from ..channels import EventName
from ..ledger import legs, outbox, runs
from ..ledger.clearances import Emergency
from ..ledger.connection import Connection
from ..ledger.outbox import Notice, id_of
from ..ledger.runs import Run, StageRow, Status
from ..ledger.store import keep_setting
from ..secrets.redaction import clean
from ..workspace import Workspace

# Names and sentences of one notice; what is more is counted, and stands in the ledger.
MOST_NAMES, MOST_LINES, LONGEST_LINE = 20, 20, 400
# Which findings were told last, so that the same are told once.
DRIFT_TOLD = "drift_told"

OF_STATUS: dict[Status, EventName] = {
    Status.DONE: "done",
    Status.FAILED: "failed",
    Status.STOPPED: "stopped",
}


def post(
    connection: Connection,
    workspace: Workspace,
    event: EventName,
    key: Sequence[object],
    *,
    title: str,
    words: Iterable[str] = (),
    subjects: Iterable[str] = (),
    next: str = "",
    run: str | None = None,
) -> bool:
    """Tell those channels that want the event, in the caller's transaction; nothing where nobody does.

    ``key``: what makes it this one and no other; the same is told once. ``subjects``: ``kind/name`` of what
    it is about. ``next``: what to type. Returns whether it was new.
    """
    channels = [channel.name for channel in workspace.settings.notify if event in channel.events]
    if not channels:
        return False
    id = id_of(event, workspace.environment, *key)
    return outbox.post(
        connection, Notice(id, event, run, _body(title, words, subjects, next), time.time()), channels
    )


def test(connection: Connection, channel: str, actor: str) -> Notice:
    """A notice for one channel that says that it works; each is another."""
    now = time.time()
    body = _body(f"a test of the channel {channel}", [f"sent by {actor}; nothing has happened"], (), "")
    notice = Notice(id_of("test", channel, now), "test", None, body, now)
    outbox.post(connection, notice, [channel])
    return notice


def _body(title: str, words: Iterable[str], subjects: Iterable[str], next: str) -> dict[str, Any]:
    lines = [part for text in words for part in clean(text).splitlines() if part.strip()]
    names = sorted(set(subjects))
    if len(lines) > MOST_LINES:
        lines = [*lines[:MOST_LINES], f"and {len(lines) - MOST_LINES} more lines"]
    body = {
        "title": title,
        "words": lines,
        "subjects": names[:MOST_NAMES],
        "more": max(0, len(names) - MOST_NAMES),
        "next": next,
    }
    return cleaned(body)


def cleaned(body: dict[str, Any]) -> dict[str, Any]:
    """The body without any secret that this process knows: what engines say gets into title and words."""
    return {name: clean(value) if name in ("title", "words") else value for name, value in body.items()}


def cut(body: dict[str, Any]) -> dict[str, Any]:
    """A body with its lines as long as they are told.

    The ledger has them whole: half a name or half a secret would be found by nobody who looks for it, so
    this comes after everything else.
    """
    return body | {"words": [line[:LONGEST_LINE] for line in body["words"]]}


def run_ended(connection: Connection, workspace: Workspace, run_id: str, status: Status, next: str) -> None:
    """A run has come to an end, good or not: told with the stages that failed, and the way on.

    ``next``: what to type, as the run itself says it; empty where nothing is left.
    """
    if not workspace.settings.notify or status not in OF_STATUS:
        return
    run = runs.get(connection, run_id)
    rows = runs.stages(connection, run_id)
    bad = [row for row in rows if row.status in (Status.FAILED, Status.STOPPED)]
    count = sum(1 for row in rows if row.status is Status.DONE)
    at = f" at {', '.join(row.id for row in bad)}" if bad else ""
    leg = max((one.number for one in legs.legs(connection, run_id)), default=0)
    post(
        connection,
        workspace,
        OF_STATUS[status],
        [run_id, leg],
        title=f"run {run_id} {'is done' if status is Status.DONE else status}{at}",
        words=[f"{run.title}: {count} of {len(rows)} stages done", *_words(bad)],
        subjects=[name for row in bad for name in _names(row)],
        next=next,
        run=run_id,
    )


def interrupted(connection: Connection, workspace: Workspace, run: Run) -> bool:
    """A run whose process is gone; told by whoever comes next. False where it was told."""
    known = legs.legs(connection, run.id)
    last = known[-1] if known else None
    since = f", last heard of {_when(last.alive)} on {last.host}" if last else ""
    return post(
        connection,
        workspace,
        "interrupted",
        [run.id, last.number if last else 0],
        title=f"run {run.id} was interrupted",
        words=[f"{run.title}: its process is gone{since}"],
        next=f"govcloud runs resume {run.id}",
        run=run.id,
    )


def drift(connection: Connection, workspace: Workspace, findings: Iterable[tuple[str, str, str]]) -> bool:
    """What is not as it should be: (status, subject, words) each. The same findings are told once.

    Without any, those that come next are new again.
    """
    if not workspace.settings.notify:
        return False
    found = sorted(findings)
    known = connection.scalar("SELECT value FROM setting WHERE key = :key", key=DRIFT_TOLD) or ""
    now = id_of("drift", found) if found else ""
    if now == known:
        return False
    keep_setting(connection, DRIFT_TOLD, now)
    if not found:
        return False
    counts = {status: sum(1 for s, _, _ in found if s == status) for status, _, _ in found}
    return post(
        connection,
        workspace,
        "drift",
        [found, time.time()],
        title="drift: " + ", ".join(f"{number} {status}" for status, number in sorted(counts.items())),
        words=[f"{status} {subject}{': ' if words else ''}{words}" for status, subject, words in found],
        subjects=[subject for _, subject, _ in found],
        next="govcloud drift",
    )


def gate(
    connection: Connection,
    workspace: Workspace,
    key: Sequence[object],
    *,
    title: str,
    words: Iterable[str] = (),
    subjects: Iterable[str] = (),
    next: str,
    run: str | None = None,
) -> bool:
    """Something waits for people's decision: a Gate of a run, or a plan that wants another signature.

    ``key``: the run and the gate, or the plan's effect.
    """
    return post(
        connection, workspace, "gate", key, title=title, words=words, subjects=subjects, next=next, run=run
    )


def overdue(connection: Connection, workspace: Workspace, emergency: Emergency) -> bool:
    """An emergency that nobody has approved in its time. False where it was told."""
    return post(
        connection,
        workspace,
        "emergency",
        [emergency.run],
        title=f"run {emergency.run} was an emergency, and is not approved",
        words=[
            f"{emergency.account}: {emergency.reason}",
            f"it should have been approved by {_when(emergency.due)}",
        ],
        next=f"govcloud approve {emergency.run}",
        run=emergency.run,
    )


def _words(rows: Iterable[StageRow]) -> Iterable[str]:
    for row in rows:
        error = str(row.detail.get("error") or "")
        if error:
            yield f"{row.id}: {error}"
        left = row.detail.get("not_done") or ()
        if left:
            yield f"{row.id}: {len(left)} not done"


def _names(row: StageRow) -> list[str]:
    """What a stage did not get done, where it is told as ``kind/name``."""
    return [str(name) for name in row.detail.get("not_done") or () if "/" in str(name)]


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
