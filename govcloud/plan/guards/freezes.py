"""Freezes: times in which nothing changes, or not what belongs to some things.

They bind from the accepted revision, so that no proposal lifts the freeze that stops it; a freeze that a
plan brings binds it as well. Entries of kind ``freeze`` are never frozen themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...ledger.clearances import now
from ...ledger.connection import Connection
from ...ledger.entries import Key, among, current, key_of
from ..stages import Plan, Play, Record, SiteStack
from .belonging import above
from .blast import last_said

FREEZE = "freeze"


class Freeze(msgspec.Struct, frozen=True):
    """A freeze as accepted (or proposed). ``starts``, ``ends``: seconds since 1970; the texts as written."""

    name: str
    starts: float
    ends: float
    starts_at: str
    ends_at: str
    subjects: tuple[str, ...]
    reason: str
    allows_recovery: bool

    def state(self, time_now: float) -> str:
        """coming, in force, or over."""
        return "coming" if time_now < self.starts else "in force" if time_now < self.ends else "over"


class Frozen(msgspec.Struct, frozen=True):
    """What a plan touches that a freeze in force forbids; ``subjects``: what of it, at most all."""

    freeze: str
    until: str
    reason: str
    subjects: tuple[str, ...]


def moment(text: str) -> float:
    """Seconds since 1970 of a time as an entry says it; without an offset it is this machine's."""
    found = datetime.fromisoformat(text)
    try:
        return found.timestamp()
    except (ValueError, OverflowError):
        # At the ends of the calendar this machine's offset is out of reach, and matters to nobody.
        return found.replace(tzinfo=UTC).timestamp()


def freeze_of(name: str, fields: dict[str, Any]) -> Freeze:
    """A freeze as its entry says it."""
    starts, ends = fields["starts_at"], fields["ends_at"]
    return Freeze(
        name,
        # One that says no time has always begun, and never ends.
        moment(starts) if starts else 0.0,
        moment(ends) if ends else float("inf"),
        starts,
        ends,
        tuple(fields.get("subjects", ())),
        fields.get("reason", ""),
        fields.get("allows_recovery", True),
    )


def freezes(connection: Connection) -> list[Freeze]:
    """Every accepted freeze, by its beginning."""
    found = [freeze_of(name, entry.fields) for (_, name), entry in current(connection, kind=FREEZE).items()]
    return sorted(found, key=lambda one: (one.starts, one.name))


def in_force(connection: Connection) -> list[Freeze]:
    """The accepted freezes that hold now, by the later of the clock and the audit trail."""
    found = freezes(connection)
    if not found:
        return []
    time_now = now(connection)
    return [one for one in found if one.state(time_now) == "in force"]


def standing_against(connection: Connection, plan: Plan, done: Collection[str] = ()) -> list[Frozen]:
    """The freezes in force that forbid what is left of a plan. ``done``: its stages that are over.

    It is what a run asks before each stage, and what a ``tick`` is to ask before it starts anything.
    """
    holding = in_force(connection)
    if not done:
        holding += _brought(connection, plan)
    if not holding:
        return []
    touched = _touched(plan, done)
    if not touched:
        return []
    needed = {key_of(subject) for one in holding for subject in one.subjects}
    parts = above(connection, _starts(connection, plan, touched)) if needed else {}
    unplaced = _unplaced(plan, done)
    out = []
    for one in dict.fromkeys(holding):
        subjects = {key_of(subject) for subject in one.subjects}
        hit = sorted(
            "/".join(key)
            for key in touched
            if not subjects or key in unplaced or subjects & ({key} | parts.get(key, set()))
        )
        if hit:
            out.append(Frozen(one.name, one.ends_at, one.reason, tuple(hit)))
    return out


def _brought(connection: Connection, plan: Plan) -> list[Freeze]:
    """Freezes in the plan's own Records that will hold at once: it would stop itself half-way."""
    news = [
        freeze_of(change.name, change.fields)
        for stage in plan.stages
        if isinstance(stage, Record)
        for change in stage.changes
        if change.kind == FREEZE and change.verb != "delete"
    ]
    if not news:
        return []
    time_now = now(connection)
    return [one for one in news if one.state(time_now) == "in force"]


def _touched(plan: Plan, done: Collection[str]) -> dict[Key, str]:
    """What the stages that are left do something to, with its uid where it is known."""
    out: dict[Key, str] = {}
    for stage in plan.stages:
        if stage.id in done:
            continue
        if isinstance(stage, Record):
            for change in stage.changes:
                if change.kind != FREEZE:
                    out[change.kind, change.name] = change.uid
                    if change.was:
                        out[change.kind, change.was] = change.uid
        elif isinstance(stage, Play):
            for host in {*stage.inputs, *stage.restore}:
                if host in plan.hosts:
                    out.setdefault(key_of(plan.hosts[host]["entry"]), "")
        else:
            # Whatever is done to objects: built, taken down, handed from stack to stack.
            for one in getattr(stage, "changes", ()):
                out.setdefault(key_of(one.subject), one.uid)
            if isinstance(stage, SiteStack) and stage.changes:
                # Which of its resources is of which entry only its program knows.
                for subject in stage.entries:
                    out.setdefault(key_of(subject), "")
    return out


def _unplaced(plan: Plan, done: Collection[str]) -> set[Key]:
    """What goes of the site's own stacks: of which entries it was made nobody wrote down, so that it may
    be part of anything."""
    return {
        key_of(change.subject)
        for stage in plan.stages
        if isinstance(stage, SiteStack) and stage.id not in done
        for change in stage.changes
        if change.verb == "delete"
    }


def _starts(
    connection: Connection, plan: Plan, touched: dict[Key, str]
) -> dict[Key, Iterable[dict[str, Any]]]:
    """The touched entries with the fields that they will have, or had last; others that change as well."""
    out: dict[Key, list[dict[str, Any]]] = {key: [] for key in touched}
    for stage in plan.stages:
        if isinstance(stage, Record):
            for change in stage.changes:
                if change.verb != "delete":
                    out.setdefault((change.kind, change.name), []).append(change.fields)
    known = among(connection, touched)
    gone = {uid: key for key, uid in touched.items() if uid and key not in known}
    for uid, fields in last_said(connection, gone).items():
        out[gone[uid]].append(fields)
    return {key: versions for key, versions in out.items() if key in touched or versions}
