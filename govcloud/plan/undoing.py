"""Undoing a run: pins towards what the entries that it touched were before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from ..errors import InputError, Problem
from ..ledger import entries, history, runs
from ..ledger.connection import Connection
from ..ledger.entries import Key
from ..ledger.runs import Run
from . import pins
from .stages import PinChanges, Stack, decode

# Verbs after which what once stood there is gone.
LOST = ("delete", "retire", "replace")
# Entries that are named in a sentence.
MOST = 6


@dataclass(frozen=True)
class Undoing:
    """What undoes a run. ``revision``: the one before it; ``lost``: objects (``kind/name``) that it took
    away or made anew, and that come back without what was on them."""

    run: Run
    revision: int
    change: PinChanges
    lost: list[str] = field(default_factory=list)


def undoing(connection: Connection, run: str, only: Sequence[Key] = (), *, force: bool = False) -> Undoing:
    """Pins that undo a run, or what it did to ``only`` these entries. Nothing to pin where it touched none.

    ``force``: also undo what later runs did to the same entries. Raises ``InputError`` where one of
    ``only`` is none of its entries, where later runs changed the same ones, or where there is no way back.
    """
    known = runs.get(connection, run)
    rows = connection.rows("SELECT number FROM revision WHERE run = :run ORDER BY number", run=known.id)
    numbers = [number for (number,) in rows]
    if not numbers:
        return Undoing(known, 0, PinChanges())
    before, last = numbers[0] - 1, entries.last_revision(connection)
    uids = {uid for number in numbers for uid in history.touched(connection, number - 1, number)}
    then, now = history.state(connection, before, uids), history.state(connection, last, uids)
    made = history.state(connection, numbers[-1], uids)
    names = {uid: {at[uid][:2] for at in (then, made, now) if uid in at} for uid in uids}
    if only:
        _refuse_others(known, names, only)
        uids = {uid for uid in uids if names[uid] & set(only)}
    # Whatever came to pass since: what is as it was needs no undoing.
    uids = {uid for uid in uids if then.get(uid) != now.get(uid)}
    later = history.touched(connection, numbers[-1], last) & uids
    if later and not force:
        _refuse_later(connection, known, numbers[-1], {uid: names[uid] for uid in later})
    keys = [key for uid in sorted(uids) for key in sorted(names[uid])]
    change = pins.towards(connection, before, keys) if keys else PinChanges()
    return Undoing(known, before, change, _lost(connection, known, keys))


def _refuse_others(run: Run, names: dict[str, set[Key]], only: Sequence[Key]) -> None:
    touched = {key for found in names.values() for key in found}
    problems = [
        Problem(f"run {run.id} did not touch {kind}/{name}")
        for kind, name in only
        if (kind, name) not in touched
    ]
    if problems:
        raise InputError(problems, hint="`govcloud history` lists what each revision changed")


def _refuse_later(connection: Connection, run: Run, number: int, names: dict[str, set[Key]]) -> None:
    """Raises ``InputError`` that names the entries which were changed since, and by which revision."""
    problems = []
    for uid, found in sorted(names.items(), key=lambda item: min(item[1])):
        row = connection.row(
            "SELECT number, run FROM revision WHERE number IN (SELECT since FROM accepted WHERE uid = :uid "
            "UNION SELECT until FROM accepted WHERE uid = :uid) AND number > :number ORDER BY number LIMIT 1",
            uid=uid,
            number=number,
        )
        by = f"revision {row[0]} (run {row[1] or 'unknown'})" if row else "a later revision"
        problems.append(Problem(f"{'/'.join(min(found))} was changed again since, by {by}"))
    more = [Problem(f"and {len(problems) - MOST} more")] if len(problems) > MOST else []
    raise InputError(
        problems[:MOST] + more,
        hint=f"undo that run first, leave these out by naming the others (`--only`), or "
        f"`govcloud runs undo {run.id} --force` takes the later changes of the same entries back too",
    )


def _lost(connection: Connection, run: Run, keys: Sequence[Key]) -> list[str]:
    """What the run took away or made anew, as its plan says; nothing where the plan was pruned."""
    try:
        plan = decode(runs.get_blob(connection, run.plan))
    except (KeyError, msgspec.MsgspecError):
        return []
    subjects = {"/".join(key) for key in keys}
    changes = (c for stage in plan.stages if isinstance(stage, Stack) for c in stage.changes)
    return sorted({c.subject for c in changes if c.verb in LOST and c.subject in subjects})
